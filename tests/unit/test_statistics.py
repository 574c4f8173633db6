"""Statistics of spikes against Elephant, closed forms and plain definitions."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.circuits.compte_ring.measure import RING_STATISTICS
from netspec.errors import UsageError
from netspec.execute.results import SpikeData
from netspec.validation.judge.margins import Margins, default_margins
from netspec.validation.measure import statistics
from netspec.validation.measure.statistics import DISTRIBUTIONS, STATISTICS
from netspec.validation.measure.weights import WeightMeasure

DT = 0.1


def data(steps, neurons, size, end, begin=0, dt=DT):
    return SpikeData(
        np.asarray(steps, np.int64), np.asarray(neurons, np.uint32), size, dt, begin, end
    )


def renewal(order, rate, size, seconds, seed=1, dt=0.001):
    """Independent gamma renewal processes on a grid fine enough not to matter."""
    rng = np.random.default_rng(seed)
    shape = (size, round(rate * seconds * 1.5) + 50)
    times = rng.gamma(order, 1000 / (order * rate), shape).cumsum(axis=1)
    inside = times <= seconds * 1000
    neurons, times = np.nonzero(inside)[0], times[inside]
    return data(np.ceil(times / dt), neurons, size, round(seconds * 1000 / dt), dt=dt)


def correlated(seed=3, size=30, end=20_000, begin=1000):
    """Random trains with a common part, the silent and the sparse among them, shuffled."""
    rng = np.random.default_rng(seed)
    dense = rng.random((end, size)) < np.linspace(0, 0.003, size)
    dense |= (rng.random((end, 1)) < 0.002) & (rng.random((end, size)) < 0.3)
    dense[:, :2] = False
    dense[:, 2] = np.arange(end) == 1500  # one spike
    dense[:, 3] = np.isin(np.arange(end), [1500, 1700])  # one interval
    steps, neurons = np.nonzero(dense)
    order = rng.permutation(len(steps))
    return data(steps[order], neurons[order], size, end, begin)


def trains(spikes):
    """Return the spike times of each neuron in ms, the middle of the step, by definition."""
    inside = (spikes.steps > spikes.begin) & (spikes.steps <= spikes.end)
    times = (spikes.steps - 0.5) * spikes.dt
    return [np.sort(times[inside & (spikes.neurons == i)]) for i in range(spikes.size)]


@pytest.fixture(scope="module")
def elephant():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import elephant.conversion
        import elephant.spike_train_correlation
        import elephant.statistics
    return elephant


def binned(elephant, spikes, width):
    import neo
    import quantities as pq

    start, stop = spikes.begin * spikes.dt, spikes.end * spikes.dt
    made = [neo.SpikeTrain(t, units="ms", t_start=start, t_stop=stop) for t in trains(spikes)]
    bins = int((spikes.end - spikes.begin) * spikes.dt / width)
    return elephant.conversion.BinnedSpikeTrain(
        made,
        bin_size=width * pq.ms,
        n_bins=bins,
        t_start=start * pq.ms,
        t_stop=(start + bins * width) * pq.ms,
    )


def test_rates_and_intervals_are_elephants(elephant):
    spikes = correlated()
    found, values = statistics.distributions(spikes), trains(spikes)
    seconds = (spikes.end - spikes.begin) * DT / 1000
    assert found["rate"] == pytest.approx([len(t) / seconds for t in values])
    intervals = [np.diff(t) for t in values if len(t) >= 3]
    assert found["lv"] == pytest.approx([elephant.statistics.lv(i) for i in intervals])
    assert found["cv"] == pytest.approx([elephant.statistics.cv(i) for i in intervals])
    result = statistics.population_statistics(spikes)
    pairs = [len(i) - 1 for i in intervals]  # of Elephant's terms, whose mean its lv is
    assert len(set(pairs)) > 3
    assert result["lv"] == pytest.approx(np.average(found["lv"], weights=pairs))
    assert result["lv"] != pytest.approx(np.mean(found["lv"]), rel=1e-3)
    assert result["lv_of_neurons"] == pytest.approx(np.mean(found["lv"]))
    assert result["cv"] == pytest.approx(np.mean(found["cv"]))
    assert result["eligible"] == len(intervals) / spikes.size < 1
    assert result["silent_fraction"] == 2 / spikes.size
    assert math.exp(result["log_sd_rate"]) == pytest.approx(np.std(found["rate"], ddof=1))


@pytest.mark.filterwarnings("ignore")  # Elephant's, on silent trains
@pytest.mark.parametrize("end", [20_000, 20_013])  # the second leaves an incomplete bin over
def test_covariance_and_correlation_are_the_mean_over_elephants_pairs(elephant, end):
    spikes = correlated(end=end)
    result = statistics.population_statistics(spikes)
    counts = binned(elephant, spikes, statistics.COVARIANCE_BIN)
    pairs = ~np.eye(spikes.size, dtype=bool)
    module = elephant.spike_train_correlation
    assert result["covariance"] == pytest.approx(module.covariance(counts)[pairs].mean(), rel=1e-9)
    coefficients = module.correlation_coefficient(counts)[pairs]
    assert np.isnan(coefficients).any()  # the silent: left out
    assert result["correlation"] == pytest.approx(np.nanmean(coefficients), rel=1e-9)


@pytest.mark.filterwarnings("ignore")  # Quantities', within Elephant
def test_synchrony_is_elephants_fano_factor_of_the_population_counts(elephant):
    spikes = correlated()
    pooled = binned(elephant, spikes, statistics.SYNCHRONY_BIN).to_array().sum(axis=0)
    fano = elephant.statistics.fanofactor([np.zeros(n) for n in pooled])
    assert statistics.population_statistics(spikes)["synchrony"] == pytest.approx(fano)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_gamma_processes_have_the_cv_and_lv_of_theory(order):
    spikes = renewal(order, rate=20, size=200, seconds=50)
    result = statistics.population_statistics(spikes)
    # intervals of order k: CV = 1 / sqrt(k), LV = 3 / (2 k + 1) (Shinomoto et al. 2003)
    error = 5 / math.sqrt(len(spikes))
    assert result["lv"] == pytest.approx(3 / (2 * order + 1), abs=error)
    # a CV from n intervals is too small by about CV / n
    assert result["cv"] == pytest.approx(1 / math.sqrt(order), abs=error + 2e-3)
    assert result["rate"] == pytest.approx(20, rel=error)


def test_independent_poisson_trains_are_neither_synchronous_nor_correlated():
    spikes = renewal(1, rate=10, size=300, seconds=60)
    result = statistics.population_statistics(spikes)
    bins = 60_000 / statistics.SYNCHRONY_BIN
    assert result["synchrony"] == pytest.approx(1, abs=4 * math.sqrt(2 / bins))
    # mean of N (N - 1) / 2 coefficients of SD 1 / sqrt(B)
    bins = 60_000 / statistics.COVARIANCE_BIN
    assert abs(result["correlation"]) < 4 / math.sqrt(bins * 300 * 299 / 2)


def test_thinning_one_common_train_gives_the_covariance_of_theory():
    # every neuron copies each spike of one Poisson train with probability p: counts of two
    # neurons in a bin have covariance p^2 times the rate of the common train times the bin
    rng = np.random.default_rng(5)
    size, end, rate, copy = 50, 2_000_000, 0.002, 0.3  # rate per step
    common = np.flatnonzero(rng.random(end) < rate) + 1
    taken = rng.random((len(common), size)) < copy
    steps, neurons = common[np.nonzero(taken)[0]], np.nonzero(taken)[1]
    found = statistics.population_statistics(data(steps, neurons, size, end))["covariance"]
    expected = copy**2 * rate * statistics.COVARIANCE_BIN / DT
    assert found == pytest.approx(expected, rel=5 / math.sqrt(len(common)))


def test_the_window_excludes_its_begin_and_includes_its_end():
    spikes = data([100, 101, 200, 201], [0, 0, 0, 0], 1, 200, begin=100)
    result = statistics.population_statistics(spikes)
    assert result["rate"] == pytest.approx(2 / (100 * DT / 1000))
    # 5 bins of 2 ms for pairs, 3 complete ones of 3 ms: the last spike lies in the rest
    assert result["synchrony"] == pytest.approx(np.var([1, 0, 0]) / np.mean([1, 0, 0]))


def test_a_bin_is_at_least_one_step():
    coarse = data([1, 1, 3], [0, 1, 0], 2, 4, dt=10.0)
    result = statistics.population_statistics(coarse)
    assert result["synchrony"] == pytest.approx(np.var([2, 0, 1, 0]) / 0.75)
    assert result["covariance"] == pytest.approx(np.cov([1, 0, 1, 0], [1, 0, 0, 0])[0, 1])


def test_duplicates_are_spikes_as_elephant_has_it(elephant):
    spikes = data([10, 10, 30, 60], [0, 0, 0, 0], 1, 1000)
    intervals = np.array([0.0, 2.0, 3.0])
    found = statistics.distributions(spikes)
    assert found["rate"] == pytest.approx([40])
    assert found["lv"] == pytest.approx([elephant.statistics.lv(intervals)])
    assert found["cv"] == pytest.approx([elephant.statistics.cv(intervals)])
    # nothing but duplicates: equal intervals, no variation, where Elephant divides 0 by 0
    only = statistics.distributions(data([10, 10, 10], [0, 0, 0], 1, 1000))
    assert (only["lv"], only["cv"]) == (0, 0)


def test_a_regular_train_has_no_variation_and_equal_rates_no_log():
    steps = np.tile(np.arange(7, 1000, 100), 3)
    result = statistics.population_statistics(data(steps, np.repeat([0, 1, 2], 10), 3, 1000))
    assert (result["lv"], result["cv"]) == (0, 0)
    assert math.isnan(result["log_sd_rate"])  # exactly 0, whose logarithm nobody wants as -36
    assert result["correlation"] == pytest.approx(1)


def test_foreign_neurons_are_refused():
    with pytest.raises(UsageError, match="neuron 3; allowed: 0 to 2"):
        statistics.population_statistics(data([5], [3], 3, 10))


@st.composite
def any_spikes(draw):
    size = draw(st.integers(1, 5))
    begin = draw(st.integers(0, 50))
    end = begin + draw(st.integers(0, 120))
    spike = st.tuples(st.integers(0, 200), st.integers(0, size - 1))
    found = draw(st.lists(spike, max_size=40))
    return data([s for s, _ in found], [n for _, n in found], size, end, begin, dt=1.0)


def definition(spikes):
    """Return the statistics from a dense matrix of counts and lists of intervals."""
    values = [np.round(t + 0.5) for t in trains(spikes)]
    span = spikes.end - spikes.begin
    counts = np.array([len(t) for t in values])
    intervals = [np.diff(t) for t in values if len(t) >= 3]

    def matrix(width):
        edges = spikes.begin + 0.5 + np.arange(0, span // width * width + 1, width)
        return np.array([np.histogram(t, edges)[0] if span >= width else [] for t in values])

    def terms(i):
        both = i[1:] + i[:-1]
        return 3 * np.divide(np.diff(i), both, out=0 * both, where=both > 0) ** 2

    two, pooled = matrix(2), matrix(3).sum(axis=0)
    pairs = np.triu_indices(spikes.size, 1)
    varying = two[np.ptp(two, axis=1) > 0] if two.shape[1] > 1 else two[:0]
    sd = np.std(counts, ddof=1) if spikes.size > 1 else 0
    nan = math.nan
    return {
        "log_sd_rate": math.log(sd / span * 1000) if span and sd > 1e-9 else nan,
        "silent_fraction": np.mean(counts == 0) if span else nan,
        "lv": np.mean(np.concatenate([terms(i) for i in intervals])) if intervals else nan,
        "lv_of_neurons": np.mean([terms(i).mean() for i in intervals]) if intervals else nan,
        "covariance": np.cov(two)[pairs].mean() if two.shape[1] > 1 and len(two) > 1 else nan,
        "synchrony": pooled.var() / pooled.mean() if len(pooled) > 1 and pooled.any() else nan,
        "rate": counts.mean() / span * 1000 if span else nan,
        "neurons": spikes.size,
        "eligible": len(intervals) / spikes.size if span else nan,
        "cv": np.mean([i.std() / i.mean() if i.any() else 0 for i in intervals])
        if intervals
        else nan,
        "correlation": np.corrcoef(varying)[np.triu_indices(len(varying), 1)].mean()
        if len(varying) > 1
        else nan,
    }


@pytest.mark.filterwarnings("error")
@given(any_spikes())
def test_any_spikes_give_what_the_definitions_say_and_no_warning(spikes):
    assert statistics.population_statistics(spikes) == pytest.approx(
        definition(spikes), rel=1e-9, abs=1e-12, nan_ok=True
    )


@pytest.mark.filterwarnings("error")
@given(any_spikes(), st.randoms(use_true_random=False))
def test_the_order_of_spikes_does_not_matter(spikes, random):
    order = list(range(len(spikes)))
    random.shuffle(order)
    other = data(
        spikes.steps[order], spikes.neurons[order], spikes.size, spikes.end, spikes.begin, dt=1.0
    )
    for function in (statistics.population_statistics, statistics.distributions):
        mine, theirs = function(spikes), function(other)
        assert all(np.array_equal(mine[k], theirs[k], equal_nan=True) for k in mine)


@pytest.mark.filterwarnings("error")
def test_an_empty_population_has_no_statistics():
    found = statistics.population_statistics(data([], [], 0, 1000))
    assert found.pop("neurons") == 0
    assert all(math.isnan(value) for value in found.values())
    assert all(not len(v) for v in statistics.distributions(data([], [], 0, 1000)).values())


def test_the_registry_names_what_is_computed_and_the_page_shows_it():
    spikes = correlated()
    assert list(statistics.population_statistics(spikes)) == [s.name for s in STATISTICS]
    assert list(statistics.distributions(spikes)) == [s.name for s in DISTRIBUTIONS]
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|", page, re.MULTILINE)
    shown = {(name, unit.strip(), margin.strip()) for name, unit, margin in rows}
    for entry in (*STATISTICS, *RING_STATISTICS, *WeightMeasure.statistics):
        margin = f"{entry.margin}, {entry.margin.scale}" if entry.margin else "reported"
        assert (entry.name, entry.unit, margin) in shown
    for entry in (*DISTRIBUTIONS, *WeightMeasure.distributions):
        margin = f"R {Margins().distribution:g}" if entry.primary else "reported"
        assert (entry.name, entry.unit, margin) in shown


def test_margins_are_those_of_the_registry():
    declared = (*STATISTICS, *RING_STATISTICS, *WeightMeasure.statistics)
    registry = {s.name: s.margin for s in declared if s.primary}
    assert Margins().statistics == registry == default_margins()
