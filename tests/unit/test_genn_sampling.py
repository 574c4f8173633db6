"""The random numbers that generated code draws: the tables, without a simulator."""

import numpy as np
import pytest
from scipy.stats import kstest, poisson

from netspec.backends.genn.sampling import poisson_tables


@pytest.mark.parametrize("mean", [1e-6, 0.07, 1.28, 2.32, 40.0, 900.0])
def test_tables_hold_the_distribution_of_scipy(mean):
    table, guide = poisson_tables(mean)
    whole = [int(entry) for entry in table]
    assert whole == sorted(whole) and whole[-1] == 2**64 - 1
    shares = np.array([b - a for a, b in zip([-1, *whole], whole, strict=False)]) / 2.0**64
    expected = poisson.pmf(np.arange(len(shares)), mean)
    np.testing.assert_allclose(shares, expected, rtol=1e-9, atol=2e-16)
    assert poisson.sf(len(shares) - 1, mean) < 1e-18
    assert len(guide) == 256


@pytest.mark.parametrize("mean", [0.07, 2.32, 40.0])
def test_the_guide_begins_at_or_before_the_number(mean):
    table, guide = poisson_tables(mean)
    bits = np.random.default_rng(1).integers(0, 2**64, 20_000, np.uint64)
    numbers = np.searchsorted(table, bits)  # the first k with bits <= table[k]
    assert (guide[bits >> np.uint64(56)] <= numbers).all()
    assert numbers.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / len(bits)))


def test_neighbouring_states_make_unrelated_uniform_numbers():
    """SplitMix64 in NumPy, as the generated code has it, with one state a synapse."""
    gamma, mask = 0x9E3779B97F4A7C15, 2**64 - 1

    def mixed(z):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    index = np.arange(200_000, dtype=np.uint64)
    seed = np.uint64(12345)
    with np.errstate(over="ignore"):
        state = mixed(seed + index * np.uint64(gamma) + np.uint64(gamma))
        first = mixed(state + np.uint64(gamma)) / 2.0**64
        second = mixed(state + np.uint64(2 * gamma & mask)) / 2.0**64
    assert kstest(first, "uniform").pvalue > 1e-3
    for a, b in ((first, second), (first[1:], first[:-1]), (first[1:], second[:-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(len(a))
