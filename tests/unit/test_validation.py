"""Rates side by side, the decoded ring, and the report."""

import numpy as np
import pytest

import netspec
from netspec.backend import RunRequest
from netspec.results import SpikeData
from netspec.validation import ensemble, report
from netspec.validation.ring import bump
from netspec.validation.statistics import mean_and_sd


def ring(neurons, size=360):
    neurons = np.asarray(neurons, np.uint32)
    return SpikeData(np.arange(1, len(neurons) + 1), neurons, size, 0.1, 0, 10_000)


def test_a_bump_is_decoded_where_it_is_also_across_zero():
    assert bump(ring([88, 89, 90, 91, 92])).angle == pytest.approx(90)
    assert bump(ring([358, 359, 0, 1, 2])).angle % 360 == pytest.approx(0, abs=1e-9)
    assert bump(ring([90] * 5)).vector_length == pytest.approx(1)


def test_an_even_or_silent_ring_has_no_angle():
    assert np.isnan(bump(ring(np.arange(360))).angle)
    assert np.isnan(bump(ring([])).angle)


def test_rates_count_the_window_half_open():
    spikes = SpikeData(np.array([10, 11, 20, 21]), np.zeros(4, np.uint32), 2, 0.1, 0, 30)
    window = spikes.window(10, 20)
    assert window.steps.tolist() == [11, 20]
    assert window.rate() == pytest.approx(2 / 2 / 1e-3)


def test_spread_is_the_sample_standard_deviation():
    mean, sd = mean_and_sd([1.0, 2.0, 4.0])
    assert (mean, sd) == (pytest.approx(7 / 3), pytest.approx(np.std([1, 2, 4], ddof=1)))
    assert np.isnan(mean_and_sd([1.0])[1])


def test_a_failed_run_does_not_lose_the_others_and_labels_cannot_inject_markup(tmp_path):
    network = netspec.Network(
        name="one",
        description="<script>alert(1)</script>",
        populations=[netspec.Population(name="A", size=3, model="iaf_psc_exp")],
        current_inputs=[netspec.CurrentInput(name="dc", target="A", amplitude="500 pA")],
        recorders=[netspec.Recorder(name="r", target="A")],
    )
    simulation = netspec.Simulation(warmup=0.0, duration=50.0)
    requests = [
        RunRequest(network=network, simulation=simulation, backend=name)
        for name in ("brian2", "nest")
    ]
    done = ensemble.run_all(requests, tmp_path)
    lost = ensemble.Finished(requests[1], None, "it was killed")
    summary = ensemble.summarise(network, ["brian2", "nest"], [done[0], lost])
    assert summary["failures"] == ["it was killed"]
    # first spike at tau_m ln(20 mV / 5 mV) = 13.9 ms, then every 13.9 + 2 ms: three in 50 ms
    assert summary["populations"][0]["rates"]["brian2"]["mean"] == pytest.approx(60.0)
    page = report.write(tmp_path / "report.html", network, [done[0], lost], summary).read_text()
    assert "<script>" not in page
    assert "it was killed" in page
    none = ensemble.summarise(network, ["nest"], [lost])
    assert report.write(tmp_path / "none.html", network, [lost], none).suffix == ".json"
