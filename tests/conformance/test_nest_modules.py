"""What only the NEST adapter has: modules of generated models, compiled once, and their neurons."""

from __future__ import annotations

import hashlib
import itertools
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import netspec
from netspec import (
    CurrentInput,
    Network,
    NeuronModel,
    Population,
    Projection,
    Recorder,
    Simulation,
    StepCurrent,
)
from netspec.backends.nest import modules
from netspec.backends.nest.generating import generated, module_text
from netspec.describe.models import iaf_psc_exp
from netspec.errors import SimulationFailed, UnsupportedError
from netspec.execute.contract import RunRequest, get_backend
from netspec.testing.parts import V_M, difference, network, neuron, sampled, trains
from netspec.validation.ladder import oracle

pytestmark = pytest.mark.skipif(
    not get_backend("nest").status().available or bool(modules.obstacle()),
    reason=f"no module for NEST can be compiled: {modules.obstacle()}",
)
GENERATED = {"neurons": "generated"}


def run(described, out, seed=1, duration=20.0, **more):
    simulation = Simulation(dt=0.1, warmup=0.0, duration=duration, seed=seed)
    more = {"threads": 1, "options": GENERATED, **more}
    return netspec.run(described, "nest", simulation, out=out, **more)


def driven(name="driven"):
    return network(name, [neuron("A", 3, I_e=700.0)], ("V_m",))


@pytest.fixture
def compiler(monkeypatch):
    """Give a function that names the compiler."""
    nest = modules.installed()

    def name(word):
        monkeypatch.setenv("MPICXX" if nest.mpi else "CXX", str(word))

    return name


# -- the cache --------------------------------------------------------------------------------


def test_runs_at_once_compile_once_and_a_later_process_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "cache"))
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda seed: run(driven(), tmp_path, seed), (1, 2, 3)))
    assert sum(found.manifest["seconds"]["compile"] > 1 for found in together) == 1
    folder = tmp_path / "cache" / "nest"
    assert sorted(path.suffix for path in folder.iterdir()) in ([".lock", ".so"], [".so"])
    later = run(driven(), tmp_path, 4)
    assert later.manifest["seconds"]["compile"] == 0
    assert trains(later, "A") == trains(together[0], "A") and trains(later, "A")[0]


def test_parameters_and_initial_values_are_not_in_the_code_but_steps_and_equations_are():
    def key(model, dt=0.1, steered=()):
        return module_text([generated(model, dt, steered)])

    other = iaf_psc_exp.model_copy(update={"threshold": "V_m > V_th"})
    other = NeuronModel(**other.model_dump())
    moved = NeuronModel(**iaf_psc_exp.model_dump() | {"initial": {"V_m": -60.0}})
    assert key(iaf_psc_exp) == key(moved)
    texts = [key(iaf_psc_exp), key(other), key(iaf_psc_exp, steered=["I_stim"])]
    assert len(set(texts)) == 3


def test_numbers_stand_in_the_code_to_the_last_bit():
    numbers = (0.9900498337491681, 1e-10, 1e10, 1 / 3)
    model = NeuronModel(
        name="digits",
        equations="\n".join(f"dx{k}/dt = {x!r}*x{k}*x{k}/ms : 1" for k, x in enumerate(numbers)),
        threshold="x0 > 1",
    )
    text = generated(model, 0.1, []).code
    assert all(repr(x) in text for x in numbers)


# -- what can go wrong ------------------------------------------------------------------------


def test_without_a_compiler_the_ledger_says_so_before_anything_is_built(tmp_path, compiler):
    compiler("no-such-compiler")
    with pytest.raises(UnsupportedError, match=r"no compiler 'no-such-compiler'. Install one"):
        run(driven(), tmp_path)
    native = run(driven(), tmp_path, options={})
    assert trains(native, "A")[0]
    details = get_backend("nest").details()
    assert "no compiler 'no-such-compiler'" in details["models of one's own"]


def test_what_a_compiler_says_at_last_is_in_the_error(tmp_path, monkeypatch, compiler):
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "cache"))
    broken = tmp_path / "broken"
    lines = "".join(f'echo "line {k}" >&2\n' for k in range(40))
    broken.write_text(f"#!/bin/sh\n{lines}exit 3\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    compiler(broken)
    with pytest.raises(SimulationFailed) as caught:
        run(driven(), tmp_path)
    said = str(caught.value)
    assert "does not compile" in said and "ended with status 3" in said
    assert "line 39" in said and "line 24\n" not in said
    assert not list((tmp_path / "cache" / "nest").glob("*.so*.tmp"))
    assert not list((tmp_path / "cache" / "nest").glob("*.so"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "file"))
    with pytest.raises(SimulationFailed, match=r"file/nest: .*NETSPEC_CACHE"):
        run(driven(), tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="symbols of ELF")
def test_a_module_needs_nothing_that_is_not_there(tmp_path):
    """Its symbols are NEST's, the C++ library's, the C library's and libm's."""
    place, _ = modules.library(module_text([generated(iaf_psc_exp, 0.1, [])]))
    needed = subprocess.run(["ldd", place], capture_output=True, text=True, check=True).stdout
    assert "not found" not in needed and "boost" not in needed and "ltdl" not in needed


# -- the neurons ------------------------------------------------------------------------------


def balanced(size):
    sizes = {"E": size * 4 // 5, "I": size // 5}
    current = {"kind": "uniform", "low": 350.0, "high": 450.0}
    return Network(
        name="balanced",
        populations=[
            Population(name=name, size=n, model="iaf_psc_exp", parameters={"I_e": current},
                       initial={"V_m": {"kind": "uniform", "low": -65.0, "high": -51.0}})
            for name, n in sizes.items()
        ],
        projections=[
            Projection(name=f"{pre}{post}", pre=pre, post=post, receptor=receptor, weight=weight,
                       rule={"kind": "fixed_indegree", "indegree": indegree},
                       delay={"kind": "uniform", "low": 0.1, "high": 3.0})
            for pre, receptor, indegree, weight in (
                ("E", "excitatory", 80, {"kind": "normal", "mean": 20.0, "sd": 2.0, "low": 0.0}),
                ("I", "inhibitory", 20, -100.0),
            )
            for post in sizes
        ],
        recorders=[Recorder(name=f"spikes_{name}", target=name) for name in sizes],
    )  # fmt: skip


def checksum(found):
    digest, count = hashlib.sha256(), 0
    for name in found.populations:
        spikes = found.spikes(name, warmup=True)
        digest.update(spikes.steps.tobytes() + spikes.neurons.tobytes())
        count += len(spikes)
    return digest.hexdigest(), count


def test_generated_neurons_make_the_very_spikes_of_the_native_ones(tmp_path):
    """On one thread and on two, of some thousand neurons, with netspec's synapses."""
    found = {
        (neurons, threads): checksum(
            run(balanced(3000), tmp_path, duration=100.0, threads=threads, connectivity="shared",
                options={"neurons": neurons})
        )
        for neurons, threads in itertools.product(("native", "generated"), (1, 2))
    }  # fmt: skip
    assert len(set(found.values())) == 1, found
    assert found["generated", 2][1] > 5000


def test_currents_at_several_inputs_change_in_any_step(tmp_path):
    """Two inputs of different gain; changes in the first, second and third step, and later."""
    model = NeuronModel(
        name="two",
        equations="dV/dt = -V/tau + A + 3*B : 1\ndw/dt = (V - w)*(1 + 0.1*w*w)/tau : 1",
        threshold="V > 1000",
        inputs={"A": "1/ms", "B": "1/ms"},
        parameters={"tau": "7 ms"},
    )
    described = Network(
        name="two", populations=[Population(name="N", size=3, model=model)],
        current_inputs=[CurrentInput(name="all", target="N", port="A", amplitude=0.3)],
        step_currents=[
            StepCurrent(name=f"from{k}", target="N", port=port, neurons=neurons,
                        times=np.array(steps) * 0.1, amplitudes=[0.1 * s for s in levels])
            for k, (port, neurons, steps, levels) in enumerate([
                ("A", [0], [0, 1, 2, 3], [1, -2, 3, 0.5]),
                ("B", [0, 1], [1, 40], [2, -1]),
                ("B", [2], [2, 3, 90], [1, 0, 4]),
            ])
        ],
        recorders=[Recorder(name="of_N", target="N", variables=["V", "w"])],
    )  # fmt: skip
    expected = oracle.solve(described, 0.1, 150, rtol=1e-12)
    found = run(described, tmp_path, duration=15.0)
    brian = netspec.run(described, "brian2", Simulation(dt=0.1, warmup=0.0, duration=15.0, seed=1),
                        out=tmp_path)  # fmt: skip
    assert difference(found, expected, "V") < V_M
    np.testing.assert_allclose(sampled(found, "N", "w"), sampled(brian, "N", "w"), rtol=1e-12)


def test_states_parameters_and_initial_values_are_read_back_from_the_neurons(tmp_path):
    spread = {"kind": "normal", "mean": 250.0, "sd": 10.0}
    start = {"I_syn_ex": {"kind": "uniform", "low": 0.0, "high": 90.0}, "V_m": -60.0}
    described = network("read", [
        Population(name="A", size=5, model="iaf_psc_exp", parameters={"C_m": spread}, initial=start)
    ])  # fmt: skip
    found = run(described, tmp_path, readback=True)
    for name, high, low in (("parameters/A/C_m", 300, 200), ("initial/A/I_syn_ex", 90, 0)):
        values = found.readback(name)
        assert len(np.unique(values)) == 5 and low < values.min() < values.max() < high
    assert np.all(found.readback("initial/A/V_m") == -60.0)
    assert np.all(found.readback("parameters/A/tau_m") == 10.0)


def test_a_ledger_says_what_continuous_coupling_would_cost():
    described = netspec.circuits.working_memory(size=64)
    request = RunRequest(network=described, backend="nest", options=GENERATED)
    with pytest.raises(UnsupportedError, match=r"4,096 values a step"):
        get_backend("nest").plan(request).ledger.check(("all",))


def test_no_name_of_a_receptor_or_input_meets_one_of_the_class():
    """`first_node` is what the class calls the population's first neuron."""
    words = ["node", "refractory_steps", "finite"]
    model = NeuronModel(
        name="names", equations="dx/dt = (a + node)/ms : 1", threshold="x > node",
        receptors=dict.fromkeys(words, "x"), inputs={"node": "1", "a": "1"},
    )  # fmt: skip
    text = generated(model, 0.1, ["node", "a"]).code
    (names,) = re.findall(r"names\[\] = \{ (.*) \};", text)
    assert not {"first_node", "refractory_steps", "not_finite"} & set(re.findall(r"\w+", names))
    # a threshold sees what came in the step, which the next current does not wipe out
    assert "felt_node = x_node_x + stepped_node" in text
    assert "x_x_x > felt_node" in text
