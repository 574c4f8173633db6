"""Ask in pairs, look by look, after how many seeds each mutant of the self-test is caught.

python benchmarks/mutant_looks.py --out FOLDER --mutants "g -4.1,t_ref 1.9 ms"

A mutant has the seeds, and with shared connectivity the synapses, of the network as it should be.
The point is written after every mutant; runs that exist are not repeated.
"""

from __future__ import annotations

import argparse
import datetime
import functools
from pathlib import Path

import common

import netspec
from netspec.execute.contract import RunRequest
from netspec.validation.campaign.ensemble import run_all
from netspec.validation.campaign.mutants import Mutant, mutants_of
from netspec.validation.judge.comparing import compare, values_of
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.looks import Looks
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.sequential import Course
from netspec.validation.measure.catalogue import Measured, measure


def runs_of(
    network: netspec.Network, given: argparse.Namespace, seeds: int, name: str, warmup: bool = False
) -> list[Measured]:
    """Return what is measured of the first so many seeds of a network."""
    requests = [
        RunRequest(
            network=network,
            simulation=netspec.Simulation(duration=given.duration, seed=seed),
            backend=given.backend,
            connectivity="shared",
            threads=1,
        )
        for seed in range(1, seeds + 1)
    ]
    done = run_all(requests, given.out)
    return [measure(e.run, name, e.request.simulation.seed, warmup=warmup) for e in done if e.run]


def caught(
    true: netspec.Network, build: functools.partial[netspec.Network], mutant: Mutant,
    given: argparse.Namespace, looks: Looks,
) -> common.Result:  # fmt: skip
    """Return what is said of a mutant when the looks end, and by which tests."""
    network, margins = mutant.apply(build, netspec.Simulation().dt), Margins()
    course = Course(looks.plan())
    while not (course.taken and course.stopped()):
        n = course.plan[len(course.taken)].seeds
        a = runs_of(true, given, n, "true")
        b = runs_of(network, given, n, mutant.name, mutant.keep_warmup)
        found = compare(a, b, margins, matched=True, levels=course.levels())
        course = course.with_look(found, (values_of(a, margins), values_of(b, margins)))
    tests = course.verdict().tests
    different = [test for test in tests if test.outcome is Outcome.DIFFERENT]
    return {
        "mutant": mutant.name,
        "what": mutant.what,
        "expected": mutant.caught,
        "outcome": course.verdict().outcome.value,
        "seeds": course.taken[-1].look.seeds,
        "stopped": course.stopped(),
        "different": [test.text() for test in sorted(different, key=lambda t: t.p_adjusted)],
        "statistics": sorted({test.statistic for test in different}),
        "equivalent": sum(test.outcome is Outcome.EQUIVALENT for test in tests),
        "tests": len(tests),
    }


def main() -> None:
    """Run, judge and write the point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--backend", default="genn")
    add("--scale", type=float, default=0.1)
    add("--duration", type=float, default=10_000.0, help="ms")
    add("--max-seeds", type=common.positive, default=20)
    add("--mutants", help="names with commas; all of the circuit")
    add("--out", type=Path, required=True)
    given = parser.parse_args()
    build = functools.partial(netspec.circuits.microcircuit, scale=given.scale)
    true, machine, looks = build(), common.machine(), Looks(most=given.max_seeds)
    names = given.mutants.split(",") if given.mutants else None
    now, rows = datetime.datetime.now(datetime.UTC), []
    path = common.point_path(common.RECORDS, "mutant_looks", now)
    for mutant in mutants_of(true):
        if names is not None and mutant.name not in names:
            continue
        rows.append(caught(true, build, mutant, given, looks))
        print({k: v for k, v in rows[-1].items() if k != "different"}, flush=True)
        point = {
            "benchmark": "mutant_looks",
            "date": now.isoformat(timespec="seconds"),
            "command": common.command(__file__, {str(given.out): "FOLDER"}),
            "machine": machine,
            "versions": common.versions(),
            "looks": [vars(look) for look in looks.plan()],
            "mutants": rows,
        }
        common.save(path, point)


if __name__ == "__main__":
    main()
