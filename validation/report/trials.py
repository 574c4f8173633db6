"""What the report draws of trials of a ring: where the bump is, how it forms, how long it lives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from netspec.circuits.compte_ring import ring
from netspec.circuits.compte_ring.measure import Trial, formation, survival
from netspec.execute.measure import within
from netspec.execute.results import Run
from netspec.validation.measure.cues import cue_of_run
from netspec.validation.report import figures, trial_figures
from netspec.validation.report.section import Picture, Runs, Section

BUMP_MS = 500.0  # at the end of the run, for profiles
MANY_CUES = 8  # angles that are drawn at most


def cue_span(run: Run) -> tuple[float, float] | None:
    """Return begin and end (ms) of the cue of a run that has one."""
    cue = cue_of_run(run)
    return None if cue is None else (cue.start, cue.start + cue.duration)


def bump_sections(summary: dict[str, Any], runs: Runs) -> Iterator[Section]:
    """Yield angles, profile, survival and formation of the trials of a summary."""
    by_backend = {
        name: [_trial(row) for row in summary["ring"]["trials"] if row["backend"] == name]
        for name in summary["backends"]
    }
    pictures = [*_angles(runs), *_profiles(runs)]
    curves = {name: survival(found) for name, found in by_backend.items()}
    if any(len(times) for times, _ in curves.values()):
        alive = ", ".join(f"{n} {p[-1]:.2f}" for n, (_, p) in curves.items() if len(p))
        words = f"Kaplan-Meier curves; share of bumps alive at the end: {alive}."
        pictures.append(Picture("Survival of the bump", trial_figures.survival(curves), words))
    formed = {name: formation(found) for name, found in by_backend.items()}
    drawn = {
        name: (np.array([f.strength for f in found]), np.array([f.probability for f in found]))
        for name, found in formed.items()
    }
    if any(len(strengths) for strengths, _ in drawn.values()):
        words = "Share of trials in which a bump formed: " + "; ".join(
            f"{name}, {f.strength:g} pA: {f.formed} of {f.trials}"
            for name, found in formed.items()
            for f in found
        )
        pictures.append(
            Picture("Formation of the bump", trial_figures.formation(drawn), f"{words}.")
        )
    yield Section(
        "The bump",
        f"Angles: the population vector of E in windows of {ring.DECODE_WINDOW:g} ms, a gap where "
        "there is no bump. Band: the cue; dotted: its angle. Profile: the last "
        f"{BUMP_MS:g} ms of runs with a bump, line: mean, "
        "band: from the least to the largest run. Survival: Kaplan-Meier, censored by the end of "
        "the run.",
        tuple(pictures),
    )


def _trial(row: dict[str, Any]) -> Trial:
    given: dict[str, Any] = {f.name: row[f.name] for f in fields(Trial)}
    absent = {name: math.nan for name, value in given.items() if value is None}
    return Trial(**{**given, **absent, "formed": given["formed"]})


def _angles(runs: Runs) -> Iterator[Picture]:
    for name, found in runs.items():
        drawn = []
        for run in found:
            trace = ring.decode(run.spikes("E", warmup=True))
            stray = trace.vector_lengths * trace.rates < ring.MIN_TUNED_RATE
            drawn.append((trace.times, np.where(stray, np.nan, trace.angles)))
        if drawn:
            cues = [cue for run in found if (cue := cue_of_run(run)) is not None]
            band = cue_span(found[0])
            at = sorted({cue.angle for cue in cues})
            colour = figures.looks(runs)[name]["color"]
            picture = trial_figures.angles(drawn, colour, band, at if len(at) <= MANY_CUES else ())
            words = f"Decoded angle over time on {name}, {len(drawn)} runs."
            if band is not None:
                words += f" The cue lasts from {band[0]:g} to {band[1]:g} ms."
            yield Picture(f"Angle on {name}", picture, words)


def _profiles(runs: Runs) -> Iterator[Picture]:
    drawn = {}
    for name, found in runs.items():
        shapes = []
        for run in found:
            spikes = run.spikes("E", warmup=True)
            begin = max(0, spikes.end - round(BUMP_MS / spikes.dt))
            last = within(spikes, begin, spikes.end)
            shape = ring.profile(last, ring.decode(last))
            if not math.isnan(shape.peak):
                shapes.append(shape)
        if shapes:
            drawn[name] = shapes[0].angles, np.array([shape.rates for shape in shapes])
    if drawn:
        peaks = ", ".join(f"{n} {rates.mean(0).max():.3g}" for n, (_, rates) in drawn.items())
        words = f"Rates around the bump; peaks of the mean profile: {peaks} spikes per second."
        yield Picture("Profile of the bump", trial_figures.profiles(drawn), words)
