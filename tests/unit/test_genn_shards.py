"""Populations in shards: how many there are, and what becomes of their neurons and synapses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chisquare

import netspec
from netspec.backends.genn import shards
from netspec.execute.contract import RunRequest, get_backend
from netspec.realise.drawing import Synapses

SIMULATION = netspec.Simulation(dt=0.1)


def numbers(choice="auto", gpu=True, **more):
    network = netspec.circuits.microcircuit(**more)
    found = shards.counts(network, SIMULATION, choice, gpu)
    return [found[population.name] for population in network.populations]


def test_on_a_gpu_there_is_a_shard_for_each_spike_expected_in_a_step():
    # 3.3 spikes/s at 0.1 ms: a spike of 3030 neurons in a step
    assert numbers() == [7, 2, 7, 2, 2, 1, 5, 1]
    assert numbers(scale=0.1) == [1] * 8
    assert numbers(gpu=False) == [1] * 8
    assert numbers("L4E:9,L5E:4") == [1, 1, 9, 1, 4, 1, 1, 1]
    assert numbers("3") == [3] * 8
    assert numbers("9999", scale=0.01) == [207, 58, 219, 55, 48, 11, 144, 29]


@given(st.integers(1, 10_000), st.integers(1, 40))
def test_shards_are_the_population_in_order_and_even(size, number):
    parts = shards.parts("E", size, min(number, size))
    joined = np.concatenate([np.arange(size)[part.neurons] for part in parts])
    np.testing.assert_array_equal(joined, np.arange(size))
    sizes = {part.size for part in parts}
    assert max(sizes) - min(sizes) <= 1
    assert len({part.name for part in parts}) == len(parts)


def test_targets_in_shards_are_multinomial():
    parts = shards.parts("E", 1000, 3)
    lengths = np.full(20_000, 5)
    split = shards.split_counts(lengths, parts, np.random.default_rng(1))
    np.testing.assert_array_equal(split.sum(axis=1), lengths)
    # of five targets, k lie in the first shard
    expected = len(split) * binom.pmf(np.arange(6), 5, parts[0].size / 1000)
    assert chisquare(np.bincount(split[:, 0], minlength=6), expected).pvalue > 1e-3


@pytest.mark.parametrize("number", [1, 4])
def test_every_synapse_is_in_one_piece(number):
    generator = np.random.default_rng(2)
    pairs = np.unique(generator.integers(0, 50, (400, 2)), axis=0)
    synapses = Synapses(*pairs.T.astype(np.uint32), 1.0, 1)
    divided = {"E": shards.parts("E", 50, number)}
    projection = netspec.Projection(
        name="E_E", pre="E", post="E", receptor="excitatory", weight=1.0,
        rule={"kind": "all_to_all"},
    )  # fmt: skip
    lengths = shards.count_by_part([synapses], 50, divided["E"])
    found = []
    for piece in shards.pieces(projection, divided):
        chosen = np.arange(len(synapses))[shards.selection(synapses, piece)]
        found += chosen.tolist()
        column = divided["E"].index(piece.post)
        expected = np.bincount(synapses.pre[chosen], minlength=50)[piece.pre.neurons]
        np.testing.assert_array_equal(lengths[piece.pre.neurons, column], expected)
    assert sorted(found) == list(range(len(synapses)))


def test_memory_of_shards_is_somewhat_more():
    backend, network = get_backend("genn"), netspec.circuits.microcircuit()

    def memory(choice):
        request = RunRequest(network=network, backend="genn", options={"shards": choice})
        return backend.memory([backend.plan(request)])

    assert 1.0 < memory("L4E:9,L5E:4,L4I:3,L6I:2") / memory("none") < 1.3
