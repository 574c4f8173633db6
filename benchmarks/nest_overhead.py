"""Time the way from a request to the first step: netspec against a short script for PyNEST.

Both sides build the same microcircuit in NEST with the same models, rules and parameters, and make
one step of 0.1 ms; each is a process of its own. The script's numbers come in a file, so that it
spends no time on them. What netspec adds is all that is not a phase of NEST: it reads and checks
the description, answers for it, starts a child process, and writes, seals and reads the result.

    pip install netspec-snn[nest]
    python benchmarks/nest_overhead.py --scale 0.1 --threads 2
"""

from __future__ import annotations

import tempfile
from typing import Any

import common

STEP = 0.1  # ms
PHASES = ("create", "connect", "prepare", "first step")


def ours(settings: common.Result) -> common.Result:
    """Do what ``netspec run`` does; called in a child process."""
    laps = common.Laps()
    import netspec

    laps.lap("import netspec")
    network = common.microcircuit(settings["scale"], settings["connectivity_scale"])
    simulation = netspec.Simulation(dt=STEP, warmup=0.0, duration=STEP, seed=settings["seed"])
    laps.lap("describe")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        run = netspec.run(
            network, "nest", simulation, connectivity=settings["connectivity"],
            threads=settings["threads"], out=out,
        )  # fmt: skip
        laps.lap("netspec.run")
        spikes = sum(len(run.spikes(name)) for name in run.populations)
    took, manifest = run.manifest["seconds"], run.manifest
    seconds = {"create": took["create"], "connect": took["connect"], "prepare": took["prepare"],
               "first step": took["simulate"], "worker": took["total"], **laps.seconds}  # fmt: skip
    return {
        "seconds": seconds,
        "values": {"synapses": sum(manifest["synapses"].values()), "spikes": spikes},
        "peak_memory_mib": manifest["peak_memory_mib"] + common.peak_memory_mib(),
        "nest": manifest["info"],
    }  # fmt: skip


def by_hand(settings: common.Result) -> common.Result:
    """Build the same network as a short script would; called in a child process."""
    laps = common.Laps()
    import nest

    laps.lap("import nest")
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.local_num_threads = settings["threads"]
    nest.resolution = STEP
    nest.rng_seed = settings["seed"]
    nest.keep_source_table = False
    for receptor in ("excitatory", "inhibitory"):  # NEST's limit of connections is by model
        nest.CopyModel("static_synapse_hpc", receptor)
    draw = nest.random.normal
    nodes, recorders = {}, {}
    for name, (size, neuron, v_mean, v_sd) in settings["populations"].items():
        nodes[name] = nest.Create("iaf_psc_exp", size, params=neuron)
        nodes[name].V_m = draw(v_mean, v_sd)
    # after all neurons: devices between them make NEST's look-up of nodes, and connecting, slow
    for name in nodes:
        recorders[name] = nest.Create("spike_recorder", params={"time_in_steps": True})
    laps.lap("create")
    for pre, post, number, receptor, weight, delay in settings["projections"]:
        synapse = {"synapse_model": receptor, "weight": _redrawn(nest, *weight),
                   "delay": _redrawn(nest, *delay)}  # fmt: skip
        rule = {"rule": "fixed_total_number", "N": number}
        nest.Connect(nodes[pre], nodes[post], rule, synapse)
    for name, (rate, weight, delay) in settings["drive"].items():
        generator = nest.Create("poisson_generator", params={"rate": rate})
        nest.Connect(generator, nodes[name], syn_spec={"weight": weight, "delay": delay})
        lean = {"synapse_model": "static_synapse_hom_w_hpc"}
        nest.Connect(nodes[name], recorders[name], syn_spec=lean)
    laps.lap("connect")
    nest.Prepare()
    laps.lap("prepare")
    nest.Run(STEP)
    laps.lap("first step")
    nest.Cleanup()
    others = 2 * sum(map(len, nodes.values()))  # of the drive and onto recorders
    return {
        "seconds": laps.seconds,
        "values": {"synapses": nest.num_connections - others,
                   "spikes": sum(recorder.n_events for recorder in recorders.values())},
        "nest": {"mpi": str(nest.build_info["have_mpi"]), "built": nest.build_info["built"]},
    }  # fmt: skip


def _redrawn(nest: Any, mean: float, sd: float, low: float, high: float) -> Any:
    return nest.math.redraw(nest.random.normal(mean, sd), low, high)


def table(settings: common.Result) -> common.Result:
    """Return the numbers of the network, as a script would have them."""
    network = common.microcircuit(settings["scale"], settings["connectivity_scale"])
    populations = {
        population.name: (
            population.size,
            {name: value.value for name, value in population.parameters.items()},
            population.initial["V_m"].mean,
            population.initial["V_m"].sd,
        )
        for population in network.populations
    }
    projections = [
        (
            p.pre, p.post, p.rule.number, p.receptor,
            (p.weight.mean, p.weight.sd, *p.weight.bounds()),
            (p.delay.mean, p.delay.sd, *p.delay.bounds()),
        )
        for p in network.projections
        if p.rule.number
    ]  # fmt: skip
    drive = {p.target: (p.rate * p.number, p.weight, p.delay) for p in network.poisson_inputs}
    return {"populations": populations, "projections": projections, "drive": drive}


def measure(settings: common.Result) -> common.Result:
    """Run one side in a child process, and add what is not a phase of NEST."""
    result = common.in_child(__file__, settings["python"], settings)
    seconds = result["seconds"]
    seconds["all but these phases"] = seconds["process"] - sum(seconds[key] for key in PHASES)
    return result


def child(settings: common.Result) -> common.Result:
    """Measure the side that the settings name."""
    return {"ours": ours, "by hand": by_hand}[settings["side"]](settings)


def main() -> None:
    """Measure in turn and report."""
    parser = common.parser(__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="of neurons")
    parser.add_argument("--connectivity-scale", type=float, help="of in-degrees; that of neurons")
    parser.add_argument("--connectivity", choices=("native", "shared"), default="native")
    parser.add_argument("--threads", type=common.positive, default=2)
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, child)
        return
    settings = {
        key: getattr(options, key)
        for key in ("scale", "connectivity_scale", "connectivity", "threads")
    }
    settings["python"] = options.reference_python
    small = min(options.scale, 0.02)

    def measured_by_hand(given: common.Result) -> common.Result:
        return measure(given | table(given) | {"side": "by hand"})

    pairs = common.measure_pairs(
        options, lambda given: measure(given | {"side": "ours"}), measured_by_hand, settings,
        first={"scale": small},
    )  # fmt: skip
    if len({pair[side]["nest"]["built"] for pair in pairs for side in ("ours", "reference")}) > 1:
        raise SystemExit("the two sides ran two builds of NEST")
    notes = [
        "reference: a script for PyNEST with the same models, rules and numbers, one Connect a "
        "projection, that keeps nothing; netspec writes, seals and reads a result file",
        "process: from the start of Python to its end; ours has a child process in it, 'worker'",
        "peak memory of ours is that of both processes",
    ]
    common.report(__file__, options, pairs, notes)


if __name__ == "__main__":
    main()
