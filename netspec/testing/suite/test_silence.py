"""Nothing wrong in silence: what a simulator loses, refuses or reads otherwise, one by one."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import stats

import netspec
from netspec import (
    CurrentInput,
    Network,
    NeuronModel,
    PoissonInput,
    Population,
    Projection,
    Recorder,
    Simulation,
    SpikeInput,
    StepCurrent,
)
from netspec.errors import NetspecWarning, UnsupportedError, UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.testing.parts import V_M, difference, network, neuron, sampled, setting, trains
from netspec.validation.ladder import oracle

DT = 0.1


def projection(rule, weight=400.0, delay=None, **more):
    return Projection(name="p", pre="A", post="A", receptor="excitatory", rule=rule, weight=weight,
                      delay=delay, **more)  # fmt: skip


# -- a run is one run, however it is split ----------------------------------------------------


@pytest.mark.parametrize("delay", [0.1, 1.5])
@pytest.mark.parametrize("rule", ["all_to_all", {"kind": "explicit", "pre": [0], "post": [1]}])
def test_a_warm_up_that_ends_in_a_step_with_spikes_loses_none(simulate, agreed, asked, delay, rule,
                                                              backend, results):  # fmt: skip
    """Brian2 forgets its spikes where a run begins."""
    described = network("split", [neuron("A", 2, I_e=800.0)], ("V_m", "I_syn_ex"),
                        projections=[projection(rule, delay=delay)])  # fmt: skip
    whole = simulate(described, 20.0)
    first = trains(whole, "A")[0][0]
    split = netspec.run(
        described, backend, Simulation(dt=DT, warmup=first * DT, duration=20.0 - first * DT),
        threads=1, out=results, options=asked, approximations=agreed,
    )  # fmt: skip
    assert trains(split, "A") == trains(whole, "A")
    for variable in ("V_m", "I_syn_ex"):
        np.testing.assert_array_equal(sampled(split, "A", variable), sampled(whole, "A", variable))
    assert split.spikes("A").size == 2 and split.manifest["warmup_steps"] == first


# -- names ------------------------------------------------------------------------------------

# units, functions, endings and variables of Brian2; words of C, Cython and NumPy; ours and GeNN's
NAMES = (
    *("gain", "amp", "sign", "radian", "range", "volt", "order", "x_pre", "x_post", "w", "weight"),
    *("id", "params", "Isyn", "scalar", "spike", "array", "min", "std", "np", "this", "M_PI"),
)


@pytest.mark.parametrize("codegen", ["numpy", "cython"])
def test_any_name_is_as_good_as_another(simulate, backend, codegen):
    """Half of them as parameters and half as states, and the other way round when compiled."""
    options = setting(backend, "codegen", codegen)
    parameters, states = NAMES[::2], NAMES[1::2]
    if codegen == "cython":
        parameters, states = states, parameters
    pairs = list(zip(parameters, states, strict=True))
    model = NeuronModel(
        name="logistic",
        equations="\n".join(f"d{x}/dt = rate*{x}*(1 - {x}/{k}) : 1" for k, x in pairs),
        threshold=" or ".join(f"{x} > 1000" for x in states),
        reset={x: f"{x} - {k}" for k, x in pairs},
        receptors={f"on_{x}": x for x in states},
        parameters={"rate": "0.1/ms", **{k: 0.75 + n for n, k in enumerate(parameters)}},
        initial=dict.fromkeys(states, 0.01),
    )
    described = Network(
        name="names",
        populations=[Population(name="A", size=2, model=model)],
        projections=[
            Projection(name=f"p_{x}", pre="A", post="A", receptor=f"on_{x}", rule="one_to_one",
                       weight={"kind": "uniform", "low": 0.1, "high": 0.2})
            for x in states[: 1 if codegen == "cython" else 2]  # each is compiled for itself
        ],
        recorders=[Recorder(name="r", target="A", variables=states, interval=1.0)],
    )  # fmt: skip
    run = simulate(described, 100.0, options=options)
    for n, state in enumerate(states):
        capacity = 0.75 + n
        expected = capacity / (1 + (capacity / 0.01 - 1) * np.exp(-10.0))
        assert run.samples("r", state)[1][-1] == pytest.approx(expected, abs=1e-4), state


def test_names_of_pieces_that_look_alike_when_joined_are_kept_apart(simulate, backend):
    """A name of a population, projection or receptor makes none of a model of the simulator's."""
    names = ("hpc", "a", "a_thresholder", "hpc_a", "a_a", "b")
    populations = [neuron(name, 1, I_e=900.0) for name in names]
    projections = [
        Projection(name=name, pre=pre, post=post, receptor="excitatory", delay=1.0,
                   rule="all_to_all", weight=weight)
        for name, pre, post, weight in (
            ("hom_w", "b", "a", 300.0), ("lbl", "a", "a_a", 200.0),
            ("synapse", "a_a", "hpc_a", 150.0), ("hpc_lbl", "hpc", "a_thresholder", 100.0),
        )
    ]  # fmt: skip
    described = network("alike", populations, ("V_m",), projections=projections)
    expected = oracle.solve(described, DT, 300)
    full = setting(backend, "synapse", "full")
    for readback, options in ((False, {}), (True, {}), (True, full)):
        run = simulate(described, 30.0, readback=readback, options=options)
        assert {name: trains(run, name) for name in names} == expected.spikes
        assert difference(run, expected, "V_m") < 1e-3
        if readback:
            found = [run.readback(f"projections/{p.name}/weight").tolist() for p in projections]
            assert found == [[300.0], [200.0], [150.0], [100.0]]


# -- a held state holds -----------------------------------------------------------------------


def test_events_onto_a_held_state_are_discarded_while_the_neuron_rests(simulate, tolerance):
    """Given events, synapses of every kind and sums over spikes: all meet the same neuron."""
    parameters = {"C_m": 250.0, "V_reset": -65.0, "E_L": -65.0, "V_th": -50.0, "t_ref": 2.0}
    populations = [
        Population(name=name, size=3, model="iaf_psc_delta", parameters=parameters | more)
        for name, more in (("driven", {"I_e": 700.0}), ("source", {"I_e": 900.0, "t_ref": 0.3}))
    ]
    rules = ("all_to_all", {"kind": "fixed_indegree", "indegree": 2},
             {"kind": "explicit", "pre": [0, 1], "post": [2, 0], "delay": [0.4, 3.1]})  # fmt: skip
    described = network(
        "held", populations, ("V_m",),
        projections=[
            Projection(name=f"p{k}", pre="source", post="driven", receptor=receptor, rule=rule,
                       weight=weight, delay=1.3)
            for k, (rule, receptor, weight) in enumerate(
                zip(rules, ("excitatory", "inhibitory", "excitatory"), (1.37, -2.11, 0.83),
                    strict=True)
            )
        ],
        spike_inputs=[
            SpikeInput(name="given", target="driven", receptor="excitatory", weight=3.3,
                       times=[5 + 0.7 * k for k in range(60)], neurons=[k % 3 for k in range(60)])
        ],
    )  # fmt: skip
    expected = oracle.solve(described, DT, 500)
    run = simulate(described, 50.0, connectivity="shared")
    assert trains(run, "driven") == expected.spikes["driven"]
    assert difference(run, expected, "V_m") < tolerance(1e-6, 1e-3)
    # a fact that does not rest on the oracle: V_m stands still for the whole of every rest
    v = sampled(run, "driven", "V_m")
    for index, train in enumerate(trains(run, "driven")):
        assert len(train) > 3
        for step in train:
            assert np.all(v[step - 1 : step + 19, index] == -65.0)


BRUNEL = """
import nest
nest.verbosity = nest.VerbosityLevel.ERROR
nest.resolution = 0.1
values = dict(C_m=1.0, tau_m=20.0, t_ref=2.0, E_L=0.0, V_reset=0.0, V_th=20.0, V_m=0.0)
E, I = (nest.Create("iaf_psc_delta", n, params=values) for n in (2000, 500))
noise, recorder = nest.Create("poisson_generator", params={"rate": 20000.0}), nest.Create("spike_recorder")
nest.Connect(noise, E + I, syn_spec={"weight": 0.1, "delay": 1.5})
for source, number, weight in ((E, 200, 0.1), (I, 50, -0.5)):
    nest.Connect(source, E + I, {"rule": "fixed_indegree", "indegree": number},
                 {"weight": weight, "delay": 1.5})
nest.Connect(E, recorder)
nest.Simulate(200.0)
before = recorder.n_events
nest.Simulate(1000.0)
print((recorder.n_events - before) / 2000)
"""  # noqa: E501


@pytest.fixture(scope="session")
def rate_of_nest():
    pytest.importorskip("nest")
    ran = subprocess.run([sys.executable, "-c", BRUNEL], capture_output=True, text=True, check=True)
    return float(ran.stdout.splitlines()[-1])


def test_brunel_fires_as_in_a_script_of_nest(simulate, rate_of_nest):
    """Brunel (2000), order 500, g = 5, eta = 2: events at rest that were added made it faster."""
    sizes = {"E": 2000, "I": 500}
    parameters = {"C_m": 1.0, "tau_m": 20.0, "E_L": 0.0, "V_reset": 0.0, "V_th": 20.0}
    described = Network(
        name="brunel",
        populations=[
            Population(name=n, size=s, model="iaf_psc_delta", parameters=parameters)
            for n, s in sizes.items()
        ],
        projections=[
            Projection(name=f"{pre}{post}", pre=pre, post=post, receptor=receptor, weight=weight,
                       rule={"kind": "fixed_indegree", "indegree": sizes[pre] // 10}, delay=1.5)
            for pre, receptor, weight in (("E", "excitatory", 0.1), ("I", "inhibitory", -0.5))
            for post in "EI"
        ],
        poisson_inputs=[
            PoissonInput(name=f"to{n}", target=n, receptor="excitatory", rate=20000.0, weight=0.1)
            for n in "EI"
        ],
        recorders=[Recorder(name="spikes", target="E")],
    )  # fmt: skip
    spikes = simulate(described, 1200.0).spikes("E", warmup=True)
    rate = np.count_nonzero(spikes.steps > 2000) / 2000
    assert 50 < rate_of_nest < 56
    assert rate == pytest.approx(rate_of_nest, rel=0.02)


# -- draws that a simulator refuses -----------------------------------------------------------


@pytest.mark.parametrize(("low", "share"), [(75.0, 6.2e-3), (80.0, 1.35e-3)])
def test_weights_of_which_most_draws_are_rejected_are_those_of_a_truncated_normal(
    simulate, low, share
):
    weight = {"kind": "normal", "mean": 50.0, "sd": 10.0, "low": low}
    indegree = {"kind": "fixed_indegree", "indegree": 100}
    described = network("rejected", [neuron("A", 300)], projections=[projection(indegree, weight)])
    weights = simulate(described, 1.0, readback=True).readback("projections/p/weight")
    law = stats.truncnorm((low - 50) / 10, np.inf, 50, 10)
    assert stats.norm.sf((low - 50) / 10) == pytest.approx(share, rel=0.01)
    assert len(weights) == 30_000 and weights.min() >= np.float32(low)
    assert weights.mean() == pytest.approx(law.mean(), abs=5 * law.std() / np.sqrt(len(weights)))


# -- the grid ---------------------------------------------------------------------------------


def ledger(backend, described, dt=DT):
    request = RunRequest(network=described, backend=backend, simulation=Simulation(dt=dt))
    return get_backend(backend).plan(request).ledger


def pulse(begin, end):
    return StepCurrent(name="pulse", target="A", times=(begin, end), amplitudes=(1000.0, 0.0))


def test_a_pulse_that_no_step_would_feel_is_refused(simulate, backend, tolerance):
    vanishing = network("pulse", [neuron("A")], step_currents=[pulse(10.02, 10.04)])
    with pytest.raises(UnsupportedError, match=r"pulse\.times: 10\.02 and 10\.04 ms are one step"):
        ledger(backend, vanishing).check(("all",))
    moved = network("pulse", [neuron("A")], ("V_m",), step_currents=[pulse(9.96, 10.06)])
    with pytest.warns(NetspecWarning, match=r"2 times off the grid of 0.1 ms: 9\.96 ms becomes 10"):
        run = simulate(moved, 15.0)
    # 1000 pA for one step of 0.1 ms
    assert sampled(run, "A", "V_m").max() + 65 == pytest.approx(
        1000 * 10 / 250 * -np.expm1(-0.01), abs=tolerance(1e-7, V_M)
    )


def test_what_is_off_the_grid_stands_in_the_ledger_and_is_warned_of(simulate, backend):
    described = Network(
        name="off", populations=[neuron("A", t_ref=0.52)],
        spike_inputs=[SpikeInput(name="given", target="A", receptor="excitatory", times=[5.04],
                                 neurons=[0], weight=90.0)],
        poisson_inputs=[PoissonInput(name="noise", target="A", receptor="excitatory", rate=1.0,
                                     weight=1.0, delay=0.13)],
        projections=[projection("all_to_all", 1.0, delay=0.56)],
        recorders=[Recorder(name="r", target="A", variables=["V_m"], interval=0.25)],
    )  # fmt: skip
    with pytest.warns(NetspecWarning) as caught:
        run = simulate(described, 2.0)
    warned = [str(entry.message) for entry in caught]
    for path in (
        "populations.A.parameters.t_ref",
        "spike_inputs.given.times",
        "poisson_inputs.noise.delay",
        "projections.p.delay",
        "recorders.r.interval",
    ):
        assert [text for text in warned if text.startswith(f"{path}: ")], path
        assert [entry for entry in run.manifest["ledger"] if entry["thing"] == path], path
    assert run.manifest["warnings"] == warned
    assert run.samples("r", "V_m")[0] == pytest.approx([0.3, 0.6, 0.9, 1.2, 1.5, 1.8])


@pytest.mark.parametrize(
    "delay", [6553.6, {"kind": "uniform", "low": 1.0, "high": 7000.0}, [1.0, 6600.0]]
)
def test_a_delay_that_cannot_be_kept_is_refused_before_anything_is_built(backend, delay):
    rule, accept = {"kind": "explicit", "pre": [0, 1], "post": [1, 0]}, ["projections.p.delay"]
    rule |= {"delay": delay} if isinstance(delay, list) else {}
    delays = None if isinstance(delay, list) else delay
    described = network("long", [neuron("A", 2)], accept=accept,
                        projections=[projection(rule, delay=delays)])  # fmt: skip
    with pytest.raises(UnsupportedError, match=r"projections\.p\.delay: up to 6\d{4}|7\d{4} steps"):
        ledger(backend, described).check(("all",))
    # the longest one that can be kept runs, and longer than the run
    kept = network("long", [neuron("A", 2, I_e=900.0)], accept=accept,
                   projections=[projection("all_to_all", delay=6553.5)])  # fmt: skip
    ledger(backend, kept).check(())


# -- currents, inputs, recorders --------------------------------------------------------------


def test_a_staircase_is_as_fast_as_one_step(simulate, tolerance):
    """NEST was called for each stair and neuron: 20 s for what takes half a second."""
    levels = 10.0 + (37 * np.arange(200)) % 300

    def described(times, amplitudes):
        stairs = StepCurrent(name="stairs", target="A", times=times, amplitudes=amplitudes)
        recorder = Recorder(name="r", target="A", variables=["V_m"], neurons=[0], interval=1.0)
        return Network(name="stairs", populations=[neuron("A", 1000)], step_currents=[stairs],
                       recorders=[recorder])  # fmt: skip

    run, one = (
        simulate(described(times, levels[: len(times)]), 200.0)
        for times in (np.arange(200.0), [0.0])
    )
    decay = np.exp(-0.1)
    v, expected = 0.0, []
    for level in levels:
        v = v * decay + level * 10 / 250 * (1 - decay)
        expected.append(v - 65)
    assert run.samples("r", "V_m")[1][:, 0] == pytest.approx(expected, abs=tolerance(1e-7, V_M))
    assert run.manifest["seconds"]["simulate"] < 5 * one.manifest["seconds"]["simulate"] + 2


@pytest.mark.parametrize("steps", [0, 1, 2, 10])
def test_the_first_poisson_event_comes_when_the_input_begins(simulate, declared, steps):
    """With so high a rate every step has one. The ledger says how late a device is."""
    source = PoissonInput(name="p", target="A", receptor="excitatory", rate=1e6, weight=1.0,
                          delay=steps * DT)  # fmt: skip
    described = network("first", [neuron("A")], ("I_syn_ex",), poisson_inputs=[source])
    run = simulate(described, 5.0)
    first = 1 + int(np.argmax(sampled(run, "A", "I_syn_ex")[:, 0] > 0))
    late = max(declared.late_poisson - steps, 0)
    assert first == steps + 1 + late
    (entry,) = (e for e in run.manifest["ledger"] if e["thing"] == "poisson_inputs.p")
    assert (f"{late} step" in entry["reason"]) == (late > 0)


def test_what_is_read_back_is_the_description_and_no_current_on_top(simulate):
    current = CurrentInput(name="dc", target="A", amplitude=600.0)
    stepped = StepCurrent(name="step", target="A", times=(0.0,), amplitudes=(300.0,))
    described = network("dc", [neuron("A", 2, I_e={"kind": "uniform", "low": 5.0, "high": 9.0})],
                        ("V_m",), current_inputs=[current], step_currents=[stepped])  # fmt: skip
    run = simulate(described, 20.0, readback=True)
    with contextlib.suppress(UsageError):  # compiled code may hold nothing but propagators
        found = run.readback("parameters/A/I_e")
        assert np.all((found >= 5) & (found < 9))
    assert trains(run, "A") == oracle.solve(described, DT, 200).spikes["A"]


EMPTY = (
    {"kind": "fixed_indegree", "indegree": 0},
    {"kind": "fixed_total_number", "number": 0},
    {"kind": "pairwise_bernoulli", "p": 0.0},
    {"kind": "explicit", "pre": [], "post": []},
)


@pytest.mark.parametrize("connectivity", ["shared", "native"])
def test_a_projection_without_a_synapse_is_read_back_as_such(simulate, connectivity):
    projections = [
        Projection(name=rule["kind"], pre="A", post="A", receptor="excitatory", rule=rule,
                   weight=80.0, delay=1.0)
        for rule in EMPTY
    ]  # fmt: skip
    described = network("empty", [neuron("A", 2)], projections=projections)
    run = simulate(described, 1.0, connectivity=connectivity, readback=True)
    for rule in EMPTY:
        assert run.manifest["synapses"][rule["kind"]] == 0
        for key in ("pre", "post", "weight", "delay"):
            assert run.readback(f"projections/{rule['kind']}/{key}").shape == (0,)


def test_inputs_and_recorders_of_nobody_are_of_nobody(simulate):
    described = network(
        "nobody", [neuron("A", 2)],
        current_inputs=[CurrentInput(name="dc", target="A", amplitude=900.0, neurons=[])],
        step_currents=[StepCurrent(name="step", target="A", times=[1.0, 2.0], neurons=[],
                                   amplitudes=[900.0, 0.0])],
        spike_inputs=[SpikeInput(name="none", target="A", receptor="excitatory", times=[],
                                 neurons=[], weight=900.0)],
        recorders=[Recorder(name="r", target="A", variables=["V_m"], neurons=[], interval=0.5)],
    )  # fmt: skip
    run = simulate(described, 20.0)
    assert not len(run.spikes("A", warmup=True).steps)
    times, values = run.samples("r", "V_m")
    assert len(times) == 40 and values.shape == (40, 0)


# -- time steps -------------------------------------------------------------------------------

HODGKIN_HUXLEY = NeuronModel(
    name="hodgkin_huxley",
    description="Hodgkin & Huxley (1952), J Physiol 117:500, with the rest at -65 mV",
    equations="""
        alpha_m = 1/ms/exprel(-(V_m + 40*mV)/(10*mV)) : 1/ms
        beta_m = 4/ms*exp(-(V_m + 65*mV)/(18*mV)) : 1/ms
        alpha_h = 0.07/ms*exp(-(V_m + 65*mV)/(20*mV)) : 1/ms
        beta_h = 1/ms/(1 + exp(-(V_m + 35*mV)/(10*mV))) : 1/ms
        alpha_n = 0.1/ms/exprel(-(V_m + 55*mV)/(10*mV)) : 1/ms
        beta_n = 0.125/ms*exp(-(V_m + 65*mV)/(80*mV)) : 1/ms
        dV_m/dt = (g_Na*m^3*h*(50*mV - V_m) + g_K*n^4*(-77*mV - V_m)
                   + g_L*(-54.4*mV - V_m) + I_stim)/C_m : mV
        dm/dt = alpha_m*(1 - m) - beta_m*m : 1
        dh/dt = alpha_h*(1 - h) - beta_h*h : 1
        dn/dt = alpha_n*(1 - n) - beta_n*n : 1
    """,
    threshold="V_m > 0*mV",
    refractory="t_ref",
    inputs={"I_stim": "pA"},
    parameters={"g_Na": "12000 nS", "g_K": "3600 nS", "g_L": "30 nS", "C_m": "100 pF",
                "t_ref": "3 ms"},
    initial={"V_m": -65.0, "m": 0.05, "h": 0.6, "n": 0.32},
)  # fmt: skip


def squid(v=-65.0):
    return Network(
        name="squid",
        populations=[Population(name="A", size=1, model=HODGKIN_HUXLEY, initial={"V_m": v})],
        current_inputs=[CurrentInput(name="dc", target="A", amplitude=1000.0)],
        recorders=[Recorder(name="of_A", target="A", variables=["V_m"])],
    )


@pytest.mark.parametrize(  # two rates are 0/0 at the last ones
    "v", [-65.0, -40.0, pytest.param(-55.0, marks=pytest.mark.long)]
)
def test_hodgkin_and_huxley_are_those_of_scipy(simulate, v):
    run = simulate(squid(v), 20.0, dt=0.02)
    expected = oracle.solve(squid(v), 0.02, 1000, rtol=1e-9)
    assert trains(run, "A") == expected.spikes["A"] and len(expected.spikes["A"][0]) > 1
    assert difference(run, expected, "V_m") < 0.05  # mV, of a spike that rises by 400 mV/ms


# -- a busy machine ---------------------------------------------------------------------------


@pytest.mark.long
def test_threads_are_not_much_slower_than_one_on_a_busy_machine(tmp_path, backend):
    """Two threads that waited for each other in a loop took 80 s for what one does in 0.6 s."""
    if not get_backend(backend).threaded:
        pytest.skip(f"{backend} runs on one thread")
    few = projection({"kind": "fixed_indegree", "indegree": 20}, 5.0)
    described = network("busy", [neuron("A", 2000, I_e=600.0)], projections=[few])
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        taken = {}
        for threads in (1, 2):
            started = time.perf_counter()
            netspec.run(described, backend, Simulation(warmup=0.0, duration=300.0),
                        threads=threads, out=tmp_path)  # fmt: skip
            taken[threads] = time.perf_counter() - started
    finally:
        for process in spinning:
            process.kill()
    assert taken[2] < 3 * taken[1] + 2
