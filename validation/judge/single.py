"""One run a side: what they differ by, without a claim."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from netspec.execute.measure import Margin
from netspec.validation.judge.comparison import NONE, Axis, Bar, Comparison, Outcome, number


@dataclass(frozen=True)
class Single(Comparison):
    """A statistic of so few runs that nothing is known of how runs scatter.

    Attributes
    ----------
    margin : Margin
    seeds : tuple of int
        On either side: one, and fewer than three.
    values : tuple of float
        The mean of either side.
    """

    margin: Margin
    seeds: tuple[int, int]
    values: tuple[float, float]
    kind: str = field(default="single", init=False)

    p_difference: ClassVar[float] = math.nan  # type: ignore[misc]
    absent = {"values": (math.nan, math.nan)}

    @property
    def estimate(self) -> float:
        """Ratio (relative margins) or difference; NaN where it is undefined."""
        a, b = self.values
        if not self.margin.relative:
            return b - a
        return b / a if a else math.nan

    def outcome(self, p_adjusted: float) -> Outcome:
        return Outcome.INCONCLUSIVE

    def text(self) -> str:
        if math.isnan(self.estimate):
            return f"{self.seeds[0]} and {self.seeds[1]} runs, without a value to compare"
        what, form = ("ratio", "#.4g") if self.margin.relative else ("difference", "+.2g")
        a, b = self.values
        return (
            f"{a:.4g} and {b:.4g}, {what} {self.estimate:{form}}, margin +-{self.margin} (no "
            f"claim: {self.seeds[0]} and {self.seeds[1]} runs do not say how runs scatter)"
        )

    def share(self) -> float:
        if math.isnan(self.estimate):
            return 0.0
        if self.margin.scale == "log":
            size = abs(math.log(self.estimate)) if self.estimate > 0 else math.inf
            return size / math.log1p(self.margin.limit)
        return abs(self.estimate - self.margin.relative) / self.margin.limit

    def effect(self) -> tuple[float, float]:
        return self.estimate - self.margin.relative, self.margin.limit

    def margin_text(self) -> str:
        return f"\N{PLUS-MINUS SIGN}{self.margin}"

    def cells(self, detectable: float | None) -> list[str]:
        if self.margin.relative:
            found = 100 * (self.estimate - 1)
            text = f"{found:+.1f} %" if math.isfinite(found) else NONE
        else:
            text = number(self.estimate, "+.3g")
        return [text, "no claim", f"+-{self.margin}", NONE]

    def row(self) -> dict[str, Any]:
        what = "ratio" if self.margin.relative else "difference"
        return {"what": what, "estimate": self.estimate, "interval": (None, None)}

    def bar(self) -> Bar:
        limit = self.margin.limit
        if self.margin.relative:
            point = 100 * (self.estimate - 1)
            return Bar(point, point, point, (100 * (1 / (1 + limit) - 1), 100 * limit))
        return Bar(self.estimate, self.estimate, self.estimate, (-limit, limit))

    def axis(self, unit: str) -> Axis:
        if self.margin.relative:
            return Axis("difference (%)")
        return Axis(f"difference ({unit})" if unit else "difference")

    def title(self, statistic: str) -> str:
        return f"{statistic} of one run a side"
