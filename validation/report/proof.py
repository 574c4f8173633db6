"""Is it the same network? What the ladder showed of backends, and spikes that agree one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.execute.results import Run, SpikeData
from netspec.validation.ladder.networks import REPLAY_MS
from netspec.validation.ladder.report import LEVELS, broke_first

UNTIL, LONELY, SPIKES = "identical until (ms)", "lonely in one step", "spikes"
# what older files may have left to chance, which do not say; noise is never the simulator's
DRAWN = frozenset(("synapses", "values", "events"))
REPLAY = "L3"  # the rung where all neurons are together and are given their input


@dataclass(frozen=True)
class Line:
    """One sentence and what it shows.

    Attributes
    ----------
    state : {"good", "open", "bad"}
        Shown to be the same; not shown; shown to differ.
    text : str
    """

    state: str
    text: str


def listed(names: Sequence[str]) -> str:
    """Return names as one says them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# -- the ladder -------------------------------------------------------------------------------


def alike(ladder: Mapping[str, Any] | None, names: Sequence[str]) -> list[str]:
    """Return the most backends that the ladder showed to be one network exactly; none of one."""
    if ladder is None:
        return []
    exact = [name for name in names if _passed(ladder, name)]
    found = max(_groups(ladder, exact), key=len, default=[])
    return found if len(found) > 1 else []


def broken(ladder: Mapping[str, Any] | None) -> list[str]:
    """Return the backends that are not what is described, by the ladder."""
    return [] if ladder is None else [n for n, level in ladder["first_broken"].items() if level]


def approximate(ladder: Mapping[str, Any] | None) -> list[str]:
    """Return the backends that passed by approximations that were agreed to."""
    if ladder is None:
        return []
    used = [rung["backend"] for rung in ladder["rungs"] if rung["status"] == "approximate"]
    return [name for name in ladder["first_broken"] if name in used]


def ladder_lines(ladder: Mapping[str, Any], names: Sequence[str]) -> list[Line]:
    """Return what the ladder says: who is the same as whom, for how long, and what broke."""
    lines = [*_broken_lines(ladder, names), *_skipped_lines(ladder, names)]
    groups = _groups(ladder, names)
    for group in groups:
        if len(group) > 1:
            lines.append(_same(ladder, group))
    for one, other in combinations([group[0] for group in groups], 2):
        if (rung := _pair(ladder, one, other)) is not None:
            lines.append(_parted(rung, one, other))
    if not any(_pair(ladder, *pair) for pair in combinations(names, 2)):
        lines += [Line("good", f"{n}: structure, neurons and synapses are as described")
                  for n in names if _passed(ladder, n)]  # fmt: skip
    return lines


def _same(ladder: Mapping[str, Any], group: Sequence[str]) -> Line:
    rung = _pair(ladder, group[0], group[1])
    figures = {} if rung is None else rung["figures"]
    solved = all(_identical(_own(ladder, name)) for name in group)
    who = listed([*group, *(["SciPy's solution of the equations"] if solved else [])])
    spikes = f"the same {figures.get(SPIKES, 0):,.0f} spikes" if SPIKES in figures else "the same"
    used = _approximations(ladder, group)
    text = (
        f"{who}: a small network of the kind that is given the same input fires {spikes}, at the "
        f"same steps, all {REPLAY_MS:g} ms long"
    )
    if used:
        return Line("open", f"{text}; but with {', '.join(used)}")
    return Line("good", f"{text}; structure, neurons and synapses are as described")


def _parted(rung: Mapping[str, Any], one: str, other: str) -> Line:
    """Say of two backends that part during the replay when they do, and why they may."""
    until = rung["figures"].get(UNTIL)
    text = f"{one} and {other}, a small network given the same input: "
    text += (
        "no spike to compare" if until is None
        else f"the same spikes until {until:g} of {REPLAY_MS:g} ms"
    )  # fmt: skip
    reason = f"; {rung['reason']}" if rung["reason"] else ""
    return Line("bad" if rung["status"] == "failed" else "open", text + reason)


def _broken_lines(ladder: Mapping[str, Any], names: Sequence[str]) -> Iterator[Line]:
    for name in names:
        level = ladder["first_broken"].get(name)
        if level is not None:
            (reason,) = [r["reason"] for r in _rungs(ladder, name) if r["level"] == level]
            yield Line("bad", f"{name}: {broke_first(level)}: {reason}")


def _skipped_lines(ladder: Mapping[str, Any], names: Sequence[str]) -> Iterator[Line]:
    for name in names:
        skipped = [rung for rung in _rungs(ladder, name) if rung["status"] == "skipped"]
        reasons: dict[str, list[str]] = {}
        for rung in skipped:
            reasons.setdefault(rung["reason"], []).append(
                f"{rung['level']} {LEVELS[rung['level']]}"
            )
        for reason, rungs in reasons.items():
            yield Line("open", f"{name}: not asked: {', '.join(rungs)} ({reason})")


def _rungs(ladder: Mapping[str, Any], backend: str | None = None) -> list[dict[str, Any]]:
    return [r for r in ladder["rungs"] if backend in (None, r["backend"])]


def _passed(ladder: Mapping[str, Any], name: str) -> bool:
    found = _rungs(ladder, name)
    return bool(found) and all(rung["status"] == "passed" for rung in found)


def _own(ladder: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    return next((r for r in _rungs(ladder, name) if r["level"] == REPLAY), None)


def _pair(ladder: Mapping[str, Any], one: str, other: str) -> dict[str, Any] | None:
    both = (f"{one}, {other}", f"{other}, {one}")
    return next((r for r in ladder["rungs"] if r["backend"] in both), None)


def _identical(rung: Mapping[str, Any] | None) -> bool:
    """Return whether a replay is the other's, spike by spike, to its end."""
    if rung is None or rung["status"] in ("failed", "skipped"):
        return False
    figures = rung["figures"]
    return bool(figures.get(UNTIL) == REPLAY_MS and figures.get(LONELY) == 0)


def _groups(ladder: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    """Return the backends whose replays are the same to the last spike, together."""
    groups: list[list[str]] = []
    for name in names:
        home = next((g for g in groups if _identical(_pair(ladder, g[0], name))), None)
        if home is None:
            groups.append([name])
        else:
            home.append(name)
    return groups


def _approximations(ladder: Mapping[str, Any], group: Sequence[str]) -> list[str]:
    reasons = [r["reason"] for name in group for r in _rungs(ladder, name)
               if r["status"] == "approximate"]  # fmt: skip
    return list(dict.fromkeys(reasons))


# -- whole runs -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """Two runs of one seed, from the first step of the warm-up on.

    Attributes
    ----------
    until : float or None
        Time (ms) of the first step whose spikes differ; None: all are the same to the end.
    end : float
        Of the runs, in ms.
    spikes : int
        Of either side until then.
    chance : frozenset of str
        What their seed decides (`netspec.describe.chance`), all of it drawn by netspec.
    """

    until: float | None
    end: float
    spikes: int
    chance: frozenset[str] = DRAWN


def agreements(ours: Sequence[Run], theirs: Sequence[Run]) -> list[Agreement]:
    """Compare spikes one by one wherever both sides were given the same network and events.

    That is: the same description and seed, with synapses and events that netspec drew, or that
    are not left to chance.
    """
    found = {_key(run): run for run in ours if _given(run)}
    pairs = [(found[_key(run)], run) for run in theirs if _given(run) and _key(run) in found]
    return [_agreement(*pair) for pair in pairs]


def _given(run: Run) -> bool:
    """Return whether nothing of a run was the simulator's to draw."""
    manifest, drawn = run.manifest, _chance(run)
    by = {"synapses": manifest["connectivity"], "events": manifest.get("drive")}
    shared = all(who == "shared" for what, who in by.items() if what in drawn)
    return shared and bool(manifest["spec_hash"])


def _chance(run: Run) -> frozenset[str]:
    """Return what a run's seed decides."""
    return frozenset(run.manifest.get("chance", DRAWN))


def _key(run: Run) -> tuple[object, ...]:
    simulation = run.manifest["simulation"]
    return run.manifest["spec_hash"], run.manifest["seed"], simulation["dt"], simulation["warmup"]


def _agreement(one: Run, other: Run) -> Agreement:
    dt = float(one.manifest["simulation"]["dt"])
    end = min(one.manifest["total_steps"], other.manifest["total_steps"])
    first, counted = end + 1, []
    for population in one.populations:
        mine, theirs = (r.spikes(population, warmup=True).window(0, end) for r in (one, other))
        first = min(first, _first_difference(mine, theirs, end))
        counted.append(mine)
    number = sum(len(spikes.window(0, first - 1)) for spikes in counted)
    until = None if first > end else (first - 1) * dt
    return Agreement(until, end * dt, number, _chance(one))


def _first_difference(mine: SpikeData, theirs: SpikeData, end: int) -> int:
    """Return the first step whose spikes differ; behind the end if none does."""
    shorter = min(len(mine), len(theirs))
    differs: NDArray[np.bool_] = (mine.steps[:shorter] != theirs.steps[:shorter]) | (
        mine.neurons[:shorter] != theirs.neurons[:shorter]
    )
    if differs.any():
        at = int(differs.argmax())
        return int(min(mine.steps[at], theirs.steps[at]))
    if len(mine) == len(theirs):
        return end + 1
    return int(max(mine, theirs, key=len).steps[shorter])


def agreement_line(one: str, other: str, found: Sequence[Agreement]) -> Line:
    """Say of two backends in how many runs their spikes are the same, and until when elsewhere."""
    whole = [a for a in found if a.until is None]
    spikes = sum(a.spikes for a in found)
    text = f"{one} and {other}, whole network, {_alike(found[0].chance)}: "
    if len(whole) == len(found):
        longest = f"{max(a.end for a in found) / 1000:g} s"
        return Line("good", f"{text}the same {spikes:,} spikes, one by one from the first step on, "
                            f"in {len(found)} of {len(found)} runs of {longest}")  # fmt: skip
    first = min(a.until for a in found if a.until is not None)
    state = "good" if first > 0 and spikes else "open"
    return Line(state, f"{text}identical spikes to the end in {len(whole)} of {len(found)} runs, "
                       f"in the others until {first:g} ms at least; {spikes:,} spikes until "
                       "then")  # fmt: skip


def _alike(chance: frozenset[str]) -> str:
    """Say what both sides were given alike."""
    if not chance:
        return "nothing left to chance"
    named = {"synapses": "synapses", "events": "Poisson events", "noise": "noise"}
    given = [name for what, name in named.items() if what in chance]
    return f"the same {listed(given or ['values'])}"


def all_given(runs: Sequence[Run]) -> bool:
    """Return whether nothing is left to chance in any of the runs, which have to say so."""
    return all("chance" in run.manifest and not _chance(run) for run in runs)


def seed_lines(runs: Sequence[Run]) -> list[Line]:
    """Say of several runs that no seed makes a difference, if that is so."""
    number = len({run.manifest["seed"] for run in runs})
    if number < 2 or not all_given(runs):
        return []
    return [Line("open", "no seed changes anything, as nothing is left to chance: "
                         f"{number} seeds are one run {number} times")]  # fmt: skip
