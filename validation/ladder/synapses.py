"""The oracle of synapses that change: their equations in the canonical order, event by event.

Nothing here knows a simulator or the lowering of synapse models. A synapse sees spikes of its
source when they are made and those of its target a delay later; at one time the target's come
first, then the source's, then the event, and the traces of past spikes step last.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netspec.describe.expressions import evaluate
from netspec.describe.synapses import WEIGHT, SynapseModel

Sent = list[tuple[int, float]]  # (step in which an event is sent, what it carries)


@dataclass
class Trace:
    """A state that is linear between events.

    Attributes
    ----------
    value : float
    rate, drive : float
        dx/dt = rate x + drive.
    step : int
        Time of the value.
    """

    value: float
    rate: float
    drive: float
    step: int = 0

    def at(self, step: int, dt: float) -> float:
        """Return the value at a step, and go there."""
        span = (step - self.step) * dt
        if self.rate and span:
            rest = -self.drive / self.rate
            self.value = rest + (self.value - rest) * float(np.exp(self.rate * span))
        else:
            self.value += self.drive * span
        self.step = step
        return self.value


class Synapse:
    """One synapse, which is asked for what it sends at the spikes of its source, in their order.

    Parameters
    ----------
    model : SynapseModel
    parameters : mapping
        Those that are not the model's defaults.
    weight : float
    delay : int
        In steps.
    dt : float
        In ms.
    """

    def __init__(
        self,
        model: SynapseModel,
        parameters: Mapping[str, float],
        weight: float,
        delay: int,
        dt: float,
    ) -> None:
        self.own, self.values = model.plasticity, model.values(parameters)
        self.delay, self.dt = delay, dt
        start = {**model.start(self.values), WEIGHT: weight}
        self.traces = {}
        for state in self.own.states:
            rate, drive = (
                0.0 if tree is None else float(evaluate(tree, self.values))
                for tree in (state.rate, state.drive)
            )
            self.traces[state.name] = Trace(start[state.name], rate, drive)
        self.seen = 0  # spikes of the target

    @property
    def weight(self) -> float:
        """The weight now, which is the one that the last event carried."""
        return self.traces[WEIGHT].value

    def send(self, step: int, post: Sequence[int]) -> float:
        """Return what the event of a spike at a step carries.

        Parameters
        ----------
        step : int
        post : sequence of int
            All spikes of the target so far, in order.
        """
        upto = bisect.bisect_right(post, step - self.delay)
        for arrival in (spike + self.delay for spike in post[self.seen : upto]):
            self._change(arrival, "post", last=False)
            if arrival != step:
                self._change(arrival, "post", last=True)
        tied = upto > self.seen and post[upto - 1] + self.delay == step
        self.seen = upto
        before = self._now(step)
        self._change(step, "pre", last=False)
        carried = float(evaluate(self.own.send, self._now(step)))
        # both step from what was there before either of them
        self._change(step, "pre", last=True, seen=before)
        if tied:
            self._change(step, "post", last=True, seen=before)
        return carried

    def _now(self, step: int) -> dict[str, float]:
        return self.values | {name: t.at(step, self.dt) for name, t in self.traces.items()}

    def _change(
        self, step: int, end: str, last: bool, seen: Mapping[str, float] | None = None
    ) -> None:
        """Apply what a spike at one end does: to the synapse itself, or to the traces, at last."""
        values = self._now(step) if seen is None else seen
        changes = self.own.on_pre if end == "pre" else self.own.on_post
        found = {
            name: float(evaluate(tree, values))
            for name, tree in changes
            if (self.own.site(name) == end) == last
        }
        for name, value in found.items():
            self.traces[name].value = value


def sent(
    model: SynapseModel,
    parameters: Mapping[str, float],
    pre: Sequence[int],
    post: Sequence[int],
    delay: int,
    weight: float,
    dt: float = 0.1,
) -> tuple[Sent, float]:
    """Return what a synapse sends, and its weight at the end.

    Parameters
    ----------
    model : SynapseModel
    parameters : mapping
    pre, post : sequence of int
        Steps of the spikes at both ends, in order.
    delay : int
        In steps.
    weight : float
        At the start.
    dt : float
        In ms.
    """
    synapse, spikes = Synapse(model, parameters, weight, delay, dt), sorted(post)
    found = [(step, synapse.send(step, spikes)) for step in sorted(pre)]
    return found, synapse.weight
