"""Explicit synapses from arrays: of neurons that have a place, from a matrix, by out-degree.

What is drawn here is drawn once, when the description is written, and stands in it: the same
synapses on every simulator and for every seed of a run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.describe.connectivity import Explicit

Floats = NDArray[np.float64]


def distances(pre: ArrayLike, post: ArrayLike, period: ArrayLike | None = None) -> Floats:
    """Return the distance of every pair of neurons, shape (n_pre, n_post).

    Parameters
    ----------
    pre, post : array_like
        Places, shape (neurons, dimensions), or (neurons,) on a line; of any unit of length.
    period : array_like, optional
        Length after which space repeats itself, one number or one for each dimension: on a ring or
        torus the shorter way counts.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    first, second = (np.asarray(places, float) for places in (pre, post))
    first, second = (p[:, None] if p.ndim == 1 else p for p in (first, second))
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(
            f"places of shapes {np.shape(pre)} and {np.shape(post)}; allowed: (neurons,) or "
            "(neurons, dimensions), with the same dimensions"
        )
    apart = np.abs(first[:, None] - second[None])
    if period is not None:
        around = np.asarray(period, float)
        apart = np.mod(apart, around)
        apart = np.minimum(apart, around - apart)
    found: Floats = np.sqrt((apart**2).sum(axis=-1))
    return found


def pairs(
    p: ArrayLike,
    seed: int,
    weight: ArrayLike | None = None,
    delay: ArrayLike | None = None,
    allow_autapses: bool = True,
) -> Explicit:
    """Return synapses between pairs, each of which is connected with a probability of its own.

    Parameters
    ----------
    p : array_like
        Probabilities from 0 to 1, or truth values, shape (n_pre, n_post); of the neurons of two
        populations, or of one and itself.
    seed : int
    weight, delay : array_like, optional
        Of every pair, shape (n_pre, n_post), in the canonical units of the receptor's state and
        in ms; what the projection says if absent.
    allow_autapses : bool
        Whether pairs (k, k) are kept, which matters for one population and itself.

    Raises
    ------
    ValueError
        If shapes differ, or a number is no probability.

    Examples
    --------
    >>> rule = pairs(distances([0, 1, 2], [0, 1, 2]) < 1.5, seed=1, allow_autapses=False)
    >>> list(zip(rule.pre, rule.post))
    [(0, 1), (1, 0), (1, 2), (2, 1)]
    """
    chances = np.asarray(p, float)
    if chances.ndim != 2 or not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError(
            f"p: given an array of shape {chances.shape} from {chances.min(initial=np.inf):g} to "
            f"{chances.max(initial=-np.inf):g}; allowed: shape (n_pre, n_post), from 0 to 1"
        )
    chosen = np.random.default_rng(seed).random(chances.shape) < chances
    if not allow_autapses:
        np.fill_diagonal(chosen, False)
    where = np.nonzero(chosen)
    own: dict[str, Any] = {}
    for name, given in (("weight", weight), ("delay", delay)):
        if given is None:
            continue
        values = np.asarray(given, float)
        if values.shape != chances.shape:
            raise ValueError(f"{name}: given shape {values.shape}; allowed: {chances.shape}")
        own[name] = values[where].tolist()
    return Explicit(pre=where[0].tolist(), post=where[1].tolist(), **own)


def fixed_outdegree(
    n_pre: int, n_post: int, outdegree: int, seed: int, allow_multapses: bool = True
) -> Explicit:
    """Return synapses of which every source neuron has the same number, to random targets.

    Parameters
    ----------
    n_pre, n_post : int
        Sizes of the two populations.
    outdegree : int
    seed : int
    allow_multapses : bool
        Whether a source may reach a target more than once.

    Raises
    ------
    ValueError
        If there are fewer targets than a source is to reach.
    """
    if not allow_multapses and outdegree > n_post:
        raise ValueError(f"outdegree: given {outdegree}; allowed: up to {n_post} without multapses")
    random = np.random.default_rng(seed)
    post = (
        random.integers(0, n_post, (n_pre, outdegree))
        if allow_multapses
        else np.argsort(random.random((n_pre, n_post)), axis=1)[:, :outdegree]
    )
    return Explicit(pre=np.repeat(np.arange(n_pre), outdegree), post=post.ravel())
