"""What reaches the neurons from outside, or from a sum over a whole population."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from netspec.backends.neuron.building import Cells, NeuronBuilding
from netspec.backends.neuron.columns import Column
from netspec.describe.network import ContinuousProjection, NoiseCurrent, PoissonInput
from netspec.describe.spike_inputs import Events
from netspec.realise.counters import AT_ONCE
from netspec.realise.drawing import CurrentChange
from netspec.realise.kernels import product
from netspec.realise.noise import RandomName

Adding = Callable[[int, NDArray[np.float64]], bool]  # adds what comes in a step; whether any did


class Level:
    """What comes to an input of a population: a level that changes, and what is new in every step.

    Attributes
    ----------
    level : ndarray, shape (neurons,)
        Of constant and stepped currents.
    always : list of callable
        Each adds to the array it is given what it has for a step.
    """

    def __init__(self, column: Column) -> None:
        self.column, self.level = column, np.zeros_like(column.values)
        self.changed = False
        self.always: list[Adding] = []

    def change(self, change: CurrentChange) -> None:
        """Change the level from now on."""
        self.level[change.neurons] += change.level
        self.changed = True

    def bring(self, step: int) -> None:
        """Bring the input to what it is in a step."""
        if self.changed or self.always:
            self.column.values[:] = self.level
            for add in self.always:
                add(step, self.column.values)
            self.column.push()
        self.changed = False


class NeuronInputs:
    """The inputs of a built network, step by step."""

    def __init__(self, built: NeuronBuilding) -> None:
        self.built, self.execution = built, built.execution
        self.network, self.simulation = built.network, built.execution.simulation
        self._levels: dict[tuple[str, str], Level] = {}
        self._drawn: dict[tuple[str, str], list[Adding]] = {}
        self._changes: dict[int, list[CurrentChange]] = {}

    def add(self) -> list[Callable[[int], None]]:
        """Return what has to be called, in this order, before each step."""
        for coupling in self.network.continuous_projections:
            self._level(coupling.post, coupling.target).always.append(self._coupling(coupling))
        for noise in self.network.noise_currents:
            self._level(noise.target, noise.port).always.append(self._noise(noise))
        for change in self.execution.current_changes:
            self._level(change.population, change.port)
            self._changes.setdefault(change.step, []).append(change)
        for poisson in self.network.poisson_inputs:
            self._drawn.setdefault((poisson.target, poisson.receptor), []).append(
                self._poisson(poisson)
            )
        for source in self.network.spike_inputs:
            given = self._given(source.events(self.simulation))
            self._drawn.setdefault((source.target, source.receptor), []).append(given)
        before: list[Callable[[int], None]] = []
        if self._levels:
            before.append(self._bring_levels)
        before += [self._arrivals(*place, adding) for place, adding in self._drawn.items()]
        for cells in self.built.cells.values():
            before += [self._random(cells, name) for name in cells.mechanism.program.random]
        return before

    # -- inputs of the equations ----------------------------------------------------------

    def _level(self, population: str, port: str) -> Level:
        if (population, port) not in self._levels:
            column = self.built.cells[population].state(port)
            self._levels[population, port] = Level(column)
        return self._levels[population, port]

    def _bring_levels(self, step: int) -> None:
        for change in self._changes.get(step, ()):
            self._levels[change.population, change.port].change(change)
        for level in self._levels.values():
            level.bring(step)

    def _coupling(self, coupling: ContinuousProjection) -> Adding:
        """Return a function that adds S_i = sum_j w_ij s_j, from the state at the step's begin."""
        source = self.built.cells[coupling.pre].state(coupling.source)
        multiply = product(coupling.kernel, len(self.built.cells[coupling.post].points))

        def add(_: int, values: NDArray[np.float64]) -> bool:
            values += multiply(source.pull())
            return True

        return add

    def _noise(self, noise: NoiseCurrent) -> Adding:
        """Return a function that adds a noise current, which lasts from change to change."""
        neurons, counter = self.execution.noise(noise)
        changes, level = counter.changes(), np.zeros(len(neurons))
        waiting = next(changes, None)

        def add(step: int, values: NDArray[np.float64]) -> bool:
            nonlocal waiting, level
            if waiting is not None and waiting[0] == step:
                level, waiting = waiting[1], next(changes, None)
            values[neurons] += level
            return True

        return add

    # -- events ---------------------------------------------------------------------------

    def _arrivals(
        self, population: str, receptor: str, adding: list[Adding]
    ) -> Callable[[int], None]:
        """Return a function that hands over what arrives at a receptor at the end of a step."""
        cells = self.built.cells[population]
        column = cells.column(cells.mechanism.drawn(receptor))

        def hand_over(step: int) -> None:
            column.values[:] = 0.0
            if any([add(step, column.values) for add in adding]):
                column.push()

        return hand_over

    def _poisson(self, poisson: PoissonInput) -> Adding:
        """Return a function that adds the events of netspec's counters."""
        numbers = self._numbers(poisson)
        waiting = next(numbers, None)

        def add(step: int, values: NDArray[np.float64]) -> bool:
            nonlocal waiting
            if waiting is None or waiting[0] != step:
                return False
            values += poisson.weight * waiting[1]
            waiting = next(numbers, None)
            return True

        return add

    def _numbers(self, poisson: PoissonInput) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the steps in which an input draws, and the numbers of all neurons."""
        for first, end, counter in self.execution.poisson_counters(poisson):
            for begin in range(first, end, counter.steps_at_once):
                count = min(counter.steps_at_once, end - begin)
                drawn = counter.numbers(begin, count).astype(float)
                yield from zip(range(begin, begin + count), drawn, strict=True)

    @staticmethod
    def _given(events: Events) -> Adding:
        """Return a function that adds the events that are due at the end of a step."""

        def add(step: int, values: NDArray[np.float64]) -> bool:
            first, end = np.searchsorted(events.steps, (step + 1, step + 2))
            np.add.at(values, events.neurons[first:end], events.weights[first:end])
            return bool(first < end)

        return add

    # -- random numbers of the equations --------------------------------------------------

    def _random(self, cells: Cells, random: RandomName) -> Callable[[int], None]:
        """Return a function that gives a random name of the step program its numbers of a step."""
        size = len(cells.points)
        states = random.states(self.simulation.seed, cells.population.name, size)
        column, block = cells.column(random.name), max(AT_ONCE // size, 1)  # steps drawn together
        numbers = np.empty((0, size))

        def draw(step: int) -> None:
            nonlocal numbers
            if step % block == 0:
                numbers = random.numbers(states, step, block)
            column.values[:] = numbers[step % block]
            column.push()

        return draw
