"""The simulation that a network is run with if nothing else is said."""

from __future__ import annotations

from netspec.circuits import CIRCUITS
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation


def usual_simulation(network: Network) -> Simulation:
    """Return the simulation that a network's circuit is usually run with, else the defaults."""
    known = CIRCUITS.get(network.circuit or "")
    return known.simulation if known else Simulation()
