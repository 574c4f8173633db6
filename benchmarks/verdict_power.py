"""Measure how often the verdict is wrong, and how often it finds what is there.

python benchmarks/verdict_power.py --repeats 2000
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import common
import numpy as np
from scipy import stats
from scipy.optimize import brentq

from netspec.validation.judge import distances
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.distances import compare_distributions
from netspec.validation.judge.equivalence import compare_values
from netspec.validation.judge.margins import Margin, Margins
from netspec.validation.judge.synthetic import gamma_renewal, local_variation, mean_rates
from netspec.validation.judge.verdict import judge
from netspec.validation.measure.statistics import STATISTICS

SEEDS = (3, 5, 10, 20)
MARGINS = Margins().declare_text("rate=5%,lv=0.06")
NEURONS, DURATION, RATE, SHARED = 25, 4.0, 10.0, 0.03
CHUNK = 100


def pairs(
    rng: np.random.Generator, repeats: int, seeds: int, ratio: float, lv: float
) -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Yield rates and LV of both sides, whose truth differs by `ratio` and to `lv`."""
    shapes = (2.0, (3 / lv - 1) / 2)
    for _ in range(repeats // CHUNK):
        sides = []
        for rate, shape in zip((RATE, RATE * ratio), shapes, strict=True):
            times = gamma_renewal(rng, CHUNK * seeds, NEURONS, DURATION, rate, shape, SHARED)
            rates = mean_rates(times, DURATION).mean(axis=1).reshape(CHUNK, seeds)
            sides.append((rates, local_variation(times).reshape(CHUNK, seeds)))
        for i in range(CHUNK):
            a, b = ({"rate": rates[i], "lv": lvs[i]} for rates, lvs in sides)
            yield a, b


def means(repeats: int) -> list[dict[str, object]]:
    """Return shares of outcomes of rate and LV on gamma trains, by seeds and true difference."""
    rng, rows = np.random.default_rng(1), []
    for seeds in SEEDS:
        for truth, ratio, lv in (("none", 1.0, 0.6), ("margin", 1.05, 0.66), ("double", 1.1, 0.72)):
            count = {name: dict.fromkeys(("equivalent", "different"), 0) for name in ("rate", "lv")}
            predicted = dict.fromkeys(count, 0.0)
            for a, b in pairs(rng, repeats, seeds, ratio, lv):
                for name, outcomes in count.items():
                    key = ("A", name)
                    test = judge({key: a[name]}, {key: b[name]}, MARGINS).tests[0]
                    predicted[name] += test.comparison.power / repeats
                    if test.outcome in outcomes:
                        outcomes[str(test.outcome)] += 1
            for name, outcomes in count.items():
                row = {"statistic": name, "seeds": seeds, "true difference": truth}
                row |= {outcome: number / repeats for outcome, number in outcomes.items()}
                row |= {"predicted equivalent": predicted[name]} if truth == "none" else {}
                rows.append(row)
                print(row, flush=True)
    return rows


def distributions(repeats: int) -> list[dict[str, object]]:
    """Return shares of outcomes of distance ratios.

    Seeds are points with a normal law: the worst case for the interval, as R is then least
    smooth at 1. At the margin the laws lie apart so that R = 1.25.
    """
    rng, rows = np.random.default_rng(2), []
    distances.RESAMPLES = 999  # 9,999 in use: the quantile scatters less, the shares stay

    def folded(x: float) -> float:
        return math.sqrt(2 / math.pi) * math.exp(-x * x / 2) + x * math.erf(x / math.sqrt(2))

    apart = math.sqrt(2) * brentq(lambda x: folded(x) / folded(0) - 1.25, 0, 5)
    for seeds in (5, 7, 10, 20):
        for truth, shift in (("none", 0.0), ("margin", apart), ("double", 2 * apart)):
            equivalent = different = 0
            for _ in range(repeats):
                sides = (rng.normal(mean, 1, (seeds, 1)) for mean in (0, shift))
                found = compare_distributions(*sides, MARGINS.distribution)
                equivalent += found.upper <= found.limit
                different += found.p_difference <= 0.05 and found.ratio > found.limit
            row = {"statistic": "W1", "seeds": seeds, "true difference": truth}
            row |= {"equivalent": equivalent / repeats, "different": different / repeats}
            rows.append(row)
            print(row, flush=True)
    return rows


def families(repeats: int) -> list[dict[str, object]]:
    """Return how often 48 statistics without any difference contain a "different".

    Beside the rule in use, the share of families in which some 90 % interval lies wholly
    outside its margin: without a correction for the family this is no rare event.
    """
    rng, rows = np.random.default_rng(3), []
    margin = Margin(limit=0.02, scale="absolute")
    for seeds in SEEDS:
        for spread in (0.5, 1.0, 2.0):  # SD between seeds, in margins
            false, outside = 0, 0
            for _ in range(repeats // 4):
                a, b = rng.normal(0.5, spread * margin.limit, (2, 48, seeds))
                found = [compare_values(x, y, margin) for x, y in zip(a, b, strict=True)]
                smallest = min((f.p_difference for f in found if f.exceeds), default=1.0)
                false += smallest <= 0.05 / 48  # the first step of Holm's procedure
                outside += any(f.p_equivalence >= 0.95 for f in found)
            row = {"seeds": seeds, "spread / margin": spread}
            shares = {"different": false, "some interval outside": outside}
            row |= {name: number / (repeats // 4) for name, number in shares.items()}
            rows.append(row)
            print(row, flush=True)
    return rows


def whole() -> dict[str, object]:
    """Time 8 populations x 6 statistics and 8 distributions, 10 + 10 seeds, 2,000 neurons."""
    rng, names = np.random.default_rng(4), [s.name for s in STATISTICS if s.primary]
    values = [
        {(f"P{i}", name): rng.normal(1, 0.01, 10) for i in range(8) for name in names}
        for _ in range(2)
    ]
    samples = [
        {(f"P{i}", "rates"): list(rng.gamma(2, 2, (10, 2000))) for i in range(8)} for _ in "ab"
    ]
    started = time.perf_counter()
    verdict = judge(*values, Margins(), reference_samples=samples[0], other_samples=samples[1])
    seconds = time.perf_counter() - started
    different = sum(test.outcome is Outcome.DIFFERENT for test in verdict.tests)
    return {"tests": len(verdict.tests), "different": different, "seconds": seconds}


def main() -> None:
    """Measure everything and write the JSON point."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=common.positive, default=2000, help="a multiple of 100")
    repeats = options.parse_args().repeats
    if repeats % CHUNK:
        options.error(f"--repeats {repeats}: expected a multiple of {CHUNK}")
    machine = common.machine()
    results: dict[str, object] = {"whole verdict": whole()}
    print(results, flush=True)
    with ProcessPoolExecutor() as pool:
        jobs = {job.__name__: pool.submit(job, repeats) for job in (means, distributions, families)}
        results |= {name: job.result() for name, job in jobs.items()}
    now = datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": "verdict_power",
        "date": now.isoformat(timespec="seconds"),
        "command": f"python benchmarks/verdict_power.py --repeats {repeats}",
        "machine": machine,
        "versions": common.versions(),
        "notes": [
            f"means: gamma renewal trains, {NEURONS} neurons, {DURATION:g} s, {RATE:g} spikes/s, "
            f"shape 2, one factor a seed with SD {SHARED:g} of the logarithm; margins 5 % and 0.06",
            "means and distributions: families of one test; true difference: none, the margin, "
            "twice the margin (means) or twice the shift (distributions)",
            "distributions: seeds are points of a normal law, 999 resamples",
            f"families: 48 normal statistics without a difference, {repeats // 4} families",
            f"standard error of a share of 5 %: {math.sqrt(0.05 * 0.95 / repeats):.4f}; at most "
            f"{stats.binom.ppf(0.999, repeats, 0.05) / repeats:.4f} in 999 of 1000 measurements",
        ],
        "results": results,
    }
    folder = common.RECORDS
    path, number = folder / f"verdict_power-{now:%Y-%m-%d}.json", 2
    while path.exists():  # a measurement is never overwritten
        path, number = folder / f"verdict_power-{now:%Y-%m-%d}-{number}.json", number + 1
    path.write_text(json.dumps(common.rounded(point), indent=1) + "\n")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
