"""Random numbers by counter: what they are, that they are random, and their text in C."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
from scipy.stats import chi2, chisquare, kstest, poisson

from netspec.realise import counter_code, counters
from netspec.realise.counters import PoissonCounter, bits_at, input_key, neuron_states

MASK = 2**64 - 1
# of seed 1, input "noise", mean 2
KEY = 11614587837520640768
FIRST_NUMBERS = [[2, 3, 1, 3, 2, 6, 1, 3], [0, 3, 0, 1, 1, 1, 1, 1]]
N = 400  # neurons and steps of the samples below
SIGMAS = 4.5


def splitmix(state, draws):
    """SplitMix64 as its authors write it, in Python's whole numbers: the draws after a state."""
    found = []
    for _ in range(draws):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        found.append(z ^ (z >> 31))
    return found


@pytest.fixture(scope="module")
def bits():
    """Random bits of one input, shape (steps, neurons)."""
    return bits_at(neuron_states(input_key(1, "noise"), np.arange(N)), np.arange(N))


# -- which numbers ----------------------------------------------------------------------------


def test_a_sequence_is_that_of_splitmix64():
    """The first numbers of the authors' program for the seed 1234567."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert splitmix(1234567, 3) == published
    assert bits_at(np.array([1234567], np.uint64), np.arange(3))[:, 0].tolist() == published


def test_every_neuron_has_a_sequence_of_its_own_that_begins_anywhere():
    key = input_key(7, "noise")
    states = neuron_states(key, np.arange(5))
    assert states.tolist() == splitmix(key, 5)
    found = bits_at(states, [0, 1, 1000, 3])
    for neuron, state in enumerate(states.tolist()):
        draws = splitmix(state, 1001)
        assert found[:, neuron].tolist() == [draws[k] for k in (0, 1, 1000, 3)]
        (later,) = counters.states_at(states[neuron : neuron + 1], 997).tolist()
        assert splitmix(later, 4) == draws[997:]


def test_numbers_do_not_depend_on_what_is_asked_for_together():
    """As on threads, ranks and shards, each of which asks for its own neurons."""
    whole = PoissonCounter.of(3, "noise", 2.3, 100)
    some = np.array([97, 3, 50])
    part = PoissonCounter.of(3, "noise", 2.3, some)
    expected = whole.numbers(0, 40)
    assert np.array_equal(part.numbers(20, 20), expected[20:, some])
    assert np.array_equal(np.vstack([whole.numbers(k) for k in range(40)]), expected)


@pytest.mark.parametrize("mean", [1e-6, 0.02, 0.5, 2.3, 60.0])
def test_events_are_the_numbers_that_are_not_zero(mean):
    counter = PoissonCounter.of(3, "noise", mean, 50)
    numbers = counter.numbers(11, 60)
    steps, neurons, found = counter.events(11, 60)
    assert np.array_equal(np.nonzero(numbers)[0] + 11, steps)
    assert np.array_equal(np.nonzero(numbers)[1], neurons)
    assert np.array_equal(numbers[numbers > 0], found)


def test_keys_differ_by_seed_name_and_purpose_and_never_change():
    keys = [input_key(1, "noise"), input_key(2, "noise"), input_key(1, "other"),
            input_key(1, "noise", "white")]  # fmt: skip
    assert len(set(keys)) == 4
    assert keys[0] == input_key(1, "noise") == KEY
    numbers = PoissonCounter.of(1, "noise", 2.0, 8).numbers(0, 2)
    assert numbers.tolist() == FIRST_NUMBERS


# -- that they are random ---------------------------------------------------------------------


def test_every_bit_is_set_as_often_as_not(bits):
    error = 0.5 / np.sqrt(bits.size)
    for place in range(64):
        share = ((bits >> np.uint64(place)) & np.uint64(1)).mean()
        assert abs(share - 0.5) < SIGMAS * error


def test_numbers_are_uniform_over_steps_and_over_neurons(bits):
    uniform = bits / 2.0**64
    assert kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    for axis in (0, 1):
        p = [kstest(row, "uniform").pvalue for row in np.moveaxis(uniform, axis, 0)]
        assert kstest(p, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(("steps", "neurons"), [(1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (10, 0)])
def test_neighbours_in_step_and_neuron_are_strangers(bits, steps, neurons):
    one, other = bits[steps:, neurons:], bits[: N - steps, : N - neurons]
    error = 1 / np.sqrt(one.size)
    a, b = one / 2.0**64, other / 2.0**64
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < SIGMAS * error
    # half of the bits of two strangers differ, each of them in half of the pairs
    differing = np.bitwise_xor(one, other)
    for place in range(64):
        share = ((differing >> np.uint64(place)) & np.uint64(1)).mean()
        assert abs(share - 0.5) < SIGMAS * 0.5 * error
    cells = np.histogram2d(a.ravel(), b.ravel(), bins=16, range=[[0, 1], [0, 1]])[0]
    assert chisquare(cells.ravel()).pvalue > 1e-4


def test_inputs_and_seeds_are_strangers(bits):
    for seed, name in ((1, "noise2"), (2, "noise")):
        other = bits_at(neuron_states(input_key(seed, name), np.arange(N)), np.arange(N))
        r = np.corrcoef(bits.ravel() / 2.0**64, other.ravel() / 2.0**64)[0, 1]
        assert abs(r) < SIGMAS / N


@pytest.mark.parametrize("mean", [0.01, 0.3, 2.3, 40.0, 900.0, 6e4])
def test_poisson_numbers_are_those_of_their_distribution(mean):
    numbers = PoissonCounter.of(5, "noise", mean, N).numbers(0, N).astype(int)
    # cells of at least some 50 expected numbers
    edges = np.unique(poisson.ppf(np.linspace(0, 1, 60)[1:-1], mean))
    inner = np.diff(poisson.cdf(edges, mean))
    expected = np.array([poisson.cdf(edges[0], mean), *inner, poisson.sf(edges[-1], mean)])
    found = np.bincount(np.searchsorted(edges, numbers.ravel()), minlength=len(expected))
    kept = expected * numbers.size > 50
    rest = 1 - expected[kept].sum()
    statistic = ((found[kept] / numbers.size - expected[kept]) ** 2 / expected[kept]).sum()
    assert chi2.sf(statistic * numbers.size, max(kept.sum() - (rest < 1e-9), 1)) > 1e-3
    # sums over steps and over neurons scatter as those of independent numbers do
    for axis in (0, 1):
        sums = numbers.sum(axis=axis)
        dispersion = ((sums - N * mean) ** 2).sum() / (N * mean)
        assert 1e-4 < chi2.cdf(dispersion, N) < 1 - 1e-4


def test_normal_numbers_are_normal_and_strangers():
    states = neuron_states(input_key(5, "noise", "white"), np.arange(N))
    normal = counters.normal_numbers(states, np.arange(N))
    assert kstest(normal.ravel(), "norm").pvalue > 1e-3
    assert abs(normal.var() - 1) < SIGMAS * np.sqrt(2 / normal.size)
    assert abs((normal**4).mean() - 3) < SIGMAS * np.sqrt(96 / normal.size)
    for one, other in ((normal[1:], normal[:-1]), (normal[:, 1:], normal[:, :-1])):
        for power in (1, 2):  # of squares too: the radius is no neighbour's
            r = np.corrcoef((one**power).ravel(), (other**power).ravel())[0, 1]
            assert abs(r) < SIGMAS / np.sqrt(one.size)
    assert np.array_equal(counters.normal_numbers(states[3:5], [17])[0], normal[17, 3:5])


# -- tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.07, 1.28, 2.32, 40.0, 900.0, 6e4])
def test_tables_hold_the_distribution_of_scipy(mean):
    table, guide = counters.poisson_tables(mean)
    whole = [int(entry) for entry in table]
    assert whole == sorted(whole) and whole[-1] == 2**64 - 1
    shares = np.array([(b - a) / 2**64 for a, b in zip([-1, *whole], whole, strict=False)])
    expected = poisson.pmf(np.arange(len(shares)), mean)
    np.testing.assert_allclose(shares, expected, rtol=1e-9, atol=2e-16)
    assert poisson.sf(len(shares) - 1, mean) < 1e-18
    assert len(guide) == 256


@pytest.mark.parametrize("mean", [0.07, 2.32, 40.0])
def test_the_guide_begins_at_or_before_the_number(mean):
    table, guide = counters.poisson_tables(mean)
    bits = np.random.default_rng(1).integers(0, 2**64, 20_000, np.uint64)
    bits[: len(table)] = table  # the largest bits of every number
    numbers = np.searchsorted(table, bits)  # the first k with bits <= table[k]
    assert (guide[bits >> np.uint64(56)] <= numbers).all()
    assert np.array_equal(counters.poisson_numbers(bits, table, guide), numbers)
    rest = numbers[len(table) :]
    assert rest.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / len(rest)))


@pytest.mark.parametrize("mean", [-1.0, 6.1e4, float("nan")])
def test_a_mean_that_no_table_holds_is_refused(mean):
    with pytest.raises(ValueError, match="mean: given"):
        counters.poisson_tables(mean)


# -- the text of C ----------------------------------------------------------------------------

LOOP = """
void numbers(uint64_t key, const uint64_t* neurons, int n, uint64_t first, int steps,
             const uint64_t* table, const uint16_t* guide, uint64_t* bits, unsigned int* counts) {
    for (int i = 0; i < n; i++) {
        uint64_t state = netspec_neuron_state(key, neurons[i]);
        uint64_t kept = state + first * NETSPEC_GAMMA;
        for (int k = 0; k < steps; k++) {
            kept += NETSPEC_GAMMA;
            bits[k * n + i] = netspec_bits(state, first + k);
            if (netspec_mixed(kept) != bits[k * n + i]) { bits[k * n + i] = 0; }
            counts[k * n + i] = netspec_poisson(bits[k * n + i], table, guide);
        }
    }
}
"""


def compiled(folder, text, language):
    """Return a library made of C's text, or C++'s."""
    compiler = shutil.which({"c": "gcc", "c++": "g++"}[language])
    if compiler is None:
        pytest.skip("no compiler")
    source, library = folder / "counters.src", folder / "counters.so"
    source.write_text(text)
    standard = {"c": "c99", "c++": "c++11"}[language]
    command = [compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror",
               "-pedantic", "-O2",
               "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]  # fmt: skip
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("mean", [0.05, 2.3, 700.0])
def test_the_text_of_c_is_the_numpy_reference(tmp_path, language, mean):
    loop = f'extern "C" {{ {LOOP} }}' if language == "c++" else LOOP
    library = compiled(tmp_path, counter_code.INTEGERS + counter_code.POISSON + loop, language)
    neurons, first, steps = np.array([0, 1, 79_999, 2**31 + 1], np.uint64), 2**33, 300
    bits = np.empty((steps, len(neurons)), np.uint64)
    counts = np.empty(bits.shape, np.uint32)
    counter = PoissonCounter.of(2**62, "noise", mean, neurons)
    arrays = [a.ctypes.data_as(ctypes.c_void_p) for a in (neurons, *counter.tables, bits, counts)]
    library.numbers(
        ctypes.c_uint64(input_key(2**62, "noise")), arrays[0], len(neurons), ctypes.c_uint64(first),
        steps, *arrays[1:],
    )  # fmt: skip
    assert np.array_equal(bits, bits_at(counter.states, np.arange(first, first + steps)))
    assert np.array_equal(counts, counter.numbers(first, steps))


NORMALS = """
void normals(const uint64_t* states, int n, uint64_t first, int steps, double* found) {
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < steps; k++) {
            found[k * n + i] = netspec_normal(states[i], first + k);
        }
    }
}
"""


@pytest.mark.parametrize("language", ["c", "c++"])
def test_the_text_of_normal_numbers_is_the_numpy_reference(tmp_path, language):
    loop = f'extern "C" {{ {NORMALS} }}' if language == "c++" else NORMALS
    library = compiled(tmp_path, counter_code.INTEGERS + counter_code.NORMAL + loop, language)
    states = neuron_states(input_key(3, "noise", "white"), np.arange(50))
    found = np.empty((400, 50))
    library.normals(
        states.ctypes.data_as(ctypes.c_void_p), 50, ctypes.c_uint64(2**40), 400,
        found.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    expected = counters.normal_numbers(states, 2**40 + np.arange(400))
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-15)
