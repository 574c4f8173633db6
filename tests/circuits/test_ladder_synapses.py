"""The ladder's rung of synapses that change: pairs of spikes at every distance, at every delay."""

import json

import numpy as np
import pytest

from netspec import Network, Simulation
from netspec.describe.serialization import canonical_json, network_from
from netspec.validation.ladder import climb, networks, plastic
from netspec.validation.ladder.bench import Bench
from netspec.validation.ladder.synapses import sent

SIMULATION = Simulation(dt=0.1, warmup=0.0, duration=1.0, seed=3)


def learning(**more):
    """Return two populations, with synapses that change between and within them."""
    rule = {"kind": "fixed_indegree", "indegree": 4}
    return Network(
        name="learning",
        populations=[{"name": n, "size": 8, "model": "iaf_psc_exp"} for n in "AB"],
        projections=[
            {"name": "A_B", "pre": "A", "post": "B", "receptor": "excitatory", "rule": rule,
             "weight": 60.0, "delay": 1.5, "synapse": "stdp",
             "parameters": {"w_max": 120.0, "lam": 0.1}},
            {"name": "B_B", "pre": "B", "post": "B", "receptor": "excitatory", "rule": rule,
             "weight": 60.0, "synapse": "stdp", "parameters": {"w_max": 120.0, "lam": 0.1}},
        ],
        poisson_inputs=[{"name": "drive", "target": "A", "receptor": "excitatory",
                         "rate": 4000.0, "weight": 60.0}],
        **more,
    )  # fmt: skip


def test_pairs_are_of_every_distance_and_delay_and_some_coincide():
    found = plastic.pairs(0.1)
    assert {p.delay for p in found} == {1, 2, 15, 39}
    first = plastic.FIRST / 0.1
    distances = {round(0.1 * (p.post[0] - first)) for p in found if len(p.post) == 1}
    assert min(distances) == -40 and max(distances) == 40
    for delay in (1, 2, 15, 39):
        shifts = [p.post[1] + delay - p.pre[1] for p in found if p.delay == delay and p.post[1:]]
        assert shifts == [-1, 0, 1]
    # what a rule of another order would carry is another weight
    network = learning()
    tried, made, weight = plastic.protocol(
        network.projections[0], network.synapse_models["stdp"], 0.1
    )
    carried = [sent(network.synapse_models["stdp"], tried.projections[0].parameters, p.pre, p.post,
                    p.delay, weight)[0][1][1] for p in made if p.post[1:]]  # fmt: skip
    assert np.abs(np.diff(np.reshape(carried, (4, 3)), axis=1)).min() > 1e-4 * weight


def test_one_rule_is_tried_once_and_found_to_be_exact(tmp_path):
    bench = Bench("brian2", tmp_path, seed=1, options={"codegen": "numpy"})
    found, runs = plastic.figures(bench, learning(), 0.1)
    assert len(runs) == 1
    assert found["synapses with other events"].value == 0
    assert found["events of synapses that change"].value == 3 * 56
    assert 0 <= found["weights carried off (share)"].value < plastic.STRICT
    assert plastic.figures(bench, plastic.without_change(learning()), 0.1) == ({}, [])


def _later(data, shift):
    """Shift all spikes of the targets, by a number of steps that depends on the pair."""
    (source,) = (s for s in data["spike_inputs"] if s["target"] == "target")
    delays = data["projections"][0]["rule"]["delay"]
    source["times"] = [
        time + 0.1 * shift(round(delays[neuron] / 0.1))
        for time, neuron in zip(source["times"], source["neurons"], strict=True)
    ]


MUTANTS = {
    "a trace that lasts longer": lambda d: d["projections"][0]["parameters"].update(tau_plus=21.0),
    "ties told apart": lambda d: _later(d, lambda delay: 1),
    "delay before the synapse": lambda d: _later(d, lambda delay: -delay),
    "depression of half the size": lambda d: d["projections"][0]["parameters"].update(alpha=0.5),
}


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(name, marks=pytest.mark.long if number > 1 else ())
     for number, name in enumerate(MUTANTS)],
)  # fmt: skip
def test_a_rule_that_is_a_little_wrong_is_found(tmp_path, mutant):
    class Wrong(Bench):
        def run(self, network, *args, **how):
            data = json.loads(canonical_json(network))
            MUTANTS[mutant](data)
            return super().run(network_from(data), *args, **how)

    bench = Wrong("brian2", tmp_path, seed=1, options={"codegen": "numpy"})
    found, _ = plastic.figures(bench, learning(), 0.1)
    assert found["synapses with other events"].value == 0
    assert found["weights carried off (share)"].value > 1e5 * plastic.STRICT


def test_a_replay_keeps_the_synapses_that_change():
    network = learning(synapse_models={})
    replayed = networks.replay(network, SIMULATION, 3)
    assert [model.name for _, model in replayed.plastic()] == ["stdp", "stdp"]
    assert plastic.without_change(network).plastic() == []


@pytest.mark.long
@pytest.mark.parametrize("backend", ["nest", "brian2", "genn", "neuron"], indirect=True)
def test_a_network_that_learns_climbs_the_ladder(backend, tmp_path):
    ladder = climb(learning(), [backend], SIMULATION, out=tmp_path)
    assert {rung.level: rung.status for rung in ladder.rungs} == dict.fromkeys(
        ("L0", "L1", "L2", "L3"), "passed"
    )
    (synapse,) = (rung for rung in ladder.rungs if rung.level == "L2")
    assert synapse.tolerance["weights carried off (share)"] == plastic.STRICT
