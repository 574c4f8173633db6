"""A time step that is too long for a model is found before the run."""

from __future__ import annotations

import pytest

from netspec import Network, NeuronModel, Population, Simulation
from netspec.execute import audit

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
