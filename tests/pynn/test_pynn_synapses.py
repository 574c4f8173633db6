"""Synapses of PyNN that change: what they are in netspec, weights after a run, and pyNN.nest's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

from pyNN.random import NumpyRNG, RandomDistribution
from rules import STDP, learning

import netspec.pynn as sim
from netspec.errors import UnsupportedError, UsageError
from netspec.pynn.state import state
from netspec.pynn.synapses import stdp_bounded
from netspec.validation.ladder.synapses import sent

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def begin(tmp_path):
    sim.setup(timestep=0.1, backend="brian2", options={"codegen": "numpy"}, out=tmp_path)
    yield
    sim.setup()


def connect(synapse, cell=None, size=4, **more):
    """Return a projection between sources and cells, described."""
    sources = sim.Population(size, sim.SpikeSourceArray(spike_times=[2.0, 5.0]))
    post = sim.Population(size, cell or sim.IF_cond_exp(tau_syn_E=3.0))
    projection = sim.Projection(sources, post, sim.OneToOneConnector(), synapse, **more)
    sim.run(1.0)
    return projection, state.segment().network.projections


def rule(dependence, **values):
    timing = {"tau_plus": 17.0, "tau_minus": 23.0, "A_plus": 0.05, "A_minus": 0.06, **values}
    return sim.STDPMechanism(sim.SpikePairRule(**timing), dependence, weight=0.004, delay=1.3)


def test_the_rules_are_those_of_the_library():
    found = {}
    for name, dependence in {
        "add": sim.AdditiveWeightDependence(w_max=0.01),
        "mul": sim.MultiplicativeWeightDependence(w_max=0.01),
        "mix": sim.AdditivePotentiationMultiplicativeDepression(w_max=0.01),
        "gut": sim.GutigWeightDependence(w_max=0.01, mu_plus=0.4, mu_minus=0.3),
    }.items():
        sim.setup(timestep=0.1)
        _, (one,) = connect(rule(dependence))
        assert one.synapse == "stdp" and one.delay.value == 1.3
        assert one.weight.value == pytest.approx(4.0)
        own = one.parameters
        assert (own["w_max"], own["lam"], own["alpha"]) == pytest.approx((10.0, 0.05, 1.2))
        assert (own["tau_plus"], own["tau_minus"]) == (17.0, 23.0)
        found[name] = own["mu_plus"], own["mu_minus"]
    assert found == {"add": (0, 0), "mul": (1, 1), "mix": (0, 1), "gut": (0.4, 0.3)}


@pytest.mark.parametrize("w_min", [0.0, 0.002])
@pytest.mark.parametrize("kind", ["Additive", "Multiplicative"])
def test_a_rule_with_a_lower_bound_is_its_equation(kind, w_min):
    """w changes by A_plus w_max x (additive) or A_plus (w_max - w) x, and stays within bounds."""
    plus, minus = (0.0, 0.06) if w_min == 0 else (0.05, 0.06)
    dependence = getattr(sim, f"{kind}WeightDependence")(w_min=w_min, w_max=0.01)
    _, (one,) = connect(rule(dependence, A_plus=plus))
    assert state.segment().network.synapse_of(one).same_as(stdp_bounded)
    pre, post, delay = (20, 55, 61, 90, 140), (30, 50, 72, 118), 13
    found, _ = sent(stdp_bounded, one.parameters, pre, post, delay, 4.0)
    w, low, high, additive = 4.0, 1000 * w_min, 10.0, kind == "Additive"
    x = y = 0.0
    expected, last = [], 0
    for step in sorted({*pre, *(t + delay for t in post)}):
        x, y = (v * np.exp(-0.1 * (step - last) / tau) for v, tau in ((x, 17.0), (y, 23.0)))
        last, here = step, step - delay in post
        if here:
            w = min(w + plus * (high if additive else high - w) * x, high)
        if step in pre:
            w = max(w - minus * (high if additive else w - low) * y, low)
            expected.append(w)
            x += 1
        y += here
    np.testing.assert_allclose([w for _, w in found], expected, rtol=1e-9)


def test_vogels_rule_is_that_of_the_paper():
    synapse = sim.STDPMechanism(
        sim.Vogels2011Rule(tau=20.0, eta=1e-4, rho=5.0), sim.AdditiveWeightDependence(w_max=0.01),
        weight=0.001,
    )  # fmt: skip
    _, (one,) = connect(synapse, receptor_type="inhibitory")
    assert (one.synapse, one.receptor) == ("vogels2011", "inhibitory")
    expected = {"tau": 20.0, "eta": 0.01, "alpha": 0.2, "w_max": 10.0}
    assert one.parameters == pytest.approx(expected)


def test_short_term_plasticity_has_the_time_constant_of_its_target():
    cell = sim.IF_cond_exp(tau_syn_E=[3.0, 3.0, 5.0, 5.0], tau_syn_I=7.0)
    synapse = sim.TsodyksMarkramSynapse(U=0.2, tau_rec=130.0, tau_facil=0.0, weight=0.001)
    _, found = connect(synapse, cell)
    assert [p.synapse for p in found] == ["tsodyks_uziel_markram"] * 2
    assert [p.parameters["tau_psc"] for p in found] == [3.0, 5.0]
    assert [list(p.rule.post) for p in found] == [[0, 1], [2, 3]]
    assert found[0].parameters["tau_fac"] == 0.001
    sim.setup(timestep=0.1)
    _, (one,) = connect(synapse, cell, receptor_type="inhibitory")
    assert one.parameters["tau_psc"] == 7.0
    sim.setup(timestep=0.1)
    _, (one,) = connect(synapse, sim.IF_curr_delta())
    assert one.synapse == "tsodyks_markram"


def test_synapses_that_differ_become_projections():
    by_source = np.repeat([[0.1], [0.2], [0.1], [0.2]], 4, axis=1)
    projection, found = connect(sim.TsodyksMarkramSynapse(U=by_source))
    assert [p.parameters["U"] for p in found] == [0.1, 0.2]
    assert [list(p.rule.pre) for p in found] == [[0, 2], [1, 3]]
    assert projection.get("U", format="list", with_address=False) == [0.1, 0.2, 0.1, 0.2]
    sim.setup(timestep=0.1)
    many = RandomDistribution("uniform", low=0.1, high=0.9, rng=NumpyRNG(1))
    with pytest.raises(UsageError, match="1100 different values for 1100 synapses; allowed: 1000"):
        connect(sim.TsodyksMarkramSynapse(U=many), size=1100)


def test_what_is_not_carried_is_refused_by_name():
    pairs, additive = sim.SpikePairRule(), sim.AdditiveWeightDependence()
    with pytest.raises(UsageError, match="whole delay is dendritic"):
        sim.STDPMechanism(pairs, additive, dendritic_delay_fraction=0.5)
    with pytest.raises(UsageError, match="no weight_dependence"):
        sim.STDPMechanism(pairs)
    with pytest.raises(UsageError, match="allowed: AdditiveWeightDependence"):
        sim.STDPMechanism(sim.Vogels2011Rule(), sim.MultiplicativeWeightDependence())
    with pytest.raises(UsageError, match="initial value of 'u'"):
        connect(sim.TsodyksMarkramSynapse())[0].initialize(u=0.5)


def test_nest_says_which_rules_it_has():
    sim.setup(timestep=0.1, backend="nest")
    projection, _ = connect(rule(sim.AdditiveWeightDependence(w_min=0.001, w_max=0.01)))
    with pytest.raises(UnsupportedError, match="equations of 'stdp_bounded', only those of"):
        projection.get("weight", format="list")


@pytest.fixture(scope="module")
def of_pynn(tmp_path_factory):
    """Return spikes, potentials and weights of pyNN.nest."""
    file = tmp_path_factory.mktemp("pynn") / "found.npz"
    script = [sys.executable, HERE / "rules.py", file]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(file)


def test_spikes_and_weights_are_those_of_pynn(of_pynn, tmp_path):
    found = learning(sim, backend="nest", out=tmp_path)
    assert set(found) == set(of_pynn)
    for name, values in found.items():
        theirs = of_pynn[name]
        if name.endswith("spikes"):
            np.testing.assert_allclose(values, theirs, atol=1e-9)
            assert len(values) > 20 or name.startswith("short")
        else:
            np.testing.assert_allclose(values, theirs, rtol=0, atol=1e-6)
    moved = [np.ptp(found[f"{name}_weights"]) for name in STDP]
    assert min(moved) > 0.05 and not np.ptp(found["short_weights"])


def test_callbacks_may_ask_for_weights_in_one_run(tmp_path):
    def begin():
        sim.setup(timestep=0.1, backend="nest", out=tmp_path)
        times = [[5.0, 25.0, 52.0], [8.0, 40.0, 58.0]]
        sources = sim.Population(2, sim.SpikeSourceArray(spike_times=times))
        cells = sim.Population(2, sim.IF_curr_exp(i_offset=1.2))
        synapse = sim.STDPMechanism(
            sim.SpikePairRule(),
            sim.AdditiveWeightDependence(w_max=0.1),
            weight=np.array([[0.05, 0.05], [0.06, 0.06]]),
        )
        return sources, sim.Projection(sources, cells, sim.AllToAllConnector(), synapse)

    def weights(projection):
        return projection.get("weight", format="list", with_address=False)

    alone = []
    for end in (20.0, 40.0, 60.0):
        _, projection = begin()
        sim.run(end)
        alone.append(weights(projection))
    assert alone[0] != alone[1] != alone[2]
    before = set(tmp_path.glob("*.h5"))
    sources, projection = begin()
    asked = {}

    def ask(t):
        asked[t] = weights(projection)
        return t + 20.0

    sim.run(60.0, callbacks=[ask])
    assert asked[0.0] == [0.05, 0.06, 0.05, 0.06]
    np.testing.assert_allclose([asked[t] for t in (20.0, 40.0, 60.0)], alone, atol=1e-12)
    assert len(set(tmp_path.glob("*.h5")) - before) == 1
    # what is changed on the way begins anew, and what was asked for before stays
    sources, projection = begin()
    found = []

    def change(t):
        found.append(weights(projection))
        if t == 20.0:
            sources[0:1].set(spike_times=[30.0])
        return t + 20.0

    sim.run(60.0, callbacks=[change])
    np.testing.assert_allclose(found[1], alone[0], atol=1e-12)
    assert np.abs(np.subtract(found[2], alone[1])).max() > 1e-5
