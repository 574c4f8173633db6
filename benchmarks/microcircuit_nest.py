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

RESOLUTION = 0.1  # ms


def ours(settings: common.Result) -> common.Result:
    """Run through netspec, which starts a child process itself."""
    import netspec

    network = common.microcircuit(
        settings["scale"], settings["connectivity_scale"], settings["recording"] != "off"
    )
    simulation = netspec.Simulation(
        dt=RESOLUTION,
        warmup=settings["warmup"],
        duration=settings["duration"],
        seed=settings["seed"],
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        started = time.perf_counter()
        run = netspec.run(
            network, "nest", simulation, threads=settings["threads"], out=out, force=True,
            noise=settings["noise"],
        )  # fmt: skip
        process = time.perf_counter() - started
        activity = common.activity_of(run)
    manifest = run.manifest
    seconds, memory = common.phases_of(manifest)
    return {
        "seconds": seconds | _build(seconds) | {"process": process},
        "values": {
            "RTF": seconds["simulate"] / settings["duration"] * 1000,
            "recurrent synapses": sum(manifest["synapses"].values()),
            **activity,
            **memory,
        },
        "peak_memory_mib": manifest["peak_memory_mib"],
        "versions": common.versions() | manifest["versions"],
        "options": manifest["options"],
        "nest": manifest["info"],
    }


def _build(seconds: dict[str, float]) -> dict[str, float]:
    return {"build": seconds["create"] + seconds["connect"] + seconds["prepare"]}


def package(settings: common.Result, data: Path) -> Any:
    """Return the package's network by its public settings, with nothing created yet."""
    from microcircuit.network import Network
    from microcircuit.network_params import default_net_dict
    from microcircuit.sim_params import default_sim_dict
    from microcircuit.stimulus_params import default_stim_dict

    indegrees = settings["connectivity_scale"]
    net = {**default_net_dict, "N_scaling": settings["scale"],
           "K_scaling": settings["scale"] if indegrees is None else indegrees,
           "bg_input_type": settings["drive"], "V0_type": "optimized"}  # fmt: skip
    sim = {**default_sim_dict, "t_presim": settings["warmup"], "t_sim": settings["duration"],
           "sim_resolution": RESOLUTION, "local_num_threads": settings["threads"],
           "rng_seed": settings["seed"], "print_time": False,
           "rec_dev": [] if settings["recording"] == "off" else ["spike_recorder"],
           "data_path": str(data)}  # fmt: skip
    if tuple(net["populations"]) != common.POPULATIONS:
        raise RuntimeError("the reference has other populations")
    return Network(sim, net, default_stim_dict)


def reference(settings: common.Result) -> common.Result:
    """Run the package; called in a child process."""
    import nest

    recording = settings["recording"]
    laps = common.Laps()
    prepare = nest.Prepare

    def timed() -> None:
        laps.lap("connect")
        prepare()
        laps.lap("prepare")

    # connect() ends with it, and Simulate has its own in NEST's kernel; the module refuses setattr
    vars(nest)["Prepare"] = timed
    network = package(settings, Path.cwd() / "data")
    laps.lap("initialise")
    network.create()
    if recording == "memory":
        # the package asks for text files; its recorders are public and take another backend here
        network.spike_recorders.set(record_to="memory")
    laps.lap("create")
    network.connect()
    laps.lap("clean up")
    network.simulate(settings["warmup"])
    laps.lap("warm-up")
    network.simulate(settings["duration"])
    laps.lap("simulate")
    if nest.local_num_threads != settings["threads"]:
        raise RuntimeError("the reference ran with other threads")
    seconds = laps.seconds
    return {
        "seconds": seconds | _build(seconds),
        "values": {
            "RTF": seconds["simulate"] / settings["duration"] * 1000,
            "recurrent synapses": int(network.num_synapses.sum()),
            **(_activity(network, settings, seconds["simulate"]) if recording != "off" else {}),
            **laps.memory,
        },
        "recording": recording,
        "nest": {"mpi": str(nest.build_info["have_mpi"]), "built": nest.build_info["built"]},
    }


def _activity(network: Any, settings: common.Result, seconds: float) -> dict[str, float]:
    by_name = dict(zip(common.POPULATIONS, network.spike_recorders, strict=True))
    files = settings["recording"] == "ascii"
    spikes = {name: _spikes(r, files, settings["warmup"]) for name, r in by_name.items()}
    sizes = {n: len(p) for n, p in zip(common.POPULATIONS, network.pops, strict=True)}
    # rows are targets
    out = dict(zip(common.POPULATIONS, network.num_synapses.sum(axis=0).tolist(), strict=True))
    return common.activity(spikes, sizes, out, settings["duration"], seconds)


def _spikes(recorder: Any, files: bool, warmup: float) -> int:
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
    parser.add_argument("--scale", type=float, default=0.1, help="of neurons")
    parser.add_argument("--connectivity-scale", type=float, help="of in-degrees; that of neurons")
    parser.add_argument("--threads", type=common.positive, default=2)
    parser.add_argument("--warmup", type=float, default=500.0, help="ms")
    parser.add_argument("--duration", type=float, default=1000.0, help="ms")
    parser.add_argument(
        "--recording",
        choices=("memory", "ascii", "off"),
        default="memory",
        help="of spikes; ascii: of the reference, which writes text files by itself",
    )
    parser.add_argument(
        "--noise",
        choices=("native", "shared"),
        default="native",
        help="who draws our Poisson events: NEST's generators, or our neurons, by counter",
    )
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, reference)
        return
    settings = {
        key: getattr(options, key)
        for key in (
            "scale",
            "connectivity_scale",
            "threads",
            "warmup",
            "duration",
            "recording",
            "noise",
        )
    }
    settings["drive"] = "poisson"
    pairs = common.measure_pairs(
        options,
        ours,
        lambda given: common.in_child(__file__, options.reference_python, given),
        settings,
        first={"scale": min(options.scale, 0.02), "warmup": 10.0, "duration": 20.0},
    )
    builds = {side: pairs[0][side]["nest"] for side in ("ours", "reference")}
    same = "the same build of NEST" if _same(builds) else "ANOTHER build of NEST"
    kept = {
        "memory": "spikes are recorded in memory on both sides (the package itself: text files)",
        "ascii": "spikes: the package writes text files, as it does by itself; ours in memory",
        "off": "spikes are not recorded, so there are no rates",
    }
    notes = [
        kept[options.recording],
        f"the reference has {same} (MPI: {builds['reference']['mpi']})",
        "drive: Poisson, one generator a population; every neuron has a train of its own"
        if options.noise == "native"
        else "drive: Poisson; the reference has one generator a population with a train for every "
        "neuron, our neurons are generated and draw their numbers themselves (noise=shared)",
        "the reference's kernel set-up, 'initialise', is not in 'build'; ours is in 'create'",
        "the reference calls Simulate, which prepares again for warm-up and counted time; ours "
        "calls Prepare once, then Run, in slices of 50 ms",
        "memory includes Python and, in the reference, matplotlib; ours drops NEST's table "
        "of sources and uses static_synapse_hpc",
    ]
    common.report(__file__, options, pairs, notes)


def _same(builds: dict[str, dict[str, str]]) -> bool:
    return len({(build["built"], build["mpi"]) for build in builds.values()}) == 1


if __name__ == "__main__":
    main()
