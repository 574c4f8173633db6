"""PyNN's own scenario tests and examples on netspec.pynn: what passes, and how the rest is refused.

`expected.toml` says of each what becomes of it. That is held both ways: what passes has to pass,
what is refused has to be refused, in the words that stand there; and none may be left out.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import judge
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

HERE = Path(__file__).parent
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text())
BACKEND = "nest"
# without a run or with one of a few steps: what a script makes, connects and asks for
CHEAP = ("test_connections_attribute", "test_fixed_number_pre_no_replacement",
         "test_issue309", "test_issue302", "test_ticket195")  # fmt: skip


def names(kind):
    """Return name -> outcome and words that are expected."""
    table = EXPECTED[kind]
    found = {name: ("passed", "") for name in table["passes"]}
    for outcome, key in (("failed", "refused"), ("failed", "elsewhere"), ("skipped", "skipped")):
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
    holds(judge.example(source, name, "netspec", tmp_path, settings=settings), EXAMPLES[name])
