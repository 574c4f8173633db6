"""What the judging commands have in common: margins declared, and a verdict shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from netspec.cli.options import names_of, print_json

if TYPE_CHECKING:  # validation brings SciPy, which `netspec list` does without
    from netspec.execute.results import Run
    from netspec.validation.campaign.summary import Summary
    from netspec.validation.judge.margins import Margins
    from netspec.validation.report.known import Screen

MarginOption = Annotated[
    list[str] | None,
    typer.Option("--margin", help="NAME=VALUE, such as rate=5% or lv=0.02. Repeat, or use commas."),
]
StatisticOption = Annotated[
    str | None,
    typer.Option("--statistics", help="Those to judge, with commas (W1: distributions); all."),
]


def margins_of(given: list[str] | None, statistics: str | None) -> Margins:
    """Return the margins that ``--margin`` and ``--statistics`` declare."""
    from netspec.validation.judge.margins import Margins

    declared = Margins().declare_text(",".join(given or []))
    return declared.only(None if statistics is None else names_of([statistics]))


def tell(
    summary: Summary, runs: Sequence[Run], data: Path | None, page: Path | None, as_json: bool
) -> NoReturn:
    """Print the verdict and where its files lie, and end with its exit code.

    That is 0 as well where one run a side is all that there is, and it is the same on all.
    """
    files, known = {"verdict": data, "report": page}, known_of(summary, runs)
    if as_json:
        found = {name: str(path) for name, path in files.items() if path is not None}
        print_json({**summary.model_dump(mode="json"), "known": known.to_dict(), "files": found})
    else:
        _show(summary)
        show_known(summary, known, files)
    raise typer.Exit(0 if known.settled else summary.exit_code)


def known_of(summary: Summary, runs: Sequence[Run]) -> Screen:
    """Return the first screen: what is known, for the terminal and for `--json` alike."""
    from netspec.validation.report import known, pictures

    sides, _ = pictures.sides(summary.model_dump(mode="json"), runs)
    return known.first_screen(summary, sides)


def show_known(summary: Summary, known: Screen, files: dict[str, Path | None]) -> None:
    """Print the first screen, which is the last thing that a terminal shows, and the files."""
    from netspec.cli.terminal import console, screen

    screen(summary.network.name, known)
    for name, path in files.items():
        if path is not None:
            console.print(f"{name}: {path}", soft_wrap=True)


def _show(summary: Summary) -> None:
    """Print what the verdict rests on."""
    from netspec.cli.terminal import console, table
    from netspec.validation.report import known, tables

    name = summary.network.name
    for entry in summary.comparisons:
        if entry.verdict is not None:
            title = f"{known.title(entry)}: the worst population of each"
            table(title, *tables.verdict_table(entry))
    table(f"{name}: mean rate over seeds +- SD (1/s)", *tables.rate_table(summary))
    if summary.ring is not None and summary.ring.trials:
        table("Trials", *tables.trial_table(summary))
    elif summary.ring is not None:
        console.print(f"ring: {summary.ring.note}")
    for run in summary.failures:
        console.print(f"failed: {run.backend}, seed {run.seed}: {run.error}")
    for entry in summary.comparisons:
        for text in entry.notes:
            console.print(f"note: {text}")
        if entry.left_out:
            console.print(f"undefined in all runs, left out: {', '.join(entry.left_out)}")
