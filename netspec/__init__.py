"""netspec: describe a spiking network once, run it on every simulator, and compare.

>>> import netspec
>>> network = netspec.circuits.microcircuit(scale=0.1)
>>> run = netspec.run(network, backend="nest", seed=1)  # doctest: +SKIP
>>> run.rates(), run.spikes("L4E")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from netspec.release import __version__

if TYPE_CHECKING:
    from netspec import circuits, connectivity, distributions
    from netspec.describe.network import (
        ContinuousProjection,
        CurrentInput,
        Network,
        NoiseCurrent,
        PoissonInput,
        Population,
        Projection,
        Recorder,
        SpikeInput,
        StepCurrent,
        SynapseRecorder,
    )
    from netspec.describe.neurons import NeuronModel, Parameter
    from netspec.describe.serialization import json_schema, load, load_with_simulation, spec_hash
    from netspec.describe.simulation import Simulation
    from netspec.describe.synapses import SynapseModel, SynapseParameter
    from netspec.errors import NetspecError, NetspecWarning
    from netspec.execute.results import Run, SpikeData, open_run
    from netspec.execute.running import run

__all__ = [
    "ContinuousProjection",
    "CurrentInput",
    "NetspecError",
    "NetspecWarning",
    "Network",
    "NeuronModel",
    "NoiseCurrent",
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
    "SynapseModel",
    "SynapseParameter",
    "SynapseRecorder",
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

# Loaded when first asked for: every pytest run imports this package wherever netspec is installed,
# for the sake of `netspec.testing`, and must not pay for NumPy and pydantic.
_MODULES = {
    "errors": ("NetspecError", "NetspecWarning"),
    "describe.network": (
        "ContinuousProjection", "CurrentInput", "Network", "NoiseCurrent", "PoissonInput",
        "Population", "Projection", "Recorder", "SpikeInput", "StepCurrent", "SynapseRecorder",
    ),
    "describe.neurons": ("NeuronModel", "Parameter"),
    "execute.results": ("Run", "SpikeData", "open_run"),
    "execute.running": ("run",),
    "describe.serialization": ("json_schema", "load", "load_with_simulation", "spec_hash"),
    "describe.simulation": ("Simulation",),
    "describe.synapses": ("SynapseModel", "SynapseParameter"),
}  # fmt: skip
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name, or a module of the package, loaded now."""
    if name in _HOME:
        found = getattr(import_module(f"netspec.{_HOME[name]}"), name)
    elif not name.startswith("_") and find_spec(f"netspec.{name}") is not None:
        found = import_module(f"netspec.{name}")
    else:
        raise AttributeError(f"module 'netspec' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
