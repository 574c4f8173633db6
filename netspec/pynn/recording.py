"""What is recorded, and how a run's spikes and samples become what PyNN makes Neo objects of.

Spikes are labelled as netspec labels them: at the end of the step in which they are found. Samples
are taken at the ends of steps; the first one, at t = 0, is the initial value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import NDArray
from pyNN import recording
from pyNN.recording import Variable

from netspec.errors import UsageError
from netspec.pynn import state as simulator

Floats = NDArray[np.float64]
SPIKES = "spikes"
# what a recorder knows that belongs to a segment
PER_SEGMENT = ("recorded", "sampling_interval", "_recording_start_time")


class _Past:
    """A segment that has ended, and what held in it, until somebody asks for its data."""

    def __init__(self, recorder: Recorder, annotations: dict[str, Any]) -> None:
        self.recorder, self.annotations = recorder, annotations
        self.moment = simulator.state.moment()
        population = recorder.population
        self.held: list[tuple[Any, dict[str, Any]]] = [
            (population, {"native": dict(population.native), "started": dict(population.started)}),
            (recorder, {name: getattr(recorder, name) for name in PER_SEGMENT}),
        ]

    def segment(self) -> Any:
        """Return it as PyNN makes it: the run of that time, with what was recorded then."""
        now = [(owner, {name: getattr(owner, name) for name in was}) for owner, was in self.held]
        with simulator.state.back_at(self.moment):
            try:
                for owner, was in self.held:
                    owner.__dict__.update(was)
                found = self.recorder._get_current_segment()
            finally:
                for owner, names in now:
                    owner.__dict__.update(names)
        found.annotate(**self.annotations)
        return found


class _Cache(recording.DataCache):
    """The segments that have ended, each run when it is first looked at."""

    _data: list[Any]

    def __iter__(self) -> Iterator[Any]:
        self._data = [s.segment() if isinstance(s, _Past) else s for s in self._data]
        return iter(self._data)


class Recorder(recording.Recorder):
    """What is recorded of one population."""

    _simulator = simulator
    clear_flag: bool

    def __init__(self, population: Any, file: Any = None) -> None:
        super().__init__(population, file)
        self.cache = _Cache()

    def _get_current_segment(self, *args: Any, **how: Any) -> Any:
        """Return the segment as PyNN makes it, its signals in the order of their names.

        PyNN goes through a set, whose order differs from process to process.
        """
        segment = super()._get_current_segment(*args, **how)
        segment.analogsignals = sorted(segment.analogsignals, key=lambda signal: signal.name or "")
        return segment

    def store_to_cache(self, annotations: dict[str, Any] | None = None) -> None:
        """Keep the segment that ends, unless its data were cleared."""
        if simulator.state.steps and not self.clear_flag:
            self.cache.store(_Past(self, dict(annotations or {})))
        self.clear_flag = False
        self._recording_start_time = 0.0 * pq.ms

    def _record(self, variable: Variable, new_ids: Any, sampling_interval: Any = None) -> None:
        state = simulator.state
        if not new_ids:
            return
        self._begin_now(variable, new_ids)
        if variable.name != SPIKES and sampling_interval is not None:
            steps = sampling_interval / state.dt
            if abs(steps - round(steps)) > 1e-6 or steps < 1:
                raise UsageError(
                    f"record({variable.name!r}): given sampling_interval={sampling_interval!r} ms; "
                    f"allowed: a multiple of the time step, {state.dt:g} ms"
                )
            self.sampling_interval = sampling_interval

    def _begin_now(self, variable: Variable, new_ids: Any) -> None:
        """Let data begin where the clock stands, unless something is recorded from before."""
        state = simulator.state
        now = state.t * pq.ms
        # PyNN has noted the new cells already
        others = any(v != variable or ids - new_ids for v, ids in self.recorded.items() if ids)
        if state.steps and others and self._recording_start_time != now:
            state.refuse_later(
                f"record({variable.name!r}) of {self.population.label!r}, of which other data "
                f"begin at {float(self._recording_start_time):g} ms",
                "record all of it from one time on",
            )
        if not others:
            self._recording_start_time = now
        state.changed()

    def _reset(self) -> None:
        """Record nothing from now on; PyNN replaces `recorded` by an empty one."""
        simulator.state.refuse_later(f"record(None) of {self.population.label!r}")

    def _clear_simulator(self) -> None:
        """Do nothing: what lies before `_recording_start_time` is left out when it is read."""

    # -- what describe.py asks ----------------------------------------------------------

    def wants_spikes(self) -> bool:
        """Return whether spikes of any cell are recorded."""
        return any(v.name == SPIKES and ids for v, ids in self.recorded.items())

    def sampled(self) -> dict[str, NDArray[np.int64]]:
        """Return variable -> cells of which it is sampled, in order."""
        return {
            variable.name: np.sort(self.population.id_to_index(list(ids)))
            for variable, ids in self.recorded.items()
            if variable.name != SPIKES and ids
        }

    # -- what PyNN asks -----------------------------------------------------------------

    def _spikes(self) -> tuple[NDArray[np.int64], Floats]:
        """Return id and time of every spike since the recording began (or was cleared)."""
        if not simulator.state.steps:
            return np.empty(0, np.int64), np.empty(0)
        description, run = simulator.state.data()
        found = run.spikes(description.names[self.population])
        start = float(self._recording_start_time.magnitude)
        times = np.round(found.times, 9)
        since = times > start if start else times >= start
        ids = found.neurons.astype(np.int64) + int(self.population.first_id)
        return ids[since], times[since]

    def _get_spiketimes(self, ids: Any, clear: bool = False) -> dict[int, Floats]:
        number, times = self._spikes()
        order = np.lexsort((times, number))
        number, times = number[order], times[order]
        wanted = np.array([int(cell) for cell in ids], np.int64)
        low, high = (np.searchsorted(number, wanted, side) for side in ("left", "right"))
        return {int(c): times[a:b] for c, a, b in zip(wanted, low, high, strict=True)}

    def _local_count(self, variable: Variable, filter_ids: Any = None) -> dict[int, int]:
        if not self.wants_spikes():
            return {}  # as PyNN has it: of no cell
        found = self._get_spiketimes(sorted(self.filter_recorded(variable, filter_ids)))
        return {cell: len(times) for cell, times in found.items()}

    def _get_all_signals(
        self, variable: Variable, ids: Any, clear: bool = False
    ) -> tuple[Floats, None]:
        """Return samples in PyNN's units, shape (samples, cells)."""
        if not len(ids):
            return np.empty((0, 0)), None
        state, cells = simulator.state, self.population.id_to_index(list(ids))
        observed = self.population.celltype.variables[variable.name]
        values = observed.first(self.population)[cells][None, :]
        if state.steps:
            description, run = state.data()
            recorder, columns = description.columns(self.population, variable.name, cells)
            parts = {s: run.samples(recorder, s)[1][:, columns] for s in observed.states}
            later = observed.values(parts, self.population, cells)
            values = np.concatenate([values, later])
        every = round((self.sampling_interval or state.dt) / state.dt)
        start = round(float(self._recording_start_time.magnitude) / state.dt)
        if start % every:
            raise UsageError(
                f"{variable.name} of {self.population.label!r}: given data from "
                f"{start * state.dt:g} ms on, sampled every {every * state.dt:g} ms; allowed: data "
                "that begin at a multiple of that"
            )
        return values[start // every :], None
