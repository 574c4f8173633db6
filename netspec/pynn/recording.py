"""What is recorded, and how a run's spikes and samples become what PyNN makes Neo objects of.

Spikes are labelled as netspec labels them: at the end of the step in which they are found. Samples
are taken at the ends of steps; the first one, at t = 0, is the initial value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyNN import recording
from pyNN.recording import Variable

from netspec.errors import UsageError
from netspec.pynn import state as simulator

Floats = NDArray[np.float64]
SPIKES = "spikes"


class Recorder(recording.Recorder):
    """What is recorded of one population."""

    _simulator = simulator

    def _record(self, variable: Variable, new_ids: Any, sampling_interval: Any = None) -> None:
        state = simulator.state
        if not new_ids:
            return
        state.refuse_later(f"record({variable.name!r}) of {self.population.label!r}")
        if variable.name != SPIKES and sampling_interval is not None:
            steps = sampling_interval / state.dt
            if abs(steps - round(steps)) > 1e-6 or steps < 1:
                raise UsageError(
                    f"record({variable.name!r}): given sampling_interval={sampling_interval!r} ms; "
                    f"allowed: a multiple of the time step, {state.dt:g} ms"
                )
            self.sampling_interval = sampling_interval

    def _reset(self) -> None:
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
        return values[-(-start // every) :], None
