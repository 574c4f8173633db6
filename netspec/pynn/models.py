"""Models of PyNN's cells that the library of netspec does not have."""

from __future__ import annotations

from netspec.describe.models import iaf_cond_exp
from netspec.describe.models.conductance_based import MEMBRANE
from netspec.describe.models.tables import EXPONENTIAL, REVERSAL, parameters
from netspec.describe.neurons import NeuronModel

# the two conductances jump in the reset, so they begin to act in the step after the spike
iaf_cond_exp_sfa_rr = NeuronModel(
    name="iaf_cond_exp_sfa_rr",
    description="Leaky integrate-and-fire neuron with exponential synaptic conductances, and two "
    "more that every spike of its own opens: one adapts, one makes it relatively refractory "
    "(NEST's iaf_cond_exp_sfa_rr; Muller, Buesing, Schemmel & Meier 2007, Neural Comput 19:2958).",
    equations=MEMBRANE.replace("+ I_syn", "+ I_syn - g_sfa*(V_m - E_sfa) - g_rr*(V_m - E_rr)")
    + EXPONENTIAL
    + """
    dg_sfa/dt = -g_sfa/tau_sfa : nS
    dg_rr/dt = -g_rr/tau_rr : nS
""",
    threshold="V_m >= V_th",
    reset={"V_m": "V_reset", "g_sfa": "g_sfa + q_sfa", "g_rr": "g_rr + q_rr"},
    refractory="t_ref",
    receptors=iaf_cond_exp.receptors,
    inputs={"I_stim": "pA"},
    initial={"V_m": "E_L"},
    parameters={
        **iaf_cond_exp.parameters,
        **parameters(
            E_sfa=(-70.0, *REVERSAL),
            tau_sfa=(110.0, "ms", 0.1, 1e5),
            q_sfa=(14.48, "nS", 0.0, 1e5),
            E_rr=(-70.0, *REVERSAL),
            tau_rr=(1.97, "ms", 0.05, 1e4),
            q_rr=(3214.0, "nS", 0.0, 1e6),
        ),
    },
)
