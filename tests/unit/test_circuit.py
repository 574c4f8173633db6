"""A circuit is what its builder says; a network's name says nothing."""

from __future__ import annotations

import json

import pytest

import netspec
from netspec import CurrentInput, Network, Population, Recorder, circuits
from netspec.describe.serialization import canonical_json, from_json, from_toml, spec_hash, to_toml
from netspec.errors import DescriptionError
from netspec.execute.results import circuit_of
from netspec.validation.campaign.ensemble import published_rates
from netspec.validation.campaign.mutants import mutants_of
from netspec.validation.campaign.request import BackendRequest, ValidationRequest
from netspec.validation.campaign.validating import validate
from netspec.validation.measure.cues import cue_of, cue_of_run

PARAMETERS = {"C_m": 250.0, "V_reset": -65.0, "E_L": -65.0, "V_th": -50.0, "t_ref": 2.0}
BUILT = {
    "working_memory": lambda: circuits.working_memory(size=8),
    "microcircuit": lambda: circuits.microcircuit(scale=0.01),
}


def two(name):
    """Two neurons of a user's own, under the name of a circuit."""
    return Network(
        name=name,
        populations=[Population(name="E", size=2, model="iaf_psc_exp", parameters=PARAMETERS)],
        current_inputs=[CurrentInput(name="dc", target="E", amplitude=500.0)],
        recorders=[Recorder(name="spikes", target="E")],
    )


@pytest.mark.parametrize("name", BUILT)
def test_the_name_of_a_circuit_is_a_name_like_any_other(name, tmp_path):
    found = {}
    for called in (name, "two"):
        run = netspec.run(two(called), "brian2", out=tmp_path)
        assert run.manifest["simulation"] == netspec.Simulation().model_dump(mode="json")
        assert circuit_of(run.manifest) is None and cue_of_run(run) is None
        found[called] = run.spikes("E").steps.tolist()
    assert found[name] == found["two"]
    assert cue_of(two(name)) is None
    assert [m.name for m in mutants_of(two(name))] == [m.name for m in mutants_of(two("two"))]
    assert published_rates(two(name).circuit, {}) == {}


def test_two_neurons_under_the_name_of_the_ring_are_judged_like_any_others(tmp_path):
    found = {}
    for name in ("working_memory", "two"):
        request = ValidationRequest(
            network=two(name),
            simulation=netspec.Simulation(dt=0.1, warmup=50.0, duration=500.0),
            backends=(BackendRequest(name="nest", threads=1), BackendRequest(name="brian2")),
            seeds=(1, 2),
        )
        summary = validate(request, tmp_path).summary
        assert (summary.ring, summary.published) == (None, {})
        assert not any("Compte" in text for text in summary.cite)
        found[name] = summary
    assert found["working_memory"].statistics == found["two"].statistics
    assert found["working_memory"].comparisons == found["two"].comparisons
    with pytest.raises(DescriptionError, match=r"cue_angles: .*a ring with exactly one cue"):
        ValidationRequest(**{**dict(request), "cue_angles": (0,)})


@pytest.mark.parametrize("name", BUILT)
def test_a_circuit_is_known_by_any_name(name):
    built = BUILT[name]()
    renamed = built.model_copy(update={"name": "mine"})
    assert renamed.circuit == name
    assert mutants_of(renamed) == circuits.circuit(name).mutants


@pytest.mark.parametrize("name", BUILT)
def test_the_circuit_is_written_and_read_and_no_part_of_the_hash(name):
    built = BUILT[name]()
    for again in (from_json(canonical_json(built)), from_toml(to_toml(built))):
        assert again == built
    assert spec_hash(built) == spec_hash(built.model_copy(update={"circuit": None}))
    assert "circuit" not in json.loads(canonical_json(two(name)))


def test_files_of_earlier_versions_and_of_others_are_known_by_name():
    assert circuit_of({"name": "microcircuit"}) == "microcircuit"
    assert circuit_of({"name": "microcircuit", "circuit": None}) is None
