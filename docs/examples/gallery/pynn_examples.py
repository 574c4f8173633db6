"""What PyNN's examples of these names are about, in netspec."""

import numpy as np
from parts import RELAY, grid, network

from netspec import (
    Network,
    NeuronModel,
    PoissonInput,
    Population,
    Projection,
    SpikeInput,
    StepCurrent,
)
from netspec.connectivity import distances, pairs
from netspec.distributions import Exponential, Gamma, Normal, Uniform


def random_distributions() -> Network:
    """One parameter of each kind of distribution; a read-back has the numbers."""
    kinds = {
        "uniform": Uniform(low=-65, high=-55), "gamma": Gamma(shape=2, scale=0.5),
        "normal": Normal(mean=-1, sd=0.5), "exponential": Exponential(scale=10),
        "clipped": Normal(mean=0.5, sd=0.5, low=0, high=10),
    }  # fmt: skip
    model = NeuronModel(
        name="numbers", equations="dx/dt = 0/ms : 1",
        threshold="x > uniform + gamma + normal + exponential + clipped + 1000",
        parameters=dict.fromkeys(kinds, 0.0),
    )  # fmt: skip
    return network(
        "distributions", [Population(name="drawn", size=10_000, model=model, parameters=kinds)]
    )


def random_numbers() -> Network:
    """Neurons, synapses and initial values that are drawn, behind Poisson sources."""
    cells = Population(
        name="cells", size=10, model="iaf_cond_exp",
        parameters={"C_m": {"kind": "normal", "mean": 250.0, "sd": 30.0, "low": 50.0}},
        initial={"V_m": {"kind": "uniform", "low": -70.0, "high": -55.0}},
    )  # fmt: skip
    return network(
        "random_numbers", [Population(name="sources", size=10, model=RELAY), cells],
        {"cells": ("V_m",)},
        projections=[Projection(name="p", pre="sources", post="cells", receptor="excitatory",
                                rule={"kind": "pairwise_bernoulli", "p": 0.7}, delay=0.5,
                                weight=Normal(mean=50.0, sd=1.0, low=0.0))],
        poisson_inputs=[PoissonInput(name="poisson", target="sources", receptor="events",
                                     rate=100.0, weight=1.0)],
    )  # fmt: skip


def inhomogeneous_network() -> Network:
    """Rests, thresholds and initial values by index, weights by distance."""
    places = grid((3, 3), (300.0, 300.0))  # um
    trains = np.random.default_rng(1).exponential(20.0, (9, 4)).cumsum(axis=1)
    cells = Population(
        name="cells", size=9, model="iaf_cond_exp",
        parameters={"E_L": "-60*mV + 1*mV*i", "V_th": "-55*mV + 1*mV*i"},
        initial={"V_m": "-60*mV - 1*mV*i"},
    )  # fmt: skip
    rule = pairs(np.full((9, 9), 0.5), seed=1, weight=100 / (1 + distances(places, places) / 100))
    return network(
        "inhomogeneous", [Population(name="sources", size=9, model=RELAY), cells],
        {"cells": ("V_m",)},
        projections=[Projection(name="p", pre="sources", post="cells", receptor="excitatory",
                                rule=rule, weight=1.0, delay=0.5)],
        spike_inputs=[SpikeInput(name="given", target="sources", receptor="events", weight=1.0,
                                 times=trains.ravel() + 1, neurons=np.arange(9).repeat(4))],
    )  # fmt: skip


def gif_neuron() -> Network:
    """One neuron with escape noise under a staircase of current."""
    own = {"lambda_0": 0.01, "q_sfa_1": 10.0, "q_stc_1": 20.0, "V_T_star": -48.0, "Delta_V": 1.0}
    return network(
        "gif_neuron", [Population(name="gif", size=1, model="gif_cond_exp", parameters=own)],
        {"gif": ("V_m", "sfa_1", "stc_1")},
        step_currents=[StepCurrent(name="stairs", target="gif", times=(10.0, 40.0, 70.0),
                                   amplitudes=(60.0, 120.0, 180.0))],
    )  # fmt: skip


def varying_poisson() -> Network:
    """Spike sources whose rate goes through a list of values."""
    times = np.arange(20.0, 100.0, 20.0)
    return network(
        "varying_poisson", [Population(name="sources", size=50, model=RELAY)],
        poisson_inputs=[PoissonInput(name="poisson", target="sources", receptor="events",
                                     weight=1.0, rate=100.0, times=times, rates=20.0 * times)],
    )  # fmt: skip


def VAbenchmarks() -> Network:  # noqa: N802  PyNN's name
    """Vogels and Abbott's network, started by Poisson sources that end after 50 ms."""
    sizes = {"E": (800, "excitatory", 4.0), "I": (200, "inhibitory", 51.0)}
    own = {"C_m": 200.0, "g_L": 10.0, "E_L": -60.0, "V_th": -50.0, "V_reset": -60.0, "t_ref": 5.0,
           "tau_syn_ex": 5.0, "tau_syn_in": 10.0, "E_in": -80.0}  # fmt: skip
    sources = Population(name="sources", size=20, model=RELAY)
    cells = [Population(name=n, size=k, model="iaf_cond_exp", parameters=own,
                        initial={"V_m": {"kind": "uniform", "low": -60.0, "high": -50.0}})
             for n, (k, *_) in sizes.items()]  # fmt: skip
    return network(
        "va_benchmarks", [sources, *cells],
        projections=[
            *(Projection(name=f"{a}_{b}", pre=a, post=b, receptor=receptor, weight=weight,
                         rule={"kind": "pairwise_bernoulli", "p": 0.08}, delay=0.2)
              for a, (_, receptor, weight) in sizes.items() for b in sizes),
            *(Projection(name=f"start_{b}", pre="sources", post=b, receptor="excitatory",
                         rule={"kind": "pairwise_bernoulli", "p": 0.05}, weight=100.0)
              for b in sizes),
        ],
        poisson_inputs=[PoissonInput(name="poisson", target="sources", receptor="events",
                                     rate=100.0, weight=1.0, stop=50.0)],
    )  # fmt: skip


def iaf_sfa_network_STATIC() -> Network:  # noqa: N802  PyNN's name
    """Neurons that adapt, on a torus; delays grow with distance, and a gamma number is added."""
    places = grid((15, 15), (1.0, 1.0))
    apart = distances(places, places, period=1.0)
    delays = 0.5 + 10 * apart + np.random.default_rng(1).gamma(2.0, 0.5, apart.shape)
    rule = pairs(np.exp(-((apart / 0.3) ** 2)), seed=1, delay=delays, allow_autapses=False)
    model = NeuronModel(
        name="iaf_sfa",
        equations="""
            I = g_ex*(0*mV - V_m) + (g_sfa + g_rr)*(-75*mV - V_m) + I_e : pA
            dV_m/dt = (17*nS*(-70*mV - V_m) + I)/(290*pF) : mV (unless refractory)
            dg_ex/dt = -g_ex/(1.5*ms) : nS
            dg_sfa/dt = -g_sfa/(110*ms) : nS
            dg_rr/dt = -g_rr/(2*ms) : nS
        """,
        threshold="V_m >= -57*mV", refractory="t_ref", receptors={"excitatory": "g_ex"},
        reset={"V_m": "-70*mV", "g_sfa": "g_sfa + 14*nS", "g_rr": "g_rr + 1200*nS"},
        parameters={"t_ref": "0.5 ms", "I_e": "0 pA"}, initial={"V_m": -70.0},
    )  # fmt: skip
    currents = {"I_e": {"kind": "uniform", "low": 150.0, "high": 500.0}}
    cells = Population(name="cells", size=225, model=model, parameters=currents)
    return network("iaf_sfa", [cells], {"cells": ("V_m", "g_sfa")}, projections=[
        Projection(name="own", pre="cells", post="cells", receptor="excitatory", rule=rule,
                   weight=1.0)])  # fmt: skip


EXAMPLES = {
    **{one.__name__: one
       for one in (random_distributions, random_numbers, inhomogeneous_network, gif_neuron,
                   varying_poisson, VAbenchmarks)},
    "iaf_sfa_relref/iaf_sfa_network_STATIC": iaf_sfa_network_STATIC,
}  # fmt: skip
