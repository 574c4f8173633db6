"""Synapses that change, in Brian2: two pathways, whose clock is late by the synapse's delay.

A synapse of delay d sees a spike of its source at once and one of its target after d, and sends to
d later. Brian2 changes it when the event arrives: so spikes of the source take d, those of the
target 2 d, and what is carried is the weight at that moment, however many spikes are under way. At
one time spikes of the target come first, then those of the source, then the target's traces step:
when the synapse is met next, since nobody looks at them before. The sign of its clock says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.brian2.functions import namespace, vectorisable
from netspec.backends.brian2.groups import ACTIVE, Group
from netspec.describe import expressions as ex
from netspec.describe.network import Projection
from netspec.realise.lowering import own
from netspec.realise.plastic_steps import Remaining
from netspec.realise.plasticity import Change, PlasticSynapses, SynapseProgram

if TYPE_CHECKING:
    from netspec.backends.brian2.building import Brian2Building

# names of the adapter's own, which no name of a description can meet (`lowering.own`)
LAST, HERE, SPAN = "last_step", "this_step", "elapsed"
SENT, SENT_AT, CARRIED = "sent", "sent_at", "carried"  # what was sent last, and when
SENT_WEIGHT = "sent_weight"  # the weight then
DUE = "due"  # whether the target's traces are still to step, from the synapse's clock on


class Plastic:
    """The synapses of a projection that change, as an object of Brian2's.

    Parameters
    ----------
    built : Brian2Building
    projection : Projection
    """

    def __init__(self, built: Brian2Building, projection: Projection) -> None:
        self.built, self.projection = built, projection
        self.plastic: PlasticSynapses = built.execution.plastic(projection)
        self.program: SynapseProgram = self.plastic.program
        self.events: list[tuple[int, NDArray[np.int64], NDArray[np.float64]]] = []
        self.fired: dict[int, dict[int, NDArray[np.int64]]] = {}  # of a group, by step
        self.synapses: Any = None

    def connect(self) -> None:
        """Make the synapses, and what looks at those that are recorded."""
        drawn = self.plastic.synapses
        self.built.result.synapses[self.projection.name] = len(drawn)
        if not len(drawn):  # Brian2 takes no Synapses object without a synapse
            return
        (pre, source), (post, target) = (
            self.built.group(self.projection.pre), self.built.group(self.projection.post)
        )  # fmt: skip
        state = post.model.receptors[self.projection.receptor]
        passed = f"{CARRIED}*{ACTIVE}_post" if post.model.dynamics.held(state) else CARRIED
        delay, unit = drawn.delays().astype(np.int64), self.built.dt * self.built.b2.ms
        late = self._late(int(delay[0])) if self._alike(delay) else {}
        once = {name: steps * unit for name, steps in late.items()} or None
        self.synapses = self.built.b2.Synapses(
            pre.neurons[source],
            post.neurons[target],
            self._variables(),
            on_pre={"arrive": self._arrive(f"{own(state)}_post += {passed}")},
            on_post=self._after_target(),
            delay=once,
            namespace=namespace(),
            name=f"plastic{next(self.built.numbers)}",
        )
        self.synapses.connect(i=drawn.pre.astype(np.int32), j=drawn.post.astype(np.int32))
        self._give_values()
        self.built.objects.append(self.synapses)
        if self.plastic.recorded:
            self._watch()
        if self.plastic.recorded or self.plastic.final:
            # what is under way at the end has not changed the synapses yet
            longest = int(drawn.delays().max())
            for group in {id(g): g for g in (pre, post)}.values():
                self._keep_last_spikes(group, 2 * longest)

    # -- code -----------------------------------------------------------------------------

    def _variables(self) -> str:
        names = [own(course.name) for course in self.program.courses]
        return "\n".join(f"{name} : 1" for name in (*names, LAST, *self._notes()))

    def _notes(self) -> dict[str, str]:
        """Return the variables that are there to be read, and what an event writes into them."""
        found = {SENT: CARRIED, SENT_AT: HERE} if self.plastic.recorded else {}
        return found | ({SENT_WEIGHT: own("w")} if self.plastic.final else {})

    def _source(self, tree: ex.Expr) -> str:
        names: dict[str, ex.Expr] = {c.name: ex.Name(own(c.name)) for c in self.program.courses}
        return ex.to_source(vectorisable(ex.substitute(tree, names)))

    def _go_on(self, of_target: bool) -> list[str]:
        """Return code that brings all states to the synapse's time now.

        Its clock is negative where a spike of the target was the last thing but traces to come.
        """
        dt, steps = self.built.dt, self.program.after_post
        lines = [f"{HERE} = 1.0*int(t/dt + 0.5) + 1.0"]
        if steps:
            lines.append(f"{SPAN} = netspec_since({LAST}, {HERE})*{dt!r}")
            lines.append(f"{DUE} = netspec_due({LAST}, {HERE})")
            lines += [f"after_{own(name)} = {self._source(tree)}" for name, tree in steps]
            lines += [
                f"{own(name)} = netspec_choice({DUE}, after_{own(name)}, {own(name)})"
                for name, _ in steps
            ]
        else:
            lines.append(f"{SPAN} = ({HERE} - {LAST})*{dt!r}")
        for course in self.program.courses:
            if course.moves:
                lines.append(f"{own(course.name)} = {self._source(course.after(ex.Name(SPAN)))}")
        clock = f"-{HERE}" if of_target else f"netspec_clock({LAST}, {HERE})"
        return [*lines, f"{LAST} = {clock if steps else HERE}"]

    def _change(self, changes: tuple[Change, ...]) -> list[str]:
        """Return code that changes states, all from the values before."""
        lines = [f"new_{own(name)} = {self._source(tree)}" for name, tree in changes]
        return lines + [f"{own(name)} = new_{own(name)}" for name, _ in changes]

    def _arrive(self, add: str) -> str:
        """Return the code of a spike of the source."""
        program = self.program
        lines = [*self._go_on(of_target=False), *self._change(program.at_pre)]
        lines += [f"{CARRIED} = {self._source(program.send)}", add]
        lines += [f"{note} = {value}" for note, value in self._notes().items()]
        return "\n".join([*lines, *self._change(program.after_pre)])

    def _after_target(self) -> dict[str, str] | None:
        """Return the code of a spike of the target, but for what its traces do."""
        if not self.program.looks_back:
            return None
        lines = [*self._go_on(of_target=True), *self._change(self.program.at_post)]
        return {"potentiate": "\n".join(lines)}

    # -- values ---------------------------------------------------------------------------

    def _give_values(self) -> None:
        drawn, synapses = self.plastic.synapses, self.synapses
        if not (
            np.array_equal(synapses.i[:], drawn.pre) and np.array_equal(synapses.j[:], drawn.post)
        ):
            raise RuntimeError("Brian2 holds other synapses than those handed over")
        delay, weight = drawn.delays(), drawn.weights()
        # its clock is late by the delay
        first: dict[str, Any] = {LAST: delay, SENT_WEIGHT: weight, SENT_AT: -1.0, SENT: 0.0}
        first |= {own(course.name): course.initial for course in self.program.courses}
        for name in (*(own(course.name) for course in self.program.courses), LAST, *self._notes()):
            setattr(synapses, name, weight if name == own("w") else first[name])
        for order, (name, steps) in enumerate(self._late(delay).items()):
            pathway = getattr(synapses, name)
            if not self._alike(delay):
                pathway.delay = steps * self.built.dt * self.built.b2.ms
            pathway.when, pathway.order = "synapses", order

    def _late(self, delay: Any) -> dict[str, Any]:
        """Return the pathways in the order of one time, and how many steps late they are."""
        targets = self._after_target() or {}
        late = {name: 2 * delay - 1 for name in targets} | {"arrive": delay - 1}
        return {name: late[name] for name in ("potentiate", "arrive") if name in late}

    @staticmethod
    def _alike(delay: NDArray[Any]) -> bool:
        """Whether one number says all delays: Brian2 need not look them up then."""
        return bool((delay == delay[0]).all())

    def _memory(self, variable: str) -> NDArray[np.float64]:
        if self.synapses is None:  # there is no synapse
            return np.empty(0)
        values: NDArray[np.float64] = self.synapses.variables[variable].get_value()
        return values

    # -- recording ------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look, after every step, which of the recorded synapses have sent."""
        chosen, now = self.plastic.watched, self.built.timestep()

        def look() -> None:
            step = int(now[0]) + 1
            found = np.flatnonzero(self._memory(SENT_AT)[chosen] == step)
            if found.size:
                self.events.append((step, chosen[found], self._memory(SENT)[chosen[found]].copy()))

        b2 = self.built.b2
        self.built.objects.append(
            b2.NetworkOperation(look, when="synapses", order=3, clock=b2.defaultclock)
        )

    def _keep_last_spikes(self, group: Group, steps: int) -> None:
        """Keep the spikes of a group in the last steps of the run."""
        space, now = group.memory("_spikespace"), self.built.timestep()
        first = self.built.simulation.total_steps - steps
        kept = self.fired.setdefault(id(group), {})

        def keep() -> None:
            if now[0] >= first and (count := space[-1]):
                kept[int(now[0]) + 1] = np.array(space[:count], np.int64)

        b2 = self.built.b2
        self.built.objects.append(
            b2.NetworkOperation(keep, when="thresholds", order=1, clock=b2.defaultclock)
        )

    def _last_spikes(self, population: str) -> dict[int, NDArray[np.int64]]:
        """Return step -> neurons of a population, of the last steps."""
        group, where = self.built.group(population)
        return {
            step: neurons[(neurons >= where.start) & (neurons < where.stop)] - where.start
            for step, neurons in self.fired.get(id(group), {}).items()
        }

    def read(self) -> None:
        """Give the recording what was recorded."""
        if not (self.plastic.recorded or self.plastic.final):
            return
        self._step_traces()
        delays = self.plastic.synapses.delays()
        # its clock is late by the delay
        events = [(step - delays[found], found, value) for step, found, value in self.events]
        weights = np.array(self._memory(SENT_WEIGHT if self.plastic.final else own("w")))
        values = {c.name: np.array(self._memory(own(c.name))) for c in self.program.courses}
        remaining = Remaining(self.plastic, values, self._memory(LAST) - delays, self.built.dt)
        ends = (self._last_spikes(name) for name in (self.projection.pre, self.projection.post))
        total = self.built.simulation.total_steps
        remaining.keep(self.built.result, events, weights, total, *ends)

    def _step_traces(self) -> None:
        """Let the traces of targets step that have not been looked at since."""
        last = self._memory(LAST)
        due = np.flatnonzero(last < 0)
        before = {c.name: self._memory(own(c.name))[due] for c in self.program.courses}
        for name, tree in self.program.after_post:
            self._memory(own(name))[due] = ex.evaluate(tree, before)
        np.abs(last, out=last)
