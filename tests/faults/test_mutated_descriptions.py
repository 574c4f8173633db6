"""Whatever a description says, only netspec's own errors come out, with places and advice."""

import json
import random

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import BASES, FULL, JUNK, QUICK, mutated

from netspec.describe.network import Network
from netspec.describe.neurons import NeuronModel
from netspec.describe.serialization import (
    canonical_json,
    from_json,
    from_toml,
    network_from,
    to_toml,
)
from netspec.errors import DescriptionError, NetspecError
from netspec.testing.strategies import ADEX, network_data

seeds = st.integers(0, 2**32 - 1)
bases = st.sampled_from([*[QUICK] * 12, *BASES])  # the others are slower to read


def outcome_of(read, given_):
    """Return the network or the faults; anything but netspec's errors is an error of the test."""
    try:
        return read(given_)
    except DescriptionError as error:
        assert error.faults
        str(error).encode()
        for fault in error.faults:
            assert fault.path.strip()
            assert fault.given
            assert fault.allowed.strip()
            assert len(str(fault)) < 5000
        return error
    except NetspecError as error:
        assert str(error)
        return error


def test_plain_data():
    outcomes = []

    @settings(max_examples=1000)
    @given(bases, seeds)
    def check(base, seed):
        found = outcome_of(network_from, mutated(base, random.Random(seed)))
        outcomes.append(isinstance(found, Network))
        if outcomes[-1]:
            assert from_json(canonical_json(found)) == found

    check()
    # most mutations are wrong, and some are not
    assert 20 < sum(outcomes) < len(outcomes) / 2


@settings(max_examples=100)
@given(network_data(), seeds)
def test_generated_networks(data, seed):
    outcome_of(network_from, mutated(data, random.Random(seed)))


@settings(max_examples=100)
@given(st.sampled_from(BASES[:3]), seeds)
def test_json(base, seed):
    try:
        text = json.dumps(mutated(base, random.Random(seed)))
    except (TypeError, ValueError):  # no JSON can say this
        return
    outcome_of(from_json, text)


@settings(max_examples=100)
@given(st.sampled_from(BASES[:1]), seeds)
def test_toml(base, seed):
    try:
        text = tomli_w.dumps(mutated(base, random.Random(seed)))
    except (TypeError, ValueError, AttributeError):  # no TOML can say this
        return
    outcome_of(from_toml, text)


def garbled(text, choose):
    """Delete, double and change characters and lines."""
    lines = text.splitlines(keepends=True)
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(lines))
        line, what = lines[at], choose.randrange(5)
        if what == 0:
            lines.insert(at, line)
        elif what == 1:
            lines[at] = ""
        elif what == 2:
            lines[at], lines[-1] = lines[-1], line
        else:
            place = choose.randrange(len(line) or 1)
            new = choose.choice(["", "\0", '"', "[", "]", "{", "=", "\n", "9", "-", "é", ".", "#"])
            lines[at] = line[:place] + new + line[place + choose.randint(0, 2) :]
    return "".join(lines)


@settings(max_examples=100)
@given(seeds)
def test_garbled_text(seed):
    network = network_from(FULL)
    outcome_of(from_toml, garbled(to_toml(network), random.Random(seed)))
    text = json.dumps(FULL, indent=1)
    outcome_of(from_json, garbled(text, random.Random(seed)))


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_for_a_whole_list(junk):
    outcome_of(network_from, junk)
    for key in FULL:
        outcome_of(network_from, {"name": "n", "populations": [], key: junk})
        outcome_of(network_from, {"name": "n", "populations": [], key: [junk]})


@pytest.mark.parametrize(
    "junk",
    [None, True, -(10**400), float("nan"), "\ud800", "x" * 5000, "5 pF", [], {}, [{}], {"kind": 3}],
)
def test_junk_in_every_field(junk):
    populations = FULL["populations"][:2]  # of library models, which are quick to read
    for key in (key for key in FULL if key != "models"):
        for piece in FULL[key][:1] if isinstance(FULL[key], list) else ():
            for field in piece:
                rest = populations[1:] if key == "populations" else []
                pieces = [{**piece, field: junk}, *rest]
                outcome_of(network_from, {"name": "n", "populations": populations, key: pieces})
    for field in ADEX:
        outcome_of(lambda data: NeuronModel(**data), {**ADEX, field: junk})


def test_nesting_without_end():
    nested, table = [], {}
    for _ in range(5000):
        nested, table = [nested], {"a": table}
    for junk in (nested, table):
        outcome_of(network_from, junk)
        outcome_of(network_from, {**FULL, "populations": junk})
        population = {**FULL["populations"][0], "size": junk}
        outcome_of(network_from, {**FULL, "populations": [population]})
