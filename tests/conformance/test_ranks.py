"""NEST on many ranks: the same spikes for every split, and an end when a rank comes to one."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec import (
    ContinuousProjection,
    CurrentInput,
    PoissonInput,
    Projection,
    Recorder,
    Simulation,
    SpikeInput,
    StepCurrent,
)
from netspec.errors import SimulationFailed
from netspec.execute.child import WORKER
from netspec.execute.contract import get_backend
from netspec.execute.results import read_arrays
from netspec.testing.parts import conductance, network, neuron
from netspec.testing.suite import test_l0_structure as structure

PLUGIN = Path(__file__).parent.parent / "plugin_ranks"
pytestmark = [pytest.mark.mpi, pytest.mark.parametrize("backend", ["nest"], indirect=True)]
SECONDS = 30.0  # after which a job with a dead rank must have ended
CUE = netspec.circuits.Cue(angle=180.0, strength=200.0, width=40.0, start=5.0, duration=40.0)


@pytest.fixture(scope="session")
def ranked(backend, results):
    """Give a function that runs a network on ranks; skip where NEST has no MPI."""
    if get_backend(backend).details().get("MPI") != "yes":
        pytest.skip("this NEST has no MPI, so NOTHING of ranks is tested. To get it: make nest-mpi")
    with pytest.MonkeyPatch.context() as patch:
        if os.geteuid() == 0:  # in a container
            patch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
            patch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")

        def run(described, duration, split, seed=1, name="nest", **options):
            simulation = Simulation(dt=0.1, warmup=0.0, duration=duration, seed=seed)
            ranks, threads = split
            options = {"out": results, "approximations": ["all"], **options}
            return netspec.run(described, name, simulation, ranks=ranks, threads=threads, **options)

        yield run


def digest(run):
    """Return a hash of all spikes, sorted by step and neuron, and their number."""
    found, count = hashlib.sha256(), 0
    for population in run.populations:
        spikes = run.spikes(population, warmup=True)
        found.update(spikes.steps.tobytes() + spikes.neurons.tobytes())
        count += len(spikes)
    return found.hexdigest(), count


CIRCUITS = {
    "microcircuit": (lambda: netspec.circuits.microcircuit("pygenn", scale=0.02), 60.0),
    "ring": (lambda: netspec.circuits.working_memory(size=64, cues=[CUE]), 60.0),
}


@pytest.mark.parametrize(
    ("circuit", "connectivity"),
    [
        ("microcircuit", "native"),
        ("ring", "shared"),
        ("microcircuit", "shared"),
        pytest.param("ring", "native", marks=pytest.mark.long),
    ],
)
def test_ranks_and_threads_split_the_same_run(ranked, circuit, connectivity):
    build, duration = CIRCUITS[circuit]
    splits = [(1, 4), (2, 2), (4, 1)]
    runs = [ranked(build(), duration, split, connectivity=connectivity) for split in splits]
    assert len({digest(run) for run in runs}) == 1
    assert digest(runs[0])[1] > 40
    assert len({run.file for run in runs}) == 3
    for run, (ranks, threads) in zip(runs, splits, strict=True):
        assert (run.manifest["ranks"], run.manifest["threads"]) == (ranks, threads)
        assert run.manifest["virtual_processes"] == 4
        assert run.manifest["synapses"] == runs[0].manifest["synapses"]
        assert min(run.manifest["synapses"].values()) >= 0
    peaks = [run.manifest["peak_memory_mib"] for run in runs]
    assert peaks == sorted(peaks)  # every rank is a process of its own


def test_a_run_on_ranks_can_be_repeated_and_a_seed_changes_it(ranked):
    build, duration = CIRCUITS["microcircuit"]
    found = [digest(ranked(build(), duration, (2, 1), force=True)) for _ in range(2)]
    assert len(set(found)) == 1
    assert digest(ranked(build(), duration, (2, 1), seed=2))[0] != found[0][0]


def test_shared_noise_is_the_same_on_any_ranks_and_threads(ranked):
    """Neurons that NEST deals out in turn draw what belongs to them, on whatever rank they are."""
    described, duration = netspec.circuits.microcircuit("pygenn", scale=0.02), 60.0
    runs = [
        ranked(described, duration, split, connectivity="shared", noise="shared")
        for split in ((1, 2), (2, 1))
    ]
    assert len({digest(run) for run in runs}) == 1
    assert digest(runs[0])[1] > 40


def assert_same_arrays(first, second):
    first, second = read_arrays(first.file), read_arrays(second.file)
    assert set(first) == set(second)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


@pytest.mark.parametrize("connectivity", ["shared", pytest.param("native", marks=pytest.mark.long)])
def test_what_is_read_back_is_the_same(ranked, connectivity):
    one, three = (
        ranked(structure.NETWORK, 1.0, split, connectivity=connectivity, readback=True)
        for split in ((1, 3), (3, 1))
    )
    assert_same_arrays(one, three)
    assert one.manifest["synapses"] == three.manifest["synapses"]


def test_few_neurons_on_more_ranks_and_every_input(ranked):
    """Some ranks have no neuron of a population, no spike, no synapse."""
    gates = [
        ContinuousProjection(name=f"gate_{post}", pre="sender", post=post, source="s_NMDA",
                             target="g_NMDA", kernel={"kind": "uniform", "weight": 5.0})
        for post in ("receiver", "far")
    ]  # fmt: skip
    described = network(
        "few",
        [neuron("A"), neuron("B", 2), neuron("silent"), neuron("C", 5, I_e=400.0),
         conductance("sender"), conductance("receiver", 2), conductance("far")],
        ("V_m",),
        projections=[
            Projection(name="A_B", pre="A", post="B", receptor="excitatory", weight=200.0,
                       rule={"kind": "all_to_all"}, delay=0.7),
            Projection(name="C_C", pre="C", post="C", receptor="inhibitory", weight=-50.0,
                       rule={"kind": "fixed_indegree", "indegree": 2}, delay=1.5),
            Projection(name="sender_far", pre="sender", post="far", receptor="GABA", weight=2.0,
                       rule={"kind": "all_to_all"}, delay=0.3),
        ],
        continuous_projections=gates,
        poisson_inputs=[PoissonInput(name="noise", target="C", receptor="excitatory",
                                     rate=5000.0, weight=87.8)],
        current_inputs=[CurrentInput(name="dc", target="A", amplitude=500.0)],
        step_currents=[StepCurrent(name="step", target="sender", times=(2.0, 40.0),
                                   amplitudes=(3000.0, 0.0)),
                       StepCurrent(name="kick", target="B", times=(20.0,), amplitudes=(600.0,),
                                   neurons=(1,))],
        spike_inputs=[SpikeInput(name="events", target="B", receptor="excitatory",
                                 times=(5.0, 7.0), neurons=(0, 1), weight=3000.0)],
        recorders=[Recorder(name="some", target="C", variables=("V_m", "I_syn_ex"),
                            neurons=(1, 4), interval=0.5, spikes=False)],
    )  # fmt: skip
    one, four = (ranked(described, 60.0, split, readback=True) for split in ((1, 4), (4, 1)))
    assert_same_arrays(one, four)
    counts = {name: len(four.spikes(name)) for name in four.populations}
    assert counts["silent"] == 0 and counts["A"] == 3 and counts["B"] > 2 and counts["C"] > 20
    # NMDA passes from one rank to others: nothing else reaches the receivers, which rest at -70 mV
    assert counts["sender"] > 5
    received = four.samples("of_receiver", "V_m")[1]
    assert received.shape == (600, 2)
    assert (received.max(axis=0) > -69.7).all()


# -- ranks that come to an end --------------------------------------------------------------


def workers(folder):
    """Return the processes of ranks whose files lie in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        ours = any(word.startswith(str(folder).encode()) for word in words)
        if ours and words[:3] == [sys.executable.encode(), b"-m", WORKER.encode()]:
            found.append(int(process.name))
    return found


def assert_nothing_is_left(folder):
    assert not workers(folder)
    assert [path.name for path in folder.iterdir()] == [".locks"]


def kill_one(ranks, wait, folder, when):
    """Kill a random rank some time after all have begun."""
    while len(processes := workers(folder)) < ranks:
        time.sleep(0.01)
    time.sleep(wait)
    when.append(time.monotonic())
    os.kill(random.choice(processes), signal.SIGKILL)


def kills(numbers):
    return pytest.mark.parametrize("number", numbers)


def check_kill(ranked, folder, number):
    choose = random.Random(number)
    ranks, when = choose.choice([2, 3]), []
    arguments = ranks, choose.uniform(0.0, 8.0), folder, when
    killer = threading.Thread(target=kill_one, args=arguments, daemon=True)
    killer.start()
    with pytest.raises(SimulationFailed, match=rf"rank \d of {ranks} ended too early") as failure:
        ranked(CIRCUITS["microcircuit"][0](), 1e7, (ranks, 1), out=folder, time_limit=120.0)
    assert time.monotonic() - when[0] < SECONDS
    assert "signal 9" in str(failure.value)
    assert_nothing_is_left(folder)


def test_a_killed_rank_ends_the_run(ranked, tmp_path):
    check_kill(ranked, tmp_path, 20)


@pytest.mark.long
@kills(range(1, 11))
def test_ten_killed_ranks_end_their_runs(ranked, tmp_path, number):
    check_kill(ranked, tmp_path, number)


def check_error(ranked, folder, patch, number):
    choose = random.Random(number)
    ranks = choose.choice([2, 3])
    rank, way = choose.randrange(ranks), choose.choice(["raises", "raises", "aborts"])
    patch.syspath_prepend(PLUGIN)
    patch.setenv("PYTHONPATH", str(PLUGIN), prepend=os.pathsep)
    patch.setenv("FAULTY_RANK", str(rank))
    patch.setenv("FAULTY_PHASE", choose.choice(["create", "connect", "simulate"]))
    patch.setenv("FAULTY_WAY", way)
    started = time.monotonic()
    words = {"raises": rf"(?s)rank {rank} of {ranks} raised an error.*a rank of the test's own",
             "aborts": rf"rank {rank} of {ranks} ended too early"}[way]  # fmt: skip
    with pytest.raises(SimulationFailed, match=words):
        ranked(CIRCUITS["microcircuit"][0](), 1e7, (ranks, 1), name="faulty", out=folder,
               time_limit=120.0)  # fmt: skip
    assert time.monotonic() - started < 3 * SECONDS  # NEST is imported and builds before
    assert_nothing_is_left(folder)


def test_an_error_in_one_rank_ends_the_run(ranked, tmp_path, monkeypatch):
    check_error(ranked, tmp_path, monkeypatch, 1)


@pytest.mark.long
@kills(range(2, 12))
def test_ten_errors_in_a_rank_end_their_runs(ranked, tmp_path, monkeypatch, number):
    check_error(ranked, tmp_path, monkeypatch, number)


def test_ranks_past_the_time_limit_are_killed(ranked, tmp_path):
    with pytest.raises(SimulationFailed, match="took longer than 6 s and was killed"):
        ranked(CIRCUITS["microcircuit"][0](), 1e7, (2, 1), out=tmp_path, time_limit=6.0)
    assert_nothing_is_left(tmp_path)


def test_ranks_find_a_module_that_was_compiled_before_they_began(ranked, results, monkeypatch):
    monkeypatch.setenv("NETSPEC_CACHE", str(results / "cache"))
    described = netspec.circuits.microcircuit("pygenn", scale=0.01)
    options = {"neurons": "generated"}
    found = [
        ranked(described, 40.0, split, connectivity="shared", options=options)
        for split in ((2, 1), (1, 2))
    ]
    assert all(run.manifest["seconds"]["compile"] == 0 for run in found)
    assert digest(found[0]) == digest(found[1])
    assert digest(found[0])[1] > 10
