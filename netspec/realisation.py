"""From a description and a seed to explicit synapses, parameters and initial values.

Synapses come sorted by (pre, post), in blocks of rows of the presynaptic population, so
that memory stays bounded and blocks can be drawn in parallel. A block has its own streams;
its bounds follow from the description alone, never from the machine.

Source of the method: pairs drawn with replacement are independent and uniform, so their
numbers per block of rows are multinomial, and within a block they are again uniform.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from netspec.connectivity import (
    Explicit,
    FixedIndegree,
    FixedTotalNumber,
    OneToOne,
    PairwiseBernoulli,
)
from netspec.distributions import Constant
from netspec.errors import DescriptionError, Fault
from netspec.grid import MAX_DELAY_STEPS
from netspec.inputs import Current
from netspec.network import Network, Projection
from netspec.simulation import Simulation
from netspec.streams import stream

BLOCK = 2_000_000  # synapses per block, about
Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Synapses:
    """Synapses sorted by (pre, post).

    Attributes
    ----------
    pre, post : ndarray of uint32, shape (n,)
        Indices within the two populations.
    weight : ndarray of float32, shape (n,), or float
        One number if it is the same for all (then in double precision).
    delay : ndarray of uint16, shape (n,), or int
        In steps, at least one.
    """

    pre: NDArray[np.uint32]
    post: NDArray[np.uint32]
    weight: NDArray[np.float32] | float
    delay: NDArray[np.uint16] | int

    def __len__(self) -> int:
        return len(self.pre)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(getattr(a, "nbytes", 0) for a in (self.pre, self.post, self.weight, self.delay))

    def weights(self) -> NDArray[np.float64]:
        """Return one weight a synapse, in double precision, shape (n,)."""
        return np.broadcast_to(np.asarray(self.weight, np.float64), self.pre.shape)

    def delays(self) -> NDArray[np.int64]:
        """Return one delay a synapse, in steps, shape (n,)."""
        return np.broadcast_to(np.asarray(self.delay, np.int64), self.pre.shape)


def expected_synapses(network: Network, projection: Projection) -> float:
    """Return the number of synapses of a projection (its mean if it is random)."""
    n_pre, n_post = (network.population(p).size for p in (projection.pre, projection.post))
    return projection.rule.expected_count(n_pre, n_post, projection.pre == projection.post)


def block_rows(network: Network, projection: Projection) -> list[tuple[int, int]]:
    """Return first and last (exclusive) source of each block of about `BLOCK` synapses."""
    n_pre, count = network.population(projection.pre).size, expected_synapses(network, projection)
    rows = n_pre if count <= BLOCK else max(1, int(n_pre * BLOCK / count))
    return [(first, min(first + rows, n_pre)) for first in range(0, n_pre, rows)]


class _Drawing:
    """Draws one projection, block by block."""

    def __init__(self, network: Network, projection: Projection, simulation: Simulation) -> None:
        self.projection, self.rule, self.simulation = projection, projection.rule, simulation
        self.n_pre = network.population(projection.pre).size
        self.n_post = network.population(projection.post).size
        self.skip_self = self.rule.leaves_out(projection.pre == projection.post)
        self.columns = self.n_post - int(self.skip_self)
        self.blocks = block_rows(network, projection)
        if isinstance(self.rule, FixedTotalNumber):
            self.counts = self._counts_per_block(self.rule)
        elif isinstance(self.rule, FixedIndegree):
            self.sorted_codes = self._indegree_codes(self.rule)
        elif isinstance(self.rule, Explicit):
            pre, post = (np.asarray(a, np.uint32) for a in (self.rule.pre, self.rule.post))
            self.order = np.lexsort((post, pre))
            self.explicit = pre[self.order], post[self.order]

    def stream(self, purpose: str, block: int = 0) -> np.random.Generator:
        return stream(self.simulation.seed, self.projection.name, purpose, block)

    def block(self, index: int) -> Synapses:
        pre, post, chosen = self.pairs(index)
        weight = self.weight(index, len(pre), chosen)
        return Synapses(pre, post, weight, self.delay(index, len(pre), chosen))

    def row_lengths(self, index: int) -> NDArray[np.uint32]:
        first, last = self.blocks[index]
        pre, _, _ = self.pairs(index)
        # the sources are sorted, so a row ends where the next begins
        ends = np.searchsorted(pre, np.arange(first, last, dtype=np.uint32), side="right")
        return np.diff(ends, prepend=0).astype(np.uint32)

    # -- which pairs --------------------------------------------------------------------

    def pairs(self, index: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
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

    def steps(self, delay: NDArray[Any]) -> NDArray[np.uint16]:
        return to_steps(delay, self.simulation.dt, self.projection.name)

    # -- weights and delays -------------------------------------------------------------

    def weight(self, index: int, count: int, chosen: NDArray[Any]) -> NDArray[np.float32] | float:
        if isinstance(self.rule, Explicit) and self.rule.weight is not None:
            given: NDArray[np.float32] = np.asarray(self.rule.weight, np.float32)[chosen]
            return given
        if isinstance(self.projection.weight, Constant):
            return self.projection.weight.value
        generator = self.stream("weight", index)
        return self.projection.weight.sample(count, generator, np.float32)

    def delay(self, index: int, count: int, chosen: NDArray[Any]) -> NDArray[np.uint16] | int:
        if isinstance(self.rule, Explicit) and self.rule.delay is not None:
            return self.steps(np.asarray(self.rule.delay)[chosen])
        if self.projection.delay is None:
            return 1
        if isinstance(self.projection.delay, Constant):
            return int(self.steps(np.array([self.projection.delay.value]))[0])
        generator = self.stream("delay", index)
        return self.steps(self.projection.delay.sample(count, generator, np.float32))


def to_steps(delay: NDArray[Any], dt: float, projection: str) -> NDArray[np.uint16]:
    """Round delays in ms to steps (halves up, as NEST does), at least one.

    Raises
    ------
    DescriptionError
        If a delay is longer than `MAX_DELAY_STEPS`.
    """
    steps = delay * delay.dtype.type(1 / dt)
    steps += delay.dtype.type(0.5 + 1e-6)  # 0.15 ms is 1.4999... steps of 0.1 ms
    np.floor(steps, out=steps)
    np.maximum(steps, 1, out=steps)
    if steps.size and steps.max() > MAX_DELAY_STEPS:
        path = f"projections.{projection}.delay"
        fault = Fault(path, f"{steps.max():g} steps", f"at most {MAX_DELAY_STEPS} steps")
        raise DescriptionError([fault], "the network at this time step")
    return np.asarray(steps, np.uint16)


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


def synapse_blocks(
    network: Network, projection: Projection, simulation: Simulation, threads: int | None = None
) -> Iterator[Synapses]:
    """Yield the synapses of a projection in blocks, in order of (pre, post).

    Parameters
    ----------
    threads : int or None
        Blocks drawn at once; the processors at hand if None. Does not change the result.
    """
    drawing = _Drawing(network, projection, simulation)
    yield from _in_order(drawing.block, len(drawing.blocks), threads)


def _in_order(
    draw: Callable[[int], Drawn], total: int, threads: int | None = None
) -> Iterator[Drawn]:
    workers = min(threads or len(os.sched_getaffinity(0)), total)
    if workers <= 1:
        yield from map(draw, range(total))
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Drawn]] = deque()
        for index in range(total):
            waiting.append(pool.submit(draw, index))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def row_lengths(
    network: Network, projection: Projection, simulation: Simulation
) -> NDArray[np.uint32]:
    """Return the number of synapses of each source, shape (n_pre,).

    Exact, by drawing the pairs without their weights and delays, block by block.
    """
    drawing = _Drawing(network, projection, simulation)
    return np.concatenate(list(_in_order(drawing.row_lengths, len(drawing.blocks))))


def join(parts: Iterable[Synapses]) -> Synapses:
    """Return the blocks of a projection as one (at most 14 bytes a synapse)."""
    blocks = list(parts)
    if len(blocks) == 1:
        return blocks[0]

    def joined(field: str) -> Any:
        parts = [getattr(block, field) for block in blocks]
        return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else parts[0]

    return Synapses(*(joined(field) for field in ("pre", "post", "weight", "delay")))


def synapses(network: Network, projection: Projection, simulation: Simulation) -> Synapses:
    """Return all synapses of a projection."""
    return join(synapse_blocks(network, projection, simulation))


def _drawn(
    network: Network, population: str, simulation: Simulation, field: str
) -> dict[str, float | NDArray[np.float64]]:
    size = network.population(population).size
    result: dict[str, float | NDArray[np.float64]] = {}
    for name, value in getattr(network.population(population), field).items():
        if isinstance(value, Constant):
            result[name] = value.value
        else:
            generator = stream(simulation.seed, population, f"{field}.{name}")
            result[name] = value.sample(size, generator)
    return result


@dataclass(frozen=True)
class CurrentChange:
    """From the step that begins at `step` on, neurons feel `level` more at an input."""

    step: int
    population: str
    port: str
    neurons: NDArray[np.int64]
    level: float


def current_changes(network: Network, simulation: Simulation) -> list[CurrentChange]:
    """Return all currents as changes, in order of time."""
    changes = []
    for _, current in network.pieces():
        if not isinstance(current, Current):
            continue
        size = network.population(current.target).size
        chosen = np.arange(size) if current.neurons is None else np.unique(current.neurons)
        neurons, before = chosen.astype(np.int64), 0.0
        for step, level in current.levels(simulation):
            change = CurrentChange(step, current.target, current.port, neurons, level - before)
            changes.append(change)
            before = level
    return sorted(changes, key=lambda change: change.step)


def parameters(
    network: Network, population: str, simulation: Simulation
) -> dict[str, float | NDArray[np.float64]]:
    """Return every parameter of a population: a number, or one value a neuron (shape (size,))."""
    model = network.model_of(population)
    return {**model.defaults(), **_drawn(network, population, simulation, "parameters")}


def initial_values(
    network: Network, population: str, simulation: Simulation
) -> dict[str, float | NDArray[np.float64]]:
    """Return every state variable's initial value: a number, or one value a neuron."""
    model = network.model_of(population)
    given = parameters(network, population, simulation)
    result: dict[str, float | NDArray[np.float64]] = {}
    for state in model.dynamics.states:
        value = model.initial.get(state.name, 0.0)
        result[state.name] = given[value] if isinstance(value, str) else float(value)
    return {**result, **_drawn(network, population, simulation, "initial")}
