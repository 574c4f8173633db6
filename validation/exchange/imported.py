"""Spikes of any script, as a run: files of neurons and times, described by a small TOML file."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import DescriptionError, Fault
from netspec.execute.manifest import Manifest
from netspec.execute.results import Run
from netspec.release import __version__
from netspec.validation.exchange.placing import OFF_GRID, Placed, names_missing, repeated
from netspec.validation.exchange.spike_description import (
    ColumnName,
    Columns,
    ImportedPopulation,
    SpikeDescription,
    read_description,
)
from netspec.validation.exchange.spike_files import ENDINGS, ending, read_table

__all__ = [
    "OFF_GRID",
    "ColumnName",
    "Columns",
    "ImportedPopulation",
    "ImportedRun",
    "SpikeDescription",
    "import_spikes",
]


@dataclass(frozen=True)
class ImportedRun(Run):
    """Spikes of another program, which offer what a run offers.

    Attributes
    ----------
    file : Path
        The description.
    manifest : dict
        As a run's; what is not known is None or empty. ``request_hash`` is a digest of the
        description and all files, ``info["files"]`` has a SHA-256 of each, ``warnings`` what was
        left out or looks wrong.
    """

    arrays: dict[str, NDArray[Any]] = field(compare=False, repr=False)

    @cached_property
    def _content(self) -> dict[str, NDArray[Any]]:
        return self.arrays


def import_spikes(path: str | Path) -> ImportedRun:
    """Read the spikes that a TOML file describes.

    Parameters
    ----------
    path : path
        A `SpikeDescription`; the files it names lie in its folder or below.

    Raises
    ------
    UsageError
        If the description cannot be read.
    DescriptionError
        With every fault of the description, or every fault of the files.
    """
    path = Path(path)
    text, description = read_description(path)
    sources = _sources(path, description)
    faults: list[Fault] = []
    tables = []
    for name, owners in sources.items():
        try:
            table = read_table(
                path.parent / name, name, description.columns.of_files(), description.delimiter,
                description.header,
            )  # fmt: skip
        except DescriptionError as error:
            faults += error.faults
            continue
        tables.append(Placed(description, table, owners))
        faults += tables[-1].faults()
    digests = {
        name: hashlib.sha256((path.parent / name).read_bytes()).hexdigest() for name in sources
    }
    faults += [] if faults else [*names_missing(tables, description), *_twice(tables, digests)]
    faults += [] if faults else _mixed(tables)
    if faults:
        raise DescriptionError([*dict.fromkeys(faults)], str(path))
    changed = max((path.parent / name).stat().st_mtime for name in sources)
    manifest = _manifest(text, description, digests, changed)
    again = repeated(tables, description)
    said = [text for table in tables for text in table.warnings()] + ([again] if again else [])
    if said:
        manifest["warnings"] = said
    return ImportedRun(path, manifest, _arrays(tables, description))


def _arrays(tables: Sequence[Placed], description: SpikeDescription) -> dict[str, NDArray[Any]]:
    """Return the columns of all populations, as a result file has them."""
    arrays: dict[str, NDArray[Any]] = {}
    exact = any(table.label == "exact" for table in tables)
    for index, population in enumerate(description.populations):
        parts = [table.of(index) for table in tables]
        steps, neurons, times = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((times, neurons, steps))
        arrays[f"spikes/{population.name}/step"] = steps[order]
        arrays[f"spikes/{population.name}/neuron"] = neurons[order].astype(np.uint32)
        if exact:
            arrays[f"spikes/{population.name}/time"] = times[order]
    return arrays


def _twice(tables: Sequence[Placed], digests: dict[str, str]) -> list[Fault]:
    """Return the files that are another one once more, whose spikes would count twice."""
    faults, seen = [], dict[str, Placed]()
    for placed in tables:
        name = placed.table.name
        first = seen.setdefault(digests[name], placed)
        if first is not placed and len(placed.table.times) and set(placed.owners) & {*first.owners}:
            allowed = f"another file than {first.table.name}, whose bytes it has"
            faults.append(Fault("files", repr(name), allowed))
    return faults


def _mixed(tables: Sequence[Placed]) -> list[Fault]:
    """Return a fault if some files hold times off the grid and others do not."""
    labels = {placed.label: placed.table.name for placed in tables}
    if "exact" not in labels or len(labels) == 1:
        return []
    given = ", ".join(f"{label} ({name})" for label, name in labels.items())
    return [Fault("label", given, "exact for all files or for none")]


def _sources(path: Path, description: SpikeDescription) -> dict[str, list[int]]:
    """Return each file's name below the folder of `path`, and the populations it may hold."""
    every = list(range(len(description.populations)))
    lists = [("files", description.files, every)]
    lists += [
        (f"populations[{index}].files", population.files, [index])
        for index, population in enumerate(description.populations)
    ]
    found: dict[str, list[int]] = {}
    faults = []
    for field_name, patterns, owners in lists:
        for number, pattern in enumerate(patterns):
            where = f"{field_name}[{number}]"
            pure = PurePosixPath(pattern)
            if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in pattern:
                allowed = "a name below the folder of the description"
                faults.append(Fault(where, repr(pattern), allowed))
                continue
            files = _matching(path.parent, pattern)
            if not files:
                faults.append(Fault(where, repr(pattern), f"a file below {path.parent.absolute()}"))
            for file in files:
                if ending(file) not in ENDINGS:
                    allowed = f"names that end in {', '.join(ENDINGS)}"
                    faults.append(Fault(where, repr(file.name), allowed))
                    continue
                known = found.setdefault(file.relative_to(path.parent).as_posix(), [])
                known += [owner for owner in owners if owner not in known]
    if faults:
        raise DescriptionError(faults, str(path))
    return found


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return the file of this very name, brackets and all, or those that match."""
    if (folder / pattern).is_file():
        return [folder / pattern]
    return sorted(file for file in folder.glob(pattern) if file.is_file())


def _manifest(
    text: str, description: SpikeDescription, digests: dict[str, str], changed: float
) -> Manifest:
    simulation = description.simulation
    whole = hashlib.sha256("\n".join([text, *digests, *digests.values()]).encode())
    finished = datetime.datetime.fromtimestamp(changed, datetime.UTC)
    sizes = {population.name: population.size for population in description.populations}
    cue, design = description.cue, description.trials
    currents = () if cue is None or design is None else design.currents(cue, sizes)
    silent = description.circuit is None
    imported = description.model_dump(mode="json", exclude={"circuit"} if silent else set())
    manifest: Manifest = {
        "name": description.name,
        "description": f"spikes of {description.simulator}",
        "spec_hash": None,
        "request_hash": whole.hexdigest(),
        "backend": description.simulator,
        "seed": description.seed,
        "simulation": {**simulation.model_dump(mode="json"), "seed": description.seed},
        "warmup_steps": simulation.warmup_steps,
        "total_steps": simulation.total_steps,
        "sizes": sizes,
        "step_currents": [current.model_dump(mode="json") for current in currents],
        "recorders": {},
        "connectivity": None,
        "threads": None,
        "options": {},
        "approximations": [],
        "ledger": [],
        "synapses": {},
        "versions": {"netspec": __version__},
        "info": {"imported": imported, "files": digests},
        "machine": {},
        "seconds": {},
        "peak_memory_mib": None,
        "finished": finished.isoformat(timespec="seconds"),
    }
    if not silent:  # else `netspec.execute.results.circuit_of` goes by the name
        manifest["circuit"] = description.circuit
    return manifest
