"""Time the microcircuit on GeNN in every setting of the adapter, on a GPU or on a core of a CPU.

Each variant runs in a process of its own, all in turn, as often as --repeats says; ratios are
taken within a turn. Code is compiled before anything is measured. Rates and event counts stand
beside the times, so that a fast wrong run shows. The file is written after every run, so whatever
ends this script leaves what was measured; no run begins that would, by the longest one so far, end
after the time is over. The plot is made afterwards: python benchmarks/gpu_plot.py FILE.json

    python benchmarks/gpu.py --device cuda --script PATH/potjans_microcircuit.py
    python benchmarks/gpu.py --device cuda --variants "plain; graph" --minutes 4
    python benchmarks/gpu.py --device cpu --scale 0.1 --repeats 5
    python benchmarks/gpu.py --device cuda --growth
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import common
import energy
import microcircuit_genn as example

PLAIN = {
    "loop": "python", "kernels": "genn", "shards": "none", "poisson": "product",
    "weights": "32-bit",
}  # fmt: skip
# what the adapter chooses by itself
CHOSEN = {
    "cuda": {"loop": "graph", "kernels": "folded", "poisson": "table"},
    "cpu": {"loop": "native", "poisson": "table"},
}
DEVICES: dict[str, common.Result] = {
    # bytes/s that are reached: H100 SXM (HBM3); two channels of a server's memory
    "cuda": {"precision": "single", "shards": "auto", "warmup": 500.0, "duration": 5000.0,
             "bandwidth": 3.0e12},
    "cpu": {"precision": "double", "shards": "3", "warmup": 200.0, "duration": 1000.0,
            "bandwidth": 2.0e10},
}  # fmt: skip
# round(neurons * rate * 0.1 ms) of the published full-scale rates
BY_RATES = "L23E:2,L23I:2,L4E:10,L4I:3,L5E:4,L6E:2,L6I:2"
BYTES_PER_EVENT = 7  # target index, weight, delay; with 16-bit weights 5
GROWTH = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def variants(options: argparse.Namespace) -> dict[str, common.Result]:
    """Return name -> what differs from the plain adapter; `loop` alone changes no code."""
    shards = options.shards
    three = {"loop": "native", "shards": shards, "poisson": "table"}
    best = CHOSEN[options.device] | ({"shards": shards} if options.device == "cpu" else {})
    named = "graph" if options.device == "cuda" else "all three"
    other = "double" if options.precision == "single" else "single"
    found: dict[str, common.Result] = {
        "plain": {},
        "loop": {"loop": "native"},
        "shards": {"shards": shards},
        "table": {"poisson": "table"},
        "loop + shards": {"loop": "native", "shards": shards},
        "all three": three,
    }
    if options.device == "cuda":
        found |= {"folded": best | {"loop": "native"}, "graph": best}
    found |= {
        f"{named}, {other}": best | {"precision": other},
        f"{named}, 16-bit weights": best | {"weights": "16-bit"},
        f"{named}, DC": best | {"drive": "dc"},
        f"{named}, not recorded": best | {"record": False},
    }
    if options.scale == 1.0:
        found["all three, shards by rates"] = three | {"shards": BY_RATES}
    if options.variants is None:
        return found
    names = [name.strip() for name in options.variants.split(";")]
    if wrong := [name for name in names if name not in found]:
        raise SystemExit(f"--variants: {'; '.join(wrong)}: not among {'; '.join(found)}")
    return {name: found[name] for name in names}


# -- in the child -------------------------------------------------------------------------


def request_of(settings: common.Result) -> Any:
    """Return the request that a variant is."""
    import netspec
    from netspec.execute.contract import RunRequest

    scale = settings["scale"]
    network = netspec.circuits.microcircuit(
        settings["variant"], scale=min(scale, 1.0), drive=settings["drive"]
    )
    if scale > 1:
        network = enlarged(network, scale)
    if not settings["record"]:
        network = network.model_copy(update={"recorders": ()})
    simulation = netspec.Simulation(
        dt=0.1, warmup=settings["warmup"], duration=settings["duration"], seed=settings["seed"]
    )
    options = {key: settings[key] for key in (*PLAIN, "device", "precision")}
    return RunRequest(
        network=network,
        simulation=simulation,
        backend="genn",
        options=options,
        approximations=("single-precision", "16-bit-weights"),
    )


def enlarged(network: Any, factor: float) -> Any:
    """Return the full-scale network with more neurons, in-degrees as they are."""
    populations = (
        p.model_copy(update={"size": round(p.size * factor)}) for p in network.populations
    )
    projections = (
        p.model_copy(
            update={"rule": p.rule.model_copy(update={"number": round(p.rule.number * factor)})}
        )
        for p in network.projections
    )
    return network.model_copy(
        update={"populations": tuple(populations), "projections": tuple(projections)}
    )


def measure(settings: common.Result) -> common.Result:
    """Compile, or run one variant, in this process."""
    from netspec.backends.genn.building import GennBuilding
    from netspec.backends.genn.compiling import compiled
    from netspec.execute.contract import get_backend
    from netspec.execute.execution import Execution
    from netspec.execute.running import planned

    request, backend = request_of(settings), get_backend("genn")
    plan = planned(request)
    if settings["compile"]:
        building = GennBuilding(plan, Execution(request, lambda phase, fraction: None))
        building.create()
        building.connect()
        seconds: dict[str, float] = {}
        compiled(building.blueprint(), seconds)
        return {"seconds": seconds}
    meter = energy.Meter(settings["device"] == "cuda")

    def progress(phase: str, fraction: float) -> None:
        # before and after the counted steps, and never between them: a reading takes its time
        if (phase, fraction) in (("warmup", 1.0), ("read", 0.0)):
            meter.mark()

    (recording,) = backend.execute([plan], progress)
    simulation, took = request.simulation, recording.seconds
    second = simulation.duration / 1000
    result: common.Result = {
        "seconds": took,
        "values": {"RTF": took["simulate"] / second, "synapses": sum(recording.synapses.values())},
        "estimated_mib": backend.memory([plan]) / 2**20,
        "device_mib": meter.largest_mib,
        "shards": recording.info.get("shards", "none"),
    }
    if settings["record"]:
        counts = {
            name: int((steps > simulation.warmup_steps).sum())
            for name, (steps, _) in recording.spikes.items()
        }
        sizes = {p.name: p.size for p in request.network.populations}
        result["values"] |= {
            f"rate {name} (1/s)": count / sizes[name] / second for name, count in counts.items()
        }
        # mean out-degrees: right to about the square root of the spikes' number
        result["values"]["events (1/s)"] = sum(
            counts[p.pre] / sizes[p.pre] * recording.synapses[p.name] / second
            for p in request.network.projections
        )
        events = result["values"]["events (1/s)"] * simulation.duration / 1000
        joule = meter.joule()
        if joule is not None:
            result["values"]["energy (uJ/event)"] = joule / events * 1e6
    return result


# -- in the parent ------------------------------------------------------------------------


def attempt(settings: common.Result, measured: Callable[..., common.Result]) -> common.Result:
    """Measure; a variant that fails is told of, and the others go on."""
    try:
        return measured(settings)
    except SystemExit as failure:
        print(f"  failed: {failure}", file=sys.stderr, flush=True)
        return {"failed": str(failure)[-2000:]}


def child(settings: common.Result) -> common.Result:
    return common.in_child(__file__, sys.executable, settings)


def reference(settings: common.Result) -> common.Result:
    """Run GeNN's own example, in a process of its own."""
    return common.in_child(example.__file__, settings["python"], settings)


def settings_of(options: argparse.Namespace) -> common.Result:
    """Return what all variants have in common."""
    keys = ("variant", "scale", "device", "precision", "warmup", "duration")
    common_ones = {key: getattr(options, key) for key in keys}
    return {**common_ones, **PLAIN, "drive": "poisson", "record": True, "compile": False, "seed": 1}


def compile_all(options: argparse.Namespace, chosen: dict[str, common.Result]) -> common.Result:
    """Compile what is not yet in the cache, several variants at once if there are cores."""
    given = settings_of(options) | {"compile": True}
    workers = max(1, len(os.sched_getaffinity(0)) // 4)
    with ThreadPoolExecutor(workers) as pool:
        waiting = {
            name: pool.submit(attempt, given | change, child) for name, change in chosen.items()
        }
        found = {name: future.result() for name, future in waiting.items()}
    return {
        name: one["seconds"]["compile"] if "seconds" in one else one for name, one in found.items()
    }


def measure_all(
    options: argparse.Namespace, keep: Callable[[common.Result, dict[str, list[Any]]], None]
) -> tuple[common.Result, dict[str, list[Any]]]:
    """Return seconds of compilation, and variant -> runs in turn (None: out of time).

    `keep` is told of all that is there after the compilation, and after every run.
    """
    chosen = variants(options)
    started = time.monotonic()
    took = compile_all(options, chosen)
    print(f"  compiled in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    runs: dict[str, list[Any]] = {name: [] for name in chosen}
    if options.script is not None:
        runs["GeNN's example"] = []
    keep(took, runs)
    longest = 0.0
    for seed in range(1, options.repeats + 1):
        for name, results in runs.items():
            began = time.monotonic()
            if began + longest - started > options.minutes * 60:
                results.append(None)
                continue
            given = settings_of(options) | {"seed": seed}
            if name in chosen:
                result = attempt(given | chosen[name], child)
            else:
                given |= {"script": options.script_path, "python": options.reference_python}
                result = attempt(given, reference)
            results.append(result)
            longest = max(longest, time.monotonic() - began)
            keep(took, runs)
            if "values" in result:
                text = f"RTF {result['values']['RTF']:.4g}"
                print(f"  turn {seed}, {name}: {text}", file=sys.stderr, flush=True)
    return took, runs


def summary(runs: dict[str, list[Any]]) -> common.Result:
    """Return medians of all values and, of RTF, the ratio to the plain adapter turn by turn."""
    found: common.Result = {}
    for name, results in runs.items():
        done = [result for result in results if result and "values" in result]
        if not done:
            print(f"  {name}: failed, or out of time before its first run", file=sys.stderr)
            continue
        keys = [key for key in done[0]["values"] if all(key in r["values"] for r in done)]
        row = {key: statistics.median(r["values"][key] for r in done) for key in keys}
        ratios = [
            plain["values"]["RTF"] / own["values"]["RTF"]
            for plain, own in zip(runs.get("plain", ()), results, strict=False)
            if plain and own and "values" in plain and "values" in own
        ]
        found[name] = {
            "medians": row,
            "turns": len(done),
            "RTFs": [r["values"]["RTF"] for r in done],
        }
        if ratios:
            found[name] |= {"ratio": statistics.median(ratios), "ratios": ratios}
    return found


def show(found: common.Result) -> None:
    """Print a line a variant."""
    heads = (
        ("RTF (min-max)", 28),
        ("plain/this (min-max)", 26),
        ("events/s", 11),
        ("uJ/event", 10),
    )
    print(f"\n{'':30}" + "".join(head.rjust(width) for head, width in heads))
    for name, row in found.items():
        rtf, medians = row["RTFs"], row["medians"]
        line = f"{name:30}" + f"{medians['RTF']:.4g} ({min(rtf):.4g}-{max(rtf):.4g})".rjust(28)
        ratios = row.get("ratios")
        text = f"{row['ratio']:.3f} ({min(ratios):.3f}-{max(ratios):.3f})" if ratios else ""
        line += text.rjust(26)
        line += (
            f"{medians['events (1/s)']:.3g}".rjust(11) if "events (1/s)" in medians else " " * 11
        )
        micro = medians.get("energy (uJ/event)")
        print(line + ("not meas." if micro is None else f"{micro:.3g}").rjust(10))
    print("\nrates (1/s)")
    for name, row in found.items():
        rates = {key: value for key, value in row["medians"].items() if key.startswith("rate")}
        if rates:
            text = " ".join(f"{key.split()[1]} {value:.3f}" for key, value in rates.items())
            print(f"{name:30}{text}")
    print()


def grow(options: argparse.Namespace) -> list[common.Result]:
    """Run growing networks until memory or time is short; estimate and measurement side by side."""
    from netspec.backends.genn.adapter import free_memory_mib
    from netspec.execute.contract import get_backend

    free, rows = free_memory_mib(options.device == "cuda"), []
    best = CHOSEN[options.device] | {"shards": "auto"}
    started = time.monotonic()
    for scale in GROWTH:
        given = settings_of(options) | best | {"scale": scale, "warmup": 0.1, "duration": 100.0}
        backend = get_backend("genn")
        estimate = backend.memory([backend.plan(request_of(given))]) / 2**20
        row: common.Result = {"scale": scale, "estimated_mib": estimate, "free_mib": free}
        rows.append(row)
        if estimate > free:
            print(f"  scale {scale:g}: needs {estimate:.0f} MiB, {free:.0f} free; stopped")
            break
        if time.monotonic() - started > options.minutes * 60:
            row["failed"] = "out of time"
            break
        # compiled by itself, since that takes memory which a run from the cache does without
        row |= attempt(given | {"compile": True}, child)
        row |= {} if "failed" in row else attempt(given, child)
        if "failed" in row:
            break
        measured = row["device_mib"] or row["peak_memory_mib"]
        print(
            f"  scale {scale:g}: {row['values']['synapses']:.3g} synapses, estimated "
            f"{estimate:.0f} MiB, measured {measured:.0f} MiB, RTF {row['values']['RTF']:.4g}",
            flush=True,
        )
    return rows


def check_device(device: str) -> None:
    """Stop before anything is measured if the device is not there."""
    from netspec.execute.contract import get_backend

    if device not in get_backend("genn").details()["devices"]:
        raise SystemExit(f"this PyGeNN was built without {device}, see netspec doctor")


def main() -> None:
    """Measure, print, write the point and the plot."""
    parser = common.parser(__doc__)
    add = parser.add_argument
    add("--device", choices=tuple(DEVICES), default="cuda")
    add("--variant", default="pygenn", help="of the microcircuit; default: that of GeNN's example")
    add("--scale", type=float, default=1.0, help="of neurons and in-degrees")
    add("--precision", choices=("single", "double"), help="default: single on cuda, double on cpu")
    add("--shards", help="of the variants with shards; default: auto on cuda, 3 on cpu")
    add("--warmup", type=float, help="ms")
    add("--duration", type=float, help="ms")
    add("--bandwidth", type=float, help="bytes/s, for the roofline; default: that of an H100")
    add("--minutes", type=float, default=9.0, help="begin no run that might end after so long")
    add("--variants", help="those to measure, with ; between them; all")
    add("--script", type=Path, help="GeNN's potjans_microcircuit.py, to run beside")
    add("--growth", action="store_true", help="instead: memory and time from scale 0.1 up")
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, measure)
        return
    for key, value in DEVICES[options.device].items():
        if getattr(options, key) is None:
            setattr(options, key, value)
    check_device(options.device)
    if options.script is not None:
        options.script_path = str(options.script.resolve())
    here, cards = common.machine(), common.cards() if options.device == "cuda" else []
    now = datetime.datetime.now(datetime.UTC)
    hidden = ("folder", "child", "reference_python", "script_path", "script")
    point: common.Result = {
        "benchmark": "gpu",
        "date": now.isoformat(timespec="seconds"),
        "command": common.command(__file__, {
            str(options.script): "potjans_microcircuit.py", str(options.folder): "FOLDER",
        }),
        "machine": here | {"cards": cards, "energy": energy.scope(options.device == "cuda")},
        "versions": common.versions(),
        "settings": {key: value for key, value in vars(options).items() if key not in hidden},
    }  # fmt: skip
    if options.growth:
        name = f"gpu-growth-{options.device}"
        common.write_point(options.folder, name, now, point | {"growth": grow(options)})
        return
    point["bytes_per_event"] = BYTES_PER_EVENT
    path = common.point_path(options.folder, f"gpu-{options.device}", now)

    def keep(took: common.Result, runs: dict[str, list[Any]], **more: Any) -> None:
        found = {"compile_seconds": took, "runs": runs, "complete": False, **more}
        common.save(path, point | found)

    took, runs = measure_all(options, keep)
    found = summary(runs)
    keep(took, runs, summary=found, complete=True)
    show(found)
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
