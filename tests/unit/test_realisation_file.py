"""Realisation files: what is drawn is what is read, on other programs too; damage is found."""

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import h5py
import libsonata
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

import netspec
from netspec.cli import app
from netspec.describe.serialization import network_from, with_values
from netspec.describe.simulation import Simulation
from netspec.errors import ResultFileError, UsageError
from netspec.execute.contract import Execution, RunRequest
from netspec.execute.running import planned, result_path, with_realisation
from netspec.realise import drawing as real
from netspec.realise.file import Realisation, reference, write_realisation
from netspec.testing.strategies import network_data

SIMULATION = Simulation(dt=0.1, seed=42)
NOISY = {"weight": {"kind": "normal", "mean": 50.0, "sd": 5.0},
         "delay": {"kind": "uniform", "low": 0.5, "high": 3.0}}  # fmt: skip
ALIKE = {"weight": 0.1, "delay": 1.5}
RULES = {
    "total": {"kind": "fixed_total_number", "number": 2500},
    "distinct": {"kind": "fixed_total_number", "number": 250, "allow_multapses": False},
    "none": {"kind": "fixed_total_number", "number": 0},
    "indegree": {"kind": "fixed_indegree", "indegree": 40},
    "bernoulli": {"kind": "pairwise_bernoulli", "p": 0.4},
    "all": {"kind": "all_to_all"},
    "one_to_one": {"kind": "one_to_one"},
    "explicit": {"kind": "explicit", "pre": [2, 0, 2, 29, 2], "post": [1, 5, 0, 0, 1]},
    "explicit_own": {"kind": "explicit", "pre": [7, 0], "post": [1, 5], "weight": [0.1, 20.0],
                     "delay": [0.3, 6553.5]},
}  # fmt: skip


def every_rule():
    """Return a network in which each rule occurs with drawn values and with one for all."""
    projections = [
        {"name": f"{name}_{kind}", "pre": "A", "post": "B", "receptor": "excitatory",
         "rule": rule, **values}
        for name, rule in RULES.items() for kind, values in (("noisy", NOISY), ("alike", ALIKE))
    ]  # fmt: skip
    projections.append({"name": "recurrent", "pre": "A", "post": "A", "receptor": "inhibitory",
                        "rule": {"kind": "all_to_all", "allow_autapses": False},
                        "weight": -3.0, "delay": None})  # fmt: skip
    initial = {"V_m": {"kind": "uniform", "low": -70.0, "high": -60.0}, "I_syn_ex": 2.5}
    drawn = {"C_m": {"kind": "normal", "mean": 250.0, "sd": 10.0}}
    pop = {"model": "iaf_psc_exp", "size": 30}
    return network_from(
        {"name": "rules", "projections": projections,
         "populations": [{"name": "A", **pop, "initial": initial, "parameters": drawn},
                         {"name": "B", **pop}]}
    )  # fmt: skip


NETWORK = every_rule()


def identical(found, expected):
    """Return whether all bits and types are the same."""
    pairs = [(getattr(found, f), getattr(expected, f)) for f in ("pre", "post", "weight", "delay")]
    return all(
        type(a) is type(b) and np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype
        for a, b in pairs
    )


def assert_holds(path, network):
    """Every projection is read block by block as it is drawn."""
    found = Realisation(reference(path, network, SIMULATION), network)
    for projection in network.projections:
        blocks = list(found.synapse_blocks(projection))
        drawn = list(real.synapse_blocks(network, projection, SIMULATION))
        assert len(blocks) == len(drawn)
        assert all(map(identical, blocks, drawn)), projection.name
        sources = real.join(drawn).pre
        counted = np.bincount(sources, minlength=network.population(projection.pre).size)
        for lengths in (
            found.row_lengths(projection),
            real.row_lengths(network, projection, SIMULATION),
        ):
            assert lengths.dtype == np.uint32
            np.testing.assert_array_equal(lengths, counted, err_msg=projection.name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("realisation") / "rules.h5"
    write_realisation(path, NETWORK, SIMULATION)
    return path


def test_every_rule_is_read_as_it_is_drawn(whole):
    assert_holds(whole, NETWORK)


def test_every_rule_is_read_as_it_is_drawn_in_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(real, "BLOCK", 100)
    monkeypatch.setattr("netspec.realise.file.CHUNK", 64)
    write_realisation(tmp_path / "rules.h5", NETWORK, SIMULATION)
    assert len(real.block_rows(NETWORK, NETWORK.projections[0])) > 10
    assert_holds(tmp_path / "rules.h5", NETWORK)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(data=network_data())
def test_any_network_is_read_as_it_is_drawn(tmp_path, data):
    network = network_from(data)
    write_realisation(tmp_path / "any.h5", network, SIMULATION)
    assert_holds(tmp_path / "any.h5", network)


def test_the_same_network_and_seed_are_the_same_bytes(whole, tmp_path):
    write_realisation(tmp_path / "again.h5", NETWORK, SIMULATION)
    assert (tmp_path / "again.h5").read_bytes() == whole.read_bytes()


def test_a_sonata_reader_reads_it(whole):
    edges, nodes = libsonata.EdgeStorage(str(whole)), libsonata.NodeStorage(str(whole))
    assert edges.population_names == {p.name for p in NETWORK.projections}
    for name in ("total_noisy", "explicit_alike", "recurrent"):
        projection = next(p for p in NETWORK.projections if p.name == name)
        drawn = real.synapses(NETWORK, projection, SIMULATION)
        population = edges.open_population(name)
        chosen = population.select_all()
        assert (population.source, population.target) == (projection.pre, projection.post)
        np.testing.assert_array_equal(population.source_nodes(chosen), drawn.pre)
        np.testing.assert_array_equal(population.target_nodes(chosen), drawn.post)
        weights = population.get_attribute("syn_weight", chosen)
        np.testing.assert_array_equal(weights, drawn.weights())
        steps = population.get_attribute("delay_steps", chosen)
        np.testing.assert_array_equal(steps, drawn.delays())
    for name in ("A", "B"):
        population = nodes.open_population(name)
        chosen = population.select_all()
        for state, value in real.initial_values(NETWORK, name, SIMULATION).items():
            expected = np.broadcast_to(value, 30)
            np.testing.assert_array_equal(population.get_attribute(state, chosen), expected)
    drawn = real.parameters(NETWORK, "A", SIMULATION)["C_m"]
    population = nodes.open_population("A")
    found = population.get_dynamics_attribute("C_m", population.select_all())
    np.testing.assert_array_equal(found, drawn)


def edges_by_node(population, name):
    """Return the edges of every neuron by the columns of the file."""
    chosen = population.select_all()
    source, target = population.source_nodes(chosen), population.target_nodes(chosen)
    return [
        (
            np.flatnonzero(source == neuron),
            np.flatnonzero(target == neuron),
            population.efferent_edges([neuron]).flatten(),
            population.afferent_edges([neuron]).flatten(),
        )
        for neuron in range(30)
    ]


@pytest.mark.parametrize("name", [f"{name}_noisy" for name in RULES] + ["recurrent"])
def test_a_sonata_reader_finds_the_edges_of_a_neuron(whole, name):
    population = libsonata.EdgeStorage(str(whole)).open_population(name)
    if not population.size:  # of which libsonata cannot select all
        assert not population.efferent_edges([3]).flat_size
        assert not population.afferent_edges([3]).flat_size
        return
    for out, into, found_out, found_into in edges_by_node(population, name):
        np.testing.assert_array_equal(found_out, out)
        np.testing.assert_array_equal(np.sort(found_into), into)


def test_edges_by_target_can_be_left_out_and_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("netspec.realise.sonata_columns.INDEXED", 1000)
    names = {}
    for chosen in (None, False, True):
        path = tmp_path / f"{chosen}.h5"
        write_realisation(path, NETWORK, SIMULATION, by_target=chosen)
        with h5py.File(path) as file:
            names[chosen] = {
                name for name, group in file["edges"].items()
                if "target_to_source" in group["indices"]
            }  # fmt: skip
        reference(path, NETWORK, SIMULATION)  # the same to a run
    assert names[False] == set()
    assert names[True] == {projection.name for projection in NETWORK.projections}
    assert "total_noisy" not in names[None] and "one_to_one_noisy" in names[None]


def test_groups_are_counted_through(whole):
    with h5py.File(whole) as file:
        for edges in file["edges"].values():
            count = len(edges["source_node_id"])
            assert np.array_equal(edges["edge_group_index"][()], np.arange(count))
            assert np.array_equal(edges["edge_group_id"][()], np.zeros(count))
        for nodes in file["nodes"].values():
            assert np.array_equal(nodes["node_group_index"][()], np.arange(30))


def test_bmtk_opens_it(whole, tmp_path):
    sonata = pytest.importorskip(
        "bmtk.utils.sonata", reason="bmtk is not installed (pip install bmtk)"
    )
    for kind in ("node", "edge"):  # BMTK wants the types described, of which there are none
        (tmp_path / f"{kind}.csv").write_text(f"{kind}_type_id model\n-1 none\n")
    file = sonata.File(str(whole), [str(tmp_path / "node.csv"), str(tmp_path / "edge.csv")])
    assert len(file.nodes["A"]) == 30
    initial = real.initial_values(NETWORK, "A", SIMULATION)["V_m"]
    assert [node["V_m"] for node in file.nodes["A"]] == pytest.approx(initial)
    projection = next(p for p in NETWORK.projections if p.name == "indegree_noisy")
    drawn = real.synapses(NETWORK, projection, SIMULATION)
    edges = file.edges["indegree_noisy"]
    assert len(edges) == len(drawn)
    mine = [edge for edge in edges.get_target(7)]
    assert sorted(edge.source_node_id for edge in mine) == sorted(drawn.pre[drawn.post == 7])
    weights = drawn.weights()[drawn.pre == 3]
    assert [edge["syn_weight"] for edge in edges.get_source(3)] == pytest.approx(weights)


def test_one_value_for_all_takes_no_room_and_the_rest_is_checked(whole):
    with h5py.File(whole) as file:
        for name in ("total_alike/0/syn_weight", "total_alike/0/delay_steps",
                     "total_alike/edge_type_id", "recurrent/0/delay_steps"):  # fmt: skip
            assert file[f"edges/{name}"].id.get_storage_size() == 0
        columns = []
        file.visititems(lambda name, item: columns.append(item))
        stored = [c for c in columns if isinstance(c, h5py.Dataset) and c.chunks is not None]
        assert len(stored) > 30
        assert all(column.fletcher32 for column in stored)


def test_any_flipped_bit_and_any_truncation_is_found(whole, tmp_path):
    content, draw = whole.read_bytes(), np.random.default_rng(1)
    path = tmp_path / "damaged.h5"
    places = [*draw.integers(0, 4096, 20), *draw.integers(4096, len(content), 20)]
    flipped = [bytearray(content) for _ in places]
    for damaged, place in zip(flipped, places, strict=True):
        damaged[place] ^= 1 << draw.integers(8)
    cut = [content[:length] for length in (0, 1, 4095, 4096, *draw.integers(0, len(content), 10))]
    for damaged in (*flipped, *cut, content + b"\0"):
        path.write_bytes(damaged)
        with pytest.raises(ResultFileError):
            reference(path, NETWORK, SIMULATION)
    with pytest.raises(ResultFileError):
        reference(tmp_path / "none.h5", NETWORK, SIMULATION)


def test_a_block_that_is_damaged_later_is_not_read(whole, tmp_path):
    path = tmp_path / "damaged.h5"
    path.write_bytes(whole.read_bytes())
    ref = reference(path, NETWORK, SIMULATION)
    with h5py.File(path) as file:
        place = file["edges/total_noisy/target_node_id"].id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(4096 + place)  # offsets count from the end of the user block
        raw.write(b"\xff")
    with pytest.raises(OSError, match="filter returned failure"):
        list(Realisation(ref, NETWORK).synapse_blocks(NETWORK.projections[0]))


def test_a_file_that_was_replaced_is_refused(whole, tmp_path):
    path = tmp_path / "replaced.h5"
    path.write_bytes(whole.read_bytes())
    ref = reference(path, NETWORK, SIMULATION)
    write_realisation(path, NETWORK, SIMULATION.at_seed(1))
    with pytest.raises(ResultFileError, match="replaced"):
        Realisation(ref, NETWORK)


@pytest.mark.parametrize(
    ("network", "simulation", "message"),
    [
        (NETWORK, SIMULATION.at_seed(7), "seed: 42 in the file, 7 in the run"),
        (NETWORK, Simulation(dt=0.2, seed=42), "dt: 0.1 in the file, 0.2 in the run"),
        (with_values(NETWORK, {"projections.recurrent.weight": "-4"}), SIMULATION, "spec_hash: "),
        (netspec.circuits.working_memory(size=16), SIMULATION, "projections: .*recurrent"),
    ],
)
def test_another_seed_time_step_or_network_is_refused(whole, network, simulation, message):
    with pytest.raises(UsageError, match=message):
        reference(whole, network, simulation)


def test_a_file_changes_no_name_unless_other_versions_drew_it(whole, tmp_path):
    request = RunRequest(
        network=NETWORK, simulation=SIMULATION, backend="brian2", connectivity="shared"
    )
    used = with_realisation(request.model_copy(update={"connectivity": "native"}), whole)
    assert used.connectivity == "shared"
    assert result_path(planned(used), tmp_path) == result_path(planned(request), tmp_path)
    older = used.realisation.model_copy(
        update={"versions": {**used.realisation.versions, "numpy": "1.0"}}
    )
    used = used.model_copy(update={"realisation": older})
    assert result_path(planned(used), tmp_path) != result_path(planned(request), tmp_path)


def test_an_adapter_asks_for_the_same_with_and_without_a_file(whole):
    request = RunRequest(
        network=NETWORK, simulation=SIMULATION, backend="brian2", connectivity="shared"
    )
    drawn, read = (
        Execution(asked, lambda phase, fraction: None)
        for asked in (request, with_realisation(request, whole))
    )
    whole.rename(whole.with_suffix(".moved"))  # so that it is known who reads it
    try:
        projection = NETWORK.projections[0]
        assert len(drawn.synapses(projection)) == 2500
        with pytest.raises(FileNotFoundError):
            read.synapses(projection)
    finally:
        whole.with_suffix(".moved").rename(whole)
    for projection in NETWORK.projections:
        assert identical(read.synapses(projection), drawn.synapses(projection))
        assert all(
            map(identical, read.synapse_blocks(projection), drawn.synapse_blocks(projection))
        )
        np.testing.assert_array_equal(read.row_lengths(projection), drawn.row_lengths(projection))


# -- writing ----------------------------------------------------------------------------------


# as in a terminal, even if the tests themselves ignore Ctrl-C
COMMAND = """
import signal
from netspec.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


def command(*arguments):
    """Start ``netspec realise`` on the microcircuit."""
    line = [sys.executable, "-c", COMMAND, "realise", "microcircuit", "--seed", "1", *arguments]
    return subprocess.Popen(list(map(str, line)), stderr=subprocess.PIPE, text=True)


def test_an_interrupted_write_leaves_nothing(tmp_path):
    child = command("--out", tmp_path / "whole.h5")
    deadline = time.monotonic() + 60
    while not any(f.stat().st_size > 2**20 for f in tmp_path.iterdir()):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert list(tmp_path.iterdir()) == []


LARGE = ("--set", "projections.L4E_L4E.rule.number=1000000000000")


@pytest.mark.parametrize(
    ("name", "more", "error", "message"),
    [
        ("notes.h5", (), UsageError, "--force"),
        ("none/whole.h5", (), UsageError, "there is no folder"),
        ("whole.h5", LARGE, UsageError, "MiB are free"),
        ("x" * 250, (), ResultFileError, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_said_and_nothing_is_left(tmp_path, name, more, error, message):
    (tmp_path / "notes.h5").write_text("mine")
    arguments = ["realise", "microcircuit", "--scale", "0.01", "--out", str(tmp_path / name), *more]
    found = CliRunner().invoke(app, arguments).exception
    assert isinstance(found, error)
    assert message in str(found)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.h5"]
    assert (tmp_path / "notes.h5").read_text() == "mine"


def test_memory_of_writing_and_reading_follows_the_block(tmp_path, monkeypatch):
    rule = {"kind": "fixed_total_number", "number": 2_000_000}  # 28 MB
    one = {**NETWORK.projections[0].model_dump(), "rule": rule}
    network = network_from({**NETWORK.model_dump(), "projections": [one]})
    network = with_values(network, {"populations.A.size": "1000"})
    monkeypatch.setattr(real, "BLOCK", 20_000)
    tracemalloc.start()
    try:
        write_realisation(tmp_path / "large.h5", network, SIMULATION)
        found = Realisation(reference(tmp_path / "large.h5", network, SIMULATION), network)
        assert sum(map(len, found.synapse_blocks(network.projections[0]))) == 2_000_000
        real.row_lengths(network, network.projections[0], SIMULATION)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * 2**20


MEASURE = """
import re, sys
from pathlib import Path
from netspec.cli import app
app(sys.argv[1:], standalone_mode=False)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


def test_writing_the_microcircuit_takes_less_memory_than_it_has_synapses(tmp_path):
    out = tmp_path / "whole.h5"
    arguments = ["realise", "microcircuit", "--scale", "0.3", "--seed", "1", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    peak = float(done.stdout.split()[-1])
    size = Path(out).stat().st_size / 2**20
    assert size > 350
    assert peak < 300
