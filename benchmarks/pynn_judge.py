"""What becomes of PyNN's own scenario tests and examples on netspec.pynn, and on PyNN's simulators.

    pip install 'netspec-snn[all]'
    python benchmarks/pynn_judge.py --sides netspec.nest,pyNN.nest
    python benchmarks/pynn_judge.py --table benchmarks/records/pynn_judge-DATE.json

`tests/pynn/expected.toml` says what is expected of netspec; this record says what was, with times.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import json
import os
import sys
import tempfile
from pathlib import Path

import common

sys.path.insert(0, str(common.ROOT / "tests" / "pynn"))
import judge


def measure(side: str, options: argparse.Namespace, source: Path, folder: Path) -> common.Result:
    """Run everything on one side, ``netspec.BACKEND`` or a module of PyNN."""
    package, _, name = side.partition(".")
    settings = {}
    if package == "netspec":
        settings = {"NETSPEC_PYNN_BACKEND": name, "NETSPEC_PYNN_OUT": str(folder / "out")}
        name = "netspec"
    found: common.Result = {"load": round(os.getloadavg()[0], 2)}
    run = folder / "scenarios"
    run.mkdir(parents=True)
    found["scenarios"] = judge.told(
        judge.scenarios(source, name, run, options.only.split(","), settings=settings)
        if options.only
        else judge.scenarios(source, name, run, settings=settings)
    )
    print(f"  {side}, scenarios: {counts(found['scenarios'])}", file=sys.stderr, flush=True)
    examples = []
    for example in [] if options.no_examples else judge.example_names(source):
        own = folder / example
        outcome = judge.example(source, example, name, own, options.timeout, settings)
        examples.append(outcome)
        print(f"  {side}, {example}: {outcome.outcome}, {outcome.seconds:.0f} s {outcome.message}",
              file=sys.stderr, flush=True)  # fmt: skip
    found["examples"] = judge.told(examples)
    return found


def counts(outcomes: list[dict[str, object]]) -> dict[str, int]:
    """Return how many had which outcome."""
    return dict(collections.Counter(str(entry["outcome"]) for entry in outcomes))


def table(point: common.Result) -> str:
    """Return the table of docs/pynn.md."""
    lines = [
        "| | scenario tests that pass | examples that run to their end | wall time of all (s) |",
        "|---|---|---|---|",
    ]
    for side, found in point["results"].items():
        cells = []
        for kind in ("scenarios", "examples"):
            passed = counts(found[kind]).get("passed", 0)
            cells.append(f"{passed} of {len(found[kind])}" if found[kind] else "not run")
        seconds = sum(e["seconds"] for kind in ("scenarios", "examples") for e in found[kind])
        lines.append(f"| {side} | {' | '.join(cells)} | {seconds:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, or print the table of a record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sides", default="netspec.nest,pyNN.nest", help="with commas")
    add("--only", default="", help="scenarios, with commas; all")
    add("--no-examples", action="store_true", help="scenarios only")
    add("--timeout", type=float, default=600.0, help="seconds an example; 600")
    add("--folder", type=Path, default=common.RECORDS, help="of the JSON point")
    add("--table", type=Path, help="a record, to be printed as a table")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(options.table.read_text())))
        return
    machine, now = common.machine(), datetime.datetime.now(datetime.UTC)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        source = judge.source(folder)
        found = {
            side: measure(side, options, source, folder / side) for side in options.sides.split(",")
        }
    point = {
        "benchmark": "pynn_judge",
        "date": now.isoformat(timespec="seconds"),
        "command": common.command(__file__, {f" --folder {options.folder}": ""}),
        "machine": machine,
        "versions": common.versions(),
        "pynn": judge.VERSION,
        "results": found,
    }
    path = common.write_point(options.folder, "pynn_judge", now, point)
    print(table(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
