"""One self-contained HTML page of a validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netspec.backend import Ledger
from netspec.results import Run
from netspec.validation import tables
from netspec.validation.summary import Summary, write_text


def write(path: Path, summary: Summary, runs: Sequence[Run]) -> Path | None:
    """Write the page.

    Returns
    -------
    Path or None
        The page; None where no run succeeded or the extra ``report`` is missing.
    """
    if not runs:
        return None
    try:
        page = _page(summary, runs)
    except ImportError:
        return None
    write_text(path, page)
    return path


def _page(summary: Summary, runs: Sequence[Run]) -> str:
    import jinja2

    from netspec.validation import figures

    first = {run.manifest["backend"]: run for run in reversed(runs)}
    shown = [
        (tables.headline(entry), *tables.verdict_table(entry)) for entry in summary.comparisons
    ]
    shown.append(("Mean rate over seeds +- SD (spikes/s)", *tables.rate_table(summary)))
    if summary.ring is not None and summary.ring.trials:
        shown.append(("Trials", *tables.trial_table(summary)))
    images = []
    if summary.network.populations:
        images.append(("Rates by population", figures.rates(summary)))
        images.append(("Spikes at the end", figures.raster(list(first.values()))))
    template = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    # labels come from descriptions, so everything is escaped
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(
        summary=summary,
        tables=shown,
        figures=images,
        ledgers={
            name: Ledger(backend=name, entries=run.manifest["ledger"]).grouped()
            for name, run in first.items()
        },
        runs=runs,
    )
