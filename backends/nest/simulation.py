"""Running a built network in NEST, and reading what it recorded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from netspec.backends.nest.building import NestBuilding
from netspec.backends.nest.planning import NestPlan
from netspec.execute.execution import Execution, Progress
from netspec.execute.machine import memory_mib
from netspec.execute.recording import Recording

CHUNK_MS = 50.0  # of model time between two looks at the progress; part of the method, keep it


class NestSimulation:
    """Builds a planned network, runs it and reads what it recorded."""

    def __init__(self, plan: NestPlan, progress: Progress) -> None:
        self.execution = Execution(plan.request, progress)
        self.built = NestBuilding(plan, self.execution)
        self.nest = self.built.nest
        self.request, self.result = plan.request, self.execution.recording
        self.network, self.simulation = plan.request.network, plan.request.simulation
        self.dt = self.simulation.dt

    def recording(self) -> Recording:
        """Run all phases."""
        phase = self.execution.phase
        with phase("create"):
            self.built.setup()
            self.built.create()
            self.built.devices()
        with phase("connect"):
            self.built.connect()
        with phase("prepare"):
            self.nest.Prepare()
        self._simulate()
        with phase("read"):
            self._read()
        return self.result

    # -- time ---------------------------------------------------------------------------

    def _simulate(self) -> None:
        simulation, built = self.simulation, self.built
        changes = [c for c in built.changes if built.natives[c.population].current_parameter]
        current = {
            population.name: np.broadcast_to(
                np.asarray(self.execution.parameters(population.name)["I_e"]), population.size
            ).copy()
            for population in self.network.populations
        }
        chunk = max(1, round(CHUNK_MS / self.dt))
        stops = {*range(chunk, simulation.total_steps, chunk), simulation.total_steps,
                 simulation.warmup_steps, *(c.step for c in changes)}  # fmt: skip
        step = 0
        phases = {"warmup": 0.0, "simulate": 0.0}
        for stop in sorted(stops):
            if step >= simulation.total_steps:
                break
            if stop > step:
                started = time.perf_counter()
                self.nest.Run((min(stop, simulation.total_steps) - step) * self.dt)
                phase = "warmup" if step < simulation.warmup_steps else "simulate"
                phases[phase] += time.perf_counter() - started
                self.result.memory[phase] = memory_mib()
                step = stop
                self.execution.progress("simulate", step / simulation.total_steps)
            for change in (c for c in changes if c.step == stop and len(c.neurons)):
                own = current[change.population]
                own[change.neurons] += change.level
                built.set_local(change.population, {"I_e": own})
        if built.meters:
            # a multimeter hands over what it sampled when the next slice of time begins
            self.nest.Run(self.nest.min_delay)
        self.nest.Cleanup()
        self.result.seconds |= phases

    # -- reading ------------------------------------------------------------------------

    def _read(self) -> None:
        for name, recorder in self.built.recorders.items():
            events = recorder.events
            first = self.built.populations[name][0].global_id
            steps = np.asarray(events["times"], np.int64)
            inside = steps <= self.simulation.total_steps
            neurons = (np.asarray(events["senders"], np.int64) - first).astype(np.uint32)
            self.result.spikes[name] = (steps[inside], neurons[inside])
        for recorder in self.network.recorders:
            if recorder.variables:
                self._read_samples(recorder)
        if self.request.readback:
            self._read_back()

    def _read_samples(self, recorder: Any) -> None:
        events = self.built.meters[recorder.name].events
        order = np.lexsort((events["senders"], events["times"]))
        order = order[np.asarray(events["times"])[order] <= self.simulation.total_steps]
        own = self.built.local(recorder.target)[1]
        held = own if recorder.neurons is None else np.flatnonzero(np.isin(recorder.neurons, own))
        self.built.note_local(recorder.name, held)
        every = self.request.sampling_steps(recorder)
        steps = np.arange(every, self.simulation.total_steps + 1, every)
        shape = len(steps), len(held)
        if len(held) and not np.array_equal(np.unique(np.asarray(events["times"])[order]), steps):
            raise RuntimeError(f"{recorder.name}: NEST sampled at other steps than it was asked to")
        for ours in recorder.variables:
            theirs = self.built.natives[recorder.target].recordables[ours]
            values = np.asarray(events[theirs])[order].reshape(shape)
            self.result.samples[recorder.name, ours] = (steps, values)

    def _read_back(self) -> None:
        found = self.result.readback
        for projection in self.network.projections:
            pre, post = (
                self.built.populations[projection.pre],
                self.built.populations[projection.post],
            )
            found_synapses = self.nest.GetConnections(pre, post, self.built.copy(projection))
            keys = ("source", "target", "weight", "delay")
            nothing = {key: np.empty(0) for key in keys}  # a rank may hold none
            data = found_synapses.get(list(keys)) if len(found_synapses) else nothing
            sources = np.atleast_1d(data["source"]).astype(np.int64) - pre[0].global_id
            targets = np.atleast_1d(data["target"]).astype(np.int64) - post[0].global_id
            steps = np.rint(np.atleast_1d(data["delay"]) / self.dt).astype(np.int64)
            weights = np.atleast_1d(data["weight"])
            if projection.receptor in self.built.natives[projection.post].negated:
                weights = -weights
            order = np.lexsort((steps, weights, targets, sources))
            base = f"projections/{projection.name}"
            for key, array in (
                ("pre", sources),
                ("post", targets),
                ("weight", weights),
                ("delay", steps),
            ):
                found[f"{base}/{key}"] = array[order]
