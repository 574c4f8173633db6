"""Time NEST over ranks x threads, and over the size of the network; write points and a plot.

Strong scaling: one network, other numbers of ranks and threads. Weak scaling: the network grows,
with its ranks and threads or without; a fixed --connectivity-scale keeps the work of a neuron.

    python benchmarks/nest_scaling.py --scale 0.1 --strong 1x1 1x2 2x1
    python benchmarks/nest_scaling.py --weak 0.05:1x1 0.1:1x2 --connectivity-scale 0.1
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import common

import netspec
from netspec.execute.contract import RunRequest, get_backend

Point = tuple[float, int, int]  # scale, ranks, threads


def split(text: str) -> tuple[int, int]:
    """Read ``2x4``: ranks x threads."""
    ranks, threads = map(common.positive, text.split("x"))
    return ranks, threads


def sized(text: str) -> Point:
    """Read ``0.1:2x4``: scale, ranks x threads."""
    scale, _, rest = text.partition(":")
    return float(scale), *split(rest)


def measure(point: Point, options: argparse.Namespace) -> common.Result:
    """Run a point with every seed; medians of times and memory, the activity of each run."""
    scale, ranks, threads = point
    network = common.microcircuit(scale, options.connectivity_scale, options.recording)
    request = RunRequest(network=network, backend="nest", ranks=ranks, threads=threads)
    runs = []
    for seed in range(1, options.repeats + 1):
        simulation = netspec.Simulation(
            dt=0.1, warmup=options.warmup, duration=options.duration, seed=seed
        )
        with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
            run = netspec.run(network, "nest", simulation, ranks=ranks, threads=threads, out=out)
            seconds, memory = common.phases_of(run.manifest)
            runs.append({
                "seed": seed, "seconds": seconds, "memory": memory,
                "peak_memory_mib": run.manifest["peak_memory_mib"],
                "nest": run.manifest["info"], "activity": common.activity_of(run),
            })  # fmt: skip
        print(f"  {scale:g}, {ranks} x {threads}, seed {seed}: "
              + ", ".join(f"{name} {s:.2f}" for name, s in seconds.items()) + " s",
              file=sys.stderr, flush=True)  # fmt: skip
    medians = {
        name: statistics.median(run["seconds"][name] for run in runs) for name in runs[0]["seconds"]
    }
    return {
        "scale": scale, "ranks": ranks, "threads": threads, "processes": ranks * threads,
        "neurons": sum(population.size for population in network.populations),
        "synapses": sum(run.manifest["synapses"].values()),
        "estimate_mib": get_backend("nest").memory([get_backend("nest").plan(request)]) / 2**20,
        "peak_memory_mib": statistics.median(run["peak_memory_mib"] for run in runs),
        "seconds": medians,
        "build": medians["create"] + medians["connect"] + medians["prepare"],
        "RTF": medians["simulate"] / options.duration * 1000,
        "runs": runs,
    }  # fmt: skip


def plot(path: Path, strong: list[common.Result], weak: list[common.Result]) -> None:
    """Draw times over virtual processes, and times and memory over neurons."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = iter(figure.subplots(1, bool(strong) + 2 * bool(weak), squeeze=False)[0])
    if strong:
        axis = next(axes)
        _times(axis, strong, "processes")
        first, counts = strong[0], sorted({row["processes"] for row in strong})
        ideal = [first["seconds"]["simulate"] * first["processes"] / n for n in counts]
        axis.loglog(counts, ideal, "C1:", label="simulate, ideal")
        axis.minorticks_off()
        axis.set_xticks(counts, list(map(str, counts)))
        axis.set(title="Strong scaling", xlabel="ranks x threads", ylabel="s")
        axis.legend(fontsize=7)
    if weak:
        axis = next(axes)
        _times(axis, weak, "neurons")
        axis.set(title="Weak scaling: time", xlabel="neurons", ylabel="s", ylim=(0, None))
        axis.legend(fontsize=7)
        axis = next(axes)
        neurons = [row["neurons"] for row in weak]
        axis.plot(neurons, [row["peak_memory_mib"] for row in weak], "o", label="peak")
        axis.plot(neurons, [row["estimate_mib"] for row in weak], "kx", label="estimate")
        axis.set(title="Weak scaling: memory", xlabel="neurons", ylabel="MiB", ylim=(0, None))
        axis.legend(fontsize=7)
    figure.savefig(path)


def _times(axis: Any, rows: list[common.Result], key: str) -> None:
    places = [row[key] for row in rows]
    for what, color in (("build", "C0"), ("simulate", "C1")):
        times = [row["build"] if what == "build" else row["seconds"][what] for row in rows]
        axis.plot(places, times, "o", color=color, label=what)
        for row, place, seconds in zip(rows, places, times, strict=True):
            axis.annotate(f"{row['ranks']}x{row['threads']}", (place, seconds), fontsize=7)


def main() -> None:
    """Measure every point, print the table, write the JSON point and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--scale", type=float, default=0.1, help="of neurons, for --strong")
    add("--connectivity-scale", type=float, help="of in-degrees; that of neurons by default")
    add("--strong", type=split, nargs="*", default=[], metavar="RANKSxTHREADS")
    add("--weak", type=sized, nargs="*", default=[], metavar="SCALE:RANKSxTHREADS")
    add("--warmup", type=float, default=100.0, help="ms")
    add("--duration", type=float, default=500.0, help="ms")
    add("--repeats", type=common.positive, default=1, help="seeds of every point")
    add("--no-recording", dest="recording", action="store_false", help="no spikes, no rates")
    add("--folder", type=Path, default=common.RECORDS)
    options = parser.parse_args()
    machine, now = common.machine(), datetime.datetime.now(datetime.UTC)
    points = {
        "strong": [(options.scale, *entry) for entry in options.strong], "weak": options.weak,
    }  # fmt: skip
    if not any(points.values()):
        parser.error("nothing to measure: --strong, --weak")
    known: dict[Point, common.Result] = {}
    for point in [*points["strong"], *points["weak"]]:
        if point not in known:
            known[point] = measure(point, options)
    print("| scale | ranks x threads | synapses (M) | build (s) | simulate (s) | RTF | "
          "events (M/s) | peak (MiB) |\n" + "|---" * 8 + "|")  # fmt: skip
    for row in known.values():
        activity = row["runs"][0]["activity"]
        events = f"{activity['synaptic events (million/s)']:.3g}" if activity else "-"
        print(f"| {row['scale']:g} | {row['ranks']} x {row['threads']} | "
              f"{row['synapses'] / 1e6:.2f} | {row['build']:.2f} | "
              f"{row['seconds']['simulate']:.2f} | {row['RTF']:.1f} | {events} | "
              f"{row['peak_memory_mib']:.0f} |")  # fmt: skip
    rows = {kind: [known[point] for point in found] for kind, found in points.items()}
    settings = ("connectivity_scale", "warmup", "duration", "repeats", "recording")
    path = common.write_point(options.folder, "nest_scaling", now, {
        "benchmark": "nest_scaling", "date": now.isoformat(timespec="seconds"),
        "machine": machine, "versions": common.versions(), "drive": "poisson",
        "settings": {key: getattr(options, key) for key in settings}, **rows,
    })  # fmt: skip
    plot(path.with_suffix(".svg"), rows["strong"], rows["weak"])


if __name__ == "__main__":
    main()
