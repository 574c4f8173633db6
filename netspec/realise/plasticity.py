"""From a synapse model to what adapters print: expressions in which parameters are numbers.

Between events, a state that obeys dx/dt = a x + b goes from x to x exp(a h) + b h exprel(a h) in a
time h, which is its solution, whatever h.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe import expressions as ex
from netspec.describe.expressions import Expr, Name, Number
from netspec.describe.network import Network, Projection
from netspec.describe.synapses import Site, SynapseModel
from netspec.errors import DescriptionError, Fault
from netspec.realise.drawing import Synapses
from netspec.realise.integrators import product

Change = tuple[str, Expr]


@dataclass(frozen=True)
class Course:
    """A state and its course between events.

    Attributes
    ----------
    name : str
    site : {"pre", "post", "synapse"}
        Whether every source, every target or every synapse has one.
    initial : float
        At time zero of the synapse.
    rate, drive : float
        d/dt is ``rate * state + drive``, in 1/ms and in the state's unit per ms.
    """

    name: str
    site: Site
    initial: float
    rate: float
    drive: float

    @property
    def moves(self) -> bool:
        """Whether it changes between events."""
        return bool(self.rate or self.drive)

    def after(self, span: Expr) -> Expr:
        """Return the state after a time (ms), from the state now."""
        state: Expr = Name(self.name)
        exponent = product(Number(self.rate), span)
        if self.rate:
            state = product(state, ex.Call("exp", (exponent,)))
        if self.drive:
            mean = product(product(Number(self.drive), span), ex.Call("exprel", (exponent,)))
            state = ex.Operation("+", (state, mean))
        return state

    def after_step(self, dt: float) -> Expr:
        """Return the state after one time step, with the exponentials computed here."""
        state: Expr = Name(self.name)
        if self.rate:
            state = product(state, Number(math.exp(self.rate * dt)))
        if self.drive:
            gained = self.drive * dt * float(ex.exprel(self.rate * dt))
            state = ex.Operation("+", (state, Number(gained)))
        return state


@dataclass(frozen=True)
class SynapseProgram:
    """What events do to a synapse of one projection, and what lies between them.

    At one time of the synapse: `at_post`, `at_pre`, `send`, then `after_pre` and `after_post`. The
    expressions of each see the values before it, and mention states alone.

    Attributes
    ----------
    model : SynapseModel
    courses : tuple of Course
        Of all states, the weight first.
    at_post, at_pre : tuple of (str, Expr)
        Changes of the synapse's own states.
    send : Expr
    after_pre, after_post : tuple of (str, Expr)
        Changes of states that a source or a target has once.
    """

    model: SynapseModel
    courses: tuple[Course, ...]
    at_post: tuple[Change, ...]
    at_pre: tuple[Change, ...]
    send: Expr
    after_pre: tuple[Change, ...]
    after_post: tuple[Change, ...]

    def of(self, site: Site) -> tuple[Course, ...]:
        """Return the states of one site."""
        return tuple(course for course in self.courses if course.site == site)

    @property
    def learns(self) -> bool:
        """Whether the weight itself changes."""
        return self.model.plasticity.learns

    @property
    def looks_back(self) -> bool:
        """Whether spikes of the target matter."""
        return self.model.plasticity.looks_back


def powers(tree: Expr) -> Expr:
    """Return the expression without powers of 1 and 0, which are what they were to the last bit.

    Exponents are parameters here, and simulators call pow() for any of them.
    """
    if not isinstance(tree, (ex.Operation, ex.Call)):
        return tree
    args = tuple(map(powers, tree.args))
    if isinstance(tree, ex.Call):
        return ex.Call(tree.function, args)
    exponent = args[1] if tree.op == "^" else None
    if exponent == Number(1.0):
        return args[0]
    return Number(1.0) if exponent == Number(0.0) else ex.Operation(tree.op, args)


def lower_synapse(model: SynapseModel, parameters: Mapping[str, float]) -> SynapseProgram:
    """Return the program of a synapse model.

    Parameters
    ----------
    model : SynapseModel
    parameters : mapping
        Those that a projection gives; the model's defaults stand for others.
    """
    values, own = model.values(parameters), model.plasticity
    start = model.start(values)
    numbers: dict[str, Expr] = {name: Number(value) for name, value in values.items()}
    numbers |= {name: Number(size) for name, size in ex.UNIT_NAMES.items() if name not in numbers}

    def number(tree: Expr | None) -> float:
        with np.errstate(all="ignore"):
            return 0.0 if tree is None else float(ex.evaluate(tree, values))

    def changes(given: tuple[Change, ...], own_site: bool, site: Site) -> tuple[Change, ...]:
        chosen = ((n, t) for n, t in given if (own.site(n) == site) == own_site)
        return tuple((name, powers(ex.substitute(tree, numbers))) for name, tree in chosen)

    return SynapseProgram(
        model,
        tuple(
            Course(s.name, s.site, start.get(s.name, 0.0), number(s.rate), number(s.drive))
            for s in own.states
        ),
        changes(own.on_post, False, "post"),
        changes(own.on_pre, False, "pre"),
        ex.substitute(own.send, numbers),
        changes(own.on_pre, True, "pre"),
        changes(own.on_post, True, "post"),
    )


def after_changes(changes: tuple[Change, ...], tree: Expr) -> Expr:
    """Return an expression of the states after some changes, as one of the states before them."""
    return ex.substitute(tree, dict(changes))


@dataclass(frozen=True)
class PlasticSynapses:
    """The synapses of a projection that change, as an adapter needs them.

    Attributes
    ----------
    projection : Projection
    program : SynapseProgram
    synapses : Synapses
        All of them, by (pre, post): their number in this order is what recorders name.
    recorded : dict
        Synapse recorder -> numbers of the synapses whose events it keeps.
    final : bool
        Whether the weights of all are kept at the end.
    """

    projection: Projection
    program: SynapseProgram
    synapses: Synapses
    recorded: dict[str, NDArray[np.int64]]
    final: bool

    @classmethod
    def of(cls, network: Network, projection: Projection, synapses: Synapses) -> PlasticSynapses:
        """Return the synapses of a projection of a network.

        Raises
        ------
        DescriptionError
            If a recorder names synapses that there are not.
        """
        recorders = [r for r in network.synapse_recorders if r.projection == projection.name]
        faults = [
            Fault(
                f"synapse_recorders.{r.name}.synapses",
                str(max(r.synapses)),
                f"0 to {len(synapses) - 1}: with this seed {projection.name} has {len(synapses)}",
            )
            for r in recorders
            if r.synapses and max(r.synapses) >= len(synapses)
        ]
        if faults:
            raise DescriptionError(faults, "the network with this seed")
        model = network.synapse_models[str(projection.synapse)]
        return cls(
            projection,
            lower_synapse(model, projection.parameters),
            synapses,
            {r.name: np.array(r.synapses, np.int64) for r in recorders if r.synapses},
            any(r.final for r in recorders),
        )

    @property
    def watched(self) -> NDArray[np.int64]:
        """Synapses that a recorder keeps the events of, each once, in order."""
        found: NDArray[np.int64] = np.unique(
            np.concatenate([np.empty(0, np.int64), *self.recorded.values()])
        )
        return found

    def order(self) -> NDArray[np.intp]:
        """Return the synapses by (pre, post, delay, weight at the start), shape (n,).

        Those that are alike in all of it have one course, so that it does not matter which is
        which: so the synapses of a simulator are known that keeps another order.
        """
        drawn = self.synapses
        keys = drawn.weights(), drawn.delays(), drawn.post, drawn.pre
        found: NDArray[np.intp] = np.lexsort(keys)
        return found

    def keep(
        self,
        recording: Any,
        synapses: NDArray[np.int64],
        steps: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        """Give every recorder of the projection its share of the events of watched synapses."""
        for name, wanted in self.recorded.items():
            chosen = np.isin(synapses, wanted)
            recording.sent[name] = synapses[chosen], steps[chosen], values[chosen]

    def keep_weights(
        self, recording: Any, values: NDArray[np.float64], held: NDArray[np.int64] | None = None
    ) -> None:
        """Record the weights at the end.

        Parameters
        ----------
        recording : Recording
        values : ndarray of float64, shape (n,)
            Of the synapses in their order, or of those that are held.
        held : ndarray of int64, optional
            Synapses that this process holds; all if None.

        Raises
        ------
        FloatingPointError
            If a weight is no finite number.
        """
        wrong = np.count_nonzero(~np.isfinite(values))
        if wrong:
            raise FloatingPointError(
                f"the weights of {wrong} synapses of {self.projection.name} are no finite numbers "
                "at the end: clip() in the expressions of its synapse model may help"
            )
        if self.final:
            held = np.arange(len(self.synapses)) if held is None else held
            drawn = self.synapses
            recording.weights[self.projection.name] = (
                *(held, drawn.pre[held], drawn.post[held]),
                np.asarray(values, np.float64),
            )
