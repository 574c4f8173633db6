"""Ask until the verdict is decided, and write what it took as one point of benchmarks/records.

python benchmarks/until_decided.py brian2,genn --scale 0.1 --out FOLDER
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import common


def course(entry: common.Result) -> common.Result:
    """Return how a comparison went, and when each test was decided."""
    looks = entry["looks"]
    tests = {(t["population"], t["statistic"]): t["text"] for t in entry["verdict"]["tests"]}
    decided = Counter(path["decided"] for path in looks["paths"])
    return {
        "reference": entry["reference"],
        "other": entry["other"],
        "outcome": entry["verdict"]["outcome"],
        "seeds": looks["taken"][-1],
        "of at most": looks["plan"][-1]["seeds"],
        "stopped": looks["stopped"],
        "decided at": {str(seeds): count for seeds, count in sorted(decided.items(), key=str)},
        "late": [
            tests[path["population"], path["statistic"]]
            for path in looks["paths"]
            if path["decided"] != looks["taken"][0]
        ],
        "advice": entry["advice"],
        "plan": looks["plan"],
        "paths": looks["paths"],
    }


def values(summary: common.Result) -> common.Result:
    """Return backend -> population -> statistic -> one value a seed."""
    found: common.Result = {}
    for row in summary["statistics"]:
        own = found.setdefault(row["backend"], {}).setdefault(row["population"], {})
        for name, value in row["values"].items():
            own.setdefault(name, []).append(value)
    return found


def main() -> None:
    """Run, print and write the point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("backends", help="with commas; the first is the reference")
    add("--circuit", default="microcircuit")
    add("--scale", default="0.1")
    add("--max-seeds", type=common.positive, default=20)
    add("--budget")
    add("--note", action="append", default=[])
    add("--out", type=Path, required=True, help="of the runs; what is there is not repeated")
    given = parser.parse_args()
    machine, there = common.machine(), len(list(given.out.glob("*.h5")))
    words = ["validate", given.circuit, "--scale", given.scale, "--backends", given.backends,
             "--until-decided", "--max-seeds", str(given.max_seeds)]  # fmt: skip
    words += ["--budget", given.budget] if given.budget else []
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "netspec.cli", *words, "--out", str(given.out)], check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1, 6):
        raise SystemExit(done.returncode)
    name = next(given.out.glob("*-validation.json"))
    summary = json.loads(name.read_text())
    runs = json.loads(name.with_name(f"{name.stem}-provenance.json").read_text())["runs"]
    costs: dict[str, list[float]] = {}
    for run in runs:
        costs.setdefault(run["backend"], []).append(run["seconds"]["total"])
    now = datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": "until_decided",
        "command": f"netspec {' '.join(words)}",
        "exit code": done.returncode,
        "machine": machine,
        "load at the end": round(os.getloadavg()[0], 2),
        "versions": common.versions(),
        "request": summary["request"],
        "notes": given.note,
        "wall seconds": seconds,
        "runs that were there before": there,
        "seconds of every run": costs,
        "courses": [course(entry) for entry in summary["comparisons"] if entry["looks"]],
        "values": values(summary),
    }
    for entry in point["courses"]:
        print(
            f"{entry['other']} against {entry['reference']}: {entry['outcome']} after "
            f"{entry['seeds']} seeds, {seconds / 60:.1f} min ({there} runs were there)"
        )
    common.write_point(common.RECORDS, "until_decided", now, point)


if __name__ == "__main__":
    main()
