"""The cue of a trial, found again in the description or the result of a run.

What a cue is, its circuit says (`netspec.circuits.TrialDesign`).
"""

from __future__ import annotations

from typing import Any

from netspec.circuits import TrialDesign, known, usable
from netspec.describe.network import Network
from netspec.errors import UsageError
from netspec.execute.results import Run, circuit_of


def design_of(circuit: str | None) -> TrialDesign | None:
    """Return how a circuit is asked in trials, if it is."""
    found = known(circuit)
    return None if found is None else found.trials


def askable() -> str:
    """Say which networks can be asked in trials: "a ring with exactly one cue"."""
    designs = [circuit.trials.what for circuit in usable() if circuit.trials is not None]
    return ", or ".join(designs) or "a circuit that has trials"


def cue_of(network: Network) -> Any:
    """Return the cue of a network that has exactly one, as its circuit describes it; else None."""
    design = design_of(network.circuit)
    return None if design is None else design.cue_of(network)


def cue_of_run(run: Run) -> Any:
    """Return the cue that a run was given, if it was given exactly one; else None."""
    design = design_of(circuit_of(run.manifest))
    return None if design is None else design.cue_given(run.manifest)


def turned(network: Network, angle: float) -> Network:
    """Return the network with its one cue at another angle (degrees).

    Raises
    ------
    UsageError
        If its circuit has no trials, or it has not exactly one cue.
    """
    design = design_of(network.circuit)
    if design is None:
        raise UsageError(f"{network.name}: no cue, which could be turned; expected {askable()}")
    return design.turned(network, angle)


def around(network: Network, number: int) -> list[Network]:
    """Return one network a trial: its one cue turned in equal parts of 360 degrees, if it has one.

    The first trial has the network as it is.
    """
    design = design_of(network.circuit)
    return [network] * number if design is None else design.around(network, number)
