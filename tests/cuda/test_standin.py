"""What the CUDA backend's generated code computes, on a stand-in for the device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import standin

import netspec
from netspec import Network, Population, Projection, Simulation, circuits
from netspec.execute.contract import RunRequest
from netspec.execute.running import execute_together

MISSING = standin.why_not()
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"NO CODE FOR A GPU IS RUN, since there is no stand-in: {MISSING}"
)


@pytest.fixture(scope="module")
def toolkit():
    """Give the environment of processes on the stand-in."""
    return standin.at_hand()


@pytest.fixture
def spikes(toolkit, tmp_path):
    """Give a function that runs a network and returns its spikes: (population, step, neuron)."""

    def run(network, duration, on="cuda", seed=1, dt=0.1, warmup=0.0, **options):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in toolkit.items() if on == "cuda" else ():
                patch.setenv(name, value)
            found = netspec.run(
                network, "genn", Simulation(dt=dt, warmup=warmup, duration=duration, seed=seed),
                connectivity=options.pop("connectivity", "shared"), out=tmp_path,
                options={"device": on, **options},
                approximations=["single-precision", "16-bit-weights"],
            )  # fmt: skip
        return {
            (name, *pair)
            for name in found.populations
            for pair in zip(
                found.spikes(name, warmup=True).steps.tolist(),
                found.spikes(name, warmup=True).neurons.tolist(),
                strict=True,
            )
        }

    from netspec.backends.genn import device

    device.missing.cache_clear()
    yield run
    device.missing.cache_clear()


@pytest.mark.parametrize("shards", [pytest.param("none", marks=pytest.mark.long), "3"])
@pytest.mark.parametrize("connectivity", ["shared", "native"])
def test_the_microcircuit_makes_the_spikes_of_the_cpu(spikes, shards, connectivity):
    """Once no value reached the device: 708 spikes of L23E instead of 38, in 20 ms."""
    network = circuits.microcircuit(scale=0.02)
    how = {"connectivity": connectivity, "shards": shards}
    expected = spikes(network, 20.0, on="cpu", **how)
    assert len(expected) > 300
    assert spikes(network, 20.0, **how) == expected


@pytest.mark.parametrize("coupling", ["waves", pytest.param("dense", marks=pytest.mark.long)])
def test_the_ring_makes_the_spikes_of_the_cpu(spikes, coupling):
    cue = circuits.Cue(angle=90.0, strength=400.0, width=60.0, start=2.0, duration=20.0)
    network = circuits.working_memory(size=64, cues=[cue])
    expected = spikes(network, 25.0, on="cpu", dt=0.05, coupling=coupling)
    assert len(expected) > 20
    assert spikes(network, 25.0, dt=0.05, coupling=coupling) == expected


def test_sixteen_trials_in_one_model_make_the_spikes_of_the_cpu(toolkit, tmp_path, spikes):
    cue = circuits.Cue(angle=90.0, strength=400.0, width=60.0, start=2.0, duration=15.0)
    network = circuits.working_memory(size=32, cues=[cue])
    simulation = Simulation(dt=0.05, warmup=0.0, duration=20.0)

    def together(on):
        requests = [
            RunRequest(network=network, simulation=simulation.at_seed(seed), backend="genn",
                       options={"device": on})
            for seed in range(1, 17)
        ]  # fmt: skip
        runs = execute_together(requests, tmp_path)
        assert {run.batch for run in runs} == {16}
        return [
            (run.spikes(name, warmup=True).steps.tolist(), run.spikes(name, True).neurons.tolist())
            for run in runs
            for name in run.populations
        ]

    expected = together("cpu")
    assert sum(len(steps) for steps, _ in expected) > 100
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toolkit.items():
            patch.setenv(name, value)
        assert together("cuda") == expected


@pytest.mark.long
def test_models_of_the_same_code_follow_each_other_in_a_process(toolkit, tmp_path):
    """The second finds the library of the first still open, with what it knows of its steps."""
    one, other = circuits.microcircuit(scale=0.01), crowded()
    simulation = Simulation(dt=0.1, warmup=0.0, duration=30.0)

    def spikes_of(runs):
        found = [run.spikes(name, warmup=True) for run in runs for name in run.populations]
        return [(train.steps.tolist(), train.neurons.tolist()) for train in found]

    def requests(on):
        return [
            RunRequest(network=network, simulation=simulation.at_seed(seed), backend="genn",
                       options={"device": on})
            for network, seed in ((one, 1), (other, 1), (one, 2))
        ]  # fmt: skip

    expected = [r for x in requests("cpu") for r in spikes_of(execute_together([x], tmp_path))]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toolkit.items():
            patch.setenv(name, value)
        runs = execute_together(requests("cuda"), tmp_path)
    assert {run.manifest["info"]["kernels"] for run in runs} == {"folded"}
    assert spikes_of(runs) == expected


def crowded():
    """Many synapses of one source onto each of two neurons, one step away, and all at once."""
    pairs = {"pre": [0] * 12 + [1] * 12, "post": [0, 0, 0, 1, 1, 1] * 4}
    parameters = {"C_m": 250.0, "V_reset": -65.0, "E_L": -65.0, "V_th": -50.0, "t_ref": 1.0}
    populations = [
        Population(name="A", size=2, model="iaf_psc_exp", parameters=parameters | {"I_e": 900.0}),
        Population(name="B", size=2, model="iaf_psc_exp", parameters=parameters),
    ]
    return Network(
        name="crowded", populations=populations,
        projections=[Projection(name="p", pre="A", post="B", receptor="excitatory", weight=410.0,
                                rule={"kind": "explicit", **pairs})],
        recorders=[{"name": f"r{n}", "target": n} for n in "AB"],
    )  # fmt: skip


def test_events_of_one_source_onto_one_neuron_are_all_there(spikes):
    """With delays of one step GeNN would add them in shared memory, and not atomically."""
    expected = spikes(crowded(), 60.0, on="cpu")
    assert {name for name, *_ in expected} == {"A", "B"}
    assert spikes(crowded(), 60.0) == expected


@pytest.mark.parametrize(
    "loop", [pytest.param("python", marks=pytest.mark.long), "native", "graph"]
)
@pytest.mark.parametrize("weights", ["32-bit", pytest.param("16-bit", marks=pytest.mark.long)])
def test_two_kernels_a_step_make_the_spikes_of_four(spikes, loop, weights):
    """More than three chunks of a graph, of 152 steps here, and steps that fill no chunk."""
    network = circuits.microcircuit(scale=0.01)
    how = {"connectivity": "native", "weights": weights}
    expected = spikes(network, 50.0, kernels="genn", **how)
    assert len(expected) > 200
    assert spikes(network, 50.0, kernels="folded", loop=loop, **how) == expected


def mixed():
    """Rules and delays of all kinds; B is sampled, C is not recorded and has no targets."""
    parameters = {"C_m": 250.0, "V_reset": -65.0, "E_L": -65.0, "V_th": -50.0, "t_ref": 1.0}
    one = {"excitatory": 300.0, "inhibitory": -200.0}
    populations = [
        Population(
            name="A",
            size=300,
            model="iaf_psc_exp",
            parameters=parameters,
            initial={"V_m": {"kind": "normal", "mean": -55.0, "sd": 4.0}},
        ),
        Population(
            name="B",
            size=40,
            model="iaf_psc_exp",
            parameters=parameters | {"t_ref": 0.3, "tau_syn_ex": 2.0},
        ),
        Population(name="C", size=33, model="iaf_psc_exp", parameters=parameters),
    ]
    given = [
        ("A", "B", {"kind": "pairwise_bernoulli", "p": 0.2}, "excitatory", 0.1),
        ("A", "A", {"kind": "fixed_indegree", "indegree": 20}, "excitatory",
         {"kind": "normal", "mean": 1.5, "sd": 0.7, "low": 0.1}),
        ("B", "A", {"kind": "fixed_total_number", "number": 900}, "inhibitory", 3.0),
        ("B", "B", {"kind": "one_to_one"}, "inhibitory", 0.7),
        ("A", "C", {"kind": "fixed_total_number", "number": 2000}, "excitatory",
         {"kind": "normal", "mean": 4.0, "sd": 1.0, "low": 0.1}),
    ]  # fmt: skip
    return Network(
        name="mixed", populations=populations,
        projections=[
            Projection(name=f"{pre}{post}", pre=pre, post=post, rule=rule, receptor=receptor,
                       weight=one[receptor], delay=delay)
            for pre, post, rule, receptor, delay in given
        ],
        poisson_inputs=[{"name": "drive", "target": "A", "receptor": "excitatory", "rate": 2000.0,
                         "weight": 90.0}],
        recorders=[{"name": "a", "target": "A"},
                   {"name": "b", "target": "B", "variables": ["V_m"], "interval": 0.7}],
    )  # fmt: skip


@pytest.mark.parametrize("loop", [pytest.param("native", marks=pytest.mark.long), "graph"])
@pytest.mark.parametrize("connectivity", ["native", pytest.param("shared", marks=pytest.mark.long)])
def test_two_kernels_a_step_serve_rules_and_delays_of_all_kinds(spikes, loop, connectivity):
    expected = spikes(mixed(), 60.0, on="cpu", connectivity=connectivity)
    assert {name for name, *_ in expected} == {"A", "B"}
    how = {"connectivity": connectivity, "kernels": "folded", "loop": loop}
    assert spikes(mixed(), 60.0, warmup=13.3, **how) == spikes(
        mixed(), 60.0, on="cpu", warmup=13.3, connectivity=connectivity
    )
    assert spikes(mixed(), 60.0, **how) == expected


def test_code_that_is_not_the_expected_one_stays_as_it_is(toolkit, tmp_path, spikes):
    from netspec.backends.genn import kernels

    spikes(crowded(), 1.0)
    made = [
        place for place in (Path(toolkit["NETSPEC_CACHE"]) / "genn").iterdir()
        if (place / "unfolded").is_file() and not (place / "unfolded").read_text()
    ]  # fmt: skip
    assert made  # changed without a word
    folder = tmp_path / "code"
    shutil.copytree(made[0] / "network_CODE", folder)
    before = [(folder / name).read_text() for name in kernels.FILES]
    assert "times instead of" in kernels.fold(folder, 10)  # it has been changed already
    assert [(folder / name).read_text() for name in kernels.FILES] == before


KERNEL = """
#include <curand_kernel.h>
#include <cstdio>
extern "C" __global__ void sums(double *out) {
    __shared__ double total[1];
    __shared__ unsigned int each[64];
    double value = threadIdx.x;
    for(unsigned int k = 16; k != 0; k /= 2) { value += __shfl_down_sync(0xFFFFFFFF, value, k); }
    each[threadIdx.x] = 1;
    if(threadIdx.x == 0) { total[0] = 0; }
    WAIT
    if(threadIdx.x % 32 == 0) { atomicAdd(&total[0], value); }
    __syncthreads();
    if(threadIdx.x == 0) {
        out[blockIdx.x] = total[0] + 1000 * (each[5] + each[40]);
    }
}
int main() {
    double found[2] = {0, 0}, *out = found;
    const dim3 grid(2, 1);
    const dim3 threads(64, 1);
    sums<<<grid, threads>>>(out);
    std::printf("%g %g", out[0], out[1]);
}
"""


@pytest.mark.parametrize("waits", [True, False])
def test_the_stand_in_adds_up_and_sees_threads_that_meet(toolkit, tmp_path, waits):
    source = tmp_path / "kernel.cc"
    source.write_text(KERNEL.replace("WAIT", "__syncthreads();" if waits else ""))
    home = toolkit["CUDA_PATH"]
    nvcc = [sys.executable, f"{home}/bin/nvcc"]
    subprocess.run([*nvcc, "-dc", str(source)], check=True, cwd=tmp_path)
    library = ["-L", f"{home}/lib64", "-l:libcudart.so.13"]
    program = [str(tmp_path / "kernel.o"), "-o", str(tmp_path / "kernel")]
    subprocess.run(["g++", *program, *library], check=True)
    ran = subprocess.run([str(tmp_path / "kernel")], capture_output=True, text=True, check=False,
                         env={**os.environ, **toolkit})  # fmt: skip
    if waits:
        assert [float(x) for x in ran.stdout.split()] == [2000 + np.arange(64).sum()] * 2
    else:
        assert ran.returncode and "meet in shared memory" in ran.stderr
