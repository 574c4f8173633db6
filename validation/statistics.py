"""Statistics of spikes, one value per seed and population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netspec.results import SpikeData

MIN_VECTOR = 0.3  # below this length of the population vector an angle means nothing


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


def bump(spikes: SpikeData) -> Bump:
    """Decode a ring by its population vector.

    Neuron i of N stands for the angle 360 i / N, as in the description of the circuit.
    """
    if not len(spikes):
        return Bump(0.0, 0.0, float("nan"))
    counts = np.bincount(spikes.neurons, minlength=spikes.size)
    angles = 2 * np.pi * np.arange(spikes.size) / spikes.size
    vector = (counts @ np.exp(1j * angles)) / counts.sum()
    length = float(np.abs(vector))
    angle = float(np.degrees(np.angle(vector)) % 360) if length >= MIN_VECTOR else float("nan")
    return Bump(spikes.rate(), length, angle)


def mean_and_sd(values: list[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (NaN for fewer than two values)."""
    array = np.asarray(values, float)
    sd = float(array.std(ddof=1)) if len(array) > 1 else float("nan")
    return float(array.mean()), sd
