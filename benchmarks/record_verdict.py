"""Judge folders of runs that exist and write the verdicts as one point of benchmarks/records.

python benchmarks/record_verdict.py NAME REFERENCE OTHER [OTHER ...] --command "what made the runs"
python benchmarks/record_verdict.py NAME FOLDER --splits 200 --command "..."
python benchmarks/record_verdict.py NAME FOLDER --published --command "..."

One folder alone is judged against itself: the first half of its seeds against the second, and
random halves, whose share of "different" is the rate of false alarms; or against published rates.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import common

if TYPE_CHECKING:  # the interpreter of a reference need not have netspec
    from netspec.execute.results import Run
    from netspec.validation.campaign.summary import Summary
    from netspec.validation.judge.margins import Margins


def judged(summary: Summary) -> common.Result:
    """Return the verdict test by test, and the rates (spikes/s) of every seed."""
    (entry,) = summary.decisive
    if entry.verdict is None:
        raise SystemExit(str(entry.error))
    kept = ("estimate", "interval", "margin", "ratio", "upper", "limit", "p_difference", "matched")
    rates = {
        population: {
            side: [
                row.values["rate"]
                for row in summary.statistics
                if (row.backend, row.population) == (side, population)
            ]
            for side in summary.backends
        }
        for population in summary.network.populations
    }
    return {
        "outcome": entry.outcome,
        "reference": entry.reference,
        "other": entry.other,
        "power": entry.verdict["power"],
        "tests": [
            {key: test[key] for key in ("population", "statistic", "outcome", "text")}
            | {key: test["comparison"][key] for key in kept if key in test["comparison"]}
            for test in entry.verdict["tests"]
        ],
        "left_out": list(entry.left_out),
        "notes": list(entry.notes),
        "rates": rates,
    }


def agreement(sides: dict[str, list[Run]]) -> common.Result | None:
    """Return in how many runs the spikes are the same, one by one; None if nobody may ask."""
    from netspec.validation.report import proof

    found = proof.agreements(*sides.values())
    if not found:
        return None
    return {
        "runs": len(found),
        "the same to the end": sum(a.until is None for a in found),
        "spikes": sum(a.spikes for a in found),
        "until (ms)": [a.until for a in found],
        "length (ms)": [a.end for a in found],
    }


def counts(verdict: common.Result) -> str:
    """Return a verdict in one line."""
    outcomes = [test["outcome"] for test in verdict["tests"]]
    parts = ", ".join(f"{outcomes.count(name)} {name}" for name in sorted(set(outcomes)))
    return f"{verdict['other']} against {verdict['reference']}: {verdict['outcome']} ({parts})"


def against_itself(runs: list[Run], margins: Margins, number: int) -> common.Result:
    """Judge the first half of some runs against the second, and random halves."""
    from netspec.validation.campaign.selftest import splits_of
    from netspec.validation.campaign.validating import judge_existing
    from netspec.validation.measure.catalogue import measure

    half, backend = len(runs) // 2, str(runs[0].manifest["backend"])
    sides = {f"{backend}, first half": runs[:half], f"{backend}, second half": runs[half:]}
    measured = [[measure(run, backend, run.manifest["seed"])] for run in runs]
    return judged(judge_existing(sides, [backend, backend], margins)) | {
        "splits": splits_of(measured, number, margins).model_dump(mode="json")
    }


def against_published(runs: list[Run], margins: Margins) -> common.Result:
    """Judge runs at full scale by the published rates."""
    from netspec.validation.campaign.validating import judge_existing

    backend = str(runs[0].manifest["backend"])
    return judged(judge_existing({backend: runs}, [backend], margins))


def main() -> None:
    """Judge, print and write the point."""
    from netspec.validation.campaign.from_files import judge_sides, load_runs, load_sides
    from netspec.validation.judge.margins import Margins

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("name")
    add("folders", nargs="+", type=Path, help="the reference first")
    add("--command", required=True, help="what made the runs")
    add("--margin", action="append", default=[], help="as of netspec compare")
    add("--splits", type=common.positive, default=200, help="of one folder alone (default 200)")
    add("--published", action="store_true", help="judge one folder by published rates")
    add("--note", action="append", default=[])
    add("--folder", type=Path, default=common.RECORDS, help="of the point")
    given = parser.parse_args()
    reference, *others = given.folders
    margins = Margins().declare_text(",".join(given.margin))
    pairs = [load_sides(reference, other) for other in others]
    verdicts = [
        judged(judge_sides(sides, margins)) | {"agreement": agreement(sides)} for sides in pairs
    ]
    sides = [side for pair in pairs for side in pair.values()]
    if not others:
        sides = [load_runs(reference)]
        verdicts = [
            against_published(sides[0], margins)
            if given.published
            else against_itself(sides[0], margins, given.splits)
        ]
    for verdict in verdicts:
        print(counts(verdict))
        if same := verdict.get("agreement"):
            print(f"  the same spikes to the end in {same['the same to the end']} of "
                  f"{same['runs']} runs, {same['spikes']:,} in all")  # fmt: skip
        for test in verdict["tests"]:
            if test["outcome"] != "equivalent":
                print("  " + test["text"])
        if "splits" in verdict:
            found = verdict["splits"]
            print(f"  false alarms: {found['alarms']} of {found['number']} splits")
    firsts = [runs[0].manifest for runs in [*sides[:1], *sides[1::2]]]  # the reference once
    machine = common.machine()
    machine.pop("load_before")
    data = {
        "benchmark": given.name,
        "command": given.command,
        "machine": machine,
        "margins": margins.model_dump(mode="json"),
        "sides": [
            {key: first[key] for key in ("backend", "description", "spec_hash", "simulation",
                                         "connectivity", "options", "versions")}
            for first in firsts
        ],
        "notes": given.note,
        "verdicts": verdicts,
    }  # fmt: skip
    common.write_point(given.folder, given.name, datetime.datetime.now(datetime.UTC), data)


if __name__ == "__main__":
    main()
