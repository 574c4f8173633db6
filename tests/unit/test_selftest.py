"""The self-test: mutants change what they say, splits raise no alarm, the matrix is right."""

import itertools
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from netspec.circuits import CIRCUITS, Circuit, microcircuit, working_memory
from netspec.circuits.compte_ring.mutants import MUTANTS as WORKING_MEMORY
from netspec.circuits.potjans_diesmann.builder import (
    FULL_SCALE_RATES,
    GENN_RATES,
    POPULATIONS,
    SIZES,
)
from netspec.circuits.potjans_diesmann.mutants import MUTANTS as MICROCIRCUIT
from netspec.cli import app
from netspec.describe.network import Network, PoissonInput, Population, Recorder
from netspec.describe.serialization import canonical_json, to_toml
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError
from netspec.validation.campaign import mutants, selftest
from netspec.validation.campaign.mutants import Change, Mutant, mutants_of
from netspec.validation.campaign.request import BackendRequest, ValidationRequest
from netspec.validation.campaign.selftest_result import SelfTest
from netspec.validation.judge import distances
from netspec.validation.judge.margins import Margins
from netspec.validation.measure.catalogue import Measured, Reading
from netspec.validation.measure.statistics import PopulationMeasure

BUILD = partial(microcircuit, "potjans2014", scale=0.02)
SEEDS = itertools.count(1)
COLUMN = {mutant.name: mutant for mutant in MICROCIRCUIT}
RING = {mutant.name: mutant for mutant in WORKING_MEMORY}


def leaves(value, path=""):
    """Yield (path, value) of canonical JSON; pieces of a list go by their names."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            name = entry.get("name", index) if isinstance(entry, dict) else index
            yield from leaves(entry, f"{path}.{name}")
    else:
        yield path, value


def difference(network, mutant, build):
    """Return path -> (before, after) of all that a mutant changes."""
    before = dict(leaves(json.loads(canonical_json(network))))
    after = dict(leaves(json.loads(canonical_json(mutant.apply(build, dt=0.1)))))
    paths = before.keys() | after.keys()
    found = {path: (before.get(path), after.get(path)) for path in paths}
    return {path: pair for path, pair in found.items() if pair[0] != pair[1]}


def of_microcircuit(name):
    network = BUILD()
    mutant = COLUMN[name]
    return network, difference(network, mutant, BUILD if mutant.builder else lambda: network)


def weights(network, keep=lambda projection: True):
    return {
        f"projections.{p.name}.weight.{field}"
        for p in network.projections
        for field in ("mean", "sd")
        if keep(p)
    }


def test_weights_and_their_spread_grow_by_the_factor():
    network, found = of_microcircuit("weights x 1.02")
    assert found.keys() == weights(network)
    assert all(after == pytest.approx(1.02 * before) for before, after in found.values())


def test_inhibitory_weights_with_and_without_the_current_that_compensates_them():
    network, found = of_microcircuit("inhibition x 1.025")
    inhibitory = weights(network, lambda p: p.receptor == "inhibitory")
    assert found.keys() == inhibitory
    assert all(after / before == pytest.approx(4.1 / 4) for before, after in found.values())
    network, with_current = of_microcircuit("g -4.1")
    currents = {f"populations.{name}.parameters.I_e" for name in POPULATIONS}
    assert with_current.keys() == {"description", *inhibitory, *currents}
    for path in inhibitory:
        assert with_current[path] == pytest.approx(found[path])
    # 0.1 of the excitatory weight more inhibition, from synapses that are not there
    for target in POPULATIONS:
        lost = sum(
            p.rule.number / SIZES[POPULATIONS.index(target)]
            * FULL_SCALE_RATES[POPULATIONS.index(p.pre)]
            for p in microcircuit().projections
            if p.post == target and p.receptor == "inhibitory"
        )  # fmt: skip
        before, after = with_current[f"populations.{target}.parameters.I_e"]
        current = 0.5e-3 * 0.1 * 87.8 * (1 - np.sqrt(0.02)) * lost
        assert before - after == pytest.approx(current, rel=1e-3)


def test_all_delays_are_a_step_longer():
    network, found = of_microcircuit("delays + 1 step")
    fields = ("mean", "low")
    assert found.keys() == {
        f"projections.{p.name}.delay.{field}" for p in network.projections for field in fields
    }
    assert all(after - before == pytest.approx(0.1) for before, after in found.values())


def test_the_other_values_of_the_microcircuit():
    _, found = of_microcircuit("t_ref 1.9 ms")
    assert found == {f"populations.{name}.parameters.t_ref": (2.0, 1.9) for name in POPULATIONS}
    network, found = of_microcircuit("L4E_L23E not doubled")
    assert found.keys() == weights(network, lambda p: p.name == "L4E_L23E")
    _, undone = found["projections.L4E_L23E.weight.mean"]
    assert undone == next(p.weight.mean for p in network.projections if p.name == "L4E_L4E")


@pytest.mark.parametrize("name", ["L6I_L6E", "L4I_L4E", "L5I_L4E"])
def test_a_projection_is_left_out_and_nothing_else(name):
    _, found = of_microcircuit(f"no {name}")
    assert found
    assert all(path.startswith(f"projections.{name}.") for path in found)
    assert all(after is None for _, after in found.values())


def test_a_current_takes_the_place_of_the_poisson_input():
    network, found = of_microcircuit("dc drive")
    kinds = {path.split(".")[0] for path in found}
    assert kinds == {"description", "poisson_inputs", "populations"}
    for source in network.poisson_inputs:
        before, after = found[f"populations.{source.target}.parameters.I_e"]
        mean = 0.5e-3 * source.weight * source.number * source.rate  # tau_syn in s
        assert after - before == pytest.approx(mean)


def test_the_other_table_changes_the_compensating_current_only():
    _, found = of_microcircuit("rates of pygenn")
    currents = {f"populations.{name}.parameters.I_e" for name in POPULATIONS}
    assert found.keys() == {"description", *currents}
    # what the recurrent input of the full-scale network differs by, times 1 - sqrt(k)
    factor = 0.5e-3 * (1 - np.sqrt(0.02))
    for target in POPULATIONS:
        change = 0.0
        for p in microcircuit().projections:
            if p.post == target:
                source = POPULATIONS.index(p.pre)
                indegree = p.rule.number / SIZES[POPULATIONS.index(target)]
                change += p.weight.mean * indegree * (GENN_RATES[source] - FULL_SCALE_RATES[source])
        before, after = found[f"populations.{target}.parameters.I_e"]
        assert after - before == pytest.approx(factor * change, rel=1e-3, abs=0.01)


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("J_plus x 1.05", {"continuous_projections.E_E.kernel.J_plus"}),
        ("sigma x 1.1", {"continuous_projections.E_E.kernel.sigma"}),
        ("tau_NMDA x 1.05", {f"populations.{name}.parameters.tau_NMDA" for name in "EI"}),
        ("I_I x 0.95", {"projections.I_I.weight"}),
    ],
)
def test_mutants_of_the_ring(name, paths):
    network = working_memory(size=64)
    found = difference(network, RING[name], lambda: network)
    assert found.keys() == paths
    factor = float(name.split(" x ")[1])
    assert all(after == pytest.approx(factor * before) for before, after in found.values())


def test_conductances_of_the_ring_and_delays_that_were_not_given():
    network = working_memory(size=64)
    found = difference(network, RING["weights x 1.02"], lambda: network)
    assert found.keys() == {
        "projections.I_E.weight", "projections.I_I.weight",
        "continuous_projections.E_E.kernel.weight", "continuous_projections.E_I.kernel.weight",
    }  # fmt: skip
    found = difference(network, RING["delays + 1 step"], lambda: network)
    assert found == {f"projections.I_{post}.delay": (None, 0.2) for post in "EI"}


def test_a_warm_up_is_kept_from_a_start_that_shows():
    optimized = microcircuit("inm6", scale=0.02)
    found = difference(optimized, COLUMN["warm-up kept"], lambda: optimized)
    assert found
    assert all(path.split(".")[2:4] == ["initial", "V_m"] for path in found)
    assert found["populations.L23E.initial.V_m.mean"] == (-68.28, -58.0)
    assert difference(BUILD(), COLUMN["warm-up kept"], BUILD) == {}  # starts so anyway


def test_a_mutant_of_something_that_is_not_there():
    wrong = Mutant("x", "x", changes=(Change("projections.L7E_*.weight", "multiply", 2.0),))
    with pytest.raises(UsageError, match=r"L7E_\*.*L23E_L23E"):
        wrong.apply(BUILD, 0.1)


# -- the comparison, with numbers in place of runs --------------------------------------------


def synthetic(rng, rate=5.0, silent=0.1):
    """Return what is measured of a run of two populations: a side has one run a seed."""
    values, samples = {}, {}
    for population in ("E", "I"):
        typical = {"rate": rate, "log_sd_rate": 1.0, "silent_fraction": silent, "lv": 0.9,
                   "covariance": 1e-3, "synchrony": 2.0}  # fmt: skip
        for name, value in typical.items():
            values[population, name] = value * (1 + 0.01 * rng.normal())
        scale = 1 + 0.01 * rng.normal()
        samples[population, "rate"] = scale * rng.gamma(4, rate / 4, 100)
        samples[population, "lv"] = scale * rng.normal(0.9, 0.2, 100)
    reading = Reading(PopulationMeasure(), values, samples)
    return [Measured("nest", next(SEEDS), None, (reading,))]


@pytest.fixture
def few_resamples(monkeypatch):
    """Draw seeds less often: the splits are many, and the outcomes far from their limits."""
    monkeypatch.setattr(distances, "RESAMPLES", 299)


@pytest.mark.usefixtures("few_resamples")
def test_splits_of_equal_runs_raise_no_more_alarms_than_nominal():
    rng = np.random.default_rng(3)
    runs = [synthetic(rng) for _ in range(14)]
    found = selftest.splits_of(runs, 40, Margins())
    assert found.share <= 0.05 and not found.too_many
    assert found.statistics["rate"]["equivalent"] == 1
    assert {name: sum(shares.values()) for name, shares in found.statistics.items()} == (
        pytest.approx(dict.fromkeys(found.statistics, 1.0))
    )


@pytest.mark.usefixtures("few_resamples")
def test_alarms_of_runs_that_are_no_equal_draws_are_too_many():
    rng = np.random.default_rng(3)
    low, high = ([synthetic(rng, rate) for _ in range(2)] for rate in (5.0, 9.0))
    assert selftest.splits_of([*low, *high], 40, Margins()).too_many  # 2 of 6 splits part them


def stronger(sides, factor):
    for (run,) in sides:
        run.readings[0].values["I", "rate"] *= factor
    return sides


def test_the_row_of_a_mutant_names_what_caught_it():
    rng = np.random.default_rng(4)
    same, other = ([synthetic(rng) for _ in range(7)] for _ in range(2))
    row = selftest.row_of(same, stronger(other, 1.2), Margins())
    assert row.caught and row.closest is None
    rate = row.statistics["rate"]
    assert (rate.outcome, rate.different, rate.population) == ("different", ("I",), "I")
    assert row.statistics["lv"].outcome == "equivalent"
    assert 0.01 < min(rate.detectable) <= max(rate.detectable) < 0.2
    assert (row.by.population, row.by.statistic) == ("I", "rate")
    assert row.by.effect == pytest.approx(0.2, abs=0.02)
    assert row.by.margin == 0.05


def test_a_mutant_that_is_missed_says_what_would_catch_it():
    rng = np.random.default_rng(5)
    same, other = ([synthetic(rng) for _ in range(4)] for _ in range(2))
    for side in (same, other):  # rates scatter by a tenth
        for factor, (run,) in zip((0.9, 1, 1, 1.1), side, strict=True):
            run.readings[0].values["I", "rate"] *= factor
    row = selftest.row_of(same, stronger(other, 1.15), Margins())
    assert not row.caught and row.by is None
    assert (row.closest.population, row.closest.statistic) == ("I", "rate")
    assert 4 < row.closest.seeds_needed < 100
    assert selftest.row_of(same, same, Margins()).closest.seeds_needed is None


def test_the_smallest_weight_change_is_caught_as_all_larger_ones_are():
    def rows(*caught):
        return [
            SimpleNamespace(name=f"weights x {factor:g}", caught=found)
            for factor, found in zip(mutants.FACTORS, caught, strict=True)
        ]

    assert selftest.smallest(rows(True, True, True)) == 1.02
    assert selftest.smallest(rows(False, True, True)) == 1.05
    assert selftest.smallest(rows(True, False, True)) == 1.1
    assert selftest.smallest(rows(True, True, False)) is None


# -- runs -------------------------------------------------------------------------------------


def driven():
    """Return unconnected neurons with Poisson input, whose mean lifts them to the threshold."""
    return Network(
        name="driven",
        populations=(Population(name="E", size=400, model="iaf_psc_exp"),),
        poisson_inputs=(
            PoissonInput(name="noise", target="E", receptor="excitatory", rate=9000, weight=87.8),
        ),
        recorders=(Recorder(name="spikes", target="E"),),
    )


def test_a_network_of_ones_own_has_the_mutants_that_every_network_has():
    assert [mutant.name for mutant in mutants_of(driven())] == ["warm-up kept"]


@pytest.mark.usefixtures("few_resamples")
def test_a_mutant_is_caught_and_nothing_is_run_twice(tmp_path, monkeypatch):
    stronger = Change("poisson_inputs.noise.weight", "multiply", 1.2)
    same = Change("poisson_inputs.noise.weight", "multiply", 1.0)
    kinds = (
        Mutant("stronger", "", changes=(stronger,)),
        Mutant("same", "", changes=(same,)),
        Mutant("dc", "", builder={"drive": "dc"}),
        # twice the window: the spread of rates over neurons shrinks by 1 / sqrt(2)
        Mutant("warm-up kept", "", keep_warmup=True),
    )
    own = Circuit(name="driven", build=driven, title="Noise", mutants=kinds)
    monkeypatch.setattr(mutants, "known", {**CIRCUITS, "driven": own}.get)
    monkeypatch.chdir(tmp_path)
    network = driven().model_copy(update={"circuit": "driven"})  # mutants are known by circuit
    (tmp_path / "driven.toml").write_text(to_toml(network, Simulation(warmup=500, duration=500)))
    call = ["validate", "driven.toml", "--self-test", "--backend", "nest", "--seeds", "3"]
    call += ["--splits", "5", "--threads", "1", "--out", "runs"]
    done = CliRunner().invoke(app, [*call, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    rows = {row["name"]: row["caught"] for row in found["mutants"]}
    assert rows == {"stronger": True, "warm-up kept": True}
    kept = found["mutants"][1]["statistics"]["log_sd_rate"]
    assert kept["different"] == ["E"]
    assert found["left_out"] == {
        "same": "changes nothing here", "dc": "only for circuits of the library"
    }  # fmt: skip
    assert (found["splits"]["alarms"], found["missed"]) == (0, [])
    runs = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*.h5")}
    assert len(runs) == 3 * 3  # two halves, and one mutant with seeds of its own
    again = CliRunner().invoke(app, [*call, "--mutants", "stronger"])
    assert "stronger: E" in again.stdout and "warm-up kept" not in again.stdout
    only_splits = CliRunner().invoke(app, [*call, "--mutants", "none", "--json"])
    assert json.loads(only_splits.stdout)["mutants"] == []
    assert json.loads(only_splits.stdout)["splits"] == found["splits"]
    assert runs == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*.h5")}
    text = (tmp_path / found["file"]).read_text()
    saved = json.loads(text)
    assert saved["splits"] == found["splits"]
    result = SelfTest.model_validate(saved)
    result.write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == text


def test_a_self_test_is_of_one_backend_and_two_seeds():
    found = CliRunner().invoke(app, ["validate", "microcircuit", "--scale", "0.01", "--self-test"])
    assert isinstance(found.exception, UsageError)
    one = ValidationRequest(network=driven(), backends=(BackendRequest(name="nest"),), seeds=(1, 2))
    with pytest.raises(UsageError, match="2 or more"):
        selftest.self_test(one, Path("runs"))
    with pytest.raises(UsageError, match=r"unknown mutant 'warm-up'.*warm-up kept"):
        four = one.model_copy(update={"seeds": (1, 2, 3, 4)})
        selftest.self_test(four, Path("runs"), mutants=["warm-up"])
