"""Every spike of a file of somebody else is read as it stands there, or the file is refused."""

import gzip
import json

import numpy as np
import pytest
import tomli_w

from netspec.errors import DescriptionError
from netspec.validation.exchange.imported import import_spikes

BASE = {
    "name": "two", "simulator": "script.py", "dt": 0.1, "warmup": 0.0, "duration": 100.0,
    "time_unit": "ms", "label": "end", "ids": "global", "files": ["a.txt"],
    "populations": [{"name": "A", "size": 5}],
}  # fmt: skip
NAMED = {"columns": {"neuron": "i", "time": "t"}}
TWO = [{"name": "E", "size": 2}, {"name": "I", "size": 2}]


def described(folder, **changes):
    path = folder / "spikes.toml"
    data = {k: v for k, v in {**BASE, **changes}.items() if v is not None}
    path.write_text(tomli_w.dumps(data))
    return path


def read(folder, content=None, name="a.txt", **changes):
    """Return the run of one file: text or bytes."""
    if content is not None:
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)
    return import_spikes(described(folder, **{"files": [name], **changes}))


def found(run):
    """Return (population, neuron, step) of every spike."""
    return [
        (name, neuron, step)
        for name in run.populations
        for neuron, step in zip(
            run.spikes(name).neurons.tolist(), run.spikes(name).steps.tolist(), strict=True
        )
    ]


def spikes(*pairs):
    return [("A", neuron, step) for neuron, step in pairs]


def refused(*arguments, **changes):
    with pytest.raises(DescriptionError) as error:
        read(*arguments, **changes)
    return error.value.faults[0]


# -- headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("# t,i\n0.3,1\n0.4,2\n", {"header": 1}),  # np.savetxt
        ("# t,i\n0.3,1\n0.4,2\n", {}),
        ("t,i\n0.3,1\n0.4,2\n", {"header": 1}),
        ("# NEST version: 3\n# RecordingBackendASCII version: 2\nt,i\n0.3,1\n0.4,2", {"header": 3}),
        ("\n# by hand\n\n t , i\n0.3,1\n\n# half\n0.4,2 # last\n", {"header": 4}),
        # comments left out of the count, as it was before: the line of names is found all the same
        ("# by hand\nt,i\n0.3,1\n0.4,2\n", {"header": 1}),
    ],
)
def test_lines_of_a_header_are_counted_as_they_stand(tmp_path, text, changes):
    changes = {"delimiter": "comma", **NAMED, **changes}
    assert found(read(tmp_path, text, **changes)) == spikes((1, 3), (2, 4))


@pytest.mark.parametrize("header", [1, 2, 3])
@pytest.mark.parametrize("text", ["0.3,1\n0.4,2\n0.5,3\n", "# t,i\n0.3,1\n0.4,2\n"])
def test_no_spike_is_taken_for_a_header(tmp_path, text, header):
    columns = {"neuron": 1, "time": 0}
    if text.startswith("#") and header == 1:
        run = read(tmp_path, text, header=1, delimiter="comma", columns=columns)
        assert found(run) == spikes((1, 3), (2, 4))
        return
    fault = refused(tmp_path, text, header=header, delimiter="comma", columns=columns)
    assert fault.path == f"a.txt, line {1 + text.startswith('#')}"
    assert "header counts lines as they stand" in fault.hint


@pytest.mark.parametrize(
    "text",
    ["# i t\n1 0.3\n2 0.4\n", "#i,t\n1 0.3\n2 0.4\n", "# about\n## i\tt\n# more\n1\t0.3\n2\t0.4\n"],
)
def test_names_may_stand_in_a_comment(tmp_path, text):
    assert found(read(tmp_path, text, **NAMED)) == spikes((1, 3), (2, 4))


@pytest.mark.parametrize(
    "text", ["# columns: i t\n1 0.3\n2 0.4\n", "# of i and t, today\n# i, t\n1 0.3\n2 0.4\n"]
)
def test_a_sentence_is_no_line_of_names(tmp_path, text):
    assert found(read(tmp_path, text, **NAMED)) == spikes((1, 3), (2, 4))
    three = text.replace("1 0.3", "1 0.3 7").replace("2 0.4", "2 0.4 7")
    refused(tmp_path, three, **NAMED)


def test_a_column_of_names_of_rows_shifts_nothing(tmp_path):
    """As R writes tables: the line of names has none for the names of rows."""
    fault = refused(tmp_path, "i t\n1 1 0.3\n2 2 0.4\n", **NAMED)
    assert (fault.path, fault.given) == ("a.txt, line 1", "2 names, and 3 columns below")
    columns = {"neuron": 1, "time": 2}
    text = "i t\n1 1 0.3\n2 2 0.4\n"
    assert found(read(tmp_path, text, header=1, columns=columns)) == spikes((1, 3), (2, 4))


def test_numpy_and_netspec_agree_on_what_numpy_wrote(tmp_path):
    rows = np.array([[0.3, 1], [0.4, 2]])
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", header="t,i")
    assert found(read(tmp_path, name="a.csv", **NAMED)) == spikes((1, 3), (2, 4))


# -- cells --------------------------------------------------------------------------------------


def test_delimiters_within_quotes_divide_nothing(tmp_path):
    text = '"x, y",i,t,"k"\n"a,b",1,0.3,x\n"c"," 2 ","0.4",y\n'
    assert found(read(tmp_path, text, "a.csv", **NAMED)) == spikes((1, 3), (2, 4))


@pytest.mark.parametrize("label", ['"open', 'x"', '5"', '"', '""', "it's", "#3", 'a "b" c'])
@pytest.mark.parametrize("header", ["k,i,t", "i,t,k"])
def test_no_line_vanishes_behind_a_quote(tmp_path, label, header):
    lines = [
        f"{label},{n},0.{n}" if header[0] == "k" else f"{n},0.{n},{label}" for n in range(1, 5)
    ]
    if label == "#3" and header[0] == "k":
        lines = [f"x{line}" for line in lines]  # a line that begins with # is a comment
    run = read(tmp_path, "\n".join([header, *lines]), "a.csv", **NAMED)
    assert found(run) == spikes(*((n, n) for n in range(1, 5)))


@pytest.mark.parametrize("kind", ["text", "json", "npz", "npy", "u8"])
def test_ids_beyond_2_to_53_are_two_ids(tmp_path, kind):
    ids, times, name = [2**53, 2**53 + 1], [0.3, 0.4], "a.npz"
    if kind == "text":
        name = "a.txt"
        (tmp_path / name).write_text("".join(f"{i} {t}\n" for i, t in zip(ids, times, strict=True)))
    elif kind == "json":
        name = "a.json"
        (tmp_path / name).write_text(json.dumps({"i": ids, "t": times}))
    elif kind == "npy":
        name = "a.npy"
        rows = np.array([*zip(ids, times, strict=True)], [("i", np.int64), ("t", float)])
        np.save(tmp_path / name, rows)
    else:
        np.savez(tmp_path / name, i=np.array(ids, np.uint64 if kind == "u8" else int), t=times)
    changes = {} if kind == "text" else NAMED
    run = read(tmp_path, name=name, first_id=2**53, **changes)
    assert found(run) == spikes((0, 3), (1, 4))


@pytest.mark.parametrize("kind", ["f8", "f4", "text", "huge"])
def test_ids_that_floating_point_numbers_cannot_tell_apart_are_refused(tmp_path, kind):
    if kind == "text":
        fault = refused(tmp_path, "9007199254740993.0 0.3\n1.0 0.4\n", first_id=2**53)
    elif kind == "huge":
        fault = refused(tmp_path, f"{2**64} 0.3\n", first_id=2**53)
        assert "2^63" in fault.allowed
        return
    else:
        large = 2.0**53 if kind == "f8" else 2.0**24
        np.save(tmp_path / "a.npy", np.array([[large, 0.3], [1, 0.4], [2, 0.5]], kind))
        fault = refused(tmp_path, name="a.npy", first_id=int(large))
    assert "two ids may be one number" in fault.hint


@pytest.mark.parametrize("shape", [(2, 3), (2, 9), (3, 100), (2, 2)])
def test_a_matrix_that_may_lie_on_its_side_is_refused(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.arange(1, 1 + shape[0] * shape[1]).reshape(shape) % 5 + 1)
    assert "shape" in refused(tmp_path, name="a.npy", time_unit="steps").given
    np.save(tmp_path / "b.npy", np.array([[1, 0.3]]))  # one spike
    assert found(read(tmp_path, name="b.npy")) == spikes((1, 3))
    np.save(tmp_path / "c.npy", np.array([[1, 0.3], [2, 0.4]]))  # 0.3 is no id
    assert found(read(tmp_path, name="c.npy")) == spikes((1, 3), (2, 4))


@pytest.mark.parametrize("rows", [3, 7])
def test_a_matrix_on_its_side_is_refused(tmp_path, rows):
    np.save(tmp_path / "a.npy", np.array([np.arange(rows) % 5, np.arange(rows) + 1]))
    fault = refused(tmp_path, name="a.npy", time_unit="steps")
    assert "transpose" in fault.hint
    np.save(tmp_path / "a.npy", np.array([np.arange(rows) % 5, np.arange(rows) + 1]).T)
    assert len(found(read(tmp_path, name="a.npy", time_unit="steps"))) == rows


# -- times --------------------------------------------------------------------------------------


def test_times_that_lost_their_digits_are_refused(tmp_path):
    times = np.round(np.random.default_rng(1).uniform(99_000, 130_000, 400), 1)
    lines = "".join(f"{n % 5} {t:.6g}\n" for n, t in enumerate(times))
    fault = refused(tmp_path, lines, duration=130_000.0)
    assert "multiples of 10 steps, those before are not" in fault.hint
    assert float(fault.given) > 1e5
    # written with all digits, they are what they were
    lines = "".join(f"{n % 5} {t}\n" for n, t in enumerate(times))
    run = read(tmp_path, lines, duration=130_000.0)
    assert sorted(run.spikes("A").steps) == sorted(np.rint(times / 0.1).astype(int))
    assert "warnings" not in run.manifest
    # a part behind 100 s alone: nothing to compare with, so it is said
    late = "".join(f"{n % 5} {t:.6g}\n" for n, t in enumerate(times) if t > 100_001)
    run = read(tmp_path, late, duration=10_000.0, t_start=100_000.0, t_stop=110_000.0)
    assert "all times are multiples of 10 steps, 1 ms" in run.manifest["warnings"][0]


def test_a_few_times_that_may_have_lost_digits_are_said(tmp_path):
    text = "0 5.3\n1 123457\n2 123460\n3 123481\n"
    (said,) = read(tmp_path, text, duration=130_000.0).manifest["warnings"]
    assert "all times from 100000 on are multiples of 10 steps" in said
    assert "warnings" not in read(tmp_path, "0 10\n1 20\n2 30\n").manifest


def test_seconds_lose_their_digits_too(tmp_path):
    times = np.round(np.random.default_rng(2).uniform(90, 130, 400), 4)
    lines = "".join(f"{n % 5} {t:.6g}\n" for n, t in enumerate(times))
    assert "multiples of 10" in refused(tmp_path, lines, time_unit="s", duration=130_000.0).hint


def test_several_spikes_in_a_step_are_kept_counted_and_said(tmp_path):
    (tmp_path / "b.txt").write_text("1 1.0\n2 1.5\n3 2.0\n")
    run = read(tmp_path, "0 1.0\n2 1.5\n2 1.5\n", files=["a.txt", "b.txt"])
    assert sorted(found(run)) == spikes((0, 10), (1, 10), (2, 15), (2, 15), (2, 15), (3, 20))
    (said,) = run.manifest["warnings"]
    assert said.startswith("2 spikes are the second or a later one")
    assert "a.txt, line 3" in said
    assert run.rates()["A"] == pytest.approx(6 / 5 / 0.1)


def test_the_same_file_twice_counts_no_spike_twice(tmp_path):
    (tmp_path / "b.txt").write_text("0 1.0\n")
    fault = refused(tmp_path, "0 1.0\n", files=["a.txt", "b.txt"])
    assert (fault.path, fault.given) == ("files", "'b.txt'")


def test_a_part_of_a_longer_file(tmp_path):
    text = "".join(f"{n % 5} {0.1 * n:.1f}\n" for n in range(1, 1001))
    run = read(tmp_path, text, t_start=20.0, warmup=5.0, duration=10.0, t_stop=35.0)
    every = [(n % 5, n - 200) for n in range(251, 351)]  # 25 < t <= 35 ms
    assert sorted(found(run)) == sorted(spikes(*every))
    assert run.rates()["A"] == pytest.approx(100 / 5 / 0.01)
    assert "850 of 1,000 spikes lie outside" in run.manifest["warnings"][0]
    again = read(tmp_path, text, t_start=20.0, warmup=5.0, duration=None, t_stop=35.0)
    assert found(again) == found(run)
    # what is later is no part of it unless that is said
    assert "t_stop" in refused(tmp_path, text, t_start=20.0, warmup=5.0, duration=10.0).hint
    fault = refused(tmp_path, text, t_start=20.0, warmup=5.0, duration=10.0, t_stop=36.0)
    assert (fault.path, fault.allowed) == ("t_stop", "t_start + warmup + duration = 35 ms")


# -- which population ---------------------------------------------------------------------------

BMTK = "timestamps population node_ids\n0.3 v1 1\n0.4 lgn 1\n0.5 v1 0\n0.6 L2/3 0\n"
BMTK_COLUMNS = {"neuron": "node_ids", "time": "timestamps"}


@pytest.mark.parametrize("named", [True, False])
def test_a_column_says_the_population(tmp_path, named):
    populations = [{"name": "v1", "size": 2}, {"name": "L23", "size": 1, "called": "L2/3"}]
    columns = {**BMTK_COLUMNS, "population": "population"} if named else BMTK_COLUMNS
    run = read(tmp_path, BMTK, ids="population", columns=columns, populations=populations)
    assert found(run) == [("v1", 1, 3), ("v1", 0, 5), ("L23", 0, 6)]
    (said,) = run.manifest["warnings"]
    assert "1 of 4 spikes are of populations that are not asked for (lgn)" in said
    only = [{"name": "lgn", "size": 2, "files": ["a.txt"]}]
    run = read(tmp_path, ids="population", columns=columns, populations=only, files=[])
    assert found(run) == [("lgn", 1, 4)]


@pytest.mark.parametrize("kind", ["npz", "json", "npy"])
def test_arrays_may_say_the_population(tmp_path, kind):
    names, ids, times = ["v1", "lgn", "v1"], [1, 1, 0], [0.3, 0.4, 0.5]
    if kind == "json":
        (tmp_path / "a.json").write_text(json.dumps({"i": ids, "t": times, "population": names}))
    elif kind == "npz":
        np.savez(tmp_path / "a.npz", i=ids, t=times, population=np.array(names))
    else:
        rows = [*zip(ids, times, names, strict=True)]
        dtype = [("i", int), ("t", float), ("population", "U8")]
        np.save(tmp_path / "a.npy", np.array(rows, dtype))
    populations = [{"name": "v1", "size": 2}]
    run = read(tmp_path, name=f"a.{kind}", ids="population", populations=populations, **NAMED)
    assert found(run) == [("v1", 1, 3), ("v1", 0, 5)]


def test_one_name_for_all_may_be_divided_by_ids(tmp_path):
    text = "i t population\n0 0.3 cortex\n2 0.4 cortex\n"
    assert found(read(tmp_path, text, populations=TWO, **NAMED)) == [("E", 0, 3), ("I", 0, 4)]


def test_ids_that_no_integer_holds_are_faults_of_the_description(tmp_path):
    assert refused(tmp_path, "1 0.3\n", first_id=2**62 * 4 - 1).path == "first_id"


def test_a_population_that_the_file_calls_otherwise(tmp_path):
    populations = [{"name": "V1", "size": 2}]
    fault = refused(tmp_path, BMTK, ids="population", columns=BMTK_COLUMNS, populations=populations)
    assert (fault.path, fault.allowed) == (
        "populations[0].name", "as the files call it: L2/3, lgn, v1"
    )  # fmt: skip
    wrong = [{"name": "L2/3E", "size": 2}, {"name": "23E", "size": 2}]
    with pytest.raises(DescriptionError) as error:
        read(tmp_path, ids="population", columns=BMTK_COLUMNS, populations=wrong)
    paths = [fault.path for fault in error.value.faults]
    assert paths[:2] == ["populations[0].name", "populations[1].name"]
    assert "called = " in error.value.faults[0].hint


def test_an_id_and_a_population_that_contradict_each_other(tmp_path):
    text = "i t population\n0 0.3 E\n1 0.4 I\n2 0.5 I\n"
    fault = refused(tmp_path, text, populations=TWO, **NAMED)
    assert fault.path == "a.txt, line 3"
    assert "within each" in fault.hint


def test_ids_that_are_not_one_block(tmp_path):
    populations = [
        {"name": "E", "size": 3, "ids": [7, 2**60, 3]},
        {"name": "I", "size": 2, "first_id": 4},
    ]
    text = f"3 0.1\n7 0.2\n{2**60} 0.3\n4 0.4\n5 0.5\n"
    run = read(tmp_path, text, populations=populations)
    expected = [("E", 2, 1), ("E", 0, 2), ("E", 1, 3), ("I", 0, 4), ("I", 1, 5)]
    assert found(run) == expected
    assert (
        "E 3 listed ones, I 4 to 5" in refused(tmp_path, "6 0.1\n", populations=populations).allowed
    )
    for change, path in (
        ({"ids": [1, 2]}, "populations[0].ids"),
        ({"ids": [1, 2, 1]}, "populations[0].ids"),
        ({"ids": [1, 2, 5]}, "populations[0].ids"),
        ({"first_id": 1}, "populations[0].first_id"),
    ):
        wrong = [{**populations[0], **change}, populations[1]]
        assert refused(tmp_path, text, populations=wrong).path == path


# -- lists of times -----------------------------------------------------------------------------

TRAINS = {"1": [0.3, 5.0], "3": [], "4": [0.4]}


@pytest.mark.parametrize("kind", ["npz", "json", "list", "records", "gz"])
def test_lists_of_times_by_neuron(tmp_path, kind):
    name, changes = "a.json", {}
    if kind == "npz":
        name = "a.npz"
        np.savez(tmp_path / name, **{i: np.array(train) for i, train in TRAINS.items()})
    elif kind == "list":
        trains = [TRAINS.get(str(i), []) for i in range(5)]
        (tmp_path / name).write_text(json.dumps(trains))
    elif kind == "records":
        rows = [{"i": int(i), "t": t} for i, train in TRAINS.items() for t in train]
        (tmp_path / name).write_text(json.dumps(rows))
        changes = NAMED
    else:
        packed, name = kind == "gz", "a.json.gz" if kind == "gz" else name
        raw = json.dumps(TRAINS).encode()
        (tmp_path / name).write_bytes(gzip.compress(raw) if packed else raw)
    assert sorted(found(read(tmp_path, name=name, **changes))) == spikes((1, 3), (1, 50), (4, 4))


def test_lists_of_times_of_several_populations(tmp_path):
    text = json.dumps({"E": {"0": [0.3], "1": [0.4]}, "I": {"1": [0.5]}})
    run = read(tmp_path, text, "a.json", ids="population", populations=TWO)
    assert found(run) == [("E", 0, 3), ("E", 1, 4), ("I", 1, 5)]


def test_rows_are_no_trains(tmp_path):
    assert "two columns are" in refused(tmp_path, "[[0, 0.3], [1, 0.4]]", "a.json").hint
    fault = refused(tmp_path, "[[0.1], [0.2, 0.3]]", "a.json")
    assert (fault.given, fault.allowed[:5]) == ("2 lists of times", "one f")


# -- damage and disguise ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.npz", "b.npz", "a.npy", "a.txt.gz", "a.json.gz", "a.json"])
def test_any_damage_is_an_error_of_ours_or_changes_nothing_silently(tmp_path, name):
    rng = np.random.default_rng(3)
    ids, times = rng.integers(0, 5, 300), rng.integers(1, 1000, 300) / 10
    text = "".join(f"{i} {t}\n" for i, t in zip(ids, times, strict=True)).encode()
    columns = json.dumps({"i": ids.tolist(), "t": times.tolist()}).encode()
    write = {
        "a.npz": lambda path: np.savez_compressed(path, i=ids, t=times),
        "b.npz": lambda path: np.savez(path, i=ids, t=times),
        "a.npy": lambda path: np.save(path, np.column_stack([ids, times])),
        "a.txt.gz": lambda path: path.write_bytes(gzip.compress(text)),
        "a.json.gz": lambda path: path.write_bytes(gzip.compress(columns)),
        "a.json": lambda path: path.write_bytes(columns),
    }
    path = tmp_path / name
    write[name](path)
    changes = NAMED if "npz" in name or "json" in name else {}
    whole = found(read(tmp_path, name=name, **changes))
    assert len(whole) == 300
    content = path.read_bytes()
    damaged = [content[: rng.integers(len(content))] for _ in range(5)]
    for place in rng.integers(0, len(content), 40):
        wrong = bytearray(content)
        wrong[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(wrong))
    checked = name not in ("a.npy", "a.json")  # these formats have no checksum
    for raw in damaged:
        path.write_bytes(raw)
        try:
            again = found(read(tmp_path, name=name, **changes))
        except DescriptionError:
            continue
        assert not checked or again == whole


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_byte_order_mark_is_no_part_of_data_or_description(tmp_path, name):
    raw = b"\xef\xbb\xbfi,t\r\n1,0.3\r\n2,0.4\r\n"
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    path = described(tmp_path, files=[name], **NAMED)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert found(import_spikes(path)) == spikes((1, 3), (2, 4))


@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ("neuron;time\n1;0.3\n", {"columns": {"neuron": "neuron", "time": "time"}},
         'this line is divided by semicolon: delimiter = "semicolon"'),
        ("1;0.3\n", {}, 'delimiter = "semicolon"'),
        ("1,0.3\n", {}, 'delimiter = "comma"'),
        ("i\tt\n1\t0.3\n", {**NAMED, "delimiter": "comma"}, 'delimiter = "tab"'),
        ("1 0,3\n", {}, "a decimal point"),
        ("i,t\n1,0.3\n", {"delimiter": "comma"}, "header = 1 leaves it out"),
        ("# i x\n1 0.3\n", NAMED, "it is a comment"),
        ("cell #,t\n1,0.3\n", {**NAMED, "delimiter": "comma"}, "# is a part of a name"),
    ],
)  # fmt: skip
def test_the_cause_is_told_in_words(tmp_path, text, changes, words):
    assert words in refused(tmp_path, text, **changes).hint


def test_a_hash_in_the_name_of_a_column(tmp_path):
    columns = {"neuron": "cell #", "time": "t#ms"}
    run = read(tmp_path, "cell #,t#ms\n1,0.3\n2,0.4 # late\n", "a.csv", columns=columns)
    assert found(run) == spikes((1, 3), (2, 4))
