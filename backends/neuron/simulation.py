"""Running a network in NEURON, and reading what it recorded."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.neuron.building import NeuronBuilding
from netspec.backends.neuron.columns import Column
from netspec.backends.neuron.inputs import NeuronInputs
from netspec.backends.neuron.planning import NeuronPlan
from netspec.backends.neuron.wiring import CLOCK_AT, EVENTS_AT
from netspec.describe.network import Projection, Recorder
from netspec.execute.execution import Execution, Progress
from netspec.execute.recording import Recording, Spikes
from netspec.realise.lowering import own

REPORTS = 100  # of progress in a run


class Sampler:
    """Keeps samples of one variable of a recorder's neurons, at the ends of steps."""

    def __init__(self, column: Column, every: int, total: int) -> None:
        self.column, self.every = column, every
        self.steps = np.arange(every, total + 1, every)
        self.values: NDArray[np.float64] = np.empty((len(self.steps), len(column.values)))

    def look(self, step: int) -> None:
        """Take a sample, if one is due at the end of the step that ends as number `step`."""
        if step % self.every == 0:
            self.values[step // self.every - 1] = self.column.pull()


class NeuronSimulation:
    """Builds a planned network, runs it and reads what it recorded.

    Parameters
    ----------
    plan : NeuronPlan
    texts : mapping
        Name -> text of all mechanisms that this process uses.
    progress : callable
    """

    def __init__(self, plan: NeuronPlan, texts: Mapping[str, str], progress: Progress) -> None:
        gc.collect()  # of a run before: what is left of it would be simulated too
        self.execution, self.plan, self.texts = Execution(plan.request, progress), plan, texts
        self.request, self.result = plan.request, self.execution.recording
        self.network, self.simulation = self.execution.network, self.execution.simulation
        self.samplers: dict[tuple[str, str], Sampler] = {}
        self.spikes: dict[str, tuple[Any, Any]] = {}  # population -> Vectors of times and neurons

    def recording(self) -> Recording:
        """Run all phases."""
        phase, simulation = self.execution.phase, self.simulation
        with phase("create"):
            self.built = NeuronBuilding(self.plan, self.texts, self.execution)
            self.built.create()
        with phase("connect"):
            self.built.connect()
        with phase("prepare"):
            self._record()
            self._initialise()
        warm = simulation.warmup_steps
        for name, begin, end in (("warmup", 0, warm), ("simulate", warm, simulation.total_steps)):
            with phase(name):
                self._advance(name, begin, end)
        self._check()
        with phase("read"):
            self._read()
        return self.result

    def _record(self) -> None:
        hoc = self.built.hoc
        ends = (p for p, _ in self.network.plastic())
        needed = [name for p in ends for name in (p.pre, p.post)]
        for name in dict.fromkeys([*self.network.recorded(), *needed]):
            times, neurons = self.spikes[name] = hoc.Vector(), hoc.Vector()
            for number, point in enumerate(self.built.cells[name].points):
                source = hoc.NetCon(point, None)
                source.record(times, neurons, number)
                self.built.kept.append(source)
        for recorder in self.network.recorders:
            every = self.request.sampling_steps(recorder)
            for variable in recorder.variables:
                column = Column(hoc, self._chosen(recorder), own(variable))
                self.samplers[recorder.name, variable] = Sampler(
                    column, every, self.simulation.total_steps
                )

    def _chosen(self, recorder: Recorder) -> list[Any]:
        points = self.built.cells[recorder.target].points
        return points if recorder.neurons is None else [points[n] for n in recorder.neurons]

    def _initialise(self) -> None:
        self.before = NeuronInputs(self.built).add()
        hoc = self.built.hoc
        hoc.dt = self.execution.dt
        hoc.finitialize()
        if self.request.readback:
            for name, cells in self.built.cells.items():
                for variable in cells.mechanism.model.dynamics.states:
                    found = cells.state(variable.name).pull().copy()
                    self.result.readback[f"initial/{name}/{variable.name}"] = found

    def _advance(self, phase: str, begin: int, end: int) -> None:
        """Make the steps from `begin` to `end`."""
        advance, before = self.built.hoc.fadvance, self.before
        looking: list[Callable[[int], None]] = [s.look for s in self.samplers.values()]
        looking += [plastic.look for plastic in self.built.plastic if plastic.plastic.recorded]
        often = max((end - begin) // REPORTS, 1)
        for step in range(begin, end):
            for prepare in before:
                prepare(step)
            advance()
            for look in looking:
                look(step + 1)
            if (step - begin) % often == 0:
                self.execution.progress(phase, (step - begin) / (end - begin))

    def _check(self) -> None:
        """Raise if a state is no finite number, or if NEURON's time has gone astray."""
        late = self.built.hoc.t / self.execution.dt - self.simulation.total_steps
        if abs(late) > CLOCK_AT / 4:
            raise RuntimeError(
                f"by rounding, NEURON's time is {late:.2g} steps away from netspec's after "
                f"{self.simulation.total_steps} steps: events may be a step late"
            )
        for name, cells in self.built.cells.items():
            for state in cells.mechanism.model.dynamics.states:
                self.execution.check_finite(name, state.name, cells.state(state.name).pull())

    def _read(self) -> None:
        for name in self.network.recorded():
            self.result.spikes[name] = self._spikes(name)
        for place, sampler in self.samplers.items():
            self.result.samples[place] = sampler.steps, sampler.values
        for plastic in self.built.plastic:
            projection = plastic.projection
            plastic.read(*map(self._by_step, (projection.pre, projection.post)))
        if self.request.readback:
            self._read_back()

    def _spikes(self, population: str) -> Spikes:
        times, neurons = (vector.as_numpy() for vector in self.spikes[population])
        steps = np.rint(times / self.execution.dt + CLOCK_AT).astype(np.int64)
        return steps, neurons.astype(np.uint32)

    def _by_step(self, population: str) -> dict[int, NDArray[np.integer]]:
        """Return step -> neurons that spiked."""
        steps, neurons = self._spikes(population)  # NEURON records them in the order of time
        found, first = np.unique(steps, return_index=True)
        parts = np.split(neurons, first[1:]) if len(steps) else []
        return dict(zip(found.tolist(), parts, strict=True))

    def _read_back(self) -> None:
        found = self.result.readback
        for name, cells in self.built.cells.items():
            for parameter in cells.mechanism.program.parameter_names:
                values = cells.state(parameter).pull().copy()
                found[f"parameters/{name}/{parameter}"] = values
        for projection in self.network.projections:
            for key, values in self._synapses(projection).items():
                found[f"projections/{projection.name}/{key}"] = values

    def _synapses(self, projection: Projection) -> dict[str, NDArray[Any]]:
        """Return the synapses of a projection as NEURON has them, sorted by (pre, post)."""
        pre, post = (
            {point: number for number, point in enumerate(self.built.cells[name].points)}
            for name in (projection.pre, projection.post)
        )
        made = self.built.wires[projection.name].made
        rows = [(pre[s.pre()], post[s.syn()], s.weight[0], s.delay) for s in made]
        columns = np.array(rows, float).reshape(-1, 4).T
        steps = np.rint(columns[3] / self.execution.dt + EVENTS_AT - CLOCK_AT)
        order = np.lexsort((steps, columns[2], columns[1], columns[0]))
        kinds = {"pre": int, "post": int, "weight": float, "delay": int}
        values = (*columns[:3], steps)
        return {
            key: column[order].astype(kind)
            for (key, kind), column in zip(kinds.items(), values, strict=True)
        }
