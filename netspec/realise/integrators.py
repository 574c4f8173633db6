"""One step of the states that no matrix exponential advances, as assignments.

Euler, the midpoint method (rk2), the classical Runge-Kutta method (rk4), and exponential Euler:
a state whose equation is linear in itself while all else stands still, ``dx/dt = a x + b``, goes
where that equation leads to (Rush & Larsen 1978, IEEE Trans Biomed Eng 25:389). With the slope
``f = a x + b`` that is ``x + dt f exprel(a dt)``, whatever the size of ``a dt``, 0 included. A
state that is not so goes by Euler's step, which is the same with ``a`` left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netspec.describe import expressions as ex
from netspec.describe.expressions import Call, Expr, Name, Number, Operation
from netspec.describe.neurons import State

ACTIVE = Name("active")
Assign = Callable[[str, Expr], None]


def product(a: Expr, b: Expr) -> Expr:
    """Return ``a * b``."""
    return Operation("*", (a, b))


def total(terms: list[Expr]) -> Expr:
    """Return the sum of terms, from the left."""
    found = terms[0]
    for term in terms[1:]:
        found = Operation("+", (found, term))
    return found


def rate(state: State) -> Expr | None:
    """Return ``a`` of ``dx/dt = a x + b``; None if the equation is not linear in the state itself.

    A state that does not occur in its own equation has none either.
    """
    if not ex.is_affine(state.rhs, {state.name}):
        return None
    return ex.coefficient(state.rhs, state.name)


def integrate(
    integrator: str, dt: float, others: list[State], linear: list[str], assign: Assign
) -> None:
    """Assign ``next_x`` of the states that are not advanced exactly.

    Parameters
    ----------
    integrator : {"euler", "rk2", "rk4", "exponential_euler"}
    dt : float
        In ms.
    others : list of State
        Those states, without divisions by parameters.
    linear : list of str
        States advanced exactly that their right sides mention; ``half_x`` and ``next_x`` are
        assigned already where the integrator needs them.
    assign : callable
        Takes the name of a temporary and its value.
    """
    if integrator == "exponential_euler":
        _exponential_euler(dt, others, assign)
        return

    def slope(stage: str, values: dict[str, Expr]) -> dict[str, Expr]:
        slopes: dict[str, Expr] = {}
        for state in others:
            rhs = ex.substitute(state.rhs, values)
            assign(f"{stage}_{state.name}", product(ACTIVE, rhs) if state.held else rhs)
            slopes[state.name] = Name(f"{stage}_{state.name}")
        return slopes

    def moved(stage: str, slopes: Mapping[str, Expr], span: float) -> dict[str, Expr]:
        values: dict[str, Expr] = {}
        for state in others:
            step = product(Number(span), slopes[state.name])
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
    sums = {
        s.name: total([k1[s.name], product(two, k2[s.name]), product(two, k3[s.name]), k4[s.name]])
        for s in others
    }
    mean = {name: Operation("/", (slopes, Number(6.0))) for name, slopes in sums.items()}
    moved("next", mean, dt)


def _exponential_euler(dt: float, others: list[State], assign: Assign) -> None:
    shared: dict[Expr, Expr] = {}
    # a and b of one state are made of the same functions of V_m: each of them is called once
    for state in others:
        slope = _called_once(state.rhs, shared, assign)
        slope = product(ACTIVE, slope) if state.held else slope
        own = rate(state)
        if own is not None:
            factor = _called_once(own, shared, assign)
            slope = product(slope, Call("exprel", (product(Number(dt), factor),)))
        step = product(Number(dt), slope)
        assign(f"next_{state.name}", Operation("+", (Name(state.name), step)))


def _called_once(tree: Expr, shared: dict[Expr, Expr], assign: Assign) -> Expr:
    """Return the expression with temporaries for its calls of functions."""
    if not isinstance(tree, (Operation, Call)):
        return tree
    args = tuple(_called_once(child, shared, assign) for child in tree.args)
    if isinstance(tree, Operation):
        return Operation(tree.op, args)
    call = Call(tree.function, args)
    if call not in shared:
        shared[call] = Name(f"netspec_call_{len(shared)}")
        assign(f"netspec_call_{len(shared) - 1}", call)
    return shared[call]
