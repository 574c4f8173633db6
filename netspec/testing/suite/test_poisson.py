"""Poisson input: counts have the mean and variance of a Poisson process, and are independent.

The number of events of every step is read from the synaptic current, which is known to decay by
a fixed factor. The seed is fixed; every interval is four standard errors wide.
"""

from __future__ import annotations

import numpy as np
import pytest

from netspec import PoissonInput
from netspec.testing.parts import STEP, network, neuron, sampled

DT = 0.1
STEPS, SIZE, WEIGHT, TAU = 1500, 60, 50.0, 0.5
RATES = {"external": (8.0, 1600), "rare": (100.0, 1)}  # (spikes/s, inputs)
START = 20.0  # ms
SIGMAS = 4.0


def driven():
    """Populations that never spike, since their threshold is far away."""
    inputs = [
        PoissonInput(
            name=f"to_{name}",
            target=name,
            receptor="excitatory",
            weight=WEIGHT,
            rate=rate,
            number=number,
        )
        for name, (rate, number) in RATES.items()
    ]
    inputs += [
        PoissonInput(name=name, target="both", receptor="excitatory", weight=WEIGHT, rate=6000.0)
        for name in ("one", "another")
    ]
    inputs += [
        PoissonInput(name="below", target="inhibited", receptor="inhibitory", weight=-WEIGHT,
                     rate=5000.0),
        PoissonInput(name="later", target="late", receptor="excitatory", weight=WEIGHT,
                     rate=20000.0, delay=START),
        PoissonInput(name="nothing", target="silent", receptor="excitatory", weight=WEIGHT,
                     rate=0.0),
    ]  # fmt: skip
    names = [*RATES, "both", "inhibited", "late", "silent"]
    populations = [neuron(name, SIZE, V_th=90.0, C_m=2000.0) for name in names]
    return network("poisson", populations, ("I_syn_ex", "I_syn_in"), poisson_inputs=inputs)


@pytest.fixture(scope="module")
def counted(simulate, tolerance):
    """Give a function that returns the number of events by step and neuron."""

    def counts(population, receptor="ex"):
        run = simulate(driven(), STEPS * DT, DT)
        current = sampled(run, population, f"I_syn_{receptor}") / WEIGHT
        before = np.vstack([np.zeros(SIZE), current[:-1]])
        found = current - before * np.exp(-DT / TAU)
        atol = tolerance(1e-9, STEP * np.abs(current).max())
        np.testing.assert_allclose(found, np.rint(found), rtol=0, atol=atol)
        # an input may need a step to begin
        return np.rint(found).astype(int)[2:]

    return counts


def assert_poisson(counts, mean):
    n = counts.size
    assert abs(counts.mean() - mean) < SIGMAS * np.sqrt(mean / n)
    # variance of the sample variance of a Poisson distribution
    assert abs(counts.var() - mean) < SIGMAS * np.sqrt((mean + 2 * mean**2) / n)
    empty = np.exp(-mean)
    assert abs((counts == 0).mean() - empty) < SIGMAS * np.sqrt(empty * (1 - empty) / n)


@pytest.mark.parametrize("population", RATES)
def test_counts_have_the_mean_and_variance_of_a_poisson_process(counted, population):
    rate, number = RATES[population]
    assert_poisson(counted(population), rate * number * DT / 1000)


def test_two_inputs_of_one_neuron_add_and_are_independent(counted):
    assert_poisson(counted("both"), 12000.0 * DT / 1000)


def test_an_inhibitory_input_reaches_the_inhibitory_current(counted):
    assert_poisson(-counted("inhibited", receptor="in"), 5000.0 * DT / 1000)
    assert not counted("inhibited").any() and not counted("silent").any()


def test_neurons_and_steps_are_independent(counted):
    counts = counted("external")
    z = (counts - counts.mean()) / counts.std()
    error = 1 / np.sqrt(counts.size)
    # the variance of the sum over neurons is the sum of the variances, and so for lags in time
    pairs = (z.sum(axis=1) ** 2).mean() / SIZE - 1
    assert abs(pairs) < SIGMAS * np.sqrt(2 / len(z))
    for lag in (1, 2, 10):
        assert abs((z[lag:] * z[:-lag]).mean()) < SIGMAS * error
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < SIGMAS * error


def test_a_delayed_input_begins_after_its_delay(counted):
    counts = counted("late")
    begin = round(START / DT) - 2
    assert not counts[:begin].any()
    assert_poisson(counts[begin + 2 :], 20000.0 * DT / 1000)
    assert counts[begin : begin + 2].any()
