"""A third circuit is a package of its own, and netspec needs no change for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import netspec
from netspec import circuits
from netspec.circuits import Circuit
from netspec.circuits.options import from_flags, from_table, options
from netspec.describe.network import Network
from netspec.errors import DescriptionError, UsageError
from netspec.validation.campaign.ensemble import published_rates
from netspec.validation.campaign.mutants import mutants_of
from netspec.validation.campaign.request import read_request
from netspec.validation.measure.cues import around, cue_of, cue_of_run, turned

PACKAGE = Path(__file__).parent.parent / "plugin_circuit"


@pytest.fixture
def third(monkeypatch):
    """Give the third circuit, as if its package had just been installed."""
    assert "third" not in circuits.CIRCUITS
    monkeypatch.syspath_prepend(PACKAGE)
    return circuits.circuit("third")


@pytest.fixture
def command(tmp_path):
    """Run netspec where the third circuit, or what lies in `folder`, is installed."""

    def run(*arguments, folder=PACKAGE):
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        ran = subprocess.run(
            [sys.executable, "-m", "netspec.cli", *map(str, arguments)],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran.returncode, ran.stdout, ran.stderr

    return run


def offered(folder, entry, name="other"):
    """Leave an installed package in a folder that offers a circuit by this entry point."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[netspec.circuits]\n{entry}\n")
    return folder


# -- what is known of it ----------------------------------------------------------------------


def test_an_installed_package_is_a_circuit_at_once(third):
    assert list(circuits.CIRCUITS) == [
        "inhibitory_balance", "microcircuit", "third", "working_memory",
    ]  # fmt: skip
    network = third.build(its_option=1)
    assert [m.name for m in mutants_of(network)] == ["strong", "heavy"]
    assert published_rates("third", {"A": 30}) == {"A": 9.0}
    assert published_rates("third", {"A": 10}) == {}
    assert third.small_like({"its_option": 70, "variant": "strong"}).population("A").size == 10


def test_its_default_simulation_is_the_one_it_is_run_with(third, tmp_path):
    run = netspec.run(third.build(), "nest", threads=1, out=tmp_path)
    assert run.manifest["simulation"]["dt"] == 0.2
    assert run.manifest["circuit"] == "third"


def test_it_is_no_circuit_where_its_package_is_not_installed(third, monkeypatch):
    network = third.build()
    monkeypatch.undo()
    assert circuits.known(network.circuit) is None
    assert [m.name for m in mutants_of(network)] == ["warm-up kept"]
    assert cue_of(network) is None


def test_its_trials_are_its_own(third):
    tap = third.trials.cue(angle=90, strength=300.0)
    network = third.build(its_option=4, taps=[tap])
    assert cue_of(network) == tap
    assert [cue_of(n).angle for n in around(network, 4)] == [90, 180, 270, 0]
    assert turned(network, 270.0) == third.build(
        its_option=4, taps=[tap.model_copy(update={"angle": 270.0})]
    )
    assert around(third.build(), 2) == [third.build()] * 2
    with pytest.raises(UsageError, match="mine: no tap"):
        turned(third.build(), 90.0)
    # a ring is asked as before
    assert cue_of(circuits.working_memory(size=64, cues=[circuits.Cue()])).angle == 180.0


# -- its options ------------------------------------------------------------------------------


def test_options_are_those_of_the_builder(third):
    found = options(third)
    kinds = {name: (option.kind, option.many) for name, option in found.items()}
    assert kinds == {
        "variant": (str, False), "its_option": (int, False), "rates": (float, False),
        "weight": (str, False), "shape": (str, False), "silent": (bool, False),
        "tap_angle": (str, True), "tap_strength": (str, True), "tap_start": (str, True),
        "seed": (int, False),
    }  # fmt: skip
    assert found["its_option"].help == "Tens of neurons."
    assert found["shape"].help == "Shape of nothing (flat, steep)."
    assert (
        found["tap_angle"].help == "Degrees: which quarter. Repeat these options for further taps."
    )


def test_flags_and_tables_say_the_same(third):
    given = {"its_option": 2, "weight": "0.09nA", "tap_angle": ["90", "180 deg"],
             "tap_strength": ["0.1 nA"], "rates": "1.5"}  # fmt: skip
    taps = [{"angle": 90, "strength": "100 pA"}, {"angle": 180, "strength": 100.0}]
    table = {"its_option": 2, "weight": "90 pA", "taps": taps, "rates": 1.5}
    from_both = from_flags(third, given), from_table(third, table)
    assert from_both[0] == from_both[1]
    assert from_both[0]["weight"] == 90.0
    assert [tap.angle for tap in from_both[0]["taps"]] == [90, 180]


def test_what_options_cannot_be_is_said(third):
    with pytest.raises(UsageError, match=r"--size: not for third, which has --variant, --its-opt"):
        from_flags(third, {"size": 3})
    with pytest.raises(UsageError, match=r"--tap-angle, --tap-start: give each of them once, or 3"):
        from_flags(third, {"tap_angle": ["1", "2", "3"], "tap_start": ["1", "2"]})
    with pytest.raises(UsageError, match=r"--rates: given 2 times"):
        from_flags(third, {"rates": ["1", "2"]})
    with pytest.raises(DescriptionError) as found:
        from_flags(third, {"weight": "3 mV", "shape": "round", "tap_angle": ["7 pA"]})
    assert [fault.path for fault in found.value.faults] == ["--weight", "--shape", "--tap-angle"]
    with pytest.raises(UsageError, match=r"taps: given 3, expected tables such as \{ angle = 0.0"):
        from_table(third, {"taps": [3]})
    with pytest.raises(UsageError, match=r"unknown option of third 'tap'; .*did you mean 'taps'"):
        from_table(third, {"tap": []})
    with pytest.raises(DescriptionError) as found:
        from_table(third, {"weight": "2 nA", "taps": [{}, {"angel": 3}]})
    assert [fault.path for fault in found.value.faults] == [
        "options.weight",
        "options.taps[1].angel",
    ]


def test_a_request_file_builds_it(third, tmp_path):
    path = tmp_path / "request.toml"
    path.write_text(
        'circuit = "third"\nbackends = ["nest"]\nseeds = 2\ncue_angles = [0, 180]\nladder = true\n'
        "[options]\nits_option = 4\nseed = 7\ntaps = [{ angle = 90 }]\n"
    )
    found = read_request(path)
    assert "seed 7" in found.network.description
    assert found.simulation.dt == 0.2
    assert [cue_of(network).angle for network in found.networks()] == [0, 180]
    assert found.ladder.population("A").size == 10
    path.write_text('circuit = "third"\nbackends = ["nest"]\ncue_angles = [0]\n')
    with pytest.raises(DescriptionError, match="third circuit with one tap, or a ring with exactl"):
        read_request(path)


# -- the commands -----------------------------------------------------------------------------


def test_it_is_listed_and_its_options_are_offered(command):
    code, out, _ = command("list", "--json")
    assert code == 0
    found = json.loads(out)["circuits"]
    assert found["third"]["title"] == "Neurons that have nothing but noise"
    assert set(found["third"]["variants"]) == {"weak", "strong"}
    code, out, _ = command("run", "--help")
    assert "third: tens of neurons." in out and "--tap-strength" in out
    assert "third: factor on the rate of the noise" in out


def test_it_is_shown_and_run_with_options_of_its_own(command, tmp_path):
    wanted = ["third", "--its-option", "4", "--rates", "1.5", "--weight", "0.09 nA"]
    wanted += ["--tap-angle", "90", "--no-silent"]
    code, out, err = command("show", *wanted, "--json")
    assert code == 0, err
    network = json.loads(out)["network"]
    assert network["populations"][0]["size"] == 40
    assert network["poisson_inputs"][0]["rate"] == 12000
    assert network["poisson_inputs"][0]["weight"] == 90
    code, out, err = command("run", *wanted, "--backend", "nest", "--threads", "1", "--json")
    assert code == 0, err
    run = netspec.open_run(tmp_path / json.loads(out)["file"])
    assert (run.manifest["circuit"], run.manifest["simulation"]["dt"]) == ("third", 0.2)
    assert run.manifest["step_currents"][0]["neurons"] == list(range(10, 20))


def test_flags_of_another_circuit_are_refused(command):
    code, _, err = command("show", "microcircuit", "--its-option", "3")
    assert code == 2
    assert "--its-option: not for microcircuit, which has --variant, --scale" in err
    code, _, err = command("show", "third", "--neuron-scale", "0.1")
    assert code == 2
    assert "--neuron-scale: not for third, which has --variant, --its-option, --rates" in err
    code, out, err = command(
        "show", "microcircuit", "--scale", "0.01", "--rates", "pygenn", "--toml"
    )
    assert code == 0 and "rates of pygenn" in out, err  # third has a number of this name


def test_one_simulator_is_judged_against_its_published_values(command):
    run = ["--backend", "nest", "--threads", "1", "--seeds", "2"]
    code, out, err = command("validate", "third", *run, "--json")
    assert code in (0, 1, 6), err
    found = json.loads(out)
    assert found["published"] == {"A": 9.0}
    assert [entry["other"] for entry in found["comparisons"]] == ["published"]
    assert "Third (2026) Nothing but noise." in found["cite"]
    code, _, err = command("validate", "third", *run, "--its-option", "2")
    assert code == 2
    assert "the microcircuit at full scale, the third circuit of 30 neurons" in err


@pytest.mark.long
def test_its_own_mutants_are_told_apart(command):
    run = ["--backend", "nest", "--threads", "1", "--seeds", "2", "--splits", "3"]
    code, out, err = command("validate", "third", "--self-test", *run, "--json")
    assert code in (0, 6), err
    found = json.loads(out)
    assert [row["name"] for row in found["mutants"]] == ["strong", "heavy"]
    assert all(row["outcome"] != "failed" for row in found["mutants"])
    assert found["left_out"] == {}  # the builder was called again, with the other variant


def test_its_trials_are_run_with_its_cue_all_around(command, tmp_path):
    words = ["run", "third", "--tap-angle", "0", "--trials", "2", "--threads", "1", "--json"]
    code, out, err = command(*words)
    assert code == 0, err
    runs = [netspec.open_run(tmp_path / file) for file in json.loads(out)["files"]]
    firsts = [run.manifest["step_currents"][0]["neurons"][0] for run in runs]
    assert firsts == [0, 15]
    assert all(cue_of_run(run) is None for run in runs), "its package is not installed here"


def test_its_own_measure_is_judged(command, tmp_path):
    run = ["--backends", "nest,brian2", "--threads", "1", "--seeds", "4"]
    code, out, err = command("validate", "third", *run, "--its-option", "6", "--json")
    assert code in (0, 1, 6), err
    found = json.loads(out)
    (compared,) = found["comparisons"]
    tests = {test["statistic"]: test for test in compared["verdict"]["tests"]}
    latency, margins = tests["latency"]["comparison"], compared["verdict"]["margins"]
    assert tests["latency"]["population"] == "A" and latency["seeds"] == [4, 4]
    assert margins["statistics"]["latency"] == {"limit": 0.25, "scale": "log"}
    # noise at one rate: the simulators agree in when the first spike comes
    assert latency["estimate"] == pytest.approx(1.0, abs=0.25)
    for row in found["statistics"]:
        (name,) = (run["file"] for run in found["runs"] if run["backend"] == row["backend"]
                   and run["seed"] == row["seed"])  # fmt: skip
        spikes = netspec.open_run(tmp_path / "runs" / name).spikes("A")
        first = {}
        for neuron, time in zip(spikes.neurons, spikes.times, strict=True):
            first.setdefault(neuron, time)
        expected = sum(first.values()) / len(first)
        assert row["values"]["latency"] == pytest.approx(expected)


# -- packages that offer something else -------------------------------------------------------


def test_a_package_that_is_broken_leaves_the_other_circuits_alone(command, tmp_path):
    folder = offered(tmp_path / "broken", "fourth = nowhere.to_be:FOUND")
    code, out, _ = command("list", "--json", folder=folder)
    found = json.loads(out)["circuits"]
    assert code == 0 and list(found) == [
        "fourth", "inhibitory_balance", "microcircuit", "working_memory",
    ]  # fmt: skip
    assert (
        "'fourth' of the package other cannot be loaded: ModuleNotFound" in found["fourth"]["error"]
    )
    assert "cannot be loaded" in command("list", folder=folder)[1]
    assert command("run", "microcircuit", "--scale", "0.01", "--dry-run", folder=folder)[0] == 0
    code, _, err = command("show", "fourth", folder=folder)
    assert code == 2 and "cannot be loaded" in err


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("fourth = netspec:Network", "expected one called as it is"),
        ("fourth = netspec.circuits.compte_ring:CIRCUIT", "a circuit called 'working_memory'"),
    ],
)
def test_an_entry_point_gives_the_circuit_of_its_name(monkeypatch, tmp_path, entry, words):
    monkeypatch.syspath_prepend(offered(tmp_path, entry))
    with pytest.raises(UsageError, match=words):
        circuits.circuit("fourth")


def test_two_packages_with_circuits_of_one_name(monkeypatch, tmp_path):
    own = "microcircuit = netspec.circuits.potjans_diesmann:CIRCUIT"
    monkeypatch.syspath_prepend(offered(tmp_path, own))
    with pytest.raises(UsageError, match="several packages have a circuit 'microcircuit': netspec"):
        circuits.circuit("microcircuit")
    assert circuits.circuit("working_memory").label == "Ring"


def test_an_unknown_circuit_is_told_of_the_known_ones():
    with pytest.raises(
        UsageError, match="unknown circuit 'ring'; allowed: inhibitory_balance, micro"
    ):
        circuits.circuit("ring")
    assert circuits.known("ring") is None and circuits.known(None) is None


def test_a_circuit_needs_a_builder_and_a_title_only():
    def build(size: int = 3) -> Network:
        return Network(name="least", circuit="least", populations=[])

    least = Circuit(name="least", build=build, title="As little as can be")
    assert least.simulation == netspec.Simulation()
    assert least.small_like({"size": 4}) == build()
    assert least.published_rates({}) == {}
    assert list(options(least)) == ["size"]


def test_a_builder_whose_annotations_cannot_be_read():
    def build(size: Unheard) -> Network:  # noqa: F821
        raise AssertionError

    with pytest.raises(UsageError, match="cannot be read from it: name 'Unheard'"):
        options(Circuit(name="odd", build=build, title="Odd"))
