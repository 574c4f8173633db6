"""The summary of a validation as tables: the verdict, rates side by side, trials of a ring."""

from __future__ import annotations

import math
from typing import Any

from netspec.validation.campaign.summary import WORST_FIRST, ComparisonEntry, Summary
from netspec.validation.judge.comparison import Outcome, number
from netspec.validation.judge.comparison_kinds import read
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
        worst = min(family, key=rank)
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


def rank(test: dict[str, Any]) -> tuple[int, float]:
    """Return a key that sorts the worst test first, whatever its kind and population.

    By outcome, then by how far the interval reaches beyond its margin, in margins.
    """
    return WORST_FIRST.index(Outcome(test["outcome"])), -reach(test)


def reach(test: dict[str, Any]) -> float:
    """Return how far a test's interval reaches from no difference, in margins.

    At most 1: equivalent. Infinite where no test was possible, or the interval has no end.
    """
    found = read(test["comparison"])
    bar, centre = found.bar(), found.axis("").centre
    low, high = bar.margin
    ends = (bar.high - centre) / (high - centre), (bar.low - centre) / (low - centre)
    return math.inf if any(map(math.isnan, ends)) else max(ends)


def in_short(test: dict[str, Any]) -> str:
    """Return a test in some words: what was found, its interval and the margin."""
    found, interval, margin, _ = read(test["comparison"]).cells(None)
    return (
        f"{test['population']} {test['statistic']}: {found}, interval {interval}, margin {margin}"
    )


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
