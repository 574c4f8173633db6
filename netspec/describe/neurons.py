"""Neuron models as equations with units (the library of them: `netspec.describe.models`).

A model is data: equations in the language of `netspec.describe.expressions`, a threshold, a reset,
receptors and parameters. `NeuronModel.dynamics` is the checked intermediate form that
the adapters lower.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, StrictStr, model_validator

from netspec.describe import expressions as ex
from netspec.describe import units
from netspec.describe.compiling import Compiler, Unit, parameter_shorthand
from netspec.describe.fields import Described, Grown, Identifier, Quantity
from netspec.describe.units import Dimension
from netspec.errors import DescriptionError, Fault

# white noise of a stochastic differential equation: every name is a process of its own
_NOISE = re.compile(r"xi(?:_[A-Za-z0-9_]+)?")
_NOISE_DIMENSION = Dimension(time=Fraction(-1, 2))
NEVER = ex.Operation("<", (ex.Number(1.0), ex.Number(0.0)))  # a threshold that is not there


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
            BeforeValidator(parameter_shorthand, json_schema_input_type=float | str | Parameter),
        ],
    ] = {}
    initial: dict[Identifier, Quantity | Identifier] = {}
    integrator: Literal["rk4", "rk2", "euler", "exponential_euler"] = "rk4"
    description: StrictStr = ""

    @model_validator(mode="after")
    def _checked(self) -> NeuronModel:
        faults: list[Fault] = []
        compiled = _NeuronCompiler(self, faults)
        if faults:
            raise DescriptionError(faults, f"neuron model {self.name!r}")
        self.__dict__["dynamics"] = compiled.dynamics
        object.__setattr__(self, "initial", compiled.initial)
        return self

    @cached_property
    def dynamics(self) -> Dynamics:
        """The checked intermediate form (`Dynamics`)."""
        return _NeuronCompiler(self, []).dynamics

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


class _NeuronCompiler(Compiler):
    """Read and check a neuron model."""

    model: NeuronModel

    def __init__(self, model: NeuronModel, faults: list[Fault]) -> None:
        self.model, self.faults = model, faults
        lines = self.lines()
        self.units = {name: parameter.unit for name, parameter in model.parameters.items()}
        self.units |= model.inputs | {name: unit for name, unit, *_ in lines}
        self.declare([*model.parameters, *model.inputs, *(name for name, *_ in lines)], {})
        self.dimensions = {name: units.COHERENT[unit] for name, unit in self.units.items()}
        self.dynamics = self.compile(lines)
        self.initial = self.check_initial()

    def lines(self) -> list[tuple[str, str, str, bool, bool]]:
        """Return (name, unit, right side, is a state, is held) for every equation."""
        found = []
        for match, flag in self.matches("dV_m/dt = ... : mV (unless refractory)"):
            if flag not in ("", "unless refractory") or (flag and not match["state"]):
                self.fault("equations", f"({flag})", "only '(unless refractory)', on a state")
            if self.is_unit(match["unit"], list(units.COHERENT)):
                name = match["state"] or match["shortcut"]
                found.append(
                    (name, match["unit"], match["rhs"].strip(), bool(match["state"]), bool(flag))
                )
        return found

    def noises_in(self, tree: ex.Expr) -> list[str]:
        """Return the white noises that an expression names: what is declared is none."""
        declared = self.dimensions
        return sorted(n for n in ex.names(tree) if n not in declared and _NOISE.fullmatch(n))

    def noise_dimensions(self, tree: ex.Expr) -> dict[str, Dimension]:
        """Return the dimensions of the white noises that an expression names."""
        return dict.fromkeys(self.noises_in(tree), _NOISE_DIMENSION)

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

    def compile(self, lines: list[tuple[str, str, str, bool, bool]]) -> Dynamics:
        shortcuts: dict[str, ex.Expr] = {}
        states = []
        per_ms = units.COHERENT["1/ms"]
        for name, unit, text, is_state, held in lines:
            own = units.COHERENT[unit]
            wanted = own.times(per_ms) if is_state else own
            tree = self.expression(f"equations.{name}", text, wanted, more=self.noise_dimensions)
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
        positive = self.positive((state.rhs for state in built), ("ms", "pF"))
        return Dynamics(
            built, threshold, tuple(reset), tuple(shortcuts.items()), positive, escape, noises
        )

    def check_initial(self) -> dict[str, float | str]:
        """Return the initial values in canonical units, each a number or a parameter's name."""
        states = {s.name: s.unit for s in self.dynamics.states}
        result: dict[str, float | str] = {}
        for name, value in self.model.initial.items():
            path = f"initial.{name}"
            if not self.known(path, name, states, "a state variable"):
                continue
            found = self.initial_value(path, value, states[name], units.check_dimension)
            if found is not None:
                result[name] = found
        return result
