"""What the report draws of curves, and of a verdict that was asked for look by look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netspec.validation.campaign.summary import CurveEntry, Summary
from netspec.validation.report import figures
from netspec.validation.report.known import title
from netspec.validation.report.section import Picture, Section, floats

TITLES = {  # of netspec's own curves: heading, and what is drawn
    "rate_in_time": ("Population rate in time", "rate"),
    "spectrum": ("Spectrum of the population rate", "power"),
    "correlations": ("Correlations of pairs", "correlation"),
    "cvs": ("CV of intervals", "CV"),
}
SHARE = "share of "  # what the axis of quantiles begins with


def curve_sections(summary: Summary) -> Iterator[Section]:
    """Yield a section a kind of curve, a panel a population."""
    kinds: dict[str, dict[str, list[CurveEntry]]] = {}
    for entry in summary.curves:
        kinds.setdefault(entry.name, {}).setdefault(entry.population, []).append(entry)
    for name, populations in kinds.items():
        first = next(iter(populations.values()))[0]
        pictures = [_curve(population, entries) for population, entries in populations.items()]
        note = (
            f"{first.meaning[0].upper()}{first.meaning[1:]}. Line: mean over runs, band: from the "
        )
        note += "least to the largest run. Measured and not judged."
        heading, _ = _named(name)
        yield Section(heading, note, tuple(pictures), small=True)


def _curve(population: str, entries: list[CurveEntry]) -> Picture:
    first = entries[0]
    drawn = {
        entry.backend: (
            floats(entry.x), floats(entry.mean), floats(entry.low), floats(entry.high)
        )
        for entry in entries
    }  # fmt: skip
    labels = _label(first.axis, first.axis_unit), _label(_named(first.name)[1], first.unit)
    means = ", ".join(f"{name} {np.nanmean(mean):.3g}" for name, (_, mean, _, _) in drawn.items())
    words = f"{first.name} of {population} on {first.axis}: means of the curves {means}."
    if first.axis.startswith(SHARE):  # quantiles: drawn as all distribution functions
        return Picture(population, figures.quantiles(drawn, (labels[1], labels[0])), words)
    logarithmic = first.axis == "frequency"
    return Picture(population, figures.curves(drawn, labels, logarithmic), words)


def _named(name: str) -> tuple[str, str]:
    return TITLES.get(name, (name.replace("_", " "),) * 2)


def _label(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def path_sections(summary: Summary) -> Iterator[Section]:
    """Yield, of every comparison that was looked at again and again, the path of its tests."""
    for entry in summary.comparisons:
        if entry.looks is None:
            continue
        statistics: dict[str, list[dict[str, Any]]] = {}
        for path in entry.looks["paths"]:
            statistics.setdefault(path["statistic"], []).append(path)
        pictures = tuple(_paths(name, paths) for name, paths in statistics.items())
        yield Section(
            f"Look by look: {title(entry)}",
            f"What every test said when the verdict was asked for: {entry.looks['text']}. Filled: "
            "equivalent, and so it stays; open: inconclusive; cross: different.",
            pictures,
            legend=False,
        )


def _paths(statistic: str, paths: list[dict[str, Any]]) -> Picture:
    rows = {
        str(path["population"]): [(step["seeds"], step["outcome"]) for step in path["steps"]]
        for path in paths
    }
    decided = {str(path["population"]): path["decided"] for path in paths}
    words = ", ".join(
        f"{name} {'open' if at is None else f'decided at {at} seeds'}"
        for name, at in decided.items()
    )
    picture = figures.paths(rows, decided)
    return Picture(statistic, picture, f"Path of the tests of {statistic}: {words}.")
