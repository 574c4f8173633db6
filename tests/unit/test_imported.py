"""Spikes of other people's scripts: read as they are meant, or refused with their place."""

import subprocess
import sys

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from netspec.errors import DescriptionError, UsageError
from netspec.validation.exchange.imported import import_spikes
from netspec.validation.measure.cues import cue_of_run

SIZES = {"E": 4, "I": 2, "quiet": 3}
# (population, neuron, step); the window is 10 < step <= 30
SPIKES = [("E", 3, 30), ("E", 0, 1), ("I", 1, 11), ("E", 0, 11), ("I", 1, 10), ("E", 2, 29)]
BASE = {
    "name": "two",
    "simulator": "script.py",
    "dt": 0.1,
    "warmup": 1.0,
    "duration": 2.0,
    "time_unit": "ms",
    "label": "end",
    "ids": "global",
    "files": ["spikes.txt"],
    "populations": [{"name": name, "size": size} for name, size in SIZES.items()],
}
STARTS = {"E": 0, "I": 4, "quiet": 6}


def describe(folder, **changes):
    path = folder / "spikes.toml"
    path.write_text(tomli_w.dumps({**BASE, **changes}))
    return path


def rows(label="end", unit="ms", first_id=0, ids="global", only=SPIKES):
    shift = int(label == "start")
    factor = {"ms": 0.1, "s": 1e-4, "steps": 1}[unit]
    begin = STARTS if ids == "global" else dict.fromkeys(STARTS, 0)
    return [(first_id + begin[p] + n, (step - shift) * factor) for p, n, step in only]


def text(values, sign="\t", digits=6):
    lines = (
        f"{i}{sign}{t}" if isinstance(t, int) else f"{i}{sign}{t:.{digits}f}" for i, t in values
    )
    return "".join(line + "\n" for line in lines)


def check(run):
    assert run.populations == list(SIZES)
    found = [
        (name, int(neuron), int(step))
        for name in SIZES
        for step, neuron in zip(
            run.spikes(name, warmup=True).steps, run.spikes(name, warmup=True).neurons, strict=True
        )
    ]
    assert sorted(found) == sorted(SPIKES)
    assert all(np.all(np.diff(run.spikes(name).steps) >= 0) for name in SIZES)
    assert run.spikes("E").steps.tolist() == [11, 29, 30]
    # three spikes of four neurons, one of two, in 2 ms
    assert run.rates() == pytest.approx({"E": 375.0, "I": 250.0, "quiet": 0.0})


@pytest.mark.parametrize("label", ["start", "end"])
@pytest.mark.parametrize("unit", ["ms", "s", "steps"])
@pytest.mark.parametrize("first_id", [0, 1, -5, 3001])
def test_every_convention_is_the_same_run(tmp_path, label, unit, first_id):
    (tmp_path / "spikes.txt").write_text(text(rows(label, unit, first_id)))
    path = describe(tmp_path, label=label, time_unit=unit, first_id=first_id)
    check(import_spikes(path))


@pytest.mark.parametrize(
    ("sign", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("  ", "whitespace")]
)
def test_every_delimiter_with_named_columns(tmp_path, sign, name):
    swapped = [(time, neuron) for neuron, time in rows(first_id=1)]
    lines = "".join(f"{t:.1f}{sign}{n}\r\n" for t, n in swapped)
    (tmp_path / "spikes.txt").write_text(f"# made by hand\n\nt_ms{sign}cell\n{lines}\n")
    columns = {"neuron": "cell", "time": "t_ms"}
    check(import_spikes(describe(tmp_path, columns=columns, first_id=1, delimiter=name)))


def test_quoted_csv_with_a_title_and_a_column_too_many(tmp_path):
    lines = "".join(f'"{n}",x,"{t:.1f}"\n' for n, t in rows())
    (tmp_path / "spikes.csv").write_text(f'results of today,,\n"id","note","t"\n{lines}')
    columns = {"neuron": "id", "time": "t"}
    check(import_spikes(describe(tmp_path, files=["spikes.csv"], columns=columns, header=2)))


NEST_SCRIPT = """
import nest
nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": 2})
neurons = nest.Create("iaf_psc_exp", 3, {"I_e": [0.0, 500.0, 600.0], "C_m": 250.0})
recorder = nest.Create("spike_recorder", params={"record_to": "ascii", "label": "spikes"})
nest.Connect(neurons, recorder)
nest.Simulate(100.0)
"""


def test_what_nest_itself_writes(tmp_path):
    subprocess.run([sys.executable, "-c", NEST_SCRIPT], cwd=tmp_path, check=True, timeout=120)
    path = describe(
        tmp_path, files=["spikes-*.dat"], columns={"neuron": "sender", "time": "time_ms"},
        first_id=1, warmup=0.0, duration=100.0, populations=[{"name": "A", "size": 3}],
    )  # fmt: skip
    run = import_spikes(path)
    # C_m dV/dt = -C_m V / tau_m + I, threshold 15 mV: tau_m ln(RI / (RI - 15)), then 2 ms more
    first = 10 * np.log(20 / 5)
    expected = np.ceil(first / 0.1) * 0.1 + np.arange(6) * (np.ceil(first / 0.1) * 0.1 + 2.0)
    assert run.spikes("A").train(1) == pytest.approx(expected[:6])
    assert run.spikes("A").train(0).size == 0
    assert len(run.manifest["info"]["files"]) == 2


@pytest.mark.parametrize("kind", ["matrix", "structured", "npz", "float32"])
def test_numpy_files(tmp_path, kind):
    neurons, times = map(np.array, zip(*rows(), strict=True))
    columns = {"neuron": "i", "time": "t"}
    if kind == "npz":
        np.savez(tmp_path / "a.npz", i=neurons, t=times, other=np.zeros((2, 2)))
    elif kind == "structured":
        both = np.empty(len(times), dtype=[("t", float), ("i", np.uint16)])
        both["t"], both["i"] = times, neurons
        np.save(tmp_path / "a.npy", both)
    else:
        columns = {"neuron": 1, "time": 0}
        matrix = np.column_stack([times, neurons])
        np.save(tmp_path / "a.npy", matrix.astype(np.float32 if kind == "float32" else float))
    check(import_spikes(describe(tmp_path, files=["a.np*"], columns=columns)))


def test_a_file_for_each_population_with_ids_of_its_own(tmp_path):
    populations = []
    for name, size in SIZES.items():
        mine = [spike for spike in SPIKES if spike[0] == name]
        (tmp_path / f"{name}.dat").write_text("# i t\n" + text(rows(ids="population", only=mine)))
        populations.append({"name": name, "size": size, "files": [f"{name}.dat"]})
    path = describe(tmp_path, ids="population", files=[], populations=populations)
    check(import_spikes(path))


def test_the_digest_covers_description_and_files(tmp_path):
    spikes = tmp_path / "spikes.txt"
    spikes.write_text(text(rows()))
    one = import_spikes(describe(tmp_path)).manifest["request_hash"]
    assert import_spikes(describe(tmp_path)).manifest["request_hash"] == one
    assert import_spikes(describe(tmp_path, seed=2)).manifest["request_hash"] != one
    spikes.write_text(text(rows()[:-1]))
    assert import_spikes(describe(tmp_path)).manifest["request_hash"] != one


@given(
    st.sets(st.tuples(st.integers(0, 8), st.integers(1, 30)), max_size=30),
    st.sampled_from(["start", "end"]),
    st.sampled_from(["ms", "s"]),
)
def test_any_spikes_come_back(tmp_path_factory, spikes, label, unit):
    folder = tmp_path_factory.mktemp("any")
    names = [name for name, size in SIZES.items() for _ in range(size)]
    named = [(names[i], i - STARTS[names[i]], step) for i, step in spikes]
    (folder / "spikes.txt").write_text(text(rows(label, unit, only=named)))
    run = import_spikes(describe(folder, label=label, time_unit=unit))
    for name in SIZES:
        data = run.spikes(name, warmup=True)
        found = set(zip(data.steps.tolist(), data.neurons.tolist(), strict=True))
        assert found == {(step, n) for p, n, step in named if p == name}


# -- faults -------------------------------------------------------------------------------------


def faults(path):
    with pytest.raises(DescriptionError) as error:
        import_spikes(path)
    return {fault.path: fault for fault in error.value.faults}


def test_every_bad_row_is_named_by_its_line(tmp_path):
    (tmp_path / "spikes.txt").write_text(
        "# comment\n\n0 1.0\n9 1.0\n0.5 1.0\n1 1.05\n1 nan\n1 0.0\n1 3.1\n\n2 1.0\n2 1.0\n"
    )
    found = faults(describe(tmp_path))
    lines = {int(where.rsplit(" ", 1)[1]): fault for where, fault in found.items()}
    assert sorted(lines) == [4, 5, 6, 7, 8, 9]
    assert lines[4].allowed == "ids: E 0 to 3, I 4 to 5, quiet 6 to 8"
    assert "time step" in lines[6].allowed
    assert 'label = "start"' in lines[8].hint
    assert lines[9].given == "3.1"


def test_all_files_are_read_before_anything_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("0 1.0\n1\n2 x\n")
    (tmp_path / "b.txt").write_text("7 1.0 \n" + "99 1.0\n" * 8)
    found = faults(describe(tmp_path, files=["?.txt"]))
    assert [*found][:2] == ["a.txt, line 2", "a.txt, line 3"]
    assert len(found) == 2 + 5
    assert "and 3 more rows" in found["b.txt, line 6"].hint


def test_a_column_that_is_not_there(tmp_path):
    (tmp_path / "spikes.txt").write_text("sender\ttime_step\ttime_offset\n1\t3\t0\n")
    found = faults(describe(tmp_path, columns={"neuron": "sender", "time": "time_steps"}))
    assert "did you mean 'time_step'" in found["spikes.txt, line 1"].hint


def test_pickles_are_never_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").mkdir, ())

    np.save(tmp_path / "a.npy", np.array([Trap()], object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", i=np.array([Trap()], object), t=np.zeros(1))
    for name in ("a.npy", "b.npz"):
        path = describe(tmp_path, files=[name], columns={"neuron": "i", "time": "t"})
        (fault,) = faults(path).values()
        assert "pickle" in fault.hint
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"\xff\xfe\0", "a.txt"), (b"no zip", "a.npz"), (b"", "a.npy"), (b"1 2\n", "a.npy")],
)
def test_files_of_something_else(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    (where,) = faults(describe(tmp_path, files=[name]))
    assert where == name


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"labl": "end"}, "labl"),
        ({"label": "middle"}, "label"),
        ({"warmup": 0.25}, "(top)"),
        ({"dt": "0.1 mV"}, "dt"),
        ({"files": ["../spikes.txt"]}, "files[0]"),
        ({"files": ["/etc/passwd"]}, "files[0]"),
        ({"files": ["none.txt"]}, "files[0]"),
        ({"files": ["spikes.toml"]}, "files[0]"),
        ({"ids": "population"}, "files"),
        ({"files": []}, "populations[0].files"),
        ({"populations": []}, "populations"),
        ({"populations": [{"name": "2/3", "size": 1}]}, "populations[0].name"),
        ({"populations": [{"name": "A", "size": 1}] * 2}, "populations[1].name"),
        ({"populations": [{"name": "A", "size": 2}, {"name": "B", "size": 1, "first_id": 1}]},
         "first_id"),
        ({"cue": {"angle": 180}}, "cue"),  # no ring
        ({"name": "working_memory", "cue": {"angle": 180},
          "populations": [{"name": "E", "size": 9}]}, "cue"),  # no I
        ({"name": "working_memory", "cue": {"angle": "7 mV"}}, "cue.angle"),
        ({"circuit": "working_memory", "cue": 3}, "cue"),
        ({"name": "working_memory", "circuit": "microcircuit", "cue": {}}, "cue"),
    ],
)  # fmt: skip
def test_faults_of_the_description_say_where(tmp_path, changes, where):
    (tmp_path / "spikes.txt").write_text(text(rows()))
    assert where in faults(describe(tmp_path, **changes))


def test_spikes_of_a_circuit_have_a_name_of_their_own(tmp_path):
    (tmp_path / "spikes.txt").write_text(text(rows()))
    plain = import_spikes(describe(tmp_path))
    assert "circuit" not in plain.manifest and "circuit" not in plain.manifest["info"]["imported"]
    cue = {"angle": 90, "strength": "70 pA", "width": 180, "start": 1.2, "duration": 0.5}
    ring = import_spikes(describe(tmp_path, circuit="working_memory", cue=cue))
    assert (ring.manifest["name"], ring.manifest["circuit"]) == ("two", "working_memory")
    assert ring.manifest["step_currents"][0]["neurons"] == [0, 1, 2]
    assert ring.manifest["info"]["imported"]["cue"]["strength"] == 70.0
    assert cue_of_run(ring).angle == 90


def test_a_description_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError):
        import_spikes(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(DescriptionError):
        import_spikes(tmp_path / "bad.toml")
