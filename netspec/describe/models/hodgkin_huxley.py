"""A neuron with the sodium and potassium channels of Hodgkin and Huxley."""

from __future__ import annotations

from netspec.describe.models.tables import (
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

CHANNEL = ("nS", 0.0, 1e6)

# exprel: a rate c (u - v)/(exp((u - v)/k) - 1) is c k/exprel((u - v)/k), which has a value at v = u
hh_cond_exp_traub = NeuronModel(
    name="hh_cond_exp_traub",
    description="Hodgkin-Huxley neuron of the hippocampus with exponential synaptic conductances "
    "(NEST's hh_cond_exp_traub; Traub & Miles 1991, Neuronal Networks of the Hippocampus; as in "
    "Brette et al. 2007, J Comput Neurosci 23:349). A spike is labelled where V_m reaches "
    "V_T + 30 mV, and the next one not before t_ref has passed; NEST labels its maximum, some "
    "tenths of a millisecond later. Nothing is reset. Weights are in nS and positive.",
    equations="""
        v = V_m - V_T : mV
        alpha_m = 1.28/ms/exprel((13*mV - v)/(4*mV)) : 1/ms
        beta_m = 1.4/ms/exprel((v - 40*mV)/(5*mV)) : 1/ms
        alpha_h = 0.128/ms*exp((17*mV - v)/(18*mV)) : 1/ms
        beta_h = 4/ms/(1 + exp((40*mV - v)/(5*mV))) : 1/ms
        alpha_n = 0.16/ms/exprel((15*mV - v)/(5*mV)) : 1/ms
        beta_n = 0.5/ms*exp((10*mV - v)/(40*mV)) : 1/ms
        I_Na = g_Na*Act_m^3*Inact_h*(V_m - E_Na) : pA
        I_K = g_K*Act_n^4*(V_m - E_K) : pA
        I_syn = -g_ex*(V_m - E_ex) - g_in*(V_m - E_in) : pA
        dV_m/dt = (-g_L*(V_m - E_L) - I_Na - I_K + I_syn + I_e + I_stim)/C_m : mV
        dAct_m/dt = alpha_m*(1 - Act_m) - beta_m*Act_m : 1
        dInact_h/dt = alpha_h*(1 - Inact_h) - beta_h*Inact_h : 1
        dAct_n/dt = alpha_n*(1 - Act_n) - beta_n*Act_n : 1
    """
    + EXPONENTIAL,
    threshold="V_m >= V_T + 30*mV",
    refractory="t_ref",
    receptors=BY_EXPONENTIAL,
    inputs={"I_stim": "pA"},
    # the gates at rest where V_m is the default of E_L
    initial={"V_m": "E_L", "Act_m": 0.026863, "Inact_h": 0.991306, "Act_n": 0.060434},
    parameters=parameters(
        C_m=(200.0, *CAPACITANCE),
        g_L=(10.0, *LEAK),
        E_L=(-60.0, *VOLTAGE),
        g_Na=(20000.0, *CHANNEL),
        E_Na=(50.0, *REVERSAL),
        g_K=(6000.0, *CHANNEL),
        E_K=(-90.0, *VOLTAGE),
        V_T=(-63.0, *VOLTAGE),
        E_ex=(0.0, *REVERSAL),
        E_in=(-80.0, *VOLTAGE),
        t_ref=(2.0, *REST),
        tau_syn_ex=(5.0, *SYNAPTIC_TIME),
        tau_syn_in=(10.0, *SYNAPTIC_TIME),
        I_e=(0.0, *CURRENT),
    ),
)
