"""Networks that are wrong on purpose: a comparison that is worth its runs tells them apart.

A mutant is plain data: changes of the described network, other options of the circuit's builder,
or another window. Its runs are cached like any other, since it is a network of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from netspec.describe.network import Network
from netspec.describe.serialization import network_from
from netspec.errors import UsageError, choices

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


def weights(*paths: str) -> tuple[Mutant, ...]:
    """Return a mutant for each of `FACTORS`: all weights at these paths, with their spread."""
    return tuple(
        Mutant(
            f"{LADDER}{factor:g}",
            f"all recurrent weights times {factor:g}, with their spread",
            caught=None,
            changes=tuple(Change(path, "multiply", factor) for path in paths),
        )
        for factor in FACTORS
        if paths
    )


KEPT = "warm-up kept"
WARMUP = Mutant(KEPT, "the window begins at 0", keep_warmup=True)
LATER = Change("projections.*.delay", "later", 1)  # one step: the least that a delay can be off


def common(network: Network) -> tuple[Mutant, ...]:
    """Return the mutants that every network has."""
    kinds = {
        "projections.*.weight": network.projections,
        "continuous_projections.*.kernel.weight": network.continuous_projections,
    }
    return (*weights(*(path for path, pieces in kinds.items() if pieces)), WARMUP)
