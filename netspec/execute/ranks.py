"""One run on many ranks: the launcher, the files of each rank, and their union.

Every rank is a worker of its own, which writes its part of the result into a folder that all
ranks see. Nothing but the launcher's environment is used of MPI here, so that no Python package
for MPI is needed. What a rank leaves in the folder, R being its number:

``R.pid``      its process, written first
``R.log``      its error output
``R.failed``   written if it raised an error
``R.h5``       its part of the result, written last
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import BackendMissing, SimulationFailed
from netspec.execute.manifest import Manifest
from netspec.execute.recording import Recording
from netspec.execute.results import open_run, read_arrays

LAUNCHER = "NETSPEC_MPIEXEC"  # the command that starts ranks, with options of one's own
# of Open MPI 4 and later, MPICH and Slurm
RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")
# Open MPI 4 (and 5) refuses more ranks than cores, and binds all threads of a rank to one core
DEFAULTS = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    # a process that nobody launched would else start a daemon
    "OMPI_MCA_ess_singleton_isolated": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
LOCAL_SIZE_VARIABLES = ("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS")
LOG_LINES = 15
SPIN_COUNT = "1000"  # of GCC's OpenMP: some microseconds
# The launcher has no death signal of its own; this gives it one and becomes the launcher
_END_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execvp(sys.argv[1], sys.argv[1:])"
)


def launcher(ranks: int) -> list[str]:
    """Return the words that start a command on a number of ranks.

    Raises
    ------
    BackendMissing
        If there is no launcher.
    """
    words = shlex.split(os.environ.get(LAUNCHER, "mpirun"))
    if not words or shutil.which(words[0]) is None:
        raise BackendMissing(
            f"{ranks} ranks need the launcher of MPI, and there is no {' '.join(words)!r}. Install "
            f"Open MPI (Debian: apt-get install openmpi-bin), or name it: {LAUNCHER}='srun ...'"
        )
    return [sys.executable, "-c", _END_WITH_PARENT, *words, "-n", str(ranks)]


def own_rank() -> int:
    """Return the number that the launcher gave to this process.

    Raises
    ------
    SimulationFailed
        If no launcher gave one.
    """
    for name in RANK_VARIABLES:
        if name in os.environ:
            return int(os.environ[name])
    raise SimulationFailed(
        f"the launcher of MPI gave this process no rank; known: {', '.join(RANK_VARIABLES)}"
    )


def thread_defaults(threads: int) -> dict[str, str]:
    """Return how OpenMP's threads are to wait for each other; to be set before it is loaded.

    GCC's wait in a loop, for milliseconds, before they sleep. Where a processor is not free, others
    wait for a thread that cannot run because they do: a run is then a hundred times slower. A loop
    of some microseconds costs nothing on a quiet machine. Where there are more threads than
    processors, those of other ranks included, they are to sleep at once.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}.isdisjoint(os.environ):
        return {}
    sizes = (os.environ[name] for name in LOCAL_SIZE_VARIABLES if name in os.environ)
    crowded = int(next(sizes, "1")) * threads > (os.cpu_count() or 1)
    return {"OMP_WAIT_POLICY": "passive"} if crowded else {"GOMP_SPINCOUNT": SPIN_COUNT}


# -- the parts of a result --------------------------------------------------------------------


def part(folder: Path, rank: int) -> Path:
    """Return the file of a rank's part."""
    return folder / f"{rank}.h5"


def gather(folder: Path, ranks: int) -> tuple[Manifest, Recording]:
    """Return manifest and recording of the whole run from the parts of all ranks.

    Times are those of the slowest rank; memory and synapses are sums.

    Raises
    ------
    ResultFileError
        If a part is missing or damaged.
    """
    files = [part(folder, rank) for rank in range(ranks)]
    manifests = [open_run(file).manifest for file in files]
    whole = manifests[0]
    peaks = [m["peak_memory_mib"] or 0.0 for m in manifests]
    manifest: Manifest = {
        **whole,
        "seconds": {k: max(m["seconds"][k] for m in manifests) for k in whole["seconds"]},
        "memory_mib": {
            k: round(sum(m["memory_mib"][k] for m in manifests), 4) for k in whole["memory_mib"]
        },
        "synapses": {k: sum(m["synapses"][k] for m in manifests) for k in whole["synapses"]},
        "peak_memory_mib_of_ranks": [*peaks],
        "peak_memory_mib": round(sum(peaks), 1),
    }
    return manifest, _joined(list(map(read_arrays, files)), manifest)


def _joined(parts: Sequence[dict[str, NDArray[Any]]], manifest: Manifest) -> Recording:
    recording = Recording()
    for name in manifest["sizes"]:
        steps, neurons = (
            np.concatenate([p[f"spikes/{name}/{column}"] for p in parts])
            for column in ("step", "neuron")
        )
        recording.spikes[name] = steps, neurons
    names = sorted({name for p in parts for name in p})
    for name in (n for n in names if n.startswith("samples/") and n.endswith("/value")):
        _, recorder, variable, _ = name.split("/")
        steps = max((p[f"samples/{recorder}/{variable}/step"] for p in parts), key=len)
        values = _placed(parts, name, recorder)
        recording.samples[recorder, variable] = steps, values
    of_synapses: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
        ("weights", ("synapse", "pre", "post", "weight"), recording.weights),
        ("sent", ("synapse", "step", "weight"), recording.sent),
    )
    for kind, columns, joined in of_synapses:
        for name in names:
            if name.startswith(f"{kind}/") and name.endswith("/weight"):
                key = name.removesuffix("/weight")
                found = tuple(_joined_column(parts, f"{key}/{column}") for column in columns)
                joined[key.removeprefix(f"{kind}/")] = found
    readback = recording.readback
    for name in (n.removeprefix("readback/") for n in names if n.startswith("readback/")):
        if any(f"local/{name}" in p for p in parts):
            readback[name] = _placed(parts, f"readback/{name}", name)
        else:
            readback[name] = np.concatenate([p[f"readback/{name}"] for p in parts])
    for base in sorted({n.rpartition("/")[0] for n in readback if n.startswith("projections/")}):
        keys = [f"{base}/{key}" for key in ("pre", "post", "weight", "delay")]
        pre, post, weight, delay = (readback[key] for key in keys)
        order = np.lexsort((delay, weight, post, pre))
        readback.update({key: readback[key][order] for key in keys})
    return recording


def _joined_column(parts: Sequence[dict[str, NDArray[Any]]], name: str) -> NDArray[Any]:
    """Return what all ranks have of a column, one after the other."""
    return np.concatenate([part[name] for part in parts if name in part])


def _placed(parts: Sequence[dict[str, NDArray[Any]]], name: str, local: str) -> NDArray[Any]:
    """Put the neurons of all ranks side by side; the last axis is that of neurons."""
    held = [(p[name], p[f"local/{local}"]) for p in parts if len(p.get(f"local/{local}", ()))]
    if not held:  # nobody was asked for
        return parts[0][name]
    size = sum(len(positions) for _, positions in held)
    whole = np.empty((*held[0][0].shape[:-1], size), held[0][0].dtype)
    for values, positions in held:
        whole[..., positions] = values
    return whole


# -- what went wrong --------------------------------------------------------------------------


def failed(folder: Path) -> list[int]:
    """Return the ranks that raised an error, the first one first."""
    marks = sorted(folder.glob("*.failed"), key=lambda path: path.stat().st_mtime_ns)
    return [int(mark.stem) for mark in marks]


def culprit(folder: Path, ranks: int, words: str) -> tuple[str, list[str]]:
    """Say which rank ended a job, and return the last lines that it wrote.

    Parameters
    ----------
    folder : Path
        Of the ranks' files.
    ranks : int
    words : str
        Error output of the launcher, which names a rank that was killed, or its process.
    """
    blamed = failed(folder)
    if blamed:
        return f"rank {blamed[0]} of {ranks} raised an error", _tail(folder, blamed[0])
    lines = [line.strip() for line in words.splitlines() if line.strip(" -=|")]
    rank = _named(folder, ranks, words)
    if rank is not None:
        own = _tail(folder, rank) or ["(it wrote nothing)"]
        return f"rank {rank} of {ranks} ended too early", [*own, *lines[-LOG_LINES:]]
    left = [str(rank) for rank in range(ranks) if not part(folder, rank).exists()]
    return f"no result of rank {', '.join(left) or '?'} of {ranks}", lines[-LOG_LINES:]


def _named(folder: Path, ranks: int, words: str) -> int | None:
    found = re.search(r"\b(?:rank|task) (\d+)", words, re.IGNORECASE)
    found = found or re.search(r"\[\[\d+,\d+\],\s*(\d+)\]", words)
    if found and int(found[1]) < ranks:
        return int(found[1])
    processes = {
        path.read_text(): int(path.stem) for path in folder.glob("*.pid") if path.stem.isdecimal()
    }
    killed = re.search(r"\bPID (\d+)", words)
    return processes.get(killed[1]) if killed else None


def _tail(folder: Path, rank: int) -> list[str]:
    log = folder / f"{rank}.log"
    text = log.read_text(errors="replace") if log.exists() else ""
    return text.rstrip().splitlines()[-LOG_LINES:]
