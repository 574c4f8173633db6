"""Synapses that change: a point process each, connected to both its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.neuron import changing
from netspec.backends.neuron.changing import LAST, SENT, SENT_AT, SENT_WEIGHT, ChangingMechanism
from netspec.backends.neuron.columns import Column, give, listed
from netspec.backends.neuron.mechanisms import ACTIVE
from netspec.backends.neuron.wiring import Wires
from netspec.describe.network import Projection
from netspec.realise.lowering import own
from netspec.realise.plastic_steps import Fired, Remaining
from netspec.realise.plasticity import PlasticSynapses

if TYPE_CHECKING:
    from netspec.backends.neuron.building import NeuronBuilding


class Plastic:
    """The synapses of a projection that change.

    Parameters
    ----------
    built : NeuronBuilding
    projection : Projection
    """

    def __init__(self, built: NeuronBuilding, projection: Projection) -> None:
        self.built, self.projection = built, projection
        self.plastic: PlasticSynapses = built.execution.plastic(projection)
        self.mechanism: ChangingMechanism = built.plan.changing[projection.name]
        self.events: list[tuple[int, NDArray[np.int64], NDArray[np.float64]]] = []
        self.points: list[Any] = []
        self.wires = Wires(built.hoc, built.dt)

    @property
    def told(self) -> bool:
        """Whether anything of these synapses is recorded."""
        return bool(self.plastic.recorded or self.plastic.final)

    def connect(self) -> None:
        """Make the synapses, and connect both ends of each to it."""
        built, drawn = self.built, self.plastic.synapses
        make, place = getattr(built.hoc, self.mechanism.name), built.section(0.5)
        self.points = [make(place) for _ in range(len(drawn))]
        built.result.synapses[self.projection.name] = len(self.points)
        self._point_to_targets()
        self._give_values()
        source, target = (
            built.cells[p].listed for p in (self.projection.pre, self.projection.post)
        )
        here = listed(built.hoc, self.points), np.arange(len(self.points))
        nothing, delays = np.zeros(len(self.points)), drawn.delays()
        for port in self.mechanism.ports:
            # a spike of the target is seen after the delay, by a clock that is late by the delay
            back = port != changing.ARRIVE
            end, late = (
                ((target, drawn.post), 2 * delays) if back else ((source, drawn.pre), delays)
            )
            self.wires.join(end, here, nothing, late, port, changing.DUE_AT[port])
        if self.plastic.recorded:
            watched = [self.points[k] for k in self.plastic.watched]
            self.watched = [Column(built.hoc, watched, name) for name in (SENT_AT, SENT)]

    def _point_to_targets(self) -> None:
        """Tell every synapse where the state is that its events are added to."""
        target = self.built.cells[self.projection.post]
        state = own(target.mechanism.model.receptors[self.projection.receptor])
        point_to = self.built.hoc.setpointer
        for point, post in zip(self.points, self.plastic.synapses.post.tolist(), strict=True):
            for pointer, variable in ((changing.STATE, state), (changing.ACTIVE, ACTIVE)):
                point_to(getattr(target.points[post], f"_ref_{variable}"), pointer, point)

    def _give_values(self) -> None:
        drawn = self.plastic.synapses
        first: dict[str, Any] = {LAST: drawn.delays(), SENT_WEIGHT: drawn.weights(), SENT_AT: -1.0}
        first |= {own(course.name): course.initial for course in self.mechanism.program.courses}
        first[own("w")] = drawn.weights()
        for name, value in first.items():
            give(self.points, name, value)

    # -- recording ------------------------------------------------------------------------

    def look(self, step: int) -> None:
        """Keep what recorded synapses have sent, whose events arrived at the end of a step."""
        at, sent = (column.pull() for column in self.watched)
        found = np.flatnonzero(at == step)
        if found.size:
            self.events.append((step, self.plastic.watched[found], sent[found].copy()))

    def read(self, pre: Fired, post: Fired) -> None:
        """Give the recording what was recorded.

        Parameters
        ----------
        pre, post : mapping
            Step -> neurons that spiked, at either end, in the last steps.
        """
        if not self.told:
            return
        delays, total = self.plastic.synapses.delays(), self.built.execution.simulation.total_steps
        values = {c.name: self._values(own(c.name)) for c in self.mechanism.program.courses}
        remaining = Remaining(
            self.plastic, values, self._values(LAST) - delays, self.built.execution.dt
        )
        events = [(step - delays[found], found, sent) for step, found, sent in self.events]
        remaining.keep(self.built.result, events, self._values(SENT_WEIGHT), total, pre, post)

    def _values(self, variable: str) -> NDArray[np.float64]:
        column = Column(self.built.hoc, self.points, variable)  # its memory goes with it
        return column.pull().copy()
