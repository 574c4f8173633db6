"""Judge our variants against the codes that they follow: the spikes of both, seed by seed.

The reference runs as it is, under its own interpreter. A TOML file describes the spikes of each run
(docs/guide.md), which are compared with runs of netspec as by ``netspec compare``. What is there
already is not run again.

    pip install netspec-snn[nest,brian2] microcircuit==1.0 neurodynex==0.3.4
    python benchmarks/reference_spikes.py nest-poisson
    python benchmarks/reference_spikes.py genn --script PATH/potjans_microcircuit.py
    python benchmarks/reference_spikes.py ring
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
import microcircuit_genn
import microcircuit_nest
import record_verdict
import ring_brian2

if TYPE_CHECKING:  # the reference's interpreter need not have netspec
    from netspec.describe.network import Network

RING_SIZE = 1024
SIDES = ("reference", "ours")
SIZES = ("size", "scale", "connectivity_scale")
Runs = dict[str, list[common.Result]]
CUE = {"angle": 180.0, "strength": 70.0, "width": 40.0, "start": 600.0, "duration": 200.0}


@dataclass(frozen=True)
class Reference:
    """A published code, our side of it, and what its files mean.

    Attributes
    ----------
    what : str
        Shown beside its spikes.
    backend : str
        Ours.
    options : dict
        Of our backend.
    dt, duration : float
        In ms; the duration is a default.
    files : dict
        Fields of a description of spikes; ``{run}`` stands for the folder of a run.
    by_population : tuple of str
        A file for each population, or none if all are in one.
    seeded : bool
        Whether the code takes a seed.
    """

    what: str
    backend: str
    options: dict[str, str]
    dt: float
    duration: float
    files: dict[str, Any]
    by_population: tuple[str, ...] = ()
    seeded: bool = True


NEST_FILES = {
    "time_unit": "ms", "label": "end", "ids": "global", "first_id": 1,
    "files": ["{run}/spike_recorder-*.dat"],
    "columns": {"neuron": "sender", "time": "time_ms"},
}  # fmt: skip
REFERENCES = {
    "nest-poisson": Reference(
        "microcircuit 1.0 (Poisson)", "nest", {}, microcircuit_nest.RESOLUTION, 5000.0, NEST_FILES
    ),
    "nest-dc": Reference(
        "microcircuit 1.0 (DC)", "nest", {}, microcircuit_nest.RESOLUTION, 5000.0, NEST_FILES
    ),
    "genn": Reference(
        "potjans_microcircuit.py", "genn", {"device": "cpu"}, 0.1, 5000.0,
        {"time_unit": "ms", "label": "start", "ids": "population",
         "columns": {"neuron": 1, "time": 0}},
        tuple(f"{{run}}/{theirs}_spikes.csv" for theirs in microcircuit_genn.LAYERS),
        seeded=False,
    ),
    "ring": Reference(
        "neurodynex 0.3.4", "brian2", {"codegen": "cython"}, 0.05, 1500.0,
        {"time_unit": "ms", "label": "start", "ids": "population",
         "columns": {"neuron": "neuron", "time": "time"}, "cue": CUE},
        ("{run}/E.npz", "{run}/I.npz"),
    ),
}  # fmt: skip


def network(settings: common.Result) -> Network:
    """Return our variant of a reference."""
    from netspec.circuits import Cue, microcircuit, working_memory

    if settings["reference"] == "ring":
        return working_memory("neurodynex", RING_SIZE, [Cue(**CUE)])
    return microcircuit(
        "pygenn" if settings["reference"] == "genn" else "inm6",
        neuron_scale=settings["scale"],
        connectivity_scale=settings["connectivity_scale"],
        drive=settings["drive"],
    )


# -- the reference, in a child process ------------------------------------------------------------


def reference(settings: common.Result) -> common.Result:
    """Leave the spikes of one run in a folder; called in a child process."""
    run = {"ring": ring, "genn": genn}.get(settings["reference"], nest)
    found = run(settings, Path(settings["folder"]))
    # of the processor, which says more than the wall time on a machine that others use too
    return {"seconds": {"processor": sum(os.times()[:4])}, **found}


def nest(settings: common.Result, folder: Path) -> common.Result:
    """Run the package ``microcircuit``, which writes text files itself."""
    circuit = microcircuit_nest.package({**settings, "recording": "ascii"}, folder)
    circuit.create()
    circuit.connect()
    circuit.simulate(settings["warmup"])
    circuit.simulate(settings["duration"])
    return {
        "sizes": [len(population) for population in circuit.pops],
        "synapses": int(circuit.num_synapses.sum()),
    }


def genn(settings: common.Result, folder: Path) -> common.Result:
    """Run GeNN's script, which writes a text file for each population itself."""
    said, _ = microcircuit_genn.run_script(settings)
    for theirs in microcircuit_genn.LAYERS:
        shutil.move(f"{theirs}_spikes.csv", folder)
    sizes = [
        int(line.split("num neurons:")[1].split(",")[0])
        for line in said
        if line.startswith("Population ")
    ]
    total = next(line for line in said if "total synapses" in line)
    return {"sizes": sizes, "synapses": int(total.split("=")[-1])}


def ring(settings: common.Result, folder: Path) -> common.Result:
    """Call ``simulate_wm``, and write what its spike monitors hold: those of all neurons.

    The subset concerns its voltage monitors alone: Brian2 takes the list of neurons that it hands
    to its spike monitors for a yes.
    """
    import brian2 as b2
    import numpy as np

    whole = {**settings, "duration": settings["warmup"] + settings["duration"]}
    found = ring_brian2.simulate_wm(whole, CUE, monitored_subset_size=1)
    sizes = []
    for name, monitor in (("E", found[1]), ("I", found[5])):
        counts = np.asarray(monitor.count)
        if counts.sum() != len(monitor.i):
            raise RuntimeError("the reference recorded spikes of some neurons only")
        np.savez(folder / f"{name}.npz", neuron=monitor.i, time=monitor.t / b2.ms)
        sizes.append(len(counts))
    return {"sizes": sizes}


# -- both sides -----------------------------------------------------------------------------------


def description(settings: common.Result, circuit: Network) -> dict[str, Any]:
    """Return what the spikes of one run of the reference mean, as `netspec compare` reads it."""
    chosen = REFERENCES[settings["reference"]]
    run = f"seed{settings['seed']}"
    text = json.dumps(chosen.files).replace("{run}", run)
    populations: list[dict[str, Any]] = [
        {"name": name, "size": circuit.population(name).size} for name in circuit.recorded()
    ]
    for entry, file in zip(populations, chosen.by_population, strict=False):
        entry["files"] = [file.replace("{run}", run)]
    return {
        "schema_version": "netspec-spikes/1",
        "name": circuit.name,
        "simulator": chosen.what,
        **({"seed": settings["seed"]} if chosen.seeded else {}),
        **{key: settings[key] for key in ("dt", "warmup", "duration")},
        **json.loads(text),
        "populations": populations,
    }


def theirs(settings: common.Result, python: str, out: Path) -> common.Result:
    """Run the reference once, unless its spikes are there; return what is known of the run.

    The description is written last: where it lies, the spikes are complete.
    """
    import tomli_w

    circuit = network(settings)
    text = tomli_w.dumps(description(settings, circuit))
    file, folder = out / f"seed{settings['seed']}.toml", out / f"seed{settings['seed']}"
    known = folder / "run.json"
    if file.exists() and file.read_text() == text:
        found: common.Result = json.loads(known.read_text())
        return found
    file.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder_there = {"folder": str(folder.resolve())}
    found = {"seed": settings["seed"], **common.in_child(__file__, python, settings | folder_there)}
    sizes = [circuit.population(name).size for name in circuit.recorded()]
    if found["sizes"] != sizes:
        raise SystemExit(f"the reference has {found['sizes']} neurons, our network {sizes}")
    known.write_text(json.dumps(found))
    partial = file.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(file)
    print(
        f"  reference, seed {settings['seed']}: {found['seconds']['processor']:.0f} s", flush=True
    )
    return found


def ours(settings: common.Result, seeds: range, jobs: int, out: Path) -> list[common.Result]:
    """Run our variant for all seeds, unless the results are there."""
    import netspec
    from netspec.validation.campaign.ensemble import Room, run_all
    from netspec.validation.campaign.request import BackendRequest, ValidationRequest

    chosen = REFERENCES[settings["reference"]]
    request = ValidationRequest(
        network=network(settings),
        simulation=netspec.Simulation(
            dt=settings["dt"], warmup=settings["warmup"], duration=settings["duration"]
        ),
        backends=(BackendRequest(name=chosen.backend, threads=1, options=chosen.options),),
        seeds=tuple(seeds),
    )
    done = run_all(list(request.run_requests()), out, room=Room(jobs=jobs))
    failed = [entry.failure for entry in done if entry.run is None]
    if failed:
        raise SystemExit("\n".join(failed))
    kept = ("seed", "seconds", "peak_memory_mib", "versions", "options")
    return [
        {
            **{key: entry.run.manifest[key] for key in kept},
            "synapses": sum(entry.run.manifest["synapses"].values()),
        }
        for entry in done
        if entry.run is not None
    ]


def given() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("reference", nargs="?", choices=REFERENCES)
    add("--seeds", type=common.positive, default=10, help="1 to N (default 10)")
    add("--scale", type=float, default=0.1, help="of the microcircuit's neurons (default 0.1)")
    add("--connectivity-scale", type=float, help="of its in-degrees (default: as --scale)")
    add("--warmup", type=float, default=500.0, help="ms")
    add("--duration", type=float, help="ms after it (default 5000, ring 1500)")
    add("--script", type=Path, help="GeNN's potjans_microcircuit.py")
    add("--reference-python", default=sys.executable, metavar="PYTHON",
        help="interpreter that has the reference (default: this one)")  # fmt: skip
    add("--jobs", type=common.positive, default=1, help="runs side by side, a thread each")
    add("--out", type=Path, default=Path("runs") / "reference", help="of spikes and results")
    add("--folder", type=Path, default=common.RECORDS, help="of the record")
    add("--child", nargs=2, metavar=("SETTINGS", "RESULT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is None and options.reference is None:
        parser.error(f"expected a reference: {', '.join(REFERENCES)}")
    if options.reference == "genn" and not (options.script and options.script.exists()):
        parser.error("--script: the path of potjans_microcircuit.py in GeNN's repository")
    return options


def settings_of(options: argparse.Namespace) -> common.Result:
    """Return what both sides are asked for, but the seed."""
    chosen = REFERENCES[options.reference]
    settings: common.Result = {
        "reference": options.reference,
        "dt": chosen.dt,
        "warmup": options.warmup,
        "duration": options.duration or chosen.duration,
        "threads": 1,
    }
    if options.reference == "ring":
        return settings | {"size": RING_SIZE, "cue": CUE}
    return settings | {
        "scale": options.scale,
        "connectivity_scale": options.connectivity_scale or options.scale,
        "drive": "dc" if options.reference == "nest-dc" else "poisson",
    }


def run_both(options: argparse.Namespace, settings: common.Result) -> tuple[list[Path], Runs]:
    """Run what is not there yet; return the folder and the runs of each side."""
    sizes = [str(settings[key]) for key in SIZES if key in settings]
    span = f"{settings['warmup']:g}+{settings['duration']:g}ms"
    label = "-".join([options.reference, *sizes, span])
    folders = [options.out / label / side for side in SIDES]
    seeds = range(1, options.seeds + 1)
    script = {"script": str(options.script.resolve())} if options.script else {}

    def one(seed: int) -> common.Result:
        return theirs({**settings, **script, "seed": seed}, options.reference_python, folders[0])

    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(one, seeds))
    own = ours(settings, seeds, options.jobs, folders[1])
    return folders, dict(zip(SIDES, (found, own), strict=True))


def main() -> None:
    """Run both sides, judge, and write the record."""
    options = given()
    if options.child:
        common.answer_child(options.child, reference)
        return
    from netspec.validation.campaign.from_files import compare_existing
    from netspec.validation.judge.margins import Margins

    machine, settings = common.machine(), settings_of(options)
    folders, runs = run_both(options, settings)
    result = record_verdict.judged(compare_existing(*folders, Margins()))
    for test in result["tests"]:
        print(test["text"])
    print(f"{result['other']} against {result['reference']}: {result['outcome'].upper()}")
    print(f"again, with a report: netspec compare {folders[0]} {folders[1]} --out FOLDER")
    said = {"seeds": options.seeds, **{key: settings[key] for key in ("warmup", "duration")}}
    said |= {key: settings[key] for key in SIZES[1:] if key in settings}
    said |= {"script": options.script.name} if options.script else {}
    words = [f"--{key.replace('_', '-')} {value}" for key, value in said.items()]
    name, now = f"reference-{options.reference}", datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": name,
        "date": now.isoformat(timespec="seconds"),
        "command": " ".join(["python benchmarks/reference_spikes.py", options.reference, *words]),
        "machine": machine,
        "versions": {side: found[0]["versions"] for side, found in runs.items()},
        "settings": settings,
        "verdict": result,
        "runs": {
            side: [{key: run[key] for key in run if key != "versions"} for run in found]
            for side, found in runs.items()
        },
    }
    common.write_point(options.folder, name, now, point)


if __name__ == "__main__":
    main()
