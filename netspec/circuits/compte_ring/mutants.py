"""Deviations of the ring that a comparison should tell apart, or cannot."""

from __future__ import annotations

from netspec.circuits.mutants import LATER, WARMUP, Change, Mutant, weights

# what is caught depends on the cue, and on whether there is a bump
MUTANTS = (
    *weights("projections.*.weight", "continuous_projections.*.kernel.weight"),
    Mutant("J_plus x 1.05", "height of the profile from E to E; its mean stays one",
           caught=None,
           changes=(Change("continuous_projections.E_E.kernel.J_plus", "multiply", 1.05),)),
    Mutant("sigma x 1.1", "width of the profile from E to E",
           caught=None,
           changes=(Change("continuous_projections.E_E.kernel.sigma", "multiply", 1.1),)),
    Mutant("tau_NMDA x 1.05", "decay of s_NMDA, which excitation is proportional to",
           caught=None,
           changes=(Change("populations.*.parameters.tau_NMDA", "multiply", 1.05),)),
    Mutant("I_I x 0.95", "inhibition among inhibitory neurons",
           caught=None,
           changes=(Change("projections.I_I.weight", "multiply", 0.95),)),
    Mutant("delays + 1 step", "inhibition one time step later: far below the time constants",
           caught=False, changes=(LATER,)),
    WARMUP,
)  # fmt: skip
