"""Brian2, lowered from the equations: one step program, in the canonical order of time.

All populations of one neuron model share a NeuronGroup, and all projections onto one state
variable share a Synapses object, since Brian2 pays per object and step; results are told
apart again by population. A step runs the slots

    start       continuous coupling and stepped currents, from the state at t
    groups      the integration from t to t + dt (`netspec.realise.lowering`)
    synapses    events that are due at t + dt, and Poisson events
    thresholds, resets

so a spike found in a step is labelled t + dt. Spikes are handed to the queues one step later,
in the synapses slot, and their delays are one step shorter in exchange.

`adapter` is the contract, `planning` decides and answers the ledger, `groups` holds the populations
of one model with `functions` of the generated code, `building` connects them, `inputs` adds what
comes from outside, `simulation` runs and reads.
"""

from netspec.backends.brian2.adapter import Brian2Backend

__all__ = ["Brian2Backend"]
