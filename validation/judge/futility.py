"""What can still become of an open test: the chance that the last look decides it.

Not binding: the levels of the looks hold whether or not anybody stops for futility.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri, ndtr, stdtrit

from netspec.execute.measure import Margin
from netspec.validation.judge.equivalence import means_of
from netspec.validation.judge.looks import Look
from netspec.validation.judge.means import ALPHA, TwoMeans

FUTILE = 0.1  # a smaller chance is not worth the runs
SURE = 0.1  # the error is taken at the lower end of its one-sided interval of this level


@dataclass(frozen=True)
class Chance:
    """Conditional power of one test at the last look, given the seeds so far.

    Attributes
    ----------
    equivalent : float
        If there is no difference.
    different : float
        If the difference is what it seems.
    """

    equivalent: float
    different: float

    @property
    def any(self) -> float:
        """Chance of an answer, at most; NaN if nothing can be said."""
        return max(self.equivalent, self.different)


def chance(
    reference: ArrayLike,
    other: ArrayLike,
    margin: Margin,
    last: Look,
    family: int = 1,
    matched: bool = False,
) -> Chance:
    """Return what the last look may say of a test of means, by all that is known so far.

    With n of N seeds, difference d and error e, the difference at the end is normal with mean
    (n d + (N - n) D) / N and SD e sqrt(n / N) sqrt(1 - n / N), where D is what the further seeds
    differ by: nothing (equivalent), or d (different). The error is as small as it may well be, so
    that a few seeds that scatter much by chance end nothing.

    Parameters
    ----------
    reference, other : array_like, shape (seeds,)
    margin : Margin
    last : Look
    family : int
        Number of tests.
    matched : bool
    """
    found = means_of(reference, other, margin, matched)
    if found is None:
        return Chance(math.nan, math.nan)
    means, margin = found
    part = min(1.0, means.n_a / last.seeds)
    smaller = math.sqrt(means.df / float(chdtri(means.df, SURE))) if means.df < 1e6 else 1.0
    end = means.with_seeds(last.seeds)
    quantile = float(stdtrit(end.df, 1 - last.alpha))
    within = 1.0
    for side, (factor, shift) in zip((1, -1), margin.bounds(), strict=True):
        # what the difference must exceed at the end, and what it is expected to be then
        error = smaller * end.error(factor)
        middle = abs(means.mean_a + means.mean_b) / 2
        nothing = (1 - factor) * middle - shift
        seen = means.mean_b - factor * means.mean_a - shift
        room = side * (part * seen + (1 - part) * nothing) - quantile * error
        within -= 1 - _above(room, error * math.sqrt(1 - part))
    return Chance(max(within, 0.0), _different(means, end, margin, smaller, part, family))


def _different(
    means: TwoMeans, end: TwoMeans, margin: Margin, smaller: float, part: float, family: int
) -> float:
    """Return the chance that the difference exceeds its margin and stands out of its family."""
    threshold = -float(stdtrit(end.df, ALPHA / family / 2)) * smaller * end.error()
    best = 0.0
    for side, (factor, shift) in zip((-1, 1), margin.bounds(), strict=True):
        outside = side * (means.mean_b - factor * means.mean_a - shift)
        apart = side * (means.mean_b - means.mean_a) - threshold
        error = smaller * end.error(factor) * math.sqrt(1 - part)
        best = max(best, _above(min(outside, apart), error))
    return best


def _above(mean: float, sd: float) -> float:
    """Return the chance that a normal number is above 0."""
    return float(ndtr(mean / sd)) if sd else float(np.heaviside(mean, 1.0))
