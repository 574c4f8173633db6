"""Populations that spike when they are told to, or at random: recorded, and with projections."""

from __future__ import annotations

import numpy as np
import pytest

from netspec import PoissonInput, Population, Projection, SpikeInput
from netspec.describe.synapse_models import SYNAPSES
from netspec.distributions import Array
from netspec.realise.counters import PoissonCounter
from netspec.testing.parts import network, neuron, trains
from netspec.validation.ladder.synapses import sent

DT, SEED, STEPS = 0.1, 5, 600
# in ms, of each source: in the first steps, twice in one step, one step after the other
GIVEN = ((0.1, 0.2, 40.0), (3.0, 3.0, 3.1, 3.2), (), (7.0, 7.04, 59.9, 60.0))
DELAYS = (0.1, 0.3, 1.5, 12.0)
WEIGHT, RULE = 6000.0, {"w_max": 12000.0, "lam": 0.1}


def sources(name, size):
    return Population(name=name, size=size, model="parrot_neuron")


# positive or not, as long as they do not add up to zero
WEIGHTS = [1.0, 0.2, 7.0, 100.0, 0.5, 1.0, 1.0, -3.0, 1.0, 1.0, 1.0]
BY_EVENT = [10.0, 20.0, 30.0, 40.0, 50.0]


def told(name, target, trains, weight=1.0, arrays=False):
    """Return given events, as lists or as arrays, which are not in order of time."""
    times = np.concatenate([*trains])[::-1]
    neurons = np.repeat(np.arange(len(trains)), [len(train) for train in trains])[::-1]
    if arrays:
        times, neurons = Array(values=times), {"kind": "array", "values": neurons}
    return SpikeInput(name=name, target=target, receptor="events", times=times, neurons=neurons,
                      weight=weight)  # fmt: skip


def steps_of(trains):
    """Return the steps in which sources spike, once in each."""
    return [sorted({int(np.floor(t / DT + 0.5 + 1e-9)) for t in train}) for train in trains]


def connected():
    """Return sources, given and Poisson, with static and with changing synapses."""
    populations = [
        sources("told", 4), sources("arrays", 4), sources("random", 30), neuron("cells", 4),
        neuron("many", 30), neuron("facilitated", 4), neuron("weighted", 3),
    ]  # fmt: skip
    inputs = [
        told("given", "told", GIVEN), told("as_arrays", "arrays", GIVEN, WEIGHTS, arrays=True),
        SpikeInput(name="by_weight", target="weighted", receptor="excitatory", weight=BY_EVENT,
                   times=[2.0, 3.0, 3.0, 5.0, 5.0], neurons=[0, 0, 1, 2, 2]),
    ]  # fmt: skip
    to_cells = {"receptor": "excitatory", "weight": 100.0}
    one_to_one = {"kind": "explicit", "pre": range(4), "post": range(4), "delay": DELAYS}
    projections = [
        Projection(name="static", pre="told", post="cells", rule=one_to_one, **to_cells),
        Projection(name="short", pre="told", post="facilitated", rule=one_to_one,
                   synapse="tsodyks_markram", **to_cells),
        Projection(name="learning", pre="random", post="many", rule="one_to_one", delay=1.0,
                   receptor="excitatory", weight=WEIGHT, synapse="stdp", parameters=RULE),
    ]  # fmt: skip
    poisson = PoissonInput(name="poisson", target="random", receptor="events", rate=150.0,
                           weight=1.0, start=1.0, stop=50.0)  # fmt: skip
    accept = ["projections.learning.weight", "projections.learning.parameters.w_max"]
    return network(
        "sources", populations, projections=projections, accept=accept,
        spike_inputs=inputs, poisson_inputs=[poisson],
        recorders=[{"name": f"i_{name}", "target": name, "spikes": False,
                    "variables": ["I_syn_ex"]} for name in ("cells", "facilitated", "weighted")],
        synapse_recorders=[{"name": "weights", "projection": "learning", "synapses": range(30)}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(simulate):
    return simulate(connected(), STEPS * DT, DT, SEED, noise="shared", connectivity="shared")


@pytest.mark.parametrize("name", ["told", "arrays"])
def test_sources_spike_when_they_are_told_to(run, name):
    assert trains(run, name) == steps_of(GIVEN)


def test_every_event_has_the_weight_that_it_is_given(run, tolerance):
    found = run.samples("i_weighted", "I_syn_ex")[1].max(axis=0)
    expected = [20 + 10 * np.exp(-1 / 0.5), 30, 90]
    np.testing.assert_allclose(found, expected, rtol=tolerance(1e-12, 1e-6))


def test_poisson_sources_spike_once_in_each_step_with_events(run):
    counter = PoissonCounter.of(SEED, "poisson", 150.0 * DT / 1000, 30)
    drawn = counter.numbers(0, STEPS) > 0
    drawn[:10] = drawn[500:] = False
    # what is drawn in a step is due at its end
    assert trains(run, "random") == [(np.flatnonzero(d) + 1).tolist() for d in drawn.T]
    assert 150 < drawn.sum() < 300


def test_events_of_sources_arrive_after_their_delays(run):
    given = steps_of(GIVEN)
    for name in ("cells", "facilitated"):
        current = run.samples(f"i_{name}", "I_syn_ex")[1]
        before = np.vstack([np.zeros(4), current[:-1]])
        jumps = current - before * np.exp(-DT / 0.5)
        for source, (train, delay) in enumerate(zip(given, DELAYS, strict=True)):
            due = [step + round(delay / DT) for step in train]
            found = np.flatnonzero(jumps[:, source] > 1e-3) + 1
            assert found.tolist() == [step for step in due if step <= STEPS], name
            if name == "cells":
                assert jumps[found - 1, source] == pytest.approx(100.0, rel=1e-5)


def test_synapses_of_sources_change_as_those_of_neurons_do(run, tolerance):
    pre, post = trains(run, "random"), trains(run, "many")
    assert sum(map(len, post)) > 30
    events, apart = run.sent("weights"), 0.0
    for pair in range(30):
        expected, _ = sent(SYNAPSES["stdp"], RULE, pre[pair], post[pair], 10, WEIGHT)
        steps, values = events.of(pair)
        assert steps.tolist() == pre[pair]
        far = np.abs(values - [value for _, value in expected]).max(initial=0.0)
        apart = max(apart, far / WEIGHT)
    assert apart < tolerance(1e-9, 1e-4)
