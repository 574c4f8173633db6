"""Importing netspec is quick and brings no simulator."""

import os
import subprocess
import sys

import pytest

HEAVY = ("nest", "brian2", "pygenn", "sympy", "scipy", "matplotlib", "pint", "h5py", "neo")


def seconds_to_import(modules: str) -> float:
    code = f"import time; t = time.process_time(); import {modules}; print(time.process_time() - t)"
    # a user's Python keeps compiled modules; a test environment may forbid it
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    runs = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env)
        for _ in range(5)
    )
    return min(float(run.stdout) for run in runs)


def test_importing_netspec_loads_no_simulator_and_nothing_heavy():
    code = f"import sys, netspec; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_what_a_run_leaves_behind_is_still_garbage_in_the_next():
    code = (
        "import gc; from netspec.execute.importing import import_sparing as spare; spare('json');"
        "kept = gc.get_freeze_count(); spare('json'); print(kept - gc.get_freeze_count())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0"


def test_importing_netspec_takes_less_than_half_a_second():
    # on a machine that is slow or busy, NumPy and pydantic alone say how much
    assert seconds_to_import("netspec") < max(0.5, 2.5 * seconds_to_import("numpy, pydantic"))


@pytest.mark.parametrize(
    "simulator, spared", [("brian2", ("pylab", "matplotlib", "pytest")), ("nest", ("pandas",))]
)
def test_a_simulator_is_imported_without_what_a_run_never_uses(simulator, spared):
    """And what was spared can still be imported by whoever wants it."""
    pytest.importorskip(simulator)
    code = (
        "import sys; from netspec.execute.importing import import_sparing as spare;"
        f"found = spare({simulator!r}, *{spared}); assert found is sys.modules[{simulator!r}];"
        f"print([m for m in {spared} if m in sys.modules]); import {spared[0]}"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().splitlines()[-1] == "[]"
