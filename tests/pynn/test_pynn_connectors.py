"""Every connector of PyNN's draws the synapses here that it draws on PyNN's own mock simulator."""

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

import pyNN.mock
from pyNN.core import IndexBasedExpression
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.space import Space

import netspec.pynn as sim

PRE, POST = 9, 7


def rng():
    return NumpyRNG(seed=2468)


class Far(IndexBasedExpression):
    """A probability that grows with how far apart two indices are."""

    def __call__(self, i, j):
        return np.abs(i - j) / 9


CONNECTORS = {
    "all_to_all": lambda s: s.AllToAllConnector(),
    "all_but_self": lambda s: s.AllToAllConnector(allow_self_connections=False),
    "probability": lambda s: s.FixedProbabilityConnector(0.3, rng=rng()),
    "distance": lambda s: s.DistanceDependentProbabilityConnector("exp(-d/3)", rng=rng()),
    "number_pre": lambda s: s.FixedNumberPreConnector(4, rng=rng()),
    "number_pre_again": lambda s: s.FixedNumberPreConnector(4, rng=rng(), with_replacement=True),
    "number_post": lambda s: s.FixedNumberPostConnector(3, rng=rng()),
    "number_post_again": lambda s: s.FixedNumberPostConnector(3, rng=rng(), with_replacement=True),
    "total": lambda s: s.FixedTotalNumberConnector(20, rng=rng()),
    "list": lambda s: s.FromListConnector([(0, 1, 0.1, 0.5), (0, 1, 0.2, 1.5), (8, 6, 0.3, 0.7)]),
    "displacement": lambda s: s.DisplacementDependentProbabilityConnector(
        lambda d: np.abs(d[0]) < 2.5, rng=rng()
    ),
    "index": lambda s: s.IndexBasedProbabilityConnector(Far(), rng=rng()),
    "array": lambda s: s.ArrayConnector(np.add.outer(np.arange(PRE), np.arange(POST)) % 3 == 0),
}


def drawn(simulator, connector, view):
    """Return (source, target, weight, delay) of all synapses, in order of these."""
    simulator.setup(timestep=0.1, min_delay=0.1)
    pre = simulator.Population(PRE, simulator.IF_curr_exp())
    post = simulator.Population(POST, simulator.IF_curr_exp())
    if view:
        pre, post = pre[1:], post[[0, 2, 3, 5, 6]]
    weights = RandomDistribution("uniform", (0.1, 0.9), rng=NumpyRNG(seed=13))
    synapse = simulator.StaticSynapse(weight=weights, delay=lambda d: 0.2 + 0.1 * d)
    projection = simulator.Projection(pre, post, connector(simulator), synapse, space=Space())
    return sorted(projection.get(["weight", "delay"], format="list"))


@pytest.mark.parametrize("view", [False, True], ids=["populations", "views"])
@pytest.mark.parametrize("name", CONNECTORS)
def test_the_synapses_are_those_of_the_mock_simulator(name, view):
    if view and name in ("list", "array"):
        pytest.skip("it names cells of the populations")
    expected = drawn(pyNN.mock, CONNECTORS[name], view)
    assert len(expected) >= 3
    found = drawn(sim, CONNECTORS[name], view)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    np.testing.assert_array_equal(np.array(found), np.array(expected))


def test_a_clone_has_the_same_pairs():
    sim.setup(timestep=0.1)
    p = sim.Population(PRE, sim.IF_curr_exp())
    first = sim.Projection(p, p, sim.FixedProbabilityConnector(0.3, rng=rng()))
    again = sim.Projection(p, p, sim.CloneConnector(first), sim.StaticSynapse(weight=0.5))
    pairs = [[row[:2] for row in prj.get("weight", format="list")] for prj in (first, again)]
    assert len(pairs[0]) > 10 and sorted(pairs[0]) == sorted(pairs[1])
