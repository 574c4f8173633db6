"""What a statistic is, and how far two backends may differ in it.

The statistics themselves stand where they are computed (`statistics.STATISTICS` and
`DISTRIBUTIONS`, `trials.RING_STATISTICS`), each with its margin; `margins.Margins` collects them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from netspec.fields import Described


class Margin(Described):
    """How far two backends may differ in a statistic and still be called equivalent.

    Attributes
    ----------
    limit : float
        0.05 stands for 5 % on the relative scales, for 0.05 on the absolute ones.
    scale : {"log", "ratio", "absolute", "proportion"}
        ``log``: difference of mean logarithms, |difference| <= log(1 + limit), for positive
        values. ``ratio``: ratio of means between 1 / (1 + limit) and 1 + limit, also for values
        of either sign. ``absolute``: difference of means. ``proportion``: the same for
        outcomes that each seed has or has not, or has in a share of its trials.
    """

    limit: Annotated[float, Field(gt=0, le=1000)]
    scale: Literal["log", "ratio", "absolute", "proportion"]

    @property
    def relative(self) -> bool:
        """Whether the limit is a share of the reference."""
        return self.scale in ("log", "ratio")

    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return (factor, shift) at either end: b - factor * a - shift changes its sign there."""
        if self.scale == "ratio":
            return (1 / (1 + self.limit), 0.0), (1 + self.limit, 0.0)
        size = math.log1p(self.limit) if self.scale == "log" else self.limit
        return (1.0, -size), (1.0, size)

    def __str__(self) -> str:
        return f"{100 * self.limit:g} %" if self.relative else f"{self.limit:g}"


def margin(text: str, scale: Literal["log", "ratio", "absolute", "proportion"]) -> Margin:
    """Return a margin written as it is shown: ``"5 %"`` or ``"0.02"``."""
    share = text.removesuffix("%")
    return Margin(limit=float(share) / 100 if share != text else float(text), scale=scale)


@dataclass(frozen=True)
class Statistic:
    """What one number means, and how much of a difference in it matters.

    Attributes
    ----------
    name : str
        Key in the result of `population_statistics`, field of a `Trial`, name of its margin.
    unit : str
        Empty for a number without one.
    meaning : str
        Definition in one line.
    margin : Margin or None
        Default margin of equivalence; None for a statistic that is reported and not tested.
    circular : bool
        The value is an angle in degrees; means of it are circular.
    """

    name: str
    unit: str
    meaning: str
    margin: Margin | None = None
    circular: bool = False

    @property
    def primary(self) -> bool:
        """Whether the verdict rests on it; otherwise it is only reported."""
        return self.margin is not None


@dataclass(frozen=True)
class Distribution:
    """One value per neuron, compared between backends by distances between seeds.

    Attributes
    ----------
    name, unit, meaning : str
    primary : bool
        Whether the verdict rests on it. The margin, a ratio of distances, is the same for all.
    """

    name: str
    unit: str
    meaning: str
    primary: bool = True
