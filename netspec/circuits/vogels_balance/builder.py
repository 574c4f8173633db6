"""The network whose inhibitory synapses learn to balance excitation (Vogels et al. 2011).

Sources
-------
[V11] Vogels TP, Sprekeler H, Zenke F, Clopath C, Gerstner W (2011) Science 334:1569-1573,
      doi:10.1126/science.1211095. The rule of learning and what it does.
[Z12] Zenke F (2012) The network as a script for Brian, in Brian2's examples as
      ``Vogels_et_al_2011.py``. Every number below, but for what `Variant` and `START` say.
"""

from __future__ import annotations

from dataclasses import dataclass

from netspec.describe.connectivity import PairwiseBernoulli
from netspec.describe.distributions import Constant, Distribution, Uniform
from netspec.describe.inputs import SynapseRecorder
from netspec.describe.network import Network, Population, Projection, Recorder
from netspec.errors import UsageError, unknown

SIZES = {"E": 8000, "I": 2000}
PROBABILITY = 0.02  # that a neuron projects to another, or to itself
NEURON = {"C_m": 200.0, "g_L": 10.0, "E_L": -60.0, "V_th": -50.0, "V_reset": -60.0, "t_ref": 5.0,
          "E_ex": 0.0, "E_in": -80.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0,
          "I_e": 200.0}  # fmt: skip
EXCITATION = 0.3  # nS
INHIBITION = 3.0  # nS, of I to I
FIRST = 1e-10  # nS, of I to E before it has learned
W_MAX = 100.0  # nS
TAU_STDP = 20.0  # ms
# The script starts at 0 mV, above threshold, so that all neurons fire at once
START = Uniform(low=-60.0, high=-50.0)
DELAY = 0.1  # ms; the script has none, and an event needs a time step


@dataclass(frozen=True)
class Variant:
    """What differs between the states of learning.

    Attributes
    ----------
    source : str
    learns : bool
        Whether synapses of I to E change.
    first : float
        Their weight at the begin, in nS.
    """

    source: str
    learns: bool = True
    first: float = FIRST


VARIANTS = {
    "zenke2012": Variant(
        source="F. Zenke's script of 2012 for Brian, after Vogels et al. 2011, "
        "doi:10.1126/science.1211095; it learns from the begin, not from 1 s on"
    ),
    "unbalanced": Variant(
        source="the first second of the same script: synapses of I to E do not learn", learns=False
    ),
    "relearning": Variant(
        source="the same script from stronger synapses of I to E, 20 nS, that have to weaken",
        first=20.0,
    ),
}


def inhibitory_balance(
    variant: str = "zenke2012", scale: float = 1.0, rate: float = 3.0, eta: float = 1e-4
) -> Network:
    """Build the network.

    Parameters
    ----------
    variant : {"zenke2012", "unbalanced", "relearning"}
        Which state of learning to begin with, see `VARIANTS`.
    scale : float
        Factor on the numbers of neurons, in [0.02, 1]. In-degrees are kept: the probability of a
        synapse grows as the numbers fall.
    rate : float
        Rate of excitatory neurons that the rule aims at, in spikes/s, above 0.
    eta : float
        What one pair of spikes at one time changes of a weight, as a share of the largest weight
        (100 nS), in (0, 0.1]. The script has 1e-4: 0.01 nS.

    Returns
    -------
    Network
        Populations E and I; the weights of I to E are recorded at the end where they learn.
    """
    if variant not in VARIANTS:
        raise UsageError(unknown("variant", variant, VARIANTS))
    for name, value, low, high in (
        ("scale", scale, PROBABILITY, 1.0),
        ("rate", rate, 1e-3, 1e3),
        ("eta", eta, 1e-12, 0.1),
    ):
        if not low <= value <= high:
            raise UsageError(f"{name} {value!r}: expected {low:g} to {high:g}")
    chosen = VARIANTS[variant]
    rule = PairwiseBernoulli(p=PROBABILITY / scale)
    parameters: dict[str, Distribution] = {k: Constant(value=v) for k, v in NEURON.items()}

    def projection(pre: str, post: str, weight: float, **more: object) -> Projection:
        receptor = "excitatory" if pre == "E" else "inhibitory"
        return Projection.model_validate(
            {"name": f"{pre}_{post}", "pre": pre, "post": post, "receptor": receptor,
             "rule": rule, "weight": weight, "delay": DELAY, **more}
        )  # fmt: skip

    learning = {
        "synapse": "vogels2011",
        "parameters": {
            "tau": TAU_STDP, "eta": eta, "alpha": 2 * rate * TAU_STDP / 1000, "w_max": W_MAX,
        },
    }  # fmt: skip
    return Network(
        circuit="inhibitory_balance",
        name="inhibitory_balance",
        description=f"Inhibitory balance, variant {variant}, scale {scale:g}, aims at {rate:g} "
        f"spikes/s, eta {eta:g}. {chosen.source}.",
        populations=tuple(
            Population(
                name=name,
                size=round(scale * size),
                model="iaf_cond_exp",
                parameters=parameters,
                initial={"V_m": START},
            )
            for name, size in SIZES.items()
        ),
        projections=(
            projection("E", "E", EXCITATION),
            projection("E", "I", EXCITATION),
            projection("I", "I", INHIBITION),
            projection("I", "E", chosen.first, **(learning if chosen.learns else {})),
        ),
        accept=("projections.I_E.weight",) if chosen.first < W_MAX / 1e4 else (),
        recorders=tuple(Recorder(name=f"{name}_spikes", target=name) for name in SIZES),
        synapse_recorders=(
            (SynapseRecorder(name="learned", projection="I_E"),) if chosen.learns else ()
        ),
    )
