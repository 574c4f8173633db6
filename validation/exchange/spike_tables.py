"""Spikes as they stand in a file of any format, and faults with their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import DescriptionError, Fault, shown

SHOWN = 5  # faults of one kind in one file that are listed
Column = int | str


@dataclass(frozen=True)
class Columns:
    """Which columns of a file hold what, by number from 0 or by name.

    Attributes
    ----------
    neuron, time : int or str
    population : int, str or None
        Names of populations, where one file holds several.
    offset : int, str or None
        What is to be subtracted from the time, in ms (NEST's ``time_offset`` beside whole steps).
    """

    neuron: Column
    time: Column
    population: Column | None = None
    offset: Column | None = None

    def given(self) -> dict[str, Column]:
        """Return the columns that a file is asked for, by what they hold."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Table:
    """Spikes as they stand in one file.

    Attributes
    ----------
    name : str
        Of the file.
    neurons : ndarray of int64 or float64, shape (n,)
        In the file's own ids.
    times : ndarray of float64, shape (n,)
        In the file's own unit.
    place : callable
        Row -> where it stands, such as ``line 12``.
    populations : ndarray of object, shape (n,), or None
        What the file calls the population of each spike, if it says so.
    offsets : ndarray of float64, shape (n,), or None
        To be subtracted from times, in ms.
    unit, label : str or None
        Of the times, where the format or the file says it: as in a description.
    positional : int or None
        Number of trains of a file that has no ids: neurons are places among them, from 0.
    named : tuple of str
        Populations that the file names, those without a spike too.
    """

    name: str
    neurons: NDArray[Any]
    times: NDArray[np.float64]
    place: Callable[[int], str]
    populations: NDArray[Any] | None = None
    offsets: NDArray[np.float64] | None = None
    unit: str | None = None
    label: str | None = None
    positional: int | None = None
    named: tuple[str, ...] = ()

    def faults(
        self, rows: NDArray[np.bool_], values: NDArray[Any], allowed: str, hint: str = ""
    ) -> list[Fault]:
        """Return a fault for each of the first wrong rows; the last one counts the rest."""
        wrong = np.flatnonzero(rows)
        found = [
            Fault(f"{self.name}, {self.place(row)}", shown(_plain(values[row])), allowed, hint)
            for row in wrong[:SHOWN].tolist()
        ]
        return counted(found, len(wrong))

    def whole_ids(self) -> Table:
        """Return the table with its ids as whole numbers, where all of them are.

        Raises
        ------
        DescriptionError
            If they are floating-point numbers so large that two ids may have become one.
        """
        ids = self.neurons
        if ids.dtype.kind in "iu":
            return self._large(ids > np.iinfo(np.int64).max, ids)
        exact = 2.0 ** (np.finfo(ids.dtype).nmant + 1)
        with np.errstate(invalid="ignore"):
            large = np.abs(ids) >= exact
        if large.any():
            allowed = f"ids below {exact:.0f} where they are {ids.dtype} numbers"
            hint = "beyond it two ids may be one number: write ids as whole numbers"
            raise DescriptionError(self.faults(large, ids, allowed, hint))
        if np.array_equal(ids, np.rint(ids)):
            return replace(self, neurons=ids.astype(np.int64))
        return self  # the rows that are no ids are named with the rest of the faults

    def _large(self, rows: NDArray[np.bool_], ids: NDArray[Any]) -> Table:
        if rows.any():
            raise DescriptionError(self.faults(rows, ids, "ids below 2^63"))
        return replace(self, neurons=ids.astype(np.int64))


def _plain(value: Any) -> object:
    return value.item() if isinstance(value, np.generic) else value


def counted(faults: list[Fault], total: int) -> list[Fault]:
    """Say with the last of the listed faults how many more there are."""
    if total > len(faults) > 0:
        last = faults[-1]
        more = f"and {total - len(faults)} more rows of this file"
        hint = f"{last.hint}; {more}" if last.hint else more
        faults[-1] = Fault(last.path, last.given, last.allowed, hint)
    return faults


def broken(where: str, given: str, allowed: str, hint: str = "") -> DescriptionError:
    """Return the error of a file with one fault."""
    return DescriptionError([Fault(where, given, allowed, hint)])


def row(number: int) -> str:
    """Return the place of a row in a file that has no lines."""
    return f"row {number}"


def from_trains(name: str, ids: NDArray[Any], trains: list[NDArray[Any]], **said: Any) -> Table:
    """Return the table of a file that holds one list of times for each neuron.

    Parameters
    ----------
    name : str
    ids : ndarray, shape (k,)
    trains : list of ndarray
        Times of each.
    **said
        Further fields of `Table`; `populations` has one entry for each train.
    """
    lengths = np.array([len(train) for train in trains], np.int64)
    ends = np.cumsum(lengths)
    populations = said.pop("populations", None)

    def place(index: int) -> str:
        train = int(np.searchsorted(ends, index, side="right"))
        return f"train {train}, time {index - int(ends[train] - lengths[train])}"

    return Table(
        name,
        np.repeat(ids, lengths),
        np.concatenate([np.empty(0), *(np.ravel(train) for train in trains)]).astype(np.float64),
        place,
        None if populations is None else np.repeat(np.array([*populations], object), lengths),
        **said,
    )
