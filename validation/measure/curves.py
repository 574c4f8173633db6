"""Curves of a population's spikes, to be drawn beside its statistics; none of them is judged.

The definitions stand in ``docs/statistics.md``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from netspec.execute.measure import Curve, within
from netspec.execute.results import SpikeData

POINTS = 100  # of a rate in time, at most
LEVELS = np.linspace(0, 1, 41)  # of a distribution
SAMPLE = 200  # neurons whose pairs are correlated: 19,900 pairs
CORRELATION_BIN = 2.0  # ms, as of the statistic of that name
SPECTRUM_BIN = 1.0  # ms: frequencies up to 500 Hz
SEGMENT = 512  # bins: 2 Hz apart
Floats = NDArray[np.float64]
Trace = tuple[Floats, Floats]

CURVES = (
    Curve("rate_in_time", "1/s", "time", "ms", "mean rate in bins of equal length"),
    Curve(
        "spectrum",
        "1/s^2/Hz",
        "frequency",
        "Hz",
        "power spectral density of the mean rate, one-sided, mean over segments of 512 ms (Welch)",
    ),
    Curve(
        "correlations",
        "",
        "share of pairs",
        "",
        f"correlation coefficients of spike counts, bins of {CORRELATION_BIN:g} ms, all pairs of "
        f"at most {SAMPLE} neurons: quantiles",
    ),
    Curve("cvs", "", "share of neurons", "", "CV of intervals of eligible neurons: quantiles"),
)


def rate_in_time(spikes: SpikeData) -> Trace:
    """Return the middles of bins in ms from the begin of the window, and the mean rate in 1/s."""
    span = max(0, spikes.end - spikes.begin)
    width = max(1, math.ceil(span / POINTS))
    number = span // width
    counts = _counts(spikes, width, number)
    seconds = width * spikes.dt / 1000
    middles = np.asarray((np.arange(number) + 0.5) * width * spikes.dt, np.float64)
    rates = counts / (spikes.size * seconds) if spikes.size else np.full(number, np.nan)
    return middles, np.asarray(rates, np.float64)


def spectrum(spikes: SpikeData) -> Trace:
    """Return frequencies in Hz above 0, and the power spectral density of the mean rate.

    Segments overlap by half, with Hann's window and without their mean; a Poisson process of rate r
    has 2 r / N at all frequencies. Empty for a window shorter than two segments.
    """
    from scipy.signal import welch

    width = max(1, round(SPECTRUM_BIN / spikes.dt))
    number = max(0, spikes.end - spikes.begin) // width
    if number < 2 * SEGMENT or not spikes.size:
        return np.empty(0), np.empty(0)
    seconds = width * spikes.dt / 1000
    rates = _counts(spikes, width, number) / (spikes.size * seconds)
    frequencies, density = welch(rates, fs=1 / seconds, nperseg=SEGMENT)
    return frequencies[1:], density[1:]


def correlations(spikes: SpikeData) -> Floats:
    """Return Pearson's coefficients of counts of all pairs of some neurons, shape (pairs,).

    Every k-th of the neurons that fire, so that at most `SAMPLE` are taken; those whose count does
    not vary are left out.
    """
    from scipy.sparse import csr_array

    width = max(1, round(CORRELATION_BIN / spikes.dt))
    number = max(0, spikes.end - spikes.begin) // width
    spikes = within(spikes, spikes.begin, spikes.begin + number * width)
    active = np.unique(spikes.neurons)
    if number < 2 or len(active) < 2:
        return np.empty(0)
    chosen = active[:: math.ceil(len(active) / SAMPLE)]
    row = np.full(spikes.size, -1)
    row[chosen] = np.arange(len(chosen))
    kept = row[spikes.neurons] >= 0
    bins = (spikes.steps[kept] - spikes.begin - 1) // width
    places = row[spikes.neurons[kept]], bins
    counts = csr_array((np.ones(len(bins)), places), shape=(len(chosen), number))
    sums, products = counts.sum(axis=1), (counts @ counts.T).toarray()
    scatter = number * products - np.outer(sums, sums)  # whole numbers
    scatter = scatter[np.ix_(*[np.diag(scatter) > 0] * 2)]
    spread = np.sqrt(np.diag(scatter))
    found: Floats = (scatter / np.outer(spread, spread))[np.triu_indices(len(spread), 1)]
    return found


def quantiles(values: Floats) -> Trace:
    """Return the levels 0 to 1, and the quantiles of some values; empty without values."""
    if not len(values):
        return np.empty(0), np.empty(0)
    return LEVELS, np.asarray(np.quantile(values, LEVELS), np.float64)


def _counts(spikes: SpikeData, width: int, number: int) -> NDArray[np.int64]:
    """Return the spikes of all neurons in bins of so many steps, shape (number,)."""
    spikes = within(spikes, spikes.begin, spikes.begin + number * width)
    bins = (spikes.steps.astype(np.int64) - spikes.begin - 1) // width
    return np.bincount(bins, minlength=number)[:number]
