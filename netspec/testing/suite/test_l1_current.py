"""L1: one current-based neuron, against the solution of its equations."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from netspec import CurrentInput, Recorder, Simulation, SpikeInput, StepCurrent, run
from netspec.realise import drawing
from netspec.testing.parts import (
    CURRENTS,
    PD14,
    V_M,
    accumulated,
    difference,
    difference_before,
    network,
    neuron,
    partings,
    sampled,
    trains,
)
from netspec.validation.ladder import oracle

STEPS = 2000
TOLERANCE = 1e-6  # mV
# t_ref (ms) -> steps; some are no whole multiple of the step, in floating point or at all
REFRACTORY = {
    0.1: {0.0: 0, 0.1: 1, 0.3: 3, 0.34: 3, 0.36: 4, 0.7: 7, 1.9: 19, 2.0: 20, 2.3: 23},
    0.05: {0.0: 0, 0.15: 3, 0.3: 6, 0.35: 7, 0.7: 14, 1.9: 38, 2.0: 40, 5.1: 102},
}
LEVELS = [float(level) for level in range(350, 1500, 75)]  # pA
WINDOW = (20.0, 60.0)
NORMAL = {"kind": "normal", "low": 1.0, "high": 1000.0}


def single_neurons(dt):
    """Every condition in one network, since neurons that are not connected do not interfere."""
    populations = [
        neuron("dc", I_e=500.0),
        neuron("input"),
        neuron("window", 3),
        neuron("staircase"),
        neuron("levels", len(LEVELS)),
        neuron("events", 3),
        neuron("equal_taus", tau_syn_ex=10.0, tau_syn_in=10.0),
        neuron("nearly_equal_taus", tau_syn_ex=10.0 + 1e-7, tau_syn_in=10.0 - 1e-5),
        neuron("above", initial={"V_m": -45.0}),
        neuron("around_zero", E_L=0.0, V_reset=0.0, V_th=15.0, I_e=500.0),
        neuron("from_zero", initial={"V_m": 0.0}, V_th=10.0, I_e=300.0),
        neuron(
            "drawn",
            8,
            initial={"V_m": {"kind": "uniform", "low": -70.0, "high": -52.0}},
            C_m={**NORMAL, "mean": 250.0, "sd": 25.0},
            tau_m={**NORMAL, "mean": 10.0, "sd": 2.0},
            tau_syn_ex={**NORMAL, "mean": 2.0, "sd": 0.5},
            E_L={"kind": "uniform", "low": -70.0, "high": -64.0},
            V_th={"kind": "normal", "mean": -50.0, "sd": 1.0},
            V_reset={"kind": "uniform", "low": -70.0, "high": -60.0},
            t_ref={"kind": "uniform", "low": 0.5, "high": 4.0},
            I_e={"kind": "uniform", "low": 400.0, "high": 900.0},
        ),
    ]
    populations += [
        neuron(f"rest{i}", I_e=800.0, t_ref=t_ref) for i, t_ref in enumerate(REFRACTORY[dt])
    ]
    receptors = {"excitatory": 87.8, "inhibitory": -351.2}
    events = {"excitatory": ((5.0, 5.0, 9.3, 31.1), (0, 2, 0, 2)),
              "inhibitory": ((7.0, 12.0, 12.0, 31.1), (1, 1, 1, 2))}  # fmt: skip
    return network(
        "single",
        populations,
        CURRENTS,
        current_inputs=[
            CurrentInput(name="constant", target="input", amplitude=500.0),
            *(
                CurrentInput(name=f"level{i}", target="levels", amplitude=level, neurons=[i])
                for i, level in enumerate(LEVELS)
            ),
        ],
        step_currents=[
            StepCurrent(name="window_on", target="window", times=WINDOW, amplitudes=(500.0, 0.0),
                        neurons=[1]),
            StepCurrent(name="stairs", target="staircase", times=(0.0, 0.1, 50.0, 100.3),
                        amplitudes=(200.0, 450.0, -300.0, 700.0)),
        ],
        spike_inputs=[
            SpikeInput(name=f"to_{target}_{receptor}", target=target, receptor=receptor,
                       times=times, weight=receptors[receptor],
                       neurons=neurons if target == "events" else [0] * len(times))
            for receptor, (times, neurons) in events.items()
            for target in ("events", "equal_taus", "nearly_equal_taus")
        ],
        recorders=[Recorder(name="some", target="window", variables=["V_m"], neurons=[1, 2],
                            interval=0.5)],
    )  # fmt: skip


@pytest.fixture(scope="module", params=list(REFRACTORY))
def dt(request):
    return request.param


@pytest.fixture(scope="module")
def expected(dt):
    return oracle.solve(single_neurons(dt), dt, STEPS)


@pytest.fixture(scope="module")
def single(simulate, dt):
    return simulate(single_neurons(dt), STEPS * dt, dt)


def test_v_m_is_that_of_scipy_within_a_millionth_of_a_millivolt(
    single, expected, dt, tolerance, record_property
):
    compare = difference_before if tolerance.single else difference
    largest = compare(single, expected, "V_m")
    record_property("largest difference of V_m, iaf_psc_exp (mV)", largest)
    assert largest < tolerance(TOLERANCE, V_M * 0.1 / dt)
    if tolerance.single and dt == 0.1:
        named = " ".join(e["error"] for e in single.manifest["ledger"] if e["name"])
        figures = re.findall(r"V_m within some ([\d.e-]+) mV", named)
        assert figures and largest < float(figures[0])


@pytest.mark.parametrize("variable", CURRENTS[1:])
def test_synaptic_currents_are_those_of_scipy(single, expected, dt, tolerance, variable):
    rounding = accumulated(expected, variable, 10.0 / dt)  # the longest time constant
    assert difference(single, expected, variable) < tolerance(1e-6, rounding)
    assert np.ptp(sampled(single, "events", variable)) > 80


def test_spike_steps_are_those_of_scipy(single, expected, dt, tolerance):
    for population, found in expected.spikes.items():
        if tolerance.single:
            assert_spikes_part_at_the_threshold(single, expected, dt, population)
        else:
            assert trains(single, population) == found, population
    assert sum(bool(train) for train in expected.spikes["drawn"]) > 5


def assert_spikes_part_at_the_threshold(run, expected, dt, population):
    """Assert that spikes are those of SciPy until V_m grazes the threshold, and then drift slowly.

    Where only one of the two spikes, V_m of the other one is below the threshold by no more than
    rounding makes of it. From then on the drive is the same, so every interval is the same or
    one step longer or shorter.
    """
    simulation = Simulation(dt=dt, warmup=0.0, duration=STEPS * dt, seed=1)
    thresholds = drawing.parameters(single_neurons(dt), population, simulation)["V_th"]
    found, wanted = trains(run, population), expected.spikes[population]
    below = sampled(run, population, "V_m"), expected.values[population, "V_m"]
    for index, step in enumerate(partings(run, expected, population)):
        if step > STEPS:
            continue
        silent = below[step in found[index]][step - 1, index]
        threshold = np.broadcast_to(thresholds, len(found))[index]
        assert threshold - V_M * 0.1 / dt < silent < threshold, f"{population} {index} at {step}"
        assert abs(len(found[index]) - len(wanted[index])) <= 1
        both = (np.diff(steps) for steps in (found[index], wanted[index]))
        assert all(abs(a - b) <= 1 for a, b in zip(*both, strict=False))


@pytest.mark.parametrize("population", ["dc", "input", "around_zero"])
def test_half_a_nanoampere_makes_the_known_spikes(single, dt, population):
    # the latency is tau ln(20/5) = 13.863 ms; then 2 ms of rest and again the latency
    steps = np.array(trains(single, population)[0][:3])
    if dt == 0.1:
        assert steps.tolist() == [139, 298, 457]
    latency = math.ceil(10 * math.log(4) / dt)
    assert steps.tolist() == [latency + k * (latency + round(2 / dt)) for k in range(3)]


def test_the_refractory_period_is_a_whole_number_of_steps(single, dt):
    latency = math.ceil(-PD14["tau_m"] * math.log(1 - 15 / 32) / dt)
    for index, steps in enumerate(REFRACTORY[dt].values()):
        intervals = np.diff(trains(single, f"rest{index}")[0])
        assert set(intervals) == {latency + steps}, f"rest{index}"
        assert trains(single, f"rest{index}")[0][0] == latency


def test_v_m_rests_for_exactly_the_refractory_period(single, dt):
    for index, steps in enumerate(REFRACTORY[dt].values()):
        first = trains(single, f"rest{index}")[0][0]
        v = sampled(single, f"rest{index}", "V_m")[:, 0]  # v[k] is at the end of step k + 1
        held = v[first - 1 : first + steps]
        np.testing.assert_allclose(held, PD14["V_reset"], rtol=0, atol=1e-12)
        assert v[first + steps] > PD14["V_reset"] + 0.05


def test_a_current_acts_from_its_first_step_to_its_last(single, dt):
    begin, end = (round(t / dt) for t in WINDOW)
    v = sampled(single, "window", "V_m")
    assert (v[:, [0, 2]] == PD14["E_L"]).all()
    assert (v[:begin, 1] == PD14["E_L"]).all() and v[begin, 1] > PD14["E_L"]
    # the step that begins at the end decays towards E_L, the one before it still rises
    rises = np.diff(v[end - 3 : end + 2, 1])
    assert (rises[:2] > 0).all() and (rises[2:] < 0).all()


def test_the_rate_follows_the_current(single, dt, tolerance):
    for neuron_index, level in enumerate(LEVELS):
        steps = trains(single, "levels")[neuron_index]
        goal = level * PD14["tau_m"] / PD14["C_m"]  # mV above E_L
        if goal < 15:
            assert not steps
            continue
        latency = -PD14["tau_m"] * math.log(1 - 15 / goal) / dt
        # V_m that is wrong by some uV is at the threshold earlier or later, by its slope there
        early = tolerance(0.0, V_M * 0.1 / dt) * PD14["tau_m"] / (goal - 15) / dt
        intervals = [math.ceil(latency + late) + round(2 / dt) for late in (-early, early)]
        assert len(set(np.diff(steps))) == 1 and intervals[0] <= steps[1] - steps[0] <= intervals[1]
        assert len(steps) == (STEPS + round(2 / dt)) // (steps[1] - steps[0])


def test_a_neuron_that_starts_above_threshold_spikes_at_the_end_of_the_first_step(single):
    assert trains(single, "above")[0][0] == 1


def test_samples_lie_at_the_ends_of_steps_and_at_the_interval_asked_for(single, dt):
    times, values = single.samples("some", "V_m")
    np.testing.assert_allclose(times, np.arange(0.5, STEPS * dt + 0.1, 0.5), rtol=1e-12)
    every = round(0.5 / dt)
    np.testing.assert_array_equal(values, sampled(single, "window", "V_m")[every - 1 :: every, 1:])
    times, values = single.samples("of_dc", "V_m")
    np.testing.assert_allclose(times, np.arange(1, STEPS + 1) * dt, rtol=1e-12)


def test_the_warm_up_changes_nothing_but_what_is_counted(
    backend, results, asked, agreed, tolerance
):
    simulation = Simulation(dt=0.1, warmup=13.9, duration=100.0, seed=1)
    alone = network("alone", [neuron("dc", I_e=500.0)], ("V_m",))
    warm = run(alone, backend, simulation, threads=1, out=results, options=asked,
               approximations=agreed)  # fmt: skip
    times, v = warm.samples("of_dc", "V_m")
    np.testing.assert_allclose(times, np.arange(1, 1140) * 0.1, rtol=1e-12)
    expected = oracle.solve(alone, 0.1, 1139).values["dc", "V_m"]
    np.testing.assert_allclose(v, expected, rtol=0, atol=tolerance(TOLERANCE, V_M))
    assert trains(warm, "dc") == [[139, 298, 457, 616, 775, 934, 1093]]
    # the spike at 13.9 ms ends the last step of the warm-up, so it is not counted
    assert warm.spikes("dc").steps.tolist() == [298, 457, 616, 775, 934, 1093]
    assert warm.spikes("dc").rate() == pytest.approx(60.0)
