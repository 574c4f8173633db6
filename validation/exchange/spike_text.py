"""Columns of neurons and times in lines of text, plain or packed by gzip."""

from __future__ import annotations

import csv
import functools
import gzip
import itertools
import re
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from netspec.errors import DescriptionError, Fault, choices, nearest, shown
from netspec.validation.exchange.spike_tables import (
    SHOWN,
    Columns,
    Table,
    broken,
    counted,
)

DELIMITERS = {"whitespace": None, "comma": ",", "semicolon": ";", "tab": "\t"}
POPULATION = "population"  # what a column of population names holds


def open_text(path: Path) -> IO[str]:
    """Open a text file, packed or not; a byte order mark is no part of the text."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def cells(line: str, sign: str | None) -> list[str]:
    """Return the cells of one line, without quotes and blanks around them.

    A quote that is not closed on its line is a character like others.
    """
    if sign is None:
        found = re.findall(r'"[^"]*"(?=\s|$)|\S+', line)
        return [c[1:-1].strip() if len(c) > 1 and c[0] == c[-1] == '"' else c for c in found]
    if '"' in line:
        try:
            (found,) = csv.reader([line], delimiter=sign, skipinitialspace=True, strict=True)
        except (csv.Error, ValueError):
            pass
        else:
            return [cell.strip() for cell in found]
    return [cell.strip() for cell in line.split(sign)]


def is_number(text: str) -> bool:
    """Return whether a cell holds a number as files have them."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _value(cell: str) -> str:
    """Return a cell without a comment behind its number."""
    return cell.split("#", 1)[0].strip()


@dataclass(frozen=True)
class _Layout:
    """How a file is to be read: where the columns are, and where the data begins.

    Attributes
    ----------
    where : dict
        What a column holds -> its number.
    first : int
        The first line that may be data, from 1.
    sign : str or None
    """

    where: dict[str, int]
    first: int
    sign: str | None

    @property
    def numbers(self) -> list[int]:
        """The columns that hold numbers."""
        return [column for name, column in self.where.items() if name != POPULATION]

    def numeric(self, line: str) -> bool:
        """Return whether all the columns of numbers hold one."""
        found = cells(line, self.sign)
        return len(found) > max(self.numbers) and all(
            is_number(_value(found[column])) for column in self.numbers
        )


def read_text(
    path: Path, name: str, columns: Columns, delimiter: str | None, header: int | None
) -> Table:
    """Read columns of a text file.

    Parameters
    ----------
    path, name : Path, str
        The file, and what messages call it.
    columns : Columns
        Where none is named for populations, the one called ``population`` is it.
    delimiter : str, optional
        A key of `DELIMITERS`; by default comma for .csv, else whitespace.
    header : int, optional
        Lines before the data as they stand in the file, comments and empty ones too. By default
        comments (``#``), and a line of names where columns are named.

    Raises
    ------
    DescriptionError
        With the file's faults.
    """
    comma = ".csv" in path.suffixes
    sign = DELIMITERS[delimiter or ("comma" if comma else "whitespace")]
    try:
        layout = _layout(path, name, columns, sign, header)
        return _read(path, name, layout)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise broken(name, f"damaged ({error})", "a file of gzip that is whole") from None
    except UnicodeDecodeError as error:
        raise broken(name, str(error), "UTF-8 text") from None


# -- where the columns are ----------------------------------------------------------------------


def _layout(
    path: Path, name: str, columns: Columns, sign: str | None, header: int | None
) -> _Layout:
    """Return where the columns are, from the first lines of a file."""
    begin = _begin(path, header or 0)
    if header is not None and len(begin) < header:
        raise broken(name, f"{len(begin)} lines", f"at least the {header} lines of its header")
    named = [c for c in columns.given().values() if isinstance(c, str)]
    heads = _candidates(begin, header, sign)
    known: list[str] = []
    after = header or 0
    for number, found in heads:
        if not set(named) <= set(found):
            continue
        width = _width(path, max(after, number) + 1, sign) if named else 0
        comment = dict(begin)[number].lstrip().startswith("#")
        if comment and width and width != len(found):
            continue  # a sentence in which the names occur
        if width > len(found):
            given = f"{len(found)} names, and {width} columns below"
            hint = "columns by number say which is meant"
            raise broken(f"{name}, line {number}", given, "a name for each column", hint)
        known = found
        if named:
            after = max(after, number)
        break
    else:
        if named:
            raise _no_names(name, named, heads, begin, sign)
    where = {
        what: known.index(column) if isinstance(column, str) else column
        for what, column in columns.given().items()
    }
    lower = [cell.lower() for cell in known]
    for usual in ("population", "populations") if POPULATION not in where else ():
        if usual in lower:
            where[POPULATION] = lower.index(usual)
            break
    layout = _Layout(where, after + 1, sign)
    for number, line in begin[: header or 0]:
        if not line.lstrip().startswith("#") and line.strip() and layout.numeric(line):
            raise broken(
                f"{name}, line {number}",
                shown(line),
                f"a line without numbers in these columns, as one of the {header} of the header",
                "header counts lines as they stand in the file, comments and empty ones too",
            )
    return layout


def _begin(path: Path, header: int) -> list[tuple[int, str]]:
    """Return the lines of a header, and those up to the first behind it that is no comment."""
    begin: list[tuple[int, str]] = []
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            begin.append((number, line.rstrip("\r\n")))
            if number > header and line.strip() and not line.lstrip().startswith("#"):
                break
    return begin


def _width(path: Path, first: int, sign: str | None) -> int:
    """Return the number of cells of the first line of data, without empty ones at its end."""
    for _, line in _data_lines(path, first):
        found = cells(line.split("#", 1)[0].rstrip(), sign)
        while found and not found[-1]:
            found.pop()
        return len(found)
    return 0


def _candidates(
    begin: list[tuple[int, str]], header: int | None, sign: str | None
) -> list[tuple[int, list[str]]]:
    """Return the lines that may hold names of columns, as cells, the most likely first."""
    lines = [entry for entry in begin if entry[1].strip()]
    comments = [entry for entry in lines if entry[1].lstrip().startswith("#")]
    plain = [entry for entry in lines if entry not in comments]
    plain.sort(key=lambda entry: (entry[0] > (header or 0), -entry[0]))  # the header's last first
    found = [(number, cells(line, sign)) for number, line in plain]
    for number, line in reversed(comments):
        text = line.lstrip().lstrip("#").strip()
        texts = [text, *([text.split(":", 1)[1]] if ":" in text else [])]
        for other in dict.fromkeys((sign, ",", None)):
            found += [(number, cells(part, other)) for part in texts]
        found.append((number, cells(line.strip(), sign)))
    # the word before a colon is the name of no column
    return [head for head in found if not any(cell.endswith(":") for cell in head[1])]


def _no_names(
    name: str,
    named: list[str],
    heads: list[tuple[int, list[str]]],
    begin: list[tuple[int, str]],
    sign: str | None,
) -> DescriptionError:
    """Return the error of names that no line of the header has."""
    if not heads:
        return broken(name, "no line of names", f"columns {', '.join(named)} in a header")
    named_in_comment = [h for h in heads if not any(is_number(cell) for cell in h[1])]
    number, known = (named_in_comment or heads)[0]
    missing = next((column for column in named if column not in known), named[0])
    line = dict(begin)[number]
    hint = " ".join(
        filter(None, (_comment_hint(line, missing), other_delimiter(line, sign, set(named)),
                      nearest(missing, known)))
    )  # fmt: skip
    return broken(f"{name}, line {number}", shown(missing), f"columns: {choices(known)}", hint)


def _comment_hint(line: str, column: str) -> str:
    if line.lstrip().startswith("#"):
        return "this line begins with #, so it is a comment, in which names were looked for too"
    return "# is a part of a name here" if "#" in line and "#" not in column else ""


def other_delimiter(line: str, sign: str | None, names: set[str] | int) -> str:
    """Say by which delimiter a line gives the columns asked for, if another one does.

    Parameters
    ----------
    line : str
    sign : str or None
        The delimiter that did not.
    names : set of str or int
        The names of columns, or how many there must be.
    """
    for word in ("comma", "semicolon", "tab", "whitespace"):
        other = DELIMITERS[word]
        if other == sign or (other == "\t" and sign is None):
            continue
        found = cells(line, other)
        enough = len(found) >= names if isinstance(names, int) else names <= set(found)
        if enough and (len(found) > 1 or not isinstance(names, int)):
            return f'this line is divided by {word}: delimiter = "{word}"'
    return ""


# -- the data -----------------------------------------------------------------------------------


def _data_lines(path: Path, first: int) -> Iterator[tuple[int, str]]:
    """Yield the lines from `first` on that are neither empty nor comments, with their numbers."""
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if number >= first and line.strip() and not line.lstrip().startswith("#"):
                yield number, line.rstrip("\r\n")


def _read(path: Path, name: str, layout: _Layout) -> Table:
    total, plain = 0, True
    with open_text(path) as file:
        for line in itertools.islice(file, layout.first - 1, None):
            total += not line.isspace()
            plain = plain and '"' not in line and "#" not in line
    if not plain:
        total = sum(1 for _ in _data_lines(path, layout.first))
    found = _fast(path, layout) if plain and total else None
    if found is None or len(found["time"]) != total:
        found = _slow(path, name, layout)

    @functools.cache
    def numbers() -> list[int]:
        return [number for number, _ in _data_lines(path, layout.first)]

    def place(row: int) -> str:
        return f"line {numbers()[row]}"

    return Table(
        name, found["neuron"], found["time"], place, found.get(POPULATION), found.get("offset")
    ).whole_ids()


def _fast(path: Path, layout: _Layout) -> dict[str, np.ndarray[Any, Any]] | None:
    """Return the columns as NumPy reads them, if it does; ids as whole numbers if they are.

    For files without comments and quotes: NumPy would lose what stands behind them.
    """
    order = sorted(layout.where, key=layout.where.__getitem__)
    if len(set(layout.where.values())) < len(order):
        return None
    for kind in (np.int64, np.float64):
        types: dict[str, Any] = {POPULATION: object, "neuron": kind}
        dtype = np.dtype([(column, types.get(column, np.float64)) for column in order])
        try:
            with warnings.catch_warnings(), open_text(path) as file:
                warnings.simplefilter("error")
                rows = np.loadtxt(
                    file, dtype, comments=None, delimiter=layout.sign, ndmin=1,
                    skiprows=layout.first - 1, usecols=[layout.where[c] for c in order],
                )  # fmt: skip
        except (ValueError, Warning):
            continue
        found = {column: np.ascontiguousarray(rows[column]) for column in order}
        if kind is np.float64 and np.any(np.abs(found["neuron"]) >= 2.0**53):
            return None  # whole numbers that need a closer look
        if POPULATION in found:
            found[POPULATION] = np.array([str(c).strip() for c in found[POPULATION]], object)
        return found
    return None


def _slow(path: Path, name: str, layout: _Layout) -> dict[str, np.ndarray[Any, Any]]:
    """Return the columns line by line, or raise with those that do not hold what they should."""
    faults: list[Fault] = []
    total = 0
    found: dict[str, list[Any]] = {column: [] for column in layout.where}
    for number, line in _data_lines(path, layout.first):
        row = cells(line, layout.sign)
        fault = _fault(line, row, layout, number)
        if fault is not None:
            total += 1
            if len(faults) < SHOWN:
                faults.append(Fault(f"{name}, line {number}", *fault))
            continue
        for column, position in layout.where.items():
            cell = row[position]
            if column == POPULATION:
                found[column].append(cell)
            else:
                found[column].append(_number(_value(cell), whole=column == "neuron"))
    if faults:
        raise DescriptionError(counted(faults, total))
    ids = found["neuron"]
    kind: Any = np.float64 if any(isinstance(i, float) for i in ids) else np.int64
    if kind is np.int64 and any(abs(i) >= 2**63 for i in ids):
        raise broken(name, shown(max(ids, key=abs)), "ids below 2^63")
    if kind is np.float64 and any(isinstance(i, int) and abs(i) > 2**53 for i in ids):
        raise broken(name, "ids with and without a decimal point", "ids written as whole numbers")
    types: dict[str, Any] = {POPULATION: object, "neuron": kind}
    return {
        column: np.array(values, types.get(column, np.float64)) for column, values in found.items()
    }


def _number(text: str, whole: bool) -> int | float:
    if whole:
        try:
            return int(text)
        except ValueError:
            pass
    return float(text)


def _fault(line: str, row: list[str], layout: _Layout, number: int) -> tuple[str, str, str] | None:
    """Return what is wrong with a line: given, allowed, hint."""
    width = max(layout.where.values()) + 1
    if len(row) < width:
        hint = other_delimiter(line, layout.sign, width)
        if not hint and "#" in line:
            hint = "lines that begin with # are comments"
        return f"{len(row)} column{'s' * (len(row) != 1)}", f"at least {width}", hint
    for column in layout.numbers:
        if not is_number(_value(row[column])):
            if layout.sign != "," and re.fullmatch(r"[+-]?\d+,\d+", row[column]):
                hint = "numbers have a decimal point, not a comma"
            else:
                hint = other_delimiter(line, layout.sign, width)
            if not hint and number == layout.first:
                hint = f"a line of names? header = {number} leaves it out"
            return shown(row[column]), "a number", hint
    return None
