"""Poisson input that starts, stops and changes its rate, as the simulator draws it itself.

Events are counted in a synaptic current, step by step, as in `test_poisson`. Outside of the input's
time there is none; within, they have the mean and variance of the rate that holds.
"""

from __future__ import annotations

import numpy as np
import pytest

from netspec import PoissonInput
from netspec.testing.parts import STEP, network, neuron, sampled

DT, STEPS, SIZE, WEIGHT, TAU = 0.1, 1200, 50, 50.0, 0.5
SIGMAS = 4.0
# population -> the input, and what it is: first step, the step after the last, spikes/s
CASES = {
    "window": (
        dict(rate=8000.0, start=10.0, stop=60.0),
        ((100, 600, 8000.0),),
    ),
    "steps": (
        dict(rate=2000.0, start=5.0, times=[30.0, 60.0, 90.0], rates=[20_000.0, 0.0, 1000.0]),
        ((50, 300, 2000.0), (300, 600, 20_000.0), (900, STEPS, 1000.0)),
    ),
    "later": (
        dict(rate=2000.0, start=5.0, delay=3.0, times=[30.0], rates=[200.0], number=10, stop=80.0),
        ((80, 330, 20_000.0), (330, 830, 2000.0)),
    ),
    "from_the_start": (
        dict(rate=5000.0, times=[0.3, 50.0], rates=[15_000.0, 5000.0]),
        ((3, 500, 15_000.0), (500, STEPS, 5000.0)),
    ),
}


def described():
    inputs = [
        PoissonInput(name=f"to_{name}", target=name, receptor="excitatory", weight=WEIGHT, **how)
        for name, (how, _) in CASES.items()
    ]
    populations = [neuron(name, SIZE, V_th=90.0, C_m=2000.0) for name in CASES]
    return network("changing", populations, ("I_syn_ex",), poisson_inputs=inputs)


@pytest.mark.parametrize("population", CASES)
def test_counts_are_those_of_the_rate_that_holds(simulate, tolerance, population):
    run = simulate(described(), STEPS * DT, DT)
    current = sampled(run, population, "I_syn_ex") / WEIGHT
    found = current - np.vstack([np.zeros(SIZE), current[:-1]]) * np.exp(-DT / TAU)
    atol = tolerance(1e-9, STEP * np.abs(current).max())
    np.testing.assert_allclose(found, np.rint(found), rtol=0, atol=atol)
    counts, silent = np.rint(found).astype(int), np.ones(STEPS, bool)
    for first, last, rate in CASES[population][1]:
        mean, there = rate * DT / 1000, counts[first:last]
        silent[first:last] = False
        assert abs(there.mean() - mean) < SIGMAS * np.sqrt(mean / there.size)
        spread = SIGMAS * np.sqrt((mean + 2 * mean**2) / there.size)
        assert abs(there.var() - mean) < spread
        # the first and the last step draw as the others do
        for step in (there[0], there[-1]):
            assert abs(step.sum() - SIZE * mean) < SIGMAS * np.sqrt(SIZE * mean) + 1
            assert step.any() or SIZE * mean < 8
    if population == "from_the_start":  # where a device may be late
        silent[:3] = False
    assert not counts[silent].any()
