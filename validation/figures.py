"""Figures of the report, as PNG in base64."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from netspec.results import Run
from netspec.validation.statistics import mean_and_sd
from netspec.validation.summary import Summary

RASTER_NEURONS = 1500  # shown at most, chosen evenly
RASTER_MS = 600.0  # at the end of the run


def _png(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return base64.b64encode(buffer.getvalue()).decode()


def rates(summary: Summary) -> str:
    """Draw mean rates with every seed as a point, by population and backend."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.5))
    axes = figure.subplots()
    names, populations = summary.backends, list(summary.network.populations)
    width = 0.8 / len(names)
    for index, name in enumerate(names):
        at = np.arange(len(populations)) + (index - (len(names) - 1) / 2) * width
        found: dict[str, list[float]] = {population: [] for population in populations}
        for row in summary.statistics:
            if row.backend == name and row.values["rate"] is not None:
                found[row.population].append(row.values["rate"])
        heights = [mean_and_sd(values)[0] for values in found.values()]
        axes.bar(at, heights, width * 0.9, label=name, alpha=0.7)
        for x, seeds in zip(at, found.values(), strict=True):
            axes.plot([x] * len(seeds), seeds, "k.", markersize=4)
    for index, population in enumerate(populations):
        if population in summary.published:
            height = summary.published[population]
            axes.plot([index - 0.45, index + 0.45], [height] * 2, "k--", linewidth=1)
    axes.set_xticks(range(len(populations)), populations)
    axes.set_ylabel("rate (spikes/s)")
    axes.legend(frameon=False)
    return _png(figure)


def raster(runs: Sequence[Run]) -> str:
    """Draw the end of one run per backend, one below the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2 * len(runs)))
    all_axes = figure.subplots(len(runs), 1, squeeze=False)[:, 0]
    total = sum(runs[0].manifest["sizes"].values())
    stride = max(1, total // RASTER_NEURONS)
    for axes, run in zip(all_axes, runs, strict=True):
        base = 0
        ticks = []
        for population in run.populations:
            spikes = run.spikes(population, warmup=True)
            begin = max(0, spikes.end - round(RASTER_MS / spikes.dt))
            spikes = spikes.window(begin, spikes.end)
            shown = spikes.neurons % stride == 0
            axes.plot(spikes.times[shown], base + spikes.neurons[shown], ".", markersize=1)
            ticks.append((base + spikes.size / 2, population))
            base += spikes.size
        axes.set_yticks([t for t, _ in ticks], [name for _, name in ticks])
        axes.set_ylim(base, 0)
        axes.set_xlim(spikes.begin * spikes.dt, spikes.end * spikes.dt)
        axes.set_title(f"{run.manifest['backend']}, seed {run.manifest['seed']}", fontsize=10)
    all_axes[-1].set_xlabel("time from the start of the warm-up (ms)")
    figure.tight_layout()
    return _png(figure)
