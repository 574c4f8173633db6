"""Random numbers by counter: what a neuron draws in a step is a function of both.

A simulator may ask for the number of any neuron and step, in any order, on any thread or rank, and
finds the one that all others find. Every input has a key, one of netspec's streams; every neuron of
its target a sequence of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195), whose
state at a step follows from the step: it grows by an odd constant, and its bits are mixed. So code
that goes through all steps may keep a state, and code that does not needs none.

`counter_code` is the same as text of C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.realise.streams import stream

GAMMA = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: what a state grows by
FIRST, SECOND = (
    0xBF58476D1CE4E5B9,
    0x94D049BB133111EB,
)  # factors of the mixing, variant 13 of Stafford
SHIFTS = (30, 27, 31)
LARGEST_TABLE_MEAN = 6e4  # of Poisson numbers by a table, whose guide holds numbers below 2**16
GUIDE = 256  # entries of the guide, by the highest 8 bits of the number
AT_ONCE = 2**15  # numbers that are drawn together: they and their scratch stay in a cache
EVENTS = "events"  # what an input's key is for

Bits = NDArray[np.uint64]


def mixed(values: Bits) -> Bits:
    """Return every number with its bits mixed, one to one (SplitMix64's finaliser)."""
    found = np.array(values, np.uint64)
    scratch = np.empty_like(found)
    for shift, factor in zip(SHIFTS, (FIRST, SECOND, None), strict=True):
        np.right_shift(found, np.uint64(shift), out=scratch)
        np.bitwise_xor(found, scratch, out=found)
        if factor is not None:
            np.multiply(found, np.uint64(factor), out=found)
    return found


def _after(start: ArrayLike, number: ArrayLike) -> Bits:
    """Return a sequence's state after a number of draws, from its state before the first."""
    steps = np.asarray(number, np.uint64) * np.array(GAMMA, np.uint64)
    found: Bits = np.asarray(start, np.uint64) + steps
    return found


def input_key(seed: int, name: str, purpose: str = EVENTS) -> int:
    """Return the key of an input, below 2**64.

    Parameters
    ----------
    seed : int
        Of the simulation.
    name, purpose : str
        Of the input, and what is drawn for it.
    """
    return int(stream(seed, name, f"counter.{purpose}").integers(0, 2**64, dtype=np.uint64))


def which(neurons: ArrayLike | int) -> ArrayLike:
    """Return the indices of neurons that are given by their number, or by their indices."""
    return np.arange(neurons) if isinstance(neurons, int) else neurons


def neuron_states(key: int, neurons: ArrayLike) -> Bits:
    """Return the states of neurons before step 0: strangers to each other, though in a row.

    Parameters
    ----------
    key : int
    neurons : array of int
        Indices within the population, of any shape.
    """
    array = np.atleast_1d(np.asarray(neurons, np.uint64))
    return mixed(_after(np.array([key], np.uint64), array + np.uint64(1)))


def states_at(states: Bits, step: int) -> Bits:
    """Return the states before a step, from those before step 0."""
    return _after(states, np.array([step], np.uint64))


def bits_at(states: Bits, steps: ArrayLike) -> Bits:
    """Return 64 random bits of each neuron at each step.

    Parameters
    ----------
    states : ndarray of uint64, shape (n,)
        Before step 0.
    steps : array of int, shape (m,)
        Step k begins at k dt; what is drawn in it arrives at its end.

    Returns
    -------
    ndarray of uint64, shape (m, n)
    """
    numbers = np.atleast_1d(np.asarray(steps, np.uint64)) + np.uint64(1)
    return mixed(_after(states, numbers[:, None]))


def uniform_numbers(bits: Bits) -> NDArray[np.float64]:
    """Return numbers above 0 and at most 1 from random bits: the middles of 2**53 cells."""
    found: NDArray[np.float64] = ((bits >> np.uint64(11)) + np.float64(0.5)) * 2.0**-53
    return found


def normal_numbers(states: Bits, steps: ArrayLike) -> NDArray[np.float64]:
    """Return a standard normal number of each neuron at each step, shape (m, n).

    Box & Muller (1958), from the draws 2k and 2k + 1 of the sequence at step k; the second number
    of the pair is not used. An input that asks for normal numbers has a key of its own
    (`input_key` with another purpose), so these draws are no other's. Logarithm and cosine are the
    library's, so that two programs may differ by a few units in the last place.

    Parameters
    ----------
    states : ndarray of uint64, shape (n,)
        Before step 0.
    steps : array of int, shape (m,)
    """
    first = 2 * np.atleast_1d(np.asarray(steps, np.uint64))
    radius, angle = (uniform_numbers(bits_at(states, first + np.uint64(k))) for k in (0, 1))
    found: NDArray[np.float64] = np.sqrt(-2.0 * np.log(radius)) * np.cos(2 * np.pi * angle)
    return found


# -- Poisson numbers --------------------------------------------------------------------------


def poisson_tables(mean: float) -> tuple[Bits, NDArray[np.uint16]]:
    """Return tables that turn 64 random bits into a Poisson number.

    The number is the first k with ``bits <= table[k]``; to look for it begins at
    ``guide[bits >> 56]``.

    Parameters
    ----------
    mean : float
        Of the Poisson distribution, at most `LARGEST_TABLE_MEAN`.

    Returns
    -------
    table : ndarray of uint64, shape (n,)
        P(number <= k) in units of 2**-64; the last is all ones.
    guide : ndarray of uint16, shape (256,)

    Raises
    ------
    ValueError
        If the mean is negative, or too large.
    """
    from scipy.special import pdtr, pdtrc  # late: many processes draw nothing

    if not 0 <= mean <= LARGEST_TABLE_MEAN:
        raise ValueError(f"mean: given {mean}, allowed: 0 to {LARGEST_TABLE_MEAN:.0f}")
    whole = 2**64
    numbers = np.arange(int(mean + 12 * math.sqrt(mean) + 40))
    table = [
        # the smaller tail has the more exact figure
        int(below * whole) if below < 0.5 else whole - int(above * whole) - 1
        for below, above in zip(
            pdtr(numbers, mean).tolist(), pdtrc(numbers, mean).tolist(), strict=True
        )
    ]
    table = table[: 1 + next(k for k, entry in enumerate(table) if entry >= whole - 1)]
    table = [min(max(entry, 0), whole - 1) for entry in table]
    table[-1] = whole - 1
    array = np.array(table, np.uint64)
    starts = np.arange(GUIDE, dtype=np.uint64) << np.uint64(56)
    return array, np.searchsorted(array, starts).astype(np.uint16)


def poisson_numbers(bits: Bits, table: Bits, guide: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return a Poisson number for each of an array of random bits, see `poisson_tables`."""
    number = guide[(bits >> np.uint64(56)).astype(np.intp)]
    # few numbers share a cell of the guide with a boundary between two
    later = np.nonzero(bits > table[number])
    number[later] = np.searchsorted(table, bits[later])
    return number


@dataclass(frozen=True, eq=False)
class PoissonCounter:
    """The Poisson numbers of one input, by step and neuron.

    Attributes
    ----------
    states : ndarray of uint64, shape (n,)
        Of the neurons, before step 0.
    mean : float
        Of the numbers: events of a neuron in a step.
    """

    states: Bits
    mean: float

    @classmethod
    def of(cls, seed: int, name: str, mean: float, neurons: ArrayLike | int) -> PoissonCounter:
        """Return the numbers of an input.

        Parameters
        ----------
        seed : int
            Of the simulation.
        name : str
            Of the input.
        mean : float
        neurons : int or array of int
            Their number, or the indices of those that are asked for.
        """
        return cls(neuron_states(input_key(seed, name), which(neurons)), mean)

    @cached_property
    def tables(self) -> tuple[Bits, NDArray[np.uint16]]:
        """Table and guide, see `poisson_tables`."""
        return poisson_tables(self.mean)

    @property
    def steps_at_once(self) -> int:
        """Steps that are drawn together in little more time than one, at least one."""
        return max(AT_ONCE // max(len(self.states), 1), 1)

    def numbers(self, first: int, count: int = 1) -> NDArray[np.uint16]:
        """Return the numbers of some steps in a row, shape (count, n)."""
        return poisson_numbers(bits_at(self.states, np.arange(first, first + count)), *self.tables)

    def events(
        self, first: int, count: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the numbers of some steps in a row that are not zero: steps, neurons, numbers.

        This is faster than `numbers` where nearly all of them are zero. Sorted by (step, neuron).
        """
        bits = bits_at(self.states, np.arange(first, first + count)).ravel()
        table, _ = self.tables
        found = np.flatnonzero(bits > table[0])
        steps, neurons = np.divmod(found, max(len(self.states), 1))
        return steps + first, neurons, np.searchsorted(table, bits[found])


def tables_by_step(
    parts: list[tuple[int, int, PoissonCounter]],
) -> list[tuple[int, Bits, NDArray[np.uint16]]]:
    """Return (step, table, guide) of an input whose rate changes: they hold from that step on.

    The first step is 0. Where nothing is drawn, a table has zeros.

    Parameters
    ----------
    parts : list of (int, int, PoissonCounter)
        First step, the step after the last, numbers: in order, as `Execution.poisson_counters`.
    """
    nothing = poisson_tables(0.0)
    found, at = [], 0
    for first, end, counter in parts:
        found += [(at, *nothing)] if first > at else []
        found.append((first, *counter.tables))
        at = end
    return [*found, (at, *nothing)]
