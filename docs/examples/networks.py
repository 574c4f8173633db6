"""The published networks of this folder, in Python; run it to write their TOML files again.

Brunel 2000 (J Comput Neurosci 8:183), asynchronous irregular state (g = 5, eta = 2), with a fifth
of the neurons and weights five times as large; Brette et al. 2007 (J Comput Neurosci 23:349),
benchmarks 1 (COBA) and 3 (HH); Izhikevich 2003 (IEEE Trans Neural Netw 14:1569); neurons of Brette
& Gerstner 2005 (J Neurophysiol 94:3637) in a network of our own; Mongillo, Barak & Tsodyks 2008
(Science 319:1543), a memory that facilitated synapses keep.

Every builder takes the share of the neurons that it is to have; in-degrees stay, but for Brunel's.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from netspec import (
    Network,
    NeuronModel,
    NoiseCurrent,
    PoissonInput,
    Population,
    Projection,
    Recorder,
    Simulation,
    StepCurrent,
)
from netspec.describe.models import izhikevich as cell
from netspec.describe.serialization import to_toml

FOLDER = Path(__file__).parent


def peak_of_alpha(tau_m: float, tau_syn: float, capacity: float) -> float:
    """Return the peak (mV) of a PSP that an alpha-shaped current of 1 pA makes."""
    t = np.linspace(0, 20, 200_001)
    a = 1 / tau_syn - 1 / tau_m
    course = np.exp(-t / tau_m) * (1 - (1 + a * t) * np.exp(-a * t)) / a**2
    return float((np.e / tau_syn / capacity * course).max())


def spikes_of(populations: Iterable[str]) -> list[Recorder]:
    """Return a recorder of spikes for each population."""
    return [Recorder(name=f"spikes_{name}", target=name) for name in populations]


def brunel(model: str, share: float = 1.0) -> Network:
    """2000 excitatory and 500 inhibitory neurons, a tenth of each onto every neuron."""
    order, psp, g, eta, tau_m, threshold = round(500 * share), 0.5 / share, 5.0, 2.0, 20.0, 20.0
    parameters = {"C_m": 250.0, "tau_m": tau_m, "E_L": 0.0, "V_reset": 0.0, "V_th": threshold,
                  "t_ref": 2.0}  # fmt: skip
    weight = psp
    if model == "iaf_psc_alpha":
        parameters |= {"tau_syn_ex": 0.5, "tau_syn_in": 0.5}
        weight = psp / peak_of_alpha(tau_m, 0.5, 250.0)
    weight = round(weight, 4)
    rate = 1000 * eta * threshold / (psp * tau_m)
    populations = {"E": 4 * order, "I": order}
    return Network(
        name=f"brunel2000_{model.rpartition('_')[2]}",
        description="Brunel 2000, asynchronous irregular, at a fifth of its size",
        populations=[
            Population(name=n, size=size, model=model, parameters=parameters,
                       initial={"V_m": {"kind": "uniform", "low": 0.0, "high": threshold}})
            for n, size in populations.items()
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post,
                       receptor="excitatory" if pre == "E" else "inhibitory",
                       rule={"kind": "fixed_indegree", "indegree": populations[pre] // 10},
                       weight=weight if pre == "E" else -g * weight, delay=1.5)
            for pre in populations for post in populations
        ],
        poisson_inputs=[
            PoissonInput(name=f"external_{post}", target=post, receptor="excitatory",
                         rate=rate, weight=weight, delay=1.5)
            for post in populations
        ],
        recorders=spikes_of(populations),
    )  # fmt: skip


SIZES = {"E": 3200, "I": 800}
CONDUCTANCES = {"E": ("excitatory", 6.0), "I": ("inhibitory", 67.0)}  # nS
DENSITY = 0.02
VOGELS_ABBOTT = {"C_m": 200.0, "g_L": 10.0, "E_L": -60.0, "E_ex": 0.0, "E_in": -80.0,
                 "tau_syn_ex": 5.0, "tau_syn_in": 10.0}  # fmt: skip


def self_sustained(name: str, text: str, model: str, share: float, **own: float) -> Network:
    """Excitatory and inhibitory neurons that keep themselves active once they are started."""
    return Network(
        name=name,
        description=f"{text}; a current of 50 ms starts the activity",
        populations=[
            Population(name=n, size=round(share * size), model=model,
                       parameters=VOGELS_ABBOTT | own,
                       initial={"V_m": {"kind": "uniform", "low": -60.0, "high": -50.0}})
            for n, size in SIZES.items()
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor=receptor,
                       rule={"kind": "pairwise_bernoulli", "p": DENSITY / share}, weight=weight,
                       delay=0.1)
            for pre, (receptor, weight) in CONDUCTANCES.items() for post in SIZES
        ],
        step_currents=[
            StepCurrent(name=f"start_{n}", target=n, times=(0.0, 50.0), amplitudes=(200.0, 0.0))
            for n in SIZES
        ],
        recorders=spikes_of(SIZES),
    )  # fmt: skip


def coba(share: float = 1.0) -> Network:
    """3200 excitatory and 800 inhibitory neurons, 2 % connected."""
    own = {"V_th": -50.0, "V_reset": -60.0, "t_ref": 5.0}
    text = "Brette et al. 2007, benchmark 1"
    return self_sustained("brette2007_coba", text, "iaf_cond_exp", share, **own)


def hodgkin_huxley(share: float = 0.25) -> Network:
    """800 excitatory and 200 inhibitory neurons, with the in-degrees of the whole network."""
    text = "Brette et al. 2007, benchmark 3, a quarter of the neurons"
    return self_sustained("brette2007_hh", text, "hh_cond_exp_traub", share)


def adaptive(share: float = 1.0) -> Network:
    """400 excitatory neurons that adapt, 100 inhibitory ones that do not, under Poisson input."""
    sizes = {"E": (400, {}), "I": (100, {"b": 0.0, "a": 0.0})}
    parameters = {"t_ref": 2.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0, "E_in": -80.0,
                  "V_reset": -70.6}  # fmt: skip
    receptors = {"E": ("excitatory", 40, 2.0), "I": ("inhibitory", 10, 12.0)}
    return Network(
        name="adex",
        description="Neurons of Brette & Gerstner 2005 in a sparse network of our own",
        populations=[
            Population(name=n, size=round(share * size), model="aeif_cond_exp",
                       parameters=parameters | own,
                       initial={"V_m": {"kind": "uniform", "low": -70.6, "high": -55.0}})
            for n, (size, own) in sizes.items()
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor=receptor,
                       rule={"kind": "fixed_indegree", "indegree": round(indegree * share)},
                       weight=weight / share, delay=1.5)
            for pre, (receptor, indegree, weight) in receptors.items() for post in sizes
        ],
        poisson_inputs=[
            PoissonInput(name=f"external_{n}", target=n, receptor="excitatory", rate=2000.0,
                         weight=2.0)
            for n in sizes
        ],
        recorders=spikes_of(sizes),
    )  # fmt: skip


def izhikevich(share: float = 1.0) -> Network:
    """800 excitatory and 200 inhibitory neurons, all connected, under noise.

    As published, but for the integration: rk4 in steps of 0.1 ms, where the paper has two half
    steps of V and one of U in every millisecond. The noise is a current that changes with each.
    """
    # r is the random number of a neuron that all its parameters are made of
    model = NeuronModel(**cell.model_dump() | {"parameters": {**cell.parameters, "r": 0.0}})
    r = {"kind": "uniform", "low": 0.0, "high": 1.0}
    own = {
        "E": (800, {"r": r, "c": "-65*mV + 15*mV*r^2", "d": "8*pA - 6*pA*r^2"}, 5.0),
        "I": (200, {"r": r, "a": "(0.02 + 0.08*r)/ms", "b": "0.25*nS - 0.05*nS*r", "d": 2.0}, 2.0),
    }
    weights = {"E": (0.0, 0.5 / share), "I": (-1.0 / share, 0.0)}
    receptors = {"E": "excitatory", "I": "inhibitory"}
    return Network(
        name="izhikevich2003",
        description="Izhikevich 2003: 1000 neurons of random kind that spike in rhythms",
        populations=[
            Population(name=n, size=round(share * size), model=model, parameters=parameters,
                       initial={"U_m": "b*V_m"})
            for n, (size, parameters, _) in own.items()
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor=receptors[pre],
                       rule="all_to_all", weight={"kind": "uniform", "low": low, "high": high},
                       delay=1.0)
            for pre, (low, high) in weights.items() for post in own
        ],
        noise_currents=[
            NoiseCurrent(name=f"noise_{n}", target=n, sd=sd, every=1.0)
            for n, (*_, sd) in own.items()
        ],
        recorders=spikes_of(own),
    )  # fmt: skip


MEMORY_SIZES = {"cued": 80, "other": 80, "rest": 640, "I": 200}
EXCITATORY = ("cued", "other", "rest")
BASELINE, POTENTIATED, TENTH = 0.1, 0.45, 0.135  # mV; TENTH: a tenth of them potentiated


def facilitated(share: float = 1.0) -> Network:
    """Two memories of 80 neurons each; one is cued, and answers a later input to all neurons.

    The published network with a tenth of its neurons, all of them connected where every fifth pair
    was, and weights twice as large: half of the synapses of a neuron, the same mean input. Other
    than published are also: two memories instead of five; 0.135 mV between all neurons without a
    memory and from them to others, where one synapse in ten was potentiated; delays of 1 ms
    instead of 0.1 to 1; a current at rest of 22.8 mV instead of 23.1, so that nobody is
    reactivated without an input, and an input of 6 % instead of 5.
    """
    # C_m is tau_m in numbers, so that 1 pA moves V_m by 1 mV
    own = {n: (10.0, 13.0, 21.0) if n == "I" else (15.0, 16.0, 22.8) for n in MEMORY_SIZES}
    dt, more = 0.1, 2.0 / share
    begin, end, again, last = 500.0, 850.0, 1850.0, 2100.0  # ms: of the cue, of the input to all
    changing = {"synapse": "tsodyks_markram",
                "parameters": {"U": 0.2, "tau_fac": 1500.0, "tau_rec": 200.0}}  # fmt: skip

    def weight(pre: str, post: str) -> float:
        if pre == "I":
            return -0.2 if post == "I" else -0.25
        if post == "I" or pre == "rest":
            return TENTH
        return POTENTIATED if pre == post else BASELINE

    return Network(
        name="mongillo2008",
        description="Mongillo, Barak & Tsodyks 2008 at a tenth of its size: a cue leaves no spikes "
        "behind, but synapses that answer the next input",
        populations=[
            Population(name=n, size=round(share * MEMORY_SIZES[n]), model="iaf_psc_delta",
                       parameters={"C_m": tau, "tau_m": tau, "E_L": 0.0, "V_th": 20.0,
                                   "V_reset": reset, "t_ref": 2.0},
                       initial={"V_m": {"kind": "uniform", "low": 13.0, "high": 20.0}})
            for n, (tau, reset, _) in own.items()
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post, rule="all_to_all", delay=1.0,
                       receptor="inhibitory" if pre == "I" else "excitatory",
                       weight=round(more * weight(pre, post), 6),
                       **changing if pre != "I" != post else {})
            for pre in own for post in own
        ],
        noise_currents=[
            NoiseCurrent(name=f"external_{n}", target=n, mean=mean, every=dt,
                         sd=round(float(np.sqrt(tau / dt)), 4))  # white, of 1 mV
            for n, (tau, _, mean) in own.items()
        ],
        step_currents=[
            StepCurrent(name="cue", target="cued", times=(begin, end), amplitudes=(3.42, 0.0)),
            *(StepCurrent(name=f"input_{n}", target=n, times=(again, last),
                          amplitudes=(1.368, 0.0)) for n in EXCITATORY),
        ],
        recorders=spikes_of(own),
    )  # fmt: skip


NETWORKS = {
    "brunel2000_delta": lambda share=1.0: brunel("iaf_psc_delta", share),
    "brunel2000_alpha": lambda share=1.0: brunel("iaf_psc_alpha", share),
    "brette2007_coba": coba,
    "brette2007_hh": hodgkin_huxley,
    "izhikevich2003": izhikevich,
    "adex": adaptive,
    "mongillo2008": facilitated,
}
SIMULATION = Simulation(dt=0.1, warmup=200.0, duration=800.0)
# sodium needs the shorter step
SIMULATIONS = {
    "brette2007_hh": SIMULATION.model_copy(update={"dt": 0.05}),
    "mongillo2008": SIMULATION.model_copy(update={"warmup": 0.0, "duration": 2400.0}),
}

if __name__ == "__main__":
    for name, build in NETWORKS.items():
        simulation = SIMULATIONS.get(name, SIMULATION)
        (FOLDER / f"{name}.toml").write_text(to_toml(build(), simulation))
