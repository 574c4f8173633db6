"""What a validation is asked to do: declared before the runs, frozen, hashed, or read from TOML."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from netspec.circuits import circuit
from netspec.circuits.options import built, from_table
from netspec.describe import serialization
from netspec.describe.fields import Described, Identifier, in_unit
from netspec.describe.network import Network
from netspec.describe.serialization import spec_hash
from netspec.describe.simulation import Simulation
from netspec.errors import DescriptionError, Fault, UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.execute.request import Drive
from netspec.validation.judge.margins import Margins
from netspec.validation.ladder import MAX_NEURONS
from netspec.validation.measure.cues import askable, cue_of, turned

Connectivity = Literal["native", "shared"]
Threads = Annotated[StrictInt, Field(ge=1, le=4096)]
Ranks = Annotated[StrictInt, Field(ge=1, le=65536)]
Seed = Annotated[StrictInt, Field(ge=0, lt=2**63)]
Degrees = Annotated[float, in_unit("deg", -360, 360)]
MAX_SEEDS = 10_000


class BackendRequest(Described):
    """One simulator of a validation and how it runs.

    Attributes
    ----------
    name : str
    connectivity, noise : {"native", "shared"}
        Who draws synapses, and events of Poisson inputs (`RunRequest.drive`).
    threads : int or None
        Of each rank; the backend's default on this machine if None.
    ranks : int
        Processes that share a run, through MPI.
    approximations : tuple of str
        Agreed to, by name, or ``all``.
    options : dict
        Of the backend.
    """

    name: Identifier
    connectivity: Connectivity = "native"
    noise: Drive = "native"
    threads: Threads | None = None
    ranks: Ranks = 1
    approximations: tuple[StrictStr, ...] = ()
    options: dict[Identifier, StrictStr] = {}


class ValidationRequest(Described):
    """Everything that decides a verdict: network, backends, seeds, margins.

    Attributes
    ----------
    network : Network
    simulation : Simulation
        Its seed is replaced by each of `seeds`.
    backends : tuple of BackendRequest
        The first is the reference of all comparisons.
    seeds : tuple of int
    margins : Margins
    cue_angles : tuple of float
        Degrees: the one cue of a network that is asked in trials is presented at each of them, a
        run for every seed and angle; as the network has it if empty.
    ladder : Network or None
        A small network of the same kind (at most `MAX_NEURONS` neurons) on which all backends
        climb the ladder; None: not climbed.
    """

    schema_version: Literal["netspec-validation-request/1"] = "netspec-validation-request/1"
    network: Network
    simulation: Simulation = Simulation()
    backends: Annotated[tuple[BackendRequest, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=MAX_SEEDS)]
    margins: Margins = Margins()
    cue_angles: tuple[Degrees, ...] = ()
    ladder: Network | None = None

    @model_validator(mode="after")
    def _sensible(self) -> ValidationRequest:
        faults = []
        lists: dict[str, tuple[object, ...]] = {
            "backends": self.names,
            "seeds": self.seeds,
            "cue_angles": self.cue_angles,
        }
        for name, values in lists.items():
            if len(set(values)) < len(values):
                faults.append(Fault(name, repr(list(values)), "each of them once"))
        if self.cue_angles and cue_of(self.network) is None:
            faults.append(Fault("cue_angles", repr(list(self.cue_angles)), askable()))
        size = sum(population.size for population in self.ladder.populations) if self.ladder else 0
        if size > MAX_NEURONS:
            faults.append(
                Fault("ladder", f"{size} neurons", f"a network of at most {MAX_NEURONS} to climb")
            )
        if faults:
            raise DescriptionError(faults, "the validation")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the backends, the reference first."""
        return tuple(backend.name for backend in self.backends)

    def networks(self) -> list[Network]:
        """Return the network with its cue at each of the angles; itself if there are none."""
        return [turned(self.network, angle) for angle in self.cue_angles] or [self.network]

    def run_requests(self) -> Iterator[RunRequest]:
        """Yield one request a run, all backends of a seed before the next seed."""
        networks = self.networks()
        for seed in self.seeds:
            for network in networks:
                for backend in self.backends:
                    chosen = get_backend(backend.name)
                    yield RunRequest(
                        network=network,
                        simulation=self.simulation.at_seed(seed),
                        backend=backend.name,
                        connectivity=backend.connectivity,
                        drive=backend.noise,
                        threads=chosen.default_threads(backend.ranks)
                        if backend.threads is None
                        else backend.threads,
                        ranks=backend.ranks,
                        approximations=backend.approximations,
                        options=backend.options,
                    )

    def content(self) -> dict[str, Any]:
        """Return the request as JSON data; networks by their hashes, which are short."""
        data = self.model_dump(mode="json", exclude={"network", "ladder"})
        del data["simulation"]["seed"]
        for backend in data["backends"]:
            if backend["noise"] == "native":  # as in requests of earlier versions
                del backend["noise"]
        data["spec_hash"] = spec_hash(self.network)
        data["ladder"] = None if self.ladder is None else spec_hash(self.ladder)
        return data

    def content_hash(self) -> str:
        """Return a hash (SHA-256, hexadecimal) of everything declared."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


class RequestFile(Described):
    """A ValidationRequest as a user writes it, in TOML.

    Attributes
    ----------
    circuit : str or None
        By name; or `file`, a network description in the folder of this file or below.
    options : dict
        Arguments of the circuit's builder; lists of a described model, such as ``cues``, are
        tables of its fields.
    set : dict
        PATH -> value, as ``--set``.
    simulation : dict
        Fields of `Simulation` that differ from the usual ones.
    backends : list of str, or dict of tables
        Names, or name -> fields of `BackendRequest`. The first is the reference.
    connectivity, noise : {"native", "shared"}
        Of the backends that say nothing of their own.
    seeds : int or list of int
        5 stands for 1 to 5.
    margins : dict
        As in `Margins.declare`.
    statistics : list of str or None
        Those that the verdict rests on, of all that have a margin (``W1``: distributions).
    cue_angles : list of float
    ladder : bool
        Whether the ladder is climbed, on a small network of the same variant; a `file` as it is.
    """

    schema_version: Literal["netspec-validation-request/1"] = "netspec-validation-request/1"
    circuit: StrictStr | None = None
    file: StrictStr | None = None
    options: dict[StrictStr, Any] = {}
    set: dict[StrictStr, Any] = {}
    simulation: dict[Literal["dt", "warmup", "duration"], Any] = {}
    backends: Annotated[list[StrictStr], Field(min_length=1)] | dict[StrictStr, dict[str, Any]]
    connectivity: Connectivity = "native"
    noise: Drive = "native"
    seeds: Annotated[StrictInt, Field(ge=1, le=MAX_SEEDS)] | list[StrictInt] = 10
    margins: dict[StrictStr, Any] = {}
    statistics: list[StrictStr] | None = None
    cue_angles: list[Any] = []
    ladder: StrictBool = False

    @model_validator(mode="after")
    def _one_network(self) -> RequestFile:
        if (self.circuit is None) == (self.file is None):
            given = "both" if self.circuit else "none"
            raise ValueError(f"expected either circuit or file, given {given}")
        if self.file is not None and self.options:
            raise ValueError("options are for circuits of the library; use set")
        return self

    def resolve(self, folder: Path) -> ValidationRequest:
        """Return the request, with the network built.

        Parameters
        ----------
        folder : Path
            That `file` is relative to.
        """
        network, simulation = self._network(folder)
        tables: dict[str, dict[str, Any]] = {name: {} for name in self.backends}
        if isinstance(self.backends, dict):
            tables = self.backends
        if isinstance(self.backends, list) and len(tables) < len(self.backends):
            raise UsageError(f"backends {self.backends}: each of them once")
        times: dict[str, Any] = {str(name): value for name, value in self.simulation.items()}
        usual: dict[str, Any] = {"connectivity": self.connectivity, "noise": self.noise}
        seeds = range(1, self.seeds + 1) if isinstance(self.seeds, int) else self.seeds
        return ValidationRequest(
            network=network,
            simulation=Simulation(**(simulation.model_dump() | times)),
            backends=tuple(
                BackendRequest(**{**usual, **fields, "name": name})
                for name, fields in tables.items()
            ),
            seeds=tuple(seeds),
            margins=Margins().declare(self.margins).only(self.statistics),
            cue_angles=tuple(self.cue_angles),
            ladder=self._network(folder, small=True)[0] if self.ladder else None,
        )

    def _network(self, folder: Path, small: bool = False) -> tuple[Network, Simulation]:
        network, simulation = self._built(folder, small)
        texts = {path: _text(value) for path, value in self.set.items()}
        return (serialization.with_values(network, texts) if texts else network), simulation

    def _built(self, folder: Path, small: bool) -> tuple[Network, Simulation]:
        if self.circuit is None:
            network, found = serialization.load_with_simulation(folder / str(self.file))
            return network, found or Simulation()
        chosen = circuit(self.circuit)
        arguments = from_table(chosen, self.options)
        return built(chosen, arguments, small), chosen.simulation


def read_request(path: str | Path) -> ValidationRequest:
    """Read a validation from a TOML file (`RequestFile`).

    Raises
    ------
    UsageError
        If the file cannot be read, or asks for what does not exist.
    DescriptionError
        With every fault of it.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise DescriptionError([Fault("(file)", str(error), "TOML")], str(path)) from None
    try:
        return RequestFile(**data).resolve(path.parent)
    except DescriptionError as error:
        raise DescriptionError(error.faults, str(path)) from None


def _text(value: object) -> str:
    """Return a value of TOML as ``--set`` would be given it."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"set: given {value}, expected finite numbers")
    return value if isinstance(value, str) else json.dumps(value)
