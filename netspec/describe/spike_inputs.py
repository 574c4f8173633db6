"""Given events, one by one or as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Discriminator, Tag, model_validator

from netspec.describe import columns
from netspec.describe.arrays import Array
from netspec.describe.columns import Column
from netspec.describe.fields import MAX_TIME, Indices, NeuronsOf, Quantity, Reference, Times
from netspec.describe.inputs import Receptor, Weight
from netspec.describe.simulation import Simulation
from netspec.describe.slots import Piece, Place
from netspec.errors import Fault

# in the paths of pydantic's errors, where what has a bracket is left out
LISTED, COLUMN = "listed[]", "column[]"
LONGEST_QUANTITY = 200  # characters; the text of a column has more


def _many(value: Any) -> str:
    """Tell an array, or what stands for one in files, from a list."""
    return COLUMN if isinstance(value, (dict, Array, Column, str)) else LISTED


def _each(value: Any) -> str:
    """Tell a weight of each event from one for all, which may be short text with a unit."""
    if isinstance(value, str):
        return COLUMN if len(value) > LONGEST_QUANTITY else LISTED
    return COLUMN if isinstance(value, (list, tuple, np.ndarray)) else _many(value)


def _quantities(value: Any) -> Any:
    """Return an array, or a table that says what it holds, as a column."""
    array = Array(**value) if isinstance(value, dict) else value
    return Column(array.values, array.unit) if isinstance(array, Array) else array


def _indices(value: Any) -> Any:
    """Return an array of indices, or a table that says what it holds, as whole numbers."""
    array = Array(**value) if isinstance(value, dict) else value
    if not isinstance(array, Array):
        return array
    wrong = np.flatnonzero((array.values % 1 != 0) | (np.abs(array.values) >= 2**53))
    if array.unit is not None or wrong.size:
        given = f"value {wrong[0]} is {array.values[wrong[0]]:g}" if wrong.size else array.unit
        raise ValueError(f"{given}; expected indices of neurons: whole numbers from 0 on")
    return array.values.astype(np.int64)


# the text is that of a column
FROM_ARRAY = BeforeValidator(_quantities, json_schema_input_type=str | Array)
INDICES_OF_ARRAY = BeforeValidator(_indices, json_schema_input_type=str | Array)
FOR_EACH = BeforeValidator(_quantities, json_schema_input_type=list[float | str] | Array)


class Events(NamedTuple):
    """Events by step.

    Attributes
    ----------
    steps : ndarray of int64, shape (events,)
        At whose ends they are due: 1 is the first. They do not decrease.
    neurons : ndarray of int64, shape (events,)
    weights : ndarray of float64, shape (events,)
    """

    steps: NDArray[np.int64]
    neurons: NDArray[np.int64]
    weights: NDArray[np.float64]


class SpikeInput(Piece):
    """Given events: the one at `times[k]` reaches `neurons[k]` of the target at that time.

    Attributes
    ----------
    times, neurons : tuple or Column
        As long as each other. Many events are given as arrays, which are read, hashed and handed
        on as a whole: ``Array(values=times)`` in Python, ``{kind = "array", file = "times.npy"}``
        in a file; lists are kept one by one.
    weight : float or Column
        Unit of the receptor's variable; of all events, or of each.
    """

    target: Reference
    receptor: Receptor
    times: Annotated[
        Annotated[Times, Tag(LISTED)] | Annotated[columns.Quantities, FROM_ARRAY, Tag(COLUMN)],
        Discriminator(_many),
    ]
    neurons: Annotated[
        Annotated[Indices, Tag(LISTED)] | Annotated[columns.Indices, INDICES_OF_ARRAY, Tag(COLUMN)],
        Discriminator(_many),
        NeuronsOf("target"),
    ]
    weight: Annotated[
        Annotated[Quantity, Tag(LISTED)] | Annotated[columns.Quantities, FOR_EACH, Tag(COLUMN)],
        Discriminator(_each),
        Weight,
    ]

    @model_validator(mode="after")
    def _matching(self) -> SpikeInput:
        if len(self.times) != len(self.neurons):
            raise ValueError(f"{len(self.times)} times but {len(self.neurons)} neurons")
        if isinstance(self.weight, Column) and len(self.weight) != len(self.times):
            raise ValueError(f"{len(self.times)} times but {len(self.weight)} weights")
        return self

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield a fault of times beyond their bounds."""
        ends = self.times.ends() if isinstance(self.times, Column) else ()
        if ends and not 0 <= ends[0] <= ends[-1] <= MAX_TIME:
            yield Fault("times", f"{ends[0]:g} to {ends[-1]:g} ms", f"0 to {MAX_TIME:g} ms")

    @property
    def weights(self) -> tuple[float, float]:
        """The smallest and the largest weight."""
        if isinstance(self.weight, Column):
            ends = self.weight.ends() or (0.0,)
            return ends[0], ends[-1]
        return self.weight, self.weight

    @property
    def given(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
        """Times, neurons and weights of all events, as they are given, each of shape (events,)."""
        times = np.asarray(self.times, float)
        weights = np.broadcast_to(np.asarray(self.weight, float), times.shape)
        return times, np.asarray(self.neurons).astype(np.int64), weights

    def events(self, simulation: Simulation) -> Events:
        """Return all events in order of the steps at whose ends they are due.

        Parameters
        ----------
        simulation : Simulation
            Its grid of time steps.
        """
        times, neurons, weights = self.given
        steps = simulation.steps_of(times)
        order = np.argsort(steps, kind="stable")
        return Events(steps[order], neurons[order], weights[order])
