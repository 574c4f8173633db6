"""Spikes in files that say what they mean: SONATA, NWB, NIX, MAT, netspec's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import UsageError, choices
from netspec.execute.results import FORMAT, open_run
from netspec.validation.exchange.recordings import EXACT, exact_in
from netspec.validation.exchange.spike_arrays import of_named
from netspec.validation.exchange.spike_tables import Columns, Table, broken, from_trains, row
from netspec.whole_files import HEADER

# of SONATA's attribute ``units`` -> ours
UNITS = {"milliseconds": "ms", "millisecond": "ms", "ms": "ms", "seconds": "s", "second": "s",
         "s": "s"}  # fmt: skip


def is_result(path: Path) -> bool:
    """Return whether a file begins as a result file of netspec does."""
    with path.open("rb") as raw:
        return FORMAT.encode() in raw.read(HEADER)


def read_hdf5(path: Path, name: str, columns: Columns) -> Table:
    """Read a result of netspec, spikes of SONATA, or two datasets by their paths."""
    import h5py

    if is_result(path):
        return _of_result(path, name)
    with h5py.File(path, "r") as file:
        given = columns.given()
        if all(isinstance(c, str) and isinstance(file.get(c), h5py.Dataset)
               for c in given.values()):  # fmt: skip
            return of_named({str(c): file[c][()] for c in given.values()}, name, columns)
        if isinstance(file.get("spikes"), h5py.Group):
            return replace(_of_sonata(file["spikes"], name), label=_label_in(file))
        known: list[str] = []
        file.visititems(
            lambda key, item: known.append(key) if isinstance(item, h5py.Dataset) else None
        )
    hint = "columns may name datasets by their paths"
    raise broken(name, f"datasets: {choices(known)}", "a group /spikes as in SONATA", hint)


def _label_in(file: Any) -> str | None:
    """Return what a time of an export of netspec is; None in files of others."""
    provenance = file.get("netspec/provenance")
    if provenance is None:
        return None
    return EXACT if exact_in(provenance[()].tobytes().decode()) else "end"


def _of_result(path: Path, name: str) -> Table:
    run = open_run(path)
    dt = float(run.manifest["simulation"]["dt"])
    parts = {population: run.spikes(population, warmup=True) for population in run.populations}
    return Table(
        name,
        np.concatenate([np.empty(0, np.int64), *(part.neurons for part in parts.values())]).astype(
            np.int64
        ),
        np.concatenate([np.empty(0), *(part.steps * dt for part in parts.values())]),
        row,
        np.repeat(np.array([*parts], object), [len(part) for part in parts.values()]),
        unit="ms",
        label="end",
        named=tuple(parts),
    )


def _of_sonata(spikes: Any, name: str) -> Table:
    """Return the spikes of all populations, or those of the format's first version."""
    import h5py

    groups = {key: item for key, item in spikes.items() if isinstance(item, h5py.Group)}
    flat = not groups and "timestamps" in spikes
    tables = []
    for key, group in {"": spikes}.items() if flat else groups.items():
        ids = next((i for i in ("node_ids", "gids") if i in group), None)
        if ids is None or "timestamps" not in group:
            raise broken(f"{name}, {group.name}", choices(group), "timestamps and node_ids")
        times = group["timestamps"]
        said = times.attrs.get("units", group.attrs.get("units", "milliseconds"))
        said = said.decode() if isinstance(said, bytes) else str(said)
        if said not in UNITS:
            raise broken(f"{name}, {times.name}", f"units {said!r}", choices(UNITS))
        neurons = group[ids][()]
        for what, array in (("node_ids", neurons), ("timestamps", times)):
            if array.ndim != 1 or array.dtype.kind not in "iuf":
                given = f"{array.dtype}, shape {array.shape}"
                raise broken(f"{name}, {group.name}/{what}", given, "one dimension of numbers")
        if len(neurons) != len(times):
            given = f"{len(neurons)} node_ids and {len(times)} timestamps"
            raise broken(f"{name}, {group.name}", given, "as many of one as of the other")
        whole = Table(f"{name}, {group.name}", neurons, times[()], row).whole_ids()
        tables.append((key, UNITS[said], whole))
    if len({unit for _, unit, _ in tables}) > 1:
        raise broken(name, "times in ms and in s", "one unit for all populations of a file")
    lengths = [len(table.neurons) for _, _, table in tables]
    return Table(
        name,
        np.concatenate([np.empty(0, np.int64), *(table.neurons for _, _, table in tables)]),
        np.concatenate([np.empty(0), *(table.times for _, _, table in tables)]).astype(np.float64),
        row,
        None if flat else np.repeat(np.array([key for key, *_ in tables], object), lengths),
        unit=tables[0][1] if tables else "ms",
        named=() if flat else tuple(groups),
    ).whole_ids()


def read_nwb(path: Path, name: str, columns: Columns) -> Table:
    """Read the table of units of an NWB file, whose times are in seconds.

    A column of neurons is the one named, else ``neuron`` as in exports of netspec, else the id;
    of populations the one named, else ``population`` if there is one.
    """
    import pynwb

    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        units = file.units
        if units is None or "spike_times" not in units.colnames:
            raise broken(name, "no spike times of units", "an NWB file with a table of units")
        ids = _nwb_column(units, columns.neuron, "neuron", name)
        ids = np.asarray(units.id[:] if ids is None else ids)
        populations = _nwb_column(units, columns.population, "population", name)
        named = None if populations is None else [str(entry) for entry in populations]
        ends = np.asarray(units["spike_times"].data[:], np.int64)
        times = np.asarray(units["spike_times"].target.data[:], np.float64)
        notes = file.notes
    said: dict[str, Any] = {} if named is None else {"populations": named}
    if _is_ours(notes):
        said["label"] = EXACT if exact_in(notes) else "end"
    trains = np.split(times, ends)[:-1] if len(ends) else []
    return from_trains(
        name, ids, trains, unit="s", named=() if named is None else tuple(dict.fromkeys(named)),
        **said,
    ).whole_ids()  # fmt: skip


def _nwb_column(units: Any, asked: Any, usual: str, name: str) -> Any:
    """Return a column of units: the one asked for by name, else the usual one if it is there."""
    if isinstance(asked, str) and asked not in (*units.colnames, "id"):
        raise broken(name, repr(asked), f"columns of units: {choices((*units.colnames, 'id'))}")
    if asked == "id":
        return units.id[:]
    column = asked if isinstance(asked, str) else usual
    return units[column].data[:] if column in units.colnames else None


def _is_ours(notes: Any) -> bool:
    """Return whether a provenance is one of netspec's exports."""
    try:
        return "netspec" in json.loads(str(notes))["export"]
    except (ValueError, KeyError, TypeError):
        return False


def read_nix(path: Path, name: str, columns: Columns) -> Table:
    """Read the spike trains of all blocks of a NIX file of Neo.

    A neuron's id is the annotation named, else ``neuron``, else its place among the trains; its
    population the annotation named, else ``population``.
    """
    from neo.io.nixio import NixIO

    file = NixIO(str(path), mode="ro")
    try:
        blocks = file.read_all_blocks()
    finally:
        file.close()
    ours = bool(blocks) and all(_is_ours(b.annotations.get("provenance")) for b in blocks)
    trains = [t for block in blocks for segment in block.segments for t in segment.spiketrains]
    if not trains:
        raise broken(name, "no spike trains", "a NIX file of Neo with spike trains")
    ids = [*_annotations(trains, columns.neuron, "neuron", name)]
    populations = [*_annotations(trains, columns.population, "population", name)]
    said: dict[str, Any] = {"positional": len(trains) if None in ids else None}
    if None not in populations:
        named = [str(p) for p in populations]
        said |= {"populations": named, "named": tuple(dict.fromkeys(named))}
    labels = {str(block.annotations.get("spike_label", "end")) for block in blocks}
    if ours and labels <= {"start", "end", "exact"} and len(labels) == 1:
        (said["label"],) = labels
    numbers = np.arange(len(trains)) if None in ids else np.array(ids)
    if numbers.dtype.kind not in "iuf":
        raise broken(name, str(numbers.dtype), "annotations that are whole numbers, as ids")
    times = [np.asarray(t.rescale("ms").magnitude, np.float64) for t in trains]
    return from_trains(name, numbers, times, unit="ms", **said).whole_ids()


def _annotations(trains: list[Any], asked: Any, usual: str, name: str) -> Iterator[Any]:
    for train in trains:
        key = asked if isinstance(asked, str) else usual
        if isinstance(asked, str) and key not in train.annotations:
            raise broken(name, repr(asked), f"annotations: {choices(train.annotations)}")
        yield train.annotations.get(key)


def read_mat(path: Path, name: str, columns: Columns) -> Table:
    """Read a MATLAB file: an export of netspec, vectors by name, or a cell of times a neuron."""
    from scipy.io import loadmat

    try:
        data = loadmat(path, appendmat=False)
    except NotImplementedError:
        hint = "save(..., '-v7') writes what can be read"
        raise broken(name, "a file of MATLAB 7.3", "MATLAB 5 to 7.2", hint) from None
    if "populations" in data and data["populations"].dtype.names is not None:
        return _of_mat_export(data, name)
    known = {key: value for key, value in data.items() if not key.startswith("__")}
    asked = columns.time
    if isinstance(asked, str) and asked in known and known[asked].dtype == object:
        trains = [np.ravel(train) for train in known[asked].ravel()]
        return from_trains(name, np.arange(len(trains)), trains, positional=len(trains))
    return of_named({k: _column(v) for k, v in known.items()}, name, columns)


def _column(value: Any) -> NDArray[Any]:
    """Return a vector of MATLAB, which is a matrix of one row or column."""
    array = np.asarray(value)
    return array.ravel() if array.ndim == 2 and 1 in array.shape else array


def _of_mat_export(data: Any, name: str) -> Table:
    parts = {}
    for entry in data["populations"].ravel():
        fields = [np.ravel(entry[field]) for field in ("spike_neuron", "spike_time_ms")]
        parts[str(entry["name"].item())] = fields
    exact = exact_in(str(data["info"]["provenance"][0, 0].item()))
    return Table(
        name,
        np.concatenate([np.empty(0, np.int64), *(neurons for neurons, _ in parts.values())]),
        np.concatenate([np.empty(0), *(times for _, times in parts.values())]).astype(np.float64),
        row,
        np.repeat(np.array([*parts], object), [len(times) for _, times in parts.values()]),
        unit="ms",
        label=EXACT if exact else "end",
        named=tuple(parts),
    ).whole_ids()


def missing_package(error: ModuleNotFoundError, name: str) -> UsageError:
    """Return the error of a format whose package is not installed."""
    return UsageError(f"{name}: {error}. To get it: pip install 'netspec-snn[neo]'")
