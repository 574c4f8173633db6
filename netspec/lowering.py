"""From equations to one step of a simulation: exact propagators and explicit integrators.

`lower` splits the states of a model in two. The linear ones (affine in each other and in the
inputs, with coefficients made of parameters) are advanced exactly, by matrix exponentials.
The others are advanced by the model's integrator, which sees the linear ones at their exact
values within the step. The result is a list of assignments that every adapter prints in its
own language, so all backends do the same arithmetic.

Inputs are constant within a step. Held states do not move while ``active`` is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec import expressions as ex
from netspec.expressions import Expr, Name, Number, Operation
from netspec.neurons import NeuronModel, State

ACTIVE = Name("active")
CONSTANT = "1"  # the column of what does not depend on any variable; no identifier


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
        The integration from t to t + dt. They read states, inputs, parameters, constants and
        ``active`` (1.0, or 0.0 while refractory).
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

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Parameters that statements, threshold or reset still mention."""
        dynamics = self.model.dynamics
        trees = [s.value for s in self.statements] + [tree for _, tree in dynamics.reset]
        used = frozenset().union(*map(ex.names, [*trees, dynamics.threshold]))
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
        rows = {k: np.atleast_1d(np.asarray(v, float)) for k, v in parameters.items()}
        # one matrix exponential for each combination of values that the linear states see
        rhs = {state.name: state.rhs for state in self.model.dynamics.states}
        used = frozenset().union(*(ex.names(rhs[name]) for name in self.linear))
        varying = [k for k, v in rows.items() if v.size > 1 and k in used]
        if not varying:
            return self._propagators({k: float(v[0]) for k, v in rows.items()})
        table = np.stack([rows[k] for k in varying], axis=1)
        unique, back = np.unique(table, axis=0, return_inverse=True)
        fixed = {k: float(v[0]) for k, v in rows.items() if k not in varying}  # or unused
        each = [
            self._propagators({**fixed, **dict(zip(varying, row, strict=True))}) for row in unique
        ]
        return {
            name: np.array([found[name] for found in each])[back.ravel()]
            for name in self.constant_names
        }

    def _propagators(self, parameters: dict[str, float]) -> dict[str, float]:
        from scipy.linalg import expm

        matrix = _matrix(self.model, self.linear, parameters)
        found: dict[str, float] = {}
        for prefix, span in (("full", self.dt), ("half", self.dt / 2)):
            if any(name.startswith(prefix) for name in self.constant_names):
                propagator = expm(matrix * span)
                columns = _columns(self.model, self.linear)
                for i in range(len(self.linear)):
                    for j in range(len(columns)):
                        found[f"{prefix}_{i}_{j}"] = float(propagator[i, j])
        return {name: found[name] for name in self.constant_names}


def _columns(model: NeuronModel, linear: tuple[str, ...]) -> list[str]:
    return [*linear, *model.inputs, CONSTANT]


def _matrix(
    model: NeuronModel, linear: tuple[str, ...], parameters: Mapping[str, float]
) -> NDArray[np.float64]:
    """Return d/dt of (linear states, inputs, 1) as a matrix."""
    columns = _columns(model, linear)
    matrix = np.zeros((len(columns), len(columns)))
    rhs = {state.name: state.rhs for state in model.dynamics.states}
    variables = {name: 0.0 for name in columns}
    for i, name in enumerate(linear):
        for j, column in enumerate(columns[:-1]):
            factor = ex.coefficient(rhs[name], column)
            if factor is not None:
                matrix[i, j] = ex.evaluate(factor, {**variables, **parameters})
        matrix[i, -1] = ex.evaluate(rhs[name], {**variables, **parameters})
    return matrix


def _linear_states(model: NeuronModel) -> tuple[str, ...]:
    """Return the largest set of states that can be advanced exactly together."""
    chosen = {state.name: state for state in model.dynamics.states}
    everything = frozenset(chosen)
    inputs = frozenset(model.inputs)
    while True:
        outside = everything - set(chosen)
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


def _product(a: Expr, b: Expr) -> Expr:
    return Operation("*", (a, b))


def _sum(terms: list[Expr]) -> Expr:
    total = terms[0]
    for term in terms[1:]:
        total = Operation("+", (total, term))
    return total


def _held(new: Expr, old: Expr) -> Expr:
    """Return ``active * new + (1 - active) * old``, which is exactly one of the two."""
    rest = Operation("-", (Number(1.0), ACTIVE))
    return Operation("+", (_product(ACTIVE, new), _product(rest, old)))


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
                Name(constant) if column == CONSTANT else _product(Name(constant), Name(column))
            )
        value = _sum(terms)
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
        _integrate(model.integrator, dt, others, [n for n in linear if n in used], assign)
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
        return _product(args[0], Name(name))
    return Operation(tree.op, args)


def _integrate(
    integrator: str, dt: float, others: list[State], linear: list[str], assign: Any
) -> None:
    """Assign ``next_x`` of the states that are not linear, by a Runge-Kutta method."""

    def slope(stage: str, values: dict[str, Expr]) -> dict[str, Expr]:
        slopes: dict[str, Expr] = {}
        for state in others:
            rhs = ex.substitute(state.rhs, values)
            assign(f"{stage}_{state.name}", _product(ACTIVE, rhs) if state.held else rhs)
            slopes[state.name] = Name(f"{stage}_{state.name}")
        return slopes

    def moved(stage: str, slopes: Mapping[str, Expr], span: float) -> dict[str, Expr]:
        values: dict[str, Expr] = {}
        for state in others:
            step = _product(Number(span), slopes[state.name])
            assign(f"{stage}_{state.name}", Operation("+", (Name(state.name), step)))
            values[state.name] = Name(f"{stage}_{state.name}")
        return values

    def at(prefix: str) -> dict[str, Expr]:
        return {name: Name(f"{prefix}_{name}") for name in linear}

    k1 = slope("k1", {})
    if integrator == "euler":
        moved("next", k1, dt)
        return
    k2 = slope("k2", {**moved("y2", k1, dt / 2), **at("half")})
    if integrator == "rk2":
        moved("next", k2, dt)
        return
    k3 = slope("k3", {**moved("y3", k2, dt / 2), **at("half")})
    k4 = slope("k4", {**moved("y4", k3, dt), **at("next")})
    two = Number(2.0)
    mean = {
        s.name: Operation(
            "/",
            (
                _sum(
                    [k1[s.name], _product(two, k2[s.name]), _product(two, k3[s.name]), k4[s.name]]
                ),
                Number(6.0),
            ),
        )
        for s in others
    }
    moved("next", mean, dt)
