"""NEURON, on a grid of time: a point process a neuron, all of them in one section without channels.

Mechanisms are printed from step programs (`netspec.realise.lowering`) and compiled by NEURON's own
tool. A step of its fixed-step method (`fadvance`) is brought into netspec's order by what is
due when, within the step that ends at t:

    integration                 the mechanism's procedure
    t - dt/4                    events of synapses
    t - dt/8                    the clock: thresholds, spikes, resets

A spike so leaves at t - dt/8, and its delay is handed over an eighth of a step shorter: it arrives
when it should, whatever the rounding of NEURON's time.

`adapter` is the contract, `planning` decides and answers the ledger, `mechanisms` prints NMODL,
`compiling` makes a library of it, `building` makes neurons and connects them, `columns` are their
variables as arrays, `inputs` adds what comes from outside, `simulation` runs and reads.
"""

from netspec.backends.neuron.adapter import NeuronBackend

__all__ = ["NeuronBackend"]
