"""A fourth simulator is a package of its own, and netspec needs no change for it."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import netspec
from netspec import CurrentInput, Projection, Simulation
from netspec.backend import backend_names, get_backend
from netspec.errors import ResultFileError, SimulationFailed, UnsupportedError
from netspec.testing.parts import network, neuron, trains

PLUGIN = Path(__file__).parent.parent / "plugin"
SIMULATION = Simulation(dt=0.1, warmup=0.0, duration=50.0, seed=1)


def lonely(**pieces):
    current = CurrentInput(name="dc", target="A", amplitude=500.0)
    return network("lonely", [neuron("A", 2)], current_inputs=[current], **pieces)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Give a function that runs a network on the plugin, in folders of the test's own."""
    assert "dummy" not in backend_names()
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN), prepend=os.pathsep)
    monkeypatch.setenv("DUMMY_LOG", str(tmp_path / "log"))

    def run_dummy(described, **more):
        more = {"threads": 1, "out": tmp_path / "runs", **more}
        return netspec.run(described, "dummy", SIMULATION, **more)

    return run_dummy


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
    shutil.copytree(PLUGIN, later)
    about = next(later.glob("*.dist-info/METADATA"))
    about.write_text(about.read_text().replace("Version: 1.0", "Version: 1.1"))
    monkeypatch.syspath_prepend(later)
    monkeypatch.setenv("PYTHONPATH", str(later), prepend=os.pathsep)
    second = run(lonely())
    assert second.manifest["versions"]["adapter"] == "dummy 1.1"
    assert second.file != first.file


def test_its_ledger_refuses_before_anything_runs(run, log):
    synapse = Projection(name="s", pre="A", post="A", receptor="excitatory", weight=1.0,
                         rule={"kind": "all_to_all"})  # fmt: skip
    with pytest.raises(UnsupportedError, match=r"projections\.s: it has no synapses"):
        run(lonely(projections=[synapse]), approximations=["all"])
    without = {"options": {"currents": "none"}}
    with pytest.raises(UnsupportedError, match=r"(?s)no-current .*--approximate no-current"):
        run(lonely(), **without)
    assert not log.exists()
    result = run(lonely(), approximations=["no-current"], **without)
    assert result.manifest["approximations"] == ["no-current"]
    assert trains(result, "A") == [[], []]


def test_a_run_that_exists_is_not_run_again(run, log):
    first = run(lonely())
    again = run(lonely())
    assert again.file == first.file and log.read_text() == "run\n"
    run(lonely(), force=True)
    assert log.read_text() == "run\nrun\n"


def test_a_damaged_result_is_an_error_until_it_is_run_again_on_purpose(run, log):
    file = run(lonely()).file
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ResultFileError, match=r"damaged.*force=True"):
        run(lonely())
    assert file.read_bytes() != content and log.read_text() == "run\n"
    assert trains(run(lonely(), force=True), "A") == [[139, 298, 457]] * 2


def test_two_that_ask_for_the_same_run_at_once_share_it(run, log):
    with ThreadPoolExecutor(2) as pool:
        slow = {"manners": "slow"}
        first, second = (pool.submit(run, lonely(), options=slow) for _ in range(2))
        assert first.result().file == second.result().file
    assert log.read_text() == "run\n"


@pytest.mark.parametrize(
    ("manners", "words"),
    [("fails", r"status 1.*MemoryError: this machine is too small"), ("dies", "by signal 6")],
)
def test_a_run_that_fails_says_why_and_leaves_no_file(run, tmp_path, manners, words):
    with pytest.raises(SimulationFailed, match=f"(?s)dummy, seed 1.*{words}"):
        run(lonely(), options={"manners": manners})
    assert not [p for p in (tmp_path / "runs").rglob("*") if p.suffix in (".h5", ".tmp")]


def test_a_run_that_is_interrupted_takes_all_its_processes_with_it(run, log):
    def interrupt(phase, fraction):
        assert is_alive(int(log.read_text()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(lonely(), options={"manners": "hangs"}, progress=interrupt)
    patience = time.monotonic() + 10
    while is_alive(int(log.read_text())):  # the kernel needs a moment to end what is killed
        assert time.monotonic() < patience
        time.sleep(0.01)
