"""netspec as a simulator of PyNN: `import netspec.pynn as sim` (extra ``netspec-snn[pynn]``).

A PyNN script becomes a netspec network by its import, and runs on every simulator that netspec has
an adapter for, with a ledger: ``sim.setup(timestep=0.1, backend="brian2")``. Once this is imported,
``pyNN.netspec`` is a name of it too, under which PyNN's own utilities find it.

A script is recorded; ``run()`` moves the clock, and the first demand for data runs the segment as
one from t = 0 (`state`). So what was said at t > 0 is refused where it would have to hold from then
on (parameters, new synapses), and never taken for something else.

Who stands where
----------------
state, control   the clock, segments, settings; setup, run, reset, end, network
carried          what a cell type says of itself: `Carried` (neurons), `Source` (given spikes)
cells, models    the standard cells and which models they are; `composed`: PointNeuron
static           what a synapse type says of itself (`Synaptic`); the static synapse
populations projections recording  PyNN's objects, with arrays in them
drawing refused  a connector that is mended, the native generator; what is not here, and why
describe place   from a script to a `Network`; asks cells, sources, synapses and currents what
                 `carried`, `static` and `place` write down
sources electrodes synapses released  spike sources, current sources, synapses that change, and
                 those that release at random behind sources; `weights`: what is asked of them

What PyNN's simulators mean differently is decided here once: spikes lie on the grid of time steps
(``pyNN.nest`` puts them between steps unless told ``spike_precision="on_grid"``); delays are whole
steps, halves round up; a delay that is not given is ``min_delay``, and that is one step if "auto".
"""

from __future__ import annotations

import sys
from typing import Any

import pyNN
from pyNN import common, errors, random, space
from pyNN.connectors import *  # noqa: F403
from pyNN.connectors import FixedProbabilityConnector
from pyNN.network import Network
from pyNN.random import GSLRNG, NumpyRNG, RandomDistribution
from pyNN.space import Space
from pyNN.standardmodels import StandardCellType

from netspec.pynn import state as simulator
from netspec.pynn.cells import (
    EIF_cond_alpha_isfa_ista,
    EIF_cond_exp_isfa_ista,
    GIF_cond_exp,
    HH_cond_exp,
    IF_cond_alpha,
    IF_cond_exp,
    IF_cond_exp_gsfa_grr,
    IF_curr_alpha,
    IF_curr_delta,
    IF_curr_exp,
    IF_facets_hardware1,
    Izhikevich,
)
from netspec.pynn.composed import (
    LIF,
    AdExp,
    AlphaPSR,
    BetaPSR,
    CondAlphaPostSynapticResponse,
    CondBetaPostSynapticResponse,
    CondExpPostSynapticResponse,
    CurrExpPostSynapticResponse,
    ExpPSR,
    PointNeuron,
)
from netspec.pynn.control import (
    end,
    get_current_time,
    get_max_delay,
    get_min_delay,
    get_time_step,
    initialize,
    ledger,
    network,
    num_processes,
    rank,
    reset,
    run,
    run_for,
    run_until,
    setup,
)
from netspec.pynn.drawing import NativeRNG, OneToOneConnector
from netspec.pynn.electrodes import ACSource, DCSource, NoisyCurrentSource, StepCurrentSource
from netspec.pynn.populations import Assembly, Population, PopulationView
from netspec.pynn.projections import Projection
from netspec.pynn.refused import absent as __getattr__
from netspec.pynn.released import (
    MultiQuantalSynapse,
    SimpleStochasticSynapse,
    StochasticTsodyksMarkramSynapse,
)
from netspec.pynn.sources import (
    SpikeSourceArray,
    SpikeSourceGamma,
    SpikeSourceInhGamma,
    SpikeSourcePoisson,
    SpikeSourcePoissonRefractory,
)
from netspec.pynn.static import StaticSynapse
from netspec.pynn.synapses import (
    AdditivePotentiationMultiplicativeDepression,
    AdditiveWeightDependence,
    GutigWeightDependence,
    MultiplicativeWeightDependence,
    SpikePairRule,
    STDPMechanism,
    TsodyksMarkramSynapse,
    Vogels2011Rule,
)

create = common.build_create(Population)
connect = common.build_connect(Projection, FixedProbabilityConnector, StaticSynapse)
set = common.set
record = common.build_record(simulator)


def record_v(source: Any, filename: str) -> Any:
    """Record the membrane potential to a file."""
    return record(["v"], source, filename)


def record_gsyn(source: Any, filename: str) -> Any:
    """Record the synaptic conductances to a file."""
    return record(["gsyn_exc", "gsyn_inh"], source, filename)


def list_standard_models() -> list[str]:
    """Return the names of all cell types that there are."""
    return [
        name
        for name, found in globals().items()
        if isinstance(found, type)
        and issubclass(found, StandardCellType)
        and found is not StandardCellType
    ]


sys.modules["pyNN.netspec"] = sys.modules[__name__]
pyNN.netspec = sys.modules[__name__]
