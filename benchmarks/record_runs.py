"""Write finished runs of netspec, or the JSON of ``validate``, as one point of benchmarks/records.

netspec run microcircuit --backend nest --threads 4 --out runs
python benchmarks/record_runs.py full-scale-nest runs/microcircuit-nest-*.h5 --command "..."
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import common

import netspec
from netspec.circuits.compte_ring.ring import bump
from netspec.execute.results import circuit_of

KEPT = ("description", "spec_hash", "backend", "seed", "simulation", "connectivity", "threads",
        "options", "approximations", "versions", "info", "seconds", "peak_memory_mib",
        "finished")  # fmt: skip


def point(path: Path) -> common.Result:
    """Return what is kept of one run."""
    run = netspec.open_run(path)
    found: common.Result = {key: run.manifest[key] for key in KEPT}
    found |= {"rates": run.rates(), "synapses": sum(run.manifest["synapses"].values())}
    spikes = {name: len(run.spikes(name)) for name in run.populations}
    found["spikes"] = sum(spikes.values())
    if circuit_of(run.manifest) == "working_memory":
        ring = run.spikes("E", warmup=True)
        last = ring.window(ring.end - round(500 / ring.dt), ring.end)
        decoded = bump(last)
        found["bump, last 500 ms"] = vars(decoded)
    seconds, model = run.manifest["seconds"], run.manifest["simulation"]
    found["real_time_factor"] = seconds["simulate"] / (model["duration"] / 1000)
    return found


def main() -> None:
    """Write the point."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("name")
    options.add_argument("files", nargs="+", type=Path)
    options.add_argument("--command", required=True, help="what made the runs")
    options.add_argument("--note", action="append", default=[])
    options.add_argument("--folder", type=Path, default=common.RECORDS)
    given = options.parse_args()
    machine = common.machine()
    machine.pop("load_before")
    data = {
        "benchmark": given.name,
        "command": given.command,
        "machine": machine,
        "notes": given.note,
        "runs": [point(path) for path in given.files],
    }
    common.write_point(given.folder, given.name, datetime.datetime.now(datetime.UTC), data)


if __name__ == "__main__":
    main()
