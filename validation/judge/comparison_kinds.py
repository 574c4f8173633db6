"""The kinds of comparisons: of means over seeds, of one run with seeds, of distributions.

Their methods are documented by the contract, `Comparison`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from netspec.errors import UsageError, unknown
from netspec.execute.measure import Margin
from netspec.validation.judge.comparison import NONE, Axis, Bar, Comparison, Outcome, number
from netspec.validation.judge.means import ONE_LOOK, Levels
from netspec.validation.judge.single import Single

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


@dataclass(frozen=True)
class MeansComparison(Comparison):
    """A statistic compared over seeds.

    Attributes
    ----------
    margin : Margin
        As tested: on the scale ``ratio`` where a value is not positive and has no logarithm.
    seeds, undefined : tuple of int
        Seeds with a value, and without one, on either side.
    estimate : float
        Ratio (relative margins) or difference, second backend against the reference; NaN
        where a side has fewer than two values, as all that follows.
    interval : tuple of float
        Confidence interval of the estimate: 1 - 2 `levels.equivalence`, 90 % at one look.
    p_equivalence : float
        The larger p value of the two one-sided tests.
    p_difference : float
        Two-sided p value of no difference.
    exceeds : bool
        Whether the estimate lies outside the margin.
    power : float
        Of this design to find equivalence, if there is no difference and the variances hold.
    seeds_needed : int or None
        A side, for a power of 80 %; None if too many to be a design.
    matched : bool
        Whether the values were compared in pairs, seed by seed.
    levels : Levels
        Of the look at which it was made.
    """

    margin: Margin
    seeds: tuple[int, int]
    undefined: tuple[int, int]
    estimate: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    p_equivalence: float = math.nan
    p_difference: float = math.nan
    exceeds: bool = False
    power: float = math.nan
    seeds_needed: int | None = None
    matched: bool = False
    levels: Levels = ONE_LOOK
    kind: str = field(default="means", init=False)

    absent = {"interval": (-math.inf, math.inf)}

    def outcome(self, p_adjusted: float) -> Outcome:
        if self.p_equivalence <= self.levels.equivalence:
            return Outcome.EQUIVALENT
        significant = self.exceeds and p_adjusted <= self.levels.difference
        return Outcome.DIFFERENT if significant else Outcome.INCONCLUSIVE

    def text(self) -> str:
        undefined = f", undefined in {sum(self.undefined)} seeds" if any(self.undefined) else ""
        if math.isnan(self.p_difference):
            return f"{self.seeds[0]} and {self.seeds[1]} seeds with a value{undefined}"
        what, form = ("ratio", "#.4g") if self.margin.relative else ("difference", "+.2g")
        what = f"{what} in pairs" if self.matched else what
        low, high = self.interval
        return (
            f"{what} {self.estimate:{form}}, {100 * (1 - 2 * self.levels.equivalence):.3g} % CI "
            f"[{low:{form}}, {high:{form}}], "
            f"margin +-{self.margin}{undefined}"
        )

    def advice(self) -> str:
        if math.isnan(self.power):
            return " (2 seeds a side are the least)"
        needed = f"{self.seeds_needed} seeds a side" if self.seeds_needed else "no number of seeds"
        return f" (alone: power {100 * self.power:.0f} %; for 80 %: {needed})"

    @property
    def designed(self) -> tuple[float, int | None]:
        return self.power, self.seeds_needed

    @property
    def exceeded(self) -> Margin | None:
        return self.margin if self.exceeds else None

    def share(self) -> float:
        if self.margin.scale == "log":
            share = abs(math.log(self.estimate)) / math.log1p(self.margin.limit)
        else:
            share = abs(self.estimate - (self.margin.scale == "ratio")) / self.margin.limit
        return 0.0 if math.isnan(share) else share

    def effect(self) -> tuple[float, float]:
        return self.estimate - self.margin.relative, self.margin.limit

    def margin_text(self) -> str:
        return f"{PLUS_MINUS}{self.margin}"

    def cells(self, detectable: float | None) -> list[str]:
        values = (self.estimate, *self.interval)
        if self.margin.relative:
            # a ratio is shown as the deviation that it is
            texts = [f"{100 * (v - 1):+.1f} %" if math.isfinite(v) else NONE for v in values]
            seen = NONE if detectable is None else f"{100 * detectable:.1f} %"
            seen = "> 1000 %" if detectable is not None and detectable > 10 else seen
        else:
            texts = [number(value, "+.3g") for value in values]
            seen = number(detectable, ".2g")
        return [texts[0], f"[{texts[1]}, {texts[2]}]", f"+-{self.margin}", seen]

    def row(self) -> dict[str, Any]:
        what = "ratio" if self.margin.relative else "difference"
        return {"what": what, "estimate": self.estimate, "interval": self.interval}

    def bar(self) -> Bar:
        limit, (low, high) = self.margin.limit, self.interval
        if self.margin.relative:
            margin = 100 * (1 / (1 + limit) - 1), 100 * limit
            return Bar(100 * (self.estimate - 1), 100 * (low - 1), 100 * (high - 1), margin)
        return Bar(self.estimate, low, high, (-limit, limit))

    def axis(self, unit: str) -> Axis:
        if self.margin.relative:
            return Axis("difference (%)")
        return Axis(f"difference ({unit})" if unit else "difference")

    def title(self, statistic: str) -> str:
        return statistic


@dataclass(frozen=True)
class Prediction(Comparison):
    """One run compared with the seeds of the other backend.

    Attributes
    ----------
    margin : Margin
        Its scale is used; the limit is not.
    seeds : tuple of int
        On either side; one of them is 1.
    value : float
        Of the one run.
    interval : tuple of float
        Where all statistics of one more run of the other backend lie with probability 95 %.
    """

    margin: Margin
    seeds: tuple[int, int]
    value: float
    interval: tuple[float, float]
    kind: str = field(default="prediction", init=False)

    p_difference: ClassVar[float] = math.nan  # type: ignore[misc]

    def outcome(self, p_adjusted: float) -> Outcome:
        value, (low, high) = self.value, self.interval
        if math.isnan(value) or math.isnan(low):
            return Outcome.INCONCLUSIVE
        # an interval without width is known up to rounding
        inside = low <= value <= high or math.isclose(value, low) or math.isclose(value, high)
        return Outcome.CONSISTENT if inside else Outcome.INCONSISTENT

    def text(self) -> str:
        low, high = self.interval
        if math.isnan(low):
            return f"one run, and {max(self.seeds)} seeds of the other side, where 3 are needed"
        return f"one run {self.value:.4g}, prediction interval [{low:.4g}, {high:.4g}]"

    def _away(self) -> float:
        """Return the distance from the middle of the interval, in half widths of it."""
        low, high = self.interval
        off, width = self.value - (low + high) / 2, high - low
        if not width:
            return math.copysign(math.inf, off) if off else math.nan
        return off / width * 2

    def share(self) -> float:
        away = abs(self._away())
        return 0.0 if math.isnan(away) else away

    def effect(self) -> tuple[float, float]:
        return self.value, math.nan

    def margin_text(self) -> str:
        return "prediction interval"

    def cells(self, detectable: float | None) -> list[str]:
        interval = f"[{number(self.interval[0])}, {number(self.interval[1])}]"
        return [number(self.value), interval, "prediction", NONE]

    def row(self) -> dict[str, Any]:
        return {"what": "value", "estimate": self.value, "interval": self.interval}

    def bar(self) -> Bar:
        return Bar(self._away(), self._away(), self._away(), (-1.0, 1.0))

    def axis(self, unit: str) -> Axis:
        return Axis("half widths of the prediction interval")

    def title(self, statistic: str) -> str:
        return f"{statistic} of one run"


@dataclass(frozen=True)
class DistributionComparison(Comparison):
    """Per-neuron values of a population compared between all pairs of seeds.

    Attributes
    ----------
    limit : float
        Margin of the ratio.
    seeds, undefined : tuple of int
        Seeds with values, and without any, on either side.
    ratio : float
        R; NaN with fewer than three seeds on a side, as all that follows.
    upper : float
        Upper end of R's interval of 1 - `levels.equivalence`, 95 % at one look: percentile
        bootstrap over seeds.
    p_difference : float
        Of equal distributions: share of the labellings of seeds with an R at least as large.
    permutations : int
        Labellings looked at.
    exact : bool
        Whether these were all there are.
    matched : bool
        Whether seeds were compared in pairs.
    distance : float
        Mean W1 between the sides, in the unit of the values; told where there is no ratio.
    levels : Levels
        Of the look at which it was made.
    """

    limit: float
    seeds: tuple[int, int]
    undefined: tuple[int, int]
    ratio: float = math.nan
    upper: float = math.nan
    p_difference: float = math.nan
    permutations: int = 0
    exact: bool = False
    matched: bool = False
    distance: float = math.nan
    levels: Levels = ONE_LOOK
    kind: str = field(default="distribution", init=False)

    absent = {"upper": math.inf}

    def outcome(self, p_adjusted: float) -> Outcome:
        if self.upper <= self.limit:
            return Outcome.EQUIVALENT
        significant = self.ratio > self.limit and p_adjusted <= self.levels.difference
        return Outcome.DIFFERENT if significant else Outcome.INCONCLUSIVE

    def text(self) -> str:
        if math.isnan(self.ratio):
            found = "" if math.isnan(self.distance) else f"W1 {self.distance:.3g}, no claim: "
            few = f"{self.seeds[0]} and {self.seeds[1]} seeds"
            return f"{found}distances of {few}, where 3 are needed"
        how = "all" if self.exact else "random"
        return (
            f"distance ratio {self.ratio:.3f}, upper bound {self.upper:.3f}, margin "
            f"{self.limit:g}, p {self.p_difference:.2g} ({how} {self.permutations} labellings)"
        )

    def share(self) -> float:
        share = (self.ratio - 1) / (self.limit - 1)
        return 0.0 if math.isnan(share) else share

    def effect(self) -> tuple[float, float]:
        return self.ratio, self.limit

    def margin_text(self) -> str:
        return f"ratio {self.limit:g}"

    def cells(self, detectable: float | None) -> list[str]:
        if not math.isfinite(self.ratio):
            if math.isnan(self.distance):
                return [NONE, NONE, f"{self.limit:g}", NONE]
            return [f"W1 {self.distance:.3g}", "no claim", f"{self.limit:g} x", NONE]
        upper = f"up to {number(self.upper, '.3f')}"
        return [f"{self.ratio:.3f} x", upper, f"{self.limit:g} x", NONE]

    def row(self) -> dict[str, Any]:
        interval = None, self.upper
        return {"what": "ratio of distances", "estimate": self.ratio, "interval": interval}

    def bar(self) -> Bar:
        return Bar(self.ratio, self.ratio, self.upper, (0.0, self.limit))

    def axis(self, unit: str) -> Axis:
        return Axis("distance between / within backends", centre=1.0, least=0.0)

    def title(self, statistic: str) -> str:
        return f"distribution of {statistic.removeprefix('W1_')} (W1)"


KINDS: dict[str, type[Comparison]] = {
    "means": MeansComparison,
    "prediction": Prediction,
    "distribution": DistributionComparison,
    "single": Single,
}


def read(data: Mapping[str, Any]) -> Comparison:
    """Return a comparison from its JSON data.

    Raises
    ------
    UsageError
        If its kind is unknown.
    """
    values = dict(data)
    kind = values.pop("kind", None)
    if kind is None:  # files of before comparisons had one
        kind = "distribution" if "ratio" in data else "prediction" if "value" in data else "means"
    if kind not in KINDS:
        raise UsageError(unknown("kind of comparison", str(kind), KINDS))
    made: Any = KINDS[kind]
    for entry in dataclasses.fields(made):
        value, empty = values.get(entry.name), made.absent.get(entry.name, math.nan)
        if isinstance(value, list):
            ends = empty if isinstance(empty, tuple) else (empty,) * len(value)
            values[entry.name] = tuple(
                e if v is None else v for v, e in zip(value, ends, strict=True)
            )
        elif value is None and entry.name in values and entry.name != "seeds_needed":
            values[entry.name] = empty
    if "margin" in values:
        values["margin"] = Margin.model_validate(values["margin"])
    if "levels" in values:  # files of before there were looks have none
        values["levels"] = Levels(**values["levels"])
    result: Comparison = made(**values)
    return result
