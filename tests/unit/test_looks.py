"""Looks at a growing number of seeds: boundaries, levels, what stays decided, and when to stop."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

import netspec
from netspec.errors import DescriptionError, UsageError
from netspec.execute.measure import Measure, Statistic, margin
from netspec.validation.campaign import deciding
from netspec.validation.campaign.advising import Adviser
from netspec.validation.campaign.deciding import decide
from netspec.validation.campaign.request import BackendRequest, UntilDecided, ValidationRequest
from netspec.validation.campaign.summary import load_summary
from netspec.validation.campaign.validating import validate
from netspec.validation.judge.comparing import Judged
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.futility import FUTILE, chance
from netspec.validation.judge.looks import Looks, boundaries, spent
from netspec.validation.judge.margins import Margins, default_margins
from netspec.validation.judge.sequential import Course
from netspec.validation.judge.verdict import judge

FIFTHS = np.arange(1, 6) / 5


def increments(total):
    return np.diff(total, prepend=0.0)


# -- boundaries -------------------------------------------------------------------------------


def test_boundaries_are_those_that_are_tabulated_for_five_looks():
    # Lan & DeMets (1983), one-sided 2.5 %: of O'Brien and Fleming's type, and of Pocock's
    early = 2 * stats.norm.sf(stats.norm.isf(0.0125) / np.sqrt(FIFTHS))
    assert boundaries(FIFTHS, increments(early)) == pytest.approx(
        [4.877, 3.357, 2.680, 2.290, 2.031], abs=6e-4
    )
    even = [spent(t, 0.025) for t in FIFTHS]
    assert boundaries(FIFTHS, increments(even)) == pytest.approx(
        [2.438, 2.427, 2.410, 2.397, 2.386], abs=6e-4
    )


def test_one_look_is_an_ordinary_test():
    (only,) = Looks(first=8, most=8).plan()
    assert only.alpha == pytest.approx(0.05, abs=1e-9)
    assert only.alpha_difference == pytest.approx(0.05)


def test_levels_spend_five_per_cent_whatever_the_looks():
    rng = np.random.default_rng(1)
    for looks in (Looks(), Looks(first=4, every=7, most=30), Looks(first=20, most=12)):
        plan = looks.plan()
        n = np.array([look.seeds for look in plan])
        assert n[-1] == looks.most and sum(look.alpha_difference for look in plan) == (
            pytest.approx(0.05)
        )
        steps = rng.normal(0, np.sqrt(increments(n)), (200_000, len(n)))
        crossed = steps.cumsum(1) / np.sqrt(n) >= [look.z for look in plan]
        first = np.where(crossed.any(1), crossed.argmax(1), -1)
        shares = [np.mean(first == k) for k in range(len(n))]
        expected = increments([spent(k / looks.most) for k in n])
        assert shares == pytest.approx(expected, abs=4 * math.sqrt(0.05 / len(steps)))
        assert sum(expected) == pytest.approx(0.05)


def test_a_difference_at_the_margin_is_called_equivalent_at_some_look_in_five_per_cent():
    # pairs of normal values, margin 1: levels of the normal law are carried over to Student's
    rng, plan, repeats = np.random.default_rng(2), Looks().plan(), 40_000
    pairs = rng.normal(1, 1.2, (repeats, plan[-1].seeds))
    ever = np.zeros(repeats, bool)
    for look in plan:
        seen = pairs[:, : look.seeds]
        t = (seen.mean(1) - 1) / seen.std(1, ddof=1) * math.sqrt(look.seeds)
        ever |= t <= stats.t.isf(look.alpha, look.seeds - 1) * -1
    assert ever.mean() == pytest.approx(0.05, abs=0.005)


def test_what_is_declared_is_checked():
    assert Looks(most=9).numbers() == (8, 9)
    assert Looks().numbers() == (8, 10, 12, 14, 16, 18, 20)
    for wrong in ({"most": 2}, {"first": 2}, {"every": 0}, {"budget": 0}, {"spending": "late"}):
        with pytest.raises((DescriptionError, ValidationError)):
            Looks(**wrong)


# -- the budget -------------------------------------------------------------------------------


def test_a_budget_decides_how_many_seeds_there_are_at_most():
    looks = UntilDecided(max_seeds=20, budget="20min").looks()
    assert looks.budget == 1200
    assert looks.within(75.0).most == 16
    assert looks.within(1.0).most == 20
    assert looks.within(1000.0).numbers() == (3,)  # fewer say nothing
    assert Looks().within(1e9) == Looks()
    for wrong in ("20", "-3min", "soon", "infh"):
        with pytest.raises(UsageError, match="20min"):
            UntilDecided(budget=wrong).looks()


# -- a course of looks ------------------------------------------------------------------------

RNG = np.random.default_rng(3)
LOOKS = Looks(first=8, every=4, most=16)
NAMES = ("A", "B")


def looked(course, differences, family=NAMES, sd=0.004):
    """Take a look at rates in pairs whose mean ratio is as given, by population."""
    look = course.plan[len(course.taken)]
    ours, theirs = {}, {}
    for name, difference in zip(family, differences, strict=True):
        scatter = RNG.normal(0, sd, look.seeds)
        ours[name, "rate"] = np.exp(RNG.normal(1, 0.2, look.seeds))
        theirs[name, "rate"] = ours[name, "rate"] * np.exp(
            math.log1p(difference) + scatter - scatter.mean()
        )
    verdict = judge(ours, theirs, Margins(), matched=True, levels=course.levels())
    return course.with_look(Judged(verdict, (), ()), (ours, theirs))


def test_a_test_that_was_equivalent_stays_so_and_keeps_its_interval():
    course = looked(Course(LOOKS.plan()), (0.001, 0.048))
    a, b = course.verdict().tests
    assert (a.outcome, b.outcome) == (Outcome.EQUIVALENT, Outcome.INCONCLUSIVE)
    assert not course.stopped()
    course = looked(course, (0.3, 0.001))  # A is far outside now, and was decided before
    assert course.taken[-1].judged.verdict.tests[0].outcome is Outcome.DIFFERENT
    assert course.verdict().tests[0] == a
    assert course.verdict().outcome is Outcome.EQUIVALENT
    assert course.stopped() == "decided"
    data = course.to_dict()
    assert data["taken"] == [8, 12] and len(data["plan"]) == 3
    assert [path["decided"] for path in data["paths"]] == [8, 12]
    assert [step["outcome"] for step in data["paths"][0]["steps"]] == ["equivalent", "different"]
    assert data["text"] == "12 of at most 16 pairs; equivalent: 1 at 8, 1 at 12"
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    # the repeated interval: d +- t(1 - alpha_k) e
    (ratio, (low, high)), look = (a.comparison.estimate, a.comparison.interval), course.plan[0]
    half = math.log(high / low) / 2
    error = half / stats.t.isf(look.alpha, 7)
    assert a.comparison.p_equivalence == pytest.approx(
        stats.t.sf((math.log(1.05) - abs(math.log(ratio))) / error, 7)
    )
    assert "93.8 % CI" in a.text()


def test_a_difference_stops_at_once():
    course = looked(Course(LOOKS.plan()), (0.001, 0.12))
    assert course.verdict().outcome is Outcome.DIFFERENT
    assert course.stopped() == "decided"
    assert course.to_dict()["paths"][1]["decided"] == 8


def test_looks_end_with_the_last():
    course = Course(LOOKS.plan())
    for _ in LOOKS.numbers():
        assert not course.taken or not course.stopped()
        course = looked(course, (0.001, 0.0495))
    assert course.verdict().outcome is Outcome.INCONCLUSIVE
    assert course.stopped() == "last look"


def test_what_no_seeds_of_the_plan_would_decide_is_futile():
    course = looked(Course(LOOKS.plan()), (0.001, 0.001), sd=0.2)
    assert course.stopped() == "futile"
    assert set(course.futile()) == {(name, "rate") for name in NAMES}
    assert course.to_dict()["paths"][0]["steps"][0]["chance"] < FUTILE
    assert "would hardly decide: A rate, B rate" in course.text()
    # twice the margin, uncertain so far: the end may well find it different
    last, rng = LOOKS.plan()[-1], np.random.default_rng(5)
    a = np.exp(rng.normal(0, 0.01, 8))
    b = np.exp(np.log(1.12) + rng.normal(0, 0.05, 8))
    assert chance(a, b, margin("5 %", "log"), last, matched=True).different > 0.5
    assert math.isnan(chance([1.0], [1.0], margin("5 %", "log"), last).any)


def test_the_chance_at_the_last_look_is_the_share_that_it_decides():
    # half of the pairs are there, without a difference by chance; the error is known well
    rng, last = np.random.default_rng(6), Looks(first=100, most=200).plan()[-1]
    sd, first = 0.23, rng.normal(0, 1, 100)
    first = (first - first.mean()) / first.std(ddof=1) * sd + 0.01
    limit = margin("0.05", "absolute")
    further = rng.normal(0, sd, (20_000, 100))
    pairs = np.concatenate([np.broadcast_to(first, further.shape), further], axis=1)
    half = stats.t.isf(last.alpha, 199) * pairs.std(1, ddof=1) / math.sqrt(200)
    share = np.mean(np.abs(pairs.mean(1)) + half <= 0.05)
    zeros = np.zeros(100)
    found = chance(zeros, first, limit, last, matched=True).equivalent
    assert 0.5 < share < 0.9
    assert share < found < share + 0.25  # the error is taken a little smaller than it seems
    # and that is all the difference: with that error it is the share
    smaller = math.sqrt(99 / stats.chi2.isf(0.1, 99))
    half = stats.t.isf(last.alpha, 199) * sd * smaller / math.sqrt(200)
    means = rng.normal(0.005, smaller * sd * math.sqrt(0.5 / 200), 200_000)
    assert found == pytest.approx(np.mean(np.abs(means) + half <= 0.05), abs=0.01)


# -- a campaign -------------------------------------------------------------------------------

NETWORK = netspec.Network(
    name="one",
    populations=[netspec.Population(name="A", size=3, model="iaf_psc_exp")],
    current_inputs=[netspec.CurrentInput(name="dc", target="A", amplitude="500 pA")],
    recorders=[netspec.Recorder(name="r", target="A")],
)


class Late(Measure):
    """The last spike of a run, a measure that netspec does not know."""

    name = "late"
    statistics = (Statistic("last_spike", "ms", "time of it", margin("0.5", "absolute")),)

    def values(self, run):
        return {("late", "last_spike"): float(run.spikes("A").times.max())}


def request(**fields):
    backends = [
        BackendRequest(name="brian2", connectivity="shared", options={"codegen": "numpy"}),
        BackendRequest(name="nest", connectivity="shared", threads=1),
    ]
    simulation = netspec.Simulation(warmup=0.0, duration=50.0)
    looks = Looks(first=3, every=1, most=5, **fields)
    margins = Margins(statistics=default_margins([Late()]))
    return ValidationRequest(
        network=NETWORK, simulation=simulation, backends=backends, seeds=(1, 2, 3, 4, 5),
        looks=looks, margins=margins,
    )  # fmt: skip


def test_seeds_are_added_until_it_is_decided_and_no_run_is_repeated(tmp_path):
    asked = request(budget=600.0)
    assert "looks" in asked.content()
    done = validate(asked, tmp_path, measures=[Late()])
    (entry,) = done.summary.comparisons
    assert entry.outcome == "equivalent" and entry.looks["taken"] == [3]
    assert {p["decided"] for p in entry.looks["paths"]} == {3}
    # a measure of one's own goes through all looks as netspec's do
    assert ("late", "last_spike") in {
        (p["population"], p["statistic"]) for p in entry.looks["paths"]
    }
    assert entry.verdict["power"] is None
    assert len(done.done) == 6  # of ten: what was not needed was not run
    assert len(list(tmp_path.glob("*.h5"))) == 6
    plan = json.loads((tmp_path / "one-looks.json").read_text())
    assert plan["request"] == asked.content_hash() and plan["most"] == 5
    path = done.summary.write(tmp_path / "one-validation.json")
    assert load_summary(path) == done.summary
    # gone on with: the same runs, and the seeds that were planned then, whatever runs cost now
    (tmp_path / "one-looks.json").write_text(json.dumps(plan | {"most": 3}))
    times = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.h5")}
    again = validate(asked, tmp_path).summary
    assert [look["seeds"] for look in again.comparisons[0].looks["plan"]] == [3]
    assert times == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.h5")}
    # another request does not take that plan over
    other = decide(request(budget=500.0), tmp_path)
    assert len(other.comparisons[0].looks["plan"]) == 3


def test_seeds_that_the_reference_ran_for_another_are_not_said_to_have_failed(tmp_path):
    asked = request()
    found = decide(asked, tmp_path, measures=[Late()])
    sides = {name: [m for m in found.measured if m.backend == name] for name in asked.names}
    reference = sides["brian2"]
    later = [replace(reference[0], seed=seed) for seed in (4, 5)]
    course = deciding._looked(asked, Course(asked.looks.plan()), sides)
    adviser = Adviser(found.measured, [e.run for e in found.done], asked.margins, [Late()])
    more = deciding._entry(asked, course, sides | {"brian2": reference + later}, adviser)
    assert not [note for note in more.notes if "left out" in note]
    fewer = deciding._entry(asked, course, sides | {"brian2": reference[:2] + later}, adviser)
    assert [note for note in fewer.notes if note.startswith("1 of 3 seeds are left out")]


def test_a_request_to_decide_needs_two_sides_and_its_seeds():
    asked = request()
    with pytest.raises(DescriptionError, match="two or more"):
        ValidationRequest(**dict(asked) | {"backends": asked.backends[:1]})
    with pytest.raises(DescriptionError, match="as the last look has"):
        ValidationRequest(**dict(asked) | {"seeds": (1, 2)})
    plain = ValidationRequest(**dict(asked) | {"looks": None})
    assert "looks" not in plain.content()  # the hash of earlier versions
