"""The simulation that a network is run with if nothing else is said."""

from __future__ import annotations

from netspec.circuits import known
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation


def usual_simulation(network: Network) -> Simulation:
    """Return the simulation that a network's circuit is usually run with, else the defaults."""
    circuit = known(network.circuit)
    return Simulation() if circuit is None else circuit.simulation
