"""From a description and a seed to explicit synapses, parameters and initial values.

Synapses come sorted by (pre, post), in blocks of rows of the presynaptic population, so
that memory stays bounded and blocks can be drawn in parallel. A block has its own streams;
its bounds follow from the description alone, never from the machine.
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

from netspec.describe.connectivity import Explicit
from netspec.describe.formulas import evaluated, formulas_of, refuse_what_is_not
from netspec.describe.grid import MAX_DELAY_STEPS
from netspec.describe.inputs import Current
from netspec.describe.network import Network, Projection, begins
from netspec.describe.simulation import Simulation
from netspec.errors import DescriptionError, Fault
from netspec.realise.pairs import Pairs
from netspec.realise.streams import stream

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
        self.blocks = block_rows(network, projection)
        same = projection.pre == projection.post
        n_pre, n_post = (network.population(p).size for p in (projection.pre, projection.post))
        self.pairs = Pairs(self.rule, n_pre, n_post, same, self.blocks, self.stream)

    def stream(self, purpose: str, block: int = 0) -> np.random.Generator:
        return stream(self.simulation.seed, self.projection.name, purpose, block)

    def block(self, index: int) -> Synapses:
        pre, post, chosen = self.pairs.block(index)
        weight = self.weight(index, len(pre), chosen)
        return Synapses(pre, post, weight, self.delay(index, len(pre), chosen))

    def row_lengths(self, index: int) -> NDArray[np.uint32]:
        first, last = self.blocks[index]
        pre, _, _ = self.pairs.block(index)
        # the sources are sorted, so a row ends where the next begins
        ends = np.searchsorted(pre, np.arange(first, last, dtype=np.uint32), side="right")
        return np.diff(ends, prepend=0).astype(np.uint32)

    def steps(self, delay: NDArray[Any]) -> NDArray[np.uint16]:
        return to_steps(delay, self.simulation.dt, self.projection.name)

    # -- weights and delays -------------------------------------------------------------

    def weight(self, index: int, count: int, chosen: NDArray[Any]) -> NDArray[np.float32] | float:
        if isinstance(self.rule, Explicit) and self.rule.weight is not None:
            given: NDArray[np.float32] = np.asarray(self.rule.weight, np.float32)[chosen]
            return given
        fixed = self.projection.weight.fixed()
        if fixed is not None:  # one value for all, in 64 bits
            return fixed
        generator = self.stream("weight", index)
        return self.projection.weight.sample(count, generator, np.float32)

    def delay(self, index: int, count: int, chosen: NDArray[Any]) -> NDArray[np.uint16] | int:
        if isinstance(self.rule, Explicit) and self.rule.delay is not None:
            return self.steps(np.asarray(self.rule.delay)[chosen])
        if self.projection.delay is None:
            return 1
        fixed = self.projection.delay.fixed()
        if fixed is not None:
            return int(self.steps(np.array([fixed]))[0])
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
    network: Network, population: str, simulation: Simulation, field: str, known: dict[str, Any]
) -> dict[str, float | NDArray[np.float64]]:
    """Return the values of a table of a population; `known` are those that stand in others."""
    size = network.population(population).size
    result: dict[str, float | NDArray[np.float64]] = {}
    table = getattr(network.population(population), field)
    given = formulas_of(table)
    for name, value in table.items():
        if name in given:
            continue
        fixed = value.fixed()
        if fixed is not None:
            result[name] = fixed
        else:
            generator = stream(simulation.seed, population, f"{field}.{name}")
            result[name] = value.sample(size, generator)
    if given:
        model, index = network.model_of(population), np.arange(size, dtype=np.float64)
        found = evaluated(table, known | result, index, size)
        for name, value in given.items():
            # where equations divide by it; a time in which a neuron is refractory
            low = "above 0" if name in model.dynamics.positive else ""
            low = "0 or more" if name == model.refractory else low
            path = f"populations.{population}.{field}.{name}"
            refuse_what_is_not(path, value, found[name], low)
        result |= found
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
    known = model.defaults()
    return {**known, **_drawn(network, population, simulation, "parameters", known)}


def initial_values(
    network: Network, population: str, simulation: Simulation
) -> dict[str, float | NDArray[np.float64]]:
    """Return every state variable's initial value: a number, or one value a neuron."""
    model = network.model_of(population)
    given = parameters(network, population, simulation)
    start = begins(model, given)
    return {**start, **_drawn(network, population, simulation, "initial", given | start)}
