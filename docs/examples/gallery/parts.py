"""What the networks of this folder share: recorders, spike sources, neurons on a grid."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec import Network, NeuronModel, Population, Recorder

Floats = NDArray[np.float64]
# one that passes on what it receives, a step later: a population of it is one of spike sources
RELAY = NeuronModel(
    name="relay", equations="dx/dt = 0/ms : 1", threshold="x > 0.5", reset={"x": "0"},
    receptors={"events": "x"},
)  # fmt: skip
# Traub & Miles (1991) as in Brette et al. (2007), benchmark 3; a spike is counted once for as long
# as V_m stays above the threshold: `up` is 1 from then on, and falls when V_m is below it again
TRAUB_MILES = NeuronModel(
    name="traub_miles",
    equations="""
        v = V_m - V_T : mV
        alpha_m = 1.28/ms/exprel((13*mV - v)/(4*mV)) : 1/ms
        beta_m = 1.4/ms/exprel((v - 40*mV)/(5*mV)) : 1/ms
        alpha_h = 0.128/ms*exp((17*mV - v)/(18*mV)) : 1/ms
        beta_h = 4/ms/(1 + exp((40*mV - v)/(5*mV))) : 1/ms
        alpha_n = 0.16/ms/exprel((15*mV - v)/(5*mV)) : 1/ms
        beta_n = 0.5/ms*exp((10*mV - v)/(40*mV)) : 1/ms
        I = g_Na*m^3*h*(E_Na - V_m) + g_K*n^4*(E_K - V_m) + g_L*(E_L - V_m) + I_e + I_stim : pA
        dV_m/dt = I/C_m : mV
        dm/dt = alpha_m*(1 - m) - beta_m*m : 1
        dh/dt = alpha_h*(1 - h) - beta_h*h : 1
        dn/dt = alpha_n*(1 - n) - beta_n*n : 1
        dup/dt = -int(V_m < V_th)*up/(0.1*ms) : 1
    """,
    threshold="V_m >= V_th and up < 0.5",
    reset={"up": "1"},
    inputs={"I_stim": "pA"},
    parameters={
        "C_m": "200 pF", "g_L": "10 nS", "g_Na": "20000 nS", "g_K": "6000 nS", "E_L": "-65 mV",
        "E_Na": "50 mV", "E_K": "-90 mV", "V_T": "-63 mV", "V_th": "-40 mV", "I_e": "0 pA",
    },
    initial={"V_m": "E_L", "h": 1.0},
    integrator="exponential_euler",
)  # fmt: skip


def network(
    name: str,
    populations: list[Population],
    samples: dict[str, tuple[str, ...]] | None = None,
    **pieces: Any,
) -> Network:
    """Return a network that records all spikes, and variables of some populations' first neuron."""
    chosen = samples or {}
    recorders = [
        Recorder(name=f"of_{p.name}", target=p.name, variables=chosen.get(p.name, ()),
                 neurons=[0] if p.name in chosen else None)
        for p in populations
    ]  # fmt: skip
    return Network(name=name, populations=populations, recorders=recorders, **pieces)


def grid(shape: Iterable[int], extent: Iterable[float]) -> Floats:
    """Return the places of neurons on a grid around the origin, shape (neurons, dimensions)."""
    axes = [
        (np.arange(n) + 0.5) / n * length - length / 2
        for n, length in zip(shape, extent, strict=True)
    ]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
