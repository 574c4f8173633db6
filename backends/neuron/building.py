"""From a description to point processes and NetCons."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from netspec.backends.neuron import compiling
from netspec.backends.neuron.columns import Column
from netspec.backends.neuron.mechanisms import CLOCK, LEFT, REST, Mechanism
from netspec.backends.neuron.planning import NeuronPlan
from netspec.describe.network import Population, Projection
from netspec.execute.execution import Execution
from netspec.realise.drawing import Synapses
from netspec.realise.lowering import own

CLOCK_AT, EVENTS_AT = 1 / 8, 1 / 4  # steps before the end of a step
# NEURON's own language makes a million NetCons in a third of the time that Python takes
CONNECT = """
objref netspec_sources, netspec_targets, netspec_made, netspec_synapse
objref netspec_pre, netspec_post, netspec_weight, netspec_delay
proc netspec_connect() { local k
    for k = 0, netspec_pre.size - 1 {
        netspec_synapse = new NetCon(netspec_sources.o(netspec_pre.x[k]), \\
            netspec_targets.o(netspec_post.x[k]), 0, netspec_delay.x[k], netspec_weight.x[k])
        netspec_synapse.weight[1] = $1
        netspec_made.append(netspec_synapse)
    }
    objref netspec_synapse
}
"""
NAMES = ("sources", "targets", "made", "pre", "post", "weight", "delay")


def interpreter(texts: Mapping[str, str]) -> tuple[Any, bool]:
    """Return NEURON's interpreter with mechanisms loaded, and whether they were compiled now.

    Parameters
    ----------
    texts : mapping
        Name -> text of each mechanism.
    """
    library, compiled = compiling.library(texts)
    os.environ["NEURON_MODULE_OPTIONS"] = "-nogui -nobanner"
    os.environ.pop("NRN_NMODL_PATH", None)
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)  # NEURON loads any mechanisms that lie in the current folder
        try:
            from neuron import h
        finally:
            os.chdir(here)
    if not hasattr(h, next(iter(texts))):
        h.nrn_load_dll(str(library))
        h(CONNECT)
    missing = [name for name in texts if not hasattr(h, name)]
    if missing:
        raise RuntimeError(f"NEURON did not load {', '.join(missing)} from {library}")
    return h, compiled


class Cells:
    """The neurons of one population.

    Attributes
    ----------
    mechanism : Mechanism
    points : list of HocObject
        A point process each.
    listed : HocObject
        The same as a List of NEURON's.
    """

    def __init__(self, hoc: Any, population: Population, mechanism: Mechanism, place: Any) -> None:
        self.hoc, self.population, self.mechanism = hoc, population, mechanism
        make = getattr(hoc, mechanism.name)
        self.points = [make(place) for _ in range(population.size)]
        self.listed = hoc.List()
        for point in self.points:
            self.listed.append(point)
        self._columns: dict[str, Column] = {}

    def give(self, variable: str, values: Any) -> None:
        """Give all neurons one value of a variable, or one each."""
        column = np.broadcast_to(np.asarray(values, float), len(self.points))
        for point, value in zip(self.points, column.tolist(), strict=True):
            setattr(point, variable, value)

    def column(self, variable: str) -> Column:
        """Return a variable of all neurons as an array."""
        if variable not in self._columns:
            self._columns[variable] = Column(self.hoc, self.points, variable)
        return self._columns[variable]

    def state(self, name: str) -> Column:
        """Return what a description names, of all neurons."""
        return self.column(own(name))


class NeuronBuilding:
    """Makes the neurons and synapses of a network.

    Parameters
    ----------
    plan : NeuronPlan
    texts : mapping
        Name -> text of all mechanisms that this process uses.
    execution : Execution
        Of the plan's request; its recording receives what is known of the network made.
    """

    def __init__(self, plan: NeuronPlan, texts: Mapping[str, str], execution: Execution) -> None:
        self.plan, self.texts, self.execution = plan, texts, execution
        self.network, self.dt = execution.network, execution.dt
        self.result = execution.recording
        self.cells: dict[str, Cells] = {}
        self.synapses: dict[str, Any] = {}  # projection -> List of NEURON's
        self.kept: list[Any] = []  # what NEURON would delete if nobody had it
        self.hoc: Any = None

    def create(self) -> None:
        """Load the mechanisms; make the neurons, with parameters and initial values."""
        self.hoc, compiled = interpreter(self.texts)
        self.result.info = {"mechanisms": "compiled now" if compiled else "from the cache"}
        section = self.hoc.Section(name="netspec")
        self.kept.append(section)
        for population in self.network.populations:
            mechanism = self.plan.mechanisms[str(population.model)]
            cells = Cells(self.hoc, population, mechanism, section(0.5))
            self.cells[population.name] = cells
            self._give_values(cells)
        self._wind_clock()

    def _give_values(self, cells: Cells) -> None:
        program, name = cells.mechanism.program, cells.population.name
        given = self.execution.parameters(name)
        values = {n: given[n] for n in program.parameter_names} | program.constants(given)
        values |= self.execution.initial_values(name)
        for variable, value in values.items():
            cells.give(own(variable), value)
        cells.give(REST, program.refractory_steps(given))
        cells.give(LEFT, 0)

    def _wind_clock(self) -> None:
        """Make what tells every neuron, near the end of each step, to test its threshold."""
        clock = self.hoc.NetStim()
        clock.interval, clock.number, clock.noise = self.dt, 1e18, 0
        clock.start = (1 - CLOCK_AT) * self.dt
        self.kept.append(clock)
        for cells in self.cells.values():
            for point in cells.points:
                tick = self.hoc.NetCon(clock, point, 0, 0, 0)
                tick.weight[1] = CLOCK
                self.kept.append(tick)

    # -- synapses -----------------------------------------------------------------------

    def connect(self) -> None:
        """Connect all projections."""
        for index, projection in enumerate(self.network.projections):
            self.execution.progress("connect", index / len(self.network.projections))
            made = self.synapses[projection.name] = self.hoc.List()
            for block in self.execution.synapse_blocks(projection):
                self._connect(projection, block, made)
            self.result.synapses[projection.name] = int(made.count())

    def _connect(self, projection: Projection, block: Synapses, made: Any) -> None:
        hoc, vector = self.hoc, self.hoc.Vector
        target = self.cells[projection.post]
        values = {
            "sources": self.cells[projection.pre].listed,
            "targets": target.listed,
            "made": made,
            "pre": vector(block.pre),
            "post": vector(block.post),
            "weight": vector(block.weights()),
            "delay": vector((block.delays() - (EVENTS_AT - CLOCK_AT)) * self.dt),
        }
        for name, value in values.items():
            setattr(hoc, f"netspec_{name}", value)
        hoc.netspec_connect(target.mechanism.ports[projection.receptor])
        for name in values:
            setattr(hoc, f"netspec_{name}", None)
