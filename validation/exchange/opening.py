"""A run by its file, whatever it is: a result, a description of spikes, or an export of netspec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import NetspecError, ResultFileError, UsageError
from netspec.execute.manifest import Manifest
from netspec.execute.results import Run, open_run
from netspec.validation.exchange.export import FORMATS
from netspec.validation.exchange.imported import ImportedRun, import_spikes
from netspec.validation.exchange.recordings import Content
from netspec.validation.exchange.spike_containers import is_result

EXPORTS = (".nwb", ".nix", ".mat")  # beside SONATA's, which ends as a result does
RUNS = (".h5", ".toml", *EXPORTS)


def load_run(path: Path) -> Run:
    """Return the run of a file.

    Parameters
    ----------
    path : Path
        A result file (.h5), a TOML file that describes spikes, or an export of netspec.

    Raises
    ------
    UsageError
        If it is an export of a part of a run, or describes a network.
    ResultFileError
        If it is damaged, or none of these.
    DescriptionError
        If it describes spikes, with every fault.
    """
    if path.suffix == ".toml":
        return import_spikes(path)
    if path.suffix in EXPORTS:
        return run_of_export(path, path.suffix[1:])
    return run_of_export(path, "sonata") if is_sonata_export(path) else open_run(path)


def is_sonata_export(path: Path) -> bool:
    """Return whether a file is HDF5 with spikes of SONATA that netspec wrote."""
    import h5py

    try:
        if not path.is_file() or is_result(path) or not h5py.is_hdf5(path):
            return False
        with h5py.File(path, "r") as file:
            return "spikes" in file and "netspec" in file
    except OSError:
        return False


def run_of_export(path: Path, format: str) -> ImportedRun:
    """Return the run of which an export is, without its sampled variables."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    hint = "spikes of other programs are described by a TOML file beside them"
    try:
        content = FORMATS[format][1](path)
        about = json.loads(content.provenance)
        manifest: Manifest = about["run"]
        export = about["export"]
        sizes = dict(export["populations"])
    except NetspecError:
        raise
    except ModuleNotFoundError as error:
        raise UsageError(f"{error}. To get it: pip install 'netspec-snn[neo]'") from None
    # what the readers of other packages make of another or a damaged file may be any error
    except Exception as error:  # noqa: BLE001
        given = f"{type(error).__name__}: {error}"
        raise ResultFileError(
            f"{path}: no export of netspec that is whole ({given}); {hint}"
        ) from None
    if export["trains"] != sum(sizes.values()):
        raise UsageError(f"{path}: {export['trains']} of {sum(sizes.values())} neurons, a sample")
    if content.begin not in (0, manifest["warmup_steps"]) or content.end != manifest["total_steps"]:
        raise ResultFileError(f"{path}: another window than that of its run")
    manifest["sizes"], manifest["recorders"] = sizes, {}
    return ImportedRun(path, manifest, _arrays(content))


def _arrays(content: Content) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for name, trains in content.trains.items():
        owners = trains.owners
        order = np.lexsort((owners, trains.steps))
        arrays[f"spikes/{name}/step"] = trains.steps[order]
        arrays[f"spikes/{name}/neuron"] = owners[order].astype(np.uint32)
        if trains.exact is not None:
            arrays[f"spikes/{name}/time"] = trains.exact[order]
    return arrays
