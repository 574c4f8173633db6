"""From runs to verdicts: what is measured on each, and which values are judged together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import UsageError, shown
from netspec.results import Run
from netspec.validation.cues import cue_of_run, design_of
from netspec.validation.margins import Margins
from netspec.validation.statistics import DISTRIBUTIONS, distributions, population_statistics
from netspec.validation.trials import RING_STATISTICS, Trial, per_seed, trial
from netspec.validation.verdict import Verdict, judge

Key = tuple[str, str]
RING_POPULATION = "ring"  # the tests of both populations together go by this name


@dataclass(frozen=True)
class Measured:
    """All numbers of one run that a verdict may need.

    Attributes
    ----------
    backend : str
    seed : int
    cue_angle : float or None
        Degrees; None if the run is no trial of a ring.
    statistics : dict
        Population -> statistic -> value, as `population_statistics`.
    samples : dict
        (population, quantity) -> one value per neuron, as `distributions`.
    trial : Trial or None
    """

    backend: str
    seed: int
    cue_angle: float | None
    statistics: Mapping[str, Mapping[str, float]]
    samples: Mapping[Key, NDArray[np.float64]]
    trial: Trial | None

    def rows(self) -> list[dict[str, Any]]:
        """Return one entry a population for the summary; NaN becomes None."""
        return [
            {
                "backend": self.backend,
                "seed": self.seed,
                "cue_angle": self.cue_angle,
                "population": population,
                "values": {name: finite(value) for name, value in values.items()},
            }
            for population, values in self.statistics.items()
        ]


def finite(value: float) -> float | None:
    """Return a number as JSON has it: None for one that is not finite."""
    return value if math.isfinite(value) else None


def measure(run: Run, backend: str, seed: int, *, warmup: bool = False) -> Measured:
    """Measure a run.

    Parameters
    ----------
    run : Run
    backend, seed : str, int
        What to call it: files from elsewhere may have neither.
    warmup : bool
        Count the warm-up too, which no comparison should: the self-test asks what happens then.
    """
    statistics, samples = {}, {}
    for population in run.populations:
        spikes = run.spikes(population, warmup)
        statistics[population] = population_statistics(spikes)
        for name, values in distributions(spikes).items():
            samples[population, f"W1_{name}"] = values
    cue = cue_of_run(run)
    found = None
    if cue is not None:
        try:
            found = trial(run.spikes("E", warmup), run.spikes("I", warmup), cue, seed)
        except UsageError:  # it ends before a bump can be judged; the summary says so
            cue = None
    angle = None if cue is None else cue.angle
    return Measured(backend, seed, angle, statistics, samples, found)


@dataclass(frozen=True)
class Judged:
    """A verdict and what stands beside it.

    Attributes
    ----------
    verdict : Verdict
    left_out : tuple of str
        Statistics that are undefined in every run of both sides: nothing to compare.
    notes : tuple of str
    """

    verdict: Verdict
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def compare(
    reference: Sequence[Measured],
    other: Sequence[Measured],
    margins: Margins,
    notes: Iterable[str] = (),
    matched: bool = False,
) -> Judged:
    """Judge the runs of one backend against those of another.

    Trials of a ring are judged by the statistics of the ring, clustered by seed; all other runs
    by those of their populations and the distributions over neurons.

    Parameters
    ----------
    reference, other : sequence of Measured
        All runs of a side, in the order of seeds.
    margins : Margins
        A statistic without a margin is not judged.
    notes : iterable of str
        Handed on.
    matched : bool
        Whether both sides have the same seeds, in the same order, and the same networks.

    Raises
    ------
    UsageError
        If a side has no run, or the sides have different populations.
    """
    names = reference[0].backend, other[0].backend
    a, b = (values_of(side, margins) for side in (reference, other))
    samples_a, samples_b = (_samples(side, margins) for side in (reference, other))
    if set(a) != set(b) or set(samples_a) != set(samples_b):
        lists = (sorted({key[0] for key in side}) for side in (a, b))
        raise UsageError(
            " and ".join(f"{n} has {shown(found)}" for n, found in zip(names, lists, strict=True))
            + ": compare runs of the same populations"
        )
    lonely = [key for key in a if not (np.isfinite(a[key]).any() or np.isfinite(b[key]).any())]
    lonely += [
        key for key in samples_a if not any(len(x) for x in (*samples_a[key], *samples_b[key]))
    ]
    for key in lonely:
        for values in (a, b):
            values.pop(key, None)
        for arrays in (samples_a, samples_b):
            arrays.pop(key, None)
    verdict = judge(
        a,
        b,
        margins,
        reference_samples=samples_a,
        other_samples=samples_b,
        names=names,
        matched=matched,
    )
    return Judged(verdict, tuple(" ".join(key) for key in lonely), tuple(notes))


def values_of(side: Sequence[Measured], margins: Margins) -> dict[Key, NDArray[np.float64]]:
    """Return (population, statistic) -> values, one per seed in the order of appearance.

    Only statistics that have a margin.
    """
    if _trials(side):
        return {
            (RING_POPULATION, s.name): np.array([*per_seed(_trials(side), s.name).values()])
            for s in RING_STATISTICS
            if s.name in margins.statistics
        }
    values: dict[Key, NDArray[np.float64]] = {}
    for population, found in side[0].statistics.items():
        for name in found:
            if name in margins.statistics:
                by_run = [run.statistics[population][name] for run in side]
                values[population, name] = np.array(by_run)
    return values


def _samples(side: Sequence[Measured], margins: Margins) -> dict[Key, list[NDArray[np.float64]]]:
    if _trials(side) or margins.distribution is None:
        return {}
    judged = {f"W1_{entry.name}" for entry in DISTRIBUTIONS if entry.primary}
    return {key: [run.samples[key] for run in side] for key in side[0].samples if key[1] in judged}


def _trials(side: Sequence[Measured]) -> list[Trial]:
    return [run.trial for run in side if run.trial is not None]


def ring_summary(circuit: str | None, measured: Sequence[Measured]) -> dict[str, Any] | None:
    """Return all trials of a ring as JSON data; None for another network."""
    if design_of(circuit) is None:
        return None
    trials = [
        {"backend": run.backend, **_plain(run.trial), "survived": run.trial.survived}
        for run in measured
        if run.trial is not None
    ]
    note = "" if trials else "no trials: they need one cue, and 500 ms of the run after its end"
    return {"trials": trials, "note": note}


def _plain(found: Trial) -> dict[str, Any]:
    fields = dataclasses.asdict(found)
    return {k: finite(v) if isinstance(v, float) else v for k, v in fields.items()}
