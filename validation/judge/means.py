"""Two means over seeds, their difference and their ratio: independent sides, or pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

ALPHA = 0.05  # of every one-sided test of equivalence, and of the family of differences
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """What is risked: at one look of several, less than in a verdict that is asked for once.

    Attributes
    ----------
    equivalence : float
        Level of every one-sided test of equivalence.
    difference : float
        Level of the family of differences.
    """

    equivalence: float = ALPHA
    difference: float = ALPHA


ONE_LOOK = Levels()


@dataclass(frozen=True)
class TwoMeans:
    """Two samples with unequal variances, and tests of their means.

    Attributes
    ----------
    n_a, n_b : int
        Sample sizes, 2 or more; equal for pairs.
    mean_a, mean_b, variance_a, variance_b : float
        Sample means and variances.
    covariance : float or None
        Of the pairs; None if the samples are independent.
    """

    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    variance_a: float
    variance_b: float
    covariance: float | None = None

    @classmethod
    def of(cls, a: Floats, b: Floats, matched: bool = False) -> TwoMeans:
        """Summarise two arrays, shapes (n_a,) and (n_b,); pairs if `matched`."""
        # from the first value on, so that equal values have no variance by rounding
        mean_a, mean_b = (float(values[0] + np.mean(values - values[0])) for values in (a, b))
        off_a, off_b = (values - values[0] - np.mean(values - values[0]) for values in (a, b))
        variance_a, variance_b = (float(off @ off) / (len(off) - 1) for off in (off_a, off_b))
        covariance = float(off_a @ off_b) / (len(a) - 1) if matched else None
        return cls(len(a), len(b), mean_a, mean_b, variance_a, variance_b, covariance)

    def with_seeds(self, n: int) -> TwoMeans:
        """Return the design of `n` seeds a side, if means and variances stay."""
        return replace(self, n_a=n, n_b=n)

    @cached_property
    def df(self) -> float:
        """Degrees of freedom: of the pairs, or Welch's (1947).

        Those of equal variances where there are none.
        """
        if self.covariance is not None:
            return self.n_a - 1.0
        u, v = self.variance_a / self.n_a, self.variance_b / self.n_b
        largest = max(u, v)
        if not largest:
            return self.n_a + self.n_b - 2.0
        u, v = u / largest, v / largest  # squares of small numbers vanish
        return (u + v) ** 2 / (u**2 / (self.n_a - 1) + v**2 / (self.n_b - 1))

    def error(self, factor: float = 1.0) -> float:
        """Return the standard error of mean_b - factor * mean_a."""
        a, b, both = self._variances_of_means()
        return math.sqrt(max(b + factor**2 * a - 2 * factor * both, 0.0))

    def _variances_of_means(self) -> tuple[float, float, float]:
        """Return the variances of both means, and their covariance."""
        covariance = self.covariance or 0.0
        return self.variance_a / self.n_a, self.variance_b / self.n_b, covariance / self.n_a

    def t(self, factor: float = 1.0, shift: float = 0.0) -> float:
        """Return Student's t of mean_b - factor * mean_a - shift."""
        estimate, error = self.mean_b - factor * self.mean_a - shift, self.error(factor)
        if not estimate:
            return 0.0
        return estimate / error if error else math.copysign(math.inf, estimate)

    def p_difference(self) -> float:
        """Return the two-sided p value of equal means."""
        return float(2 * stdtr(self.df, -abs(self.t()))) if self.t() else 1.0

    def interval(self, alpha: float = ALPHA) -> tuple[float, float]:
        """Return the 1 - 2 alpha confidence interval of mean_b - mean_a."""
        middle = self.mean_b - self.mean_a
        half = float(stdtrit(self.df, 1 - alpha)) * self.error()
        return middle - half, middle + half

    def ratio_interval(self, alpha: float = ALPHA) -> tuple[float, float]:
        """Return the 1 - 2 alpha confidence interval of mean_b / mean_a (Fieller 1954)."""
        square = float(stdtrit(self.df, 1 - alpha)) ** 2
        error_a, error_b, both = self._variances_of_means()
        a = self.mean_a**2 - square * error_a
        b = self.mean_a * self.mean_b - square * both
        c = self.mean_b**2 - square * error_b
        if a <= 0:  # the reference may be zero: no ratio is excluded from above or below
            return -math.inf, math.inf
        half = math.sqrt(max(b**2 - a * c, 0.0))
        return (b - half) / a, (b + half) / a
