"""The base of all description classes and the field types that they share.

Everything in a description is a frozen pydantic model: unknown fields are refused, numbers
are finite, and quantities are converted to canonical units while they are read. What a field means
(the unit of a quantity and what is plausible of it, what a name refers to) stands in its annotation
as a `Mark`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictInt,
    StrictStr,
    StringConstraints,
    ValidationError,
    model_serializer,
)

from netspec.describe import units
from netspec.describe.faults import as_description_error
from netspec.describe.plausible import Plausible
from netspec.errors import UnitError, shown


class Described(BaseModel):
    """A frozen, strict value: a part of a description."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, /, **fields: Any) -> None:  # a field may be called self, by mistake
        # users meet netspec's own error, with every fault in it, instead of pydantic's
        try:
            super().__init__(**fields)
        except ValidationError as error:
            subject = f"{type(self).__name__} {shown(fields.get('name', '(unnamed)'))}"
            raise as_description_error(error, type(self), subject) from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, without what was derived from fields that are replaced."""
        copied = super().model_copy(update=update, deep=deep)
        if update:
            for name in copied.__dict__.keys() - type(self).model_fields.keys():
                del copied.__dict__[name]  # a cached property
        return copied


class Grown(Described):
    """A value whose class learned to say more: canonical texts have of that what is said.

    So the hash of a description that says nothing of it stays.

    Attributes
    ----------
    later : tuple of str
        Fields that are left out of canonical texts and of files while they have their default.
    """

    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_unsaid(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if "digest" in (info.context or {}):
            for name in self.later:
                if getattr(self, name) == type(self).model_fields[name].default:
                    data.pop(name, None)
        return data


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, np.integer) else value


def _sequence(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def name_of(value: Any) -> Any:
    """Return the name of a piece, and what is none as it is."""
    # in Python a population may be given itself instead of its name
    return getattr(value, "name", value)


class Mark:
    """What a field of a description means; `netspec.describe.slots` reads it off the annotation."""


@dataclass(frozen=True)
class InUnit(Mark):
    """The validator of a quantity in a canonical unit.

    Attributes
    ----------
    unit : str
    low, high : float
        What is possible.
    steps : int or None
        The fewest time steps that it is rounded to; None if it is not rounded.
    """

    unit: str
    low: float = -1e30
    high: float = 1e30
    steps: int | None = None

    def read(self, value: Any) -> float:
        """Return `value` in the unit.

        Raises
        ------
        UnitError
            If it is in another dimension or out of bounds.
        """
        result = units.quantity(value, self.unit)
        if not self.low <= result <= self.high:
            bounds = f"{self.low:g} to {self.high:g} {self.unit}"
            raise UnitError(f"given {value!r}, expected {bounds}")
        return result

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        validator = PlainValidator(self.read, json_schema_input_type=float | str)
        return validator.__get_pydantic_core_schema__(source, handler)


def in_unit(unit: str, low: float = -1e30, high: float = 1e30, steps: int | None = None) -> InUnit:
    """Return the validator of a quantity in a canonical `unit`, between two bounds."""
    return InUnit(unit, low, high, steps)


@dataclass(frozen=True)
class Always(Mark):
    """A quantity, or a distribution, that has the same unit whatever it is connected to."""

    unit: str
    plausible: Plausible | None = None


@dataclass(frozen=True, eq=False)
class UnitOf(Mark):
    """A quantity whose unit is that of the receptor, input or state that another field names.

    Attributes
    ----------
    of : str
        A field of the piece, see `PartOf`.
    per : str
        A field whose unit divides it; empty if there is none.
    plausible : mapping
        Unit -> what is usual.
    """

    of: str
    per: str = ""
    plausible: Mapping[str, Plausible] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ByName(Mark):
    """A table of quantities of a population: its `parameters`, or its `states`.

    Attributes
    ----------
    kind : {"parameters", "states", "synapse"}
        Of a projection: ``synapse``, the parameters of its synapse model.
    plausible : mapping
        Unit -> what is usual, where the model does not say it.
    """

    kind: Literal["parameters", "states", "synapse"]
    plausible: Mapping[str, Plausible] = field(default_factory=dict)


@dataclass(frozen=True)
class PartOf(Mark):
    """A name, or names, of receptors, inputs or states of a population's model.

    Attributes
    ----------
    kind : {"receptors", "inputs", "states"}
    of : str
        The field that names the population.
    what : str
        For messages.
    """

    kind: Literal["receptors", "inputs", "states"]
    of: str
    what: str


@dataclass(frozen=True)
class NeuronsOf(Mark):
    """Indices of neurons of the population that the field `of` names."""

    of: str


@dataclass(frozen=True)
class PopulationName(Mark):
    """The name of a population."""


@dataclass(frozen=True)
class ProjectionName(Mark):
    """The name of a projection."""


def _measured(value: Any) -> float:
    result = units.measured(value)
    if abs(result) > 1e30:  # weights are kept in single precision, which ends at 3e38
        raise UnitError(f"given {shown(value)}, expected -1e30 to 1e30")
    return result


# A quantity whose unit follows from what it is connected to; see `units.Measured`. A plain
# validator, because pydantic's own float validation would drop the remembered unit.
Quantity = Annotated[float, PlainValidator(_measured, json_schema_input_type=float | str)]
Plain = Annotated[float, in_unit("1")]
Milliseconds = Annotated[float, in_unit("ms")]
Hertz = Annotated[float, in_unit("Hz", 0, 1e9)]
Count = Annotated[StrictInt, BeforeValidator(_integer), Field(ge=0, le=2**40)]
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
Identifier = Annotated[StrictStr, StringConstraints(pattern=NAME_PATTERN)]
Reference = Annotated[
    StrictStr,
    BeforeValidator(name_of),
    StringConstraints(pattern=NAME_PATTERN),
    PopulationName(),
]
Index = Annotated[StrictInt, BeforeValidator(_integer), Field(ge=0, lt=2**32)]
Indices = Annotated[tuple[Index, ...], BeforeValidator(_sequence)]
Quantities = Annotated[tuple[Quantity, ...], BeforeValidator(_sequence)]
Frequencies = Annotated[tuple[Hertz, ...], BeforeValidator(_sequence)]
MAX_TIME = 1e9  # ms
Time = Annotated[float, in_unit("ms", 0, MAX_TIME, steps=0)]
Times = Annotated[tuple[Time, ...], BeforeValidator(_sequence)]
