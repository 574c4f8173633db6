"""A plugin of pytest that hands PyNN's scenario tests their simulator, and records each outcome.

The tests fetch their simulators by name from `scenarios.fixtures.run_with_simulators`, which is
replaced before any of them is imported: all run once, on the module that the environment names.
"""

import importlib
import json
import os

import pytest

SIMULATOR = os.environ["SCENARIOS_SIMULATOR"]
RECORD = os.environ["SCENARIOS_RECORD"]
WORDS = 400


def pytest_configure(config):
    if SIMULATOR == "netspec":
        importlib.import_module("netspec.pynn")  # registers itself as pyNN.netspec
    # the name that pytest gives them: there is an __init__.py in system, and none above it
    fixtures = importlib.import_module("system.scenarios.fixtures")
    module = fixtures.LazySimulator(SIMULATOR)

    def run_with_simulators(*names):
        return pytest.mark.parametrize("sim", [pytest.param(module, id=SIMULATOR)])

    fixtures.run_with_simulators = run_with_simulators


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    skipped_early = report.when == "setup" and not report.passed
    if report.when != "call" and not skipped_early:
        return
    entry = {
        "name": item.originalname,
        "outcome": report.outcome,
        "message": _message(call),
        "seconds": report.duration,
    }
    with open(RECORD, "a") as file:
        file.write(json.dumps(entry) + "\n")


def _message(call):
    if call.excinfo is None:
        return ""
    words = f"{call.excinfo.typename}: {call.excinfo.value}"
    return " ".join(words.split())[:WORDS]
