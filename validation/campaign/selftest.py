"""Does the verdict work? One backend against itself, and against networks wrong on purpose.

What n seeds a side can see, and how often they see what is not there: ``docs/selftest.md``. What
is said of it stands in `selftest_result`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netspec.describe.network import Network
from netspec.describe.serialization import canonical_json
from netspec.errors import SimulationFailed, UsageError, unknown
from netspec.execute.contract import Progress
from netspec.validation.campaign.ensemble import Finished, Room, run_all
from netspec.validation.campaign.mutants import LADDER, Mutant, mutants_of
from netspec.validation.campaign.request import ValidationRequest
from netspec.validation.campaign.selftest_result import (
    SEVERITY,
    Closest,
    Column,
    FailedRow,
    MutantRow,
    Row,
    SelfTest,
    Splits,
    TestEntry,
)
from netspec.validation.judge.comparing import compare, values_of
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.equivalence import seeds_to_detect
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.means import ALPHA
from netspec.validation.judge.verdict import Test, Verdict
from netspec.validation.measure.catalogue import Measured, measure

SPLITS = 200
Side = list[list[Measured]]  # one list a seed: a ring has a trial for every angle of its cue


@dataclass(frozen=True)
class Case:
    """A mutant, and the request of its runs; None if they are those of the true network."""

    mutant: Mutant
    request: ValidationRequest | None


def self_test(
    request: ValidationRequest,
    out: Path,
    *,
    rebuild: Callable[..., Network] | None = None,
    mutants: Sequence[str] | None = None,
    splits: int = SPLITS,
    force: bool = False,
    time_limit: float | None = None,
    room: Room | None = None,
    progress: Progress = lambda phase, fraction: None,
) -> SelfTest:
    """Split a backend's seeds in two, and compare it with its mutants.

    Parameters
    ----------
    request : ValidationRequest
        The network as it should be, on one backend. The first half of the seeds is the
        reference; the mutants have the seeds of the second.
    out : Path
        Folder of result files; what is there is not run again.
    rebuild : callable, optional
        Builds the network of `request`, with options of its circuit replaced. Without it,
        mutants that need another option are left out.
    mutants : sequence of str, optional
        Names of those to run; all if None, only the splits if empty.
    splits : int
        Random splits of the runs into halves.
    force, time_limit, room, progress
        As of `netspec.validation.campaign.validating.validate`.

    Raises
    ------
    UsageError
        If the request is not of one backend and as many seeds a side, 2 or more, or a mutant
        is unknown.
    SimulationFailed
        If a run of the network as it should be failed.
    """
    seeds, uneven = divmod(len(request.seeds), 2)
    if len(request.backends) != 1:
        raise UsageError(f"a self-test of {', '.join(request.names)}; expected one backend")
    if seeds < 2 or uneven:
        raise UsageError(f"a self-test with {len(request.seeds)} seeds; expected 2 or more a side")
    cases, left_out = _cases(request, rebuild, mutants)
    done = _run([request, *(case.request for case in cases if case.request)], out, force=force,
                time_limit=time_limit, room=room, progress=progress)  # fmt: skip
    plain, groups = done[0], iter(done[1:])
    if failed := [entry.failure for entry in plain if entry.run is None]:
        raise SimulationFailed(failed[0])
    versions = next(entry.run.manifest["versions"] for entry in plain if entry.run is not None)
    name = request.names[0]
    runs = _measured(plain, name)
    reference, other = runs[:seeds], runs[seeds:]

    def row(case: Case) -> MutantRow | FailedRow:
        mutant = case.mutant
        head = {"name": mutant.name, "what": mutant.what, "expected": mutant.caught}
        finished = next(groups) if case.request else plain[len(plain) // 2 :]
        if failures := tuple(entry.failure for entry in finished if entry.run is None):
            return FailedRow(**head, failures=failures)
        side = _measured(finished, mutant.name, warmup=mutant.keep_warmup)
        return MutantRow(**head, **dict(row_of(reference, side, request.margins)))

    rows = tuple(row(case) for case in cases)
    alarms = splits_of(runs, splits, request.margins)
    missed = tuple(r.name for r in rows if r.expected and not r.caught)
    return SelfTest(
        request={**request.content(), "hash": request.content_hash()},
        network=request.network.name,
        description=request.network.description,
        backend=name,
        versions=versions,
        seeds_a_side=seeds,
        alpha=ALPHA,
        control=row_of(reference, other, request.margins),
        splits=alarms,
        mutants=rows,
        left_out=left_out,
        missed=missed,
        smallest_weight_change=smallest(rows),
        exit_code=1 if alarms.too_many else 6 if missed else 0,
    )


def _cases(
    request: ValidationRequest,
    rebuild: Callable[..., Network] | None,
    names: Sequence[str] | None,
) -> tuple[list[Case], dict[str, str]]:
    """Return the mutants with their requests, and those left out with the reason."""
    cases, left_out = [], {}
    original, simulation = request.network, request.simulation
    known = {mutant.name: mutant for mutant in mutants_of(original)}
    for name in names or ():
        if name not in known:
            raise UsageError(unknown("mutant", name, known))
    second = request.seeds[len(request.seeds) // 2 :]
    for name, mutant in known.items():
        if names is not None and name not in names:
            continue
        if mutant.builder and rebuild is None:
            left_out[name] = "only for circuits of the library"
            continue
        build = rebuild if mutant.builder and rebuild else lambda: original
        network = mutant.apply(build, simulation.dt)
        same = _without_description(network) == _without_description(original)
        if mutant.keep_warmup and not simulation.warmup:
            left_out[name] = "there is no warm-up"
        elif same and not mutant.keep_warmup:
            left_out[name] = "changes nothing here"
        else:
            own = request.model_copy(update={"network": network, "seeds": second})
            cases.append(Case(mutant, None if same else own))
    return cases, left_out


def _without_description(network: Network) -> str:
    return canonical_json(network.model_copy(update={"description": ""}))


def _run(requests: Sequence[ValidationRequest], out: Path, **how: Any) -> list[list[Finished]]:
    """Run all requests side by side; return the runs of each."""
    each = [list(request.run_requests()) for request in requests]
    done = iter(run_all([one for many in each for one in many], out, **how))
    return [[next(done) for _ in many] for many in each]


def _measured(done: Sequence[Finished], name: str, *, warmup: bool = False) -> Side:
    by_seed: dict[int, list[Measured]] = {}
    for entry in done:
        if entry.run is not None:
            seed = entry.request.simulation.seed
            by_seed.setdefault(seed, []).append(measure(entry.run, name, seed, warmup=warmup))
    return list(by_seed.values())


def _flat(side: Side) -> list[Measured]:
    return [run for runs in side for run in runs]


def row_of(a: Side, b: Side, margins: Margins) -> Row:
    """Return a verdict: by statistic, and the one test that says most."""
    verdict = compare(_flat(a), _flat(b), margins).verdict
    groups: dict[str, list[Test]] = {}
    for test in verdict.tests:
        groups.setdefault(test.statistic, []).append(test)
    caught = verdict.outcome is Outcome.DIFFERENT
    return Row(
        outcome=verdict.outcome,
        caught=caught,
        by=TestEntry(**_entry(_surest(verdict.tests))) if caught else None,
        closest=None if caught else _closest(verdict, a, b),
        statistics={name: _column(tests) for name, tests in groups.items()},
    )


def _column(tests: Sequence[Test]) -> Column:
    """Return the outcome of the worst population, which it is, and what could be seen."""
    outcome = max((test.outcome for test in tests), key=SEVERITY.index)
    worst = _surest([test for test in tests if test.outcome is outcome])
    detectable = [test.detectable for test in tests if not math.isnan(test.detectable)]
    return Column(
        **_entry(worst),
        different=tuple(t.population for t in tests if t.outcome is Outcome.DIFFERENT),
        detectable=(min(detectable), max(detectable)) if detectable else None,
    )


def _surest(tests: Sequence[Test]) -> Test:
    """Return the test with the smallest p value, the largest deviation of equal ones."""

    def key(test: Test) -> tuple[float, float]:
        p = test.p_adjusted
        return (2.0 if math.isnan(p) else p), -test.comparison.share()

    return min(tests, key=key)


def _entry(test: Test) -> dict[str, Any]:
    """Return a test as data; effects and margins are shares where the margin is one."""
    effect, margin = test.comparison.effect()
    return {
        "outcome": test.outcome,
        "population": test.population,
        "statistic": test.statistic,
        "effect": effect,
        "margin": margin,
        "p_adjusted": test.p_adjusted,
        "text": test.text(),
    }


def _closest(verdict: Verdict, a: Side, b: Side) -> Closest:
    """Return the deviation that fewest seeds would call different, with their number.

    Where none exceeds its margin, no seeds would: the one that comes closest to its margin.
    """
    sides = [values_of(_flat(side), verdict.margins) for side in (a, b)]
    needed = []
    for test in verdict.tests:
        if (margin := test.comparison.exceeded) is not None:
            key, family = (test.population, test.statistic), len(verdict.tests)
            seeds = seeds_to_detect(sides[0][key], sides[1][key], margin, family)
            if seeds is not None:
                needed.append((seeds, test))
    if needed:
        seeds, test = min(needed, key=lambda pair: pair[0])
        return Closest(**_entry(test), seeds_needed=seeds)
    closest = max(verdict.tests, key=lambda test: test.comparison.share())
    return Closest(**_entry(closest), seeds_needed=None)


def splits_of(runs: Side, number: int, margins: Margins) -> Splits:
    """Return how often random halves of equal runs are called different, and equivalent.

    Parameters
    ----------
    runs : list of list of Measured
        One list a seed.
    number : int
        Of splits.
    margins : Margins
    """
    rng = np.random.default_rng(0)
    half = len(runs) // 2
    alarms = 0
    counts: dict[str, Counter[Outcome]] = {}
    for _ in range(number):
        order = rng.permutation(len(runs))
        first, second = ([runs[i] for i in chosen] for chosen in (order[:half], order[half:]))
        verdict = compare(_flat(first), _flat(second), margins).verdict
        alarms += verdict.outcome is Outcome.DIFFERENT
        for test in verdict.tests:
            counts.setdefault(test.statistic, Counter())[test.outcome] += 1
    return Splits(
        number=number,
        alarms=alarms,
        share=alarms / number,
        # nominal at most ALPHA, and two standard errors of a share
        too_many=alarms / number > ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / number),
        statistics={
            name: {outcome.value: found[outcome] / found.total() for outcome in SEVERITY}
            for name, found in counts.items()
        },
    )


def smallest(rows: Sequence[MutantRow | FailedRow]) -> float | None:
    """Return the smallest factor on the weights that is caught, as all larger ones are."""
    found = None
    for row in reversed([r for r in rows if r.name.startswith(LADDER)]):
        if not row.caught:
            break
        found = float(row.name.removeprefix(LADDER))
    return found
