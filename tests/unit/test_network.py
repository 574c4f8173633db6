"""A network: cross-checked as a whole, every fault with its path, what is allowed, a hint."""

import numpy as np
import pytest

from netspec import Simulation, circuits
from netspec.describe import connectivity as con
from netspec.describe.distributions import Normal, Uniform
from netspec.describe.network import (
    ContinuousProjection,
    CurrentInput,
    Network,
    PoissonInput,
    Population,
    Projection,
    Recorder,
    SpikeInput,
    StepCurrent,
)
from netspec.describe.serialization import network_from
from netspec.errors import DescriptionError
from netspec.execute import audit

E = {"name": "E", "size": 8, "model": "iaf_psc_exp"}
I = {"name": "I", "size": 2, "model": "iaf_psc_exp"}  # noqa: E741
G = {"name": "G", "size": 4, "model": "iaf_cond_nmda"}
EE = {"name": "EE", "pre": "E", "post": "E", "receptor": "excitatory", "weight": 87.8,
      "rule": {"kind": "all_to_all"}}  # fmt: skip


def network(**fields):
    return {"name": "n", "populations": [E, I, G], **fields}


def faults_of(data):
    with pytest.raises(DescriptionError) as caught:
        network_from(data)
    assert all(f.path and f.given and f.allowed for f in caught.value.faults)
    assert all(f.path in str(caught.value) for f in caught.value.faults)
    return {f.path: f for f in caught.value.faults}


def test_all_faults_are_reported_at_once():
    found = faults_of(
        network(
            populations=[E, {**I, "size": 0}, {**G, "parameters": {"tau_AMPO": "2 ms"}}],
            projections=[
                {**EE, "pre": "EE_", "weight": "3 nS", "receptor": "excitatory"},
                {**EE, "name": "9x"},
                {**EE, "name": "C", "receptor": "exitatory", "delay": "1.5 pA"},
                {**EE, "name": "D", "rule": {"kind": "all_to_al"}},
                {**EE, "name": "F", "color": "red", "rule": {"kind": "fixed_indegree"}},
            ],
            poisson_inputs=[{"name": "P", "target": "I", "receptor": "excitatory", "rate": -8,
                             "weight": 87.8}],
            recorders=[{"name": "R", "target": "G", "variables": ["V"]}],
            weather="fine",
        )
    )  # fmt: skip
    assert set(found) == {
        "populations[1].size",
        "populations[2].parameters.tau_AMPO",
        "projections[0].pre",
        "projections[0].weight",
        "projections[1].name",
        "projections[2].receptor",
        "projections[2].delay",
        "projections[3].rule",
        "projections[4].color",
        "projections[4].rule.indegree",
        "poisson_inputs[0].rate",
        "recorders[0].variables",
        "weather",
    }
    assert "did you mean 'excitatory'" in found["projections[2].receptor"].hint
    assert "did you mean 'tau_AMPA'" in found["populations[2].parameters.tau_AMPO"].hint
    assert "did you mean 'all_to_all'" in found["projections[3].rule"].hint
    assert "V_m" in found["recorders[0].variables"].allowed
    assert found["projections[0].pre"].given == "'EE_'"
    assert "E, I, G" in found["projections[0].pre"].allowed
    assert "nS" in found["projections[0].weight"].given
    assert "expected pA" in found["projections[0].weight"].allowed
    assert "required" in found["projections[4].rule.indegree"].allowed


def test_a_broken_population_is_not_reported_again_by_those_that_refer_to_it():
    data = network(populations=[{**E, "size": -1}, I], projections=[EE])
    assert set(faults_of(data)) == {"populations[0].size"}


@pytest.mark.parametrize(
    ("piece", "path"),
    [
        ({"populations": [E, E]}, "populations[1].name"),
        ({"populations": [{**E, "model": "iaf_psc_ex"}]}, "populations[0].model"),
        ({"populations": [{**E, "size": 2.0}]}, "populations[0].size"),
        ({"populations": [{**E, "size": True}]}, "populations[0].size"),
        ({"populations": [{**E, "initial": {"V": 3}}]}, "populations[0].initial.V"),
        ({"populations": [{**E, "initial": {"V_m": "-65 V"}}]}, "populations[0].initial.V_m"),
        ({"populations": [{**E, "parameters": {"t_ref": {"kind": "normal", "mean": 2, "sd": 1}}}]},
         "populations[0].parameters.t_ref"),
        ({"projections": [{**EE, "name": "E"}]}, "projections[0].name"),
        ({"projections": [EE, EE]}, "projections[1].name"),
        ({"projections": [{**EE, "post": "X"}]}, "projections[0].post"),
        ({"projections": [{**EE, "post": "G"}]}, "projections[0].receptor"),
        ({"projections": [{**EE, "weight": "87.8 nA"}]}, "projections[0].weight"),
        ({"projections": [{**EE, "weight": {"kind": "normal", "mean": 1, "sd": -1}}]},
         "projections[0].weight"),
        ({"projections": [{**EE, "weight": {"kind": "uniform", "low": 2, "high": 1}}]},
         "projections[0].weight"),
        ({"projections": [{**EE, "weight": {"kind": "normal", "mean": 50, "sd": 1, "low": 90}}]},
         "projections[0].weight"),
        ({"projections": [{**EE, "weight": {"kind": "normal", "mean": 9, "sd": 1e300, "low": 0}}]},
         "projections[0].weight.sd"),
        ({"projections": [{**EE, "delay": -1.0}]}, "projections[0].delay"),
        ({"projections": [{**EE, "delay": "1.5 s"}]}, "projections[0].delay"),
        ({"projections": [{**EE, "delay": {"kind": "normal", "mean": 1, "sd": 1}}]},
         "projections[0].delay"),
        ({"projections": [{**EE, "post": "I", "rule": {"kind": "one_to_one"}}]},
         "projections[0].rule"),
        ({"projections": [{**EE, "rule": {"kind": "pairwise_bernoulli", "p": 1.5}}]},
         "projections[0].rule.p"),
        ({"projections": [{**EE, "rule": {"kind": "fixed_indegree", "indegree": 9,
                                          "allow_multapses": False}}]}, "projections[0].rule"),
        ({"projections": [{**EE, "rule": {"kind": "fixed_total_number", "number": 57,
                           "allow_multapses": False, "allow_autapses": False}}]},
         "projections[0].rule"),
        ({"projections": [{**EE, "rule": {"kind": "explicit", "pre": [8], "post": [0]}}]},
         "projections[0].rule.pre"),
        ({"projections": [{**EE, "rule": {"kind": "explicit", "pre": [0], "post": [-1]}}]},
         "projections[0].rule.post[0]"),
        ({"projections": [{**EE, "rule": {"kind": "explicit", "pre": [0, 1], "post": [0]}}]},
         "projections[0].rule"),
        ({"projections": [{**EE, "rule": {"kind": "explicit", "pre": [0], "post": [0],
                                          "weight": ["1 nS"]}}]}, "projections[0].rule.weight"),
        ({"continuous_projections": [{"name": "c", "pre": "G", "post": "G", "source": "s",
                                      "target": "g_NMDA", "kernel": {"kind": "uniform",
                                                                     "weight": 1.0}}]},
         "continuous_projections[0].source"),
        ({"continuous_projections": [{"name": "c", "pre": "G", "post": "E", "source": "s_NMDA",
                                      "target": "I_stim", "kernel": {
                                          "kind": "ring", "weight": 1.0, "J_plus": 1.6,
                                          "sigma": "20 deg"}}]},
         "continuous_projections[0].kernel"),
        ({"poisson_inputs": [{"name": "P", "target": "E", "receptor": "excitatory", "rate": 8.0,
                              "number": 2**30, "weight": 87.8}]}, "poisson_inputs[0].rate"),
        ({"poisson_inputs": [{"name": "P", "target": "E", "receptor": "excitatory", "rate": 8.0,
                              "weight": 87.8, "delay": -1.0}]}, "poisson_inputs[0].delay"),
        ({"current_inputs": [{"name": "c", "target": "E", "amplitude": "3 mV"}]},
         "current_inputs[0].amplitude"),
        ({"current_inputs": [{"name": "c", "target": "E", "amplitude": 3.0, "port": "I_stm"}]},
         "current_inputs[0].port"),
        ({"current_inputs": [{"name": "c", "target": "E", "amplitude": 3.0, "neurons": [8]}]},
         "current_inputs[0].neurons"),
        ({"step_currents": [{"name": "s", "target": "E", "times": [1, 1], "amplitudes": [1, 2]}]},
         "step_currents[0]"),
        ({"step_currents": [{"name": "s", "target": "E", "times": [1], "amplitudes": [1, 2]}]},
         "step_currents[0]"),
        ({"spike_inputs": [{"name": "s", "target": "E", "receptor": "excitatory", "times": [-1],
                            "neurons": [0], "weight": 80}]}, "spike_inputs[0].times[0]"),
        ({"spike_inputs": [{"name": "s", "target": "E", "receptor": "excitatory", "times": [1],
                            "neurons": [8], "weight": 80}]}, "spike_inputs[0].neurons"),
        ({"recorders": [{"name": "r", "target": "E", "interval": 0}]}, "recorders[0].interval"),
        ({"recorders": [{"name": "r", "target": "E", "spikes": 1}]}, "recorders[0].spikes"),
        ({"models": {"m": {"equations": "dx/dt = 1 : 1", "threshold": "x > 1"}}},
         "models.m.equations.x"),
        ({"models": {"m": {"name": "other", "equations": "dx/dt = 1/ms : 1",
                           "threshold": "x > 1"}}}, "models.m.name"),
        ({"accept": [["x"]]}, "accept[0]"),
        ({"schema_version": "netspec/2"}, "schema_version"),
    ],
)  # fmt: skip
def test_a_fault_has_its_path(piece, path):
    assert path in faults_of(network(**piece))


@pytest.mark.parametrize("data", [None, 3, "text", [], [{}]])
def test_what_is_no_table_is_no_network(data):
    with pytest.raises(DescriptionError, match="a table of fields"):
        network_from(data)


def test_tables_with_keys_that_are_no_text_are_refused():
    found = faults_of(network(populations=[{**E, "parameters": {1: 2}}], models={2: {}}))
    assert set(found) == {"populations[0].parameters", "models"}


def test_accept_takes_exactly_what_it_names():
    strong = {**EE, "weight": "87.8 nA"}
    weak = {**EE, "name": "weak", "weight": 1e-3}
    found = faults_of(network(projections=[weak, strong], accept=["projections.EE.weight"]))
    assert set(found) == {"projections[0].weight"}
    assert "'projections.weak.weight'" in found["projections[0].weight"].hint
    both = ["projections.EE.weight", "projections.weak.weight"]
    accepted = network_from(network(projections=[weak, strong], accept=both))
    assert accepted.projections[1].weight.value == 87800.0


def test_a_weight_of_zero_is_no_slip():
    assert network_from(network(projections=[{**EE, "weight": 0.0}])).projections


def test_python_objects_and_plain_data_are_the_same_network():
    e = Population(name="E", size=np.int64(8), model="iaf_psc_exp")
    g = Population(name="G", size=8, model="iaf_cond_nmda")
    built = Network(
        name="n",
        populations=[e, g],
        projections=[
            Projection(name="EE", pre=e, post=e, receptor="excitatory", weight="0.0878 nA",
                       rule=con.FixedIndegree(indegree=3), delay=Uniform(low=1.0, high="2 ms")),
        ],
        continuous_projections=[
            ContinuousProjection(name="GG", pre=g, post=g, source="s_NMDA", target="g_NMDA",
                                 kernel=con.UniformKernel(weight="500 pS")),
        ],
        poisson_inputs=[PoissonInput(name="P", target=e, receptor="excitatory", rate="8 Hz",
                                     number=1600, weight=87.8)],
        current_inputs=[CurrentInput(name="dc", target=e, amplitude="0.1 nA")],
        step_currents=[StepCurrent(name="cue", target=g, times=np.array([0.0, 100.0]),
                                   amplitudes=("0.07 nA", 0.0), neurons=np.arange(3))],
        spike_inputs=[SpikeInput(name="in", target=g, receptor="AMPA", times=["1.5 ms"],
                                 neurons=[0], weight="1 nS")],
        recorders=[Recorder(name="R", target=e, interval="1 ms", variables=["V_m"])],
    )  # fmt: skip
    assert built.projections[0].pre == "E"
    assert built == network_from(built.model_dump())
    assert built.projections[0].weight.value == 87.8
    assert built.projections[0].delay == Uniform(low=1.0, high=2.0)
    assert built.continuous_projections[0].kernel.weight == 0.5
    assert built.step_currents[0].amplitudes == (70.0, 0.0)
    assert built.step_currents[0].neurons == (0, 1, 2)
    assert type(built.projections[0].weight.value) is float
    assert built.recorded() == ["E"]
    assert built.offsets() == {"E": 0, "G": 8}
    assert built.weight_unit("G", "GABA") == "nS"
    assert sorted(built.models) == ["iaf_cond_nmda", "iaf_psc_exp"]


def test_a_network_is_frozen_and_looks_up_by_name():
    built = network_from(network())
    with pytest.raises(ValueError):
        built.name = "m"
    assert built.population("I").size == 2
    with pytest.raises(DescriptionError, match="did you mean 'E'"):
        built.population("EE")


def test_the_error_is_a_value_error_that_shows_each_fault_on_a_line():
    with pytest.raises(ValueError) as caught:
        Network(name="n", populations=[Population(name="A", size=1, model="x")], accept="y")
    assert str(caught.value).count("\n  - ") == len(caught.value.faults) == 2


def test_bounds_of_a_normal_distribution_keep_something():
    assert Normal(mean=1.0, sd=0.5, low=0.0).acceptance() == pytest.approx(0.97724986805)
    assert Normal(mean=1.0, sd=0.0, low=0.0).acceptance() == 1.0
    with pytest.raises(DescriptionError, match="of the samples"):
        Normal(mean=0.0, sd=1.0, low=5.0)
    assert Normal(mean=0.0, sd=1.0, low=5.0, clip="bound").low == 5.0


def test_a_piece_with_one_unreadable_field_is_still_checked_otherwise():
    found = faults_of(network(projections=[{**EE, "pre": "Nope", "rule": {"kind": "bogus"}}]))
    assert set(found) == {"projections[0].pre", "projections[0].rule"}


def test_a_positive_parameter_may_not_be_drawn_below_zero():
    wide = {"kind": "normal", "mean": "10 ms", "sd": "5 ms"}
    population = {**E, "parameters": {"tau_m": wide}}
    assert set(faults_of(network(populations=[population]))) == {"populations[0].parameters.tau_m"}
    bounded = {**E, "parameters": {"tau_m": {**wide, "low": "1 ms"}}}
    assert network_from(network(populations=[bounded])).populations[0].size == 8


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"receptor": "GABA", "weight": -3.0, "post": "G"}, "projections[0].weight"),
        ({"receptor": "AMPA", "post": "G", "weight": 1.0,
          "rule": {"kind": "explicit", "pre": [0], "post": [1], "weight": [-0.5]}},
         "projections[0].rule.weight"),
        ({"rule": {"kind": "explicit", "pre": [0], "post": [1], "weight": ["87.8 nA"]}},
         "projections[0].rule.weight"),
    ],
)  # fmt: skip
def test_a_weight_that_is_no_weight_is_a_fault_wherever_it_stands(changes, path):
    data = network(projections=[{**EE, **changes}])
    assert path in faults_of(data)
    assert "accept" in faults_of(data)[path].hint
    address = path.replace("[0]", ".EE")
    assert network_from({**data, "accept": [address]})


def test_negative_conductances_of_inputs_are_faults():
    poisson = {"name": "q", "target": "G", "receptor": "GABA", "rate": 1.0, "weight": -3.0}
    spikes = {"name": "e", "target": "G", "receptor": "GABA", "times": [1.0], "neurons": [0],
              "weight": "-3 nS"}  # fmt: skip
    found = faults_of(network(poisson_inputs=[poisson], spike_inputs=[spikes]))
    assert set(found) == {"poisson_inputs[0].weight", "spike_inputs[0].weight"}
    assert "conductance" in found["poisson_inputs[0].weight"].hint


def test_what_is_no_table_is_told_in_our_words():
    for field, value, word in (
        ("weight", [1.0, 2.0], "explicit"),
        ("rule", 3, "kind"),
        ("rule", {"number": 3}, "kind"),
        ("delay", np.ones(2), "uniform"),
    ):
        fault = faults_of(network(projections=[{**EE, field: value}]))[f"projections[0].{field}"]
        assert word in fault.allowed and "input should" not in fault.allowed
        assert "discriminator" not in fault.allowed
    assert faults_of(network(projections=[{**EE, "rule": "all_to_al"}]))["projections[0].rule"].hint
    assert "projections[0].rule.indegree" in faults_of(
        network(projections=[{**EE, "rule": "fixed_indegree"}])
    )
    plain = network_from(network(projections=[{**EE, "rule": "all_to_all"}]))
    assert plain == network_from(network(projections=[EE]))


def warned(**fields):
    found = network_from({**network(), "accept": ["projections.EE.weight"], **fields})
    return audit.warnings(found, Simulation(warmup=0.0, duration=100.0))


LIST = {"kind": "explicit", "pre": [0], "post": [1]}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"projections": [{**EE, "receptor": "inhibitory"}]}, "a positive weight onto"),
        ({"projections": [{**EE, "rule": {**LIST, "weight": [-80.0]}}]}, "a negative weight onto"),
        ({"projections": [{**EE, "rule": {**LIST, "delay": [1500.0]}}]}, "plausible is up to 200"),
        ({"spike_inputs": [{"name": "e", "target": "E", "receptor": "inhibitory", "times": [1.0],
                            "neurons": [0], "weight": 80.0}]}, "a positive weight onto"),
        ({"poisson_inputs": [{"name": "q", "target": "E", "receptor": "excitatory", "rate": 1.0,
                              "weight": -80.0}]}, "a negative weight onto"),
        ({"poisson_inputs": [{"name": "q", "target": "E", "receptor": "excitatory", "rate": 1.0,
                              "weight": 80.0, "delay": 100.0}]}, "after the end of the run"),
        ({"recorders": [{"name": "r", "target": "E", "variables": ["V_m"], "interval": 101.0}]},
         "there will be no sample"),
    ],
)  # fmt: skip
def test_what_looks_wrong_is_warned_of(fields, text):
    assert any(text in line for line in warned(**fields)), warned(**fields)


def test_nothing_is_warned_of_in_the_circuits():
    assert not audit.warnings(circuits.microcircuit(scale=0.1), Simulation())
    for variant in ("neurodynex", "compte2000"):
        assert not audit.warnings(circuits.working_memory(variant=variant), Simulation(dt=0.05))


def test_a_copy_with_other_fields_looks_its_pieces_up_in_them():
    whole = network_from(network())
    model = whole.model_of("I")
    assert whole.population("I").size == 2 and model.dynamics  # both are kept for later
    larger = [p.model_copy(update={"name": "J", "size": 5}) if p.name == "I" else p
              for p in whole.populations]  # fmt: skip
    copy = whole.model_copy(update={"populations": tuple(larger)})
    assert copy.population("J").size == 5 and whole.population("I").size == 2
    with pytest.raises(DescriptionError, match="one of E, J, G"):
        copy.population("I")
    # of models too
    slow = model.model_copy(update={"parameters": {}})
    assert "dynamics" not in vars(slow) and "dynamics" in vars(model.model_copy())
