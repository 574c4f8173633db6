"""Compare spikes of simulators one by one, with netspec's synapses and netspec's Poisson events.

The microcircuit with Poisson drive, `connectivity=shared` and `noise=shared`, from time zero. Every
simulator adds the same numbers; the order in which events of a step are added may differ, and with
it the last bit of a sum, so a spike may move at last. The point says when, and how many spikes were
the same before. Runs follow each other.

    pip install netspec-snn[all]     # and PyGeNN
    python benchmarks/shared_drive.py --scale 0.1 --backends nest,brian2,genn
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import common
import numpy as np

KEPT = ("spec_hash", "simulation", "threads", "options", "info", "seconds", "peak_memory_mib")
Spikes = dict[str, Any]  # population -> spikes as whole numbers, sorted by step, then neuron


def spikes_of(run: Any) -> Spikes:
    """Return the spikes of all populations, each as step * size + neuron."""
    found = {}
    for name in run.populations:
        data = run.spikes(name, warmup=True)
        found[name] = np.sort(data.steps * data.size + data.neurons)
    return found


def measure(
    options: argparse.Namespace, network: Any, backend: str
) -> tuple[common.Result, Spikes]:
    """Return what is kept of a simulator's run, and its spikes."""
    import netspec

    simulation = netspec.Simulation(warmup=0.0, duration=options.duration, seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        run = netspec.run(
            network, backend, simulation, connectivity="shared", noise="shared", out=out,
            threads=options.threads if backend == "nest" else 1, realisation=options.realisation,
        )  # fmt: skip
        spikes = spikes_of(run)
    digest = hashlib.sha256(b"".join(found.tobytes() for found in spikes.values()))
    found: common.Result = {key: run.manifest[key] for key in KEPT}
    found["versions"] = run.manifest["versions"]
    found |= {
        "synapses": sum(run.manifest["synapses"].values()),
        "spikes": {name: len(own) for name, own in spikes.items()},
        "rates (1/s)": run.rates(),
        "sha256 of the spikes": digest.hexdigest(),
    }
    return found, spikes


def compare(one: Spikes, other: Spikes, sizes: dict[str, int], dt: float) -> common.Result:
    """Return when two runs part, and how many spikes they share.

    The first spike that only one of them has is what they part with; `before` counts the spikes of
    earlier steps, which both have.
    """
    apart = {
        name: int(lone[0]) // sizes[name]
        for name in one
        if (lone := np.setxor1d(one[name], other[name], assume_unique=True)).size
    }
    first = min(apart.values(), default=None)
    own = sum(map(len, one.values()))
    shared = sum(len(np.intersect1d(one[n], other[n], assume_unique=True)) for n in one)
    found: common.Result = {"spikes": [own, sum(map(len, other.values()))], "shared": shared}
    if first is None:
        return found | {"the same": True}
    before = sum(int(np.count_nonzero(one[name] < first * sizes[name])) for name in one)
    where = [name for name, step in apart.items() if step == first]
    return found | {"the same": False, "part at (ms)": first * dt, "in": where, "before": before}


def main() -> None:
    """Run, compare and write the point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--duration", type=float, default=1000.0, help="ms, from time zero")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backends", default="nest,brian2,genn")
    parser.add_argument("--threads", type=common.positive, default=2, help="of NEST")
    parser.add_argument("--realisation", type=Path, help="synapses from a file of netspec realise")
    parser.add_argument("--folder", type=Path, default=common.RECORDS)
    options = parser.parse_args()
    import netspec

    network = netspec.circuits.microcircuit(scale=options.scale, drive="poisson")
    sizes = {population.name: population.size for population in network.populations}
    machine, runs, spikes = common.machine(), {}, {}
    for backend in options.backends.split(","):
        runs[backend], spikes[backend] = measure(options, network, backend)
        took = ", ".join(f"{name} {s:.1f}" for name, s in runs[backend]["seconds"].items())
        print(f"  {backend}: {took} s", file=sys.stderr, flush=True)
    dt = next(iter(runs.values()))["simulation"]["dt"]
    pairs = {
        f"{one}, {other}": compare(spikes[one], spikes[other], sizes, dt)
        for one, other in combinations(runs, 2)
    }
    for pair, found in pairs.items():
        print(f"{pair}: {found}")
    now = datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": "shared_drive",
        "date": now.isoformat(timespec="seconds"),
        "command": common.command(__file__, {str(options.folder): "FOLDER",
                                             str(options.realisation): "FILE"}),
        "machine": machine,
        "packages": common.versions(),
        "notes": ["no benchmark: what else ran on the machine is in the times"],
        "runs": runs,
        "pairs": pairs,
    }  # fmt: skip
    common.write_point(options.folder, f"shared_drive-{options.scale:g}", now, point)


if __name__ == "__main__":
    main()
