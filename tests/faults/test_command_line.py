"""The command line: a bad description is one message and exit code 2, never a traceback."""

import json
import os
import random
import subprocess
import sys

import pytest
import tomli_w
from mutations import BASES, FULL, mutated
from typer.testing import CliRunner

from netspec.cli import app
from netspec.describe.serialization import network_from, spec_hash, to_toml
from netspec.errors import DescriptionError, NetspecError
from netspec.whole_files import write_text


@pytest.fixture
def full(tmp_path):
    path = tmp_path / "full.toml"
    path.write_text(to_toml(network_from(FULL)))
    return path


def test_a_good_description_is_fine(netspec, full):
    code, out, err = netspec("check", full)
    assert code == 0, err
    assert spec_hash(network_from(FULL)) in out


def test_all_faults_are_printed(netspec, full):
    text = full.read_text().replace("250.0 pF", "250 nF")
    full.write_text(text.replace('"excitatory"', '"exitatory"'))
    code, out, err = netspec("check", full)
    assert code == 2
    assert out == ""
    assert err.count("\n  - ") > 2
    assert "populations[0].parameters.C_m: given 250000 pF" in err
    assert "did you mean" in err


def test_faults_as_json(netspec, full):
    full.write_text(full.read_text().replace("250.0 pF", "250 mV"))
    code, out, _ = netspec("check", full, "--json")
    assert code == 2
    (fault,) = json.loads(out)["faults"]
    assert fault["path"] == "populations[0].parameters.C_m"


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_mutated_files_exit_with_2_or_0(tmp_path, netspec, suffix):
    dump = {"toml": tomli_w.dumps, "json": json.dumps}[suffix]
    path, choose, codes = tmp_path / f"mutated.{suffix}", random.Random(1), []
    for _ in range(60):
        try:
            text = dump(mutated(choose.choice(BASES[:3] if suffix == "json" else [FULL]), choose))
            path.write_text(text)
        except (TypeError, ValueError, AttributeError):  # the format cannot say this
            continue
        code, out, err = netspec("check", path)
        assert code in (0, 2)
        assert err.startswith("error: ") == (code == 2)
        assert (out == "") == (code == 2)
        codes.append(code)
    assert codes.count(2) > 20
    assert codes.count(0) > 0


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"\xff\xfe", b"name = ", b"[" * 10000, b"a = " + b"9" * 5000, b"{}"]
)
def test_files_of_something_else(tmp_path, netspec, content):
    for name in ("a.toml", "a.json"):
        path = tmp_path / name
        path.write_bytes(content)
        code, _, err = netspec("check", path)
        assert code == 2
        assert err.startswith("error: ")


def test_the_app_raises_netspec_errors_only(tmp_path):
    runner, path = CliRunner(), tmp_path / "x.toml"
    path.write_text("name = 3")
    assert isinstance(runner.invoke(app, ["check", str(path)]).exception, DescriptionError)
    found = runner.invoke(app, ["check", str(tmp_path / "none.toml")])
    assert isinstance(found.exception, NetspecError)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "none.toml"],
        ["check", "/"],
        ["check", "a\nb.toml"],
        ["check", "microcirciut"],
        ["chek", "x"],
        ["show", "microcircuit", "--variant", "nest"],
        ["show", "microcircuit", "--scale", "2"],
        ["show", "microcircuit", "--scale", "nan"],
        ["show", "microcircuit", "--scale", "small"],
        ["show", "microcircuit", "--size", "16"],
        ["show", "working_memory", "--size", "10"],
        ["show", "working_memory", "--cue-angle", "90 mV"],
        ["show", "microcircuit", "--scale", "0.01", "--set", "populations.L4.size=3"],
        ["show", "microcircuit", "--scale", "0.01", "--set", "no equals sign"],
        ["show", "microcircuit", "--scale", "0.01", "--set", "accept=[["],
        ["show", "microcircuit", "--color", "red"],
        ["run", "microcircuit", "--scale", "0.01", "--dt", "0.1 pA", "--dry-run"],
        ["run", "microcircuit", "--scale", "0.01", "--duration", "-5", "--dry-run"],
        ["run", "microcircuit", "--scale", "0.01", "--duration", "1e300", "--dry-run"],
        ["run", "microcircuit", "--scale", "0.01", "--seed", "-1", "--dry-run"],
        ["run", "microcircuit", "--scale", "0.01", "--set", "simulation.seed=one", "--dry-run"],
        ["run", "microcircuit", "--scale", "0.01", "--threads", "-1", "--dry-run"],
        ["run", "microcircuit", "--scale", "0.01", "--connectivity", "none", "--dry-run"],
        ["run", "microcircuit", "--scale", "0.01", "--option", "speed=high", "--dry-run"],
        ["validate", "microcircuit", "--scale", "0.01", "--seeds", "0"],
        ["run", "microcircuit", "--scale", "0.01", "--threads", "0", "--dry-run"],
        ["validate", "microcircuit", "--scale", "0.01", "--backends", ","],
        ["validate"],
        ["validate", "microcircuit", "--scale", "0.01", "--backends", "nest"],
        ["validate", "microcircuit", "--scale", "0.01", "--margin", "rate=0.05"],
        ["validate", "microcircuit", "--scale", "0.01", "--statistics", "rats"],
        ["validate", "microcircuit", "--scale", "0.01", "--memory", "8 gallons"],
        ["validate", "microcircuit", "--scale", "0.01", "--jobs", "0"],
        ["validate", "microcircuit", "--scale", "0.01", "--cue-angles", "90"],
        ["validate", "microcircuit", "--scale", "0.01", "--option", "genn.device=cpu"],
        ["validate", "microcircuit", "--scale", "0.01", "--until-decided", "--seeds", "4"],
        ["validate", "microcircuit", "--scale", "0.01", "--until-decided", "--max-seeds", "2"],
        ["validate", "microcircuit", "--scale", "0.01", "--until-decided", "--budget", "20"],
        ["validate", "microcircuit", "--scale", "0.01", "--until-decided", "--backends", "nest"],
        ["validate", "microcircuit", "--scale", "0.01", "--budget", "20min"],
        ["validate", "microcircuit", "--request", "none.toml"],
        ["validate", "--request", "none.toml"],
        ["validate", "--request", "none.toml", "--seeds", "4"],
        ["compare", "none"],
        ["compare", "none", "nothing"],
        ["compare", ".", "."],
        ["export", "none.h5"],
    ],
)
def test_a_wrong_call_exits_with_2(netspec, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, out, err = netspec(*arguments)
    assert code == 2
    assert out == ""
    assert err


def test_an_unknown_backend_exits_with_3(netspec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = netspec("run", "working_memory", "--size", "16", "--backend", "nset")
    assert code == 3
    assert "did you mean 'nest'" in err


def test_a_result_that_is_none_exits_with_5(netspec, tmp_path, full):
    code, out, err = netspec("export", full, "--format", "nwb")
    assert (code, out) == (5, "")
    assert "no netspec-run/1 file" in err


def test_the_module_is_the_command(tmp_path):
    (tmp_path / "bad.toml").write_text("name = 'n'\npopulations = 3\n")
    done = subprocess.run(
        [sys.executable, "-m", "netspec.cli", "check", "bad.toml"],
        cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: bad.toml has 1 fault:\n  - populations: given 3")


def test_one_simulator_alone_needs_published_values(netspec):
    code, _, err = netspec("validate", "microcircuit", "--scale", "0.1", "--backends", "brian2")
    assert code == 2
    assert "backends brian2: expected two or more to compare" in err
    assert "microcircuit at full scale" in err


@pytest.mark.parametrize("given", [True, False])
def test_seeds_that_change_nothing_are_told_before_anything_runs(netspec, tmp_path, given):
    values = {"V_m": -60.0 if given else {"kind": "uniform", "low": -65, "high": -60}}
    one = {"name": "A", "size": 2, "model": "iaf_psc_exp", "initial": values}
    path = tmp_path / "given.toml"
    path.write_text(to_toml(network_from({"name": "given", "populations": [one]})))
    wrong = ("--option", "brian2.codegen=none", "--out", tmp_path)  # an error ends it then
    code, _, err = netspec("validate", path, "--backends", "brian2,nest", "--seeds", "4", *wrong)
    assert code == 2 and not [*tmp_path.glob("*.h5")]
    assert ("every seed gives the same run: --seeds 3 would say as much" in err) is given


def test_a_description_that_looks_like_markup_is_text(netspec, tmp_path):
    path = tmp_path / "o[x].toml"
    network = network_from({**FULL, "description": "after [/ref], [red]:cat:[/red]"})
    path.write_text(to_toml(network))
    code, out, err = netspec("show", path)
    assert code == 0, err
    assert "after [/ref], [red]:cat:[/red]" in out
    assert netspec("check", path)[0] == 0


FAULTY = """
import sys
from netspec import cli
def broken(*given, **more):
    raise ZeroDivisionError("of our own")
cli.describing.audit = broken
sys.argv = ["netspec", *sys.argv[1:]]
cli.main()
"""


@pytest.mark.parametrize("json_wanted", [False, True])
def test_an_error_that_is_not_ours_ends_with_70_and_asks_for_a_report(full, json_wanted):
    """Never with 1, which is the verdict "different"."""
    command = [sys.executable, "-c", FAULTY, "check", str(full), *["--json"] * json_wanted]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 70
    assert "ZeroDivisionError: of our own" in ran.stderr
    assert "netspec itself has failed" in ran.stderr and "report" in ran.stderr
    if json_wanted:
        assert json.loads(ran.stdout)["kind"] == "ZeroDivisionError"


def test_a_reader_who_has_had_enough_is_no_verdict(full):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "netspec.cli", "check", str(full)]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert ran.returncode not in (0, 1)
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_files_have_the_mode_that_the_user_wants(netspec, full, tmp_path, umask):
    before = os.umask(umask)
    try:
        realised, text = tmp_path / "r.h5", tmp_path / "folder" / "t.json"
        assert netspec("realise", full, "--out", realised)[0] == 0
        write_text(text, "{}")
    finally:
        os.umask(before)
    for path in (realised, text):
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert not list(tmp_path.glob(".*")), "a temporary file was left"
