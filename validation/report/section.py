"""A section of the page: panels under one heading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.execute.results import Run
from netspec.validation.report.tables import Table

Runs = dict[str, list[Run]]  # by backend


@dataclass(frozen=True)
class Picture:
    """One panel: its title, the image as a data URI, and what it shows in words."""

    title: str
    source: str
    words: str


@dataclass(frozen=True)
class Section:
    """Panels under one heading, with a line on how to read them, and perhaps a table.

    Attributes
    ----------
    title, note : str
    pictures : tuple of Picture
    legend : bool
        Whether colours stand for backends.
    small : bool
        Whether the panels are narrow.
    table : tuple or None
        Column names and rows, as in `netspec.validation.report.tables`.
    """

    title: str
    note: str
    pictures: tuple[Picture, ...]
    legend: bool = True
    small: bool = False
    table: Table | None = None


def floats(values: Sequence[Any], absent: float = math.nan) -> NDArray[np.float64]:
    """Return numbers; `absent` stands for null, which JSON has for all that is not finite."""
    found = np.array(values, dtype=object)
    found[found == None] = absent  # noqa: E711  # elementwise
    return np.asarray(found, np.float64)
