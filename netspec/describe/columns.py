"""Synapses in columns: as many numbers as there are synapses, kept, hashed and written as arrays.

In files a column is a list of numbers, or, of more than `arrays.LISTED` numbers, their bytes as
text (base64 of 32-bit indices or 64-bit floats, the lowest byte first).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, SerializationInfo

from netspec.describe.arrays import LISTED, converted, numbers_of


class Column(Sequence[float]):
    """Numbers of synapses, which do not change.

    Parameters
    ----------
    values : ndarray of uint32 or float64, shape (n,)
        Is made read-only.
    unit : str or None
        Of all values; None if they are in canonical units, as in every network.
    """

    def __init__(self, values: NDArray[Any], unit: str | None = None) -> None:
        values.setflags(write=False)
        self.values, self.unit = values, unit

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype, copy=copy)

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[float]: ...
    def __getitem__(self, index: int | slice) -> float | Sequence[float]:
        found: Any = self.values[index]
        return tuple(found.tolist()) if isinstance(index, slice) else found.item()

    def __iter__(self) -> Iterator[float]:
        return iter(self.values.tolist())

    def __eq__(self, other: object) -> bool:
        """Return whether units and all values are the same; also of a tuple, if files list them."""
        if isinstance(other, tuple) and len(self) <= LISTED:
            return self.unit is None and tuple(self) == other
        if not isinstance(other, Column):
            return NotImplemented
        return self.unit == other.unit and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        """Return a hash of unit and values."""
        if self.unit is None and len(self) <= LISTED:
            return hash(tuple(self))
        return hash((self.unit, self.digest))

    def __repr__(self) -> str:
        return f"Column({len(self)} values)"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the values, the lowest byte first, in hexadecimal."""
        return hashlib.sha256(_little(self.values).tobytes()).hexdigest()

    def ends(self) -> tuple[float, ...]:
        """Return the smallest and the largest value, or the one there is; nothing if empty."""
        if not len(self):
            return ()
        return tuple(dict.fromkeys((self.values.min().item(), self.values.max().item())))

    def converted(self, convert: Callable[[float], float]) -> Column:
        """Return a copy with every value converted, which must be to a multiple."""
        return Column(converted(self.values, self.unit, convert))

    def written(self, context: dict[str, Any] | None = None) -> Any:
        """Return it as plain data: a list, text, or what stands for it in a hashed text."""
        if len(self) <= LISTED:
            return self.values.tolist()
        if (context or {}).get("digest"):
            return {"size": len(self), "sha256": self.digest}
        return base64.b64encode(_little(self.values).tobytes()).decode()


def _little(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _unpacked(text: str, dtype: str) -> NDArray[Any]:
    """Return the numbers of a text of `Column.written`."""
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"text that is no column of numbers in base64 ({error})") from None


def read_indices(value: Any) -> Column:
    """Read a column of indices.

    Raises
    ------
    ValueError
        If there is anything but whole numbers from 0 to 2^32 - 1.
    """
    if isinstance(value, Column):
        return value
    given = _unpacked(value, "<u4") if isinstance(value, str) else np.asarray(value)
    if given.size == 0 and given.ndim == 1:
        given = given.astype(np.uint32)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        what = f"shape {given.shape} of {given.dtype}"
        raise ValueError(f"{what}; expected indices, one for each synapse: shape (synapses,)")
    if given.size and (given.min() < 0 or given.max() >= 2**32):
        raise ValueError(f"{given.min()} to {given.max()}; expected indices from 0 to 2^32 - 1")
    return Column(np.array(given, np.uint32))


def read_quantities(value: Any) -> Column:
    """Read a column of quantities; lists may hold text with units of one dimension.

    Raises
    ------
    ValueError
        If there is anything but finite numbers.
    """
    if isinstance(value, Column):
        return value
    if isinstance(value, str):
        value = _unpacked(value, "<f8")
    if value.shape == (0,) if isinstance(value, np.ndarray) else value in ([], ()):
        return Column(np.empty(0))
    values, unit = numbers_of(value, "synapse")
    return Column(values, unit)


def _plain(column: Column, info: SerializationInfo) -> Any:
    context: Any = info.context
    return column.written(context)


Indices = Annotated[
    Column,
    PlainValidator(read_indices, json_schema_input_type=list[int] | str),
    PlainSerializer(_plain),
]
Quantities = Annotated[
    Column,
    PlainValidator(read_quantities, json_schema_input_type=list[float | str] | str),
    PlainSerializer(_plain),
]
