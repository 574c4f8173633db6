"""Deviations of the network that learns, which its rates hide and its weights tell."""

from __future__ import annotations

from netspec.circuits.mutants import LATER, Change, Mutant, weights

MUTANTS = (
    *weights("projections.E_*.weight"),
    Mutant("rate aimed at + 10 %", "alpha of 3.3 in place of 3 spikes/s", builder={"rate": 3.3}),
    Mutant("eta x 2", "learns twice as fast",
           changes=(Change("projections.I_E.parameters.eta", "multiply", 2.0),)),
    Mutant("tau x 1.25", "traces of spikes last longer",
           changes=(Change("projections.I_E.parameters.tau", "multiply", 1.25),)),
    # within the margins, and seen exactly by the lower rungs of the ladder
    Mutant("delays + 1 step", "all delays one time step longer",
           caught=None, changes=(LATER,)),
    Mutant("t_ref 4.9 ms", "refractory time 4.9 instead of 5 ms",
           caught=None, changes=(Change("populations.*.parameters.t_ref", "set", 4.9),)),
)  # fmt: skip
