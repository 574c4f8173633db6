"""What only the GeNN adapter has: compiled code that is kept, devices, ways of coupling."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, norm, poisson

import netspec
from netspec import PoissonInput, Projection, Recorder, Simulation
from netspec.backends.genn import device
from netspec.describe.distributions import Uniform
from netspec.errors import BackendMissing, SimulationFailed, UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.testing.parts import network, neuron

pytestmark = pytest.mark.skipif(
    not get_backend("genn").status().available, reason="PyGeNN is not installed"
)
LONG = pytest.mark.long


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


def test_four_runs_at_once_compile_once_and_are_the_runs_in_turn(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "together"))
    seeds = range(1, 5)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda s: run(noisy(), tmp_path / "a", s), seeds))
    assert sum(found.manifest["seconds"]["compile"] > 0 for found in together) == 1
    assert sorted(path.suffix for path in (tmp_path / "together" / "genn").iterdir()) == [
        "",
        ".lock",
    ]
    in_turn = [run(noisy(), tmp_path / "b", s) for s in (1, 4)]
    assert all(found.manifest["seconds"]["compile"] == 0 for found in in_turn)
    assert [columns(found) for found in in_turn] == [columns(together[0]), columns(together[3])]
    assert columns(together[0]) != columns(together[3])
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


@pytest.mark.parametrize(
    "steps", [1, pytest.param(999, marks=LONG), pytest.param(1000, marks=LONG), 1001,
              pytest.param(2003, marks=LONG)]
)  # fmt: skip
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


def cued(size=64):
    cue = netspec.circuits.Cue(angle=90, strength=300, width=60, start=1, duration=40)
    return netspec.circuits.working_memory(size=size, cues=[cue])


@pytest.mark.parametrize("precision", ["double", pytest.param("single", marks=LONG)])
@pytest.mark.parametrize(
    "options",
    [{"coupling": "dense"}, {"coupling": "waves"},
     pytest.param({"coupling": "waves", "loop": "python"}, marks=LONG)],
)  # fmt: skip
def test_coupling_on_the_device_is_that_of_the_host(tmp_path, options, precision):
    """From the first step on, which finds channels open."""
    described = cued()
    changed = [
        p.model_copy(update={"initial": {"s_NMDA": Uniform(low=0.0, high=0.05)}})
        if p.name == "E"
        else p
        for p in described.populations
    ]
    recorders = [Recorder(name=f"V_{p}", target=p, variables=["V_m"], interval=0.1) for p in "EI"]
    described = described.model_copy(
        update={
            "populations": tuple(changed),
            "recorders": (*described.recorders, *recorders),
        }
    )
    host, device = (
        run(described, tmp_path, duration=50.0, options={"precision": precision} | o,
            approximations=["single-precision"])
        for o in ({"coupling": "host"}, options)
    )  # fmt: skip
    exact = precision == "double"
    for name in "EI":
        ours, theirs = (found.samples(f"V_{name}", "V_m")[1] for found in (host, device))
        steps = slice(None) if exact else slice(20)  # until a spike may have moved
        np.testing.assert_allclose(theirs[steps], ours[steps], rtol=0, atol=1e-9 if exact else 1e-4)
    assert len(host.spikes("E", warmup=True)) > 10
    assert not exact or columns(host) == columns(device)


@pytest.mark.parametrize("size", [64, 132, 512, 1024, 2048])
def test_kernels_of_the_ring_have_few_waves_at_any_size(size):
    """What rounding leaves of waves that are not there must not choose the dense product."""
    ring = netspec.circuits.working_memory(size=size)
    for precision in ("double", "single"):
        request = RunRequest(
            network=ring,
            backend="genn",
            simulation=Simulation(duration=10.0),
            options={"coupling": "waves", "precision": precision},
            approximations=("single-precision",),
        )
        reasons = {entry.reason for entry in get_backend("genn").plan(request).ledger.entries}
        assert not any("dense product" in reason for reason in reasons)


def test_a_ring_that_does_not_couple_runs(tmp_path):
    described = cued()
    silent = [
        c.model_copy(update={"kernel": c.kernel.model_copy(update={"weight": 0.0})})
        for c in described.continuous_projections
    ]
    described = described.model_copy(update={"continuous_projections": tuple(silent)})
    host, device = (
        run(described, tmp_path, duration=50.0, options={"coupling": coupling})
        for coupling in ("host", "waves")
    )
    assert columns(host) == columns(device)


def test_many_waves_are_a_dense_product_and_the_ledger_says_so(tmp_path):
    """A kernel of 3 degrees on 128 neurons has 65 waves; the circuit's, of 20 degrees, has 23."""
    couplings = cued(128).continuous_projections
    narrow = [
        c.model_copy(update={"kernel": c.kernel.model_copy(update={"sigma": 3.0})})
        if c.kernel.kind == "ring"
        else c
        for c in couplings
    ]
    for described, words in (
        (cued(1024), "sums of 23 waves on the device"),
        (cued(128).model_copy(update={"continuous_projections": tuple(narrow)}), "dense product"),
    ):
        request = RunRequest(
            network=described,
            backend="genn",
            simulation=Simulation(duration=10.0),
            options={"coupling": "waves"},
        )
        reasons = [entry.reason for entry in get_backend("genn").plan(request).ledger.entries]
        assert any(words in reason for reason in reasons)
        assert "one sum" in reasons
    host, device = (
        run(described, tmp_path, duration=50.0, options={"coupling": coupling})
        for coupling in ("host", "waves")
    )
    assert columns(host) == columns(device)
    assert len(host.spikes("E", warmup=True)) > 10


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


@pytest.mark.parametrize("connectivity", ["native", "shared"])
def test_weights_of_16_bits_are_the_nearest_of_a_grid(tmp_path, connectivity):
    options = {"weights": "16-bit"}
    with pytest.raises(netspec.errors.UnsupportedError, match="16-bit-weights"):
        run(noisy(), tmp_path, options=options)
    more = {"readback": True, "connectivity": connectivity, "approximations": ["16-bit-weights"]}
    wide, narrow = (run(noisy(), tmp_path, options=o, **more) for o in ({}, options))
    order = [
        np.lexsort(
            [one.readback(f"projections/A_B/{c}") for c in ("weight", "delay", "post", "pre")]
        )
        for one in (wide, narrow)
    ]
    columns = {
        c: [
            one.readback(f"projections/A_B/{c}")[o]
            for one, o in zip((wide, narrow), order, strict=True)
        ]
        for c in ("pre", "post", "delay", "weight")
    }
    for name in ("pre", "post", "delay"):
        np.testing.assert_array_equal(*columns[name])
    exact, found = columns["weight"]
    unit = (300.0 + 8 * 30.0 - max(0.0, 300.0 - 8 * 30.0)) / 65535
    assert len(exact) == 900 and np.abs(found - exact).max() <= 0.51 * unit
    assert np.abs(found - exact).max() > 0.4 * unit
    steps = (found - 60.0) / unit
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


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


@pytest.fixture
def asked_again():
    """Forget what was found of the GPU, before and after."""
    device.missing.cache_clear()
    yield
    device.missing.cache_clear()


@pytest.mark.usefixtures("asked_again")
def test_what_is_missing_for_a_gpu_is_a_sentence(tmp_path, monkeypatch):
    """Of the library, the compiler or the driver; never another device instead, or a KeyError."""
    monkeypatch.setenv("CUDA_PATH", str(tmp_path))
    for made, word in ((False, "bin/nvcc"), (True, "cuda|driver|device|GPU")):
        if made:
            (tmp_path / "bin").mkdir()
            (tmp_path / "bin" / "nvcc").touch()
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
            monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
            device.missing.cache_clear()
        with pytest.raises(BackendMissing, match=rf"option device=cuda: .*({word}|without cuda)"):
            run(noisy(), tmp_path, options={"device": "cuda"})
        details = get_backend("genn").details()
        assert details["devices"] == "cpu" and device.missing() == details["cuda"]


def test_a_single_run_on_a_gpu_is_said_to_be_not_reproducible():
    options = {"device": "cuda", "precision": "single"}
    request = RunRequest(network=noisy(), backend="genn", options=options)
    (entry,) = get_backend("genn").plan(request).ledger.grouped()[-1:]
    assert "not reproducible to the bit" in entry[1].reason


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
        return backend.memory([backend.plan(RunRequest(network=described, backend="genn"))])

    # 7 bytes a synapse at full scale, rows padded by some percent
    per_synapse = (memory() - memory(connectivity_scale=0.5)) / (298_880_968 / 2)
    assert 7 < per_synapse < 9


def everything(total=900):
    """Return a network with all that a population in shards has to be put together again for."""
    drives = {"kind": "normal", "mean": -58.0, "sd": 5.0}
    return network(
        "everything",
        [
            neuron("A", 41, {"V_m": drives}, V_th={"kind": "uniform", "low": -51.0, "high": -49.0}),
            neuron("B", 20, {"V_m": drives}),
        ],
        ("V_m", "I_syn_ex"),
        poisson_inputs=[
            PoissonInput(name="noise", target="A", receptor="excitatory", rate=8000.0, weight=87.8)
        ],
        spike_inputs=[
            netspec.SpikeInput(name="given", target="B", receptor="excitatory", weight=2000.0,
                               times=[10.0, 20.0, 20.0], neurons=[0, 13, 19])
        ],
        step_currents=[
            netspec.StepCurrent(name="stairs", target="A", times=[30.0], amplitudes=[200.0])
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor=receptor, rule=rule,
                       weight={"kind": "normal", "mean": weight, "sd": 30.0},
                       delay={"kind": "normal", "mean": 1.5, "sd": 0.75, "low": 0.05})
            for pre, post, receptor, weight, rule in (
                ("A", "B", "excitatory", 300.0, {"kind": "fixed_total_number", "number": total}),
                ("A", "A", "excitatory", 30.0, {"kind": "pairwise_bernoulli", "p": 0.3,
                                                "allow_autapses": False}),
                ("B", "A", "inhibitory", -300.0, {"kind": "fixed_indegree", "indegree": 7}),
            )
        ],
    )  # fmt: skip


PATHS = [f"projections/{p}/{c}" for p in ("A_B", "A_A", "B_A") for c in ("pre", "post", "delay")]


def test_shards_and_a_loop_in_compiled_code_change_no_spike_sample_or_synapse(tmp_path):
    whole, sharded = (
        run(everything(), tmp_path, readback=True, connectivity="shared", options=options)
        for options in ({"shards": "none", "loop": "python"}, {"shards": "A:4,B:3"})
    )
    assert sharded.manifest["info"]["shards"] == "A 4, B 3"
    assert columns(sharded) == columns(whole)
    assert min(len(steps) for steps, _ in columns(whole)) > 50
    for path in (*PATHS, "projections/A_A/weight", "parameters/A/V_th", "initial/B/V_m"):
        np.testing.assert_array_equal(sharded.readback(path), whole.readback(path))
    for population in ("A", "B"):
        for variable in ("V_m", "I_syn_ex"):
            found, expected = (r.samples(f"of_{population}", variable)[1] for r in (sharded, whole))
            # the events of a step are added up in another order
            np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_synapses_drawn_across_shards_follow_their_rules(tmp_path):
    sizes = {"A": 300, "B": 200}
    described = everything(60_000).model_copy(
        update={
            "populations": tuple(neuron(name, size) for name, size in sizes.items()),
            "step_currents": (),
        }
    )
    found = run(described, tmp_path, duration=0.1, readback=True, options={"shards": "A:7,B:3"})
    degrees = {
        name: [
            np.bincount(found.readback(f"projections/{name}/{end}"), minlength=sizes[population])
            for end, population in zip(("pre", "post"), name.split("_"), strict=True)
        ]
        for name in ("A_B", "A_A", "B_A")
    }
    # the total is exact; sources and targets are uniform, each apart and in pairs of shards
    total = degrees["A_B"]
    pre, post = (found.readback(f"projections/A_B/{end}") for end in ("pre", "post"))
    assert len(pre) == 60000
    pairs = np.histogram2d(pre, post, (np.arange(7 + 1) * 300 / 7, np.arange(3 + 1) * 200 / 3))[0]
    share = np.histogram2d(*np.indices((300, 200)).reshape(2, -1), (7, 3))[0] / 60000
    for counts, expected in ((total[0], 200), (total[1], 300), (pairs, 60000 * share)):
        assert (
            chisquare(counts.ravel(), np.broadcast_to(expected, counts.shape).ravel()).pvalue > 1e-3
        )
    # every target has its in-degree
    assert (degrees["B_A"][1] == 7).all()
    # no neuron is its own source, all other pairs are independent
    pre, post = (found.readback(f"projections/A_A/{end}") for end in ("pre", "post"))
    assert (pre != post).all() and len(set(zip(pre.tolist(), post.tolist(), strict=True))) == len(
        pre
    )
    assert abs(len(pre) - 0.3 * 300 * 299) < 4 * np.sqrt(0.21 * 300 * 299)
    weights = found.readback("projections/A_B/weight")
    assert kstest(weights, norm(300.0, 30.0).cdf).pvalue > 1e-3
    assert len(np.unique(weights)) > 0.95 * len(weights)  # no two shards draw the same numbers


def test_poisson_numbers_by_products_have_the_distribution(tmp_path):
    noise = PoissonInput(name="noise", target="A", receptor="excitatory", rate=12800.0, weight=1.0)
    described = network(
        "counted", [neuron("A", 200, V_th=90.0)], ("I_syn_ex",), poisson_inputs=[noise]
    )
    found = run(described, tmp_path, duration=50.0, options={"poisson": "product"})
    current = found.samples("of_A", "I_syn_ex")[1]
    counts = np.rint(current[1:] - current[:-1] * np.exp(-0.1 / 0.5)).astype(int).ravel()
    top = 6
    expected = len(counts) * np.append(poisson.pmf(np.arange(top), 1.28), poisson.sf(top - 1, 1.28))
    observed = np.bincount(np.minimum(counts, top), minlength=top + 1)
    assert chisquare(observed, expected).pvalue > 1e-3


def test_what_shards_and_products_cannot_be_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"given '0'; allowed: auto, none, a number for all"):
        run(noisy(), tmp_path, options={"shards": "0"})
    with pytest.raises(UsageError, match="unknown population 'C'"):
        run(noisy(), tmp_path, options={"shards": "A:2,C:2"})
    ring = netspec.circuits.working_memory(size=64)
    with pytest.raises(UsageError, match="E has continuous coupling"):
        run(ring, tmp_path, options={"shards": "E:2"})
    with pytest.raises(netspec.errors.UnsupportedError, match="poisson=product"):
        run(noisy(rate=1e7), tmp_path, options={"poisson": "product"})
