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
from netspec.validation.judge.looks import Looks
from netspec.validation.judge.margins import Margins
from netspec.validation.ladder import MAX_NEURONS
from netspec.validation.measure.cues import askable, cue_of, turned

Connectivity = Literal["native", "shared"]
Threads = Annotated[StrictInt, Field(ge=1, le=4096)]
Ranks = Annotated[StrictInt, Field(ge=1, le=65536)]
Seed = Annotated[StrictInt, Field(ge=0, lt=2**63)]
Degrees = Annotated[float, in_unit("deg", -360, 360)]
MAX_SEEDS = 10_000
DECIDING_DURATION = 10_000.0  # ms
TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0}


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
    looks : Looks or None
        Seeds are added until the verdict is decided, `looks.most` of them at most; None: all
        seeds are run, and one verdict is given.
    """

    schema_version: Literal["netspec-validation-request/1"] = "netspec-validation-request/1"
    network: Network
    simulation: Simulation = Simulation()
    backends: Annotated[tuple[BackendRequest, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=MAX_SEEDS)]
    margins: Margins = Margins()
    cue_angles: tuple[Degrees, ...] = ()
    ladder: Network | None = None
    looks: Looks | None = None

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
        if self.looks is not None and len(self.backends) < 2:
            faults.append(Fault("backends", repr(list(self.names)), "two or more to decide on"))
        if self.looks is not None and len(self.seeds) != self.looks.most:
            given = f"{len(self.seeds)} seeds"
            faults.append(Fault("seeds", given, f"{self.looks.most}, as the last look has"))
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
        if self.looks is None:  # as in requests of earlier versions
            del data["looks"]
        return data

    def content_hash(self) -> str:
        """Return a hash (SHA-256, hexadecimal) of everything declared."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


class UntilDecided(Described):
    """How seeds are added until the verdict is decided, as a user writes it.

    Attributes
    ----------
    max_seeds : int
        At the last look.
    budget : str or None
        Wall time of all runs, such as ``20min``.
    """

    max_seeds: Annotated[StrictInt, Field(ge=3, le=MAX_SEEDS)] = Looks().most
    budget: StrictStr | None = None

    def looks(self) -> Looks:
        """Return the looks that this declares."""
        budget = None if self.budget is None else _seconds(self.budget)
        return Looks(most=self.max_seeds, budget=budget)


def usual_connectivity(looks: Looks | None) -> Connectivity:
    """Return who draws the synapses where nothing is said: pairs need fewest seeds."""
    return "native" if looks is None else "shared"


def usual_duration(network: Network) -> dict[str, float]:
    """Return how long a run is where seeds are added and nothing is said: 10 s.

    Statistics of spikes scatter less in a longer run. A trial is as long as its circuit says.
    """
    return {} if cue_of(network) is not None else {"duration": DECIDING_DURATION}


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
        Of the backends that say nothing of their own; connectivity is shared where seeds are
        added until the verdict is decided.
    seeds : int or list of int
        5 stands for 1 to 5.
    until_decided : bool, or dict
        Seeds are added until the verdict is decided; a table has ``max_seeds``, ``budget``.
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
    connectivity: Connectivity | None = None
    noise: Drive = "native"
    seeds: Annotated[StrictInt, Field(ge=1, le=MAX_SEEDS)] | list[StrictInt] | None = None
    until_decided: StrictBool | UntilDecided = False
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
        looks = None
        if self.until_decided:
            looks = (UntilDecided() if self.until_decided is True else self.until_decided).looks()
            times = usual_duration(network) | times
        usual: dict[str, Any] = {
            "connectivity": self.connectivity or usual_connectivity(looks),
            "noise": self.noise,
        }
        number = looks.most if looks else 10
        given = number if self.seeds is None else self.seeds
        seeds = range(1, given + 1) if isinstance(given, int) else given
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
            looks=looks,
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
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise DescriptionError([Fault("(file)", str(error), "TOML")], str(path)) from None
    try:
        return RequestFile(**data).resolve(path.parent)
    except DescriptionError as error:
        raise DescriptionError(error.faults, str(path)) from None


def _seconds(text: str) -> float:
    """Read a budget such as ``20min``; a number alone would not say of what."""
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text.strip()[len(number) :]
    try:
        seconds = float(number) * TIMES[unit]
        if not 0 < seconds < 1e9:
            raise ValueError
    except (KeyError, ValueError):
        raise UsageError(f"budget {text!r}: expected a time such as 90s, 20min or 1h") from None
    return seconds


def _text(value: object) -> str:
    """Return a value of TOML as ``--set`` would be given it."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"set: given {value}, expected finite numbers")
    return value if isinstance(value, str) else json.dumps(value)
