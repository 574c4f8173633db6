"""Are two backends equivalent in one statistic? Welch's two one-sided tests, and their power.

The unit of replication is the seed: every array here holds one value per seed. The method with
its formulas, reasons and sources stands in ``docs/verdict.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtr, stdtrit

from netspec.errors import UsageError
from netspec.validation.margins import Margin

ALPHA = 0.05  # of every one-sided test of equivalence, and of the family of differences
POWER = 0.8  # what "seeds needed" and "detectable" mean
MAX_SEEDS = 100_000  # a design that needs more is none
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Welch:
    """Two samples with unequal variances, and tests of their means.

    Attributes
    ----------
    n_a, n_b : int
        Sample sizes, 2 or more.
    mean_a, mean_b, variance_a, variance_b : float
        Sample means and variances.
    """

    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    variance_a: float
    variance_b: float

    @classmethod
    def of(cls, a: Floats, b: Floats) -> Welch:
        """Summarise two arrays, shapes (n_a,) and (n_b,)."""
        # from the first value on, so that equal values have no variance by rounding
        means = (float(values[0] + np.mean(values - values[0])) for values in (a, b))
        variances = (float(np.var(values - values[0], ddof=1)) for values in (a, b))
        return cls(len(a), len(b), *means, *variances)

    def with_seeds(self, n: int) -> Welch:
        """Return the design of `n` seeds a side, if means and variances stay."""
        return Welch(n, n, self.mean_a, self.mean_b, self.variance_a, self.variance_b)

    @cached_property
    def df(self) -> float:
        """Degrees of freedom (Welch 1947); those of equal variances where there are none."""
        u, v = self.variance_a / self.n_a, self.variance_b / self.n_b
        largest = max(u, v)
        if not largest:
            return self.n_a + self.n_b - 2.0
        u, v = u / largest, v / largest  # squares of small numbers vanish
        return (u + v) ** 2 / (u**2 / (self.n_a - 1) + v**2 / (self.n_b - 1))

    def error(self, factor: float = 1.0) -> float:
        """Return the standard error of mean_b - factor * mean_a."""
        return math.sqrt(self.variance_b / self.n_b + factor**2 * self.variance_a / self.n_a)

    def t(self, factor: float = 1.0, shift: float = 0.0) -> float:
        """Return Student's t of mean_b - factor * mean_a - shift."""
        estimate, error = self.mean_b - factor * self.mean_a - shift, self.error(factor)
        if not estimate:
            return 0.0
        return estimate / error if error else math.copysign(math.inf, estimate)

    def p_difference(self) -> float:
        """Return the two-sided p value of equal means."""
        return float(2 * stdtr(self.df, -abs(self.t()))) if self.t() else 1.0

    def interval(self) -> tuple[float, float]:
        """Return the 1 - 2 ALPHA confidence interval of mean_b - mean_a."""
        middle = self.mean_b - self.mean_a
        half = float(stdtrit(self.df, 1 - ALPHA)) * self.error()
        return middle - half, middle + half

    def ratio_interval(self) -> tuple[float, float]:
        """Return the 1 - 2 ALPHA confidence interval of mean_b / mean_a (Fieller 1954)."""
        quantile = float(stdtrit(self.df, 1 - ALPHA))
        a = self.mean_a**2 - quantile**2 * self.variance_a / self.n_a
        b = self.mean_a * self.mean_b
        c = self.mean_b**2 - quantile**2 * self.variance_b / self.n_b
        if a <= 0:  # the reference may be zero: no ratio is excluded from above or below
            return -math.inf, math.inf
        half = math.sqrt(max(b**2 - a * c, 0.0))
        return (b - half) / a, (b + half) / a


@dataclass(frozen=True)
class Comparison:
    """A statistic compared over seeds; no verdict yet, since that depends on the family.

    Attributes
    ----------
    margin : Margin
        As tested: on the scale ``ratio`` where a value is not positive and has no logarithm.
    seeds, undefined : tuple of int
        Seeds with a value, and without one, on either side.
    estimate : float
        Ratio (relative margins) or difference, second backend against the reference; NaN
        where a side has fewer than two values, as all that follows.
    interval : tuple of float
        90 % confidence interval of the estimate.
    p_equivalence : float
        The larger p value of the two one-sided tests.
    p_difference : float
        Two-sided p value of no difference.
    exceeds : bool
        Whether the estimate lies outside the margin.
    power : float
        Of this design to find equivalence, if there is no difference and the variances hold.
    seeds_needed : int or None
        A side, for a power of 80 %; None beyond `MAX_SEEDS`.
    """

    margin: Margin
    seeds: tuple[int, int]
    undefined: tuple[int, int]
    estimate: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    p_equivalence: float = math.nan
    p_difference: float = math.nan
    exceeds: bool = False
    power: float = math.nan
    seeds_needed: int | None = None


def compare_values(reference: ArrayLike, other: ArrayLike, margin: Margin) -> Comparison:
    """Compare two arrays of values per seed, shapes (seeds,); NaN: undefined for that seed."""
    a, b, margin, undefined = _prepared(reference, other, margin)
    seeds = len(a), len(b)
    if min(seeds) < 2:
        return Comparison(margin, seeds, undefined)
    welch = _welch(a, b, margin)
    low, high = (welch.t(*bound) for bound in margin.bounds())
    # opposite signs: the estimate lies between the bounds (reversed where means are negative)
    inside, nearest = low * high < 0, min(abs(low), abs(high))
    estimate, interval = welch.mean_b - welch.mean_a, welch.interval()
    if margin.scale == "log":
        estimate, interval = math.exp(estimate), (math.exp(interval[0]), math.exp(interval[1]))
    elif margin.scale == "ratio" and estimate == welch.error() == 0:
        inside, nearest, estimate, interval = True, math.inf, 1.0, (1.0, 1.0)  # also 0 / 0
    elif margin.scale == "ratio":
        estimate = welch.mean_b / welch.mean_a if welch.mean_a else math.nan
        interval = welch.ratio_interval()
    return Comparison(
        margin, seeds, undefined, estimate, interval,
        p_equivalence=float(stdtr(welch.df, -nearest if inside else nearest)),
        p_difference=welch.p_difference(),
        exceeds=not inside,
        power=_power(welch, margin),
        seeds_needed=_seeds_needed(welch, margin),
    )  # fmt: skip


def _prepared(
    reference: ArrayLike, other: ArrayLike, margin: Margin
) -> tuple[Floats, Floats, Margin, tuple[int, int]]:
    """Return the defined values of both sides on the tested scale, and that scale."""
    arrays = [np.asarray(values, float) for values in (reference, other)]
    if any(array.ndim != 1 for array in arrays):
        raise UsageError("values per seed: expected one-dimensional arrays")
    a, b = (array[np.isfinite(array)] for array in arrays)
    undefined = len(arrays[0]) - len(a), len(arrays[1]) - len(b)
    if margin.scale == "log":
        if np.all(a > 0) and np.all(b > 0):
            return np.log(a), np.log(b), margin, undefined
        margin = Margin(limit=margin.limit, scale="ratio")
    return a, b, margin, undefined


def _welch(a: Floats, b: Floats, margin: Margin) -> Welch:
    if margin.scale == "proportion":
        # Agresti & Caffo 2000: one success and one failure more on either side; without them
        # two sides with all successes would have no variance, and three seeds would be proof
        a, b = (np.append(values, [0.0, 1.0]) for values in (a, b))
    return Welch.of(a, b)


def _spreads(df: float) -> Floats:
    """Return estimated / true standard error at 100 equally likely points, shape (100,)."""
    levels = (np.arange(100) + 0.5) / 100
    spreads: Floats = np.sqrt(np.asarray(chdtri(df, levels)) / df)
    return spreads


def _power(welch: Welch, margin: Margin) -> float:
    """Return the probability of equivalence if there is no difference.

    The estimated error is integrated over its chi-square law; Welch's degrees of freedom make
    that an approximation.
    """
    quantile = float(stdtrit(welch.df, 1 - ALPHA))
    middle = abs(welch.mean_a + welch.mean_b) / 2
    low, high = (
        ((1 - factor) * middle - shift, welch.error(factor)) for factor, shift in margin.bounds()
    )
    if not welch.error():
        return 1.0
    room = quantile * _spreads(welch.df)
    chance = ndtr(low[0] / low[1] - room) - ndtr(high[0] / high[1] + room)
    return float(np.mean(np.maximum(chance, 0.0)))


def _seeds_needed(welch: Welch, margin: Margin) -> int | None:
    low, high = 1, 2
    while _power(welch.with_seeds(high), margin) < POWER:
        low, high = high, 2 * high
        if high > MAX_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = _power(welch.with_seeds(middle), margin) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


def smallest_detectable(
    reference: ArrayLike, other: ArrayLike, margin: Margin, family: int = 1
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

    Returns
    -------
    float
        A relative deviation (0.08: 8 %) for relative margins, else an absolute one; NaN where
        a side has fewer than two values.
    """
    a, b, margin, _ = _prepared(reference, other, margin)
    if min(len(a), len(b)) < 2:
        return math.nan
    welch = _welch(a, b, margin)
    unit = abs(welch.mean_a + welch.mean_b) / 2 if margin.scale == "ratio" else 1.0
    if not unit:
        return math.nan
    limit = margin.limit if margin.scale == "ratio" else margin.bounds()[1][1]
    error = welch.error() / unit
    if error:
        quantile = -float(stdtrit(welch.df, ALPHA / family / 2))
        needed = np.maximum(quantile * _spreads(welch.df), limit / error)
        top = float(needed.max()) + 10
        limit = error * brentq(lambda t: float(np.mean(ndtr(t - needed))) - POWER, 0, top)
    return math.expm1(limit) if margin.scale == "log" else limit


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


def cluster_means(values: ArrayLike, clusters: ArrayLike) -> Floats:
    """Return one mean per cluster (trials of one seed), in ascending order of the clusters.

    Trials of one seed share its network and are not independent: their mean counts once. A
    binary outcome (True: the bump survived) becomes the share of the seed's trials. Undefined
    trials (NaN) are left out; a cluster with nothing else is undefined.

    Parameters
    ----------
    values, clusters : array_like, shape (trials,)
        Values, and the label of each one's cluster.
    """
    numbers, labels = np.asarray(values, float), np.asarray(clusters)
    if numbers.shape != labels.shape or numbers.ndim != 1:
        raise UsageError(f"{numbers.shape} values for {labels.shape} labels of clusters")
    _, index = np.unique(labels, return_inverse=True)
    known = np.isfinite(numbers)
    size = int(index.max(initial=-1)) + 1
    total = np.bincount(index[known], weights=numbers[known], minlength=size)
    count = np.bincount(index[known], minlength=size)
    means: Floats = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return means
