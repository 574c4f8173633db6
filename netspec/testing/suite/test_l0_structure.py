"""L0: what the simulator holds, read back from it: parameters, initial values, synapses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from netspec import Projection, Simulation
from netspec.circuits import microcircuit
from netspec.describe.distributions import Constant
from netspec.realise import drawing
from netspec.realise.file import FORMAT, write_realisation
from netspec.testing.parts import conductance, network, neuron
from netspec.validation.ladder import oracle
from netspec.whole_files import verify

DT = 0.1
SIZE = 120
SIMULATION = Simulation(dt=DT, warmup=0.0, duration=1.0, seed=1)
NORMAL = {"kind": "normal", "mean": 87.8, "sd": 20.0}
DELAY = {"kind": "normal", "mean": 1.5, "sd": 0.75}
NO_MULTAPSES, NO_AUTAPSES = {"allow_multapses": False}, {"allow_autapses": False}
PAIRS = np.random.default_rng(5).integers(0, 9, (2, 250))  # of 81 pairs most occur again

# projection: (from itself, receptor, rule, weight, delay)
PROJECTIONS = {
    "total": (False, "excitatory", {"kind": "fixed_total_number", "number": 20000},
              {**NORMAL, "low": 60.0, "high": 110.0}, {**DELAY, "low": 0.05}),
    "total_distinct": (False, "inhibitory",
                       {"kind": "fixed_total_number", "number": 5000, **NO_MULTAPSES},
                       {**NORMAL, "mean": -351.2, "high": 0.0},
                       {**DELAY, "low": 0.0, "high": 2.5, "clip": "bound"}),
    "total_recurrent": (True, "excitatory",
                        {"kind": "fixed_total_number", "number": 20000, **NO_AUTAPSES},
                        {**NORMAL, "low": 80.0, "clip": "bound"}, 1.5),
    "indegree": (False, "excitatory", {"kind": "fixed_indegree", "indegree": 70},
                 {"kind": "uniform", "low": 10.0, "high": 20.0},
                 {"kind": "uniform", "low": 0.0, "high": 1.0}),
    "indegree_recurrent": (True, "excitatory", {"kind": "fixed_indegree", "indegree": 40,
                                                **NO_MULTAPSES, **NO_AUTAPSES}, 87.8, 1.5),
    "bernoulli": (False, "inhibitory", {"kind": "pairwise_bernoulli", "p": 0.3},
                  {"kind": "uniform", "low": -400.0, "high": -300.0}, None),
    "bernoulli_recurrent": (True, "excitatory", {"kind": "pairwise_bernoulli", "p": 0.3,
                                                 **NO_AUTAPSES}, 0.1, 0.34),
    "all": (False, "excitatory", {"kind": "all_to_all"}, {**NORMAL, "low": 0.0}, 0.8),
    "all_alike": (False, "excitatory", {"kind": "all_to_all"}, 87.8, 0.8),
    "all_recurrent": (True, "inhibitory", {"kind": "all_to_all", **NO_AUTAPSES},
                      {"kind": "uniform", "low": -3.0, "high": -1.0}, {**DELAY, "low": 0.5}),
    "one_to_one": (False, "excitatory", {"kind": "one_to_one"}, {**NORMAL, "low": 1.0}, 6.3),
    "explicit": (False, "excitatory",
                 {"kind": "explicit", "pre": PAIRS[0], "post": PAIRS[1],
                  "weight": np.linspace(0.1, 90.0, 250), "delay": np.linspace(0.01, 9.0, 250)},
                 1.0, None),
}  # fmt: skip
STATISTICAL = [name for name in PROJECTIONS if name != "explicit"]


def structure():
    """Return one network with every rule; each projection has a target of its own."""
    uniform, normal = {"kind": "uniform"}, {"kind": "normal"}
    drawn = neuron(
        "source",
        SIZE,
        initial={"V_m": {**normal, "mean": -58.0, "sd": 10.0}},
        C_m={**normal, "mean": 250.0, "sd": 25.0, "low": 100.0},
        tau_m={**uniform, "low": 8.0, "high": 12.0},
        V_th={**normal, "mean": -50.0, "sd": 1.0},
        t_ref={"kind": "constant", "value": 1.9},
        I_e={**uniform, "low": -10.0, "high": 10.0},
    )
    gated = conductance(
        "gated",
        SIZE,
        initial={"V_m": {**uniform, "low": -70.0, "high": -60.0}, "g_AMPA": 2.5},
        C_m={**normal, "mean": 400.0, "sd": 50.0, "low": 200.0},
        g_L={**uniform, "low": 15.0, "high": 30.0},
        tau_GABA=8.5,
        E_GABA={**uniform, "low": -80.0, "high": -65.0},
    )
    projections, targets = [], []
    for name, (recurrent, receptor, rule, weight, delay) in PROJECTIONS.items():
        targets.append(neuron(f"at_{name}", SIZE, V_th=0.0))
        projections.append(
            Projection(name=name, pre=targets[-1] if recurrent else drawn, post=targets[-1],
                       receptor=receptor, rule=rule, weight=weight, delay=delay)
        )  # fmt: skip
    for receptor, weight in (("AMPA", {"kind": "uniform", "low": 0.1, "high": 3.0}), ("GABA", 1.3)):
        projections.append(
            Projection(name=f"to_{receptor}", pre="source", post="gated", receptor=receptor,
                       rule={"kind": "fixed_indegree", "indegree": 5}, weight=weight, delay=0.7)
        )  # fmt: skip
    # a second projection between the same neurons is told apart from the first
    projections.append(
        Projection(name="twin", pre="source", post="at_explicit", receptor="excitatory",
                   rule={"kind": "fixed_indegree", "indegree": 2}, weight=7.0)
    )  # fmt: skip
    described = network("structure", [drawn, gated, *targets], projections=projections)
    return described, {projection.name: projection for projection in described.projections}


NETWORK, DESCRIBED = structure()


@pytest.fixture(scope="module")
def read(simulate):
    """Give a function that returns the run with shared or native connectivity, read back."""

    def run(connectivity):
        return simulate(NETWORK, 1.0, connectivity=connectivity, readback=True)

    return run


def synapses(run, projection):
    """Return (pre, post, weight, delay in steps) as the simulator holds them."""
    keys = ("pre", "post", "weight", "delay")
    return [run.readback(f"projections/{projection}/{key}") for key in keys]


@pytest.mark.parametrize("population", ["source", "gated", "at_total"])
def test_parameters_are_those_of_the_description(read, tolerance, population):
    run = read("shared")
    expected = drawing.parameters(NETWORK, population, SIMULATION)
    prefix = f"parameters/{population}/"
    names = {k[len("readback/") + len(prefix) :] for k in run._content if prefix in k}
    assert names >= {"V_th", "V_reset"} and names <= set(expected)
    for name in names:
        # constants of generated code are read back before the compiler rounds them
        found = np.broadcast_to(tolerance.held(run.readback(prefix + name)), SIZE)
        wanted = np.broadcast_to(tolerance.held(expected[name]), SIZE)
        # some simulators keep potentials relative to E_L, which costs the last bit
        np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=2e-14, err_msg=name)


@pytest.mark.parametrize("population", ["source", "gated", "at_total"])
def test_initial_values_are_those_of_the_description(read, tolerance, population):
    run = read("native")
    expected = drawing.initial_values(NETWORK, population, SIMULATION)
    prefix = f"initial/{population}/"
    names = {k[len("readback/") + len(prefix) :] for k in run._content if prefix in k}
    assert names >= {name for name, value in expected.items() if np.any(value)}
    for name in names:
        found = np.broadcast_to(run.readback(prefix + name), SIZE)
        wanted = np.broadcast_to(tolerance.held(expected[name]), SIZE)
        np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=2e-14, err_msg=name)


@pytest.mark.parametrize("projection", DESCRIBED)
def test_shared_synapses_are_those_of_netspec_bit_for_bit(read, projection):
    drawn = drawing.synapses(NETWORK, DESCRIBED[projection], SIMULATION)
    order = np.lexsort((drawn.delays(), drawn.weights(), drawn.post, drawn.pre))
    expected = [a[order] for a in (drawn.pre, drawn.post, drawn.weights(), drawn.delays())]
    run = read("shared")
    for found, wanted in zip(synapses(run, projection), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert run.manifest["synapses"][projection] == len(drawn) > 0


@pytest.fixture(scope="session")
def realised(tmp_path_factory):
    """Give one file with the synapses of the network, for all simulators."""
    path = tmp_path_factory.mktemp("realised") / "structure.h5"
    write_realisation(path, NETWORK, SIMULATION)
    return path


def test_synapses_from_a_file_are_the_same_bit_for_bit(simulate, read, realised, tmp_path):
    run = simulate(NETWORK, 1.0, readback=True, realisation=realised, out=tmp_path)
    drawn = read("shared")
    assert run.manifest["request_hash"] == drawn.manifest["request_hash"]
    assert run.manifest["connectivity"] == "shared"
    assert run.manifest["realisation"]["sha256"] == verify(realised, FORMAT)
    assert drawn.manifest["realisation"] is None
    assert str(realised.parent) not in json.dumps(run.manifest)
    assert run.manifest["synapses"] == drawn.manifest["synapses"]
    for projection in DESCRIBED:
        for found, wanted in zip(
            synapses(run, projection), synapses(drawn, projection), strict=True
        ):
            np.testing.assert_array_equal(found, wanted, err_msg=projection)


def test_explicit_synapses_are_the_same_in_native_connectivity(read):
    for found, wanted in zip(
        synapses(read("native"), "explicit"), synapses(read("shared"), "explicit"), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("projection", STATISTICAL)
def test_native_counts_and_degrees_follow_the_rule(read, projection):
    recurrent, _, rule, _, _ = PROJECTIONS[projection]
    run = read("native")
    pre, post, _, _ = synapses(run, projection)
    assert run.manifest["synapses"][projection] == len(pre)
    expected = DESCRIBED[projection].rule.expected_count(SIZE, SIZE, recurrent)
    outdegree, indegree = (np.bincount(side, minlength=SIZE) for side in (pre, post))
    assert len(outdegree) == len(indegree) == SIZE
    if rule["kind"] == "pairwise_bernoulli":
        assert abs(len(pre) - expected) < 4 * np.sqrt(expected * (1 - rule["p"]))
    else:
        assert len(pre) == expected
    if rule["kind"] in ("fixed_indegree", "all_to_all", "one_to_one"):
        assert np.ptp(indegree) == 0
    else:
        assert_spread_like_random(indegree, rule)
    if rule["kind"] not in ("all_to_all", "one_to_one"):
        assert_spread_like_random(outdegree, rule)
    if not rule.get("allow_autapses", True):
        assert not (pre == post).any()
    several = len(pre) - len(np.unique(pre * SIZE + post))
    if rule.get("allow_multapses") is False or rule["kind"] not in (
        "fixed_total_number", "fixed_indegree",
    ):  # fmt: skip
        assert several == 0
    else:
        assert several > 1000


def assert_spread_like_random(degrees, rule):
    """Compare the spread of degrees over neurons with that of independent pairs, at 4 sigma."""
    mean = degrees.mean()
    again = "p" not in rule and rule.get("allow_multapses", True)  # a pair may be drawn again
    variance = mean * (1 - (1 if again else mean) / SIZE)
    assert abs(degrees.var(ddof=1) / variance - 1) < 4 * np.sqrt(2 / (SIZE - 1))


@pytest.mark.parametrize("quantity", ["weight", "delay"])
@pytest.mark.parametrize("projection", STATISTICAL)
def test_native_weights_and_delays_have_the_moments_of_their_distribution(
    read, projection, quantity
):
    found = synapses(read("native"), projection)[2 if quantity == "weight" else 3]
    distribution = getattr(DESCRIBED[projection], quantity)
    values = oracle.quantiles(Constant(value=DT) if distribution is None else distribution, 200_000)
    if quantity == "delay":
        values = np.maximum(np.floor(values / DT + 0.5 + 1e-9), 1)
    if np.ptp(values) == 0:
        assert (found == values[0]).all()
        return
    # quantiles do not reach the bounds of a distribution
    beyond = 1 if quantity == "delay" else 1e-3
    assert values.min() - 1e-3 <= found.min() and found.max() <= values.max() + beyond
    mean, variance, n = values.mean(), values.var(), len(found)
    fourth = ((values - mean) ** 4).mean()
    assert abs(found.mean() - mean) < 4 * np.sqrt(variance / n)
    assert abs(found.var() - variance) < 4 * np.sqrt((fourth - variance**2) / n)


@pytest.mark.parametrize(("variant", "count"), [("potjans2014", 7003), ("pygenn", 0)])
@pytest.mark.parametrize("connectivity", ["native", "shared"])
def test_the_sparsest_projection_of_the_microcircuit_at_full_scale(
    simulate, variant, count, connectivity
):
    """One published code drops it, by truncating in-degrees (p = 0.0003 in the publication)."""
    full = microcircuit(variant)
    two = ("L4E", "L5I")
    part = full.model_copy(
        update={
            "populations": tuple(p for p in full.populations if p.name in two),
            "projections": tuple(p for p in full.projections if p.name == "L5I_L4E"),
            "poisson_inputs": (),
            "recorders": tuple(r for r in full.recorders if r.target in two),
        }
    )
    found = simulate(part, 1.0, connectivity=connectivity)
    assert found.manifest["synapses"] == {"L5I_L4E": count}
