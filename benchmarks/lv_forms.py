"""Ask the self-test with LV over pairs of intervals, and with LV over neurons as it was before.

python benchmarks/lv_forms.py --out FOLDER --seeds 6 --mutants "g -4.1,no L6I_L6E"

Both judge the same runs; what exists in the folder is not run again.
"""

from __future__ import annotations

import argparse
import datetime
import functools
from pathlib import Path

import common

import netspec
from netspec.validation.campaign.ensemble import Room
from netspec.validation.campaign.request import BackendRequest, ValidationRequest
from netspec.validation.campaign.selftest import self_test
from netspec.validation.judge.margins import Margins

OLD = "lv_of_neurons"


def forms() -> dict[str, Margins]:
    """Return the margins with LV in its two forms, in the same place of the family."""
    now = Margins()
    before = {OLD if name == "lv" else name: margin for name, margin in now.statistics.items()}
    return {"lv": now, OLD: now.model_copy(update={"statistics": before})}


def main() -> None:
    """Run, judge twice and write the point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--backend", default="genn")
    add("--scale", type=float, default=0.1)
    add("--duration", type=float, default=2000.0, help="ms")
    add("--seeds", type=common.positive, default=10, help="a side")
    add("--mutants", help="names with commas; all of the circuit")
    add("--out", type=Path, required=True)
    given = parser.parse_args()
    machine, rows = common.machine(), {}
    build = functools.partial(netspec.circuits.microcircuit, scale=given.scale)
    names = given.mutants.split(",") if given.mutants else None
    for form, margins in forms().items():
        request = ValidationRequest(
            network=build(),
            simulation=netspec.Simulation(warmup=500.0, duration=given.duration),
            backends=(BackendRequest(name=given.backend),),
            seeds=tuple(range(1, 2 * given.seeds + 1)),
            margins=margins,
        )
        found = self_test(request, given.out, rebuild=build, mutants=names, room=Room(jobs=1))
        rows[form] = {
            "false alarms": found.splits.share,
            "equivalent of equal runs": found.splits.statistics[form]["equivalent"],
            "detectable, best and worst population": found.control.statistics[form].detectable,
            "mutants": {
                row.name: {
                    "expected": row.expected,
                    "outcome": row.outcome,
                    "caught": row.caught,
                    "LV different in": row.statistics[form].different,
                    "LV": row.statistics[form].text,
                    "by": row.by and row.by.text,
                }
                for row in found.mutants
                if hasattr(row, "statistics")
            },
        }
        print(form, {key: value for key, value in rows[form].items() if key != "mutants"})
        for name, row in rows[form]["mutants"].items():
            print(f"  {name}: {row['outcome']}, LV different in {list(row['LV different in'])}")
    now = datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": "lv_forms",
        "command": common.command(__file__, {str(given.out): "FOLDER"}),
        "machine": machine,
        "versions": common.versions(),
        "results": rows,
    }
    common.write_point(common.RECORDS, "lv_forms", now, point)


if __name__ == "__main__":
    main()
