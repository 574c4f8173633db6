"""Spikes and weights as a SONATA file: what BMTK, libsonata and other tools of that format read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.realise import sonata_columns
from netspec.validation.exchange.recordings import (
    Content,
    Trains,
    Weights,
    as_steps,
    exact_in,
    sizes_in,
    trains_from,
)

MAGIC, VERSION = np.uint32(0x0A7A), np.array([0, 1], np.uint32)
SORTING = {"none": 0, "by_id": 1, "by_time": 2}  # SONATA's enumeration
OURS = "netspec"  # a group of our own, which readers of SONATA do not look at


def write_sonata(content: Content, path: Path) -> None:
    """Write the spikes of a content: ``/spikes/POPULATION/timestamps`` (ms) and ``node_ids``.

    Spikes are sorted by time, then by neuron. Weights that were recorded at the end of the run are
    ``syn_weight`` of the edges of ``/edges/PROJECTION``. What SONATA has no place for (which
    neurons were exported, silent ones included, and the provenance) stands in a group of its own.
    Sampled variables are not written: `netspec.validation.exchange.export.export` says so.
    """
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["magic"], file.attrs["version"] = MAGIC, VERSION
        kind = h5py.enum_dtype(SORTING, np.uint8)
        for population, trains in content.trains.items():
            times, owners = trains.times(content.dt), trains.owners
            order = np.lexsort((owners, times))
            group = file.create_group(f"spikes/{population}")
            group.attrs.create("sorting", SORTING["by_time"], dtype=kind)
            _column(group, "timestamps", times[order])
            group["timestamps"].attrs["units"] = "milliseconds"
            _column(group, "node_ids", owners[order].astype(np.uint64))
            _column(file.require_group(f"{OURS}/neurons"), population, trains.neurons)
        for found in content.weights:
            _write_edges(file.create_group(f"edges/{found.projection}"), found)
        about = file.require_group(OURS)
        about.attrs["name"], about.attrs["dt_ms"] = content.name, content.dt
        about.attrs["t_start_ms"], about.attrs["t_stop_ms"] = content.t_start, content.t_stop
        text = np.frombuffer(content.provenance.encode(), np.uint8)
        about.create_dataset("provenance", data=text)


def _column(group: Any, name: str, data: NDArray[Any]) -> None:
    # not packed: the wheels of libsonata cannot unpack
    layout = {"fletcher32": True, "chunks": True} if data.size else {}
    group.create_dataset(name, data=data, **layout)


def _write_edges(group: Any, weights: Weights) -> None:
    count = len(weights.values)
    ends = (("source", weights.pre, weights.sources), ("target", weights.post, weights.targets))
    for end, population, nodes in ends:
        _column(group, f"{end}_node_id", nodes.astype(np.uint64))
        group[f"{end}_node_id"].attrs["node_population"] = population
    group.create_dataset("edge_type_id", (count,), np.int64, fillvalue=-1)
    sonata_columns.write_group_index(group, count)
    lengths = np.bincount(weights.sources, minlength=weights.pre_size).astype(np.uint32)
    by_target = count <= sonata_columns.INDEXED
    sonata_columns.write_indices(group, lengths, weights.post_size, by_target)
    _column(group.require_group("0"), "syn_weight", weights.values)
    group["0/syn_weight"].attrs["units"] = weights.unit
    group.attrs["pre_size"], group.attrs["post_size"] = weights.pre_size, weights.post_size


def read_sonata(path: Path) -> Content:
    """Read a file of `write_sonata`."""
    import h5py

    with h5py.File(path, "r") as file:
        about = file[OURS]
        dt = float(about.attrs["dt_ms"])
        begin, end = as_steps([about.attrs["t_start_ms"], about.attrs["t_stop_ms"]], dt).tolist()
        provenance = about["provenance"][()].tobytes().decode()
        exact = exact_in(provenance)
        trains = {
            name: _trains(file[f"spikes/{name}"], about[f"neurons/{name}"][()], dt, exact)
            for name in sizes_in(provenance)
            if f"spikes/{name}" in file
        }
        return Content(
            name=str(about.attrs["name"]),
            dt=dt,
            begin=begin,
            end=end,
            trains=trains,
            signals=(),
            provenance=provenance,
            weights=tuple(
                _edges(name, group) for name, group in sorted(file.get("edges", {}).items())
            ),
        )


def _edges(name: str, group: Any) -> Weights:
    ends = [group[f"{end}_node_id"] for end in ("source", "target")]
    sources, targets = (nodes[()].astype(np.int64) for nodes in ends)
    pre, post = (str(nodes.attrs["node_population"]) for nodes in ends)
    pre_size, post_size = (int(group.attrs[size]) for size in ("pre_size", "post_size"))
    weights = group["0/syn_weight"]
    unit = str(weights.attrs["units"])
    return Weights(name, unit, pre, post, pre_size, post_size, sources, targets, weights[()])


def _trains(spikes: Any, neurons: NDArray[np.int64], dt: float, exact: bool) -> Trains:
    times, owners = spikes["timestamps"][()], spikes["node_ids"][()].astype(np.int64)
    order = np.lexsort((times, owners))
    ends = np.searchsorted(owners[order], neurons, side="right").astype(np.int64)
    return trains_from(neurons, ends, times[order], dt, exact)
