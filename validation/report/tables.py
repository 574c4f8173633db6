"""The summary of a validation as tables: the verdict, rates side by side, trials of a ring."""

from __future__ import annotations

import math
from typing import Any

from netspec.validation.campaign.summary import WORST_FIRST, ComparisonEntry, Summary
from netspec.validation.judge.comparison import Outcome, number
from netspec.validation.judge.comparison_kinds import read
from netspec.validation.ladder.report import broke_first
from netspec.validation.measure.statistics import mean_and_sd

Table = tuple[list[str], list[list[object]]]


def verdict_table(entry: ComparisonEntry) -> Table:
    """Return one row a statistic: its worst population, the numbers, and what follows.

    "good" counts the populations that are equivalent (of one run: consistent). "would see" is the
    deviation that these seeds call different with a power of
    80 %: what is smaller may have been missed.
    """
    columns = ["statistic", "worst", "found", "interval", "margin", "would see", "outcome", "good"]
    tests = [] if entry.verdict is None else entry.verdict["tests"]
    rows: list[list[object]] = []
    for name in dict.fromkeys(test["statistic"] for test in tests):
        family = [test for test in tests if test["statistic"] == name]
        worst = min(family, key=_badness)
        good = sum(t["outcome"] in (Outcome.EQUIVALENT, Outcome.CONSISTENT) for t in family)
        share = f"{good} of {len(family)}"
        rows.append(
            [
                name,
                worst["population"],
                *read(worst["comparison"]).cells(worst["detectable"]),
                worst["outcome"],
                share,
            ]
        )
    return columns, rows


def _badness(test: dict[str, Any]) -> tuple[int, float]:
    """Return a key that sorts the worst test first: by outcome, then by what is least sure."""
    rank = WORST_FIRST.index(Outcome(test["outcome"]))
    return rank, read(test["comparison"]).badness()


def headline(entry: ComparisonEntry) -> str:
    """Return a comparison in one line: what, and the power or the reason."""
    head = f"{entry.other} against {entry.reference}: {entry.outcome.upper()}"
    if entry.verdict is None:
        return f"{head} ({entry.error})"
    tests, power = entry.verdict["tests"], entry.verdict["power"]
    counts = {
        outcome: sum(test["outcome"] == outcome for test in tests)
        for outcome in (o.value for o in WORST_FIRST)
    }
    parts = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    chance = "" if power is None else f"; power at least {100 * power:.0f} %"
    return f"{head} ({parts or 'nothing to compare'}{chance})"


def seeds_needed(entry: ComparisonEntry) -> int | None:
    """Return the seeds a side that would close all open tests of means; None if none would."""
    tests = [] if entry.verdict is None else entry.verdict["tests"]
    open_tests = [test for test in tests if test["outcome"] == Outcome.INCONCLUSIVE]
    designs = [read(test["comparison"]).designed for test in open_tests]
    open_ones = [design[1] for design in designs if design is not None]
    known = [needed for needed in open_ones if needed is not None]
    return max(known) if known and len(known) == len(open_ones) else None


def ladder_lines(summary: Summary) -> list[str]:
    """Return one line a backend: what broke first on the ladder; none if it was not climbed."""
    if summary.ladder is None:
        return []
    lines, found = [], summary.ladder
    for name in summary.backends:
        rungs = {r["level"]: r for r in found["rungs"] if r["backend"] == name}
        level = found["first_broken"][name]
        if level is not None:
            first = f"{broke_first(level)}: {rungs[level]['reason']}"
        elif all(rung["status"] == "skipped" for rung in rungs.values()):
            first = "not climbed: " + "; ".join({rung["reason"]: None for rung in rungs.values()})
        else:
            first = broke_first(None)
        lines.append(f"ladder, {name}: {first}")
    return lines


def rate_table(summary: Summary) -> Table:
    """Return mean rates over seeds +- SD by population and backend, and the published ones."""
    columns = ["population", *summary.backends]
    columns += ["published"] if summary.published else []
    rows = []
    for population in summary.network.populations:
        cells: list[object] = [population]
        for name in summary.backends:
            values = [
                row.values["rate"]
                for row in summary.statistics
                if (row.backend, row.population) == (name, population)
            ]
            mean, sd = mean_and_sd([v for v in values if v is not None])
            spread = "" if math.isnan(sd) else f" +- {sd:.3f}"
            cells.append("failed" if math.isnan(mean) else f"{mean:.3f}{spread}")
        if summary.published:
            cells.append(number(summary.published.get(population), ".3f"))
        rows.append(cells)
    return columns, rows


def trial_table(summary: Summary) -> Table:
    """Return one row a trial of a ring."""
    columns = ["run", "cue (deg)", "bump", "E (1/s)", "I (1/s)", "vector", "bias (deg)", "width"]
    rows: list[list[object]] = []
    for found in summary.ring.trials if summary.ring else ():
        formed, lost = found["formed"], found["lost"]
        state = "before the cue" if formed is None else "none" if not formed else "held"
        rows.append(
            [
                f"{found['backend']}, seed {found['seed']}",
                number(found["cue_angle"]),
                "lost" if formed and lost else state,
                number(found["rate_E"], ".2f"),
                number(found["rate_I"], ".2f"),
                number(found["vector_length"], ".3f"),
                number(found["bias"], "+.1f"),
                number(found["width"], ".1f"),
            ]
        )
    return columns, rows
