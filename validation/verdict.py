"""The verdict on two backends: every statistic and distribution, and all of them together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel

from netspec.errors import UsageError, shown
from netspec.measure import Margin
from netspec.validation.distances import DistributionComparison, compare_distributions
from netspec.validation.equivalence import (
    Comparison,
    compare_values,
    prediction_interval,
    smallest_detectable,
)
from netspec.validation.margins import Margins
from netspec.validation.means import ALPHA

Key = tuple[str, str]  # population, statistic
Values = Mapping[Key, ArrayLike]
Samples = Mapping[Key, Sequence[ArrayLike]]


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


@dataclass(frozen=True)
class Prediction:
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


@dataclass(frozen=True)
class Test:
    """One primary test and its outcome.

    Attributes
    ----------
    population, statistic : str
    outcome : Outcome
    comparison : Comparison, Prediction or DistributionComparison
        The numbers.
    p_adjusted : float
        p value of no difference, adjusted for the family (Holm 1979).
    detectable : float
        Deviation that would be called different with a power of 80 %: relative where the margin
        is; NaN for distributions and single runs.
    """

    __test__ = False  # pytest looks for classes of this name

    population: str
    statistic: str
    outcome: Outcome
    comparison: Comparison | Prediction | DistributionComparison
    p_adjusted: float = math.nan
    detectable: float = math.nan

    def text(self) -> str:
        """Return the test in one line."""
        found = self.comparison
        advice = ""
        if isinstance(found, Comparison):
            words = _comparison_text(found)
            advice = _advice(found) if self.outcome is Outcome.INCONCLUSIVE else ""
        elif isinstance(found, Prediction):
            words = _prediction_text(found)
        else:
            words = _distribution_text(found)
        return f"{self.population} {self.statistic}: {words}: {self.outcome.upper()}{advice}"


def _comparison_text(found: Comparison) -> str:
    undefined = f", undefined in {sum(found.undefined)} seeds" if any(found.undefined) else ""
    if math.isnan(found.p_difference):
        return f"{found.seeds[0]} and {found.seeds[1]} seeds with a value{undefined}"
    what, form = ("ratio", "#.4g") if found.margin.relative else ("difference", "+.2g")
    what = f"{what} in pairs" if found.matched else what
    low, high = found.interval
    return (
        f"{what} {found.estimate:{form}}, 90 % CI [{low:{form}}, {high:{form}}], "
        f"margin +-{found.margin}{undefined}"
    )


def _prediction_text(found: Prediction) -> str:
    low, high = found.interval
    if math.isnan(low):
        return f"one run, and {max(found.seeds)} seeds of the other side, where 3 are needed"
    return f"one run {found.value:.4g}, prediction interval [{low:.4g}, {high:.4g}]"


def _distribution_text(found: DistributionComparison) -> str:
    if math.isnan(found.ratio):
        return f"distances of {found.seeds[0]} and {found.seeds[1]} seeds, where 3 are needed"
    how = "all" if found.exact else "random"
    return (
        f"distance ratio {found.ratio:.3f}, upper bound {found.upper:.3f}, margin "
        f"{found.limit:g}, p {found.p_difference:.2g} ({how} {found.permutations} labellings)"
    )


def _advice(found: Comparison) -> str:
    """Say what would make an open test conclusive."""
    if math.isnan(found.power):
        return " (2 seeds a side are the least)"
    needed = f"{found.seeds_needed} seeds a side" if found.seeds_needed else "no number of seeds"
    return f" (power {100 * found.power:.0f} %; for 80 %: {needed})"


@dataclass(frozen=True)
class Verdict:
    """All tests, and what they say together.

    Attributes
    ----------
    reference, other : str
        Names of the two backends.
    margins : Margins
        As declared.
    tests : tuple of Test
    outcome : Outcome
        Equivalent if every test is (an intersection-union test, which needs no correction);
        different if any is; consistent or inconsistent for one run; else inconclusive.
    """

    reference: str
    other: str
    margins: Margins
    tests: tuple[Test, ...]
    outcome: Outcome

    @property
    def power(self) -> float:
        """Lower bound of the power to call two equal backends equivalent in all statistics.

        1 - sum(1 - power), whatever the dependence of the tests (Bonferroni); without the
        distributions, whose power has no formula.
        """
        powers = [t.comparison.power for t in self.tests if isinstance(t.comparison, Comparison)]
        return max(0.0, 1 - sum(1 - power for power in powers)) if powers else math.nan

    def text(self) -> str:
        """Return the verdict, one line, and one line a test."""
        counts = {outcome: sum(t.outcome is outcome for t in self.tests) for outcome in Outcome}
        parts = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
        power = "" if math.isnan(self.power) else f"; power at least {100 * self.power:.0f} %"
        head = f"{self.other} against {self.reference}: {self.outcome.upper()} ({parts}{power})"
        return "\n".join([head, *(f"  {test.text()}" for test in self.tests)])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON knows it; numbers that are not finite become None."""
        tests = [as_json(test) | {"text": test.text()} for test in self.tests]
        result: dict[str, Any] = as_json(
            {
                "reference": self.reference,
                "other": self.other,
                "outcome": self.outcome,
                "exit_code": self.outcome.exit_code,
                "power": self.power,
                "alpha": ALPHA,
                "margins": self.margins,
                "margins_hash": self.margins.content_hash(),
                "tests": tests,
            }
        )
        return result


def as_json(value: object) -> Any:
    """Return `value` in the types of JSON; numbers that are not finite become None."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def judge(
    reference: Values,
    other: Values,
    margins: Margins,
    *,
    reference_samples: Samples | None = None,
    other_samples: Samples | None = None,
    names: tuple[str, str] = ("reference", "other"),
    matched: bool = False,
    seed: int = 0,
) -> Verdict:
    """Judge whether a backend is equivalent to a reference.

    Parameters
    ----------
    reference, other : mapping
        (population, statistic) -> values, one per seed, shape (seeds,); NaN: undefined. Every
        one is a primary test and has a margin; rates are given as they are, not as logarithms.
    margins : Margins
        As declared before the runs.
    reference_samples, other_samples : mapping
        (population, quantity) -> one array of per-neuron values per seed.
    names : tuple of str
        Of the two backends.
    matched : bool
        Whether values at the same place are of one seed and one network, to be compared in pairs.
    seed : int
        Of the permutations and of the bootstrap.

    Raises
    ------
    UsageError
        If the sides have different statistics, or one of them has no margin.
    """
    reference_samples, other_samples = reference_samples or {}, other_samples or {}
    for ours, theirs in ((reference, other), (reference_samples, other_samples)):
        if lonely := sorted(set(ours) ^ set(theirs)):
            raise UsageError(f"given by one backend only: {shown(lonely)}; compare what both have")
    found: dict[Key, Comparison | Prediction | DistributionComparison] = {}
    family = len(reference) + len(reference_samples)
    for key in reference:
        a, b, margin = np.asarray(reference[key]), np.asarray(other[key]), margins.of(key[1])
        single = 1 in (a.size, b.size)
        if single:
            found[key] = _predict(a, b, margin, family)
        else:
            found[key] = compare_values(a, b, margin, matched)
    if reference_samples and margins.distribution is None:
        raise UsageError("distributions are given, and no margin W1 is declared for them")
    distributions = {
        key: compare_distributions(
            samples, other_samples[key], margins.distribution or 1.0, seed, matched
        )
        for key, samples in reference_samples.items()
    }
    results = [*found.items(), *distributions.items()]
    adjusted = holm([getattr(result, "p_difference", math.nan) for _, result in results])
    tests = tuple(
        Test(
            *key,
            _outcome(result, p),
            result,
            p,
            smallest_detectable(reference[key], other[key], result.margin, family, matched)
            if isinstance(result, Comparison)
            else math.nan,
        )
        for (key, result), p in zip(results, adjusted.tolist(), strict=True)
    )
    return Verdict(*names, margins, tests, _overall([test.outcome for test in tests]))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p values adjusted for their family (Holm 1979), shape (tests,).

    NaN stands for a test that could not be done; it stays NaN and counts in the family, which
    was declared before.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)  # NaN last
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _predict(
    a: NDArray[np.float64], b: NDArray[np.float64], margin: Margin, family: int
) -> Prediction:
    one, many = (b, a) if b.size == 1 else (a, b)
    interval = prediction_interval(many, margin, family)
    return Prediction(margin, (a.size, b.size), float(one.item()), interval)


def _outcome(found: Comparison | Prediction | DistributionComparison, p_adjusted: float) -> Outcome:
    if isinstance(found, Prediction):
        value, (low, high) = found.value, found.interval
        if math.isnan(value) or math.isnan(low):
            return Outcome.INCONCLUSIVE
        # an interval without width is known up to rounding
        inside = low <= value <= high or math.isclose(value, low) or math.isclose(value, high)
        return Outcome.CONSISTENT if inside else Outcome.INCONSISTENT
    if isinstance(found, Comparison):
        equivalent, exceeds = found.p_equivalence <= ALPHA, found.exceeds
    else:
        equivalent, exceeds = found.upper <= found.limit, found.ratio > found.limit
    if equivalent:
        return Outcome.EQUIVALENT
    return Outcome.DIFFERENT if exceeds and p_adjusted <= ALPHA else Outcome.INCONCLUSIVE


def _overall(outcomes: Sequence[Outcome]) -> Outcome:
    for worst in (Outcome.DIFFERENT, Outcome.INCONSISTENT):
        if worst in outcomes:
            return worst
    if outcomes and all(outcome is Outcome.EQUIVALENT for outcome in outcomes):
        return Outcome.EQUIVALENT
    # one run has no distances within its backend: distributions do not count against it
    return Outcome.CONSISTENT if Outcome.CONSISTENT in outcomes else Outcome.INCONCLUSIVE
