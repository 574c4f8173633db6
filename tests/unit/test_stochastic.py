"""Noise currents, changing rates, escapes and white noise: descriptions, numbers, ledgers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov
from scipy.stats import kstest

from netspec import (
    Network,
    NeuronModel,
    NoiseCurrent,
    PoissonInput,
    Population,
    Recorder,
    Simulation,
)
from netspec.backends.brian2 import Brian2Backend
from netspec.describe.expressions import evaluate
from netspec.describe.grid import misfits
from netspec.describe.models import LIBRARY
from netspec.describe.serialization import canonical_json, from_toml, spec_hash, to_toml
from netspec.errors import DescriptionError, UnsupportedError
from netspec.execute import audit
from netspec.execute.contract import RunRequest, get_backend
from netspec.realise.lowering import lower
from netspec.realise.noise import NoiseCounter
from netspec.validation.ladder import networks, oracle

DT = 0.1
LONG = Simulation(dt=DT, warmup=0.0, duration=400.0, seed=3)
SIGMAS = 4.0


def noise(**values):
    return NoiseCurrent(**{"name": "n", "target": "A", "sd": 50.0, **values})


def poisson(**values):
    return PoissonInput(
        **{"name": "p", "target": "A", "receptor": "excitatory", "weight": 80.0, "rate": 10.0}
        | values
    )


def network(model="iaf_psc_exp", size=4, **pieces):
    return Network(name="one", populations=[Population(name="A", size=size, model=model)],
                   recorders=[Recorder(name="r", target="A")], **pieces)  # fmt: skip


def course(current, size=300, simulation=LONG):
    """Return the level of a noise current by step and neuron."""
    found = np.zeros((simulation.total_steps, size))
    for step, level in NoiseCounter.of(current, simulation, size).changes():
        found[step:] = level
    return found


# -- noise currents: numbers ------------------------------------------------------------------


def test_white_noise_has_its_mean_and_variance_and_is_independent():
    found = course(noise(mean=20.0, every=0.4))
    levels = found[::4]
    assert all(np.array_equal(levels, found[k::4]) for k in (1, 2, 3))
    z = (levels - 20.0) / 50.0
    assert abs(z.mean()) < SIGMAS / np.sqrt(z.size)
    assert abs(z.var() - 1) < SIGMAS * np.sqrt(2 / z.size)
    assert kstest(z.ravel(), "norm").pvalue > 0.01
    for shifted, first in ((z[1:], z[:-1]), (z[5:], z[:-5]), (z[:, 1:], z[:, :-1])):
        assert abs((shifted * first).mean()) < SIGMAS / np.sqrt(first.size)


@pytest.mark.parametrize(("tau", "every"), [(5.0, None), (5.0, 1.0), (0.3, 0.5)])
def test_an_ornstein_uhlenbeck_process_is_stationary_and_has_its_correlation(tau, every):
    z = course(noise(tau=tau, every=every), size=4000, simulation=Simulation(
        dt=DT, warmup=0.0, duration=20.0, seed=2))  # fmt: skip
    z = z / 50.0
    for step in (0, 1, 60, 199):  # from its first level on, whatever tau
        assert abs(z[step].var() - 1) < SIGMAS * np.sqrt(2 / 4000)
    held = round((every or DT) / DT)
    for lag in (held, 3 * held):
        expected = np.exp(-lag * DT / tau)
        found = (z[lag::held][: len(z[: -lag or None : held])] * z[:-lag:held]).mean(axis=0)
        # of the mean over neurons, from their own scatter
        error = found.std() / np.sqrt(len(found))
        assert abs(found.mean() - expected) < SIGMAS * error


@pytest.mark.parametrize(("tau", "every"), [(None, None), (None, 1.0), (4.0, None), (4.0, 1.0)])
def test_a_membrane_has_the_variance_that_theory_says(tau, every):
    """V and x from interval to interval are a linear process, whose covariance SciPy solves for."""
    parameters = LIBRARY["iaf_psc_exp"].defaults()
    size, span = 2000, every or DT
    simulation = Simulation(dt=DT, warmup=0.0, duration=80.0, seed=4)
    level = course(noise(tau=tau, every=every), size, simulation)
    decay = np.exp(-DT / parameters["tau_m"])
    gain = parameters["tau_m"] / parameters["C_m"] * (1 - decay)
    v = np.zeros(size)
    for row in level:
        v = decay * v + gain * row
    keep = 0.0 if tau is None else np.exp(-span / tau)
    a = np.exp(-span / parameters["tau_m"])
    b = parameters["tau_m"] / parameters["C_m"] * (1 - a)
    # (V, x) at the begins of intervals; x is that of the interval that ends there
    matrix = np.array([[a, b * keep], [0.0, keep]])
    fresh = 50.0**2 * (1 - keep**2) * np.outer([b, 1.0], [b, 1.0])
    expected = solve_discrete_lyapunov(matrix, fresh)[0, 0]
    assert abs(v.var() / expected - 1) < SIGMAS * np.sqrt(2 / size)


def test_numbers_are_of_seed_name_neuron_and_interval_alone():
    whole = course(noise(), size=20)
    assert np.array_equal(course(noise(), size=7), whole[:, :7])
    counter = NoiseCounter.of(noise(neurons=[3, 11]), LONG, np.array([3, 11]))
    assert np.array_equal(next(counter.changes())[1], whole[0, [3, 11]])
    later = course(noise(start=7.0, stop=9.5), size=20)
    assert np.array_equal(later[70:95], whole[:25]) and not later[:70].any()
    assert not later[95:].any()
    other = course(noise(name="m"), size=20), course(noise(), 20, LONG.at_seed(4))
    assert all((found != whole).all() for found in other)


# -- Poisson input: courses -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ((0, 20.0),)),
        ({"delay": 1.0}, ((10, 20.0),)),
        ({"start": 1.0, "delay": 1.0, "stop": 3.0}, ((20, 20.0), (40, 0.0))),
        ({"times": [1.0, 2.0], "rates": [3.0, 4.0]}, ((0, 20.0), (10, 6.0), (20, 8.0))),
        ({"times": [1.0, 2.0], "rates": [3.0, 4.0], "start": 1.5, "stop": 1.8},
         ((15, 6.0), (18, 0.0))),
        ({"times": [0.0, 2.0], "rates": [3.0, 3.0]}, ((0, 6.0),)),
        ({"times": [2.0], "rates": [0.0], "stop": 9.0}, ((0, 20.0), (20, 0.0))),
    ],
)  # fmt: skip
def test_a_course_is_the_rate_from_each_step_on(values, expected):
    assert poisson(number=2, **values).course(LONG) == expected


def test_what_says_nothing_new_has_the_hash_it_had():
    silent = network(poisson_inputs=[poisson()])
    text = canonical_json(silent)
    assert not re.search(r'"(start|stop|times|rates|escape|noise_currents)"', text)
    assert spec_hash(silent) == "fc9eb644923b764726b51d8d02273eda32e7fb4a1a1d02243b0fee1b3c0a869b"
    told = network(poisson_inputs=[poisson(stop=50.0)])
    assert spec_hash(told) != spec_hash(silent)


def test_files_say_what_is_said_and_read_it_back():
    described = network(
        "gif_psc_exp",
        poisson_inputs=[poisson(start=2.0, times=[5.0, 9.0], rates=["1 kHz", 0.0])],
        noise_currents=[noise(sd="0.1 nA", tau="5 ms", every="1 ms", neurons=[1, 2])],
    )
    text = to_toml(described)
    assert 'rates = [\n    "1000.0 Hz",\n    "0.0 Hz",\n]' in text and 'tau = "5.0 ms"' in text
    assert "stop" not in text and "models" not in text
    assert from_toml(text) == described and spec_hash(from_toml(text)) == spec_hash(described)
    assert "start" not in to_toml(network(poisson_inputs=[poisson()]))


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ({"noise_currents": [noise(sd=-1.0)]}, "noise_currents[0].sd: given -1"),
        ({"noise_currents": [noise(sd="3 mV")]}, "expected pA"),
        ({"noise_currents": [noise(start=5.0, stop=5.0)]}, "a time after start, which is 5 ms"),
        ({"noise_currents": [noise(port="I")]}, "an input of iaf_psc_exp: I_stim"),
        ({"noise_currents": [noise(neurons=[4])]}, "neurons 0 to 3"),
        ({"poisson_inputs": [poisson(start=5.0, stop=4.0)]}, "a time after start, which is 5 ms"),
        ({"poisson_inputs": [poisson(times=[5.0], rates=[2e7])]}, "up to 1e7 Hz"),
    ],
)
def test_what_makes_no_sense_is_refused(pieces, text):
    with pytest.raises(DescriptionError, match=re.escape(text)):
        network(**pieces)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"times": [1.0]}, "1 times but 0 rates"),
        ({"times": [2.0, 1.0], "rates": [1.0, 2.0]}, "times must increase"),
        ({"rates": [-1.0], "times": [1.0]}, "expected 0 to"),
    ],
)
def test_rates_that_make_no_sense_are_refused(values, text):
    with pytest.raises(DescriptionError, match=text):
        poisson(**values)


def test_what_the_grid_would_swallow_is_refused():
    described = network(
        poisson_inputs=[poisson(times=[5.0, 5.02], rates=[1.0, 2.0])],
        noise_currents=[noise(start=3.0, stop=3.04)],
    )
    lost = {m.path: m.text for m in misfits(described, LONG) if m.lost}
    assert set(lost) == {"poisson_inputs.p.times", "noise_currents.n.stop"}
    assert "no step would feel the rate in between" in lost["poisson_inputs.p.times"]
    for backend in ("brian2", "genn", "nest"):
        request = RunRequest(network=described, simulation=LONG, backend=backend)
        with pytest.raises(UnsupportedError, match="no step would feel"):
            get_backend(backend).plan(request).ledger.check(("all",))


# -- neurons ----------------------------------------------------------------------------------


def model(equations="dv/dt = -v/tau + xi/sqrt(tau) : 1", **more):
    values = {"threshold": "v > 1", "parameters": {"tau": "10 ms"}, "integrator": "euler", **more}
    return NeuronModel(name="own", equations=equations, **values)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"integrator": "rk4"}, "given 'rk4' with xi in the equations; 'euler'"),
        ({"equations": "dv/dt = -v/tau + xi/tau : 1"}, "xi / tau is in ms^-3/2"),
        ({"equations": "dv/dt = xi*xi : 1"}, "noise times a factor without noise"),
        ({"equations": "dv/dt = exp(xi*sqrt(tau))/tau : 1"}, "noise times a factor without noise"),
        ({"threshold": "v > xi*sqrt(tau)"}, "unknown name 'xi'"),
        ({"equations": "y = v + xi*sqrt(tau) : 1\ndv/dt = -y/tau : 1", "threshold": "y > 1"},
         "white noise in right sides of states only"),
        ({"threshold": ""}, "a condition such as 'V_m >= V_th', or an escape"),
        ({"escape": "v"}, "expected 1/ms"),
        ({"escape": "v > 1"}, "is a condition"),
        ({"parameters": {"tau": "10 ms", "xi": "1 ms"}}, "the name is reserved"),
    ],
)  # fmt: skip
def test_noise_and_rates_that_make_no_sense_are_refused(change, text):
    with pytest.raises(DescriptionError, match=re.escape(text)):
        model(**change)


def test_what_a_model_says_is_known_of_it():
    two = model("dv/dt = -v/tau + (xi + v*xi_b)/sqrt(tau) : 1\ndu/dt = -u/tau : 1")
    program = lower(two, DT)
    assert two.dynamics.noises == ("xi", "xi_b") and program.linear == ("u",)
    assert [(r.kind, r.purpose) for r in program.random] == [("normal", "xi"), ("normal", "xi_b")]
    both = model("dv/dt = -v/tau : 1", escape="v/tau")
    assert [r.kind for r in lower(both, DT).random] == ["uniform"]
    assert not both.same_as(model("dv/dt = -v/tau : 1"))
    # declared, it is a parameter like any other
    plain = model("dv/dt = -v/xi_m : 1", parameters={"xi_m": "10 ms"}, integrator="rk4")
    assert plain.dynamics.noises == ()


@pytest.mark.parametrize("tau", [2.0, 20.0])
def test_euler_and_maruyama_have_the_variance_of_their_process(tau):
    """An Ornstein-Uhlenbeck process in steps: 1/(1 - dt/(2 tau)) times that of the exact one."""
    program = lower(model("dv/dt = -v/tau + sqrt(2/tau)*xi : 1"), DT)
    (random,) = program.random
    values = {"tau": tau, "v": np.zeros(3000), "active": 1.0, **program.constants({"tau": tau})}
    states = random.states(1, "A", 3000)
    for step in range(round(6 * tau / DT)):
        values[random.name] = random.numbers(states, step, 1)[0]
        for statement in program.statements:
            values[statement.target] = evaluate(statement.value, values)
    expected = 1 / (1 - DT / (2 * tau))
    assert abs(values["v"].var() / expected - 1) < SIGMAS * np.sqrt(2 / 3000)


def test_the_oracle_takes_no_stochastic_equation():
    with pytest.raises(UnsupportedError, match="A has white noise in its equations"):
        oracle.solve(network(model()), DT, 10)


def test_a_replay_has_the_events_of_changing_rates():
    source = poisson(rate=1000.0, start=10.0, times=[40.0], rates=[9000.0], stop=70.0)
    (given,) = networks.replay(network(size=50, poisson_inputs=[source]), LONG, 1).spike_inputs
    steps = np.rint(np.array(given.times) / DT)
    assert steps.min() > 100 and steps.max() <= 700
    for low, high, rate in ((100, 400, 1000.0), (400, 700, 9000.0)):
        expected = (high - low) * DT / 1000 * rate * 50
        found = np.count_nonzero((steps > low) & (steps <= high))
        assert abs(found - expected) < SIGMAS * np.sqrt(expected)


# -- ledgers ----------------------------------------------------------------------------------


class Unaware(Brian2Backend):
    """An adapter that was written before there were such things."""

    answers = frozenset()


def test_an_adapter_that_does_not_know_of_it_is_not_asked_in_silence():
    described = network(noise_currents=[noise()], poisson_inputs=[poisson(stop=5.0)])
    cases = {
        "noise_currents.n": described,
        "poisson_inputs.p": described,
        "populations.A": network(model()),
    }
    for thing, each in cases.items():
        request = RunRequest(network=each, simulation=LONG, backend="brian2")
        refused, none = (
            {e.thing for e in adapter.plan(request).ledger.entries if e.status == "unsupported"}
            for adapter in (Unaware(), Brian2Backend())
        )
        assert thing in refused and not none


def test_on_nest_neurons_that_draw_noise_are_generated_or_it_is_refused():
    described = network(noise_currents=[noise()])
    request = RunRequest(network=described, simulation=LONG, backend="nest")
    plan = get_backend("nest").plan(request)
    said = {e.thing: e for e in plan.ledger.entries}
    assert "it draws its noise currents" in said["populations.A"].reason
    assert "noise_generator are others" in said["noise_currents.n"].reason
    native = request.model_copy(update={"options": {"neurons": "native"}})
    refused = {e.thing: e for e in get_backend("nest").plan(native).ledger.entries}
    assert refused["noise_currents.n"].status == "unsupported"
    assert "given --option neurons=native" in refused["noise_currents.n"].reason


def test_genns_products_have_one_rate():
    described = network(poisson_inputs=[poisson(stop=5.0)])
    request = RunRequest(network=described, simulation=LONG, backend="genn",
                         options={"poisson": "product"})  # fmt: skip
    with pytest.raises(UnsupportedError, match="one rate is compiled in"):
        get_backend("genn").plan(request).ledger.check(("all",))


def test_what_begins_after_the_end_is_warned_of():
    described = network(
        noise_currents=[noise(start=500.0)], poisson_inputs=[poisson(start=300.0, delay=200.0)]
    )
    found = audit.warnings(described, LONG)
    for path in ("noise_currents.n.start", "poisson_inputs.p.start"):
        assert any(path in line and "begins after the end" in line for line in found)
