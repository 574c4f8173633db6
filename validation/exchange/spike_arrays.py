"""Columns of neurons and times, or a list of times for each neuron, in .npy, .npz and .json."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import choices, nearest, shown
from netspec.validation.exchange.spike_tables import Columns, Table, broken, from_trains, row

PICKLES = "arrays of objects are pickles, which are not read: they may hold programs"


def read_numpy(path: Path, name: str, columns: Columns) -> Table:
    """Read an .npy or .npz file: columns, a matrix of rows, or an array of times for each id."""
    with path.open("rb") as raw:
        loaded = np.load(raw, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _of_array(loaded, name, columns)
        wanted = _wanted(loaded.files, columns)
        return of_named({key: loaded[key] for key in wanted}, name, columns)


def _wanted(known: list[str], columns: Columns) -> list[str]:
    """Return the arrays that are read: not those of something else, which may be objects."""
    chosen = [c for c in columns.given().values() if isinstance(c, str)]
    return [key for key in known if key in chosen or key == "population"] if chosen else known


def _of_array(loaded: NDArray[Any], name: str, columns: Columns) -> Table:
    given = columns.given()
    if loaded.dtype.names is not None:
        named = {key: loaded[key] for key in loaded.dtype.names}
        return of_named(named, name, columns)
    width = loaded.shape[1] if loaded.ndim == 2 else 0
    allowed = "a matrix of rows (neuron, time), columns by number from 0"
    hint = "the transpose of this: np.save(..., array.T)"
    for column in given.values():
        if not isinstance(column, int) or column >= width:
            turned = loaded.ndim == 2 and loaded.shape[0] == 2
            given_ = f"column {column!r} of shape {loaded.shape}"
            raise broken(name, given_, allowed, hint if turned else "")
    rows = loaded.shape[0]
    if width > rows > max(int(c) for c in given.values()):
        raise broken(name, f"shape {loaded.shape}", allowed, hint)
    if rows == width and _turned(loaded, given):
        hint = "save two arrays by name, with np.savez"
        given_ = f"shape {loaded.shape}, of which rows and columns cannot be told apart"
        raise broken(name, given_, allowed, hint)
    return of_columns({what: loaded[:, int(c)] for what, c in given.items()}, name)


def _turned(loaded: NDArray[Any], given: Mapping[str, Any]) -> bool:
    """Return whether the transpose of a square matrix has whole numbers for ids too."""
    ids = loaded[given["neuron"]]
    return len(ids) > 1 and bool(np.all(ids == np.rint(ids)))


def read_json(path: Path, name: str, columns: Columns) -> Table:
    """Read JSON: columns by name, or lists of times by neuron, of several populations too."""
    packed = path.suffix == ".gz"
    raw = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise broken(f"{name}, line {error.lineno}", error.msg, "JSON") from None
    if isinstance(data, list):
        if data and all(isinstance(entry, dict) for entry in data):
            keys = dict.fromkeys(key for entry in data for key in entry)
            data = {key: [entry.get(key) for entry in data] for key in keys}
        else:
            return _listed(data, name)
    if not isinstance(data, dict):
        raise broken(name, shown(data), "an object or a list of lists")
    if data and all(isinstance(entry, dict) for entry in data.values()):
        flat = {f"{outer}/{i}": v for outer, entry in data.items() for i, v in entry.items()}
        return _by_id(flat, name, tuple(data))
    return of_named(data, name, columns)


def _listed(data: list[Any], name: str) -> Table:
    for index, train in enumerate(data):
        if not isinstance(train, list):
            raise broken(f"{name}, entry {index}", shown(train), "a list of times for each neuron")
    trains = [_numbers(train, f"{name}, train {index}") for index, train in enumerate(data)]
    if len(trains) > 1 and all(len(t) == 2 and t[0] == np.rint(t[0]) for t in trains):
        hint = 'two columns are {"neuron": [...], "time": [...]}, trains {"0": [...], "1": [...]}'
        raise broken(name, "lists of two numbers each", "a list of times for each neuron", hint)
    return from_trains(name, np.arange(len(trains)), trains, positional=len(trains))


def of_named(data: Mapping[str, Any], name: str, columns: Columns) -> Table:
    """Return the table of arrays by name: the columns asked for, or a list of times for each id."""
    given = columns.given()
    if all(isinstance(c, str) and c in data for c in given.values()):
        chosen = {what: data[str(c)] for what, c in given.items()}
        if "population" in data:
            chosen.setdefault("population", data["population"])
        return of_columns(chosen, name)
    if data and all(_ID.fullmatch(key) for key in data):
        return _by_id(data, name)
    missing = next(c for c in given.values() if c not in data)
    raise broken(
        name, shown(missing), f"arrays by name: {choices(data)}; or a list of times for each id",
        nearest(str(missing), [*data]),
    )  # fmt: skip


_ID = re.compile(r"(?:(.*)/)?([+-]?\d+)")


def _by_id(data: Mapping[str, Any], name: str, named: tuple[str, ...] = ()) -> Table:
    """Return the table of ``{id: times}`` or ``{population/id: times}``."""
    ids, populations, trains = [], [], []
    for key, train in data.items():
        found = _ID.fullmatch(key)
        if found is None:
            raise broken(f"{name}, {key}", shown(key), "a whole number, the id of a neuron")
        populations.append(found[1])
        ids.append(int(found[2]))
        trains.append(_numbers(train, f"{name}, {key}"))
    if any(abs(i) >= 2**63 for i in ids):
        raise broken(name, shown(max(ids, key=abs)), "ids below 2^63")
    said = {} if None in populations else {"populations": populations}
    return from_trains(name, np.array(ids, np.int64), trains, named=named, **said)


def of_columns(found: Mapping[str, Any], name: str) -> Table:
    """Return the table of columns: neuron, time, and perhaps population and offset."""
    arrays = {
        what: _names(values, name) if what == "population" else _numbers(values, name, what)
        for what, values in found.items()
    }
    lengths = {what: len(array) for what, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        given = " and ".join(f"{number} {what}s" for what, number in lengths.items())
        raise broken(name, given, "as many of one as of the other")
    populations, offsets = arrays.get("population"), arrays.get("offset")
    return Table(
        name, arrays["neuron"], arrays["time"].astype(np.float64), row, populations,
        None if offsets is None else offsets.astype(np.float64),
    ).whole_ids()  # fmt: skip


def _names(values: Any, name: str) -> NDArray[Any]:
    """Return the name of a population for each spike."""
    if np.ndim(values) != 1:
        raise broken(f"{name}, population", shown(values), "a name for each spike")
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], object)


def _numbers(values: Any, name: str, what: str = "") -> NDArray[Any]:
    """Return an array of numbers in one dimension, or raise."""
    where = f"{name}, {what}" if what else name
    if isinstance(values, list) and any(isinstance(v, (str, bool, list, dict)) for v in values):
        wrong = next(v for v in values if isinstance(v, (str, bool, list, dict)))
        raise broken(where, shown(wrong), "numbers")
    try:
        if isinstance(values, list):
            kinds = {type(v) for v in values} - {type(None)}
            if kinds == {int, float} and any(isinstance(v, int) and abs(v) > 2**53 for v in values):
                raise broken(where, "whole numbers beyond 2^53 among others", "whole numbers only")
            array = np.array([np.nan if v is None else v for v in values])
            array = array if len(array) else np.empty(0)
        else:
            array = np.asarray(values)
    except OverflowError as error:
        raise broken(where, str(error), "numbers below 2^63") from None
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.dtype.kind not in "iuf" or array.ndim != 1:
        hint = PICKLES if array.dtype.kind == "O" else ""
        raise broken(where, f"{array.dtype}, shape {array.shape}", "one dimension of numbers", hint)
    return array
