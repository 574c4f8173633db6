"""What the command line shows: tables, findings, progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.execute import contract
from netspec.execute.audit import Audit, warnings
from netspec.execute.results import Run

if TYPE_CHECKING:  # validation brings SciPy, which `netspec list` does without
    from netspec.validation.report.known import Screen

STATES = {"good": ("yes", "green"), "open": ("open", "yellow"), "bad": ("no", "red")}
LOG_WIDTH = 160  # a file has no width of its own
# names and paths of users are text: what looks like markup or an emoji's code in them is none
console = Console(
    highlight=False,
    markup=False,
    emoji=False,
    soft_wrap=not sys.stdout.isatty(),
    width=None if sys.stdout.isatty() else LOG_WIDTH,
)
LOG_EVERY = 10.0  # seconds between two plain lines in a log


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; all columns but the first are aligned to the right if they hold numbers."""
    shown = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        numeric = index > 0 and all(isinstance(row[index], (int, float)) for row in rows)
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(value) for value in row))
    console.print(shown)


def screen(name: str, found: Screen, console: Console = console) -> None:
    """Print what is known: the strongest sentences, then question by question."""
    console.print()
    for line in found.first:
        console.print(Text(f"{name}: {line.text}", f"bold {STATES[line.state][1]}"))
    rows = Table.grid(padding=(0, 2, 0, 0))
    for column in ("question", "answer"):
        rows.add_column(column, no_wrap=True)
    rows.add_column("text", overflow="fold")
    for row in found.rows:
        for index, line in enumerate(row.lines):
            word, colour = STATES[line.state]
            answer = Text(word if row.asked else "", colour)
            rows.add_row("" if index else f"  {row.question}", answer, Text(line.text))
    console.print(rows)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def show_audit(audit: Audit) -> None:
    """Print counts per projection, memory per backend and what looks wrong."""
    table(
        "Projections",
        ("projection", "rule", "synapses", "in-degree", "out-degree"),
        [(r.name, r.rule, round(r.synapses), r.indegree, r.outdegree) for r in audit.projections],
    )
    console.print(f"{audit.neurons:,} neurons, {audit.synapses:,.0f} synapses")
    for backend, memory in audit.memory_mib.items():
        console.print(f"  memory on {backend}: about {memory:,.0f} MiB")
    grouped: dict[tuple[str, str], list[str]] = {}
    for finding in audit.findings:
        grouped.setdefault((finding.level, finding.text), []).append(finding.path)
    for (level, text), paths in grouped.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        console.print(f"  {level}: {paths[0]}{more}: {text}")


def show_warnings(network: Network, simulation: Simulation) -> None:
    """Print what looks wrong in a network, beside the output proper."""
    for text in warnings(network, simulation):
        print(f"warning: {text}", file=sys.stderr)


def show_ledger(ledger: contract.Ledger) -> None:
    """Print what a backend says to a network, equal answers together."""
    rows = [
        (thing, f"{e.status} {e.name}".strip(), f"{e.reason}. {e.error}".strip(". "))
        for thing, e in ledger.grouped()
    ]
    table(f"Ledger of {ledger.backend}", ("what", "how", "why"), rows)


def show_run(run: Run, published: dict[str, float]) -> None:
    """Print rates, wall times and where the file lies."""
    rows: list[Sequence[object]] = []
    for name, rate in run.rates().items():
        reference = published.get(name)
        spikes = run.spikes(name)
        rows.append((name, spikes.size, len(spikes), rate, reference if reference else "-"))
    table(
        f"{run.manifest['name']} on {run.manifest['backend']}, seed {run.manifest['seed']}",
        ("population", "neurons", "spikes", "rate (1/s)", "published"),
        rows,
    )
    seconds = ", ".join(f"{k} {v:.2f}" for k, v in run.manifest["seconds"].items())
    if run.batch > 1:
        console.print(f"one of {run.batch} runs in one model; seconds and memory of all:")
    console.print(f"seconds: {seconds}")
    console.print(f"peak memory: {run.manifest['peak_memory_mib']:,.0f} MiB")
    for name in run.manifest["approximations"]:
        console.print(f"approximation in use: {name}")
    console.print(f"file: {run.file}", soft_wrap=True)


@contextmanager
def progress_bar(label: str, quiet: bool = False) -> Iterator[contract.Progress]:
    """Yield a progress callback: a bar on a terminal, a line now and then in a log."""
    if quiet:
        yield lambda phase, fraction: None
        return
    if not sys.stderr.isatty():
        yield _plain_lines(label)
        return
    columns: Any = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def update(phase: str, fraction: float) -> None:
            if phase not in tasks:
                tasks[phase] = bar.add_task(f"{label}: {phase}", total=1.0)
            bar.update(tasks[phase], completed=fraction)

        yield update


def _plain_lines(label: str) -> contract.Progress:
    last = [time.monotonic()]

    def update(phase: str, fraction: float) -> None:
        if time.monotonic() - last[0] >= LOG_EVERY:
            last[0] = time.monotonic()
            print(f"{label}: {phase} {fraction:.0%}", file=sys.stderr, flush=True)

    return update
