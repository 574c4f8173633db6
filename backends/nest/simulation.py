"""Running a built network in NEST, and reading what it recorded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.nest.building import NestBuilding
from netspec.backends.nest.generating import GeneratedModel
from netspec.backends.nest.planning import NestPlan
from netspec.execute.execution import Execution, Progress
from netspec.execute.machine import memory_mib
from netspec.execute.recording import Recording
from netspec.realise.drawing import CurrentChange

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
        self.built.compile()
        with phase("create"):
            self.built.setup()
            self.built.nodes.create()
            self.built.devices()
        with phase("connect"):
            self.built.connect()
        with phase("prepare"):
            self.nest.Prepare()
            for plastic in self.built.plastic:
                plastic.prepare()
        self._simulate()
        with phase("read"):
            self._read()
        return self.result

    # -- time ---------------------------------------------------------------------------

    def _simulate(self) -> None:
        simulation, levels = self.simulation, Levels(self.built)
        chunk = max(1, round(CHUNK_MS / self.dt))
        stops = {*range(chunk, simulation.total_steps, chunk), simulation.total_steps,
                 simulation.warmup_steps, *levels.steps}  # fmt: skip
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
            levels.change(stop)
        if self.built.meters or self.built.plastic:
            # a multimeter hands over what it sampled when the next slice of time begins, and
            # spikes of the last one reach their synapses then
            self.nest.Run(self.nest.min_delay)
        self.nest.Cleanup()
        self.built.nodes.check_finite()
        self.result.seconds |= phases

    # -- reading ------------------------------------------------------------------------

    def _read(self) -> None:
        for name, recorder in self.built.recorders.items():
            events = recorder.events
            first = self.built.nodes[name][0].global_id
            steps = np.asarray(events["times"], np.int64)
            inside = steps <= self.simulation.total_steps
            neurons = (np.asarray(events["senders"], np.int64) - first).astype(np.uint32)
            self.result.spikes[name] = (steps[inside], neurons[inside])
        for recorder in self.network.recorders:
            if recorder.variables:
                self._read_samples(recorder)
        for plastic in self.built.plastic:
            plastic.read()
        if self.request.readback:
            self._read_back()

    def _read_samples(self, recorder: Any) -> None:
        events = self.built.meters[recorder.name].events
        order = np.lexsort((events["senders"], events["times"]))
        order = order[np.asarray(events["times"])[order] <= self.simulation.total_steps]
        own = self.built.nodes.local(recorder.target)[1]
        held = own if recorder.neurons is None else np.flatnonzero(np.isin(recorder.neurons, own))
        self.built.nodes.note_local(recorder.name, held)
        every = self.request.sampling_steps(recorder)
        steps = np.arange(every, self.simulation.total_steps + 1, every)
        shape = len(steps), len(held)
        if len(held) and not np.array_equal(np.unique(np.asarray(events["times"])[order]), steps):
            raise RuntimeError(f"{recorder.name}: NEST sampled at other steps than it was asked to")
        for ours in recorder.variables:
            theirs = self.built.nodes.model(recorder.target).recordables[ours]
            values = np.asarray(events[theirs])[order].reshape(shape)
            self.result.samples[recorder.name, ours] = (steps, values)

    def _read_back(self) -> None:
        found = self.result.readback
        for projection in self.network.projections:
            pre, post = (
                self.built.nodes[projection.pre],
                self.built.nodes[projection.post],
            )
            found_synapses = self.nest.GetConnections(pre, post, self.built.copy(projection))
            keys = ("source", "target", "weight", "delay")
            nothing = {key: np.empty(0) for key in keys}  # a rank may hold none
            data = found_synapses.get(list(keys)) if len(found_synapses) else nothing
            sources = np.atleast_1d(data["source"]).astype(np.int64) - pre[0].global_id
            targets = np.atleast_1d(data["target"]).astype(np.int64) - post[0].global_id
            steps = np.rint(np.atleast_1d(data["delay"]) / self.dt).astype(np.int64)
            weights = np.atleast_1d(data["weight"])
            if projection.receptor in self.built.nodes.model(projection.post).negated:
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


class Levels:
    """Currents that parameters of neurons hold: I_e, or one for each input of a generated model.

    Only the first two steps are left to them, in which no device can act.

    Parameters
    ----------
    built : NestBuilding
    """

    def __init__(self, built: NestBuilding) -> None:
        self.built = built
        self.current: dict[tuple[str, str], NDArray[np.float64]] = {}
        self.changes = [(c, name) for c in built.changes if (name := self._parameter(c))]

    @property
    def steps(self) -> set[int]:
        """Steps before which something changes."""
        return {change.step for change, _ in self.changes}

    def change(self, step: int) -> None:
        """Set what changes in the step that begins now."""
        touched: dict[str, set[str]] = {}
        for change, name in self.changes:
            if change.step == step and len(change.neurons):
                self._level(change.population, name)[change.neurons] += change.level
                touched.setdefault(change.population, set()).add(name)
        for population, names in touched.items():  # a call costs the same for one value as for all
            values = {name: self._level(population, name) for name in sorted(names)}
            self.built.nodes.set_local(population, values)

    def _parameter(self, change: CurrentChange) -> str | None:
        found: str | None = self.built.nodes.model(change.population).level(change.port)
        return found

    def _level(self, population: str, name: str) -> NDArray[np.float64]:
        if (population, name) not in self.current:
            nodes = self.built.nodes
            native = not isinstance(nodes.model(population), GeneratedModel)
            given = nodes.execution.parameters(population)["I_e"] if native else 0.0
            level = np.broadcast_to(np.asarray(given, float), len(nodes[population])).copy()
            self.current[population, name] = level
        return self.current[population, name]
