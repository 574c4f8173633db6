"""Which sides of a validation are compared, in which way, and what is said of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.validation.campaign.advising import Adviser
from netspec.validation.campaign.summary import PUBLISHED, ComparisonEntry
from netspec.validation.judge.comparing import compare
from netspec.validation.judge.margins import Margins
from netspec.validation.measure.catalogue import Measured, Reading
from netspec.validation.measure.statistics import PopulationMeasure

MATCHED = (
    "Both sides have the same seeds and the same synapses (shared connectivity): they are judged "
    "in pairs, seed by seed, so that what differs between networks cancels."
)
NO_RUN = "no run of {} succeeded"
SAME_EVENTS = "Poisson events, if there are any, are the same on both sides as well (shared noise)."

AS_ONE_RUN = (
    "Published are mean rates, one number a population. Each is asked to lie where one more run of "
    "the backend would; longer recordings than ours scatter less than that."
)


def drawn_by_netspec(connectivity: str | None, drive: str | None) -> frozenset[str]:
    """Return what runs of the same seed have in common, of ``synapses`` and ``events``."""
    shared = {"synapses": connectivity, "events": drive}
    return frozenset(name for name, drawn in shared.items() if drawn == "shared")


def comparisons(
    sides: Mapping[str, Sequence[Measured]],
    margins: Margins,
    shared: Mapping[str, frozenset[str]],
    notes: tuple[str, ...] = (),
    adviser: Adviser | None = None,
) -> tuple[ComparisonEntry, ...]:
    """Judge the first side against each of the others."""
    reference, *others = sides
    entries = []
    for other in others:
        pair = {name: sides[name] for name in (reference, other)}
        matched, said = pairing(pair, shared)
        entries.append(_comparison(pair, margins, (*notes, *said), matched, adviser))
    return tuple(entries)


def pairing(
    pair: Mapping[str, Sequence[Measured]], shared: Mapping[str, frozenset[str]]
) -> tuple[bool, tuple[str, ...]]:
    """Return whether two sides are compared seed by seed, and what a reader should know of it.

    Parameters
    ----------
    pair : mapping
        Name -> runs, the reference first.
    shared : mapping
        Name -> what netspec has drawn for it (`drawn_by_netspec`).
    """
    (ours, runs), (theirs, others) = pair.items()
    seeds = [[(m.seed, m.cue_angle) for m in side] for side in (runs, others)]
    same = shared[ours] & shared[theirs] if seeds[0] == seeds[1] else frozenset()
    matched = "synapses" in same
    return matched, (MATCHED, *([SAME_EVENTS] if "events" in same else [])) if matched else ()


def with_published(
    sides: Mapping[str, Sequence[Measured]], rates: Mapping[str, float], margins: Margins
) -> tuple[ComparisonEntry, ...]:
    """Ask of every backend whether the published rates lie where one more run of it would."""
    if not rates or "rate" not in margins.statistics:
        return ()
    row = _rates_of(PUBLISHED, 0, rates)
    entries = []
    for name, runs in sides.items():
        tables = [(run.seed, run.table()) for run in runs]
        reduced = [
            _rates_of(name, seed, {p: table[p]["rate"] for p in rates}) for seed, table in tables
        ]
        entries.append(_comparison({name: reduced, PUBLISHED: [row]}, margins, (AS_ONE_RUN,)))
    return tuple(entries)


def _rates_of(name: str, seed: int, rates: Mapping[str, float]) -> Measured:
    """Return a run of which nothing but the mean rates of its populations is known."""
    values = {(population, "rate"): rate for population, rate in rates.items()}
    return Measured(name, seed, None, (Reading(PopulationMeasure(), values, {}),))


def _comparison(
    pair: Mapping[str, Sequence[Measured]],
    margins: Margins,
    notes: tuple[str, ...],
    matched: bool = False,
    adviser: Adviser | None = None,
) -> ComparisonEntry:
    """Judge two sides, the reference first."""
    (reference, ours), (other, theirs) = pair.items()
    if empty := [name for name, runs in pair.items() if not runs]:
        return ComparisonEntry(
            reference=reference, other=other, verdict=None, error=NO_RUN.format(" and ".join(empty))
        )
    found = compare(ours, theirs, margins, notes, matched)
    return ComparisonEntry(
        reference=reference,
        other=other,
        verdict=found.verdict.to_dict(),
        left_out=found.left_out,
        notes=found.notes,
        silent=found.silent,
        advice=None if adviser is None else adviser.advice(found.verdict, (ours, theirs)),
    )
