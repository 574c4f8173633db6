"""The library of neuron models: equations, published parameters and what is plausible of them."""

from __future__ import annotations

from netspec.describe.neurons import NeuronModel, Parameter


def _parameters(**rows: tuple[float, str, float | None, float | None]) -> dict[str, Parameter]:
    """Write a table of (default, unit, low, high) as parameters."""
    return {
        name: Parameter(default=default, unit=unit, low=low, high=high)
        for name, (default, unit, low, high) in rows.items()
    }


iaf_psc_exp = NeuronModel(
    name="iaf_psc_exp",
    description="Leaky integrate-and-fire neuron with exponential synaptic currents "
    "(NEST's iaf_psc_exp; Tsodyks, Uziel & Markram 2000).",
    equations="""
        I = I_syn_ex + I_syn_in + I_e + I_stim : pA
        dV_m/dt = -(V_m - E_L)/tau_m + I/C_m : mV (unless refractory)
        dI_syn_ex/dt = -I_syn_ex/tau_syn_ex : pA
        dI_syn_in/dt = -I_syn_in/tau_syn_in : pA
    """,
    threshold="V_m >= V_th",
    reset={"V_m": "V_reset"},
    refractory="t_ref",
    receptors={"excitatory": "I_syn_ex", "inhibitory": "I_syn_in"},
    inputs={"I_stim": "pA"},
    initial={"V_m": "E_L"},
    parameters=_parameters(
        C_m=(250.0, "pF", 1.0, 20000.0),
        tau_m=(10.0, "ms", 0.5, 1000.0),
        tau_syn_ex=(2.0, "ms", 0.05, 200.0),
        tau_syn_in=(2.0, "ms", 0.05, 200.0),
        t_ref=(2.0, "ms", 0.0, 100.0),
        E_L=(-70.0, "mV", -200.0, 100.0),
        V_reset=(-70.0, "mV", -200.0, 100.0),
        V_th=(-55.0, "mV", -200.0, 100.0),
        I_e=(0.0, "pA", -1e5, 1e5),
    ),
)

iaf_psc_delta = NeuronModel(
    name="iaf_psc_delta",
    description="Leaky integrate-and-fire neuron whose V_m jumps by the weight (mV) of an event "
    "(NEST's iaf_psc_delta; Brunel 2000, J Comput Neurosci 8:183). Both receptors are V_m, with "
    "weights of either sign; while the neuron is refractory V_m is held, and events are discarded.",
    equations="dV_m/dt = -(V_m - E_L)/tau_m + (I_e + I_stim)/C_m : mV (unless refractory)",
    threshold="V_m >= V_th",
    reset={"V_m": "V_reset"},
    refractory="t_ref",
    receptors={"excitatory": "V_m", "inhibitory": "V_m"},
    inputs={"I_stim": "pA"},
    initial={"V_m": "E_L"},
    parameters=_parameters(
        C_m=(250.0, "pF", 1.0, 20000.0),
        tau_m=(10.0, "ms", 0.5, 1000.0),
        t_ref=(2.0, "ms", 0.0, 100.0),
        E_L=(-70.0, "mV", -200.0, 100.0),
        V_reset=(-70.0, "mV", -200.0, 100.0),
        V_th=(-55.0, "mV", -200.0, 100.0),
        I_e=(0.0, "pA", -1e5, 1e5),
    ),
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
    parameters=_parameters(
        C_m=(500.0, "pF", 1.0, 20000.0),
        g_L=(25.0, "nS", 0.1, 5000.0),
        E_L=(-70.0, "mV", -200.0, 100.0),
        V_th=(-50.0, "mV", -200.0, 100.0),
        V_reset=(-60.0, "mV", -200.0, 100.0),
        t_ref=(2.0, "ms", 0.0, 100.0),
        E_AMPA=(0.0, "mV", -200.0, 200.0),
        E_GABA=(-70.0, "mV", -200.0, 100.0),
        E_NMDA=(0.0, "mV", -200.0, 200.0),
        tau_AMPA=(2.0, "ms", 0.05, 200.0),
        tau_GABA=(10.0, "ms", 0.05, 500.0),
        tau_NMDA=(100.0, "ms", 1.0, 1000.0),
        tau_x=(2.0, "ms", 0.05, 100.0),
        alpha=(0.5, "1/ms", 0.0, 100.0),
        Mg=(1.0, "1", 0.0, 100.0),
        Mg_slope=(0.062, "1/mV", 0.0, 1.0),
        I_e=(0.0, "pA", -1e5, 1e5),
    ),
)

LIBRARY: dict[str, NeuronModel] = {m.name: m for m in (iaf_psc_exp, iaf_psc_delta, iaf_cond_nmda)}
