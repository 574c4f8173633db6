"""What is random by netspec's counters besides Poisson events, against SciPy and against theory.

Noise currents, changing rates of shared noise and escapes have numbers that a test can ask for as
well as an adapter, so runs are compared with SciPy's solution under the same numbers. A stochastic
differential equation is compared with the Euler-Maruyama method in NumPy. The rate of escapes is
known: where V_m stands still, a neuron's spikes are those of a Poisson process with dead time.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import geom, kstest

from netspec import (
    CurrentInput,
    NeuronModel,
    NoiseCurrent,
    PoissonInput,
    Population,
    Projection,
    SpikeInput,
    StepCurrent,
)
from netspec.realise import counters
from netspec.realise.counters import PoissonCounter
from netspec.testing.parts import V_M, accumulated, network, sampled, trains
from netspec.validation.ladder import oracle

DT, SEED, STEPS, SHOWN = 0.1, 5, 1500, 450  # SHOWN: steps that SciPy solves
RATES = ((30, 80, 4000.0), (80, 155, 30_000.0), (230, 400, 900.0))  # first step, last, spikes/s
WEIGHT, HAZARD, REST = 12.0, 0.1, 2.0  # pA, 1/ms, ms
SDE = NeuronModel(
    name="stochastic",
    equations="""
        dV_m/dt = (E_L - V_m)/tau_m + I_stim/C_m + sigma*sqrt(2/tau_m)*(xi + x*xi_common)
                  : mV (unless refractory)
        dx/dt = -x/tau_x + sqrt(2/tau_x)*xi_common : 1
    """,
    threshold="V_m > V_th",
    reset={"V_m": "V_reset"},
    refractory="t_ref",
    inputs={"I_stim": "pA"},
    parameters={"E_L": "-60 mV", "tau_m": "10 ms", "C_m": "100 pF", "sigma": "4 mV",
                "V_th": "-50 mV", "V_reset": "-65 mV", "t_ref": "1 ms", "tau_x": "5 ms"},
    initial={"V_m": "E_L"},
    integrator="euler",
)  # fmt: skip


def escaping(name, size, **parameters):
    return Population(name=name, size=size, model="gif_psc_exp", parameters=parameters)


def described():
    populations = [
        escaping("quiet", 5, V_T_star=100.0, tau_syn_ex=2.0),
        escaping("lively", 8, V_T_star=-52.0, Delta_V=3.0, lambda_0=0.05, t_ref=1.5, q_sfa_2=2.0,
                 q_stc_3=15.0),
        escaping("still", 200, V_T_star=-70.0, V_reset=-70.0, lambda_0=HAZARD, t_ref=REST),
        Population(name="stochastic", size=6, model=SDE),
    ]  # fmt: skip
    noise = [
        NoiseCurrent(name="white", target="quiet", mean=20.0, sd=60.0, start=2.0, stop=14.0),
        NoiseCurrent(name="slow", target="quiet", sd=40.0, tau=4.0, every=0.5, start=5.2,
                     neurons=[0, 3]),
        NoiseCurrent(name="kicks", target="lively", mean=100.0, sd=50.0, tau=8.0, every=1.0),
    ]  # fmt: skip
    return network(
        "noise",
        populations,
        ("V_m",),
        noise_currents=noise,
        current_inputs=[CurrentInput(name="dc", target="quiet", amplitude=10.0, neurons=[0, 1])],
        step_currents=[
            StepCurrent(name="steps", target="quiet", times=[0.1, 9.0], amplitudes=[30.0, -20.0])
        ],
        poisson_inputs=[
            PoissonInput(name="changing", target="quiet", receptor="excitatory", weight=WEIGHT,
                         rate=4000.0, start=2.0, delay=1.0, stop=39.0, times=[7.0, 14.5, 22.0],
                         rates=[30_000.0, 0.0, 900.0])
        ],
        projections=[
            Projection(name="loop", pre="lively", post="lively", receptor="inhibitory",
                       rule={"kind": "fixed_indegree", "indegree": 3}, weight=-20.0, delay=0.7)
        ],
    )  # fmt: skip


def events(size):
    """Return netspec's events of the changing input by step and neuron, shape (SHOWN, size)."""
    found = np.zeros((SHOWN, size), int)
    for first, last, rate in RATES:
        counter = PoissonCounter.of(SEED, "changing", rate * DT / 1000, size)
        found[first:last] = counter.numbers(first, last - first)
    return found


@pytest.fixture(scope="module")
def run(simulate):
    return simulate(described(), STEPS * DT, DT, SEED, noise="shared", connectivity="shared")


@pytest.fixture(scope="module")
def expected():
    whole = described()
    at, neurons = np.nonzero(number := events(5))
    repeats = number[at, neurons]
    given = SpikeInput(name="changing", target="quiet", receptor="excitatory", weight=WEIGHT,
                       times=(np.repeat(at + 1, repeats) * DT).tolist(),
                       neurons=np.repeat(neurons, repeats).tolist())  # fmt: skip
    update = {"populations": whole.populations[:2], "recorders": (), "poisson_inputs": (),
              "spike_inputs": (given,)}  # fmt: skip
    return oracle.solve(whole.model_copy(update=update), DT, SHOWN, SEED, rtol=1e-10)


def apart(run, expected, population):
    found = sampled(run, population, "V_m")[:SHOWN]
    return float(np.abs(found - expected.values[population, "V_m"]).max())


def test_noise_currents_and_changing_rates_are_those_of_scipy(
    run, expected, tolerance, record_property
):
    """White and correlated, on all neurons and on some, beside other currents of the same input."""
    largest = apart(run, expected, "quiet")
    record_property("largest difference of V_m, noise currents (mV)", largest)
    rounding = V_M + accumulated(expected, "I_syn_ex", 20.0 / DT)
    assert largest < tolerance(1e-6, rounding)
    # of neurons that differ in nothing but noise
    assert np.ptp(expected.values["quiet", "V_m"][-1]) > 0.1


def test_neurons_escape_when_scipys_do(run, expected, tolerance):
    if tolerance.single:
        pytest.skip("spikes of 32-bit states part from those of SciPy by and by")
    assert apart(run, expected, "lively") < 1e-6
    found = [[s for s in train if s <= SHOWN] for train in trains(run, "lively")]
    assert found == expected.spikes["lively"]
    assert sum(map(len, found)) > 8 and not any(trains(run, "quiet"))


def test_a_constant_escape_rate_makes_a_poisson_process_with_dead_time(run):
    """The hazard is the same however long ago the last spike was; first spikes are geometric."""
    spikes, chance = trains(run, "still"), -np.expm1(-HAZARD * DT)
    first = np.array([train[0] for train in spikes if train])
    assert len(first) >= 199  # exp(-15) of them have none
    assert kstest(first + np.linspace(-0.5, 0.5, len(first)), geom(chance).cdf).pvalue > 0.01
    held = round(REST / DT)
    waits = np.concatenate([np.diff(train) for train in spikes]) - held
    ends = np.array([STEPS - train[-1] - held for train in spikes if train])  # without a spike
    assert waits.min() == 1
    for low, high in ((0, 20), (20, 60), (60, 150), (150, 400)):
        # steps in which a neuron might have spiked, that long after its rest, and those it did in
        tried = sum(np.clip(np.concatenate([waits, np.maximum(ends, 0)]) - low, 0, high - low))
        found = np.count_nonzero((waits > low) & (waits <= high))
        assert abs(found - tried * chance) < 4 * np.sqrt(tried * chance), (low, high)


def test_a_stochastic_equation_is_that_of_euler_and_maruyama(run, tolerance):
    """One noise moves both equations; another has numbers of its own."""
    size, steps = 6, np.arange(STEPS)
    own, common = (
        counters.normal_numbers(
            counters.neuron_states(counters.input_key(SEED, "stochastic", name), np.arange(size)),
            steps,
        )
        for name in ("xi", "xi_common")
    )
    v, x, left = np.full(size, -60.0), np.zeros(size), np.zeros(size, int)
    volts, found = np.empty((STEPS, size)), [[] for _ in range(size)]
    for k in steps:
        left = np.maximum(left - 1, 0)
        noise = 4.0 * np.sqrt(2 / 10) * (own[k] + x * common[k]) * np.sqrt(DT)
        v = np.where(left > 0, v, v + DT * (-60.0 - v) / 10 + noise)
        x = x - DT * x / 5 + np.sqrt(2 / 5) * common[k] * np.sqrt(DT)
        firing = (v > -50) & (left == 0)
        v, left = np.where(firing, -65.0, v), np.where(firing, 11, left)
        volts[k] = v
        for neuron in np.flatnonzero(firing):
            found[neuron].append(k + 1)
    if not tolerance.single:
        assert trains(run, "stochastic") == found and sum(map(len, found)) > 5
    shown = slice(None) if not tolerance.single else slice(min(s for t in found for s in t[:1]) - 1)
    apart = np.abs(sampled(run, "stochastic", "V_m")[shown] - volts[shown]).max()
    assert apart < tolerance(1e-9, V_M)


def test_threads_and_parts_change_nothing(run, simulate, adapter):
    if "shards" in adapter.options:
        more = {"options": {"shards": "3"}}
    elif adapter.threaded:
        more = {"threads": 2}
    else:
        pytest.skip("it runs on one thread, in one way")
    shared = {"noise": "shared", "connectivity": "shared"}
    other = simulate(described(), STEPS * DT, DT, SEED, **shared, **more)
    for name in ("quiet", "lively", "still", "stochastic"):
        assert trains(other, name) == trains(run, name)
        assert np.array_equal(sampled(other, name, "V_m"), sampled(run, name, "V_m"))


@pytest.mark.long
def test_another_seed_is_other_noise(run, simulate):
    other = simulate(described(), STEPS * DT, DT, SEED + 1, noise="shared", connectivity="shared")
    for name in ("lively", "still", "stochastic"):
        assert trains(other, name) != trains(run, name)
    both = (sampled(found, "quiet", "V_m")[100] for found in (run, other))
    assert (np.subtract(*both) != 0).all()
