"""The steps of many synapses at once in NumPy, for what is under way when a run ends.

A simulator that changes a synapse when its event arrives has not seen, at the end of a run, the
events that were sent in the last steps. What they carry is part of the result nevertheless: it is
known when they are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe import expressions as ex
from netspec.realise.plasticity import Change, PlasticSynapses

Values = dict[str, NDArray[np.float64]]
Fired = Mapping[int, NDArray[np.integer]]  # step -> neurons
Event = tuple[int | NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


class Remaining:
    """Synapses whose own time lies behind that of the run, by their delay.

    Parameters
    ----------
    plastic : PlasticSynapses
    values : dict
        State -> values, shape (n,); changed in place.
    last : ndarray, shape (n,)
        Steps that the values are of.
    dt : float
        In ms.
    """

    def __init__(
        self, plastic: PlasticSynapses, values: Values, last: NDArray[np.float64], dt: float
    ) -> None:
        self.plastic, self.program, self.dt = plastic, plastic.program, dt
        self.values, self.last = values, np.array(last, float)

    def finish(
        self, total: int, pre: Fired, post: Fired
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
        """Go on from step ``total - delay`` of each synapse to step `total`.

        Parameters
        ----------
        total : int
            The last step of the run.
        pre, post : mapping
            Spikes of the sources, and of the targets, in the last steps: twice the longest delay.

        Yields
        ------
        tuple
            Step, synapses that send in it, what they carry.
        """
        drawn, delays = self.plastic.synapses, self.plastic.synapses.delays()
        longest = int(delays.max(initial=0))
        nobody = np.empty(0, np.int64)
        for step in range(max(total - longest, 0) + 1, total + 1):
            waiting = delays > total - step
            sending = waiting & np.isin(drawn.pre, pre.get(step, nobody))
            told = np.zeros(len(delays), bool)
            for delay in np.unique(delays[waiting]):
                fired = post.get(step - int(delay), nobody)
                if len(fired):
                    told |= waiting & (delays == delay) & np.isin(drawn.post, fired)
            if sending.any() or told.any():
                yield self._step(step, np.flatnonzero(sending), np.flatnonzero(told))

    def keep(
        self,
        recording: Any,
        events: Iterable[Event],
        weights: NDArray[np.float64],
        total: int,
        pre: Fired,
        post: Fired,
    ) -> None:
        """Finish, and give the recording what was sent in all the run, and the weights at the end.

        Parameters
        ----------
        recording : Recording
        events : iterable of (steps, synapses, values)
            What was sent before; one step, or one for each synapse.
        weights : ndarray of float64, shape (n,)
            That the last event before has carried; changed in place.
        total, pre, post
            As `finish` takes them.
        """
        found: list[Event] = [(0, np.empty(0, np.int64), np.empty(0)), *events]
        for event in self.finish(total, pre, post):
            weights[event[1]] = self.values["w"][event[1]]
            found.append(event)
        synapses = np.concatenate([which for _, which, _ in found])
        steps = [np.broadcast_to(step, which.shape) for step, which, _ in found]
        carried = np.concatenate([values for _, _, values in found])
        self.plastic.keep(recording, synapses, np.concatenate(steps), carried)
        self.plastic.keep_weights(recording, weights)

    def _step(
        self, step: int, sending: NDArray[np.int64], told: NDArray[np.int64]
    ) -> tuple[int, NDArray[np.int64], NDArray[np.float64]]:
        program = self.program
        for chosen in (sending, told):
            self._go_on(step, chosen)
        self._change(program.at_post, told)
        self._change(program.at_pre, sending)
        carried = np.broadcast_to(ex.evaluate(program.send, self._at(sending)), sending.shape)
        self._change(program.after_pre, sending)
        self._change(program.after_post, told)
        return step, sending, np.array(carried, float)

    def _at(self, chosen: NDArray[np.int64]) -> Values:
        return {name: values[chosen] for name, values in self.values.items()}

    def _go_on(self, step: int, chosen: NDArray[np.int64]) -> None:
        span = (step - self.last[chosen]) * self.dt
        before = self._at(chosen) | {"span": span}
        for course in self.program.courses:
            if course.moves:
                self.values[course.name][chosen] = ex.evaluate(
                    course.after(ex.Name("span")), before
                )
        self.last[chosen] = step

    def _change(self, changes: tuple[Change, ...], chosen: NDArray[np.int64]) -> None:
        before = self._at(chosen)
        for name, tree in changes:
            self.values[name][chosen] = ex.evaluate(tree, before)
