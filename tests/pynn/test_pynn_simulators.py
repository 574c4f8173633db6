"""A PyNN script has the spikes of PyNN's own simulator, on every simulator of netspec's."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

import judge
from balanced import balanced
from pyNN.parameters import Sequence

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


def driven(cell, tmp_path, duration=200.0):
    """Return a population of two cells that random spikes reach on both receptors."""
    sim.setup(timestep=0.1, out=tmp_path)
    cells = sim.Population(2, cell, label="cells")
    draw = np.random.default_rng(4)
    for receptor, weight in (("excitatory", 0.02), ("inhibitory", 0.01)):
        sign = -1 if receptor == "inhibitory" and not cell.conductance_based else 1
        times = [Sequence(np.sort(draw.uniform(1, duration, 300))) for _ in range(2)]
        source = sim.Population(2, sim.SpikeSourceArray(spike_times=times))
        synapse = sim.StaticSynapse(weight=sign * weight, delay=1.5)
        sim.Projection(source, cells, sim.OneToOneConnector(), synapse, receptor_type=receptor)
    cells.record(["spikes", "v"])
    sim.run(duration)
    segment = cells.get_data().segments[0]
    trains = [train.magnitude.tolist() for train in segment.spiketrains]
    return trains, segment.analogsignals[0].magnitude


@pytest.mark.long
@pytest.mark.parametrize("kind", ["current", "conductance"])
def test_a_composed_neuron_is_the_standard_cell(kind, tmp_path):
    times = {"tau_syn_E": 2.0, "tau_syn_I": 4.0}
    if kind == "current":
        given = {"cm": 0.2, "tau_m": 15.0, "i_offset": 0.3}
        standard = sim.IF_curr_exp(**given, **times)
        responses = [sim.CurrExpPostSynapticResponse(tau_syn=tau) for tau in times.values()]
        neuron = sim.LIF(tau_refrac=0.1, **given)
    else:
        given = {"i_offset": 0.3, "a": 2.0}
        standard = sim.EIF_cond_exp_isfa_ista(**given, **times)
        responses = [
            sim.ExpPSR(tau_syn=tau, e_syn=e)
            for tau, e in zip(times.values(), (0.0, -80.0), strict=True)
        ]
        neuron = sim.AdExp(**given)
    excitatory, inhibitory = responses
    composed = sim.PointNeuron(neuron, excitatory=excitatory, inhibitory=inhibitory)
    trains, v = driven(standard, tmp_path)
    assert min(map(len, trains)) >= 3
    again, w = driven(composed, tmp_path)
    assert again == trains
    np.testing.assert_allclose(w, v, rtol=0, atol=1e-9)


ADAPTING = """
import sys, nest, numpy as np
nest.set_verbosity("M_ERROR")
nest.resolution = 0.01
cell = nest.Create("iaf_cond_exp_sfa_rr", params=dict(
    E_L=-65.0, C_m=500.0, g_L=25.0, t_ref=2.0, V_th=-50.0, V_reset=-60.0, I_e=900.0,
    tau_sfa=100.0, E_sfa=-75.0, q_sfa=15.0, tau_rr=2.0, E_rr=-75.0, q_rr=100.0, V_m=-65.0))
spikes = nest.Create("spike_recorder")
nest.Connect(cell, spikes)
nest.Simulate(300.0)
print(*spikes.events["times"])
"""


@pytest.mark.long
def test_adaptation_is_that_of_nest(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ADAPTING], capture_output=True, text=True, timeout=300, check=True
    )
    theirs = np.array(done.stdout.splitlines()[-1].split(), float)
    sim.setup(timestep=0.01, out=tmp_path)
    cell = sim.IF_cond_exp_gsfa_grr(
        v_rest=-65.0, cm=0.5, tau_m=20.0, tau_refrac=2.0, v_thresh=-50.0, v_reset=-60.0,
        i_offset=0.9, tau_sfa=100.0, e_rev_sfa=-75.0, q_sfa=15.0, tau_rr=2.0, e_rev_rr=-75.0,
        q_rr=100.0,
    )  # fmt: skip
    cells = sim.Population(1, cell)
    cells.record("spikes")
    sim.run(300.0)
    ours = cells.get_data().segments[0].spiketrains[0].magnitude
    assert len(ours) >= 5
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.05)


ON_GRID = """
import runpy, sys
import pyNN.nest
begin = pyNN.nest.setup
pyNN.nest.setup = lambda *a, **k: begin(*a, **k, spike_precision="on_grid")
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def benchmark(runner, simulator, script, folder, **environment):
    """Run PyNN's script in a folder; return (index, step) of the spikes that it wrote."""
    command = [sys.executable, *runner, script, simulator, "CUBA"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=1800, check=False, cwd=folder,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (file,) = folder.glob(f"Results/*/*_exc_{simulator}_*.pkl")
    block = pickle.loads(file.read_bytes())
    block = block[0] if isinstance(block, list) else block
    trains = block.segments[0].spiketrains
    return [(k, round(float(t) * 10)) for k, train in enumerate(trains) for t in train.magnitude]


@pytest.mark.long
def test_pynn_s_benchmark_has_the_spikes_of_pynn(backend, tmp_path):
    try:
        source = judge.source(tmp_path)
    except judge.NotAtHand as error:
        pytest.skip(str(error))
    script = source / "examples" / "VAbenchmarks.py"
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    expected = benchmark(["-c", ON_GRID], "nest", script, theirs)
    found = benchmark(
        [HERE / "run_example.py", "netspec", ""], "netspec", script, ours,
        NETSPEC_PYNN_BACKEND=backend,
    )  # fmt: skip
    assert len(expected) == 18_983
    assert sorted(found) == sorted(expected)
