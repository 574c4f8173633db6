"""The measure of every network: statistics of the spikes of each population.

One value per run (seed) and population, exact and without subsampling.

The definitions, edge rules and sources stand in ``docs/statistics.md``. Everything is computed on
the columns (step, neuron), never on a matrix of neurons and bins, so that the cost grows with the
number of spikes alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from netspec.execute.measure import (
    Activity,
    Distribution,
    Measure,
    Samples,
    Statistic,
    Traces,
    Values,
    margin,
    within,
)
from netspec.execute.results import SpikeData
from netspec.validation.measure.curves import (
    CURVES,
    Trace,
    correlations,
    quantiles,
    rate_in_time,
    spectrum,
)

COVARIANCE_BIN = 2.0  # ms; the field's choice for the microcircuit, its refractory time
SYNCHRONY_BIN = 3.0  # ms; Potjans & Diesmann (2014)
MIN_SPIKES = (
    3  # of a neuron, hence two intervals: below, LV is undefined and CV is 0 whatever fires
)

STATISTICS = (
    Statistic("rate", "1/s", "mean rate", margin("5 %", "log")),
    Statistic(
        "log_sd_rate",
        "log(1/s)",
        "natural logarithm of the SD of rates across all neurons",
        margin("0.05", "absolute"),
    ),
    Statistic(
        "silent_fraction",
        "",
        "share of neurons without a spike in the window",
        margin("0.02", "absolute"),
    ),
    Statistic(
        "lv",
        "",
        "local variation of intervals, mean over all pairs of successive intervals",
        margin("0.02", "absolute"),
    ),
    Statistic(
        "covariance",
        "",
        f"mean covariance of spike counts over all pairs, bins of {COVARIANCE_BIN:g} ms",
        # of an inhibition-dominated network it may be negative: no logarithm
        margin("25 %", "ratio"),
    ),
    Statistic(
        "synchrony",
        "",
        f"variance / mean of the population's spike count, bins of {SYNCHRONY_BIN:g} ms",
        margin("25 %", "log"),
    ),
    Statistic(
        "lv_of_neurons",
        "",
        "local variation of intervals, mean over eligible neurons: what `lv` was before",
    ),
    Statistic("neurons", "", "number of neurons, on which the synchrony depends"),
    Statistic("eligible", "", f"share of neurons with {MIN_SPIKES} spikes or more: LV and CV"),
    Statistic("cv", "", "coefficient of variation of intervals, mean over eligible neurons"),
    Statistic(
        "correlation",
        "",
        "mean correlation coefficient of spike counts over all pairs of neurons whose count "
        f"varies, bins of {COVARIANCE_BIN:g} ms",
    ),
)

DISTRIBUTIONS = (
    Distribution("rate", "1/s", "rate of every neuron"),
    Distribution("lv", "", "LV of every eligible neuron"),
    Distribution("cv", "", "CV of intervals of every eligible neuron", primary=False),
)


@dataclass(frozen=True)
class _Trains:
    """Spikes within the window, sorted by (neuron, step).

    Attributes
    ----------
    neurons, steps : ndarray of int64, shape (n,)
        Steps count from the begin of the window: 0 is the first that belongs to it.
    size, span : int
        Number of neurons; length of the window in steps.
    dt : float
        In ms.
    """

    neurons: NDArray[np.int64]
    steps: NDArray[np.int64]
    size: int
    span: int
    dt: float

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Spikes of every neuron, shape (size,)."""
        return np.bincount(self.neurons, minlength=self.size)

    @cached_property
    def eligible(self) -> NDArray[np.bool_]:
        """Neurons with at least two intervals, shape (size,)."""
        return self.counts >= MIN_SPIKES

    @property
    def rates(self) -> NDArray[np.float64]:
        """Rate of every neuron in spikes/s, shape (size,); empty if the window is."""
        seconds = self.span * self.dt / 1000
        return self.counts / seconds if seconds else np.empty(0)

    @property
    def local_variation(self) -> NDArray[np.float64]:
        """LV of every eligible neuron: the mean of 3 (I_k - I_k+1)^2 / (I_k + I_k+1)^2."""
        return _floats(self.variation_sums / (self.counts[self.eligible] - 2))

    @property
    def pooled_variation(self) -> float:
        """The mean of the same terms over all pairs of intervals, whichever neuron's they are."""
        pairs = int((self.counts[self.eligible] - 2).sum())
        return float(self.variation_sums.sum() / pairs) if pairs else math.nan

    @cached_property
    def variation_sums(self) -> NDArray[np.float64]:
        """Sum of the terms of LV of every eligible neuron."""
        intervals, same = np.diff(self.steps), np.diff(self.neurons) == 0
        pairs = same[1:] & same[:-1]
        first, second = intervals[:-1][pairs], intervals[1:][pairs]
        both = np.maximum(first + second, 1)  # two intervals of 0 are equal: they contribute 0
        terms = 3 * ((first - second) / both) ** 2
        sums = np.bincount(self.neurons[1:-1][pairs], terms, self.size)
        return _floats(sums[self.eligible])

    @cached_property
    def coefficient_of_variation(self) -> NDArray[np.float64]:
        """SD / mean of the intervals of every eligible neuron; SD over n, not n - 1."""
        same = np.diff(self.neurons) == 0
        intervals, owners = np.diff(self.steps)[same], self.neurons[1:][same]
        number = np.maximum(self.counts - 1, 1)
        means = np.bincount(owners, intervals, self.size) / number
        squares = np.bincount(owners, (intervals - means[owners]) ** 2, self.size) / number
        means, squares = means[self.eligible], squares[self.eligible]
        # a mean of 0 is a train of duplicates only: no variation
        return _floats(np.sqrt(squares) / np.where(means > 0, means, 1))


def population_statistics(spikes: SpikeData) -> dict[str, float]:
    """Return every statistic of `STATISTICS` for one population of one run.

    Parameters
    ----------
    spikes : SpikeData
        In any order. Spikes outside of its window are left out. Two spikes of one neuron in one
        step are two spikes.

    Returns
    -------
    dict of str to float
        NaN where a statistic is undefined (``docs/statistics.md`` says when).

    Raises
    ------
    UsageError
        If a spike names a neuron that the population does not have.
    """
    return _statistics(_trains(spikes))


def distributions(spikes: SpikeData) -> dict[str, NDArray[np.float64]]:
    """Return one value per neuron for each entry of `DISTRIBUTIONS`.

    Parameters
    ----------
    spikes : SpikeData
        As in `population_statistics`.

    Returns
    -------
    dict of str to ndarray of float64
        ``rate``, shape (size,), spikes/s, silent neurons included; ``lv`` and ``cv``,
        shape (eligible neurons,). In the order of neurons.
    """
    return _distributions(_trains(spikes))


class PopulationMeasure(Measure):
    """What is known of the spikes of any network: statistics and distributions by population."""

    name = "populations"
    statistics = STATISTICS
    distributions = DISTRIBUTIONS
    curves = CURVES
    activity = "rate"
    divisible = True
    headline = ("rate",)

    def values(self, run: Activity) -> Values:
        """Return all of `population_statistics` of every recorded population."""
        return _by_group({p: self._of(run, p)[0] for p in run.populations})

    def samples(self, run: Activity) -> Samples:
        """Return all of `distributions` of every recorded population."""
        return _by_group({p: self._of(run, p)[1] for p in run.populations})

    def traces(self, run: Activity) -> Traces:
        """Return the curves of every recorded population."""
        found: dict[tuple[str, str], Trace] = {}
        for group in run.populations:
            spikes = run.spikes(group)
            found[group, "rate_in_time"] = rate_in_time(spikes)
            found[group, "spectrum"] = spectrum(spikes)
            found[group, "correlations"] = quantiles(correlations(spikes))
            found[group, "cvs"] = quantiles(_trains(spikes).coefficient_of_variation)
        return found

    def _of(
        self, run: Activity, population: str
    ) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
        """Return both; the spikes are sorted once, and not kept."""

        def compute() -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
            trains = _trains(run.spikes(population))
            return _statistics(trains), _distributions(trains)

        return run.once((type(self), population), compute)


T = TypeVar("T")


def _by_group(found: Mapping[str, Mapping[str, T]]) -> dict[tuple[str, str], T]:
    return {(group, name): value for group, own in found.items() for name, value in own.items()}


def _statistics(trains: _Trains) -> dict[str, float]:
    pairs = _Counts(trains, COVARIANCE_BIN)
    found = {
        "rate": _mean(trains.rates),
        "log_sd_rate": _log(_sd_rate(trains)),
        "silent_fraction": _mean(trains.counts == 0) if trains.span else math.nan,
        "lv": trains.pooled_variation,
        "lv_of_neurons": _mean(trains.local_variation),
        "covariance": _covariance(pairs),
        "synchrony": _synchrony(_Counts(trains, SYNCHRONY_BIN)),
        "neurons": float(trains.size),
        "eligible": _mean(trains.eligible) if trains.span else math.nan,
        "cv": _mean(trains.coefficient_of_variation),
        "correlation": _correlation(pairs),
    }
    return {statistic.name: found[statistic.name] for statistic in STATISTICS}


def _distributions(trains: _Trains) -> dict[str, NDArray[np.float64]]:
    return {
        "rate": trains.rates,
        "lv": trains.local_variation,
        "cv": trains.coefficient_of_variation,
    }


def mean_and_sd(values: list[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (NaN: too few values)."""
    array = np.asarray(values, float)
    if not len(array):
        return math.nan, math.nan
    sd = float(array.std(ddof=1)) if len(array) > 1 else float("nan")
    return float(array.mean()), sd


def _trains(spikes: SpikeData) -> _Trains:
    spikes = within(spikes, spikes.begin, spikes.end)
    span = max(0, spikes.end - spikes.begin)
    # one integer per spike sorts several times faster than two columns
    keys = spikes.neurons.astype(np.int64) * span + (spikes.steps - (spikes.begin + 1))
    keys.sort()
    neurons, steps = np.divmod(keys, span) if span else (keys, keys)
    return _Trains(neurons, steps, spikes.size, span, spikes.dt)


def _sd_rate(trains: _Trains) -> float:
    """Return the sample SD of rates, from whole numbers: equal counts give 0, not almost 0."""
    size, counts = trains.size, trains.counts
    if size < 2 or not trains.span:
        return math.nan
    scatter = size * int(counts @ counts) - int(counts.sum()) ** 2
    return math.sqrt(scatter / (size * (size - 1))) / (trains.span * trains.dt / 1000)


class _Counts:
    """Spike counts in bins, as (neuron, bin, count) where the count is not 0.

    Attributes
    ----------
    neurons, bins, values : ndarray of int64, shape (n,)
    size, number : int
        Of neurons; of complete bins. What is left of the window behind them is not counted.
    """

    def __init__(self, trains: _Trains, width: float) -> None:
        steps = max(1, round(width / trains.dt))
        self.size, self.number = trains.size, trains.span // steps
        bins = trains.steps // steps
        counted = bins < self.number
        neurons, bins = trains.neurons[counted], bins[counted]
        starts = np.ones(len(bins), bool)
        starts[1:] = (np.diff(neurons) != 0) | (np.diff(bins) != 0)
        first = np.flatnonzero(starts)
        self.neurons, self.bins = neurons[first], bins[first]
        self.values = np.diff(first, append=len(bins))

    def population(self) -> NDArray[np.int64]:
        """Return the count of all neurons together, shape (number,)."""
        return _sums(self.bins, self.values, self.number)

    def scatter(self) -> NDArray[np.int64]:
        """Return B sum(n^2) - (sum n)^2 over the B bins for every neuron, shape (size,)."""
        squares = _sums(self.neurons, self.values**2, self.size)
        sums = _sums(self.neurons, self.values, self.size)
        return _integers(self.number * squares - sums**2)


def _covariance(counts: _Counts) -> float:
    """Return [Var(sum n) - sum Var(n)] / (N (N - 1)); variances over B - 1 bins.

    The numerator is a small difference of large sums: it is taken in whole numbers.
    """
    size, number = counts.size, counts.number
    if size < 2 or number < 2:
        return math.nan
    population = counts.population()
    together = number * int(population @ population) - int(population.sum()) ** 2
    own = int(counts.scatter().sum())
    return (together - own) / (number * (number - 1) * size * (size - 1))


def _correlation(counts: _Counts) -> float:
    """Return the mean of Pearson's coefficients over all pairs of neurons with a varying count.

    With z_i of unit norm, the sum of all z_i z_j is |sum z|^2: no pair has to be visited.
    """
    scatter = counts.scatter()
    varying = scatter > 0
    size = int(varying.sum())
    if size < 2 or counts.number < 2:
        return math.nan
    norms = np.sqrt(np.where(varying, scatter, np.inf) / counts.number)  # inf: weight 0
    total = np.bincount(counts.bins, counts.values / norms[counts.neurons], counts.number)
    total -= total.mean()
    return float((total @ total - size) / (size * (size - 1)))


def _synchrony(counts: _Counts) -> float:
    """Return variance (over B, not B - 1) / mean of the population's counts."""
    population = counts.population()
    if counts.number < 2 or not population.any():
        return math.nan
    return float(population.var() / population.mean())


def _sums(index: NDArray[np.int64], values: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    # weights of bincount are doubles, which hold whole numbers up to 2^53
    return np.bincount(index, values, length).astype(np.int64)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def _floats(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _integers(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(values, np.int64)
