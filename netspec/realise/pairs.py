"""Which pairs a rule connects: drawn block by block, sorted by (pre, post).

Source of the method: pairs drawn with replacement are independent and uniform, so their
numbers per block of rows are multinomial, and within a block they are again uniform.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from netspec.describe.connectivity import (
    Explicit,
    FixedIndegree,
    FixedTotalNumber,
    OneToOne,
    PairwiseBernoulli,
    Rule,
)


class Streams(Protocol):
    """The random streams of a projection."""

    def __call__(self, purpose: str, block: int = 0) -> np.random.Generator:
        """Return the stream of a purpose and block, at its beginning."""


class Pairs:
    """The pairs of one projection.

    Parameters
    ----------
    rule : Rule
    n_pre, n_post : int
        Sizes of the two populations.
    same : bool
        Whether they are one.
    blocks : sequence of (int, int)
        First and last (exclusive) source of each block.
    stream : Streams
    """

    def __init__(
        self,
        rule: Rule,
        n_pre: int,
        n_post: int,
        same: bool,
        blocks: Sequence[tuple[int, int]],
        stream: Streams,
    ) -> None:
        self.rule, self.n_pre, self.n_post = rule, n_pre, n_post
        self.blocks, self.stream = blocks, stream
        self.skip_self = rule.leaves_out(same)
        self.columns = n_post - int(self.skip_self)
        if isinstance(rule, FixedTotalNumber):
            self.counts = self._counts_per_block(rule)
        elif isinstance(rule, FixedIndegree):
            self.sorted_codes = self._indegree_codes(rule)
        elif isinstance(rule, Explicit):
            pre, post = (np.asarray(a, np.uint32) for a in (rule.pre, rule.post))
            self.order = np.lexsort((post, pre))
            self.explicit = pre[self.order], post[self.order]

    def block(self, index: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
        """Return sources, targets and, of explicit synapses, their places in the description."""
        first, last = self.blocks[index]
        if isinstance(self.rule, Explicit):
            lo, hi = np.searchsorted(self.explicit[0], np.array([first, last], np.uint32))
            return self.explicit[0][lo:hi], self.explicit[1][lo:hi], self.order[lo:hi]
        return *self._pairs(index, first, last), np.empty(0, np.intp)

    def _pairs(self, index: int, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if isinstance(self.rule, OneToOne):
            rows = np.arange(first, last, dtype=np.uint32)
            return rows, rows
        space = (last - first) * self.columns
        dtype = np.uint32 if space < 2**32 else np.uint64
        generator = self.stream("pairs", index)
        if isinstance(self.rule, FixedTotalNumber):
            number = int(self.counts[index])
            if self.rule.allow_multapses:
                codes = (
                    generator.integers(0, space, number, dtype) if number else np.empty(0, dtype)
                )
            else:
                codes = _distinct(space, number, generator, dtype)
            codes.sort()
        elif isinstance(self.rule, FixedIndegree):
            # bounds of the same type: searchsorted would convert the whole array
            bounds = np.array([first * self.n_post, last * self.n_post], np.uint64)
            lo, hi = np.searchsorted(self.sorted_codes, bounds)
            rows64, posts = np.divmod(self.sorted_codes[lo:hi], self.n_post)
            return rows64.astype(np.uint32), posts.astype(np.uint32)
        elif isinstance(self.rule, PairwiseBernoulli):
            codes = _bernoulli(self.rule.p, space, generator).astype(dtype)
        else:
            codes = np.arange(space, dtype=dtype)
        row, column = np.divmod(codes, dtype(self.columns)) if self.columns else (codes, codes)
        pre = row.astype(np.uint32, copy=False)
        post = column.astype(np.uint32, copy=False)
        pre += np.uint32(first)
        if self.skip_self:
            # column c of row r stands for target c, or c + 1 from the diagonal on
            post += post >= pre
        return pre, post

    def _counts_per_block(self, rule: FixedTotalNumber) -> NDArray[np.int64]:
        rows = np.array([last - first for first, last in self.blocks], np.int64)
        generator = self.stream("counts")
        if rule.allow_multapses:
            return generator.multinomial(rule.number, rows / rows.sum())
        return _distinct_counts(rows * self.columns, rule.number, generator)

    def _indegree_codes(self, rule: FixedIndegree) -> NDArray[np.uint64]:
        sources = self.n_pre - int(self.skip_self)
        shape = (self.n_post, rule.indegree)
        generator = self.stream("pairs")
        if rule.allow_multapses:
            pre = generator.integers(0, max(sources, 1), shape, np.uint64)
        else:
            pre = np.empty(shape, np.uint64)
            for row in pre:
                row[:] = generator.choice(sources, rule.indegree, replace=False, shuffle=False)
        post = np.arange(self.n_post, dtype=np.uint64)[:, None]
        if self.skip_self:
            pre += pre >= post
        pre *= np.uint64(self.n_post)
        pre += post
        codes = pre.ravel()
        codes.sort()
        return codes


def _distinct(
    space: int, number: int, generator: np.random.Generator, dtype: type[Any]
) -> NDArray[Any]:
    """Return `number` different integers below `space`, sorted, every set equally likely.

    Drawing again what was drawn before treats all integers alike, so the set is uniform; in
    contrast to `Generator.choice`, memory follows `number` and not `space`.
    """
    if number > space // 2:
        left_out = _distinct(space, space - number, generator, dtype)
        return np.delete(np.arange(space, dtype=dtype), left_out)
    codes = np.empty(0, dtype)
    while codes.size < number:
        more = generator.integers(0, space, number - codes.size, dtype)
        codes = np.unique(np.concatenate([codes, more]))
    return codes


def _distinct_counts(
    sizes: NDArray[np.int64], number: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return how many of `number` different pairs fall into blocks of `sizes` pairs.

    This is the multivariate hypergeometric distribution, which NumPy has only up to 10**9
    pairs: choose every pair with the same probability, a little too many, and drop some.
    """
    space = int(sizes.sum())
    if space == 0:
        return np.zeros_like(sizes)
    p = min(1.0, (number + 6 * np.sqrt(number) + 20) / space)
    counts = generator.binomial(sizes, p)
    while counts.sum() < number:
        counts = generator.binomial(sizes, p)
    dropped = _distinct(int(counts.sum()), int(counts.sum()) - number, generator, np.int64)
    blocks = np.searchsorted(np.cumsum(counts), dropped, side="right")
    return counts - np.bincount(blocks, minlength=len(sizes))


def _bernoulli(p: float, space: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the sorted indices below `space` that are chosen with probability `p` each."""
    if p <= 0 or space == 0:
        return np.empty(0, np.int64)
    if p >= 1:
        return np.arange(space)
    found, position = [], -1
    while position < space:
        # gaps between successes are geometric
        gaps = generator.geometric(p, int((space - position) * p * 1.1) + 100)
        # a gap may be close to 2**63 for tiny p, so their sum is kept from wrapping
        steps = np.cumsum(np.minimum(gaps, space + 1)) + position
        found.append(steps)
        position = int(steps[-1])
    codes: NDArray[np.int64] = np.concatenate(found)
    return codes[: int(np.searchsorted(codes, space))]
