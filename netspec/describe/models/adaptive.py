"""Neurons with a second variable that adapts: adaptive exponential, Izhikevich."""

from __future__ import annotations

from netspec.describe.models.tables import (
    ALPHA,
    BY_ALPHA,
    BY_EXPONENTIAL,
    CAPACITANCE,
    CURRENT,
    EXPONENTIAL,
    LEAK,
    REST,
    REVERSAL,
    SYNAPTIC_TIME,
    VOLTAGE,
    parameters,
)
from netspec.describe.neurons import NeuronModel

# As in NEST, V is V_m but never above V_peak: in the upswing V_m passes every bound within a step.
# The exponent ends at 12, where V_m rises by 10 mV within a microsecond (default parameters) and
# a solver with error control would not get on.
ADAPTIVE = """
    V = clip(V_m, -1000*mV, V_peak) : mV
    I_spike = g_L*Delta_T*exp(clip((V - V_th)/Delta_T, -100, 12)) : pA
    I_syn = -g_ex*(V - E_ex) - g_in*(V - E_in) : pA
    dV_m/dt = (-g_L*(V - E_L) + I_spike + I_syn - w + I_e + I_stim)/C_m : mV (unless refractory)
    dw/dt = (a*(V - E_L) - w)/tau_w : pA
"""


def _adaptive_exponential(
    name: str, synapses: str, receptors: dict[str, str], shape: str
) -> NeuronModel:
    return NeuronModel(
        name=name,
        description=f"Adaptive exponential integrate-and-fire neuron with {shape} synaptic "
        f"conductances (NEST's {name}; Brette & Gerstner 2005, J Neurophysiol 94:3637). A spike "
        "is V_m at V_peak; V_th is where the exponential begins. Weights are in nS and positive, "
        "the peak of the conductance. NEST does without the exponential where Delta_T is 0, "
        "here it has to be above 0.",
        equations=ADAPTIVE + synapses,
        threshold="V_m >= V_peak",
        reset={"V_m": "V_reset", "w": "w + b"},
        refractory="t_ref",
        receptors=receptors,
        inputs={"I_stim": "pA"},
        initial={"V_m": "E_L"},
        parameters=parameters(
            C_m=(281.0, *CAPACITANCE),
            g_L=(30.0, *LEAK),
            E_L=(-70.6, *VOLTAGE),
            E_ex=(0.0, *REVERSAL),
            E_in=(-85.0, *VOLTAGE),
            V_th=(-50.4, *VOLTAGE),
            Delta_T=(2.0, "mV", 0.1, 50.0),
            V_peak=(0.0, *VOLTAGE),
            V_reset=(-60.0, *VOLTAGE),
            t_ref=(0.0, *REST),
            a=(4.0, "nS", -1000.0, 1000.0),
            b=(80.5, "pA", -1e4, 1e4),
            tau_w=(144.0, "ms", 1.0, 5000.0),
            tau_syn_ex=(0.2, *SYNAPTIC_TIME),
            tau_syn_in=(2.0, *SYNAPTIC_TIME),
            I_e=(0.0, *CURRENT),
        ),
    )


aeif_cond_exp = _adaptive_exponential("aeif_cond_exp", EXPONENTIAL, BY_EXPONENTIAL, "exponential")
aeif_cond_alpha = _adaptive_exponential("aeif_cond_alpha", ALPHA, BY_ALPHA, "alpha-shaped")

# V keeps what happens above V_th within a step finite; a step never begins there
izhikevich = NeuronModel(
    name="izhikevich",
    description="Neuron of two equations that spikes in many ways (NEST's izhikevich; Izhikevich "
    "2003, IEEE Trans Neural Netw 14:1569). V_m jumps by the weight (mV) of an event; both "
    "receptors are V_m, with weights of either sign. Published without units: U_m and currents "
    "are in pA onto a capacitance of 1 pF.",
    equations="""
        V = clip(V_m, -1000*mV, V_th) : mV
        I = 0.04*nS/mV*V^2 + 5*nS*V + 140*pA - U_m + I_e + I_stim : pA
        dV_m/dt = I/(1*pF) : mV
        dU_m/dt = a*(b*V_m - U_m) : pA
    """,
    threshold="V_m >= V_th",
    reset={"V_m": "c", "U_m": "U_m + d"},
    receptors={"excitatory": "V_m", "inhibitory": "V_m"},
    inputs={"I_stim": "pA"},
    initial={"V_m": -65.0, "U_m": -13.0},
    parameters=parameters(
        a=(0.02, "1/ms", 0.0, 10.0),
        b=(0.2, "nS", -100.0, 100.0),
        c=(-65.0, *VOLTAGE),
        d=(8.0, "pA", -1000.0, 1000.0),
        V_th=(30.0, *VOLTAGE),
        I_e=(0.0, "pA", -1e4, 1e4),
    ),
)
