"""PyNN's own script of Vogels and Abbott's network on netspec.pynn, pyNN.nest and pyNN.neuron.

The script is VAbenchmarks.py of PyNN's source distribution, brought by pip and not changed;
pyNN.nest is told to keep its spikes on the grid, as netspec's are. Every run is a process of its
own, all of them one after the other. Spikes are read from the files that the script writes and
compared one by one. Beside that, a million synapses connected by each (--synapses).

    pip install 'netspec-snn[all]'
    python benchmarks/pynn_script.py --benchmarks CUBA,COBA --sides netspec.nest,pyNN.nest
    python benchmarks/pynn_script.py --table benchmarks/records/pynn_script-DATE.json
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import pickle
import resource
import runpy
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common

sys.path.insert(0, str(common.ROOT / "tests" / "pynn"))
import judge

SIDES = "netspec.nest,netspec.brian2,netspec.genn,netspec.neuron,pyNN.nest,pyNN.neuron"
REFERENCE = "pyNN.nest"
POPULATIONS = {"exc": "E", "inh": "I"}
CELLS = 8000
RUN_MS = 10.0


def cpu() -> float:
    """Return the CPU seconds of this process and of those that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def simulator(side: str) -> Any:
    """Return the module of a side, told what it has to be told from outside a script."""
    kind, _, name = side.partition(".")
    if kind == "netspec":
        os.environ |= {"NETSPEC_PYNN_BACKEND": name, "NETSPEC_PYNN_OUT": "runs"}
        return importlib.import_module("netspec.pynn")
    # pyNN.neuron compiles by nrnivmodl, which it looks for in PATH
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    module = importlib.import_module(side)
    if name == "nest":
        plain = module.setup
        module.setup = lambda *given, **more: plain(*given, spike_precision="on_grid", **more)
    return module


def phases() -> common.Result:
    """Return what netspec's own run took, in seconds of wall time; nothing if there is none."""
    import netspec

    files = sorted(Path("runs").glob("*.h5"))
    return dict(netspec.open_run(files[0]).manifest["seconds"]) if files else {}


def child(settings: common.Result) -> common.Result:
    """Measure one side; called in a process of its own."""
    return {"script": script, "connect": connect}[settings["what"]](settings)


def script(settings: common.Result) -> common.Result:
    """Run VAbenchmarks.py and read its files."""
    side = settings["side"]
    name = "netspec" if side.startswith("netspec") else side.partition(".")[2]
    simulator(side)
    sys.argv = [settings["script"], name, settings["benchmark"]]
    began, wall = cpu(), time.perf_counter()
    left = runpy.run_path(settings["script"], run_name="__main__")
    seconds = {
        "whole (CPU)": cpu() - began,
        "whole (wall)": time.perf_counter() - wall,
        "build (wall)": left["buildCPUTime"],
        "run (wall)": left["simCPUTime"],
        "data (wall)": left["writeCPUTime"],
    }
    spikes, rates = {}, {}
    for key, label in POPULATIONS.items():
        (file,) = Path("Results").rglob(f"VAbenchmarks_{settings['benchmark']}_{key}_*.pkl")
        with file.open("rb") as stream:
            block = pickle.load(stream)
        trains = block.segments[0].spiketrains
        first = min(int(train.annotations["source_index"]) for train in trains)
        spikes[label] = sorted(
            (round(float(t) / left["dt"]), int(train.annotations["source_index"]) - first)
            for train in trains
            for t in train.rescale("ms").magnitude
            if t <= left["tstop"] + 1e-6
        )
        rates[label] = len(spikes[label]) / len(trains) / left["tstop"] * 1000
    return {
        "seconds": seconds,
        "phases": phases(),
        "rates": rates,
        "spikes": spikes,
        "synapses": left["connections"],  # a text by then
    }


def connect(settings: common.Result) -> common.Result:
    """Connect many synapses, and run on for the shortest of times."""
    from pyNN.random import NumpyRNG

    sim = simulator(settings["side"])
    sim.setup(timestep=0.1, min_delay=0.1)
    began = cpu()
    cells = sim.Population(CELLS, sim.IF_curr_exp())
    created = cpu()
    connector = sim.FixedProbabilityConnector(settings["synapses"] / CELLS**2, rng=NumpyRNG(seed=1))
    synapses = sim.Projection(cells, cells, connector, sim.StaticSynapse(weight=0.01, delay=1.5))
    connected = cpu()
    cells.record("spikes")
    sim.run(RUN_MS)
    cells.get_spike_counts()
    ended = cpu()
    return {
        "seconds": {"create (CPU)": created - began, "connect (CPU)": connected - created,
                    "rest, to the end of the run (CPU)": ended - connected},
        "phases": phases(),
        "synapses": len(synapses),
    }  # fmt: skip


def common_spikes(one: common.Result, other: common.Result) -> int:
    """Return how many spikes, of one neuron in one step, two runs share."""
    return sum(
        len(set(map(tuple, one[label])) & set(map(tuple, other[label])))
        for label in POPULATIONS.values()
    )


def measure(options: argparse.Namespace, source: Path) -> common.Result:
    """Run everything, and return the result of each side."""
    sides = options.sides.split(",")
    found: common.Result = {}
    tasks = [("script", name) for name in options.benchmarks.split(",") if name]
    tasks += [("connect", "")] if options.synapses else []
    for what, benchmark in tasks:
        label = benchmark or "connect"
        results = found[label] = {}
        for side in sides:
            settings = {"what": what, "side": side, "benchmark": benchmark,
                        "synapses": options.synapses,
                        "script": str(source / "examples" / "VAbenchmarks.py")}  # fmt: skip
            load = round(os.getloadavg()[0], 2)
            try:
                result = common.in_child(__file__, sys.executable, settings)
            except SystemExit as ended:
                words = judge.last_words(str(ended))
                results[side] = {"failed": words, "load": load}
                print(f"  {label}, {side}: {words}", file=sys.stderr, flush=True)
                continue
            results[side] = result | {"load": load}
            times = ", ".join(f"{name} {s:.1f}" for name, s in result["seconds"].items())
            print(f"  {label}, {side}: {times}", file=sys.stderr, flush=True)
        compare(results)
    return found


def compare(results: common.Result) -> None:
    """Put numbers of spikes, and of those in common, in the place of the spikes."""
    trains = {side: found.pop("spikes") for side, found in results.items() if "spikes" in found}
    for side, own in trains.items():
        results[side]["spikes"] = sum(map(len, own.values()))
        results[side]["in common with"] = {
            other: common_spikes(own, theirs) for other, theirs in trains.items() if other != side
        }


def table(point: common.Result) -> str:
    """Return the tables of docs/pynn.md."""
    lines = []
    for label, results in point["results"].items():
        if label == "connect":
            lines += [
                "| s CPU | synapses | create | connect | rest, to the end of the run |",
                "|---|---|---|---|---|",
            ]
        else:
            lines += [
                f"| {label} | spikes | E, I (1/s) | in common with {REFERENCE} | with netspec.nest "
                "| whole script (s CPU) |",
                "|---|---|---|---|---|---|",
            ]
        for side, found in results.items():
            lines.append(f"| {side} | " + " | ".join(_cells(label, found)) + " |")
        lines.append("")
    return "\n".join(lines)


def _cells(label: str, found: common.Result) -> list[str]:
    if "failed" in found:
        return [found["failed"], *[""] * (3 if label == "connect" else 4)]
    seconds = found["seconds"]
    if label == "connect":
        times = [f"{seconds[name]:.1f}" for name in list(seconds)[:3]]
        return [f"{found['synapses']:,}", *times]
    shared = found["in common with"]
    both = [f"{shared[name]:,}" if name in shared else "" for name in (REFERENCE, "netspec.nest")]
    rates = ", ".join(f"{rate:.2f}" for rate in found["rates"].values())
    return [f"{found['spikes']:,}", rates, *both, f"{seconds['whole (CPU)']:.1f}"]


def main() -> None:
    """Measure, or print the tables of a record."""
    parser = common.parser(__doc__)
    parser.add_argument("--sides", default=SIDES, help="with commas")
    parser.add_argument("--benchmarks", default="CUBA,COBA", help="of VAbenchmarks.py; or none: ''")
    parser.add_argument("--synapses", type=int, default=1_000_000, help="to connect; 0: left out")
    parser.add_argument("--table", type=Path, help="a record, to be printed as tables")
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, child)
        return
    if options.table:
        print(table(json.loads(options.table.read_text())))
        return
    machine = common.machine()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        found = measure(options, judge.source(Path(folder)))
    now = datetime.datetime.now(datetime.UTC)
    versions = [r.pop("versions") for side in found.values() for r in side.values()
                if "versions" in r]  # fmt: skip
    point = {
        "benchmark": "pynn_script",
        "date": now.isoformat(timespec="seconds"),
        "command": common.command(__file__, {f" --folder {options.folder}": ""}),
        "machine": machine,
        "versions": versions[0] if versions else {},
        "pynn": judge.VERSION,
        "notes": [
            "one run of each side, one after the other; load: of the machine when it began",
            "CPU: of the process and of all that it started; netspec compiles for Brian2, GeNN and "
            "NEURON within it",
        ],
        "results": found,
    }
    path = common.write_point(options.folder, "pynn_script", now, point)
    print(table(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
