"""A variable of many point processes as an array, which NEURON keeps elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Column:
    """One variable of some point processes, copied to and fro.

    Parameters
    ----------
    hoc : HocObject
        NEURON's interpreter.
    points : sequence of HocObject
    variable : str

    Attributes
    ----------
    values : ndarray of float64, shape (points,)
        What was pulled last, or will be pushed next.
    """

    def __init__(self, hoc: Any, points: Sequence[Any], variable: str) -> None:
        self._pointers = hoc.PtrVector(max(len(points), 1))  # NEURON has none of nothing
        for k, point in enumerate(points):
            self._pointers.pset(k, getattr(point, f"_ref_{variable}"))
        self._vector = hoc.Vector(len(points))
        self.values: NDArray[np.float64] = self._vector.as_numpy()

    def push(self) -> None:
        """Give every point process its value."""
        if len(self.values):
            self._pointers.scatter(self._vector)

    def pull(self) -> NDArray[np.float64]:
        """Return the values of now, which stay until the next call."""
        if len(self.values):
            self._pointers.gather(self._vector)
        return self.values


def give(points: Sequence[Any], variable: str, values: Any) -> None:
    """Give point processes one value of a variable, or one each."""
    column = np.broadcast_to(np.asarray(values, float), len(points))
    for point, value in zip(points, column.tolist(), strict=True):
        setattr(point, variable, value)


def listed(hoc: Any, points: Sequence[Any]) -> Any:
    """Return point processes as a List of NEURON's."""
    found = hoc.List()
    for point in points:
        found.append(point)
    return found
