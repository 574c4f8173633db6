"""Margins, two one-sided tests, power and prediction against SciPy, statsmodels and chance."""

import tomllib

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from netspec.errors import DescriptionError, UsageError
from netspec.validation.judge.equivalence import (
    compare_values,
    prediction_interval,
    seeds_to_detect,
    smallest_detectable,
)
from netspec.validation.judge.margins import Margin, Margins
from netspec.validation.judge.means import TwoMeans
from netspec.validation.judge.verdict import holm

LV = Margin(limit=0.02, scale="absolute")
RATE = Margin(limit=0.05, scale="log")
RATIO = Margin(limit=0.25, scale="ratio")
SURVIVAL = Margin(limit=0.2, scale="proportion")


# -- margins ----------------------------------------------------------------------------------


def test_margins_are_read_from_text_and_from_toml_alike():
    text = Margins().declare_text("rate=3%, lv=0.01 ,W1=1.5")
    table = tomllib.loads('rate = "3%"\nlv = 0.01\nW1 = 1.5')
    assert text == Margins().declare(table)
    assert text.of("rate") == Margin(limit=0.03, scale="log")
    assert (text.of("lv").limit, text.of("silent_fraction").limit, text.distribution) == (
        0.01,
        0.02,
        1.5,
    )


def test_every_margin_changes_the_hash_and_nothing_else_does():
    assert Margins().content_hash() == Margins().declare_text("rate=5%,W1=1.25").content_hash()
    texts = [
        "rate=4%",
        "log_sd_rate=0.04",
        "silent_fraction=0.01",
        "lv=0.03",
        "covariance=20%",
        "synchrony=20%",
    ]
    hashes = [Margins().declare_text(text).content_hash() for text in ["", "W1=1.2", *texts]]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rates=5%", "did you mean 'rate'"),
        ("rate=0.05", "expected a percentage such as 5%"),
        ("lv=2%", "expected a number such as 0.02"),
        ("lv=small", "given 'small'"),
        ("rate", "expected name=value"),
        ("rate=5%,rate=6%", "once a name"),
    ],
)
def test_a_margin_that_cannot_be_meant_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        Margins().declare_text(text)


@pytest.mark.parametrize("text", ["rate=0%", "rate=-5%", "W1=1", "lv=nan", "lv=inf"])
def test_a_margin_out_of_range_is_refused(text):
    with pytest.raises(DescriptionError):
        Margins().declare_text(text)


def test_margins_cannot_be_changed_after_they_were_declared():
    with pytest.raises(ValueError, match="frozen"):
        Margins().distribution = 2.0
    with pytest.raises(DescriptionError):
        Margin(limit=0.1, scale="log", extra=1)


# -- two one-sided tests ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_absolute_margins_agree_with_statsmodels_and_scipy(seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(0.5, 0.01, rng.integers(2, 12))
    b = rng.normal(0.505, 0.03, rng.integers(2, 12))
    found = compare_values(a, b, LV)
    p, *_ = ttost_ind(b, a, -0.02, 0.02, usevar="unequal")
    test = stats.ttest_ind(b, a, equal_var=False)
    assert found.p_equivalence == pytest.approx(p)
    assert found.p_difference == pytest.approx(test.pvalue)
    assert found.interval == pytest.approx(tuple(test.confidence_interval(0.9)))
    low, high = found.interval
    assert (p <= 0.05) == (low >= -0.02 and high <= 0.02)


@pytest.mark.parametrize("seed", range(6))
def test_rates_are_compared_by_their_logarithms(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.lognormal(1, 0.03, 6), rng.lognormal(1.02, 0.05, 9)
    found = compare_values(a, b, RATE)
    size = np.log(1.05)
    p, *_ = ttost_ind(np.log(b), np.log(a), -size, size, usevar="unequal")
    assert found.p_equivalence == pytest.approx(p)
    assert found.estimate == pytest.approx(stats.gmean(b) / stats.gmean(a))
    # which side is the reference makes no difference to a relative margin
    assert compare_values(b, a, RATE).p_equivalence == pytest.approx(found.p_equivalence)


def test_the_ends_of_a_ratio_interval_are_the_ratios_that_are_just_not_rejected():
    rng = np.random.default_rng(1)
    welch = TwoMeans.of(rng.normal(3, 1, 7), rng.normal(4, 2, 9))
    low, high = welch.ratio_interval()
    quantile = stats.t.ppf(0.95, welch.df)
    assert (welch.t(low), welch.t(high)) == (pytest.approx(quantile), pytest.approx(-quantile))


def pairs(rng, n, between=1.0, within=0.1, difference=0.0):
    """Return values of n networks on two backends, which share what differs between networks."""
    networks = rng.normal(0, between, n)
    return (networks + rng.normal(shift, within, n) for shift in (0.0, difference))


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_compared_as_statsmodels_does(seed):
    a, b = pairs(np.random.default_rng(seed), 7, 0.05, 0.02, 0.01)
    found = compare_values(a, b, LV, matched=True)
    p, *_ = ttost_paired(b, a, -0.02, 0.02)
    assert found.p_equivalence == pytest.approx(p)
    assert found.p_difference == pytest.approx(stats.ttest_rel(b, a).pvalue)
    interval = stats.ttest_rel(b, a).confidence_interval(0.9)
    assert found.interval == (pytest.approx(interval.low), pytest.approx(interval.high))
    rates = compare_values(np.exp(a), np.exp(b), RATE, matched=True)
    p, *_ = ttost_paired(b, a, -np.log(1.05), np.log(1.05))
    assert rates.p_equivalence == pytest.approx(p)


def test_the_ends_of_a_paired_ratio_interval_are_just_not_rejected():
    a, b = pairs(np.random.default_rng(1), 9, 0.3, 0.2)
    means = TwoMeans.of(a + 3, b + 4, matched=True)
    low, high = means.ratio_interval()
    for factor, side in ((low, 0.95), (high, 0.05)):
        t = stats.ttest_1samp(b + 4 - factor * (a + 3), 0).statistic
        assert t == pytest.approx(stats.t.ppf(side, 8))


def test_pairs_see_what_the_scatter_of_networks_hides():
    a, b = pairs(np.random.default_rng(3), 10, 0.1, 0.005)
    apart, paired = compare_values(a, b, LV), compare_values(a, b, LV, matched=True)
    assert apart.p_equivalence > 0.05 > paired.p_equivalence
    assert paired.seeds_needed <= 10 < apart.seeds_needed
    assert paired.power > 0.8 > apart.power
    assert smallest_detectable(a, b, LV, 48, matched=True) < smallest_detectable(a, b, LV, 48)
    equal = compare_values(a, a, LV, matched=True)
    assert (equal.p_equivalence, equal.p_difference, equal.power) == (0, 1, 1)


def test_pairs_keep_their_level_at_the_margin():
    rng = np.random.default_rng(4)
    found = [
        compare_values(*pairs(rng, 6, 0.1, 0.01, 0.02), LV, matched=True).p_equivalence
        for _ in range(300)
    ]
    assert np.count_nonzero(np.array(found) <= 0.05) <= stats.binom.ppf(0.999, 300, 0.05)


def test_a_pair_with_an_undefined_value_is_left_out_and_lonely_values_are_refused():
    a, b = np.array([0.1, np.nan, 0.11, 0.09]), np.array([0.1, 0.12, 0.1, 0.08])
    found = compare_values(a, b, LV, matched=True)
    assert (found.seeds, found.undefined) == ((3, 3), (1, 1))
    kept = ~np.isnan(a)
    assert found.interval == compare_values(a[kept], b[kept], LV, matched=True).interval
    with pytest.raises(UsageError, match="4 and 3 values"):
        compare_values(a, b[:3], LV, matched=True)


@pytest.mark.parametrize("sign", [1, -1])
def test_ratios_of_means_know_either_sign_and_either_direction(sign):
    rng = np.random.default_rng(2)
    a, b = sign * rng.normal(1, 0.1, (2, 8))
    near, far = compare_values(a, b, RATIO), compare_values(a, 2 * b, RATIO)
    assert near.p_equivalence < 0.05 and not near.exceeds
    assert far.p_equivalence > 0.95 and far.exceeds
    assert compare_values(b, a, RATIO).p_equivalence == pytest.approx(near.p_equivalence)


def test_a_reference_around_zero_has_no_ratio():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, (2, 8))
    found = compare_values(a, b, RATIO)
    assert found.interval == (-np.inf, np.inf)
    assert found.p_equivalence > 0.05 and found.power < 0.01


def test_ratios_of_means_keep_their_level_at_the_margin():
    rng = np.random.default_rng(4)
    falsely = 0
    for _ in range(1000):
        a, b = rng.normal(1, 0.15, 6), rng.normal(1.25, 0.2, 9)
        falsely += compare_values(a, b, RATIO).p_equivalence <= 0.05
    assert falsely <= stats.binom.ppf(0.999, 1000, 0.05)


# -- edges ------------------------------------------------------------------------------------


def test_values_without_spread_are_equal_or_not():
    same = compare_values([0.1] * 3, [0.1] * 4, LV)
    assert same.p_equivalence == 0 and same.p_difference == 1 and not same.exceeds
    assert (same.power, same.seeds_needed) == (1.0, 2)
    other = compare_values([0.1] * 3, [0.2] * 4, LV)
    assert other.p_equivalence == 1 and other.p_difference == 0 and other.exceeds


def test_populations_silent_on_both_sides_are_equal_and_on_one_side_are_not():
    silent, active = np.zeros(5), np.array([1.0, 1.1, 0.9, 1.0, 1.05])
    both = compare_values(silent, silent, RATE)
    assert both.p_equivalence == 0 and both.estimate == 1 and not both.exceeds
    for one in (compare_values(silent, active, RATE), compare_values(active, silent, RATE)):
        assert one.exceeds and one.p_difference < 1e-4 and one.p_equivalence > 0.99
        assert one.margin.scale == "ratio"  # zero has no logarithm


def test_undefined_values_are_left_out_and_counted():
    a, b = np.array([0.1, np.nan, 0.11, 0.09]), np.array([0.1, 0.12, 0.1])
    found = compare_values(a, b, LV)
    assert (found.seeds, found.undefined) == ((3, 3), (1, 0))
    assert found.interval == compare_values(a[~np.isnan(a)], b, LV).interval


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [np.nan] * 3])
def test_fewer_than_two_values_allow_no_test(values):
    found = compare_values(values, [1.0, 1.1, 1.2], RATE)
    assert np.isnan([found.estimate, found.p_equivalence, found.p_difference, found.power]).all()
    assert found.seeds_needed is None
    assert np.isnan(smallest_detectable(values, [1.0, 1.1], RATE))


def test_values_must_be_one_a_seed():
    with pytest.raises(UsageError, match="one-dimensional"):
        compare_values(np.ones((2, 3)), np.ones(3), LV)


# -- power ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 10])
def test_power_is_the_share_of_equal_backends_found_equivalent(n):
    rng = np.random.default_rng(n)
    sd = 0.016
    found = []
    for _ in range(1000):
        a, b = rng.normal(0.5, sd, (2, n))
        found.append(compare_values(a, b, LV).p_equivalence <= 0.05)
    # the design's power at the true variance, from values that have exactly this variance
    exact = np.linspace(-1, 1, n)
    exact *= sd / exact.std(ddof=1)
    predicted = compare_values(exact, exact, LV).power
    assert np.mean(found) == pytest.approx(predicted, abs=4 * np.sqrt(0.25 / 1000))


def test_seeds_needed_is_the_textbook_number_where_it_is_large():
    values = np.linspace(-1, 1, 9)
    values *= 0.1 / values.std(ddof=1)
    needed = compare_values(values, values, LV).seeds_needed
    # n = 2 (z(1 - alpha) + z(1 - beta / 2))^2 (sd / margin)^2, beta = 0.2: Chow, Shao & Wang
    normal = 2 * (stats.norm.ppf(0.95) + stats.norm.ppf(0.9)) ** 2 * (0.1 / 0.02) ** 2
    assert needed == pytest.approx(normal, rel=0.01)


def test_the_number_of_seeds_needed_is_the_first_with_that_power():
    values = np.linspace(-1, 1, 5) * 0.02
    needed = compare_values(values, values, LV).seeds_needed
    powers = []
    for n in (needed - 1, needed):
        grown = np.linspace(-1, 1, n)
        grown *= values.std(ddof=1) / grown.std(ddof=1)
        powers.append(compare_values(grown, grown, LV).power)
    assert powers[0] < 0.8 <= powers[1]


@pytest.mark.parametrize("family", [1, 48])
def test_the_smallest_detectable_deviation_is_detected_four_times_in_five(family):
    rng = np.random.default_rng(5)
    n, sd = 8, 0.03
    exact = np.linspace(-1, 1, n)
    exact = np.exp(exact * sd / exact.std(ddof=1))
    deviation = smallest_detectable(exact, exact, RATE, family)
    seen = 0
    for _ in range(1000):
        a, b = np.exp(rng.normal(0, sd, (2, n)))
        found = compare_values(a, b * (1 + deviation), RATE)
        seen += found.exceeds and found.p_difference <= 0.05 / family
    assert seen / 1000 == pytest.approx(0.8, abs=0.05)


def test_the_seeds_that_would_detect_a_deviation_are_the_fewest():
    low, high = np.exp([-0.03, 0.03]), np.exp([-0.03, 0.03]) * 1.08
    seeds = seeds_to_detect(low, high, RATE, family=48)
    spread = np.std([-0.03, 0.03], ddof=1)

    def detectable(n):
        values = np.linspace(-1, 1, n)
        values = np.exp(values * spread / values.std(ddof=1))
        return smallest_detectable(values, values, RATE, family=48)

    assert detectable(seeds) <= 0.08 < detectable(seeds - 1)
    assert seeds_to_detect(low, low * 1.04, RATE, family=48) is None  # within the margin


# -- the rest ---------------------------------------------------------------------------------


def test_prediction_interval_is_the_closed_form_and_holds_the_next_value():
    rng = np.random.default_rng(6)
    values = rng.normal(2, 0.5, 5)
    low, high = prediction_interval(values, LV)
    t = (high - values.mean()) / (values.std(ddof=1) * np.sqrt(1 + 1 / 5))
    assert t == pytest.approx(2.776445, rel=1e-6)  # the tabulated t(0.975) at 4 df
    assert (low + high) / 2 == pytest.approx(values.mean())
    held = 0
    for _ in range(2000):
        low, high = prediction_interval(rng.lognormal(0, 0.3, 4), RATE)
        held += low <= rng.lognormal(0, 0.3) <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.02)
    assert np.isnan(prediction_interval(values[:2], LV)).all()


def test_prediction_intervals_of_a_family_hold_all_of_it_at_once():
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(500):
        intervals = [prediction_interval(rng.normal(0, 1, 6), LV, family=10) for _ in range(10)]
        held += all(
            low <= value <= high
            for (low, high), value in zip(intervals, rng.normal(0, 1, 10), strict=True)
        )
    assert held / 500 == pytest.approx(0.95, abs=0.04)


def test_three_bumps_that_survived_on_either_side_are_no_proof():
    assert compare_values([1.0] * 3, [1.0] * 3, SURVIVAL).p_equivalence > 0.05
    assert compare_values([1.0] * 30, [1.0] * 30, SURVIVAL).p_equivalence < 0.05


# beyond 15 seeds the coarse steps of a proportion lift it at some values; worst known: 20 seeds
@pytest.mark.parametrize(
    ("p", "n", "level"), [(1.0, 5, 0.05), (0.9, 10, 0.05), (0.98, 15, 0.05), (1.0, 20, 0.07)]
)
def test_proportions_keep_their_level_at_the_margin(p, n, level):
    outcomes = np.arange(n + 1)
    chance = np.outer(stats.binom.pmf(outcomes, n, p), stats.binom.pmf(outcomes, n, p - 0.2))
    falsely = 0.0
    for i, j in np.argwhere(chance > 1e-5):
        a, b = (np.arange(n) < k for k in (i, j))
        falsely += chance[i, j] * (compare_values(a, b, SURVIVAL).p_equivalence <= 0.05)
    assert falsely <= level


def test_holm_agrees_with_statsmodels():
    p = np.random.default_rng(8).uniform(0, 0.1, 20)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
    assert np.isnan(holm([0.01, np.nan, 0.02])[1])
    np.testing.assert_allclose(holm([0.01, np.nan, 0.02])[[0, 2]], [0.03, 0.04])
