"""Synapses of PyNN that release at random, behind spike sources: frequencies and their courses."""

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="PyNN is not installed")

import netspec.pynn as sim
from netspec.describe.chance import left_to_chance
from netspec.describe.synapse_models import SYNAPSES
from netspec.errors import UsageError
from netspec.pynn.state import state
from netspec.validation.ladder.synapses import sent

TIMES = np.array([10.0, 20.0, 25.0, 60.0, 200.0])
CELLS = 4000


@pytest.fixture(autouse=True)
def begin():
    sim.setup(timestep=0.1, seed=4)
    yield
    sim.setup()


def released(synapse, until=210.0, cells=CELLS, **parameters):
    """Return the number of quanta of every spike and synapse."""
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=TIMES))
    targets = sim.Population(cells, sim.IF_curr_exp(), label="cells")
    kind = getattr(sim, synapse)(weight=0.01, delay=1.5, **parameters)
    sim.Projection(source, targets, sim.AllToAllConnector(), kind, label="released")
    sim.run(until)
    return quanta(cells)


def quanta(cells):
    network = state.segment().network
    assert not network.projections
    (given,) = network.spike_inputs[1:]
    found = np.zeros((len(TIMES), cells))
    times, weights = (np.asarray(column) for column in (given.times, given.weight))
    spike = np.searchsorted(TIMES, times - 1.5 - 0.05)
    np.testing.assert_allclose(times, TIMES[spike] + 1.5, atol=1e-9)
    found[spike, np.asarray(given.neurons)] = weights / 10.0
    return found


def near(found, share, sites=1):
    """Return whether frequencies are within 4.5 standard errors of a share."""
    error = np.sqrt(np.maximum(share * (1 - share), 1e-4) / (CELLS * sites))
    return bool((np.abs(found - share) < 4.5 * error).all())


def test_a_share_of_the_spikes_is_transmitted():
    found = released("SimpleStochasticSynapse", p=0.3)
    assert set(np.unique(found)) == {0.0, 1.0}
    assert near(found.mean(axis=1), 0.3)
    # of each pair of spikes, and of neighbours, independently
    together = (found[0] * found[1]).mean(), (found[:, 1:] * found[:, :-1]).mean()
    assert near(np.array(together), 0.09)


@pytest.mark.parametrize(("p", "count"), [(0.0, 0), (1.0, CELLS)])
def test_nothing_and_everything_are_sure(p, count):
    if count:
        assert (released("SimpleStochasticSynapse", p=p).sum(axis=1) == count).all()
    else:
        with pytest.raises(ValueError, match="not enough values"):
            released("SimpleStochasticSynapse", p=p)


@pytest.mark.parametrize(("kind", "n"), [("StochasticTsodyksMarkramSynapse", 1),
                                         ("MultiQuantalSynapse", 5)])  # fmt: skip
def test_the_mean_is_that_of_the_deterministic_synapse(kind, n):
    """A site is full with the probability that Tsodyks & Markram (1998) have for resources."""
    own = {"U": 0.4, "tau_rec": 60.0, "tau_facil": 90.0}
    found = released(kind, **own, **({"n": n} if n > 1 else {}))
    parameters = {"U": 0.4, "tau_rec": 60.0, "tau_fac": 90.0}
    steps = np.rint(TIMES * 10).astype(int).tolist()
    events, _ = sent(SYNAPSES["tsodyks_markram"], parameters, steps, [], 15, 1.0)
    expected = np.array([value for _, value in events])
    assert near(found.mean(axis=1) / n, expected, n)
    assert found.max() == n and np.ptp(expected) > 0.2


def test_what_is_released_is_that_of_the_spikes_that_every_seed_has():
    """Behind Poisson sources that are all alike, whose spikes a run would draw by its seed."""
    source = sim.Population(20, sim.SpikeSourcePoisson(rate=50.0), label="source")
    source.record("spikes")
    targets = sim.Population(20, sim.IF_curr_exp(), label="cells")
    sim.run(100.0)
    drawn = state.segment().network
    assert left_to_chance(drawn) == ("events",)
    spikes = source.get_data().segments[0].spiketrains
    sim.reset()
    kind = sim.SimpleStochasticSynapse(weight=0.01, delay=1.0, p=1.0)
    sim.Projection(source, targets, sim.OneToOneConnector(), kind, label="released")
    sim.run(100.0)
    network = state.segment().network
    assert left_to_chance(network) == ()
    given, events = network.spike_inputs
    for cell, train in enumerate(spikes):
        # of the seed of setup(), they are those that a run draws
        for piece, delay in ((given, 0.0), (events, 1.0)):
            times = np.sort(np.asarray(piece.times)[np.asarray(piece.neurons) == cell])
            np.testing.assert_allclose(times, train.magnitude + delay, atol=1e-9)


def test_a_run_that_goes_on_has_the_events_it_had():
    short = released("MultiQuantalSynapse", until=80.0, cells=50, n=3)
    sim.run(200.0)
    np.testing.assert_array_equal(quanta(50)[:4], short[:4])


def test_what_is_not_known_beforehand_is_refused():
    cells = sim.Population(3, sim.IF_curr_exp())
    kind = sim.SimpleStochasticSynapse(weight=0.1, p=0.5)
    sim.Projection(cells, cells, sim.AllToAllConnector(), kind, label="loop")
    sim.run(1.0)
    with pytest.raises(UsageError, match="'loop': SimpleStochasticSynapse behind neurons"):
        state.segment()
    sim.setup()
    source = sim.Population(1, sim.SpikeSourceArray())
    kind = sim.MultiQuantalSynapse(n=5, U=0.3)
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), kind)
    projection.initialize(a=5, u=0.3)
    with pytest.raises(UsageError, match="initial value of 'a'; allowed: a = n"):
        projection.initialize(a=4)
