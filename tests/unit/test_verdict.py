"""The verdict as a whole: outcomes, one run, JSON, and its size and power on known spike trains."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from netspec.errors import UsageError
from netspec.execute.measure import Margin
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.comparison_kinds import Prediction, read
from netspec.validation.judge.distances import compare_distributions
from netspec.validation.judge.equivalence import compare_values
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.synthetic import gamma_renewal, local_variation, mean_rates
from netspec.validation.judge.verdict import as_json, judge

MARGINS = Margins()
SPREAD = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 0.2, -0.2, 0.7])  # of eight seeds


def rates(mean, sd=0.01, population="L4E", seeds=8):
    return {(population, "rate"): mean * (1 + sd * SPREAD[:seeds])}


def outcome(*arguments, **options):
    return judge(*arguments, MARGINS, **options).outcome


# -- outcomes ---------------------------------------------------------------------------------


def test_a_line_says_what_was_compared_and_what_follows():
    sides = rates(4.0), rates(4.0 * 1.004)
    verdict = judge(*sides, MARGINS, names=("nest", "brian2"))
    logs = [np.log(side["L4E", "rate"]) for side in reversed(sides)]
    oracle = np.exp(stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.9))
    assert oracle == pytest.approx([0.9982, 1.010], abs=5e-4)
    head, line = verdict.text().splitlines()
    assert head.startswith("brian2 against nest: EQUIVALENT (1 equivalent; power at least 100 %)")
    assert line.strip() == (
        "L4E rate: ratio 1.004, 90 % CI [0.9982, 1.010], margin +-5 %: EQUIVALENT"
    )


def test_near_far_and_uncertain_rates_are_told_apart():
    assert outcome(rates(4.0), rates(4.1)) is Outcome.EQUIVALENT
    assert outcome(rates(4.0), rates(4.4)) is Outcome.DIFFERENT
    assert outcome(rates(4.0, sd=0.2), rates(4.1, sd=0.2)) is Outcome.INCONCLUSIVE
    # at 4 % the difference is certain and harmless
    assert outcome(rates(4.0, sd=0.001), rates(4.16, sd=0.001)) is Outcome.EQUIVALENT


def test_an_open_test_says_how_many_seeds_would_close_it():
    line = judge(rates(4.0, sd=0.1), rates(4.0, sd=0.1), MARGINS).text().splitlines()[1]
    words = line.split("(alone: power ")[1].split("for 80 %: ")[1]
    needed = int(words.split()[0])
    sd = np.std(np.log(rates(4.0, sd=0.1)[("L4E", "rate")]), ddof=1)
    factor = (stats.norm.ppf(0.95) + stats.norm.ppf(0.9)) / np.log(1.05)
    assert needed == pytest.approx(2 * (factor * sd) ** 2, abs=2)


def test_the_worst_test_decides():
    near, open_, far = (rates(4.0, sd, name) for sd, name in ((0.01, "A"), (0.3, "B"), (0.01, "C")))
    assert outcome(near, near) is Outcome.EQUIVALENT
    assert outcome(near | open_, near | open_) is Outcome.INCONCLUSIVE
    assert outcome(near | open_ | far, near | open_ | rates(5.0, population="C")) is (
        Outcome.DIFFERENT
    )
    assert outcome({}, {}) is Outcome.INCONCLUSIVE  # nothing was shown


def test_exit_codes():
    codes = {o.value: o.exit_code for o in Outcome}
    assert codes == {
        "equivalent": 0, "different": 1, "inconsistent": 1, "inconclusive": 6, "consistent": 6,
    }  # fmt: skip


def test_a_difference_must_stand_out_of_its_family():
    noisy = rates(4.0, sd=0.06), rates(4.0 * 1.07, sd=0.06)
    alone = judge(*noisy, MARGINS)
    assert alone.outcome is Outcome.DIFFERENT
    others = [{(f"P{i}", "rate"): np.full(3, 1.0) for i in range(40)} for _ in range(2)]
    among = judge(noisy[0] | others[0], noisy[1] | others[1], MARGINS)
    assert among.tests[0].outcome is Outcome.INCONCLUSIVE
    assert among.tests[0].p_adjusted == pytest.approx(41 * alone.tests[0].p_adjusted)


def test_distributions_belong_to_the_verdict():
    rng = np.random.default_rng(1)
    a, b, c = (
        {("A", "rates"): [rng.normal(rng.normal(m, 0.1), 1, 300) for _ in range(10)]}
        for m in (0, 0, 1)
    )
    same = judge({}, {}, MARGINS, reference_samples=a, other_samples=b)
    assert same.tests[0].comparison.ratio == pytest.approx(1, abs=0.2)
    far = judge(
        rates(4.0), rates(4.0), MARGINS, reference_samples=a, other_samples=c, names=("x", "y")
    )
    assert [t.outcome for t in far.tests] == [Outcome.EQUIVALENT, Outcome.DIFFERENT]
    assert far.outcome is Outcome.DIFFERENT
    assert "random 10000 labellings" in far.text()


def test_the_sides_must_have_the_same_statistics_and_a_margin_for_each():
    with pytest.raises(UsageError, match="L4I"):
        judge(rates(4.0), rates(4.0) | rates(4.0, population="L4I"), MARGINS)
    with pytest.raises(UsageError, match="unknown margin 'cv'"):
        judge({("A", "cv"): [1, 2]}, {("A", "cv"): [1, 2]}, MARGINS)


# -- one run ----------------------------------------------------------------------------------


@pytest.mark.parametrize("swap", [False, True])
def test_one_run_is_consistent_at_best(swap):
    def judged(one):
        sides = (rates(4.0), {("L4E", "rate"): [one]})
        return outcome(*(sides[::-1] if swap else sides))

    values = np.log(rates(4.0)[("L4E", "rate")])
    end = np.exp(values.mean() + 2.364624 * values.std(ddof=1) * np.sqrt(1 + 1 / 8))  # t(0.975), 7
    assert judged(4.0) is Outcome.CONSISTENT
    assert judged(end * 0.9999) is Outcome.CONSISTENT
    assert judged(end * 1.0001) is Outcome.INCONSISTENT
    assert judged(np.nan) is Outcome.INCONCLUSIVE


def test_one_run_needs_three_seeds_to_be_compared_with():
    one = {("L4E", "rate"): [4.0]}
    assert outcome(rates(4.0, seeds=2), one) is Outcome.INCONCLUSIVE
    assert outcome(one, one) is Outcome.INCONCLUSIVE
    verdict = judge(rates(4.0, seeds=3), one, MARGINS)
    assert verdict.outcome is Outcome.CONSISTENT and verdict.outcome.exit_code == 6


# -- JSON -------------------------------------------------------------------------------------


def test_everything_is_json_without_numbers_that_json_does_not_have():
    rng = np.random.default_rng(2)
    a = rates(4.0) | {("A", "covariance"): rng.normal(0, 1, 8), ("B", "lv"): [0.5]}
    samples = {("A", "rates"): [[1.0]] * 4, ("B", "rates"): [[1.0]] * 2}
    verdict = judge(a, a, MARGINS, reference_samples=samples, other_samples=samples)
    data = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert data["margins_hash"] == MARGINS.content_hash()
    assert Margins(**data["margins"]) == MARGINS
    found = {(t["population"], t["statistic"]): t for t in data["tests"]}
    assert found["L4E", "rate"]["outcome"] == "equivalent"
    assert found["L4E", "rate"]["comparison"]["interval"] == pytest.approx(
        verdict.tests[0].comparison.interval
    )
    assert found["A", "covariance"]["comparison"]["interval"] == [None, None]


# -- size and power ---------------------------------------------------------------------------


def test_synthetic_trains_have_the_rate_and_the_local_variation_of_their_law():
    rng = np.random.default_rng(3)
    times = gamma_renewal(rng, seeds=4, neurons=400, duration=20.0, rate=10.0, shape=2.0)
    assert mean_rates(times, 20.0).mean() == pytest.approx(10.0, rel=0.02)
    assert local_variation(times).mean() == pytest.approx(3 / 5, rel=0.02)  # 3 / (2 shape + 1)
    shared = gamma_renewal(rng, 200, 50, 5.0, 10.0, shared_sd=0.1)
    # neurons alone: 0.3 / sqrt(50) of the rates, and 1 / sqrt(2 x 2500) of the counts
    alone = np.hypot(0.3 / np.sqrt(50), 1 / np.sqrt(5000))
    spread = np.log(mean_rates(shared, 5.0).mean(axis=1)).std()
    assert spread == pytest.approx(np.hypot(0.1, alone), rel=0.15)


def trials(rng, repeats, seeds, *, ratio=1.0, shape=2.0, shared_sd=0.03):
    """Return, for each repetition, the verdicts on rate and LV of gamma trains, both sides."""
    sides = []
    for rate, order in ((10.0, 2.0), (10.0 * ratio, shape)):
        times = gamma_renewal(rng, repeats * seeds, 25, 4.0, rate, order, shared_sd)
        sides.append(
            {
                "rate": mean_rates(times, 4.0).mean(axis=1).reshape(repeats, seeds),
                "lv": local_variation(times).reshape(repeats, seeds),
            }
        )
    margins = MARGINS.declare_text("rate=10%,lv=0.06")
    for i in range(repeats):
        a, b = ({("A", name): side[name][i] for name in side} for side in sides)
        yield judge(a, b, margins)


def shares(verdicts, wanted):
    rows = [[test.outcome is wanted for test in verdict.tests] for verdict in verdicts]
    return np.mean(rows, axis=0)  # rate, lv


@pytest.mark.parametrize(
    "repeats", [pytest.param(150, id="quick"), pytest.param(1000, marks=pytest.mark.long)]
)
def test_size_and_power_on_gamma_trains(repeats):
    rng = np.random.default_rng(4)
    allowed = stats.binom.ppf(0.999, repeats, 0.05) / repeats
    at_margin = trials(rng, repeats, 6, ratio=1.1, shape=(3 / 0.66 - 1) / 2)  # LV 0.60 and 0.66
    assert (shares(at_margin, Outcome.EQUIVALENT) <= allowed).all()
    equal = list(trials(rng, repeats, 6))
    assert sum(verdict.outcome is Outcome.DIFFERENT for verdict in equal) / repeats <= allowed
    predicted = np.mean([[t.comparison.power for t in v.tests] for v in equal], axis=0)
    # a power predicted from estimated variances is off by their scatter: by some per cent
    np.testing.assert_allclose(shares(equal, Outcome.EQUIVALENT), predicted, atol=0.1)
    power = [shares(trials(rng, repeats // 3, n), Outcome.EQUIVALENT) for n in (3, 12)]
    assert (power[0] < predicted).all() and (predicted < power[1]).all()
    far = trials(rng, repeats // 3, 12, ratio=1.25, shape=1.4)
    assert (shares(far, Outcome.DIFFERENT) > 0.95).all()


# -- kinds ------------------------------------------------------------------------------------

MEANS = compare_values([1.0, 1.1, 1.2], [1.0, 1.2, 1.1], Margin(limit=0.05, scale="log"))
SIGNED = compare_values([0.0, 0.1, -0.1], [0.1, 0.2, 0.0], Margin(limit=0.25, scale="ratio"))
FEW = compare_values([1.0], [1.0, 1.1], Margin(limit=0.02, scale="absolute"))
ONE = Prediction(Margin(limit=0.05, scale="log"), (4, 1), 1.5, (1.0, 3.0))
OPEN = Prediction(Margin(limit=0.05, scale="log"), (2, 1), 1.5, (math.nan, math.nan))
FAR = compare_distributions([[1.0, 2.0]] * 3, [[5.0, 6.0]] * 3, 1.25)
NONE = compare_distributions([[1.0, 2.0]] * 2, [[5.0, 6.0]] * 3, 1.25)


@pytest.mark.parametrize("found", [MEANS, SIGNED, FEW, ONE, OPEN, FAR, NONE])
def test_a_comparison_is_read_from_json_by_its_kind_and_from_old_files_without_one(found):
    data = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert data["kind"] == found.kind
    again = read(data)
    assert type(again) is type(found) and as_json(again) == as_json(found)
    assert again.cells(None) == found.cells(None)
    del data["kind"]
    assert type(read(data)) is type(found)


def test_an_unknown_kind_is_refused():
    with pytest.raises(UsageError, match="did you mean 'means'"):
        read({"kind": "mean"})


def test_what_a_kind_says_of_itself():
    assert (MEANS.designed, ONE.designed) == ((MEANS.power, MEANS.seeds_needed), None)
    assert ONE.outcome(math.nan) == "consistent" and OPEN.outcome(math.nan) == "inconclusive"
    assert ONE.bar().point == pytest.approx(-0.5) and ONE.share() == pytest.approx(0.5)
    assert replace(ONE, interval=(1.5, 1.5)).outcome(math.nan) == "consistent"
    assert FAR.ratio == math.inf and FAR.cells(None)[0] == "-"
    low, high = MEANS.bar().margin
    assert (low, high) == (pytest.approx(-100 / 21), pytest.approx(5))
    assert SIGNED.exceeded == (SIGNED.margin if SIGNED.exceeds else None)
