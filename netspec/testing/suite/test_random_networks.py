"""Small random networks, split and recorded in any way, are those of SciPy spike for spike."""

from __future__ import annotations

import numpy as np
import pytest

from netspec.describe.serialization import to_toml
from netspec.execute.contract import RunRequest
from netspec.execute.running import execute_together
from netspec.testing.parts import trains
from netspec.testing.random_networks import MEMBRANE, STEPS, batch
from netspec.validation.ladder import oracle

SIZE = 10  # networks of a batch


def differences(run, network, simulation):
    """Say what of a run is not that of SciPy."""
    solution = oracle.solve(network, simulation.dt, STEPS, simulation.seed)
    found = []
    for population in network.populations:
        name = population.name
        expected = solution.spikes[name]
        for neuron, (mine, theirs) in enumerate(zip(trains(run, name), expected, strict=True)):
            if mine != theirs:
                first = min(set(mine) ^ set(theirs))
                found.append(f"{name}[{neuron}]: spikes differ from step {first} on")
        recorder = next(r for r in network.recorders if r.target == name)
        variable = MEMBRANE.get(str(population.model), "V_m")
        every = simulation.steps(recorder.interval or simulation.dt, minimum=1)
        steps, values = run.samples(recorder.name, variable)
        chosen = slice(None) if recorder.neurons is None else list(recorder.neurons)
        wanted = solution.values[name, variable][every - 1 :: every][:, chosen]
        at = np.arange(every, STEPS + 1, every) * simulation.dt
        if values.shape != wanted.shape or not np.allclose(steps, at):
            found.append(f"{recorder.name}: samples of shape {values.shape}, not {wanted.shape}")
        elif not np.allclose(values, wanted, rtol=1e-8, atol=1e-6):
            off = np.abs(values - wanted)
            first = every * (1 + int(np.argmax((off > 1e-6).any(axis=1))))
            found.append(
                f"{recorder.name}: {variable} off by {off.max():.3g}, from step {first} on"
            )
    return found


def check(number, backend, declared, folder, tolerance, asked):
    if tolerance.single:
        pytest.skip("spikes of 32-bit states part from those of SciPy by and by")
    drawn = batch(number, SIZE, backend, declared)
    how = drawn.how | {"options": asked | drawn.how["options"]}
    requests = [
        RunRequest(network=network, simulation=drawn.simulation, backend=backend, **how)
        for network in drawn.networks
    ]
    runs = execute_together(requests, folder)
    wrong = []
    for run, network in zip(runs, drawn.networks, strict=True):
        if found := differences(run, network, drawn.simulation):
            wrong.append("\n".join([*found, to_toml(network, drawn.simulation)]))
    assert not wrong, f"batch {number}, {how}:\n" + "\n\n".join(wrong)


# steps of 0.1, 0.25 and 1 ms; synapses of netspec, and rules of the simulators that draw nothing
@pytest.mark.parametrize("number", [0, 2, 4, 5])
def test_forty_random_networks_are_those_of_scipy(
    backend, declared, number, tmp_path, tolerance, asked
):
    check(number, backend, declared, tmp_path, tolerance, asked)


@pytest.mark.long
@pytest.mark.parametrize("number", range(100, 130))
def test_three_hundred_random_networks_are_those_of_scipy(
    backend, declared, number, tmp_path, tolerance, asked
):
    check(number, backend, declared, tmp_path, tolerance, asked)
