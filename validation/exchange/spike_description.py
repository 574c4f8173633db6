"""What files of spikes mean: a small TOML file beside them."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

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
from netspec.errors import DescriptionError, Fault, ResultFileError, UsageError
from netspec.execute.results import FORMAT
from netspec.validation.exchange import spike_tables
from netspec.validation.measure.cues import design_of

ColumnName = Annotated[StrictInt, Field(ge=0)] | StrictStr
Id = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
NOT_A_NAME = "what the files call it may stand beside a name: called"


class Columns(Described):
    """Columns by number from 0, or by name (of a header, of arrays in .npz).

    Attributes
    ----------
    neuron, time : int or str
    population : int, str or None
        Names of populations, where one file holds several; in text the column ``population``
        is it without being named.
    offset : int, str or None
        What is subtracted from the time, in ms (NEST: ``time_offset``).
    """

    neuron: ColumnName = 0
    time: ColumnName = 1
    population: ColumnName | None = None
    offset: ColumnName | None = None

    def of_files(self) -> spike_tables.Columns:
        """Return them as readers of files take them."""
        return spike_tables.Columns(self.neuron, self.time, self.population, self.offset)


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
    ids : tuple of int or None
        What the files call each of its neurons, where that is not one block.
    called : str or None
        What the files call the population, such as ``L2/3E``; its name, where nothing is said.
    """

    name: Identifier
    size: Annotated[Count, Field(ge=1, lt=2**31)]
    files: tuple[StrictStr, ...] = ()
    first_id: Id | None = None
    ids: tuple[Id, ...] | None = None
    called: StrictStr | None = None

    @property
    def in_files(self) -> str:
        """The name of the population in files."""
        return self.name if self.called is None else self.called


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
        In ms. Spikes are counted after the warm-up, as in a run of netspec. Of spikes that are
        not bound to a grid, `dt` is the grid on which they are counted in bins. The duration may
        be left to `t_stop`.
    t_start, t_stop : float or None
        A part of a longer record, in ms of the files: the start of the warm-up, and the end of
        the duration. What lies outside is left out. Without them time zero is the start of the
        warm-up, and a spike outside is a fault.
    time_unit : {"ms", "s", "steps"} or None
        Of the files; it may be left out where they say it (SONATA, NWB, NIX, results).
    label : {"start", "end", "exact"} or None
        Whether a spike's time is the start or the end of its step (NEST: end; Brian2, GeNN:
        start), or a time of its own off the grid (NEST's precise models, NEURON, Arbor), which
        is kept as it is. It may be left out where the files say it (results and exports of
        netspec).
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
    duration: Milliseconds | None = None
    t_start: Milliseconds | None = None
    t_stop: Milliseconds | None = None
    time_unit: Literal["ms", "s", "steps"] | None = None
    label: Literal["start", "end", "exact"] | None = None
    ids: Literal["global", "population"]
    first_id: Id = 0
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
        faults = [*self._window_faults(), *self._population_faults()]
        names = [population.name for population in self.populations]
        design, circuit = self.trials, self.circuit or self.name
        if self.cue is not None and (design is None or not set(design.populations) <= set(names)):
            faults.append(Fault("cue", f"a cue of {circuit!r}", _cues_allowed()))
        if faults:
            raise DescriptionError(faults)
        _ = self.simulation  # raises if its times are off the grid
        return self

    def _window_faults(self) -> Iterator[Fault]:
        if self.duration is None and self.t_stop is None:
            yield Fault("duration", "nothing", "a duration, or t_stop")
            return
        if self.t_stop is None:
            return
        begin = (self.t_start or 0.0) + self.warmup
        if self.t_stop <= begin:
            yield Fault("t_stop", f"{self.t_stop:g} ms", f"later than t_start + warmup, {begin:g}")
        elif self.duration is not None and not math.isclose(begin + self.duration, self.t_stop):
            allowed = f"t_start + warmup + duration = {begin + self.duration:g} ms"
            yield Fault("t_stop", f"{self.t_stop:g} ms", allowed, "or leave out the duration")

    def _population_faults(self) -> Iterator[Fault]:
        names = [population.name for population in self.populations]
        called = [population.in_files for population in self.populations]
        for index, population in enumerate(self.populations):
            where = f"populations[{index}]"
            if names.index(population.name) < index:
                yield Fault(f"{where}.name", repr(population.name), "another name each")
            elif called.index(population.in_files) < index:
                yield Fault(f"{where}.called", repr(population.in_files), "another name each")
            if not population.files and not self.files:
                yield Fault(f"{where}.files", "nothing", "files here, or for all at the top")
            yield from _id_faults(where, population)
        if self.ids == "global":
            yield from self._overlaps()

    def _overlaps(self) -> Iterator[Fault]:
        blocks = [entry for entry in self.first_ids() if entry[0].ids is None]
        ranges = sorted((first, first + p.size, p.name) for p, first in blocks)
        for a, b in itertools.pairwise(ranges):
            if b[0] < a[1]:
                given, allowed = f"ids of {b[2]} from {b[0]}", f"from {a[1]}, after those of {a[2]}"
                yield Fault("first_id", given, allowed)
        owners: dict[int, str] = {}
        for index, population in enumerate(self.populations):
            for i in population.ids or ():
                owner = owners.setdefault(i, population.name)
                if owner == population.name:
                    owner = next((n for first, end, n in ranges if first <= i < end), owner)
                if owner != population.name:
                    allowed = f"ids that are not those of {owner}"
                    yield Fault(f"populations[{index}].ids", str(i), allowed)
                    break

    @property
    def trials(self) -> TrialDesign | None:
        """How this circuit is asked in trials."""
        return design_of(self.circuit or self.name)

    @property
    def simulation(self) -> Simulation:
        """The window and its grid."""
        duration = self.duration
        if duration is None:
            assert self.t_stop is not None  # noqa: S101  one of the two is there
            # differences of decimal numbers are themselves again
            duration = round(self.t_stop - (self.t_start or 0.0) - self.warmup, 9)
        return Simulation(dt=self.dt, warmup=self.warmup, duration=duration, seed=self.seed or 0)

    def first_ids(self) -> Iterator[tuple[ImportedPopulation, int]]:
        """Yield each population with the id of its first neuron."""
        following = self.first_id
        for population in self.populations:
            first = following if population.first_id is None else population.first_id
            yield population, first
            if population.ids is None:
                following = first + population.size if self.ids == "global" else self.first_id


def _id_faults(where: str, population: ImportedPopulation) -> Iterator[Fault]:
    ids = population.ids
    if ids is None:
        return
    if len(ids) != population.size:
        yield Fault(f"{where}.ids", f"{len(ids)} ids", f"as many as neurons, {population.size}")
    if len(set(ids)) < len(ids):
        twice = next(i for n, i in enumerate(ids) if i in ids[:n])
        yield Fault(f"{where}.ids", f"{twice} twice", "another id for each neuron")
    if population.first_id is not None:
        yield Fault(f"{where}.first_id", str(population.first_id), "either ids or first_id")


def _cues_allowed() -> str:
    """Say which spikes may come with a cue."""
    return " or ".join(
        f'a cue where circuit = "{circuit.name}", '
        f"with populations {' and '.join(circuit.trials.populations)}"
        for circuit in usable()
        if circuit.trials is not None
    )


def read_description(path: Path) -> tuple[str, SpikeDescription]:
    """Return a TOML file as text and as what it says.

    Raises
    ------
    UsageError
        If it cannot be read.
    ResultFileError
        If it describes a network.
    DescriptionError
        With every fault.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors may set a byte order mark
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DescriptionError([Fault("(file)", str(error), "TOML")], str(path)) from None
    if _is_network(data):
        raise ResultFileError(
            f"{path}: no {FORMAT} file: it describes a network, and no spikes. Those are described "
            'by name, simulator, dt, files, populations (schema_version = "netspec-spikes/1")'
        )
    try:
        return text, SpikeDescription(**data)
    except DescriptionError as error:
        faults = [_named(fault) for fault in error.faults]
        raise DescriptionError(faults, str(path)) from None


def _is_network(data: dict[str, Any]) -> bool:
    """Return whether a TOML file is a network or a request, and not a description of spikes."""
    populations = data.get("populations")
    modelled = isinstance(populations, list) and any(
        isinstance(population, dict) and "model" in population for population in populations
    )
    return "simulator" not in data and (
        modelled or bool({"projections", "models", "recorders", "backends"} & data.keys())
    )


def _named(fault: Fault) -> Fault:
    """Say with a population's name that cannot be one where the files' own name may stand."""
    named = fault.path.startswith("populations[") and fault.path.endswith(".name")
    if not named or "another name" in fault.allowed:
        return fault
    return Fault(fault.path, fault.given, fault.allowed, f"{NOT_A_NAME} = {fault.given}")
