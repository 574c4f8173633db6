"""The base of all description classes and the field types that they share.

Everything in a description is a frozen pydantic model: unknown fields are refused, numbers
are finite, and quantities are converted to canonical units while they are read.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictInt,
    StrictStr,
    StringConstraints,
    ValidationError,
)

from netspec import units
from netspec.errors import UnitError, shown
from netspec.faults import as_description_error


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


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, np.integer) else value


def _sequence(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _name_of(value: Any) -> Any:
    # in Python a population may be given itself instead of its name
    return getattr(value, "name", value)


def in_unit(unit: str, low: float = -1e30, high: float = 1e30) -> PlainValidator:
    """Return the validator of a quantity in a canonical `unit`, between two bounds."""

    def read(value: Any) -> float:
        result = units.quantity(value, unit)
        if not low <= result <= high:
            raise UnitError(f"given {value!r}, expected {low:g} to {high:g} {unit}")
        return result

    return PlainValidator(read, json_schema_input_type=float | str)


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
Reference = Annotated[StrictStr, BeforeValidator(_name_of), StringConstraints(pattern=NAME_PATTERN)]
Index = Annotated[StrictInt, BeforeValidator(_integer), Field(ge=0, lt=2**32)]
Indices = Annotated[tuple[Index, ...], BeforeValidator(_sequence)]
Quantities = Annotated[tuple[Quantity, ...], BeforeValidator(_sequence)]
Times = Annotated[tuple[Annotated[float, in_unit("ms", 0, 1e9)], ...], BeforeValidator(_sequence)]
