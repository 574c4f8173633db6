"""L3: a small recurrent network with the same synapses and input on every backend."""

from __future__ import annotations

import pytest
from parts import choices, difference, network, neuron, trains

from netspec import PoissonInput, Projection, Simulation, SpikeInput
from netspec.realisation_file import write_realisation
from netspec.validation import oracle

STEPS = 1000
SEED = 7


def recurrent(poisson_inputs=()):
    """Forty neurons with drawn parameters, synapses, weights and delays; given spikes drive."""
    drawn = {
        "I_e": {"kind": "uniform", "low": 300.0, "high": 480.0},
        "t_ref": {"kind": "uniform", "low": 1.0, "high": 3.0},
        "V_th": {"kind": "normal", "mean": -50.0, "sd": 1.0},
    }
    start = {"V_m": {"kind": "normal", "mean": -58.0, "sd": 5.0}}
    populations = [neuron("E", 32, start, **drawn), neuron("I", 8, start, **drawn)]
    rules = {
        "E": {"kind": "fixed_indegree", "indegree": 8},
        "I": {"kind": "pairwise_bernoulli", "p": 0.5},
    }
    projections = [
        Projection(
            name=f"{pre}{post}",
            pre=pre,
            post=post,
            receptor="excitatory" if pre == "E" else "inhibitory",
            rule=rules[pre],
            weight={"kind": "normal", "mean": 120.0, "sd": 12.0, "low": 0.0}
            if pre == "E"
            else {"kind": "normal", "mean": -400.0, "sd": 40.0, "high": 0.0},
            delay={"kind": "normal", "mean": 1.5, "sd": 0.75, "low": 0.05},
        )
        for pre in "EI"
        for post in "EI"
    ]
    times = [10.0 + 0.9 * k for k in range(90)]
    given = SpikeInput(name="given", target="E", receptor="excitatory", weight=600.0,
                       times=times, neurons=[(7 * k) % 32 for k in range(90)])  # fmt: skip
    return network("replay", populations, ("V_m",), projections=projections, spike_inputs=[given],
                   poisson_inputs=poisson_inputs)  # fmt: skip


@pytest.fixture(scope="module")
def expected():
    solution = oracle.solve(recurrent(), 0.1, STEPS, SEED)
    assert sum(len(t) for trains in solution.spikes.values() for t in trains) > 100
    return solution


def test_a_shared_network_makes_the_spikes_of_scipy(simulate, expected, record_property):
    run = simulate(recurrent(), STEPS * 0.1, seed=SEED, connectivity="shared")
    for population, found in expected.spikes.items():
        assert trains(run, population) == found, population
    largest = difference(run, expected, "V_m")
    record_property("largest difference of V_m, 40 connected neurons (mV)", largest)
    assert largest < 1e-6


def test_a_network_from_a_file_makes_the_same_spikes(simulate, expected, tmp_path):
    file = tmp_path / "replay.h5"
    write_realisation(file, recurrent(), Simulation(dt=0.1, seed=SEED))
    run = simulate(recurrent(), STEPS * 0.1, seed=SEED, realisation=file, out=tmp_path)
    for population, found in expected.spikes.items():
        assert trains(run, population) == found, population


def test_compiled_code_makes_the_same_spikes(simulate, backend, expected):
    compiled = [c for c in choices(backend, "codegen") if c.get("codegen") == "cython"] or [{}]
    run = simulate(recurrent(), STEPS * 0.1, seed=SEED, connectivity="shared", options=compiled[0])
    for population, found in expected.spikes.items():
        assert trains(run, population) == found, population


def test_the_same_seed_makes_the_same_run_and_another_seed_another(simulate):
    noise = PoissonInput(name="noise", target="E", receptor="excitatory", rate=2000.0, weight=30.0)

    def spikes(seed, **more):
        run = simulate(recurrent([noise]), 40.0, seed=seed, **more)
        return [trains(run, name) for name in ("E", "I")]

    first = spikes(SEED)
    assert sum(map(len, first[0])) > 20
    assert spikes(SEED, force=True) == first
    assert spikes(SEED + 1) != first
