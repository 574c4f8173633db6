"""PyNN's own scenario tests and examples on netspec.pynn: what passes, and how the rest is refused.

`expected.toml` says of each what becomes of it. That is held both ways: what passes has to pass,
what is refused has to be refused, in the words that stand there; and none may be left out.
"""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path

import judge
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text())
BACKEND = "nest"
# those that make, connect and ask without a run, and one with a run
CHEAP = (
    "test_all_to_all_static_no_self", "test_all_to_all_tsodyksmarkram",
    "test_connection_access_weight_and_delay", "test_connections_attribute",
    "test_fixed_number_post_no_replacement", "test_fixed_number_post_with_replacement",
    "test_fixed_number_post_with_replacement_heterogeneous_parameters",
    "test_fixed_number_pre_no_replacement", "test_fixed_number_pre_with_replacement",
    "test_fixed_number_pre_with_replacement_heterogeneous_parameters", "test_issue231",
    "test_issue241", "test_issue274", "test_issue302", "test_issue309", "test_issue445",
    "test_issue505", "test_issue511", "test_issue512", "test_issue622", "test_issue631",
    "test_issue652", "test_issue672", "test_run_until",
    "test_set_synaptic_parameters_fully_connected",
    "test_set_synaptic_parameters_multiply_connected",
    "test_set_synaptic_parameters_partially_connected", "test_ticket226",
)  # fmt: skip


def names(kind):
    """Return name -> outcome and words that are expected."""
    table = EXPECTED[kind]
    found = {name: ("passed", "") for name in table["passes"]}
    kinds = {"refused": "failed", "elsewhere": "failed", "skipped": "skipped", "slow": "slow"}
    assert set(table) <= {"passes", *kinds}
    for key, outcome in kinds.items():
        for name, words in table.get(key, {}).items():
            assert name not in found, f"{name} stands twice"
            found[name] = (outcome, words)
    return found


SCENARIOS, EXAMPLES = names("scenarios"), names("examples")


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    try:
        return judge.source(tmp_path_factory.mktemp("pynn"))
    except judge.NotAtHand as error:
        pytest.skip(f"NO SCRIPT OF PYNN IS RUN: {error}")


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    """Return the environment of scripts: which simulator, and where its results go."""
    return {
        "NETSPEC_PYNN_BACKEND": BACKEND,
        "NETSPEC_PYNN_OUT": str(tmp_path_factory.mktemp("out")),
    }


@pytest.fixture(scope="session")
def outcomes(source, settings, tmp_path_factory):
    """Run all scenarios together; return name -> outcome."""
    found = judge.scenarios(source, "netspec", tmp_path_factory.mktemp("run"), settings=settings)
    return {entry.name: entry for entry in found}


def holds(found, expected):
    outcome, words = expected
    assert (found.outcome, words in found.message) == (outcome, True), found
    assert words or not found.message, f"{found.name}: expected.toml has no words"


def test_scenarios_without_long_runs(source, settings, tmp_path):
    found = judge.scenarios(source, "netspec", tmp_path, CHEAP, timeout=300, settings=settings)
    assert sorted(entry.name for entry in found) == sorted(CHEAP)
    for entry in found:
        holds(entry, SCENARIOS[entry.name])


@pytest.mark.long
def test_nothing_is_left_out(outcomes, source):
    assert sorted(outcomes) == sorted(SCENARIOS)
    assert judge.example_names(source) == sorted(EXAMPLES)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario(name, outcomes):
    holds(outcomes[name], SCENARIOS[name])


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example(name, source, settings, tmp_path):
    outcome, words = EXAMPLES[name]
    if outcome == "slow":
        pytest.skip(f"{name} {words}")
    found = judge.example(source, name, "netspec", tmp_path, settings=settings)
    holds(found, (outcome, words))


@pytest.fixture
def benchmark(monkeypatch):
    """Return a module of benchmarks/ by name, with its newest record."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")

    def load(name):
        files = (ROOT / "benchmarks" / "records").glob(f"{name}-*.json")
        points = {file: json.loads(file.read_text()) for file in files}
        newest = max(points, key=lambda file: points[file]["date"])
        return importlib.import_module(name), newest, points[newest]

    return load


def test_the_record_is_what_is_expected(benchmark):
    _, _, point = benchmark("pynn_judge")
    for kind, expected in (("scenarios", SCENARIOS), ("examples", EXAMPLES)):
        entries = [judge.Outcome(**e) for e in point["results"][f"netspec.{BACKEND}"][kind]]
        assert sorted(entry.name for entry in entries) == sorted(expected)
        for entry in entries:
            if expected[entry.name][0] != "slow":
                holds(entry, expected[entry.name])


@pytest.mark.parametrize("name", ["pynn_judge", "pynn_script"])
def test_the_page_has_the_figures_of_the_record(benchmark, name):
    module, file, point = benchmark(name)
    page = (ROOT / "docs" / "pynn.md").read_text()
    assert file.name in page
    for line in filter(None, module.table(point).splitlines()):
        assert line in page, line
