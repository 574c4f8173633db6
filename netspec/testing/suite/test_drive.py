"""Poisson input of shared drive: every event is netspec's, from the first step on.

The numbers are those of `netspec.realise.counters`. They are read off a synaptic current, step by
step, and given to SciPy as events, whose spikes a driven network has to have.
"""

from __future__ import annotations

import numpy as np
import pytest

import netspec
from netspec import PoissonInput, Population, Projection, Simulation, SpikeInput
from netspec.realise.counters import PoissonCounter
from netspec.testing.parts import STEP, choices, network, neuron, sampled, setting, trains
from netspec.validation.ladder import oracle

DT, SEED = 0.1, 11
STEPS, SIZE, WEIGHT, TAU = 400, 40, 50.0, 0.5


def source(name, target, rate, weight=WEIGHT, delay=0.0):
    return PoissonInput(name=name, target=target, receptor="excitatory", weight=weight, rate=rate,
                        delay=delay)  # fmt: skip


SOURCES = (
    source("often", "A", 20_000.0),
    source("seldom", "B", 90.0),
    source("one", "both", 6000.0),
    source("another", "both", 5000.0),
    source("later", "late", 12_000.0, delay=15.0),
    source("much", "crowd", 900_000.0, weight=1.0),
    source("nothing", "silent", 0.0),
)


def silent():
    """Populations that never spike, since their threshold is far away."""
    names = dict.fromkeys(s.target for s in SOURCES)
    populations = [neuron(name, SIZE, V_th=90.0, C_m=2000.0) for name in names]
    return network("drive", populations, ("I_syn_ex",), poisson_inputs=SOURCES)


def reference(poisson, size, steps, seed=SEED):
    """Return netspec's number of events of every step and neuron."""
    mean = poisson.rate * poisson.number * DT / 1000
    numbers = PoissonCounter.of(seed, poisson.name, mean, size).numbers(0, steps).astype(int)
    numbers[: round(poisson.delay / DT)] = 0
    return numbers


def counted(run, population, weight, tolerance, size=SIZE):
    """Return the number of events of every step, from the current at the end of each."""
    current = sampled(run, population, "I_syn_ex") / weight
    before = np.vstack([np.zeros(size), current[:-1]])
    found = current - before * np.exp(-DT / TAU)
    atol = tolerance(1e-9, STEP * np.abs(current).max())
    np.testing.assert_allclose(found, np.rint(found), rtol=0, atol=atol)
    return np.rint(found).astype(int)


@pytest.fixture(scope="module")
def events(simulate, tolerance):
    """Give a function that returns events found and expected of a population."""

    def both(population, **more):
        run = simulate(silent(), STEPS * DT, DT, SEED, noise="shared", **more)
        chosen = [s for s in SOURCES if s.target == population]
        expected = sum(reference(s, SIZE, STEPS) for s in chosen)
        return counted(run, population, chosen[0].weight, tolerance), expected

    return both


@pytest.mark.parametrize("population", dict.fromkeys(s.target for s in SOURCES))
def test_every_event_is_netspecs_from_the_first_step_on(events, population):
    found, expected = events(population)
    assert np.array_equal(found, expected)
    assert expected.any() or population == "silent"


def test_populations_in_parts_have_the_same_events(events, backend):
    found, expected = events("A", options=setting(backend, "shards", "3") or {})
    assert np.array_equal(found, expected)


def driven():
    """Two models, one of whose states is held and discards events, and synapses between them."""
    populations = [
        neuron("E", 12, {"V_m": {"kind": "normal", "mean": -58.0, "sd": 5.0}}),
        Population(name="D", size=8, model="iaf_psc_delta"),
    ]
    projections = [
        Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor=receptor, weight=weight,
                   rule={"kind": "fixed_indegree", "indegree": 5}, delay=0.5)
        for pre, post, receptor, weight in (
            ("E", "E", "excitatory", 90.0),
            ("E", "D", "excitatory", 1.5),
            ("D", "E", "inhibitory", -40.0),
        )
    ]  # fmt: skip
    sources = (
        source("to_E", "E", 5000.0, weight=240.0),
        source("to_D", "D", 2500.0, weight=2.5),
    )
    return network("driven", populations, ("V_m",), projections=projections, poisson_inputs=sources)


def given(described, steps, seed):
    """Return the network with netspec's events in place of its Poisson inputs."""
    sources = []
    for poisson in described.poisson_inputs:
        size = described.population(poisson.target).size
        numbers = reference(poisson, size, steps, seed)
        at, neurons = np.nonzero(numbers)
        times = np.repeat(at + 1, numbers[at, neurons]) * DT  # what a step draws is due at its end
        # what is due at the very end changes nothing any more
        neurons = np.repeat(neurons, numbers[at, neurons])
        sources.append(
            SpikeInput(name=poisson.name, target=poisson.target, receptor=poisson.receptor,
                       weight=poisson.weight, times=times.tolist(), neurons=neurons.tolist())
        )  # fmt: skip
    return described.model_copy(update={"poisson_inputs": (), "spike_inputs": tuple(sources)})


@pytest.mark.parametrize("seed", [1, 2])
def test_spikes_are_those_of_scipy_with_the_same_events(simulate, tolerance, seed):
    described, steps = driven(), 600
    run = simulate(described, steps * DT, DT, seed, noise="shared", connectivity="shared")
    if tolerance.single:
        pytest.skip("spikes of 32-bit states part from those of SciPy by and by")
    solution = oracle.solve(given(described, steps, seed), DT, steps, seed)
    for name in ("E", "D"):
        assert sum(map(len, solution.spikes[name])) > 20
        assert trains(run, name) == solution.spikes[name]


@pytest.mark.parametrize("option", [pytest.param("codegen", marks=pytest.mark.long), "loop"])
def test_no_way_of_running_changes_the_spikes(simulate, backend, option):
    runs = [
        simulate(driven(), 100.0, DT, 1, noise="shared", connectivity="shared", options=chosen)
        for chosen in choices(backend, option)
        if chosen.get(option) not in ("auto", "graph")
    ]
    for name in ("E", "D"):
        assert all(trains(run, name) == trains(runs[0], name) for run in runs)


def test_a_warm_up_is_a_part_of_the_run(simulate, backend, results, asked, agreed):
    whole = simulate(driven(), 60.0, DT, 3, noise="shared", connectivity="shared")
    parted = netspec.run(
        driven(), backend, Simulation(dt=DT, warmup=25.0, duration=35.0, seed=3), noise="shared",
        connectivity="shared", threads=1, options=asked, approximations=agreed, out=results,
    )  # fmt: skip
    for name in ("E", "D"):
        assert trains(parted, name) == trains(whole, name)
    assert parted.manifest["drive"] == "shared"
