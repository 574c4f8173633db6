"""Exact propagators of linear equations: the matrix exponential, of one neuron or of many.

What enters only the drive (a current, a resting potential) is linear: it needs no exponential of
its own. So a step of ``dx/dt = A x + B u`` is ``E x + F B u`` with ``E = exp(A dt)`` and
``F = dt (exp(A dt) - 1)/(A dt)``, both of the states alone. Where every neuron has the same ``A``,
SciPy makes them once. Where it differs between neurons, they are the series below, one array over
neurons for every element that is not zero: a neuron's numbers are made of its own parameters by
sums and products in one order, whichever neurons are computed beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Elements = dict[tuple[int, int], Floats]  # (row, column) -> values over neurons; absent: zero

# Series of (exp(x) - 1)/x up to here, at a norm of at most NORM: the rest is below
# NORM^16/17! = 5e-20, far less than the last place of its first term.
TERMS, NORM = 16, 0.5
MOST_SQUARINGS = 1100  # more than the exponent of a double has steps


def expm(matrix: Floats) -> Floats:
    """Return SciPy's matrix exponential."""
    from scipy.linalg import expm as exponential

    found: Floats = exponential(matrix)
    return found


def propagators(
    rates: Mapping[tuple[int, int], Any],
    drives: Mapping[tuple[int, int], Any],
    size: int,
    span: float,
) -> Elements:
    """Return the propagators of many neurons.

    Parameters
    ----------
    rates : mapping
        (state, state) -> coefficient in 1/ms: a number, or one over neurons.
    drives : mapping
        (state, column) -> coefficient of an input, or the constant drive.
    size : int
        Number of states; `drives` has its columns from `size` on.
    span : float
        In ms.

    Returns
    -------
    dict
        (state, column) -> values over neurons, of what is not zero for all of them.

    Notes
    -----
    Scaling and squaring, of ``exp(A)`` and ``p(A) = (exp(A) - 1)/A`` together:
    ``p(2A) = (exp(A) + 1) p(A)/2`` (Higham, Functions of Matrices, 2008, sections 10.5, 10.7.4).
    """
    scaled = {key: np.atleast_1d(np.asarray(value, float)) * span for key, value in rates.items()}
    halvings = _halvings(scaled, size)
    scaled = {key: np.ldexp(value, -halvings) for key, value in scaled.items()}
    ones = {(i, i): np.ones(1) for i in range(size)}
    mean = ones
    for k in range(TERMS, 1, -1):
        mean = _plus(ones, {key: v / k for key, v in _times(scaled, mean).items()})
    grown = _plus(ones, _times(scaled, mean))
    for k in range(int(halvings.max(initial=0))):
        more = halvings > k  # of each neuron its own number of times
        half = {key: value / 2 for key, value in _times(_plus(grown, ones), mean).items()}
        mean = _where(more, half, mean)
        grown = _where(more, _times(grown, grown), grown)
    whole = {key: value * span for key, value in mean.items()}
    given = {key: np.atleast_1d(np.asarray(v, float)) for key, v in drives.items()}
    return grown | _times(whole, given)


def driven(response: Floats, drive: Floats) -> Floats:
    """Return what a drive adds in a step, shape (neurons, states).

    Parameters
    ----------
    response : ndarray, shape (states, states)
        What one unit of drive to a state (column) adds to each (row).
    drive : ndarray, shape (neurons, states)
    """
    # a product of matrices would round by what stands beside a neuron
    columns = [
        sum(response[i, j] * drive[:, j] for j in range(len(response)))
        for i in range(len(response))
    ]
    return np.stack(columns, axis=-1)


def _halvings(matrix: Elements, size: int) -> NDArray[np.int64]:
    """Return how often each matrix has to be halved until its norm is at most `NORM`."""
    columns: list[Any] = [np.zeros(1)] * size
    for (_, j), value in matrix.items():
        columns[j] = columns[j] + np.abs(value)
    norm = np.max(np.broadcast_arrays(*columns), axis=0) if size else np.zeros(1)
    exponent = np.frexp(norm / NORM)[1]  # norm < NORM * 2^exponent
    halvings: NDArray[np.int64] = np.clip(exponent, 0, MOST_SQUARINGS).astype(np.int64)
    return halvings


def _plus(a: Elements, b: Elements) -> Elements:
    return {key: a[key] + b[key] if key in a and key in b else a.get(key, b.get(key))  # type: ignore[misc]
            for key in sorted(a.keys() | b.keys())}  # fmt: skip


def _times(a: Elements, b: Elements) -> Elements:
    found: Elements = {}
    for (i, k), left in sorted(a.items()):
        for (other, j), right in sorted(b.items()):
            if other == k:
                term = left * right
                found[i, j] = found[i, j] + term if (i, j) in found else term
    return found


def _where(chosen: NDArray[np.bool_], a: Elements, b: Elements) -> Elements:
    nothing = np.zeros(1)
    keys = sorted(a.keys() | b.keys())
    return {key: np.where(chosen, a.get(key, nothing), b.get(key, nothing)) for key in keys}
