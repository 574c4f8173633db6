"""Values of neurons by a formula of the index and of other values of the same neuron.

Formulas are evaluated by netspec, so that every simulator gets the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import StrictStr, field_validator

from netspec.describe import expressions as ex
from netspec.describe import units
from netspec.describe.drawn import Drawn, Floats, Real
from netspec.errors import DescriptionError, ExpressionError, Fault

INDEX, SIZE = "i", "size"
UNKNOWN = math.nan  # compares as false with everything: nothing is claimed of it
Table = Mapping[str, Drawn]


class Formula(Drawn):
    """A formula of the index, the size and other values of the same neuron.

    What it says of itself is `UNKNOWN`, not a number: it depends on the others.

    Attributes
    ----------
    text : str
        In the language of equations. Names are ``i`` (index in the population, from 0), ``size``
        (of the population), its parameters and, in initial values, the initial values of its
        state variables.
    """

    kind: Literal["formula"] = "formula"
    text: StrictStr

    @field_validator("text")
    @classmethod
    def _readable(cls, text: str) -> str:
        if ex.is_condition(ex.parse(text)):
            raise ValueError("a formula with a number as its value, not a condition")
        return text.strip()

    @property
    def names(self) -> frozenset[str]:
        """The names that stand in it, those of units among them."""
        return ex.names(ex.parse(self.text))

    def value(self, known: Mapping[str, Any]) -> Any:
        """Return its value, given those of all its names, as numbers or arrays of one shape."""
        with np.errstate(all="ignore"):  # what is not finite is reported by who asks
            return ex.evaluate(ex.parse(self.text), known)

    def dimension(self, known: Mapping[str, units.Dimension]) -> units.Dimension:
        """Return its dimension, given those of all its names."""
        return ex.dimension(ex.parse(self.text), known)

    def extremes(self) -> tuple[float, float]:
        """Return not a number, twice."""
        return UNKNOWN, UNKNOWN

    def typical(self) -> float:
        """Return not a number."""
        return UNKNOWN

    def shown(self) -> tuple[float, ...]:
        """Return no number."""
        return ()

    def share_below(self, limit: float) -> float:
        """Return not a number."""
        return UNKNOWN

    def quantile(self, share: Floats) -> Floats:
        """Return not a number for every share."""
        return np.full_like(share, UNKNOWN)

    def converted(self, convert: Callable[[float], float]) -> Self:
        """Return it as it is: the units of its numbers stand in it."""
        return self

    def written(self, unit: str) -> dict[str, Any]:
        """Return it as plain data for a file; it has its units in it."""
        return {"kind": self.kind, "text": self.text}

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        raise TypeError(f"the formula {self.text!r} is not drawn but evaluated")


def formulas_of(table: Table) -> dict[str, Formula]:
    """Return the formulas of a table."""
    return {name: value for name, value in table.items() if isinstance(value, Formula)}


def in_order(given: Mapping[str, Formula]) -> list[str]:
    """Return the names of formulas so that each comes after those that it uses.

    Raises
    ------
    ExpressionError
        If they use each other in a circle, which is named.
    """
    graph = {name: sorted(formula.names & set(given)) for name, formula in sorted(given.items())}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise ExpressionError(
            f"formulas that do not use each other in a circle: {circle}"
        ) from None


def evaluated(
    table: Table, known: Mapping[str, Any], index: Any, size: int
) -> dict[str, float | NDArray[np.float64]]:
    """Return the values of the formulas of a table.

    Parameters
    ----------
    table : mapping
    known : mapping
        Name -> number or array, shape (size,), of all that formulas use and is none.
    index : int or ndarray
        Of the neuron or neurons.
    size : int
        Of the population.

    Returns
    -------
    dict
        Name -> number, or one a neuron if something in the formula differs between them.
    """
    given = formulas_of(table)
    values = {INDEX: index, SIZE: float(size), **known}
    for name in in_order(given):
        values[name] = given[name].value(values)
    return {name: _as_float(values[name]) for name in given}


def _as_float(value: Any) -> float | NDArray[np.float64]:
    return np.asarray(value, np.float64) if np.ndim(value) else float(value)


def refuse_what_is_not(
    path: str, formula: Formula, value: float | NDArray[np.float64], low: str = ""
) -> None:
    """Raise an error if values of a formula are not finite, or too low.

    Parameters
    ----------
    path : str
    formula : Formula
    value : float or ndarray
        Its value, or one a neuron.
    low : {"", "above 0", "0 or more"}
        What they have to be besides.

    Raises
    ------
    DescriptionError
        With the first neuron whose value is wrong.
    """
    values = np.asarray(value)
    right = np.isfinite(values)
    if low:
        right &= (values > 0) if low == "above 0" else (values >= 0)
    wrong = np.flatnonzero(~right)
    if wrong.size:
        first = float(np.ravel(value)[wrong[0]])
        allowed = f"finite numbers {low}".rstrip()
        given = f"{formula.text!r}, which is {first:g} for neuron {wrong[0]}"
        raise DescriptionError([Fault(path, given, allowed)], "values of formulas")
