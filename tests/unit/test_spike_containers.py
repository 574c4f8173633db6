"""Spikes in files that other programs and netspec itself write: SONATA, NWB, NIX, MAT, results."""

import datetime
import json

import h5py
import neo
import numpy as np
import pynwb
import pytest
import quantities as pq
import tomli_w
from scipy.io import savemat

from netspec.errors import DescriptionError, ResultFileError, UsageError
from netspec.execute.recording import Recording
from netspec.execute.results import open_run, write_run
from netspec.validation.exchange.export import export
from netspec.validation.exchange.imported import import_spikes
from netspec.validation.exchange.opening import load_run

BASE = {
    "name": "two", "simulator": "script.py", "dt": 0.1, "warmup": 0.0, "duration": 100.0,
    "label": "end", "ids": "population",
    "populations": [{"name": "E", "size": 3, "called": "L2/3E"}, {"name": "I", "size": 2}],
}  # fmt: skip
TRAINS = {"L2/3E": {0: [0.3, 5.0], 2: [99.9]}, "I": {1: [0.4]}}
EXPECTED = [("E", 0, 3), ("E", 0, 50), ("E", 2, 999), ("I", 1, 4)]


def read(folder, name, **changes):
    path = folder / "spikes.toml"
    data = {**BASE, "files": [name], **changes}
    path.write_text(tomli_w.dumps({k: v for k, v in data.items() if v is not None}))
    return import_spikes(path)


def found(run):
    return [
        (name, neuron, step)
        for name in run.populations
        for neuron, step in zip(
            run.spikes(name, warmup=True).neurons.tolist(),
            run.spikes(name, warmup=True).steps.tolist(),
            strict=True,
        )
    ]


def refused(*arguments, **changes):
    with pytest.raises(DescriptionError) as error:
        read(*arguments, **changes)
    return error.value.faults[0]


def columns(population):
    pairs = [(t, i) for i, train in TRAINS[population].items() for t in train]
    return np.array(pairs).T


def write_sonata(path, factor=1.0, units=None, ids="node_ids"):
    with h5py.File(path, "w") as file:
        for population in TRAINS:
            times, neurons = columns(population)
            # names with a slash are nested groups in HDF5: SONATA's files have other names
            group = file.create_group(f"spikes/{population.replace('/', '')}")
            group.create_dataset("timestamps", data=times * factor)
            group.create_dataset(ids, data=neurons.astype(np.uint64))
            if units:
                group["timestamps"].attrs["units"] = units
    return path.name


SONATA = [{"name": "E", "size": 3, "called": "L23E"}, {"name": "I", "size": 2}]


@pytest.mark.parametrize(
    ("units", "factor"), [(None, 1), ("milliseconds", 1), ("ms", 1), ("seconds", 1e-3), ("s", 1e-3)]
)
@pytest.mark.parametrize("ids", ["node_ids", "gids"])
def test_spikes_of_sonata(tmp_path, units, factor, ids):
    name = write_sonata(tmp_path / "a.h5", factor, units, ids)
    assert found(read(tmp_path, name, populations=SONATA)) == EXPECTED
    only = [{"name": "I", "size": 2}]
    run = read(tmp_path, name, populations=only)
    assert found(run) == EXPECTED[-1:]
    assert (
        "3 of 4 spikes are of populations that are not asked for (L23E)"
        in (run.manifest["warnings"][0])
    )


def test_sonata_of_the_first_version_has_one_population(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spikes/timestamps"], file["spikes/gids"] = [0.3, 0.4], [1, 4]
    run = read(tmp_path, "a.h5", ids="global")
    assert found(run) == [("E", 1, 3), ("I", 1, 4)]


def test_a_unit_or_label_that_the_file_contradicts(tmp_path):
    name = write_sonata(tmp_path / "a.h5", 1, "milliseconds")
    fault = refused(tmp_path, name, populations=SONATA, time_unit="s")
    assert (fault.path, fault.given) == ("time_unit", "'s'")
    fault = refused(tmp_path, name, populations=SONATA, label=None)
    assert (fault.path, fault.allowed) == ("label", "start, end or exact")
    (tmp_path / "a.txt").write_text("0 0.3\n")
    one = [{"name": "E", "size": 3}]
    assert refused(tmp_path, "a.txt", populations=one).path == "time_unit"
    write_sonata(tmp_path / "b.h5", 1, "fortnights")
    assert "fortnights" in refused(tmp_path, "b.h5", populations=SONATA).given


def test_units_of_nwb_by_id_and_by_columns(tmp_path):
    file = pynwb.NWBFile("a recording", "x", datetime.datetime.now(datetime.UTC))
    file.add_unit_column("area", "where")
    file.add_unit_column("cell", "which")
    for population, trains in TRAINS.items():
        for neuron in range(3 if population != "I" else 2):
            times = np.array(trains.get(neuron, [])) / 1000
            file.add_unit(spike_times=times, area=population, cell=neuron)
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "w") as io:
        io.write(file)
    named = {"neuron": "cell", "population": "area"}
    assert found(read(tmp_path, "a.nwb", columns=named)) == EXPECTED
    assert found(read(tmp_path, "a.nwb", ids="global")) == EXPECTED  # ids 0 to 4
    assert "area" in refused(tmp_path, "a.nwb", columns={"neuron": "cel"}).allowed


def test_spike_trains_of_neo(tmp_path):
    block = neo.Block()
    block.segments.append(neo.Segment())
    for population, trains in TRAINS.items():
        for neuron in range(3 if population != "I" else 2):
            times = np.array(trains.get(neuron, [])) / 1000
            block.segments[0].spiketrains.append(
                neo.SpikeTrain(times * pq.s, t_stop=0.1 * pq.s, area=population, cell=neuron)
            )
    io = neo.NixIO(str(tmp_path / "a.nix"), mode="ow")
    io.write_block(block)
    io.close()
    named = {"neuron": "cell", "population": "area"}
    assert found(read(tmp_path, "a.nix", columns=named)) == EXPECTED
    assert found(read(tmp_path, "a.nix", ids="global")) == EXPECTED  # by their places


def test_variables_of_matlab(tmp_path):
    times, neurons = columns("L2/3E")
    savemat(tmp_path / "a.mat", {"t": times, "i": neurons, "note": "of today"})
    one = [{"name": "E", "size": 3}]
    changes = {"populations": one, "time_unit": "ms"}
    named = {"neuron": "i", "time": "t"}
    assert found(read(tmp_path, "a.mat", columns=named, **changes)) == EXPECTED[:3]
    cell = np.empty(3, object)
    for neuron in range(3):
        cell[neuron] = np.array(TRAINS["L2/3E"].get(neuron, []))
    savemat(tmp_path / "b.mat", {"spikes": cell})
    run = read(tmp_path, "b.mat", columns={"time": "spikes"}, **changes)
    assert found(run) == EXPECTED[:3]


def test_datasets_of_hdf5_by_their_paths(tmp_path):
    times, neurons = columns("L2/3E")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["run/t"], file["run/i"] = times, neurons.astype(int)
    one = [{"name": "E", "size": 3}]
    named = {"neuron": "run/i", "time": "run/t"}
    run = read(tmp_path, "a.h5", columns=named, populations=one, time_unit="ms")
    assert found(run) == EXPECTED[:3]
    assert "run/i" in refused(tmp_path, "a.h5", populations=one, time_unit="ms").given


# -- what netspec wrote -------------------------------------------------------------------------

SIZES = {"E": 6, "I": 4}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    rng, trains = np.random.default_rng(5), {}
    for name, size in SIZES.items():
        flat = np.sort(rng.choice(size * 1000, 60, replace=False))
        trains[name] = flat // size + 1, (flat % size).astype(np.uint32)
    path = tmp_path_factory.mktemp("result") / "run.h5"
    write_run(
        path,
        {
            "name": "two", "description": "", "spec_hash": None, "request_hash": "x",
            "backend": "none", "seed": 3, "finished": "2026-01-01T00:00:00+00:00",
            "simulation": {"dt": 0.1, "warmup": 20.0, "duration": 80.0, "seed": 3},
            "warmup_steps": 200, "total_steps": 1000, "sizes": SIZES, "recorders": {},
            "connectivity": None, "threads": None, "options": {}, "approximations": [],
            "ledger": [], "synapses": {}, "versions": {}, "info": {},
        },
        Recording(spikes=trains),
    )  # fmt: skip
    return open_run(path)


OWN = {"warmup": 20.0, "duration": 80.0, "label": None,
       "populations": [{"name": name, "size": size} for name, size in SIZES.items()]}  # fmt: skip


@pytest.mark.parametrize("format", ["h5", "nwb", "nix", "mat", "sonata"])
def test_results_and_exports_are_input(result, tmp_path, format):
    name = "copy.h5" if format in ("h5", "sonata") else f"copy.{format}"
    if format == "h5":
        (tmp_path / name).write_bytes(result.file.read_bytes())
    else:
        export(result, tmp_path / name, format, warmup=True, sample=10)
    run = read(tmp_path, name, **OWN)
    assert found(run) == found(result)
    assert refused(tmp_path, name, **{**OWN, "label": "start"}).path == "label"
    again = load_run(tmp_path / name)  # and as they are
    assert found(again) == found(result)
    assert again.manifest == result.manifest
    assert again.rates() == result.rates()


def test_a_part_of_a_run_is_none(result, tmp_path):
    export(result, tmp_path / "a.nwb", "nwb", sample=7)
    with pytest.raises(UsageError, match="7 of 10 neurons"):
        load_run(tmp_path / "a.nwb")
    export(result, tmp_path / "b.mat", "mat", populations=["E"])
    assert load_run(tmp_path / "b.mat").populations == ["E"]


@pytest.mark.parametrize("format", ["nwb", "mat", "sonata"])
def test_damage_of_a_container_is_an_error_of_ours(result, tmp_path, format):
    name = "a.h5" if format == "sonata" else f"a.{format}"
    export(result, tmp_path / name, format, warmup=True)
    content, rng = (tmp_path / name).read_bytes(), np.random.default_rng(7)
    damaged = [content[: rng.integers(len(content))] for _ in range(4)]
    for place in rng.integers(0, len(content), 12):
        wrong = bytearray(content)
        wrong[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(wrong))
    for raw in damaged:
        (tmp_path / name).write_bytes(raw)
        try:
            again = found(read(tmp_path, name, **OWN))
        except DescriptionError:
            continue
        if format == "nwb":  # fletcher32 is in every column, but not in what describes them
            assert len(again) == len(found(result))
    with pytest.raises((ResultFileError, UsageError)):
        (tmp_path / name).write_bytes(b"something else")
        load_run(tmp_path / name)


def test_json_of_something_else(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(3))
    assert "list of lists" in refused(tmp_path, "a.json", time_unit="ms").allowed
    (tmp_path / "a.json").write_text("{")
    assert refused(tmp_path, "a.json", time_unit="ms").path == "a.json, line 1"
