"""Products with the kernels of continuous coupling: S_i = sum_j w_ij s_j.

What every adapter uses that computes the coupling between two steps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from netspec.connectivity import Kernel, UniformKernel

ROUNDING = 1e-16  # relative size of Fourier coefficients that are left out
FEW = 32  # Fourier terms, up to which a ring is coupled through them instead of by FFT

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
    return _circulant(kernel.values(size))


def _circulant(profile: NDArray[np.float64]) -> Product:
    """Return the product with a circulant matrix, exact to rounding.

    Parameters
    ----------
    profile : ndarray, shape (size,)
        The weights by distance around the ring, the same in both directions.

    Returns
    -------
    Product
    """
    from scipy.fft import irfft, rfft

    size = len(profile)
    spectrum = rfft(profile).real  # real, as the profile is even
    waves = np.flatnonzero(np.abs(spectrum) > ROUNDING * np.abs(spectrum).max())

    def by_transform(source: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = irfft(rfft(source) * spectrum, size)
        return found

    if len(waves) > FEW:
        return by_transform
    # A smooth profile has few waves, and products with these take less time than two FFTs; of many
    # rows, FFTs take less, and treat every row alike
    angle = 2 * np.pi / size * (np.outer(waves, np.arange(size)) % size)
    basis = np.concatenate([np.cos(angle), np.sin(angle)])
    # all waves but the mean and the shortest stand for their negative frequency too
    factors = np.tile(spectrum[waves] * np.where(2 * waves % size, 2, 1) / size, 2)
    amplitudes, result = np.empty(len(basis)), np.empty(size)

    def product(source: NDArray[np.float64]) -> NDArray[np.float64]:
        if source.ndim > 1:
            return by_transform(source)
        np.dot(basis, source, out=amplitudes)
        np.multiply(amplitudes, factors, out=amplitudes)
        return np.dot(amplitudes, basis, out=result)

    return product
