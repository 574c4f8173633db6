"""What a seed decides in a network, judged by what another seed draws."""

import numpy as np
import pytest

from netspec.circuits import inhibitory_balance, microcircuit, working_memory
from netspec.describe.chance import left_to_chance
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.realise import drawing

SYNAPSES = [
    ({"rule": "one_to_one", "weight": 100}, False),
    ({"rule": "all_to_all", "weight": 100, "delay": 2}, False),
    ({"rule": {"kind": "explicit", "pre": [0, 1], "post": [2, 3]}, "weight": 100}, False),
    ({"rule": {"kind": "pairwise_bernoulli", "p": 0.5}, "weight": 100}, True),
    ({"rule": {"kind": "fixed_indegree", "indegree": 3}, "weight": 100}, True),
    ({"rule": {"kind": "fixed_total_number", "number": 9}, "weight": 100}, True),
    ({"rule": "one_to_one", "weight": {"kind": "normal", "mean": 100, "sd": 10}}, True),
    ({"rule": "one_to_one", "weight": {"kind": "normal", "mean": 100, "sd": 0}}, False),
    ({"rule": "one_to_one", "weight": 100,
      "delay": {"kind": "uniform", "low": 1, "high": 5}}, True),
    ({"rule": {"kind": "explicit", "pre": [0], "post": [2], "weight": [70], "delay": [3]},
      "weight": {"kind": "normal", "mean": 100, "sd": 10},
      "delay": {"kind": "uniform", "low": 1, "high": 5}}, False),
]  # fmt: skip
VALUES = [
    ({"V_m": -60.0}, False),
    ({"V_m": [-60.0 + i for i in range(8)]}, False),
    ({"V_m": "E_L + 0.1*mV*i"}, False),
    ({"V_m": {"kind": "uniform", "low": -65, "high": -60}}, True),
]


def network(**pieces):
    one = {"name": "A", "size": 8, "model": "iaf_psc_exp"} | pieces.pop("population", {})
    return Network(name="chance", populations=[one], **pieces)


@pytest.mark.parametrize("given, drawn", SYNAPSES)
def test_synapses_are_left_to_chance_where_another_seed_draws_others(given, drawn):
    one = {"name": "AA", "pre": "A", "post": "A", "receptor": "excitatory"}
    found = network(projections=[one | given])
    a, b = (
        drawing.synapses(found, found.projections[0], Simulation(dt=0.1, duration=1, seed=s))
        for s in (1, 2)
    )
    differs = len(a) != len(b) or any(
        not np.array_equal(x, y)
        for x, y in ((a.pre, b.pre), (a.post, b.post), (a.weights(), b.weights()),
                     (a.delays(), b.delays()))
    )  # fmt: skip
    assert differs is drawn
    assert left_to_chance(found) == (("synapses",) if drawn else ())


@pytest.mark.parametrize("initial, drawn", VALUES)
def test_values_are_left_to_chance_where_another_seed_draws_others(initial, drawn):
    found = network(population={"initial": initial})
    a, b = (
        drawing.initial_values(found, "A", Simulation(dt=0.1, duration=1, seed=s))["V_m"]
        for s in (1, 2)
    )
    assert (not np.array_equal(a, b)) is drawn
    assert left_to_chance(found) == (("values",) if drawn else ())


def test_input_that_is_drawn_and_input_that_is_given():
    poisson = {"name": "p", "target": "A", "receptor": "excitatory", "rate": 10, "weight": 50}
    assert left_to_chance(network(poisson_inputs=[poisson])) == ("events",)
    noise = {"name": "n", "target": "A", "port": "I_stim", "mean": 1, "sd": 5, "every": 1}
    assert left_to_chance(network(noise_currents=[noise])) == ("noise",)
    current = {"name": "i", "target": "A", "port": "I_stim", "amplitude": 300}
    spikes = {"name": "s", "target": "A", "receptor": "excitatory", "weight": 50,
              "times": [1.0], "neurons": [0]}  # fmt: skip
    assert left_to_chance(network(current_inputs=[current], spike_inputs=[spikes])) == ()
    escapes = network(population={"model": "gif_psc_exp"})
    assert left_to_chance(escapes) == ("noise",)


def test_the_circuits_leave_to_chance_what_their_publications_do():
    assert left_to_chance(microcircuit(scale=0.1)) == ("synapses", "values", "events")
    assert "events" in left_to_chance(working_memory())
    assert "synapses" in left_to_chance(inhibitory_balance(scale=0.05))
