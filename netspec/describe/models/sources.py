"""Neurons that only pass on what they are sent: sources of given or of Poisson spikes."""

from __future__ import annotations

from netspec.describe.neurons import NeuronModel

parrot_neuron = NeuronModel(
    name="parrot_neuron",
    description="Spikes when an event reaches it, with the time at which that is due (NEST's "
    "parrot_neuron). With a SpikeInput or a PoissonInput onto it, it is a source of given or of "
    "Poisson spikes, which can be recorded and have projections of any kind. Whatever comes in one "
    "step makes one spike, where NEST's neuron sends as many as came; weights do not matter, if "
    "they do not add up to zero.",
    equations="devents/dt = 0/ms : 1",
    threshold="events != 0",
    reset={"events": "0"},
    receptors={"events": "events"},
)
