"""Runs that exist are judged: folders of results, and spikes of any script."""

import itertools
import json

import numpy as np
import pytest
import tomli_w
from typer.testing import CliRunner

from netspec import circuits
from netspec.cli import app
from netspec.errors import ResultFileError, UsageError
from netspec.execute.recording import Recording
from netspec.execute.results import write_run
from netspec.validation.campaign.ensemble import published_rates
from netspec.validation.campaign.from_files import compare_existing, load_runs
from netspec.validation.campaign.summary import Summary, load_summary
from netspec.validation.exchange.export import export
from netspec.validation.judge.margins import Margins
from netspec.validation.report.known import title
from netspec.validation.report.tables import verdict_table

STEPS, SIZE, DT = 40_000, 40, 0.1  # 4 s
MARGINS = Margins().only(["rate", "lv"]).declare_text("rate=10%,lv=0.1")


def spikes(rng, rate, steps=STEPS):
    """Return Poisson trains (steps, neurons) with a shared fluctuation of 1 %."""
    chance = rate * (1 + 0.01 * rng.standard_normal()) * DT / 1000
    found = np.argwhere(rng.random((steps, SIZE)) < chance)
    return found[:, 0] + 1, found[:, 1].astype(np.uint32)


def manifest(backend, seed, warmup=10_000, total=STEPS, **changes):
    return {
        "name": "pair", "description": "two", "spec_hash": "0" * 64,
        "request_hash": f"{backend}{seed}", "backend": backend, "seed": seed,
        "simulation": {"dt": DT, "warmup": warmup * DT, "duration": (total - warmup) * DT,
                       "seed": seed},
        "warmup_steps": warmup, "total_steps": total, "sizes": {"E": SIZE}, "recorders": {},
        "connectivity": "native", "threads": 1, "options": {}, "approximations": [],
        "ledger": [], "synapses": {}, "versions": {backend: "1"}, "info": {}, "machine": {},
        "seconds": {"total": 1.0}, "peak_memory_mib": 1.0, "finished": "never", **changes,
    }  # fmt: skip


def write(folder, backend, rates, first=1, **changes):
    """Write one result file a rate, seeds from `first` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, rate in enumerate(rates, start=first):
        rng = np.random.default_rng([seed, *backend.encode()])
        outcome = Recording(spikes={"E": spikes(rng, rate)})
        name = f"pair-{backend}-seed{seed}-{len(list(folder.iterdir()))}.h5"
        write_run(folder / name, manifest(backend, seed, **changes), outcome)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("sides")
    write(base / "a", "nest", [10.0] * 6)
    write(base / "same", "genn", [10.0] * 6, first=11)
    write(base / "far", "brian2", [13.0] * 6, first=21)
    write(base / "one", "neuron", [10.0])
    write(base / "one_far", "neuron", [13.0])
    return base


@pytest.mark.parametrize(
    ("other", "outcome", "code"),
    [
        ("same", "equivalent", 0), ("far", "different", 1),
        ("one", "consistent", 6), ("one_far", "inconsistent", 1),
    ],
)  # fmt: skip
def test_the_verdict_and_its_exit_code(folders, tmp_path, other, outcome, code):
    arguments = ["compare", str(folders / "a"), str(folders / other), "--statistics", "rate,lv"]
    arguments += ["--margin", "rate=10%,lv=0.1", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output
    assert f"against nest: {outcome.upper()}" in done.output
    summary = load_summary(tmp_path / "pair-validation.json")
    assert summary.outcome == outcome
    assert summary == compare_existing(folders / "a", folders / other, MARGINS)
    ((_, population, found, *_, said, good), _) = verdict_table(summary.comparisons[0])[1]
    assert (population, said) == ("E", outcome)
    assert good == ("1 of 1" if outcome in ("equivalent", "consistent") else "0 of 1")
    if outcome == "different":
        assert float(found.removesuffix(" %")) == pytest.approx(30, abs=3)


def test_the_text_of_the_summary_does_not_depend_on_names_or_order_of_files(folders, tmp_path):
    first = compare_existing(folders / "a", folders / "same", MARGINS)
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in (folders / "a").iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    assert compare_existing(moved, folders / "same", MARGINS).to_json() == first.to_json()
    again = Summary.model_validate_json(first.to_json())
    assert again.to_json() == first.to_json()


def test_two_sides_of_one_simulator_are_told_apart(folders, tmp_path):
    write(tmp_path / "b", "nest", [10.0] * 6, first=31)
    summary = compare_existing(folders / "a", tmp_path / "b", MARGINS)
    assert summary.backends == ("nest (reference)", "nest (other)")
    assert title(summary.comparisons[0]) == "nest (other) against nest (reference)"
    assert {row.backend for row in summary.statistics} == set(summary.backends)


def test_a_mixed_folder_is_refused_and_lists_what_is_there(tmp_path):
    write(tmp_path, "nest", [10.0] * 2)
    write(tmp_path, "brian2", [10.0], first=7)
    with pytest.raises(UsageError, match=r"2 kinds of runs:\n  - . of.*backend brian2") as error:
        load_runs(tmp_path)
    assert "2 of backend nest" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"spec_hash": "1" * 64}, "spec_hash"), ({"connectivity": "shared"}, "connectivity shared"),
        ({"versions": {"nest": "2"}}, "versions"), ({"warmup": 20_000}, "simulation"),
    ],
)  # fmt: skip
def test_runs_that_differ_in_anything_are_no_sample_of_one_law(tmp_path, changes, word):
    write(tmp_path, "nest", [10.0])
    write(tmp_path, "nest", [10.0], first=2, **changes)
    with pytest.raises(UsageError, match=word):
        load_runs(tmp_path)


def test_the_same_seed_twice_is_refused(tmp_path):
    write(tmp_path, "nest", [10.0])
    write(tmp_path, "nest", [10.0])
    with pytest.raises(UsageError, match="the same seed"):
        load_runs(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warmup": 20_000}, r"different windows: \S+/a has .*3000.* and \S+/b has .*2000"),
        ({"sizes": {"E": 50}}, r"different populations: .*40.* and .*50"),
        ({"sizes": {"E": SIZE, "I": 3}}, "different populations: .*I"),
    ],
)
def test_windows_and_sizes_must_match_and_both_are_named(folders, tmp_path, changes, message):
    write(tmp_path / "b", "genn", [10.0], **changes)
    with pytest.raises(UsageError, match=message):
        compare_existing(folders / "a", tmp_path / "b", MARGINS)


def test_damaged_and_missing_results_are_errors(folders, tmp_path):
    side = write(tmp_path / "b", "genn", [10.0] * 2)
    file = next(side.iterdir())
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ResultFileError):
        compare_existing(folders / "a", side, MARGINS)
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError):
            load_runs(path)
    with pytest.raises(UsageError, match="twice"):
        compare_existing(folders / "a", folders / "a", MARGINS)


def test_spikes_of_a_script_are_judged_against_results(folders, tmp_path):
    for seed in range(1, 6):
        steps, neurons = spikes(np.random.default_rng([seed, 99]), 10.0)
        lines = (f"{n},{s * DT:.1f}" for s, n in zip(steps, neurons, strict=True))
        (tmp_path / f"{seed}.csv").write_text("\n".join(lines) + "\n")
        (tmp_path / f"{seed}.toml").write_text(
            f'name = "theirs"\nsimulator = "a script"\nseed = {seed}\ndt = 0.1\n'
            'warmup = 1000\nduration = 3000\ntime_unit = "ms"\nlabel = "end"\n'
            f'ids = "population"\n[[populations]]\nname = "E"\nsize = {SIZE}\n'
            f'files = ["{seed}.csv"]\n'
        )
    summary = compare_existing(folders / "a", tmp_path, MARGINS)
    assert summary.outcome == "equivalent"
    assert summary.backends == ("nest", "a script")
    one = compare_existing(folders / "a", tmp_path / "3.toml", MARGINS)
    assert one.outcome == "consistent"


def test_a_ring_with_a_cue_is_judged_by_its_trials(tmp_path):
    cue = {"name": "cue0", "target": "E", "times": [1000.0, 1200.0], "amplitudes": [70.0, 0.0],
           "port": "I_stim", "neurons": list(range(15, 26))}  # fmt: skip
    sizes, total = {"E": SIZE, "I": 10}, 20_000
    for backend, first, shift in (("nest", 1, 0), ("genn", 11, 0), ("brian2", 21, 3)):
        for seed in range(first, first + 5):
            rng = np.random.default_rng(seed)
            rest = spikes(rng, 2.0, 10_000)
            later = np.argwhere(rng.random((total - 10_000, 11)) < 0.004)
            wander = 15 + shift + rng.integers(-1, 2)
            trains = {
                "E": (np.append(rest[0], later[:, 0] + 10_001),
                      np.append(rest[1], later[:, 1] + wander).astype(np.uint32)),
                "I": tuple(x[spikes_i[1] < 10] for spikes_i in [spikes(rng, 8.0, total)]
                           for x in spikes_i),
            }  # fmt: skip
            (tmp_path / backend).mkdir(exist_ok=True)
            write_run(
                tmp_path / backend / f"{seed}.h5",
                manifest(backend, seed, warmup=5000, total=total, name="working_memory",
                         sizes=sizes, step_currents=[cue]),
                Recording(spikes=trains),
            )  # fmt: skip
    margins = Margins().declare_text("bias=15")
    near, far = (
        compare_existing(tmp_path / "nest", tmp_path / other, margins)
        for other in ("genn", "brian2")
    )
    assert {row["formed"] for row in near.ring.trials} == {True}
    assert {row["cue_angle"] for row in near.ring.trials} == {180.0}
    assert {test["population"] for test in near.comparisons[0].verdict["tests"]} == {"ring"}
    found = [{t["statistic"]: t for t in s.comparisons[0].verdict["tests"]} for s in (near, far)]
    assert found[0]["bias"]["outcome"] == "equivalent"
    # three neurons of 9 degrees each
    assert found[1]["bias"]["comparison"]["estimate"] == pytest.approx(27, abs=9)
    assert found[1]["bias"]["outcome"] == "different"
    # five bumps on both sides prove little: the margin of 0.25 needs eight
    assert found[0]["formed"]["outcome"] == "inconclusive"
    # the same spikes as a script would leave them, its cue declared beside them
    script = tmp_path / "script"
    script.mkdir()
    for run in load_runs(tmp_path / "genn"):
        seed = run.manifest["seed"]
        for name in sizes:
            trains = run.spikes(name, warmup=True)
            np.savez(script / f"{name}{seed}.npz", neuron=trains.neurons, time=trains.steps - 1)
        (script / f"{seed}.toml").write_text(
            f'name = "working_memory"\nsimulator = "a script"\nseed = {seed}\ndt = {DT}\n'
            'warmup = 500\nduration = 1500\ntime_unit = "steps"\nlabel = "start"\n'
            'ids = "population"\ncolumns = { neuron = "neuron", time = "time" }\n'
            'cue = { angle = 180, strength = "70 pA", width = 90, start = 1000, duration = 200 }\n'
            + "".join(
                f'[[populations]]\nname = "{name}"\nsize = {size}\nfiles = ["{name}{seed}.npz"]\n'
                for name, size in sizes.items()
            )
        )
    again = compare_existing(tmp_path / "nest", script, margins)
    assert again.comparisons[0].verdict["tests"] == near.comparisons[0].verdict["tests"]


def test_published_rates_are_those_of_the_full_circuit_only():
    full = {p.name: p.size for p in circuits.microcircuit().populations}
    assert published_rates("microcircuit", full)["L5I"] == 8.633
    assert published_rates("microcircuit", full | {"L5I": 10}) == {}
    assert published_rates("other", full) == {}


def test_eight_bumps_a_side_are_what_the_margin_of_formation_was_made_for():
    from netspec.validation.judge.equivalence import ALPHA, compare_values

    margin = Margins().of("formed")
    assert compare_values([1.0] * 8, [1.0] * 8, margin).p_equivalence <= ALPHA
    assert compare_values([1.0] * 7, [1.0] * 7, margin).p_equivalence > ALPHA


@pytest.mark.parametrize("change", ["{", '{"schema_version": 1}', "drop", "nan"])
def test_other_files_are_no_summaries(folders, tmp_path, change):
    summary = compare_existing(folders / "a", folders / "one", MARGINS)
    path = summary.write(tmp_path / "x.json")
    if change in ("drop", "nan"):
        data = json.loads(path.read_text())
        if change == "drop":
            del data["comparisons"]
        else:
            data["statistics"][0]["values"]["rate"] = float("nan")
        change = json.dumps(data)
    path.write_text(change)
    for name in ("x.json", "none.json"):
        with pytest.raises(UsageError, match="json"):
            load_summary(tmp_path / name)


def test_verdicts_are_ordered_from_impossible_to_equivalent(folders):
    summary = compare_existing(folders / "a", folders / "same", MARGINS)
    (entry,) = summary.comparisons
    ordered = ["impossible", "different", "inconsistent", "inconclusive", "consistent",
               "equivalent"]  # fmt: skip
    entries = {
        name: entry.model_copy(
            update={"verdict": None if name == "impossible" else {"outcome": name}}
        )
        for name in ordered
    }
    for worse, better in itertools.combinations(ordered, 2):
        both = summary.model_copy(update={"comparisons": (entries[better], entries[worse])})
        assert both.outcome == worse
    codes = [
        summary.model_copy(update={"comparisons": (entries[name],)}).exit_code for name in ordered
    ]
    assert codes == [4, 1, 1, 6, 6, 0]


def two_populations(folder, backend, names, first=1, **changes):
    """Write two seeds with populations of other sizes, in an order."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"E": SIZE, "I": SIZE // 2}
    for seed in (first, first + 1):
        trains = {}
        for name in names:
            steps, neurons = spikes(np.random.default_rng([seed, *name.encode()]), 10.0)
            inside = neurons < sizes[name]
            trains[name] = steps[inside], neurons[inside]
        known = manifest(backend, seed, sizes={name: sizes[name] for name in names}, **changes)
        write_run(folder / f"pair-{backend}-{seed}.h5", known, Recording(spikes=trains))
    return folder


def test_populations_in_another_order_are_the_same(tmp_path):
    """The page could not be made, and the exit code of the error was that of "different"."""
    one = two_populations(tmp_path / "one", "nest", ("E", "I"))
    other = two_populations(tmp_path / "other", "genn", ("I", "E"), first=11)
    results = [
        CliRunner().invoke(app, ["compare", *map(str, sides), "--out", str(tmp_path / name)])
        for name, sides in (("there", (one, other)), ("back", (other, one)))
    ]
    for result, name in zip(results, ("there", "back"), strict=True):
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert result.exit_code in (0, 6), result.output
        page = (tmp_path / name / "pair-report.html").read_text()
        assert "Raster of nest" in page and "Raster of genn" in page


def test_what_looks_like_markup_is_text(tmp_path):
    one = write(tmp_path / "a[x]", "nest", [10.0] * 2, description="[/ref] [red]:cat:[/red]")
    other = write(tmp_path / "b", "Brian2 [cpp]", [10.0] * 2, first=11)
    arguments = ["compare", str(one), str(other), "--out", str(tmp_path / "o[/x]")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (0, 6), result.output
    assert "Brian2 [cpp]" in result.output
    assert str(tmp_path / "o[/x]" / "pair-validation.json") in result.output


def scripted(folder, name="theirs", simulator="a script", seeds=(1, 2), lines="", **changes):
    """Write descriptions and files of spikes, the same lines in each."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / f"{seed}.csv").write_text(lines)
        data = {
            "name": name, "simulator": simulator, "seed": seed, "dt": DT, "warmup": 1000,
            "duration": 3000, "time_unit": "ms", "label": "end", "ids": "population",
            "populations": [{"name": "E", "size": SIZE, "files": [f"{seed}.csv"]}], **changes,
        }  # fmt: skip
        (folder / f"{seed}.toml").write_text(tomli_w.dumps(data))
    return folder


def test_silence_names_and_warnings_are_said_with_the_verdict(tmp_path):
    one = scripted(tmp_path / "one")
    other = scripted(tmp_path / "other", simulator="another")
    done = CliRunner().invoke(app, ["compare", str(one), str(other)])
    assert "NOTHING FIRES on either side" in done.output
    assert "other names" not in done.output
    lines = "3,2000.0\n3,2000.0\n5,2500.3\n"
    one = scripted(tmp_path / "three", name="mine", lines=lines)
    other = scripted(tmp_path / "four", simulator="another", lines=lines)
    done = CliRunner().invoke(app, ["compare", str(one), str(other)])
    assert "by other names: 'mine' (a script) and 'theirs' (another)" in done.output
    assert "a script: 1 spikes are the second or a later one of their neuron" in done.output
    assert "NOTHING FIRES" not in done.output


def test_populations_that_are_silent_on_both_sides_are_named(tmp_path):
    sizes = {"E": SIZE, "I": SIZE // 2}
    one = write(tmp_path / "one", "nest", [10.0] * 2)
    for folder, backend, first in (("one", "nest", 1), ("two", "genn", 11)):
        (tmp_path / folder).mkdir(exist_ok=True)
        for file in (tmp_path / folder).iterdir():
            file.unlink()
        for seed in (first, first + 1):
            trains = {"E": spikes(np.random.default_rng(seed), 10.0), "I": ([], [])}
            known = manifest(backend, seed, sizes=sizes)
            write_run(tmp_path / folder / f"{seed}.h5", known, Recording(spikes=trains))
    summary = compare_existing(one, tmp_path / "two", MARGINS)
    assert summary.comparisons[0].silent == ("I",)


def test_time_steps_may_differ_where_bins_do_not(folders, tmp_path):
    lines = "".join(f"{n},{t:.2f}\n" for n in range(9) for t in np.arange(1000.5, 3999, 100.05))
    fine = scripted(tmp_path / "fine", dt=0.05, lines=lines)
    summary = compare_existing(folders / "a", fine, MARGINS)
    assert any("time steps of 0.1 ms and 0.05 ms" in n for n in summary.comparisons[0].notes)
    coarse = scripted(tmp_path / "coarse", dt=0.8, lines="")
    with pytest.raises(UsageError, match=r"bins of whole steps: .*2 ms 2 ms.* and .*2 ms 1\.6 ms"):
        compare_existing(folders / "a", coarse, MARGINS)


def test_a_population_that_one_side_lacks_is_named(folders, tmp_path):
    other = scripted(tmp_path, populations=[{"name": "X", "size": 3, "files": ["1.csv"]}])
    message = r"/a has E 40, no X and .* has X 3, no E"
    with pytest.raises(UsageError, match=message):
        compare_existing(folders / "a", other, MARGINS)


def test_files_of_spikes_and_exports_in_a_folder_are_no_runs_of_their_own(folders, tmp_path):
    side = write(tmp_path / "side", "nest", [10.0] * 2)
    for file in [*side.iterdir()]:
        export(load_runs(file)[0], file.with_suffix(".sonata.h5"), "sonata")
        export(load_runs(file)[0], file.with_suffix(".mat"), "mat")
    assert [run.file.name for run in load_runs(side)] == sorted(
        file.name for file in side.glob("*.h5") if "sonata" not in file.name
    )
    described = scripted(tmp_path / "described", seeds=())
    for seed, file in enumerate(sorted(side.glob("*.sonata.h5"))):
        (described / f"{seed}.h5").write_bytes(file.read_bytes())
        (described / f"{seed}.toml").write_text(
            f'name = "pair"\nsimulator = "x"\nseed = {seed}\ndt = {DT}\nwarmup = 1000\n'
            f'duration = 3000\nids = "population"\nfiles = ["{seed}.h5"]\n'
            f'[[populations]]\nname = "E"\nsize = {SIZE}\n'
        )
    assert [run.rates() for run in load_runs(described)] == [run.rates() for run in load_runs(side)]
    for file in side.glob("*seed?-?.h5"):
        file.unlink()
    assert len(load_runs(side)) == 2  # nothing but exports


def test_an_open_verdict_says_what_would_decide_it(folders, tmp_path):
    few = write(tmp_path / "few", "genn", [10.0] * 4, first=11)
    margins = Margins().only(["rate", "lv"]).declare_text("rate=1%,lv=0.03")
    (entry,) = compare_existing(folders / "a", few, margins).comparisons
    assert entry.outcome == "inconclusive" and entry.looks is None
    found = entry.advice
    share, prolong, seeds = found["levers"]
    assert [lever["what"] for lever in (share, prolong, seeds)] == ["share", "prolong", "seeds"]
    assert seeds["seeds"] > 6 and "seeds a side of 3 s" in seeds["text"]
    assert found["power"] < found["wanted"] == 0.8
    assert found["tests"] + found["others"] == 2 - sum(
        test["outcome"] == "equivalent" for test in entry.verdict["tests"]
    )
    assert set(found["networks"]) == {"rate", "lv"}  # from the halves of each run
    # a side of one run has no scatter, and a verdict that is decided asks for nothing
    assert compare_existing(folders / "a", folders / "one", MARGINS).comparisons[0].advice is None
    assert compare_existing(folders / "a", folders / "same", MARGINS).comparisons[0].advice is None
