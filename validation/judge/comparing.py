"""From what is measured of runs to a verdict: which values are judged together.

Nothing here knows a population or a circuit: what there is to compare is in the readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from netspec.errors import UsageError, shown
from netspec.execute.measure import Key, Statistic
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.means import ONE_LOOK, Levels
from netspec.validation.judge.verdict import Verdict, judge
from netspec.validation.measure.catalogue import Measured, judged

Floats = NDArray[np.float64]
T = TypeVar("T")
SILENT = (
    "Nothing fires in {} in any run of either side. That is no agreement: nothing is judged of it."
)


@dataclass(frozen=True)
class Judged:
    """A verdict and what stands beside it.

    Attributes
    ----------
    verdict : Verdict
    left_out : tuple of str
        Statistics that are undefined in every run of both sides: nothing to compare.
    notes : tuple of str
    silent : tuple of str
        Groups in which nothing fires, in all runs of both sides: nothing was judged of them.
    """

    verdict: Verdict
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    silent: tuple[str, ...] = ()


def compare(
    reference: Sequence[Measured],
    other: Sequence[Measured],
    margins: Margins,
    notes: Iterable[str] = (),
    matched: bool = False,
    levels: Levels = ONE_LOOK,
) -> Judged:
    """Judge the runs of one backend against those of another.

    What is judged is what the measures declare and a margin is given for. A measure that replaces
    another is judged alone; runs of one seed (trials) become one value.

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
    levels : Levels
        Of this look, if it is one of several.

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
    silent = _silent(reference, other)
    for found in (a, b, samples_a, samples_b):
        for key in [key for key in found if (key[0], key[1].removeprefix("W1_")) in silent]:
            found.pop(key)
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
        levels=levels,
    )
    left_out = tuple(" ".join(key) for key in lonely)
    groups = tuple(dict.fromkeys(group for group, _ in silent))
    said = [SILENT.format(", ".join(groups))] if groups else []
    return Judged(verdict, left_out, (*notes, *said), groups)


def _silent(reference: Sequence[Measured], other: Sequence[Measured]) -> dict[Key, None]:
    """Return (group, statistic or distribution) of groups in which nothing happens on any side."""
    found: dict[Key, None] = {}
    for readings in judged([*reference, *other]):
        measure = readings[0][1].measure
        if measure.activity is None:
            continue
        groups = {group: None for _, reading in readings for group, _ in reading.values}
        names = [entry.name for entry in measure.statistics]
        names += [entry.name for entry in measure.distributions]
        for group in groups:
            key = group, measure.activity
            if all(reading.values.get(key) == 0 for _, reading in readings):
                found |= {(group, name): None for name in names}
    return found


def values_of(side: Sequence[Measured], margins: Margins) -> dict[Key, Floats]:
    """Return (group, statistic) -> values, one per seed in the order of appearance.

    Only statistics that have a margin, of measures that no other one replaces.
    """
    found: dict[Key, Floats] = {}
    for readings in judged(side):
        known = {s.name: s for s in readings[0][1].measure.statistics}
        for key in _keys(reading.values for _, reading in readings):
            if key[1] in margins.statistics:
                own = [(seed, r.values[key]) for seed, r in readings if key in r.values]
                found[key] = np.array([*_averaged(own, known[key[1]]).values()])
    return found


def _averaged(values: Sequence[tuple[int, float]], statistic: Statistic) -> dict[int, float]:
    """Return seed -> mean: runs of one seed, such as trials, are not independent."""
    return {seed: statistic.averaged(own) for seed, own in _by_seed(values).items()}


def _samples(side: Sequence[Measured], margins: Margins) -> dict[Key, list[Floats]]:
    """Return (group, ``W1_`` distribution) -> one array a seed, runs of one seed together."""
    found: dict[Key, list[Floats]] = {}
    if margins.distribution is None:
        return found
    for readings in judged(side):
        primary = {entry.name for entry in readings[0][1].measure.distributions if entry.primary}
        for key in _keys(reading.samples for _, reading in readings):
            if key[1] in primary:
                own = [(seed, r.samples[key]) for seed, r in readings if key in r.samples]
                arrays = _by_seed(own).values()
                found[key[0], f"W1_{key[1]}"] = [np.concatenate(some) for some in arrays]
    return found


def _keys(mappings: Iterable[Mapping[Key, object]]) -> list[Key]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _by_seed(pairs: Iterable[tuple[int, T]]) -> dict[int, list[T]]:
    found: dict[int, list[T]] = {}
    for seed, value in pairs:
        found.setdefault(seed, []).append(value)
    return found
