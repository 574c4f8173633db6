"""Running a network in Brian2, and reading what it recorded."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netspec.backends.brian2.building import Brian2Building
from netspec.backends.brian2.groups import Group
from netspec.backends.brian2.inputs import Brian2Inputs
from netspec.backends.brian2.planning import Brian2Plan
from netspec.execute.execution import Execution, Progress
from netspec.execute.recording import Recording
from netspec.realise.lowering import own

SCHEDULE = ["start", "groups", "synapses", "thresholds", "resets", "end"]


@dataclass
class Spikes:
    """The spikes of one group, step by step.

    Attributes
    ----------
    steps, counts : array of int64
        Steps at whose end there are spikes, and their numbers.
    neurons : array of int32
        The neurons of all spikes, in order.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    neurons: array[int] = field(default_factory=lambda: array("i"))


class Brian2Simulation:
    """Builds a planned network, runs it and reads what it recorded."""

    def __init__(self, plan: Brian2Plan, progress: Progress) -> None:
        self.execution = Execution(plan.request, progress)
        self.built = Brian2Building(plan, self.execution)
        self.b2, self.dt = self.built.b2, self.execution.dt
        self.request, self.result = plan.request, self.execution.recording
        self.network, self.simulation = plan.request.network, plan.request.simulation
        self.samplers: dict[str, Any] = {}
        self.spikes: dict[str, Spikes] = {}  # by neuron model
        self.counted_from = 0.0

    def recording(self) -> Recording:
        """Run all phases."""
        phase = self.execution.phase
        with phase("create"):
            self.built.setup()
            self.built.create()
        with phase("connect"):
            self.built.connect()
        with phase("prepare"):
            Brian2Inputs(self.built).add()
            self._record()
            if self.simulation.warmup_steps:
                self._end_of_warmup()
            brian_network = self.b2.Network(self.built.objects)
            brian_network.schedule = SCHEDULE
            brian_network.run(0 * self.b2.ms)
            self._check_compiled(brian_network)
        self._simulate(brian_network)
        with phase("read"):
            self._read()
        return self.result

    @staticmethod
    def _check_compiled(brian_network: Any) -> None:
        """Raise if code did not compile: Brian2 prints Cython's errors, and leaves the code out."""
        for thing in brian_network.sorted_objects:
            code = getattr(thing, "codeobj", None)
            compiled = getattr(code, "compiled_code", {})
            source = getattr(getattr(code, "code", None), "run", "")
            if "run" in compiled and compiled["run"] is None and "EMPTY_CODE_BLOCK" not in source:
                raise RuntimeError(f"Brian2 could not compile {thing.name}, see above")

    # -- recording, time, reading -------------------------------------------------------

    def _record(self) -> None:
        b2 = self.b2
        recorded = set(self.network.recorded())
        for name, group in self.built.groups.items():
            if recorded & set(group.slices):
                self._record_spikes(name, group)
        for recorder in self.network.recorders:
            if not recorder.variables:
                continue
            group, where = self.built.group(recorder.target)
            chosen = (
                range(where.stop - where.start) if recorder.neurons is None else recorder.neurons
            )
            every = self.request.sampling_steps(recorder)
            self.samplers[recorder.name] = b2.StateMonitor(
                group.neurons,
                list(map(own, recorder.variables)),
                record=np.array(chosen, np.int64) + where.start,
                dt=every * self.dt * b2.ms,
                when="start",  # the state at t, before the step that begins there
            )
        self.built.objects += self.samplers.values()

    def _record_spikes(self, name: str, group: Group) -> None:
        """Keep the spikes of a group; SpikeMonitor does the same in several times the time."""
        space, now = group.memory("_spikespace"), self.built.timestep()
        found = self.spikes[name] = Spikes()

        def record() -> None:
            if count := space[-1]:
                found.steps.append(now[0] + 1)
                found.counts.append(count)
                found.neurons.frombytes(space[:count].tobytes())

        self.built.objects.append(
            self.b2.NetworkOperation(record, when="thresholds", order=1, clock=self.b2.defaultclock)
        )

    def _end_of_warmup(self) -> None:
        """Note the time at which the warm-up ends; the run itself is one to Brian2.

        Brian2 clears its spikes when a run begins. They are handed over in the step after, so those
        of the last step before a second run would be lost.
        """
        now, end = self.built.timestep(), self.simulation.warmup_steps

        def look() -> None:
            if now[0] == end:
                self.counted_from = time.perf_counter()

        clock = self.b2.defaultclock
        self.built.objects.append(
            self.b2.NetworkOperation(look, when="start", order=-1, clock=clock)
        )

    def _simulate(self, brian_network: Any) -> None:
        b2, simulation = self.b2, self.simulation

        def report(elapsed: Any, completed: float, start: Any, duration: Any) -> None:
            self.execution.progress("simulate", completed)

        started = self.counted_from = time.perf_counter()
        brian_network.run(
            simulation.total_steps * self.dt * b2.ms, report=report, report_period=1 * b2.second
        )
        self.result.seconds["warmup"] = self.counted_from - started
        self.result.seconds["simulate"] = time.perf_counter() - self.counted_from
        if self.built.timestep()[0] != simulation.total_steps:
            raise RuntimeError("Brian2 made another number of steps than asked for")
        for group in self.built.groups.values():
            for population, where in group.slices.items():
                for state in group.model.dynamics.states:
                    values = group.array(state.name)[where]
                    self.execution.check_finite(population, state.name, values)
        for name, sampler in self.samplers.items():
            recorder = next(r for r in self.network.recorders if r.name == name)
            every = self.request.sampling_steps(recorder)
            if simulation.total_steps % every == 0:
                sampler.record_single_timestep()  # the state at the very end

    def _read(self) -> None:
        for name, spikes in self.spikes.items():
            neurons = np.frombuffer(spikes.neurons, np.int32)
            steps = np.repeat(
                np.frombuffer(spikes.steps, np.int64), np.frombuffer(spikes.counts, np.int64)
            )
            for population, where in self.built.groups[name].slices.items():
                if population in self.network.recorded():
                    inside = (neurons >= where.start) & (neurons < where.stop)
                    found = (neurons[inside] - where.start).astype(np.uint32)
                    self.result.spikes[population] = (steps[inside], found)
        for recorder in self.network.recorders:
            if recorder.variables:
                sampler = self.samplers[recorder.name]
                times = np.asarray(sampler.t / self.b2.ms) / self.dt
                for variable in recorder.variables:
                    values = np.asarray(getattr(sampler, own(variable))).T
                    # the initial state is no sample at the end of a step
                    self.result.samples[recorder.name, variable] = (
                        np.rint(times[1:]).astype(np.int64),
                        values[1:],
                    )
        for plastic in self.built.plastic:
            plastic.read()
        if self.request.readback:
            self._read_back()

    def _read_back(self) -> None:
        found = self.result.readback
        for group in self.built.groups.values():
            for population, where in group.slices.items():
                for name in group.program.parameter_names:
                    found[f"parameters/{population}/{name}"] = (
                        np.atleast_1d(group.shared[own(name)])
                        if own(name) in group.shared
                        else np.asarray(group.array(name)[where])
                    )
        for projection in self.network.projections:
            if projection.name not in self.built.parts:  # it has no synapse
                for key, kind in (("pre", int), ("post", int), ("weight", float), ("delay", int)):
                    found[f"projections/{projection.name}/{key}"] = np.empty(0, kind)
                continue
            synapses, where = self.built.parts[projection.name]
            (_, pre), (_, post) = (
                self.built.group(projection.pre),
                self.built.group(projection.post),
            )
            merged = (
                synapses.source
                is self.built.groups[str(self.network.population(projection.pre).model)].neurons
            )
            i = np.asarray(synapses.i[:])[where] - (pre.start if merged else 0)
            j = np.asarray(synapses.j[:])[where] - (post.start if merged else 0)
            weight = np.asarray(synapses.weight[:])[where]
            delay = np.asarray(synapses.arrive.delay / self.b2.ms)[where] / self.dt + 1
            steps = np.rint(delay).astype(np.int64)
            order = np.lexsort((steps, weight, j, i))
            for key, values in (("pre", i), ("post", j), ("weight", weight), ("delay", steps)):
                found[f"projections/{projection.name}/{key}"] = values[order]
