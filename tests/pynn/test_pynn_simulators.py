"""A PyNN script has the spikes of PyNN's own simulator, on every simulator of netspec's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="PyNN is not installed")

from balanced import balanced

import netspec.pynn as sim

HERE = Path(__file__).parent
CELLS = 300


@pytest.fixture(scope="module")
def of_pynn(tmp_path_factory):
    """Return spikes and potentials of pyNN.nest."""
    file = tmp_path_factory.mktemp("pynn") / "found.npz"
    script = [sys.executable, HERE / "balanced.py", file, str(CELLS)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(file)


def test_the_spikes_are_those_of_pynn(backend, of_pynn, tmp_path):
    spikes, v = balanced(sim, CELLS, 200.0, backend=backend, out=tmp_path)
    theirs = of_pynn["spikes"]
    assert len(theirs) > 200
    # PyNN counts from its first id, and NEST labels spikes by their times
    ours = sorted((int(i), round(t * 10)) for i, t in spikes)
    assert ours == sorted((int(i), round(t * 10)) for i, t in theirs)
    # of a recorded view, pyNN.nest's first sample is another cell's
    # weights of single synapses have 32 bits
    np.testing.assert_allclose(v[1:], of_pynn["v"][1:], rtol=0, atol=1e-7)
