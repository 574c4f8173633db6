"""Spike sources of PyNN: what they emit, and what becomes of changes while the clock runs."""

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

from pyNN.errors import InvalidParameterValueError
from pyNN.parameters import Sequence
from scipy.stats import gamma, kstest

import netspec.pynn as sim
from netspec.errors import NetspecWarning, UsageError
from netspec.pynn.state import state
from netspec.realise.counters import PoissonCounter

DT = 0.1  # of `on_brian2`
pytestmark = pytest.mark.usefixtures("on_brian2")


def trains(population):
    """Return the spike times that the description has, by cell, without a run."""
    network = state.segment().network
    found = [[] for _ in range(population.size)]
    for given in network.spike_inputs:
        for time, cell in zip(given.times, given.neurons, strict=True):
            found[cell].append(time)
    return [sorted(times) for times in found]


def recorded(population):
    segment = population.get_data().segments[0]
    return [np.asarray(train.magnitude).tolist() for train in segment.spiketrains]


def test_given_spikes_are_emitted_as_given_and_change_from_then_on():
    sources = sim.Population(2, sim.SpikeSourceArray(spike_times=[Sequence([3, 12, 15, 18, 40]),
                                                                  Sequence([5, 30])]))  # fmt: skip
    sources.record("spikes")
    sim.run(20.0)
    assert trains(sources) == [[3, 12, 15, 18], [5]]
    sources[0:1].set(spike_times=[22, 25])
    sim.run(20.0)
    assert trains(sources) == [[3, 12, 15, 18, 22, 25], [5, 30]]
    sources.set(spike_times=[])
    sim.run(20.0)
    assert recorded(sources) == [[3, 12, 15, 18, 22, 25], [5, 30]]
    sim.reset()
    sources.set(spike_times=Sequence([7.0]))
    sim.run(10.0)
    assert [t.magnitude.tolist() for t in sources.get_data().segments[1].spiketrains] == [[7], [7]]


def test_spikes_that_have_passed_or_meet_in_a_step_are_told():
    sources = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 1.02, 5.0]))
    sim.run(10.0)
    with pytest.warns(NetspecWarning, match="1 of 3 spikes .* time step of another"):
        assert trains(sources) == [[1.0, 5.0]]
    sources.set(spike_times=[4.0, 10.0, 11.0])
    sim.run(10.0)
    with pytest.warns(NetspecWarning, match="2 spikes .* had passed"):
        assert trains(sources) == [[1.0, 5.0, 11.0]]
    sim.setup(timestep=DT)
    at_zero = sim.Population(1, sim.SpikeSourceArray(spike_times=[0.0, 2.0]))
    sim.run(5.0)
    with pytest.warns(NetspecWarning, match="t = 0 ms"):
        assert trains(at_zero) == [[0.1, 2.0]]


@pytest.mark.parametrize("times", [[3.0, 2.0], [-1.0, 2.0]])
def test_spike_times_in_disorder_are_refused(times):
    with pytest.raises(InvalidParameterValueError, match="do not decrease"):
        sim.Population(2, sim.SpikeSourceArray(spike_times=times))
    sources = sim.Population(2, sim.SpikeSourceArray())
    with pytest.raises(InvalidParameterValueError, match="do not decrease"):
        sources.set(spike_times=times)


def test_poisson_sources_that_are_alike_are_a_poisson_input():
    sources = sim.Population(40, sim.SpikeSourcePoisson(rate=100.0, start=5.0, duration=80.0))
    sources.record("spikes")
    sim.run(30.0)
    sources.set(rate=300.0)
    sim.run(70.0)
    (given,) = state.segment().network.poisson_inputs
    assert not state.segment().network.spike_inputs
    # at most one spike a step, with the probability rate*dt
    course = given.course(state.segment().simulation)
    assert [step for step, _ in course] == [50, 300, 850]
    chances = [1 - np.exp(-rate * DT / 1000) for _, rate in course]
    np.testing.assert_allclose(chances, [0.01, 0.03, 0], atol=1e-12)
    found = recorded(sources)
    counts = [
        sum(low < t <= high for train in found for t in train)
        for low, high in ((0, 5), (5, 30), (30, 85), (85, 100))
    ]
    assert counts[0] == counts[3] == 0
    assert abs(counts[1] - 100) < 40 and abs(counts[2] - 660) < 100


def test_poisson_sources_that_differ_have_the_numbers_of_those_that_do_not():
    def spikes(changed):
        sim.setup(timestep=DT, seed=3)
        sources = sim.Population(30, sim.SpikeSourcePoisson(rate=200.0), label="sources")
        if changed:
            sources[7:8].set(rate=900.0)
        sim.run(100.0)
        return state.segment().network, trains(sources)

    alike, nothing = spikes(False)
    _, drawn = spikes(True)
    assert not any(nothing)
    (given,) = alike.poisson_inputs
    numbers = PoissonCounter.of(3, given.name, given.rate * DT / 1000, 30).numbers(0, 1000)
    for cell, train in enumerate(drawn):
        expected = (np.flatnonzero(numbers[:, cell]) + 1) * DT
        if cell != 7:
            np.testing.assert_allclose(train, expected, atol=1e-9)
    assert len(drawn[7]) > 60


@pytest.mark.parametrize("label", ["a", "b", "x0_", "x5_"])  # names key what is drawn
def test_a_run_that_goes_on_has_the_spikes_it_had(label):
    kinds = [
        sim.SpikeSourcePoisson(rate=[50.0, 80.0]),
        sim.SpikeSourcePoissonRefractory(rate=[50.0, 80.0], tau_refrac=4.0),
        sim.SpikeSourceGamma(alpha=[2.0, 3.0], beta=200.0, start=10.0),
        sim.SpikeSourceInhGamma(a=Sequence([2.0, 4.0]), b=Sequence([0.005, 0.002]),
                                tbins=Sequence([0.0, 60.0])),
    ]  # fmt: skip
    populations = [sim.Population(2, kind, label=f"{label}{k}") for k, kind in enumerate(kinds)]
    sim.run(200.0)
    before = trains_of(populations)
    populations[1].set(rate=200.0)
    sim.run(200.0)
    after = trains_of(populations)
    for short, long in zip(before, after, strict=True):
        assert [t for t in long if t <= 200.0] == short
    assert len(after[2]) - len(before[2]) > 20 > len(before[2])  # what was set at 200 ms


def trains_of(populations):
    """Return the trains of all cells, one after the other."""
    network, names = state.segment().network, state.segment().description.names
    found = {name: {} for name in names.values()}
    for given in network.spike_inputs:
        for time, cell in zip(given.times, given.neurons, strict=True):
            found[given.target].setdefault(cell, []).append(time)
    return [sorted(found[names[p]].get(k, [])) for p in populations for k in range(p.size)]


def test_renewal_processes_have_their_intervals():
    refractory = sim.Population(20, sim.SpikeSourcePoissonRefractory(rate=60.0, tau_refrac=6.0))
    regular = sim.Population(20, sim.SpikeSourceGamma(alpha=5.0, beta=300.0))
    changing = sim.Population(
        20, sim.SpikeSourceInhGamma(a=Sequence([5.0]), b=Sequence([1 / 300]), tbins=Sequence([0.0]))
    )
    sim.run(8000.0)
    found = trains_of([refractory, regular, changing])
    intervals = [np.concatenate([np.diff(t) for t in found[k : k + 20]]) for k in (0, 20, 40)]
    free = 1000 / 60 - 6
    assert intervals[0].min() > 6 - DT
    assert kstest(intervals[0] - 6, "expon", args=(0, free)).statistic < 0.03
    for one in intervals[1:]:
        assert kstest(one, gamma(5.0, scale=1000 / 300).cdf).statistic < 0.03
        assert len(one) > 8000


def test_rates_that_leave_no_step_free_are_refused():
    sim.Population(3, sim.SpikeSourcePoisson(rate=[10.0, 10_000.0, 20.0]))
    sim.run(10.0)
    with pytest.raises(UsageError, match=r"below 10000 Hz.*one spike in a step of 0\.1 ms"):
        state.segment()
    sim.setup(timestep=DT)
    with pytest.raises(InvalidParameterValueError, match="dead time"):
        sim.Population(3, sim.SpikeSourcePoissonRefractory(rate=100.0, tau_refrac=10.0))
    with pytest.raises(InvalidParameterValueError, match="a from 1 on"):
        sim.Population(1, sim.SpikeSourceInhGamma(a=Sequence([0.5]), b=Sequence([1.0]),
                                                  tbins=Sequence([0.0])))  # fmt: skip


def background(recorded=False, connector=None, rate=20_000.0):
    """Return cells behind Poisson sources that double their rate after 20 ms."""
    cells = sim.Population(50, sim.IF_cond_exp(v_thresh=1000.0, tau_syn_E=5.0), label="cells")
    sources = sim.Population(50, sim.SpikeSourcePoisson(rate=rate, start=4.0), label="sources")
    if recorded:
        sources.record("spikes")
    sim.Projection(sources, cells, connector or sim.OneToOneConnector(),
                   sim.StaticSynapse(weight=0.01, delay=1.5), label="input")  # fmt: skip
    cells.record("gsyn_exc")
    sim.run(20.0)
    sources.set(rate=2 * rate)
    sim.run(20.0)
    return cells


def test_one_source_for_each_cell_is_a_poisson_input_of_any_rate():
    cells = background()
    network = state.segment().network
    (given,) = network.poisson_inputs
    assert [p.name for p in network.populations] == ["cells"] and not network.projections
    assert (given.target, given.weight, given.receptor) == ("cells", 10.0, "excitatory")
    # a source that fires in a step that begins at t is felt at the end of that step, 1.5 ms later
    course = given.course(state.segment().simulation)
    assert course == ((55, 20_000.0), (215, 40_000.0))
    found = cells.get_data().segments[0].filter(name="gsyn_exc")[0].magnitude
    assert not found[:56].any() and found[56].any()
    # the mean of many exponentials: rate * weight * tau
    assert abs(found[-50:].mean() - 40 * 0.01 * 5 * (1 - np.exp(-3.5))) < 0.1


@pytest.mark.parametrize("values", [{"recorded": True}, {"connector": sim.AllToAllConnector()}])
def test_other_sources_are_neurons(values):
    background(**values, rate=2000.0)
    assert [p.name for p in state.segment().network.populations] == ["cells", "sources"]
    sim.setup(timestep=DT)
    background(**values)
    with pytest.raises(UsageError, match="one source for each cell"):
        state.segment()


@pytest.mark.parametrize(
    ("kind", "given"),
    [("SpikeSourcePoisson", {"rate": [10.0, np.nan]}),
     ("SpikeSourcePoissonRefractory", {"rate": [10.0, np.nan], "tau_refrac": 1.0}),
     ("SpikeSourceGamma", {"alpha": 2, "beta": [10.0, np.nan]})],
)  # fmt: skip
def test_parameters_that_are_no_numbers_are_refused(kind, given):
    with pytest.raises(InvalidParameterValueError, match="allowed: "):
        sim.Population(2, getattr(sim, kind)(**given))


def test_a_spike_time_that_is_no_number_is_refused():
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, np.nan]))
    source.record("spikes")
    sim.run(5.0)
    with pytest.raises(ValueError, match="given nan as a time"):
        source.get_data()


def test_a_script_that_is_told_again_has_the_same_spikes(tmp_path):
    found = []
    for _ in range(2):
        sim.setup(timestep=DT, out=tmp_path)
        sources = sim.Population(2, sim.SpikeSourceGamma(alpha=2.0, beta=200.0))
        sim.run(50.0)
        found.append((sources.label, trains(sources)))
    assert found[0] == found[1] and found[0][1][0]
