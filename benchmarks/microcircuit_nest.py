"""Time the microcircuit on NEST: our adapter against the package ``microcircuit`` 1.0, in pairs.

Both sides run NEST with equal settings: neurons and in-degrees scaled alike, Poisson drive, the
optimized initial V_m, the same threads, warm-up and seed number (the draws differ).

    pip install netspec-snn[nest] microcircuit==1.0
    python benchmarks/microcircuit_nest.py --scale 0.1 --threads 2
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import common

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
RESOLUTION = 0.1  # ms


def ours(settings: common.Result) -> common.Result:
    """Run through netspec, which starts a child process itself."""
    import netspec

    network = netspec.circuits.microcircuit("inm6", scale=settings["scale"], drive="poisson")
    simulation = netspec.Simulation(
        dt=RESOLUTION,
        warmup=settings["warmup"],
        duration=settings["duration"],
        seed=settings["seed"],
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        started = time.perf_counter()
        run = netspec.run(
            network, "nest", simulation, threads=settings["threads"], out=out, force=True
        )
        process = time.perf_counter() - started
        rates = run.rates()
    took, manifest = run.manifest["seconds"], run.manifest
    return {
        "seconds": {
            "create": took["create"],
            "connect + prepare": took["connect"] + took["prepare"],
            "build": took["create"] + took["connect"] + took["prepare"],
            "warm-up": took["warmup"],
            "simulate": took["simulate"],
            "process": process,
        },
        "values": {
            "RTF": took["simulate"] / settings["duration"] * 1000,
            "recurrent synapses": sum(manifest["synapses"].values()),
            **{f"rate {name} (1/s)": rates[name] for name in POPULATIONS},
        },
        "peak_memory_mib": manifest["peak_memory_mib"],
        "versions": common.versions() | manifest["versions"],
        "options": manifest["options"],
    }


def package(settings: common.Result, data: Path) -> Any:
    """Return the package's network by its public settings, with nothing created yet."""
    from microcircuit.network import Network
    from microcircuit.network_params import default_net_dict
    from microcircuit.sim_params import default_sim_dict
    from microcircuit.stimulus_params import default_stim_dict

    net = {**default_net_dict, "N_scaling": settings["scale"],
           "K_scaling": settings.get("connectivity_scale", settings["scale"]),
           "bg_input_type": settings["drive"], "V0_type": "optimized"}  # fmt: skip
    sim = {**default_sim_dict, "t_presim": settings["warmup"], "t_sim": settings["duration"],
           "sim_resolution": RESOLUTION, "local_num_threads": settings["threads"],
           "rng_seed": settings["seed"], "rec_dev": ["spike_recorder"], "print_time": False,
           "data_path": str(data)}  # fmt: skip
    if list(net["populations"]) != list(POPULATIONS):
        raise RuntimeError("the reference has other populations")
    return Network(sim, net, default_stim_dict)


def reference(settings: common.Result) -> common.Result:
    """Run the package; called in a child process."""
    import nest

    files = settings["recording"] == "ascii"
    marks = [time.perf_counter()]

    def lap() -> float:
        marks.append(time.perf_counter())
        return marks[-1] - marks[-2]

    network = package(settings, Path.cwd() / "data")
    seconds = {"initialise": lap()}
    network.create()
    if not files:
        # the package asks for text files; its recorders are public and take another backend here
        network.spike_recorders.set(record_to="memory")
    seconds["create"] = lap()
    network.connect()  # calls nest.Prepare() too
    seconds["connect + prepare"] = lap()
    network.simulate(settings["warmup"])
    seconds["warm-up"] = lap()
    network.simulate(settings["duration"])
    seconds["simulate"] = lap()
    seconds["build"] = seconds["create"] + seconds["connect + prepare"]
    rates = {
        f"rate {name} (1/s)": _spikes(recorder, files, settings["warmup"])
        / len(network.pops[index])
        / settings["duration"]
        * 1000
        for index, (name, recorder) in enumerate(
            zip(POPULATIONS, network.spike_recorders, strict=True)
        )
    }
    if nest.local_num_threads != settings["threads"]:
        raise RuntimeError("the reference ran with other threads")
    return {
        "seconds": seconds,
        "values": {
            "RTF": seconds["simulate"] / settings["duration"] * 1000,
            "recurrent synapses": int(network.num_synapses.sum()),
            **rates,
        },
        "recording": network.spike_recorders[0].record_to,
    }


def _spikes(recorder: object, files: bool, warmup: float) -> int:
    """Count the spikes after the warm-up."""
    import numpy as np

    if not files:
        return int(np.count_nonzero(recorder.events["times"] > warmup + RESOLUTION / 2))
    # NEST names the file of one thread only; there is one a thread
    first = Path(recorder.filenames[0])
    count = 0
    for name in first.parent.glob(first.stem.rpartition("-")[0] + "-*.dat"):
        times = np.loadtxt(name, skiprows=3, usecols=1, ndmin=1)
        count += int(np.count_nonzero(times > warmup + RESOLUTION / 2))
    return count


def main() -> None:
    """Measure in turn and report."""
    parser = common.parser(__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="of neurons and in-degrees")
    parser.add_argument("--threads", type=common.positive, default=2)
    parser.add_argument("--warmup", type=float, default=500.0, help="ms")
    parser.add_argument("--duration", type=float, default=1000.0, help="ms")
    parser.add_argument(
        "--recording",
        choices=("memory", "ascii"),
        default="memory",
        help="of the reference, which writes text files by itself; ours is in memory",
    )
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, reference)
        return
    settings = {
        key: getattr(options, key)
        for key in ("scale", "threads", "warmup", "duration", "recording")
    }
    settings["drive"] = "poisson"
    pairs = common.measure_pairs(
        options,
        ours,
        lambda given: common.in_child(__file__, options.reference_python, given),
        settings,
        first={"scale": min(options.scale, 0.02), "warmup": 10.0, "duration": 20.0},
    )
    kept = {
        "memory": "spikes are recorded in memory on both sides (the package itself: text files)",
        "ascii": "spikes: the package writes text files, as it does by itself; ours in memory",
    }
    notes = [
        kept[options.recording],
        "reference: connect() includes Prepare; its kernel set-up, 'initialise', is not in "
        "'build', ours is in 'create'",
        "peak memory includes Python and, in the reference, matplotlib; ours drops NEST's table "
        "of sources and uses static_synapse_hpc",
    ]
    common.report(__file__, options, pairs, notes)


if __name__ == "__main__":
    main()
