"""The ring model of spatial working memory (Compte et al. 2000), and the variants in circulation.

Sources
-------
[C00] Compte A, Brunel N, Goldman-Rakic PS, Wang XJ (2000) Cereb Cortex 10:910-923,
      doi:10.1093/cercor/10.9.910.
[ND]  ``neurodynex`` 0.3.4, ``working_memory_network/wm_model.py`` (Gerstner et al. 2014,
      Neuronal Dynamics), and its later release ``neurodynex3``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netspec.circuits.compte_ring.cue import Cue
from netspec.describe.connectivity import AllToAll, RingKernel, UniformKernel
from netspec.describe.distributions import Constant, Uniform
from netspec.describe.network import (
    ContinuousProjection,
    Network,
    PoissonInput,
    Population,
    Projection,
    Recorder,
)
from netspec.errors import UsageError, unknown

REFERENCE_SIZE = 2048  # excitatory neurons for which the conductances are given

# [C00] Methods; the same in [ND]
EXCITATORY = {
    "C_m": 500.0,
    "g_L": 25.0,
    "E_L": -70.0,
    "V_th": -50.0,
    "V_reset": -60.0,
    "t_ref": 2.0,
}
INHIBITORY = {
    "C_m": 200.0,
    "g_L": 20.0,
    "E_L": -70.0,
    "V_th": -50.0,
    "V_reset": -60.0,
    "t_ref": 1.0,
}
REVERSAL = {"E_AMPA": 0.0, "E_NMDA": 0.0, "E_GABA": -70.0}
EXTERNAL_WEIGHT = {"E": 3.1, "I": 2.38}  # nS per event
EXTERNAL_INPUTS = 1000


@dataclass(frozen=True)
class Variant:
    """What one published code does differently from the others.

    Attributes
    ----------
    source : str
    size : int
        Number of excitatory neurons by default.
    conductance_factor, excitatory_to_inhibitory_factor : float
        Extra factors of [ND] on all recurrent conductances, and on E -> I.
    Mg_slope : float
        Of the magnesium block, in 1/mV: exp(-Mg_slope V). [ND] 0.3.4 takes V in volt, which
        makes the block almost constant: 0.062 per volt.
    J_plus, sigma : float
        Height and width (degrees) of the E -> E profile.
    tau_NMDA, tau_AMPA, tau_x : float
        In ms.
    external_rate : float
        Of one of the external inputs, in spikes/s.
    """

    source: str
    size: int = 1024
    conductance_factor: float = 1.0
    excitatory_to_inhibitory_factor: float = 1.0
    Mg_slope: float = 0.062
    J_plus: float = 1.6
    sigma: float = 20.0
    tau_NMDA: float = 65.0
    tau_AMPA: float = 1.8
    tau_x: float = 1.88
    external_rate: float = 1.4


VARIANTS = {
    "neurodynex": Variant(
        source="neurodynex 0.3.4, wm_model.py: conductances times 0.35 (E to I also 1.2), "
        "magnesium block with V in volt. Its delays of 0 are one step here",
        conductance_factor=0.35,
        excitatory_to_inhibitory_factor=1.2,
        Mg_slope=0.062e-3,
    ),
    "neurodynex3": Variant(
        source="neurodynex3 1.0.4, wm_model.py. Its delays of 0 are one step here"
    ),
    "compte2000": Variant(
        source="Compte et al. 2000, doi:10.1093/cercor/10.9.910",
        size=2048,
        J_plus=1.62,
        sigma=14.4,
        tau_NMDA=100.0,
        tau_AMPA=2.0,
        tau_x=2.0,
        external_rate=1.8,
    ),
}


def working_memory(
    variant: str = "neurodynex", size: int | None = None, cues: Sequence[Cue] = ()
) -> Network:
    """Build the ring.

    Parameters
    ----------
    variant : {"neurodynex", "neurodynex3", "compte2000"}
        Which published code to follow, see `VARIANTS`.
    size : int, optional
        Number of excitatory neurons, a multiple of 4; there are a quarter as many inhibitory
        ones. Conductances scale with 2048 / size.
    cues : sequence of Cue
        Cues and distractors, as a timeline; where they overlap, currents add up.

    Returns
    -------
    Network
    """
    if variant not in VARIANTS:
        raise UsageError(unknown("variant", variant, VARIANTS))
    chosen = VARIANTS[variant]
    size = chosen.size if size is None else size
    if size < 4 or size % 4:
        raise UsageError(
            f"size {size}: expected a multiple of 4 (there are N/4 inhibitory neurons)"
        )
    factor = chosen.conductance_factor * REFERENCE_SIZE / size
    gating = {"tau_NMDA": chosen.tau_NMDA, "tau_AMPA": chosen.tau_AMPA, "tau_x": chosen.tau_x,
              "tau_GABA": 10.0, "alpha": 0.5, "Mg": 1.0, "Mg_slope": chosen.Mg_slope}  # fmt: skip

    def population(name: str, neurons: int, membrane: dict[str, float]) -> Population:
        values = {**membrane, **REVERSAL, **gating}
        return Population(
            name=name,
            size=neurons,
            model="iaf_cond_nmda",
            parameters={p: Constant(value=v) for p, v in values.items()},
            initial={"V_m": Uniform(low=membrane["V_reset"], high=membrane["V_th"])},
        )

    def inhibition(post: str, conductance: float) -> Projection:
        return Projection(
            name=f"I_{post}",
            pre="I",
            post=post,
            receptor="GABA",
            rule=AllToAll(allow_autapses=post != "I"),
            weight=Constant(value=conductance * factor),
        )

    def background(post: str) -> PoissonInput:
        return PoissonInput(
            name=f"{post}_background",
            target=post,
            receptor="AMPA",
            number=EXTERNAL_INPUTS,
            rate=chosen.external_rate,
            weight=EXTERNAL_WEIGHT[post],
        )

    return Network(
        circuit="working_memory",
        name="working_memory",
        description=f"Working-memory ring, variant {variant}, {size} excitatory neurons. "
        f"{chosen.source}.",
        populations=(
            population("E", size, EXCITATORY),
            population("I", size // 4, INHIBITORY),
        ),
        projections=(inhibition("E", 1.336), inhibition("I", 1.024)),
        continuous_projections=(
            ContinuousProjection(
                name="E_E",
                pre="E",
                post="E",
                source="s_NMDA",
                target="g_NMDA",
                kernel=RingKernel(weight=0.381 * factor, J_plus=chosen.J_plus, sigma=chosen.sigma),
            ),
            ContinuousProjection(
                name="E_I",
                pre="E",
                post="I",
                source="s_NMDA",
                target="g_NMDA",
                kernel=UniformKernel(
                    weight=0.292 * chosen.excitatory_to_inhibitory_factor * factor
                ),
            ),
        ),
        poisson_inputs=(background("E"), background("I")),
        step_currents=tuple(cue.current(f"cue{index}", size) for index, cue in enumerate(cues)),
        recorders=(
            Recorder(name="E_spikes", target="E"),
            Recorder(name="I_spikes", target="I"),
        ),
    )
