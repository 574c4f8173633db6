"""Does the verdict work? One backend against itself, and against networks wrong on purpose.

What n seeds a side can see, and how often they see what is not there: ``docs/selftest.md``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backend import Progress, RunRequest
from netspec.errors import SimulationFailed, UsageError
from netspec.network import Network
from netspec.results import Run
from netspec.serialization import canonical_json, spec_hash
from netspec.validation.ensemble import Finished, run_all
from netspec.validation.equivalence import ALPHA
from netspec.validation.margins import Margins
from netspec.validation.mutants import LADDER, Mutant, mutants_of
from netspec.validation.statistics import distributions, population_statistics
from netspec.validation.verdict import Key, Outcome, Test, Verdict, as_json, judge

# name of a margin -> name of the statistic
TESTED = {
    "rate": "rate",
    "log_sd": "log_sd_rate",
    "silent": "silent_fraction",
    "lv": "lv",
    "covariance": "covariance",
    "synchrony": "synchrony",
}
DISTRIBUTED = {"W1_rate": "rate", "W1_lv": "lv"}
SEVERITY = (Outcome.EQUIVALENT, Outcome.INCONCLUSIVE, Outcome.DIFFERENT)
SPLITS = 200


@dataclass(frozen=True)
class Measured:
    """What the verdict needs of one run: its primary statistics, and values per neuron."""

    values: dict[Key, float]
    samples: dict[Key, NDArray[np.float64]]


def measure(run: Run, keep_warmup: bool = False) -> Measured:
    """Return the primary statistics of all populations of a run."""
    values: dict[Key, float] = {}
    samples: dict[Key, NDArray[np.float64]] = {}
    for population in run.populations:
        spikes = run.spikes(population, warmup=keep_warmup)
        found, each = population_statistics(spikes), distributions(spikes)
        values |= {(population, name): found[key] for name, key in TESTED.items()}
        samples |= {(population, name): each[key] for name, key in DISTRIBUTED.items()}
    return Measured(values, samples)


def compare(a: Sequence[Measured], b: Sequence[Measured], margins: Margins) -> Verdict:
    """Judge the runs of two sides, one run a seed."""

    def values(side: Sequence[Measured]) -> dict[Key, list[float]]:
        return {key: [run.values[key] for run in side] for key in side[0].values}

    def samples(side: Sequence[Measured]) -> dict[Key, list[NDArray[np.float64]]]:
        return {key: [run.samples[key] for run in side] for key in side[0].samples}

    return judge(
        values(a), values(b), margins, reference_samples=samples(a), other_samples=samples(b)
    )


def self_test(
    request: RunRequest,
    seeds: int,
    out: Path,
    *,
    rebuild: Callable[..., Network] | None = None,
    margins: Margins | None = None,
    splits: int = SPLITS,
    jobs: int = 1,
    force: bool = False,
    time_limit: float | None = None,
    progress: Progress = lambda phase, fraction: None,
) -> dict[str, Any]:
    """Split a backend's seeds in two, and compare it with its mutants.

    Parameters
    ----------
    request : RunRequest
        The network as it should be; its seed is replaced by 1 to 2 `seeds`.
    seeds : int
        Of each side, 2 or more. The mutants have seeds of their own, the second half.
    out : Path
        Folder of result files; what is there is not run again.
    rebuild : callable, optional
        Builds the network of `request`, with options of its circuit replaced. Without it,
        mutants that need another option are left out.
    margins : Margins, optional
        The default ones if None.
    splits : int
        Random splits of the 2 `seeds` runs into halves.
    jobs : int
        Runs at the same time.
    force : bool
        Run even if the results exist.
    time_limit : float, optional
        Seconds of wall time per run.

    Returns
    -------
    dict
        JSON data; ``docs/selftest.md`` says what it holds.

    Raises
    ------
    SimulationFailed
        If a run of the network as it should be failed.
    """
    if seeds < 2:
        raise UsageError(f"a self-test with {seeds} seed a side; expected 2 or more")
    margins = margins or Margins()
    first, second = range(1, seeds + 1), range(seeds + 1, 2 * seeds + 1)
    mutants, left_out = _mutated(request, rebuild)

    # a warm-up is kept by counting, not by running
    networks = [network for mutant, network in mutants if not mutant.keep_warmup]
    cases = [(request.network, first), (request.network, second)]
    cases += [(network, second) for network in networks]
    requests = [
        request.model_copy(
            update={"network": network, "simulation": request.simulation.at_seed(seed)}
        )
        for network, chosen in cases
        for seed in chosen
    ]

    def run(one: RunRequest) -> Finished:
        (done,) = run_all([one], out, force=force, time_limit=time_limit, progress=progress)
        return done

    with ThreadPoolExecutor(jobs) as pool:
        done = list(pool.map(run, requests))
    groups = iter([done[i : i + seeds] for i in range(0, len(done), seeds)])
    plain = [_all_of(next(groups)) for _ in range(2)]
    sides = [[measure(found) for found in half] for half in plain]

    def row(mutant: Mutant) -> dict[str, Any]:
        head = {"name": mutant.name, "what": mutant.what, "expected": mutant.caught}
        if mutant.keep_warmup:
            side = [measure(found, keep_warmup=True) for found in plain[1]]
            return head | _row(compare(sides[0], side, margins))
        finished = next(groups)
        if failures := [entry.failure for entry in finished if entry.run is None]:
            return head | {"failures": failures, "outcome": "failed", "caught": False}
        side = [measure(found) for found in _all_of(finished)]
        return head | _row(compare(sides[0], side, margins))

    rows = [row(mutant) for mutant, _ in mutants]
    alarms = _splits([*sides[0], *sides[1]], splits, margins)
    missed = [r["name"] for r in rows if r["expected"] and not r["caught"]]
    result: dict[str, Any] = {
        "network": request.network.name,
        "description": request.network.description,
        "spec_hash": spec_hash(request.network),
        "backend": request.backend,
        "connectivity": request.connectivity,
        "simulation": request.simulation.model_dump(mode="json", exclude={"seed"}),
        "versions": plain[0][0].manifest["versions"],
        "seeds_a_side": seeds,
        "margins": margins.model_dump(mode="json"),
        "margins_hash": margins.content_hash(),
        "alpha": ALPHA,
        "control": _row(compare(sides[0], sides[1], margins)),
        "splits": alarms,
        "mutants": rows,
        "left_out": left_out,
        "missed": missed,
        "smallest_weight_change": _smallest(rows),
        "exit_code": 1 if alarms["too_many"] else 6 if missed else 0,
    }
    return as_json(result)  # type: ignore[no-any-return]


def _mutated(
    request: RunRequest, rebuild: Callable[..., Network] | None
) -> tuple[list[tuple[Mutant, Network]], dict[str, str]]:
    """Return the mutants with their networks, and those left out with the reason."""
    kept, left_out = [], {}
    original = request.network
    for mutant in mutants_of(original):
        if mutant.builder and rebuild is None:
            left_out[mutant.name] = "only for circuits of the library"
            continue
        build = rebuild if mutant.builder and rebuild else lambda: original
        network = mutant.apply(build, request.simulation.dt)
        same = _without_description(network) == _without_description(original)
        if same and not (mutant.keep_warmup and request.simulation.warmup):
            left_out[mutant.name] = "changes nothing here"
        else:
            kept.append((mutant, network))
    return kept, left_out


def _without_description(network: Network) -> str:
    return canonical_json(network.model_copy(update={"description": ""}))


def _all_of(done: Sequence[Finished]) -> list[Run]:
    runs = [entry.run for entry in done if entry.run is not None]
    if len(runs) < len(done):
        raise SimulationFailed(next(entry.failure for entry in done if entry.run is None))
    return runs


def _row(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict by statistic: the outcome of the worst population, and which it is."""
    groups: dict[str, list[Test]] = {}
    for test in verdict.tests:
        groups.setdefault(test.statistic, []).append(test)

    def badness(test: Test) -> tuple[int, float]:
        p = test.p_adjusted
        return SEVERITY.index(test.outcome), 0.0 if math.isnan(p) else -p

    statistics = {}
    for name, tests in groups.items():
        worst = max(tests, key=badness)
        statistics[name] = {
            "outcome": worst.outcome,
            "population": worst.population,
            "p_adjusted": worst.p_adjusted,
            "different": [t.population for t in tests if t.outcome is Outcome.DIFFERENT],
            "detectable": max(test.detectable for test in tests),
            "text": worst.text(),
        }
    caught = verdict.outcome is Outcome.DIFFERENT
    return {"outcome": verdict.outcome, "caught": caught, "statistics": statistics}


def _splits(runs: Sequence[Measured], number: int, margins: Margins) -> dict[str, Any]:
    """Return how often random halves of equal runs are called different, and equivalent."""
    rng = np.random.default_rng(0)
    half = len(runs) // 2
    alarms = 0
    counts: dict[str, Counter[Outcome]] = {}
    for _ in range(number):
        order = rng.permutation(len(runs))
        verdict = compare([runs[i] for i in order[:half]], [runs[i] for i in order[half:]], margins)
        alarms += verdict.outcome is Outcome.DIFFERENT
        for test in verdict.tests:
            counts.setdefault(test.statistic, Counter())[test.outcome] += 1
    return {
        "number": number,
        "alarms": alarms,
        "share": alarms / number,
        # nominal at most ALPHA, and two standard errors of a share
        "too_many": alarms / number > ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / number),
        "statistics": {
            name: {outcome: found[outcome] / found.total() for outcome in SEVERITY}
            for name, found in counts.items()
        },
    }


def _smallest(rows: Sequence[dict[str, Any]]) -> float | None:
    """Return the smallest factor on the weights that is caught, as all larger ones are."""
    smallest = None
    for row in reversed([r for r in rows if r["name"].startswith(LADDER)]):
        if not row["caught"]:
            break
        smallest = float(row["name"].removeprefix(LADDER))
    return smallest


def text(result: dict[str, Any]) -> str:
    """Return the matrix, mutant x statistic, and what it says.

    A cell is ``=`` (equivalent in all populations), ``?`` (inconclusive in one), or the
    population that differs most surely.
    """
    names = list(result["control"]["statistics"])
    words = {True: "caught", False: "not caught", None: "open"}
    sign = {Outcome.EQUIVALENT: "=", Outcome.INCONCLUSIVE: "?"}
    rows = [["mutant", "expected", "found", *names]]
    for row in [{"name": "(none)", "expected": False, **result["control"]}, *result["mutants"]]:
        cells = [row["statistics"][name] for name in names] if "statistics" in row else []
        found = words[row["caught"]] if cells else "failed"
        shown = [sign.get(cell["outcome"], cell["population"]) for cell in cells]
        rows.append([row["name"], words[row["expected"]], found, *shown])
    widths = [max(len(row[i]) for row in rows if i < len(row)) + 2 for i in range(len(rows[0]))]
    lines = ["".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", *_conclusions(result)])


def _conclusions(result: dict[str, Any]) -> list[str]:
    found, smallest = result["splits"], result["smallest_weight_change"]
    shares = (f"{n} {100 * s['equivalent']:.0f} %" for n, s in found["statistics"].items())
    ladder = [row["name"] for row in result["mutants"] if row["name"].startswith(LADDER)]
    weights = f"x {smallest:g}" if smallest else f"none of {len(ladder)}"
    return [
        "= equivalent in all populations, ? inconclusive in one, else the population that differs",
        f"false alarms: {found['alarms']} of {found['number']} splits of equal runs, "
        f"{100 * found['share']:.1f} % (nominal: at most {100 * ALPHA:g} %)",
        f"tests of equal runs that are equivalent: {', '.join(shares)}",
        *([f"smallest change of all weights that is caught: {weights}"] if ladder else []),
        f"missed although expected: {', '.join(result['missed']) or 'none'}",
        *(f"left out: {name}: {why}" for name, why in result["left_out"].items()),
    ]
