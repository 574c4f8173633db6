"""Settings for all tests, the command line in this process, and a stand-in for a GPU.

Adapters, marks and counts are those of `netspec.testing.plugin`.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from netspec.cli import main

settings.register_profile(
    "netspec",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("netspec")

MISSING = pytest.StashKey[str]()  # what there is no stand-in for CUDA for want of


def pytest_addoption(parser):
    group = parser.getgroup("netspec")
    group.addoption("--stand-in", action="store_true", help="run CUDA's code without a GPU")


def pytest_configure(config):
    if config.getoption("--stand-in"):
        sys.path.insert(0, str(Path(__file__).parent / "cuda"))
        import standin

        config.stash[MISSING] = standin.why_not()
        if not config.stash[MISSING]:
            os.environ.update(standin.at_hand())


@pytest.hookimpl(trylast=True)  # after the plugin has named the adapter of every test
def pytest_collection_modifyitems(config, items):
    if not config.getoption("--stand-in"):
        return
    for item in items:
        call = getattr(item, "callspec", None)
        if call is None or call.params.get("backend") != "genn":
            continue
        own = [pair for pair in item.user_properties if pair[0] != "backend"]
        item.user_properties[:] = [*own, ("backend", "genn on the stand-in for CUDA")]
        if missing := config.stash[MISSING]:
            item.add_marker(pytest.mark.skip(reason=f"NO CODE FOR A GPU IS RUN: {missing}"))


@pytest.fixture(name="netspec")
def command(monkeypatch, capsys):
    """Run the command in this process; return exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return left.value.code or 0, out, err

    return run
