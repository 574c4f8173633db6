"""The bump of a ring: is there one, where is it, what shape has it, how fast does it wander.

Neuron i of N stands for the angle 360 i / N, as in the description of the circuit. Decoding with
360 (i + 1/2) / N instead turns every angle by 180 / N degrees, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.execute.measure import within
from netspec.execute.results import SpikeData

MIN_VECTOR = 0.3  # below this length of the population vector an angle means nothing
MIN_TUNED_RATE = 2.0  # spikes/s, rate times vector length: a few stray spikes are no bump
DECODE_WINDOW = 100.0  # ms
DECODE_STEP = 20.0  # ms
SMOOTHING = 5.0  # degrees, SD of the Gaussian that smooths the profile
FLANK = 90.0  # degrees from the bump's angle; neurons farther away are its flank


@dataclass(frozen=True)
class Bump:
    """Activity of a ring within a window.

    Attributes
    ----------
    rate : float
        Mean rate in spikes/s.
    vector_length : float
        Length of the population vector, 0 (no preference) to 1.
    angle : float
        Its direction in degrees, 0 to 360; NaN if the vector is shorter than `MIN_VECTOR`.
    """

    rate: float
    vector_length: float
    angle: float

    @property
    def present(self) -> bool:
        """Whether this is a bump: a long vector, and not of a few stray spikes."""
        return bool(_present(self.vector_length, self.rate))


def bump(spikes: SpikeData) -> Bump:
    """Decode a ring by its population vector over the whole window."""
    spikes = within(spikes, spikes.begin, spikes.end)
    if not len(spikes):
        return Bump(0.0, 0.0, math.nan)
    counts = np.bincount(spikes.neurons, minlength=spikes.size)
    vector = (counts @ np.exp(1j * _radians(spikes.size))) / counts.sum()
    length = float(np.abs(vector))
    angle = float(np.degrees(np.angle(vector)) % 360) if length >= MIN_VECTOR else math.nan
    return Bump(spikes.rate(), length, angle)


@dataclass(frozen=True)
class Trace:
    """A ring decoded in a sliding window.

    Attributes
    ----------
    times : ndarray of float64, shape (n,)
        Centres of the windows in ms from the start of the warm-up.
    angles : ndarray of float64, shape (n,)
        Degrees, unwrapped: no jump at 0 = 360. NaN where the vector is shorter than `MIN_VECTOR`.
    vector_lengths, rates : ndarray of float64, shape (n,)
        Rates in spikes/s.
    window, step : float
        In ms, in whole time steps of the simulation.
    """

    times: NDArray[np.float64]
    angles: NDArray[np.float64]
    vector_lengths: NDArray[np.float64]
    rates: NDArray[np.float64]
    window: float
    step: float

    @property
    def lost(self) -> int | None:
        """Index of the first window without a bump; None if the bump is there throughout."""
        present = _present(self.vector_lengths, self.rates)
        return None if present.all() else int(np.argmin(present))


def decode(spikes: SpikeData, window: float = DECODE_WINDOW, step: float = DECODE_STEP) -> Trace:
    """Decode a ring in windows that lie within the window of the spikes.

    Parameters
    ----------
    spikes : SpikeData
        Of the excitatory population, in any order.
    window, step : float
        In ms. Rounded to whole time steps, the window to whole `step`.

    Returns
    -------
    Trace
        Empty if the spikes' window is shorter than `window`. The angle is unwrapped on the
        assumption that it moves less than 180 deg between two windows that have one.
    """
    spikes = within(spikes, spikes.begin, spikes.end)
    hop = max(1, round(step / spikes.dt))
    per_window = max(1, round(window / (hop * spikes.dt)))
    number = (spikes.end - spikes.begin) // hop
    bins = (spikes.steps - spikes.begin - 1) // hop
    kept = bins < number
    bins, angles = bins[kept], _radians(spikes.size)[spikes.neurons[kept]]

    def sliding(weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        sums = np.bincount(bins, weights, number)
        if number < per_window:
            return np.empty(0)
        return np.asarray(np.convolve(sums, np.ones(per_window), "valid"), np.float64)

    counts = sliding(None)
    vectors = (sliding(np.cos(angles)) + 1j * sliding(np.sin(angles))) / np.maximum(counts, 1)
    lengths = np.abs(vectors)
    decoded = np.full(len(lengths), math.nan)
    clear = lengths >= MIN_VECTOR
    decoded[clear] = np.degrees(np.unwrap(np.angle(vectors[clear]) % (2 * np.pi)))
    width = per_window * hop * spikes.dt
    begins = spikes.begin + np.arange(len(counts)) * hop
    return Trace(
        times=np.asarray(begins * spikes.dt + width / 2, np.float64),
        angles=decoded,
        vector_lengths=lengths,
        rates=counts / (spikes.size * width / 1000),
        window=width,
        step=hop * spikes.dt,
    )


@dataclass(frozen=True)
class Profile:
    """Rates around a bump.

    Attributes
    ----------
    angles, rates : ndarray of float64, shape (size,)
        Degrees from the bump, -180 to 180; smoothed rates in spikes/s.
    peak, width, flank : float
        Largest smoothed rate; full width where it falls to half way between peak and flank
        (degrees; NaN if it never does); rate farther away than `FLANK`, not smoothed.
    """

    angles: NDArray[np.float64]
    rates: NDArray[np.float64]
    peak: float
    width: float
    flank: float


def profile(spikes: SpikeData, trace: Trace) -> Profile:
    """Average the rates around the bump over windows that do not overlap.

    Each window is turned so that its decoded angle is 0: a bump that wanders is not smeared.
    Windows from the loss of the bump on are left out.

    Parameters
    ----------
    spikes : SpikeData
        Of the excitatory population, in any order.
    trace : Trace
        Of the same spikes, by `decode`.

    Returns
    -------
    Profile
        NaN throughout if the first window has no bump.
    """
    from scipy.ndimage import gaussian_filter1d

    spikes = within(spikes, spikes.begin, spikes.end)
    angles = (np.arange(spikes.size) - spikes.size // 2) * 360 / spikes.size
    stride = round(trace.window / trace.step)
    turns = np.round(trace.angles[: trace.lost : stride] * spikes.size / 360).astype(np.int64)
    if not len(turns):
        return Profile(angles, np.full(spikes.size, math.nan), math.nan, math.nan, math.nan)
    length = round(trace.window / spikes.dt)
    index = (spikes.steps - spikes.begin - 1) // length
    seen = index < len(turns)
    turned = (spikes.neurons[seen].astype(np.int64) - turns[index[seen]] + spikes.size // 2) % (
        spikes.size
    )
    counts = np.bincount(turned, minlength=spikes.size)
    rates = counts / (len(turns) * trace.window / 1000)
    flank = float(rates[np.abs(angles) > FLANK].mean())
    smooth = gaussian_filter1d(rates, SMOOTHING * spikes.size / 360, mode="wrap")
    width = _width(smooth, flank) * 360 / spikes.size
    return Profile(angles, smooth, float(smooth.max()), width, flank)


def _width(rates: NDArray[np.float64], flank: float) -> float:
    """Return the full width at half height above `flank`, in neurons, interpolated."""
    half = (rates.max() + flank) / 2
    found = 0.0
    for side in (rates, rates[::-1]):
        down = np.roll(side, -int(np.argmax(side)))
        below = np.flatnonzero(down < half)
        if not len(below):
            return math.nan
        last = below[0] - 1
        found += last + (down[last] - half) / (down[last] - down[last + 1])
    return float(found)


def mean_squared_displacement(
    trace: Trace,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lags (ms) and the mean squared displacement of the angle (deg^2).

    Lags go from one window, below which two windows share spikes, to two windows or a quarter of
    the trace, whichever is longer. Empty if the trace is too short or has a gap.
    """
    number = len(trace.times)
    first = round(trace.window / trace.step)
    last = max(2 * first, number // 4)
    if number <= last or np.isnan(trace.angles).any():
        return np.empty(0), np.empty(0)
    lags = np.arange(first, last + 1)
    angles = trace.angles
    msd = [float(np.mean((angles[lag:] - angles[:-lag]) ** 2)) for lag in lags]
    return np.asarray(lags * trace.step, np.float64), np.array(msd, np.float64)


def diffusion(trace: Trace) -> float:
    """Return the diffusion coefficient in deg^2/s: half the slope of the MSD (NaN if too short).

    The straight line has an offset, which takes up the noise of decoding and the average over
    the window; neither changes the slope. Traces of equal length have equal lags, so the mean of
    their coefficients is that of their mean MSD.
    """
    lags, msd = mean_squared_displacement(trace)
    if len(lags) < 2:
        return math.nan
    slope = np.polyfit(lags / 1000, msd, 1)[0]
    return float(slope / 2)


def _present(length: Any, rate: Any) -> Any:
    """Whether there is a bump: a long vector, and not of a few stray spikes."""
    return (length >= MIN_VECTOR) & (length * rate >= MIN_TUNED_RATE)


def _radians(size: int) -> NDArray[np.float64]:
    return np.asarray(2 * np.pi * np.arange(size) / size)
