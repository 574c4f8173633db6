"""L2: two current-based neurons and the synapse between them, in steps and in millivolts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netspec import CurrentInput, Projection, StepCurrent
from netspec.testing.parts import (
    CURRENTS,
    PD14,
    V_M,
    accumulated,
    choices,
    difference,
    network,
    neuron,
    sampled,
    trains,
)
from netspec.validation.ladder import oracle

WEIGHT = 87.8  # pA
# ms -> steps of 0.1 ms; halves go up, and there is no delay below one step
DELAYS = {0.1: 1, 0.2: 2, 1.5: 15, 0.15: 2, 0.34: 3, 0.36: 4, 0.25: 3, 0.02: 1, 0.0: 1, 5.0: 50}
CONSTANT = {"none": None, "one": 0.1, "short": 0.15, "long": 1.5}


def explicit(pre, post, **values):
    return {"kind": "explicit", "pre": pre, "post": post, **values}


def pairs():
    """A source of two neurons, each of which spikes once, and targets of every kind."""
    n = len(DELAYS)
    populations = [neuron("source", 2), neuron("delayed", n), neuron("multapse", 3)]
    populations += [neuron(f"after_{name}") for name in CONSTANT] + [neuron("inhibited")]
    populations.append(neuron("autapse", I_e=600.0))

    def projection(name, post, rule, weight=WEIGHT, delay=None, receptor="excitatory"):
        pre = "autapse" if post == "autapse" else "source"
        return Projection(name=name, pre=pre, post=post, receptor=receptor, rule=rule,
                          weight=weight, delay=delay)  # fmt: skip

    several = explicit([0, 0, 0, 0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1, 1, 1],
                       weight=[80.0] * 6 + [10.0, 20.0, 40.0],
                       delay=[1.0] * 6 + [0.5, 0.5, 2.0])  # fmt: skip
    return network(
        "pair",
        populations,
        CURRENTS,
        projections=[
            projection("to_delayed", "delayed", explicit([0] * n, range(n), delay=list(DELAYS))),
            projection("to_multapse", "multapse", several),
            projection("to_inhibited", "inhibited", {"kind": "all_to_all"}, -4 * WEIGHT, 0.8,
                       "inhibitory"),
            projection("to_itself", "autapse", {"kind": "one_to_one"}, -500.0, 1.5, "inhibitory"),
            *(
                projection(f"to_{name}", f"after_{name}", {"kind": "fixed_indegree", "indegree": 2,
                                                           "allow_multapses": False}, WEIGHT, delay)
                for name, delay in CONSTANT.items()
            ),
        ],
        step_currents=[
            StepCurrent(name="first", target="source", times=(5.0, 7.5), amplitudes=(2000.0, 0.0),
                        neurons=[0]),
            StepCurrent(name="second", target="source", times=(25.0, 27.5),
                        amplitudes=(2000.0, 0.0), neurons=[1]),
        ],
    )  # fmt: skip


@pytest.fixture(scope="module", params=["shared", "native"])
def pair(simulate, request):
    return simulate(pairs(), 50.0, connectivity=request.param)


@pytest.fixture(scope="module")
def expected():
    return oracle.solve(pairs(), 0.1, 500)


@pytest.fixture(scope="module")
def spike(pair):
    """Return the step of the first source neuron's spike; it and the second neuron have one."""
    (first,), (second,) = trains(pair, "source")
    assert second == first + 200
    return first


def psp(steps, weight=WEIGHT):
    """Return the closed form of a PSP, some steps after the event."""
    tau_m, tau_s, t = PD14["tau_m"], PD14["tau_syn_ex"], 0.1 * np.asarray(steps)
    shape = np.exp(-t / tau_m) - np.exp(-t / tau_s)
    return weight / PD14["C_m"] * tau_m * tau_s / (tau_m - tau_s) * shape


def onset(values):
    """Return the step at whose end the values first differ from those at the start."""
    return int(np.argmax(values != values[0])) + 1


def test_everything_is_that_of_scipy(pair, expected, tolerance, record_property):
    largest = difference(pair, expected, "V_m")
    record_property("largest difference of V_m, connected iaf_psc_exp (mV)", largest)
    assert largest < tolerance(1e-6, V_M)
    for variable in CURRENTS[1:]:
        rounding = accumulated(expected, variable, 5)  # tau_syn / dt
        assert difference(pair, expected, variable) < tolerance(1e-6, rounding)
    for population, found in expected.spikes.items():
        assert trains(pair, population) == found, population
    assert len(expected.spikes["autapse"][0]) > 1


def test_an_event_is_in_the_current_after_the_delay_and_in_v_m_a_step_later(pair, spike, tolerance):
    current, v = (sampled(pair, "delayed", name) for name in ("I_syn_ex", "V_m"))
    for index, (delay, steps) in enumerate(DELAYS.items()):
        assert onset(current[:, index]) == spike + steps, f"{delay} ms"
        assert onset(v[:, index]) == spike + steps + 1, f"{delay} ms"
        assert current[spike + steps - 1, index] == tolerance.held(WEIGHT)


@pytest.mark.parametrize(("name", "steps"), [("none", 1), ("one", 1), ("short", 2), ("long", 15)])
def test_one_delay_for_all_is_a_whole_number_of_steps_and_at_least_one(
    pair, spike, tolerance, name, steps
):
    current = sampled(pair, f"after_{name}", "I_syn_ex")[:, 0]
    assert onset(current) == spike + steps
    first, second = spike + steps, spike + 200 + steps  # the two sources, 20 ms apart
    assert current[first - 1] == tolerance.held(WEIGHT)
    assert current[second - 1] - current[second - 2] * math.exp(-0.2) == pytest.approx(WEIGHT)


def test_a_psp_has_its_closed_form_and_a_peak_of_a_seventh_of_a_millivolt(pair, spike, tolerance):
    v = sampled(pair, "delayed", "V_m")
    for index, steps in enumerate(DELAYS.values()):
        after = v[spike + steps - 1 :, index] - PD14["E_L"]
        np.testing.assert_allclose(after, psp(np.arange(len(after))), rtol=0,
                                   atol=tolerance(1e-9, V_M))  # fmt: skip
        assert after.max() == pytest.approx(0.15, rel=1e-3)
        # the maximum lies at 1.577 ms
        assert np.argmax(after) == 16


def test_excitation_pulls_v_m_up_and_inhibition_down(pair):
    up, down = (sampled(pair, name, "V_m")[:, 0] for name in ("after_long", "inhibited"))
    assert up.min() == PD14["E_L"] < up.max()
    assert down.max() == PD14["E_L"] > down.min()
    assert (sampled(pair, "inhibited", "I_syn_ex") == 0).all()
    assert (sampled(pair, "after_long", "I_syn_in") == 0).all()


def test_each_of_several_synapses_between_a_pair_delivers(pair, spike, tolerance):
    v = sampled(pair, "multapse", "V_m") - PD14["E_L"]
    t = np.arange(500) + 1 - spike  # steps since the first spike, at the end of each step
    five = psp(np.maximum(t - 10, 0), 400.0) + psp(np.maximum(t - 210, 0), 80.0)
    mixed = psp(np.maximum(t - 5, 0), 30.0) + psp(np.maximum(t - 220, 0), 40.0)
    np.testing.assert_allclose(v[:, 0], five, rtol=0, atol=tolerance(1e-9, V_M))
    np.testing.assert_allclose(v[:, 1], mixed, rtol=0, atol=tolerance(1e-9, V_M))
    assert (v[:, 2] == 0).all()


def test_all_to_all_delivers_every_pair_however_it_is_built(simulate, backend, tolerance):
    """All spikes of sources, some at one step, some one after the other; no self if so asked."""

    def described(**rule):
        return network(
            "all_to_all",
            [neuron("source", 6), neuron("target", 3, I_e=100.0), neuron("other", 4, I_e=380.0)],
            CURRENTS,
            current_inputs=[
                CurrentInput(name=f"drive{i}", target="source", neurons=[i], amplitude=amplitude)
                for i, amplitude in enumerate((500.0, 500.0, 503.0, 900.0, 1400.0, 2.0))
            ],
            projections=[
                Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor="inhibitory",
                           rule={"kind": "all_to_all", "allow_autapses": pre != post},
                           weight=weight, delay=delay)
                for pre, post, weight, delay in (("source", "target", -60.0, 0.7),
                                                 ("source", "source", -20.0, None),
                                                 ("other", "other", -40.0, 2.5),
                                                 ("other", "target", -10.0, 0.2))
            ],
        )  # fmt: skip

    expected = oracle.solve(described(), 0.1, 800)
    assert sum(len(train) for train in expected.spikes["source"]) > 20
    for options in choices(backend, "all_to_all"):
        run = simulate(described(), 80.0, options=options)
        assert difference(run, expected, "V_m") < tolerance(1e-6, V_M)
        rounding = accumulated(expected, "I_syn_in", 5)
        assert difference(run, expected, "I_syn_in") < tolerance(1e-6, rounding)
        for population, found in expected.spikes.items():
            assert trains(run, population) == found, population
        counts = {"source_target": 18, "source_source": 30, "other_other": 12, "other_target": 12}
        assert run.manifest["synapses"] == counts
