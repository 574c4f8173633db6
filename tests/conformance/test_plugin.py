"""A fourth simulator is a package of its own, and netspec needs no change for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import netspec
from netspec import CurrentInput, Network, Projection, Recorder, Simulation
from netspec.errors import ResultFileError, SimulationFailed, UnsupportedError
from netspec.execute.contract import backend_names, get_backend
from netspec.testing.parts import network, neuron, trains

TESTS = Path(__file__).parent.parent
PLUGINS = TESTS / "plugin", TESTS / "plugin_manners"
SIMULATION = Simulation(dt=0.1, warmup=0.0, duration=50.0, seed=1)
CELLS = """
name = "cells"
[[populations]]
name = "A"
size = 4
model = "iaf_psc_exp"
[populations.parameters]
I_e = {kind = "uniform", low = 400.0, high = 700.0}
[[recorders]]
name = "r"
target = "A"
variables = ["V_m"]
[simulation]
warmup = 20.0
duration = 100.0
"""


def lonely(**pieces):
    current = CurrentInput(name="dc", target="A", amplitude=500.0)
    return network("lonely", [neuron("A", 2)], current_inputs=[current], **pieces)


@pytest.fixture
def installed(monkeypatch):
    """Give the environment of a process that has the packages of the plugins."""
    assert not {"dummy", "rude"} & set(backend_names())
    for folder in PLUGINS:
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return os.environ


@pytest.fixture
def run(installed, monkeypatch, tmp_path):
    """Give a function that runs a network on a plugin, in folders of the test's own."""
    monkeypatch.setenv("DUMMY_LOG", str(tmp_path / "log"))

    def run_on(described, name="dummy", **more):
        more = {"threads": 1, "out": tmp_path / "runs", **more}
        return netspec.run(described, name, SIMULATION, **more)

    return run_on


@pytest.fixture
def rude(run):
    """Give a function that runs a network on the plugin with bad manners."""

    def run_rude(described, manners="good", **more):
        return run(described, "rude", options={"manners": manners}, **more)

    return run_rude


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_an_installed_package_is_a_backend_at_once(run):
    result = run(lonely())
    assert "dummy" in backend_names()
    assert get_backend("dummy").status().version == "1.0"
    assert result.manifest["versions"]["dummy"] == "1.0"
    # the known spikes of a neuron of PD14 under 500 pA
    assert trains(result, "A") == [[139, 298, 457]] * 2


def test_another_version_of_an_adapter_gives_another_name(run, tmp_path, monkeypatch):
    first = run(lonely())
    assert first.manifest["versions"]["adapter"] == "dummy 1.0"
    later = tmp_path / "later"
    shutil.copytree(PLUGINS[0], later)
    about = next(later.glob("*.dist-info/METADATA"))
    about.write_text(about.read_text().replace("Version: 1.0", "Version: 1.1"))
    monkeypatch.syspath_prepend(later)
    monkeypatch.setenv("PYTHONPATH", str(later), prepend=os.pathsep)
    second = run(lonely())
    assert second.manifest["versions"]["adapter"] == "dummy 1.1"
    assert second.file != first.file


def test_its_ledger_refuses_before_anything_runs(run, tmp_path):
    synapse = Projection(name="s", pre="A", post="A", receptor="excitatory", weight=1.0,
                         rule={"kind": "all_to_all"})  # fmt: skip
    with pytest.raises(UnsupportedError, match=r"projections\.s: it has no synapses"):
        run(lonely(projections=[synapse]), approximations=["all"])
    without = {"options": {"currents": "none"}}
    with pytest.raises(UnsupportedError, match=r"(?s)no-current .*--approximate no-current"):
        run(lonely(), **without)
    assert not list((tmp_path / "runs").rglob("*.h5"))
    result = run(lonely(), approximations=["no-current"], **without)
    assert result.manifest["approximations"] == ["no-current"]
    assert trains(result, "A") == [[], []]


def test_a_run_that_exists_is_not_run_again(rude, log):
    first = rude(lonely())
    again = rude(lonely())
    assert again.file == first.file and log.read_text() == "run\n"
    rude(lonely(), force=True)
    assert log.read_text() == "run\nrun\n"


def test_a_damaged_result_is_an_error_until_it_is_run_again_on_purpose(rude, log):
    file = rude(lonely()).file
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ResultFileError, match=r"damaged.*force=True"):
        rude(lonely())
    assert file.read_bytes() != content and log.read_text() == "run\n"
    assert trains(rude(lonely(), force=True), "A") == [[139, 298, 457]] * 2


def test_two_that_ask_for_the_same_run_at_once_share_it(rude, log):
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(rude, lonely(), "slow") for _ in range(2))
        assert first.result().file == second.result().file
    assert log.read_text() == "run\n"


@pytest.mark.parametrize(
    ("manners", "words"),
    [("fails", r"status 1.*MemoryError: this machine is too small"), ("dies", "by signal 6")],
)
def test_a_run_that_fails_says_why_and_leaves_no_file(rude, tmp_path, manners, words):
    with pytest.raises(SimulationFailed, match=f"(?s)rude, seed 1.*{words}"):
        rude(lonely(), manners)
    assert not [p for p in (tmp_path / "runs").rglob("*") if p.suffix in (".h5", ".tmp")]


def test_a_run_that_is_interrupted_takes_all_its_processes_with_it(rude, log):
    def interrupt(phase, fraction):
        assert is_alive(int(log.read_text()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rude(lonely(), "hangs", progress=interrupt)
    patience = time.monotonic() + 10
    while is_alive(int(log.read_text())):  # the kernel needs a moment to end what is killed
        assert time.monotonic() < patience
        time.sleep(0.01)


WRONG = {
    "no phase": "the wall time of the phase 'warmup' is missing; it has create, simulate, read",
    "no spikes": "the spikes of 'A' is missing; it has none",
    "a stranger": "spikes of 'Z', which nobody asked for; allowed: A",
    "no samples": "recorder 'of_A', V_m: its samples are missing",
    "a sample too few": "recorder 'of_A', V_m: 499 samples, expected 500, one every 1 steps",
    "another shape": r"recorder 'of_A', V_m: shape \(500, 1\), expected \(500, 2\)",
    "no neuron": "spikes of 'A': neurons from 1 to 2, allowed: 0 to 1",
    "a late spike": "spikes of 'A': steps from 1139 to 1457, allowed: 1 to 500",
    "no step": "spikes of 'A': steps of type float64, expected whole numbers",
    "no pairs": r"spikes of 'A': steps of shape \(5,\), neurons of \(6,\)",
    "no count": "the number of synapses of 's' is missing; it has none",
}


@pytest.mark.parametrize("manners", WRONG)
def test_a_recording_that_is_not_the_one_asked_for_names_what_is_wrong(rude, tmp_path, manners):
    synapse = Projection(name="s", pre="A", post="A", receptor="excitatory", weight=1.0,
                         rule={"kind": "fixed_indegree", "indegree": 0})  # fmt: skip
    current = CurrentInput(name="dc", target="A", amplitude=500.0)
    described = Network(
        name="lonely", populations=[neuron("A", 2)], projections=[synapse],
        current_inputs=[current], recorders=[Recorder(name="of_A", target="A", variables=["V_m"])],
    )  # fmt: skip
    asked_for = "(?s)rude returned a recording that is not the one asked for:.*"
    with pytest.raises(SimulationFailed, match=asked_for + WRONG[manners]) as caught:
        rude(described, manners)
    assert str(caught.value).count("  - ") == 1
    assert not list((tmp_path / "runs").rglob("*.h5"))
    assert trains(rude(described), "A") == [[139, 298, 457]] * 2


# -- the command line -------------------------------------------------------------------------


@pytest.fixture
def cells(installed, tmp_path, monkeypatch):
    """Give the description of neurons without synapses, in a folder to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells.toml").write_text(CELLS)
    return "cells.toml"


@pytest.fixture(name="command")
def _command(cells):
    """Give a function that runs a command of netspec on the description."""

    def run(command, *arguments):
        words = [sys.executable, "-m", "netspec.cli", command, cells, *arguments, "--out", "runs"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_command_line_runs_it_once_and_many_times(command):
    status, output = command("run", "--backend", "dummy", "--json")
    assert status == 0, output
    assert json.loads(output)["versions"]["adapter"] == "dummy 1.0"
    status, output = command("run", "--backend", "dummy", "--trials", "3")
    assert status == 0, output
    assert "3 of 3 trials of cells on dummy" in output and "rate of A: " in output
    assert len(list(Path("runs").glob("cells-dummy-seed*.h5"))) == 3


def test_the_command_line_judges_it_beside_another(command):
    status, output = command("validate", "--backends", "dummy,brian2", "--seeds", "2")
    assert status in (0, 6), output  # so few seeds show little
    assert "brian2 against dummy" in output and Path("runs/cells-validation.json").exists()
    # both go the same way, so every neuron fires at the same rate
    (rates,) = re.findall(r"A +│ ([\d.]+) \+- [\d.]+ +│ ([\d.]+) ", output)
    assert rates[0] == rates[1]


def test_the_ladder_climbs_it(command):
    status, output = command("ladder", "--backends", "dummy")
    assert status == 0, output
    assert "dummy: nothing broke" in output


# -- the conformance suite --------------------------------------------------------------------


PART = "contract or l1_current or poisson"  # of the suite's modules


@pytest.mark.parametrize(
    ("part", "passing", "refusals"),
    [(PART, 10, 10), pytest.param("test", 50, 100, marks=pytest.mark.long)],
)
def test_the_suite_judges_it_with_its_marks(installed, tmp_path, part, passing, refusals):
    """It passes the contract, single neurons and a part of the rest, and is refused the others."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long",
             "-k", part, "--pyargs", "netspec.testing", "--backend", "dummy"]  # fmt: skip
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (counts,) = (line for line in done.stdout.splitlines() if line.startswith("dummy: ")
                 and "xfailed" in line)  # fmt: skip
    passed, failed, refused = (int(text.split()[0]) for text in counts[7:].split(", ")[:3])
    assert passed >= passing and failed == 0 and refused >= refusals
