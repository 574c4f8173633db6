"""Trials of the working-memory ring per second: GeNN over batch sizes, Brian2, ``neurodynex``.

A trial is a run with a seed and a cue of its own. Every batch size is measured in turn, in a
process of its own that uses one core (and the GPU); Brian2 and the package ``neurodynex`` 0.3.4, a
trial at a time on one core, stand beside it.

    pip install netspec-snn[brian2] neurodynex==0.3.4
    python benchmarks/ring_trials.py --device cuda --batches 1 16 64 256 1024
    python benchmarks/ring_trials.py --device cuda --batches 256 --couplings waves dense
    python benchmarks/ring_trials.py --device cpu --batches 1 4 16 64
"""

from __future__ import annotations

import datetime
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import common
import ring_brian2

BRIAN2, PACKAGE = "Brian2, netspec", "Brian2, neurodynex"


def measure(settings: common.Result) -> common.Result:
    """Run one batch, in this process and the one that netspec starts."""
    import netspec
    from netspec.execute.contract import RunRequest
    from netspec.validation.campaign import trial_runs

    backend, number = settings["backend"], settings["batch"]
    network = netspec.circuits.working_memory(
        "neurodynex", settings["size"], [netspec.circuits.Cue(**ring_brian2.CUE)]
    )
    options = {"codegen": "cython"}
    if backend == "genn":
        options = {key: settings[key] for key in ("device", "precision", "coupling")}
    request = RunRequest(
        network=network,
        simulation=netspec.Simulation(
            dt=settings["dt"], warmup=0.0, duration=settings["duration"], seed=settings["seed"]
        ),
        backend=backend,
        options=options,
        approximations=("single-precision",),
    )
    requests = trial_runs.requests(request, number)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        found = trial_runs.run(requests, number, Path(out))
        if found.failures:
            raise SystemExit(found.failures[0].failure)
        if found.batch != number:
            raise SystemExit(f"{number} trials could not share a model, {found.batch} could")
        manifest, speed = found.runs[0].manifest, found.speed()
        took = manifest["seconds"]
        means = {name: mean for name, (mean, _, _) in found.means().items()}
    return {
        "seconds": {
            "whole": found.seconds,
            "simulate": took["simulate"],
            "compile": took.get("compile", 0.0),
        },
        "values": {
            "trial-seconds/s, steps": speed["steps"],
            "trial-seconds/s, whole": speed["all"],
            **{name: means[name] for name in ("formed", "rate_E", "rate_I", "vector_length")},
        },
        "peak_memory_mib": manifest["peak_memory_mib"],
        "versions": common.versions() | manifest["versions"],
    }


def package(settings: common.Result, python: str) -> common.Result:
    """Run the package by itself, a trial at a time."""
    given = settings | {"cue": True, "keep_rate_monitors": False}
    result = common.in_child(ring_brian2.__file__, python, given)
    model, seconds = settings["duration"] / 1000, result["seconds"]
    values = result["values"]
    result["values"] = {
        "trial-seconds/s, steps": model / seconds["simulate"],
        "trial-seconds/s, whole": model / seconds["process"],
        "rate_E": values["rate E (1/s)"],
        "rate_I": values["rate I (1/s)"],
        "vector_length": values["vector length"],
    }
    return result


def main() -> None:
    """Measure in turn, print, write the point."""
    parser = common.parser(__doc__)
    add = parser.add_argument
    add("--device", choices=("cpu", "cuda"), default="cuda")
    add("--precision", choices=("single", "double"), help="default: single on cuda, double on cpu")
    add("--batches", type=common.positive, nargs="+", default=[1, 16, 64, 256], help="trials")
    add("--couplings", choices=("auto", "host", "waves", "dense"), nargs="+", default=["auto"],
        help="of GeNN; default: host on cpu, waves on cuda")  # fmt: skip
    add("--size", type=common.positive, default=1024, help="excitatory neurons")
    add("--dt", type=float, default=0.05, help="ms")
    add("--duration", type=float, default=1500.0, help="ms")
    add("--no-package", dest="package", action="store_false", help="without neurodynex")
    add("--no-brian2", dest="brian2", action="store_false", help="without our Brian2")
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, measure)
        return
    options.precision = options.precision or ("single" if options.device == "cuda" else "double")
    keys = ("device", "precision", "size", "dt", "duration")
    settings = {key: getattr(options, key) for key in keys}
    here, now = common.machine(), datetime.datetime.now(datetime.UTC)
    sides: common.Result = {
        f"GeNN, {number}" + f", {coupling}" * (options.couplings != ["auto"]):
        {"backend": "genn", "batch": number, "coupling": coupling}
        for number in options.batches
        for coupling in options.couplings
    }  # fmt: skip
    if options.brian2 and find_spec("brian2") is not None:
        sides[BRIAN2] = {"backend": "brian2", "batch": 1}
    runs: dict[str, list[Any]] = {name: [] for name in [*sides, *[PACKAGE] * options.package]}
    point: common.Result = {
        "benchmark": "ring_trials", "date": now.isoformat(timespec="seconds"),
        "command": common.command(__file__, {
            options.reference_python: "PYTHON", str(options.folder): "FOLDER",
        }),
        "notes": "GeNN and our Brian2: statistics of the trials (docs/statistics.md); neurodynex: "
        "rates and vector over the last two thirds of the run. steps: the loop over steps; whole: "
        "with start-up, compilation unless cached, and result files",
        "machine": here | {"cards": common.cards() if options.device == "cuda" else []},
        "versions": common.versions(), "settings": settings | {"repeats": options.repeats},
    }  # fmt: skip

    path = common.point_path(options.folder, f"ring_trials-{options.device}", now)

    def keep(complete: bool) -> common.Result:
        rows = medians(runs)
        common.save(path, point | {"medians": rows, "runs": runs, "complete": complete})
        return rows

    # the first turn compiles, and is not measured
    for turn in range(options.repeats + 1):
        for name, results in runs.items():
            given = settings | {"seed": max(turn, 1)} | ({} if turn else {"duration": 950.0})
            if name in sides:
                found = common.in_child(__file__, sys.executable, given | sides[name])
            else:
                found = package(given, options.reference_python)
            if turn:
                results.append(found)
                speed = found["values"]["trial-seconds/s, steps"]
                print(f"  turn {turn}, {name}: {speed:.3g}", file=sys.stderr, flush=True)
                keep(complete=False)  # whatever ends this script leaves what was measured
    for name, row in keep(complete=True).items():
        print(f"{name}: {', '.join(f'{key} {value:.4g}' for key, value in row.items())}")
    print(f"written: {path.name}")


def medians(runs: dict[str, list[Any]]) -> common.Result:
    """Return medians over the runs of every side that has some."""
    rows: common.Result = {}
    for name, results in runs.items():
        values = [result["values"] for result in results]
        if values:
            rows[name] = {key: statistics.median(v[key] for v in values) for key in values[0]}
            peak = statistics.median(result["peak_memory_mib"] for result in results)
            rows[name]["peak memory (MiB)"] = peak
    return rows


if __name__ == "__main__":
    main()
