"""Runs that share a process, and perhaps a model, are what they are alone."""

import numpy as np
import pytest

from netspec import Population, Recorder, Simulation, SpikeInput, circuits
from netspec.circuits import Cue
from netspec.describe.neurons import NeuronModel
from netspec.errors import UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.execute.results import read_arrays
from netspec.execute.running import execute, execute_together
from netspec.testing.parts import network
from netspec.validation.campaign.ensemble import run_all
from netspec.validation.measure.cues import around

SIMULATION = Simulation(warmup=20.0, duration=60.0, seed=3)


@pytest.fixture
def request_of(backend, asked, agreed, declared):
    """Give a function that returns the request of a network and a seed."""

    def make(described, seed=1, **more):
        return RunRequest(
            network=described,
            backend=backend,
            threads=1,
            simulation=SIMULATION.at_seed(seed),
            approximations=(*agreed, "nmda-instant-rise", "constant-magnesium-block"),
            options=asked | declared.quick | more.pop("options", {}),
            **more,
        )

    return make


def ring(size=64):
    """A ring whose cue begins after the warm-up and ends before the run."""
    return circuits.working_memory(size=size, cues=[Cue(strength=300.0, start=30.0, duration=40.0)])


def column():
    return circuits.microcircuit("pygenn", scale=0.01)


def assert_same(one, other):
    assert one.file.name == other.file.name  # the same request, so the same result
    for name in one.populations:
        left, right = one.spikes(name, warmup=True), other.spikes(name, warmup=True)
        assert np.array_equal(left.steps, right.steps)
        assert np.array_equal(left.neurons, right.neurons)
    assert one.manifest["synapses"] == other.manifest["synapses"]


@pytest.mark.parametrize(
    ("networks", "connectivity"),
    [
        pytest.param(lambda: around(ring(), 2), "native", id="ring"),
        pytest.param(lambda: [column()] * 2, "native", id="microcircuit"),
        pytest.param(lambda: [column()] * 2, "shared", id="microcircuit-shared"),
        pytest.param(lambda: [ring(), column()], "native", id="different"),
    ],
)
def test_runs_in_one_process_are_those_alone(
    request_of, declared, tmp_path, networks, connectivity
):
    requests = [
        request_of(described, seed, connectivity=connectivity)
        for seed, described in enumerate(networks(), start=7)
    ]
    alone = [execute(request, tmp_path / "alone") for request in requests]
    together = execute_together(requests, tmp_path / "together")
    alike = len({repr(request.network.populations) for request in requests}) == 1
    shared = len(alone) if declared.one_model and alike else 1
    assert [run.batch for run in alone] == [1] * len(alone)
    assert [run.batch for run in together] == [shared] * len(alone)
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)
    trains = [run.spikes(run.populations[0]).steps for run in together]
    assert all(len(steps) for steps in trains)
    assert not np.array_equal(trains[0], trains[1])  # another seed


def test_rings_coupled_on_the_device_are_shared_as_well(request_of, backend, tmp_path):
    if "coupling" not in get_backend(backend).options:
        pytest.skip("one way of coupling")
    requests = [
        request_of(described, seed, options={"coupling": "waves"})
        for seed, described in enumerate(around(ring(), 3), start=7)
    ]
    together = execute_together(requests, tmp_path / "together")
    assert [run.batch for run in together] == [3] * 3
    for request, found in zip(requests, together, strict=True):
        assert_same(execute(request, tmp_path / "alone"), found)


def test_parts_of_populations_are_shared_as_well(request_of, backend, tmp_path):
    if "shards" not in get_backend(backend).options:
        pytest.skip("no populations in parts")
    requests = [
        request_of(column(), seed, connectivity="shared", options={"shards": "3"})
        for seed in (1, 2)
    ]
    whole = [execute(r.model_copy(update={"options": {}}), tmp_path) for r in requests]
    for one, other in zip(whole, execute_together(requests, tmp_path), strict=True):
        for name in one.populations:
            assert np.array_equal(one.spikes(name).steps, other.spikes(name).steps)


def test_only_what_is_missing_is_run(request_of, declared, tmp_path):
    requests = [request_of(ring(), seed) for seed in (1, 2, 3)]
    first = execute(requests[1], tmp_path)
    written = first.file.stat().st_mtime_ns
    together = execute_together(requests, tmp_path)
    assert together[1].file.stat().st_mtime_ns == written
    made = 2 if declared.one_model else 1
    assert [run.batch for run in together] == [made, 1, made]


def test_what_must_be_alike_is(request_of, tmp_path):
    first = request_of(ring())
    longer = first.simulation.model_copy(update={"duration": 200.0})
    changes = {"simulation": longer, "connectivity": "shared", "readback": True}
    for name, value in changes.items():
        other = first.model_copy(update={name: value})
        with pytest.raises(UsageError, match=f"seed 1: other {name} than the first; only networks"):
            execute_together([first, other], tmp_path)
    assert not list(tmp_path.glob("*.h5"))


def everything():
    """Samples, given spikes and currents beside a coupling, and a population nobody records."""
    described = ring()
    given = SpikeInput(name="given", target="E", receptor="AMPA", times=(30.0, 60.0),
                       neurons=(3, 5), weight=40.0)  # fmt: skip
    recorders = (
        Recorder(name="E_spikes", target="E"),
        Recorder(name="some", target="I", variables=("V_m",), neurons=(0, 7), interval=1.0,
                 spikes=False),
    )  # fmt: skip
    return described.model_copy(update={"spike_inputs": (given,), "recorders": recorders})


def test_samples_given_spikes_and_read_back_values_are_those_alone(request_of, tmp_path):
    requests = [request_of(n, 4 + k, readback=True) for k, n in enumerate(around(everything(), 2))]
    alone = [execute(request, tmp_path / "alone") for request in requests]
    together = execute_together(requests, tmp_path / "together")
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)
        left, right = read_arrays(one.file), read_arrays(other.file)
        assert left.keys() == right.keys()
        assert any(key.startswith("samples") for key in left)
        assert all(np.array_equal(left[key], right[key]) for key in left)


def test_a_failure_in_company_costs_only_the_run_that_fails(request_of, tmp_path):
    def growing(initial):
        model = NeuronModel(name="burst", equations="dx/dt = x*x/tau : 1", threshold="x < 0",
                            initial={"x": initial}, parameters={"tau": "50 ms"})  # fmt: skip
        return network("growing", [Population(name="A", size=3, model=model)])

    # infinite at 1/x times tau: the second run at 50 ms, before its end
    requests = [request_of(growing(x), seed) for seed, x in enumerate((0.1, 1.0, 0.2))]
    finished = run_all(requests, tmp_path, batch=3)
    assert [entry.run is None for entry in finished] == [False, True, False]
    assert "seed 1" in finished[1].failure and "is no finite number" in finished[1].failure
    assert [entry.request for entry in finished] == requests
