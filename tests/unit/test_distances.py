"""Distances between distributions against SciPy, and their ratio against known worlds."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from netspec.validation.judge import distances
from netspec.validation.judge.distances import (
    compare_distributions,
    distance_matrix,
    ratios,
    wasserstein,
)


@pytest.mark.parametrize(("n", "m"), [(50, 50), (50, 51), (7, 21), (1, 9), (60, 40)])
def test_wasserstein_distance_agrees_with_scipy(n, m):
    rng = np.random.default_rng(n * m)
    for draw in (rng.normal, lambda size: rng.integers(0, 4, size).astype(float)):
        x, y = np.sort(draw(size=n)), np.sort(draw(size=m))
        assert wasserstein(x, y) == pytest.approx(stats.wasserstein_distance(x, y), abs=1e-12)


def test_all_pairs_of_seeds_have_a_distance():
    samples = [np.array([0.0, 2.0]), np.array([3.0, 1.0]), np.array([5.0])]
    np.testing.assert_allclose(distance_matrix(samples), [[0, 1, 4], [1, 0, 3], [4, 3, 0]])


def points(values):
    """Return samples whose distances are those of their points on a line."""
    return [np.array([value]) for value in values]


def test_ratio_is_between_over_within():
    # within: 1 and 3, mean 2; between: |0-10|, |0-13|, |1-10|, |1-13|, mean 11
    distance = distance_matrix(points([0.0, 1.0, 10.0, 13.0]))
    a, b = np.array([[1.0, 1, 0, 0]]), np.array([[0.0, 0, 1, 1]])
    assert ratios(distance, a, b) == pytest.approx(11 / 2)


def test_a_seed_drawn_twice_has_no_distance_to_itself():
    distance = distance_matrix(points([0.0, 1.0, 10.0, 13.0]))
    # within: pairs (0, 1), (0, 1) of the sample 0, 0, 1; between: 2 * (10, 13), (9, 12)
    a, b = np.array([[2.0, 1, 0, 0]]), np.array([[0.0, 0, 1, 1]])
    assert ratios(distance, a, b) == pytest.approx((2 * 23 + 21) / 6 / ((1 + 3) / 2))
    assert np.isnan(ratios(distance, np.array([[2.0, 0, 0, 0]]), b))


def test_exact_permutation_agrees_with_scipy():
    rng = np.random.default_rng(1)
    samples = [rng.normal(rng.normal(0.5 * (i >= 5), 1), 1, 30) for i in range(9)]
    found = compare_distributions(samples[:5], samples[5:], 1.25)
    distance = distance_matrix(samples)

    def ratio(x, y):
        a, b = np.zeros((2, 1, 9))
        a[0, x.astype(int)] = b[0, y.astype(int)] = 1
        return float(ratios(distance, a, b)[0])

    labels = np.arange(9.0)
    oracle = stats.permutation_test(
        (labels[:5], labels[5:]), ratio, alternative="greater", n_resamples=np.inf, vectorized=False
    )
    assert found.exact and found.permutations == math.comb(9, 5)
    assert found.ratio == pytest.approx(oracle.statistic)
    assert found.p_difference == pytest.approx(oracle.pvalue)


def test_many_seeds_are_permuted_at_random_and_repeatably():
    rng = np.random.default_rng(2)
    a, b = ([rng.normal(rng.normal(), 1, 30) for _ in range(10)] for _ in range(2))
    found = compare_distributions(a, b, 1.25, seed=3)
    assert not found.exact and found.permutations == distances.RESAMPLES + 1
    assert compare_distributions(a, b, 1.25, seed=3) == found
    assert compare_distributions(a, b, 1.25, seed=4).p_difference == pytest.approx(
        found.p_difference, abs=0.03
    )


def test_the_smallest_p_value_is_one_over_the_labellings():
    a, b = points([0.0, 0.1, 0.2, 0.3]), points([5.0, 5.1, 5.2, 5.3])
    # the labelling with the sides exchanged has the same ratio
    assert compare_distributions(a, b, 1.25).p_difference == pytest.approx(2 / math.comb(8, 4))


def test_equal_seeds_have_ratio_one_and_apart_ones_an_infinite_one():
    same = compare_distributions(points([1.0] * 4), points([1.0] * 4), 1.25)
    assert (same.ratio, same.upper, same.p_difference) == (1, 1, 1)
    apart = compare_distributions(points([1.0] * 4), points([2.0] * 4), 1.25)
    assert (apart.ratio, apart.upper) == (math.inf, math.inf)
    assert apart.p_difference == pytest.approx(2 / math.comb(8, 4))


def test_undefined_neurons_and_seeds_are_left_out():
    rng = np.random.default_rng(5)
    a, b = ([rng.normal(size=20) for _ in range(4)] for _ in range(2))
    full = compare_distributions(a, b, 1.25)
    holed = [np.append(a[0], np.nan), *a[1:], np.full(20, np.nan)]
    found = compare_distributions(holed, b, 1.25)
    assert (found.seeds, found.undefined, found.ratio) == ((4, 4), (1, 0), full.ratio)
    few = compare_distributions(a[:2], b, 1.25)
    assert np.isnan([few.ratio, few.upper, few.p_difference]).all()


def shift_of_ratio(ratio):
    """Return the distance of two normal laws of seeds (SD 1) at which R has this value.

    Distances between points are |N(shift, 2)|: a folded normal law.
    """

    def folded(x):
        return np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2) + x * (1 - 2 * stats.norm.cdf(-x))

    return np.sqrt(2) * brentq(lambda x: folded(x) / folded(0) - ratio, 0, 5)


def test_ratio_has_the_value_of_the_folded_normal_law():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=1500), rng.normal(shift_of_ratio(1.25), size=1500)
    distance = np.abs(np.subtract.outer(np.append(a, b), np.append(a, b)))
    side = np.arange(3000)[None] < 1500
    assert ratios(distance, side * 1.0, ~side * 1.0) == pytest.approx(1.25, abs=0.03)


def outcomes(rng, n, shift, repeats):
    """Return the shares called equivalent and called different."""
    equivalent = different = 0
    for _ in range(repeats):
        a, b = rng.normal(0, 1, n), rng.normal(shift, 1, n)
        found = compare_distributions(points(a), points(b), 1.25)
        equivalent += found.upper <= 1.25
        different += found.p_difference <= 0.05 and found.ratio > 1.25
    return equivalent / repeats, different / repeats


@pytest.mark.parametrize("n", [5, 10])
def test_size_and_power_of_distance_ratios(n, monkeypatch):
    monkeypatch.setattr(distances, "RESAMPLES", 299)
    rng = np.random.default_rng(n)
    at_margin, _ = outcomes(rng, n, shift_of_ratio(1.25), 300)
    power, false_alarms = outcomes(rng, n, 0.0, 300)
    assert at_margin <= stats.binom.ppf(0.999, 300, 0.05) / 300
    assert false_alarms <= stats.binom.ppf(0.999, 300, 0.05) / 300
    if n == 10:
        assert power > 0.2
        assert outcomes(rng, n, 4.0, 50)[1] == 1.0


@pytest.mark.long
@pytest.mark.parametrize("n", [5, 7, 10, 20, 40])
def test_size_of_distance_ratios_at_the_margin(n, monkeypatch):
    monkeypatch.setattr(distances, "RESAMPLES", 999)
    at_margin, _ = outcomes(np.random.default_rng(n), n, shift_of_ratio(1.25), 1500)
    assert at_margin <= stats.binom.ppf(0.999, 1500, 0.05) / 1500


def paired_points(rng, n, between, within, shift=0.0):
    """Return points of n networks on two backends."""
    networks = rng.normal(0, between, n)
    return (points(networks + rng.normal(mean, within, n)) for mean in (0.0, shift))


def test_the_distance_within_a_pair_is_left_out():
    found = compare_distributions(*(points(x) for x in ([0.0, 1, 5], [0.5, 2, 7])), 1.25, 0, True)
    between = np.mean([2, 7, 0.5, 6, 4.5, 3])
    assert found.ratio == pytest.approx(
        between / ((np.mean([1, 5, 4]) + np.mean([1.5, 6.5, 5])) / 2)
    )
    assert found.exact and found.permutations == 4 and found.matched


def test_exchanges_within_pairs_agree_with_scipy():
    a, b = paired_points(np.random.default_rng(1), 8, 1.0, 0.5, 0.8)
    found = compare_distributions(a, b, 1.25, matched=True)
    x, y = (np.concatenate(side) for side in (a, b))

    def ratio(x, y):
        off = ~np.eye(len(x), dtype=bool)
        between = np.abs(np.subtract.outer(x, y))[off].mean()
        return between / np.mean([np.abs(np.subtract.outer(z, z))[off].mean() for z in (x, y)])

    oracle = stats.permutation_test(
        (x, y), ratio, permutation_type="samples", alternative="greater",
        n_resamples=np.inf, vectorized=False,
    )  # fmt: skip
    assert found.ratio == pytest.approx(oracle.statistic)
    assert found.p_difference == pytest.approx(oracle.pvalue)


def test_pairs_close_what_networks_leave_open_and_see_what_is_apart(monkeypatch):
    monkeypatch.setattr(distances, "RESAMPLES", 299)
    rng = np.random.default_rng(2)
    found = {True: 0, False: 0}
    for _ in range(50):
        a, b = paired_points(rng, 10, 1.0, 0.05)
        found[True] += compare_distributions(a, b, 1.25, matched=True).upper <= 1.25
        other, _ = paired_points(rng, 10, 1.0, 0.05)
        found[False] += compare_distributions(a, other, 1.25).upper <= 1.25
    assert found[True] == 50 and found[False] < 30
    a, b = paired_points(rng, 10, 1.0, 0.05, 1.0)
    apart = compare_distributions(a, b, 1.25, matched=True)
    assert apart.ratio > 1.25 and apart.p_difference <= 0.05


@pytest.mark.parametrize("within", [0.2, 1.0])
def test_size_of_paired_distance_ratios(within, monkeypatch):
    monkeypatch.setattr(distances, "RESAMPLES", 299)
    rng = np.random.default_rng(7)
    spread = np.hypot(1.0, within)  # of one seed of one backend
    at_margin = false = 0
    for _ in range(300):
        a, b = paired_points(rng, 10, 1.0, within, spread * shift_of_ratio(1.25))
        at_margin += compare_distributions(a, b, 1.25, matched=True).upper <= 1.25
        a, b = paired_points(rng, 10, 1.0, within)
        false += compare_distributions(a, b, 1.25, matched=True).p_difference <= 0.05
    assert false <= stats.binom.ppf(0.999, 300, 0.05)
    assert at_margin <= stats.binom.ppf(0.999, 300, 0.05)
