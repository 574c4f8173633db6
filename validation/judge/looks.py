"""Looks at a growing number of seeds: when they are, and which levels each of them has.

A group-sequential design: a verdict that is asked again and again needs stricter levels, or it
finds what is not there. The method with its sources stands in ``docs/verdict.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, StrictInt
from scipy.optimize import brentq
from scipy.special import ndtr

from netspec.describe.fields import Described
from netspec.validation.judge.means import ALPHA

POINTS = 801  # of the trapezoid rule
FAR = 8.0  # standard deviations: nothing lies beyond
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One look, and the levels of its tests.

    Attributes
    ----------
    seeds : int
        Pairs, or seeds a side, that are there.
    z : float
        Boundary of the one-sided statistic of equivalence.
    alpha : float
        Level of each of the two one-sided tests: P(Z >= z).
    alpha_difference : float
        Level of the family of differences at this look.
    """

    seeds: int
    z: float
    alpha: float
    alpha_difference: float


class Looks(Described):
    """When a verdict is asked for while seeds are added; declared before the runs.

    Attributes
    ----------
    first, every : int
        Seeds at the first look, and between two of them.
    most : int
        Seeds at the last look.
    budget : float or None
        Seconds of wall time for all runs; fewer seeds than `most` if a pair costs too much.
    spending : {"pocock"}
        How the error of equivalence is spent over the looks (`spent`).
    """

    first: Annotated[StrictInt, Field(ge=3, le=10_000)] = 8
    every: Annotated[StrictInt, Field(ge=1, le=10_000)] = 2
    most: Annotated[StrictInt, Field(ge=3, le=10_000)] = 20
    budget: Annotated[float, Field(gt=0, le=1e9)] | None = None
    spending: Literal["pocock"] = "pocock"

    def within(self, cost: float) -> Looks:
        """Return the looks that the budget allows, if a seed on all backends costs so many s.

        At least the first one that can say anything: three seeds.
        """
        if self.budget is None or cost <= 0:
            return self
        return self.model_copy(update={"most": min(self.most, max(3, int(self.budget / cost)))})

    def numbers(self) -> tuple[int, ...]:
        """Return the seeds at each look."""
        return (*range(min(self.first, self.most), self.most, self.every), self.most)

    def plan(self) -> tuple[Look, ...]:
        """Return all looks with their levels."""
        numbers = self.numbers()
        fractions = [number / self.most for number in numbers]
        found = boundaries(fractions, np.diff([spent(t) for t in fractions], prepend=0.0))
        differences = np.diff([ALPHA * t**2 for t in fractions], prepend=0.0)
        return tuple(
            Look(number, z, float(ndtr(-z)), float(share))
            for number, z, share in zip(numbers, found, differences, strict=True)
        )


def spent(fraction: float, alpha: float = ALPHA) -> float:
    """Return the error spent at a fraction of all seeds: Lan and DeMets (1983), Pocock's type."""
    return alpha * math.log1p((math.e - 1) * fraction)


def boundaries(fractions: ArrayLike, increments: ArrayLike) -> list[float]:
    """Return the boundaries z_k of a one-sided test that is asked at several looks.

    P(Z_1 < z_1, ..., Z_k-1 < z_k-1, Z_k >= z_k) is the k-th increment, where Z sqrt(t) is a
    Brownian motion at times t: recursion of Armitage, McPherson and Rowe (1969).

    Parameters
    ----------
    fractions : array_like, shape (looks,)
        Of all seeds at each look, ascending, above 0 and at most 1.
    increments : array_like, shape (looks,)
        Probability of the first crossing at each look.
    """
    found: list[float] = []
    points, density = np.zeros(1), np.ones(1)  # where the motion is if it has not crossed
    before = 0.0
    pairs = zip(np.asarray(fractions).tolist(), np.asarray(increments).tolist(), strict=True)
    for fraction, increment in pairs:
        spread = math.sqrt(fraction - before)
        z = _crossed_with(points, density, spread, fraction, increment)
        found.append(z)
        grid = np.linspace(-FAR * math.sqrt(fraction), z * math.sqrt(fraction), POINTS)
        density = _moved(points, density, spread, grid)
        points, before = grid, fraction
    return found


def _crossed_with(
    points: Floats, density: Floats, spread: float, fraction: float, increment: float
) -> float:
    """Return the boundary that is crossed now with a given probability."""
    root = math.sqrt(fraction)

    def excess(z: float) -> float:
        return float(density @ ndtr((points - z * root) / spread)) - increment

    return float(brentq(excess, -FAR, FAR, xtol=1e-12))


def _moved(points: Floats, density: Floats, spread: float, grid: Floats) -> Floats:
    """Return the weights of the next points: the motion has gone on, and has not crossed."""
    steps = (grid[:, None] - points) / spread
    values = np.exp(-(steps**2) / 2) @ density / (spread * math.sqrt(2 * math.pi))
    widths = np.full(len(grid), grid[1] - grid[0])
    widths[[0, -1]] /= 2  # trapezoid rule
    weights: Floats = values * widths
    return weights
