"""What readers of SONATA need beside synapses and values, and no run of netspec reads.

Nodes and edges say which group their values stand in and where; indices say which edges a neuron
has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

INDEXED = 2**20  # synapses of a projection up to which edges are indexed by their targets too
BYTES_PER_INDEXED = 16  # at most: a range for each synapse
_PART = 2**16  # numbers that are written at once


def write_node_columns(group: Any, size: int) -> None:
    """Write ids and groups of the nodes of a population."""
    group.require_group("0")
    group.create_dataset("node_group_id", (size,), np.uint16, fillvalue=0)
    group.create_dataset("node_id", data=np.arange(size, dtype=np.uint64))
    group["node_group_index"] = group["node_id"]  # one column under two names


def write_group_index(group: Any, count: int) -> None:
    """Write the group of all edges of a projection, and the place of each in it: one, in order."""
    group.create_dataset("edge_group_id", (count,), np.uint16, fillvalue=0)
    layout: dict[str, Any] = {}
    if count:
        # packed to a hundredth: readers that cannot unpack do not read this column
        layout = {"chunks": (min(count, _PART),), "compression": "gzip", "compression_opts": 1,
                  "shuffle": True, "fletcher32": True}  # fmt: skip
    column = group.create_dataset("edge_group_index", (count,), np.uint64, **layout)
    for begin in range(0, count, _PART):
        end = min(begin + _PART, count)
        column[begin:end] = np.arange(begin, end, dtype=np.uint64)


def write_indices(group: Any, lengths: NDArray[np.uint32], n_post: int, by_target: bool) -> None:
    """Write which edges each source has, and perhaps each target.

    Parameters
    ----------
    group : h5py.Group
        Edges of a projection, sorted by (source, target).
    lengths : ndarray of uint32, shape (n_pre,)
        Edges of each source.
    n_post : int
        Number of neurons that may be targets.
    by_target : bool
        Index by target too; the targets of all edges are then in memory, 32 bytes for each.
    """
    ends = np.cumsum(lengths, dtype=np.uint64)
    ranges = np.column_stack([ends - lengths, ends])
    _write_index(group, "source_to_target", ranges[lengths > 0], (lengths > 0).astype(np.uint64))
    if by_target:
        targets = group["target_node_id"][()]
        order = np.argsort(targets, kind="stable").astype(np.uint64)
        sorted_ = targets[order]
        # edges that follow each other in the file are one range
        starts = np.ones(len(order), bool)
        starts[1:] = (np.diff(order.astype(np.int64)) != 1) | (np.diff(sorted_) != 0)
        first = np.flatnonzero(starts)
        last = np.append(first[1:], len(order)) - 1 if len(first) else first
        ranges = np.column_stack([order[first], order[last] + np.uint64(1)])
        number = np.bincount(sorted_[first], minlength=n_post).astype(np.uint64)
        _write_index(group, "target_to_source", ranges, number)


def _write_index(
    group: Any, name: str, ranges: NDArray[np.uint64], number: NDArray[np.uint64]
) -> None:
    """Write ranges of edges, and how many of them each node has, one node after another."""
    index = group.create_group(f"indices/{name}")
    ends = np.cumsum(number, dtype=np.uint64)
    index.create_dataset("range_to_edge_id", data=ranges.astype(np.uint64).reshape(-1, 2))
    index.create_dataset("node_id_to_ranges", data=np.column_stack([ends - number, ends]))
    index["node_id_to_range"] = index["node_id_to_ranges"]  # as BMTK calls it
