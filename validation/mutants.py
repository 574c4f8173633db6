"""Networks that are wrong on purpose: a comparison that is worth its runs tells them apart.

A mutant is plain data: changes of the described network, other options of the circuit's builder,
or another window. Its runs are cached like any other, since it is a network of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from netspec.errors import UsageError, choices
from netspec.network import Network
from netspec.serialization import network_from

FACTORS = (1.02, 1.05, 1.1)  # of the weights; which is the smallest that is caught?
LADDER = "weights x "  # names of these mutants begin so


@dataclass(frozen=True)
class Change:
    """One change of a description.

    Attributes
    ----------
    path : str
        As in ``--set``; the name of the piece may have wildcards: ``projections.*I_*.weight``.
    how : {"multiply", "set", "later", "drop"}
        ``multiply``: a number, or a distribution with its spread and bounds. ``later``: shift a
        delay, given or not, by whole time steps. ``drop``: leave the piece out.
    value : float or dict
        Factor, new value (canonical unit; a distribution as a table) or number of steps.
    """

    path: str
    how: Literal["multiply", "set", "later", "drop"]
    value: Any = 0.0


@dataclass(frozen=True)
class Mutant:
    """A deviation that two backends could have from each other.

    Attributes
    ----------
    name : str
    what : str
        What is changed, in words.
    caught : bool or None
        Whether ten seeds a side should call it different; None if that is to be found out.
    changes : tuple of Change
    builder : dict
        Options of the circuit's builder that differ, everything else equal.
    keep_warmup : bool
        The window begins with the simulation. Without other changes the runs of the network as
        it should be are counted again.
    """

    name: str
    what: str
    caught: bool | None = True
    changes: tuple[Change, ...] = ()
    builder: dict[str, Any] = field(default_factory=dict)
    keep_warmup: bool = False

    def apply(self, rebuild: Callable[..., Network], dt: float) -> Network:
        """Return the network with the mutation.

        Parameters
        ----------
        rebuild : callable
            Builds the network; takes the options in `builder`.
        dt : float
            Time step in ms.

        Raises
        ------
        UsageError
            If the network lacks what is to be changed.
        """
        data = rebuild(**self.builder).model_dump(mode="json")
        for change in self.changes:
            _apply(change, data, dt)
        return network_from(data)


def _apply(change: Change, data: dict[str, Any], dt: float) -> None:
    pieces, pattern, *fields = change.path.split(".")
    found = [piece for piece in data[pieces] if fnmatchcase(piece["name"], pattern)]
    if not found:
        names = choices(piece["name"] for piece in data[pieces])
        raise UsageError(f"{change.path}: nothing of this name to change; {names}")
    if change.how == "drop":
        data[pieces] = [piece for piece in data[pieces] if piece not in found]
        return
    for piece in found:
        table = piece
        for name in fields[:-1]:
            table = table[name]
        table[fields[-1]] = _changed(table[fields[-1]], change, dt)


def _changed(value: Any, change: Change, dt: float) -> Any:
    """Return a number, or a distribution as a table, with the change."""
    if change.how == "set":
        return change.value
    if isinstance(value, dict):
        fixed = ("kind", "clip", "sd") if change.how == "later" else ("kind", "clip")
        return {
            key: entry if key in fixed or entry is None else _changed(entry, change, dt)
            for key, entry in value.items()
        }
    if change.how == "multiply":
        return value * change.value
    return (dt if value is None else value) + change.value * dt  # no delay is one step


def _weights(factor: float, *paths: str) -> Mutant:
    return Mutant(
        f"{LADDER}{factor:g}",
        f"all recurrent weights times {factor:g}, with their spread",
        caught=None,
        changes=tuple(Change(path, "multiply", factor) for path in paths),
    )


_KEPT = "warm-up kept"
_WARMUP = Mutant(_KEPT, "the window begins at 0", keep_warmup=True)
# V_m(0) of the paper, above threshold for one neuron in five: a transient that can be seen
_START = Change("populations.*.initial.V_m", "set", {"kind": "normal", "mean": -58.0, "sd": 10.0})
_LATER = (Change("projections.*.delay", "later", 1),)

MICROCIRCUIT = (
    *(_weights(factor, "projections.*.weight") for factor in FACTORS),
    Mutant("g -4.1", "g -4.1 in place of -4: inhibitory weights, and the compensating current",
           builder={"g": -4.1}),
    Mutant("inhibition x 1.025", "the weights of g -4.1 with the compensating current of g -4",
           caught=None, changes=(Change("projections.*I_*.weight", "multiply", 4.1 / 4),)),
    # within the margins, and seen exactly by the lower rungs of the ladder
    Mutant("delays + 1 step", "all delays of recurrent synapses one time step longer",
           caught=None, changes=_LATER),
    Mutant("t_ref 1.9 ms", "refractory time 1.9 instead of 2 ms",
           caught=None, changes=(Change("populations.*.parameters.t_ref", "set", 1.9),)),
    Mutant("L4E_L23E not doubled", "mean weight and spread of L4E to L23E halved",
           changes=(Change("projections.L4E_L23E.weight", "multiply", 0.5),)),
    Mutant("no L6I_L6E", "this projection left out",
           changes=(Change("projections.L6I_L6E", "drop"),)),
    Mutant("no L4I_L4E", "this projection left out",
           changes=(Change("projections.L4I_L4E", "drop"),)),
    Mutant("no L5I_L4E", "the weakest projection left out: 0 or 0.3 synapses a neuron",
           caught=False, changes=(Change("projections.L5I_L4E", "drop"),)),
    Mutant("dc drive", "a current in place of the Poisson input", builder={"drive": "dc"}),
    Mutant("poisson drive", "Poisson input in place of the current", builder={"drive": "poisson"}),
    Mutant("rates of nest", "another table behind the compensating current",
           builder={"rates": "nest"}),
    Mutant("rates of pygenn", "another table behind the compensating current",
           builder={"rates": "pygenn"}),
    Mutant(_KEPT, "the window begins at 0, V_m there as in the paper", changes=(_START,),
           keep_warmup=True),
)  # fmt: skip

# what is caught depends on the cue, and on whether there is a bump
WORKING_MEMORY = (
    *(
        _weights(factor, "projections.*.weight", "continuous_projections.*.kernel.weight")
        for factor in FACTORS
    ),
    Mutant("J_plus x 1.05", "height of the profile from E to E; its mean stays one",
           caught=None,
           changes=(Change("continuous_projections.E_E.kernel.J_plus", "multiply", 1.05),)),
    Mutant("sigma x 1.1", "width of the profile from E to E",
           caught=None,
           changes=(Change("continuous_projections.E_E.kernel.sigma", "multiply", 1.1),)),
    Mutant("tau_NMDA x 1.05", "decay of s_NMDA, which excitation is proportional to",
           caught=None,
           changes=(Change("populations.*.parameters.tau_NMDA", "multiply", 1.05),)),
    Mutant("I_I x 0.95", "inhibition among inhibitory neurons",
           caught=None,
           changes=(Change("projections.I_I.weight", "multiply", 0.95),)),
    Mutant("delays + 1 step", "inhibition one time step later: far below the time constants",
           caught=False, changes=_LATER),
    _WARMUP,
)  # fmt: skip

MUTANTS = {"microcircuit": MICROCIRCUIT, "working_memory": WORKING_MEMORY}


def mutants_of(network: Network) -> tuple[Mutant, ...]:
    """Return the mutants of a circuit of the library, or those that every network has."""
    kinds = {
        "projections.*.weight": network.projections,
        "continuous_projections.*.kernel.weight": network.continuous_projections,
    }
    paths = [path for path, pieces in kinds.items() if pieces]
    common = (*(_weights(factor, *paths) for factor in FACTORS if paths), _WARMUP)
    return MUTANTS.get(network.circuit or "", common)
