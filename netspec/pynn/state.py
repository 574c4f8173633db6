"""The clock of a script, what it has made, and its segments: the ``simulator`` of PyNN's own parts.

A script is recorded. `State.run_until` moves the clock and does nothing else; whoever asks for data
(`State.data`) has the segment described and run from t = 0 to now, and again from 0 if the clock
has moved on: a run of netspec is decided by its description, so what both share is the same.
``reset()`` begins a new segment: another description, another run.

Whoever wants the descriptions and not only the data (``netspec pynn``) runs the script within
`collecting`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from pyNN import common

import netspec
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError
from netspec.execute.contract import get_backend
from netspec.execute.results import Run
from netspec.pynn.carried import tell
from netspec.pynn.describe import Description, describe
from netspec.pynn.weights import Weights

name = "netspec"
BACKEND = "NETSPEC_PYNN_BACKEND"  # environment: the simulator, where a script names none
FOLDER = "NETSPEC_PYNN_OUT"  # environment: where results go, likewise
FIRST_ID = 1
OFF_GRID = 1e-6  # in steps
# what the state knows that belongs to a segment
PER_SEGMENT = ("steps", "segment_counter", "running", "_segment", "_run")


class ID(int, common.IDMixin):
    """A cell as an integer, the first of which is 1; cells of one population follow each other."""


@dataclass(frozen=True)
class Settings:
    """How a script's segments are run.

    Attributes
    ----------
    backend : str
        Name of an adapter.
    seed : int
        Of what netspec draws; what PyNN draws has the seeds of PyNN's generators.
    approximations : tuple of str
        Entries of the ledger that are agreed to.
    threads : int or None
        The adapter's default if None.
    options : mapping
        Of the adapter.
    out : Path
        Folder of results.
    """

    backend: str = "nest"
    seed: int = 1
    approximations: tuple[str, ...] = ()
    threads: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    out: Path = Path("runs")


@dataclass(frozen=True)
class Segment:
    """A segment of a script, from t = 0 to where its clock stood.

    Attributes
    ----------
    network : Network
    simulation : Simulation
        Without a warm-up.
    settings : Settings
        How the script itself has it run.
    description : Description
        What became of the script's populations and projections.
    """

    network: Network
    simulation: Simulation
    settings: Settings
    description: Description


@dataclass
class _Collection:
    """What `collecting` is asked for, and what it has found."""

    forced: dict[str, Any]
    found: list[Segment]


_collections: list[_Collection] = []


@contextmanager
def collecting(**forced: Any) -> Iterator[list[Segment]]:
    """Keep every segment of the scripts that run meanwhile.

    Parameters
    ----------
    **forced
        Fields of `Settings` that hold whatever a script says: ``backend``, ``seed``, ...

    Yields
    ------
    list of Segment
        In order; complete when the context is left. Segments in which the clock was never moved
        are left out.
    """
    unknown = set(forced) - set(Settings.__dataclass_fields__)
    if unknown:
        known = ", ".join(Settings.__dataclass_fields__)
        raise UsageError(f"collecting: given {', '.join(sorted(unknown))}; allowed: {known}")
    collection = _Collection(forced, [])
    _collections.append(collection)
    try:
        yield collection.found
        state.seal()
    finally:
        _collections.remove(collection)


class State(common.control.BaseState):
    """All that a script has said since ``setup()``.

    Attributes
    ----------
    dt : float
        Time step in ms.
    steps : int
        Where the clock stands, in steps.
    populations, projections, current_sources : list
        In the order in which they were made. What is in `current_sources` has a method
        ``pieces(place)``, see `netspec.pynn.describe`.
    shortest, longest : float or "auto"
        Bounds of delays in ms, as ``setup()`` was told.
    settings : Settings
    """

    mpi_rank = 0
    num_processes = 1

    def __init__(self) -> None:
        super().__init__()
        self.dt = 0.1
        self.shortest: float | str = "auto"
        self.longest: float | str = "auto"
        self.settings, self.label = Settings(), ""
        self._run: Run | None = None
        self._segment: Segment | None = None
        self._moment: dict[str, Any] = {}
        self.weights = Weights()
        self.clear()

    def clear(self) -> None:
        """Forget all that was made."""
        self.recorders: set[Any] = set()
        self.write_on_end: list[Any] = []
        self.populations: list[Any] = []
        self.projections: list[Any] = []
        self.current_sources: list[Any] = []
        self.id_counter, self.segment_counter = FIRST_ID, 0
        self.steps, self.running, self.t_start = 0, False, 0
        self._sealed = False
        self.weights = Weights()
        self.changed()

    @property
    def t(self) -> float:
        """Where the clock stands, in ms."""
        return round(self.steps * self.dt, 9)

    @property
    def min_delay(self) -> float:
        """The smallest delay in ms: the bound of ``setup()``, or what there is."""
        if self.shortest != "auto":
            return float(self.shortest)
        found = [p.delays()[0] for p in self.projections if len(p)]
        return min(found, default=self.dt)

    @property
    def default_delay(self) -> float:
        """The delay in ms of synapses that say none: the bound of ``setup()``, or one step."""
        return self.dt if self.shortest == "auto" else float(self.shortest)

    @property
    def max_delay(self) -> float:
        """The largest delay in ms: the bound of ``setup()``, or what there is."""
        if self.longest != "auto":
            return float(self.longest)
        found = [p.delays()[1] for p in self.projections if len(p)]
        return max(found, default=self.dt)

    def run_until(self, tstop: float) -> None:
        """Move the clock to the step nearest to `tstop`, by one at least if that lies ahead."""
        steps = int(np.floor(tstop / self.dt + 0.5 + 1e-9))
        if tstop - self.t > 1e-9:
            steps = max(steps, self.steps + 1)
        if abs(tstop / self.dt - steps) > OFF_GRID:
            tell(
                f"run until {tstop:g} ms: off the grid of {self.dt:g} ms, so the clock moves to "
                f"{steps * self.dt:g} ms"
            )
        self.steps, self.running = max(steps, self.steps), True
        self._run, self._segment, self._sealed = None, None, False

    def run(self, simtime: float) -> None:
        """Move the clock on by `simtime` ms."""
        self.run_until(self.t + simtime)

    def reset(self) -> None:
        """Begin a new segment at t = 0."""
        self.seal()
        self.steps, self.running, self.t_start = 0, False, 0
        self.segment_counter += 1
        for piece in (*self.populations, *self.current_sources):
            piece.begin_segment()
        self.changed()

    def changed(self) -> None:
        """Note that what was made has changed: descriptions and runs are those of before."""
        self._run, self._segment = None, None
        self.weights.forget()

    def refuse_later(self, what: str, instead: str = "reset() first") -> None:
        """Raise if the clock has been moved, since `what` holds from t = 0 on or not at all.

        Raises
        ------
        UsageError
        """
        if self.steps:
            raise UsageError(
                f"changed at t = {self.t:g} ms: {what}. A segment is run as one from t = 0; "
                f"{instead}"
            )
        self.changed()

    def segment(self) -> Segment:
        """Return the current segment, described.

        Raises
        ------
        UsageError
            If the clock stands at 0.
        """
        if self._segment is None:
            if not self.steps:
                raise UsageError("the clock stands at t = 0 ms: run() first")
            description = describe(self)
            simulation = Simulation(
                dt=self.dt, warmup=0.0, duration=self.t, seed=self.settings.seed
            )
            self._segment = Segment(description.network, simulation, self.settings, description)
        return self._segment

    def seal(self) -> None:
        """Hand the current segment on to those who collect, once."""
        if _collections and self.steps and not self._sealed:
            for collection in _collections:
                collection.found.append(self.segment())
            self._sealed = True

    def data(self) -> tuple[Description, Run]:
        """Return the run of the current segment up to now, and what stands where in it.

        Raises
        ------
        NetspecError
            Of all kinds that `netspec.run` raises.
        """
        segment, how = self.segment(), self.settings
        if self._run is None:
            self._run = netspec.run(
                segment.network,
                how.backend,
                segment.simulation,
                connectivity="shared",
                noise="shared",
                threads=how.threads,
                approximations=how.approximations,
                options=how.options,
                out=how.out,
            )
        return segment.description, self._run

    def moment(self) -> dict[str, Any]:
        """Return where the clock stands and what is known of the current segment.

        Whoever asks in the same segment is given the same, so that it is run once for all.
        """
        segment = self.segment()
        if self._moment.get("_segment") is not segment:
            self._moment = {name: getattr(self, name) for name in PER_SEGMENT}
        return self._moment

    @contextmanager
    def back_at(self, moment: dict[str, Any]) -> Iterator[None]:
        """Be at a moment of a segment that has ended; what is run meanwhile is kept with it."""
        now = {name: getattr(self, name) for name in PER_SEGMENT}
        self.__dict__.update(moment)  # what it does not say stays
        try:
            yield
        finally:
            moment.update({name: getattr(self, name) for name in PER_SEGMENT})
            self.__dict__.update(now)

    def configure(self, given: dict[str, Any]) -> None:
        """Take the settings of a script, the environment where it says nothing, or what is forced.

        Parameters
        ----------
        given : dict
            Fields of `Settings`; None is nothing said.
        """
        said = {key: value for key, value in given.items() if value is not None}
        outer = {"backend": os.environ.get(BACKEND), "out": os.environ.get(FOLDER)}
        said = {key: value for key, value in outer.items() if value} | said
        for collection in _collections:
            said |= collection.forced
        if "out" in said:
            said["out"] = Path(said["out"])
        if "approximations" in said:
            agreed = said["approximations"]
            said["approximations"] = (agreed,) if isinstance(agreed, str) else tuple(agreed)
        if "options" in said:
            said["options"] = {key: str(value) for key, value in said["options"].items()}
        get_backend(said.get("backend", Settings.backend))  # a wrong name is told here, not by data
        for name, least in (("threads", 1), ("seed", 0)):
            value = said.get(name, least)
            if not isinstance(value, Integral) or value < least:
                allowed = f"integers from {least} on"
                raise UsageError(f"setup: given {name}={value!r}; allowed: {allowed}")
            if name in said:
                said[name] = int(value)
        self.settings = replace(Settings(), **said)


state = State()
