"""Figures of trials: the decoded angle, the bump, its formation and its life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netspec.validation.report.figures import Floats, looks, mark_cue, panel


@panel(3.4, 2.3)
def angles(
    axes: Any,
    traces: Sequence[tuple[Floats, Floats]],
    colour: str,
    cue: tuple[float, float] | None = None,
    at: Sequence[float] = (),
) -> None:
    """Draw decoded angles (degrees) over time (ms), one line per run; gaps: no bump.

    `cue` is its begin and end in ms, `at` its angles in the runs.
    """
    mark_cue(axes, cue)
    for angle in at:
        axes.axhline(angle % 360, color="#555555", linestyle=":", linewidth=0.8)
    for times, found in traces:
        turned = found % 360
        jump = np.flatnonzero(np.abs(np.diff(turned)) > 180) + 1  # across 0 = 360
        axes.plot(np.insert(times, jump, np.nan), np.insert(turned, jump, np.nan),
                  color=colour, linewidth=0.8, alpha=0.8)  # fmt: skip
    axes.set_xlim(left=0)
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
