"""Spikes of any script, as a run: files of neurons and times, described by a small TOML file."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from netspec.circuits import TrialDesign, usable
from netspec.describe.faults import faults_of
from netspec.describe.fields import Count, Described, Identifier, Milliseconds
from netspec.describe.simulation import Simulation
from netspec.errors import DescriptionError, Fault, UsageError
from netspec.execute.manifest import Manifest
from netspec.execute.results import Run
from netspec.release import __version__
from netspec.validation.exchange.spike_files import BINARY, TEXT, Table, read_table
from netspec.validation.measure.cues import design_of

# How far from the grid a time may lie, in steps: 32-bit floats are this coarse after minutes,
# and times that are no multiples of the step at all lie further off soon.
OFF_GRID = 0.1

ColumnName = Annotated[StrictInt, Field(ge=0)] | StrictStr


class Columns(Described):
    """Columns by number from 0, or by name (of a header, of arrays in .npz)."""

    neuron: ColumnName = 0
    time: ColumnName = 1


class ImportedPopulation(Described):
    """A population whose spikes are imported.

    Attributes
    ----------
    size : int
        Number of neurons, silent ones included.
    files : tuple of str
        Files, or patterns with ``*``, that hold this population's spikes alone.
    first_id : int or None
        What the files call its neuron 0.
    """

    name: Identifier
    size: Annotated[Count, Field(ge=1, lt=2**31)]
    files: tuple[StrictStr, ...] = ()
    first_id: StrictInt | None = None


class SpikeDescription(Described):
    """What the files mean.

    Attributes
    ----------
    circuit : str or None
        The circuit that this is; the one of this `name`, if there is one, where nothing is said.
    simulator : str
        What made the spikes; shown beside them.
    seed : int or None
    dt, warmup, duration : float
        In ms. Spikes are counted after the warm-up, as in a run of netspec.
    time_unit : {"ms", "s", "steps"}
        Of the files; time zero is the start of the warm-up.
    label : {"start", "end"}
        Whether a spike's time is the start or the end of its step (NEST: end; Brian2, GeNN:
        start).
    ids : {"global", "population"}
        Whether ids count through all populations or within each.
    first_id : int
        The id of the first neuron of all, or of each population.
    files : tuple of str
        Files with spikes of all populations.
    cue : table or None
        The one cue of a circuit that is asked in trials, by which it is then judged; its fields
        are those of the circuit's cue.
    """

    schema_version: Literal["netspec-spikes/1"] = "netspec-spikes/1"
    name: Identifier
    circuit: Identifier | None = None
    simulator: StrictStr
    seed: Annotated[StrictInt, Field(ge=0)] | None = None
    dt: Milliseconds
    warmup: Milliseconds
    duration: Milliseconds
    time_unit: Literal["ms", "s", "steps"]
    label: Literal["start", "end"]
    ids: Literal["global", "population"]
    first_id: StrictInt = 0
    columns: Columns = Columns()
    delimiter: Literal["whitespace", "comma", "semicolon", "tab"] | None = None
    header: Annotated[StrictInt, Field(ge=0)] | None = None
    files: tuple[StrictStr, ...] = ()
    cue: Any = None
    populations: Annotated[tuple[ImportedPopulation, ...], Field(min_length=1)]

    @field_validator("cue", mode="plain")
    @classmethod
    def _cue(cls, value: Any, info: ValidationInfo) -> Any:
        design = design_of(info.data.get("circuit") or info.data.get("name"))
        if value is None or design is None or isinstance(value, design.cue):
            return value  # without a design it is refused with the rest
        try:
            return design.cue.model_validate(value)
        except ValidationError as error:
            raise DescriptionError(faults_of(error, design.cue)) from None

    @model_validator(mode="after")
    def _consistent(self) -> SpikeDescription:
        faults = []
        names = [population.name for population in self.populations]
        for index, population in enumerate(self.populations):
            where = f"populations[{index}]"
            if names.index(population.name) < index:
                faults.append(Fault(f"{where}.name", repr(population.name), "another name each"))
            if not population.files and not self.files:
                faults.append(
                    Fault(f"{where}.files", "nothing", "files here, or for all at the top")
                )
        if self.ids == "population" and self.files and len(names) > 1:
            allowed = "files in each population, where ids count within populations"
            faults.append(Fault("files", repr(list(self.files)), allowed))
        if self.ids == "global":
            ranges = sorted((first, first + p.size, p.name) for p, first in self.first_ids())
            faults += [
                Fault(
                    "first_id", f"ids of {b[2]} from {b[0]}", f"from {a[1]}, after those of {a[2]}"
                )
                for a, b in itertools.pairwise(ranges)
                if b[0] < a[1]
            ]
        design, circuit = self.trials, self.circuit or self.name
        if self.cue is not None and (design is None or not set(design.populations) <= set(names)):
            faults.append(Fault("cue", f"a cue of {circuit!r}", _cues_allowed()))
        if faults:
            raise DescriptionError(faults)
        _ = self.simulation  # raises if its times are off the grid
        return self

    @property
    def trials(self) -> TrialDesign | None:
        """How this circuit is asked in trials."""
        return design_of(self.circuit or self.name)

    @property
    def simulation(self) -> Simulation:
        """The window and its grid."""
        return Simulation(
            dt=self.dt, warmup=self.warmup, duration=self.duration, seed=self.seed or 0
        )

    def first_ids(self) -> Iterator[tuple[ImportedPopulation, int]]:
        """Yield each population with the id of its first neuron."""
        following = self.first_id
        for population in self.populations:
            first = following if population.first_id is None else population.first_id
            yield population, first
            following = first + population.size if self.ids == "global" else self.first_id


def _cues_allowed() -> str:
    """Say which spikes may come with a cue."""
    return " or ".join(
        f'a cue where circuit = "{circuit.name}", '
        f"with populations {' and '.join(circuit.trials.populations)}"
        for circuit in usable()
        if circuit.trials is not None
    )


@dataclass(frozen=True)
class ImportedRun(Run):
    """Spikes of another program, which offer what a run offers.

    Attributes
    ----------
    file : Path
        The description.
    manifest : dict
        As a run's; what is not known is None or empty. ``request_hash`` is a digest of the
        description and all files, ``info["files"]`` has a SHA-256 of each.
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
    text, description = _description(path)
    sources = _sources(path, description)
    faults: list[Fault] = []
    tables = []
    for name, owners in sources.items():
        columns = description.columns
        try:
            table = read_table(
                path.parent / name, name, columns.neuron, columns.time,
                description.delimiter, description.header,
            )  # fmt: skip
        except DescriptionError as error:
            faults += error.faults
            continue
        tables.append(_Checked(description, table, owners))
        faults += tables[-1].faults()
    if not faults:
        faults = _double_spikes(tables, description)
    if faults:
        raise DescriptionError(faults, str(path))
    arrays: dict[str, NDArray[Any]] = {}
    for index, population in enumerate(description.populations):
        parts = [table.of(index) for table in tables]
        steps = np.concatenate([part[0] for part in parts])
        neurons = np.concatenate([part[1] for part in parts])
        order = np.lexsort((neurons, steps))
        arrays[f"spikes/{population.name}/step"] = steps[order]
        arrays[f"spikes/{population.name}/neuron"] = neurons[order].astype(np.uint32)
    digests = {
        name: hashlib.sha256((path.parent / name).read_bytes()).hexdigest() for name in sources
    }
    changed = max((path.parent / name).stat().st_mtime for name in sources)
    return ImportedRun(path, _manifest(text, description, digests, changed), arrays)


def _description(path: Path) -> tuple[str, SpikeDescription]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DescriptionError([Fault("(file)", str(error), "TOML")], str(path)) from None
    try:
        return text, SpikeDescription(**data)
    except DescriptionError as error:
        raise DescriptionError(error.faults, str(path)) from None


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
            files = sorted(file for file in path.parent.glob(pattern) if file.is_file())
            if not files:
                faults.append(Fault(where, repr(pattern), f"a file below {path.parent.absolute()}"))
            for file in files:
                if file.suffix not in (*TEXT, *BINARY):
                    allowed = f"names that end in {', '.join((*TEXT, *BINARY))}"
                    faults.append(Fault(where, repr(file.name), allowed))
                    continue
                known = found.setdefault(file.relative_to(path.parent).as_posix(), [])
                known += [owner for owner in owners if owner not in known]
    if description.ids == "population":
        faults += [
            Fault("files", repr(name), "files of one population each, where ids count within it")
            for name, owners in found.items()
            if len(owners) > 1
        ]
    if faults:
        raise DescriptionError(faults, str(path))
    return found


class _Checked:
    """One table in steps and neurons of its populations, and what is wrong with it."""

    def __init__(self, description: SpikeDescription, table: Table, owners: Sequence[int]) -> None:
        simulation = description.simulation
        self.table, self.label = table, description.label
        self.total = simulation.total_steps
        scale = {"ms": 1 / simulation.dt, "s": 1000 / simulation.dt, "steps": 1.0}
        self.exact = table.times * scale[description.time_unit]
        self.unit = description.time_unit
        with np.errstate(invalid="ignore"):
            self.off = ~(np.abs(self.exact - np.rint(self.exact)) < OFF_GRID)  # also if NaN
            safe = np.where(self.off, 0, np.clip(self.exact, -(2.0**40), 2.0**40))
        self.steps = np.rint(safe).astype(np.int64) + (self.label == "start")
        self.ranges = [
            (index, first, population)
            for index, (population, first) in enumerate(description.first_ids())
            if index in owners
        ]
        self.owner = np.full(len(table.neurons), -1)
        self.neurons = np.zeros(len(table.neurons), np.int64)
        for index, first, population in self.ranges:
            offset = table.neurons - first
            here = (offset >= 0) & (offset < population.size) & (offset == np.rint(offset))
            self.owner[here] = index
            self.neurons[here] = offset[here].astype(np.int64)

    def of(self, population: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return steps and neurons of one population."""
        mine = self.owner == population
        return self.steps[mine], self.neurons[mine]

    def faults(self) -> list[Fault]:
        """Return the rows whose id or time cannot be."""
        table = self.table
        spans = (f"{p.name} {first} to {first + p.size - 1}" for _, first, p in self.ranges)
        faults = table.faults(self.owner < 0, table.neurons, f"ids: {', '.join(spans)}")
        grid = f"a multiple of the time step, in {self.unit}"
        faults += table.faults(self.off, table.times, grid, "see dt and time_unit")
        early = ~self.off & (self.steps < 1)
        hint = 'label = "start" if times are those of the start of a step'
        faults += table.faults(
            early, table.times, "after 0", hint if self.label == "end" else "time zero is the start"
        )
        late = ~self.off & (self.steps > self.total)
        allowed = f"steps up to {self.total}, the end of warmup + duration"
        faults += table.faults(late, table.times, allowed, "see duration, time_unit and label")
        return faults


def _double_spikes(tables: Sequence[_Checked], description: SpikeDescription) -> list[Fault]:
    """Return the rows at which a neuron spikes for the second time in one step."""
    if not tables:
        return []
    columns = [
        np.concatenate([getattr(table, name) for table in tables])
        for name in ("steps", "neurons", "owner")
    ]
    order = np.lexsort(columns)
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in columns:
        same &= np.diff(column[order]) == 0
    rows = np.zeros(len(order), bool)
    rows[order[1:][same]] = True
    faults, start = [], 0
    for table in tables:
        part = rows[start : start + len(table.steps)]
        start += len(table.steps)
        allowed = f"one spike of a neuron in a step of {description.dt:g} ms"
        faults += table.table.faults(part, table.table.times, allowed, "see dt")
    return faults


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
