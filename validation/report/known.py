"""The first screen, what is known: proof, then activity, what is open, and what would close it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from netspec.execute.results import Run
from netspec.validation.campaign.request import DECIDING_DURATION
from netspec.validation.campaign.summary import ComparisonEntry, Summary
from netspec.validation.judge.comparison import Outcome, number
from netspec.validation.judge.comparison_kinds import read
from netspec.validation.judge.looks import Looks
from netspec.validation.judge.single import Single
from netspec.validation.report import proof, tables
from netspec.validation.report.cost import Cost, cost_of, spoken
from netspec.validation.report.proof import Line, listed

OPEN_LINES = 5  # tests that are named
SETTLED = "the same activity: nothing is left to chance, so that one run is all there is"
COLOURS = {
    "equivalent": "good", "different": "bad", "inconsistent": "bad", "impossible": "bad",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A question and its answers.

    Attributes
    ----------
    question : str
    lines : tuple of Line
    asked : bool
        Whether the lines answer yes or no; else they tell.
    """

    question: str
    lines: tuple[Line, ...]
    asked: bool = True


@dataclass(frozen=True)
class Screen:
    """What is known of a validation.

    Attributes
    ----------
    first : tuple of Line
        The strongest sentences that are true, the most important first.
    rows : tuple of Row
    settled : bool
        Whether one run a side is all that there is, and it is the same on all simulators.
    """

    first: tuple[Line, ...]
    rows: tuple[Row, ...]
    settled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return JSON data: what `--json` prints as ``known``."""
        return {key: value for key, value in asdict(self).items() if key != "settled"}


def first_screen(summary: Summary, runs: Mapping[str, Sequence[Run]]) -> Screen:
    """Return what is known.

    Parameters
    ----------
    summary : Summary
    runs : mapping
        Backend (or side of a comparison) -> its runs, of which spikes and wall times are read.
    """
    entries = summary.decisive
    pairs = _agreements(summary, runs)
    rows = [Row("the same network?", tuple(_network(summary)))]
    if pairs:
        lines = [proof.agreement_line(*names, found) for names, found in pairs.items()]
        lines += proof.seed_lines(_every(runs))
        rows.append(Row("the same spikes?", tuple(lines)))
    settled = _settled(summary, runs, pairs)
    if settled:
        rows.append(Row("the same activity?", (Line("good", SETTLED),)))
        words = Line("good", f"{SETTLED[0].upper()}{SETTLED[1:]}.")
        first = (*_proof_words(summary, pairs), words)
    else:
        rows.append(Row("the same activity?", tuple(_activity(summary, e) for e in entries)))
        rows += [_open(summary), _to_close(summary, runs)]
        first = _first(summary, pairs)
    return Screen(first, tuple(row for row in rows if row.lines), settled)


def _settled(
    summary: Summary,
    runs: Mapping[str, Sequence[Run]],
    pairs: Mapping[tuple[str, str], Sequence[proof.Agreement]],
) -> bool:
    """Return whether one run is all that there is, and it is the same on all simulators.

    That is: nothing is left to chance, so that every seed gives the same run, and spikes agree one
    by one to the end, of which there are some. More runs would add nothing to that.
    """
    number = len(summary.backends) * (len(summary.backends) - 1) // 2
    if number == 0 or COLOURS.get(summary.outcome) == "bad" or proof.broken(summary.ladder):
        return False
    agreed = [agreement for found in pairs.values() for agreement in found]
    return (
        len(pairs) == number
        and proof.all_given(_every(runs))
        and all(a.until is None and a.spikes > 0 for a in agreed)
    )


# -- proof ------------------------------------------------------------------------------------


def _every(runs: Mapping[str, Sequence[Run]]) -> list[Run]:
    return [run for side in runs.values() for run in side]


def _agreements(
    summary: Summary, runs: Mapping[str, Sequence[Run]]
) -> dict[tuple[str, str], list[proof.Agreement]]:
    found = {
        pair: proof.agreements(*(runs.get(name, ()) for name in pair))
        for pair in combinations(summary.backends, 2)
    }
    return {pair: agreed for pair, agreed in found.items() if agreed}


def _network(summary: Summary) -> Iterator[Line]:
    if summary.ladder is not None:
        yield from proof.ladder_lines(summary.ladder, summary.backends)
    elif len(summary.backends) > 1 and "runs" not in summary.request:  # of files: nothing to climb
        yield Line("open", "not asked; --ladder asks, neuron by neuron")


# -- activity ---------------------------------------------------------------------------------


def title(entry: ComparisonEntry) -> str:
    """Return what is compared with what."""
    return f"{entry.other} against {entry.reference}"


def tests_of(entry: ComparisonEntry) -> list[dict[str, Any]]:
    """Return the tests of a comparison; none where a side has no run."""
    return [] if entry.verdict is None else list(entry.verdict["tests"])


def all_silent(entry: ComparisonEntry) -> bool:
    """Return whether nothing fires on either side, so that nothing was judged."""
    return bool(entry.silent) and not tests_of(entry)


def one_run_each(entry: ComparisonEntry) -> bool:
    """Return whether there are too few runs to claim anything: one on a side, one or two beside."""
    kinds = {test["comparison"].get("kind") for test in tests_of(entry)}
    return "single" in kinds


def counts(entries: Sequence[ComparisonEntry]) -> str:
    """Return how many tests are equivalent (of one run: consistent), and how many are not."""
    tests = [test["outcome"] for entry in entries for test in tests_of(entry)]
    good = Outcome.CONSISTENT if Outcome.CONSISTENT in tests else Outcome.EQUIVALENT
    bad = [o for o in (Outcome.DIFFERENT, Outcome.INCONSISTENT) if o in tests]
    none = Outcome.INCONSISTENT if good is Outcome.CONSISTENT else Outcome.DIFFERENT
    others = ", ".join(f"{tests.count(o)} {o}" for o in bad) or f"none {none}"
    return f"{tests.count(good)} of {len(tests)} tests {good}, {others}"


def _activity(summary: Summary, entry: ComparisonEntry) -> Line:
    head = f"{title(entry)}: "
    if entry.verdict is None:
        return Line("bad", f"{head}IMPOSSIBLE: {entry.error}")
    if all_silent(entry):
        return Line("open", f"{head}NOTHING FIRES on either side, so that no activity is compared")
    state = COLOURS.get(entry.outcome, "open")
    if one_run_each(entry):
        return Line(state, f"{head}{entry.outcome.upper()}: one run a side, of which differences "
                           "can be told and nothing be claimed")  # fmt: skip
    text = f"{head}{entry.outcome.upper()}: {counts([entry])}"
    if entry.silent:
        text += f"; nothing fires in {listed(entry.silent)} on either side"
    if entry.looks is not None:
        text += f"; {entry.looks['text']}"
    return Line(state, text)


def _first(
    summary: Summary, pairs: Mapping[tuple[str, str], Sequence[proof.Agreement]]
) -> tuple[Line, ...]:
    """Return the strongest sentences: what differs if anything does, then proof before activity."""
    found = [*_proof_words(summary, pairs), _activity_words(summary)]
    return tuple(sorted(found, key=lambda line: line.state != "bad"))


def _largest(names: Sequence[str], whole: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """Return the most simulators of which every pair is among those that agree, or none."""
    for size in range(len(names), 1, -1):
        for some in combinations(names, size):
            if all(pair in whole for pair in combinations(some, 2)):
                return some
    return ()


def _proof_words(
    summary: Summary, pairs: Mapping[tuple[str, str], Sequence[proof.Agreement]]
) -> Iterator[Line]:
    names, ladder = summary.backends, summary.ladder
    if wrong := proof.broken(ladder):
        yield Line("bad", f"Not the network described: {listed(wrong)}.")
        return
    whole = {pair for pair, found in pairs.items() if all(a.until is None for a in found)}
    same, more = proof.alike(ladder, names), _largest(names, whole)
    if same:
        text = f"The same network on {listed(same)}, spike by spike where its input is given"
        yield Line("good", text + (f", and in whole runs on {listed(more)}." if more else "."))
    elif more:
        yield Line("good", f"The same spikes, one by one, on {listed(more)}.")
    if used := proof.approximate(ladder):
        yield Line("open", f"{listed(used)}: with approximations that were agreed to.")


def _activity_words(summary: Summary) -> Line:
    entries = summary.decisive
    if not entries:
        return Line("open", "One backend only: there is nothing to compare it with.")
    state = COLOURS.get(summary.outcome, "open")
    if any(entry.verdict is None for entry in entries):
        return Line(state, "One side has no run: there is nothing to compare.")
    if any(all_silent(entry) for entry in entries):
        return Line("open", "Nothing fires on either side: no activity is compared.")
    if all(one_run_each(entry) for entry in entries):
        return Line(state, "Too few runs to claim anything: differences are told.")
    number = sum(len(tests_of(entry)) for entry in entries)
    if summary.outcome == "equivalent":
        return Line(state, f"Equivalent activity: all {number} tests.")
    names = {"different": "Different activity", "inconclusive": "Activity not decided yet"}
    return Line(state, f"{names.get(summary.outcome, 'Activity')}: {counts(entries)}.")


# -- what is open -----------------------------------------------------------------------------


def _open(summary: Summary) -> Row:
    """Name the tests that are not equivalent, the worst of all pairs first."""
    entries = [entry for entry in summary.decisive if not all_silent(entry)]
    if alone := [entry for entry in entries if one_run_each(entry)]:
        found = sorted((d for entry in alone for d in differences(entry)), reverse=True)
        lines = [Line("open", text) for _, text in found[:OPEN_LINES]]
        return Row("largest differences", tuple(lines), False)
    tests = [(test, entry.other) for entry in entries for test in tests_of(entry)
             if test["outcome"] not in ("equivalent", "consistent")]  # fmt: skip
    tests.sort(key=lambda pair: tables.rank(pair[0]))
    same: dict[tuple[str, str], list[str]] = {}  # sides with the same spikes have the same tests
    for test, name in tests:
        key = COLOURS.get(test["outcome"], "open"), tables.in_short(test)
        same.setdefault(key, []).append(name)
    several = len(entries) > 1
    lines = [
        Line(state, f"{listed(names) + ', ' if several else ''}{text}")
        for (state, text), names in [*same.items()][:OPEN_LINES]
    ]
    if (more := len(same) - OPEN_LINES) > 0:
        lines.append(Line("open", f"and {more} more, in the table of all tests"))
    return Row("worst first", tuple(lines), False)


def differences(entry: ComparisonEntry) -> list[tuple[float, str]]:
    """Return the differences of too few runs to judge: their size in margins, and in words."""
    found = []
    for test in tests_of(entry):
        comparison = read(test["comparison"])
        if isinstance(comparison, Single) and not math.isnan(comparison.estimate):
            values = " and ".join(number(value) for value in comparison.values)
            size, _, margin, _ = comparison.cells(None)
            key = f"{test['population']} {test['statistic']}"
            found.append((comparison.share(), f"{key}: {values}, {size} (margin {margin})"))
    return found


# -- what would close it ----------------------------------------------------------------------


def _to_close(summary: Summary, runs: Mapping[str, Sequence[Run]]) -> Row:
    """Say what would close open tests, lever by lever, and the design that decides."""
    entries = [e for e in summary.decisive if e.outcome == "inconclusive" and tests_of(e)]
    if not entries or "duration" not in summary.request.get("simulation", {}):
        return Row("to close the rest", (), False)
    cost = cost_of(runs)
    duration = float(summary.request["simulation"]["duration"]) / 1000
    found = levers(entries)
    lines = []
    for lever in found:
        if math.isfinite(_need(lever)):
            price = _price(cost, lever["seeds"], lever["seeds"], lever["times"] * duration)
            lines.append(f"{lever['text']}{price}")
    if lines and (others := max(entry.advice["others"] for entry in entries if entry.advice)):
        lines[-1] += f" (beside {others} tests of distributions, whose power has no formula)"
    lines += [lever["text"] for lever in found if math.isinf(_need(lever))]
    # by `netspec validate`, which runs what is missing; others have their runs from elsewhere
    asks = "backends" in summary.request and all(entry.looks is None for entry in entries)
    if asks and not proof.all_given(_every(runs)):  # there, a few seeds are the same run
        lines.insert(0, _deciding(summary, cost, duration))
    return Row("to close the rest", tuple(Line("open", text) for text in lines), False)


def levers(entries: Sequence[ComparisonEntry]) -> list[dict[str, Any]]:
    """Return what would decide all of these comparisons, each lever as the neediest has it."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for lever in entry.advice["levers"] if entry.advice else ():
            kept = found.get(lever["what"])
            if kept is None or _need(lever) > _need(kept):
                found[lever["what"]] = lever
    return list(found.values())


def _need(lever: Mapping[str, Any]) -> float:
    """Return seeds times length; infinite where the lever is not enough by itself."""
    if lever["seeds"] is None or lever["times"] is None:
        return math.inf
    return float(lever["seeds"] * lever["times"])


def _deciding(summary: Summary, cost: Cost | None, duration: float) -> str:
    """Say what `--until-decided` would do, and what it would take here."""
    looks = Looks()
    trials = bool(summary.ring)  # which are as long as they are
    length = duration if trials else DECIDING_DURATION / 1000
    what = "trials" if trials else f"pairs of {length:g} s"
    price = _price(cost, looks.first, looks.most, length)
    without = "--seeds" if trials else "--seeds and --duration"
    return (
        f"netspec validate ... --until-decided, without {without}: {looks.first} to {looks.most} "
        f"{what} of shared networks{price}; if these cannot decide it stops and says so"
    )


def _price(cost: Cost | None, fewest: int, most: int, duration: float) -> str:
    if cost is None:
        return ""
    times = dict.fromkeys(spoken(cost.seconds(number, duration)) for number in (fewest, most))
    first, *others = times
    if others and others[0].split()[1] == first.split()[1]:
        first = first.split()[0]
    return f"; {' to '.join([first, *others])} on this machine"
