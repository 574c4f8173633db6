"""Seeds are added until the verdict is decided: `netspec validate --until-decided`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.errors import UsageError
from netspec.execute.contract import Progress, RunRequest
from netspec.execute.measure import Measure
from netspec.validation.campaign.advising import Adviser
from netspec.validation.campaign.comparisons import NO_RUN, drawn_by_netspec, pairing
from netspec.validation.campaign.ensemble import Finished, Room, cost, run_all
from netspec.validation.campaign.request import ValidationRequest
from netspec.validation.campaign.summary import ComparisonEntry
from netspec.validation.judge.comparing import compare, values_of
from netspec.validation.judge.looks import Looks
from netspec.validation.judge.sequential import Course
from netspec.validation.measure.catalogue import Measured, measure
from netspec.whole_files import write_text

LOST = "{} of {} seeds are left out: a run of one side failed."


@dataclass(frozen=True)
class Decided:
    """Runs, what was measured of them, and what was said of every pair of backends.

    Attributes
    ----------
    done : list of Finished
        All backends of a seed before the next seed.
    measured : list of Measured
        Of the runs that succeeded.
    comparisons : tuple of ComparisonEntry
    """

    done: list[Finished]
    measured: list[Measured]
    comparisons: tuple[ComparisonEntry, ...]


def decide(
    request: ValidationRequest,
    out: Path,
    *,
    measures: Sequence[Measure] = (),
    force: bool = False,
    time_limit: float | None = None,
    room: Room | None = None,
    progress: Progress = lambda phase, fraction: None,
) -> Decided:
    """Run seeds until every backend is decided against the first, or the last look was taken.

    Parameters are those of `netspec.validation.campaign.validating.validate`. A backend that is
    decided gets no further seeds. Before any statistic is seen, the first seed says what a seed
    costs, and with a budget that how many there can be; it stands in a file, for a call that goes
    on where this one was interrupted.
    """
    declared = request.looks or Looks()
    reference, *others = request.names
    runs = _Runs(request, out, measures, {"force": force, "time_limit": time_limit, "room": room})
    runs.make(1, request.names, progress)
    looks = _within_budget(request, declared, runs.done(), out, room)
    courses = {name: Course(looks.plan()) for name in others}
    for number, look in enumerate(looks.plan()):
        # without a run on either side there is nothing to look at, nor to wait for
        running = [name for name in others if len(courses[name].taken) == number]
        running = [name for name in running if not number or not courses[name].stopped()]
        if not running:
            break
        runs.make(look.seeds, [reference, *running], progress)
        progress(f"look {number + 1} at {look.seeds} seeds", look.seeds / looks.most)
        for name in running:
            courses[name] = _looked(request, courses[name], runs.sides(reference, name))
    return Decided(
        runs.done(),
        runs.measured(),
        tuple(
            _entry(request, courses[name], runs.sides(reference, name), runs.adviser())
            for name in others
        ),
    )


class _Runs:
    """The runs of a request, made when they are asked for, and measured once."""

    def __init__(
        self,
        request: ValidationRequest,
        out: Path,
        measures: Sequence[Measure],
        how: Mapping[str, Any],
    ) -> None:
        self.requests = list(request.run_requests())
        self.order = {seed: place for place, seed in enumerate(request.seeds)}
        self.out, self.measures, self.how = out, measures, how
        self.margins = request.margins
        self.found: dict[int, tuple[Finished, Measured | None]] = {}

    def make(self, seeds: int, names: Iterable[str], progress: Progress) -> None:
        """Run the first so many seeds on some backends, unless it was done."""
        chosen = set(names)

        def missing(place: int, asked: RunRequest) -> bool:
            early = self.order[asked.simulation.seed] < seeds
            return early and asked.backend in chosen and place not in self.found

        wanted = {k: asked for k, asked in enumerate(self.requests) if missing(k, asked)}
        done = run_all(list(wanted.values()), self.out, progress=progress, **self.how)
        for place, entry in zip(wanted, done, strict=True):
            self.found[place] = entry, self._measured(entry)

    def _measured(self, entry: Finished) -> Measured | None:
        request = entry.request
        if entry.run is None:
            return None
        return measure(entry.run, request.backend, request.simulation.seed, more=self.measures)

    def done(self) -> list[Finished]:
        """Return all runs in the order of their requests."""
        return [self.found[place][0] for place in sorted(self.found)]

    def measured(self) -> list[Measured]:
        """Return what was measured of those that succeeded, in the same order."""
        every = (self.found[place][1] for place in sorted(self.found))
        return [found for found in every if found is not None]

    def adviser(self) -> Adviser:
        """Return what knows the runs behind all that was measured."""
        runs = [entry.run for entry in self.done() if entry.run is not None]
        return Adviser(self.measured(), runs, self.margins, self.measures)

    def sides(self, *names: str) -> dict[str, list[Measured]]:
        """Return the runs of some backends."""
        return {name: [m for m in self.measured() if m.backend == name] for name in names}


def _within_budget(
    request: ValidationRequest,
    declared: Looks,
    first: Sequence[Finished],
    out: Path,
    room: Room | None,
) -> Looks:
    """Return the looks that the budget allows, by the cost of the first seed on all backends."""
    if declared.budget is None:
        return declared
    path = out / f"{request.network.name}-looks.json"
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["request"] == request.content_hash():
            return declared.model_copy(update={"most": known["most"]})
    if failed := [entry.failure for entry in first if entry.run is None]:
        raise UsageError(f"a budget needs the cost of the first seed, and it failed: {failed[0]}")
    seconds = cost(first, room or Room())
    looks = declared.within(seconds)
    content = {"request": request.content_hash(), "seconds_of_a_seed": seconds, "most": looks.most}
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return looks


def _both(
    request: ValidationRequest, sides: dict[str, list[Measured]]
) -> tuple[dict[str, list[Measured]], int]:
    """Return both sides, of networks that are shared in pairs, and the seeds that leaves out."""
    if not all("synapses" in _shared(request)[name] for name in sides):
        return sides, 0
    known = [{(m.seed, m.cue_angle) for m in side} for side in sides.values()]
    kept = known[0] & known[1]
    pairs = {n: [m for m in side if (m.seed, m.cue_angle) in kept] for n, side in sides.items()}
    return pairs, len({seed for seed, _ in (known[0] | known[1]) - kept})


def _looked(request: ValidationRequest, course: Course, sides: dict[str, list[Measured]]) -> Course:
    """Return the course with a look at both sides; as it was if one of them has no run."""
    pair, _ = _both(request, sides)
    if not all(pair.values()):
        return course
    matched, notes = pairing(pair, _shared(request))
    ours, theirs = pair.values()
    found = compare(ours, theirs, request.margins, notes, matched, course.levels())
    return course.with_look(
        found, (values_of(ours, request.margins), values_of(theirs, request.margins))
    )


def _shared(request: ValidationRequest) -> dict[str, frozenset[str]]:
    return {b.name: drawn_by_netspec(b.connectivity, b.noise) for b in request.backends}


def _entry(
    request: ValidationRequest,
    course: Course,
    sides: dict[str, list[Measured]],
    adviser: Adviser,
) -> ComparisonEntry:
    reference, other = sides
    if not course.taken:
        empty = [name for name, side in sides.items() if not side]
        why = NO_RUN.format(" and ".join(empty)) if empty else "no seed has both runs"
        return ComparisonEntry(reference=reference, other=other, verdict=None, error=why)
    last, seeds = course.taken[-1].judged, course.taken[-1].look.seeds
    # the reference may have run on for another, which was undecided
    looked = set(request.seeds[:seeds])
    pair, lost = _both(
        request, {name: [m for m in side if m.seed in looked] for name, side in sides.items()}
    )
    verdict, level = course.verdict(), course.plan[-1].alpha
    notes = (*last.notes, *([LOST.format(lost, seeds)] if lost else []))
    return ComparisonEntry(
        reference=reference,
        other=other,
        verdict=verdict.to_dict() | {"power": None},  # of a design with one look
        left_out=last.left_out,
        silent=last.silent,
        notes=notes,
        looks=course.to_dict(),
        advice=adviser.advice(verdict, [*pair.values()], level),
    )
