"""What PyNN's examples of these names are about, in netspec."""

import numpy as np
from parts import RELAY, grid, network

from netspec import Network, NeuronModel, PoissonInput, Population, Projection, SpikeInput
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


EXAMPLES = {
    one.__name__: one for one in (random_distributions, random_numbers, inhomogeneous_network)
}
