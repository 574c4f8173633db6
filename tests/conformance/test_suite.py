"""The suite itself: what is marked, counted and required (see `netspec.testing.plugin`)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SETTINGS = """
    [pytest]
    addopts = -p netspec.testing.plugin -p declared
    netspec_suite = conformance
    netspec_required = nest brian2
"""
DECLARED = """
    from netspec.testing.ours import Brian2Test, NestTest, NeuronTest
    NeuronTest.short = ()
    NestTest.notimpl, NestTest.notyet = {"test_it::test_is_refused": "nobody wrote it"}, {}
"""
TESTS = """
    import numpy as np
    import pytest
    from netspec.errors import UnsupportedError

    def test_runs(backend, record_property):
        record_property("largest slip", np.float32(0.5) if backend == "nest" else 0.25)
        record_property("slips", np.int64(3))
        record_property("smallest slip", None)
        record_property("note", "is said")
        record_property("all slips", [0.5])

    def test_is_refused(backend):
        if backend == "nest":
            raise UnsupportedError("no")
"""
LOST_MARK = """
    @pytest.mark.parametrize("case", ["one", "other"])
    def test_works_all_the_same(backend, case):
        pass
"""
OTHER_ERROR = """
    def test_fails_in_another_way(backend):
        assert backend != "brian2"
"""
NEVER = """
    Brian2Test.never = {"test_it::test_works_all_the_same[other]": "it is impossible",
                        "test_it::test_fails*": "it cannot"}
"""
NO_TEST = """
    Brian2Test.never = {"test_it::test_of_another_time": "it was impossible"}
"""
SHORT = """
    Brian2Test.short = ("test_it::test_runs",)
"""
MISSPELT = """
    Brian2Test.short = ("test_it::test_runs", "test_it::test_walks")
"""
NO_BRIAN2 = """
    from netspec.execute.contract import Status
    from netspec.backends.brian2 import Brian2Backend
    Brian2Backend.status = lambda self: Status(False, "", "Go and get it.")
"""


@pytest.fixture
def suite(tmp_path):
    """Give a function that runs a suite of its own and returns (exit status, output)."""
    (tmp_path / "conformance").mkdir()
    (tmp_path / "pytest.ini").write_text(_flush(SETTINGS))

    def run(source, *arguments, declared=DECLARED):
        (tmp_path / "conformance" / "test_it.py").write_text(_flush(source))
        (tmp_path / "declared.py").write_text(_flush(declared))
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, text=True,
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def _flush(source):
    return "\n".join(line[4:] for line in source.splitlines())


def test_outcomes_are_counted_and_measured_by_backend(suite):
    status, output = suite(TESTS)
    assert status == 0
    assert "nest: 1 passed, 0 failed, 1 xfailed, 0 skipped" in output
    assert "brian2: 2 passed, 0 failed, 0 xfailed, 0 skipped" in output
    assert "nest: largest slip: 0.5" in output and "brian2: largest slip: 0.25" in output
    assert "notimpl: nobody wrote it" in output
    # what is no number is nothing that was measured
    assert "nest: slips: 3\n" in output
    assert not any(f"nest: {what}:" in output for what in ("smallest slip", "note", "all slips"))


def test_a_mark_is_strict_and_allows_no_other_error(suite):
    status, output = suite(TESTS + LOST_MARK + OTHER_ERROR, declared=DECLARED + NEVER)
    assert status == 1
    assert "[XPASS(strict)] never: it is impossible" in output
    assert "FAILED conformance/test_it.py::test_fails_in_another_way[brian2]" in output
    assert "PASSED conformance/test_it.py::test_works_all_the_same[brian2-one]" in output
    assert "brian2: 3 passed, 2 failed, 0 xfailed, 0 skipped" in output


def test_a_mark_of_no_test_is_an_error_of_the_whole_suite_only(suite):
    status, output = suite(TESTS, declared=DECLARED + NO_TEST)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "marks that mean no test:" in output
    assert "brian2: test_it::test_of_another_time" in output
    status, _ = suite(TESTS, "conformance/test_it.py", declared=DECLARED + NO_TEST)
    assert status == 0


def test_what_is_not_short_for_an_adapter_is_long_for_it_and_for_no_other(suite):
    declared = DECLARED + SHORT
    status, output = suite(TESTS, "-m", "not long", declared=declared)
    assert status == 0
    assert "brian2: 1 passed, 0 failed, 0 xfailed, 0 skipped" in output
    assert "nest: 1 passed, 0 failed, 1 xfailed, 0 skipped" in output
    assert "brian2: 2 passed" in suite(TESTS, declared=declared)[1]
    status, output = suite(TESTS, declared=declared + MISSPELT)
    assert status == pytest.ExitCode.USAGE_ERROR and "brian2: test_it::test_walks" in output


@pytest.mark.parametrize("processes", [[], pytest.param(["-n", "2"], marks=pytest.mark.long)])
def test_a_required_backend_that_did_not_run_fails_the_whole_suite_only(suite, processes):
    status, output = suite(TESTS, *processes, declared=DECLARED + NO_BRIAN2)
    assert status == 1
    assert "brian2: 0 passed, 0 failed, 0 xfailed, 2 skipped" in output
    assert "brian2 is required, and no conformance test ran it" in output
    for part in (["-k", "runs"], ["conformance/test_it.py::test_runs"]):
        status, output = suite(TESTS, *part, *processes, declared=DECLARED + NO_BRIAN2)
        assert status == 0 and "is required" not in output


def test_only_the_backends_that_are_named_are_judged_and_each_is_required(suite):
    status, output = suite(TESTS, "--backend", "nest", declared=DECLARED + NO_BRIAN2)
    assert status == 0
    assert "nest: 1 passed, 0 failed, 1 xfailed, 0 skipped" in output
    assert "brian2: " not in output and "genn: " not in output
    status, output = suite(TESTS, "--backend", "nest,brian2", declared=DECLARED + NO_BRIAN2)
    assert status == 1 and "brian2 is required, and no conformance test ran it" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backend", "nset"], "unknown backend 'nset'"),
        (["--option", "precision"], "--option: given 'precision'; allowed: NAME=VALUE"),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_what_is_allowed(suite, arguments, words):
    status, output = suite(TESTS, *arguments)
    assert status == pytest.ExitCode.USAGE_ERROR and words in output


def test_pytest_loads_nothing_of_netspec_that_costs_unless_the_suite_is_asked_for(tmp_path):
    """Whoever has netspec installed runs pytest for other things, with options of their own."""
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--backend')\n"
    )
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n"
        "def test_modules(pytestconfig):\n"
        "    assert pytestconfig.getoption('--backend') == 'tensor'\n"
        "    assert 'netspec.testing.entry' in sys.modules\n"
        "    assert not {'numpy', 'pydantic', 'netspec.execute.contract'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "--backend"]
    ran = subprocess.run([*command, "tensor"], cwd=tmp_path, capture_output=True, text=True,
                         check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_suite_is_found_by_the_name_of_its_package(tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "--pyargs", "netspec.testing", "--backend"]
    ran = subprocess.run(
        [*command, "brian2", "-k", "threads_are_used"], cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "brian2: 1 passed, 0 failed, 0 xfailed, 0 skipped" in ran.stdout
