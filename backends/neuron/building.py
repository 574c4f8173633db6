"""From a description to point processes and NetCons."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from netspec.backends.neuron import compiling
from netspec.backends.neuron.columns import Column, give, listed
from netspec.backends.neuron.mechanisms import CLOCK, LEFT, REST, Mechanism
from netspec.backends.neuron.planning import NeuronPlan
from netspec.backends.neuron.plasticity import Plastic
from netspec.backends.neuron.wiring import CLOCK_AT, CONNECT, Wires
from netspec.describe.network import Population, Projection
from netspec.execute.execution import Execution
from netspec.realise.lowering import own


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
        self.listed = listed(hoc, self.points)
        self._columns: dict[str, Column] = {}

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

    Attributes
    ----------
    cells : dict
        Population -> its neurons.
    wires : dict
        Projection -> its NetCons, where synapses stay as they are.
    plastic : list of Plastic
        Those that change.
    kept : list
        What NEURON would delete if nobody had it.
    """

    def __init__(self, plan: NeuronPlan, texts: Mapping[str, str], execution: Execution) -> None:
        self.plan, self.execution = plan, execution
        self.network, self.dt = execution.network, execution.dt
        self.result = execution.recording
        self.hoc, compiled = interpreter(texts)
        self.result.info = {"mechanisms": "compiled now" if compiled else "from the cache"}
        self.section = self.hoc.Section(name="netspec")
        self.cells: dict[str, Cells] = {}
        self.wires: dict[str, Wires] = {}
        self.plastic: list[Plastic] = []
        self.kept: list[Any] = []

    def create(self) -> None:
        """Make the neurons, with parameters and initial values."""
        for population in self.network.populations:
            mechanism = self.plan.mechanisms[str(population.model)]
            cells = Cells(self.hoc, population, mechanism, self.section(0.5))
            self.cells[population.name] = cells
            self._give_values(cells)
        self._wind_clock()

    def _give_values(self, cells: Cells) -> None:
        program, name = cells.mechanism.program, cells.population.name
        given = self.execution.parameters(name)
        values = {n: given[n] for n in program.parameter_names} | program.constants(given)
        values |= self.execution.initial_values(name)
        for variable, value in values.items():
            give(cells.points, own(variable), value)
        give(cells.points, REST, program.refractory_steps(given))
        give(cells.points, LEFT, 0)

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

    def connect(self) -> None:
        """Connect all projections."""
        for index, projection in enumerate(self.network.projections):
            self.execution.progress("connect", index / len(self.network.projections))
            if projection.name in self.plan.changing:
                self.plastic.append(Plastic(self, projection))
                self.plastic[-1].connect()
            else:
                self._connect(projection)

    def _connect(self, projection: Projection) -> None:
        wires = self.wires[projection.name] = Wires(self.hoc, self.dt)
        source, target = (self.cells[name] for name in (projection.pre, projection.post))
        port = target.mechanism.ports[projection.receptor]
        for block in self.execution.synapse_blocks(projection):
            ends = (source.listed, block.pre), (target.listed, block.post)
            wires.join(*ends, block.weights(), block.delays(), port)
        self.result.synapses[projection.name] = len(wires)
