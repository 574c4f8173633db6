"""The verdict on two backends: every statistic and distribution, and all of them together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel

from netspec.errors import UsageError, shown
from netspec.execute.measure import Key, Margin
from netspec.validation.judge.comparison import Comparison, Outcome
from netspec.validation.judge.comparison_kinds import Prediction
from netspec.validation.judge.distances import compare_distributions
from netspec.validation.judge.equivalence import (
    compare_values,
    prediction_interval,
    smallest_detectable,
)
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.means import ALPHA, ONE_LOOK, Levels
from netspec.validation.judge.single import Single
from netspec.validation.measure.catalogue import finite

MIN_RUNS = 3  # of the other side, to say where one more run would lie
Values = Mapping[Key, ArrayLike]
Samples = Mapping[Key, Sequence[ArrayLike]]


@dataclass(frozen=True)
class Test:
    """One primary test and its outcome.

    Attributes
    ----------
    population, statistic : str
        A population, or whatever group the measure has (`netspec.execute.measure`).
    outcome : Outcome
    comparison : Comparison
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
    comparison: Comparison
    p_adjusted: float = math.nan
    detectable: float = math.nan

    @property
    def matched(self) -> bool:
        """Whether both sides were compared seed by seed."""
        return bool(getattr(self.comparison, "matched", False))

    def text(self) -> str:
        """Return the test in one line."""
        found = self.comparison
        advice = found.advice() if self.outcome is Outcome.INCONCLUSIVE else ""
        words = f"{self.population} {self.statistic}: {found.text()}"
        return f"{words}: {self.outcome.upper()}{advice}"


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
        designs = [d for test in self.tests if (d := test.comparison.designed) is not None]
        return max(0.0, 1 - sum(1 - power for power, _ in designs)) if designs else math.nan

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
    return finite(value)


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
    levels: Levels = ONE_LOOK,
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
    levels : Levels
        Of this look, if it is one of several (`netspec.validation.judge.looks`).

    Raises
    ------
    UsageError
        If the sides have different statistics, or one of them has no margin.
    """
    reference_samples, other_samples = reference_samples or {}, other_samples or {}
    for ours, theirs in ((reference, other), (reference_samples, other_samples)):
        if lonely := sorted(set(ours) ^ set(theirs)):
            raise UsageError(f"given by one backend only: {shown(lonely)}; compare what both have")
    found: list[tuple[Key, Comparison, float]] = []  # with the deviation that would be seen
    family = len(reference) + len(reference_samples)
    for key in reference:
        a, b, margin = np.asarray(reference[key]), np.asarray(other[key]), margins.of(key[1])
        if min(a.size, b.size) == 1 and max(a.size, b.size) < MIN_RUNS:
            means_of_sides = float(np.mean(a)), float(np.mean(b))
            found.append((key, Single(margin, (a.size, b.size), means_of_sides), math.nan))
        elif 1 in (a.size, b.size):
            found.append((key, _predict(a, b, margin, family), math.nan))
        else:
            means = compare_values(a, b, margin, matched, levels)
            seen = smallest_detectable(a, b, means.margin, family, matched, levels.difference)
            found.append((key, means, seen))
    if reference_samples and margins.distribution is None:
        raise UsageError("distributions are given, and no margin W1 is declared for them")
    for key, samples in reference_samples.items():
        limit = margins.distribution or 1.0
        distances = compare_distributions(samples, other_samples[key], limit, seed, matched, levels)
        found.append((key, distances, math.nan))
    adjusted = holm([comparison.p_difference for _, comparison, _ in found])
    tests = tuple(
        Test(*key, comparison.outcome(p), comparison, p, seen)
        for (key, comparison, seen), p in zip(found, adjusted.tolist(), strict=True)
    )
    return Verdict(*names, margins, tests, overall([test.outcome for test in tests]))


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


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """Return what tests say together."""
    for worst in (Outcome.DIFFERENT, Outcome.INCONSISTENT):
        if worst in outcomes:
            return worst
    if outcomes and all(outcome is Outcome.EQUIVALENT for outcome in outcomes):
        return Outcome.EQUIVALENT
    # one run has no distances within its backend: distributions do not count against it
    return Outcome.CONSISTENT if Outcome.CONSISTENT in outcomes else Outcome.INCONCLUSIVE
