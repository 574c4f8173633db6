"""The contract between netspec and a simulator: request, ledger, outcome, lookup.

An adapter is a class found by the entry point group ``netspec.backends``; a fourth simulator
is a package of its own. It answers for everything that a network needs, before it builds:
exact, approximate or unsupported. Nothing is dropped, averaged or merged in silence.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictBool, StrictStr

from netspec import realisation
from netspec.errors import BackendMissing, UnsupportedError, UsageError, choices, nearest, unknown
from netspec.fields import Described, Identifier
from netspec.grid import misfits
from netspec.machine import memory_mib
from netspec.network import Network, Projection
from netspec.realisation import Synapses
from netspec.realisation_file import Realisation, RealisationRef
from netspec.serialization import spec_hash
from netspec.simulation import Simulation
from netspec.versions import adapter_digest, own_versions

GROUP = "netspec.backends"


class Entry(Described):
    """One line of a ledger.

    Attributes
    ----------
    thing : str
        Path of what is needed, for example ``continuous_projections.E_E``.
    status : {"exact", "approximate", "unsupported"}
    name : str
        Of an approximation; a request must name it to run it. Empty otherwise.
    reason : str
    error : str
        Size of the error of an approximation, if known, and how it was found.
    """

    thing: StrictStr
    status: Literal["exact", "approximate", "unsupported"] = "exact"
    name: StrictStr = ""
    reason: StrictStr = ""
    error: StrictStr = ""


class Ledger(Described):
    """What a backend says to a request before it builds anything."""

    backend: StrictStr
    entries: tuple[Entry, ...] = ()

    def approximations(self) -> list[str]:
        """Return the names of all approximations, in order."""
        found = (entry.name for entry in self.entries if entry.status == "approximate")
        return list(dict.fromkeys(found))

    def grouped(self) -> list[tuple[str, Entry]]:
        """Return equal answers together, each with what it is an answer for."""
        groups: dict[tuple[str, ...], list[Entry]] = {}
        for entry in self.entries:
            key = (entry.status, entry.name, entry.reason, entry.error)
            groups.setdefault(key, []).append(entry)
        return [
            (found[0].thing + (f" and {len(found) - 1} more" if len(found) > 1 else ""), found[0])
            for found in groups.values()
        ]

    def check(self, agreed: tuple[str, ...]) -> None:
        """Raise unless everything is exact or an approximation that was agreed to.

        Raises
        ------
        UnsupportedError
            Naming what is unsupported, or which approximations a request must name.
        """
        unsupported = [e for e in self.entries if e.status == "unsupported"]
        if unsupported:
            lines = "\n  - ".join(f"{e.thing}: {e.reason}" for e in unsupported)
            raise UnsupportedError(f"{self.backend} cannot run this network:\n  - {lines}")
        open_ones = [e for e in self.entries if e.status == "approximate" and e.name not in agreed]
        if open_ones and "all" not in agreed:
            lines = "\n  - ".join(
                f"{e.name} ({e.thing}): {e.reason}. {e.error}".rstrip(". ") for e in open_ones
            )
            names = ",".join(dict.fromkeys(e.name for e in open_ones))
            raise UnsupportedError(
                f"{self.backend} can run this network only approximately:\n  - {lines}\n"
                f"To agree: --approximate {names} (in Python: approximations=[...])"
            )


class RunRequest(Described):
    """Everything that decides the content of a run's file.

    Attributes
    ----------
    network : Network
    simulation : Simulation
    backend : str
    connectivity : {"native", "shared"}
        Drawn by the simulator's own rule, or by netspec (the same synapses everywhere).
    threads : int
        Of each rank.
    ranks : int
        Processes that share the run, through MPI.
    approximations : tuple of str
        Names of ledger entries that are agreed to; ``all`` agrees to every one.
    options : dict
        Of the backend.
    readback : bool
        Read all parameters and synapses back from the simulator into the result.
    realisation : RealisationRef or None
        A file that shared synapses are read from; drawn if None, which gives the same.
    """

    network: Network
    simulation: Simulation = Simulation()
    backend: Identifier
    connectivity: Literal["native", "shared"] = "native"
    threads: Annotated[int, Field(ge=1, le=4096, strict=True)] = 1
    ranks: Annotated[int, Field(ge=1, le=65536, strict=True)] = 1
    approximations: tuple[StrictStr, ...] = ()
    options: dict[Identifier, StrictStr] = {}
    readback: StrictBool = False
    realisation: RealisationRef | None = None

    @property
    def virtual_processes(self) -> int:
        """Threads of all ranks."""
        return self.ranks * self.threads

    def content_hash(self, backend: Backend) -> str:
        """Return a hash of everything that decides the result (hexadecimal)."""
        left_out = {"network", "approximations", "options", "realisation"}
        data = self.model_dump(mode="json", exclude=left_out)
        # what is in use decides, not what was agreed to or left at its default
        data["approximations"] = sorted(backend.ledger(self).approximations())
        data["options"] = backend.resolved_options(self)
        data |= {"spec_hash": spec_hash(self.network), "versions": versions(backend)}
        if self.realisation is not None:
            # a file holds what would be drawn here, unless it was drawn by other versions
            drawn, here = self.realisation.versions.items(), own_versions().items()
            data["versions"] |= {f"{name} of the synapses": v for name, v in drawn - here}
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Option:
    """An option of a backend: its default, the values allowed, and what it does.

    Attributes
    ----------
    default : str
    allowed : tuple of str
    doc : str
    pattern : str
        Regular expression of further values; none if empty.
    form : str
        What these values are, in words.
    """

    default: str
    allowed: tuple[str, ...]
    doc: str
    pattern: str = ""
    form: str = ""

    def allows(self, value: str) -> bool:
        """Return whether a value may be given."""
        return value in self.allowed or re.fullmatch(self.pattern or "(?!)", value) is not None


@dataclass(frozen=True)
class Status:
    """Whether a backend can run here, found without importing it."""

    available: bool
    version: str
    how_to_get: str


Spikes = tuple[NDArray[np.int64], NDArray[np.uint32]]
Samples = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass
class Outcome:
    """What an adapter returns.

    Attributes
    ----------
    spikes : dict
        Population -> (steps, neurons), in any order. A spike found at the end of the step
        from t to t + dt has the step of t + dt.
    samples : dict
        (recorder, variable) -> (steps, values), values of shape (samples, neurons).
    synapses : dict
        Projection -> number of synapses that the simulator says it holds.
    seconds : dict
        Wall time by phase: create, connect, prepare, warmup, simulate, read.
    memory : dict
        Resident memory of the process in MiB after each phase.
    runs : int
        Number of runs that shared a model, whose times and memory these are.
    readback : dict
        Name -> array, read from the simulator (``parameters/POP/NAME``,
        ``initial/POP/NAME``, ``projections/NAME/pre|post|weight|delay``).
    info : dict
        Build and device information.
    local : dict
        Of one rank of many: recorder, or name in `readback` -> positions of the neurons that
        this rank holds; what is not named is whole (samples) or joined (synapses).
    """

    spikes: dict[str, Spikes] = field(default_factory=dict)
    samples: dict[tuple[str, str], Samples] = field(default_factory=dict)
    synapses: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    readback: dict[str, NDArray[Any]] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    local: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    runs: int = 1


Progress = Callable[[str, float], None]


class Execution:
    """One run of an adapter: its state while it runs, and the times of its phases."""

    def __init__(self, request: RunRequest, progress: Progress) -> None:
        self.request, self.progress = request, progress
        self.network, self.simulation = request.network, request.simulation
        self.dt = request.simulation.dt
        self.result = Outcome()
        used = request.realisation
        self._file = None if used is None else Realisation(used, request.network)

    def synapse_blocks(self, projection: Projection) -> Iterator[Synapses]:
        """Yield netspec's synapses by blocks of rows, drawn or read from the request's file."""
        if self._file is not None:
            return self._file.synapse_blocks(projection)
        return realisation.synapse_blocks(self.network, projection, self.simulation)

    def synapses(self, projection: Projection) -> Synapses:
        """Return netspec's synapses of a projection in one piece."""
        return realisation.join(self.synapse_blocks(projection))

    def row_lengths(self, projection: Projection) -> NDArray[np.uint32]:
        """Return the number of netspec's synapses of each source, shape (n_pre,)."""
        if self._file is not None:
            return self._file.row_lengths(projection)
        return realisation.row_lengths(self.network, projection, self.simulation)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase, note the memory after it, and report its begin and end."""
        self.progress(name, 0.0)
        started = time.perf_counter()
        yield
        self.result.seconds[name] = time.perf_counter() - started
        self.result.memory[name] = memory_mib()
        self.progress(name, 1.0)


class Backend(ABC):
    """An adapter. Subclasses are stateless between runs."""

    name: ClassVar[str]
    module: ClassVar[str]
    distribution: ClassVar[str]
    how_to_get: ClassVar[str]
    threaded: ClassVar[bool] = True
    mpi: ClassVar[bool] = False
    options: ClassVar[dict[str, Option]] = {}
    cite: ClassVar[tuple[str, ...]] = ()

    def status(self) -> Status:
        """Say whether the simulator is installed, without importing it."""
        if find_spec(self.module) is None:
            return Status(False, "", self.how_to_get)
        try:
            version = metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            version = "unknown"
        return Status(True, version, self.how_to_get)

    def details(self) -> dict[str, str]:
        """Return what ``netspec doctor`` says of an installed simulator; may start a process."""
        return {}

    def default_threads(self, ranks: int = 1) -> int:
        """Return a rank's share of the processors that this process may use, at least one."""
        return max(len(os.sched_getaffinity(0)) // max(ranks, 1), 1) if self.threaded else 1

    def option(self, request: RunRequest, name: str) -> str:
        """Return an option of the request, or its default."""
        return request.options.get(name, self.options[name].default)

    def resolved_options(self, request: RunRequest) -> dict[str, str]:
        """Return every option as it will be used, defaults filled in."""
        return {name: self.option(request, name) for name in self.options}

    def check_options(self, request: RunRequest) -> None:
        """Raise `UsageError` for an option that does not exist or a value not allowed."""
        if request.threads > 1 and not self.threaded:
            raise UsageError(f"{self.name} runs on one thread, given {request.threads}")
        if request.ranks > 1 and not self.mpi:
            raise UsageError(f"{self.name} runs in one process, given {request.ranks} ranks")
        for name, value in request.options.items():
            if name not in self.options:
                known = list(self.options)
                raise UsageError(
                    f"{self.name} has no option {name!r}; {choices(known)}. {nearest(name, known)}"
                )
            option = self.options[name]
            if not option.allows(value):
                allowed = choices([*option.allowed, *([option.form] if option.form else [])])
                raise UsageError(f"option {name} of {self.name}: given {value!r}; {allowed}")

    def ledger(self, request: RunRequest) -> Ledger:
        """Answer for everything that the network needs, without building it."""
        entries = [*self.entries(request)]
        # times are rounded by netspec, the same on every backend
        for misfit in misfits(request.network, request.simulation):
            status: Literal["exact", "unsupported"] = "unsupported" if misfit.lost else "exact"
            entries.append(Entry(thing=misfit.path, status=status, reason=misfit.text))
        return Ledger(backend=self.name, entries=tuple(entries))

    @abstractmethod
    def entries(self, request: RunRequest) -> list[Entry]:
        """Return the ledger's lines that are this backend's own."""

    @abstractmethod
    def memory(self, request: RunRequest) -> int:
        """Estimate the peak memory of a run in bytes."""

    def batch(self, request: RunRequest, number: int) -> int:
        """Return how many of a number of runs like this one are best made together."""
        return 1

    @abstractmethod
    def execute(self, request: RunRequest, progress: Progress) -> Outcome:
        """Build and simulate. Called in a child process of its own."""

    def memory_together(self, requests: Sequence[RunRequest]) -> int:
        """Estimate the peak memory in bytes of runs in one process."""
        return sum(self.memory(request) for request in requests)

    def execute_together(
        self, requests: Sequence[RunRequest], progress: Progress
    ) -> Iterator[Outcome]:
        """Run requests that differ in network and seed; each gets the result it would get alone.

        Yields outcomes in the order of the requests. One that fails ends them all, but those that
        were yielded before.
        """
        for request in requests:
            yield self.execute(request, progress)


def backend_names() -> list[str]:
    """Return the names of all adapters that are installed."""
    return sorted({entry.name for entry in metadata.entry_points(group=GROUP)})


def get_backend(name: str) -> Backend:
    """Return an adapter by name; its simulator may still be missing.

    Raises
    ------
    BackendMissing
        If no adapter has that name.
    """
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            backend = entry.load()()
            if not isinstance(backend, Backend):
                raise BackendMissing(f"the entry point {name!r} is no netspec backend")
            return backend
    raise BackendMissing(unknown("backend", name, backend_names()))


def versions(backend: Backend) -> dict[str, str]:
    """Return the versions that decide a result: of netspec, the simulator and the adapter."""
    found = {**own_versions(), backend.name: backend.status().version}
    found["adapter source"] = adapter_digest(type(backend).__module__)
    for entry in metadata.entry_points(group=GROUP):
        package = entry.dist
        if entry.name == backend.name and package is not None and package.name != "netspec-snn":
            found["adapter"] = f"{package.name} {package.version}"
    return found
