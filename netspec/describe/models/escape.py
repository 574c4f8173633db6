"""Neurons whose threshold is stochastic: generalised integrate-and-fire with escape noise."""

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
    Row,
    parameters,
)
from netspec.describe.neurons import NeuronModel

NUMBERS = (1, 2, 3)  # of the exponentials of each kind
# every spike adds q to each part, which decays: sfa moves the threshold, stc is a current
ADAPTATION = """
    E_sfa = V_T_star + sfa_1 + sfa_2 + sfa_3 : mV
    I_stc = stc_1 + stc_2 + stc_3 : pA
""" + "\n".join(
    f"    d{kind}_{n}/dt = -{kind}_{n}/tau_{kind}_{n} : {unit}"
    for kind, unit in (("sfa", "mV"), ("stc", "pA"))
    for n in NUMBERS
)
TIMES = dict(zip(NUMBERS, (1.0, 10.0, 100.0), strict=True))  # PyNN's, whose model has three too
KERNELS: dict[str, Row] = {
    name: row
    for n in NUMBERS
    for name, row in {
        f"tau_sfa_{n}": (TIMES[n], "ms", 0.1, 1e5),
        f"q_sfa_{n}": (0.0, "mV", -200.0, 200.0),
        f"tau_stc_{n}": (TIMES[n], "ms", 0.1, 1e5),
        f"q_stc_{n}": (0.0, "pA", -1e4, 1e4),
    }.items()
}


def _generalised(
    name: str,
    current: str,
    synapses: str,
    receptors: dict[str, str],
    own: dict[str, Row],
    text: str,
) -> NeuronModel:
    """Return the membrane and the adaptation that both share, with their synapses."""
    return NeuronModel(
        name=name,
        description=f"Generalised integrate-and-fire neuron with {text} (NEST's {name}; Mensi et "
        "al. 2012, J Neurophysiol 107:1756; Pozzorini et al. 2015, PLoS Comput Biol 11:e1004275). "
        "It spikes at the rate lambda_0 exp((V_m - E_sfa)/Delta_V). A spike adds q_sfa_1 to "
        "q_sfa_3 to the threshold E_sfa and q_stc_1 to q_stc_3 to the current I_stc, which decay "
        "with their own time constants; NEST has lists of them, of any length. A bare number for "
        "lambda_0 is in 1/ms here, in 1/s in NEST.",
        equations=f"{ADAPTATION}\n    I = {current} - I_stc + I_e + I_stim : pA\n"
        "    dV_m/dt = (-g_L*(V_m - E_L) + I)/C_m : mV (unless refractory)\n" + synapses,
        escape="lambda_0*exp((V_m - E_sfa)/Delta_V)",
        reset={"V_m": "V_reset"}
        | {f"{kind}_{n}": f"{kind}_{n} + q_{kind}_{n}" for kind in ("sfa", "stc") for n in NUMBERS},
        refractory="t_ref",
        receptors=receptors,
        inputs={"I_stim": "pA"},
        initial={"V_m": "E_L"},
        parameters=parameters(
            C_m=(80.0, *CAPACITANCE),
            g_L=(4.0, *LEAK),
            E_L=(-70.0, *VOLTAGE),
            **own,
            V_reset=(-55.0, *VOLTAGE),
            V_T_star=(-35.0, *VOLTAGE),
            Delta_V=(0.5, "mV", 0.01, 50.0),
            lambda_0=(0.001, "1/ms", 0.0, 100.0),
            t_ref=(4.0, *REST),
            tau_syn_ex=(2.0, *SYNAPTIC_TIME),
            tau_syn_in=(2.0, *SYNAPTIC_TIME),
            **KERNELS,
            I_e=(0.0, *CURRENT),
        ),
    )


gif_psc_exp = _generalised(
    "gif_psc_exp",
    "I_syn_ex + I_syn_in",
    """
    dI_syn_ex/dt = -I_syn_ex/tau_syn_ex : pA
    dI_syn_in/dt = -I_syn_in/tau_syn_in : pA
""",
    {"excitatory": "I_syn_ex", "inhibitory": "I_syn_in"},
    {},
    "exponential synaptic currents",
)

gif_cond_exp = _generalised(
    "gif_cond_exp",
    "g_ex*(E_ex - V_m) + g_in*(E_in - V_m)",
    EXPONENTIAL,
    BY_EXPONENTIAL,
    {"E_ex": (0.0, *REVERSAL), "E_in": (-85.0, *VOLTAGE)},
    "exponential synaptic conductances",
)
