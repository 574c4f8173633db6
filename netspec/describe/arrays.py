"""Values of neurons one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    ConfigDict,
    PlainValidator,
    SerializationInfo,
    StrictStr,
    model_serializer,
    model_validator,
)

from netspec.describe import units
from netspec.describe.drawn import Drawn, Floats, Real
from netspec.errors import Fault, shown

LISTED = 64  # values up to which the text that is hashed lists them; of more, it has a digest
LARGEST = 1e30  # as of all quantities
WITH_FILES = ("populations", "spike_inputs")  # lists of pieces whose arrays may stand in files


def _with_file(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema that a file may stand in place of the values."""
    schema["properties"]["file"] = {"type": "string", "title": "File"}
    schema["required"].remove("values")
    schema["oneOf"] = [{"required": ["values"]}, {"required": ["file"]}]


class Array(Drawn):
    """Values one by one, the first of neuron 0; as many as the population has neurons.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        Read-only. Lists may hold quantities as text, all with a unit of the same dimension.
    unit : str or None
        Of all values; None if they are in canonical units, as in every network.
    """

    model_config = ConfigDict(json_schema_extra=_with_file)

    kind: Literal["array"] = "array"
    values: Annotated[
        NDArray[np.float64],
        PlainValidator(lambda values: values, json_schema_input_type=list[float | str]),
    ]
    unit: StrictStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not {"values", "file"} & set(data):
            return data
        if "file" in data:
            raise ValueError(
                "the file of an array is looked for beside a description that is a file; elsewhere "
                "its values are given, for example values=numpy.load(...)"
            )
        values, unit = numbers_of(data["values"])
        if unit is None:
            unit = data.get("unit")
        elif data.get("unit") is not None:
            raise ValueError("values have their own units: leave 'unit' away")
        if isinstance(unit, str):
            units.measured(f"1 {unit}")
        return data | {"values": values, "unit": unit}

    @model_serializer
    def _as_data(self, info: SerializationInfo) -> dict[str, Any]:
        data: dict[str, Any] = {"kind": self.kind}
        if (info.context or {}).get("digest") and len(self.values) > LISTED:
            data |= {"size": len(self.values), "sha256": self.digest}
        else:
            data["values"] = self.values.tolist()
        return data if self.unit is None else data | {"unit": self.unit}

    def __eq__(self, other: object) -> bool:
        """Return whether units and all values are the same."""
        if not isinstance(other, Array):
            return NotImplemented
        return self.unit == other.unit and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        """Return a hash of unit and values."""
        return hash((self.unit, self.digest))

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self.values)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the values as 64-bit floats, the lowest byte first, in hexadecimal."""
        return hashlib.sha256(np.asarray(self.values, "<f8").tobytes()).hexdigest()

    def fixed(self) -> float | None:
        """Return the value if all are the same, or else None."""
        low, high = self.extremes()
        return low if low == high else None

    def extremes(self) -> tuple[float, float]:
        """Return the smallest and the largest value."""
        return float(self.values.min()), float(self.values.max())

    def typical(self) -> float:
        """Return the median."""
        return float(np.median(self.values))

    def shown(self) -> tuple[float, ...]:
        """Return the smallest and the largest value, or the one there is."""
        return tuple(dict.fromkeys(self.extremes()))

    def share_below(self, limit: float) -> float:
        """Return the share of values below `limit`."""
        return float(np.mean(self.values < limit))

    def quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares of all lie, of the same shape."""
        return np.asarray(np.quantile(self.values, share, method="inverted_cdf"))

    def converted(self, convert: Callable[[float], float]) -> Self:
        """Return a copy with every value converted, which must be to a multiple."""
        values = converted(self.values, self.unit, convert)
        return self.model_copy(update={"values": _sealed(values), "unit": None})

    def written(self, unit: str) -> dict[str, Any]:
        """Return it as plain data for a file, with the unit."""
        data = {"kind": self.kind, "values": self.values.tolist()}
        return data if unit == "1" else data | {"unit": unit}

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        if size != len(self.values):
            raise ValueError(f"{len(self.values)} values, {size} asked for")
        return self.values.astype(dtype)


def numbers_of(values: Any, each: str = "neuron") -> tuple[NDArray[np.float64], str | None]:
    """Return values in coherent units, and the unit that they were given in, if any.

    Parameters
    ----------
    values : list, tuple or ndarray
    each : str
        What has one of them, for errors.

    Raises
    ------
    ValueError
        If they are no finite numbers, or of several dimensions.
    """
    unit = None
    if isinstance(values, np.ndarray):
        if values.ndim != 1 or values.dtype.kind not in "fiu":
            what = f"shape {values.shape} of {values.dtype}"
            raise ValueError(f"{what}; expected real numbers, one for each {each}: shape (size,)")
    elif isinstance(values, (list, tuple)):
        if not set(map(type, values)) <= {float, int}:
            read = [units.measured(value) for value in values]
            found = {getattr(value, "dimension", None) for value in read}
            if len(found) > 1:
                raise ValueError("all values have a unit, of one dimension, or none has")
            dimension = found.pop()
            unit = None if dimension in (None, units.NONE) else str(dimension)
            values = [float(value) for value in read]
    else:
        raise ValueError(f"given {shown(values)}; expected a list, or an array of numbers")
    try:
        array = np.array(values, np.float64)
    except OverflowError:
        raise ValueError("a number is too large") from None
    if not array.size:
        raise ValueError(f"no value; expected one for each {each}")
    wrong = np.flatnonzero(~(np.abs(array) <= LARGEST))
    if wrong.size:
        k = int(wrong[0])
        raise ValueError(f"value {k} is {array[k]:g}; expected finite numbers up to {LARGEST:g}")
    return _sealed(array), unit


def converted(
    values: NDArray[np.float64], unit: str | None, convert: Callable[[float], float]
) -> NDArray[np.float64]:
    """Return values of a unit (None: canonical) converted, which must be to multiples of them."""
    factor = convert(1.0 if unit is None else units.measured(f"1 {unit}"))
    # 1/1000 is no float, 1000 is one
    return values * factor if abs(factor) >= 1 else values / (1 / factor)


def _sealed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values.setflags(write=False)
    return values


def read_array(path: Path) -> NDArray[Any]:
    """Read the values of an array from a ``.npy`` file.

    Raises
    ------
    ValueError
        If there is no such file, or it is none.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
    except OSError as error:
        raise ValueError(f"a file of numpy.save(), but {error.strerror or error}") from None
    except (ValueError, EOFError):  # a pickle, another format, or only half of it
        loaded = None
    if not isinstance(loaded, np.ndarray):
        raise ValueError("a file of numpy.save() with one array of numbers")
    return loaded


_UNREAD = object()


def with_files(data: dict[str, Any], folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Put the values of files in place of their names, in all pieces that may have arrays.

    Parameters
    ----------
    data : dict
        A description as plain data, which may be broken.
    folder : Path
        Where to look for the files.

    Returns
    -------
    data : dict
        A copy; arrays whose file cannot be read are left out.
    faults : list of Fault
    """
    faults: list[Fault] = []

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return value
        if "file" not in value or value.get("kind") != "array":
            inner = {key: read(entry, f"{path}.{key}") for key, entry in value.items()}
            return {key: entry for key, entry in inner.items() if entry is not _UNREAD}
        try:
            if not isinstance(value["file"], str):
                raise ValueError("the name of a file")
            if "values" in value:
                raise ValueError("values or a file, not both")
            others = {k: v for k, v in value.items() if k != "file"}
            return others | {"values": read_array(folder / value["file"])}
        except ValueError as error:
            faults.append(Fault(f"{path}.file", shown(value["file"]), str(error)))
            return _UNREAD

    found = {
        key: [
            read(piece, f"{key}[{index}]") if isinstance(piece, dict) else piece
            for index, piece in enumerate(data[key])
        ]
        for key in WITH_FILES
        if isinstance(data.get(key), list)
    }
    return data | found, faults
