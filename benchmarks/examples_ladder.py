"""Climb the ladder with small versions of the networks in docs/examples, on every simulator.

    python benchmarks/examples_ladder.py --out benchmarks/records/FILE.json [OPTIONS] [NAME ...]
    python benchmarks/examples_ladder.py --table benchmarks/records/ladder-DATE.json

A share of the neurons of each (`SHARES`), so that SciPy can follow the replay too.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from netspec.validation.ladder import climb

BACKENDS = ("nest", "brian2", "genn")
SHARES = {
    "brunel2000_delta": 0.1, "brunel2000_alpha": 0.1, "brette2007_coba": 0.05, "adex": 0.5,
    "izhikevich2003": 0.2, "brette2007_hh": 0.05,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of a record")
    parser.add_argument("--dt", type=float, help="ms; a step other than the network's own")
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("names", nargs="*", default=list(SHARES))
    given = parser.parse_args()
    if given.table:
        print(table(json.loads(given.table.read_text())))
        return
    backends = given.backends.split(",")
    built = runpy.run_path("docs/examples/networks.py")
    record: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/examples_ladder.py", *sys.argv[1:]]),
        "networks": {},
    }
    for name in given.names:
        network = built["NETWORKS"][name](share=SHARES[name])
        simulation = built["SIMULATIONS"].get(name, built["SIMULATION"])
        if given.dt:
            simulation = simulation.model_copy(update={"dt": given.dt})
        with tempfile.TemporaryDirectory() as folder:
            ladder = climb(network, backends, simulation, out=Path(folder))
        broken = {backend: ladder.first_broken(backend) for backend in backends}
        record["networks"][name] = {
            "neurons": sum(p.size for p in network.populations), "dt": simulation.dt,
            "first_broken": broken,
            **asdict(ladder),
        }  # fmt: skip
        given.out.write_text(json.dumps(record, indent=1) + "\n")
        print(name, broken, *ladder.lines(), sep="\n  ", flush=True)


def table(record: dict[str, Any]) -> str:
    """Return the states of all rungs of a record as a table in Markdown."""
    levels = ("L0", "L1", "L2", "L3")
    lines = [
        f"| network | neurons | backend | {' | '.join(levels)} |",
        f"|{'---|' * (3 + len(levels))}",
    ]
    for name, found in record["networks"].items():
        for backend in dict.fromkeys(rung["backend"] for rung in found["rungs"]):
            status = {r["level"]: r["status"] for r in found["rungs"] if r["backend"] == backend}
            cells = [name, str(found["neurons"]), backend, *(status.get(k, "-") for k in levels)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
