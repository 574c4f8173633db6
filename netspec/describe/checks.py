"""Cross-checks of a network: references, units, plausibility, and what each piece says of itself.

`check_pieces` looks at all pieces that could be read, collects every fault, and returns the
pieces in canonical units: only here is it known which unit a weight or parameter must have. What
there is to check stands in the annotations of the pieces (`netspec.describe.slots`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from netspec.describe import units
from netspec.describe.columns import Column
from netspec.describe.drawn import Drawn
from netspec.describe.faults import below
from netspec.describe.fields import (
    ByName,
    Described,
    Mark,
    NeuronsOf,
    PartOf,
    PopulationName,
    ProjectionName,
    UnitOf,
)
from netspec.describe.neurons import NeuronModel
from netspec.describe.plausible import Plausible
from netspec.describe.slots import Piece, Place, Slot, marks, replaced, slots_of
from netspec.describe.synapses import SynapseModel
from netspec.errors import Fault, UnitError, nearest

Value = float | tuple[float, ...] | Drawn | Column


def check_pieces(
    pieces: Mapping[str, Sequence[Piece | None]],
    models: Mapping[str, NeuronModel],
    accept: Collection[str],
    population_names: Sequence[str],
    projection_names: Sequence[str] = (),
    synapse_models: Mapping[str, SynapseModel] | None = None,
) -> tuple[list[Fault], dict[str, tuple[Any, ...]]]:
    """Check all pieces against each other.

    Parameters
    ----------
    pieces : mapping
        List name -> pieces; None stands for one that could not be read.
    models : mapping
        The neuron models that could be read.
    accept : collection of str
        Paths of implausible values that are meant.
    population_names : sequence of str
        All names of populations, also of those that could not be read.
    projection_names : sequence of str
        Likewise.
    synapse_models : mapping, optional
        The synapse models that could be read.

    Returns
    -------
    faults : list of Fault
    normal : dict
        List name -> pieces in canonical units (of use only without faults).
    """
    place = Place(
        *({p.name: p for p in pieces["populations"] if p is not None}, models),
        {p.name: p for p in pieces["projections"] if p is not None},
        synapse_models or {},
    )
    check = _Check(pieces, place, accept, population_names, projection_names)
    normal = {
        key: tuple(
            None if piece is None else check.piece(key, f"{key}[{index}]", piece)
            for index, piece in enumerate(values)
        )
        for key, values in pieces.items()
    }
    check.unique_names()
    return check.faults, normal


class _Check:
    def __init__(
        self,
        pieces: Mapping[str, Sequence[Piece | None]],
        place: Place,
        accept: Collection[str],
        population_names: Sequence[str],
        projection_names: Sequence[str],
    ) -> None:
        self.pieces, self.place, self.accept = pieces, place, accept
        self.names = list(dict.fromkeys(population_names))
        self.projections = list(dict.fromkeys(projection_names))
        self.faults: list[Fault] = []

    def fault(self, path: str, given: object, allowed: str, hint: str = "") -> None:
        self.faults.append(Fault(path, str(given), allowed, hint))

    def unique_names(self) -> None:
        seen: dict[str, str] = {}
        for key, values in self.pieces.items():
            for index, piece in enumerate(values):
                path = f"{key}[{index}].name"
                if piece is not None and seen.setdefault(piece.name, path) != path:
                    self.fault(path, repr(piece.name), f"unique names; also {seen[piece.name]}")

    def piece(self, key: str, path: str, piece: Piece) -> Described:
        """Check one piece at `path`; return it in canonical units."""
        self.references(path, piece, piece)
        values: dict[str, Value] = {}
        for slot in slots_of(piece, self.place, f"{key}.{piece.name}"):
            value = self.quantity(path, slot, piece)
            if value is not None:
                values[slot.field] = value
        normal: Any = replaced(piece, values)
        self.faults += [below(path, fault) for fault in normal.check(self.place)]
        return normal  # type: ignore[no-any-return]

    # -- names and indices --------------------------------------------------------------

    def references(self, path: str, here: Described, piece: Any) -> None:
        """Check what the fields of a piece, or of a part `here` of it, refer to."""
        for field in type(here).model_fields:
            value, mark = getattr(here, field), marks(type(here)).get(field)
            if mark is not None:
                self.reference(f"{path}.{field}", mark, value, piece)
            elif isinstance(value, Described):
                self.references(f"{path}.{field}", value, piece)

    def reference(self, path: str, mark: Mark, value: Any, piece: Any) -> None:
        if isinstance(mark, PopulationName) and value not in self.names:
            known = ", ".join(self.names[:20]) or "there is none"
            self.fault(path, repr(value), f"a population: {known}", nearest(value, self.names))
        elif isinstance(mark, ProjectionName) and value not in self.projections:
            known = ", ".join(self.projections[:20]) or "there is none"
            self.fault(
                path, repr(value), f"a projection: {known}", nearest(value, self.projections)
            )
        elif isinstance(mark, NeuronsOf):
            population = self.place.population(piece, mark.of)
            last = np.max(np.asarray(value or [0]), initial=0)
            if population is not None and last >= population.size:
                self.fault(path, last, f"neurons 0 to {population.size - 1}")
        elif isinstance(mark, PartOf) and (model := self.place.model(piece, mark.of)) is not None:
            known_parts = _parts(model, mark.kind)
            for name in (value,) if isinstance(value, str) else value:
                self.member(path, name, known_parts, f"{mark.what} of {model.name}")
        elif isinstance(mark, ByName):
            self.table(path, mark, value, piece)

    def table(self, path: str, mark: ByName, value: Any, piece: Any) -> None:
        """Check the names of a table of parameters or states."""
        synaptic = mark.kind == "synapse"
        model = self.place.synapse(piece) if synaptic else self.place.model(piece)
        if model is None:
            return
        what = "a state variable" if mark.kind == "states" else "a parameter"
        known_parts = model.parameters if synaptic else _parts(model, mark.kind)  # type: ignore[arg-type]
        for name in value:
            self.member(f"{path}.{name}", name, known_parts, f"{what} of {model.name}")

    def member(self, path: str, name: str, known: Collection[str], what: str) -> None:
        if name not in known:
            names = sorted(known)
            allowed = f"{what}: {', '.join(names) or 'none'}"
            self.fault(path, repr(name), allowed, nearest(name, names))

    # -- quantities ---------------------------------------------------------------------

    def quantity(self, path: str, slot: Slot, piece: Piece) -> Value | None:
        """Check one quantity; return it as plain floats, None if there is no unit for it."""
        if isinstance(slot.mark, UnitOf) and slot.unit not in units.COHERENT:
            field = slot.mark.of
            given, allowed = repr(getattr(piece, field)), f"no weight has the unit {slot.unit}"
            self.fault(f"{path}.{field}", given, allowed)
            return None
        path = f"{path}.{slot.field}"
        convert, value = self.converter(path, slot.unit), slot.value
        if isinstance(value, (Drawn, Column)):
            value = value.converted(convert)
        else:
            value = tuple(map(convert, value)) if isinstance(value, tuple) else convert(value)
        self.plausible(path, slot.holding(value))
        return value

    def converter(self, path: str, unit: str) -> Callable[[float], float]:
        def to_unit(value: float) -> float:
            try:
                return units.check_dimension(value, unit)
            except UnitError as error:
                self.fault(path, repr(getattr(value, "text", value)), str(error).split(", ", 1)[-1])
                return float(value)

        return to_unit

    def plausible(self, path: str, slot: Slot) -> None:
        """Report what is far from usual, unless the network says that it is meant."""
        # addressed by name, which stays when pieces are reordered
        if slot.plausible is None or slot.path in self.accept:
            return
        for value, low, high, slip in _slips(slot, slot.plausible):
            self.fault(
                path,
                f"{value:g} {slot.unit}",
                f"plausible is {'-inf' if low is None else low} to "
                f"{'inf' if high is None else high} {slot.unit}",
                f"{slip} If it is meant, add {slot.path!r} to accept",
            )


def _parts(model: NeuronModel, kind: str) -> Collection[str]:
    """Return the names of a model's receptors, inputs, states or parameters."""
    known: Collection[str] = model.units_of_states if kind == "states" else getattr(model, kind)
    return known


def _slips(slot: Slot, usual: Plausible) -> Iterator[tuple[float, float | None, float | None, str]]:
    """Yield (value, low, high, what it may be) of what is far from usual."""
    low, high, values = usual.low, usual.high, slot.values
    if usual.of_size:
        values = tuple(abs(value) for value in values if value)
    wrong = [v for v in values if (low is not None and v < low) or (high is not None and v > high)]
    # of single synapses, of which there are many, the first says enough
    for value in wrong[:1] if slot.field.startswith("rule.") else wrong:
        yield value, low, high, "a slip of 1000?"
    if usual.negative and not wrong and (least := min(slot.values, default=0.0)) < 0:
        yield least, 0.0, high, usual.negative
