"""Leaky integrate-and-fire neurons whose synapses are conductances.

C_m dV_m/dt = -g_L (V_m - E_L) - g_ex (V_m - E_ex) - g_in (V_m - E_in) + I, in pA. Weights are in nS
and positive for both receptors: whether one excites is a matter of its reversal potential. A weight
is the peak of the conductance that an event makes, whatever its course:

==================  ==============================================================
`iaf_cond_exp`      exp(-t/tau_syn)
`iaf_cond_alpha`    e t/tau_syn exp(-t/tau_syn)
`iaf_cond_beta`     exp(-t/tau_decay) - exp(-t/tau_rise), divided by its maximum
==================  ==============================================================

The conductances are linear and advanced exactly, V_m by a Runge-Kutta method.
"""

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
    Row,
    parameters,
)
from netspec.describe.neurons import NeuronModel

MEMBRANE = """
    I_syn = -g_ex*(V_m - E_ex) - g_in*(V_m - E_in) : pA
    dV_m/dt = (-g_L*(V_m - E_L) + I_syn + I_e + I_stim)/C_m : mV (unless refractory)
"""
# x jumps by the weight and decays with tau_decay, g follows it with tau_rise. With k = 1 the peak
# of g would be tau_rise exp(-t_p/tau_decay) at t_p = tau_decay/exprel(log(tau_decay/tau_rise)),
# which is tau where both are the same (and the course the alpha function's).
BETA = """
    k_ex = exp(1/exprel(log(tau_decay_ex/tau_rise_ex)))/tau_rise_ex : 1/ms
    k_in = exp(1/exprel(log(tau_decay_in/tau_rise_in)))/tau_rise_in : 1/ms
    dx_ex/dt = -x_ex/tau_decay_ex : nS
    dx_in/dt = -x_in/tau_decay_in : nS
    dg_ex/dt = k_ex*x_ex - g_ex/tau_rise_ex : nS
    dg_in/dt = k_in*x_in - g_in/tau_rise_in : nS
"""
SYNAPTIC: dict[str, Row] = {
    "tau_syn_ex": (0.2, *SYNAPTIC_TIME),
    "tau_syn_in": (2.0, *SYNAPTIC_TIME),
}


def _model(
    name: str, synapses: str, receptors: dict[str, str], times: dict[str, Row], description: str
) -> NeuronModel:
    """Return the membrane that all share, with its synapses."""
    return NeuronModel(
        name=name,
        description=description,
        equations=MEMBRANE + synapses,
        threshold="V_m >= V_th",
        reset={"V_m": "V_reset"},
        refractory="t_ref",
        receptors=receptors,
        inputs={"I_stim": "pA"},
        initial={"V_m": "E_L"},
        parameters=parameters(
            C_m=(250.0, *CAPACITANCE),
            g_L=(16.6667, *LEAK),
            E_L=(-70.0, *VOLTAGE),
            E_ex=(0.0, *REVERSAL),
            E_in=(-85.0, *VOLTAGE),
            V_th=(-55.0, *VOLTAGE),
            V_reset=(-60.0, *VOLTAGE),
            t_ref=(2.0, *REST),
            **times,
            I_e=(0.0, *CURRENT),
        ),
    )


iaf_cond_exp = _model(
    "iaf_cond_exp",
    EXPONENTIAL,
    BY_EXPONENTIAL,
    SYNAPTIC,
    "Leaky integrate-and-fire neuron with exponential synaptic conductances (NEST's iaf_cond_exp; "
    "Meffin, Burkitt & Grayden 2004, J Comput Neurosci 16:159).",
)
iaf_cond_alpha = _model(
    "iaf_cond_alpha",
    ALPHA,
    BY_ALPHA,
    SYNAPTIC,
    "Leaky integrate-and-fire neuron with alpha-shaped synaptic conductances (NEST's "
    "iaf_cond_alpha; Meffin, Burkitt & Grayden 2004, J Comput Neurosci 16:159).",
)
iaf_cond_beta = _model(
    "iaf_cond_beta",
    BETA,
    BY_ALPHA,
    {
        "tau_rise_ex": (0.2, *SYNAPTIC_TIME),
        "tau_decay_ex": (0.2, *SYNAPTIC_TIME),
        "tau_rise_in": (2.0, *SYNAPTIC_TIME),
        "tau_decay_in": (2.0, *SYNAPTIC_TIME),
    },
    "Leaky integrate-and-fire neuron with synaptic conductances that are differences of two "
    "exponentials (NEST's iaf_cond_beta; Rotter & Diesmann 1999, Biol Cybern 81:381). Rise and "
    "decay may have the same time constant.",
)

iaf_cond_nmda = NeuronModel(
    name="iaf_cond_nmda",
    description="Leaky integrate-and-fire neuron with AMPA and GABA conductances and saturating "
    "NMDA gating with a magnesium block (Compte et al. 2000, Cereb. Cortex 10:910). Conductances "
    "stand in the weights; s_NMDA is what this neuron sends, g_NMDA what it receives.",
    equations="""
        I_AMPA = g_AMPA*(V_m - E_AMPA) : pA
        I_GABA = g_GABA*(V_m - E_GABA) : pA
        I_NMDA = g_NMDA*(V_m - E_NMDA)/(1 + Mg*exp(-Mg_slope*V_m)/3.57) : pA
        I = -I_AMPA - I_GABA - I_NMDA + I_e + I_stim : pA
        dV_m/dt = (-g_L*(V_m - E_L) + I)/C_m : mV (unless refractory)
        dg_AMPA/dt = -g_AMPA/tau_AMPA : nS
        dg_GABA/dt = -g_GABA/tau_GABA : nS
        dx_NMDA/dt = -x_NMDA/tau_x : 1
        ds_NMDA/dt = -s_NMDA/tau_NMDA + alpha*x_NMDA*(1 - s_NMDA) : 1
    """,
    threshold="V_m >= V_th",
    reset={"V_m": "V_reset", "x_NMDA": "x_NMDA + 1"},
    refractory="t_ref",
    receptors={"AMPA": "g_AMPA", "GABA": "g_GABA"},
    inputs={"I_stim": "pA", "g_NMDA": "nS"},
    initial={"V_m": "E_L"},
    integrator="rk2",
    parameters=parameters(
        C_m=(500.0, *CAPACITANCE),
        g_L=(25.0, *LEAK),
        E_L=(-70.0, *VOLTAGE),
        V_th=(-50.0, *VOLTAGE),
        V_reset=(-60.0, *VOLTAGE),
        t_ref=(2.0, *REST),
        E_AMPA=(0.0, *REVERSAL),
        E_GABA=(-70.0, *VOLTAGE),
        E_NMDA=(0.0, *REVERSAL),
        tau_AMPA=(2.0, *SYNAPTIC_TIME),
        tau_GABA=(10.0, "ms", 0.05, 500.0),
        tau_NMDA=(100.0, "ms", 1.0, 1000.0),
        tau_x=(2.0, "ms", 0.05, 100.0),
        alpha=(0.5, "1/ms", 0.0, 100.0),
        Mg=(1.0, "1", 0.0, 100.0),
        Mg_slope=(0.062, "1/mV", 0.0, 1.0),
        I_e=(0.0, *CURRENT),
    ),
)
