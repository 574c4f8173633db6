"""Given events as lists and as arrays: read, checked, hashed, written, in steps."""

import json
import re

import numpy as np
import pytest

import netspec
from netspec import Network, Population, Simulation, SpikeInput
from netspec.describe.arrays import LISTED
from netspec.describe.columns import Column
from netspec.describe.serialization import canonical_json, from_json, from_toml, to_toml
from netspec.distributions import Array
from netspec.errors import DescriptionError

MANY = 200  # more than the text that is hashed lists
TIMES = np.random.default_rng(1).uniform(0.1, 90.0, MANY)
NEURONS = np.random.default_rng(2).integers(0, 5, MANY)


def described(**given):
    values = {"times": TIMES, "neurons": NEURONS, "weight": 1.0, **given}
    return Network(
        name="given",
        populations=[Population(name="sources", size=5, model="parrot_neuron")],
        spike_inputs=[SpikeInput(name="in", target="sources", receptor="events", **values)],
    )


def as_arrays(**more):
    return described(times=Array(values=TIMES), neurons={"kind": "array", "values": NEURONS},
                     **more)  # fmt: skip


@pytest.mark.parametrize("weight", [2.0, np.linspace(1.0, 2.0, MANY)])
def test_arrays_come_back_from_files_as_they_were(weight):
    network = as_arrays(weight=weight)
    for back in (from_json(canonical_json(network)), from_toml(to_toml(network))):
        assert netspec.spec_hash(back) == netspec.spec_hash(network)
        assert back == network
        for name, values in (("times", TIMES), ("neurons", NEURONS)):
            np.testing.assert_array_equal(getattr(back.spike_inputs[0], name), values)


@pytest.mark.parametrize("number", [1, LISTED, LISTED + 1])
def test_short_arrays_are_equal_to_the_lists_that_files_hold(number):
    given = {"times": TIMES[:number], "neurons": NEURONS[:number]}
    network = described(**{name: Array(values=values) for name, values in given.items()})
    lists = described(**given)
    for back in (from_json(canonical_json(network)), from_toml(to_toml(network))):
        assert back == network and network == back
        assert hash(back.spike_inputs[0]) == hash(network.spike_inputs[0])
    same = netspec.spec_hash(lists) == netspec.spec_hash(network)
    assert (lists == network) == same == (number <= LISTED)


def test_times_in_a_smaller_unit_are_those_of_text():
    units = Array(values=np.array([700.0, 300.0, 1200.0]), unit="us")
    given = described(times=units, neurons=[0, 1, 2]).spike_inputs[0].times
    assert list(given) == [0.7, 0.3, 1.2]


def test_lists_stay_lists_whatever_their_length():
    """So the hash of descriptions stays that were written before there were arrays."""
    (given,) = json.loads(canonical_json(described()))["spike_inputs"]
    assert given["times"] == TIMES.tolist() and given["neurons"] == NEURONS.tolist()
    assert given["weight"] == 1.0
    assert described(weight=np.ones(MANY)).spike_inputs[0].weight == Column(np.ones(MANY))


def test_arrays_of_files_stand_beside_a_description(tmp_path):
    np.save(tmp_path / "times.npy", TIMES / 1000)
    np.save(tmp_path / "neurons.npy", NEURONS)
    text = to_toml(as_arrays())
    (tmp_path / "whole.toml").write_text(text)
    head = re.sub(r"(?m)^(times|neurons) = .*$", "", text)
    (tmp_path / "parts.toml").write_text(
        f"{head}\n"
        'times = {kind = "array", file = "times.npy", unit = "s"}\n'
        'neurons = {kind = "array", file = "neurons.npy"}\n'
    )
    whole, parts = (netspec.load(tmp_path / f"{name}.toml") for name in ("whole", "parts"))
    np.testing.assert_allclose(parts.spike_inputs[0].times, TIMES, rtol=1e-15)
    assert parts.spike_inputs[0].neurons == whole.spike_inputs[0].neurons
    (tmp_path / "missing.toml").write_text(
        (tmp_path / "parts.toml").read_text().replace("neurons.npy", "none.npy")
    )
    with pytest.raises(DescriptionError, match=r"spike_inputs\[0\]\.neurons\.file.*none\.npy"):
        netspec.load(tmp_path / "missing.toml")


def test_one_value_more_or_less_is_another_hash():
    given = {"times": TIMES, "neurons": NEURONS}
    hashes = {netspec.spec_hash(as_arrays())}
    for name, values in given.items():
        changed = values.copy()
        changed[MANY // 2] = changed[MANY // 2] + 1 if changed[MANY // 2] < 4 else 0
        arrays = {k: Array(values=v) for k, v in (given | {name: changed}).items()}
        hashes.add(netspec.spec_hash(described(**arrays)))
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("given", "path", "text"),
    [
        ({"times": Array(values=[1.0, -2.0])}, r"\.times", "0 to 1e"),
        ({"times": [1.0, -2.0]}, r"times\[1\]", "0 to 1e"),
        ({"times": {"kind": "array", "values": ["1 mV", "2 mV"]}}, r"\.times", "ms"),
        ({"times": {"kind": "array", "file": "x.npy"}}, "times", "beside a description"),
        ({"times": 3.0}, "times", "a list"),
        ({"neurons": {"kind": "array", "values": [0, 1.5]}}, "neurons", "whole numbers"),
        ({"neurons": {"kind": "array", "values": [0, -1]}}, "neurons", "indices from 0"),
        ({"neurons": {"kind": "array", "values": [0, 1e29]}}, "neurons", "value 1 is 1e"),
        ({"neurons": {"kind": "array", "values": [0, 5]}}, r"\.neurons", "neurons 0 to 4"),
        ({"neurons": [0, 5]}, r"\.neurons", "neurons 0 to 4"),
        ({"neurons": [0, 1, 2]}, r"\(top\)", "2 times but 3 neurons"),
        ({"weight": [1.0]}, r"\(top\)", "2 times but 1 weights"),
        ({"weight": ["1 pA", "2 pA"]}, r"\.weight", "expected 1"),
        ({"weight": "1 pA"}, r"\.weight", "expected 1"),
    ],
)
def test_what_is_wrong_is_named(given, path, text):
    with pytest.raises(DescriptionError, match=f"(?s){path}.*{text}"):
        described(**{"times": [1.0, 2.0], "neurons": [0, 1], **given})


def test_events_are_in_order_of_steps_with_their_neurons_and_weights():
    network = described(times=[3.0, 0.1, 3.04, 2.96], neurons=[0, 1, 2, 3], weight=[5, 6, 7, 8])
    steps, neurons, weights = network.spike_inputs[0].events(Simulation(dt=0.1, warmup=0.0))
    assert steps.tolist() == [1, 30, 30, 30]
    assert neurons.tolist() == [1, 0, 2, 3] and weights.tolist() == [6, 5, 7, 8]
    assert network.spike_inputs[0].weights == (5.0, 8.0)


def test_times_of_arrays_that_move_stand_in_the_audit():
    from netspec.describe.grid import misfits

    network = as_arrays()
    (misfit,) = misfits(network, Simulation(dt=0.1, warmup=0.0, duration=100.0))
    assert misfit.path == "spike_inputs.in.times" and f"{MANY} times" in misfit.text
