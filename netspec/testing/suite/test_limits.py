"""What one simulator cannot do: its ledger says so, and the others do it as SciPy does."""

from __future__ import annotations

import pytest

from netspec import ContinuousProjection, SpikeInput, StepCurrent
from netspec.errors import UnsupportedError
from netspec.execute.contract import RunRequest, get_backend
from netspec.testing.parts import (
    CURRENTS,
    V_M,
    accumulated,
    conductance,
    difference,
    network,
    neuron,
    trains,
)
from netspec.validation.ladder import oracle

NAMES = ("started", "signed", "early")
STARTED = {"I_syn_ex": 200.0, "I_syn_in": {"kind": "uniform", "low": -90.0, "high": -10.0}}


def spikes(target, time, weight):
    return SpikeInput(name=f"to_{target}", target=target, receptor="excitatory", times=[time, 9.0],
                      neurons=[0, 1], weight=weight)  # fmt: skip


def unusual(*names):
    """Currents at the start, a negative weight at an excitatory receptor, an early event."""
    populations = {
        "started": neuron("started", 2, initial=STARTED),
        "signed": neuron("signed", 2, tau_syn_in=3.0),
        "early": neuron("early", 2),
    }
    inputs = {"signed": spikes("signed", 5.0, -87.8), "early": spikes("early", 0.1, 87.8)}
    return network("unusual", [populations[name] for name in names], CURRENTS,
                   spike_inputs=[inputs[name] for name in names if name in inputs])  # fmt: skip


def ledger(backend, described, options):
    request = RunRequest(network=described, backend=backend, options=options)
    return get_backend(backend).plan(request).ledger


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_answers_for_what_is_unusual(backend, name, asked, agreed):
    ledger(backend, unusual(name), asked).check(tuple(agreed))


def test_what_is_unusual_is_as_in_scipy(simulate, tolerance):
    described = unusual(*NAMES)
    expected = oracle.solve(described, 0.1, 200)
    run = simulate(described, 20.0)
    assert difference(run, expected, "V_m") < tolerance(1e-6, V_M)
    for variable in CURRENTS[1:]:
        rounding = accumulated(expected, variable, 30)  # the longer tau_syn / dt
        assert difference(run, expected, variable) < tolerance(1e-6, rounding)


def test_an_event_at_time_zero_is_refused_by_all(backend, asked):
    described = network("zero", [neuron("A", 2)], spike_inputs=[spikes("A", 0.0, 87.8)])
    with pytest.raises(UnsupportedError, match=r"spike_inputs\.to_A"):
        ledger(backend, described, asked).check(("all",))


def test_an_almost_constant_magnesium_block_is_exact_or_named(simulate, backend, agreed):
    """With a slope per volt, as in one published code, the block hardly changes."""
    slope = {"Mg_slope": 6.2e-5}
    described = network(
        "block",
        [conductance("sender", **slope), conductance("receiver", V_th=-45.0, **slope)],
        ("V_m",),
        continuous_projections=[
            ContinuousProjection(name="gate", pre="sender", post="receiver", source="s_NMDA",
                                 target="g_NMDA", kernel={"kind": "uniform", "weight": 5.0})
        ],
        step_currents=[StepCurrent(name="drive", target="sender", times=(2.0,),
                                   amplitudes=(3000.0,))],
    )  # fmt: skip
    expected = oracle.solve(described, 0.1, 600, rtol=1e-10)
    assert len(expected.spikes["sender"][0]) > 5
    exact = "nmda" not in get_backend(backend).options
    run = simulate(described, 60.0, options={} if exact else {"nmda": "exact"},
                   approximations=["nmda-delay", "constant-magnesium-block"])  # fmt: skip
    assert trains(run, "sender") == expected.spikes["sender"]
    depolarisation = expected.values["receiver", "V_m"].max() + 70
    assert depolarisation > 8
    largest = difference(run, expected, "V_m", ["receiver"])
    errors = {entry["name"]: entry["error"] for entry in run.manifest["ledger"] if entry["name"]}
    if exact:
        assert list(errors) == agreed and largest < 1e-3
    else:
        share = float(errors["constant-magnesium-block"].removeprefix("at most ").split()[0])
        assert share < 1e-3
        # one step of the current, and a share of the conductance
        assert largest < share * depolarisation + 0.1 * 5 * 70 / 500
