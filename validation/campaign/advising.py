"""What is advised where a verdict is open: from the runs at hand, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netspec.execute.measure import Key, Margin, Measure
from netspec.execute.results import Run
from netspec.validation.judge.advice import (
    CONFIDENCE,
    joint_power,
    levers,
    networks_share,
    open_test,
)
from netspec.validation.judge.comparing import Floats, values_of
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.equivalence import POWER
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.means import ALPHA
from netspec.validation.judge.verdict import Verdict, as_json
from netspec.validation.measure.catalogue import Measured, measure

HALVES = ((0.0, 0.5), (0.5, 1.0))


class Adviser:
    """Says what would decide the open tests of a verdict.

    Parameters
    ----------
    measured : sequence of Measured
    runs : sequence of Run
        The same runs, whose halves say what scatters in time.
    margins : Margins
    measures : sequence of Measure
        Beside those that are installed and those of the circuit.
    """

    def __init__(
        self,
        measured: Sequence[Measured],
        runs: Sequence[Run],
        margins: Margins,
        measures: Sequence[Measure] = (),
    ) -> None:
        self.runs = {_name(m): run for m, run in zip(measured, runs, strict=True)}
        self.margins, self.measures = margins, measures

    def advice(
        self, verdict: Verdict, sides: Sequence[Sequence[Measured]], alpha: float = ALPHA
    ) -> dict[str, Any] | None:
        """Return JSON data; None if no test is open, or a side has one seed.

        Parameters
        ----------
        verdict : Verdict
        sides : sequence of sequence of Measured
            All runs of both sides, in the order of seeds.
        alpha : float
            Level of every one-sided test of equivalence.
        """
        still = [test for test in verdict.tests if test.outcome is Outcome.INCONCLUSIVE]
        seeds = min(len({m.seed for m in side}) for side in sides)
        if verdict.outcome is not Outcome.INCONCLUSIVE or not still or seeds < 2:
            return None
        matched = any(test.matched for test in verdict.tests)
        values = [values_of(side, self.margins) for side in sides]
        keys = [(t.population, t.statistic) for t in still]
        means = [key for key in keys if all(key in side for side in values)]
        shares = self._shares(sides, matched) if means else {}
        every = [
            open_test(
                values[0][key], values[1][key], self.margins.of(key[1]), matched,
                shares.get(key[1], np.nan),
            )
            for key in means
        ]  # fmt: skip
        tests = [test for test in every if test is not None]
        duration = float(self.runs[_name(sides[0][0])].manifest["simulation"]["duration"])
        found = levers(tests, matched, alpha) if tests else []
        result: dict[str, Any] = as_json(
            {
                "power": max(0.0, joint_power(tests, seeds, 1.0, False, alpha)),
                "wanted": POWER,
                "confidence": CONFIDENCE,
                "tests": len(tests),
                "others": len(still) - len(tests),
                "networks": shares,
                "levers": [{**vars(one), "text": one.text(duration)} for one in found],
            }
        )
        return result

    def _shares(self, sides: Sequence[Sequence[Measured]], matched: bool) -> dict[str, float]:
        """Return by statistic the share of the variance that a longer run would not remove."""
        parts = [
            [_scaled(self._part(side, part), self.margins.statistics) for part in HALVES]
            for side in sides
        ]
        if matched:
            (a, more_a), (b, more_b) = parts
            parts = [[_difference(a, b), _difference(more_a, more_b)]]
        return networks_share([(first, second) for first, second in parts], self.margins.statistics)

    def _part(self, side: Sequence[Measured], part: tuple[float, float]) -> dict[Key, Floats]:
        runs = ((m, self.runs[_name(m)]) for m in side)
        return values_of(
            [measure(run, m.backend, m.seed, more=self.measures, part=part) for m, run in runs],
            self.margins,
        )


def _name(measured: Measured) -> tuple[str, int, float | None]:
    return measured.backend, measured.seed, measured.cue_angle


def _scaled(values: Mapping[Key, Floats], margins: Mapping[str, Margin]) -> dict[Key, Floats]:
    """Return values whose differences compare with the margin's limit, whatever its scale."""
    found = {}
    for key, own in values.items():
        margin, mean = margins[key[1]], abs(np.nanmean(own)) if np.isfinite(own).any() else 0.0
        unit = margin.limit * (mean if margin.relative else 1.0)
        found[key] = own / unit if unit else np.full_like(own, np.nan)
    return found


def _difference(a: Mapping[Key, Floats], b: Mapping[Key, Floats]) -> dict[Key, Floats]:
    return {key: b[key] - a[key] for key in a.keys() & b.keys() if len(a[key]) == len(b[key])}
