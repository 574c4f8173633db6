"""Circuits: each a folder that owns what is known of it, found by its entry point.

`CIRCUITS` has all that are installed, those of other packages too; ``docs/circuits.md`` says how
to add one. The builders of the library's own are functions of this module.
"""

from __future__ import annotations

from netspec.circuits.catalogue import CIRCUITS, circuit, known, usable
from netspec.circuits.compte_ring import Cue, working_memory
from netspec.circuits.contract import GROUP, Circuit, Published, TrialDesign
from netspec.circuits.mutants import Change, Mutant
from netspec.circuits.potjans_diesmann import microcircuit
from netspec.circuits.vogels_balance import inhibitory_balance

__all__ = [
    "CIRCUITS",
    "GROUP",
    "Change",
    "Circuit",
    "Cue",
    "Mutant",
    "Published",
    "TrialDesign",
    "circuit",
    "inhibitory_balance",
    "known",
    "microcircuit",
    "usable",
    "working_memory",
]
