"""The random numbers that generated code draws, without a simulator."""

import numpy as np
import pytest
from scipy.stats import kstest, poisson

from netspec.backends.genn import sampling
from netspec.backends.genn.synapses import poisson_quantile
from netspec.realise import counters


def test_literals_are_the_numbers_of_the_reference():
    """Two halves of 32 bits, which is all that GeNN reads."""
    for text, number in (
        (sampling.GAMMA, counters.GAMMA),
        (sampling.FIRST, counters.FIRST),
        (sampling.SECOND, counters.SECOND),
    ):
        assert int(text.split("0x")[1][:8] + text.split("0x")[2][:8], 16) == number


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


@pytest.mark.parametrize("tail", [1e-9, 1e-15])
def test_rows_are_as_long_as_scipys_poisson_distribution_says(tail):
    means = [0.0, 1e-9, *np.geomspace(1e-3, 1e4, 500), *np.arange(1.0, 300.0)]
    found = [poisson_quantile(1 - tail, mean) for mean in means]
    np.testing.assert_array_equal(found, poisson.isf(tail, means))
