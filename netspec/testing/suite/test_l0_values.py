"""L0: arrays, formulas and every distribution, read back from what the simulator holds."""

from __future__ import annotations

import numpy as np
import pytest

from netspec import Network, Projection, Simulation
from netspec.realise import drawing
from netspec.testing.parts import network, neuron
from netspec.validation.ladder import oracle

DT = 0.1
SIZE = 60
SIMULATION = Simulation(dt=DT, warmup=0.0, duration=1.0, seed=1)

# projection: (weight, delay)
DISTRIBUTIONS = {
    "lognormal": ({"kind": "lognormal", "median": 50.0, "sigma": 0.5},
                  {"kind": "lognormal", "median": 1.5, "sigma": 0.3}),
    "lognormal_below": ({"kind": "lognormal", "median": -50.0, "sigma": 0.5, "low": -150.0},
                        {"kind": "lognormal", "mu": 0.3, "sigma": 0.3, "high": 4.0}),
    "exponential": ({"kind": "exponential", "scale": 20.0},
                    {"kind": "exponential", "scale": 1.0}),
    "exponential_below": ({"kind": "exponential", "scale": -20.0, "high": -5.0},
                          {"kind": "exponential", "scale": 2.0, "high": 3.0, "clip": "bound"}),
    "gamma": ({"kind": "gamma", "shape": 2.0, "scale": 10.0},
              {"kind": "gamma", "shape": 4.0, "scale": 0.4}),
    "uniform_int": ({"kind": "uniform_int", "low": 10, "high": 14},
                    {"kind": "uniform_int", "low": 1, "high": 3}),
}  # fmt: skip


def values() -> Network:
    """Return a network with all kinds of values; each projection has a target of its own."""
    source = neuron(
        "source",
        SIZE,
        initial={"V_m": "E_L + 5*mV*i/size"},
        tau_m={"kind": "gamma", "shape": 20.0, "scale": 0.5, "low": 5.0},
        C_m="25*nS*tau_m",
        E_L=np.linspace(-70.0, -60.0, SIZE),
        V_reset="E_L",
        V_th={"kind": "lognormal", "median": -50.0, "sigma": 0.01, "low": -55.0},
        I_e={"kind": "exponential", "scale": 10.0},
    )
    started = neuron("started", SIZE, initial={"V_m": np.linspace(-64.0, -51.0, SIZE)})
    targets, projections = [], []
    for name, (weight, delay) in DISTRIBUTIONS.items():
        targets.append(neuron(f"at_{name}", SIZE, V_th=0.0))
        receptor = "inhibitory" if name.endswith("below") else "excitatory"
        projections.append(
            Projection(name=name, pre="source", post=targets[-1], receptor=receptor,
                       rule={"kind": "fixed_indegree", "indegree": 100}, weight=weight, delay=delay)
        )  # fmt: skip
    return network("values", [source, started, *targets], projections=projections)


NETWORK = values()
BY_NAME = {projection.name: projection for projection in NETWORK.projections}


@pytest.fixture(scope="module")
def read(simulate):
    """Give a function that returns the run with shared or native connectivity, read back."""
    return lambda how: simulate(NETWORK, 1.0, connectivity=how, readback=True)


@pytest.mark.parametrize(
    ("population", "table"),
    [("source", "parameters"), ("source", "initial"), ("started", "initial")],
)
def test_arrays_formulas_and_drawn_values_are_those_of_the_description(
    read, tolerance, population, table
):
    run = read("native")
    draw = drawing.parameters if table == "parameters" else drawing.initial_values
    expected = draw(NETWORK, population, SIMULATION)
    given = getattr(NETWORK.population(population), table)
    assert all(np.ptp(expected[name]) > 0 for name, value in given.items() if value.fixed() is None)
    prefix = f"{table}/{population}/"
    names = {k[len("readback/") + len(prefix) :] for k in run._content if prefix in k}
    assert names >= ({"V_th", "V_reset"} if table == "parameters" else {"V_m"})
    for name in names:
        found = np.broadcast_to(tolerance.held(run.readback(prefix + name)), SIZE)
        wanted = np.broadcast_to(tolerance.held(expected[name]), SIZE)
        # some simulators keep potentials relative to E_L, which costs the last bit
        np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=2e-14, err_msg=name)


@pytest.mark.parametrize("projection", DISTRIBUTIONS)
def test_shared_weights_and_delays_are_those_of_netspec_bit_for_bit(read, projection):
    run, drawn = read("shared"), drawing.synapses(NETWORK, BY_NAME[projection], SIMULATION)
    order = np.lexsort((drawn.delays(), drawn.weights(), drawn.post, drawn.pre))
    for key, wanted in (("weight", drawn.weights()), ("delay", drawn.delays())):
        found = run.readback(f"projections/{projection}/{key}")
        np.testing.assert_array_equal(found, wanted[order])


@pytest.mark.parametrize("quantity", ["weight", "delay"])
@pytest.mark.parametrize("projection", DISTRIBUTIONS)
def test_native_weights_and_delays_follow_their_distribution(read, projection, quantity):
    found = read("native").readback(f"projections/{projection}/{quantity}")
    wanted = oracle.quantiles(getattr(BY_NAME[projection], quantity), 200_000)
    if quantity == "delay":
        wanted = np.maximum(np.floor(wanted / DT + 0.5 + 1e-9), 1)
    # the largest difference of the two distribution functions, each of which may have steps
    at = np.unique(np.concatenate([found, wanted]) if quantity == "delay" else found)
    shares = [np.searchsorted(np.sort(v), at, side="right") / len(v) for v in (found, wanted)]
    # Kolmogorov: beyond 2.2 / sqrt(n) once in 8,000 times, for distributions with steps less often
    assert np.abs(shares[0] - shares[1]).max() < 2.2 / np.sqrt(len(found))
    low, high = getattr(BY_NAME[projection], quantity).extremes()
    if quantity == "weight":
        assert low - 1e-4 <= found.min() and found.max() <= high + 1e-4
