"""Importing netspec is quick and brings no simulator."""

import subprocess
import sys

HEAVY = ("nest", "brian2", "pygenn", "sympy", "scipy", "matplotlib", "pint", "h5py", "neo")


def test_importing_netspec_loads_no_simulator_and_nothing_heavy():
    code = f"import sys, netspec; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_importing_netspec_takes_less_than_half_a_second():
    code = "import time; t = time.process_time(); import netspec; print(time.process_time() - t)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    assert min(seconds) < 0.5
