"""Noise by counter: currents that are noise, and the random numbers that a step of a neuron needs.

All numbers are functions of the seed, a name, the neuron and the step, see `counters`; so every
simulator has the same, whatever draws them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netspec.describe.inputs import NoiseCurrent
from netspec.describe.simulation import Simulation
from netspec.realise import counters
from netspec.realise.counters import Bits

CURRENT, BEGIN = "noise", "noise.begin"  # what the keys of a noise current are for
OWN = "netspec_"  # begins no name of a description


@dataclass(frozen=True)
class RandomName:
    """A name in a step program that is another random number for every neuron in every step.

    Attributes
    ----------
    name : str
        In statements or threshold.
    kind : {"normal", "uniform"}
        Standard normal; uniform between 0 and 1.
    purpose : str
        With the population's name and the seed, the key of the numbers (`counters.input_key`).
    """

    name: str
    kind: Literal["normal", "uniform"]
    purpose: str

    def states(self, seed: int, population: str, neurons: NDArray[np.int64] | int) -> Bits:
        """Return the neurons' states before step 0.

        Parameters
        ----------
        seed : int
        population : str
        neurons : int or array of int
            Their number, or the indices of those that are asked for.
        """
        key = counters.input_key(seed, population, self.purpose)
        return counters.neuron_states(key, counters.which(neurons))

    def numbers(self, states: Bits, first: int, count: int) -> NDArray[np.float64]:
        """Return the numbers of some steps in a row, shape (count, n)."""
        steps = np.arange(first, first + count)
        if self.kind == "normal":
            return counters.normal_numbers(states, steps)
        return counters.uniform_numbers(counters.bits_at(states, steps))


CHANCE = RandomName(f"{OWN}chance", "uniform", "escape")


def white(noise: str) -> RandomName:
    """Return what stands in a step program for a white noise of the equations."""
    return RandomName(f"{OWN}normal_{noise}", "normal", noise)


@dataclass(frozen=True, eq=False)
class NoiseCounter:
    """The level of a noise current by step and neuron.

    It is `mean` + x from step `begin` on and before `end`, else 0. Every `every` steps, first at
    `begin`, x becomes ``keep * x + spread * z``, with z the neuron's next standard normal number.

    Attributes
    ----------
    states : ndarray of uint64, shape (n,)
        Of the neurons, before their first number.
    x : ndarray, shape (n,)
        Before the first change; of no account if `keep` is 0, as for white noise.
    mean, keep, spread : float
    begin, end, every : int
        In steps.
    """

    states: Bits
    x: NDArray[np.float64]
    mean: float
    keep: float
    spread: float
    begin: int
    end: int
    every: int

    @classmethod
    def of(
        cls, noise: NoiseCurrent, simulation: Simulation, neurons: NDArray[np.int64] | int
    ) -> NoiseCounter:
        """Return the levels of a noise current.

        Parameters
        ----------
        noise : NoiseCurrent
        simulation : Simulation
        neurons : int or array of int
            Their number, or the indices of those that are asked for.
        """
        which = counters.which(neurons)
        every = 1 if noise.every is None else simulation.steps(noise.every, minimum=1)
        states, first = (
            counters.neuron_states(counters.input_key(simulation.seed, noise.name, purpose), which)
            for purpose in (CURRENT, BEGIN)
        )
        keep, fresh, x = 0.0, 1.0, np.zeros(len(states))
        if noise.tau is not None:
            span = every * simulation.dt / noise.tau
            keep, fresh = math.exp(-span), math.sqrt(-math.expm1(-2 * span))
            x = noise.sd * counters.normal_numbers(first, [0])[0]
        total = simulation.total_steps
        return cls(
            states, x, noise.mean, keep, noise.sd * fresh,
            simulation.steps(noise.start),
            total if noise.stop is None else min(simulation.steps(noise.stop), total),
            every,
        )  # fmt: skip

    def changes(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield (step, level), shape (n,): neurons feel it from the step that begins then on.

        The last level is zero, at the end.
        """
        steps = range(self.begin, self.end, self.every)
        block = max(counters.AT_ONCE // max(len(self.states), 1), 1)
        x, numbers = self.x, np.empty((0, len(self.states)))
        for k, step in enumerate(steps):
            if k % block == 0:
                here = np.arange(k, min(k + block, len(steps)))
                numbers = counters.normal_numbers(self.states, here)
            x = self.keep * x + self.spread * numbers[k % block]
            yield step, self.mean + x
        if self.begin < self.end:
            yield self.end, np.zeros(len(self.states))
