"""Time synapses that learn: netspec against a script of the same network without it, in pairs.

Neurons with a current of their own, so that nothing is random, half of them sources; every source
has a synapse with STDP onto every target, a million by default. Without netspec: PyNEST with
`stdp_synapse_hom` (or `stdp_synapse`), Brian2 with `on_pre` and `on_post` as its documentation has
them, PyGeNN with a weight update model of traces on one core, in double precision as netspec's.
Spikes are recorded on both sides; with ``--weights`` all weights at the end as well.

    pip install netspec-snn[nest,brian2]
    python benchmarks/plasticity.py --simulator brian2 --weights
"""

from __future__ import annotations

import tempfile
from typing import Any

import common
import numpy as np

DT, DELAY = 0.1, 1.5  # ms
NEURON = {"C_m": 250.0, "tau_m": 20.0, "E_L": -70.0, "V_th": -55.0, "V_reset": -70.0,
          "t_ref": 2.0, "tau_syn_ex": 2.0, "tau_syn_in": 2.0}  # fmt: skip
THRESHOLD_CURRENT = 187.5  # pA
W_MAX = 1.0  # pA
RULE = {"tau_plus": 20.0, "tau_minus": 15.0, "lam": 0.005, "alpha": 1.05}
# GeNN's `prepare` holds what is named here for itself; compiling is left out on both sides
BUILDING = {"genn": ("create", "connect", "load", "initialise", "hand_over")}
PHASES = ("build", "simulate", "read")


def phases(simulator: str) -> dict[str, tuple[str, ...]]:
    """Return the phases of netspec's that each of ours is the sum of."""
    building = BUILDING.get(simulator, ("create", "connect", "prepare"))
    return {"build": building, "simulate": ("warmup", "simulate"), "read": ("read",)}


def neurons(size: int, seed: int) -> dict[str, dict[str, list[float]]]:
    """Return currents (pA) and first potentials (mV) of both populations, shape (size,) each."""
    rng = np.random.default_rng(seed)
    return {
        name: {
            "I_e": (THRESHOLD_CURRENT * rng.uniform(1.002, 1.1, size)).tolist(),
            "V_m": rng.uniform(-70.0, -55.0, size).tolist(),
        }
        for name in ("pre", "post")
    }


def described(settings: common.Result) -> Any:
    """Return netspec's description."""
    from netspec import Network, Population, Projection, Recorder, SynapseRecorder

    mu = {"mu_plus": settings["mu"], "mu_minus": settings["mu"]}
    own = neurons(settings["size"], settings["seed"])
    return Network(
        name="plastic",
        populations=[
            Population(name=name, size=settings["size"], model="iaf_psc_exp",
                       parameters=NEURON | {"I_e": values["I_e"]}, initial={"V_m": values["V_m"]})
            for name, values in own.items()
        ],
        projections=[
            Projection(name="learns", pre="pre", post="post", receptor="excitatory",
                       rule="all_to_all", weight=W_MAX / 2, delay=DELAY, synapse="stdp",
                       parameters=RULE | mu | {"w_max": W_MAX})
        ],
        recorders=[Recorder(name=f"of_{name}", target=name) for name in own],
        synapse_recorders=[SynapseRecorder(name="w", projection="learns")]
        if settings["weights"] else [],
    )  # fmt: skip


def ours(settings: common.Result) -> common.Result:
    """Run through netspec, which starts a child process itself."""
    import netspec

    simulation = netspec.Simulation(
        dt=DT, warmup=0.0, duration=settings["duration"], seed=settings["seed"]
    )
    options = {"codegen": "cython"} if settings["simulator"] == "brian2" else {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        run = netspec.run(described(settings), settings["simulator"], simulation, threads=1,
                          options=options, connectivity="shared", out=out, force=True)  # fmt: skip
        spikes = {name: run.spikes(name).steps for name in ("pre", "post")}
        weights = run.weights("learns").values if settings["weights"] else None
    took = run.manifest["seconds"]
    named = phases(settings["simulator"])
    seconds = {name: sum(took[key] for key in keys) for name, keys in named.items()}
    return {
        "seconds": seconds | {"all": sum(seconds.values())},
        "values": values(spikes, weights, settings),
        "peak_memory_mib": run.manifest["peak_memory_mib"],
        "versions": common.versions() | run.manifest["versions"],
        "phases": took,
    }


def values(spikes: Any, weights: Any, settings: common.Result) -> common.Result:
    """Return how often neurons spiked, and what the weights have become."""
    per_second = 1000 / settings["size"] / settings["duration"]
    found = {f"rate {name} (1/s)": len(steps) * per_second for name, steps in spikes.items()}
    if weights is not None:
        share = np.asarray(weights) / W_MAX
        found |= {"mean weight (w_max)": share.mean(), "sd of weights (w_max)": share.std()}
    return {name: float(value) for name, value in found.items()}


def nest_script(settings: common.Result, laps: common.Laps) -> tuple[Any, Any]:
    """Run the network as a PyNEST user writes it."""
    import nest

    nest.set_verbosity("M_WARNING")
    nest.resolution, nest.rng_seed, nest.local_num_threads = DT, settings["seed"], 1
    laps.lap("import")
    nodes, recorders = {}, {}
    for name, own in neurons(settings["size"], settings["seed"]).items():
        nodes[name] = nest.Create("iaf_psc_exp", settings["size"], params=NEURON | own)
    nodes["post"].tau_minus = RULE["tau_minus"]
    rule = {
        "tau_plus": RULE["tau_plus"], "lambda": RULE["lam"], "alpha": RULE["alpha"],
        "mu_plus": settings["mu"], "mu_minus": settings["mu"], "Wmax": W_MAX,
    }  # fmt: skip
    nest.CopyModel(settings["model"], "learns", rule)
    nest.Connect(nodes["pre"], nodes["post"], "all_to_all",
                 {"synapse_model": "learns", "weight": W_MAX / 2, "delay": DELAY})  # fmt: skip
    for name, group in nodes.items():
        recorders[name] = nest.Create("spike_recorder")
        nest.Connect(group, recorders[name])
    nest.Prepare()
    laps.lap("build")
    nest.Run(settings["duration"])
    laps.lap("simulate")
    weights = None
    if settings["weights"]:
        weights = nest.GetConnections(synapse_model="learns").get("weight")
    spikes = {name: recorder.events["times"] for name, recorder in recorders.items()}
    laps.lap("read")
    return spikes, weights


def brian2_script(settings: common.Result, laps: common.Laps) -> tuple[Any, Any]:
    """Run the network as a user of Brian2 writes it."""
    import brian2 as b2
    from brian2 import ms, mV, pA, pF

    b2.prefs.codegen.target = "cython"
    b2.defaultclock.dt = DT * ms
    laps.lap("import")
    names = {
        "C": NEURON["C_m"] * pF, "tau_m": NEURON["tau_m"] * ms, "E_L": NEURON["E_L"] * mV,
        "tau_syn": NEURON["tau_syn_ex"] * ms, "V_th": NEURON["V_th"] * mV,
        "V_reset": NEURON["V_reset"] * mV, "w_max": W_MAX * pA, "lam": RULE["lam"],
        "alpha": RULE["alpha"], "tau_plus": RULE["tau_plus"] * ms,
        "tau_minus": RULE["tau_minus"] * ms,
    }  # fmt: skip
    groups, monitors = {}, {}
    for name, own in neurons(settings["size"], settings["seed"]).items():
        groups[name] = b2.NeuronGroup(
            settings["size"],
            """dv/dt = -(v - E_L)/tau_m + (I + I_e)/C : volt (unless refractory)
               dI/dt = -I/tau_syn : amp
               I_e : amp""",
            threshold="v >= V_th", reset="v = V_reset", refractory=NEURON["t_ref"] * ms,
            method="exact", namespace=names,
        )  # fmt: skip
        groups[name].v, groups[name].I_e = own["V_m"] * mV, own["I_e"] * pA
        monitors[name] = b2.SpikeMonitor(groups[name])
    down, up = {0.0: ("w_max", "w_max"), 1.0: ("w", "(w_max - w)")}[settings["mu"]]
    synapses = b2.Synapses(
        groups["pre"], groups["post"],
        """w : amp
           dx/dt = -x/tau_plus : 1 (event-driven)
           dy/dt = -y/tau_minus : 1 (event-driven)""",
        on_pre=f"""w = clip(w - alpha*lam*{down}*y, 0*amp, w_max)
                   I_post += w
                   x += 1""",
        on_post=f"""w = clip(w + lam*{up}*x, 0*amp, w_max)
                    y += 1""",
        delay=DELAY * ms, namespace=names,
    )  # fmt: skip
    synapses.connect()
    synapses.w = "w_max/2"
    network = b2.Network(*groups.values(), *monitors.values(), synapses)
    network.run(0 * ms)
    laps.lap("build")
    network.run(settings["duration"] * ms)
    laps.lap("simulate")
    weights = np.array(synapses.w / pA) if settings["weights"] else None
    spikes = {name: np.array(monitor.t / ms) for name, monitor in monitors.items()}
    laps.lap("read")
    return spikes, weights


def genn_models() -> tuple[Any, Any]:
    """Return the neuron and the weight update model of a user of PyGeNN."""
    import pygenn

    neuron = pygenn.create_neuron_model(
        "lif", params=["C", "tau_m", "E_L", "V_th", "V_reset", "t_ref"],
        vars=[("V", "scalar"), ("left", "scalar"), ("I_e", "scalar")],
        derived_params=[("keep", lambda p, dt: np.exp(-dt / p["tau_m"]))],
        sim_code="""
            if (left <= 0.0) {
                const scalar ends = E_L + (Isyn + I_e) * tau_m / C;
                V = ends - keep * (ends - V);
            } else { left -= dt; }""",
        threshold_condition_code="left <= 0.0 && V >= V_th",
        reset_code="V = V_reset; left = t_ref;",
    )  # fmt: skip
    learns = pygenn.create_weight_update_model(
        "traces", params=["tau_plus", "tau_minus", "lam", "alpha", "mu", "w_max"],
        vars=[("w", "scalar")], pre_vars=[("x", "scalar")], post_vars=[("y", "scalar")],
        pre_spike_code="x = x * exp((st_pre - t) / tau_plus) + 1.0;",
        post_spike_code="y = y * exp((st_post - t) / tau_minus) + 1.0;",
        pre_spike_syn_code="""
            const scalar down = mu > 0.0 ? w : w_max;
            w = fmax(0.0, w - alpha * lam * down * y * exp((st_post - t) / tau_minus));
            addToPost(w);""",
        post_spike_syn_code="""
            const scalar up = mu > 0.0 ? w_max - w : w_max;
            w = fmin(w_max, w + lam * up * x * exp((st_pre - t) / tau_plus));""",
    )  # fmt: skip
    return neuron, learns


def genn_script(settings: common.Result, laps: common.Laps) -> tuple[Any, Any]:
    """Run the network as a user of PyGeNN writes it, on one core."""
    import pygenn

    neuron, learns = genn_models()
    steps = round(settings["duration"] / DT)
    laps.lap("import")
    model = pygenn.GeNNModel("double", "plastic", backend="single_threaded_cpu")
    model.dt = DT
    shared = {"C": NEURON["C_m"]} | {k: NEURON[k] for k in ("tau_m", "E_L", "V_th", "V_reset")}
    groups = {}
    for name, own in neurons(settings["size"], settings["seed"]).items():
        values = {"V": np.array(own["V_m"]), "left": 0.0, "I_e": np.array(own["I_e"])}
        groups[name] = model.add_neuron_population(
            name, settings["size"], neuron, shared | {"t_ref": NEURON["t_ref"]}, values
        )
        groups[name].spike_recording_enabled = True
    rule = RULE | {"mu": settings["mu"], "w_max": W_MAX}
    synapses = model.add_synapse_population(
        "learns", "DENSE", groups["pre"], groups["post"],
        pygenn.init_weight_update(learns, rule, {"w": W_MAX / 2}, {"x": 0.0}, {"y": 0.0}),
        pygenn.init_postsynaptic("ExpCurr", {"tau": NEURON["tau_syn_ex"]}),
    )  # fmt: skip
    synapses.axonal_delay_steps = round(DELAY / DT)
    laps.lap("create")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        model.build(folder)
        laps.lap("compile")
        model.load(num_recording_timesteps=steps)
        laps.lap("load")
        for _ in range(steps):
            model.step_time()
        laps.lap("simulate")
        model.pull_recording_buffers_from_device()
        spikes = {name: group.spike_recording_data[0][0] for name, group in groups.items()}
        weights = None
        if settings["weights"]:
            synapses.vars["w"].pull_from_device()
            weights = synapses.vars["w"].values.copy()
        laps.lap("read")
    laps.seconds["build"] = laps.seconds["create"] + laps.seconds["load"]
    return spikes, weights


SCRIPTS = {"nest": nest_script, "brian2": brian2_script, "genn": genn_script}


def reference(settings: common.Result) -> common.Result:
    """Time the script; called in a child process."""
    laps = common.Laps()
    spikes, weights = SCRIPTS[settings["simulator"]](settings, laps)
    seconds = {name: laps.seconds[name] for name in PHASES}
    return {
        "seconds": seconds | {"all": sum(seconds.values())},
        "values": values(spikes, weights, settings),
    }


def main() -> None:
    """Measure in turn and report."""
    parser = common.parser(__doc__)
    parser.add_argument("--simulator", choices=SCRIPTS, default="nest")
    parser.add_argument("--size", type=common.positive, default=1000, help="of each population")
    parser.add_argument("--duration", type=float, default=1000.0, help="ms")
    parser.add_argument("--mu", type=float, choices=(0.0, 1.0), default=1.0,
                        help="0: additive, 1: multiplicative")  # fmt: skip
    parser.add_argument("--weights", action="store_true", help="record them at the end")
    parser.add_argument("--model", choices=("stdp_synapse_hom", "stdp_synapse"),
                        default="stdp_synapse_hom", help="of the PyNEST script")  # fmt: skip
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, reference)
        return
    keys = ("simulator", "size", "duration", "mu", "weights", "model")
    settings = {key: getattr(options, key) for key in keys}
    pairs = common.measure_pairs(
        options,
        ours,
        lambda given: common.in_child(__file__, options.reference_python, given),
        settings,
        first={"size": 50, "duration": 20.0},
    )
    notes = [
        f"{options.size**2} synapses of {options.simulator}, one thread, spikes recorded",
        "'build': up to the first step; 'read': of recorders; neither holds the import, the child "
        "process that netspec starts, or the file that it writes; nor what GeNN takes to generate "
        "and compile code",
        "the same order of time on both sides" if options.simulator == "nest" else
        f"the script of {options.simulator} sees a spike of the target at once and one of the "
        "source after the delay, netspec the other way round: so the weights differ",
    ]  # fmt: skip
    common.report(__file__, options, pairs, notes)


if __name__ == "__main__":
    main()
