"""What further seeds would take on this machine, from the wall times of the runs at hand."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netspec.execute.recording import PHASES
from netspec.execute.results import Run


@dataclass(frozen=True)
class Cost:
    """Seconds that one seed takes, all backends together.

    Attributes
    ----------
    fixed : float
        For building and reading, whatever the duration.
    per_second : float
        For every biological second, the warm-up's too.
    warmup : float
        Biological seconds before those that are counted.
    """

    fixed: float
    per_second: float
    warmup: float

    def seconds(self, seeds: int, duration: float) -> float:
        """Return what `seeds` take that count `duration` (biological seconds) each."""
        return seeds * (self.fixed + self.per_second * (self.warmup + duration))


def cost_of(runs: Mapping[str, Iterable[Run]]) -> Cost | None:
    """Return the cost of a seed, from the median run of every backend (or side of a comparison).

    A run with fewer threads than there are processors leaves room for another beside it, so that
    it counts by its share. None unless every backend has a run whose wall times are known.
    """
    found = [[s for run in side if (s := _seconds(run)) is not None] for side in runs.values()]
    if not found or not all(found):
        return None
    typical = [[statistics.median(values) for values in zip(*rows, strict=True)] for rows in found]
    fixed, each, warmup = zip(*typical, strict=True)
    return Cost(sum(fixed), sum(each), max(warmup))


def _seconds(run: Run) -> tuple[float, float, float] | None:
    """Return seconds for all but the simulation, a biological second, and the warm-up."""
    manifest = run.manifest
    simulation, seconds = manifest["simulation"], manifest["seconds"]
    biological = (simulation["warmup"] + simulation["duration"]) / 1000
    if "total" not in seconds or not biological:
        return None
    threads = manifest.get("virtual_processes", manifest["threads"])
    processors = manifest["machine"].get("processors")
    share = min(1.0, threads / processors) if threads and processors else 1.0
    simulated = sum(seconds.get(phase, 0.0) for phase in PHASES)
    fixed = max(0.0, seconds["total"] - simulated)
    parts = share / run.batch
    return fixed * parts, simulated / biological * parts, simulation["warmup"] / 1000


def spoken(seconds: float) -> str:
    """Return a time as one says it: "40 seconds", "19 minutes", "3.5 hours"."""
    for unit, size, most in (("seconds", 1.0, 90.0), ("minutes", 60.0, 5400.0)):
        if seconds < most:
            return f"{max(1, round(seconds / size))} {unit}"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.0f} days"
