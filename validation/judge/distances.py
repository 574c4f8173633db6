"""Do two backends draw the same distributions? Distances between seeds, and their ratio.

R = mean distance between seeds of two backends / mean distance between seeds of one. Neurons of
one run are not independent, so that only whole seeds are permuted and drawn again. The method
stands in ``docs/verdict.md``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.errors import UsageError
from netspec.validation.judge.comparison_kinds import DistributionComparison
from netspec.validation.judge.means import ONE_LOOK, Levels

EXACT_UP_TO = 20_000  # labellings; 8 + 8 seeds have 12,870
RESAMPLES = 9_999
MIN_SEEDS = 3  # two seeds have one distance, and it has no spread
Floats = NDArray[np.float64]


def wasserstein(x: Floats, y: Floats) -> float:
    """Return the Wasserstein-1 distance of two sorted samples, shapes (n,) and (m,), exactly.

    It is the area between the two quantile functions, steps at i / n and at j / m.
    """
    n, m = len(x), len(y)
    if n == m:
        return float(np.mean(np.abs(x - y)))
    # steps in units of 1 / (n m) are whole numbers: of two equal ones, one has a width of zero
    ends = np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n])
    ends.sort(kind="stable")  # merges sorted runs
    widths = np.diff(ends, prepend=0) / (n * m)
    return float(widths @ np.abs(x[(ends - 1) // m] - y[(ends - 1) // n]))


def distance_matrix(samples: Sequence[Floats]) -> Floats:
    """Return the Wasserstein-1 distances of all pairs of samples, shape (seeds, seeds)."""
    ordered = [np.sort(sample) for sample in samples]
    result = np.zeros((len(ordered), len(ordered)))
    for i, j in itertools.combinations(range(len(ordered)), 2):
        result[i, j] = result[j, i] = wasserstein(ordered[i], ordered[j])
    return result


def ratios(distances: Floats, a: Floats, b: Floats, counted: Floats | None = None) -> Floats:
    """Return R for many ways to weigh the seeds.

    Parameters
    ----------
    distances : ndarray, shape (seeds, seeds)
    a, b : ndarray, shape (ways, seeds)
        How often each seed is drawn for either side.
    counted : ndarray, shape (seeds, seeds), optional
        0 for pairs that share a network, whose distance is none between seeds; else 1.

    Returns
    -------
    ndarray, shape (ways,)
        Mean between / mean within, the latter averaged over the sides. The distance of a seed
        to itself, zero, is no distance between seeds and is left out. 1 where all distances
        are zero, NaN where a side consists of one seed.
    """

    def within(weights: Floats) -> Floats:
        pairs = weights.sum(1) ** 2 - (weights**2).sum(1)
        total = np.einsum("wi,wi->w", weights @ distances, weights)
        means: Floats = np.divide(total, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
        return means

    weights = np.ones_like(distances) if counted is None else counted
    with np.errstate(invalid="ignore"):
        between = np.einsum("wi,wi->w", a @ (distances * weights), b) / np.einsum(
            "wi,wi->w", a @ weights, b
        )
    inside = (within(a) + within(b)) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((between == 0) & (inside == 0), 1.0, between / inside)


def compare_distributions(
    reference: Sequence[ArrayLike],
    other: Sequence[ArrayLike],
    limit: float,
    seed: int = 0,
    matched: bool = False,
    levels: Levels = ONE_LOOK,
) -> DistributionComparison:
    """Compare per-neuron samples, one array per seed (NaN: undefined for that neuron).

    With `matched`, samples at the same place belong together (one seed and one network): labels
    are exchanged within pairs, pairs are drawn again, and the distance within a pair is left out.
    """
    sides = [[_finite(sample) for sample in side] for side in (reference, other)]
    if matched and len(sides[0]) != len(sides[1]):
        raise UsageError(f"{len(sides[0])} and {len(sides[1])} samples: pairs need as many")
    known = [[len(sample) > 0 for sample in side] for side in sides]
    if matched:
        known = [[all(pair) for pair in zip(*known, strict=True)]] * 2
    a, b = (
        [sample for sample, here in zip(side, which, strict=True) if here]
        for side, which in zip(sides, known, strict=True)
    )
    seeds, undefined = (len(a), len(b)), (len(sides[0]) - len(a), len(sides[1]) - len(b))
    if min(seeds) < MIN_SEEDS:
        between = [wasserstein(np.sort(x), np.sort(y)) for x, y in itertools.product(a, b)]
        distance = float(np.mean(between)) if between else math.nan
        return DistributionComparison(
            limit, seeds, undefined, matched=matched, distance=distance, levels=levels
        )
    distances = distance_matrix(a + b)
    draws = _draws(*seeds, RESAMPLES, seed, matched)
    permuted = ratios(distances, draws.labels, 1 - draws.labels, draws.counted)
    as_large = np.count_nonzero(permuted >= permuted[0] * (1 - 1e-12))
    return DistributionComparison(
        limit, seeds, undefined,
        ratio=float(permuted[0]),
        upper=_upper_bound(distances, draws, levels.equivalence),
        p_difference=float(as_large / len(permuted)),
        permutations=len(permuted),
        exact=draws.exact,
        matched=matched,
        levels=levels,
    )  # fmt: skip


def _finite(sample: ArrayLike) -> Floats:
    values = np.asarray(sample, float)
    known: Floats = values[np.isfinite(values)]
    return known


@dataclass(frozen=True)
class _Draws:
    """Weights of the seeds, shape (ways, seeds): one way of drawing them is one row.

    Attributes
    ----------
    labels : ndarray
        1 where a seed is called the reference's; the first row is the truth.
    exact : bool
        Whether these are all labellings.
    a, b : ndarray
        How often the bootstrap draws each seed for either side.
    counted : ndarray, shape (seeds, seeds)
        As in `ratios`.
    """

    labels: Floats
    exact: bool
    a: Floats
    b: Floats
    counted: Floats


@lru_cache(maxsize=2)  # the same for all populations and quantities of a verdict
def _draws(n: int, m: int, number: int, seed: int, matched: bool) -> _Draws:
    rng = np.random.default_rng(seed)
    labels, exact = _exchanges(n, number, rng) if matched else _labellings(n, m, number, rng)
    a, b = np.zeros((2, number, n + m))
    a[:, :n] = rng.multinomial(n, np.full(n, 1 / n), number)
    b[:, n:] = a[:, :n] if matched else rng.multinomial(m, np.full(m, 1 / m), number)
    counted = np.ones((n + m, n + m))
    if matched:
        here = np.arange(n)
        counted[here, n + here] = counted[n + here, here] = 0
    return _Draws(labels.astype(float), exact, a, b, counted)


def _exchanges(n: int, number: int, rng: np.random.Generator) -> tuple[NDArray[np.bool_], bool]:
    """Return labels as `_labellings`, with partners exchanged in some of n pairs.

    The first pair keeps its labels: exchanging all leaves the ratio as it is.
    """
    exact = 2 ** (n - 1) <= EXACT_UP_TO
    if exact:
        swapped = np.arange(2 ** (n - 1))[:, None] >> np.arange(n - 1) & 1 == 1
    else:
        swapped = rng.random((number + 1, n - 1)) < 0.5
        swapped[0] = False
    keep = np.insert(~swapped, 0, True, axis=1)
    return np.concatenate([keep, ~keep], axis=1), exact


def _labellings(
    n: int, m: int, number: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], bool]:
    """Return which seeds are called the reference's, shape (labellings, n + m); the true first."""
    exact = math.comb(n + m, n) <= EXACT_UP_TO
    if exact:
        chosen = np.array(list(itertools.combinations(range(n + m), n)))
    else:
        drawn = rng.random((number, n + m)).argsort(axis=1)[:, :n]
        chosen = np.concatenate([np.arange(n)[None], drawn])
    labels = np.zeros((len(chosen), n + m), bool)
    np.put_along_axis(labels, chosen, True, axis=1)
    return labels, exact


def _upper_bound(distances: Floats, draws: _Draws, alpha: float) -> float:
    """Return the upper end of R's 1 - alpha interval, from seeds drawn again.

    At one look that is 95 %. The 90 % interval, as for means, would be too short: at a true R at
    the margin it lies inside in 7 to 10 % of all cases, this one in 1 to 5 %
    (benchmarks/verdict_power.py).
    """
    drawn = ratios(distances, draws.a, draws.b, draws.counted)
    # no interpolation: some may be infinite
    return float(np.quantile(drawn[~np.isnan(drawn)], 1 - alpha / 2, method="higher"))
