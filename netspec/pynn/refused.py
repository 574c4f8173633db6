"""What PyNN's simulators have and netspec.pynn has not: said in words where it is asked for."""

from __future__ import annotations

from typing import NoReturn

from netspec.errors import UsageError

_NATIVE = "it names a model of one simulator; allowed: PyNN's standard models"
_GENERATED = "it generates code for one simulator; allowed: PyNN's standard models"
_COMPARTMENTS = "neurons are points here; allowed: PyNN's other standard models"
REFUSED = {
    "MultiCompartmentNeuron": _COMPARTMENTS,
    "NeuriteDistribution": _COMPARTMENTS,
    "PassiveLeak": _COMPARTMENTS,
    "ElectricalSynapse": "gap junctions have no spikes; allowed: a ContinuousProjection, in a "
    "description of your own",
    "IntFire1": _NATIVE,
    "IntFire2": _NATIVE,
    "IntFire4": _NATIVE,
    "native_cell_type": _NATIVE,
    "native_synapse_type": _NATIVE,
    "native_electrode_type": _NATIVE,
    "nineml": _GENERATED,
    "nineml_cell_type": _GENERATED,
    "nineml_celltype_from_model": _GENERATED,
    "nestml": _GENERATED,
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
        raise NotCarried(f"{name}: not carried; {REFUSED[name]}. See docs/pynn.md")
    raise AttributeError(f"module 'netspec.pynn' has no attribute {name!r}")
