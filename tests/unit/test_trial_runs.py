"""Trials of one network: what they are, what is said of them, and what a failure leaves."""

import json

import pytest

from netspec import Simulation, circuits
from netspec.circuits import Cue
from netspec.circuits.compte_ring.measure import RING_STATISTICS
from netspec.execute.contract import RunRequest
from netspec.validation.campaign import trial_runs
from netspec.validation.measure.cues import around, cue_of

OPTIONS = ["--option", "codegen=numpy"]
RING = ["working_memory", "--backend", "brian2", "--size", "32", *OPTIONS]
BIAS, RATE = ({s.name: s for s in RING_STATISTICS}[name] for name in ("bias", "rate_E"))
SHORT = ["--warmup", "0", "--duration", "60"]


def ring():
    return circuits.working_memory(size=64, cues=[Cue(angle=180.0)])


def test_cues_are_all_around():
    angles = [cue_of(network).angle for network in around(ring(), 4)]
    assert angles == pytest.approx([180, 270, 0, 90])
    column = circuits.microcircuit("pygenn", scale=0.01)
    assert around(column, 2) == [column] * 2


def test_seeds_are_in_a_row():
    first = RunRequest(network=ring(), backend="genn", simulation=Simulation(seed=5))
    found = trial_runs.requests(first, 3)
    assert [request.simulation.seed for request in found] == [5, 6, 7]
    assert found[0] == first
    assert len({request.network.step_currents for request in found}) == 3


def test_angles_have_a_circular_mean():
    middle, spread = trial_runs._mean_and_sd(BIAS, [175.0, -175.0])
    assert middle % 360 == pytest.approx(180)
    assert spread == pytest.approx(50**0.5)
    assert trial_runs._mean_and_sd(RATE, [175.0, -175.0])[0] == 0


def test_trials_at_the_command_line(netspec, tmp_path):
    words = ["run", *RING, *SHORT, "--out", tmp_path]
    code, out, err = netspec(*words, "--trials", "2", "--seed", "3", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["trials"], found["run_now"], found["batch"]) == (2, 2, 1)
    assert len(found["files"]) == len(list(tmp_path.glob("*.h5"))) == 2
    assert [file.rsplit("-", 2)[1] for file in found["files"]] == ["seed3", "seed4"]
    assert set(found["statistics"]) == {"rate of E", "rate of I"}
    speed = found["trial_seconds_per_second"]
    assert speed["all"] == pytest.approx(2 * 0.06 / found["seconds"])
    assert speed["steps"] > speed["all"]
    code, out, err = netspec(*words, "--trials", "3", "--seed", "3")  # one more
    assert code == 0, err
    assert "3 of 3 trials of working_memory on brian2" in out and "2 were there" in out
    assert "trial-seconds per second, steps" in out
    code, out, _ = netspec(*words, "--seed", "4", "--json")  # a trial is a run like any other
    assert code == 0 and json.loads(out)["file"] == found["files"][1]


def test_options_of_trials_that_make_no_sense(netspec, tmp_path):
    code, _, err = netspec("run", *RING, "--batch", "2", "--out", tmp_path)
    assert code == 2 and "--batch: only with --trials" in err
    code, _, err = netspec("run", *RING, "--trials", "0", "--out", tmp_path)
    assert code == 2 and "trials" in err
