"""Time neurons of NEST that are compiled from equations, against those built into NEST.

One network of `iaf_psc_exp` neurons with netspec's own synapses, by its native model and by the
one that netspec generates: both give the same spikes, or the script ends. Each is a process of its
own. Before that, the compiler: a module with one model and with five, compiled and found again.
With ``--drive poisson`` neurons get Poisson events instead of currents: the generated ones draw
them by counter (noise=shared), the native ones get NEST's generators, so spikes are others.

    pip install netspec-snn[nest]
    python benchmarks/nest_generated.py --size 8000
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from typing import Any

import common

INDEGREE = 100 + 25  # of excitation and inhibition
DURATION = 200.0  # ms
EVENTS = 20_000.0  # Poisson events of a neuron, per second


def network(size: int, shortest: float, drive: str) -> Any:
    """Return neurons driven by their own currents or Poisson events, coupled both ways."""
    from netspec import Network, PoissonInput, Population, Projection, Recorder

    sizes = {"E": size * 4 // 5, "I": size // 5}
    current: Any = {"kind": "uniform", "low": 350.0, "high": 450.0} if drive == "current" else 0.0
    start = {"V_m": {"kind": "uniform", "low": -65.0, "high": -51.0}}
    delay: Any = {"kind": "uniform", "low": 0.1, "high": 3.0} if shortest < 1 else 1.5
    return Network(
        name="balanced",
        populations=[
            Population(name=name, size=n, model="iaf_psc_exp", parameters={"I_e": current},
                       initial=start)
            for name, n in sizes.items()
        ],
        projections=[
            Projection(name=f"{pre}{post}", pre=pre, post=post, receptor=receptor, delay=delay,
                       rule={"kind": "fixed_indegree", "indegree": indegree}, weight=weight)
            for pre, receptor, indegree, weight in (
                ("E", "excitatory", 100, 20.0), ("I", "inhibitory", 25, -100.0),
            )
            for post in sizes
        ],
        poisson_inputs=[
            PoissonInput(name=f"events_{name}", target=name, receptor="excitatory",
                         rate=EVENTS, weight=37.0)
            for name in sizes if drive == "poisson"
        ],
        recorders=[Recorder(name=f"spikes_{name}", target=name) for name in sizes],
    )  # fmt: skip


def child(settings: common.Result) -> common.Result:
    """Run the network with one kind of neurons, or time the compiler; in a process of its own."""
    if settings["side"] == "compiler":
        return compiler(settings["models"])
    import netspec

    described = network(settings["size"], settings["shortest"], settings["drive"])
    counted = settings["drive"] == "poisson" and settings["side"] == "generated"
    simulation = netspec.Simulation(
        dt=0.1, warmup=0.0, duration=settings["duration"], seed=settings["seed"]
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        run = netspec.run(described, "nest", simulation, connectivity="shared", out=out,
                          threads=settings["threads"],
                          noise="shared" if counted else "native",
                          options={"neurons": settings["side"], "synapse": "full"})  # fmt: skip
        digest, count = hashlib.sha256(), 0
        for name in run.populations:
            spikes = run.spikes(name, warmup=True)
            digest.update(spikes.steps.tobytes() + spikes.neurons.tobytes())
            count += len(spikes)
    took = run.manifest["seconds"]
    if settings["side"] == "generated" and took["compile"] and settings["warm"]:
        raise SystemExit("compiled anew, so this run is not what is to be measured")
    return {
        "seconds": {name: took[name] for name in ("create", "connect", "prepare", "simulate")},
        "values": {"spikes": count, "synapses": sum(run.manifest["synapses"].values())},
        "spikes": digest.hexdigest(),
        "peak_memory_mib": run.manifest["peak_memory_mib"],
    }


def compiler(count: int) -> common.Result:
    """Time a module of some models, compiled in an empty cache and found again."""
    from netspec.backends.nest.generating import generated, module_text
    from netspec.backends.nest.modules import at_hand, library
    from netspec.describe.models import iaf_psc_exp

    laps = {}
    models = [iaf_psc_exp.model_copy(update={"name": f"model{k}"}) for k in range(count)]
    text = module_text(generated(model, 0.1, []) for model in models)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as cache:
        os.environ["NETSPEC_CACHE"] = cache
        before = os.times()
        for name in ("cold", "warm"):
            started = time.perf_counter()
            library(text)
            laps[name] = time.perf_counter() - started
        after = os.times()
    processor = sum(after[2:4]) - sum(before[2:4])
    return {"seconds": {**laps, "processor": processor}, "values": {"compiler": at_hand()}}


def compile_times(options: Any) -> common.Result:
    """Return the times to compile one model and five, the best and all."""
    found: common.Result = {}
    for models in (1, 5):
        runs = [
            common.in_child(
                __file__, options.reference_python, {"side": "compiler", "models": models}
            )
            for _ in range(options.repeats if models == 1 else 1)
        ]
        for name in ("cold", "warm", "processor"):
            times = [run["seconds"][name] for run in runs]
            found[f"{models} models, {name}"] = {"best": min(times), "all": times}
        found["compiler"] = runs[0]["values"]["compiler"]
    return found


def main() -> None:
    """Measure in turn and report."""
    parser = common.parser(__doc__)
    parser.add_argument("--size", type=common.positive, default=8000, help="neurons")
    parser.add_argument("--duration", type=float, default=DURATION, help="ms")
    parser.add_argument("--shortest", type=float, default=1.5,
                        help="ms; below 1: delays from 0.1 to 3 ms, else all are 1.5")  # fmt: skip
    parser.add_argument("--threads", type=common.positive, default=1)
    parser.add_argument("--drive", choices=("current", "poisson"), default="current")
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, child)
        return
    compiled = compile_times(options)
    for name, times in compiled.items():
        print(f"  {name}: {times}")
    settings: common.Result = {
        "size": options.size, "duration": options.duration, "shortest": options.shortest,
        "threads": options.threads, "warm": True, "drive": options.drive,
    }  # fmt: skip

    def measure(side: str) -> Any:
        return lambda given: common.in_child(
            __file__, options.reference_python, given | {"side": side}
        )

    pairs = common.measure_pairs(
        options, measure("generated"), measure("native"), settings,
        first={"size": 100, "warm": False},
    )  # fmt: skip
    for pair in pairs:
        same = pair["ours"].pop("spikes") == pair["reference"].pop("spikes")
        if not same and options.drive == "current":
            raise SystemExit("the two give other spikes")
        pair["compile"] = compiled
    notes = [
        "ours: neurons=generated; reference: neurons=native, the iaf_psc_exp of NEST; "
        "synapses of netspec, static_synapse with a port for both",
        "the same spikes" if options.drive == "current" else
        f"{EVENTS:.0f} Poisson events a second and neuron: ours draw them by counter "
        "(noise=shared), the reference has a poisson_generator a population; other spikes",
        f"{INDEGREE} synapses a neuron",
        "compile: a module of one model and of five in an empty cache (cold), and found again",
        *(f"{name}: best {found['best']:.4g} s" for name, found in compiled.items()
          if isinstance(found, dict)),
    ]  # fmt: skip
    common.report(__file__, options, pairs, notes)


if __name__ == "__main__":
    main()
