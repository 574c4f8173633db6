"""Running one GeNN model, in which there is one network, or those of several runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from netspec.backends.genn import host
from netspec.backends.genn.compiling import SUMS, compiled, library, load, why_unfolded
from netspec.backends.genn.couplings import together
from netspec.backends.genn.network import GennNetwork
from netspec.backends.genn.neurons import LEFT
from netspec.backends.genn.planning import GennPlan
from netspec.execute.execution import Execution, Progress
from netspec.execute.recording import Recording

FOLDED = "folded"  # in a manifest: two kernels a step
CHUNK = 1000  # steps of spikes that a device keeps before the host collects them


class GennSimulation:
    """Builds planned networks, runs them and reads what they recorded.

    Networks of several runs become groups of their own in one model. GeNN merges groups that are
    alike, so its kernels serve all of them at once, and each gets what it would get alone.
    """

    def __init__(self, plans: Sequence[GennPlan], progress: Progress) -> None:
        self.first = plans[0]
        # times and memory are those of all; each network has an execution of its own
        self.execution = Execution(self.first.request, progress)
        self.simulation = self.first.request.simulation
        self.seconds = self.execution.recording.seconds
        self.decoder = ThreadPoolExecutor(1) if self.first.on_gpu else None
        self.decoding: Future[None] | None = None
        number = len(plans)

        def share(index: int) -> Progress:
            return lambda phase, fraction: progress(phase, (index + fraction) / number)

        self.networks = [
            GennNetwork(plan, share(k), f"{k}x" if number > 1 else "")
            for k, plan in enumerate(plans)
        ]

    def recordings(self) -> Iterator[Recording]:
        """Run all phases; times and memory are those of all runs together.

        Yields
        ------
        Recording
            Of each network in turn, up to one that went wrong.

        Raises
        ------
        FloatingPointError
            If a state has become infinite, or no number.
        """
        phase = self.execution.phase
        with phase("create"):
            for network in self.networks:
                network.built.create()
        with phase("connect"):
            for network in self.networks:
                network.built.connect()
        with phase("prepare"):  # its parts are timed as well
            self._load()
            with phase("hand_over"):
                for network in self.networks:
                    network.hand_over()
            self._prepare()
        self._simulate()
        if self.kernels == FOLDED:
            host.forget_steps(library(self.place))
        with phase("read"):
            for network in self.networks:
                network.read()
                network.result.info |= {"kernels": self.kernels} if self.kernels else {}
        for network in self.networks:
            network.check_finite()
            yield replace(
                network.result,
                seconds=self.seconds,
                memory=self.execution.recording.memory,
                runs=len(self.networks),
            )

    def _load(self) -> None:
        """Compile the model, unless it is there, give it all values, and load it."""
        each = [network.built.blueprint() for network in self.networks]
        # a model of all of them; the rest is the same for all
        blueprint = replace(
            each[0],
            neurons=tuple(entry for one in each for entry in one.neurons),
            sources=tuple(entry for one in each for entry in one.sources),
            connections=tuple(entry for one in each for entry in one.connections),
            sums=tuple(entry for one in each for entry in one.sums),
        )
        self.model, self.place = compiled(blueprint, self.seconds)
        steps, loop = self.simulation.total_steps, self.first.loop
        # as even as can be, so that the last chunk is nearly full
        self.chunk = -(-steps // -(-steps // CHUNK))
        self.kernels = ""
        if blueprint.slots:
            why = why_unfolded(blueprint, self.place)
            self.kernels = f"GeNN's own, since its code has changed: {why}" if why else FOLDED
            loop = "native" if why and loop == "graph" else loop
        if loop == "graph":  # only such a chunk can be repeated
            even = 2 * blueprint.slots
            self.chunk = max(min(CHUNK, steps) // even, 1) * even
        self.recorded = any(neurons.recorded for neurons in blueprint.neurons)
        tables = [t for network in self.networks for t in network.give_values(self.model)]

        def hand_over_changing() -> None:
            for network in self.networks:
                network.hand_over_changing()

        chunk = self.chunk if self.recorded else None
        load(self.model, chunk, tables, self.seconds, hand_over_changing)
        before = SUMS if blueprint.sums else None
        if loop == "python":
            self.make_steps = host.python_steps(self.model, before)
        else:
            recorded = self.chunk if self.recorded else 0
            generated = library(self.place)
            self.make_steps = host.native_steps(
                self.model, generated, self.place, recorded, before,
                chunk=self.chunk if loop == "graph" else 0,
            )  # fmt: skip

    def _prepare(self) -> None:
        """Collect what the host does between steps, over all networks."""
        self.before: dict[int, list[Callable[[], None]]] = {}
        for network in self.networks:
            network.prepare(self.chunk, self.place)
            for step, actions in network.before.items():
                self.before.setdefault(step, []).extend(actions)
        self.couplings = together([c for n in self.networks for c in n.host_couplings()])
        self.samplers = [sampler for network in self.networks for sampler in network.samplers]

    def _simulate(self) -> None:
        simulation, step = self.simulation, 0
        phases = {
            "warmup": simulation.warmup_steps,
            "simulate": simulation.total_steps,
        }
        for phase, stop in phases.items():
            started = time.perf_counter()
            self._advance(step, stop)
            self._wait()
            self.seconds[phase] = time.perf_counter() - started
            if phase == "warmup":
                self.execution.progress(phase, 1.0)
            step = stop
        if self.model.timestep != simulation.total_steps:
            raise RuntimeError("GeNN made another number of steps than asked for")
        self._last_events()

    def _last_events(self) -> None:
        """Let synapses that change handle the spikes of the last step, which takes one more."""
        changing = [plastic for network in self.networks for plastic in network.plastic]
        if changing:
            self.make_steps(1)
        for plastic in changing:
            plastic.look(self.simulation.total_steps + 1)

    def _advance(self, step: int, stop: int) -> None:
        """Run from `step` to `stop`, with all that the host does in between."""
        total = self.simulation.total_steps
        pauses = sorted({*self.before, stop})
        intervals = [1] if self.couplings else []
        intervals += [every for every, _ in self.samplers] + [self.chunk]
        while step < stop:
            for action in self.before.get(step, ()):
                action()
            for couple in self.couplings:
                couple()
            until = min(step - step % every + every for every in intervals)
            until = min(until, stop, pauses[np.searchsorted(pauses, step, side="right")])
            self.make_steps(until - step)
            step = until
            for every, sample in self.samplers:
                if step % every == 0:
                    sample(step)
            if step % self.chunk == 0 or step == total:
                self._collect(step)
                self.execution.progress("simulate", step / total)

    def _wait(self) -> None:
        """Wait until the device has made all steps, and all spikes are decoded.

        A copy of something small waits for the device.
        """
        first = next(iter(self.model.neuron_populations.values()))
        first.vars[LEFT].pull_from_device()
        self._decoded()

    def _collect(self, step: int) -> None:
        """Take the spikes from the device that it recorded since the last chunk ended.

        They are decoded while a GPU makes the next steps: what the host holds of them is not
        touched before they are pulled again. On a CPU there is nobody to wait for.
        """
        if not self.recorded:
            return
        self._decoded()
        self.model.pull_recording_buffers_from_device()
        count = (step - 1) % self.chunk + 1
        self.decoding = self.decoder.submit(self._decode, step, count) if self.decoder else None
        if not self.decoder:
            self._decode(step, count)

    def _decode(self, step: int, count: int) -> None:
        for network in self.networks:
            network.collect(step, count)

    def _decoded(self) -> None:
        """Wait for the spikes of the chunk before, and raise what went wrong with them."""
        if self.decoding is not None:
            self.decoding.result()
            self.decoding = None
