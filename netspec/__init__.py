"""netspec: describe a spiking network once, run it on every simulator, and compare.

>>> import netspec
>>> network = netspec.circuits.microcircuit(scale=0.1)
>>> run = netspec.run(network, backend="nest", seed=1)  # doctest: +SKIP
>>> run.rates(), run.spikes("L4E")  # doctest: +SKIP
"""

from __future__ import annotations

__version__ = "0.1.0"

from netspec import circuits, connectivity, distributions
from netspec.errors import NetspecError, NetspecWarning
from netspec.network import (
    ContinuousProjection,
    CurrentInput,
    Network,
    PoissonInput,
    Population,
    Projection,
    Recorder,
    SpikeInput,
    StepCurrent,
)
from netspec.neurons import NeuronModel, Parameter
from netspec.results import Run, SpikeData, open_run
from netspec.running import run
from netspec.serialization import json_schema, load, load_with_simulation, spec_hash
from netspec.simulation import Simulation

__all__ = [
    "ContinuousProjection",
    "CurrentInput",
    "NetspecError",
    "NetspecWarning",
    "Network",
    "NeuronModel",
    "Parameter",
    "PoissonInput",
    "Population",
    "Projection",
    "Recorder",
    "Run",
    "Simulation",
    "SpikeData",
    "SpikeInput",
    "StepCurrent",
    "__version__",
    "circuits",
    "connectivity",
    "distributions",
    "json_schema",
    "load",
    "load_with_simulation",
    "open_run",
    "run",
    "spec_hash",
]
