"""Weights of synapses that learn, as a script asks for them.

They are what the last event of each synapse has carried, as in NEST. Where a callback asks for them
while ``run()`` is under way, they are read off one run to its end, in which all events of these
synapses are recorded: else every question of a callback would be a run of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspec.execute.results import Run
from netspec.pynn.describe import Description

if TYPE_CHECKING:
    from netspec.pynn.state import State

Floats = NDArray[np.float64]
MANY = 200_000  # synapses whose events are not all recorded


class Weights:
    """Weights at any time of a segment.

    Attributes
    ----------
    goal : int
        The step to which a ``run()`` that is under way will go.
    watched : set of Projection
        Those whose events are all recorded in a description that is made now.
    """

    def __init__(self) -> None:
        self.goal = 0
        self.watched: set[Any] = set()
        self._asked: set[Any] = set()
        self._ahead: tuple[int, Description, Run] | None = None

    def forget(self) -> None:
        """Note that a run into the future is none any more: something was changed."""
        self._ahead = None

    def of(self, state: State, projection: Any) -> Floats | None:
        """Return weights of all synapses now, in PyNN's unit and order.

        None if the clock stands at 0, or there are none.
        """
        if not state.steps or not len(projection):
            return None
        known = self._ahead is not None and self._ahead[0] == self.goal
        if (state.steps < self.goal or known) and len(projection) <= MANY:
            return self._on_the_way(state, projection)
        description, run = state.data()
        found = np.empty(len(projection))
        for part in description.parts[projection]:
            found[part.synapses] = run.weights(part.name).values / part.factor
        return found

    def _on_the_way(self, state: State, projection: Any) -> Floats:
        if self._ahead is None or self._ahead[0] != self.goal or projection not in self._asked:
            self._asked.add(projection)
            moment = {"steps": self.goal, "_segment": None, "_run": None}
            self.watched = self._asked
            try:
                with state.back_at(moment):
                    self._ahead = self.goal, *state.data()
            finally:
                self.watched = set()
        _, description, run = self._ahead
        begin = np.broadcast_to(projection.columns.values["weight"], len(projection))
        found = np.array(begin, float)
        for part in description.parts[projection]:
            # in order of steps, so that the last one stays
            events = run.sent(part.recorder)
            past = events.steps <= state.steps
            found[part.synapses[events.synapses[past]]] = events.values[past] / part.factor
        return found
