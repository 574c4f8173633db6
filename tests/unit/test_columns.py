"""Synapses in columns are the synapses of `Explicit`, and are read back as they were written."""

import numpy as np
import pytest

import netspec
from netspec.connectivity import Columns, Explicit
from netspec.describe.arrays import LISTED
from netspec.describe.serialization import (
    canonical_json,
    from_json,
    from_toml,
    spec_hash,
    to_toml,
    with_values,
)
from netspec.realise.drawing import synapses

SIZE = 50
A = {"name": "a", "size": SIZE, "model": "iaf_psc_exp"}


def network(rule):
    projection = {
        "name": "p", "pre": "a", "post": "a", "receptor": "excitatory", "rule": rule,
        "weight": 1.0, "delay": 1.0,
    }  # fmt: skip
    return netspec.Network(name="x", populations=[A], projections=[projection])


def given(number, seed=3):
    draw = np.random.default_rng(seed)
    return {
        "pre": draw.integers(0, SIZE, number), "post": draw.integers(0, SIZE, number),
        "weight": draw.uniform(1, 2, number), "delay": 0.1 * draw.integers(1, 20, number),
    }  # fmt: skip


@pytest.mark.parametrize("number", [0, 1, LISTED, LISTED + 1, 3000])
def test_the_synapses_are_those_of_lists(number):
    columns, lists = (network(rule(**given(number))) for rule in (Columns, Explicit))
    drawn = [synapses(n, n.projections[0], netspec.Simulation()) for n in (columns, lists)]
    for field in ("pre", "post", "weight", "delay"):
        ours, theirs = (getattr(d, field) for d in drawn)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("number", [1, LISTED, LISTED + 1, 3000])
def test_files_hold_every_bit(number):
    here = network(Columns(**given(number)))
    for read in (from_json(canonical_json(here)), from_toml(to_toml(here))):
        assert read == here and spec_hash(read) == spec_hash(here)
    assert len(canonical_json(here)) < 3000 + 32.1 * number


def test_the_hash_sees_every_value():
    here = spec_hash(network(Columns(**given(100))))
    for field in ("pre", "post", "weight", "delay"):
        values = given(100)
        values[field][57] = (
            np.nextafter(values[field][57], 9) if field in ("weight", "delay") else 0
        )
        assert values[field][57] != given(100)[field][57]
        assert spec_hash(network(Columns(**values))) != here


def test_units_and_assignments():
    pairs = {"kind": "columns", "pre": [0, 1], "post": [1, 0]}
    rule = network({**pairs, "weight": ["0.2 nA", "0.1 nA"], "delay": ["1 ms"] * 2})
    np.testing.assert_allclose(rule.projections[0].rule.weight, [200, 100], rtol=1e-15)
    changed = with_values(rule, {"projections.p.rule.weight": "[3.0, 4.0]"})
    assert list(changed.projections[0].rule.weight) == [3, 4]


@pytest.mark.parametrize(
    ("wrong", "path", "said"),
    [
        ({"pre": [0, -1]}, "rule.pre", "from 0 to"),
        ({"pre": [0.5, 1.0]}, "rule.pre", "expected indices"),
        ({"pre": "@@"}, "rule.pre", "base64"),
        ({"post": [0, SIZE]}, "rule.post", f"neurons 0 to {SIZE - 1}"),
        ({"weight": [1.0, np.nan]}, "rule.weight", "finite"),
        ({"weight": 5.0}, "rule.weight", "expected a list"),
        ({"delay": np.array(1.0)}, "rule.delay", "one for each synapse"),
        ({"weight": ["1 pA", "1 ms"]}, "rule.weight", "one dimension"),
        ({"weight": ["1 mV", "1 mV"]}, "rule.weight", "expected pA"),
        ({"weight": [1.0, 1e9]}, "rule.weight", "add 'projections.p.rule.weight' to accept"),
        ({"delay": [1.0, -1.0]}, "rule.delay", "0 to 6e6 ms"),
        ({"weight": [1.0]}, "rule", "weight has 1 entries, pre has 2"),
    ],
)
def test_faults_say_where(wrong, path, said):
    with pytest.raises(netspec.NetspecError) as caught:
        network({"kind": "columns", "pre": [0, 1], "post": [1, 0], **wrong})
    (fault,) = caught.value.faults
    assert fault.path == f"projections[0].{path}" and said in str(fault)
