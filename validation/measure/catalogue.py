"""Which measures there are, and what they say of a run."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.circuits import known, usable
from netspec.errors import UsageError, unknown
from netspec.execute.measure import (
    Activity,
    Curve,
    Distribution,
    Measure,
    Samples,
    Statistic,
    Values,
    unique,
)
from netspec.execute.results import Run, circuit_of

GROUP = "netspec.measures"  # entry points: measures of every network
OWN = "netspec-snn"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What one measure says of one run.

    Attributes
    ----------
    measure : Measure
    values : mapping
        (group, statistic) -> value; NaN: undefined.
    samples : mapping
        (group, distribution) -> one value per neuron, shape (n,).
    record : mapping or None
        JSON data that tells of the run instead of the values.
    """

    measure: Measure
    values: Values
    samples: Samples
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Measured:
    """All numbers of one run that a verdict may need.

    Attributes
    ----------
    backend : str
    seed : int
    cue_angle : float or None
        What runs of one seed differ in: the angle of a ring's cue, in degrees.
    readings : tuple of Reading
        Of the measures that apply.
    """

    backend: str
    seed: int
    cue_angle: float | None
    readings: tuple[Reading, ...]

    def table(self) -> dict[str, dict[str, float]]:
        """Return group -> statistic -> value of all measures that have no record of the run."""
        found: dict[str, dict[str, float]] = {}
        for reading in self.readings:
            if reading.record is None:
                for (group, statistic), value in reading.values.items():
                    found.setdefault(group, {})[statistic] = value
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Return one entry a group for the summary; NaN becomes None."""
        return [
            {
                "backend": self.backend,
                "seed": self.seed,
                "cue_angle": self.cue_angle,
                "population": group,
                "values": {name: finite(value) for name, value in values.items()},
            }
            for group, values in self.table().items()
        ]

    def record(self, measure: str) -> Mapping[str, Any] | None:
        """Return the record of a measure by name, if it has one of this run."""
        return next((r.record for r in self.readings if r.measure.name == measure), None)


def judged(side: Sequence[Measured]) -> list[list[tuple[int, Reading]]]:
    """Return seeds and readings by measure, without the measures that another one replaces."""
    found: dict[str, list[tuple[int, Reading]]] = {}
    for run in side:
        for reading in run.readings:
            found.setdefault(reading.measure.name, []).append((run.seed, reading))
    replaced = {name for readings in found.values() for name in readings[0][1].measure.replaces}
    return [readings for name, readings in found.items() if name not in replaced]


def finite(value: Any) -> Any:
    """Return a value as JSON has it: None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def measure(
    run: Run,
    backend: str,
    seed: int,
    *,
    warmup: bool = False,
    more: Sequence[Measure] = (),
    part: tuple[float, float] | None = None,
) -> Measured:
    """Measure a run.

    Parameters
    ----------
    run : Run
    backend, seed : str, int
        What to call it: files from elsewhere may have neither.
    warmup : bool
        Count the warm-up too, which no comparison should: the self-test asks what happens then.
    more : sequence of Measure
        Beside those that are installed and those of the run's circuit.
    part : tuple of float, optional
        Of the window, as shares of it; only by measures that are `divisible`.
    """
    activity = Activity(run, warmup) if part is None else Activity(run, warmup, part)
    chosen = [m for m in measures_of(activity, more) if part is None or m.divisible]
    conditions = [found for m in chosen if (found := m.condition(activity)) is not None]
    readings = tuple(_reading(m, activity) for m in chosen)
    return Measured(backend, seed, conditions[0] if conditions else None, readings)


def _reading(measure: Measure, activity: Activity) -> Reading:
    values, samples = measure.values(activity), measure.samples(activity)
    declared: tuple[tuple[str, Iterable[tuple[str, str]], Sequence[Statistic | Distribution]], ...]
    declared = (
        ("statistic", values, measure.statistics),
        ("distribution", samples, measure.distributions),
    )
    for kind, keys, entries in declared:
        names = [entry.name for entry in entries]
        for _, name in keys:
            if name not in names:
                raise UsageError(unknown(f"{kind} of the measure {measure.name!r}", name, names))
    return Reading(measure, values, samples, measure.record(activity))


def traced(
    runs: Iterable[tuple[str, Run]], more: Sequence[Measure] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the curves of some runs, one entry a side, group and curve, as JSON data.

    Parameters
    ----------
    runs : iterable of (str, Run)
        With the name of the side that each is of.
    more : sequence of Measure
        Beside those that are installed and those of the runs' circuit.

    Yields
    ------
    dict
        ``x``, and over the runs of the side ``mean``, ``low`` and ``high`` (least and largest),
        shapes (n,); None for what is not finite. Curves without points are left out.
    """
    found: dict[tuple[str, str, Curve], list[tuple[Floats, Floats]]] = {}
    for side, run in runs:
        activity = Activity(run)
        for m in measures_of(activity, more):
            declared = {curve.name: curve for curve in m.curves}
            for (group, name), trace in m.traces(activity).items():
                if name not in declared:
                    raise UsageError(unknown(f"curve of the measure {m.name!r}", name, declared))
                found.setdefault((side, group, declared[name]), []).append(trace)
    for (side, group, curve), traces in found.items():
        points = next((x for x, _ in traces if len(x)), np.empty(0))
        values = np.array([y for x, y in traces if len(x) == len(points)], np.float64)
        if len(points):
            rows = {"mean": values.mean(0), "low": values.min(0), "high": values.max(0)}
            yield {
                "backend": side,
                "population": group,
                **asdict(curve),
                "runs": len(values),
                "x": [finite(x) for x in points.tolist()],
                **{key: [finite(y) for y in row.tolist()] for key, row in rows.items()},
            }


def measures_of(activity: Activity, more: Sequence[Measure] = ()) -> list[Measure]:
    """Return the measures that apply to a run: those installed, those of its circuit, and `more`.

    Raises
    ------
    UsageError
        If two of them declare the same statistic, or an entry point is none.
    """
    own = measures_of_circuit(circuit_of(activity.manifest))
    return [m for m in unique([*installed(), *own, *more]) if m.applies(activity)]


def measures_of_circuit(name: str | None) -> tuple[Measure, ...]:
    """Return the measures that a circuit of the library has of its own; none of another name."""
    circuit = known(name)
    return () if circuit is None else circuit.measures


def known_measures(more: Iterable[Measure] = ()) -> list[Measure]:
    """Return all measures there are, of all circuits, and `more`: every name has one meaning."""
    circuits = [m for circuit in usable() for m in circuit.measures]
    return unique([*installed(), *circuits, *more])


def known_statistics() -> dict[str, Statistic]:
    """Return name -> statistic of all measures there are."""
    return {s.name: s for m in known_measures() for s in m.statistics}


def installed() -> tuple[Measure, ...]:
    """Return the measures of all entry points, netspec's own first, then by name.

    Raises
    ------
    UsageError
        If an entry point is no measure.
    """
    return _installed(tuple(sys.path))


@lru_cache(maxsize=4)
def _installed(path: tuple[str, ...]) -> tuple[Measure, ...]:
    """Return the measures of the packages on a path; to look for them takes milliseconds a run."""

    def rank(entry: metadata.EntryPoint) -> tuple[bool, str]:
        return entry.dist is None or entry.dist.name != OWN, entry.name

    found: dict[str, Measure] = {}
    for entry in sorted(metadata.entry_points(group=GROUP), key=rank):
        made = entry.load()()
        if not isinstance(made, Measure):
            raise UsageError(
                f"the entry point {entry.name!r} of {GROUP} ({entry.value}) is no "
                "netspec.execute.measure.Measure"
            )
        found.setdefault(entry.name, made)  # a package may be found twice
    return tuple(found.values())
