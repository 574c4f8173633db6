"""The published networks of this folder, in Python; run it to write their TOML files again.

Brunel 2000 (J Comput Neurosci 8:183), asynchronous irregular state (g = 5, eta = 2), with a fifth
of the neurons and weights five times as large; Brette et al. 2007 (J Comput Neurosci 23:349),
benchmark 1 (COBA); Izhikevich 2003 (IEEE Trans Neural Netw 14:1569).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from netspec import Network, PoissonInput, Population, Projection, Recorder, Simulation, StepCurrent
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


def brunel(model: str) -> Network:
    """2000 excitatory and 500 inhibitory neurons, a tenth of each onto every neuron."""
    order, psp, g, eta, tau_m, threshold = 500, 0.5, 5.0, 2.0, 20.0, 20.0
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


def coba() -> Network:
    """3200 excitatory and 800 inhibitory neurons, 2 % connected, that keep themselves active."""
    parameters = {"C_m": 200.0, "g_L": 10.0, "E_L": -60.0, "V_th": -50.0, "V_reset": -60.0,
                  "t_ref": 5.0, "E_ex": 0.0, "E_in": -80.0, "tau_syn_ex": 5.0,
                  "tau_syn_in": 10.0}  # fmt: skip
    populations = {"E": (3200, "excitatory", 6.0), "I": (800, "inhibitory", 67.0)}
    return Network(
        name="brette2007_coba",
        description="Brette et al. 2007, benchmark 1; a current of 50 ms starts the activity",
        populations=[
            Population(name=n, size=size, model="iaf_cond_exp", parameters=parameters,
                       initial={"V_m": {"kind": "uniform", "low": -60.0, "high": -50.0}})
            for n, (size, *_) in populations.items()
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor=receptor,
                       rule={"kind": "pairwise_bernoulli", "p": 0.02}, weight=weight, delay=0.1)
            for pre, (_, receptor, weight) in populations.items() for post in populations
        ],
        step_currents=[
            StepCurrent(name=f"start_{n}", target=n, times=(0.0, 50.0), amplitudes=(200.0, 0.0))
            for n in populations
        ],
        recorders=spikes_of(populations),
    )  # fmt: skip


def izhikevich() -> Network:
    """800 excitatory and 200 inhibitory neurons, all connected, under noise.

    The noise is two dense Poisson inputs of either sign with the variance of the published one
    (sd 5 mV, 2 mV, each millisecond); c and d are drawn apart, r^2 of the paper is uniform here.
    """
    uniform = {"kind": "uniform"}
    own = {
        "E": (800, {"c": {**uniform, "low": -65.0, "high": -50.0},
                    "d": {**uniform, "low": 2.0, "high": 8.0}}, -13.0, 5.0),
        "I": (200, {"a": {**uniform, "low": 0.02, "high": 0.1},
                    "b": {**uniform, "low": 0.2, "high": 0.25}, "d": 2.0},
              {**uniform, "low": -16.25, "high": -13.0}, 2.0),
    }  # fmt: skip
    rate = 10.0  # events of either sign each ms
    weights = {"E": (0.0, 0.5), "I": (-1.0, 0.0)}
    receptors = {"E": "excitatory", "I": "inhibitory"}
    return Network(
        name="izhikevich2003",
        description="Izhikevich 2003: 1000 neurons of random kind that spike in rhythms",
        populations=[
            Population(name=n, size=size, model="izhikevich", parameters=parameters,
                       initial={"U_m": u})
            for n, (size, parameters, u, _) in own.items()
        ],
        projections=[
            Projection(name=f"{pre}_{post}", pre=pre, post=post, receptor=receptors[pre],
                       rule="all_to_all", weight={**uniform, "low": low, "high": high}, delay=1.0)
            for pre, (low, high) in weights.items() for post in own
        ],
        poisson_inputs=[
            PoissonInput(name=f"noise_{receptor}_{n}", target=n, receptor=receptor,
                         rate=1000 * rate, weight=round(sign * sd / np.sqrt(2 * rate), 4))
            for n, (*_, sd) in own.items()
            for receptor, sign in (("excitatory", 1), ("inhibitory", -1))
        ],
        recorders=spikes_of(own),
    )  # fmt: skip


NETWORKS = {
    "brunel2000_delta": lambda: brunel("iaf_psc_delta"),
    "brunel2000_alpha": lambda: brunel("iaf_psc_alpha"),
    "brette2007_coba": coba,
    "izhikevich2003": izhikevich,
}
SIMULATION = Simulation(dt=0.1, warmup=200.0, duration=800.0)

if __name__ == "__main__":
    for name, build in NETWORKS.items():
        (FOLDER / f"{name}.toml").write_text(to_toml(build(), SIMULATION))
