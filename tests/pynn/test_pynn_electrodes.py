"""Current sources of PyNN: the current, step by step, as recorded and as felt."""

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

import netspec.pynn as sim
from netspec.errors import UsageError
from netspec.pynn.state import state
from netspec.realise.noise import NoiseCounter

DT = 0.1  # of `on_brian2`
pytestmark = pytest.mark.usefixtures("on_brian2")


def cells(size=1, **parameters):
    return sim.Population(size, sim.IF_curr_exp(v_thresh=0.0, **parameters))


def current(source):
    data = source.get_data()
    np.testing.assert_allclose(data.times.magnitude, DT * np.arange(len(data)), atol=1e-9)
    return data.magnitude[:, 0]


def test_v_m_is_the_solution_of_the_currents_that_are_recorded():
    """C dV/dt = -C (V - E)/tau + I, with the current of each step, exactly."""
    population = cells(5, tau_m=20.0, cm=1.0)
    population.record("v")
    sources = [
        sim.DCSource(amplitude=0.3, start=5.0, stop=12.0),
        sim.StepCurrentSource(times=[2.0, 8.02, 8.04, 20.0], amplitudes=[0.1, 9.0, -0.2, 0.4]),
        sim.ACSource(amplitude=0.4, offset=0.1, frequency=50.0, phase=30.0, start=3.0, stop=25.0),
        sim.NoisyCurrentSource(mean=0.2, stdev=0.3, dt=0.5, start=4.0, stop=21.0),
    ]
    for cell, source in enumerate(sources):
        source.inject_into(population[cell : cell + 1])
        source.record()
    sources[0].inject_into([population[4]])
    population[4].inject(sources[1])
    sim.run(30.0)
    v = population.get_data().segments[0].filter(name="v")[0].magnitude
    felt = [current(source) for source in sources]
    felt.append(felt[0] + felt[1])
    keep = np.exp(-DT / 20.0)
    for cell, levels in enumerate(felt):
        assert len(levels) == len(v) == 301 and np.ptp(levels) > 0.1
        expected = [-65.0]
        for level in levels[:-1]:
            rest = -65.0 + 20.0 * level
            expected.append(rest + (expected[-1] - rest) * keep)
        np.testing.assert_allclose(v[:, cell], expected, rtol=0, atol=1e-9)
    # of two times in one step the last one counts
    assert felt[1][[19, 20, 79, 80, 199, 200]].tolist() == [0, 0.1, 0.1, -0.2, -0.2, 0.4]
    at = 3.0 + DT * np.arange(220) - 3.0
    sine = 0.1 + 0.4 * np.sin(2 * np.pi * 50.0 * at / 1000 + np.pi / 6)
    np.testing.assert_allclose(felt[2][30:250], sine, atol=1e-12)
    assert not felt[2][:30].any() and not felt[2][250:].any()


def test_noise_is_netspecs_by_counter():
    population = cells(3)
    noise = sim.NoisyCurrentSource(mean=0.2, stdev=0.3, dt=0.5, start=4.0)
    noise.inject_into(population[1:])
    noise.record()
    sim.run(30.0)
    found = current(noise)
    network, simulation = state.segment().network, state.segment().simulation
    (piece,) = network.noise_currents
    assert (piece.mean, piece.sd, piece.neurons, piece.every) == (200.0, 300.0, (1, 2), 0.5)
    numbers = [level[0] / 1000 for _, level in NoiseCounter.of(piece, simulation, [1]).changes()]
    expected = np.repeat(numbers[:-1], 5)
    np.testing.assert_allclose(found[40:300], expected, atol=1e-12)
    assert not found[:40].any() and abs(expected.std() - 0.3) < 0.1
    sim.run(10.0)
    np.testing.assert_array_equal(current(noise)[:300], found[:300])


def test_what_is_changed_while_the_clock_runs_holds_from_then_on():
    population = cells(2)
    source = sim.DCSource(amplitude=0.1, start=5.0, stop=25.0)
    noise = sim.NoisyCurrentSource(mean=0.5, stdev=0.0)
    source.inject_into(population[:1])
    source.record()
    noise.record()
    sim.run(10.0)
    source.amplitude += 0.2
    source.inject_into(population[1:])
    noise.inject_into(population)
    sim.run(10.0)
    source.set_parameters(stop=22.0)
    noise.mean = 0.7
    sim.run(10.0)
    expected = np.zeros(301)
    expected[50:100], expected[100:220] = 0.1, 0.3
    np.testing.assert_allclose(current(source), expected, atol=1e-12)
    one, other = sorted(state.segment().network.step_currents, key=lambda c: c.neurons)
    assert (one.times, other.times) == ((5.0, 10.0, 22.0), (10.0, 22.0))
    np.testing.assert_allclose(other.amplitudes, [300.0, 0.0])
    expected = np.zeros(301)
    expected[100:200], expected[200:] = 0.5, 0.7
    np.testing.assert_allclose(current(noise)[:300], expected[:300], atol=1e-12)
    sim.reset()
    sim.run(10.0)
    np.testing.assert_allclose(current(source), [*[0.0] * 50, *[0.3] * 51], atol=1e-12)


def test_a_current_goes_into_all_that_it_is_given():
    one, two = cells(3), cells(2)
    source = sim.DCSource(amplitude=0.1)
    assembly = one[1:] + two
    source.inject_into(assembly)
    sim.run(1.0)
    reached = {c.target: c.neurons for c in state.segment().network.step_currents}
    names = state.segment().description.names
    assert reached == {names[one]: (1, 2), names[two]: None}


def test_what_cannot_be_is_refused():
    sources = sim.Population(2, sim.SpikeSourceArray())
    for target in (sources, sources[:1], list(sources)):
        with pytest.raises(TypeError, match="spike source"):
            sim.DCSource().inject_into(target)
    with pytest.raises(ValueError, match="as many of both"):
        sim.StepCurrentSource(times=[1.0], amplitudes=[1.0, 2.0])
    with pytest.raises(ValueError, match="increase"):
        sim.StepCurrentSource(times=[2.0, 1.0], amplitudes=[1.0, 2.0])
    with pytest.raises(ValueError, match="multiple of the time step"):
        sim.NoisyCurrentSource(mean=0.0, stdev=1.0, dt=0.25)
    with pytest.raises(UsageError, match=r"record\(\) first"):
        sim.DCSource().get_data()
