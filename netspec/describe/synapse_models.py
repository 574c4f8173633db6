"""The library of synapses that change: equations, published parameters and their sources.

Weights and `w_max` have one sign, whichever it is: negative ones inhibit. docs/models.md shows all.
"""

from __future__ import annotations

from netspec.describe.synapses import SynapseModel, SynapseParameter

_TIME = {"low": 0.001, "high": 10000.0}


def _time(default: float) -> SynapseParameter:
    """Return a time constant."""
    return SynapseParameter(default=default, unit="ms", **_TIME)


def _number(default: float, low: float, high: float) -> SynapseParameter:
    """Return a number without unit."""
    return SynapseParameter(default=default, unit="1", low=low, high=high)


_OF_WEIGHT = SynapseParameter(unit="weight")

static = SynapseModel(
    name="static",
    description="An event carries the weight of the projection; a projection that names no model "
    "is the same.",
)

tsodyks_markram = SynapseModel(
    name="tsodyks_markram",
    description="Short-term plasticity: an event takes the share u of the resources x that are "
    "there, and both recover (Tsodyks, Pawelzik, Markram 1998, Neural Comput 10:821; Maass, "
    "Markram 2002, Neural Netw 15:155; NEST's tsodyks2_synapse). Without facilitation, tau_fac is "
    "much shorter than a time step: 0.001 ms.",
    equations="""
        dx/dt = (1 - x)/tau_rec : 1 (pre)
        du/dt = -u/tau_fac : 1 (pre)
        used = u + U*(1 - u) : 1
    """,
    on_pre={"x": "x - used*x", "u": "used"},
    send="used*x*w",
    parameters={
        "U": _number(0.5, 0.0, 1.0),
        "tau_rec": _time(800.0),
        "tau_fac": _time(0.001),
    },
    initial={"x": 1.0},
)

# As published, with resources that are recovered (x), active (y) and inactive (z): an event makes a
# share of x active, which becomes inactive with tau_psc, and that recovers with tau_rec:
#   dx/dt = z/tau_rec,  dy/dt = -y/tau_psc,  dz/dt = y/tau_psc - z/tau_rec,  x + y + z = 1
# q = z + c*y obeys dq/dt = -q/tau_rec, so every state is linear in itself.
tsodyks_uziel_markram = SynapseModel(
    name="tsodyks_uziel_markram",
    description="Short-term plasticity in which what was used is active for tau_psc, the time "
    "constant of the synaptic current, before it recovers (Tsodyks, Uziel, Markram 2000, J "
    "Neurosci 20:RC50; NEST's tsodyks_synapse). For a short tau_psc it is tsodyks_markram. "
    "tau_psc and tau_rec must differ.",
    equations="""
        dy/dt = -y/tau_psc : 1 (pre)
        dq/dt = -q/tau_rec : 1 (pre)
        du/dt = -u/tau_fac : 1 (pre)
        c = tau_rec/(tau_rec - tau_psc) : 1
        used = u + U*(1 - u) : 1
        x = 1 - q + (c - 1)*y : 1
    """,
    on_pre={"y": "y + used*x", "q": "q + c*used*x", "u": "used"},
    send="used*x*w",
    parameters={
        "U": _number(0.5, 0.0, 1.0),
        "tau_rec": _time(800.0),
        "tau_fac": _time(0.001),
        "tau_psc": _time(3.0),
    },
)

stdp = SynapseModel(
    name="stdp",
    description="Spike-timing-dependent plasticity, all pairs, additive (mu = 0), multiplicative "
    "(mu = 1) or between (Guetig, Aharonov, Rotter, Sompolinsky 2003, J Neurosci 23:3697; "
    "additive: Song, Miller, Abbott 2000, Nat Neurosci 3:919).",
    equations="""
        dx/dt = -x/tau_plus : 1 (pre)
        dy/dt = -y/tau_minus : 1 (post)
        share = w/w_max : 1
    """,
    on_pre={"w": "w_max*clip(share - alpha*lam*share^mu_minus*y, 0, 1)", "x": "x + 1"},
    on_post={"w": "w_max*clip(share + lam*(1 - share)^mu_plus*x, 0, 1)", "y": "y + 1"},
    parameters={
        "tau_plus": _time(20.0),
        "tau_minus": _time(20.0),
        "lam": _number(0.01, 0.0, 1.0),
        "alpha": _number(1.0, 0.0, 100.0),
        "mu_plus": _number(1.0, 0.0, 10.0),
        "mu_minus": _number(1.0, 0.0, 10.0),
        "w_max": _OF_WEIGHT,
    },
    between=("0", "w_max"),
)

stdp_triplet = SynapseModel(
    name="stdp_triplet",
    description="Plasticity by triplets of spikes, all to all (Pfister, Gerstner 2006, J Neurosci "
    "26:9673; defaults as fitted there to visual cortex). The amplitudes are shares of w_max.",
    equations="""
        dr1/dt = -r1/tau_plus : 1 (pre)
        dr2/dt = -r2/tau_x : 1 (pre)
        do1/dt = -o1/tau_minus : 1 (post)
        do2/dt = -o2/tau_y : 1 (post)
        share = w/w_max : 1
    """,
    on_pre={
        "w": "w_max*clip(share - o1*(A2_minus + A3_minus*r2), 0, 1)",
        "r1": "r1 + 1",
        "r2": "r2 + 1",
    },
    on_post={
        "w": "w_max*clip(share + r1*(A2_plus + A3_plus*o2), 0, 1)",
        "o1": "o1 + 1",
        "o2": "o2 + 1",
    },
    parameters={
        "tau_plus": _time(16.8),
        "tau_x": _time(101.0),
        "tau_minus": _time(33.7),
        "tau_y": _time(125.0),
        "A2_plus": _number(5e-10, 0.0, 1.0),
        "A3_plus": _number(6.2e-3, 0.0, 1.0),
        "A2_minus": _number(7e-3, 0.0, 1.0),
        "A3_minus": _number(2.3e-4, 0.0, 1.0),
        "w_max": _OF_WEIGHT,
    },
    between=("0", "w_max"),
)

vogels2011 = SynapseModel(
    name="vogels2011",
    description="Inhibitory plasticity that balances excitation: every spike at either end "
    "strengthens, by the trace of the other; one of the source weakens by alpha (Vogels, "
    "Sprekeler, Zenke, Clopath, Gerstner 2011, Science 334:1569). The learning rate is a share of "
    "w_max; alpha is twice the target's rate aimed at, times tau.",
    equations="""
        dx/dt = -x/tau : 1 (pre)
        dy/dt = -y/tau : 1 (post)
        share = w/w_max : 1
    """,
    on_pre={"w": "w_max*clip(clip(share + eta*y, 0, 1) - eta*alpha, 0, 1)", "x": "x + 1"},
    on_post={"w": "w_max*clip(share + eta*x, 0, 1)", "y": "y + 1"},
    parameters={
        "tau": _time(20.0),
        "eta": _number(0.001, 0.0, 1.0),
        "alpha": _number(0.12, 0.0, 100.0),
        "w_max": _OF_WEIGHT,
    },
    between=("0", "w_max"),
)

SYNAPSES: dict[str, SynapseModel] = {
    model.name: model
    for model in (
        *(static, tsodyks_markram, tsodyks_uziel_markram),
        *(stdp, stdp_triplet, vogels2011),
    )
}
