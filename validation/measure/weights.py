"""Statistics of the weights that a run ends with, where synapses that change are recorded."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from netspec.execute.measure import (
    Activity,
    Distribution,
    Measure,
    Samples,
    Statistic,
    Values,
    margin,
)


class WeightMeasure(Measure):
    """The weights of synapses that change, at the end of a run."""

    name = "weights"
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("mean_weight", "", "mean over all synapses", margin("5 %", "ratio")),
        Statistic("sd_weight", "", "SD over all synapses, with n", margin("10 %", "ratio")),
        Statistic("lower_tenth", "", "share of synapses in the lowest tenth of the range"),
        Statistic("upper_tenth", "", "share of synapses in the highest tenth of the range"),
    )
    distributions: ClassVar[tuple[Distribution, ...]] = (
        Distribution("weight", "", "of all synapses"),
    )

    def applies(self, run: Activity) -> bool:
        """Return whether the weights of any projection were recorded."""
        return bool(self._projections(run))

    @staticmethod
    def _projections(run: Activity) -> list[str]:
        recorders = run.manifest.get("synapse_recorders", {}).values()
        return list(dict.fromkeys(r["projection"] for r in recorders if r["final"]))

    def values(self, run: Activity) -> Values:
        """Return the statistics of every projection whose weights were recorded."""
        found: dict[tuple[str, str], float] = {}
        for projection in self._projections(run):
            weights = run.run.weights(projection).values
            low, high = (float(f(weights)) if len(weights) else math.nan for f in (np.min, np.max))
            tenth = 0.1 * (high - low)
            spread = tenth > 0
            some = len(weights) > 0
            found[projection, "mean_weight"] = float(weights.mean()) if some else math.nan
            found[projection, "sd_weight"] = float(weights.std()) if some else math.nan
            for name, chosen in (
                ("lower_tenth", weights <= low + tenth),
                ("upper_tenth", weights >= high - tenth),
            ):
                found[projection, name] = float(chosen.mean()) if spread else math.nan
        return found

    def samples(self, run: Activity) -> Samples:
        """Return the weights of every projection, sorted as its synapses are."""
        return {(p, "weight"): run.run.weights(p).values for p in self._projections(run)}
