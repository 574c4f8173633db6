"""The mutants that a network's self-test has: its circuit's own, or those of every network."""

from __future__ import annotations

from netspec.circuits import known
from netspec.circuits.mutants import FACTORS, LADDER, Change, Mutant, common
from netspec.describe.network import Network

__all__ = ["FACTORS", "LADDER", "Change", "Mutant", "mutants_of"]


def mutants_of(network: Network) -> tuple[Mutant, ...]:
    """Return the mutants of the network's circuit, or those that every network has."""
    circuit = known(network.circuit)
    return (circuit.mutants if circuit else ()) or common(network)
