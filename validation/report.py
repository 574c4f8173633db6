"""One self-contained HTML page, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netspec.backend import Ledger
from netspec.network import Network
from netspec.validation import ensemble


def write(
    path: Path,
    network: Network,
    done: Sequence[ensemble.Finished],
    summary: dict[str, Any],
) -> Path:
    """Write `path` (HTML) and, beside it, the summary as JSON.

    Returns
    -------
    Path
        The page, or the JSON file where no run succeeded or the extra ``report`` is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = path.with_suffix(".json")
    data.write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
    if not any(entry.run for entry in done):
        return data
    try:
        page = _page(network, done, summary)
    except ImportError:
        return data
    path.write_text(page, encoding="utf-8")
    return path


def _page(network: Network, done: Sequence[ensemble.Finished], summary: dict[str, Any]) -> str:
    import jinja2

    from netspec.validation import figures

    runs = [entry.run for entry in done if entry.run]
    first = {run.manifest["backend"]: run for run in reversed(runs)}
    tables = [("Mean rate over seeds +- SD (spikes/s)", *ensemble.rate_table(summary))]
    if summary["bump"]:
        columns, rows = ensemble.bump_table(summary)
        rows = [[f"{c:.3f}" if isinstance(c, float) else c for c in row] for row in rows]
        tables.append((f"Bump in the last {ensemble.BUMP_WINDOW:g} ms", columns, rows))
    images = []
    if network.recorded():
        images.append(("Rates by population", figures.rates(summary)))
        images.append(("Spikes at the end", figures.raster(network, list(first.values()))))
    template = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    # labels come from descriptions, so everything is escaped
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(
        summary=summary,
        tables=tables,
        figures=images,
        ledgers={
            name: Ledger(backend=name, entries=run.manifest["ledger"]).grouped()
            for name, run in first.items()
        },
        runs=runs,
    )
