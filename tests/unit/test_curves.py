"""Curves that are drawn and not judged: rate in time, power spectrum, correlations, quantiles."""

import json

import numpy as np
import pytest

import netspec
from netspec.errors import UsageError
from netspec.execute.measure import Curve, Measure
from netspec.execute.results import SpikeData
from netspec.validation.campaign.summary import CurveEntry
from netspec.validation.measure import curves, statistics
from netspec.validation.measure.catalogue import traced

DT = 0.1


def drawn(rates, size=200, seconds=10.0, seed=1):
    """Return a population that fires by a rate in every millisecond, shape (ms,), in 1/s."""
    rng = np.random.default_rng(seed)
    chance = np.broadcast_to(np.asarray(rates, float), (round(seconds * 1000),)) / 1000
    ms, neurons = np.nonzero(rng.random((len(chance), size)) < chance[:, None])
    steps = ms * 10 + 1 + rng.integers(0, 10, len(ms))
    return SpikeData(steps.astype(np.int64), neurons, size, DT, 0, round(seconds * 1e4))


def test_a_rate_in_time_is_the_rate_and_follows_it():
    spikes = drawn(np.where(np.arange(10_000) < 5000, 5.0, 15.0))
    times, rates = curves.rate_in_time(spikes)
    assert len(times) == 100 and times[0] == 50 and times[-1] == pytest.approx(9950)
    assert rates.mean() == pytest.approx(statistics.population_statistics(spikes)["rate"])
    assert rates[:50].mean() == pytest.approx(5, rel=0.05)
    assert rates[50:].mean() == pytest.approx(15, rel=0.05)


def test_the_spectrum_of_a_poisson_process_is_flat_and_a_rhythm_is_a_peak():
    frequencies, density = curves.spectrum(drawn(8.0, seconds=40))
    assert frequencies[0] == pytest.approx(1000 / 512) and frequencies[-1] == pytest.approx(500)
    assert density.mean() == pytest.approx(2 * 8 / 200, rel=0.05)
    low, high = density[frequencies < 100].mean(), density[frequencies > 400].mean()
    assert low == pytest.approx(high, rel=0.15)
    time = np.arange(10_000) / 1000
    frequencies, density = curves.spectrum(drawn(8 + 4 * np.sin(2 * np.pi * 40 * time)))
    assert frequencies[density.argmax()] == pytest.approx(40, abs=2)
    # the variance of the sine is in the peak: amplitude^2 / 2
    peak = np.abs(frequencies - 40) < 8
    assert (density[peak] - 0.08).sum() * frequencies[0] == pytest.approx(8, rel=0.15)


@pytest.mark.filterwarnings("ignore")
def test_correlations_are_elephants():
    elephant = pytest.importorskip("elephant.spike_train_correlation")
    from elephant.conversion import BinnedSpikeTrain
    from neo import SpikeTrain
    from quantities import ms

    spikes = drawn(20.0, size=30, seconds=2)
    trains = [
        SpikeTrain((spikes.steps[spikes.neurons == i] - 0.5) * DT * ms, t_stop=2000 * ms)
        for i in range(30)
    ]
    counts = BinnedSpikeTrain(trains, bin_size=2 * ms, t_start=0 * ms, t_stop=2000 * ms)
    expected = elephant.correlation_coefficient(counts)[np.triu_indices(30, 1)]
    assert curves.correlations(spikes) == pytest.approx(expected, abs=1e-9)
    mean = statistics.population_statistics(spikes)["correlation"]
    assert np.mean(expected) == pytest.approx(mean)


def test_of_many_neurons_some_are_correlated_and_none_without_spikes():
    assert len(curves.correlations(drawn(5.0, size=450, seconds=2))) == 150 * 149 / 2
    assert not len(curves.correlations(drawn(0.0)))
    assert curves.spectrum(drawn(5.0, seconds=1))[0].size == 0  # shorter than two segments
    assert curves.quantiles(np.array([3.0, 1.0, 2.0]))[1][[0, 20, 40]].tolist() == [1, 2, 3]


NETWORK = netspec.Network(
    name="one",
    populations=[netspec.Population(name="A", size=3, model="iaf_psc_exp")],
    current_inputs=[netspec.CurrentInput(name="dc", target="A", amplitude="500 pA")],
    recorders=[netspec.Recorder(name="r", target="A")],
)


def test_curves_of_all_runs_of_a_side_are_one_entry(tmp_path):
    times = netspec.Simulation(warmup=0.0, duration=50.0)
    runs = [netspec.run(NETWORK, "nest", seed=s, simulation=times, out=tmp_path) for s in (1, 2)]
    found = {entry["name"]: CurveEntry(**entry) for entry in traced([("x", run) for run in runs])}
    assert set(found) == {"rate_in_time", "correlations", "cvs"}  # too short for a spectrum
    assert found["correlations"].mean == pytest.approx([1.0] * 41)  # three equal trains
    rate = found["rate_in_time"]
    assert (rate.backend, rate.population, rate.axis_unit, rate.runs) == ("x", "A", "ms", 2)
    assert np.mean(rate.mean) == pytest.approx(60) and rate.low == rate.high
    json.dumps(rate.model_dump(), allow_nan=False)

    class Wrong(Measure):
        name = "wrong"
        statistics = ()
        curves = (Curve("right", "", "", "", ""),)

        def values(self, run):
            return {}

        def traces(self, run):
            return {("A", "left"): (np.zeros(1), np.zeros(1))}

    with pytest.raises(UsageError, match="curve of the measure 'wrong'"):
        list(traced([("x", runs[0])], [Wrong()]))
