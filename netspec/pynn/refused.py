"""What PyNN's simulators have and netspec.pynn has not: said in words where it is asked for."""

from __future__ import annotations

from typing import NoReturn

from netspec.errors import UsageError

_RELEASE = "synapses that release by chance are not carried; allowed: those that always do"
_NATIVE = "what only one simulator has is not carried; allowed: PyNN's standard models"
_COMPARTMENTS = "neurons with compartments are not carried; allowed: point neurons"
REFUSED = {
    "SimpleStochasticSynapse": _RELEASE,
    "StochasticTsodyksMarkramSynapse": _RELEASE,
    "MultiQuantalSynapse": _RELEASE,
    "ElectricalSynapse": "gap junctions are not carried; in a description: ContinuousProjection",
    "MultiCompartmentNeuron": _COMPARTMENTS,
    "NeuriteDistribution": _COMPARTMENTS,
    "PassiveLeak": _COMPARTMENTS,
    "IntFire1": _NATIVE,
    "IntFire2": _NATIVE,
    "IntFire4": _NATIVE,
    "native_cell_type": _NATIVE,
    "native_synapse_type": _NATIVE,
    "native_electrode_type": _NATIVE,
    "nineml_cell_type": _NATIVE,
    "nestml": _NATIVE,
}


class NotCarried(UsageError, AttributeError):
    """Something of PyNN's that netspec has no description for; `hasattr` says so too."""


def absent(name: str) -> NoReturn:
    """Raise for a name that netspec.pynn has not.

    Raises
    ------
    NotCarried
        If it is something of PyNN's.
    AttributeError
        If it is not known at all.
    """
    if name in REFUSED:
        raise NotCarried(f"{name}: {REFUSED[name]}. See docs/pynn.md")
    raise AttributeError(f"module 'netspec.pynn' has no attribute {name!r}")
