"""An ensemble on real simulators: what it keeps, what it says, and the bump of a ring."""

import json
import threading
import time

import numpy as np
import pytest

import netspec
from netspec.circuits.compte_ring.ring import bump
from netspec.errors import BackendMissing
from netspec.execute.contract import RunRequest, get_backend
from netspec.execute.machine import free_memory
from netspec.execute.results import SpikeData
from netspec.execute.running import planned
from netspec.validation.campaign.comparisons import MATCHED
from netspec.validation.campaign.ensemble import Room, _Gate
from netspec.validation.campaign.request import BackendRequest, ValidationRequest
from netspec.validation.campaign.summary import load_summary, write_provenance
from netspec.validation.campaign.validating import judge_runs, validate
from netspec.validation.judge.margins import Margins
from netspec.validation.measure.statistics import mean_and_sd
from netspec.validation.report import page as report
from netspec.validation.report import tables


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
    assert np.isnan(mean_and_sd([])).all()


# -- an ensemble ------------------------------------------------------------------------------

NETWORK = netspec.Network(
    name="one",
    description="<script>alert(1)</script>",
    populations=[netspec.Population(name="A", size=3, model="iaf_psc_exp")],
    current_inputs=[netspec.CurrentInput(name="dc", target="A", amplitude="500 pA")],
    recorders=[netspec.Recorder(name="r", target="A")],
)


def request(seeds=(1, 2), **fields):
    backends = [
        BackendRequest(name="brian2", connectivity="shared", options={"codegen": "numpy"}),
        BackendRequest(name="nest", connectivity="shared", threads=1),
    ]
    simulation = netspec.Simulation(warmup=0.0, duration=50.0)
    fields = {"network": NETWORK, "simulation": simulation, "backends": backends, **fields}
    return ValidationRequest(seeds=seeds, **fields)


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    return folder, validate(request(), folder, room=Room(jobs=2))


def test_a_neuron_under_current_is_the_same_on_both_and_the_verdict_says_so(validated):
    summary = validated[1].summary
    # first spike at tau_m ln(20 mV / 5 mV) = 13.9 ms, then every 13.9 + 2 ms: three in 50 ms
    assert [row.values["rate"] for row in summary.statistics] == [pytest.approx(60.0)] * 4
    (entry,) = summary.comparisons
    found = {t["statistic"]: t["outcome"] for t in entry.verdict["tests"]}
    assert found["rate"] == found["silent_fraction"] == found["lv"] == "equivalent"
    assert entry.left_out == ("A log_sd_rate",)  # three neurons of one rate
    # two seeds have one distance only: distributions stay open, so does the whole
    assert found["W1_rate"] == summary.outcome == "inconclusive"
    assert summary.exit_code == 6
    assert entry.notes == (MATCHED,)
    only = judge_runs(request(margins=Margins().only(["rate", "lv"])), validated[1].done)
    assert (only.outcome, only.exit_code) == ("equivalent", 0)


def test_the_summary_is_read_as_it_was_written_and_holds_no_path_or_time(validated):
    folder, found = validated
    path = found.summary.write(folder / "one-validation.json")
    assert load_summary(path) == found.summary
    text = path.read_text()
    assert str(folder) not in text and "seconds" not in text and "finished" not in text
    data = json.loads(text)
    assert data["request"]["hash"] == request().content_hash()
    assert data["ladder"] is None and len(data["cite"]) == 2
    provenance = json.loads(write_provenance(folder / "p.json", found.done).read_text())
    assert [run["seed"] for run in provenance["runs"]] == [1, 1, 2, 2]
    assert all(run["seconds"]["total"] > 0 for run in provenance["runs"])


def test_a_damaged_result_is_listed_and_loses_no_other(validated, tmp_path):
    found = validated[1]
    for entry in found.done:
        content = bytearray(entry.run.file.read_bytes())
        if entry is found.done[-1]:
            content[-100] ^= 1
        (tmp_path / entry.run.file.name).write_bytes(content)
    summary = validate(request(), tmp_path).summary
    (lost,) = summary.failures
    assert (lost.backend, lost.seed, lost.file) == ("nest", 2, None)
    # no path, which differs from place to place
    assert lost.error.startswith(found.done[-1].run.file.name + ": damaged")
    assert len(summary.statistics) == 3
    assert summary.comparisons[0].verdict is not None  # one run of nest is left, and compared


def test_failed_runs_make_a_comparison_impossible_not_the_rest(validated, tmp_path):
    done = validate(request(seeds=(3,)), tmp_path, time_limit=0.01)
    assert done.summary.exit_code == 4
    (entry,) = done.summary.comparisons
    assert entry.verdict is None
    assert entry.error == "no run of brian2 and nest succeeded"
    assert all("took longer than 0.01 s" in run.error for run in done.summary.failures)
    assert "no run of brian2 and nest" in report.render(done.summary, [])
    half = [*validated[1].done[:1], done.done[1]]
    summary = judge_runs(request(seeds=(1,)), half)
    page = report.write(tmp_path / "r.html", summary, [half[0].run]).read_text()
    assert "<script>" not in page
    assert "took longer" in page
    assert tables.rate_table(summary)[1] == [["A", "60.000", "failed"]]


def test_what_cannot_run_is_said_before_anything_runs(tmp_path):
    with pytest.raises(BackendMissing):
        validate(request(backends=[BackendRequest(name="nset")]), tmp_path)
    assert not list(tmp_path.iterdir())


# -- room -------------------------------------------------------------------------------------


def most_at_once(room, threads=1, runs=6):
    """Return how many runs were under way together, and how many at most."""
    gate, count, seen, lock = _Gate(room, threading.Event()), [0], [], threading.Lock()
    asked = get_backend("nest").plan(RunRequest(network=NETWORK, backend="nest", threads=threads))

    def pass_through():
        with gate.passed([asked]):
            with lock:
                count[0] += 1
                seen.append(count[0])
            time.sleep(0.02)
            with lock:
                count[0] -= 1

    workers = [threading.Thread(target=pass_through) for _ in range(runs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(seen) == runs
    return max(seen)


def test_runs_side_by_side_stay_within_jobs_memory_and_processors():
    one = get_backend("nest").memory([planned(RunRequest(network=NETWORK, backend="nest"))])
    assert most_at_once(Room(jobs=3, memory=10 * one)) == 3
    assert most_at_once(Room(jobs=3, memory=2 * one)) == 2
    assert most_at_once(Room(jobs=3, memory=1)) == 1  # too large for any room: by itself
    assert most_at_once(Room(memory=10 * one), threads=4096) == 1
    assert 0 < free_memory() < 2**50
