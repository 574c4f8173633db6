"""One network for all: the synapses and initial values of a network and a seed, in a file.

The layout is that of SONATA's edge and node files, as far as it costs nothing. Projections are
written block by block, so memory follows the block and not the projection. What is the same for
all synapses or neurons is the fill value of a column that takes no room.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import StrictStr

from netspec.describe.fields import Described
from netspec.describe.network import Network, Projection
from netspec.describe.serialization import spec_hash
from netspec.describe.simulation import Simulation
from netspec.errors import ResultFileError, UsageError
from netspec.realise import drawing, sonata_columns
from netspec.realise.drawing import Synapses
from netspec.versions import own_versions
from netspec.whole_files import HEADER, read_header, sealed, verify

FORMAT = "netspec-realisation/1"
BYTES_PER_SYNAPSE = 14  # at most
CHUNK = 2**18  # entries of a column that are stored and checked together
SONATA = {"magic": np.uint32(0x0A7A), "version": np.array([0, 1], np.uint32)}


class RealisationRef(Described):
    """A realisation file that a request uses, known by its content.

    Attributes
    ----------
    file : str
        Absolute path; no part of what decides a result.
    sha256 : str
    versions : dict
        Of netspec and its libraries when the synapses were drawn.
    """

    file: StrictStr
    sha256: StrictStr
    versions: dict[StrictStr, StrictStr]


# -- writing ----------------------------------------------------------------------------------


def write_realisation(
    path: Path,
    network: Network,
    simulation: Simulation,
    progress: Callable[[str, float], None] = lambda phase, fraction: None,
    by_target: bool | None = None,
) -> dict[str, int]:
    """Draw a network and write it; return the number of synapses by projection.

    Parameters
    ----------
    path : Path
        Final name; appears only when the file is complete.
    network : Network
    simulation : Simulation
        Its seed and time step count.
    progress : callable, optional
        Called with the phase and the fraction done of it.
    by_target : bool, optional
        Whether readers of SONATA find edges by their targets too, which takes up to 16 bytes a
        synapse in the file and 32 in memory, a projection at a time; by default for projections
        of up to `sonata_columns.INDEXED` synapses. No run needs it.

    Raises
    ------
    UsageError
        If there is no such folder, or not enough room on its disk.
    ResultFileError
        If the file cannot be written.
    """
    import h5py

    _check_room(path.absolute().parent, network, by_target)
    counts: dict[str, int] = {}
    with sealed(path, FORMAT) as temporary:
        with h5py.File(temporary, "w", userblock_size=HEADER) as file:
            file.attrs.update(SONATA)
            for population in network.populations:
                group = file.create_group(f"nodes/{population.name}")
                _write_nodes(group, network, population.name, simulation)
            for index, projection in enumerate(network.projections):
                progress("draw", index / len(network.projections))
                group = file.create_group(f"edges/{projection.name}")
                counts[projection.name] = _write_edges(
                    group, network, projection, simulation, by_target
                )
            about = _identity(network, simulation) | {
                "name": network.name,
                "synapses": counts,
                "versions": own_versions(),
            }
            text = json.dumps(about, sort_keys=True)
            file.create_dataset("manifest", data=np.frombuffer(text.encode(), np.uint8))
        progress("checksum", 0.0)
    return counts


def _check_room(folder: Path, network: Network, by_target: bool | None) -> None:
    """Refuse before the disk is full: HDF5 may end the process when a write fails."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    counts = [drawing.expected_synapses(network, p) for p in network.projections]
    size = BYTES_PER_SYNAPSE * sum(counts) + sonata_columns.BYTES_PER_INDEXED * sum(
        count for count in counts if _indexed(count, by_target)
    )
    needed, free = size / 2**20, shutil.disk_usage(folder).free / 2**20
    if needed > free:
        raise UsageError(f"{folder}: {free:,.0f} MiB are free, the file takes {needed:,.0f} MiB")


def _indexed(synapses: float, by_target: bool | None) -> bool:
    """Return whether the edges of a projection are indexed by their targets."""
    return synapses <= sonata_columns.INDEXED if by_target is None else by_target


def _identity(network: Network, simulation: Simulation) -> dict[str, Any]:
    """Return what a file and a run must have in common, what says most to a reader first."""
    return {
        "seed": simulation.seed,
        "dt": simulation.dt,
        "projections": [projection.name for projection in network.projections],
        "spec_hash": spec_hash(network),
    }


def _write_nodes(group: Any, network: Network, population: str, simulation: Simulation) -> None:
    size = network.population(population).size
    initial = drawing.initial_values(network, population, simulation)
    columns: dict[str, Any] = {f"0/{name}": value for name, value in initial.items()}
    for name, value in drawing.parameters(network, population, simulation).items():
        if np.ndim(value):
            columns[f"0/dynamics_params/{name}"] = value
    _fill(group, "node_type_id", -1, size, np.int64)
    sonata_columns.write_node_columns(group, size)
    for name, value in columns.items():
        if np.ndim(value):
            _append(group, name, value, min(size, CHUNK))
        else:
            _fill(group, name, value, size, np.float64)


def _write_edges(
    group: Any,
    network: Network,
    projection: Projection,
    simulation: Simulation,
    by_target: bool | None,
) -> int:
    n_pre = network.population(projection.pre).size
    chunk = int(min(max(drawing.expected_synapses(network, projection), 1), CHUNK))
    count, lengths = 0, np.zeros(n_pre, np.uint32)
    same: dict[str, Any] = {}
    # Ctrl-C is seen here only if another thread is in h5py, whose callbacks would swallow it
    with ThreadPoolExecutor(1) as writer:
        for block in drawing.synapse_blocks(network, projection, simulation):
            for name, part in _columns(block).items():
                if np.ndim(part):
                    writer.submit(_append, group, name, part, chunk).result()
                else:
                    same[name] = part
            lengths += np.bincount(block.pre, minlength=n_pre).astype(np.uint32)
            count += len(block)
    for name, value in same.items():
        _fill(group, name, value, count, np.float64 if isinstance(value, float) else np.uint16)
    _fill(group, "edge_type_id", -1, count, np.int64)
    _append(group, "row_length", lengths, min(n_pre, CHUNK))
    group["source_node_id"].attrs["node_population"] = projection.pre
    group["target_node_id"].attrs["node_population"] = projection.post
    n_post = network.population(projection.post).size
    sonata_columns.write_group_index(group, count)
    sonata_columns.write_indices(group, lengths, n_post, _indexed(count, by_target))
    return count


def _columns(block: Synapses) -> dict[str, Any]:
    """Return the columns of synapses by their names in the file."""
    return {
        "source_node_id": block.pre,
        "target_node_id": block.post,
        "0/syn_weight": block.weight,
        "0/delay_steps": block.delay,
    }


def _append(group: Any, name: str, values: NDArray[Any], chunk: int) -> None:
    if name not in group:
        # not packed: the wheels of libsonata cannot unpack, and weights would not shrink
        layout = {"maxshape": (None,), "chunks": (chunk,), "fletcher32": True}
        group.create_dataset(name, (0,), values.dtype, **layout)
    column = group[name]
    begin = len(column)
    column.resize((begin + len(values),))
    column[begin:] = values


def _fill(group: Any, name: str, value: float, size: int, dtype: Any) -> None:
    group.create_dataset(name, (size,), dtype, fillvalue=value)


# -- reading ----------------------------------------------------------------------------------


def _manifest(path: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(path, "r") as file:
        found: dict[str, Any] = json.loads(file["manifest"][()].tobytes())
    return found


def reference(path: str | Path, network: Network, simulation: Simulation) -> RealisationRef:
    """Verify a realisation file, and that it holds the synapses of a network and simulation.

    Raises
    ------
    ResultFileError
        If the file is missing, incomplete, damaged or of another format.
    UsageError
        If it was drawn for another network, seed or time step; both values are named.
    """
    path = Path(path).absolute()
    digest = verify(path, FORMAT)
    about = _manifest(path)
    wanted = _identity(network, simulation)
    lines = [
        f"{key}: {about[key]} in the file, {wanted[key]} in the run"
        for key in wanted
        if about[key] != wanted[key]
    ]
    if lines:
        raise UsageError("\n  - ".join([f"{path}: the synapses of something else:", *lines]))
    return RealisationRef(file=str(path), sha256=digest, versions=about["versions"])


class Realisation:
    """An open realisation file, read by blocks of rows.

    Raises
    ------
    ResultFileError
        If the file is not the one that was verified for the request.
    """

    def __init__(self, ref: RealisationRef, network: Network) -> None:
        self.path, self.network = Path(ref.file), network
        if read_header(self.path, FORMAT)[0] != ref.sha256:
            raise ResultFileError(f"{self.path}: replaced since the run was asked for")

    @cached_property
    def _file(self) -> Any:
        import h5py

        return h5py.File(self.path, "r")

    def row_lengths(self, projection: Projection) -> NDArray[np.uint32]:
        """Return the number of synapses of each source, shape (n_pre,)."""
        lengths: NDArray[np.uint32] = self._file[f"edges/{projection.name}/row_length"][()]
        return lengths

    def synapse_blocks(self, projection: Projection) -> Iterator[Synapses]:
        """Yield the same blocks as `netspec.realise.drawing.synapse_blocks`."""
        group = self._file[f"edges/{projection.name}"]
        lengths = self.row_lengths(projection)
        begin = 0
        for first, last in drawing.block_rows(self.network, projection):
            rows = lengths[first:last]
            end = begin + int(rows.sum(dtype=np.int64))
            yield Synapses(
                np.repeat(np.arange(first, last, dtype=np.uint32), rows),
                group["target_node_id"][begin:end],
                _part(group["0/syn_weight"], begin, end),
                _part(group["0/delay_steps"], begin, end),
            )
            begin = end


def _part(column: Any, begin: int, end: int) -> Any:
    """Return a part of a column, or the one number that it holds."""
    return column.fillvalue.item() if column.chunks is None else column[begin:end]
