"""Figures of the report: small panels from plain arrays, each an SVG image as a data URI.

An image cannot run scripts or ask for anything outside of it, and matplotlib escapes its labels, so
that text from a description stays text.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
P = ParamSpec("P")

STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small, sharp, and searched by readers
    "svg.hashsalt": "netspec",  # the same figure is the same bytes
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
COLOURS = ("#0072B2", "#D55E00", "#00805E", "#AA4499")  # told apart by the colour-blind
LINES = ("solid", "dashed", "dotted", "dashdot")  # and on grey paper
MARKS = {  # colour, marker and face say the same thing three times
    "equivalent": ("#17693a", "o", "#17693a"),
    "consistent": ("#17693a", "s", "white"),
    "different": ("#b3261e", "X", "#b3261e"),
    "inconsistent": ("#b3261e", "X", "white"),
    "inconclusive": ("#8a5a00", "D", "white"),
}
QUANTILES = np.linspace(0, 1, 61)  # of the distributions that are drawn
DPI = 150  # of dots and matrices, which are drawn as pixels
WIDEST = 5.0  # margins that a forest plot shows at most; arrows stand for what lies beyond


def panel(
    width: float, height: float
) -> Callable[[Callable[Concatenate[Any, P], None]], Callable[P, str]]:
    """Give a function that draws on axes a figure of its own, in inches; it returns a URI."""

    def decorate(draw: Callable[Concatenate[Any, P], None]) -> Callable[P, str]:
        @functools.wraps(draw)
        def drawn(*args: P.args, **kwargs: P.kwargs) -> str:
            from matplotlib import rc_context
            from matplotlib.figure import Figure

            buffer = io.BytesIO()
            with rc_context(STYLE):
                figure = Figure(figsize=(width, height))
                draw(figure.subplots(), *args, **kwargs)
                figure.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None})
            return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()

        return drawn

    return decorate


def looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the colour and the kind of line of every backend."""
    return {
        name: {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i % len(LINES)]}
        for i, name in enumerate(names)
    }


@panel(3.4, 2.5)
def forest(
    axes: Any,
    labels: Sequence[str],
    points: Floats,
    intervals: Floats,
    bands: Floats,
    outcomes: Sequence[str],
    centre: float,
    least: float,
    unit: str,
) -> None:
    """Draw differences with their intervals, on the margin as a grey band.

    Parameters
    ----------
    labels, outcomes : sequence of str
        One for each row, from the top.
    points : ndarray, shape (rows,)
        NaN: no test was possible.
    intervals, bands : ndarray, shape (rows, 2)
        Confidence intervals, which may be infinite, and margins.
    centre, least : float
        No difference; the least value there can be.
    unit : str
        Label of the axis.
    """
    axes.figure.set_figheight(0.85 + 0.21 * len(labels))
    grey = "#dfe5ea"
    reach = float(np.max(np.abs(bands - centre)))
    shown = np.abs(np.column_stack([points, intervals]) - centre)
    widest = float(np.max(shown[np.isfinite(shown)], initial=0.0))
    reach = min(max(1.5 * reach, 1.1 * widest), WIDEST * reach)
    left, right = max(centre - reach, least), centre + reach
    for row, (low, high) in enumerate(bands):
        axes.fill_betweenx([row - 0.5, row + 0.5], low, high, color=grey, linewidth=0.5)
    axes.axvline(centre, color="#555555", linewidth=0.8)
    for row, (point, (low, high), outcome) in enumerate(
        zip(points, intervals, outcomes, strict=True)
    ):
        colour, marker, face = MARKS[outcome]
        if np.isnan(point):
            axes.text(centre, row, "no test", color=colour, va="center", ha="center", fontsize=7)
            continue
        axes.plot(np.clip([low, high], left, right), [row, row], color=colour)
        for beyond, edge, arrow in ((low < left, left, "<"), (high > right, right, ">")):
            if beyond:
                axes.plot(edge, row, arrow, color=colour, markersize=5, clip_on=False)
        if left <= point <= right:
            axes.plot(point, row, marker, color=colour, markerfacecolor=face, markersize=5)
    axes.set_xlim(left, right)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel(unit)


@panel(2.2, 2.2)
def boxes(axes: Any, values: Mapping[str, Floats], published: float | None, unit: str) -> None:
    """Draw one value per seed as a point, with a box from 4 seeds on, by backend."""
    look = looks(values)
    for index, (name, found) in enumerate(values.items()):
        spread = np.linspace(-0.18, 0.18, len(found)) if len(found) > 1 else [0.0]
        axes.plot(index + np.asarray(spread)[: len(found)], found, ".", color=look[name]["color"],
                  markersize=5, alpha=0.8)  # fmt: skip
        if len(found) > 3:
            line = {"color": "#333333", "linewidth": 0.9}
            parts = dict.fromkeys(("medianprops", "boxprops", "whiskerprops", "capprops"), line)
            axes.boxplot([found], positions=[index], widths=0.6, showfliers=False, **parts)
    if published is not None:
        axes.axhline(published, color="#333333", linestyle="--", linewidth=0.9)
    axes.set_xlim(-0.6, len(values) - 0.4)
    axes.set_xticks(range(len(values)), list(values))
    axes.set_ylabel(unit)
    axes.ticklabel_format(axis="y", useOffset=False)


@panel(3.4, 3.2)
def raster(
    axes: Any,
    trains: Mapping[str, tuple[Floats, NDArray[np.int64], int]],
    window: tuple[float, float],
) -> None:
    """Draw spikes of population -> (times in ms, rows, number of rows), first one on top."""
    base = 0
    ticks = []
    for index, (name, (times, rows, number)) in enumerate(trains.items()):
        axes.plot(times, base + rows, ".", markersize=2.2, markeredgewidth=0, rasterized=True,
                  color=("#1b3a5c", "#b3261e")[index % 2])  # fmt: skip
        ticks.append((base + number / 2, name))
        base += number
        if index < len(trains) - 1:
            axes.axhline(base, color="#bbbbbb", linewidth=0.4)
    axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(base, 0)
    axes.set_xlim(*window)
    axes.set_xlabel("time from the start of the warm-up (ms)")


@panel(2.2, 2.0)
def cumulative(axes: Any, quantiles: Mapping[str, Floats], unit: str) -> None:
    """Draw distribution functions: median over seeds, and the band from least to largest.

    Parameters
    ----------
    quantiles : mapping
        Backend -> values at `QUANTILES`, shape (seeds, len(QUANTILES)), one seed at least.
    """
    look = looks(quantiles)
    for name, found in quantiles.items():
        axes.fill_betweenx(QUANTILES, found.min(0), found.max(0), color=look[name]["color"],
                           alpha=0.25, linewidth=0)  # fmt: skip
        axes.plot(np.median(found, axis=0), QUANTILES, **look[name])
    ends = [np.median(found, axis=0) for found in quantiles.values()]
    left, right = min(q[0] for q in ends), max(q[-2] for q in ends)
    if right > left:  # few neurons stretch the last step to where nothing else is
        axes.set_xlim(left - 0.04 * (right - left), right)
    axes.set_ylim(0, 1)
    axes.set_xlabel(unit)
    axes.set_ylabel("share of neurons")


@panel(2.2, 2.0)
def distances(axes: Any, matrix: Floats, seeds: Mapping[str, int], unit: str) -> None:
    """Draw the distances of all pairs of seeds, shape (n, n), backend after backend."""
    ends = np.cumsum(list(seeds.values()))
    image = axes.imshow(matrix, cmap="viridis", interpolation="nearest", vmin=0)
    for end in ends[:-1]:
        axes.axhline(end - 0.5, color="white", linewidth=1.5)
        axes.axvline(end - 0.5, color="white", linewidth=1.5)
    middles = ends - np.array(list(seeds.values())) / 2 - 0.5
    axes.set_xticks(middles, list(seeds))
    axes.set_yticks(middles, list(seeds), rotation=90, va="center")
    axes.tick_params(length=0)
    axes.figure.colorbar(image, ax=axes, label=unit, shrink=0.9)


@panel(3.4, 2.3)
def angles(axes: Any, traces: Sequence[tuple[Floats, Floats]], colour: str) -> None:
    """Draw decoded angles (degrees) over time (ms), one line per run; gaps: no bump."""
    for times, found in traces:
        turned = found % 360
        jump = np.flatnonzero(np.abs(np.diff(turned)) > 180) + 1  # across 0 = 360
        axes.plot(np.insert(times, jump, np.nan), np.insert(turned, jump, np.nan),
                  color=colour, linewidth=0.8, alpha=0.8)  # fmt: skip
    axes.set_ylim(0, 360)
    axes.set_yticks(range(0, 361, 90))
    axes.set_xlabel("time from the start of the warm-up (ms)")
    axes.set_ylabel("angle (deg)")


@panel(3.4, 2.3)
def profiles(axes: Any, found: Mapping[str, tuple[Floats, Floats]]) -> None:
    """Draw rates around the bump: backend -> (angles, rates of shape (runs, neurons))."""
    look = looks(found)
    for name, (at, rates) in found.items():
        axes.fill_between(at, rates.min(0), rates.max(0), color=look[name]["color"], alpha=0.2,
                          linewidth=0)  # fmt: skip
        axes.plot(at, rates.mean(0), **look[name])
    axes.set_xlim(-180, 180)
    axes.set_xticks(range(-180, 181, 90))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("angle from the bump (deg)")
    axes.set_ylabel("rate (1/s)")


@panel(3.4, 2.3)
def survival(axes: Any, curves: Mapping[str, tuple[Floats, Floats]]) -> None:
    """Draw Kaplan-Meier curves: backend -> (times in ms, probability)."""
    look = looks(curves)
    for name, (times, probability) in curves.items():
        if len(times):
            axes.step(np.insert(times, 0, 0.0), np.insert(probability, 0, 1.0), where="post",
                      **look[name])  # fmt: skip
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("time after the cue's trace has gone (ms)")
    axes.set_ylabel("share of bumps alive")


@panel(3.4, 2.3)
def formation(axes: Any, found: Mapping[str, tuple[Floats, Floats]]) -> None:
    """Draw how often a cue raised a bump: backend -> (strengths in pA, probability)."""
    look = looks(found)
    for name, (strengths, probability) in found.items():
        axes.plot(strengths, probability, **look[name], marker="o", markersize=4)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("strength of the cue (pA)")
    axes.set_ylabel("share of trials with a bump")
