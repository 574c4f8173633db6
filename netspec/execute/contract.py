"""The contract between netspec and a simulator: backend, plan, lookup.

An adapter is a class found by the entry point group ``netspec.backends``; a fourth simulator
is a package of its own. It decides everything once, in a plan: what it will do with each thing of a
network, and its ledger, which says how exact that is. Memory, building and execution take the plan.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any, ClassVar, Generic, Self, TypeVar

from netspec.describe.grid import misfits
from netspec.describe.serialization import spec_hash
from netspec.errors import BackendMissing, UsageError, choices, nearest, unknown
from netspec.execute.execution import Execution, Progress
from netspec.execute.ledger import Entry, Ledger
from netspec.execute.recording import Recording
from netspec.execute.request import RunRequest
from netspec.versions import adapter_digest, own_versions

GROUP = "netspec.backends"

__all__ = [
    "Backend", "Entry", "Execution", "Ledger", "Option", "Plan", "Progress", "Recording",
    "RunRequest", "Status", "backend_names", "get_backend", "versions",
]  # fmt: skip


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


@dataclass(frozen=True)
class Plan:
    """What an adapter will do for a request: pure data, made before anything is built.

    Adapters derive from it, with what they have decided for each thing of the network.

    Attributes
    ----------
    request : RunRequest
    options : dict
        Every option of the backend as it will be used, defaults filled in.
    ledger : Ledger
    versions : dict
        Of all that decides the result: netspec, simulator, adapter.
    """

    request: RunRequest
    options: Mapping[str, str]
    ledger: Ledger
    versions: Mapping[str, str]

    @classmethod
    def of(
        cls,
        backend: Backend[Any],
        request: RunRequest,
        entries: Iterable[Entry],
        options: Mapping[str, str] | None = None,
        **decided: Any,
    ) -> Self:
        """Return the plan of a request, its options checked.

        Parameters
        ----------
        backend : Backend
        request : RunRequest
        entries : iterable of Entry
            The ledger's lines that are the backend's own; what lies off the grid of time steps is
            said by netspec, in the same words for all.
        options : mapping, optional
            As they will be used; those of the request and the defaults if None.
        **decided
            Fields of the adapter's own class.

        Raises
        ------
        UsageError
            If an option does not exist or has a value that is not allowed.
        """
        backend.check_options(request)
        own = [*entries]
        # times are rounded by netspec, the same on every backend
        own += [
            Entry(
                thing=misfit.path,
                status="unsupported" if misfit.lost else "exact",
                reason=misfit.text,
            )
            for misfit in misfits(request.network, request.simulation)
        ]
        unheard = {entry.thing: entry for entry in _unheard_of(backend, request)}
        own = [unheard.pop(entry.thing, entry) for entry in own] + [*unheard.values()]
        ledger = Ledger(backend=backend.name, entries=tuple(own))
        used = backend.resolved_options(request) if options is None else options
        return cls(request, used, ledger, versions(backend), **decided)

    @cached_property
    def digest(self) -> str:
        """Hash of everything that decides the result (hexadecimal)."""
        request = self.request
        left_out = {"network", "approximations", "options", "realisation"}
        # what a run of earlier versions was called it is still called
        left_out |= {"drive"} if request.drive == "native" else set()
        data = request.model_dump(mode="json", exclude=left_out)
        # what is in use decides, not what was agreed to or left at its default
        data["approximations"] = sorted(self.ledger.approximations())
        data["options"] = dict(self.options)
        data |= {"spec_hash": spec_hash(request.network), "versions": dict(self.versions)}
        if request.realisation is not None:
            # a file holds what would be drawn here, unless it was drawn by other versions
            drawn, here = request.realisation.versions.items(), own_versions().items()
            data["versions"] |= {f"{name} of the synapses": v for name, v in drawn - here}
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


Planned = TypeVar("Planned", bound=Plan)


def _unheard_of(backend: Backend[Any], request: RunRequest) -> Iterator[Entry]:
    """Yield a refusal of each thing that an adapter does not say it answers for."""

    def refused(thing: str, what: str, reason: str = "") -> Iterator[Entry]:
        if what not in backend.answers:
            reason = reason or f"the adapter does not answer for {what}"
            yield Entry(thing=thing, status="unsupported", reason=reason)

    network = request.network
    for noise in network.noise_currents:
        yield from refused(f"noise_currents.{noise.name}", "noise currents")
    for poisson in network.poisson_inputs:
        thing = f"poisson_inputs.{poisson.name}"
        if request.drive == "shared":
            own = "the adapter draws its own Poisson numbers, not netspec's (noise=shared)"
            yield from refused(thing, "shared noise", own)
        if poisson.start or poisson.changes:
            yield from refused(thing, "changing rates")
    for population in network.populations:
        dynamics = network.model_of(population).dynamics
        if dynamics.noises or dynamics.escape is not None:
            yield from refused(f"populations.{population.name}", "random neurons")
    for projection, _ in network.plastic():
        yield from refused(f"projections.{projection.name}.synapse", "changing synapses")


class Backend(ABC, Generic[Planned]):
    """An adapter. Subclasses are stateless between runs.

    Attributes
    ----------
    answers : frozenset of str
        What its ledger answers for beyond what every adapter has to: ``noise currents``
        (`NoiseCurrent`), ``changing rates`` (Poisson inputs with a start, a stop or rates),
        ``random neurons`` (an escape rate, or white noise in the equations), ``changing synapses``
        (projections with a synapse model), ``shared noise`` (Poisson inputs where
        ``request.drive`` is shared). What is not among them netspec refuses, so that no adapter
        leaves it out, or draws others, in silence.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    distribution: ClassVar[str]
    how_to_get: ClassVar[str]
    threaded: ClassVar[bool] = True
    mpi: ClassVar[bool] = False
    answers: ClassVar[frozenset[str]] = frozenset()
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

    def check_machine(self, request: RunRequest) -> None:
        """Raise `BackendMissing` for what this machine lacks to run a request."""
        status = self.status()
        if not status.available:
            raise BackendMissing(f"{self.name} is not installed. {status.how_to_get}")

    @abstractmethod
    def plan(self, request: RunRequest) -> Planned:
        """Decide what will be done with everything that the network needs, without building it.

        Nothing of the simulator is imported; whether it is there is another question
        (`check_machine`). Adapters end with `Plan.of`.

        Raises
        ------
        UsageError
            For options that do not exist, have wrong values, or do not go together.
        """

    @abstractmethod
    def memory(self, plans: Sequence[Planned]) -> int:
        """Estimate the peak memory in bytes of runs in one process."""

    def batch(self, request: RunRequest, number: int) -> int:
        """Return how many of a number of runs like this one are best made together."""
        return 1

    def prepare(self, plans: Sequence[Planned], progress: Progress) -> None:
        """Make what all ranks of a run need and one process has to make; nothing by default.

        Called by the process that asks, before it starts several ranks, and not for a run in one
        process, which makes what it needs itself, within its time limit. The simulator is not
        imported here.

        Raises
        ------
        SimulationFailed
            If it cannot be made.
        """

    @abstractmethod
    def execute(self, plans: Sequence[Planned], progress: Progress) -> Iterator[Recording]:
        """Build and simulate, one run or several in one process of their own.

        The requests of several differ in network and seed; each gets the result it would get alone.

        Yields
        ------
        Recording
            In the order of the plans. A run that fails ends them all, but for those that were
            yielded before.
        """


def backend_names() -> list[str]:
    """Return the names of all adapters that are installed."""
    return sorted({entry.name for entry in metadata.entry_points(group=GROUP)})


def get_backend(name: str) -> Backend[Any]:
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


def versions(backend: Backend[Any]) -> dict[str, str]:
    """Return the versions that decide a result: of netspec, the simulator and the adapter."""
    found = {**own_versions(), backend.name: backend.status().version}
    found["adapter source"] = adapter_digest(type(backend).__module__)
    package = _package(backend.name, tuple(map(str, sys.path)))
    return found | ({"adapter": package} if package else {})


@lru_cache(maxsize=16)
def _package(name: str, path: tuple[str, ...]) -> str:
    """Return the package of an adapter from elsewhere and its version, looked up once for a path.

    To look for it takes as long as the rest of a plan, and every run of many has a plan.
    """
    found = ""
    for entry in metadata.entry_points(group=GROUP):
        package = entry.dist
        if entry.name == name and package is not None and package.name != "netspec-snn":
            found = f"{package.name} {package.version}"
    return found
