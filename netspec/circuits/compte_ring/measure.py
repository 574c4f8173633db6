"""The measure of spatial working memory: a run with one cue is a trial of a ring.

Trials of one seed are not independent, so a `Trial` keeps its seed, and `per_seed` gives one value
for each. Definitions and their reasons: ``docs/statistics.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.circuits.compte_ring.cue import Cue
from netspec.circuits.compte_ring.ring import FLANK, bump, decode, diffusion, profile
from netspec.circuits.compte_ring.trials import RingTrials
from netspec.errors import UsageError, unknown
from netspec.execute.measure import (
    Activity,
    Measure,
    Statistic,
    Values,
    circular_mean,
    margin,
    within,
)
from netspec.execute.results import SpikeData

DESIGN = RingTrials()
FORMATION = (250.0, 500.0)  # ms after the cue, when its own trace (NMDA, 100 ms) has gone

RING_STATISTICS = (
    Statistic("rest_rate_E", "1/s", "rate of E before the cue", margin("5 %", "log")),
    Statistic("rest_rate_I", "1/s", "rate of I before the cue", margin("5 %", "log")),
    Statistic(
        "formed",
        "",
        "share of trials in which the cue raised a bump",
        margin("0.25", "proportion"),
    ),
    Statistic("survived", "", "share of bumps that outlive the run", margin("0.25", "proportion")),
    Statistic("vector_length", "", "length of the population vector", margin("0.02", "absolute")),
    Statistic("rate_E", "1/s", "rate of E in the window of formation", margin("5 %", "log")),
    Statistic("rate_I", "1/s", "rate of I in the window of formation", margin("5 %", "log")),
    Statistic(
        "bias", "deg", "circular mean of angle - cue", margin("2", "absolute"), average="circular"
    ),
    Statistic("peak", "1/s", "largest rate of the smoothed profile", margin("5 %", "log")),
    Statistic("width", "deg", "full width of the profile at half height", margin("5 %", "log")),
    Statistic("flank", "1/s", f"rate more than {FLANK:g} deg away from the bump"),
    Statistic("survival", "ms", "life of the bump, up to the end of the run at most"),
    Statistic("diffusion", "deg^2/s", "half the slope of the angle's MSD, surviving trials"),
)


@dataclass(frozen=True)
class Trial:
    """One run of the ring with one cue.

    Attributes
    ----------
    seed : int
        The unit of replication.
    cue_angle, cue_strength : float
        Degrees, pA.
    rest_rate_E, rest_rate_I : float
        Spikes/s before the cue; NaN if the window begins with it.
    formed : bool or None
        Whether there is a bump (`Bump.present`) in the window `FORMATION`; None if there was one
        before the cue, so that the cue had none to raise.
    vector_length, rate_E, rate_I : float
        In the window `FORMATION`; spikes/s.
    survival : float
        ms from the first decoded window after `FORMATION` began to the first without a bump, or to
        the last one; NaN unless `formed`, like everything that follows.
    lost : bool
        Whether the bump was lost; otherwise its life is censored by the end of the run.
    bias : float
        Circular mean of angle - cue over the life of the bump, -180 to 180 deg.
    peak, width, flank : float
        See `Profile`.
    diffusion : float
        deg^2/s; NaN if the bump was lost.
    """

    seed: int
    cue_angle: float
    cue_strength: float
    rest_rate_E: float
    rest_rate_I: float
    formed: bool | None
    vector_length: float
    rate_E: float
    rate_I: float
    survival: float = math.nan
    lost: bool = False
    bias: float = math.nan
    peak: float = math.nan
    width: float = math.nan
    flank: float = math.nan
    diffusion: float = math.nan

    @property
    def survived(self) -> bool | None:
        """Whether the bump outlived the run; None if there was none to lose."""
        return not self.lost if self.formed else None


def trial(excitatory: SpikeData, inhibitory: SpikeData, cue: Cue, seed: int) -> Trial:
    """Measure one trial.

    Parameters
    ----------
    excitatory, inhibitory : SpikeData
        Of one run. The window begins with the rest before the cue.
    cue : Cue
        The only one in the window.
    seed : int
        Of the run.

    Raises
    ------
    UsageError
        If the window ends before the window of formation does.
    """
    dt, end = excitatory.dt, excitatory.end
    start = round(cue.start / dt)
    first, last = _formation_window(cue, dt)
    if last > end:
        raise UsageError(
            f"the run ends at {end * dt:g} ms, the cue at {cue.start + cue.duration:g} ms; "
            f"allowed: {FORMATION[1]:g} ms or more between them. Whether a bump formed is judged "
            "there: prolong the run"
        )
    rest_E, rest_I = (within(s, s.begin, max(s.begin, start)) for s in (excitatory, inhibitory))
    formation = bump(within(excitatory, first, last))
    formed = None if bump(rest_E).present else formation.present
    found = Trial(
        seed=seed,
        cue_angle=cue.angle,
        cue_strength=cue.strength,
        rest_rate_E=_rate(rest_E),
        rest_rate_I=_rate(rest_I),
        formed=formed,
        vector_length=formation.vector_length,
        rate_E=formation.rate,
        rate_I=_rate(within(inhibitory, first, last)),
    )
    return replace(found, **_memory(within(excitatory, first, end), cue.angle)) if formed else found


def _formation_window(cue: Cue, dt: float) -> tuple[int, int]:
    """Return the window of formation in steps: begin < step <= end."""
    first, last = (round((cue.start + cue.duration + t) / dt) for t in FORMATION)
    return first, last


def _memory(spikes: SpikeData, cue_angle: float) -> dict[str, Any]:
    """Return the fields of a `Trial` that only a bump has."""
    trace = decode(spikes)
    lost = trace.lost
    alive = trace.angles[:lost]
    shape = profile(spikes, trace)
    return {
        "survival": float(trace.times[-1 if lost is None else lost] - trace.times[0]),
        "lost": lost is not None,
        "bias": circular_mean(alive - cue_angle),
        "peak": shape.peak,
        "width": shape.width,
        "flank": shape.flank,
        "diffusion": diffusion(trace) if lost is None else math.nan,
    }


def per_seed(trials: Sequence[Trial], statistic: str) -> dict[int, float]:
    """Return the mean of a statistic over the trials of each seed.

    Parameters
    ----------
    trials : sequence of Trial
    statistic : str
        A name of `RING_STATISTICS`. Trials in which it is undefined are left out. The mean of
        ``survival`` is the restricted mean if all trials could be watched equally long.

    Returns
    -------
    dict of int to float
        Seed -> mean, in the order of first appearance; NaN for a seed without a defined value.
    """
    known = {s.name: s for s in RING_STATISTICS}
    if statistic not in known:
        raise UsageError(unknown("statistic of the ring", statistic, known))
    values: dict[int, list[float]] = {}
    for entry in trials:
        values.setdefault(entry.seed, []).append(_number(getattr(entry, statistic)))
    return {seed: known[statistic].averaged(own) for seed, own in values.items()}


@dataclass(frozen=True)
class Formation:
    """How often a cue of one strength (pA) raised a bump.

    Attributes
    ----------
    strength : float
    trials, formed : int
        Trials that began without a bump; those of them in which one formed.
    """

    strength: float
    trials: int
    formed: int

    @property
    def probability(self) -> float:
        """Share of trials in which a bump formed; NaN without trials."""
        return self.formed / self.trials if self.trials else math.nan


def formation(trials: Sequence[Trial]) -> list[Formation]:
    """Return the frequency of formation by cue strength, weakest first."""
    rows = []
    for strength in sorted({entry.cue_strength for entry in trials}):
        judged = [t.formed for t in trials if t.cue_strength == strength and t.formed is not None]
        rows.append(Formation(strength, len(judged), sum(judged)))
    return rows


def survival(trials: Sequence[Trial]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the Kaplan-Meier estimate of the bump's survival.

    Parameters
    ----------
    trials : sequence of Trial
        Those without a bump are left out; bumps that outlive their run are right-censored.

    Returns
    -------
    times, probability : ndarray of float64, shape (n,)
        ms; probability that a bump lives longer than that. Empty if no bump formed.
    """
    from scipy.stats import CensoredData, ecdf

    bumps = [t for t in trials if t.formed]
    if not bumps:
        return np.empty(0), np.empty(0)
    data: Any = CensoredData(
        uncensored=[t.survival for t in bumps if t.lost],
        right=[t.survival for t in bumps if not t.lost],
    )
    curve = ecdf(data).sf
    return np.asarray(curve.quantiles, float), np.asarray(curve.probabilities, float)


def _rate(spikes: SpikeData) -> float:
    return spikes.rate() if spikes.size and spikes.duration > 0 else math.nan


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


class RingMeasure(Measure):
    """The ring's trials: runs with one cue, and 500 ms or more after its end."""

    name = "ring"
    statistics = RING_STATISTICS
    replaces = ("populations",)  # their means over a run mix rest, cue and memory
    activity = "rate_E"

    def applies(self, run: Activity) -> bool:
        """Return whether the run is a trial that lasts until a bump can be judged."""
        cue = DESIGN.cue_given(run.manifest)
        manifest = run.manifest
        if cue is None:
            return False
        last = _formation_window(cue, manifest["simulation"]["dt"])[1]
        return last <= int(manifest["total_steps"])

    def values(self, run: Activity) -> Values:
        """Return the trial's statistics, of the group ``ring``."""
        found = self._trial(run)
        return {(self.name, s.name): _number(getattr(found, s.name)) for s in self.statistics}

    def condition(self, run: Activity) -> float:
        """Return the cue's angle in degrees."""
        return self._trial(run).cue_angle

    def record(self, run: Activity) -> Mapping[str, Any]:
        """Return the fields of the `Trial`, and whether the bump survived."""
        found = self._trial(run)
        return asdict(found) | {"survived": found.survived}

    def _trial(self, run: Activity) -> Trial:
        def compute() -> Trial:
            cue = DESIGN.cue_given(run.manifest)
            if cue is None:
                raise UsageError(f"{run.run.file}: no trial of a ring with exactly one cue")
            seed = run.manifest["seed"]
            return trial(run.spikes("E"), run.spikes("I"), cue, 0 if seed is None else int(seed))

        return run.once(type(self), compute)
