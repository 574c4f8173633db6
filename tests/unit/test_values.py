"""Values of neurons one by one and by formulas: what they mean, in Python and in files."""

import json
import time
import tomllib

import numpy as np
import pytest

from netspec import Network, Population, Projection, Simulation, load
from netspec.describe.arrays import LISTED
from netspec.describe.serialization import (
    canonical_json,
    from_json,
    from_toml,
    network_from,
    spec_hash,
    to_toml,
    with_values,
)
from netspec.distributions import Array, Constant, Formula, Uniform
from netspec.errors import DescriptionError
from netspec.execute.audit import audit
from netspec.execute.contract import RunRequest, get_backend
from netspec.realise.drawing import initial_values, parameters
from netspec.testing.parts import neuron
from netspec.testing.strategies import ADEX

SIMULATION = Simulation(dt=0.1, warmup=0.0, duration=1.0, seed=3)


def of(size=3, **tables):
    return Network(name="n", populations=[neuron("A", size, **tables)])


def given(network, table="initial"):
    return getattr(network.populations[0], table)


def faults(size=3, model="iaf_psc_exp", **tables):
    with pytest.raises(DescriptionError) as caught:
        Network(name="n", populations=[{"name": "A", "size": size, "model": model, **tables}])
    return {fault.path.removeprefix("populations[0]."): fault for fault in caught.value.faults}


# -- arrays -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        [-70, -65.0, -60],
        (-70.0, -65.0, -60.0),
        np.array([-70, -65, -60]),
        np.array([-70, -65, -60], np.float32),
        ["-70 mV", "-0.065 V", "-60 mV"],
        {"kind": "array", "values": [-70, -65, -60]},
        {"kind": "array", "values": [-70000, -65000, -60000], "unit": "uV"},
        Array(values=[-0.07, -0.065, -0.06], unit="V"),
    ],
    ids=str,
)
def test_values_may_be_spelt_in_many_ways(spelling):
    network = of(initial={"V_m": spelling})
    values = given(network)["V_m"].values
    assert values.tolist() == [-70.0, -65.0, -60.0]
    assert spec_hash(network) == spec_hash(of(initial={"V_m": [-70.0, -65.0, -60.0]}))
    assert initial_values(network, "A", SIMULATION)["V_m"].tolist() == values.tolist()
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 0.0


@pytest.mark.parametrize("size", [3, LISTED, LISTED + 1, 500])
def test_arrays_survive_json_and_toml(size):
    values = np.random.default_rng(size).normal(-60, 5, size)
    network = of(size, initial={"V_m": values}, C_m=np.full(size, 250.0))
    for again in (from_json(canonical_json(network)), from_toml(to_toml(network))):
        assert again == network
        assert spec_hash(again) == spec_hash(network)
        np.testing.assert_array_equal(given(again)["V_m"].values, values)
    changed = values.copy()
    changed[-1] = np.nextafter(changed[-1], 0)
    assert spec_hash(of(size, initial={"V_m": changed}, C_m=np.full(size, 250.0))) != spec_hash(
        network
    )
    written = tomllib.loads(to_toml(network))["populations"][0]["initial"]["V_m"]
    assert written == {"kind": "array", "values": values.tolist(), "unit": "mV"}


def test_an_array_says_what_a_distribution_would():
    array = Array(values=[3.0, 1.0, 2.0, 2.0])
    assert array.extremes() == (1.0, 3.0)
    assert (array.typical(), array.share_below(2.0), array.fixed()) == (2.0, 0.25, None)
    assert array.quantile(np.array([0.1, 0.9])).tolist() == [1.0, 3.0]
    assert Array(values=[2.0, 2.0]).fixed() == 2.0
    assert array == Array(values=(3, 1, 2, 2)) != Array(values=[3.0, 1.0, 2.0, 4.0])
    assert hash(array) == hash(Array(values=(3, 1, 2, 2)))
    with pytest.raises(ValueError, match="4 values, 5"):
        array.sample(5, np.random.default_rng(1))


def test_a_file_beside_the_description_is_the_same_as_the_values(tmp_path):
    values = np.random.default_rng(1).normal(-0.06, 0.001, 200)
    (tmp_path / "values").mkdir()
    np.save(tmp_path / "values" / "v.npy", values)
    text = (
        'name = "n"\n[[populations]]\nname = "A"\nsize = 200\nmodel = "iaf_psc_exp"\n'
        '[populations.initial]\nV_m = {kind = "array", file = "values/v.npy", unit = "V"}\n'
    )
    (tmp_path / "n.toml").write_text(text)
    (tmp_path / "n.json").write_text(json.dumps(tomllib.loads(text)))
    start = {"V_m": Array(values=values, unit="V")}
    network = Network(
        name="n",
        populations=[Population(name="A", size=200, model="iaf_psc_exp", initial=start)],
    )
    for name in ("n.toml", "n.json"):
        assert load(tmp_path / name) == network
        assert spec_hash(load(tmp_path / name)) == spec_hash(network)


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ('file = "none.npy"', "No such file"),
        ('file = "n.toml"', "a file of numpy.save"),
        ('file = "pickle.npy"', "a file of numpy.save"),
        ('file = "half.npy"', "a file of numpy.save"),
        ('file = "square.npy"', "shape"),
        ('file = "nan.npy"', "value 1 is nan"),
        ('file = "one.npy"', "3 values"),
        ('file = "three.npy", unit = "pA"', "mV"),
        ('file = "three.npy", values = [1, 2, 3]', "not both"),
        ("file = 3", "the name of a file"),
    ],
)
def test_files_that_are_none_are_faults_with_their_path(tmp_path, entry, allowed):
    np.save(tmp_path / "square.npy", np.zeros((3, 3)))
    np.save(tmp_path / "nan.npy", [1.0, np.nan, 2.0])
    np.save(tmp_path / "one.npy", [1.0])
    np.save(tmp_path / "three.npy", [-60.0, -60.0, -60.0])
    np.save(tmp_path / "pickle.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "half.npy").write_bytes((tmp_path / "three.npy").read_bytes()[:-4])
    (tmp_path / "n.toml").write_text(
        'name = "n"\n[[populations]]\nname = "A"\nsize = 3\nmodel = "iaf_psc_exp"\n'
        f'[populations.initial]\nV_m = {{kind = "array", {entry}}}\n'
    )
    with pytest.raises(DescriptionError, match=allowed) as caught:
        load(tmp_path / "n.toml")
    (fault,) = caught.value.faults
    assert fault.path.startswith("populations[0].initial.V_m")


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ([250.0, 250.0], "3 values, one for each neuron"),
        ([250.0, float("nan"), 1.0], "finite numbers"),
        ([250.0, float("inf"), 1.0], "finite numbers"),
        ([], "no value"),
        (["250 pF", "1 mV", "1 pF"], "one dimension"),
        (["250 pF", 250.0, 250.0], "one dimension"),
        (["1 mV"] * 3, "expected pF"),
        ([[250.0] * 3], "a number"),
        ([True, 1.0, 1.0], "a number"),
        (np.ones((3, 1)), "shape"),
        (np.array(["a", "b", "c"]), "real numbers"),
        ([-5.0, 250.0, 250.0], "would not lie there"),
        ([1e6, 250.0, 250.0], "plausible is"),
        ({"kind": "array", "file": "v.npy"}, "beside a description"),
        ({"kind": "array", "values": ["1 pF"] * 3, "unit": "pF"}, "leave 'unit' away"),
        ({"kind": "array", "values": [1.0] * 3, "unit": "foo"}, "unknown unit"),
        ({"kind": "array", "values": 3.0}, "a list"),
    ],
)
def test_arrays_that_do_not_fit_are_faults(values, allowed):
    found = " ".join(f"{path}: {f}" for path, f in faults(parameters={"C_m": values}).items())
    assert allowed in found
    assert "parameters.C_m" in found


def test_synapses_have_no_arrays_but_in_an_explicit_rule():
    for weight in ([1.0, 2.0], {"kind": "array", "values": [1.0]}, Formula(text="i*pA")):
        projection = {"name": "p", "pre": "A", "post": "A", "receptor": "excitatory",
                      "rule": "one_to_one", "weight": weight}  # fmt: skip
        with pytest.raises(DescriptionError, match="explicit"):
            Network(name="n", populations=[neuron("A", 2)], projections=[projection])


def test_eighty_thousand_values_are_quick_to_read_and_to_hash():
    values = np.random.default_rng(1).normal(-60, 1, 80_000)
    started = time.process_time()
    network = of(80_000, initial={"V_m": values})
    spec_hash(network)
    # some milliseconds; the limit is for a busy machine
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("backend", "words"), [("nest", "no gamma distribution"), ("genn", "for a gamma distribution")]
)
def test_what_a_simulator_cannot_draw_netspec_draws_and_the_ledger_says_so(backend, words):
    gamma = {"kind": "gamma", "shape": 2.0, "scale": 40.0}
    network = Network(
        name="n",
        populations=[neuron("A", 4)],
        projections=[
            Projection(name=kind, pre="A", post="A", receptor="excitatory",
                       rule={"kind": "fixed_indegree", "indegree": 2}, weight=weight)
            for kind, weight in {
                "gamma": gamma,
                "lognormal": {"kind": "lognormal", "median": 80.0, "sigma": 0.5},
                "exponential": {"kind": "exponential", "scale": 80.0, "high": 200.0},
                "uniform_int": {"kind": "uniform_int", "low": 60, "high": 90},
            }.items()
        ],
    )  # fmt: skip
    for connectivity in ("native", "shared"):
        request = RunRequest(
            network=network, backend=backend, simulation=SIMULATION, connectivity=connectivity
        )
        ledger = get_backend(backend).plan(request).ledger
        handed = {e.thing for e in ledger.entries if "drawn by netspec" in e.reason}
        everything = {f"projections.{p.name}" for p in network.projections}
        assert handed == ({"projections.gamma"} if connectivity == "native" else everything)
        said = [e.thing for e in ledger.entries if words in e.reason]
        assert said == (["projections.gamma"] if connectivity == "native" else [])


# -- formulas -------------------------------------------------------------------------------------


def test_formulas_know_the_index_the_size_and_other_values():
    network = of(
        5,
        initial={"V_m": "E_L + (V_th - E_L)*i/(size - 1)", "I_syn_ex": "0.5*nS*(V_m - E_L)"},
        tau_m={"kind": "uniform", "low": 8.0, "high": 12.0},
        C_m="25*nS*tau_m",
        tau_syn_ex="0.5",
    )
    found = parameters(network, "A", SIMULATION)
    assert np.ptp(found["tau_m"]) > 0
    np.testing.assert_array_equal(found["C_m"], 25 * found["tau_m"])
    assert found["tau_syn_ex"] == 0.5, "a bare number is a quantity"
    start = initial_values(network, "A", SIMULATION)
    np.testing.assert_allclose(start["V_m"], np.linspace(-65.0, -50.0, 5), rtol=1e-15)
    np.testing.assert_allclose(start["I_syn_ex"], 0.5 * (start["V_m"] + 65.0), atol=1e-12)
    again = from_toml(to_toml(network))
    assert again == network
    assert spec_hash(again) == spec_hash(network)
    assert from_json(canonical_json(network)) == network


def test_what_is_drawn_does_not_change_by_formulas_beside_it():
    law = Uniform(low=8.0, high=12.0)
    alone = parameters(of(tau_m=law), "A", SIMULATION)["tau_m"]
    beside = parameters(of(tau_m=law, C_m="25*nS*tau_m"), "A", SIMULATION)["tau_m"]
    np.testing.assert_array_equal(alone, beside)


def test_the_initial_value_of_a_state_may_follow_another_state_of_the_model():
    model = {**ADEX, "name": "adex"}
    population = {
        "name": "A",
        "size": 3,
        "model": "adex",
        "parameters": {"a": {"kind": "uniform", "low": 1, "high": 5}},
        "initial": {"w": "a*(V_m - E_L + 2*mV)"},
    }
    network = network_from({"name": "n", "models": {"adex": model}, "populations": [population]})
    drawn = parameters(network, "A", SIMULATION)["a"]
    np.testing.assert_allclose(initial_values(network, "A", SIMULATION)["w"], 2 * drawn)


def test_text_is_a_quantity_if_it_can_be_one_and_else_a_formula():
    table = given(of(C_m="250 pF", tau_m="2*tau_syn_in", I_e="-3"), "parameters")
    kinds = {name: type(table[name]) for name in ("C_m", "tau_m", "I_e")}
    assert kinds == {"C_m": Constant, "tau_m": Formula, "I_e": Constant}


@pytest.mark.parametrize(
    ("tables", "path", "allowed"),
    [
        ({"parameters": {"C_m": "lots"}}, "parameters.C_m", "unknown name 'lots'"),
        ({"parameters": {"C_m": "250 pX"}}, "parameters.C_m", "unknown unit"),
        ({"parameters": {"C_m": "tau_m*("}}, "parameters.C_m", "with a unit"),
        ({"parameters": {"C_m": "i > 2"}}, "parameters.C_m.text", "not a condition"),
        ({"parameters": {"C_m": "1/size"}}, "parameters.C_m", "a value in pF"),
        ({"parameters": {"tau_m": "C_m"}}, "parameters.tau_m", "a value in ms"),
        ({"parameters": {"tau_m": "V_m/(1*mV)*ms"}}, "parameters.tau_m", "unknown name 'V_m'"),
        ({"initial": {"V_m": "V_m + 1*mV"}}, "initial", "V_m -> V_m"),
        ({"parameters": {"E_L": "V_th - 1*mV", "V_th": "V_reset + 9*mV", "V_reset": "E_L"}},
         "parameters", "E_L -> V_th -> V_reset -> E_L"),
    ],
)  # fmt: skip
def test_formulas_that_mean_nothing_are_faults(tables, path, allowed):
    found = faults(**tables)
    assert set(found) == {path}
    assert allowed in str(found[path])


def test_a_name_that_is_both_the_size_and_the_models_is_refused():
    model = {"equations": "dx/dt = -x/tau : 1", "threshold": "x > 1",
             "parameters": {"tau": "9 ms", "size": 2.0}}  # fmt: skip
    population = {"name": "A", "size": 3, "model": "m", "parameters": {"tau": "(i + 1)*ms"}}
    network_from({"name": "n", "models": {"m": model}, "populations": [population]})
    population["initial"] = {"x": "i/size"}
    with pytest.raises(DescriptionError, match="the size here"):
        network_from({"name": "n", "models": {"m": model}, "populations": [population]})


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("C_m", "100*pF/i", "inf for neuron 0; finite numbers above 0"),
        ("C_m", "100*pF*(2 - i)", "0 for neuron 2; finite numbers above 0"),
        ("t_ref", "2*ms*(1 - i)", "-2 for neuron 2; finite numbers 0 or more"),
        ("E_L", "-60*mV*sqrt(1 - i)", "nan for neuron 2; finite numbers"),
    ],
)
def test_values_that_no_neuron_can_have_are_named_with_the_neuron(name, text, allowed):
    network = of(**{name: text})
    with pytest.raises(DescriptionError, match=allowed) as caught:
        parameters(network, "A", SIMULATION)
    assert caught.value.faults[0].path == f"populations.A.parameters.{name}"


def test_audits_and_typical_neurons_know_formulas():
    network = of(initial={"V_m": "E_L + 1*mV*i"}, tau_m=[8.0, 10.0, 12.0], C_m="25*nS*tau_m")
    typical, start = network.populations[0].typical(network.model_of("A"))
    assert (typical["C_m"], typical["tau_m"], start["V_m"]) == (250.0, 10.0, -64.0)
    assert not [f for f in audit(network, SIMULATION).findings if "threshold" in f.text]


def test_values_and_formulas_are_set_by_path():
    changed = with_values(of(), {"populations.A.initial.V_m": "E_L + 1*mV*i"})
    assert given(changed)["V_m"] == Formula(text="E_L + 1*mV*i")
    changed = with_values(changed, {"populations.A.initial.V_m": "[-60, -61, -62]"})
    assert given(changed)["V_m"].values.tolist() == [-60, -61, -62]
    changed = with_values(changed, {"populations.A.initial.V_m.values.1": "-65"})
    assert given(changed)["V_m"].values.tolist() == [-60, -65, -62]
