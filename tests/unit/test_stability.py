"""A time step that is too long for a model is found before the run."""

from __future__ import annotations

import pytest

from netspec import Network, NeuronModel, Population, Simulation
from netspec.describe.models import LIBRARY
from netspec.execute import audit
from netspec.testing.parts import TRAUB_MILES

# a rate of 40 per ms, as that of sodium in the rise of a spike, beside a slow one
FAST = NeuronModel(
    name="fast",
    equations="dx/dt = -rate*(x - cos(y)) : 1\ndy/dt = 1/(5*ms) : 1",
    threshold="x > 5",
    parameters={"rate": "40/ms"},
)


def warned(model, dt, **parameters):
    population = Population(name="A", size=2, model=model, parameters=parameters)
    described = Network(name="n", populations=[population])
    found = audit.warnings(described, Simulation(dt=dt, warmup=0.0, duration=100.0))
    return [line for line in found if "too long a step" in line]


@pytest.mark.parametrize(
    ("integrator", "limit"), [("euler", 2.0), ("rk2", 2.0), ("rk4", 2.785)]
)  # of rate times dt: Hairer & Wanner, Solving Ordinary Differential Equations II, IV.2
def test_a_step_is_too_long_beyond_the_limit_of_its_method(integrator, limit):
    model = FAST.model_copy(update={"integrator": integrator})
    assert not warned(model, 0.1, rate=0.97 * limit / 0.1)
    (line,) = warned(model, 0.1, rate=1.2 * limit / 0.1)
    assert line.startswith(f"populations.A: 0.1 ms is too long a step for {integrator}: without")


def test_equations_that_run_away_by_themselves_are_no_fault_of_the_step():
    burst = NeuronModel(name="burst", equations="dx/dt = x*x/tau : 1", threshold="x < 0",
                        initial={"x": 1.0}, parameters={"tau": "5 ms"})  # fmt: skip
    assert not warned(burst, 0.1)


GATED = NeuronModel(
    name="gated",
    equations="""
        dV_m/dt = -(V_m - E_L)/(20*ms) - x*(V_m - E_L)/(20*ms) : mV
        dx/dt = exp((V_m - E_L)/(10*mV))/ms*(1/(1 + exp((V_m - E_L)/(10*mV))) - x) : 1
    """,
    threshold="V_m > V_peak",
    initial={"V_m": "E_L"},
    parameters={"E_L": "-70 mV", "V_peak": "-25 mV"},
)


@pytest.mark.parametrize(("integrator", "limit"), [("euler", 2.0), ("rk2", 2.0), ("rk4", 2.785)])
def test_a_rate_that_is_high_at_other_voltages_only_is_found_with_a_step_that_would_do(
    integrator, limit
):
    model = GATED.model_copy(update={"integrator": integrator})
    (line,) = warned(model, 0.1)  # exp(4.5) = 90 per ms at -25 mV
    assert "mV a mode that decays" in line
    enough = float(line.rpartition("; ")[2].partition(" ms would do")[0])
    assert 0.8 * limit / 90 < enough < 1.1 * limit / 90
    assert not warned(model, 0.02 if enough > 0.0215 else 0.0125)


def test_exponential_euler_is_told_of_no_step_that_gates_make_too_long():
    assert not warned(GATED.model_copy(update={"integrator": "exponential_euler"}), 0.1)
    assert not warned(TRAUB_MILES, 0.1)
    runge_kutta = TRAUB_MILES.model_copy(update={"integrator": "rk4"})
    (line,) = warned(runge_kutta, 0.1)
    assert line.endswith("ms would do")


def test_the_models_of_the_library_are_told_of_no_step_that_is_usual():
    # the fast gates of Hodgkin and Huxley's neuron need shorter steps of Runge and Kutta's method
    assert not warned(LIBRARY["hh_cond_exp_traub"], 0.02)
    for name, model in LIBRARY.items():
        assert bool(warned(model, 0.1)) == (name == "hh_cond_exp_traub")
