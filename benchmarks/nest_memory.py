"""Measure NEST's memory on the microcircuit, by phase, beside what the audit estimates.

Every run lasts 20 ms of model time: the peak is reached in Prepare. Memory is resident memory,
summed over ranks, so what ranks share (libraries) counts for each.

    python benchmarks/nest_memory.py --scales 0.1 0.2 0.3 --splits 1x1 1x2
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from itertools import product
from pathlib import Path

import common

import netspec
from netspec.execute.contract import RunRequest, get_backend

SIMULATION = netspec.Simulation(dt=0.1, warmup=0.0, duration=20.0, seed=1)


def measure(scale: float, connectivity: str, split: str) -> common.Result:
    """Run once and return estimate, peak, memory and seconds after each phase."""
    ranks, threads = map(int, split.split("x"))
    network = netspec.circuits.microcircuit("pygenn", scale=scale)
    request = RunRequest(network=network, backend="nest", connectivity=connectivity,
                         threads=threads, ranks=ranks)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        run = netspec.run(network, "nest", SIMULATION, connectivity=connectivity, ranks=ranks,
                          threads=threads, out=out)  # fmt: skip
    keys = ("seconds", "memory_mib", "peak_memory_mib", "virtual_processes")
    return {
        "scale": scale, "connectivity": connectivity, "ranks": ranks, "threads": threads,
        "neurons": sum(population.size for population in network.populations),
        "synapses": sum(run.manifest["synapses"].values()),
        "estimate_mib": get_backend("nest").memory([get_backend("nest").plan(request)]) / 2**20,
        **{key: run.manifest[key] for key in keys},
    }  # fmt: skip


def main() -> None:
    """Measure every combination, print the table and write the JSON point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scales", type=float, nargs="+", default=[0.1, 0.2, 0.3])
    parser.add_argument("--connectivity", nargs="+", default=["native", "shared"])
    parser.add_argument("--splits", nargs="+", default=["1x1", "1x2"], help="ranks x threads")
    parser.add_argument("--folder", type=Path, default=common.RECORDS)
    options = parser.parse_args()
    machine, rows = common.machine(), []
    print("| scale | connectivity | ranks x threads | synapses (M) | create | connect | prepare | "
          "peak (MiB) | estimate | error |\n" + "|---" * 10 + "|")  # fmt: skip
    for scale, kind, split in product(options.scales, options.connectivity, options.splits):
        row = measure(scale, kind, split)
        rows.append(row)
        after, peak = row["memory_mib"], row["peak_memory_mib"]
        print(f"| {scale:g} | {kind} | {split} | {row['synapses'] / 1e6:.2f} | "
              f"{after['create']:.0f} | {after['connect']:.0f} | {after['prepare']:.0f} | "
              f"{peak:.0f} | {row['estimate_mib']:.0f} | {row['estimate_mib'] / peak - 1:+.1%} |",
              flush=True)  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    point = {"benchmark": "nest_memory", "date": now.isoformat(timespec="seconds"),
             "machine": machine, "versions": common.versions(), "runs": rows}  # fmt: skip
    common.write_point(options.folder, "nest_memory", now, point)


if __name__ == "__main__":
    main()
