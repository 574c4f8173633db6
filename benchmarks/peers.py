"""The networks of docs/examples written for the simulators themselves, without netspec.

    python benchmarks/peers.py NETWORK SIMULATOR SEED     # prints rates as JSON

Written from the published parameters (docs/examples/networks.py names the sources), as a user of
PyNEST, Brian2 or NumPy would. Rates are of 800 ms after 200 ms. `benchmarks/examples.py` runs
them beside netspec.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

WARMUP, DURATION = 200.0, 800.0  # ms
Rates = dict[str, float]


class Nest:
    """A network in PyNEST: populations E and I, rates of both."""

    def __init__(self, seed: int, dt: float = 0.1) -> None:
        import nest

        nest.verbosity = nest.VerbosityLevel.ERROR
        nest.ResetKernel()
        nest.resolution, nest.rng_seed, nest.local_num_threads = dt, seed, 1
        self.nest, self.neurons, self.recorders = nest, {}, {}

    def create(self, model: str, sizes: dict[str, int], **parameters: Any) -> None:
        for name, size in sizes.items():
            self.neurons[name] = self.nest.Create(model, size, params=parameters)
            recorder = self.nest.Create("spike_recorder", params={"start": WARMUP})
            self.nest.Connect(self.neurons[name], recorder)
            self.recorders[name] = recorder

    def start(self, low: float, high: float) -> None:
        for neurons in self.neurons.values():
            neurons.V_m = self.nest.random.uniform(low, high)

    def connect(
        self, rules: dict[str, dict[str, Any]], weights: dict[str, Any], delay: float
    ) -> None:
        for pre, rule in rules.items():
            for post in self.neurons.values():
                synapse = {"weight": weights[pre], "delay": delay}
                self.nest.Connect(self.neurons[pre], post, rule, synapse)

    def drive(self, device: str, parameters: dict[str, Any], weight: float = 1.0) -> None:
        source = self.nest.Create(device, params=parameters)
        for neurons in self.neurons.values():
            self.nest.Connect(source, neurons, syn_spec={"weight": weight})

    def rates(self) -> Rates:
        self.nest.Simulate(WARMUP + DURATION)
        return {
            name: self.recorders[name].n_events / len(neurons) / (DURATION / 1000)
            for name, neurons in self.neurons.items()
        }


def peak(tau_m: float, tau_syn: float, capacity: float) -> float:
    """Return the peak (mV) of the potential after an alpha-shaped current of 1 pA, by sums."""
    dt = 1e-4
    t = np.arange(0, 10, dt)
    current = np.e * t / tau_syn * np.exp(-t / tau_syn)
    decay = np.exp(-t / tau_m)
    return float((decay * np.cumsum(current / decay)).max() * dt / capacity)


def brunel(seed: int, model: str) -> Rates:
    network = Nest(seed)
    tau_m, threshold, psp = 20.0, 20.0, 0.5
    parameters: dict[str, Any] = {"C_m": 250.0, "tau_m": tau_m, "E_L": 0.0, "V_reset": 0.0,
                                  "V_th": threshold, "t_ref": 2.0}  # fmt: skip
    weight = psp
    if model == "iaf_psc_alpha":
        parameters |= {"tau_syn_ex": 0.5, "tau_syn_in": 0.5}
        weight = psp / peak(tau_m, 0.5, 250.0)
    network.create(model, {"E": 2000, "I": 500}, **parameters)
    network.start(0.0, threshold)
    rules = {n: {"rule": "fixed_indegree", "indegree": k} for n, k in (("E", 200), ("I", 50))}
    network.connect(rules, {"E": weight, "I": -5 * weight}, 1.5)
    rate = 2.0 * threshold / (psp * tau_m) * 1000
    network.drive("poisson_generator", {"rate": rate}, weight)
    return network.rates()


VOGELS_ABBOTT = {"C_m": 200.0, "g_L": 10.0, "E_L": -60.0, "E_ex": 0.0, "E_in": -80.0,
                 "tau_syn_ex": 5.0, "tau_syn_in": 10.0}  # fmt: skip


def brette(seed: int, model: str, share: float, dt: float, **own: float) -> Rates:
    network = Nest(seed, dt)
    sizes = {"E": round(3200 * share), "I": round(800 * share)}
    network.create(model, sizes, **VOGELS_ABBOTT, **own)
    network.start(-60.0, -50.0)
    rule = {"rule": "pairwise_bernoulli", "p": 0.02 / share}
    network.connect({"E": rule, "I": rule}, {"E": 6.0, "I": -67.0}, 0.1)
    kick = {"amplitude_times": [dt, 50.0], "amplitude_values": [200.0, 0.0]}
    network.drive("step_current_generator", kick)
    return network.rates()


def adex(seed: int) -> Rates:
    network = Nest(seed)
    own = {"t_ref": 2.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0, "E_in": -80.0, "V_reset": -70.6}
    network.create("aeif_cond_exp", {"E": 400}, **own)
    network.create("aeif_cond_exp", {"I": 100}, a=0.0, b=0.0, **own)
    network.start(-70.6, -55.0)
    rules = {n: {"rule": "fixed_indegree", "indegree": k} for n, k in (("E", 40), ("I", 10))}
    network.connect(rules, {"E": 2.0, "I": -12.0}, 1.5)
    network.drive("poisson_generator", {"rate": 2000.0}, 2.0)
    return network.rates()


def counted(sizes: dict[str, int], spikes: dict[str, int]) -> Rates:
    return {name: spikes[name] / size / (DURATION / 1000) for name, size in sizes.items()}


def brette_brian2(seed: int) -> Rates:
    import brian2 as b

    b.seed(seed)
    b.defaultclock.dt = 0.1 * b.ms
    equations = """
    dv/dt = (10*nS*(-60*mV - v) + I)/(200*pF) : volt (unless refractory)
    I = ge*(0*mV - v) + gi*(-80*mV - v) + kick : amp
    dge/dt = -ge/(5*ms) : siemens
    dgi/dt = -gi/(10*ms) : siemens
    kick = 200*pA*int(t < 50*ms) : amp
    """
    neurons = b.NeuronGroup(4000, equations, threshold="v > -50*mV", reset="v = -60*mV",
                            refractory=5 * b.ms, method="rk4")  # fmt: skip
    neurons.v = "-60*mV + 10*mV*rand()"
    sizes = {"E": 3200, "I": 800}
    parts = {"E": neurons[:3200], "I": neurons[3200:]}
    jumps = {"E": "ge += 6*nS", "I": "gi += 67*nS"}
    synapses = [b.Synapses(part, neurons, on_pre=jumps[n], delay=0.1 * b.ms)
                for n, part in parts.items()]  # fmt: skip
    for one in synapses:
        one.connect(p=0.02)
    monitors = {name: b.SpikeMonitor(part) for name, part in parts.items()}
    b.Network(neurons, *synapses, *monitors.values()).run((WARMUP + DURATION) * b.ms)
    return counted(sizes, {n: int((m.t >= WARMUP * b.ms).sum()) for n, m in monitors.items()})


def izhikevich_brian2(seed: int) -> Rates:
    import brian2 as b

    b.seed(seed)
    b.defaultclock.dt = 0.1 * b.ms
    equations = """
    dv/dt = (0.04*v**2 + 5*v + 140 - u + noise)/ms : 1
    du/dt = a*(b*v - u)/ms : 1
    noise : 1
    a : 1
    b : 1
    c : 1
    d : 1
    sd : 1
    r : 1
    """
    neurons = b.NeuronGroup(1000, equations, threshold="v >= 30", reset="v = c; u += d",
                            method="rk4")  # fmt: skip
    neurons.run_regularly("noise = sd*randn()", dt=1 * b.ms)
    neurons.r = "rand()"
    parts = {"E": neurons[:800], "I": neurons[800:]}
    for name, values in {
        "E": {"a": "0.02", "b": "0.2", "c": "-65 + 15*r**2", "d": "8 - 6*r**2", "sd": "5"},
        "I": {"a": "0.02 + 0.08*r", "b": "0.25 - 0.05*r", "c": "-65", "d": "2", "sd": "2"},
    }.items():
        for key, value in values.items():
            setattr(parts[name], key, value)
    neurons.v = -65
    neurons.u = "b*v"
    synapses = []
    for name, weight in (("E", "0.5*rand()"), ("I", "-rand()")):
        one = b.Synapses(parts[name], neurons, "w : 1", on_pre="v_post += w", delay=1 * b.ms)
        one.connect()
        one.w = weight
        synapses.append(one)
    monitors = {name: b.SpikeMonitor(part) for name, part in parts.items()}
    b.Network(neurons, *synapses, *monitors.values()).run((WARMUP + DURATION) * b.ms)
    found = {n: int((m.t >= WARMUP * b.ms).sum()) for n, m in monitors.items()}
    return counted({"E": 800, "I": 200}, found)


def izhikevich_numpy(seed: int) -> Rates:
    """As published: steps of 1 ms, V in two halves, then U."""
    random = np.random.default_rng(seed)
    excitatory = np.arange(1000) < 800
    r = random.random(1000)
    a = np.where(excitatory, 0.02, 0.02 + 0.08 * r)
    b = np.where(excitatory, 0.2, 0.25 - 0.05 * r)
    c = np.where(excitatory, -65 + 15 * r**2, -65.0)
    d = np.where(excitatory, 8 - 6 * r**2, 2.0)
    weights = random.random((1000, 1000)) * np.where(excitatory, 0.5, -1.0)  # target, source
    v = np.full(1000, -65.0)
    u, spikes = b * v, np.zeros(1000)
    for step in range(int(WARMUP + DURATION)):
        current = random.standard_normal(1000) * np.where(excitatory, 5.0, 2.0)
        fired = v >= 30
        spikes += fired * (step >= WARMUP)
        v, u = np.where(fired, c, v), np.where(fired, u + d, u)
        current += weights[:, fired].sum(axis=1)
        for _ in range(2):
            v = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
        u = u + a * (b * v - u)
    found = {"E": spikes[excitatory].sum(), "I": spikes[~excitatory].sum()}
    return counted({"E": 800, "I": 200}, found)


PEERS: dict[str, dict[str, Callable[[int], Rates]]] = {
    "brunel2000_delta": {"nest": lambda seed: brunel(seed, "iaf_psc_delta")},
    "brunel2000_alpha": {"nest": lambda seed: brunel(seed, "iaf_psc_alpha")},
    "brette2007_coba": {
        "nest": lambda seed: brette(seed, "iaf_cond_exp", 1.0, 0.1, V_th=-50.0, V_reset=-60.0,
                                    t_ref=5.0),
        "brian2": brette_brian2,
    },
    "brette2007_hh": {"nest": lambda seed: brette(seed, "hh_cond_exp_traub", 0.25, 0.05)},
    "izhikevich2003": {"brian2": izhikevich_brian2, "numpy": izhikevich_numpy},
    "adex": {"nest": adex},
}  # fmt: skip

if __name__ == "__main__":
    network, simulator, seed = sys.argv[1:]
    print("\n" + json.dumps(PEERS[network][simulator](int(seed))))
