"""The circuit that learns: its numbers, the same spikes and weights everywhere, its goal."""

from __future__ import annotations

import numpy as np
import pytest

import netspec
from netspec import Simulation, circuits
from netspec.circuits.vogels_balance.builder import VARIANTS
from netspec.errors import UsageError
from netspec.execute.contract import get_backend

BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(
        not get_backend(name).status().available, reason=f"{name} is not installed"))
    for name in ("nest", "brian2", "genn", "neuron")
]  # fmt: skip
STEPS = 1500


def test_the_numbers_are_those_of_the_script():
    network = circuits.inhibitory_balance()
    assert {p.name: p.size for p in network.populations} == {"E": 8000, "I": 2000}
    assert {p.name: p.rule.p for p in network.projections} == dict.fromkeys(
        ("E_E", "E_I", "I_I", "I_E"), 0.02
    )
    learning = next(p for p in network.projections if p.name == "I_E")
    assert learning.parameters["alpha"] == pytest.approx(3 * 0.02 * 2)
    assert learning.parameters["eta"] * learning.parameters["w_max"] == pytest.approx(0.01)  # nS


@pytest.mark.parametrize("variant", VARIANTS)
def test_small_ones_keep_their_in_degrees(variant):
    network = circuits.inhibitory_balance(variant, scale=0.05)
    assert [p.size for p in network.populations] == [400, 100]
    for projection in network.projections:
        assert projection.rule.p == pytest.approx(0.4)
    assert [p.synapse for p in network.projections if p.name == "I_E"] == [
        None if variant == "unbalanced" else "vogels2011"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"scale": 0.01}, "scale 0.01"), ({"eta": 0.0}, "eta 0.0"), ({"variant": "x"}, "zenke2012")],
)
def test_what_cannot_be_built_is_said(options, said):
    with pytest.raises(UsageError, match=said):
        circuits.inhibitory_balance(**options)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """One network on every simulator that is here: run once, asked more than once."""
    network = circuits.circuit("inhibitory_balance").small(scale=0.05)
    folder, runs = tmp_path_factory.mktemp("balance"), {}

    def run(backend):
        if backend not in runs:
            runs[backend] = netspec.run(
                network, backend, Simulation(dt=0.1, warmup=0, duration=STEPS * 0.1), seed=1,
                threads=1, out=folder, connectivity="shared",
            )  # fmt: skip
        return runs[backend]

    return run


@pytest.mark.parametrize("backend", BACKENDS)
def test_spikes_and_weights_are_those_of_the_other_simulators(learned, backend):
    one, other = learned("brian2"), learned(backend)
    for population in ("E", "I"):
        a, b = one.spikes(population), other.spikes(population)
        assert len(a.steps) > 400
        np.testing.assert_array_equal(a.steps, b.steps)
        np.testing.assert_array_equal(a.neurons, b.neurons)
    a, b = one.weights("I_E"), other.weights("I_E")
    np.testing.assert_array_equal(a.pre, b.pre)
    np.testing.assert_array_equal(a.post, b.post)
    np.testing.assert_allclose(a.values, b.values, rtol=1e-9, atol=1e-12)
    assert a.values.mean() > 1.0 > 1e-6  # nS; it began at 1e-10


@pytest.mark.long
def test_excitatory_neurons_come_to_fire_at_the_rate_aimed_at(tmp_path):
    """Vogels et al. 2011: inhibition that learns settles where E fires at alpha/(2 tau).

    Where spikes of both sides are independent: in a tenth of the network, in which each neuron
    hears a fifth of all, they are not quite, and E goes on at 3.5 spikes/s for as long as it runs.
    """
    rates = {}
    for variant in ("unbalanced", "zenke2012"):
        network = circuits.inhibitory_balance(variant, scale=0.1, eta=1e-2)
        simulation = Simulation(dt=0.1, warmup=8000.0, duration=2000.0)
        run = netspec.run(network, "nest", simulation, threads=2, seed=1, out=tmp_path)
        rates[variant] = run.rates()["E"]
    assert rates["unbalanced"] > 50.0
    assert rates["zenke2012"] == pytest.approx(3.0, rel=0.25)
