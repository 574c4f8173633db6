"""What only the GeNN adapter has: compiled code that is kept, devices, ways of coupling."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from parts import network, neuron

import netspec
from netspec import PoissonInput, Projection, Simulation
from netspec.backend import RunRequest, get_backend
from netspec.errors import BackendMissing, SimulationFailed

pytestmark = pytest.mark.skipif(
    not get_backend("genn").status().available, reason="PyGeNN is not installed"
)


def noisy(rate=8000.0):
    noise = PoissonInput(name="noise", target="A", receptor="excitatory", rate=rate, weight=87.8)
    return network(
        "noisy",
        [neuron("A", 50, {"V_m": {"kind": "normal", "mean": -58.0, "sd": 5.0}}), neuron("B", 20)],
        poisson_inputs=[noise],
        projections=[
            Projection(name="A_B", pre="A", post="B", receptor="excitatory",
                       rule={"kind": "fixed_total_number", "number": 900},
                       weight={"kind": "normal", "mean": 300.0, "sd": 30.0, "low": 0.0},
                       delay={"kind": "normal", "mean": 1.5, "sd": 0.75, "low": 0.05})
        ],
    )  # fmt: skip


def run(described, out, seed=1, duration=100.0, **more):
    simulation = Simulation(dt=0.1, warmup=0.0, duration=duration, seed=seed)
    return netspec.run(described, "genn", simulation, out=out, **more)


def columns(found):
    parts = [found.spikes(name, warmup=True) for name in found.populations]
    return [(part.steps.tolist(), part.neurons.tolist()) for part in parts]


def test_eight_runs_at_once_compile_once_and_are_the_runs_in_turn(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "together"))
    seeds = range(1, 9)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda s: run(noisy(), tmp_path / "a", s), seeds))
    assert sum(found.manifest["seconds"]["compile"] > 0 for found in together) == 1
    assert sorted(path.suffix for path in (tmp_path / "together" / "genn").iterdir()) == [
        "",
        ".lock",
    ]
    in_turn = [run(noisy(), tmp_path / "b", s) for s in (1, 8)]
    assert all(found.manifest["seconds"]["compile"] == 0 for found in in_turn)
    assert [columns(found) for found in in_turn] == [columns(together[0]), columns(together[7])]
    assert columns(together[0]) != columns(together[7])
    assert sum(len(steps) for steps, _ in columns(together[0])) > 20


def test_other_code_is_compiled_anew_and_what_is_half_done_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "cache"))
    first = run(noisy(), tmp_path)
    (kept,) = (p for p in (tmp_path / "cache" / "genn").iterdir() if p.is_dir())
    (kept / "network_CODE" / "librunner.so").unlink()  # as if it had been killed
    again = run(noisy(), tmp_path, force=True)
    assert again.manifest["seconds"]["compile"] > 0
    assert columns(again) == columns(first)
    changed = noisy().model_copy(
        update={"populations": (neuron("A", 50, tau_m=20.0), neuron("B", 20))}
    )
    assert run(changed, tmp_path).manifest["seconds"]["compile"] > 0


@pytest.mark.parametrize("steps", [1, 999, 1000, 1001, 2003])
def test_chunks_of_recording_lose_no_spike_and_add_none(tmp_path, steps):
    """The device records in chunks of at most 1000 steps; a spike at every step would fit."""
    described = network(
        "busy", [neuron("A", 40, I_e=4000.0, t_ref=0.0, V_reset=-50.1, V_th=-50.0, E_L=-50.05)]
    )
    found = run(described, tmp_path, duration=steps * 0.1).spikes("A", warmup=True)
    expected = netspec.run(
        described, "brian2", Simulation(dt=0.1, warmup=0.0, duration=steps * 0.1), out=tmp_path
    ).spikes("A", warmup=True)
    assert len(expected) >= 40 * steps // 2
    np.testing.assert_array_equal(found.steps, expected.steps)
    np.testing.assert_array_equal(found.neurons, expected.neurons)


def test_a_dense_product_on_the_device_is_the_product_of_the_host(tmp_path):
    cue = netspec.circuits.Cue(angle=90, strength=300, width=60, start=1, duration=40)
    ring = netspec.circuits.working_memory(size=64, cues=[cue])
    found = [
        run(ring, tmp_path, duration=50.0, options={"coupling": coupling})
        for coupling in ("host", "dense")
    ]
    assert columns(found[0]) == columns(found[1])
    assert len(found[0].spikes("E", warmup=True)) > 10


def test_single_precision_has_to_be_named_and_draws_the_same_synapses(tmp_path):
    with pytest.raises(netspec.errors.UnsupportedError, match="single-precision"):
        run(noisy(), tmp_path, options={"precision": "single"})
    both = [
        run(noisy(), tmp_path, readback=True, approximations=["single-precision"],
            options={"precision": precision})
        for precision in ("double", "single")
    ]  # fmt: skip
    for column in ("pre", "post", "weight", "delay"):
        path = f"projections/A_B/{column}"
        np.testing.assert_array_equal(both[0].readback(path), both[1].readback(path))
    counts = [sum(len(steps) for steps, _ in columns(found)) for found in both]
    assert counts[0] == pytest.approx(counts[1], rel=0.1)


def test_too_little_memory_is_said_before_anything_is_built(tmp_path):
    rule = {"kind": "fixed_total_number", "number": 20_000_000_000}
    described = network(
        "huge",
        [neuron("A", 1_000_000)],
        projections=[
            Projection(name="A_A", pre="A", post="A", receptor="excitatory", rule=rule,
                       weight={"kind": "normal", "mean": 1.0, "sd": 0.1})
        ],
    )  # fmt: skip
    with pytest.raises(SimulationFailed, match=r"needs about \d+ MiB, this machine has \d+ MiB"):
        run(described, tmp_path)


def test_a_device_that_is_not_there_is_an_error_not_another_device(tmp_path):
    devices = get_backend("genn").details()["devices"]
    if "cuda" in devices:
        pytest.skip("this PyGeNN has CUDA")
    with pytest.raises(BackendMissing, match="built without cuda"):
        run(noisy(), tmp_path, options={"device": "cuda"})


def test_delays_beyond_a_byte_of_steps_arrive_when_due(tmp_path):
    drive = netspec.CurrentInput(name="drive", target="A", amplitude=500.0)
    rule = {"kind": "explicit", "pre": [0, 0], "post": [0, 1], "delay": [25.5, 40.0]}
    described = network(
        "late",
        [neuron("A"), neuron("B", 2)],
        ("I_syn_ex",),
        current_inputs=[drive],
        projections=[
            Projection(name="A_B", pre="A", post="B", receptor="excitatory", rule=rule, weight=87.8)
        ],
    )
    found = run(described, tmp_path, duration=60.0)
    (first, *_) = found.spikes("A", warmup=True).steps
    current = found.samples("of_B", "I_syn_ex")[1]
    assert [int(np.argmax(current[:, i] > 0)) + 1 for i in (0, 1)] == [first + 255, first + 400]


def test_memory_follows_the_synapses():
    backend = get_backend("genn")

    def memory(**more):
        described = netspec.circuits.microcircuit(**more)
        return backend.memory(RunRequest(network=described, backend="genn"))

    # 7 bytes a synapse at full scale, rows padded by some percent
    per_synapse = (memory() - memory(connectivity_scale=0.5)) / (298_880_968 / 2)
    assert 7 < per_synapse < 9
