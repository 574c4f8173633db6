"""Spike trains whose truth is known, to measure the size and the power of the verdict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def gamma_renewal(
    rng: np.random.Generator,
    seeds: int,
    neurons: int,
    duration: float,
    rate: float,
    shape: float = 2.0,
    shared_sd: float = 0.0,
) -> Floats:
    """Draw gamma renewal trains whose rates share one fluctuation per seed.

    Rates are log-normal over neurons (SD 0.3 of the logarithm, mean `rate`), times one factor
    per seed, log-normal with median 1: as in a network, seeds differ by more than independent
    neurons would.

    Parameters
    ----------
    rng : numpy.random.Generator
    seeds, neurons : int
    duration : float
        Seconds.
    rate : float
        Spikes/s.
    shape : float
        Of the intervals: their CV is shape ** -0.5, their LV 3 / (2 shape + 1).
    shared_sd : float
        SD of the logarithm of the factor of a seed.

    Returns
    -------
    ndarray, shape (seeds, neurons, spikes)
        Spike times in seconds, ascending; NaN before the first and after the last one.
    """
    spread = 0.3
    rates = rate * rng.lognormal(-(spread**2) / 2, spread, (seeds, neurons, 1))
    rates *= rng.lognormal(0.0, shared_sd, (seeds, 1, 1))
    # time runs in units of the mean interval; ten intervals are the way to stationarity
    ends = rates * duration
    count = int(np.ceil(10 + ends.max() + 8 * np.sqrt(10 + ends.max())))
    times = rng.gamma(shape, 1 / shape, (seeds, neurons, count)).cumsum(axis=2) - 10
    return np.where((times >= 0) & (times < ends), times / rates, np.nan)


def mean_rates(times: Floats, duration: float) -> Floats:
    """Return the rate of every neuron in spikes/s, shape (seeds, neurons)."""
    rates: Floats = np.count_nonzero(~np.isnan(times), axis=2) / duration
    return rates


def local_variation(times: Floats) -> Floats:
    """Return the mean LV over neurons with two intervals (Shinomoto et al. 2003), (seeds,)."""
    intervals = np.diff(times, axis=2)
    first, second = intervals[..., :-1], intervals[..., 1:]
    terms = 3 * ((first - second) / (first + second)) ** 2
    known = ~np.isnan(terms)
    counts = known.sum(axis=2)
    sums = np.where(known, terms, 0.0).sum(axis=2)
    values = np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return np.asarray(np.nanmean(values, axis=1))
