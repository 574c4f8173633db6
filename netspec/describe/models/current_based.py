"""Leaky integrate-and-fire neurons whose synapses are currents or jumps of V_m.

All of them obey C_m dV_m/dt = -C_m (V_m - E_L)/tau_m + I, with I in pA; they are linear, so every
state is advanced exactly. Weights are in pA (`iaf_psc_delta`: mV) and signed: an inhibitory one is
negative. The receptors differ in their time constants only.
"""

from __future__ import annotations

from netspec.describe.models.tables import (
    CAPACITANCE,
    CURRENT,
    MEMBRANE_TIME,
    REST,
    SYNAPTIC_TIME,
    VOLTAGE,
    Row,
    parameters,
)
from netspec.describe.neurons import NeuronModel

SYNAPTIC: dict[str, Row] = {
    "tau_syn_ex": (2.0, *SYNAPTIC_TIME),
    "tau_syn_in": (2.0, *SYNAPTIC_TIME),
}


def _model(
    name: str, equations: str, receptors: dict[str, str], times: dict[str, Row], description: str
) -> NeuronModel:
    """Return the membrane that all share, with its synapses."""
    return NeuronModel(
        name=name,
        description=description,
        equations=equations,
        threshold="V_m >= V_th",
        reset={"V_m": "V_reset"},
        refractory="t_ref",
        receptors=receptors,
        inputs={"I_stim": "pA"},
        initial={"V_m": "E_L"},
        parameters=parameters(
            C_m=(250.0, *CAPACITANCE),
            tau_m=(10.0, *MEMBRANE_TIME),
            **times,
            t_ref=(2.0, *REST),
            E_L=(-70.0, *VOLTAGE),
            V_reset=(-70.0, *VOLTAGE),
            V_th=(-55.0, *VOLTAGE),
            I_e=(0.0, *CURRENT),
        ),
    )


iaf_psc_exp = _model(
    "iaf_psc_exp",
    """
        I = I_syn_ex + I_syn_in + I_e + I_stim : pA
        dV_m/dt = -(V_m - E_L)/tau_m + I/C_m : mV (unless refractory)
        dI_syn_ex/dt = -I_syn_ex/tau_syn_ex : pA
        dI_syn_in/dt = -I_syn_in/tau_syn_in : pA
    """,
    {"excitatory": "I_syn_ex", "inhibitory": "I_syn_in"},
    SYNAPTIC,
    "Leaky integrate-and-fire neuron with exponential synaptic currents "
    "(NEST's iaf_psc_exp; Tsodyks, Uziel & Markram 2000).",
)

iaf_psc_delta = _model(
    "iaf_psc_delta",
    "dV_m/dt = -(V_m - E_L)/tau_m + (I_e + I_stim)/C_m : mV (unless refractory)",
    {"excitatory": "V_m", "inhibitory": "V_m"},
    {},
    "Leaky integrate-and-fire neuron whose V_m jumps by the weight (mV) of an event "
    "(NEST's iaf_psc_delta; Brunel 2000, J Comput Neurosci 8:183). Both receptors are V_m, with "
    "weights of either sign; while the neuron is refractory V_m is held, and events are discarded.",
)

# I(t) = weight e t/tau exp(-t/tau) as two linear states: x jumps by the weight and decays, and I
# follows it. The peak of I, at t = tau, is the weight.
iaf_psc_alpha = _model(
    "iaf_psc_alpha",
    """
        I = I_syn_ex + I_syn_in + I_e + I_stim : pA
        dV_m/dt = -(V_m - E_L)/tau_m + I/C_m : mV (unless refractory)
        dI_syn_ex/dt = (exp(1)*x_ex - I_syn_ex)/tau_syn_ex : pA
        dI_syn_in/dt = (exp(1)*x_in - I_syn_in)/tau_syn_in : pA
        dx_ex/dt = -x_ex/tau_syn_ex : pA
        dx_in/dt = -x_in/tau_syn_in : pA
    """,
    {"excitatory": "x_ex", "inhibitory": "x_in"},
    SYNAPTIC,
    "Leaky integrate-and-fire neuron with alpha-shaped synaptic currents "
    "(NEST's iaf_psc_alpha; Rotter & Diesmann 1999, Biol Cybern 81:381). A weight is the peak of "
    "the current that an event makes, which it has tau_syn later.",
)
