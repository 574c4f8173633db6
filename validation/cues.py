"""The cue of a ring, found again in the description or the result of a run."""

from __future__ import annotations

from netspec.circuits import Cue
from netspec.circuits.ring_measure import CIRCUIT as RING
from netspec.circuits.ring_measure import cue_of_run, only_cue
from netspec.errors import UsageError
from netspec.network import Network

__all__ = ["RING", "around", "cue_of", "cue_of_run", "turned"]


def cue_of(network: Network) -> Cue | None:
    """Return the cue of a ring that has exactly one, else None."""
    if network.circuit != RING:
        return None
    sizes = {population.name: population.size for population in network.populations}
    return only_cue(sizes, network.step_currents)


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
