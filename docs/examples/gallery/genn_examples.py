"""What GeNN's tutorials of these names are about, in netspec; an image is one run."""

import itertools

import numpy as np
from parts import network

from netspec import Network, NeuronModel, Population, Projection
from netspec.connectivity import Explicit, pairs

PIXELS = 28 * 28
# integrate and fire without a leak; the input of each neuron is a pixel
FIRING = NeuronModel(
    name="firing", equations="dV/dt = I + I_pixel : 1\ndI/dt = -I/(1*ms) : 1/ms",
    threshold="V >= 5", reset={"V": "0"}, receptors={"in": "I"}, parameters={"I_pixel": "0/ms"},
)  # fmt: skip


def image(number: int = 0) -> np.ndarray:
    """Return a made-up image: a bar of its own angle. (MNIST's are data of yours.)"""
    y, x = np.indices((28, 28)) - 13.5
    return np.exp(-((x * np.cos(number) + y * np.sin(number)) ** 2) / 8).ravel()


def dense(n_pre: int, n_post: int, seed: int) -> Explicit:
    """Return a matrix of weights from all to all; random ones stand for trained ones."""
    weights = np.random.default_rng(seed).normal(0.05, 0.2, (n_pre, n_post))
    return pairs(np.ones(weights.shape), seed=1, weight=weights)


def tutorial_1(number: int = 0) -> Network:
    """Three layers that classify an image by their spikes."""
    sizes = {"input": PIXELS, "hidden": 128, "output": 10}
    names = list(sizes)
    return network(
        "mnist",
        [Population(name=n, size=size, model=FIRING,
                    parameters={"I_pixel": image(number)} if n == "input" else {})
         for n, size in sizes.items()],
        projections=[
            Projection(name=f"{a}_{b}", pre=a, post=b, receptor="in", weight=1.0,
                       rule=dense(sizes[a], sizes[b], seed))
            for seed, (a, b) in enumerate(itertools.pairwise(names))
        ],
        accept=["projections.input_hidden.rule.weight", "projections.hidden_output.rule.weight"],
    )  # fmt: skip


def tutorial_2() -> Network:
    """The next image: a run of its own begins where the first began, at rest."""
    return tutorial_1(1)


LIF = {"C_m": 200.0, "tau_m": 20.0, "E_L": -60.0, "V_reset": -60.0, "V_th": -50.0, "t_ref": 2.0,
       "tau_syn_ex": 3.0, "tau_syn_in": 10.0}  # fmt: skip


def body(name: str, layers: int) -> Network:
    """Layers of a mushroom body: projection neurons, Kenyon cells, one that holds them back."""
    cells = [
        Population(name="PN", size=PIXELS, model="iaf_psc_exp",
                   parameters={**LIF, "t_ref": 20.0, "I_e": 600.0 * image()}),
        Population(name="KC", size=1000, model="iaf_psc_exp", parameters=LIF),
        Population(name="GGN", size=1, model="iaf_psc_exp", parameters={**LIF, "V_th": -55.0}),
    ][:layers]  # fmt: skip
    ways = [
        Projection(name="PN_KC", pre="PN", post="KC", receptor="excitatory", weight=80.0,
                   rule={"kind": "fixed_indegree", "indegree": 20}),
        Projection(name="KC_GGN", pre="KC", post="GGN", receptor="excitatory", weight=5.0,
                   rule="all_to_all"),
        Projection(name="GGN_KC", pre="GGN", post="KC", receptor="inhibitory", weight=-300.0,
                   rule="all_to_all"),
    ]  # fmt: skip
    there = {cell.name for cell in cells}
    return network(name, cells, projections=[w for w in ways if {w.pre, w.post} <= there])


def first_layer() -> Network:
    """Projection neurons whose currents are the pixels of an image."""
    return body("mushroom_1", 1)


def second_layer() -> Network:
    """Kenyon cells behind them, each with twenty of them."""
    return body("mushroom_2", 2)


def gain_control() -> Network:
    """One inhibitory neuron that keeps the number of Kenyon cells that spike in bounds."""
    return body("mushroom_3", 3)


EXAMPLES = {
    "mnist_inference/tutorial_1": tutorial_1,
    "mnist_inference/tutorial_2": tutorial_2,
    "mushroom_body/1_first_layer": first_layer,
    "mushroom_body/2_second_layer": second_layer,
    "mushroom_body/3_second_layer_gain_control": gain_control,
}
