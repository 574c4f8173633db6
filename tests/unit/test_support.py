"""The support matrix of the documentation is what the ledgers say, without a simulator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHOUT_SIMULATORS = """
import runpy, sys
from netspec.execute import contract as backend
backend.find_spec = lambda name: None  # as if none were installed
names = "nest", "brian2", "genn", "neuron"
assert not any(backend.get_backend(name).status().available for name in names)
sys.argv = ["support_matrix.py", sys.argv[1]]
runpy.run_path("scripts/support_matrix.py", run_name="__main__")
assert not {"nest", "brian2", "pygenn", "neuron"} & set(sys.modules)
"""


def test_the_support_matrix_is_not_stale_and_needs_no_simulator(tmp_path):
    written = tmp_path / "support.md"
    command = [sys.executable, "-c", WITHOUT_SIMULATORS, str(written)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    stale = "docs/support.md is not what the ledgers say; to write it anew: make support"
    assert written.read_text() == (ROOT / "docs" / "support.md").read_text(), stale


def test_the_matrix_has_cells_of_every_kind():
    text = (ROOT / "docs" / "support.md").read_text()
    for kind in ("| exact", "| approximate: `nmda-instant-rise`", "| unsupported", "| - "):
        assert kind in text
