"""Columns of neurons and times in other people's files: text, .npy and .npz."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import DescriptionError, Fault, choices, nearest, shown

TEXT = (".csv", ".txt", ".dat", ".gdf")
BINARY = (".npy", ".npz")
DELIMITERS = {"whitespace": None, "comma": ",", "semicolon": ";", "tab": "\t"}
SHOWN = 5  # faults of one kind in one file that are listed
Column = int | str


@dataclass(frozen=True)
class Table:
    """Spikes as they stand in one file.

    Attributes
    ----------
    name : str
        Of the file.
    neurons, times : ndarray of float64, shape (n,)
        In the file's own ids and unit.
    place : callable
        Row -> where it stands, such as ``line 12``.
    """

    name: str
    neurons: NDArray[np.float64]
    times: NDArray[np.float64]
    place: Callable[[int], str]

    def faults(
        self, rows: NDArray[np.bool_], values: NDArray[Any], allowed: str, hint: str = ""
    ) -> list[Fault]:
        """Return a fault for each of the first wrong rows; the last one counts the rest."""
        wrong = np.flatnonzero(rows)
        found = [
            Fault(f"{self.name}, {self.place(row)}", shown(values[row].item()), allowed, hint)
            for row in wrong[:SHOWN].tolist()
        ]
        return _counted(found, len(wrong))


def _counted(faults: list[Fault], total: int) -> list[Fault]:
    """Say with the last of the listed faults how many more there are."""
    if total > len(faults) > 0:
        last = faults[-1]
        more = f"and {total - len(faults)} more rows of this file"
        hint = f"{last.hint}; {more}" if last.hint else more
        faults[-1] = Fault(last.path, last.given, last.allowed, hint)
    return faults


def read_table(
    path: Path, name: str, neuron: Column, time: Column, delimiter: str | None, header: int | None
) -> Table:
    """Read two columns of a file.

    Parameters
    ----------
    path : Path
        Ends in one of `TEXT` or `BINARY`.
    name : str
        What messages call it.
    neuron, time : int or str
        Columns, by number from 0 or by name.
    delimiter : str, optional
        A key of `DELIMITERS`; by default comma for .csv, else whitespace.
    header : int, optional
        Lines before the data, not counting blank lines and those that begin with ``#``; the
        last one holds the names. By default one where columns are named, else none.

    Raises
    ------
    DescriptionError
        With the file's faults.
    """
    try:
        if path.suffix in BINARY:
            return _binary(path, name, (neuron, time))
        sign = DELIMITERS[delimiter or ("comma" if path.suffix == ".csv" else "whitespace")]
        if header is None:
            header = int(isinstance(neuron, str) or isinstance(time, str))
        return _text(path, name, (neuron, time), sign, header)
    except OSError as error:
        raise _broken(name, error.strerror or str(error), "a file that can be read") from None
    except UnicodeDecodeError as error:
        raise _broken(name, str(error), "UTF-8 text") from None


def _broken(where: str, given: str, allowed: str, hint: str = "") -> DescriptionError:
    return DescriptionError([Fault(where, given, allowed, hint)])


# -- text ---------------------------------------------------------------------------------------


def _data_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither blank nor comments, numbered from 1."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            text = line.split("#", 1)[0].strip("\r\n")
            if text.strip():
                yield number, text


def _cells(line: str, sign: str | None) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(sign)]


def _text(
    path: Path, name: str, columns: tuple[Column, Column], sign: str | None, header: int
) -> Table:
    lines = _data_lines(path)
    heads = [head for _, head in zip(range(header), lines, strict=False)]
    if len(heads) < header:
        raise _broken(name, f"{len(heads)} lines", f"at least the {header} lines of its header")
    known = _cells(heads[-1][1], sign) if heads else []
    where = f"{name}, line {heads[-1][0]}" if heads else name
    chosen = [_position(column, known, where) for column in columns]
    first = next(lines, None)

    def place(row: int) -> str:
        numbers = (number for number, _ in _data_lines(path))
        return f"line {next(n for index, n in enumerate(numbers) if index == header + row)}"

    if first is None:
        return Table(name, np.empty(0), np.empty(0), place)
    try:
        found = np.loadtxt(
            path, delimiter=sign, skiprows=first[0] - 1, usecols=chosen, ndmin=2, quotechar='"',
            encoding="utf-8",
        )  # fmt: skip
    except ValueError as error:
        faults = _unreadable(path, name, chosen, sign, first[0])
        raise DescriptionError(faults or [Fault(name, str(error), "columns of numbers")]) from None
    return Table(name, found[:, 0], found[:, 1], place)


def _position(column: Column, known: list[str], where: str) -> int:
    if isinstance(column, int):
        return column
    if column not in known:
        raise _broken(where, shown(column), f"columns: {choices(known)}", nearest(column, known))
    return known.index(column)


def _unreadable(
    path: Path, name: str, columns: list[int], sign: str | None, first: int
) -> list[Fault]:
    """Return the lines that do not hold numbers where they should."""
    faults: list[Fault] = []
    total = 0
    for number, line in _data_lines(path):
        cells = _cells(line, sign) if number >= first else ["0"] * (max(columns) + 1)
        if len(cells) <= max(columns):
            given, allowed = f"{len(cells)} columns", f"at least {max(columns) + 1}"
        elif wrong := [cells[column] for column in columns if not _is_number(cells[column])]:
            given, allowed = shown(wrong[0]), "a number"
        else:
            continue
        total += 1
        if len(faults) < SHOWN:
            faults.append(Fault(f"{name}, line {number}", given, allowed))
    return _counted(faults, total)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


# -- NumPy's files ------------------------------------------------------------------------------


def _binary(path: Path, name: str, columns: tuple[Column, Column]) -> Table:
    import zipfile

    try:
        loaded = np.load(path, allow_pickle=False)
        pair = [_array(loaded, column, name) for column in columns]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, DescriptionError):
            raise
        hint = "arrays of objects are pickles, which are not read: they may hold programs"
        raise _broken(name, str(error), "arrays of numbers", hint) from None
    for column, array in zip(columns, pair, strict=True):
        if array.dtype.kind not in "iuf" or array.ndim != 1:
            given = f"{array.dtype}, shape {array.shape}"
            raise _broken(f"{name}, {column}", given, "one dimension of numbers")
    neurons, times = pair
    if len(neurons) != len(times):
        given = f"{len(neurons)} neurons and {len(times)} times"
        raise _broken(name, given, "as many of one as of the other")
    return Table(name, neurons.astype(float), times.astype(float), lambda row: f"row {row}")


def _array(loaded: Any, column: Column, name: str) -> NDArray[Any]:
    """Return a column of an .npz, of a structured array or of a matrix."""
    if isinstance(loaded, np.ndarray) and loaded.dtype.names is None:
        width = loaded.shape[1] if loaded.ndim == 2 else 0
        if not isinstance(column, int) or column >= width:
            given = f"column {column!r} of shape {loaded.shape}"
            raise _broken(name, given, "a matrix of rows (neuron, time), columns by number from 0")
        return loaded[:, column]
    known = list(loaded.dtype.names if isinstance(loaded, np.ndarray) else loaded.files)
    if column not in known:
        text = str(column)
        raise _broken(
            name, shown(column), f"arrays by name: {choices(known)}", nearest(text, known)
        )
    found: NDArray[Any] = loaded[column]
    return found
