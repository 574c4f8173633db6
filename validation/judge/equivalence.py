"""Are two backends equivalent in one statistic? Two one-sided tests, and their power.

The unit of replication is the seed: every array here holds one value per seed. The method with
its formulas, reasons and sources stands in ``docs/verdict.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtr, stdtrit

from netspec.errors import UsageError
from netspec.execute.measure import Margin
from netspec.validation.judge.comparison_kinds import MeansComparison
from netspec.validation.judge.means import ALPHA, ONE_LOOK, Levels, TwoMeans

POWER = 0.8  # what "seeds needed" and "detectable" mean
MAX_SEEDS = 100_000  # a design that needs more is none
Floats = NDArray[np.float64]


def compare_values(
    reference: ArrayLike,
    other: ArrayLike,
    margin: Margin,
    matched: bool = False,
    levels: Levels = ONE_LOOK,
) -> MeansComparison:
    """Compare two arrays of values per seed, shapes (seeds,); NaN: undefined for that seed.

    With `matched`, values at the same place belong together (one seed and one network) and are
    compared in pairs; a pair with an undefined value is left out. Proportions never are: few
    trials allow no interval of their differences.
    """
    matched = matched and margin.scale != "proportion"
    a, b, margin, undefined = _prepared(reference, other, margin, matched)
    seeds = len(a), len(b)
    if min(seeds) < 2:
        return MeansComparison(margin, seeds, undefined, matched=matched, levels=levels)
    means = _means(a, b, margin, matched)
    low, high = (means.t(*bound) for bound in margin.bounds())
    # opposite signs: the estimate lies between the bounds (reversed where means are negative)
    inside, nearest = low * high < 0, min(abs(low), abs(high))
    estimate, interval = means.mean_b - means.mean_a, means.interval(levels.equivalence)
    if margin.scale == "log":
        estimate, interval = math.exp(estimate), (math.exp(interval[0]), math.exp(interval[1]))
    elif margin.scale == "ratio" and estimate == means.error() == 0:
        inside, nearest, estimate, interval = True, math.inf, 1.0, (1.0, 1.0)  # also 0 / 0
    elif margin.scale == "ratio":
        estimate = means.mean_b / means.mean_a if means.mean_a else math.nan
        interval = means.ratio_interval(levels.equivalence)
    return MeansComparison(
        margin, seeds, undefined, estimate, interval,
        p_equivalence=float(stdtr(means.df, -nearest if inside else nearest)),
        p_difference=means.p_difference(),
        exceeds=not inside,
        power=power_of(means, margin, levels.equivalence),
        seeds_needed=_seeds_needed(means, margin),
        matched=matched,
        levels=levels,
    )  # fmt: skip


def means_of(
    reference: ArrayLike, other: ArrayLike, margin: Margin, matched: bool = False
) -> tuple[TwoMeans, Margin] | None:
    """Return both means and the margin as they are tested; None for fewer than two on a side."""
    matched = matched and margin.scale != "proportion"
    a, b, margin, _ = _prepared(reference, other, margin, matched)
    return None if min(len(a), len(b)) < 2 else (_means(a, b, margin, matched), margin)


def _prepared(
    reference: ArrayLike, other: ArrayLike, margin: Margin, matched: bool = False
) -> tuple[Floats, Floats, Margin, tuple[int, int]]:
    """Return the defined values of both sides on the tested scale, and that scale."""
    arrays = [np.asarray(values, float) for values in (reference, other)]
    if any(array.ndim != 1 for array in arrays):
        raise UsageError("values per seed: expected one-dimensional arrays")
    known = [np.isfinite(array) for array in arrays]
    if matched and arrays[0].shape != arrays[1].shape:
        raise UsageError(f"{len(arrays[0])} and {len(arrays[1])} values: pairs need as many")
    if matched:
        known = [known[0] & known[1]] * 2
    a, b = (array[here] for array, here in zip(arrays, known, strict=True))
    undefined = len(arrays[0]) - len(a), len(arrays[1]) - len(b)
    if margin.scale == "log":
        if np.all(a > 0) and np.all(b > 0):
            return np.log(a), np.log(b), margin, undefined
        margin = Margin(limit=margin.limit, scale="ratio")
    return a, b, margin, undefined


def _means(a: Floats, b: Floats, margin: Margin, matched: bool) -> TwoMeans:
    if margin.scale == "proportion":
        # Agresti & Caffo 2000: one success and one failure more on either side; without them
        # two sides with all successes would have no variance, and three seeds would be proof
        a, b = (np.append(values, [0.0, 1.0]) for values in (a, b))
    return TwoMeans.of(a, b, matched)


def _spreads(df: float) -> Floats:
    """Return estimated / true standard error at 100 equally likely points, shape (100,)."""
    levels = (np.arange(100) + 0.5) / 100
    spreads: Floats = np.sqrt(np.asarray(chdtri(df, levels)) / df)
    return spreads


def power_of(means: TwoMeans, margin: Margin, alpha: float = ALPHA) -> float:
    """Return the probability of equivalence if there is no difference.

    The estimated error is integrated over its chi-square law; the degrees of freedom make
    that an approximation.
    """
    quantile = float(stdtrit(means.df, 1 - alpha))
    middle = abs(means.mean_a + means.mean_b) / 2
    low, high = (
        ((1 - factor) * middle - shift, means.error(factor)) for factor, shift in margin.bounds()
    )
    if not means.error():
        return 1.0
    room = quantile * _spreads(means.df)
    chance = ndtr(low[0] / low[1] - room) - ndtr(high[0] / high[1] + room)
    return float(np.mean(np.maximum(chance, 0.0)))


def _seeds_needed(means: TwoMeans, margin: Margin) -> int | None:
    return fewest(lambda n: power_of(means.with_seeds(n), margin) >= POWER)


def fewest(enough: Callable[[int], bool], first: int = 2, most: int = MAX_SEEDS) -> int | None:
    """Return the smallest number from `first` on that is enough, as all larger ones are.

    None if more than `most`.
    """
    low, high = first - 1, first
    while not enough(high):
        low, high = high, 2 * high
        if high > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def smallest_detectable(
    reference: ArrayLike,
    other: ArrayLike,
    margin: Margin,
    family: int = 1,
    matched: bool = False,
    alpha: float = ALPHA,
) -> float:
    """Return the deviation that these seeds call different with a power of 80 %.

    Parameters
    ----------
    reference, other : array_like, shape (seeds,)
        Pilot values; only their variances count, and the mean on the scale ``ratio``.
    margin : Margin
    family : int
        Number of tests in the family; the deviation must stand out among them (Bonferroni,
        which is the first step of Holm's procedure).
    matched : bool
        As in `compare_values`.
    alpha : float
        Level of the family.

    Returns
    -------
    float
        A relative deviation (0.08: 8 %) for relative margins, else an absolute one; NaN where
        a side has fewer than two values.
    """
    found = means_of(reference, other, margin, matched)
    if found is None:
        return math.nan
    means, margin = found
    limit = _detectable(means, margin, family, alpha)
    return math.expm1(limit) if margin.scale == "log" else limit


def seeds_to_detect(
    reference: ArrayLike, other: ArrayLike, margin: Margin, family: int = 1
) -> int | None:
    """Return the seeds a side that would call the estimated deviation different.

    With a power of 80 %, if the deviation is what it seems and the variances hold; parameters
    as of `smallest_detectable`. None if more than `MAX_SEEDS`: within the margin, no number of
    seeds makes a difference.
    """
    found = means_of(reference, other, margin)
    if found is None:
        return None
    means, margin = found
    unit = _unit(means, margin)
    deviation = abs(means.mean_b - means.mean_a) / unit if unit else 0.0
    return fewest(lambda n: _detectable(means.with_seeds(n), margin, family) <= deviation)


def _unit(means: TwoMeans, margin: Margin) -> float:
    return abs(means.mean_a + means.mean_b) / 2 if margin.scale == "ratio" else 1.0


def _detectable(means: TwoMeans, margin: Margin, family: int, alpha: float = ALPHA) -> float:
    """Return the smallest detectable deviation on the tested scale; NaN for a ratio of zeros."""
    unit = _unit(means, margin)
    if not unit:
        return math.nan
    limit = margin.limit if margin.scale == "ratio" else margin.bounds()[1][1]
    error = means.error() / unit
    if error:
        quantile = -float(stdtrit(means.df, alpha / family / 2))
        needed = np.maximum(quantile * _spreads(means.df), limit / error)
        top = float(needed.max()) + 10
        limit = error * brentq(lambda t: float(np.mean(ndtr(t - needed))) - POWER, 0, top)
    return limit


def prediction_interval(
    reference: ArrayLike, margin: Margin, family: int = 1
) -> tuple[float, float]:
    """Return where one more run would lie, with probability 1 - ALPHA for the whole family.

    mean +- t(n - 1) s sqrt(1 + 1/n), on the logarithm for the scale ``log``; Bonferroni over
    `family` statistics. NaN for fewer than three defined values, shape (seeds,).
    """
    values, _, margin, _ = _prepared(reference, [], margin)
    n = len(values)
    if n < 3:
        return math.nan, math.nan
    quantile = -float(stdtrit(n - 1, ALPHA / family / 2))
    half = quantile * float(np.std(values, ddof=1)) * math.sqrt(1 + 1 / n)
    low, high = float(values.mean()) - half, float(values.mean()) + half
    return (math.exp(low), math.exp(high)) if margin.scale == "log" else (low, high)
