"""Neuron models as equations with units (the library of them: `netspec.describe.models`).

A model is data: equations in the language of `netspec.describe.expressions`, a threshold, a reset,
receptors and parameters. `NeuronModel.dynamics` is the checked intermediate form that
the adapters lower.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, StrictStr, model_validator

from netspec.describe import expressions as ex
from netspec.describe import units
from netspec.describe.fields import Described, Grown, Identifier, Quantity
from netspec.describe.units import Dimension
from netspec.errors import (
    DescriptionError,
    ExpressionError,
    Fault,
    NetspecError,
    UnitError,
    nearest,
    shown,
)

_NAME = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_LINE = re.compile(
    rf"\s*(?:d(?P<state>{_NAME})\s*/\s*dt|(?P<shortcut>{_NAME}))\s*=(?P<rhs>[^=:].*?):"
    r"\s*(?P<unit>[\w/]+)\s*(?P<flag>\(.*\))?\s*"
)
_BEGIN = re.compile(rf"(?:d{_NAME}\s*/\s*dt|{_NAME})\s*=(?!=)")
# white noise of a stochastic differential equation: every name is a process of its own
_NOISE = re.compile(r"xi(?:_[A-Za-z0-9_]+)?")
_NOISE_DIMENSION = Dimension(time=Fraction(-1, 2))
NEVER = ex.Operation("<", (ex.Number(1.0), ex.Number(0.0)))  # a threshold that is not there
Unit = Literal["1", "ms", "mV", "pA", "nS", "pF", "GOhm", "1/ms", "1/mV"]
# Words of Python, C and the simulators' languages, and of equations to come. Names are apart from
# them in generated code (`lowering.own`), but who reads the equations would take one for the other.
RESERVED = frozenset({
    "pi", "e", "inf", "xi", "rand", "randn", "poisson", "binomial", "lastspike",
    "not_refractory", "refractory_left", "t", "dt", "i", "j", "N", "active", "refractory_steps",
    "auto", "bool", "break", "case", "char", "const", "continue", "default", "do", "double",
    "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
    "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
    "union", "unsigned", "void", "volatile", "while",
    *keyword.kwlist, *ex.UNIT_NAMES,
})  # fmt: skip
# of the temporaries of a step, see `netspec.realise.lowering`
RESERVED_PREFIXES = (
    *("next_", "const_", "full_", "half_", "reset_", "poisson_", "netspec_"),
    *("k1_", "k2_", "k3_", "k4_", "y2_", "y3_", "y4_"),
)


class Parameter(Described):
    """A parameter of a neuron model.

    Attributes
    ----------
    default : float
        In `unit`; may be given as text with a unit.
    unit : str
        A canonical unit: ``1 ms mV pA nS pF GOhm 1/ms 1/mV``.
    low, high : float or None
        What is plausible. A value outside is a fault, since a slip of 1000 lies there; a
        network that means it lists the path under ``accept``.
    """

    default: Quantity
    unit: Unit
    low: Quantity | None = None
    high: Quantity | None = None

    @model_validator(mode="after")
    def _in_unit(self) -> Parameter:
        for field in ("default", "low", "high"):
            value = getattr(self, field)
            if value is not None:
                object.__setattr__(self, field, units.check_dimension(value, self.unit))
        return self


def _parameter_shorthand(value: Any) -> Any:
    """Let ``"250 pF"`` or a plain number stand for a whole parameter."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        measured = units.measured(value)
        dimension = getattr(measured, "dimension", units.NONE)
        unit = next((u for u, d in units.COHERENT.items() if d == dimension), None)
        if unit is None:
            raise UnitError(f"given {value!r}: {dimension} is no canonical unit")
        return {"default": float(measured), "unit": unit}
    return value


@dataclass(frozen=True)
class State:
    """A state variable of the intermediate form.

    Attributes
    ----------
    name, unit : str
        As declared.
    rhs : Expr
        The right side of its differential equation, shortcuts written out.
    held : bool
        Whether it is held while the neuron is refractory.
    """

    name: str
    unit: str
    rhs: ex.Expr
    held: bool


@dataclass(frozen=True)
class Dynamics:
    """The checked intermediate form of a neuron model.

    Attributes
    ----------
    states : tuple of State
    threshold : Expr
        `NEVER` if the model has an escape rate only.
    reset, shortcuts : tuple of (str, Expr)
    positive : frozenset of str
        Time constants and capacitances: parameters in ms and pF by which a right side divides.
    escape : Expr or None
        Rate of spikes, in 1/ms.
    noises : tuple of str
        The white noises that right sides name, in order of the alphabet.
    """

    states: tuple[State, ...]
    threshold: ex.Expr
    reset: tuple[tuple[str, ex.Expr], ...]
    shortcuts: tuple[tuple[str, ex.Expr], ...]
    positive: frozenset[str] = frozenset()
    escape: ex.Expr | None = None
    noises: tuple[str, ...] = ()

    def held(self, state: str) -> bool:
        """Return whether a state is held, and discards events, while the neuron is refractory."""
        return any(s.held for s in self.states if s.name == state)


class NeuronModel(Grown):
    """A point neuron: equations, threshold, reset, receptors, parameters.

    Attributes
    ----------
    name : str
        Adapters may map a library model to a native one by its content, never by name alone.
    equations : str
        One line an equation: ``dV_m/dt = ... : mV (unless refractory)`` for a state variable
        with the unit of the variable, ``I = ... : pA`` for a shortcut. In the right side of a
        state variable, ``xi`` is white noise with the unit 1/sqrt(time), and ``xi_NAME`` another:
        each is one process a neuron, in all equations that name it. Such equations are Ito's,
        advanced by the Euler-Maruyama method, so `integrator` has to be ``euler``.
    threshold : str
        A condition, tested at the end of a step unless the neuron is refractory. Empty if `escape`
        alone makes spikes.
    escape : str
        A rate in 1/time (escape noise: Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics,
        chapter 9), seen where the threshold is tested: a neuron that is not refractory spikes
        there with probability ``1 - exp(-escape*dt)``. Empty is none. With a `threshold` beside
        it, either makes the spike.
    reset : dict
        State variable -> expression; all are computed from the values before the spike.
    refractory : str or None
        The parameter that holds the refractory time (ms).
    receptors : dict
        Receptor -> state variable that a synaptic event adds its weight to.
    inputs : dict
        Input -> unit. Set from outside at every step (currents, continuous coupling); zero
        if nothing is connected.
    parameters : dict of Parameter
    initial : dict
        State variable -> initial value or name of a parameter; zero if absent.
    integrator : {"rk4", "rk2", "euler", "exponential_euler"}
        For the states whose equations are not linear. The others are integrated exactly. With
        exponential Euler, a state is advanced by Euler's method if not even its own equation is
        linear in it.
    """

    later = ("escape",)

    name: Identifier
    equations: StrictStr
    threshold: StrictStr = ""
    escape: StrictStr = ""
    reset: dict[Identifier, StrictStr] = {}
    refractory: Identifier | None = None
    receptors: dict[Identifier, Identifier] = {}
    inputs: dict[Identifier, Unit] = {}
    parameters: dict[
        Identifier,
        Annotated[
            Parameter,
            BeforeValidator(_parameter_shorthand, json_schema_input_type=float | str | Parameter),
        ],
    ] = {}
    initial: dict[Identifier, Quantity | Identifier] = {}
    integrator: Literal["rk4", "rk2", "euler", "exponential_euler"] = "rk4"
    description: StrictStr = ""

    @model_validator(mode="after")
    def _checked(self) -> NeuronModel:
        faults: list[Fault] = []
        compiled = _Compiler(self, faults)
        if faults:
            raise DescriptionError(faults, f"neuron model {self.name!r}")
        self.__dict__["dynamics"] = compiled.dynamics
        object.__setattr__(self, "initial", compiled.initial)
        return self

    @cached_property
    def dynamics(self) -> Dynamics:
        """The checked intermediate form (`Dynamics`)."""
        return _Compiler(self, []).dynamics

    @property
    def units_of_states(self) -> dict[str, str]:
        """State variable -> unit."""
        return {state.name: state.unit for state in self.dynamics.states}

    def same_as(self, other: NeuronModel) -> bool:
        """Return whether two models are the same equations and ports, whatever their defaults."""

        def content(model: NeuronModel) -> tuple[Any, ...]:
            named = {name: parameter.unit for name, parameter in model.parameters.items()}
            return model.dynamics, model.refractory, model.receptors, model.inputs, named

        return content(self) == content(other)

    def defaults(self) -> dict[str, float]:
        """Return parameter -> default value, in canonical units."""
        return {name: parameter.default for name, parameter in self.parameters.items()}


def _is_number(tree: ex.Expr) -> bool:
    """Return whether an expression is nothing but a number, perhaps with a minus in front."""
    if isinstance(tree, ex.Operation) and tree.op == "neg":
        (tree,) = tree.args
    return isinstance(tree, ex.Number)


class _Compiler:
    """Read and check a model; every fault is added to a list instead of stopping."""

    def __init__(self, model: NeuronModel, faults: list[Fault]) -> None:
        self.model, self.faults = model, faults
        self.units: dict[str, str] = {n: p.unit for n, p in model.parameters.items()}
        self.units.update(model.inputs)
        declared = [*model.parameters, *model.inputs]
        lines = self.lines()
        declared += [name for name, *_ in lines]
        for name in declared:
            taken = name in RESERVED or name in ex.FUNCTIONS or name.startswith(RESERVED_PREFIXES)
            if declared.count(name) > 1 or taken:
                why = "reserved" if declared.count(name) == 1 else "declared more than once"
                self.fault("equations", name, f"the name is {why}")
        self.units.update({name: unit for name, unit, *_ in lines})
        self.dimensions = {n: units.COHERENT[u] for n, u in self.units.items()}
        self.dynamics = self.compile(lines)
        self.initial = self.check_initial()

    def fault(self, path: str, given: str, allowed: str, hint: str = "") -> None:
        fault = Fault(path, given, allowed, hint)
        if fault not in self.faults:
            self.faults.append(fault)

    def lines(self) -> list[tuple[str, str, str, bool, bool]]:
        """Return (name, unit, right side, is a state, is held) for every equation."""
        found = []
        for text in _whole_lines(self.model.equations):
            match = _LINE.fullmatch(text) if len(text) <= 2 * ex.MAX_LENGTH else None
            if match is None:
                self.fault(
                    "equations",
                    shown(text),
                    "a line reads 'dV_m/dt = ... : mV (unless refractory)'",
                )
                continue
            flag = (match["flag"] or "").strip("() ")
            if flag not in ("", "unless refractory") or (flag and not match["state"]):
                self.fault("equations", f"({flag})", "only '(unless refractory)', on a state")
            if match["unit"] not in units.COHERENT:
                self.fault(
                    "equations",
                    f"unit {match['unit']!r}",
                    f"allowed: {', '.join(units.COHERENT)}",
                    nearest(match["unit"], list(units.COHERENT)),
                )
                continue
            name = match["state"] or match["shortcut"]
            found.append(
                (name, match["unit"], match["rhs"].strip(), bool(match["state"]), bool(flag))
            )
        return found

    def expression(
        self,
        path: str,
        text: str,
        wanted: Dimension | None,
        number: bool = False,
        noisy: bool = False,
    ) -> ex.Expr:
        """Parse and check; `wanted` None asks for a condition.

        With `number`, a bare number is in the canonical unit that is wanted, as it is everywhere.
        With `noisy`, white noise may be named.
        """
        try:
            tree = ex.parse(text)
            if number and _is_number(tree):
                return tree
            noises = self.noises_in(tree) if noisy else ()
            found = ex.dimension(tree, self.dimensions | dict.fromkeys(noises, _NOISE_DIMENSION))
            if wanted is None and not ex.is_condition(tree):
                raise ExpressionError(f"{text!r} is no condition such as 'V_m >= V_th'")
            if wanted is not None and ex.is_condition(tree):
                raise ExpressionError(
                    f"{text!r} is a condition, expected a number in {wanted}; "
                    "int(...) makes 0 or 1 of it"
                )
            if wanted is not None and found != wanted and not ex.is_zero(tree):
                raise ExpressionError(f"{text!r} is in {found}, expected {wanted}")
        except ExpressionError as error:
            self.fault(path, shown(text), str(error))
            return ex.Number(0.0)
        return tree

    def noises_in(self, tree: ex.Expr) -> list[str]:
        """Return the white noises that an expression names: what is declared is none."""
        declared = self.dimensions
        return sorted(n for n in ex.names(tree) if n not in declared and _NOISE.fullmatch(n))

    def check_noises(self, states: tuple[State, ...], others: dict[str, ex.Expr]) -> list[str]:
        """Return all noises; faults where one stands elsewhere than it may."""
        found: set[str] = set()
        for state in states:
            noises = self.noises_in(state.rhs)
            if not ex.is_affine(state.rhs, frozenset(noises)):
                what = f"{', '.join(noises)} within a function or product of noise"
                self.fault(f"equations.{state.name}", what, "noise times a factor without noise")
            found |= set(noises)
        if found and self.model.integrator != "euler":
            given = f"{self.model.integrator!r} with {', '.join(sorted(found))} in the equations"
            self.fault("integrator", given, "'euler', for stochastic differential equations")
        for path, tree in others.items():
            if noises := self.noises_in(tree):
                what = f"{', '.join(noises)}, white noise"
                self.fault(path, what, "white noise in right sides of states only")
        return sorted(found)

    def check_spiking(self) -> tuple[ex.Expr, ex.Expr | None]:
        """Return the threshold and the escape rate as they are written."""
        threshold, escape = self.model.threshold.strip(), self.model.escape.strip()
        if not threshold and not escape:
            self.fault("threshold", "nothing", "a condition such as 'V_m >= V_th', or an escape")
        condition = self.expression("threshold", threshold, None) if threshold else NEVER
        if not escape:
            return condition, None
        per_ms = units.COHERENT["1/ms"]
        return condition, self.expression("escape", escape, per_ms)

    def written_out(self, path: str, tree: ex.Expr, shortcuts: dict[str, ex.Expr]) -> ex.Expr:
        """Return the expression without shortcuts; a fault if that makes it too large."""
        if not ex.names(tree) & shortcuts.keys():
            return tree
        try:
            return ex.limited(ex.substitute(tree, shortcuts))
        except ExpressionError as error:
            self.fault(path, "shortcuts that use shortcuts", str(error))
            return ex.Number(0.0)

    def compile(self, lines: list[tuple[str, str, str, bool, bool]]) -> Dynamics:
        shortcuts: dict[str, ex.Expr] = {}
        states = []
        per_ms = units.COHERENT["1/ms"]
        for name, unit, text, is_state, held in lines:
            own = units.COHERENT[unit]
            wanted = own.times(per_ms) if is_state else own
            tree = self.expression(f"equations.{name}", text, wanted, noisy=True)
            later = ex.names(tree) & {n for n, _, _, s, _ in lines if not s} - set(shortcuts)
            if not is_state:
                if later:
                    self.fault(f"equations.{name}", repr(text), f"uses {sorted(later)} before it")
                shortcuts[name] = self.written_out(f"equations.{name}", tree, shortcuts)
            else:
                states.append((name, unit, tree, held))
        model = self.model
        known = {name: unit for name, unit, *_ in states}
        built = tuple(
            State(name, unit, self.written_out(f"equations.{name}", tree, shortcuts), held)
            for name, unit, tree, held in states
        )
        if not states and not self.faults:
            self.fault("equations", "no state", "at least one line 'dX/dt = ...'")
        threshold, escape = self.check_spiking()
        reset = []
        for name, text in model.reset.items():
            if self.known(f"reset.{name}", name, known, "a state variable"):
                tree = self.expression(
                    f"reset.{name}", text, units.COHERENT[known[name]], number=True
                )
                reset.append((name, self.written_out(f"reset.{name}", tree, shortcuts)))
        for receptor, state in model.receptors.items():
            self.known(f"receptors.{receptor}", state, known, "a state variable")
        if model.refractory is not None:
            self.known("refractory", model.refractory, model.parameters, "a parameter")
            parameter = model.parameters.get(model.refractory)
            if parameter is not None and parameter.unit != "ms":
                self.fault("refractory", f"{model.refractory} in {parameter.unit}", "a time in ms")
        threshold = self.written_out("threshold", threshold, shortcuts)
        others = {f"reset.{name}": tree for name, tree in reset} | {"threshold": threshold}
        if escape is not None:
            escape = others["escape"] = self.written_out("escape", escape, shortcuts)
        noises = tuple(self.check_noises(built, others))
        divisors = frozenset().union(*(ex.divisors(state.rhs) for state in built))
        positive = frozenset(
            name for name in divisors & set(model.parameters) if self.units[name] in ("ms", "pF")
        )
        for name in sorted(positive):
            value = model.parameters[name].default
            if value <= 0:
                allowed = "a value above 0, since equations divide by it"
                self.fault(f"parameters.{name}", f"{value:g} {self.units[name]}", allowed)
        return Dynamics(
            built, threshold, tuple(reset), tuple(shortcuts.items()), positive, escape, noises
        )

    def known(self, path: str, name: str, allowed: Any, what: str) -> bool:
        if name in allowed:
            return True
        self.fault(
            path, repr(name), f"{what}, one of {', '.join(allowed)}", nearest(name, list(allowed))
        )
        return False

    def check_initial(self) -> dict[str, float | str]:
        """Return the initial values in canonical units, each a number or a parameter's name."""
        states = {s.name: s.unit for s in self.dynamics.states}
        result: dict[str, float | str] = {}
        for name, value in self.model.initial.items():
            path = f"initial.{name}"
            if not self.known(path, name, states, "a state variable"):
                continue
            if isinstance(value, str):
                if self.known(path, value, self.model.parameters, "a number or a parameter"):
                    unit = self.model.parameters[value].unit
                    if unit != states[name]:
                        self.fault(path, f"{value} in {unit}", f"a value in {states[name]}")
                    result[name] = value
                continue
            try:
                result[name] = units.check_dimension(value, states[name])
            except NetspecError as error:
                self.fault(path, str(value), str(error))
        return result


def _whole_lines(text: str) -> list[str]:
    """Return the equations one by one; one goes on over lines until it has its unit."""
    found: list[str] = []
    for line in (line.split("#")[0].strip() for line in text.splitlines()):
        open_ = found and len(found[-1]) < ex.MAX_LENGTH and not _LINE.fullmatch(found[-1])
        if open_ and not _BEGIN.match(line):
            found[-1] = f"{found[-1]} {line}".strip()
        elif line:
            found.append(line)
    return found
