"""Deviations of the microcircuit that a comparison should tell apart, or cannot."""

from __future__ import annotations

from netspec.circuits.mutants import KEPT, LATER, Change, Mutant, weights

# V_m(0) of the paper, above threshold for one neuron in five: a transient that can be seen
_START = Change("populations.*.initial.V_m", "set", {"kind": "normal", "mean": -58.0, "sd": 10.0})

MUTANTS = (
    *weights("projections.*.weight"),
    Mutant("g -4.1", "g -4.1 in place of -4: inhibitory weights, and the compensating current",
           builder={"g": -4.1}),
    Mutant("inhibition x 1.025", "the weights of g -4.1 with the compensating current of g -4",
           caught=None, changes=(Change("projections.*I_*.weight", "multiply", 4.1 / 4),)),
    # within the margins, and seen exactly by the lower rungs of the ladder
    Mutant("delays + 1 step", "all delays of recurrent synapses one time step longer",
           caught=None, changes=(LATER,)),
    Mutant("t_ref 1.9 ms", "refractory time 1.9 instead of 2 ms",
           caught=None, changes=(Change("populations.*.parameters.t_ref", "set", 1.9),)),
    Mutant("L4E_L23E not doubled", "mean weight and spread of L4E to L23E halved",
           changes=(Change("projections.L4E_L23E.weight", "multiply", 0.5),)),
    Mutant("no L6I_L6E", "this projection left out",
           changes=(Change("projections.L6I_L6E", "drop"),)),
    Mutant("no L4I_L4E", "this projection left out",
           changes=(Change("projections.L4I_L4E", "drop"),)),
    Mutant("no L5I_L4E", "the weakest projection left out: 0 or 0.3 synapses a neuron",
           caught=False, changes=(Change("projections.L5I_L4E", "drop"),)),
    Mutant("dc drive", "a current in place of the Poisson input", builder={"drive": "dc"}),
    Mutant("poisson drive", "Poisson input in place of the current", builder={"drive": "poisson"}),
    Mutant("rates of nest", "another table behind the compensating current",
           builder={"rates": "nest"}),
    Mutant("rates of pygenn", "another table behind the compensating current",
           builder={"rates": "pygenn"}),
    Mutant(KEPT, "the window begins at 0, V_m there as in the paper", changes=(_START,),
           keep_warmup=True),
)  # fmt: skip
