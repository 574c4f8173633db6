"""Exponential Euler: stable where gates are fast, exact where they are alone, of first order."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from netspec.describe import expressions as ex
from netspec.describe.neurons import NeuronModel
from netspec.realise.integrators import rate
from netspec.realise.lowering import lower
from netspec.testing.parts import TRAUB_MILES


def model(equations, **more):
    return NeuronModel(name="m", equations=equations, threshold="x > 1000",
                       integrator="exponential_euler", **more)  # fmt: skip


def advance(described, dt, steps, **start):
    """Return state -> course, shape (steps,), of the lowered program."""
    program = lower(described, dt)
    given = described.defaults()
    values = {**given, **program.constants(given), **dict.fromkeys(described.inputs, 0.0)}
    names = [state.name for state in described.dynamics.states]
    values |= {name: start.pop(name, 0.0) for name in names} | {"active": 1.0} | start
    course = {name: [] for name in names}
    for _ in range(steps):
        for statement in program.statements:
            values[statement.target] = ex.evaluate(statement.value, values)
        for name in names:
            course[name].append(values[name])
    return {name: np.array(found) for name, found in course.items()}


@pytest.mark.parametrize("dt", [0.1, 5.0, 300.0])
def test_a_gate_is_exact_while_all_else_stands_still(dt):
    gate = model("dx/dt = cosh(y)*(0.3 - x)/ms - x/(2*ms) : 1\ndy/dt = 0*sin(y)/ms : 1")
    (found,) = advance(gate, dt, 1, x=0.9, y=1.5)["x"]
    decay, drive = np.cosh(1.5) + 0.5, 0.3 * np.cosh(1.5)
    expected = drive / decay + (0.9 - drive / decay) * np.exp(-decay * dt)
    assert found == pytest.approx(expected, rel=1e-13)


def test_a_rate_of_zero_is_a_step_of_euler():
    gate = model("dx/dt = y*x/ms + cos(y)/ms : 1\ndy/dt = 0*sin(y)/ms : 1")
    assert advance(gate, 0.1, 1, x=0.5, y=0.0)["x"] == pytest.approx([0.6], rel=1e-15)


def test_what_is_not_linear_in_itself_goes_by_euler():
    states = model("dx/dt = exp(x)*x/ms : 1\ndy/dt = sin(x)/ms : 1").dynamics.states
    assert [rate(state) for state in states] == [None, None]
    found = advance(model("dx/dt = exp(x)*x/ms : 1"), 0.1, 1, x=0.5)["x"]
    assert found == pytest.approx([0.5 + 0.05 * np.exp(0.5)], rel=1e-15)


def test_functions_of_the_voltage_are_called_once_each():
    gates = model("dx/dt = exp(V)*(1 - x)/ms - cosh(V)*x/ms : 1\ndV/dt = exp(V)*x/ms : 1")
    text = " ".join(ex.to_source(s.value) for s in lower(gates, 0.1).statements)
    assert text.count("exp(") == 1 and text.count("cosh(") == 1


def test_hodgkin_and_huxley_stay_finite_where_runge_and_kutta_do_not():
    fast = TRAUB_MILES.model_copy(update={"integrator": "exponential_euler"})
    start = {"V_m": -65.0, "m": 0.05, "h": 0.6, "n": 0.32, "I_stim": 700.0}
    for dt in (0.1, 0.5):
        course = advance(fast, dt, round(50 / dt), **start)
        assert all(np.isfinite(values).all() for values in course.values())
        assert all(0 <= course[gate].min() <= course[gate].max() <= 1 for gate in "mhn")
        assert course["V_m"].min() > -95 and course["V_m"].max() < 60


def test_the_error_of_hodgkin_and_huxley_is_of_first_order():
    fast = TRAUB_MILES.model_copy(update={"integrator": "exponential_euler"})
    start = {"V_m": -65.0, "m": 0.05, "h": 0.6, "n": 0.32}
    fixed = {**fast.defaults(), "I_stim": 700.0, "I_syn": 0.0}
    states = [state for state in fast.dynamics.states if state.name in start]

    def slope(_, y):
        values = fixed | dict(zip((s.name for s in states), y, strict=True))
        return [ex.evaluate(s.rhs, values) for s in states]

    found = solve_ivp(slope, (0, 8), list(start.values()), "LSODA", rtol=1e-10, atol=1e-12)
    exact = dict(zip(start, found.y[:, -1], strict=True))
    for name in start:
        errors = [
            abs(advance(fast, 8 / n, n, **start, I_stim=700.0)[name][-1] - exact[name])
            for n in (1600, 3200, 6400)
        ]
        assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
        assert errors[1] / errors[2] == pytest.approx(2, rel=0.05)
