"""What a statistic of a run is: the contract between those who own one and those who judge it.

A `Measure` takes one number, or one array over neurons, of each of its groups in a run: a
population, a pair of populations, a projection, a whole network. It says what the numbers mean
(`Statistic`, `Distribution`) and how far two simulators may differ in them (`Margin`). Measures of
every network come by the entry point group `netspec.measures`, those of one circuit from the
circuit; ``docs/statistics.md`` shows how to write one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from netspec.describe.fields import Described
from netspec.errors import UsageError
from netspec.execute.manifest import Manifest
from netspec.execute.results import Run, SpikeData

Scale = Literal["log", "ratio", "absolute", "proportion"]
Key = tuple[str, str]  # group, statistic or quantity
Values = Mapping[Key, float]
Samples = Mapping[Key, NDArray[np.float64]]
Traces = Mapping[Key, tuple[NDArray[np.float64], NDArray[np.float64]]]
T = TypeVar("T")


class Margin(Described):
    """How far two backends may differ in a statistic and still be called equivalent.

    Attributes
    ----------
    limit : float
        0.05 stands for 5 % on the relative scales, for 0.05 on the absolute ones.
    scale : {"log", "ratio", "absolute", "proportion"}
        ``log``: difference of mean logarithms, |difference| <= log(1 + limit), for positive
        values. ``ratio``: ratio of means between 1 / (1 + limit) and 1 + limit, also for values
        of either sign. ``absolute``: difference of means. ``proportion``: the same for
        outcomes that each seed has or has not, or has in a share of its trials.
    """

    limit: Annotated[float, Field(gt=0, le=1000)]
    scale: Scale

    @property
    def relative(self) -> bool:
        """Whether the limit is a share of the reference."""
        return self.scale in ("log", "ratio")

    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return (factor, shift) at either end: b - factor * a - shift changes its sign there."""
        if self.scale == "ratio":
            return (1 / (1 + self.limit), 0.0), (1 + self.limit, 0.0)
        size = math.log1p(self.limit) if self.scale == "log" else self.limit
        return (1.0, -size), (1.0, size)

    def __str__(self) -> str:
        return f"{100 * self.limit:g} %" if self.relative else f"{self.limit:g}"


def margin(text: str, scale: Scale) -> Margin:
    """Return a margin written as it is shown: ``"5 %"`` or ``"0.02"``."""
    share = text.removesuffix("%")
    return Margin(limit=float(share) / 100 if share != text else float(text), scale=scale)


@dataclass(frozen=True)
class Statistic:
    """What one number means, and how much of a difference in it matters.

    Attributes
    ----------
    name : str
        An identifier: key of the values, name of the margin. No other measure's statistic may
        have it.
    unit : str
        Empty for a number without one.
    meaning : str
        Definition in one line.
    margin : Margin or None
        Default margin of equivalence; None for a statistic that is reported and not tested.
    average : {"mean", "circular"}
        How the runs of one seed become one value, since the seed is the unit of replication;
        ``circular`` for angles in degrees.
    """

    name: str
    unit: str
    meaning: str
    margin: Margin | None = None
    average: Literal["mean", "circular"] = "mean"

    @property
    def primary(self) -> bool:
        """Whether the verdict rests on it; otherwise it is only reported."""
        return self.margin is not None

    def averaged(self, values: ArrayLike) -> float:
        """Return the mean over runs, shape (runs,), leaving out NaN; NaN if nothing is left."""
        found = np.asarray(values, np.float64)
        found = found[~np.isnan(found)]
        if not len(found):
            return math.nan
        return circular_mean(found) if self.average == "circular" else float(found.mean())


@dataclass(frozen=True)
class Distribution:
    """One value per neuron, compared between backends by distances between seeds.

    Attributes
    ----------
    name, unit, meaning : str
    primary : bool
        Whether the verdict rests on it. The margin, a ratio of distances, is the same for all.
    """

    name: str
    unit: str
    meaning: str
    primary: bool = True


@dataclass(frozen=True)
class Curve:
    """A function of time, of frequency or of anything, told of a run and never judged.

    Attributes
    ----------
    name, unit : str
        Of the values; an identifier.
    axis, axis_unit : str
        What they are a function of.
    meaning : str
        Definition in one line.
    """

    name: str
    unit: str
    axis: str
    axis_unit: str
    meaning: str


class Activity:
    """One run as a measure sees it: its spikes in the window that is counted.

    Attributes
    ----------
    run : Run
        For everything else: samples of state variables, the whole manifest.
    warmup : bool
        Whether the window holds the warm-up, which it does in a self-test only.
    part : tuple of float
        Which part of the window, begin and end as shares of it.
    """

    def __init__(
        self, run: Run, warmup: bool = False, part: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        self.run, self.warmup, self.part = run, warmup, part
        self._kept: dict[object, object] = {}

    @property
    def manifest(self) -> Manifest:
        """All that is known of the run."""
        return self.run.manifest

    @property
    def populations(self) -> list[str]:
        """Populations whose spikes were recorded."""
        return self.run.populations

    def spikes(self, population: str) -> SpikeData:
        """Return the spikes of a population, sorted by (step, neuron)."""
        found = self.run.spikes(population, self.warmup)
        if self.part == (0.0, 1.0):
            return found
        begin, end = (found.begin + round(at * (found.end - found.begin)) for at in self.part)
        return found.window(begin, end)

    def once(self, key: object, compute: Callable[[], T]) -> T:
        """Return what `compute` gives, computed by the first that asks for `key`.

        For what the values and the samples of a run have in common; `key` is the measure's own,
        such as (its class, the population).
        """
        if key not in self._kept:
            self._kept[key] = compute()
        return cast(T, self._kept[key])


class Measure(ABC):
    """Statistics of a run: what they are, of which runs, and their values.

    A group is a text: a population, a pair of populations, a projection. A measure of the whole
    network has one group, its own name.

    Attributes
    ----------
    name : str
    statistics : tuple of Statistic
        Those of `values`.
    distributions : tuple of Distribution
        Those of `samples`.
    curves : tuple of Curve
        Those of `traces`.
    headline : tuple of str or None
        Statistics that are told where there is room for few; None for all.
    activity : str or None
        Statistic that is 0 where nothing happens: a group in which it is 0 in all runs of both
        sides is told and not judged, since silence is no agreement.
    divisible : bool
        Whether its values mean the same in a part of the window: what scatters in time, and what
        from network to network, is then known from the halves of a run.
    replaces : tuple of str
        Measures whose statistics are told and not judged where this one applies: what they have
        to say is in this one's, better.
    """

    name: ClassVar[str]
    statistics: ClassVar[tuple[Statistic, ...]]
    distributions: ClassVar[tuple[Distribution, ...]] = ()
    curves: ClassVar[tuple[Curve, ...]] = ()
    headline: ClassVar[tuple[str, ...] | None] = None
    activity: ClassVar[str | None] = None
    divisible: ClassVar[bool] = False
    replaces: ClassVar[tuple[str, ...]] = ()

    def applies(self, run: Activity) -> bool:
        """Return whether this run has what is measured; asked before all that follows."""
        return True

    @abstractmethod
    def values(self, run: Activity) -> Values:
        """Return (group, statistic) -> value, a float; NaN where it is undefined.

        The order is that of the tests and tables. The same groups and statistics for all runs of
        a network.
        """

    def samples(self, run: Activity) -> Samples:
        """Return (group, distribution) -> one value per neuron, shape (n,)."""
        return {}

    def traces(self, run: Activity) -> Traces:
        """Return (group, curve) -> points and values, shapes (n,), asked for where they are drawn.

        The same points in all runs of a network.
        """
        return {}

    def condition(self, run: Activity) -> float | None:
        """Return what runs of one seed differ in, such as a cue's angle; None if in nothing."""
        return None

    def record(self, run: Activity) -> Mapping[str, Any] | None:
        """Return a row, JSON data, that tells of the run instead of the values, if there is one."""
        return None


def unique(measures: Iterable[Measure]) -> list[Measure]:
    """Return the measures, each of them once.

    Raises
    ------
    UsageError
        If two that differ have the same name, or declare the same statistic or distribution.
    """
    found: dict[str, Measure] = {}
    owners: dict[tuple[str, str], str] = {}
    for measure in measures:
        if type(found.setdefault(measure.name, measure)) is not type(measure):
            raise UsageError(f"two measures of the name {measure.name!r}: rename one of them")
    for measure in found.values():
        kinds = ("statistic", measure.statistics), ("distribution", measure.distributions)
        for key in [(kind, entry.name) for kind, entries in kinds for entry in entries]:
            if key in owners:
                raise UsageError(
                    f"{key[0]} {key[1]!r}: declared by the measures {owners[key]!r} and "
                    f"{measure.name!r}; margins go by name, so that only one may have it"
                )
            owners[key] = measure.name
    return list(found.values())


def within(spikes: SpikeData, begin: int, end: int) -> SpikeData:
    """Return the spikes with ``begin < step <= end``, whatever order they are in.

    `SpikeData.window` does the same faster for sorted spikes.

    Raises
    ------
    UsageError
        If a spike names a neuron that the population does not have.
    """
    steps, neurons = np.asarray(spikes.steps), np.asarray(spikes.neurons)
    if len(neurons) and (neurons.min() < 0 or neurons.max() >= spikes.size):
        wrong = int(neurons.min()) if neurons.min() < 0 else int(neurons.max())
        raise UsageError(
            f"a spike of neuron {wrong}; allowed: 0 to {spikes.size - 1}. "
            "Indices count within the population, from 0"
        )
    inside = (steps > begin) & (steps <= end)
    if not inside.all():
        steps, neurons = steps[inside], neurons[inside]
    return replace(spikes, steps=steps, neurons=neurons, begin=begin, end=end)


def circular_mean(degrees: NDArray[np.float64]) -> float:
    """Return the circular mean in degrees, above -180 to 180; NaN of nothing."""
    from scipy.stats import circmean

    return float(circmean(degrees, high=180, low=-180)) if len(degrees) else math.nan
