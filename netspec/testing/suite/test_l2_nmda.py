"""L2: NMDA: gating by spikes, saturation, and the sum over all presynaptic neurons.

A backend whose ledger calls its NMDA exact must give SciPy's voltages; one that names an
approximation must be wrong by what its ledger says, and by no more.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from netspec import ContinuousProjection, SpikeInput, StepCurrent
from netspec.errors import UnsupportedError
from netspec.execute.contract import RunRequest, get_backend
from netspec.testing.parts import (
    WALK,
    accumulated,
    choices,
    conductance,
    difference,
    network,
    sampled,
    trains,
)
from netspec.validation.ladder import oracle

STEPS = 1500
RATES = {"slow": 10.0, "fast": 40.0}  # spikes/s
GATES = ("slow", "fast", "saturated")
# approximation -> error allowed of a mean depolarisation, beyond the figure of the ledger
ALLOWED = {"nmda-instant-rise": 0.006, "nmda-delay": 0.002}
RING = 12


def coupling(name, pre, post, **kernel):
    return ContinuousProjection(
        name=name, pre=pre, post=post, source="s_NMDA", target="g_NMDA", kernel=kernel
    )


def gates(variables=("V_m",)):
    """Three senders that spike at 10/s, at 40/s and all the time, each with its own receiver."""
    populations = [conductance(f"from_{name}") for name in GATES]
    populations += [conductance(f"to_{name}", V_th=50.0) for name in GATES]
    populations += [conductance("to_all", 2, V_th=50.0)]
    trigger = {name: np.arange(10.0, 145.0, 1000 / rate) for name, rate in RATES.items()}
    couplings = [coupling(n, f"from_{n}", f"to_{n}", kind="uniform", weight=5.0) for n in GATES]
    couplings += [
        coupling(f"{name}_too", f"from_{name}", "to_all", kind="uniform", weight=weight)
        for name, weight in (("slow", 1.0), ("saturated", 3.0))
    ]
    return network(
        "gates",
        populations,
        variables,
        continuous_projections=couplings,
        spike_inputs=[
            SpikeInput(name=f"trigger_{name}", target=f"from_{name}", receptor="AMPA",
                       times=times, neurons=[0] * len(times), weight=199.0)
            for name, times in trigger.items()
        ],
        step_currents=[StepCurrent(name="drive", target="from_saturated", times=(5.0, 120.0),
                                   amplitudes=(4000.0, 0.0))],
    )  # fmt: skip


def ring():
    """A ring of neurons coupled by a Gaussian kernel, some driven, and a population aside."""
    return network(
        "ring",
        [conductance("ring", RING, C_m=400.0), conductance("aside", 5, V_th=0.0)],
        ("V_m",),
        continuous_projections=[
            coupling("around", "ring", "ring", kind="ring", weight=1.0, J_plus=1.9, sigma=40.0),
            coupling("out", "ring", "aside", kind="uniform", weight=0.4),
        ],
        step_currents=[
            StepCurrent(name="cue", target="ring", times=(2.0, 30.0), amplitudes=(1500.0, 0.0),
                        neurons=(3, 4)),
            StepCurrent(name="second", target="ring", times=(20.0,), amplitudes=(900.0,),
                        neurons=(9,)),
        ],
    )  # fmt: skip


def solution(described):
    return oracle.solve(described, 0.1, STEPS, rtol=1e-10)


def approximations(backend, described, options):
    """Return the approximations of NMDA; those of a precision are asked for by other options."""
    request = RunRequest(network=described, backend=backend, options=options)
    return get_backend(backend).plan(request).ledger.approximations()


@pytest.fixture
def runs(simulate, backend, agreed):
    """Give a function that yields (run, its approximations of NMDA), for every way to do NMDA."""

    def every(described):
        for options in choices(backend, "nmda"):
            names = approximations(backend, described, options)
            assert set(names) <= set(ALLOWED)
            run = simulate(described, STEPS * 0.1, options=options, approximations=names)
            assert run.manifest["approximations"] == [*names, *agreed]
            yield run, names

    return every


def figures(run):
    """Return rate -> error of the mean of s_NMDA, as the ledger of a run names it."""
    text = next(entry["error"] for entry in run.manifest["ledger"] if entry["name"] in ALLOWED)
    found = re.findall(r"([+-][\d.]+)% at ([\d.]+)", text)
    return {float(rate): float(percent) / 100 for percent, rate in found}


def allowed(run, names, expected):
    """Return the largest difference of V_m (mV) that a run's ledger allows a gated neuron."""
    if not names:
        return 1e-3
    if names == ["nmda-delay"]:  # one step, of an input that is constant within steps
        return 1e-3 + np.abs(np.diff(expected, axis=0)).max()
    # at any one time, s is wrong by more than its mean: it does not rise but jumps
    return 0.1 * np.abs(expected - expected[0]).max()


def test_an_approximation_of_nmda_runs_only_if_it_is_agreed_to(simulate, backend, asked, agreed):
    described = gates()
    for options in choices(backend, "nmda"):
        found = approximations(backend, described, asked | options)
        names = [name for name in found if name not in agreed]
        for name in names:
            with pytest.raises(UnsupportedError, match=f"--approximate {name}"):
                simulate(described, STEPS * 0.1, options=options)
            with pytest.raises(UnsupportedError, match=name):
                simulate(described, STEPS * 0.1, options=options, approximations=["other"])
        if not names:
            run = simulate(described, STEPS * 0.1, options=options)
            assert run.manifest["approximations"] == agreed


def test_senders_spike_as_in_scipy(runs):
    expected = solution(gates())
    assert len(expected.spikes["from_slow"][0]) == 2
    assert len(expected.spikes["from_fast"][0]) == 6
    for run, _ in runs(gates()):
        for population, found in expected.spikes.items():
            assert trains(run, population) == found, population


def test_v_m_of_receivers_is_that_of_scipy_as_far_as_the_ledger_says(runs, record_property):
    expected = solution(gates())
    for run, names in runs(gates()):
        for name in (*GATES, "all"):
            largest = difference(run, expected, "V_m", [f"to_{name}"])
            what = f"largest difference of V_m, NMDA {'+'.join(names) or 'exact'} (mV)"
            record_property(what, largest)
            assert largest < allowed(run, names, expected.values[f"to_{name}", "V_m"]), name


def test_the_mean_effect_of_a_train_is_that_of_scipy_as_far_as_the_ledger_says(runs):
    expected = solution(gates())
    interval = slice(1108, 1358)  # the last whole one between two spikes
    assert {1108, 1358} <= set(expected.spikes["from_fast"][0])
    for run, names in runs(gates()):
        found = sampled(run, "to_fast", "V_m")[interval].mean() + 70
        ratio = found / (expected.values["to_fast", "V_m"][interval].mean() + 70)
        named = figures(run).get(RATES["fast"], 0.0) if names else 0.0
        allowance = ALLOWED[names[0]] if names else 1e-3
        assert abs(ratio - 1 - named) < allowance, names


def test_gating_saturates(runs):
    expected = solution(gates())
    late = slice(900, 1150)  # 40 spikes after the beginning, and before the drive ends
    for run, _ in runs(gates()):
        v = sampled(run, "to_saturated", "V_m")[:, 0] + 70
        # with s at 1 for all the time, g is the weight
        assert v[late].mean() > 0.9 * (expected.values["to_saturated", "V_m"][late].mean() + 70)
        assert np.ptp(v[late]) < 0.05 * v[late].mean()
    fast = expected.values["from_saturated", "s_NMDA"]
    assert fast[late].mean() > 0.9 and fast.max() < 1


def test_s_nmda_is_that_of_scipy_and_never_above_one(simulate, tolerance):
    described = gates(("V_m", "s_NMDA", "x_NMDA"))
    run = simulate(described, STEPS * 0.1, approximations=["all"])
    expected = solution(described)
    rounding = accumulated(expected, "x_NMDA", 20)
    assert difference(run, expected, "x_NMDA") < tolerance(1e-9, rounding)
    assert difference(run, expected, "s_NMDA") < 5e-4
    assert sampled(run, "from_saturated", "s_NMDA").max() < 1
    # summation: every spike of the fast train adds to what is left of the last one
    s = sampled(run, "from_fast", "s_NMDA")[:, 0]
    spikes = trains(run, "from_fast")[0]
    peaks = [s[a:b].max() for a, b in zip(spikes, [*spikes[1:], STEPS], strict=True)]
    assert (np.diff(peaks) > 0).all() and (np.diff(peaks, 2) < 0).all()


def test_a_ring_receives_what_a_dense_matrix_product_says(runs, tolerance):
    expected = solution(ring())
    senders = [i for i, train in enumerate(expected.spikes["ring"]) if train]
    assert senders == [3, 4, 9]
    for run, names in runs(ring()):
        assert trains(run, "ring") == expected.spikes["ring"]
        for population in ("ring", "aside"):
            largest = difference(run, expected, "V_m", [population])
            silent = expected.values[population, "V_m"]
            silent = silent[:, [0, 6]] if population == "ring" else silent
            assert largest < allowed(run, names, silent), population
        v = sampled(run, "ring", "V_m")
        # 3.5 is the centre: its neighbours on both sides are alike as long as only 3 and 4 send
        alike = tolerance(1e-9, WALK)  # sums of floats depend on their order
        np.testing.assert_allclose(v[:200, 2], v[:200, 5], rtol=0, atol=alike)
        np.testing.assert_allclose(v[:200, 0], v[:200, 7], rtol=0, atol=alike)
        assert v[199, 2] + 70 > 1.5 * (v[199, 0] + 70) > 0.05
