"""The cue of a ring, found again in the description or the result of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netspec.circuits import Cue
from netspec.errors import UsageError
from netspec.network import Network, StepCurrent
from netspec.results import Run, circuit_of

RING = "working_memory"  # the circuit whose populations E and I are a ring and its inhibition


def cue_of(network: Network) -> Cue | None:
    """Return the cue of a ring that has exactly one, else None."""
    if network.circuit != RING:
        return None
    sizes = {population.name: population.size for population in network.populations}
    return _cue(sizes, network.step_currents)


def cue_of_run(run: Run) -> Cue | None:
    """Return the cue that a run was given, if it is one of a ring with exactly one."""
    given = run.manifest.get("step_currents")
    ring = circuit_of(run.manifest) == RING and {"E", "I"} <= set(run.populations)
    if not ring or not given:
        return None
    return _cue(run.manifest["sizes"], [StepCurrent(**entry) for entry in given])


def turned(network: Network, angle: float) -> Network:
    """Return the ring with its one cue at another angle (degrees)."""
    cue = cue_of(network)
    if cue is None:
        raise UsageError(f"{network.name}: no ring with exactly one cue, which could be turned")
    (current,) = network.step_currents
    neurons = cue.model_copy(update={"angle": angle}).neurons(network.population("E").size)
    moved = current.model_copy(update={"neurons": neurons})
    return network.model_copy(update={"step_currents": (moved,)})


def around(network: Network, number: int) -> list[Network]:
    """Return one network a trial: its one cue turned in equal parts of 360 degrees, if it has one.

    The first trial has the network as it is.
    """
    cue = cue_of(network)
    if cue is None:
        return [network] * number
    angles = [(cue.angle + 360 * k / number) % 360 for k in range(1, number)]
    return [network, *(turned(network, angle) for angle in angles)]


def _cue(sizes: dict[str, int], currents: Sequence[StepCurrent]) -> Cue | None:
    if len(currents) != 1 or "E" not in sizes:
        return None
    (current,) = currents
    neurons, size = current.neurons, sizes["E"]
    pulse = len(current.times) == 2 and current.amplitudes[1] == 0
    if current.target != "E" or not neurons or not pulse:
        return None
    where = np.angle(np.sum(np.exp(2j * np.pi * np.array(neurons) / size)))
    start, stop = current.times
    return Cue(
        angle=round(float(np.degrees(where)) % 360, 6) % 360,
        strength=current.amplitudes[0],
        width=360 * (len(neurons) - 1) / size,
        start=start,
        duration=stop - start,
    )
