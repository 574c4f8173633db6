"""Synapses that change: equations with units, and what spikes at either end do to them.

A model is data, as a neuron's is. The whole delay of a synapse lies behind it: it sees a spike of
its source when that is made, at t, and one of its target at t + d, and what it sends then arrives
at t + d. At one time, in this order:

1. a spike of the target changes the states of the synapse (`on_post`),
2. one of the source changes them (`on_pre`),
3. the event carries `send`,
4. the states that a source or a target has once, which stand for past spikes, step last.

Within each, all expressions see the values before it. So a pair that coincides changes nothing by
itself, but each of the two still acts on earlier partners.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, StrictStr, model_validator

from netspec.describe import expressions as ex
from netspec.describe import units
from netspec.describe.compiling import Compiler, Unit, parameter_shorthand
from netspec.describe.fields import Described, Identifier, Quantity
from netspec.describe.units import Dimension
from netspec.errors import DescriptionError, Fault, UnitError, shown

WEIGHT = "w"  # the state that begins as the projection's weight
OF_WEIGHT = "weight"  # the unit of whatever the weights of a projection are in
# Of no quantity there is, so that what is in the unit of the weight is in nothing else.
_WEIGHTS = Dimension(voltage=Fraction(1, 7))
_SHOWN = re.compile(r"mV\^(-?)1/7")

Site = Literal["pre", "post", "synapse"]


class SynapseParameter(Described):
    """A parameter of a synapse model; a projection has one value of it.

    Attributes
    ----------
    default : float or None
        In `unit`; None if every projection has to give it.
    unit : str
        A canonical unit, or ``weight``: that of the projection's weights, whatever it is.
    low, high : float or None
        What is plausible.
    """

    default: Quantity | None = None
    unit: Unit | Literal["weight"]
    low: Quantity | None = None
    high: Quantity | None = None

    @model_validator(mode="after")
    def _in_unit(self) -> SynapseParameter:
        for field in ("default", "low", "high"):
            value = getattr(self, field)
            if value is not None and self.unit != OF_WEIGHT:
                object.__setattr__(self, field, units.check_dimension(value, self.unit))
            elif value is not None and isinstance(value, units.Measured):
                raise UnitError(
                    f"given {value.text!r}; expected a plain number, since the unit is that of "
                    "the weights"
                )
        return self


@dataclass(frozen=True)
class SynapticState:
    """A state of a synapse, or one that its source or target has once.

    Attributes
    ----------
    name, unit : str
    site : {"pre", "post", "synapse"}
        Whose it is.
    rate, drive : Expr or None
        d/dt is ``rate * state + drive`` between events, both made of parameters; None is zero.
    """

    name: str
    unit: str
    site: Site
    rate: ex.Expr | None = None
    drive: ex.Expr | None = None


@dataclass(frozen=True)
class Plasticity:
    """The checked intermediate form of a synapse model.

    Attributes
    ----------
    states : tuple of SynapticState
        The weight first.
    on_pre, on_post : tuple of (str, Expr)
        Shortcuts written out.
    send : Expr
    between : tuple of Expr or None
        The two ends of the range in which weights begin.
    positive : frozenset of str
        Time constants: parameters in ms by which a right side divides.
    """

    states: tuple[SynapticState, ...]
    on_pre: tuple[tuple[str, ex.Expr], ...]
    on_post: tuple[tuple[str, ex.Expr], ...]
    send: ex.Expr
    between: tuple[ex.Expr, ex.Expr] | None = None
    positive: frozenset[str] = frozenset()

    @property
    def is_static(self) -> bool:
        """Whether an event always carries the weight that the projection gives."""
        return not (self.on_pre or self.on_post) and self.send == ex.Name(WEIGHT)

    @property
    def learns(self) -> bool:
        """Whether the weight itself changes."""
        return any(name == WEIGHT for name, _ in (*self.on_pre, *self.on_post))

    @property
    def looks_back(self) -> bool:
        """Whether spikes of the target matter."""
        return bool(self.on_post)

    def site(self, name: str) -> Site:
        """Return whose state it is."""
        return next(state.site for state in self.states if state.name == name)


class SynapseModel(Described):
    """A synapse that changes with the spikes of its source and target.

    Attributes
    ----------
    name : str
        Adapters may map a model to a native one by its content, never by name alone.
    equations : str
        ``dx/dt = -x/tau : 1 (pre)`` for a state that every source has once, ``(post)`` for one of
        every target, neither for one of every synapse; ``a = ... : 1`` for a shortcut. What a state
        does between events is linear in itself, with parameters as coefficients.
    on_pre, on_post : dict
        State -> expression, at a spike of the source and of the target. ``w`` is the weight, which
        begins as the projection's; it has the unit ``weight``.
    send : str
        What an event adds to the receptor's variable, in the unit of the weight.
    parameters : dict of SynapseParameter
    initial : dict
        State -> initial value or name of a parameter; zero if absent. Not of ``w``.
    between : tuple of str, optional
        Two expressions of parameters: weights have to begin within them, in either order.
    """

    name: Identifier
    equations: StrictStr = ""
    on_pre: dict[Identifier, StrictStr] = {}
    on_post: dict[Identifier, StrictStr] = {}
    send: StrictStr = WEIGHT
    parameters: dict[
        Identifier,
        Annotated[
            SynapseParameter,
            BeforeValidator(
                parameter_shorthand, json_schema_input_type=float | str | SynapseParameter
            ),
        ],
    ] = {}
    initial: dict[Identifier, Quantity | Identifier] = {}
    between: tuple[StrictStr, StrictStr] | None = None
    description: StrictStr = ""

    @model_validator(mode="after")
    def _checked(self) -> SynapseModel:
        faults: list[Fault] = []
        compiled = _SynapseCompiler(self, faults)
        if faults:
            raise DescriptionError(faults, f"synapse model {self.name!r}")
        self.__dict__["plasticity"] = compiled.plasticity
        object.__setattr__(self, "initial", compiled.initial)
        return self

    @cached_property
    def plasticity(self) -> Plasticity:
        """The checked intermediate form (`Plasticity`)."""
        return _SynapseCompiler(self, []).plasticity

    @property
    def is_static(self) -> bool:
        """Whether an event always carries the weight that the projection gives."""
        return self.plasticity.is_static

    def unit_of(self, parameter: str, weight: str) -> str:
        """Return a parameter's unit, given that of the weights."""
        unit = self.parameters[parameter].unit
        return weight if unit == OF_WEIGHT else unit

    def values(self, given: Mapping[str, float]) -> dict[str, float]:
        """Return every parameter's value: what is given, else the default."""
        defaults = {n: p.default for n, p in self.parameters.items() if p.default is not None}
        return {**defaults, **given}

    def start(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the initial value of every state but the weight."""
        names = [state.name for state in self.plasticity.states if state.name != WEIGHT]
        found = {name: self.initial.get(name, 0.0) for name in names}
        return {n: values[v] if isinstance(v, str) else float(v) for n, v in found.items()}

    def same_as(self, other: SynapseModel) -> bool:
        """Return whether two models are the same equations, whatever their defaults and bounds."""

        def content(model: SynapseModel) -> tuple[Any, ...]:
            own = model.plasticity
            named = {name: parameter.unit for name, parameter in model.parameters.items()}
            start = {name: value for name, value in model.initial.items() if value != 0}
            return own.states, dict(own.on_pre), dict(own.on_post), own.send, named, start

        return content(self) == content(other)


class _SynapseCompiler(Compiler):
    """Read and check a synapse model."""

    model: SynapseModel

    def __init__(self, model: SynapseModel, faults: list[Fault]) -> None:
        self.model, self.faults = model, faults
        lines = self._lines()
        declared = [*model.parameters, *(name for name, *_ in lines), WEIGHT]
        self.declare(declared, {WEIGHT: f"; {WEIGHT!r} is the weight"})
        self.units = {name: parameter.unit for name, parameter in model.parameters.items()}
        self.units |= {name: unit for name, unit, *_ in lines} | {WEIGHT: OF_WEIGHT}
        self.dimensions = {name: _dimension(unit) for name, unit in self.units.items()}
        self.plasticity = self._compile(lines)
        self.initial = self._initial()

    def fault(self, path: str, given: str, allowed: str, hint: str = "") -> None:
        # the dimension that stands for the weight's is nothing to show
        super().fault(path, given, _SHOWN.sub(r"weight^\g<1>1", allowed).replace("^1", ""), hint)

    def _lines(self) -> list[tuple[str, str, str, Site | None]]:
        """Return (name, unit, right side, site) of every equation; a shortcut has no site."""
        found: list[tuple[str, str, str, Site | None]] = []
        allowed = [*units.COHERENT, OF_WEIGHT]
        for match, flag in self.matches("dx/dt = -x/tau : 1 (pre)"):
            if flag not in ("", "pre", "post") or (flag and not match["state"]):
                self.fault("equations", f"({flag})", "only '(pre)' or '(post)', on a state")
                continue
            if not self.is_unit(match["unit"], allowed):
                continue
            site: Site | None = None
            if match["state"]:
                site = "pre" if flag == "pre" else "post" if flag == "post" else "synapse"
            name = match["state"] or match["shortcut"]
            found.append((name, match["unit"], match["rhs"].strip(), site))
        return found

    def _compile(self, lines: list[tuple[str, str, str, Site | None]]) -> Plasticity:
        shortcuts: dict[str, ex.Expr] = {}
        states = [SynapticState(WEIGHT, OF_WEIGHT, "synapse")]
        later = {name for name, _, _, site in lines if site is None}
        for name, unit, text, site in lines:
            path, own = f"equations.{name}", _dimension(unit)
            wanted = own.times(units.COHERENT["1/ms"]) if site else own
            tree = self.expression(path, text, wanted)
            if site is None:
                later.discard(name)
            if used := ex.names(tree) & (later | ({name} if site is None else set())):
                self.fault(path, repr(text), f"uses {sorted(used)} before it")
            tree = self.written_out(path, tree, shortcuts)
            if site is None:
                shortcuts[name] = tree
            else:
                states.append(self._linear(name, unit, site, tree))
        sites = {state.name: state.site for state in states}
        ends = {
            end: self._changes(end, getattr(self.model, f"on_{end}"), sites, shortcuts)
            for end in ("pre", "post")
        }
        send = self.expression("send", self.model.send, _WEIGHTS)
        return Plasticity(
            tuple(states),
            ends["pre"],
            ends["post"],
            self.written_out("send", send, shortcuts),
            self._between(),
            self.positive(
                (tree for s in states for tree in (s.rate, s.drive) if tree is not None), ("ms",)
            ),
        )

    def _linear(self, name: str, unit: str, site: Site, tree: ex.Expr) -> SynapticState:
        """Return a state with rate and drive; a fault if it is not linear in itself."""
        path, others = f"equations.{name}", ex.names(tree) - {name} - set(ex.UNIT_NAMES)
        if wrong := sorted(others - set(self.model.parameters)):
            self.fault(path, shown(ex.to_source(tree)), f"itself and parameters; uses {wrong}")
        if not ex.is_affine(tree, {name}):
            self.fault(path, shown(ex.to_source(tree)), f"linear in {name}, as -{name}/tau is")
            return SynapticState(name, unit, site)
        drive = ex.substitute(tree, {name: ex.Number(0.0)})
        nothing = not _without(tree, name)
        return SynapticState(
            name, unit, site, ex.coefficient(tree, name), None if nothing else drive
        )

    def _changes(
        self, end: str, given: dict[str, str], sites: dict[str, Site], shortcuts: dict[str, ex.Expr]
    ) -> tuple[tuple[str, ex.Expr], ...]:
        """Return what a spike at one end does, written out."""
        found = []
        for name, text in given.items():
            path = f"on_{end}.{name}"
            if not self.known(path, name, sites, "a state"):
                continue
            if sites[name] not in (end, "synapse"):
                there = "source" if sites[name] == "pre" else "target"
                self.fault(path, f"a state of the {there}", f"changed by on_{sites[name]} alone")
                continue
            tree = self.expression(path, text, self.dimensions[name], number=True)
            tree = self.written_out(path, tree, shortcuts)
            # one that a source has once cannot depend on a synapse, of which it has many
            hidden = [n for n in ex.names(tree) & set(sites) if sites[n] != end]
            if sites[name] == end and hidden:
                whose = "source" if end == "pre" else "target"
                allowed = f"every {whose} has {name} once: parameters and states ({end})"
                self.fault(path, f"uses {', '.join(sorted(hidden))}", allowed)
            found.append((name, tree))
        return tuple(found)

    def _between(self) -> tuple[ex.Expr, ex.Expr] | None:
        if self.model.between is None:
            return None
        ends = []
        for index, text in enumerate(self.model.between):
            path = f"between[{index}]"
            tree = self.expression(path, text, _WEIGHTS, number=True)
            if wrong := sorted(ex.names(tree) - set(self.model.parameters) - set(ex.UNIT_NAMES)):
                self.fault(path, shown(text), f"made of parameters; uses {wrong}")
            ends.append(tree)
        return ends[0], ends[1]

    def _initial(self) -> dict[str, float | str]:
        """Return the initial values in canonical units, each a number or a parameter's name."""
        states = {s.name: s.unit for s in self.plasticity.states}
        result: dict[str, float | str] = {}
        for name, value in self.model.initial.items():
            path = f"initial.{name}"
            if name == WEIGHT:
                self.fault(path, "a value", "none: it begins as the projection's weight")
                continue
            if not self.known(path, name, states, "a state"):
                continue
            found = self.initial_value(path, value, states[name], _number)
            if found is not None:
                result[name] = found
        return result


def _dimension(unit: str) -> Dimension:
    return _WEIGHTS if unit == OF_WEIGHT else units.COHERENT[unit]


def _number(value: Any, unit: str) -> float:
    """Return a value in its unit; what is in the unit of the weights has no other."""
    return float(value) if unit == OF_WEIGHT else units.check_dimension(value, unit)


def _without(tree: ex.Expr, name: str) -> bool:
    """Return whether an affine expression has a term without a name."""
    if isinstance(tree, ex.Operation) and tree.op in ("+", "-", "neg"):
        return any(_without(child, name) for child in tree.args)
    if isinstance(tree, ex.Operation) and tree.op == "*":
        return all(_without(child, name) for child in tree.args)
    if isinstance(tree, ex.Operation) and tree.op == "/":
        return _without(tree.args[0], name)
    return name not in ex.names(tree) and not ex.is_zero(tree)
