"""Time exports of a run as large as a second of the full microcircuit: 77,169 trains.

python benchmarks/export.py
"""

from __future__ import annotations

import argparse
import datetime
import json
import tempfile
import time
from pathlib import Path

import common
import numpy as np

import netspec
from netspec.circuits.potjans_diesmann.builder import FULL_SCALE_RATES, POPULATIONS, SIZES
from netspec.execute.recording import Recording
from netspec.execute.results import open_run, write_run
from netspec.validation.exchange.export import FORMATS
from netspec.validation.exchange.recordings import content_of, differences

STEPS = 125_000  # of 0.1 ms: 3.1 million spikes at the published rates


def full_size_run(folder: Path) -> netspec.Run:
    """Return a run with independent spikes at the published full-scale rates."""
    draw = np.random.default_rng(1)
    spikes = {}
    for name, size, rate in zip(POPULATIONS, SIZES, FULL_SCALE_RATES, strict=True):
        number = round(size * rate * STEPS / 1e4)
        flat = np.unique(draw.integers(0, size * STEPS, number))
        spikes[name] = flat // size + 1, (flat % size).astype(np.uint32)
    manifest = {
        "name": "microcircuit",
        "backend": "random numbers",
        "finished": "2026-01-01T00:00:00+00:00",
        "simulation": {"dt": 0.1, "warmup": 0.0, "duration": STEPS / 10, "seed": 1},
        "warmup_steps": 0,
        "total_steps": STEPS,
        "sizes": dict(zip(POPULATIONS, SIZES, strict=True)),
        "recorders": {},
    }
    write_run(folder / "run.h5", manifest, Recording(spikes=spikes))
    return open_run(folder / "run.h5")


def main() -> None:
    """Time each step of each export, and ``to_neo``."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--nix-sample", type=common.positive, default=200)
    options.add_argument("--folder", type=Path, default=common.RECORDS)
    given = options.parse_args()
    machine, results = common.machine(), {}
    import nixio  # noqa: F401  imports are not timed
    import pynwb  # noqa: F401
    import scipy.io

    _ = scipy.io
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run = full_size_run(folder)
        for name, (write, read) in FORMATS.items():
            marks = [time.perf_counter()]
            content = content_of(run, sample=given.nix_sample if name == "nix" else None)
            marks.append(time.perf_counter())
            write(content, folder / f"run.{name}")
            marks.append(time.perf_counter())
            found = read(folder / f"run.{name}")
            marks.append(time.perf_counter())
            wrong = differences(content, found)
            marks.append(time.perf_counter())
            trains = sum(len(t.neurons) for t in content.trains.values())
            steps = ("gather", "write", "read back", "compare")
            results[name] = {
                "trains": trains,
                "spikes": sum(len(t.steps) for t in content.trains.values()),
                "seconds": dict(zip(steps, np.diff(marks).tolist(), strict=True)),
                "seconds in all": marks[-1] - marks[0],
                "ms per train": 1000 * (marks[-1] - marks[0]) / trains,
                "bytes": (folder / f"run.{name}").stat().st_size,
                "equal": not wrong,
            }
            print(name, results[name])
        started = time.perf_counter()
        trains = len(run.to_neo().segments[0].spiketrains)
        seconds = time.perf_counter() - started
        results["to_neo"] = {"trains": trains, "seconds in all": seconds,
                             "ms per train": 1000 * seconds / trains}  # fmt: skip
        print("to_neo", results["to_neo"])
    data = {
        "benchmark": "export",
        "command": f"python benchmarks/export.py --nix-sample {given.nix_sample}",
        "machine": machine,
        "versions": common.versions(),
        "results": results,
        "peak memory (MiB)": common.peak_memory_mib(),
    }
    path = given.folder / f"export-{datetime.datetime.now(datetime.UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps(common.rounded(data), indent=1) + "\n")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
