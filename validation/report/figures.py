"""Figures of the report: small panels from plain arrays, each an SVG image as a data URI.

An image cannot run scripts or ask for anything outside of it, and matplotlib escapes its labels, so
that text from a description stays text.
"""

from __future__ import annotations

import base64
import functools
import io
import re
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
    "font.family": ["DejaVu Sans", "sans-serif"],  # readers without the first have some of these
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica", "sans-serif"],
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
STEPS = 160  # of a distribution function at most: about the pixels across a small panel
SHOWN = 0.98  # of a distribution; few neurons would stretch the axis to where nothing else is
LABELS = 18  # lines of small text that a raster has room for
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
            from matplotlib.backends.backend_svg import FigureCanvasSVG
            from matplotlib.figure import Figure

            buffer = io.BytesIO()
            with rc_context(STYLE):
                figure = Figure(figsize=(width, height), dpi=DPI)
                draw(figure.subplots(), *args, **kwargs)
                # what savefig does, which draws all of it twice
                canvas: Any = FigureCanvasSVG(figure)
                canvas.print_svg(buffer, metadata={"Date": None})
            text = LONG_PATH.sub(_shortened, buffer.getvalue().decode())
            return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()

        return drawn

    return decorate


LONG_PATH = re.compile(r'(?<= d=")[^"]{400,}')


def _shortened(path: re.Match[str]) -> str:
    """Return a curve with two digits behind the point: a hundredth of 1/72 inch."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", path.group())


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
    axes.locator_params(axis="x", nbins=5)  # more labels of small numbers run into each other
    axes.set_xlabel(unit)


@panel(2.2, 2.2)
def means(axes: Any, values: Mapping[str, Floats], published: float | None, unit: str) -> None:
    """Draw one value per seed as a point, their mean as a line and +- SD as a bar, by backend."""
    look = looks(values)
    for index, (name, found) in enumerate(values.items()):
        _seeds(axes, index, found, 0.18, look[name]["color"])
    if published is not None:
        axes.axhline(published, color="#333333", linestyle="--", linewidth=0.9)
    axes.set_xlim(-0.6, len(values) - 0.4)
    axes.set_xticks(range(len(values)), list(values))
    axes.set_ylabel(unit)
    axes.ticklabel_format(axis="y", useOffset=False)


@panel(3.4, 2.3)
def by_population(axes: Any, values: Mapping[str, Mapping[str, Floats]], unit: str) -> None:
    """Draw seeds, means and SD of a statistic: backend -> population -> values of the seeds."""
    look = looks(values)
    populations = list(dict.fromkeys(p for found in values.values() for p in found))
    width = 0.8 / len(values)
    for index, (name, found) in enumerate(values.items()):
        for at, population in enumerate(populations):
            if len(found.get(population, ())):
                middle = at + (index - (len(values) - 1) / 2) * width
                _seeds(axes, middle, found[population], width / 4, look[name]["color"])
    axes.set_xlim(-0.6, len(populations) - 0.4)
    axes.set_xticks(range(len(populations)), populations, fontsize=7)
    axes.set_ylabel(unit)
    axes.ticklabel_format(axis="y", useOffset=False)


def _seeds(axes: Any, at: float, found: Floats, half: float, colour: str) -> None:
    if not len(found):
        return  # every run of this side failed
    spread = at + np.linspace(-half, half, len(found)) if len(found) > 1 else [at]
    axes.plot(spread, found, ".", color=colour, markersize=6.5, alpha=0.75, markeredgewidth=0)
    if len(found) > 1:
        axes.errorbar(at, found.mean(), found.std(ddof=1), color="#222222", linewidth=1.0,
                      capsize=2.5)  # fmt: skip
        axes.plot([at - 1.6 * half, at + 1.6 * half], [found.mean()] * 2, color="#222222",
                  linewidth=1.4)  # fmt: skip


@panel(3.4, 3.2)
def raster(
    axes: Any,
    trains: Mapping[str, tuple[Floats, NDArray[np.int64], int]],
    window: tuple[float, float],
    cue: tuple[float, float] | None = None,
) -> None:
    """Draw spikes of population -> (times in ms, rows, number of rows), first one on top.

    `cue` is its begin and end in ms, a band behind the spikes.
    """
    base = 0
    mark_cue(axes, cue)
    ticks = []
    for index, (name, (times, rows, number)) in enumerate(trains.items()):
        axes.plot(times, base + rows, ".", markersize=2.2, markeredgewidth=0, rasterized=True,
                  color=("#1b3a5c", "#b3261e")[index % 2])  # fmt: skip
        ticks.append((base + number / 2, name))
        base += number
        if index < len(trains) - 1:
            axes.axhline(base, color="#bbbbbb", linewidth=0.4)
    apart = base / LABELS  # names of small populations would run into each other
    places = apart_by([at for at, _ in ticks], apart, base)
    axes.set_yticks(places, [name for _, name in ticks], fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(base, 0)
    axes.set_xlim(*window)
    axes.set_xlabel("time from the start of the warm-up (ms)")


def apart_by(places: Sequence[float], least: float, end: float) -> list[float]:
    """Return places in rising order moved as little as needed to be `least` apart, up to `end`."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + least) if found else place)
    last = end
    for index in reversed(range(len(found))):
        found[index] = min(found[index], last)
        last = found[index] - least
    return found


@panel(2.2, 2.0)
def cumulative(axes: Any, samples: Mapping[str, Sequence[Floats]], unit: str) -> None:
    """Draw distribution functions: median over seeds, and the band from least to largest.

    Parameters
    ----------
    samples : mapping
        Backend -> values of the neurons, one array a seed that is not empty, one seed at least.
    """
    look = looks(samples)
    at = support([values for found in samples.values() for values in found])
    ends = []
    for name, found in samples.items():
        shares = np.array([share_below(values, at) for values in found])
        middle = np.median(shares, axis=0)
        # from the left of the first value on: a share there is a step, not a slope
        ends.append(at[np.searchsorted(middle, SHOWN).clip(max=len(at) - 1)])
        axes.fill_between(at, shares.min(0), shares.max(0), color=look[name]["color"], alpha=0.25,
                          linewidth=0, step="post")  # fmt: skip
        axes.step(np.insert(at, 0, at[0]), np.insert(middle, 0, 0.0), where="post", **look[name])
    left, right = at[0], max(ends)
    if right > left:
        axes.set_xlim(left - 0.04 * (right - left), right)
    axes.set_ylim(0, 1)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel(unit)
    axes.set_ylabel("share of neurons")


def support(samples: Sequence[Floats]) -> Floats:
    """Return where to draw distribution functions: at every value, or at `STEPS` of them.

    Where there are more values than steps, these are equally spaced up to `SHOWN` of all neurons;
    the shares there are exact all the same.
    """
    every = np.unique(np.concatenate(samples))
    if len(every) <= STEPS:
        return every
    pooled = max(float(np.quantile(values, SHOWN)) for values in samples)
    return np.append(np.linspace(every[0], pooled, STEPS), every[-1:])


def share_below(values: Floats, at: Floats) -> Floats:
    """Return the share of values that are at most `at`, for each of them."""
    return np.searchsorted(np.sort(values), at, side="right") / len(values)


@panel(2.2, 2.0)
def curves(
    axes: Any,
    found: Mapping[str, tuple[Floats, Floats, Floats, Floats]],
    labels: tuple[str, str],
    logarithmic: bool = False,
) -> None:
    """Draw curves of backends: mean over runs, and the band from the least to the largest.

    Parameters
    ----------
    found : mapping
        Backend -> points, mean, least and largest values, shapes (n,); NaN: undefined.
    labels : tuple of str
        Of both axes.
    logarithmic : bool
        Whether both axes are.
    """
    look = looks(found)
    for name, (points, mean, low, high) in found.items():
        axes.fill_between(points, low, high, color=look[name]["color"], alpha=0.2, linewidth=0)
        axes.plot(points, mean, **{**look[name], "linewidth": 0.9})
    if logarithmic:
        axes.loglog()
        axes.minorticks_off()  # their labels run into each other
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")  # no mathematics in labels
    else:
        axes.locator_params(axis="x", nbins=4)
        axes.locator_params(axis="y", nbins=5)
        axes.ticklabel_format(useOffset=False)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])


@panel(2.2, 2.0)
def quantiles(
    axes: Any,
    found: Mapping[str, tuple[Floats, Floats, Floats, Floats]],
    labels: tuple[str, str],
) -> None:
    """Draw quantile functions as distribution functions; parameters as of `curves`."""
    look = looks(found)
    for name, (shares, mean, low, high) in found.items():
        axes.fill_betweenx(shares, low, high, color=look[name]["color"], alpha=0.2, linewidth=0)
        axes.plot(mean, shares, **look[name])
    axes.set_ylim(0, 1)
    left = min(mean[0] for _, mean, _, _ in found.values())
    right = max(float(np.interp(SHOWN, shares, mean)) for shares, mean, _, _ in found.values())
    if right > left:
        axes.set_xlim(left - 0.04 * (right - left), right)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])


@panel(3.4, 2.5)
def paths(
    axes: Any, rows: Mapping[str, Sequence[tuple[int, str]]], decided: Mapping[str, int | None]
) -> None:
    """Draw what every test said at every look.

    Parameters
    ----------
    rows : mapping
        Population -> (seeds, outcome) look by look, the first one on top.
    decided : mapping
        Population -> seeds of the look at which the test was decided; None: at none.
    """
    axes.figure.set_figheight(0.75 + 0.21 * len(rows))
    seeds = sorted({number for steps in rows.values() for number, _ in steps})
    for row, (name, steps) in enumerate(rows.items()):
        end = decided[name]
        open_until = seeds[-1] if end is None else end
        axes.plot([seeds[0], open_until], [row, row], color="#b9c2ca", linewidth=0.8, zorder=1)
        for number, outcome in steps:
            if number <= open_until:  # decided stays decided
                colour, marker, face = MARKS[outcome]
                axes.plot(number, row, marker, color=colour, markerfacecolor=face, markersize=5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), list(rows))
    room = 0.05 * max(seeds[-1] - seeds[0], 1)
    axes.set_xlim(seeds[0] - room, seeds[-1] + room)
    axes.set_xticks(seeds)
    axes.set_xlabel("seeds at the look")


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


def mark_cue(axes: Any, cue: tuple[float, float] | None) -> None:
    """Draw the cue of a trial as a band from its begin to its end, in ms."""
    if cue is not None:
        axes.axvspan(*cue, color="#f0d9a8", linewidth=0, zorder=0)
        axes.annotate("cue", (sum(cue) / 2, 1), xycoords=("data", "axes fraction"), ha="center",
                      va="bottom", fontsize=7, annotation_clip=False)  # fmt: skip
