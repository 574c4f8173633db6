"""A statistic across populations, in a package of its own: netspec needs no change for it."""

from __future__ import annotations

import itertools

import numpy as np

from netspec.execute.measure import Activity, Measure, Statistic, Values, margin

BIN = 5.0  # ms


class PairMeasure(Measure):
    """How much the rates of two populations go together."""

    name = "pairs"
    statistics = (
        Statistic(
            "rate_correlation",
            "",
            f"correlation coefficient of two populations' spike counts, bins of {BIN:g} ms",
            margin("0.1", "absolute"),
        ),
    )

    def applies(self, run: Activity) -> bool:
        return len(run.populations) > 1

    def values(self, run: Activity) -> Values:
        counts = {name: self.counts(run, name) for name in run.populations}
        return {
            (f"{a}-{b}", "rate_correlation"): float(np.corrcoef(counts[a], counts[b])[0, 1])
            for a, b in itertools.combinations(counts, 2)
        }

    def counts(self, run: Activity, population: str) -> np.ndarray:
        spikes = run.spikes(population)
        width = round(BIN / spikes.dt)
        number = (spikes.end - spikes.begin) // width
        bins = (spikes.steps - spikes.begin - 1) // width
        return np.bincount(bins, minlength=number)[:number]
