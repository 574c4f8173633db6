"""Cells behind synapses that change: a script of PyNN's, for any of its simulators.

``python rules.py FILE`` writes what pyNN.nest makes of it.
"""

import sys

import numpy as np

CELLS = 5
STDP = ("additive", "multiplicative", "mixed", "gutig")


def learning(sim, **settings):
    """Return spikes, potentials and final weights of each rule."""
    from pyNN.parameters import Sequence

    sim.setup(timestep=0.1, min_delay=0.1, **settings)
    random = np.random.default_rng(7)
    steps = [np.sort(random.choice(np.arange(20, 4000), 25, replace=False)) for _ in range(CELLS)]
    # a quarter of a step early: pyNN.nest rounds some times on the grid to the step after
    sources = sim.Population(
        CELLS, sim.SpikeSourceArray(spike_times=[Sequence(s * 0.1 - 0.025) for s in steps])
    )
    pairs = sim.SpikePairRule(tau_plus=17.0, tau_minus=23.0, A_plus=0.05, A_minus=0.06)
    dependences = (
        sim.AdditiveWeightDependence, sim.MultiplicativeWeightDependence,
        sim.AdditivePotentiationMultiplicativeDepression, sim.GutigWeightDependence,
    )  # fmt: skip
    kinds = {
        name: sim.STDPMechanism(pairs, kind(w_min=0.0, w_max=8.0), weight=4.0, delay=1.3)
        for name, kind in zip(STDP, dependences, strict=True)
    }
    kinds["short"] = sim.TsodyksMarkramSynapse(
        U=0.3, tau_rec=90.0, tau_facil=60.0, weight=4.0, delay=1.3
    )
    kinds["short_depressing"] = sim.TsodyksMarkramSynapse(U=0.5, tau_rec=200.0, weight=4.0)
    found = {}
    for name, synapse in kinds.items():
        cells = sim.Population(
            CELLS, sim.IF_curr_exp(tau_syn_E=3.0, tau_m=15.0), initial_values={"v": -65.0}
        )
        cells.record(["spikes", "v"])
        projection = sim.Projection(
            sources, cells, sim.OneToOneConnector(), synapse, receptor_type="excitatory"
        )
        found[name] = cells, projection
    sim.run(400.0)
    values = {}
    for name, (cells, projection) in found.items():
        data = cells.get_data().segments[0]
        trains = [np.asarray(train.magnitude) for train in data.spiketrains]
        values[f"{name}_spikes"] = np.concatenate(trains)
        values[f"{name}_v"] = data.filter(name="v")[0].magnitude[1:]
        weights = projection.get("weight", format="list", with_address=False)
        values[f"{name}_weights"] = np.array(weights)
    sim.end()
    return values


if __name__ == "__main__":
    import pyNN.nest

    np.savez(sys.argv[1], **learning(pyNN.nest, spike_precision="on_grid"))
