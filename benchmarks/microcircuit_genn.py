"""Time the microcircuit on GeNN: our adapter against GeNN's own example script, in pairs.

The reference is ``potjans_microcircuit.py`` of GeNN 5.4.0 (folder ``userproject`` of its
repository), run as it is: single precision, GeNN's own models. Ours is the variant ``pygenn``, in
double precision unless ``--precision single``. Both run on the device that PyGeNN was built for.

    python benchmarks/microcircuit_genn.py --script PATH/potjans_microcircuit.py --scale 0.1
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

LAYERS = {"23E": "L23E", "23I": "L23I", "4E": "L4E", "4I": "L4I", "5E": "L5E", "5I": "L5I",
          "6E": "L6E", "6I": "L6I"}  # fmt: skip
MARKS = ("Building Model", "Loading Model", "Simulating", "Timing:")


def ours(settings: common.Result) -> common.Result:
    """Run through netspec, which starts a child process itself."""
    import netspec

    network = netspec.circuits.microcircuit("pygenn", scale=settings["scale"])
    simulation = netspec.Simulation(
        dt=0.1, warmup=settings["warmup"], duration=settings["duration"], seed=settings["seed"]
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        started = time.perf_counter()
        run = netspec.run(
            network,
            "genn",
            simulation,
            connectivity=settings["connectivity"],
            options={"device": settings["device"], "precision": settings["precision"]},
            approximations=["single-precision"],
            out=out,
            force=True,
        )
        process = time.perf_counter() - started
        rates = run.rates()
    took, manifest = run.manifest["seconds"], run.manifest
    simulated = took["warmup"] + took["simulate"]
    return {
        "seconds": {
            "build": took["compile"] + took["generate"],
            "load": took["load"] + took["initialise"] + took["hand_over"],
            "simulate": simulated,
            "process": process,
        },
        "values": values(rates, simulated, settings, sum(manifest["synapses"].values())),
        "peak_memory_mib": manifest["peak_memory_mib"],
        "versions": common.versions() | manifest["versions"],
        "phases": took,
    }


def values(
    rates: dict[str, float], simulated: float, settings: common.Result, synapses: int
) -> common.Result:
    """Return what stands beside the times, so that a fast wrong run shows."""
    return {
        "RTF": simulated / (settings["warmup"] + settings["duration"]) * 1000,
        "synapses": synapses,
        **{f"rate {name} (1/s)": rates[name] for name in LAYERS.values()},
    }


def run_script(settings: common.Result) -> tuple[list[str], dict[str, float]]:
    """Run the script as it is, in this folder; return what it said, and when it said `MARKS`."""
    whole = settings["warmup"] + settings["duration"]
    scale = settings["scale"]
    indegrees = settings.get("connectivity_scale", scale)
    command = [sys.executable, "-u", settings["script"], "--duration", str(whole), "--save-data",
               "--neuron-scale", str(scale), "--connectivity-scale", str(indegrees)]  # fmt: skip
    marks: dict[str, float] = {}
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            said.append(line.strip())
            if line.strip() in MARKS:
                marks[line.strip()] = time.perf_counter()
    if child.returncode or len(marks) < len(MARKS):
        raise RuntimeError("\n".join(said[-20:]))
    return said, marks


def reference(settings: common.Result) -> common.Result:
    """Run the script and count; called in a child process."""
    import numpy as np

    said, marks = run_script(settings)
    build, load, simulating, ended = (marks[mark] for mark in MARKS)
    simulated = float(next(x for x in said if x.startswith("Simulation:")).split(":")[1]) / 1000
    rates, sizes = {}, {}
    for line in said:
        if line.startswith("Population "):
            sizes[line.split()[1].rstrip(":")] = int(line.split("num neurons:")[1].split(",")[0])
    for theirs, name in LAYERS.items():
        data = np.loadtxt(f"{theirs}_spikes.csv", delimiter=",", ndmin=2)
        count = np.count_nonzero(data[:, 0] >= settings["warmup"] - 0.05) if data.size else 0
        rates[name] = float(count / sizes[theirs] / settings["duration"] * 1000)
    total = next(x for x in said if "total synapses" in x)
    return {
        "seconds": {"build": load - build, "load": simulating - load, "simulate": simulated,
                    "simulate and collect": ended - simulating},
        "values": values(rates, simulated, settings, int(total.split("=")[-1])),
        "script_peak_memory_mib": _children_peak_mib(),
    }  # fmt: skip


def _children_peak_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Measure in turn and report."""
    parser = common.parser(__doc__)
    parser.add_argument("--script", type=Path, help="GeNN's potjans_microcircuit.py")
    parser.add_argument("--scale", type=float, default=0.1, help="of neurons and in-degrees")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("double", "single"), default="double")
    parser.add_argument("--connectivity", choices=("native", "shared"), default="native")
    parser.add_argument("--warmup", type=float, default=500.0, help="ms")
    parser.add_argument("--duration", type=float, default=1000.0, help="ms")
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, reference)
        return
    if options.script is None or not options.script.exists():
        parser.error("--script: the path of potjans_microcircuit.py in GeNN's repository")
    settings = {
        key: getattr(options, key)
        for key in ("scale", "device", "precision", "connectivity", "warmup", "duration")
    }
    settings["script"] = str(options.script.resolve())
    options.script = options.script.name  # the point names no path of this machine
    pairs = common.measure_pairs(
        options,
        ours,
        lambda given: common.in_child(__file__, options.reference_python, given),
        settings,
        first={"warmup": 10.0, "duration": 20.0},
    )
    notes = [
        "'simulate': all steps, warm-up included; 'load' includes drawing all synapses",
        "the reference compiles at every run (another seed is other code); ours finds compiled "
        "code again, so its 'build' is generation only",
        "the reference draws its seed itself; reference rates are of the same window",
        "peak memory of the reference: see script_peak_memory_mib (the child runs the script)",
    ]
    common.report(__file__, options, pairs, notes)


if __name__ == "__main__":
    main()
