"""What only the NEURON adapter has: mechanisms compiled once, and NEURON's own time."""

from __future__ import annotations

import os
import platform
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import netspec
from netspec import NeuronModel, Simulation
from netspec.backends.neuron import compiling
from netspec.backends.neuron.mechanisms import mechanism, texts
from netspec.describe.models import iaf_psc_exp
from netspec.errors import BackendMissing, SimulationFailed
from netspec.execute.contract import get_backend
from netspec.testing.parts import network, neuron, trains

pytestmark = pytest.mark.skipif(
    not get_backend("neuron").status().available or bool(compiling.obstacle()),
    reason=f"no mechanism for NEURON can be compiled: {compiling.obstacle()}",
)
LOADS = """
import sys
from netspec.backends.neuron.building import interpreter
from netspec.backends.neuron.mechanisms import mechanism, texts
from netspec.describe.models import iaf_psc_exp
found = mechanism(iaf_psc_exp, 0.1)
hoc, _ = interpreter(texts([found]))
assert hasattr(hoc, found.name)
"""


def run(described, out, seed=1, duration=20.0, **more):
    simulation = Simulation(dt=0.1, warmup=0.0, duration=duration, seed=seed)
    return netspec.run(described, "neuron", simulation, out=out, **more)


def driven(**more):
    return network("driven", [neuron("A", 3, I_e=700.0)], ("V_m",), **more)


# -- the cache --------------------------------------------------------------------------------


def test_runs_at_once_compile_once_and_a_later_process_nothing(tmp_path, monkeypatch):
    """Also where nothing of the virtual environment is on the path."""
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "cache"))
    here = os.path.dirname(sys.executable)
    without = [part for part in os.environ["PATH"].split(os.pathsep) if part != here]
    monkeypatch.setenv("PATH", os.pathsep.join(without))
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda seed: run(driven(), tmp_path, seed), (1, 2, 3)))
    assert sum(found.manifest["info"]["mechanisms"] == "compiled now" for found in together) == 1
    folder = tmp_path / "cache" / "neuron"
    assert sorted(path.suffix for path in folder.iterdir()) in ([".lock", ".so"], [".so"])
    later = run(driven(), tmp_path, 4)
    assert later.manifest["info"]["mechanisms"] == "from the cache"
    assert trains(later, "A") == trains(together[0], "A") and trains(later, "A")[0]


def test_parameters_and_initial_values_are_not_in_the_text_but_steps_and_equations_are():
    def text(model, dt=0.1):
        return texts([mechanism(model, dt)])

    moved = NeuronModel(**iaf_psc_exp.model_dump() | {"initial": {"V_m": -60.0}})
    other = NeuronModel(**iaf_psc_exp.model_dump() | {"threshold": "V_m > V_th"})
    assert text(iaf_psc_exp) == text(moved) == text(iaf_psc_exp, 0.05)  # propagators are values
    assert text(iaf_psc_exp) != text(other)


def test_lines_are_as_long_as_neuron_reads_and_numbers_are_whole():
    numbers = (0.9900498337491681, 1e-10, 1e10, 1 / 3)
    terms = " + ".join(f"{x!r}*exp(-x/{k + 2})*x*x" for k, x in enumerate(numbers * 10))
    model = NeuronModel(name="long", equations=f"dx/dt = ({terms})/ms : 1", threshold="x > 1")
    text = mechanism(model, 0.1).text
    assert all(repr(x) in text for x in numbers)
    assert max(map(len, text.splitlines())) < 512


# -- what can go wrong ------------------------------------------------------------------------


def test_without_a_compiler_the_backend_is_missing_and_the_doctor_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BackendMissing, match=r"there is no 'no-such-compiler'. Install one"):
        run(driven(), tmp_path)
    assert "no-such-compiler" in get_backend("neuron").details()["mechanisms"]
    monkeypatch.delenv("CXX")
    assert compiling.TOOL in get_backend("neuron").details()["mechanisms"]


def test_what_the_compiler_says_at_last_is_in_the_error(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "cache"))
    broken = tmp_path / "broken"
    broken.write_text('#!/bin/sh\necho "no such language" >&2\nexit 3\n')
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(SimulationFailed) as caught:
        run(driven(), tmp_path)
    assert "do not compile" in str(caught.value) and "no such language" in str(caught.value)
    assert not list((tmp_path / "cache" / "neuron").glob("*.so"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "file"))
    with pytest.raises(SimulationFailed, match=r"file/neuron: .*NETSPEC_CACHE"):
        run(driven(), tmp_path)


def test_mechanisms_that_lie_in_the_current_folder_are_not_loaded(tmp_path):
    """NEURON would take any library there, and stumbles over one that is none."""
    foreign = tmp_path / platform.machine() / "libnrnmech.so"
    foreign.parent.mkdir()
    foreign.write_text("no library")

    def said(code):
        environment = {**os.environ, "NRN_NMODL_PATH": str(tmp_path)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    assert "libnrnmech" in said("import neuron")[1]
    assert said(LOADS) == (0, "")


# -- time -------------------------------------------------------------------------------------


def test_a_hundred_thousand_steps_are_as_many_for_neuron(tmp_path):
    """Its time is a sum of half steps; spikes and events of the last steps are in their steps."""
    to_b = {"name": "A_B", "pre": "A", "post": "B", "receptor": "excitatory", "rule": "one_to_one",
            "weight": 20_000.0, "delay": 0.1}  # fmt: skip
    described = network(
        "long", [neuron("A", 1, I_e=700.0), neuron("B", 1)], projections=[to_b],
        accept=["projections.A_B.weight"],
    )  # fmt: skip
    found = run(described, tmp_path, duration=10_000.0)
    (a,), (b,) = (np.array(trains(found, name)) for name in "AB")
    assert a[-1] > 99_000 and len(set(np.diff(a).tolist())) == 1
    answered = b[np.searchsorted(b, a[:-1])] - a[:-1]  # the step of B's next spike after A's
    assert len(set(answered.tolist())) == 1 and answered[0] < 20
