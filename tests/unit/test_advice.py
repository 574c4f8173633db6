"""What is advised where a verdict is open; silence and single runs, of which nothing is claimed."""

import math

import numpy as np
import pytest
from scipy import stats

from netspec.execute.measure import margin
from netspec.execute.results import SpikeData
from netspec.validation.judge.advice import (
    OpenTest,
    joint_power,
    levers,
    networks_share,
    open_test,
)
from netspec.validation.judge.comparing import compare
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.comparison_kinds import read
from netspec.validation.judge.equivalence import power_of
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.means import TwoMeans
from netspec.validation.judge.verdict import as_json, judge
from netspec.validation.measure.catalogue import Measured, Reading
from netspec.validation.measure.statistics import (
    PopulationMeasure,
    distributions,
    population_statistics,
)

LIMIT = margin("0.05", "absolute")


def test_of(sd, seeds=5, networks=math.nan, covariance=None):
    return OpenTest(TwoMeans(seeds, seeds, 1.0, 1.0, sd**2, sd**2, covariance), LIMIT, networks)


test_of.__test__ = False


# -- power ------------------------------------------------------------------------------------


def test_the_power_is_of_all_open_tests_and_the_scatter_at_its_upper_end():
    test = test_of(0.02, networks=0.5)
    factor = 8 / stats.chi2.ppf(0.2, 8)  # Welch's degrees of freedom of equal variances
    upper = TwoMeans(12, 12, 1.0, 1.0, *[0.02**2 * factor] * 2)
    alone = test.power(12, 1.0, share=False, alpha=0.05)
    assert alone == pytest.approx(power_of(upper, LIMIT))
    assert joint_power([test] * 3, 12, 1.0, False) == pytest.approx(1 - 3 * (1 - alone))


def test_the_upper_end_of_the_scatter_holds_the_true_power_in_four_of_five_cases():
    rng, few, true = np.random.default_rng(1), [], TwoMeans(14, 14, 0, 0, 0.04**2, 0.04**2)
    for _ in range(400):
        a, b = rng.normal(0, 0.04, (2, 5))
        few.append(open_test(a, b, LIMIT, False, 0.0).power(14, 1.0, False, 0.05))
    share = np.mean(np.array(few) <= power_of(true, LIMIT))
    assert share == pytest.approx(0.8, abs=0.06)


def test_sharing_removes_what_differs_between_networks_and_time_the_rest():
    test = test_of(0.05, networks=0.75)
    quarter = test_of(0.025, networks=0.0)
    assert test.power(10, 1.0, share=True, alpha=0.05) == pytest.approx(
        quarter.power(10, 1.0, share=True, alpha=0.05)
    )
    # without sharing, ten times the time leaves 0.75 + 0.025 of the variance
    left = test_of(0.05 * math.sqrt(0.775), networks=0.0)
    assert test.power(10, 10.0, share=False, alpha=0.05) == pytest.approx(
        left.power(10, 1.0, share=False, alpha=0.05)
    )
    # nobody knows: sharing may not help, nor may time
    unknown = test_of(0.05)
    assert unknown.power(10, 1.0, True, 0.05) <= test.power(10, 1.0, True, 0.05)
    assert unknown.power(10, 9.0, False, 0.05) == unknown.power(10, 1.0, False, 0.05)


def test_levers_come_in_order_and_each_is_enough_by_itself():
    tests = [test_of(0.05, networks=0.8), test_of(0.03, networks=0.1)]
    share, prolong, seeds = levers(tests, matched=False)
    assert [lever.what for lever in (share, prolong, seeds)] == ["share", "prolong", "seeds"]
    assert share.seeds < seeds.seeds
    for lever in (share, prolong, seeds):
        found = joint_power(tests, lever.seeds, lever.times, lever.shared)
        assert found >= 0.8
    assert joint_power(tests, seeds.seeds - 1, 1.0, False) < 0.8
    assert joint_power(tests, 10, prolong.times - 0.25, True) < 0.8
    assert f"up to {share.seeds} pairs of 2 s" in share.text(2000)
    # in pairs already, only two levers are left
    paired = [test_of(0.05, networks=0.0, covariance=0.05**2 / 2)]
    assert [lever.what for lever in levers(paired, matched=True)] == ["prolong", "seeds"]
    # what differs from network to network in spite of pairs is not for longer runs
    stuck = [test_of(0.05, networks=1.0, covariance=0.05**2 / 2)]
    prolong, seeds = levers(stuck, matched=True)
    assert prolong.times is None and "not enough" in prolong.text(2000)
    assert seeds.seeds > 10


def test_what_scatters_in_time_is_told_from_what_differs_between_networks():
    rng = np.random.default_rng(2)
    keys = [(f"P{i}", "rate") for i in range(8)]

    def side(of_network, of_time, seeds=10):
        nets = {key: rng.normal(0, of_network, seeds) for key in keys}
        # two halves scatter by sqrt(2) more than the whole does
        return tuple(
            {key: net + rng.normal(0, of_time * math.sqrt(2), seeds) for key, net in nets.items()}
            for _ in "ab"
        )

    rate = {"rate": margin("5 %", "log")}
    for of_network, of_time in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (2.0, 1.0)):
        found = networks_share([side(of_network, of_time), side(of_network, of_time)], rate)
        expected = of_network**2 / (of_network**2 + of_time**2)
        assert found["rate"] == pytest.approx(expected, abs=0.17)
    assert networks_share([side(1.0, 1.0, seeds=2)], rate) == {}


# -- silence ----------------------------------------------------------------------------------


def run_of(backend, seed, rates):
    """Return what is measured of populations that fire regularly, by their rates in 1/s."""
    values, samples = {}, {}
    for group, rate in rates.items():
        period = round(10_000 / rate) if rate else 0
        steps = np.arange(seed + 1, 10_001, period) if rate else np.empty(0)
        spikes = SpikeData(
            steps.astype(np.int64), np.zeros(len(steps), np.int64), 4, 0.1, 0, 10_000
        )
        values |= {(group, k): v for k, v in population_statistics(spikes).items()}
        samples |= {(group, k): v for k, v in distributions(spikes).items()}
    return Measured(backend, seed, None, (Reading(PopulationMeasure(), values, samples),))


def test_nothing_that_fires_on_either_side_is_said_and_not_called_equivalent():
    def sides(**rates):
        return [[run_of(name, seed, rates) for seed in range(4)] for name in ("x", "y")]

    silent = compare(*sides(A=0.0, B=0.0), Margins())
    assert silent.verdict.tests == () and silent.verdict.outcome is Outcome.INCONCLUSIVE
    assert silent.silent == ("A", "B")
    assert any("Nothing fires in A, B" in note for note in silent.notes)
    half = compare(*sides(A=0.0, B=20.0), Margins())
    assert half.silent == ("A",)
    assert {test.population for test in half.verdict.tests} == {"B"}
    # on one side only it is a difference, and judged as one
    a, b = sides(A=0.0)[0], sides(A=20.0)[1]
    one = compare(a, b, Margins())
    assert one.silent == ()
    assert one.verdict.outcome is Outcome.DIFFERENT


# -- one run a side ---------------------------------------------------------------------------


def test_one_run_a_side_tells_differences_and_distances_without_a_claim():
    rng = np.random.default_rng(3)
    a, b = {("A", "rate"): [4.0], ("A", "lv"): [0.8]}, {("A", "rate"): [5.0], ("A", "lv"): [0.79]}
    samples = [{("A", "W1_rate"): [rng.gamma(2, 2, n)]} for n in (300, 320)]
    verdict = judge(a, b, Margins(), reference_samples=samples[0], other_samples=samples[1])
    rate, lv, distance = verdict.tests
    assert verdict.outcome is Outcome.INCONCLUSIVE and verdict.outcome.exit_code == 6
    assert rate.comparison.estimate == 1.25
    assert rate.comparison.share() == pytest.approx(math.log(1.25) / math.log(1.05))
    assert lv.comparison.share() == pytest.approx(0.5)
    expected = stats.wasserstein_distance(*[s["A", "W1_rate"][0] for s in samples])
    assert distance.comparison.distance == pytest.approx(expected)
    text = verdict.text()
    assert "4 and 5, ratio 1.250, margin +-5 % (no claim" in text
    assert f"W1 {expected:.3g}, no claim" in text
    for test in verdict.tests:
        assert read(as_json(test.comparison)).text() == test.comparison.text()
    # two runs against one are not enough either; three are
    two = judge({("A", "rate"): [4.0, 4.1]}, {("A", "rate"): [4.0]}, Margins())
    assert two.tests[0].comparison.kind == "single"
    three = judge({("A", "rate"): [4.0, 4.1, 3.9]}, {("A", "rate"): [4.0]}, Margins())
    assert three.tests[0].comparison.kind == "prediction"
