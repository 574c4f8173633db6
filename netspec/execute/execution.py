"""What every adapter needs alike while it runs: a recording to fill, times, netspec's own draws."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.describe.network import NoiseCurrent, PoissonInput, Projection
from netspec.execute.machine import memory_mib
from netspec.execute.recording import Recording
from netspec.execute.request import RunRequest
from netspec.realise import drawing
from netspec.realise.counters import PoissonCounter
from netspec.realise.drawing import CurrentChange, Synapses
from netspec.realise.file import Realisation
from netspec.realise.noise import NoiseCounter
from netspec.realise.plasticity import PlasticSynapses

Progress = Callable[[str, float], None]
NO_NUMBER = (
    "a smaller time step; clip() in the equations; or exprel() where a rate is 0/0, as in "
    "0.1*(V + 40)/(1 - exp(-(V + 40)/10)) = 1/exprel(-(V + 40)/10)"
)


class Execution:
    """One run of an adapter: its recording, the times of its phases, and what netspec draws for it.

    Parameters
    ----------
    request : RunRequest
    progress : callable
        Called with the phase and the fraction done of it.
    """

    def __init__(self, request: RunRequest, progress: Progress) -> None:
        self.request, self.progress = request, progress
        self.network, self.simulation = request.network, request.simulation
        self.dt = request.simulation.dt
        self.recording = Recording()
        self._parameters: dict[str, dict[str, Any]] = {}
        used = request.realisation
        self._file = None if used is None else Realisation(used, request.network)

    def parameters(self, population: str) -> dict[str, Any]:
        """Return every parameter of a population: a number, or an array of shape (size,)."""
        if population not in self._parameters:
            drawn = drawing.parameters(self.network, population, self.simulation)
            self._parameters[population] = drawn
        return dict(self._parameters[population])

    def initial_values(self, population: str) -> dict[str, Any]:
        """Return every state's initial value: a number, or an array of shape (size,)."""
        return drawing.initial_values(self.network, population, self.simulation)

    @cached_property
    def current_changes(self) -> list[CurrentChange]:
        """Constant and stepped currents as changes, in order of time."""
        return drawing.current_changes(self.network, self.simulation)

    def synapse_blocks(self, projection: Projection) -> Iterator[Synapses]:
        """Yield netspec's synapses by blocks of rows, drawn or read from the request's file."""
        if self._file is not None:
            return self._file.synapse_blocks(projection)
        return drawing.synapse_blocks(self.network, projection, self.simulation)

    def synapses(self, projection: Projection) -> Synapses:
        """Return netspec's synapses of a projection in one piece."""
        return drawing.join(self.synapse_blocks(projection))

    def plastic(self, projection: Projection) -> PlasticSynapses:
        """Return the synapses of a projection that change: program, synapses, what is recorded.

        Raises
        ------
        DescriptionError
            If a recorder names synapses that were not drawn.
        """
        return PlasticSynapses.of(self.network, projection, self.synapses(projection))

    def row_lengths(self, projection: Projection) -> NDArray[np.uint32]:
        """Return the number of netspec's synapses of each source, shape (n_pre,)."""
        if self._file is not None:
            return self._file.row_lengths(projection)
        return drawing.row_lengths(self.network, projection, self.simulation)

    def poisson_counter(self, poisson: PoissonInput) -> PoissonCounter:
        """Return netspec's Poisson numbers of an input, by step and neuron of its target.

        Of an input whose rate changes, they are those of its largest rate: see `poisson_counters`.
        """
        size = self.network.population(poisson.target).size
        mean = self.request.poisson_mean(poisson)
        return PoissonCounter.of(self.simulation.seed, poisson.name, mean, size)

    def poisson_counters(self, poisson: PoissonInput) -> list[tuple[int, int, PoissonCounter]]:
        """Return (first step, the step after the last, numbers) of each rate of an input, in order.

        In steps that are in none of them nothing is drawn.
        """
        states = self.poisson_counter(poisson).states
        course = self.request.poisson_course(poisson)
        ends = [*(step for step, _ in course[1:]), self.simulation.total_steps]
        return [
            (step, end, PoissonCounter(states, mean))
            for (step, mean), end in zip(course, ends, strict=True)
            if mean and step < end
        ]

    def noise(self, current: NoiseCurrent) -> tuple[NDArray[np.int64], NoiseCounter]:
        """Return the neurons that feel a noise current, and its level by step and neuron."""
        size = self.network.population(current.target).size
        chosen = np.arange(size) if current.neurons is None else np.unique(current.neurons)
        neurons = chosen.astype(np.int64)
        return neurons, NoiseCounter.of(current, self.simulation, neurons)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase, note the memory after it, and report its begin and end."""
        self.progress(name, 0.0)
        started = time.perf_counter()
        yield
        self.recording.seconds[name] = time.perf_counter() - started
        self.recording.memory[name] = memory_mib()
        self.progress(name, 1.0)

    def check_finite(self, population: str, state: str, values: ArrayLike) -> None:
        """Raise if a state has become infinite, or no number, in a neuron of a population.

        Raises
        ------
        FloatingPointError
            With the state, the number of neurons, and what may help.
        """
        wrong = np.count_nonzero(~np.isfinite(values))
        if wrong:
            raise FloatingPointError(
                f"{state} of {wrong} neurons of {population} is no finite number at the end of "
                f"seed {self.simulation.seed}: {NO_NUMBER}"
            )
