"""Products with the kernels of continuous coupling: S_i = sum_j w_ij s_j.

What every adapter uses that computes the coupling between two steps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from netspec.describe.connectivity import Kernel, RingKernel, UniformKernel

ROUNDING = 1e-16  # relative size of Fourier coefficients that are left out
FEW = 32  # waves, up to which a ring is coupled through them instead of by FFT

Product = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def product(kernel: Kernel, size: int) -> Product:
    """Return a function that computes the coupling, exact to rounding.

    Parameters
    ----------
    kernel : UniformKernel or RingKernel
    size : int
        Targets; for a ring, sources as well.

    Returns
    -------
    callable
        From s, shape (..., sources), to S, shape (..., size), or (..., 1) if it is the same for all
        targets. What is computed of a row does not depend on the other rows. The result may be the
        same memory at every call.
    """
    if isinstance(kernel, UniformKernel):
        weight = kernel.weight
        return lambda source: weight * source.sum(axis=-1, keepdims=True)
    return _circulant(kernel, size)


def waves(
    kernel: Kernel, size: int, rounding: float = ROUNDING
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the waves around a ring that a coupling consists of, and the factors of them.

    S_i = sum_k factor_k sum_j s_j cos(2 pi k (i - j) / size). A uniform coupling is the wave 0.

    Parameters
    ----------
    kernel : UniformKernel or RingKernel
    size : int
        Neurons of the ring.
    rounding : float
        Waves whose factor is smaller than this, relative to the largest, are left out, but never
        the mean.

    Returns
    -------
    waves : ndarray of int, shape (n,)
        Frequencies k, ascending, 0 the first, up to half the size.
    factors : ndarray of float64, shape (n,)
    """
    if isinstance(kernel, UniformKernel):
        return np.zeros(1, np.intp), np.array([kernel.weight])
    return _largest(_spectrum(kernel, size), size, rounding)


def _largest(
    spectrum: NDArray[np.float64], size: int, rounding: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return frequencies and factors as `waves`, of the real Fourier coefficients of a ring."""
    large = np.abs(spectrum) > rounding * np.abs(spectrum).max()
    large[0] = True
    found = np.flatnonzero(large)
    # all but the mean and the shortest stand for their negative frequency too
    return found, spectrum[found] * np.where(2 * found % size, 2, 1) / size


def _spectrum(kernel: RingKernel, size: int) -> NDArray[np.float64]:
    from scipy.fft import rfft

    # real, as weights by distance are the same in both directions
    found: NDArray[np.float64] = rfft(kernel.values(size)).real
    return found


def _circulant(kernel: RingKernel, size: int) -> Product:
    """Return the product with a ring's weights, a circulant matrix."""
    from scipy.fft import irfft, rfft

    spectrum = _spectrum(kernel, size)
    frequencies, factors = _largest(spectrum, size, ROUNDING)

    def by_transform(source: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = irfft(rfft(source) * spectrum, size)
        return found

    if len(frequencies) > FEW:
        return by_transform
    # A smooth profile has few waves, and products with these take less time than two FFTs; of many
    # rows, FFTs take less, and treat every row alike
    angle = 2 * np.pi / size * (np.outer(frequencies, np.arange(size)) % size)
    basis = np.concatenate([np.cos(angle), np.sin(angle)])
    factors = np.tile(factors, 2)
    amplitudes, result = np.empty(len(basis)), np.empty(size)

    def product(source: NDArray[np.float64]) -> NDArray[np.float64]:
        if source.ndim > 1:
            return by_transform(source)
        np.dot(basis, source, out=amplitudes)
        np.multiply(amplitudes, factors, out=amplitudes)
        return np.dot(amplitudes, basis, out=result)

    return product
