"""Models that a user writes: lowered by the backend, or refused by its ledger."""

from __future__ import annotations

import numpy as np
import pytest
import tomli_w

import netspec
from netspec import (
    ContinuousProjection,
    CurrentInput,
    Network,
    NeuronModel,
    Population,
    Projection,
    Recorder,
    Simulation,
    SpikeInput,
    StepCurrent,
)
from netspec.errors import SimulationFailed
from netspec.realise import drawing
from netspec.testing.parts import TRAUB_MILES, WALK, accumulated, difference, sampled, trains
from netspec.testing.stepping import follow
from netspec.validation.ladder import oracle

# Brette & Gerstner (2005); the exponential is bounded, so that a spike stays finite on a grid
ADEX = {
    "equations": """
        I_spike = g_L*Delta_T*exp((clip(V_m, -200*mV, V_peak) - V_T)/Delta_T) : pA
        dV_m/dt = (-g_L*(V_m - E_L) + I_spike - w + I_syn + I_stim)/C_m : mV (unless refractory)
        dw/dt = (a*(V_m - E_L) - w)/tau_w : pA
        dI_syn/dt = -I_syn/tau_syn : pA
    """,
    "threshold": "V_m >= V_peak",
    "reset": {"V_m": "V_reset", "w": "w + b"},
    "refractory": "t_ref",
    "receptors": {"excitatory": "I_syn"},
    "inputs": {"I_stim": "pA"},
    "initial": {"V_m": "E_L"},
    "parameters": {
        "C_m": "281 pF", "g_L": "30 nS", "E_L": "-70.6 mV", "V_T": "-50.4 mV", "Delta_T": "2 mV",
        "tau_w": "144 ms", "a": "4 nS", "b": "0.0805 nA", "V_peak": "-40 mV",
        "V_reset": "-58 mV", "t_ref": "1 ms", "tau_syn": "2 ms",
    },
}  # fmt: skip
# s is what is sent; y adds up what arrives, so a difference of y is dt S
ADDER = NeuronModel(
    name="adder",
    equations="ds/dt = -s/tau : 1\ndy/dt = S : 1",
    threshold="s > 1000",
    receptors={"kick": "s"},
    inputs={"S": "1/ms"},
    parameters={"tau": "7 ms"},
)


def adex_pieces():
    names = ("rest", "tonic", "pushed")
    populations = [{"name": name, "size": 2, "model": "adex"} for name in names]
    recorders = [
        {"name": f"of_{name}", "target": name, "variables": ["V_m", "w", "I_syn"]} for name in names
    ]
    times = [float(t) for t in range(10, 90, 9)]
    return {
        "name": "adaptive",
        "models": {"adex": ADEX},
        "populations": populations,
        "current_inputs": [
            {"name": "weak", "target": "rest", "amplitude": 300.0},
            {"name": "strong", "target": "tonic", "amplitude": "1.1 nA"},
            {"name": "extra", "target": "tonic", "amplitude": 400.0, "neurons": [1]},
        ],
        "projections": [
            {"name": "on", "pre": "tonic", "post": "pushed", "receptor": "excitatory",
             "rule": {"kind": "all_to_all"}, "weight": 800.0, "delay": 1.0},
        ],
        "spike_inputs": [
            {"name": "given", "target": "pushed", "receptor": "excitatory", "times": times,
             "neurons": [0] * len(times), "weight": 1500.0}
        ],
        "recorders": recorders,
    }  # fmt: skip


@pytest.fixture(params=["python", "toml"])
def adaptive(request, tmp_path):
    """Return the same network, written in Python or in a file."""
    pieces = adex_pieces()
    if request.param == "toml":
        (tmp_path / "adaptive.toml").write_bytes(tomli_w.dumps(pieces).encode())
        return netspec.load(tmp_path / "adaptive.toml")
    model = NeuronModel(name="adex", **ADEX)
    populations = [Population(**{**p, "model": model}) for p in pieces["populations"]]
    return Network(
        name=pieces["name"],
        populations=populations,
        current_inputs=[CurrentInput(**c) for c in pieces["current_inputs"]],
        projections=[Projection(**p) for p in pieces["projections"]],
        spike_inputs=[SpikeInput(**s) for s in pieces["spike_inputs"]],
        recorders=[Recorder(**r) for r in pieces["recorders"]],
    )


def test_adex_is_that_of_scipy(simulate, adaptive, tolerance, record_property):
    expected = oracle.solve(adaptive, 0.05, 2000)
    run = simulate(adaptive, 100.0, 0.05)
    for population, found in expected.spikes.items():
        assert trains(run, population) == found, population
    assert not any(expected.spikes["rest"])
    assert min(map(len, expected.spikes["tonic"])) > 5 and expected.spikes["pushed"][0]
    largest = difference(run, expected, "V_m", ["rest"])
    record_property("largest difference of V_m, AdEx below threshold (mV)", largest)
    assert largest < tolerance(1e-9, WALK)
    assert difference(run, expected, "w") < 0.05  # pA, of some hundred
    assert difference(run, expected, "I_syn") < tolerance(1e-7, accumulated(expected, "I_syn", 40))


def test_hodgkin_and_huxley_by_exponential_euler_are_near_scipy_at_a_tenth_of_a_ms(simulate):
    described = Network(
        name="gated",
        populations=[Population(name="A", size=2, model=TRAUB_MILES)],
        current_inputs=[
            CurrentInput(name=f"dc_{neuron}", target="A", amplitude=amplitude, neurons=[neuron])
            for neuron, amplitude in enumerate((400.0, 900.0))
        ],
        spike_inputs=[SpikeInput(name="given", target="A", receptor="excitatory", weight=300.0,
                                 times=[5.0, 12.0], neurons=[0, 1])],
        recorders=[Recorder(name="of_A", target="A", variables=["V_m", "m", "h", "n", "I_syn"])],
    )  # fmt: skip
    run = simulate(described, 40.0, 0.1)
    expected = oracle.solve(described, 0.1, 400, rtol=1e-8)
    assert difference(run, expected, "I_syn") < 1e-4
    found = trains(run, "A")
    for neuron, times in enumerate(expected.spikes["A"]):
        # of first order: periods between spikes are longer by a share, 9 and 12 % at this step
        pairs = list(zip(found[neuron], times, strict=False))
        assert len(times) - 1 <= len(pairs) > 1
        assert all(abs(here - there) <= 0.15 * there for here, there in pairs)
    for gate in "mhn":
        values = sampled(run, "A", gate)
        assert values.min() >= 0 and values.max() <= 1


def test_conditions_in_equations_are_zero_or_one(simulate, tolerance):
    model = NeuronModel(
        name="steps",
        equations="""
            dx/dt = (1 + 2*int(x > low and not y > 1 or x > high))/(10*ms) : 1
            dy/dt = int(x >= low)*cos(x)^2/(10*ms) : 1
        """,
        threshold="x > 5.004 and int(y > 0) > 0",
        reset={"x": "0", "y": "y + int(x > 4)"},
        parameters={"low": 0.503, "high": 2.007},
        integrator="euler",
    )
    described = Network(
        name="steps",
        populations=[Population(name="A", size=1, model=model)],
        recorders=[Recorder(name="of_A", target="A", variables=["x", "y"])],
    )
    run = simulate(described, 60.0, 0.1)
    x, y, course, spikes = 0.0, 0.0, [], []
    for step in range(1, 601):
        dx = (1 + 2 * ((x > 0.503 and not y > 1) or x > 2.007)) / 10
        dy = (x >= 0.503) * np.cos(x) ** 2 / 10
        x, y = x + 0.1 * dx, y + 0.1 * dy
        if x > 5.004 and y > 0:
            x, y = 0.0, y + 1
            spikes.append(step)
        course.append((x, y))
    assert trains(run, "A") == [spikes] and len(spikes) > 1
    for column, name in enumerate("xy"):
        expected = np.array(course)[:, column]
        assert np.abs(sampled(run, "A", name)[:, 0] - expected).max() < tolerance(1e-9, WALK)


# both see what comes to an input in the step just made
SEEING = NeuronModel(
    name="seeing", equations="dx/dt = (0.02 + 0*I)/ms : 1", threshold="x > 1 - I",
    reset={"x": "0.5*I"}, inputs={"I": "1"},
)  # fmt: skip


def test_threshold_and_reset_see_the_currents_of_the_step(simulate, tolerance):
    described = Network(
        name="seeing",
        populations=[Population(name="A", size=2, model=SEEING)],
        step_currents=[
            StepCurrent(name="stairs", target="A", port="I", neurons=[1],
                        times=[0.0, 4.0, 7.3, 7.4, 25.0], amplitudes=[0.1, 0.83, 0.2, 0.9, -0.7])
        ],
        recorders=[Recorder(name="of_A", target="A", variables=["x"])],
    )  # fmt: skip
    run = simulate(described, 60.0)
    values, spikes = follow(described, "A", Simulation(dt=0.1, warmup=0.0, duration=60.0, seed=1))
    assert trains(run, "A") == spikes and len(spikes[1]) > len(spikes[0]) > 0
    assert np.abs(sampled(run, "A", "x") - values["x"]).max() < tolerance(1e-12, WALK)


def test_continuous_coupling_is_seen_by_threshold_and_reset(simulate):
    described = Network(
        name="seeing",
        populations=[Population(name="A", size=1, model=ADDER, initial={"s": 3.0}),
                     Population(name="B", size=1, model=SEEING)],
        continuous_projections=[
            ContinuousProjection(name="c", pre="A", post="B", source="s", target="I",
                                 kernel={"kind": "uniform", "weight": 0.9})
        ],
        recorders=[Recorder(name="of_B", target="B", variables=["x"])],
    )  # fmt: skip
    run = simulate(described, 40.0)
    x, spikes = 0.0, []
    for step in range(1, 401):
        level = 0.9 * 3 * np.exp(-0.1 * (step - 1) / 7)
        x += 0.002
        if x > 1 - level:
            spikes.append(step)
            x = 0.5 * level
    assert trains(run, "B") == [spikes] and len(spikes) > 2


def test_a_state_that_is_no_number_any_more_is_an_error_and_no_silence(simulate):
    equations, initial = "dx/dt = x*x/tau : 1", {"x": 1.0}  # 1/(1 - t/tau), until it is infinite
    model = NeuronModel(name="burst", equations=equations, threshold="x < 0", initial=initial,
                        parameters={"tau": "5 ms"})  # fmt: skip
    described = Network(name="burst", populations=[Population(name="A", size=3, model=model)])
    with pytest.raises(SimulationFailed, match=r"x of 3 neurons of (burst|A) is no finite number"):
        simulate(described, 10.0)


@pytest.mark.parametrize("size", [11, 12])
def test_continuous_coupling_is_a_dense_matrix_product_at_every_step(simulate, tolerance, size):
    sizes = {"A": size, "B": 4, "C": size}
    populations = [
        Population(name="A", size=size, model=ADDER,
                   initial={"s": {"kind": "normal", "mean": 1.0, "sd": 0.5}}),
        Population(name="B", size=4, model=ADDER, initial={"s": 0.7}),
        Population(name="C", size=size, model=ADDER),
    ]  # fmt: skip
    kernels = {
        "ring": ("A", "A", {"kind": "ring", "weight": 0.5, "J_plus": 1.6, "sigma": 20.0}),
        "more": ("A", "A", {"kind": "ring", "weight": 0.2, "J_plus": 0.4, "sigma": 60.0}),
        "across": ("A", "C", {"kind": "ring", "weight": 0.3, "J_plus": 1.3, "sigma": 30.0}),
        "all": ("A", "B", {"kind": "uniform", "weight": 0.25}),
        "back": ("B", "A", {"kind": "uniform", "weight": -0.125}),
    }
    rng = np.random.default_rng(3)
    events = [("A", 4.0, rng.integers(0, size, 30)), ("B", 2.5, rng.integers(0, 4, 9))]
    described = Network(
        name="coupled",
        populations=populations,
        continuous_projections=[
            ContinuousProjection(name=name, pre=pre, post=post, source="s", target="S", kernel=k)
            for name, (pre, post, k) in kernels.items()
        ],
        spike_inputs=[
            SpikeInput(name=f"kick_{target}", target=target, receptor="kick", weight=weight,
                       times=np.sort(rng.integers(2, 190, len(neurons))) * 0.1, neurons=neurons)
            for target, weight, neurons in events
        ],
        recorders=[Recorder(name=f"of_{n}", target=n, variables=["s", "y"]) for n in sizes],
    )  # fmt: skip
    run = simulate(described, 20.0)

    def course(name, variable):
        start = drawing.initial_values(described, name, Simulation(seed=1))[variable]
        start = np.broadcast_to(start, (1, sizes[name]))
        return np.concatenate([start, sampled(run, name, variable)])

    s = {name: course(name, "s") for name in sizes}
    y = {name: course(name, "y") for name in sizes}
    got = {name: np.diff(y[name], axis=0) / 0.1 for name in sizes}
    angle = 360 / size * np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    angle = np.minimum(angle, 360 - angle)
    wanted = {name: np.zeros((200, number)) for name, number in sizes.items()}
    for pre, post, kernel in kernels.values():
        dense = np.full((wanted[post].shape[1], s[pre].shape[1]), kernel["weight"])
        if kernel["kind"] == "ring":
            # Compte et al. (2000): the mean of the Gaussian bump over the ring is made one
            fine = np.linspace(-180, 180, 200_001)
            mean = np.exp(-(fine**2) / (2 * kernel["sigma"] ** 2)).mean()
            low = (1 - kernel["J_plus"] * mean) / (1 - mean)
            bump = np.exp(-(angle**2) / (2 * kernel["sigma"] ** 2))
            dense = kernel["weight"] * (low + (kernel["J_plus"] - low) * bump)
        wanted[post] += s[pre][:-1] @ dense.T
    for name in sizes:
        assert np.abs(wanted[name][0]).max() > 0.1  # from the first step on
        assert np.abs(wanted[name]).max() > 1
        # every sum is rounded to a float, the larger the coarser
        rounding = np.spacing(np.float32(np.abs(y[name]).max())) / 0.1
        np.testing.assert_allclose(got[name], wanted[name], rtol=0,
                                   atol=tolerance(2e-5, rounding))  # fmt: skip
