"""A statistic is one class and one line: from outside, from a circuit, or passed in."""

import dataclasses
import importlib
import json
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
import reporting

from netspec import Network, PoissonInput, Population, Recorder, Simulation
from netspec.circuits import CIRCUITS
from netspec.circuits.compte_ring.measure import RingMeasure
from netspec.errors import UsageError
from netspec.measure import Activity, Distribution, Measure, Statistic, margin, unique
from netspec.serialization import to_toml
from netspec.validation import measuring, report, statistics
from netspec.validation.comparing import compare, values_of
from netspec.validation.margins import Margins, default_margins
from netspec.validation.measuring import Measured, Reading, measure
from netspec.validation.validating import judge_existing

PLUGIN = Path(__file__).parent.parent / "plugin_measure"
PAIR = ("L23E-L23I", "rate_correlation")


@pytest.fixture
def pairs(monkeypatch):
    """Install a package with a measure of pairs of populations."""
    assert "rate_correlation" not in Margins().statistics
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN), prepend=os.pathsep)
    return importlib.import_module("pairs").PairMeasure


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return reporting.microcircuit(
        tmp_path_factory.mktemp("drawn"), ["nest", "brian2"], 3, populations=2
    )[1]


def sides(runs):
    return {"nest": runs[:3], "brian2": runs[3:]}


def judged_by(summary):
    found = summary.comparisons[0].verdict["tests"]
    return {(test["population"], test["statistic"]): test for test in found}


def test_a_package_with_a_measure_is_judged_and_shown(pairs, drawn):
    summary = judge_existing(sides(drawn), ["nest", "brian2"], Margins())
    found = judged_by(summary)[PAIR]
    # independent Poisson trains: 200 bins, so that a coefficient is off by 0.07
    assert abs(found["comparison"]["estimate"]) < 0.3
    assert found["comparison"]["margin"] == {"limit": 0.1, "scale": "absolute"}
    rows = [row for row in summary.statistics if row.population == PAIR[0]]
    assert [set(row.values) for row in rows] == [{"rate_correlation"}] * 6
    counts = [pairs().counts(Activity(drawn[0]), name) for name in ("L23E", "L23I")]
    assert rows[0].values["rate_correlation"] == pytest.approx(np.corrcoef(*counts)[0, 1])
    page = report.render(summary, drawn)
    assert "rate_correlation" in page and "spike counts, bins of 5 ms" in page


def test_the_page_is_made_where_the_package_is_not_installed(drawn, monkeypatch):
    with monkeypatch.context() as patch:
        patch.syspath_prepend(PLUGIN)
        summary = judge_existing(sides(drawn), ["nest", "brian2"], Margins())
    assert "rate_correlation" not in Margins().statistics
    assert "rate_correlation" in report.render(summary, drawn)


def test_the_example_of_the_page_gives_the_same(pairs, drawn):
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    (code,) = re.findall(r"```python\n# pairs.py\n(.*?)```", page, re.DOTALL)
    names = {"__name__": "example"}
    exec(code, names)
    run = Activity(drawn[0])
    assert names["PairMeasure"]().values(run) == pairs().values(run)


@pytest.mark.usefixtures("pairs")
def test_validate_judges_it_on_simulators(netspec, tmp_path):
    network = Network(
        name="two",
        populations=[Population(name=n, size=20, model="iaf_psc_exp") for n in "AB"],
        poisson_inputs=[
            PoissonInput(name=f"to_{n}", target=n, receptor="excitatory", rate=8000, weight=90)
            for n in "AB"
        ],
        recorders=[Recorder(name=f"of_{n}", target=n) for n in "AB"],
    )
    (tmp_path / "two.toml").write_text(to_toml(network, Simulation(warmup=50, duration=200)))
    words = ["validate", tmp_path / "two.toml", "--backends", "nest,brian2", "--seeds", "2"]
    words += ["--threads", "1", "--option", "brian2.codegen=numpy", "--out", tmp_path / "runs"]
    words += ["--statistics", "rate,rate_correlation", "--margin", "rate_correlation=0.2"]
    code, out, err = netspec(*words, "--json")
    assert code in (0, 1, 6), err
    found = json.loads(out)
    keys = [(t["population"], t["statistic"]) for t in found["comparisons"][0]["verdict"]["tests"]]
    assert keys == [("A", "rate"), ("B", "rate"), ("A-B", "rate_correlation")]
    assert found["request"]["margins"]["statistics"]["rate_correlation"]["limit"] == 0.2


class Loud(Measure):
    """A measure that is nobody's: passed in."""

    name = "loud"
    statistics = (Statistic("loudest", "1/s", "largest rate", margin("20 %", "log")),)
    distributions = (Distribution("count", "", "spikes of every neuron"),)

    def values(self, run):
        rates = (run.spikes(name).rate() for name in run.populations)
        return {(self.name, "loudest"): max(rates)}

    def samples(self, run):
        counts = {n: np.bincount(run.spikes(n).neurons) for n in run.populations}
        return {(name, "count"): found.astype(float) for name, found in counts.items()}


def test_a_measure_that_is_passed_in_is_judged_if_there_is_a_margin(drawn):
    runs = sides(drawn)
    margins = Margins(statistics=default_margins([Loud()]))
    found = judged_by(judge_existing(runs, ["nest", "brian2"], margins, [Loud()]))
    assert found["loud", "loudest"]["comparison"]["margin"]["limit"] == 0.2
    assert found["L23I", "W1_count"]["comparison"]["limit"] == 1.25
    only = margins.only(["rate"])
    silent = judge_existing(runs, ["nest", "brian2"], only, [Loud()])
    assert judged_by(silent).keys() == {("L23E", "rate"), ("L23I", "rate")}
    assert any("loudest" in row.values for row in silent.statistics)


def test_a_circuit_brings_its_own(drawn, monkeypatch):
    column = dataclasses.replace(CIRCUITS["microcircuit"], measures=(Loud(),))
    monkeypatch.setattr(measuring, "known", {"microcircuit": column}.get)
    monkeypatch.setattr(measuring, "usable", lambda: iter([column]))
    found = judged_by(judge_existing(sides(drawn), ["nest", "brian2"], Margins()))
    assert ("loud", "loudest") in found


def test_a_name_has_one_meaning():
    class Other(Loud):
        name = "other"

    class Same(Loud):
        pass

    assert [m.name for m in unique([Loud(), Loud()])] == ["loud"]
    with pytest.raises(UsageError, match=r"statistic 'loudest'.*'loud' and 'other'"):
        unique([Loud(), Other()])
    with pytest.raises(UsageError, match="two measures of the name 'loud'"):
        unique([Loud(), Same()])


def test_what_is_not_declared_is_refused(drawn):
    class Wrong(Loud):
        def values(self, run):
            return {("all", "loudness"): 1.0}

    with pytest.raises(UsageError, match=r"loudness.*'loudest'"):
        measure(drawn[0], "nest", 1, more=[Wrong()])


def test_an_entry_point_that_is_no_measure_is_refused(tmp_path, monkeypatch):
    info = tmp_path / "wrong-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[netspec.measures]\nwrong = pathlib:Path\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"'wrong'.*pathlib:Path"):
        Margins()


# -- what is judged together ------------------------------------------------------------------


class Angle(Loud):
    """Replaces the first, and has an angle for a value."""

    name = "angle"
    statistics = (
        Statistic("angle", "deg", "direction", margin("10", "absolute"), average="circular"),
    )
    distributions = ()
    replaces = ("loud",)


def reading(kind, value, samples=None):
    (statistic,) = kind.statistics
    return Reading(kind(), {("ring", statistic.name): value}, samples or {})


def test_runs_of_one_seed_are_one_value():
    margins = Margins(statistics=default_margins([Angle(), Loud()]))
    given = [(1, 179.0), (1, -177.0), (2, math.nan), (3, 5.0), (2, 7.0)]
    side = [Measured("nest", seed, None, (reading(Angle, value),)) for seed, value in given]
    found = values_of(side, margins)["ring", "angle"]
    assert abs(found[0]) == pytest.approx(179)
    assert found[1:] == pytest.approx([7, 5])
    rates = [Measured("nest", seed, None, (reading(Loud, value),)) for seed, value in given]
    assert values_of(rates, margins)["ring", "loudest"] == pytest.approx([1, 7, 5])


def test_what_is_replaced_is_not_judged():
    margins = Margins(statistics=default_margins([Angle(), Loud()]))
    sample = {("E", "count"): np.arange(4.0)}
    side = [
        Measured("nest", seed, None, (reading(Loud, 1.0 + seed, sample), reading(Angle, seed)))
        for seed in range(3)
    ]
    tests = compare(side, side, margins).verdict.tests
    assert [(t.population, t.statistic) for t in tests] == [("ring", "angle")]
    assert side[0].table() == {"ring": {"loudest": 1.0, "angle": 0}}


def test_a_ring_tells_of_its_trials_and_its_populations(tmp_path):
    _, (run, *_) = reporting.ring(tmp_path, ["nest"], 1)
    found = measure(run, "nest", 1)
    assert [r.measure.name for r in found.readings] == ["populations", "ring"]
    assert set(found.table()) == {"E", "I"}
    assert found.cue_angle == found.record("ring")["cue_angle"] == pytest.approx(90, abs=2)
    short = dataclasses.replace(run, manifest=run.manifest | {"total_steps": 13_900})
    assert not RingMeasure().applies(Activity(short))


def test_spikes_are_sorted_once_a_run(drawn, monkeypatch):
    calls, sort = [], statistics._trains
    monkeypatch.setattr(statistics, "_trains", lambda spikes: calls.append(1) or sort(spikes))
    found = measure(drawn[0], "nest", 1)
    assert len(calls) == len(drawn[0].populations)
    (own,) = found.readings
    for name in drawn[0].populations:
        spikes = drawn[0].spikes(name)
        for kept, expected in (
            (own.values, statistics.population_statistics(spikes)),
            (own.samples, statistics.distributions(spikes)),
        ):
            for key, value in expected.items():
                assert np.array_equal(kept[name, key], value, equal_nan=True)
