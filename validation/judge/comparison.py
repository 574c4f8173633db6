"""What a test found, and all that follows from it: outcome, words, cells, a bar of a plot.

A `Comparison` is tagged by its `kind`, also in JSON; the kinds stand in `comparison_kinds`. What
differs between them is a method, so that nothing else has to ask which of them it has.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from netspec.execute.measure import Margin

NONE = "-"  # in a cell


class Outcome(StrEnum):
    """What can be said of one test, or of all."""

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    INCONCLUSIVE = "inconclusive"
    CONSISTENT = "consistent"  # one run within the reference's prediction interval: no proof
    INCONSISTENT = "inconsistent"

    @property
    def exit_code(self) -> int:
        """What a command that asked for equivalence returns."""
        if self is Outcome.EQUIVALENT:
            return 0
        return 1 if self in (Outcome.DIFFERENT, Outcome.INCONSISTENT) else 6


class Bar(NamedTuple):
    """A row of a forest plot, on its axis.

    Attributes
    ----------
    point, low, high : float
        What was found, and its interval; NaN if no test was possible, infinite without an end.
    margin : tuple of float
        Both ends.
    """

    point: float
    low: float
    high: float
    margin: tuple[float, float]


class Axis(NamedTuple):
    """The axis of a forest plot: its label, where there is no difference, the least value."""

    label: str
    centre: float = 0.0
    least: float = -math.inf


class Comparison(ABC):
    """What one test of two sides found; the outcome depends on the family too.

    Attributes
    ----------
    kind : str
    seeds : tuple of int
        On either side.
    p_difference : float
        p value of no difference; NaN where there is none.
    """

    kind: str
    seeds: tuple[int, int]
    p_difference: float
    # what JSON's null stands for where it is not NaN
    absent: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def outcome(self, p_adjusted: float) -> Outcome:
        """Return what can be said, with the p value adjusted for the family."""

    @abstractmethod
    def text(self) -> str:
        """Return the numbers in words."""

    def advice(self) -> str:
        """Return what would make an open test conclusive, to be added to the words."""
        return ""

    @property
    def designed(self) -> tuple[float, int | None] | None:
        """Power of this test alone, and seeds a side for 80 %, where they have formulas."""
        return None

    @property
    def exceeded(self) -> Margin | None:
        """The margin, if it is one of means and the estimate lies outside."""
        return None

    @abstractmethod
    def share(self) -> float:
        """Return the deviation as a share of the margin; 0 where it is undefined."""

    @abstractmethod
    def effect(self) -> tuple[float, float]:
        """Return deviation and margin, both shares where the margin is one."""

    @abstractmethod
    def margin_text(self) -> str:
        """Return what it was held against, in words."""

    @abstractmethod
    def cells(self, detectable: float | None) -> list[str]:
        """Return what was found, its interval, the margin, and the deviation that would be seen."""

    @abstractmethod
    def row(self) -> dict[str, Any]:
        """Return ``what`` was found, ``estimate`` and ``interval``; None for no number."""

    @abstractmethod
    def bar(self) -> Bar:
        """Return the row of a forest plot."""

    @abstractmethod
    def axis(self, unit: str) -> Axis:
        """Return the axis of that plot; `unit` is the statistic's."""

    @abstractmethod
    def title(self, statistic: str) -> str:
        """Return what the plot shows."""


def number(value: float | None, form: str = ".4g") -> str:
    """Return a cell with a number; `NONE` for none, and for what is not finite."""
    return NONE if value is None or not math.isfinite(value) else format(value, form)
