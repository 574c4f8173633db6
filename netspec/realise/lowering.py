"""From equations to one step of a simulation: exact propagators and explicit integrators.

`lower` splits the states of a model in two. The linear ones (affine in each other and in the
inputs, with coefficients made of parameters) are advanced exactly, by matrix exponentials.
The others are advanced by the model's integrator (`integrators`), which sees the linear ones at
their exact values within the step. The result is a list of assignments that every adapter prints
in its own language, so all backends do the same arithmetic.

Inputs are constant within a step. Held states do not move while ``active`` is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe import expressions as ex
from netspec.describe.expressions import Expr, Name, Number, Operation
from netspec.describe.neurons import NEVER, NeuronModel
from netspec.realise.integrators import ACTIVE, integrate, product, total
from netspec.realise.noise import CHANCE, RandomName, white
from netspec.realise.propagators import driven, expm, propagators

CONSTANT = "1"  # the column of what does not depend on any variable; no identifier


def own(name: str) -> str:
    """Return what a name of a description is called in generated code.

    No word of a language or simulator begins and ends so. A name on its own might be one (`range`,
    `gain`, `order`) or end as one (Brian2 takes ``_pre`` and ``_post`` for the ends of a synapse).
    """
    return f"x_{name}_x"


@dataclass(frozen=True)
class Statement:
    """``target = value``; `local` if the target is a temporary of the step."""

    target: str
    value: Expr
    local: bool


@dataclass(frozen=True)
class StepProgram:
    """One step of a neuron model at a fixed time step.

    Attributes
    ----------
    model : NeuronModel
    dt : float
        In ms.
    statements : tuple of Statement
        The integration from t to t + dt. They read states, inputs, parameters, constants,
        ``active`` (1.0, or 0.0 while refractory), and the names of `random`.
    linear : tuple of str
        States advanced exactly.
    constant_names : tuple of str
        Propagators, whose values `constants` computes from the parameters.
    hoisted : tuple of (str, Expr)
        Constants made of parameters alone: reciprocals of what is divided by.
    """

    model: NeuronModel
    dt: float
    statements: tuple[Statement, ...]
    linear: tuple[str, ...]
    constant_names: tuple[str, ...]
    hoisted: tuple[tuple[str, Expr], ...] = ()

    @cached_property
    def code_names(self) -> dict[str, Expr]:
        """What stands in generated code for every name of the description, constant and unit.

        Names of the program's own temporaries are not in it, and stay as they are.
        """
        model = self.model
        states = (state.name for state in model.dynamics.states)
        constants = (*self.constant_names, *(name for name, _ in self.hoisted))
        names = (*model.parameters, *model.inputs, *states, *constants)
        units = {name: Number(size) for name, size in ex.UNIT_NAMES.items()}
        return {**{name: Name(own(name)) for name in names}, **units}

    @cached_property
    def threshold(self) -> Expr:
        """The condition of a spike, with the escape rate in it if there is one.

        In a step of dt at the rate r a spike has the probability 1 - exp(-r dt).
        """
        threshold, escape = self.model.dynamics.threshold, self.model.dynamics.escape
        if escape is None:
            return threshold
        exponent = product(Number(-self.dt), escape)
        chance = Operation("neg", (ex.Call("expm1", (exponent,)),))
        escapes = Operation("<", (Name(CHANCE.name), chance))
        return escapes if threshold == NEVER else Operation("or", (threshold, escapes))

    @property
    def random(self) -> tuple[RandomName, ...]:
        """The names in statements and threshold that are random numbers, new in every step."""
        found = tuple(white(noise) for noise in self.model.dynamics.noises)
        return found if self.model.dynamics.escape is None else (*found, CHANCE)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Parameters that statements, threshold or reset still mention."""
        trees = [s.value for s in self.statements]
        trees += [tree for _, tree in self.model.dynamics.reset]
        used = frozenset().union(*map(ex.names, [*trees, self.threshold]))
        return tuple(name for name in self.model.parameters if name in used)

    def refractory_steps(self, parameters: Mapping[str, Any]) -> Any:
        """Return the steps that held states rest after a spike: round(t_ref / dt)."""
        if self.model.refractory is None:
            return 0
        steps = np.rint(np.asarray(parameters[self.model.refractory]) / self.dt).astype(np.int64)
        return int(steps) if steps.ndim == 0 else steps

    def constants(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return all constants: numbers, or arrays where a parameter varies over neurons.

        Parameters
        ----------
        parameters : mapping
            Parameter -> float or ndarray of shape (neurons,).
        """
        found = {name: ex.evaluate(tree, parameters) for name, tree in self.hoisted}
        return found | self._all_propagators(parameters)

    def _all_propagators(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        values = {k: np.atleast_1d(np.asarray(v, float)) for k, v in parameters.items()}
        used = _names_in(_right_sides(self.model, self.linear))
        varying = sorted(k for k, v in parameters.items() if np.ndim(v) and k in used)
        one = {k: v[:1] for k, v in values.items()}
        factors = _coefficients(self.model, self.linear) if varying else {}
        if not _names_in(factors.values()) & set(varying):
            found = {name: float(value[0]) for name, value in self._propagators(one).items()}
            return found | (self._driven(one, {k: values[k] for k in varying}) if varying else {})
        return self._many(factors, one | {k: values[k] for k in varying})

    def _many(
        self, factors: dict[tuple[int, int], Expr], values: dict[str, NDArray[np.float64]]
    ) -> dict[str, Any]:
        """Return every propagator where the linear part differs between neurons."""
        size, nothing = len(self.linear), np.zeros(max(map(len, values.values())))
        at = {**{name: 0.0 for name in _columns(self.model, self.linear)}, **values}
        numbers = {key: ex.evaluate(tree, at) for key, tree in factors.items()}
        drive, last = _drive(self.model, self.linear, values), size + len(self.model.inputs)
        drives = {key: value for key, value in numbers.items() if key[1] >= size}
        drives |= {(i, last): drive[:, i] for i in range(size) if drive[:, i].any()}
        rates = {key: value for key, value in numbers.items() if key[1] < size}
        found = {}
        for prefix, span in self._spans():
            for (i, j), value in propagators(rates, drives, size, span).items():
                found[f"{prefix}_{i}_{j}"] = value
        return {name: found.get(name, nothing) + nothing for name in self.constant_names}

    def _driven(
        self, one: dict[str, NDArray[np.float64]], outside: dict[str, NDArray[np.float64]]
    ) -> dict[str, Any]:
        """Return the constant terms where nothing but the drive differs: they are linear in it."""
        drive = _drive(self.model, self.linear, one | outside)
        size, found = len(self.linear), {}
        matrix = _matrix(self.model, self.linear, one)[0, :size, :-1]
        wide = np.zeros((matrix.shape[1] + size,) * 2)
        wide[:size] = np.hstack([matrix, np.eye(size)])
        for prefix, span in self._spans():
            response = expm(wide * span)[:size, -size:]
            for i, column in enumerate(driven(response, drive).T):
                found[f"{prefix}_{i}_{matrix.shape[1]}"] = column
        return {name: column for name, column in found.items() if name in self.constant_names}

    def _spans(self) -> list[tuple[str, float]]:
        spans = (("full", self.dt), ("half", self.dt / 2))
        return [s for s in spans if any(name.startswith(s[0]) for name in self.constant_names)]

    def _propagators(
        self, values: dict[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        """Return every propagator, shape (rows,), of parameters that are one value or one a row."""
        matrix, found = _matrix(self.model, self.linear, values), {}
        for prefix, span in self._spans():
            propagator = expm(matrix * span)
            for i in range(len(self.linear)):
                for j in range(matrix.shape[1]):
                    found[f"{prefix}_{i}_{j}"] = propagator[:, i, j]
        return {name: found[name] for name in self.constant_names}


def _columns(model: NeuronModel, linear: tuple[str, ...]) -> list[str]:
    return [*linear, *model.inputs, CONSTANT]


def _names_in(trees: Iterable[Expr]) -> frozenset[str]:
    return frozenset().union(*map(ex.names, trees))


def _right_sides(model: NeuronModel, linear: tuple[str, ...]) -> list[Expr]:
    """Return d/dt of the linear states, in their order."""
    rhs = {state.name: state.rhs for state in model.dynamics.states}
    return [rhs[name] for name in linear]


def _coefficients(model: NeuronModel, linear: tuple[str, ...]) -> dict[tuple[int, int], Expr]:
    """Return (row, column) -> coefficient of d/dt of the linear states."""
    found = {}
    for i, tree in enumerate(_right_sides(model, linear)):
        for j, column in enumerate(_columns(model, linear)[:-1]):
            factor = ex.coefficient(tree, column)
            if factor is not None:
                found[i, j] = factor
    return found


def _drive(
    model: NeuronModel, linear: tuple[str, ...], values: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return what is left of d/dt where all states and inputs are zero, shape (rows, states)."""
    nothing = {name: 0.0 for name in _columns(model, linear)}
    sides = [ex.evaluate(tree, {**nothing, **values}) for tree in _right_sides(model, linear)]
    return np.stack(np.broadcast_arrays(np.zeros(1), *sides)[1:], axis=-1)


def _matrix(
    model: NeuronModel, linear: tuple[str, ...], values: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return d/dt of (linear states, inputs, 1) as matrices, shape (rows, columns, columns).

    `values` are of one row, or of all.
    """
    columns = _columns(model, linear)
    nothing = {name: 0.0 for name in columns}
    rows = max((len(v) for v in values.values()), default=1)
    matrix = np.zeros((rows, len(columns), len(columns)))
    for (i, j), factor in _coefficients(model, linear).items():
        matrix[:, i, j] = ex.evaluate(factor, {**nothing, **values})
    if linear:
        matrix[:, : len(linear), -1] = _drive(model, linear, values)
    return matrix


def _linear_states(model: NeuronModel) -> tuple[str, ...]:
    """Return the largest set of states that can be advanced exactly together."""
    chosen = {state.name: state for state in model.dynamics.states}
    everything = frozenset(chosen)
    inputs = frozenset(model.inputs)
    while True:
        outside = everything - set(chosen) | set(model.dynamics.noises)
        variables = frozenset(chosen) | inputs
        held = {name for name, state in chosen.items() if state.held}
        # a state that goes on while the one it depends on is held would need two propagators
        keep = {
            name: state
            for name, state in chosen.items()
            if not ex.names(state.rhs) & outside
            and ex.is_affine(state.rhs, variables)
            and (state.held or not ex.names(state.rhs) & held)
        }
        if len(keep) == len(chosen):
            return tuple(state.name for state in model.dynamics.states if state.name in chosen)
        chosen = keep


def _reaches(model: NeuronModel, linear: tuple[str, ...]) -> dict[str, list[str]]:
    """Return, for each linear state, the columns its value at the end of a step depends on."""
    rhs = {state.name: state.rhs for state in model.dynamics.states}
    columns = _columns(model, linear)
    reach: dict[str, set[str]] = {}
    for name in linear:
        found = {name, *(ex.names(rhs[name]) & set(columns))}
        reach[name] = found
    for _ in linear:
        for name in linear:
            for other in list(reach[name]):
                reach[name] |= reach.get(other, set())
    # a constant drive: the right side does not vanish when all variables do
    driven = {n for n in linear if _has_constant(rhs[n], frozenset(columns))}
    return {
        name: [c for c in columns if c in reach[name] or (c == CONSTANT and reach[name] & driven)]
        for name in linear
    }


def _has_constant(tree: Expr, variables: frozenset[str]) -> bool:
    """Return whether an affine expression has a term without any variable."""
    if isinstance(tree, Operation) and tree.op in ("+", "-", "neg"):
        return any(_has_constant(child, variables) for child in tree.args)
    if isinstance(tree, Operation) and tree.op == "*":
        return all(_has_constant(child, variables) for child in tree.args)
    if isinstance(tree, Operation) and tree.op == "/":
        return _has_constant(tree.args[0], variables)
    return not ex.names(tree) & variables


def _held(new: Expr, old: Expr) -> Expr:
    """Return ``active * new + (1 - active) * old``, which is exactly one of the two."""
    rest = Operation("-", (Number(1.0), ACTIVE))
    return Operation("+", (product(ACTIVE, new), product(rest, old)))


@lru_cache(maxsize=64)
def _lowered(key: str, dt: float) -> StepProgram:
    model = NeuronModel.model_validate_json(key)
    return _lower(model, dt)


def lower(model: NeuronModel, dt: float) -> StepProgram:
    """Return the step program of a model at a time step (in ms)."""
    return _lowered(model.model_dump_json(), dt)


def _lower(model: NeuronModel, dt: float) -> StepProgram:
    linear = _linear_states(model)
    reach, columns = _reaches(model, linear), _columns(model, linear)
    states = {state.name: state for state in model.dynamics.states}
    others = [state for name, state in states.items() if name not in linear]
    hoisted: dict[Expr, str] = {}
    # Euler and Maruyama: over a step white noise is a normal number of variance 1/dt
    size = Number(dt**-0.5)
    noises = {n: product(Name(white(n).name), size) for n in model.dynamics.noises}
    others = [replace(s, rhs=ex.substitute(s.rhs, noises)) for s in others]
    others = [replace(s, rhs=_without_division(s.rhs, model, hoisted)) for s in others]
    constants: list[str] = []
    statements: list[Statement] = []

    def exact(name: str, prefix: str) -> Expr:
        terms: list[Expr] = []
        for column in reach[name]:
            constant = f"{prefix}_{linear.index(name)}_{columns.index(column)}"
            if constant not in constants:
                constants.append(constant)
            terms.append(
                Name(constant) if column == CONSTANT else product(Name(constant), Name(column))
            )
        value = total(terms)
        return _held(value, Name(name)) if states[name].held else value

    def assign(target: str, value: Expr, local: bool = True) -> None:
        statements.append(Statement(target, value, local))

    used = frozenset().union(*(ex.names(state.rhs) for state in others)) if others else frozenset()
    halves = model.integrator in ("rk2", "rk4")
    for name in linear:
        if name in used and halves:
            assign(f"half_{name}", exact(name, "half"))
    for name in linear:
        assign(f"next_{name}", exact(name, "full"))
    if others:
        integrate(model.integrator, dt, others, [n for n in linear if n in used], assign)
    for state in (*others, *(states[name] for name in linear)):
        assign(state.name, Name(f"next_{state.name}"), local=False)
    found = tuple((name, tree) for tree, name in hoisted.items())
    return StepProgram(model, dt, tuple(statements), linear, tuple(constants), found)


def _without_division(tree: Expr, model: NeuronModel, hoisted: dict[Expr, str]) -> Expr:
    """Multiply by the reciprocal, computed once, of everything that is made of parameters."""
    if not isinstance(tree, (Operation, ex.Call)):
        return tree
    args = tuple(_without_division(child, model, hoisted) for child in tree.args)
    if isinstance(tree, ex.Call):
        return ex.Call(tree.function, args)
    divisor = tree.args[-1]
    if tree.op == "/" and ex.names(divisor) <= {*model.parameters, *ex.UNIT_NAMES}:
        reciprocal = Operation("/", (Number(1.0), divisor))
        name = hoisted.setdefault(reciprocal, f"const_{len(hoisted)}")
        return product(args[0], Name(name))
    return Operation(tree.op, args)
