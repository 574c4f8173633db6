"""Populations in parts: several groups of GeNN for one population.

A spike of GeNN's is handed on by one thread per possible target, which walks through all spikes of
its source group, one after the other. A population that has ten spikes in a step keeps a GPU
waiting for ten reads of memory in a row; in ten parts, for little more than one. A core of a CPU
gains nothing. Only this module, and the names it gives, know of parts: descriptions, ledgers and
results have populations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe.network import ContinuousProjection, Network, Projection
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError, unknown
from netspec.realise.drawing import Synapses

# spikes/s; nothing in a description says more, and it is the mean of the full microcircuit
EXPECTED_RATE = 3.3
MOST = 10  # parts of a population that are chosen by themselves
FORM = "a number for all, or NAME:NUMBER,NAME:NUMBER"
PATTERN = r"[1-9]\d{0,3}|\w+:[1-9]\d{0,3}(,\w+:[1-9]\d{0,3})*"


@dataclass(frozen=True)
class Part:
    """Neurons of a population that are one group in GeNN.

    Attributes
    ----------
    population : str
    prefix : str
        Of the names of its group and of what belongs to it: empty if the population is whole, else
        a number, with which no name of a description begins.
    first, size : int
        Its neurons within the population.
    run : str
        A prefix before that one, if several runs share a model; it begins with a number as well.
    """

    population: str
    prefix: str
    first: int
    size: int
    run: str = ""

    @property
    def name(self) -> str:
        """The group's name."""
        return self.named(self.population)

    def named(self, name: str) -> str:
        """Return the name in GeNN of something that belongs to the group."""
        return self.run + self.prefix + name

    @property
    def neurons(self) -> slice:
        """The part's neurons within the population."""
        return slice(self.first, self.first + self.size)


@dataclass(frozen=True)
class Piece:
    """Synapses of a projection that are one group in GeNN.

    Attributes
    ----------
    name : str
    pre, post : Part
    delay : int or None
        In steps, if the group has but those of one delay.
    """

    name: str
    pre: Part
    post: Part
    delay: int | None = None


Divided = dict[str, tuple[Part, ...]]


def divided(
    network: Network, simulation: Simulation, choice: str, gpu: bool, run: str = ""
) -> Divided:
    """Return the parts of all populations, see `counts` and `Part`."""
    numbers = counts(network, simulation, choice, gpu)
    return {p.name: parts(p.name, p.size, numbers[p.name], run) for p in network.populations}


def counts(network: Network, simulation: Simulation, choice: str, gpu: bool) -> dict[str, int]:
    """Return how many parts each population has.

    Parameters
    ----------
    network : Network
    simulation : Simulation
        For the time step.
    choice : str
        ``auto``: on a GPU, a part for each spike that is expected in a step; ``none``; a number;
        or ``NAME:NUMBER,...``. A population that feels or causes continuous coupling, or has no
        synapses onto others, stays whole unless it is named.
    gpu : bool

    Raises
    ------
    UsageError
        If a name is no population, or one that must stay whole.
    """
    sizes = {population.name: population.size for population in network.populations}
    coupled = {end for c in network.continuous_projections for end in (c.pre, c.post)}
    sources = {p.pre for p in network.projections} - coupled
    if ":" in choice:
        named = dict(item.split(":") for item in choice.split(","))
        for name in named:
            if name not in sizes:
                raise UsageError(f"option shards of genn: {unknown('population', name, sizes)}")
            if name in coupled:
                raise UsageError(f"option shards of genn: {name} has continuous coupling")
        wanted = {name: int(number) for name, number in named.items()}
    elif choice == "auto":
        spikes = EXPECTED_RATE * simulation.dt * 1e-3
        # so many that a walk is short; more would be groups of their own for little, since every
        # pair of them is one, whose rows are padded to the longest
        wanted = {n: min(round(sizes[n] * spikes), MOST) for n in sources} if gpu else {}
    else:
        wanted = dict.fromkeys(sources, 1 if choice == "none" else int(choice))
    return {name: min(max(wanted.get(name, 1), 1), size) for name, size in sizes.items()}


def parts(population: str, size: int, number: int, run: str = "") -> tuple[Part, ...]:
    """Divide a population as evenly as can be."""
    bounds = [size * k // number for k in range(number + 1)]
    return tuple(
        Part(population, "" if number == 1 else f"{k}_", bounds[k], bounds[k + 1] - bounds[k], run)
        for k in range(number)
    )


def pieces(projection: Projection | ContinuousProjection, divided: Divided) -> list[Piece]:
    """Return the synapse groups of a projection, by source and then by target."""
    return [
        Piece(pre.named(post.prefix + projection.name), pre, post)
        for pre in divided[projection.pre]
        for post in divided[projection.post]
    ]


def split_counts(
    lengths: NDArray[np.int64], post: tuple[Part, ...], generator: np.random.Generator
) -> NDArray[np.uint32]:
    """Return how many targets of each source lie in each part, shape (n_pre, parts).

    Targets are drawn one by one among all neurons, so their numbers per part are multinomial.
    """
    if len(post) == 1:
        return lengths[:, None].astype(np.uint32)
    sizes = np.array([part.size for part in post])
    return generator.multinomial(lengths, sizes / sizes.sum()).astype(np.uint32)


def count_by_part(
    blocks: Iterable[Synapses], n_pre: int, post: tuple[Part, ...]
) -> NDArray[np.uint32]:
    """Count the synapses of each source in each part of the targets, shape (n_pre, parts)."""
    firsts = np.array([part.first for part in post])
    total = np.zeros(n_pre * len(post), np.uint32)
    for block in blocks:
        part = np.searchsorted(firsts, block.post, side="right") - 1
        total += np.bincount(
            block.pre.astype(np.int64) * len(post) + part, minlength=len(total)
        ).astype(np.uint32)
    return total.reshape(n_pre, len(post))


def selection(synapses: Synapses, piece: Piece) -> slice | NDArray[np.intp]:
    """Return where synapses, sorted by source, are those of a piece."""
    pre, post = piece.pre.neurons, piece.post.neurons
    bounds = np.array([pre.start, pre.stop], synapses.pre.dtype)
    lo, hi = (int(place) for place in np.searchsorted(synapses.pre, bounds))
    if not piece.post.prefix:
        return slice(lo, hi)
    targets = synapses.post[lo:hi]
    chosen: NDArray[np.intp] = np.flatnonzero((targets >= post.start) & (targets < post.stop))
    return chosen + lo


class Spread:
    """A variable of a whole population, over the arrays of its parts.

    Parameters
    ----------
    handles : list of (Part, pygenn.model_preprocessor.Variable)
    """

    def __init__(self, handles: list[tuple[Part, Any]]) -> None:
        self.handles = handles

    def pull(self) -> None:
        """Copy from the device."""
        for _, handle in self.handles:
            handle.pull_from_device()

    def values(self) -> NDArray[Any]:
        """Return a copy of what the host holds, shape (size,)."""
        return np.concatenate([handle.view for _, handle in self.handles])

    def write(self, values: NDArray[Any]) -> None:
        """Set the values, shape (size,), here and on the device."""
        for part, handle in self.handles:
            handle.view[:] = values[part.neurons]
            handle.push_to_device()
