"""The quantities of a description: each with its path, its unit and what is plausible of it.

A piece of a network says in its annotations what its fields mean (`netspec.describe.fields.Mark`).
All that
goes through quantities one by one goes through slots: conversion to canonical units, plausibility,
TOML, the grid of time steps. So a new kind of input is a class, and nothing else has to know it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol, get_args

from netspec.describe import units
from netspec.describe.columns import Column
from netspec.describe.drawn import Drawn
from netspec.describe.fields import (
    Always,
    ByName,
    Described,
    Identifier,
    InUnit,
    Mark,
    PartOf,
    UnitOf,
)
from netspec.describe.neurons import NeuronModel
from netspec.describe.plausible import Plausible
from netspec.describe.synapses import OF_WEIGHT, SynapseModel
from netspec.errors import Fault


class Piece(Described):
    """A part of a network that has a name: a population, a projection, an input, a recorder."""

    name: Identifier

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield what is wrong beyond names, units and plausibility; paths begin at the piece.

        Parameters
        ----------
        place : Place
            What surrounds the piece, which is in canonical units by now.
        """
        yield from ()


class Whole(Protocol):
    """What slots need to know of a network, which is made of pieces and so cannot be known here."""

    @property
    def populations(self) -> tuple[Any, ...]:
        """Its populations."""

    @property
    def models(self) -> Mapping[str, NeuronModel]:
        """Name -> neuron model of all that populations name."""

    @property
    def projections(self) -> tuple[Any, ...]:
        """Its projections."""

    @property
    def synapse_models(self) -> Mapping[str, SynapseModel]:
        """Name -> synapse model of all that projections name."""

    def pieces(self) -> Iterator[tuple[str, Piece]]:
        """Yield every piece with the name of its list."""


@dataclass(frozen=True)
class Place:
    """What the fields of a piece refer to; in a broken description some of it is missing."""

    populations: Mapping[str, Any]
    models: Mapping[str, NeuronModel]
    projections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    synapse_models: Mapping[str, SynapseModel] = dataclasses.field(default_factory=dict)

    def population(self, piece: Any, of: str) -> Any:
        """Return the population that the field `of` of a piece names, None if there is none."""
        return self.populations.get(getattr(piece, of))

    def model(self, piece: Any, of: str = "") -> NeuronModel | None:
        """Return the model of that population; of the piece, a population, if `of` is empty."""
        population = self.population(piece, of) if of else piece
        return None if population is None else self.models.get(str(population.model))

    def synapse(self, projection: Any) -> SynapseModel | None:
        """Return the synapse model of a projection, None if it has none, or none is known."""
        return self.synapse_models.get(str(projection.synapse))

    def named(self, mark: ByName, piece: Any) -> dict[str, tuple[str, Plausible | None]] | None:
        """Return name -> unit and plausible range of all that a table may hold, if it is known."""
        if mark.kind == "synapse":
            return _of_synapse(self.synapse(piece), piece, self)
        model = self.model(piece)
        if model is None:
            return None
        if mark.kind == "states":
            return {n: (u, mark.plausible.get(u)) for n, u in model.units_of_states.items()}
        return {n: (p.unit, Plausible(p.low, p.high)) for n, p in model.parameters.items()}


def _of_synapse(
    model: SynapseModel | None, piece: Any, place: Place
) -> dict[str, tuple[str, Plausible | None]] | None:
    """Return unit and plausible range of a synapse model's parameters."""
    if model is None:
        return None
    kind: type[Described] = type(piece)
    mark = marks(kind)["weight"]
    unit = unit_of(mark, piece, place) if isinstance(mark, UnitOf) else None
    found: dict[str, tuple[str, Plausible | None]] = {}
    for name, parameter in model.parameters.items():
        of_weight = parameter.unit == OF_WEIGHT
        if not of_weight:
            found[name] = parameter.unit, Plausible(parameter.low, parameter.high)
        elif unit in units.COHERENT and isinstance(mark, UnitOf):
            found[name] = str(unit), mark.plausible.get(str(unit))
    return found


@dataclass(frozen=True)
class Slot:
    """One quantity of a piece, or several that are alike.

    Attributes
    ----------
    owner : str
        The piece, by the names of its list and its own: ``projections.E_I``.
    field : str
        Of the piece: ``delay``, ``rule.weight``, ``parameters.tau_m``.
    unit : str
        Canonical, if there is a canonical unit of this dimension.
    value : float or tuple of float or Drawn or Column
    mark : Mark
        What the annotation says.
    plausible : Plausible or None
    """

    owner: str
    field: str
    unit: str
    value: float | tuple[float, ...] | Drawn | Column
    mark: Mark
    plausible: Plausible | None = None

    @property
    def path(self) -> str:
        """As in ``--set`` and ``accept``."""
        return f"{self.owner}.{self.field}"

    def holding(self, value: float | tuple[float, ...] | Drawn | Column) -> Slot:
        """Return the slot with another value."""
        return replace(self, value=value)

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers that stand for it: of a distribution the middle, of an array both ends."""
        if isinstance(self.value, Column):
            return self.value.ends()
        if isinstance(self.value, Drawn):
            return self.value.shown()
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @property
    def steps(self) -> int | None:
        """The fewest time steps that it is rounded to; None if it is not rounded."""
        return self.mark.steps if isinstance(self.mark, InUnit) else None


@cache
def marks(kind: type[Described]) -> dict[str, Mark]:
    """Return field -> what its annotation says, for the fields that say something."""
    found = {name: _mark((f.annotation, *f.metadata)) for name, f in kind.model_fields.items()}
    return {name: mark for name, mark in found.items() if mark is not None}


def _mark(parts: tuple[Any, ...]) -> Mark | None:
    """Return the outermost mark of an annotation that is taken apart."""
    own = next((part for part in parts if isinstance(part, Mark)), None)
    if own is not None:
        return own
    return next(filter(None, (_mark(inner) for part in parts if (inner := get_args(part)))), None)


def place_of(network: Whole) -> Place:
    """Return what the pieces of a network refer to."""
    return Place(
        {p.name: p for p in network.populations},
        network.models,
        {p.name: p for p in network.projections},
        network.synapse_models,
    )


def slots(network: Whole) -> Iterator[Slot]:
    """Yield every quantity of a network, in order of the description."""
    place = place_of(network)
    for key, piece in network.pieces():
        yield from slots_of(piece, place, f"{key}.{piece.name}")


def slots_of(piece: Described, place: Place, owner: str) -> Iterator[Slot]:
    """Yield the quantities of a piece; those whose unit cannot be known are left out."""
    yield from _slots(piece, piece, place, owner, "")


def _slots(here: Described, piece: Any, place: Place, owner: str, at: str) -> Iterator[Slot]:
    """Yield the quantities of a part of a piece, its own before those of what lies below."""
    known = marks(type(here))
    for field, mark in known.items():
        value = getattr(here, field)
        if value is None:
            continue
        if isinstance(mark, ByName):
            named = place.named(mark, piece) or {}
            for name, entry in value.items():
                if name in named:
                    yield Slot(owner, f"{at}{field}.{name}", named[name][0], entry, mark,
                               named[name][1])  # fmt: skip
        elif isinstance(mark, (Always, InUnit, UnitOf)):
            unit = unit_of(mark, piece, place)
            if unit is not None:
                yield Slot(owner, f"{at}{field}", unit, value, mark, _plausible(mark, unit))
    for field in type(here).model_fields:
        below = getattr(here, field)
        if field not in known and isinstance(below, Described):
            yield from _slots(below, piece, place, owner, f"{at}{field}.")


def _plausible(mark: Always | InUnit | UnitOf, unit: str) -> Plausible | None:
    if isinstance(mark, InUnit):
        return None
    return mark.plausible if isinstance(mark, Always) else mark.plausible.get(unit)


def unit_of(mark: Always | InUnit | UnitOf, piece: Any, place: Place) -> str | None:
    """Return the unit of a quantity of a piece, None if what it refers to does not exist."""
    if not isinstance(mark, UnitOf):
        return mark.unit
    unit = _unit_of_part(mark.of, piece, place)
    if unit is None or not mark.per:
        return unit
    per = _unit_of_part(mark.per, piece, place)
    return None if per is None else str(units.COHERENT[unit].times(units.COHERENT[per], -1))


def _unit_of_part(field: str, piece: Any, place: Place) -> str | None:
    kind: type[Described] = type(piece)
    part: Any = marks(kind)[field]
    model, name = place.model(piece, part.of), getattr(piece, field)
    if model is None:
        return None
    if part.kind == "receptors":
        name = model.receptors.get(name)
    return (model.inputs if part.kind == "inputs" else model.units_of_states).get(name)


def replaced(piece: Described, values: Mapping[str, Any]) -> Described:
    """Return a piece with other values in some slots.

    Parameters
    ----------
    piece : Described
    values : mapping
        Field, as `Slot.field` -> value.
    """
    below: dict[str, dict[str, Any]] = {}
    update: dict[str, Any] = {}
    for path, value in values.items():
        field, _, rest = path.partition(".")
        if rest:
            below.setdefault(field, {})[rest] = value
        else:
            update[field] = value
    for field, inner in below.items():
        old = getattr(piece, field)
        update[field] = {**old, **inner} if isinstance(old, dict) else replaced(old, inner)
    return piece.model_copy(update=update)


def doors(piece: Described) -> Iterator[str]:
    """Yield the populations that a piece drives, through a receptor or an input."""
    for mark in marks(type(piece)).values():
        if isinstance(mark, PartOf) and mark.kind != "states":
            yield getattr(piece, mark.of)
