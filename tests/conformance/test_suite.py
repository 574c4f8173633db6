"""The suite itself: what is marked, counted and required (see ``tests/conftest.py``)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"
TESTS = """
    import pytest
    from netspec.errors import UnsupportedError

    def test_runs(backend, record_property):
        record_property("largest slip", 0.5 if backend == "nest" else 0.25)

    @pytest.mark.notimpl("nest", "nobody wrote it")
    def test_is_refused(backend):
        if backend == "nest":
            raise UnsupportedError("no")
"""
LOST_MARK = """
    @pytest.mark.never(["brian2"], "it is impossible")
    def test_works_all_the_same(backend):
        pass
"""
OTHER_ERROR = """
    @pytest.mark.notyet(["brian2"], "it cannot")
    def test_fails_in_another_way(backend):
        assert backend != "brian2"
"""
NO_BRIAN2 = """
    from netspec.backend import Status
    from netspec.backends.brian2 import Brian2Backend
    Brian2Backend.status = lambda self: Status(False, "", "Go and get it.")
"""


@pytest.fixture
def suite(tmp_path):
    """Give a function that runs a suite of its own and returns (exit status, output)."""
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "conformance").mkdir()
    (tmp_path / "no_brian2.py").write_text(_flush(NO_BRIAN2))

    def run(source, *arguments):
        (tmp_path / "conformance" / "test_it.py").write_text(_flush(source))
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, text=True,
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout

    return run


def _flush(source):
    return "\n".join(line[4:] for line in source.splitlines())


def test_outcomes_are_counted_and_measured_by_backend(suite):
    status, output = suite(TESTS)
    assert status == 0
    assert "nest: 1 passed, 0 failed, 1 xfailed, 0 skipped" in output
    assert "brian2: 2 passed, 0 failed, 0 xfailed, 0 skipped" in output
    assert "nest: largest slip: 0.5" in output and "brian2: largest slip: 0.25" in output


def test_a_mark_is_strict_and_allows_no_other_error(suite):
    status, output = suite(TESTS + LOST_MARK + OTHER_ERROR)
    assert status == 1
    assert "[XPASS(strict)] never: it is impossible" in output
    assert "FAILED conformance/test_it.py::test_fails_in_another_way[brian2]" in output
    assert "brian2: 2 passed, 2 failed, 0 xfailed, 0 skipped" in output


@pytest.mark.parametrize("processes", [[], ["-n", "2"]])
def test_a_required_backend_that_did_not_run_fails_the_whole_suite_only(suite, processes):
    status, output = suite(TESTS, "-p", "no_brian2", *processes)
    assert status == 1
    assert "brian2: 0 passed, 0 failed, 0 xfailed, 2 skipped" in output
    assert "brian2 is required, and no conformance test ran it" in output
    for part in (["-k", "runs"], ["conformance/test_it.py::test_runs"]):
        status, output = suite(TESTS, "-p", "no_brian2", *part, *processes)
        assert status == 0 and "is required" not in output
