"""Rates of the networks in docs/examples: by `netspec run`, and by scripts without netspec.

    python benchmarks/examples.py --out benchmarks/records/examples-DATE.json [NETWORK ...]
    python benchmarks/examples.py --table benchmarks/records/examples-DATE.json

NEST compiles the models that are not built into it exactly. The scripts without netspec are those
of `benchmarks/peers.py`, run with several seeds, so that the record shows how much rates scatter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from peers import PEERS

from netspec.execute.contract import get_backend

EXAMPLES = Path("docs/examples")
BACKENDS = ("brian2", "genn", "nest")
LIMIT = 600  # seconds of a run
SEEDS = (1, 2, 3)  # of the scripts without netspec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path, help="print the table of a record")
    parser.add_argument(
        "networks", nargs="*", default=sorted(p.stem for p in EXAMPLES.glob("*.toml"))
    )
    given = parser.parse_args()
    if given.table:
        print(table(json.loads(given.table.read_text())))
        return
    record: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/examples.py", *sys.argv[1:]]),
        "versions": {b: get_backend(b).status().version for b in BACKENDS},
        "runs": {}, "peers": {},
    }  # fmt: skip
    for name in given.networks:
        found = record["runs"][name] = {b: by_netspec(name, b) for b in BACKENDS}
        beside = record["peers"][name] = {
            simulator: [without_netspec(name, simulator, seed) for seed in SEEDS]
            for simulator in PEERS.get(name, {})
        }
        print(name, json.dumps({**found, "peers": beside})[-2000:], flush=True)
        given.out.write_text(json.dumps(record, indent=1) + "\n")


def by_netspec(name: str, backend: str) -> dict[str, Any]:
    """Return what a run said of itself, or its error."""
    command = ["netspec", "run", str(EXAMPLES / f"{name}.toml"), "--backend", backend,
               "--threads", "1", "--json"]  # fmt: skip
    found: dict[str, Any] = {"command": " ".join(command)}
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(sys.executable).with_name("netspec"))
        try:
            said = json.loads(_output([program, *command[1:], "--out", folder]))
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            return {**found, "error": str(error.stderr or error)[-300:]}
    kept = ("rates", "seconds", "seed", "spec_hash", "versions")
    return {**found, "result": {key: said[key] for key in kept}}


def without_netspec(name: str, simulator: str, seed: int) -> dict[str, Any]:
    """Return the rates of a script of `peers`, or its error."""
    command = [sys.executable, "benchmarks/peers.py", name, simulator, str(seed)]
    try:
        return {"seed": seed, "rates": json.loads(_output(command).splitlines()[-1])}
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return {"seed": seed, "error": str(error.stderr or error)[-300:]}


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    return done.stdout


def table(record: dict[str, Any]) -> str:
    """Return the rates of a record as a table in Markdown."""
    lines = ["| network | Brian2 | GeNN | NEST | without netspec |", "|---|---|---|---|---|"]
    for name, runs in record["runs"].items():
        cells = [_rates([run["result"]]) if "result" in run else "failed" for run in runs.values()]
        beside = [f"{s} {_rates(found)}" for s, found in record["peers"][name].items()]
        lines.append(f"| {' | '.join([name, *cells, '; '.join(beside) or '-'])} |")
    return "\n".join(lines)


def _rates(runs: list[dict[str, Any]]) -> str:
    """Return the rates of E and I: of one run, or from the lowest to the highest."""
    found = []
    for population in ("E", "I"):
        rates = [run["rates"][population] for run in runs if "rates" in run]
        ends = f"{min(rates):.1f}", f"{max(rates):.1f}"
        found.append(ends[0] if len(rates) == 1 else "-".join(ends))
    return " / ".join(found)


if __name__ == "__main__":
    main()
