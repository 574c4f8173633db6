"""Files: a network survives them unchanged, and its hash is of what it means."""

import json
import tomllib
from decimal import Decimal

import pytest
import tomli_w
from hypothesis import example, given, settings
from mutations import STATIC

from netspec import circuits
from netspec.describe.distributions import Normal
from netspec.describe.serialization import (
    canonical_json,
    from_json,
    from_toml,
    json_schema,
    load,
    load_with_simulation,
    network_from,
    spec_hash,
    to_toml,
    with_values,
)
from netspec.errors import DescriptionError, UsageError
from netspec.testing.strategies import network_data

SMALL = {"name": "n", "populations": [{"name": "A", "size": 3, "model": "iaf_psc_exp"}]}
OTHER_SPELLING = {"pA": ("nA", -3), "mV": ("V", -3), "ms": ("us", 3), "nS": ("uS", -3),
                  "pF": ("nF", -3), "Hz": ("mHz", 3), "1/ms": ("1/s", 3),
                  "1/mV": ("1/uV", -3)}  # fmt: skip


def respelt(data):
    """Write every quantity of a description in another unit."""
    if isinstance(data, dict):
        return {key: respelt(value) for key, value in data.items()}
    if isinstance(data, list):
        return [respelt(value) for value in data]
    number, _, unit = data.partition(" ") if isinstance(data, str) else ("", "", "")
    if unit not in OTHER_SPELLING or not number[-1:].isdigit():
        return data
    other, shift = OTHER_SPELLING[unit]
    return f"{Decimal(number).scaleb(shift)} {other}"


@settings(max_examples=60)
@given(network_data())
@example({**SMALL, "description": "a\r\nb"})
@example({**SMALL, "description": '"""\\\x7f'})
def test_a_network_survives_json_and_toml(data):
    network = network_from(data)
    for again in (from_json(canonical_json(network)), from_toml(to_toml(network))):
        assert again == network
        assert canonical_json(again) == canonical_json(network)
        assert spec_hash(again) == spec_hash(network)


@settings(max_examples=40)
@given(network_data())
def test_the_hash_does_not_depend_on_the_spelling_of_units(data):
    network = network_from(data)
    text = tomli_w.dumps(respelt(tomllib.loads(to_toml(network))))
    assert spec_hash(from_toml(text)) == spec_hash(network)


def test_some_quantities_were_respelt():
    text = json.dumps(respelt(tomllib.loads(to_toml(circuits.microcircuit(scale=0.01)))))
    assert '"0.0878 nA"' not in text  # the weights are scaled
    assert all(f" {unit}" in text for unit in ("nA", "V", "us", "nF", "mHz"))


@pytest.mark.parametrize(
    "network",
    [circuits.microcircuit(scale=0.02, variant=v) for v in ("potjans2014", "inm6", "pygenn")]
    + [circuits.working_memory(v, 16, [circuits.Cue()]) for v in ("neurodynex", "compte2000")],
    ids=lambda n: n.description[:60],
)
def test_the_circuits_survive_json_and_toml(network):
    assert from_json(canonical_json(network)) == from_toml(to_toml(network)) == network
    assert spec_hash(from_toml(to_toml(network))) == spec_hash(network)


def test_the_hash_follows_every_change():
    seen = {spec_hash(network_from(SMALL))}
    changes = [
        {"size": 4},
        {"name": "B"},
        {"model": "iaf_cond_nmda"},
        {"parameters": {"C_m": 250.0}},
        {"parameters": {"C_m": 250.00000000000003}},
        {"initial": {"V_m": -65.0}},
    ]
    for change in changes:
        populations = [{**SMALL["populations"][0], **change}]
        seen.add(spec_hash(network_from({**SMALL, "populations": populations})))
    assert len(seen) == len(changes) + 1


# all that there was to say at first
LATER = ("start", "stop", "times", "rates")
FIRST = {key: value for key, value in STATIC.items() if key != "noise_currents"} | {
    "poisson_inputs": [
        {key: value for key, value in source.items() if key not in LATER}
        for source in STATIC["poisson_inputs"]
    ]
}


@pytest.mark.parametrize(
    ("network", "begins"),
    [
        (circuits.microcircuit(), "e2b8cff2896f3001"),
        (circuits.microcircuit(scale=0.02, variant="pygenn"), "5ae20842d53019c7"),
        (circuits.working_memory("compte2000"), "2daecfb4d615c60e"),
        (network_from(FIRST), "3081c69eb1675b16"),
    ],
    ids=["microcircuit", "pygenn", "compte2000", "all pieces"],
)
def test_hashes_stay_as_descriptions_learn_to_say_more(network, begins):
    assert spec_hash(network)[:16] == begins


def test_the_hash_does_not_depend_on_the_order_of_keys():
    network = circuits.microcircuit(scale=0.01)
    backwards = json.loads(
        canonical_json(network), object_pairs_hook=lambda pairs: dict(reversed(pairs))
    )
    assert spec_hash(network_from(backwards)) == spec_hash(network)


def test_canonical_json_is_plain_sorted_and_says_the_equations():
    text = canonical_json(network_from(SMALL))
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert text.isascii()
    assert "dV_m/dt" in text


@settings(max_examples=15)
@given(network_data())
def test_the_schema_admits_the_canonical_json(data):
    jsonschema = pytest.importorskip("jsonschema")
    network = network_from(data)
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.validate(json.loads(canonical_json(network)))
    validator.validate(tomllib.loads(to_toml(network)))


def test_the_schema_refuses_what_is_refused():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(SMALL)
    assert not validator.is_valid({**SMALL, "color": "red"})
    assert not validator.is_valid({**SMALL, "name": "9"})
    assert not validator.is_valid({"name": "n"})
    assert not validator.is_valid({**SMALL, "populations": [{"name": "A", "size": "3"}]})


def test_the_schema_is_json_and_knows_every_list():
    schema = json.loads(json.dumps(json_schema()))
    assert {"populations", "projections", "recorders", "models"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_a_file_may_hold_the_simulation_too(tmp_path):
    path = tmp_path / "n.toml"
    path.write_text(to_toml(network_from(SMALL)) + "\n[simulation]\ndt = '50 us'\nseed = 7\n")
    network, simulation = load_with_simulation(path)
    assert network == network_from(SMALL)
    assert (simulation.dt, simulation.seed) == (0.05, 7)
    path.write_text(path.read_text().replace("50 us", "50 mV").replace("size = 3", "size = -3"))
    with pytest.raises(DescriptionError) as caught:
        load(path)
    assert {f.path for f in caught.value.faults} == {"populations[0].size", "simulation.dt"}


def test_a_byte_order_mark_is_no_part_of_a_description(tmp_path):
    path = tmp_path / "n.toml"
    path.write_bytes(b"\xef\xbb\xbf" + to_toml(network_from(SMALL)).encode())
    assert load(path) == network_from(SMALL)


def test_files_that_cannot_be_read_are_usage_errors(tmp_path):
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    (tmp_path / "folder.toml").mkdir()
    names = ("none.toml", "bad.json", "folder.toml", "n.yaml", "a\0.toml", "x" * 5000 + ".toml")
    for name in names:
        with pytest.raises(UsageError):
            load(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1", '{"name": NaN', "{" * 3000, "[" * 100000, '{"a": ' * 5000, '{"a":1,"a":2}',
     '{"name": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_text_that_is_no_json_is_a_fault(text):
    with pytest.raises(DescriptionError, match=r"JSON|too deep"):
        from_json(text)


@pytest.mark.parametrize(
    "text", ["x", "a = ", "a = 1\na = 2", "[a]\n[a]", "a = " + "[" * 5000, "a = " + "9" * 5000]
)
def test_text_that_is_no_toml_is_a_fault(text):
    with pytest.raises(DescriptionError, match=r"TOML|too deep"):
        from_toml(text)


def test_values_are_set_by_path():
    network = circuits.microcircuit(scale=0.01)
    changed = with_values(
        network,
        {
            "populations.L4E.parameters.C_m": "0.3 nF",
            "populations.1.size": "77",
            "populations.*.parameters.t_ref": "3",
            "populations.L5E.initial.I_syn_ex": "1 pA",
            "projections.L4E_L23E.weight.mean": "0.1 nA",
            "projections.L4E_L23E.delay": '{"kind": "uniform", "low": 1, "high": "2 ms"}',
            "name": "mine",
        },
    )
    assert changed.population("L4E").parameters["C_m"].value == 300.0
    assert changed.populations[1].size == 77
    assert {p.parameters["t_ref"].value for p in changed.populations} == {3.0}
    assert changed.population("L5E").initial["I_syn_ex"].value == 1.0
    (projection,) = (p for p in changed.projections if p.name == "L4E_L23E")
    old = next(p for p in network.projections if p.name == "L4E_L23E")
    assert isinstance(old.weight, Normal)
    assert projection.weight == old.weight.model_copy(update={"mean": 100.0})
    assert projection.delay.high == 2.0
    assert changed.name == "mine"
    assert network == circuits.microcircuit(scale=0.01), "the network itself is not touched"


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("populations.L4Ex.size", "7", "did you mean 'L4E'"),
        ("populations.L4E.siz", "7", "did you mean 'size'"),
        ("populations.L4E.size", "many", "whole number"),
        ("populations.L4E.size.x", "7", "nothing lies below"),
        ("populations.99.size", "7", "allowed"),
        ("populations.L4E.parameters.Cm", "7", "did you mean 'C_m'"),
        ("populations.L4E.parameters.C_m", "3 mV", "expected pF"),
        ("populations.L4E.parameters.C_m.value", "3", "leave the last part away"),
        ("poisson_inputs.L4E_background.rate", "nan", "number"),
        ("", "7", "allowed"),
        ("..", "7", "allowed"),
        ("projections.*.weight", "1e999", "finite"),
    ],
)
def test_a_path_or_value_that_does_not_fit_is_a_fault(path, value, hint):
    with pytest.raises(DescriptionError) as caught:
        with_values(circuits.microcircuit(scale=0.01), {path: value})
    assert hint in str(caught.value)
