"""Random neuron models, of any equations and names, do what their step program does in NumPy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from netspec import Simulation
from netspec.describe.serialization import to_toml
from netspec.execute.contract import get_backend
from netspec.testing.parts import sampled, trains
from netspec.testing.random_models import DURATION, batch
from netspec.testing.stepping import follow

SIMULATION = Simulation(dt=0.1, warmup=0.0, duration=DURATION, seed=1)


@lru_cache(maxsize=1)
def followed(number, size):
    """Return a network and what its neurons do in NumPy."""
    network = batch(number, size)
    return network, {p.name: follow(network, p.name, SIMULATION) for p in network.populations}


def differences(run, expected):
    """Say what of a run is not that of the step program."""
    found = []
    for name, (values, spikes) in expected.items():
        if trains(run, name) != spikes:
            found.append(f"{name}: spikes {trains(run, name)}, not {spikes}")
        for variable, expected in values.items():
            off = np.abs(sampled(run, name, variable) - expected).max(axis=1)
            if not (off <= 1e-9 * max(np.abs(expected).max(), 1.0)).all():
                first = 1 + int(np.argmax(off > 1e-9))
                found.append(f"{name}: {variable} off by {off.max():.3g}, from step {first} on")
    return found


def check(number, size, simulate, tolerance, **how):
    if tolerance.single:
        pytest.skip("conditions on 32-bit states part from those of 64 bits by and by")
    network, expected = followed(number, size)
    run = simulate(network, DURATION, SIMULATION.dt, **how)
    if wrong := differences(run, expected):
        pytest.fail("\n".join([*wrong, to_toml(network, SIMULATION)]))


def test_five_random_models_do_what_their_step_programs_do(simulate, tolerance):
    check(1, 5, simulate, tolerance)


@pytest.mark.long
@pytest.mark.parametrize("number", range(100, 110))
def test_two_hundred_random_models_do_what_their_step_programs_do(simulate, tolerance, number):
    check(number, 20, simulate, tolerance)


@pytest.mark.long
@pytest.mark.parametrize("number", range(100, 102))
def test_random_models_that_are_compiled_do_what_their_step_programs_do(
    simulate, tolerance, backend, number
):
    if "codegen" not in get_backend(backend).options:
        pytest.skip("it compiles all of them anyway")
    check(number, 10, simulate, tolerance, options={"codegen": "cython"})
