"""The ladder: from cause to effect, on a circuit's own neurons, parameters and synapses.

L0  structure: does the simulator hold the network that is described?
L1  neuron: does one neuron do what its equations say?
L2  synapse: does a spike arrive when, where and as strongly as it should?
L3  replay: does a small network make the same spikes from the same input?

A rung that breaks names the cause of what breaks above it. `networks` makes what is asked,
`structure` and `rungs` ask it, `report` holds the answers, `climb` goes up for every backend.
"""

from netspec.validation.ladder.climb import MAX_NEURONS, climb
from netspec.validation.ladder.report import Ladder, Rung

__all__ = ["MAX_NEURONS", "Ladder", "Rung", "climb"]
