"""Exports hold the run, as readers see it that are not ours."""

import json
import os
import sys
import time
from dataclasses import replace

import h5py
import nixio
import numpy as np
import pynwb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

import netspec
import netspec.describe.fields
from netspec.cli import app
from netspec.errors import ResultFileError, UsageError
from netspec.execute.recording import Recording
from netspec.execute.results import Run, open_run, write_run
from netspec.validation.exchange import export as exporting
from netspec.validation.exchange.export import FORMATS, export
from netspec.validation.exchange.neo import block_of, content_in
from netspec.validation.exchange.recordings import (
    Content,
    Signal,
    Trains,
    Weights,
    content_of,
    differences,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Give 12 neurons of which some fire, 3 that never do, and samples of two variables."""
    network = netspec.Network(
        name="two",
        description="µ <&> \u2028 '\"",
        populations=[
            netspec.Population(name="E", size=12, model="iaf_psc_exp"),
            netspec.Population(name="silent", size=3, model="iaf_psc_exp"),
        ],
        current_inputs=[
            netspec.CurrentInput(name="dc", target="E", amplitude="500 pA", neurons=range(3, 12))
        ],
        poisson_inputs=[
            netspec.PoissonInput(name="noise", target="E", receptor="excitatory",
                                 rate="8000 Hz", weight="20 pA")
        ],
        recorders=[
            netspec.Recorder(name="probe", target="E", variables=["V_m", "I_syn_ex"],
                             neurons=[0, 7], interval=0.5),
            netspec.Recorder(name="spikes", target="silent"),
        ],
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("exported")
    simulation = netspec.Simulation(warmup=20, duration=80)
    return netspec.run(network, "nest", simulation, seed=3, threads=1, out=folder)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """Give a run whose excitatory synapses change, and are not alike at the end."""
    current = {"kind": "uniform", "low": 400.0, "high": 700.0}
    network = netspec.Network(
        name="learning",
        populations=[
            netspec.Population(name="A", size=5, model="iaf_psc_exp", parameters={"I_e": current}),
            netspec.Population(name="B", size=7, model="iaf_psc_exp", parameters={"I_e": current}),
        ],
        projections=[
            {"name": "A_B", "pre": "A", "post": "B", "receptor": "excitatory", "weight": "100 pA",
             "rule": {"kind": "fixed_indegree", "indegree": 2}, "delay": 1.5, "synapse": "stdp",
             "parameters": {"w_max": "400 pA", "lam": 0.2}},
            {"name": "fixed", "pre": "B", "post": "B", "receptor": "inhibitory", "weight": -1.0,
             "rule": {"kind": "fixed_indegree", "indegree": 2}, "delay": 1.5},
        ],
        recorders=[netspec.Recorder(name="spikes", target="B")],
        synapse_recorders=[{"name": "w", "projection": "A_B", "synapses": [0, 3]},
                           {"name": "again", "projection": "A_B"}],
    )  # fmt: skip
    simulation = netspec.Simulation(warmup=20, duration=80)
    folder = tmp_path_factory.mktemp("learnt")
    run = netspec.run(network, "brian2", simulation, seed=3, options={"codegen": "numpy"},
                      out=folder)  # fmt: skip
    assert len(set(run.weights("A_B").values.tolist())) > 5
    return run


def written(run, tmp_path, format, **options):
    path = tmp_path / f"file.{format}"
    export(run, path, format, **options)
    assert [*tmp_path.iterdir()] == [path]
    return path


def trains_of(run, name, warmup=False):
    spikes = run.spikes(name, warmup)
    return [spikes.train(neuron) for neuron in range(spikes.size)]


# -- readers that are not ours ------------------------------------------------------------------


@pytest.mark.parametrize("warmup", [False, True])
def test_nwb_read_by_pynwb(run, tmp_path, warmup):
    path = written(run, tmp_path, "nwb", warmup=warmup)
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        assert json.loads(file.notes)["run"] == run.manifest
        table = file.units.to_dataframe()
        for name in ("E", "silent"):
            mine = table[table.population == name]
            assert mine.neuron.tolist() == list(range(run.spikes(name).size))
            for found, train in zip(mine.spike_times, trains_of(run, name, warmup), strict=True):
                assert np.allclose(found, train / 1000, rtol=0, atol=1e-12)
            for interval in mine.obs_intervals:
                assert np.allclose(interval, [[0.0 if warmup else 0.02, 0.1]])
        assert file.units.resolution == pytest.approx(1e-4)
        series = file.acquisition["probe.V_m"]
        times, values = run.samples("probe", "V_m")
        kept = times > (0 if warmup else 20)
        assert np.allclose(series.data[:] * series.conversion, values[kept] / 1000)
        assert np.allclose(series.get_timestamps(), times[kept] / 1000)
        assert (series.unit, file.acquisition["probe.I_syn_ex"].unit) == ("volts", "amperes")


def test_nwb_is_valid_and_has_no_error_to_an_inspector(run, tmp_path):
    from nwbinspector import Importance, inspect_nwbfile

    path = written(run, tmp_path, "nwb")
    assert not pynwb.validate(path=str(path))
    found = list(inspect_nwbfile(nwbfile_path=path))
    violations = Importance.BEST_PRACTICE_VIOLATION.value
    assert [m.message for m in found if m.importance.value >= violations] == []
    assert len(found) > 0  # it did look: nobody's name is in the file


def test_nix_read_by_nixio(run, tmp_path):
    path = written(run, tmp_path, "nix")
    file = nixio.File.open(str(path), nixio.FileMode.ReadOnly)
    (block,) = file.blocks
    assert json.loads(block.metadata["provenance"])["run"] == run.manifest
    tags = {(t.metadata["population"], t.metadata["neuron"]): t for t in block.multi_tags}
    assert len(tags) == 15
    for name in ("E", "silent"):
        for neuron, train in enumerate(trains_of(run, name)):
            tag = tags[name, neuron]
            assert np.array_equal(np.ravel(tag.positions[:]), train)
            assert tag.positions.unit == "ms"
            assert (tag.metadata["t_start"], tag.metadata["t_stop"]) == (20.0, 100.0)
    units = {array.unit for array in block.data_arrays if array.type == "neo.analogsignal"}
    assert units == {"mV", "pA"}
    file.close()


def test_mat_read_by_scipy(run, tmp_path):
    path = written(run, tmp_path, "mat")
    data = loadmat(path, simplify_cells=True)
    assert json.loads(data["info"]["provenance"])["run"] == run.manifest
    assert (data["info"]["t_start_ms"], data["info"]["t_stop_ms"]) == (20.0, 100.0)
    everyone = {entry["name"]: entry for entry in data["populations"]}
    assert list(everyone) == ["E", "silent"]
    for name, entry in everyone.items():
        assert entry["neurons"].tolist() == list(range(run.spikes(name).size))
        for neuron, train in enumerate(trains_of(run, name)):
            assert np.array_equal(entry["spike_time_ms"][entry["spike_neuron"] == neuron], train)
    (signal,) = [entry for entry in data["signals"] if entry["variable"] == "V_m"]
    assert signal["unit"] == "mV"
    times, values = run.samples("probe", "V_m")
    assert np.array_equal(signal["values"], values[times > 20])


def test_sonata_read_by_libsonata(run, tmp_path):
    import libsonata

    path = written(run, tmp_path, "sonata")
    reader = libsonata.SpikeReader(str(path))
    assert set(reader.get_population_names()) == {"E", "silent"}
    for name in ("E", "silent"):
        population, spikes = reader[name], run.spikes(name)
        assert population.sorting == "by_time"
        ids, times = np.array(population.get()).reshape(-1, 2).T
        assert sorted(zip(times, ids, strict=True)) == sorted(
            zip(spikes.times, spikes.neurons, strict=True)
        )
        assert np.all(np.diff(times) >= 0)
    one = reader["E"].get(node_ids=[7])
    assert [time for _, time in one] == run.spikes("E").train(7).tolist()


def test_learnt_weights_read_by_libsonata(learnt, tmp_path):
    import libsonata

    path = written(learnt, tmp_path, "sonata")
    storage, weights = libsonata.EdgeStorage(str(path)), learnt.weights("A_B")
    assert storage.population_names == {"A_B"}  # of the others nothing was recorded
    edges = storage.open_population("A_B")
    chosen = edges.select_all()
    assert (edges.source, edges.target, edges.size) == ("A", "B", len(weights))
    assert np.array_equal(edges.source_nodes(chosen), weights.pre)
    assert np.array_equal(edges.target_nodes(chosen), weights.post)
    assert np.array_equal(edges.get_attribute("syn_weight", chosen), weights.values)
    for neuron in range(7):
        found = edges.afferent_edges([neuron]).flatten()
        assert sorted(found) == np.flatnonzero(weights.post == neuron).tolist()
    with h5py.File(path) as file:
        assert file["edges/A_B/0/syn_weight"].attrs["units"] == weights.unit == "pA"
    assert libsonata.SpikeReader(str(path)).get_population_names() == ["B"]


def test_learnt_weights_read_by_scipy_and_told_where_there_is_no_place(learnt, tmp_path):
    data = loadmat(written(learnt, tmp_path, "mat"), simplify_cells=True)
    found, weights = data["weights"], learnt.weights("A_B")
    assert [found[k] for k in ("projection", "pre", "post", "unit")] == ["A_B", "A", "B", "pA"]
    assert np.array_equal(found["pre_neuron"], weights.pre)
    assert np.array_equal(found["post_neuron"], weights.post)
    assert np.array_equal(found["weight"], weights.values)
    said = []
    export(learnt, tmp_path / "file.nwb", "nwb", announce=said.append)
    assert said[0] == "weights of A_B are not written: mat and sonata have them"
    # results of before say nothing of the two populations
    entry = {
        k: v
        for k, v in learnt.manifest["synapse_recorders"]["w"].items()
        if k[:2] not in ("pr", "po")
    }
    entry = {**entry, "projection": "A_B"}
    older = replace(learnt, manifest={**learnt.manifest, "synapse_recorders": {"w": entry}})
    (kept,) = content_of(older).weights
    assert (kept.pre, kept.post, kept.post_size) == ("", "", 7)
    export(older, tmp_path / "older.sonata", "sonata")
    # between populations that were chosen, only
    assert content_of(learnt, ["B"]).weights == ()


def test_sonata_read_by_bmtk(run, tmp_path):
    bmtk = pytest.importorskip(
        "bmtk.utils.reports.spike_trains", reason="bmtk is not installed (pip install bmtk)"
    )
    spikes = bmtk.SpikeTrains.load(str(written(run, tmp_path, "sonata")))
    assert set(spikes.populations) == {"E", "silent"}
    for neuron, train in enumerate(trains_of(run, "E")):
        found = np.sort(spikes.get_times(neuron, population="E"))
        assert np.array_equal(found, train)
    assert spikes.units() in ("ms", "milliseconds")


def test_a_neo_block_says_what_the_run_says(run):
    block = run.to_neo()
    (segment,) = block.segments
    assert json.loads(block.annotations["provenance"])["run"] == run.manifest
    assert len(segment.spiketrains) == 15
    for train in segment.spiketrains:
        own = run.spikes(train.annotations["population"]).train(train.annotations["neuron"])
        assert np.array_equal(train.magnitude, own)
        assert train.dimensionality.string == "ms"
        assert (float(train.t_start), float(train.t_stop)) == (20.0, 100.0)
    owners, times = segment.spiketrains.multiplexed
    assert np.array_equal(np.unique(owners), np.unique(run.spikes("E").neurons))
    assert len(times) == len(run.spikes("E"))
    (voltage,) = [s for s in segment.analogsignals if s.annotations["variable"] == "V_m"]
    sampled, values = run.samples("probe", "V_m")
    assert np.array_equal(voltage.magnitude, values[sampled > 20])
    assert np.allclose(voltage.times.rescale("ms").magnitude, sampled[sampled > 20])
    assert voltage.dimensionality.string == "mV"
    assert voltage.array_annotations["neuron"].tolist() == [0, 7]


# -- samples and populations --------------------------------------------------------------------


def test_a_sample_is_declared_seeded_and_within_its_populations(run, tmp_path):
    kept = [content_of(run, sample=5, seed=seed) for seed in (1, 1, 2)]
    chosen = [
        [(name, n) for name, t in content.trains.items() for n in t.neurons.tolist()]
        for content in kept
    ]
    assert len(chosen[0]) == 5
    assert chosen[0] == chosen[1] != chosen[2]
    assert json.loads(kept[0].provenance)["export"]["sampling"] == {"neurons": 5, "seed": 1}
    only = content_of(run, populations=["silent"], sample=2)
    assert list(only.trains) == ["silent"]
    assert only.signals == ()
    path = written(run, tmp_path, "nwb", sample=5)
    with h5py.File(path) as file:
        assert len(file["units/id"]) == 5


def test_every_neuron_is_drawn_alike(run):
    counts = np.zeros(15)
    for seed in range(600):
        trains = content_of(run, sample=5, seed=seed).trains
        counts[np.concatenate([trains["E"].neurons, 12 + trains["silent"].neurons])] += 1
    # binomial, 600 draws with p = 1/3: mean 200, standard deviation 11.5
    assert np.all(np.abs(counts - 200) < 4.5 * 11.5)


# -- any content --------------------------------------------------------------------------------


@st.composite
def contents(draw):
    dt = draw(st.sampled_from([0.1, 0.05, 1 / 3, 1.0, 0.0001]))
    exact = draw(st.booleans())
    begin = draw(st.integers(0, 1000))
    end = begin + draw(st.integers(1, 10**6))
    # names of populations have neither / nor . which are paths to HDF5
    letters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/.")
    labels = st.text(letters, min_size=1, max_size=12)
    trains, sizes = {}, {}
    for name in draw(st.lists(labels, min_size=1, max_size=3, unique=True)):
        size = draw(st.integers(0, 3))
        steps = [
            sorted(draw(st.sets(st.sampled_from([begin + 1, (begin + end + 1) // 2, end]))))
            for _ in range(size)
        ]
        trains[name] = Trains(
            np.arange(size),
            np.cumsum([len(train) for train in steps], dtype=np.int64),
            np.array([step for train in steps for step in train], np.int64),
        )
        if exact:
            share = draw(st.floats(0, 0.99))
            moments = (trains[name].steps - 1 + share) * dt
            trains[name] = replace(trains[name], exact=moments)
        sizes[name] = size
    label = draw(labels)
    facts = {"populations": sizes, "dt_ms": dt, "t_start_ms": begin * dt, "t_stop_ms": end * dt}
    facts |= {"times": "exact"} if exact else {}
    provenance = {
        "export": {**facts, "netspec": "0"},
        "run": {"backend": label, "finished": "2026-01-01T00:00:00+00:00", "note": label},
    }
    signals = ()
    if draw(st.booleans()):
        values = np.array(draw(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3)))
        unit = draw(st.sampled_from(["mV", "pA", "nS", "1", "1/ms", "GOhm", "pF"]))
        signals = (
            Signal("probe", "x", "E", unit, np.array([2]), begin + 3, 5, values[:, np.newaxis]),
        )
    name = draw(st.from_regex(netspec.describe.fields.NAME_PATTERN, fullmatch=True))
    weights = tuple(draw(weights_of(projection)) for projection in ("one", "two")[: len(sizes) - 1])
    return Content(name, dt, begin, end, trains, signals, json.dumps(provenance), weights)


@st.composite
def weights_of(draw, projection):
    ends = st.tuples(st.integers(0, 3), st.integers(0, 4))
    pairs = np.array(sorted(draw(st.lists(ends, max_size=6))), np.int64).reshape(-1, 2)
    values = np.array([draw(st.floats(-1e6, 1e6)) for _ in pairs], np.float64)
    pre = draw(st.sampled_from(["", "E"]))  # older results do not name it
    return Weights(projection, "nS", pre, "I", 4, 5, pairs[:, 0], pairs[:, 1], values)


@pytest.mark.parametrize("format", ["nwb", "mat", "sonata"])
@settings(max_examples=10)
@given(content=contents())
def test_any_content_comes_back_from_files(tmp_path_factory, format, content):
    write, read = FORMATS[format]
    path = tmp_path_factory.mktemp("any") / f"any.{format}"
    if format == "sonata":
        content = replace(content, signals=())
    if format == "nwb":
        content = replace(content, weights=())
    write(content, path)
    assert differences(content, read(path)) == []


@settings(max_examples=4)
@given(content=contents())
def test_any_content_comes_back_from_nix(tmp_path_factory, content):
    content = replace(content, weights=())
    write, read = FORMATS["nix"]
    path = tmp_path_factory.mktemp("any") / "any.nix"
    write(content, path)
    assert differences(content, read(path)) == []


@settings(max_examples=20)
@given(content=contents())
def test_any_content_comes_back_from_a_block(content):
    content = replace(content, weights=())
    assert differences(content, content_in(block_of(content))) == []


@pytest.mark.parametrize("label", ["start", "middle", "end"])
def test_elephant_counts_as_netspec_does_unless_spikes_lie_on_edges_of_bins(run, label):
    """Elephant's bins are open to the right, steps are labelled with their ends."""
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain

    block = run.to_neo(label=label, populations=["E"])
    binned = BinnedSpikeTrain(block.segments[0].spiketrains, bin_size=2 * pq.ms, tolerance=None)
    counts = binned.to_array()
    spikes = run.spikes("E")
    ours = np.zeros_like(counts)
    np.add.at(ours, (spikes.neurons, (spikes.steps - spikes.begin - 1) // 20), 1)
    # every 20th spike or so lies on an edge, where the end of a step is the begin of a bin
    edges = np.count_nonzero((spikes.steps - spikes.begin) % 20 == 0)
    assert edges > 0
    assert np.array_equal(counts, ours) == (label != "end")
    assert block.annotations["spike_label"] == label
    shift = {"start": 0.1, "middle": 0.05, "end": 0.0}[label]
    for neuron, train in enumerate(block.segments[0].spiketrains):
        assert np.allclose(train.magnitude + shift, spikes.train(neuron), rtol=0, atol=1e-9)


def test_another_moment_of_a_step_is_none(run):
    with pytest.raises(UsageError, match="unknown label 'begin'"):
        run.to_neo(label="begin")


# -- what goes wrong ----------------------------------------------------------------------------


def spoil_spike(content):
    trains = content.trains["E"]
    steps = trains.steps.copy()
    steps[len(steps) // 2] += 1
    return {"trains": {**content.trains, "E": Trains(trains.neurons, trains.ends, steps)}}


def spoil_silent(content):
    empty = np.empty(0, np.int64)
    return {"trains": {**content.trains, "silent": Trains(empty, empty, empty)}}


SPOILED = [
    spoil_spike,
    spoil_silent,
    lambda content: {"end": content.end + 1},
    lambda content: {"provenance": content.provenance.replace('"seed": 3', '"seed": 4')},
]
SPOILED_WEIGHTS = [
    lambda content: {"weights": ()},
    lambda content: {"weights": (replace(content.weights[0], targets=content.weights[0].sources),)},
    lambda content: {
        "weights": (replace(content.weights[0], values=content.weights[0].values + 1),)
    },
]
SPOILED_SIGNALS = [
    lambda content: {"signals": content.signals[:1]},
    lambda content: {
        "signals": tuple(Signal(**{**vars(s), "unit": "nS"}) for s in content.signals)
    },
]


@pytest.mark.parametrize(
    ("format", "spoil"),
    [
        *((format, spoil) for format in ("nwb", "mat") for spoil in SPOILED + SPOILED_SIGNALS),
        *(("sonata", spoil) for spoil in SPOILED),  # it has no signals
    ],
)
def test_a_file_that_reads_differently_is_not_written(run, tmp_path, monkeypatch, format, spoil):
    write, read = FORMATS[format]

    def careless(content, path):
        write(Content(**{**vars(content), **spoil(content)}), path)

    monkeypatch.setitem(exporting.FORMATS, format, (careless, read))
    with pytest.raises(ResultFileError, match="reads differently"):
        export(run, tmp_path / "file", format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["mat", "sonata"])
@pytest.mark.parametrize("spoil", SPOILED_WEIGHTS)
def test_a_file_with_other_weights_is_not_written(learnt, tmp_path, monkeypatch, format, spoil):
    write, read = FORMATS[format]

    def careless(content, path):
        write(replace(content, **spoil(content)), path)

    monkeypatch.setitem(exporting.FORMATS, format, (careless, read))
    with pytest.raises(ResultFileError, match="weights of"):
        export(learnt, tmp_path / f"file.{format}", format)
    assert not [*tmp_path.iterdir()]


def test_a_writer_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    def failing(content, path):
        path.write_text("half a file")
        raise RuntimeError("the disk is full")

    monkeypatch.setitem(exporting.FORMATS, "mat", (failing, FORMATS["mat"][1]))
    with pytest.raises(RuntimeError, match="full"):
        export(run, tmp_path / "file.mat", "mat")
    assert list(tmp_path.iterdir()) == []


def test_wrong_calls_are_usage_errors(run, tmp_path):
    taken = tmp_path / "taken.mat"
    taken.write_text("kept")
    for path, format, options in (
        (taken, "mat", {}),
        (tmp_path / "a.nwb", "nbw", {}),
        (tmp_path / "a.nwb", "nwb", {"populations": ["F"]}),
        (tmp_path / "a.nwb", "nwb", {"sample": 0}),
        (tmp_path / "none" / "a.nwb", "nwb", {}),
    ):
        with pytest.raises(UsageError):
            export(run, path, format, **options)
    assert taken.read_text() == "kept"


def test_a_missing_package_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "neo", None)
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(UsageError, match=r"neo.*pip install 'netspec-snn\[neo\]'"):
        run.to_neo()
    with pytest.raises(UsageError, match="pynwb"):
        export(run, tmp_path / "a.nwb", "nwb")
    assert list(tmp_path.iterdir()) == []


def test_samples_of_which_nothing_is_known_are_not_left_out(run, tmp_path):
    manifest = {key: value for key, value in run.manifest.items() if key != "recorders"}
    with pytest.raises(ResultFileError, match="recorders"):
        export(Run(run.file, manifest), tmp_path / "a.mat", "mat")


@pytest.mark.long
def test_all_of_a_full_microcircuit_is_written_to_nwb_within_a_minute(tmp_path):
    neurons, total = 77_169, 125_000
    flat = np.unique(np.random.default_rng(1).integers(0, neurons * total, 3_120_000))
    spikes = {"all": (flat // neurons + 1, (flat % neurons).astype(np.uint32))}
    manifest = {
        "name": "large", "backend": "none", "finished": "2026-01-01T00:00:00+00:00",
        "simulation": {"dt": 0.1}, "warmup_steps": 0, "total_steps": total,
        "sizes": {"all": neurons}, "recorders": {},
    }  # fmt: skip
    write_run(tmp_path / "run.h5", manifest, Recording(spikes=spikes))
    started = time.perf_counter()
    export(open_run(tmp_path / "run.h5"), tmp_path / "all.nwb", "nwb")
    assert time.perf_counter() - started < 60
    with h5py.File(tmp_path / "all.nwb") as file:
        assert file["units/spike_times"].shape == flat.shape
        assert file["units/id"].shape == (neurons,)


# -- the command --------------------------------------------------------------------------------


def test_the_command_says_what_it_will_write_and_what_it_wrote(run, tmp_path):
    from typer.testing import CliRunner

    runner, target = CliRunner(), tmp_path / "one.nix"
    done = runner.invoke(
        app, ["export", str(run.file), "--format", "nix", "--sample", "2", "--out", str(target)]
    )
    assert done.exit_code == 0, done.output
    assert "2 spike trains" in done.output
    assert "read back and equal" in done.output
    assert target.exists()
    target = tmp_path / "two.mat"
    arguments = ["export", str(run.file), "--format", "mat", "--populations", "silent", "--json"]
    done = runner.invoke(app, [*arguments, "--out", str(target)])
    assert json.loads(done.output)["trains"] == {"silent": 3}


@pytest.mark.parametrize("format", sorted(FORMATS))
@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_a_file_has_the_mode_that_the_user_wants(run, tmp_path, format, umask):
    before = os.umask(umask)
    try:
        path = written(run, tmp_path, format, sample=3)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
