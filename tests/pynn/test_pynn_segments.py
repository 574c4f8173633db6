"""A script is recorded; its segments are run when somebody asks for data."""

import numpy as np
import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

from pyNN.errors import ConnectionError as NotConnected

import netspec.pynn as sim
from netspec.errors import NetspecError, NetspecWarning, UsageError
from netspec.pynn.state import collecting, state


@pytest.fixture
def script(tmp_path):
    """Two cells under a current that fire regularly, a synapse from one to the other."""

    def begin(recorded=("spikes", "v"), **settings):
        sim.setup(timestep=0.1, out=tmp_path, **settings)
        cells = sim.Population(2, sim.IF_curr_exp(i_offset=[1.0, 0.0]), label="cells")
        synapse = sim.StaticSynapse(weight=0.8, delay=1.0)
        sim.Projection(cells[0:1], cells[1:2], sim.AllToAllConnector(), synapse)
        if recorded:
            cells.record(list(recorded))
        return cells

    yield begin
    sim.setup()


def runs(folder):
    return sorted(folder.glob("*.h5"))


def test_only_a_demand_for_data_runs(script, tmp_path):
    cells = script()
    assert sim.run(30.0) == 30.0
    assert sim.run_until(50.0) == 50.0 == sim.get_current_time()
    assert not runs(tmp_path)
    first = cells.get_spike_counts()
    assert len(runs(tmp_path)) == 1
    assert cells.mean_spike_count() == np.mean(list(first.values()))
    before = cells.get_data().segments[0]
    assert len(runs(tmp_path)) == 1
    sim.run(50.0)
    after = cells.get_data().segments[0]
    assert len(runs(tmp_path)) == 2
    assert len(before.spiketrains[0]) == 1 < len(after.spiketrains[0])
    # the longer run begins as the shorter one
    v = [s.filter(name="v")[0].magnitude for s in (before, after)]
    assert v[0].shape == (501, 2) and v[1].shape == (1001, 2)
    np.testing.assert_array_equal(v[0], v[1][:501])
    # and as the solution: no event has come to the second cell in 30 ms, the first is charged
    t = 0.1 * np.arange(270)
    np.testing.assert_allclose(v[0][:270, 0], -65 + 20 * (1 - np.exp(-t / 20)), atol=1e-9)


def test_reset_begins_a_segment(script):
    cells = script()
    sim.run(50.0)
    sim.reset()
    assert sim.get_current_time() == 0.0
    cells[0:1].set(i_offset=2.0)
    sim.run(20.0)
    data = cells.get_data("spikes")
    first, second = ([len(train) for train in s.spiketrains] for s in data.segments)
    assert first[0] == 1 and second[0] == 2
    assert data.segments[1].spiketrains[0].t_stop == 20.0
    assert (
        float(data.segments[1].spiketrains[0][0]) < 12.0 < float(data.segments[0].spiketrains[0][0])
    )


def test_data_can_be_cleared(script):
    cells = script()
    sim.run(60.0)
    one = cells.get_data(clear=True).segments[0]
    sim.run(60.0)
    two = cells.get_data(clear=True).segments[0]
    joined = np.concatenate([np.ravel(s.spiketrains[0].magnitude) for s in (one, two)])
    sim.reset()
    sim.run(120.0)
    whole = cells.get_data().segments[0]
    np.testing.assert_array_equal(joined, whole.spiketrains[0].magnitude)
    v = two.filter(name="v")[0]
    assert float(v.t_start) == 60.0
    np.testing.assert_array_equal(v.magnitude, whole.filter(name="v")[0].magnitude[600:])


def test_a_segment_that_has_ended_is_run_when_somebody_looks(script, tmp_path):
    cells = script()
    cells.initialize(v=-60.0)
    sim.run(30.0)
    sim.reset()
    cells.initialize(v=-65.0)
    cells.set(i_offset=0.0)
    sim.run(20.0)
    assert not runs(tmp_path)
    first, second = cells.get_data().segments
    assert len(runs(tmp_path)) == 2
    assert (sim.get_current_time(), state.segment_counter) == (20.0, 1)
    for segment, start, samples in ((first, -60.0, 301), (second, -65.0, 201)):
        v = segment.filter(name="v")[0].magnitude
        assert v.shape == (samples, 2) and (v[0] == start).all()
    assert second.filter(name="v")[0].magnitude.max() == -65.0
    assert (first.name, second.name) == ("segment000", "segment001")
    assert len(first.spiketrains[0]) == 1 and len(second.spiketrains[0]) == 0


def test_the_ledger_is_asked_before_anything_runs(script, tmp_path):
    script()
    sim.run(10.0)
    statuses = {entry.status for entry in sim.ledger().entries}
    assert statuses == {"exact"} and not runs(tmp_path)


def test_what_is_recorded_later_begins_then(script):
    cells = script(recorded=())
    sim.run(20.0)
    cells[1:2].record(["spikes", "v"], sampling_interval=0.5)
    sim.run(20.0)
    segment = cells.get_data().segments[0]
    (v,) = segment.analogsignals
    assert (float(v.t_start), v.shape, len(segment.spiketrains)) == (20.0, (41, 1), 1)
    cells[1:2].record("v", sampling_interval=0.5)  # which it is already
    sim.run(1.0)
    with pytest.raises(UsageError, match=r"record\('v'\).*begin at 20 ms"):
        cells[0:1].record("v", sampling_interval=0.5)
    with pytest.raises(UsageError, match=r"record\('isyn_exc'\).*begin at 20 ms"):
        cells.celltype.recordable = ["isyn_exc"]
        cells.record("isyn_exc")


def test_callbacks_are_called_in_time(script):
    script()
    called = []

    def callback(t):
        called.append(t)
        return t + 10.0

    sim.run(35.0, callbacks=[callback])
    assert called == [0.0, 10.0, 20.0, 30.0, 35.0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.set(tau_m=10.0), "parameter tau_m of 'cells'"),
        (lambda p: p[1:2].set(v_thresh=-40.0), "parameter v_thresh of 'cells'"),
        (lambda p: p.initialize(v=-60.0), "initial value of v of 'cells'"),
        (lambda p: sim.Population(1, sim.IF_curr_exp(), label="new"), "population 'new' is new"),
        (
            lambda p: sim.Projection(p, p, sim.AllToAllConnector(), label="more"),
            "projection 'more' is new",
        ),
        (lambda p: state.projections[0].set(weight=0.1), "weight of projection"),
    ],
)
def test_what_changes_later_is_refused(script, change, said):
    cells = script(recorded=())
    sim.run(50.0)
    with pytest.raises(UsageError, match=rf"changed at t = 50 ms: {said}.*reset\(\) first"):
        change(cells)
    sim.reset()
    change(cells)


def test_what_stays_the_same_is_no_change(script):
    cells = script()
    sim.run(50.0)
    cells.set(tau_m=20.0)
    cells.initialize(v=-65.0)


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ({"backend": "nets"}, "'nets'.*brian2.*nest"),
        ({"threads": "two"}, "threads='two'; allowed: integers from 1"),
        ({"threads": 0}, "threads=0"),
        ({"seed": -1}, "seed=-1; allowed: integers from 0"),
        ({"timestep": -0.1}, "timestep=-0.1; allowed: a time above 0"),
    ],
)
def test_a_wrong_setting_is_told_where_it_is_said(said, allowed):
    with pytest.raises(NetspecError, match=allowed):
        sim.setup(**said)


def test_settings_that_cannot_be_had(script, monkeypatch):
    with pytest.raises(UsageError, match=r"spike_precision='off_grid'.*grid of time steps"):
        sim.setup(spike_precision="off_grid")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    with pytest.raises(UsageError, match="4 MPI processes"):
        sim.setup()
    monkeypatch.delenv("OMPI_COMM_WORLD_SIZE")
    sim.setup(timestep=0.1, min_delay=0.5)
    cells = sim.Population(2, sim.IF_curr_exp())
    with pytest.raises(NotConnected, match=r"0\.2 ms.*min_delay"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(delay=0.2))
    with pytest.raises(UsageError, match="multiple of the time step"):
        cells.record("v", sampling_interval=0.25)
    monkeypatch.setenv("NETSPEC_PYNN_BACKEND", "brian2")
    sim.setup()
    assert state.settings.backend == "brian2"
    sim.setup(backend="nest")
    assert state.settings.backend == "nest"


def test_what_is_not_as_the_script_says_is_told(script):
    with pytest.warns(NetspecWarning, match="use_cvode: left alone"):
        sim.setup(timestep=0.1, use_cvode=True, verbosity="error", rng_seed=7)
    assert state.settings.seed == 7
    with pytest.warns(NetspecWarning, match=r"run until 10.07 ms: off the grid.* to 10.1 ms"):
        assert sim.run(10.07) == 10.1
    with pytest.warns(NetspecWarning, match=r"to 10.2 ms"):
        assert sim.run(0.02) == 10.2


def test_spikes_of_cells_that_are_not_recorded_are_counted_of_none(script):
    cells = script(recorded=())
    sim.run(5.0)
    assert cells.get_spike_counts() == {} and cells.mean_spike_count() == 0


def test_an_initial_value_that_is_none_is_told():
    sim.setup(timestep=0.1)
    with pytest.warns(NetspecWarning, match="initial value of w of 'cells': left alone"):
        sim.Population(2, sim.IF_curr_exp(), label="cells").initialize(w=0.1)
    with pytest.warns(NetspecWarning, match="v_t of 'gif': left alone.* no state of GIF_cond_exp"):
        sim.Population(2, sim.GIF_cond_exp(), label="gif", initial_values={"v_t": -40.0})


def test_delays_are_those_of_the_setup():
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    assert sim.StaticSynapse().parameter_space["delay"].base_value == 0.1
    sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(delay=0.5))
    sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(delay=2.5))
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.5, 2.5)
    sim.setup(timestep=0.1, min_delay=0.3, max_delay=7.0)
    assert sim.StaticSynapse().parameter_space["delay"].base_value == 0.3
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.3, 7.0)


def test_segments_are_collected_whoever_asks_for_data(script, tmp_path):
    with collecting(backend="brian2", seed=5) as segments:
        cells = script(recorded=(), backend="nest")
        sim.run(10.0)
        sim.reset()
        sim.reset()
        cells.set(tau_m=10.0)
        sim.run(5.0)
        sim.end()
    assert [s.simulation.duration for s in segments] == [10.0, 5.0]
    assert {(s.settings.backend, s.simulation.seed) for s in segments} == {("brian2", 5)}
    times = [s.network.populations[0].parameters["tau_m"].fixed() for s in segments]
    assert times == [20.0, 10.0]
    with pytest.raises(UsageError, match="given colour"), collecting(colour="red"):
        pass


def test_a_population_of_before_setup_is_no_part_of_what_comes_after(script, tmp_path):
    old = script()
    sim.setup(out=tmp_path)
    new = sim.Population(2, sim.IF_curr_exp())
    new.record("spikes")
    sim.Projection(old, new, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.1))
    sim.run(1.0)
    with pytest.raises(UsageError, match="'cells' was made before setup"):
        new.get_data()


def test_signals_lie_in_the_order_of_their_names(tmp_path):
    sim.setup(out=tmp_path)
    cells = sim.Population(1, sim.IF_cond_exp())
    cells.record(["v", "gsyn_inh", "gsyn_exc", "spikes"])
    sim.run(1.0)
    (segment,) = cells.get_data().segments
    assert [s.name for s in segment.analogsignals] == ["gsyn_exc", "gsyn_inh", "v"]
    assert all(s.segment is segment for s in segment.analogsignals)
