"""The first screen of a verdict: what is known of records, drawn spikes and wall times."""

import json
from pathlib import Path

import numpy as np
import pytest
import reporting
import typer
from typer.testing import CliRunner

from netspec.cli import app, verdicts
from netspec.errors import UsageError
from netspec.validation.campaign.validating import judge_existing
from netspec.validation.judge.margins import Margins
from netspec.validation.report import known, pictures, proof, tables
from netspec.validation.report.cost import cost_of, spoken

RECORDS = Path(__file__).parents[2] / "benchmarks" / "records"
NAMES = ["nest", "brian2", "genn"]
SIZES = {"E": 40, "I": 10}


def screen(summary, runs=()):
    return known.first_screen(summary, pictures.sides(summary.model_dump(mode="json"), runs)[0])


def row(found, question):
    return next((r.lines for r in found.rows if r.question == question), ())


def run(folder, backend, seed, spikes, **changes):
    given = reporting.manifest("pair", SIZES, backend, seed) | changes
    return reporting.written(folder, given, spikes)


def trains(rng, rate=20.0):
    """Return Poisson trains of both populations over the whole run."""
    total = round((reporting.WARMUP + reporting.DURATION) / reporting.DT)
    found = {}
    for name, size in SIZES.items():
        number = rng.poisson(rate * size * total * reporting.DT / 1000)
        found[name] = rng.integers(1, total + 1, number), rng.integers(0, size, number)
    return found


# -- proof ------------------------------------------------------------------------------------


def test_three_simulators_of_the_microcircuit_are_one_network():
    ladder = json.loads((RECORDS / "microcircuit-ladder.json").read_text())
    (line,) = proof.ladder_lines(ladder, NAMES)
    assert line.state == "good"
    assert line.text.startswith("nest, brian2, genn and SciPy's solution of the equations:")
    assert "the same 256 spikes, at the same steps, all 100 ms long" in line.text
    assert proof.alike(ladder, NAMES) == NAMES and not proof.broken(ladder)


def test_approximations_of_the_ring_are_named_with_how_far_they_carry():
    """NEST's NMDA is approximate; Brian2 and GeNN are one network."""
    ladder = json.loads((RECORDS / "working_memory-ladder.json").read_text())
    same, parted = proof.ladder_lines(ladder, NAMES)
    assert (same.state, parted.state) == ("good", "open")
    assert same.text.startswith("brian2 and genn: a small network") and "208 spikes" in same.text
    assert parted.text.startswith("nest and brian2")
    assert "the same spikes until 21.75 of 100 ms; approximate: nmda-instant-rise" in parted.text
    assert proof.alike(ladder, NAMES) == ["brian2", "genn"]
    assert proof.approximate(ladder) == ["nest"]


def test_a_broken_rung_stands_before_all_that_is_equivalent(tmp_path):
    ladder = json.loads((RECORDS / "microcircuit-ladder.json").read_text())
    ladder["first_broken"]["brian2"] = "L1"
    for rung in ladder["rungs"]:
        if (rung["backend"], rung["level"]) == ("brian2", "L1"):
            rung |= {"status": "failed", "reason": "V_m off (mV) is 0.5, at most 1e-06"}
    summary, runs = reporting.microcircuit(tmp_path, ["nest", "brian2"], 3, populations=1)
    found = screen(summary.model_copy(update={"ladder": ladder}), runs)
    assert found.first[0] == proof.Line("bad", "Not the network described: brian2.")
    assert row(found, "the same network?")[0].text == (
        "brian2: L1 neuron broke first: V_m off (mV) is 0.5, at most 1e-06"
    )


@pytest.mark.parametrize("moved", [None, 1, 7_000])
def test_spikes_are_compared_one_by_one_from_the_first_step_on(tmp_path, moved):
    """One spike taken away: the sides part at its step, whatever comes after."""
    shared = {"connectivity": "shared", "drive": "shared"}
    sides = {"brian2": [], "genn": []}
    for seed in (1, 2):
        spikes = trains(np.random.default_rng(seed))
        steps, neurons = spikes["I"]
        steps[0] = 1 if moved == 1 else 7_000
        kept = slice(None if moved is None or seed == 1 else 1, None)
        other = spikes | {"I": (steps[kept], neurons[kept])}
        sides["brian2"].append(run(tmp_path, "brian2", seed, spikes, **shared))
        sides["genn"].append(run(tmp_path, "genn", seed, other, **shared))
    first, second = proof.agreements(sides["brian2"], sides["genn"])
    assert (first.until, first.end) == (None, 1500.0)
    step = None if moved is None else (moved - 1) * reporting.DT
    assert second.until == (None if step is None else pytest.approx(step))
    before = [steps for steps, _ in spikes.values()]
    assert second.spikes == sum(int((s < (moved or 10**6)).sum()) for s in before)
    line = proof.agreement_line("brian2", "genn", [first, second])
    assert ("in 2 of 2 runs" if moved is None else "to the end in 1 of 2 runs") in line.text
    # without the same events there is nothing to compare spike by spike
    alone = [run(tmp_path, "nest", s, spikes, connectivity="shared") for s in (1, 2)]
    assert proof.agreements(sides["brian2"], alone) == []


@pytest.mark.parametrize("chance, connectivity, drive", [
    ([], "native", "native"), (["values", "noise"], "native", "native"),
    (["synapses"], "shared", "native"), (["events"], "native", "shared"),
])  # fmt: skip
def test_spikes_are_compared_where_nothing_was_the_simulators_to_draw(
    tmp_path, chance, connectivity, drive
):
    """Given spikes and currents, netspec's values and noise; else it has to be shared."""
    spikes = trains(np.random.default_rng(3))
    who = {"connectivity": connectivity, "drive": drive}
    ours = run(tmp_path, "nest", 1, spikes, chance=chance, **who)
    theirs = run(tmp_path, "genn", 1, spikes, chance=chance, **who)
    (found,) = proof.agreements([ours], [theirs])
    assert found.until is None and found.chance == set(chance)
    for what, field in (("synapses", "connectivity"), ("events", "drive")):
        if what in chance:
            drawn = run(tmp_path, "brian2", 1, spikes, chance=chance, **who | {field: "native"})
            assert proof.agreements([ours], [drawn]) == []


def settled(folder, theirs, **changes):
    """Return the screen and exit code of one run a side, the other of which has changes."""
    ours = trains(np.random.default_rng(4))
    runs = [run(folder, "nest", 1, ours, chance=[]),
            run(folder, "genn", 1, theirs(ours), **{"chance": [], **changes})]  # fmt: skip
    sides = {r.manifest["backend"]: [r] for r in runs}
    summary = judge_existing(sides, list(sides), Margins())
    with pytest.raises(typer.Exit) as ended:
        verdicts.tell(summary, runs, None, None, as_json=True)
    return screen(summary, runs), ended.value.exit_code


def but_one(spikes):
    """Return spikes of which the last of the first population comes a step earlier."""
    name, (steps, neurons) = next(iter(spikes.items()))
    steps = np.where(np.arange(len(steps)) == steps.argmax(), steps - 1, steps)
    return spikes | {name: (steps, neurons)}


def nothing(spikes):
    return {name: (steps[:0], neurons[:0]) for name, (steps, neurons) in spikes.items()}


def test_one_run_that_is_the_same_everywhere_is_all_there_is(tmp_path):
    found, code = settled(tmp_path, dict)
    (line,) = row(found, "the same activity?")
    assert (line.state, line.text, code) == ("good", known.SETTLED, 0)
    assert not row(found, "to close the rest")


@pytest.mark.parametrize("theirs, changes", [
    (but_one, {}), (nothing, {}), (dict, {"chance": ["values"]}), (dict, {"chance": ["synapses"]}),
    (dict, {"spec_hash": "f" * 64}),
])  # fmt: skip
def test_one_run_is_not_all_there_is_if_a_spike_differs_or_a_seed_matters(
    tmp_path, theirs, changes
):
    found, code = settled(tmp_path, theirs, **changes)
    assert code != 0
    assert all(known.SETTLED not in line.text for line in row(found, "the same activity?"))


def test_seeds_that_change_nothing_are_told(tmp_path):
    spikes = trains(np.random.default_rng(4))
    sides = {
        name: [run(tmp_path, name, seed, spikes, chance=[]) for seed in (1, 2, 3)]
        for name in NAMES[:2]
    }
    found = screen(
        judge_existing(sides, NAMES[:2], Margins()), [r for s in sides.values() for r in s]
    )
    same, seeds = row(found, "the same spikes?")
    assert "nothing left to chance: the same" in same.text and "in 3 of 3 runs" in same.text
    assert seeds.text.endswith("3 seeds are one run 3 times")
    drawn = [run(tmp_path, "nest", seed, spikes, chance=["values"]) for seed in (1, 2)]
    assert proof.seed_lines(drawn) == proof.seed_lines(sides["nest"][:1]) == []


# -- what is no proof -------------------------------------------------------------------------


def test_silence_is_said_and_not_called_equivalent(tmp_path):
    quiet = {name: (np.empty(0, int), np.empty(0, int)) for name in SIZES}
    sides = {name: [run(tmp_path, name, s, quiet) for s in (1, 2, 3)] for name in NAMES[:2]}
    summary = judge_existing(sides, NAMES[:2], Margins())
    found = screen(summary)
    said = [line.text for line in (*found.first, *row(found, "the same activity?"))]
    assert "Nothing fires on either side: no activity is compared." in said
    assert not any("quivalent" in text or "EQUIVALENT" in text for text in said)
    assert all(line.state == "open" for line in found.first)


def test_a_silent_population_is_named(tmp_path):
    rng = np.random.default_rng(5)
    none = np.empty(0, int), np.empty(0, int)
    sides = {n: [run(tmp_path, n, s, trains(rng) | {"I": none}) for s in (1, 2)] for n in "ab"}
    found = screen(judge_existing(sides, ["nest"], Margins()))
    (line,) = row(found, "the same activity?")
    assert line.text.endswith("nothing fires in I on either side")


def test_one_run_a_side_is_told_without_a_claim(tmp_path):
    """The differences in margins, largest first: of 20 and 30 spikes/s the rate is far outside."""
    rng = np.random.default_rng(6)
    sides = {"a": [run(tmp_path, "nest", 1, trains(rng))],
             "b": [run(tmp_path, "genn", 2, trains(rng, 30.0))]}  # fmt: skip
    summary = judge_existing(sides, ["nest"], Margins())
    found = screen(summary)
    assert found.first[-1].text.startswith("Too few runs to claim anything")
    lines = [line.text for line in row(found, "largest differences")]
    assert len(lines) == known.OPEN_LINES
    rates = {r.backend: r.values["rate"] for r in summary.statistics if r.population == "E"}
    every = {text: size for size, text in known.differences(summary.decisive[0])}
    (told,) = [text for text in every if text.startswith("E rate: ")]
    assert f"{100 * (rates['b'] / rates['a'] - 1):+.1f} % (margin +-5 %)" in told
    assert every[told] == pytest.approx(np.log(rates["b"] / rates["a"]) / np.log(1.05))
    assert [every[text] for text in lines] == sorted(every.values(), reverse=True)[:5]
    assert summary.exit_code == 6


# -- what is open -----------------------------------------------------------------------------


def test_the_worst_comes_first_whatever_its_kind_and_population(tmp_path):
    summary, runs = reporting.microcircuit(tmp_path, ["nest", "brian2"], 4, populations=3)
    tests = [t for entry in summary.decisive for t in entry.verdict["tests"]]
    found = sorted(tests, key=tables.rank)
    # equivalent means that the interval lies within the margin
    for test in tests:
        assert (tables.reach(test) <= 1) == (test["outcome"] == "equivalent"), test["text"]
    reaches = [tables.reach(t) for t in found if t["outcome"] == "inconclusive"]
    assert reaches == sorted(reaches, reverse=True) and len(reaches) > known.OPEN_LINES
    lines = [line.text for line in row(screen(summary, runs), "worst first")]
    head = [f"{t['population']} {t['statistic']}: " for t in found[: known.OPEN_LINES]]
    assert all(text.startswith(words) for text, words in zip(lines, head, strict=False))
    assert lines[-1] == f"and {len(reaches) - known.OPEN_LINES} more, in the table of all tests"


def test_the_price_of_a_seed_is_its_wall_time_here(tmp_path):
    """4 s of building; 3 s for 1.5 biological seconds; on half of the processors."""
    seconds = {"simulate": 2.0, "warmup": 1.0, "total": 7.0}
    half = {"seconds": seconds, "threads": 1, "machine": {"system": "x", "processors": 2}}
    runs = [run(tmp_path, "nest", 1, trains(np.random.default_rng(1)), **half)]
    cost = cost_of({"nest": runs})
    assert (cost.fixed, cost.per_second, cost.warmup) == pytest.approx((2.0, 1.0, 0.5))
    assert cost.seconds(10, 4.0) == pytest.approx(10 * (2 + 4.5))
    assert cost_of({"nest": runs, "genn": []}) is None
    assert [spoken(s) for s in (40, 1140, 12_600)] == ["40 seconds", "19 minutes", "3.5 hours"]


def test_the_levers_of_the_neediest_pair_are_told_with_their_price(tmp_path):
    summary, runs = reporting.microcircuit(tmp_path, ["nest", "brian2"], 4, populations=2)
    (entry,) = summary.decisive
    lever = {"what": "seeds", "seeds": 30, "times": 1.0, "shared": False, "text": "add seeds: 30"}
    advice = {"levers": [lever], "others": 0}
    less = advice | {"levers": [lever | {"seeds": 12, "text": "add seeds: 12"}]}
    entries = [entry.model_copy(update={"advice": a}) for a in (less, advice)]
    assert known.levers(entries) == [lever]
    summary = summary.model_copy(update={"comparisons": (entries[1],)})
    (line,) = row(screen(summary, runs), "to close the rest")
    cost = cost_of({n: [r for r in runs if r.manifest["backend"] == n] for n in summary.backends})
    assert line.text == f"add seeds: 30; {spoken(cost.seconds(30, 1.0))} on this machine"
    # what `netspec validate` can run by itself is said with what it takes
    asked = {"backends": [{"connectivity": "native"}] * 2} | summary.request
    again = summary.model_copy(update={"request": asked})
    first = row(screen(again, runs), "to close the rest")[0].text
    assert first.startswith("netspec validate ... --until-decided, without --seeds and --duration")
    assert ": 8 to 20 pairs of 10 s of shared networks; " in first


def test_the_terminal_ends_with_what_is_known(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        rng = np.random.default_rng(len(name))
        for seed in (1, 2, 3):
            run(tmp_path / name, "nest" if name == "a" else "genn", seed, trains(rng))
    out = tmp_path / "out"
    command = ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    last = done.output[done.output.index("\npair: ") :]
    assert "the same activity?" in last and "genn against nest: " in last
    again = CliRunner().invoke(
        app, ["report", str(out), "--runs", str(tmp_path / "a"), "--brief"], catch_exceptions=False
    )
    assert again.exit_code == 0
    assert again.output.strip().splitlines()[0] in last
    # the same in JSON: on standard output, since wall times are no part of the file
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)["known"]
    assert all(line["text"] in last for line in found["first"])
    lines = {r["question"]: r["lines"] for r in found["rows"]}
    assert {"the same activity?", "worst first", "to close the rest"} == {*lines}
    assert "on this machine" in lines["to close the rest"][0]["text"]
    assert all(line["text"] in last for texts in lines.values() for line in texts)
    assert {line["state"] for line in found["first"]} <= {"good", "open", "bad"}
    sides = ["--runs", str(tmp_path / "a"), "--runs", str(tmp_path / "b")]
    again = CliRunner().invoke(app, ["report", str(out), *sides, "--json"])
    assert json.loads(again.output)["known"] == found
    assert "known" not in json.loads((out / "pair-validation.json").read_text())
    refused = CliRunner().invoke(app, ["report", str(out), "--brief", "--json"])
    assert isinstance(refused.exception, UsageError)


def test_the_most_simulators_that_agree_in_pairs_are_named_together():
    names, whole = ("a", "b", "c"), {("a", "b"), ("a", "c"), ("b", "c")}
    assert known._largest(names, whole) == names
    assert known._largest(names, whole - {("b", "c")}) == ("a", "b")
    assert known._largest(names, set()) == ()
