"""One self-contained HTML page from a summary and its run files, and JUnit XML for CI.

A summary (``netspec-validation/1``) is the JSON that `netspec validate` writes. The page can be
made anew from it at any time; figures of spikes need the run files too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.errors import UsageError, choices
from netspec.execute.contract import Ledger
from netspec.execute.results import Run
from netspec.validation.campaign.summary import PUBLISHED, ComparisonEntry, Summary
from netspec.validation.judge.comparison import NONE
from netspec.validation.judge.comparison_kinds import read
from netspec.validation.ladder.report import LEVELS, broke_first
from netspec.validation.report import figures, junit, known, pictures, tables
from netspec.whole_files import write_text

SIGNS = {
    "equivalent": ("good", "\N{CHECK MARK}", "Every difference lies within its margin."),
    "different": (
        "bad", "\N{BALLOT X}", "At least one difference exceeds its margin, and is not chance."
    ),
    "inconclusive": (
        "open", "?", "Undecided: some difference is shown neither to lie within its margin nor to "
        "exceed it.",
    ),
    "consistent": (
        "open", "\N{ALMOST EQUAL TO}", "One run lies where further runs of the other side would. "
        "That is no proof of equivalence.",
    ),
    "inconsistent": (
        "bad", "\N{BALLOT X}", "One run lies outside of where further runs of the other side would."
    ),
    "impossible": ("bad", "!", "There is nothing to compare."),
}  # fmt: skip
DASH = "\N{EN DASH}"
OPEN_LINES = 5  # tests named in a banner


def write(path: Path, summary: Summary, runs: Sequence[Run]) -> Path | None:
    """Write the page, and beside it JUnit XML (NAME-junit.xml).

    Parameters
    ----------
    path : Path
        Of the page.
    summary : Summary
    runs : sequence of Run
        Those of the summary, in any order; the page says which are not among them.

    Returns
    -------
    Path or None
        The page; None where the extra ``report`` is missing.
    """
    write_text(path.with_name(f"{path.stem}-junit.xml"), junit.document(summary))
    try:
        page = render(summary, runs)
    except ModuleNotFoundError:
        return None
    write_text(path, page)
    return path


def find(path: Path) -> Path:
    """Return the JSON file of a validation: `path` itself, or the only one in that folder."""
    if not path.is_dir():
        return path
    found = sorted(path.glob("*-validation.json"))
    if len(found) != 1:
        names = f" ({choices([file.name for file in found])})" if found else ""
        raise UsageError(f"{path}: {len(found)} files *-validation.json{names}; name one file")
    return found[0]


def render(summary: Summary, runs: Sequence[Run]) -> str:
    """Return the page (see `write`)."""
    import jinja2

    # as it is read from its file, where keys are sorted: the same page now and later
    summary = Summary.model_validate_json(summary.to_json())
    data = summary.model_dump(mode="json")
    sides, missing = pictures.sides(data, runs)
    template = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    # labels come from descriptions, so everything is escaped
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    return environment.from_string(template).render(
        summary=data,
        known=known.first_screen(summary, sides),
        banners=[_banner(summary, entry) for entry in summary.comparisons],
        failures=summary.failures,
        missing=missing,
        looks=figures.looks(summary.backends),
        sections=pictures.all_of(summary, sides),
        tests=[
            (known.title(entry), _rows(entry.verdict["tests"]))
            for entry in summary.comparisons
            if entry.verdict is not None
        ],
        columns=COLUMNS,
        trials=tables.trial_table(summary),
        ladder=_ladder(summary.ladder),
        ledgers={
            name: Ledger(backend=name, entries=data["ledger"].get(name, [])).grouped()
            for name in summary.backends
        },
        versions={name: data["versions"].get(name, {}) for name in summary.backends},
        manifests={
            (name, run.file.name): run.manifest for name, found in sides.items() for run in found
        },
    )


def number(value: float | None) -> str:
    """Return a number with the digits that count; a dash for none."""
    if value is None:
        return DASH
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


# -- verdict first ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Banner:
    """The verdict on a pair of backends.

    Attributes
    ----------
    pair, outcome, colour, sign, meaning : str
    compared, margins : str
        What was compared: seeds, window, power; the margins in words.
    lines : tuple of str
        Tests that are not equivalent, the first ones, and notes.
    """

    pair: str
    outcome: str
    colour: str
    sign: str
    meaning: str
    compared: str
    margins: str
    lines: tuple[str, ...]


def _banner(summary: Summary, entry: ComparisonEntry) -> Banner:
    pair = known.title(entry)
    if entry.verdict is None:
        why = entry.error or ""
        return Banner(pair, entry.outcome, *SIGNS[entry.outcome], "", "", (why,))
    tests = entry.verdict["tests"]
    worst_first = sorted(tests, key=tables.rank)
    lines = [t["text"] for t in worst_first if t["outcome"] not in ("equivalent", "consistent")]
    more = len(lines) - OPEN_LINES
    lines[OPEN_LINES:] = [f"and {more} more, in the table of all tests"] if more > 0 else []
    lines += [f"To decide it: {lever['text']}" for lever in known.levers([entry])]
    lines += entry.notes
    if entry.left_out:
        lines.append(f"Undefined in every run, and left out: {', '.join(entry.left_out)}")
    compared, margins = _compared(summary, entry, entry.verdict), _margins(tests)
    return Banner(pair, entry.outcome, *SIGNS[entry.outcome], compared, margins, tuple(lines))


def _compared(summary: Summary, entry: ComparisonEntry, verdict: dict[str, Any]) -> str:
    """Say in a sentence or two what was compared."""
    tests = verdict["tests"]
    seeds = [
        len({run.seed for run in summary.runs if run.backend == name and run.error is None})
        for name in (entry.reference, entry.other)
    ]
    simulation = summary.request["simulation"]
    sides = f"{seeds[0]} and {seeds[1]} seeds"
    if entry.other == PUBLISHED:
        sides = f"{seeds[0]} seeds and published values"
    outcomes = [test["outcome"] for test in tests]
    counts = ", ".join(f"{outcomes.count(o)} {o}" for o in sorted(set(outcomes)))
    text = (
        f"{len(tests)} tests: {counts}. {sides}, "
        f"{simulation['duration']:g} ms counted after {simulation['warmup']:g} ms of warm-up, time "
        f"step {simulation['dt']:g} ms."
    )
    if verdict["power"] is not None:
        power = 100 * verdict["power"]
        text += f" Power to call all means of equals equivalent: at least {power:.0f} %."
    return text


def _margins(tests: Sequence[dict[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(f"{test['statistic']} {margin_of(test)}" for test in tests))


def margin_of(test: dict[str, Any]) -> str:
    """Return a test's margin in words."""
    return read(test["comparison"]).margin_text()


# -- tables -----------------------------------------------------------------------------------


COLUMNS = (
    "found", "interval", "margin", "power", "needed alone", "detectable", "p of equivalence",
    "p of difference", "seeds",
)  # fmt: skip


def _rows(tests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what stands in a row of the table of tests, what decides first; the worst on top."""
    rows = []
    for test in sorted(tests, key=tables.rank):
        found = read(test["comparison"])
        power, needed = found.designed or (None, None)
        shown, interval, _, seen = found.cells(test["detectable"])
        cells = [
            shown,
            interval,
            found.margin_text(),
            NONE if power is None or math.isnan(power) else f"{100 * power:.0f} %",
            number(needed),
            seen,
            number(test["comparison"].get("p_equivalence")),
            number(test["p_adjusted"]),
            " + ".join(map(str, found.seeds)),
        ]
        rows.append({**test, "cells": [DASH if cell == NONE else cell for cell in cells]})
    return rows


def _ladder(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return columns and rows of the ladder: a rung and its figures, backend by backend."""
    if found is None:
        return None
    names = list(dict.fromkeys(rung["backend"] for rung in found["rungs"]))
    levels = []
    for level in sorted({rung["level"] for rung in found["rungs"]}):
        rungs = {rung["backend"]: rung for rung in found["rungs"] if rung["level"] == level}
        kinds = dict.fromkeys(name for rung in rungs.values() for name in rung["figures"])
        levels.append((level, rungs, list(kinds)))
    reasons = dict.fromkeys(
        f"{r['backend']}, {r['level']}: {r['reason']}" for r in found["rungs"] if r["reason"]
    )
    return {
        **found,
        "names": names,
        "levels": levels,
        "titles": LEVELS,
        "first": {name: broke_first(level) for name, level in found["first_broken"].items()},
        "reasons": list(reasons),
    }
