"""Measure how often a verdict that is asked look by look is wrong, on runs of one simulator.

for s in 1 2 3 ...: netspec run microcircuit --scale 0.1 --backend genn --connectivity shared
    --duration 10s --seed s --out ONE, and again with --option poisson=product --out OTHER
python benchmarks/verdict_looks.py ONE OTHER --command "what made the runs"

Both folders have the same seeds and networks, and other events of the Poisson input: pairs without
any difference. Sides are exchanged at random, so that there is none in the mean either.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from netspec.execute.measure import Key
from netspec.validation.campaign.from_files import load_runs
from netspec.validation.judge import distances
from netspec.validation.judge.comparing import Judged, compare, values_of
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.equivalence import compare_values
from netspec.validation.judge.looks import Look, Looks
from netspec.validation.judge.margins import Margin, Margins
from netspec.validation.judge.means import ALPHA, Levels
from netspec.validation.judge.sequential import Course
from netspec.validation.judge.verdict import judge
from netspec.validation.measure.catalogue import Measured, measure

Pair = tuple[Measured, Measured]
WORST = ("L23E rate", "L23E lv", "L5I log_sd_rate")  # scatter most against their margins


def pool_of(one: Path, other: Path) -> list[Pair]:
    """Return the runs of both folders that have the same seed."""
    sides = [
        {run.manifest["seed"]: measure(run, name, run.manifest["seed"]) for run in load_runs(path)}
        for name, path in (("one", one), ("other", other))
    ]
    return [(sides[0][seed], sides[1][seed]) for seed in sorted(sides[0].keys() & sides[1].keys())]


def remember_distances() -> None:
    """Compute each distance of two samples once: resampled runs come again and again."""
    plain, known = distances.wasserstein, {}

    def wasserstein(x: np.ndarray, y: np.ndarray) -> float:
        key = tuple((len(z), float(z.sum()), float(z @ z)) for z in (x, y))
        if key not in known:
            known[key] = known[key[::-1]] = plain(x, y)
        return known[key]

    distances.wasserstein = wasserstein


def sequences(
    pool: Sequence[Pair], number: int, length: int, rng: np.random.Generator
) -> Iterator[tuple[list[Measured], list[Measured]]]:
    """Yield orders of pairs without repetition, sides exchanged at random."""
    for _ in range(number):
        chosen = [pool[k] for k in rng.permutation(len(pool))[:length]]
        swaps = rng.random(length) < 0.5
        exchanged = [pair[::-1] if swap else pair for pair, swap in zip(chosen, swaps, strict=True)]
        yield [a for a, _ in exchanged], [b for _, b in exchanged]


def courses(pool: Sequence[Pair], looks: Looks, number: int) -> common.Result:
    """Return what whole verdicts, all tests, say of pairs without a difference."""
    rng, margins, found = np.random.default_rng(1), Margins(), []
    for a, b in sequences(pool, number, looks.most, rng):
        course = Course(looks.plan())
        while not (course.taken and course.stopped()):
            n = course.plan[len(course.taken)].seeds
            judged = compare(a[:n], b[:n], margins, matched=True, levels=course.levels())
            sides = values_of(a[:n], margins), values_of(b[:n], margins)
            course = course.with_look(judged, sides)
        found.append((course.verdict().outcome, course.taken[-1].look.seeds, course.stopped()))
        if len(found) % 20 == 0:
            print(f"{len(found)} of {number} sequences", flush=True)
    seeds = [n for _, n, _ in found]
    return {
        "sequences": number,
        "tests": len(judged.verdict.tests),
        "equivalent": sum(o is Outcome.EQUIVALENT for o, _, _ in found) / number,
        "different": sum(o is Outcome.DIFFERENT for o, _, _ in found) / number,
        "futile": sum(why == "futile" for _, _, why in found) / number,
        "mean seeds": statistics.fmean(seeds),
        "stopped at": {str(n): seeds.count(n) / number for n in sorted(set(seeds))},
    }


def at_margin(
    values: tuple[np.ndarray, np.ndarray],
    margin: Margin,
    plan: Sequence[Look],
    number: int,
    seed: int,
) -> float:
    """Return how often a test is equivalent at some look, with its margin as true difference.

    Pairs are drawn with replacement and exchanged at random; the second side is then moved.
    """
    rng, most = np.random.default_rng(seed), plan[-1].seeds
    a, b = (np.log(side) if margin.scale == "log" else side for side in values)
    drawn = rng.integers(0, len(a), (number, most))
    swap = rng.random((number, most)) < 0.5
    x, y = np.where(swap, b[drawn], a[drawn]), np.where(swap, a[drawn], b[drawn])
    factor, shift = margin.bounds()[1]
    y = factor * y + shift
    ever = np.zeros(number, bool)
    for look in plan:
        n = look.seeds
        lower, upper = (
            student(y[:, :n] - f * x[:, :n] - s) for f, s in margin.bounds()
        )  # of the difference from either end
        quantile = float(stdtrit(n - 1, 1 - look.alpha))
        equivalent = (lower >= quantile) & (upper <= -quantile)
        check(x[:3, :n], y[:3, :n], margin, Levels(look.alpha), equivalent[:3])
        ever |= equivalent
    return float(ever.mean())


def student(differences: np.ndarray) -> np.ndarray:
    """Return Student's t of each row."""
    error = differences.std(1, ddof=1) / math.sqrt(differences.shape[1])
    return differences.mean(1) / error


def check(
    x: np.ndarray, y: np.ndarray, margin: Margin, levels: Levels, expected: np.ndarray
) -> None:
    """Raise unless the judge says of some sequences what is counted here."""
    scale = Margin(limit=math.log1p(margin.limit), scale="absolute")
    tested = scale if margin.scale == "log" else margin
    for one, other, equivalent in zip(x, y, expected, strict=True):
        found = compare_values(one, other, tested, True, levels)
        if (found.outcome(1.0) is Outcome.EQUIVALENT) != bool(equivalent):
            raise AssertionError(f"the judge says {found.text()}")


def sizes(pool: Sequence[Pair], looks: Looks, number: int) -> common.Result:
    """Return the error of the first kind of every test of means at its margin."""
    margins = Margins()
    sides = [values_of([pair[k] for pair in pool], margins) for k in (0, 1)]
    shares, naive, plan = {}, [], looks.plan()
    plain = [dataclasses.replace(look, alpha=ALPHA) for look in plan]
    for place, key in enumerate(sides[0]):
        values = sides[0][key], sides[1][key]
        if np.isfinite(values).all():
            margin = margins.of(key[1])
            shares[" ".join(key)] = at_margin(values, margin, plan, number, place)
            naive.append(at_margin(values, margin, plain, number, place))
    found = list(shares.values())
    return {
        "repeats a test": number,
        "mean": statistics.fmean(found),
        "largest": max(found),
        "mean with the level of one look at each": statistics.fmean(naive),
        "standard error of one": math.sqrt(0.05 * 0.95 / number),
        "tests": shares,
    }


def distribution_sizes(looks: Looks, number: int) -> list[common.Result]:
    """Return the same of distances, whose seeds are points with a normal law, at R = 1.25.

    Pairs have a share of their variance in common, as runs of the same network do.
    """

    def folded(x: float) -> float:
        return math.sqrt(2 / math.pi) * math.exp(-x * x / 2) + x * math.erf(x / math.sqrt(2))

    limit, rng, rows = Margins().distribution or 1.25, np.random.default_rng(3), []
    apart = math.sqrt(2) * brentq(lambda x: folded(x) / folded(0) - limit, 0, 5)
    for common_share in (0.0, 0.5, 0.9):
        ever = 0
        for _ in range(number):
            networks = rng.normal(0, math.sqrt(common_share), (looks.most, 1))
            own = rng.normal(0, math.sqrt(1 - common_share), (2, looks.most, 1))
            a, b = networks + own[0], networks + own[1] + apart
            for look in looks.plan():
                found = distances.compare_distributions(
                    [*a[: look.seeds]], [*b[: look.seeds]], limit, 0, True, Levels(look.alpha)
                )
                if found.upper <= limit:
                    ever += 1
                    break
        rows.append({"variance in common": common_share, "equivalent": ever / number})
        print(rows[-1], flush=True)
    return rows


def doubled(pool: Sequence[Pair], looks: Looks, number: int) -> dict[str, common.Result]:
    """Return how soon a difference of twice the margin is found among all tests of means."""
    margins, rng, rows = Margins(), np.random.default_rng(2), {}
    for name in WORST:
        key: Key = tuple(name.split())  # type: ignore[assignment]
        margin, seeds, caught = margins.of(key[1]), [], 0
        for a, b in sequences(pool, number, looks.most, rng):
            values = [values_of(side, margins) for side in (a, b)]
            own = values[1][key]
            twice = {"log": own * (1 + margin.limit) ** 2}.get(margin.scale, own + 2 * margin.limit)
            values[1][key] = twice
            course = Course(looks.plan())
            while not (course.taken and course.stopped()):
                n = course.plan[len(course.taken)].seeds
                cut: list[Any] = [{k: v[:n] for k, v in side.items()} for side in values]
                verdict = judge(*cut, margins, matched=True, levels=course.levels())
                course = course.with_look(Judged(verdict, (), ()), (cut[0], cut[1]))
            caught += course.verdict().outcome is Outcome.DIFFERENT
            seeds.append(course.taken[-1].look.seeds)
        rows[name] = {"different": caught / number, "mean seeds": statistics.fmean(seeds)}
        print(name, rows[name], flush=True)
    return rows


def main() -> None:
    """Measure and write the JSON point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("one", type=Path)
    add("other", type=Path, help="the same seeds and networks, other events")
    add("--command", required=True, help="what made the runs")
    add("--max-seeds", type=common.positive, default=20)
    add("--sequences", type=common.positive, default=200, help="of whole verdicts")
    add("--repeats", type=common.positive, default=4000, help="a test at its margin")
    given = parser.parse_args()
    machine, pool = common.machine(), pool_of(given.one, given.other)
    looks = Looks(most=min(given.max_seeds, len(pool)))
    distances.RESAMPLES = 999  # 9,999 in use: the quantile scatters less
    distributions = distribution_sizes(looks, given.sequences)
    remember_distances()
    results = {"sizes": sizes(pool, looks, given.repeats)}
    print({k: v for k, v in results["sizes"].items() if k != "tests"}, flush=True)
    results["sizes of distributions"] = distributions
    results["without a difference"] = courses(pool, looks, given.sequences)
    print(results["without a difference"], flush=True)
    results["twice the margin"] = doubled(pool, looks, max(1, given.sequences // 4))
    point = {
        "benchmark": "verdict_looks",
        "command": common.command(__file__, {str(given.one): "ONE", str(given.other): "OTHER"}),
        "machine": machine,
        "versions": common.versions(),
        "looks": [vars(look) for look in looks.plan()],
        "notes": [
            f"{len(pool)} pairs of runs that share networks; the events of their input differ",
            "sizes: pairs with replacement, one test at its margin; whole verdicts: without",
            "999 resamples of the distributions (in use: 9,999)",
        ],
        "results": results,
    }
    common.write_point(common.RECORDS, "verdict_looks", datetime.datetime.now(datetime.UTC), point)


if __name__ == "__main__":
    main()
