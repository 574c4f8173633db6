"""What the benchmark scripts share: child processes, the machine, the table and the JSON point."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "benchmarks" / "records"
Result = dict[str, Any]
PACKAGES = ("numpy", "scipy", "cython", "nest-simulator", "brian2", "microcircuit", "neurodynex",
            "elephant", "pygenn", "neuron", "pynn", "neo", "nixio", "pynwb", "h5py", "nvidia-ml-py",
            "netspec-snn")  # fmt: skip


def parser(doc: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all scripts have."""
    result = argparse.ArgumentParser(description=doc.splitlines()[0])
    add = result.add_argument
    add("--repeats", type=positive, default=3, help="measured pairs (default 3)")
    add("--reference-python", default=sys.executable, metavar="PYTHON",
        help="interpreter that has the reference package (default: this one)")  # fmt: skip
    add("--folder", type=Path, default=RECORDS, help="of the JSON point")
    add("--child", nargs=2, metavar=("SETTINGS", "RESULT"), help=argparse.SUPPRESS)
    return result


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return int(text)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter, as far as installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def memory_mib(field: str = "VmRSS") -> float:
    """Return the resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{field}:"))
    return round(int(line.split()[1]) / 1024, 1)


def peak_memory_mib() -> float:
    """Return the peak resident memory of this process."""
    return memory_mib("VmHWM")


class Laps:
    """Seconds of each phase, and resident memory after it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float] = {}
        self.began = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a phase and begin the next."""
        self.seconds[name] = time.perf_counter() - self.began
        self.memory[f"memory after {name} (MiB)"] = memory_mib()
        self.began = time.perf_counter()


# -- what a microcircuit did, beside every time ------------------------------------------------

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")


def activity(
    spikes: dict[str, int], sizes: dict[str, int], out: dict[str, int], duration: float,
    seconds: float,
) -> dict[str, float]:  # fmt: skip
    """Return rates, spikes, and synaptic events per second of wall time.

    Parameters
    ----------
    spikes, sizes, out : dict
        Population -> spikes in the measured time, neurons, synapses that leave it.
    duration : float
        Measured model time in ms.
    seconds : float
        Wall time that it took.
    """
    events = sum(spikes[name] * out[name] / sizes[name] for name in spikes)
    rates = {n: spikes[n] / sizes[n] / duration * 1000 for n in spikes}
    return {
        "spikes": sum(spikes.values()),
        "synaptic events (million/s)": events / seconds / 1e6,
        **{f"rate {name} (1/s)": rate for name, rate in rates.items()},
    }


def activity_of(run: Any) -> dict[str, float]:
    """Return `activity` of a run of netspec's microcircuit; nothing if it recorded no spikes."""
    out: dict[str, int] = dict.fromkeys(POPULATIONS, 0)
    for name, count in run.manifest["synapses"].items():
        out[name.partition("_")[0]] += count
    spikes = {name: len(run.spikes(name)) for name in run.populations}
    duration = run.manifest["simulation"]["duration"]
    took = run.manifest["seconds"]["simulate"]
    return activity(spikes, run.manifest["sizes"], out, duration, took) if spikes else {}


def phases_of(manifest: Result) -> tuple[dict[str, float], dict[str, float]]:
    """Return seconds of each phase of a run of netspec, and resident memory after it."""
    names = {"create": "create", "connect": "connect", "prepare": "prepare",
             "warmup": "warm-up", "simulate": "simulate"}  # fmt: skip
    seconds = {name: manifest["seconds"][key] for key, name in names.items()}
    memory = {
        f"memory after {name} (MiB)": manifest["memory_mib"][key]
        for key, name in names.items()
        if key in manifest["memory_mib"]
    }
    return seconds, memory


def microcircuit(scale: float, connectivity_scale: float | None, record: bool = True) -> Any:
    """Return netspec's description with the settings of the package ``microcircuit`` 1.0."""
    import netspec

    network = netspec.circuits.microcircuit(
        "inm6", neuron_scale=scale, drive="poisson",
        connectivity_scale=scale if connectivity_scale is None else connectivity_scale,
    )  # fmt: skip
    return network if record else network.model_copy(update={"recorders": ()})


# -- pairs -------------------------------------------------------------------------------------


def machine() -> Result:
    """Describe the machine, and how busy it is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text().splitlines()[0].split()[1]
    return {
        "cpu": cpu[0] if cpu else "unknown",
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory) / 2**20, 1),
        "system": platform.system() + " " + platform.machine(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def cards() -> list[Result]:
    """Describe the NVIDIA GPUs: name, driver, compute capability, memory, largest clock, limit."""
    fields = ("name", "driver_version", "compute_cap", "memory.total", "clocks.max.sm",
              "power.limit")  # fmt: skip
    query = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    lines = found.stdout.splitlines()
    return [dict(zip(fields, map(str.strip, line.split(",")), strict=True)) for line in lines]


def in_child(script: str, python: str, settings: Result) -> Result:
    """Run ``script --child`` under an interpreter and return the result that it wrote.

    The wall time of the whole process is added to it, as ``seconds["process"]``.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        request, answer = Path(scratch) / "settings.json", Path(scratch) / "result.json"
        request.write_text(json.dumps(settings))
        started = time.perf_counter()
        child = subprocess.run(
            [python, str(Path(script).resolve()), "--child", str(request), str(answer)],
            cwd=scratch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        if child.returncode or not answer.exists():
            tail = "\n".join(child.stdout.decode(errors="replace").splitlines()[-25:])
            raise SystemExit(f"the child ended with status {child.returncode}:\n{tail}")
        result: Result = json.loads(answer.read_text())
    result["seconds"]["process"] = seconds
    return result


def answer_child(child: list[str], measure: Callable[[Result], Result]) -> None:
    """Be the child: measure with the settings given, and write the result.

    The peak memory is that of this process, unless the result has one.
    """
    settings, answer = child
    result = measure(json.loads(Path(settings).read_text()))
    result = {"peak_memory_mib": peak_memory_mib(), "versions": versions()} | result
    Path(answer).write_text(json.dumps(result))


def measure_pairs(
    options: argparse.Namespace,
    ours: Callable[[Result], Result],
    theirs: Callable[[Result], Result],
    settings: Result,
    first: Result,
) -> list[Result]:
    """Measure both sides in turn, with seeds 1, 2, ...

    The run of each side that comes first, with the settings `first`, is not measured: it
    compiles, and brings files into memory.
    """
    options.machine = machine()
    sides = {"ours": ours, "reference": theirs}
    for side, measure in sides.items():
        print(f"  {side}: a short run that is not measured", file=sys.stderr, flush=True)
        measure(settings | first | {"seed": 1})
    pairs = []
    for seed in range(1, options.repeats + 1):
        pair: Result = {"seed": seed, "load": round(os.getloadavg()[0], 2)}
        for side, measure in sides.items():
            pair[side] = measure(settings | {"seed": seed})
            times = ", ".join(f"{name} {s:.2f}" for name, s in pair[side]["seconds"].items())
            print(f"  pair {seed}, {side}: {times} s", file=sys.stderr, flush=True)
        pairs.append(pair)
    return pairs


def report(script: str, options: argparse.Namespace, pairs: list[Result], notes: list[str]) -> None:
    """Print the table and write the JSON point."""
    here = options.machine
    print(
        f"\n{here['cpu']}, {here['cores_usable']} cores, load {here['load_before']}; "
        f"medians of {len(pairs)} pairs; ratio = reference / ours, by pair\n\n"
        f"{'':28}{'ours':>12}{'reference':>12}{'ratio (min-max)':>24}"
    )
    sides = ("ours", "reference")
    versions_of = {}
    for pair in pairs:
        for side in sides:
            versions_of[side] = pair[side].pop("versions")
            pair[side]["values"]["peak memory (MiB)"] = pair[side].pop("peak_memory_mib")
    summary: Result = {"seconds": {}, "values": {}}
    for group, rows in summary.items():
        for key in (k for k in pairs[0]["ours"][group] if k in pairs[0]["reference"][group]):
            both = [[pair[side][group][key] for pair in pairs] for side in sides]
            row = rows[key] = dict(zip(sides, map(statistics.median, both), strict=True))
            text = "".join(f"{value:12.6g}" for value in row.values())
            if group == "seconds":
                ratios = [theirs / own for own, theirs in zip(*both, strict=True)]
                row |= {"ratio": statistics.median(ratios), "ratios": ratios}
                spread = f"{row['ratio']:.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                text = f"{text}{spread:>24}"
            print(f"{key + ' (s)' * (group == 'seconds'):28}{text}")
    print("".join(f"- {note}\n" for note in notes))
    hidden = ("folder", "child", "reference_python", "machine")
    settings = {key: value for key, value in vars(options).items() if key not in hidden}
    words = [
        f"--{key.replace('_', '-')}" + ("" if value is True else f" {value}")
        for key, value in settings.items()
        if value is not False and value is not None
    ]
    name, now = Path(script).stem, datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": name,
        "date": now.isoformat(timespec="seconds"),
        "command": " ".join([f"python benchmarks/{name}.py", *words]),
        "machine": here,
        "versions": versions_of,
        "settings": settings,
        "notes": notes,
        "medians": summary,
        "pairs": pairs,
    }
    write_point(options.folder, name, now, point)


def command(script: str, hidden: dict[str, str]) -> str:
    """Return the command line that was given, with words instead of this machine's paths."""
    text = " ".join(sys.argv[1:])
    for path, word in hidden.items():
        text = text.replace(path, word)
    return f"python benchmarks/{Path(script).name} {text}"


def write_point(folder: Path, name: str, now: datetime.datetime, point: Result) -> Path:
    """Write a JSON point under the name of its benchmark and day; return its file."""
    path = point_path(folder, name, now)
    save(path, point)
    print(f"written: {path.name}")
    return path


def point_path(folder: Path, name: str, now: datetime.datetime) -> Path:
    """Return a name for a point that no other has: a measurement is never overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    path, number = folder / f"{name}-{now:%Y-%m-%d}.json", 2
    while path.exists():
        path, number = folder / f"{name}-{now:%Y-%m-%d}-{number}.json", number + 1
    return path


def save(path: Path, point: Result) -> None:
    """Write a point, whole, in the place of what was measured of it before."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(rounded(point), indent=1) + "\n")
    temporary.replace(path)


def rounded(value: Any) -> Any:
    """Round every float to six digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
