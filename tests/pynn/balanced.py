"""A PyNN script: a balanced network after Vogels & Abbott (2005), small enough for a test.

``python balanced.py FILE CELLS`` runs it on pyNN.nest, with spikes on the grid as netspec has them,
and writes spikes and potentials to FILE.
"""

import sys

import numpy as np


def balanced(sim, cells, duration, **settings):
    """Return (index, time) of all spikes, and V_m of two cells in mV."""
    from pyNN.random import NumpyRNG, RandomDistribution

    sim.setup(timestep=0.1, min_delay=0.2, max_delay=1.0, **settings)
    cell = sim.IF_curr_exp(
        tau_m=20.0, cm=0.2, v_rest=-49.0, v_reset=-60.0, v_thresh=-50.0, tau_refrac=5.0,
        tau_syn_E=5.0, tau_syn_I=10.0,
    )  # fmt: skip
    everyone = sim.Population(cells, cell, label="All cells")
    exciting = everyone[: cells * 4 // 5]
    inhibiting = everyone[cells * 4 // 5 :]
    rng = NumpyRNG(seed=98765, parallel_safe=True)
    everyone.initialize(v=RandomDistribution("uniform", low=-60.0, high=-50.0, rng=rng))
    connector = sim.FixedProbabilityConnector(80 / cells, rng=rng)
    weights = RandomDistribution("normal_clipped", mu=0.0162, sigma=0.004, low=0, high=1, rng=rng)
    delays = RandomDistribution("uniform", (0.2, 1.0), rng=NumpyRNG(seed=3))
    sim.Projection(
        exciting, everyone, connector, sim.StaticSynapse(weight=weights, delay=delays),
        receptor_type="excitatory",
    )  # fmt: skip
    sim.Projection(
        inhibiting, everyone, connector, sim.StaticSynapse(weight=-0.09, delay=0.2),
        receptor_type="inhibitory",
    )  # fmt: skip
    everyone.record("spikes")
    everyone[[0, cells - 1]].record("v")
    sim.run(duration)
    segment = everyone.get_data().segments[0]
    spikes = [
        (index, time)
        for index, train in enumerate(segment.spiketrains)
        for time in np.ravel(train.rescale("ms").magnitude)
    ]
    sim.end()
    return np.array(spikes), np.asarray(segment.analogsignals[0].magnitude)


if __name__ == "__main__":
    import pyNN.nest

    spikes, v = balanced(pyNN.nest, int(sys.argv[2]), 200.0, spike_precision="on_grid")
    np.savez(sys.argv[1], spikes=spikes, v=v)
