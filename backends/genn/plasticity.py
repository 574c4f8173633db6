"""Synapses that change, in GeNN: code of events, and variables that neurons keep for them.

A synapse handles a spike of its source in the step after it, and one of its target a delay later,
by GeNN's back-propagation delay, which is one number for a group: a projection whose delays differ
is a group for each. Within a step GeNN runs the code of sources before that of targets. So the
first does what a spike of the target at the same time would have done before it, and the second
leaves it out; neurons keep their traces before a spike beside those after it, and whether they
spike now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.genn.blueprint import Code, Connections
from netspec.backends.genn.neurons import arriving
from netspec.backends.genn.shards import Piece, selection
from netspec.describe import connectivity as rules
from netspec.describe import expressions as ex
from netspec.describe.grid import bounded, longest_delay
from netspec.describe.network import Network, Projection
from netspec.describe.simulation import Simulation
from netspec.realise.lowering import own
from netspec.realise.plasticity import (
    Change,
    Course,
    PlasticSynapses,
    SynapseProgram,
    lower_synapse,
)

if TYPE_CHECKING:
    from netspec.backends.genn.network import GennNetwork

MOST_DELAYS = 100  # groups of a projection, one for each delay
LONGEST_BACK = 255  # steps; GeNN counts them in a byte
# names of the adapter's own, which no name of a description can meet (`lowering.own`)
SENT, SENT_AT, SENT_WEIGHT, LAST = "sent", "sent_at", "sent_weight", "last_time"
NOW = {"pre": "pre_now", "post": "post_now"}


@dataclass(frozen=True)
class Changing:
    """How the synapses of a projection change in GeNN.

    Attributes
    ----------
    program : SynapseProgram
    delays : tuple of int
        Steps of which each is a group; empty if one group serves all, since no spike of a target
        matters.
    """

    program: SynapseProgram
    delays: tuple[int, ...]

    @property
    def back(self) -> bool:
        """Whether anything of the targets matters."""
        return bool(self.delays)


def changing(network: Network, projection: Projection, simulation: Simulation) -> Changing | None:
    """Return how the synapses of a projection change, None if they do not."""
    model = network.synapse_of(projection)
    if model is None:
        return None
    program = lower_synapse(model, projection.parameters)
    back = program.looks_back or program.of("post")
    return Changing(program, _delays(projection, simulation) if back else ())


def _delays(projection: Projection, simulation: Simulation) -> tuple[int, ...]:
    """Return all delays that a projection can have, in steps."""
    rule, delay = projection.rule, projection.delay
    if isinstance(rule, rules.Explicit) and rule.delay is not None:
        return tuple(sorted({simulation.steps(d, minimum=1) for d in rule.delay})) or (1,)
    if delay is None:
        return (1,)
    least = simulation.steps(bounded(delay).extremes()[0], minimum=1)
    return tuple(range(least, longest_delay(projection, simulation) + 1))


def obstacle(how: Changing) -> str:
    """Say why GeNN cannot have these synapses; empty if it can."""
    if len(how.delays) > MOST_DELAYS:
        return (
            f"delays of {how.delays[0]} to {how.delays[-1]} steps: a group of GeNN's for each, at "
            f"most {MOST_DELAYS}, since one has one delay of spikes of its targets"
        )
    if how.delays and max(how.delays) > LONGEST_BACK:
        return f"a delay of {max(how.delays)} steps: GeNN keeps {LONGEST_BACK}"
    return ""


def words(how: Changing) -> str:
    """Say how the synapses of a projection come about and change."""
    text = "synapses drawn by netspec, changed by generated code"
    number = len(how.delays)
    return text if number < 2 else f"{text}, in {number} groups, one for each delay"


def pieces(found: list[Piece], how: Changing) -> list[Piece]:
    """Return the groups of a projection, one for each delay of each of its pieces."""
    if not how.delays:
        return found
    return [
        replace(piece, name=f"{piece.pre.run}{delay}d_{piece.name}", delay=delay)
        for piece in found
        for delay in how.delays
    ]


# -- code ---------------------------------------------------------------------------------------


def _before(name: str) -> str:
    """Return the variable that holds a state as it was before the spikes of the step."""
    return f"before_{name}"


def _own(program: SynapseProgram) -> dict[str, ex.Expr]:
    return {course.name: ex.Name(own(course.name)) for course in program.courses}


def _seen(program: SynapseProgram) -> dict[str, ex.Expr]:
    """Return what a synapse reads for each state: of its ends, the one before the spikes."""
    return _own(program) | {
        course.name: ex.Name(_before(course.name))
        for course in program.courses
        if course.site != "synapse"
    }


def _changed(changes: tuple[Change, ...], names: dict[str, ex.Expr]) -> list[str]:
    """Return code that changes states, all from the values before."""
    lines = [
        f"const double new_{own(name)} = {ex.to_source(ex.substitute(tree, names), 'c')};"
        for name, tree in changes
    ]
    return [*lines, *(f"{own(name)} = new_{own(name)};" for name, _ in changes)]


def _dynamics(courses: tuple[Course, ...], end: str, dt: float) -> list[str]:
    """Return the code of every step of a neuron."""
    lines = []
    for course in courses:
        names: dict[str, ex.Expr] = {course.name: ex.Name(own(course.name))}
        if course.moves:
            value = ex.to_source(ex.substitute(course.after_step(dt), names), "c")
            lines.append(f"{own(course.name)} = {value};")
        lines.append(f"{_before(course.name)} = {own(course.name)};")
    return [*lines, f"{NOW[end]} = 0.0;"]


def _after_target(program: SynapseProgram, dt: float) -> list[str]:
    """Return the code of a spike for the states of a target.

    GeNN 5.4 reads what the step before left there, and not what the code of this step has done: so
    this code does that too.
    """
    lines, names = [], {}
    for course in program.of("post"):
        now = ex.substitute(course.after_step(dt), {course.name: ex.Name(own(course.name))})
        lines.append(f"const scalar at_{own(course.name)} = {ex.to_source(now, 'c')};")
        names[course.name] = ex.Name(f"at_{own(course.name)}")
    found: dict[str, ex.Expr] = dict(names)
    after = {name: ex.substitute(tree, found) for name, tree in program.after_post}
    for course in program.of("post"):
        value = after.get(course.name, found[course.name])
        lines.append(f"{own(course.name)} = {ex.to_source(value, 'c')};")
        lines.append(f"{_before(course.name)} = at_{own(course.name)};")
    return [*lines, f"{NOW['post']} = 1.0;"]


def _go_on(program: SynapseProgram) -> list[str]:
    """Return code that brings the synapse's own states to the time now."""
    moving = [course for course in program.of("synapse") if course.moves]
    if not moving:
        return []
    lines = [f"const double span = t - {LAST};"]
    for course in moving:
        value = ex.substitute(course.after(ex.Name("span")), _own(program))
        lines.append(f"{own(course.name)} = {ex.to_source(value, 'c')};")
    return [*lines, f"{LAST} = t;"]


def delivery(how: Changing, dt: float, ring: bool, later: bool) -> Code:
    """Return the code of synapses that change.

    Parameters
    ----------
    how : Changing
    dt : float
        In ms.
    ring : bool
        Events go through a ring of delayed input.
    later : bool
        Each synapse has a delay of its own, as a variable.
    """
    program, seen = how.program, _seen(how.program)
    arrive = _go_on(program)
    if program.at_post:
        arrive += [f"if({NOW['post']} > 0.5) {{", *_changed(program.at_post, seen), "}"]
    arrive += _changed(program.at_pre, seen)
    arrive.append(f"const double carried = {ex.to_source(ex.substitute(program.send, seen), 'c')};")
    arrive.append("addToPostDelay(carried, later);" if ring else "addToPost(carried);")
    arrive += [f"{SENT} = carried;", f"{SENT_AT} = (int)(t / dt + 0.5);"]
    arrive.append(f"{SENT_WEIGHT} = {own('w')};")
    after = _changed(program.after_pre, _own(program))
    texts = {
        "pre_dynamics_code": _dynamics(program.of("pre"), "pre", dt),
        "pre_spike_code": [*after, f"{NOW['pre']} = 1.0;"],
        "pre_spike_syn_code": arrive,
    }
    if how.back:
        texts["post_dynamics_code"] = _dynamics(program.of("post"), "post", dt)
        texts["post_spike_code"] = _after_target(program, dt)
    if program.at_post:
        alone = [*_go_on(program), *_changed(program.at_post, seen)]
        texts["post_spike_syn_code"] = [f"if({NOW['pre']} < 0.5) {{", *alone, "}"]
    kinds = {own(course.name): "double" for course in program.of("synapse")}
    kinds |= {SENT: "double", SENT_WEIGHT: "double", SENT_AT: "int"}
    kinds |= {LAST: "double"} if _go_on(program) else {}
    kinds |= {"later": "uint16_t"} if later else {}
    return Code(
        name="plastic",
        texts={name: "\n".join(lines) for name, lines in texts.items()},
        params=() if later else (("later", "unsigned int"),),
        variables=tuple(kinds.items()),
        read_only=("later",) if later else (),
        pre_variables=_kept(program.of("pre"), "pre"),
        post_variables=_kept(program.of("post"), "post") if how.back else (),
    )


def _kept(courses: tuple[Course, ...], end: str) -> tuple[tuple[str, float], ...]:
    """Return the variables of a neuron, with what they begin with."""
    found = [(own(course.name), course.initial) for course in courses]
    found += [(_before(course.name), course.initial) for course in courses]
    return (*found, (NOW[end], 0.0))


def connections(
    network: Network,
    projection: Projection,
    simulation: Simulation,
    piece: Piece,
    row: int,
    how: Changing,
    slots: int,
    delay: int | None,
    builder: Code,
    on_gpu: bool,
) -> Connections:
    """Say what the synapses of a piece are in GeNN."""
    state = network.model_of(projection.post).receptors[projection.receptor]
    delay = delay if piece.delay is None else piece.delay
    ring = slots > 1 or on_gpu
    code = delivery(how, simulation.dt, ring, later=delay is None)
    return Connections(
        name=piece.name,
        pre=piece.pre.name,
        post=piece.post.name,
        matrix="SPARSE",
        code=code,
        params={} if delay is None else {"later": delay - 1},
        target=arriving(state),
        slots=slots,
        row=row,
        builder=builder,
        back=(piece.delay or 0) if how.back else 0,
    )


# -- values ------------------------------------------------------------------------------------


class Plastic:
    """The synapses of a projection in a GeNN model: values into them, and results out of them."""

    def __init__(self, network: GennNetwork, projection: Projection) -> None:
        self.network, self.projection = network, projection
        self.how = network.plan.changing[projection.name]
        self.plastic = network.built.plastic[projection.name]
        self.events: list[tuple[int, NDArray[np.int64], NDArray[np.float64]]] = []
        self.pieces = network.pieces(projection)
        # synapses of each piece
        self.chosen = {piece.name: _chosen(self.plastic, piece) for piece in self.pieces}

    def hand_over(self) -> None:
        """Write the synapses; before GeNN looks at them from their targets' side."""
        drawn = self.plastic.synapses
        for piece in self.pieces:
            group, lengths, targets, variables = self.network.rows(piece.name)
            chosen = self.chosen[piece.name]
            lengths[:] = self.network.built.lengths[piece.name]
            filled = self._filled(piece)
            targets[filled] = drawn.post[chosen] - piece.post.first
            weight = drawn.weights()[chosen]
            first: dict[str, Any] = {SENT: 0.0, SENT_AT: -1, SENT_WEIGHT: weight, LAST: 0.0}
            first["later"] = drawn.delays()[chosen] - 1
            for course in self.how.program.of("synapse"):
                first[own(course.name)] = weight if course.name == "w" else course.initial
            for name, values in variables.items():
                values[filled] = first[name]
            group.push_connectivity_to_device()
            for variable in group.vars.values():
                variable.push_to_device()

    def _filled(self, piece: Piece) -> NDArray[np.bool_]:
        _, lengths, targets, _ = self.network.rows(piece.name)
        found: NDArray[np.bool_] = np.arange(targets.shape[1]) < lengths[:, None]
        return found

    def _values(self, name: str) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Yield the synapses of each group, and their values of a variable."""
        for piece in self.pieces:
            group, _, _, variables = self.network.rows(piece.name)
            group.vars[name].pull_from_device()
            yield self.chosen[piece.name], variables[name][self._filled(piece)]

    def watch(self) -> None:
        """Find, once, where the recorded synapses are."""
        self.places = []
        watched = self.plastic.watched
        for piece in self.pieces:
            chosen = self.chosen[piece.name]
            here = np.flatnonzero(np.isin(chosen, watched))
            if here.size:
                flat = np.flatnonzero(self._filled(piece))[here]
                self.places.append((piece.name, chosen[here], flat))

    def look(self, step: int) -> None:
        """Note what the recorded synapses have sent in a step, the last that GeNN has made.

        A spike is handled in the step after it, the one that begins with its label.
        """
        for name, synapses, flat in self.places:
            group, _, _, variables = self.network.rows(name)
            group.vars[SENT_AT].pull_from_device()
            found = np.flatnonzero(variables[SENT_AT].reshape(-1)[flat] == step - 1)
            if found.size:
                group.vars[SENT].pull_from_device()
                values = variables[SENT].reshape(-1)[flat[found]].astype(float)
                self.events.append((step - 1, synapses[found], values))

    def read(self) -> None:
        """Give the recording what was recorded."""
        weights = np.empty(len(self.plastic.synapses))
        for chosen, values in self._values(SENT_WEIGHT):
            weights[chosen] = values
        result = self.network.result
        events = [(0, np.empty(0, np.int64), np.empty(0)), *self.events]
        steps = [np.full(len(found), step, np.int64) for step, found, _ in events]
        synapses, sent = (np.concatenate([e[k] for e in events]) for k in (1, 2))
        self.plastic.keep(result, synapses, np.concatenate(steps), sent)
        self.plastic.keep_weights(result, weights)


def _chosen(plastic: PlasticSynapses, piece: Piece) -> NDArray[np.int64]:
    """Return the numbers of the synapses that are a piece's."""
    drawn = plastic.synapses
    chosen: NDArray[np.int64] = np.arange(len(drawn))[selection(drawn, piece)]
    return chosen if piece.delay is None else chosen[drawn.delays()[chosen] == piece.delay]


def lengths(plastic: PlasticSynapses, piece: Piece) -> NDArray[np.uint32]:
    """Return the number of synapses of each source in a piece."""
    pre = plastic.synapses.pre[_chosen(plastic, piece)].astype(np.int64)
    return np.bincount(pre - piece.pre.first, minlength=piece.pre.size).astype(np.uint32)
