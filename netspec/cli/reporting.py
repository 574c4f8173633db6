"""Commands that judge and show results that exist: compare, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.options import Json, app, print_json
from netspec.cli.verdicts import (
    MarginOption,
    StatisticOption,
    known_of,
    margins_of,
    show_known,
    tell,
)
from netspec.errors import UsageError


@app.command()
def compare(
    reference: Annotated[
        Path, typer.Argument(help="Folder of result files or of TOML files that describe spikes.")
    ],
    other: Annotated[Path, typer.Argument(help="The same, of the other side.")],
    margin: MarginOption = None,
    statistics: StatisticOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for NETWORK-validation.json and the report.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge results that exist: of netspec, or spikes of any script. Nothing is run."""
    from netspec.validation.campaign.from_files import judge_sides, load_sides
    from netspec.validation.report import page as report

    sides = load_sides(reference, other)
    summary = judge_sides(sides, margins_of(margin, statistics))
    runs = [run for side in sides.values() for run in side]
    data = page = None
    if out is not None:
        data = summary.write(out / f"{summary.network.name}-validation.json")
        page = report.write(out / f"{summary.network.name}-report.html", summary, runs)
    tell(summary, runs, data, page, as_json)


@app.command("report")
def make_report(
    result: Annotated[
        Path, typer.Argument(help="NETWORK-validation.json, or the folder of only one.")
    ],
    runs: Annotated[
        list[Path] | None, typer.Option(help="Folder of run files; where the JSON file lies.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write; NETWORK-report.html beside the JSON file.")
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Only say what is known; make no page.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the page and JUnit XML of a validation anew; the verdict stays as it is."""
    from netspec.validation.campaign.summary import load_summary
    from netspec.validation.report import page as report
    from netspec.validation.report import pictures

    data = report.find(result)
    summary = load_summary(data)
    found = pictures.open_runs(summary, runs or [data.parent])
    if brief:
        if as_json or out is not None:
            raise UsageError("--brief says what is known, on the terminal: no --json, no --out")
        show_known(summary, known_of(summary, found), {})
        return
    target = out or data.with_name(f"{summary.network.name}-report.html")
    page = report.write(target, summary, found)
    if page is None:
        raise UsageError("no matplotlib or jinja2. To get them: pip install 'netspec-snn[report]'")
    known = known_of(summary, found)
    if as_json:
        print_json({"report": str(page), "runs": len(found), "known": known.to_dict()})
    else:
        show_known(summary, known, {"report": page})
