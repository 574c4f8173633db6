"""What a PyNN script says becomes a network of netspec's; no simulator is asked."""

import sys

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.standardmodels import StandardCellType

import netspec
import netspec.pynn as sim
from netspec.describe.serialization import load_with_simulation, spec_hash
from netspec.pynn.carried import Carried
from netspec.realise.drawing import initial_values, parameters, synapses

CELLS = [
    name
    for name in sim.list_standard_models()
    if issubclass(getattr(sim, name), Carried) and name != "PointNeuron"
]
ONCE = netspec.Simulation(dt=0.1, warmup=0.0, duration=1.0)


@pytest.fixture(autouse=True)
def begin():
    sim.setup(timestep=0.1)
    yield
    sim.setup()


def described():
    sim.run(1.0)
    return sim.network()


def test_pynn_finds_it_by_name():
    assert sys.modules["pyNN.netspec"] is sim


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_gets_back_what_it_was_given(name):
    cell = getattr(sim, name)
    assert issubclass(cell, StandardCellType)
    given = {
        key: value * 1.25 for key, value in cell.default_parameters.items() if np.ndim(value) == 0
        and not hasattr(value, "value")
    }  # fmt: skip
    population = sim.Population(2, cell(**given), label="p")
    for key, value in given.items():
        assert population.get(key) == pytest.approx(value, rel=1e-14), key
    network = described()
    (p,) = network.populations
    model = network.model_of(p)
    assert set(p.parameters) <= set(model.parameters)
    # every parameter of the model is said, so no default of netspec's stands in for PyNN's
    assert set(p.parameters) == set(model.parameters)
    start = initial_values(network, "p", ONCE)
    assert start["V_m"] == cell.default_initial_values["v"]


def test_units_are_translated():
    cell = sim.IF_cond_exp(cm=0.2, tau_m=20.0, i_offset=0.1, tau_refrac=3.0)
    population = sim.Population(3, cell, label="cells")
    population.initialize(v=[-61.0, -62.0, -63.0], gsyn_exc=0.002)
    source = sim.Population(2, sim.IF_curr_delta(), label="source")
    sim.Projection(
        source, population, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.004, delay=0.5)
    )
    sim.Projection(
        population, source, sim.AllToAllConnector(), sim.StaticSynapse(weight=-1.5, delay=0.5),
        receptor_type="inhibitory",
    )  # fmt: skip
    network = described()
    found = parameters(network, "cells", ONCE)
    expected = {"C_m": 200.0, "g_L": 10.0, "I_e": 100.0, "t_ref": 3.0}
    assert {name: found[name] for name in expected} == expected
    start = initial_values(network, "cells", ONCE)
    np.testing.assert_array_equal(start["V_m"], [-61, -62, -63])
    assert start["g_ex"] == 2.0
    forth, back = network.projections
    assert forth.weight.fixed() == 4.0 and forth.receptor == "excitatory"  # nS
    assert back.weight.fixed() == -1.5 and back.receptor == "inhibitory"  # mV


def test_one_parameter_of_a_translation_is_an_array_and_another_a_function():
    values = np.array([10.0, 15.0, 20.0])
    cells = sim.IF_cond_exp(tau_m=values, cm=lambda i: 1.0 + i, v_thresh=lambda i: i - 55.0)
    population = sim.Population(3, cells, label="p")
    np.testing.assert_allclose(population.get("tau_m"), values, rtol=1e-14)
    np.testing.assert_array_equal(population.get("v_thresh"), [-55.0, -54.0, -53.0])
    # nF/ms are uS; netspec's are nS
    found = parameters(described(), "p", ONCE)["g_L"]
    np.testing.assert_allclose(found, 1e3 * np.array([1.0, 2.0, 3.0]) / values, rtol=1e-14)


def test_views_and_assemblies_are_taken_apart():
    p = sim.Population(6, sim.IF_curr_exp(), label="p")
    q = sim.Population(4, sim.IF_cond_exp(), label="q")
    weights = RandomDistribution("uniform", (0.1, 0.2), rng=NumpyRNG(3))
    both = p[2:6] + p[0:1]
    one = sim.Projection(
        both, q[[3, 1]], sim.AllToAllConnector(), sim.StaticSynapse(weight=weights, delay=0.3)
    )
    array = one.get("weight", format="array")
    network = described()
    (projection,) = network.projections
    found = synapses(network, projection, ONCE)
    wanted = {
        (pre, post): array[i, j]
        for i, pre in enumerate([2, 3, 4, 5, 0])
        for j, post in enumerate([1, 3])
    }
    pairs = list(zip(found.pre.tolist(), found.post.tolist(), strict=True))
    assert sorted(wanted) == pairs
    expected = np.float32([1000 * wanted[pair] for pair in pairs])
    np.testing.assert_array_equal(found.weight, expected)
    assert found.delay == 3


def test_a_projection_onto_two_populations_is_two():
    p = sim.Population(3, sim.IF_curr_exp(), label="p")
    q = sim.Population(2, sim.IF_curr_exp(tau_m=5.0), label="p")
    prj = sim.Projection(p, p + q, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1))
    assert len(prj) == 15
    network = described()
    assert [population.name for population in network.populations] == ["p", "p_2"]
    ends = [(p.pre, p.post, len(p.rule.pre)) for p in network.projections]
    assert ends == [("p", "p", 9), ("p", "p_2", 6)]


def test_columns_hold_what_connectors_drew():
    p = sim.Population(40, sim.IF_curr_exp(), label="p")
    connector = sim.FixedNumberPreConnector(7, rng=NumpyRNG(11), with_replacement=True)
    delays = RandomDistribution("uniform", (0.2, 3.0), rng=NumpyRNG(4))
    prj = sim.Projection(p, p, connector, sim.StaticSynapse(weight=0.1, delay=delays))
    listed = np.array(prj.get(["weight", "delay"], format="list"))
    assert listed.shape == (280, 4) and len(prj) == 280
    assert np.bincount(listed[:, 1].astype(int)).tolist() == [7] * 40
    ones = [c.as_tuple("presynaptic_index", "postsynaptic_index", "weight", "delay") for c in prj]
    np.testing.assert_array_equal(listed, ones)
    first, last, total = (
        prj.get("delay", format="array", multiple_synapses=how) for how in ("first", "last", "sum")
    )
    for pre, post in {(int(row[0]), int(row[1])) for row in listed}:
        here = [row[3] for row in listed if (row[0], row[1]) == (pre, post)]
        assert first[pre, post] == here[0] and last[pre, post] == here[-1]
        assert total[pre, post] == pytest.approx(sum(here))
    found = synapses(network := described(), network.projections[0], ONCE)
    steps = np.floor(listed[:, 3] / 0.1 + 0.5)
    assert sorted(found.delay.tolist()) == sorted(steps.tolist())


def test_values_are_set_and_read_back():
    p = sim.Population(4, sim.IF_curr_exp(), label="p")
    prj = sim.Projection(p, p, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=1.0))
    prj.set(weight=lambda d: d + 1)
    positions = p.positions[0]
    expected = 1 + np.abs(positions[:, None] - positions[None, :])
    np.testing.assert_array_equal(prj.get("weight", format="array"), expected)
    prj[5].weight = 9.0
    prj[5].delay = 2.0
    assert prj.get(["weight", "delay"], format="list", with_address=False)[5] == (9.0, 2.0)
    counts, edges = prj.weightHistogram(min=0, max=10, nbins=10)
    assert counts.sum() == 16 and len(edges) == 11
    p[1:3].set(tau_m=[5.0, 6.0])
    p[3].i_offset = 0.25
    assert p.get("tau_m").tolist() == [20, 5, 6, 20]
    assert p.get("i_offset").tolist() == [0, 0, 0, 0.25]
    p[0:2].initialize(v=-70.0)
    assert p[0:2].initial_values["v"].evaluate().tolist() == [-70, -70]
    network = described()
    np.testing.assert_array_equal(parameters(network, "p", ONCE)["tau_m"], [20, 5, 6, 20])
    np.testing.assert_array_equal(initial_values(network, "p", ONCE)["V_m"], [-70, -70, -65, -65])


def test_everything_said_is_meant(tmp_path):
    cell = sim.IF_curr_exp(cm=1e5, tau_refrac=1e4)
    p = sim.Population(2, cell, label="1 strange: label")
    sim.Projection(p, p, sim.OneToOneConnector(), sim.StaticSynapse(weight=1e6, delay=500.0))
    sim.run(2.0)
    network = sim.network(str(tmp_path / "it.toml"))
    assert network.populations[0].name == "p_1_strange_label"
    assert {path.rpartition(".")[2] for path in network.accept} == {
        "C_m", "t_ref", "weight", "delay",
    }  # fmt: skip
    read, simulation = load_with_simulation(tmp_path / "it.toml")
    assert spec_hash(read) == spec_hash(network)
    assert (simulation.dt, simulation.warmup, simulation.duration) == (0.1, 0.0, 2.0)


def test_composed_neurons_have_a_state_for_every_receptor():
    cell = sim.PointNeuron(
        sim.AdExp(tau_m=10.0),
        fast=sim.AlphaPSR(tau_syn=1.0, e_syn=0.0),
        slow=sim.BetaPSR(tau_rise=2.0, tau_decay=50.0, e_syn=0.0),
        block=sim.ExpPSR(tau_syn=1.5, e_syn=-70.0),
    )
    p = sim.Population(2, cell, label="p")
    assert p.get("block.e_syn") == -70.0
    p[1:2].set(**{"fast.tau_syn": 3.0})
    assert p.get("fast.tau_syn").tolist() == [1, 3]
    p.record(["v", "slow.gsyn"])
    sim.Projection(
        p, p, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1), receptor_type="slow"
    )
    network = described()
    model = network.model_of("p")
    assert model.receptors == {
        "fast": "x_syn_fast", "slow": "x_syn_slow", "block": "g_syn_block",
    }  # fmt: skip
    found = parameters(network, "p", ONCE)
    np.testing.assert_array_equal(found["tau_syn_fast"], [1, 3])
    assert found["g_L"] == pytest.approx(28.1) and found["tau_decay_slow"] == 50.0
    assert network.recorders[0].variables == ("g_syn_slow", "V_m")


def test_assemblies_are_connected_with_a_progress_bar():
    p = sim.Population(2, sim.IF_curr_exp()) + sim.Population(3, sim.IF_cond_alpha())
    done = []
    connector = sim.FixedProbabilityConnector(0.9, callback=done.append)
    sim.Projection(p, sim.Population(4, sim.IF_curr_exp()) + sim.Population(1, sim.IF_curr_exp()),
                   connector, sim.StaticSynapse(weight=0.1))  # fmt: skip
    assert len(done) == 5 and done[-1] == pytest.approx(0.8)
    assert p.receptor_types == ["excitatory", "inhibitory"]


@pytest.mark.parametrize(("sources", "targets"), [(1, 1), (1, 4), (4, 1), (3, 5)])
def test_one_to_one_connects_whatever_the_sizes(sources, targets):
    p, q = (sim.Population(n, sim.IF_curr_exp()) for n in (sources, targets))
    prj = sim.Projection(p, q, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.1))
    pairs = [(i, j) for i, j, _ in prj.get("weight", format="list")]
    assert pairs == [(i, i) for i in range(min(sources, targets))]


def test_a_projection_may_have_no_synapses():
    p, q = sim.Population(2, sim.IF_curr_exp()), sim.Population(3, sim.IF_curr_exp())
    none = sim.Projection(p, q, sim.FixedProbabilityConnector(0.0))
    assert len(none) == 0 and none.get(["weight", "delay"], "list") == []
    assert np.isnan(none.get("weight", "array")).all() and none.get("delay", "array").shape == (
        2,
        3,
    )
    assert described().projections == ()
