"""L1: one conductance-based neuron, against the solution of its equations.

Its voltage has no closed form within a step, so backends integrate it in different ways. What is
asked of all is an error below a microvolt, which vanishes with the time step or is that of an
adaptive solver from the start.
"""

from __future__ import annotations

import numpy as np
import pytest

from netspec import CurrentInput, SpikeInput, StepCurrent
from netspec.errors import UnsupportedError
from netspec.execute.contract import RunRequest, get_backend
from netspec.testing.parts import (
    CONDUCTANCES,
    WALK,
    accumulated,
    conductance,
    difference,
    network,
    sampled,
    trains,
)
from netspec.validation.ladder import oracle

DURATION = 60.0
STEPS_PER_MS = (10, 20)
TOLERANCE = 1e-3  # mV
ADAPTIVE = 2e-5  # mV, what an adaptive solver is allowed at every time step
EVENTS = {  # target -> receptor -> (weight in nS, times in ms)
    "ampa": {"AMPA": (6.0, (5.0, 5.0, 8.2, 8.3, 20.0, 41.7))},
    "gaba": {"GABA": (4.0, (5.0, 12.0, 12.0, 30.0))},
    "gaba_below": {"GABA": (4.0, (5.0, 12.0, 12.0, 30.0))},
    "gaba_at": {"GABA": (4.0, (5.0, 12.0, 12.0, 30.0))},
    "both": {"AMPA": (9.0, (5.0, 12.0, 12.0)), "GABA": (5.0, (7.0, 11.0, 40.0))},
    "to_spike": {"AMPA": (60.0, (5.0, 6.0, 7.0, 33.3, 34.0, 34.5))},
    "pulled": {"AMPA": (40.0, tuple(np.arange(5.0, 55.0, 0.5).tolist()))},
}
SMOOTH = ["step", "ampa", "gaba", "gaba_below", "both", "drawn"]
SPIKING = ["spiking", "to_spike", "drawn_spiking"]
UNIFORM = {"kind": "uniform"}


def conductance_neurons():
    drawn = {
        "C_m": {"kind": "normal", "mean": 400.0, "sd": 50.0, "low": 200.0},
        "g_L": {**UNIFORM, "low": 15.0, "high": 30.0},
        "t_ref": {**UNIFORM, "low": 1.0, "high": 3.0},
        "tau_AMPA": {**UNIFORM, "low": 1.0, "high": 3.0},
        "tau_GABA": {**UNIFORM, "low": 5.0, "high": 12.0},
        "E_GABA": {**UNIFORM, "low": -80.0, "high": -65.0},
        "V_reset": {**UNIFORM, "low": -65.0, "high": -55.0},
    }
    start = {
        "V_m": {**UNIFORM, "low": -75.0, "high": -55.0},
        "g_AMPA": {**UNIFORM, "low": 0.0, "high": 5.0},
        "g_GABA": 3.0,
    }
    populations = [
        conductance("step"),
        conductance("spiking"),
        conductance("ampa"),
        conductance("gaba", initial={"V_m": -60.0}),
        conductance("gaba_below", initial={"V_m": -80.0}),
        conductance("gaba_at"),
        conductance("both"),
        conductance("to_spike"),
        conductance("pulled", V_th=50.0, g_L=1.0, C_m=200.0),
        conductance("drawn", 4, initial=start, V_th=0.0, **drawn),
        conductance("drawn_spiking", 4, initial=start, **drawn),
    ]
    currents = {"step": ((10.0, 40.0), (300.0, -100.0)), "spiking": ((0.2, 45.0), (900.0, 0.0)),
                "drawn_spiking": ((0.2,), (1000.0,)), "drawn": ((20.0,), (300.0,))}  # fmt: skip
    return network(
        "conductances",
        populations,
        CONDUCTANCES,
        step_currents=[
            StepCurrent(name=f"into_{target}", target=target, times=times, amplitudes=amplitudes)
            for target, (times, amplitudes) in currents.items()
        ],
        spike_inputs=[
            SpikeInput(name=f"{receptor}_{target}", target=target, receptor=receptor, times=times,
                       neurons=[0] * len(times), weight=weight)
            for target, receptors in EVENTS.items()
            for receptor, (weight, times) in receptors.items()
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(simulate):
    """Return steps per ms -> (run, SciPy's solution)."""
    described = conductance_neurons()
    return {
        n: (simulate(described, DURATION, 1 / n), oracle.solve(described, 1 / n, 60 * n))
        for n in STEPS_PER_MS
    }


@pytest.fixture(scope="module")
def coarse(runs):
    return runs[STEPS_PER_MS[0]]


def test_v_m_is_that_of_scipy_within_a_microvolt(coarse, record_property):
    largest = difference(*coarse, "V_m", SMOOTH)
    record_property("largest difference of V_m, iaf_cond_nmda (mV)", largest)
    assert largest < TOLERANCE


def test_the_difference_of_v_m_vanishes_with_the_time_step(runs, tolerance):
    for population in [*SMOOTH, "pulled"]:
        coarse, fine = (difference(*runs[n], "V_m", [population]) for n in STEPS_PER_MS)
        assert fine < max(coarse / 3, tolerance(ADAPTIVE, WALK)), population


@pytest.mark.parametrize("variable", CONDUCTANCES[1:])
def test_conductances_are_those_of_scipy(coarse, tolerance, variable):
    steps = {"g_AMPA": 3.0, "g_GABA": 12.0}[variable] / 0.1  # the longest time constant drawn
    rounding = accumulated(coarse[1], variable, steps)
    assert difference(*coarse, variable) < tolerance(1e-5, rounding)
    assert np.ptp(sampled(coarse[0], "both", variable)) > 4


@pytest.mark.parametrize("steps_per_ms", STEPS_PER_MS)
def test_spike_steps_of_conductance_neurons_are_those_of_scipy(runs, steps_per_ms):
    run, expected = runs[steps_per_ms]
    for population, found in expected.spikes.items():
        assert trains(run, population) == found, population
    assert all(train for name in SPIKING for train in expected.spikes[name])


def test_gaba_pulls_v_m_towards_its_reversal_potential_from_both_sides(coarse):
    run, _ = coarse
    before, after = 49, 69  # steps: at the first event, and 2 ms later
    for population, sign in (("gaba", -1), ("gaba_below", 1)):
        leak = sampled(run, population, "V_m")[:, 0]
        assert sign * (leak[after] - leak[before]) > 0
    np.testing.assert_allclose(sampled(run, "gaba_at", "V_m"), -70.0, rtol=0, atol=1e-9)
    above, below = (sampled(run, name, "V_m")[:, 0] for name in ("gaba", "gaba_below"))
    # E_L is E_GABA here, so both approach it from their side and never cross
    assert (above > -70).all() and (below < -70).all() and above[-1] - below[-1] < 1


def test_ampa_pulls_v_m_to_its_reversal_potential_and_not_beyond(coarse):
    pulled = sampled(coarse[0], "pulled", "V_m")[:, 0]
    assert -1 < pulled.max() < 0


def test_a_current_from_time_zero_acts_from_the_first_step_or_is_named(
    simulate, backend, asked, agreed
):
    described = network(
        "late",
        [conductance("input"), conductance("parameter", I_e=300.0)],
        ("V_m",),
        current_inputs=[CurrentInput(name="constant", target="input", amplitude=300.0)],
    )
    exact = oracle.solve(described, 0.1, 200)
    request = RunRequest(network=described, backend=backend, options=asked)
    found = get_backend(backend).plan(request).ledger.approximations()
    named = [name for name in found if name not in agreed]
    if named:
        assert named == ["late-current"]
        with pytest.raises(UnsupportedError, match="--approximate late-current"):
            simulate(described, 20.0)
    run = simulate(described, 20.0, approximations=named)
    late = 0
    if named:
        (late,) = {int(e["error"].split()[0]) for e in run.manifest["ledger"] if e["name"] in named}
    assert run.manifest["approximations"] == [*named, *agreed]
    for population in ("input", "parameter"):
        v, expected = sampled(run, population, "V_m"), exact.values[population, "V_m"]
        np.testing.assert_array_equal(v[:late], -70.0)
        np.testing.assert_allclose(v[late:], expected[: len(v) - late], rtol=0, atol=TOLERANCE)
