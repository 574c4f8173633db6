"""What the report draws: arrays from a summary and its run files, a section a subject."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.execute.measure import Activity, Distribution, Samples, Statistic
from netspec.execute.results import Run, SpikeData
from netspec.validation.campaign.summary import Summary
from netspec.validation.exchange.opening import load_run
from netspec.validation.judge.comparison_kinds import read
from netspec.validation.judge.distances import distance_matrix
from netspec.validation.measure.catalogue import known_statistics, measures_of
from netspec.validation.report import figures, tables
from netspec.validation.report.curves import curve_sections, path_sections
from netspec.validation.report.section import Picture, Runs, Section, floats
from netspec.validation.report.trials import bump_sections, cue_span

RASTER_NEURONS = 1200  # shown at most
RASTER_MS = 500.0  # at the end of the run
TRIAL_MS = 10_000.0  # at the end of a run with a cue: all of it, usually
# what a network has and what other statistics rest on, no activity of its own
DESCRIBING = ("neurons", "eligible")
Floats = NDArray[np.float64]


def open_runs(summary: Summary, folders: Sequence[Path]) -> list[Run]:
    """Return those runs of a summary whose files lie in one of the folders.

    Raises
    ------
    ResultFileError
        If a file is damaged.
    """
    names = dict.fromkeys(entry.file for entry in summary.runs if entry.file is not None)
    paths = [path for folder in folders for name in names if (path := folder / name).is_file()]
    return [load_run(path) for path in paths]


def sides(summary: dict[str, Any], runs: Sequence[Run]) -> tuple[Runs, list[str]]:
    """Return the runs of every backend in the summary's order, and the files that are missing."""
    known = {(run.file.name, run.manifest["request_hash"]): run for run in runs}
    found: Runs = {name: [] for name in summary["backends"]}
    missing = []
    for entry in summary["runs"]:
        run = known.get((entry["file"], entry["request_hash"]))
        if run is not None:
            found[entry["backend"]].append(run)
        elif entry["error"] is None:
            missing.append(entry["file"])
    return found, missing


def all_of(summary: Summary, runs: Runs) -> list[Section]:
    """Return every section that has something to show."""
    data = summary.model_dump(mode="json")
    trials = data["ring"] is not None and data["ring"]["trials"]
    found = [
        *path_sections(summary),
        *_forests(data),
        *(bump_sections(data, runs) if trials else ()),
        *_rates(summary, data),
    ]
    found += [*_told(data), *curve_sections(summary)]
    if any(runs.values()):
        found += [_rasters(runs), *_distributions(runs)]
    return [section for section in found if section.pictures]


# -- differences ------------------------------------------------------------------------------


def _forests(summary: dict[str, Any]) -> Iterator[Section]:
    for entry in summary["comparisons"]:
        if entry["verdict"] is None:
            continue
        verdict = entry["verdict"]
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for test in verdict["tests"]:
            kind = read(test["comparison"]).kind
            groups.setdefault((kind, test["statistic"]), []).append(test)
        known = known_statistics()
        pictures = tuple(
            _forest(name, tests, known.get(name)) for (_, name), tests in groups.items()
        )
        yield Section(
            f"Differences: {entry['other']} against {entry['reference']}",
            "Points are differences, bars their 90 % intervals (for distributions up to the upper "
            "end of the 95 % interval), the grey band the margin. Equivalent (green, filled): the "
            "bar lies within the band. Different (red cross): the point lies outside and chance "
            "is excluded. Open diamonds are inconclusive; arrows point at what lies outside of "
            "the panel.",
            pictures,
            legend=False,
        )


def _forest(statistic: str, tests: Sequence[dict[str, Any]], declared: Statistic | None) -> Picture:
    """Draw the tests of a statistic; `declared` is None if its measure is not installed here."""
    found = [read(test["comparison"]) for test in tests]
    title, axis = found[0].title(statistic), found[0].axis(declared.unit if declared else "")
    bars = [one.bar() for one in found]
    points = np.array([bar.point for bar in bars])
    intervals = np.array([(bar.low, bar.high) for bar in bars])
    bands = np.array([bar.margin for bar in bars])
    labels, outcomes = [t["population"] for t in tests], [t["outcome"] for t in tests]
    counts = ", ".join(f"{outcomes.count(o)} {o}" for o in dict.fromkeys(outcomes))
    return Picture(
        title,
        figures.forest(
            labels, points, intervals, bands, outcomes, axis.centre, axis.least, axis.label
        ),
        f"Forest plot of {title}: {counts}. {declared.meaning if declared else ''}".strip(),
    )


# -- rates and spikes -------------------------------------------------------------------------


def _rates(whole: Summary, summary: dict[str, Any]) -> Iterator[Section]:
    published = summary["published"]
    note = (
        "Points: the mean rate of each seed. Black: mean over seeds and ± SD, which "
        "stand in the table too (1/s)."
    ) + (" The dashed line is the published full-scale value." if published else "")
    pictures = []
    for population in summary["network"]["populations"]:
        values = _of_seeds(summary, "rate", population)
        if not any(len(found) for found in values.values()):
            continue
        means = ", ".join(f"{n} {found.mean():.3g}" for n, found in values.items() if len(found))
        target = published.get(population)
        words = f"Rates of {population}: means over seeds {means} spikes per second"
        words += f"; published {target:g}." if target is not None else "."
        picture = figures.means(values, target, "rate (1/s)")
        pictures.append(Picture(population, picture, words))
    table = tables.rate_table(whole)
    yield Section("Rates", note, tuple(pictures), legend=False, small=True, table=table)


def _of_seeds(summary: dict[str, Any], statistic: str, population: str) -> dict[str, Floats]:
    """Return backend -> the defined values of a statistic, one a run."""
    found = {
        name: floats(
            [
                row["values"].get(statistic)
                for row in summary["statistics"]
                if row["backend"] == name and row["population"] == population
            ]
        )
        for name in summary["backends"]
    }
    return {name: values[~np.isnan(values)] for name, values in found.items()}


def _told(summary: dict[str, Any]) -> Iterator[Section]:
    """Yield the statistics that are measured and not judged, by population."""
    names = dict.fromkeys(name for row in summary["statistics"] for name in row["values"])
    judged = {t["statistic"] for c in summary["comparisons"] if c["verdict"]
              for t in c["verdict"]["tests"]}  # fmt: skip
    known, pictures = known_statistics(), []
    populations = dict.fromkeys(row["population"] for row in summary["statistics"])
    for name in names:
        if name in judged or name in DESCRIBING:
            continue
        values: dict[str, dict[str, Floats]] = {backend: {} for backend in summary["backends"]}
        for population in populations:
            for backend, found in _of_seeds(summary, name, population).items():
                values[backend][population] = found
        if not any(len(found) for own in values.values() for found in own.values()):
            continue
        declared = known.get(name)
        unit = f"{name} ({declared.unit})" if declared and declared.unit else name
        words = "; ".join(
            f"{backend}: " + ", ".join(f"{p} {v.mean():.3g}" for p, v in own.items() if len(v))
            for backend, own in values.items()
        )
        meaning = f" {declared.meaning}" if declared else ""
        picture = figures.by_population(values, unit)
        pictures.append(Picture(name, picture, f"{name}, means over seeds: {words}.{meaning}"))
    yield Section(
        "Measured and not judged",
        "Statistics without a margin: points are seeds, black their mean and ± SD.",
        tuple(pictures),
    )


def _rasters(runs: Runs) -> Section:
    first = {name: found[0] for name, found in runs.items() if found}
    # the same populations on all sides, perhaps in another order
    sizes = next(iter(first.values())).manifest["sizes"]
    stride = max(1, math.ceil(sum(sizes.values()) / RASTER_NEURONS))
    end = min(run.manifest["total_steps"] * _dt(run) for run in first.values())
    cues = {name: cue_span(run) for name, run in first.items()}
    # of a trial all is shown, with its cue: how the bump forms, and how it lasts
    length = min(end, TRIAL_MS) if any(cues.values()) else RASTER_MS
    window = (max(0.0, end - length), end)
    pictures = []
    for name, run in first.items():
        trains = {
            population: _every(run.spikes(population, warmup=True), stride, window)
            for population in sizes
        }
        title = f"{name}, seed {run.manifest['seed']}"
        words = f"Raster of {title}: {sum(len(t) for t, _, _ in trains.values())} spikes."
        pictures.append(Picture(title, figures.raster(trains, window, cues[name]), words))
    which = "Every neuron" if stride == 1 else f"One neuron in {stride} of every population"
    part = "the whole run" if not window[0] else f"the last {window[1] - window[0]:g} ms"
    note = f"{which}, {part}, the first seed of every backend."
    if any(cues.values()):
        note += " The band is the cue."
    return Section("Spikes", note, tuple(pictures), legend=False)


def _dt(run: Run) -> float:
    return float(run.manifest["simulation"]["dt"])


def _every(
    spikes: SpikeData, stride: int, window: tuple[float, float]
) -> tuple[Floats, NDArray[np.int64], int]:
    spikes = spikes.window(*(round(t / spikes.dt) for t in window))
    shown = spikes.neurons % stride == 0
    rows = spikes.neurons[shown].astype(np.int64) // stride
    return spikes.times[shown], rows, math.ceil(spikes.size / stride)


def _distributions(runs: Runs) -> Iterator[Section]:
    """Yield distribution functions and distances of seeds of every quantity that is tested."""
    values, drawn_ones = _drawn_samples(runs)
    groups = dict.fromkeys(key[0] for found in values.values() for one in found for key in one)
    for quantity, defined in drawn_ones.items():
        unit = f"{quantity} ({defined.unit})" if defined.unit else quantity
        curves, heats = [], []
        for group in groups:
            samples = {
                name: [one[group, quantity] for one in found if len(one.get((group, quantity), ()))]
                for name, found in values.items()
            }
            samples = {name: found for name, found in samples.items() if found}
            if not samples:
                continue
            words = f"Distribution functions of {quantity} across the neurons of {group}: " + (
                ", ".join(
                    f"median {np.median([np.median(s) for s in found]):.3g} on {n}"
                    for n, found in samples.items()
                )
            )
            curves.append(Picture(group, figures.cumulative(samples, unit), f"{words}."))
            matrix = distance_matrix([s for found in samples.values() for s in found])
            if len(matrix) > 2:
                counts = {name: len(found) for name, found in samples.items()}
                heat = figures.distances(matrix, counts, "distance" + _in(defined.unit))
                words = f"Matrix of distances of {quantity} in {group} between all seeds."
                heats.append(Picture(group, heat, words))
        yield Section(
            f"Distribution of {quantity}",
            f"{defined.meaning[0].upper()}{defined.meaning[1:]}: distribution functions, line: "
            "median over seeds, band: from the least to the largest seed, a step at every value "
            f"(where there are more than {figures.STEPS}, at so many of them). The axis ends at "
            f"{figures.SHOWN:.0%}.",
            tuple(curves),
            small=True,
        )
        yield Section(
            f"Distances between seeds: {quantity}",
            "Wasserstein-1 distance of every pair of seeds. Where the blocks off the diagonal look "
            "like those on it, seeds of two backends differ no more than seeds of one.",
            tuple(heats),
            legend=False,
            small=True,
        )


def _drawn_samples(runs: Runs) -> tuple[dict[str, list[Samples]], dict[str, Distribution]]:
    """Return the samples of every run by backend, and the distributions that are judged."""
    views = {name: [Activity(run) for run in found] for name, found in runs.items()}
    chosen = {id(view): measures_of(view) for found in views.values() for view in found}
    every = {measure.name: measure for found in chosen.values() for measure in found}
    replaced = {name for measure in every.values() for name in measure.replaces}
    kept = {name: measure for name, measure in every.items() if name not in replaced}
    declared = {d.name: d for measure in kept.values() for d in measure.distributions if d.primary}
    samples: dict[str, list[Samples]] = {
        name: [
            {
                key: values
                for measure in chosen[id(view)]
                if measure.name in kept
                for key, values in measure.samples(view).items()
                if key[1] in declared
            }
            for view in found
        ]
        for name, found in views.items()
    }
    return samples, declared


def _in(unit: str) -> str:
    return f" ({unit})" if unit else ""
