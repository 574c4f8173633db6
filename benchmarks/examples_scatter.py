"""How far rates of a network in docs/examples scatter from draw to draw, and whether sides differ.

    python benchmarks/examples_scatter.py brette2007_coba --seeds 12

Every side draws its own networks, a seed each: simulators with native connectivity, and the scripts
of `benchmarks/peers.py`. Beside them networks that are shared, on which simulators have the same
spikes or not. The means of each side are compared with those of all others by Welch's test.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common
import numpy as np
from peers import PEERS
from scipy.stats import ttest_ind

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
LIMIT = 900  # seconds of a run
Rates = dict[str, list[float]]


def by_netspec(name: str, backends: list[str], seeds: range, how: str, out: Path) -> list[Any]:
    """Return the runs of a network on each simulator, seed by seed."""
    import netspec
    from netspec.describe.serialization import load_with_simulation

    file = EXAMPLES / f"{name}.toml"
    network, simulation = load_with_simulation(file)
    return [
        netspec.run(network, backend, simulation, seed=seed, threads=1, connectivity=how, out=out)
        for seed in seeds
        for backend in backends
    ]


def by_script(name: str, simulator: str, seeds: range) -> Rates:
    """Return the rates of a script of `peers`, population -> one a seed."""
    script = str(Path(__file__).with_name("peers.py"))
    found: Rates = {}
    for seed in seeds:
        command = [sys.executable, script, name, simulator, str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
        for population, rate in json.loads(done.stdout.splitlines()[-1]).items():
            found.setdefault(population, []).append(rate)
    return found


def rates_of(runs: list[Any]) -> Rates:
    return {name: [run.rates()[name] for run in runs] for name in runs[0].populations}


def summed_up(sides: dict[str, Rates]) -> dict[str, Any]:
    """Return mean, SD and ends of every side, and Welch's p of each against all others."""
    found: dict[str, Any] = {}
    for side, own in sides.items():
        found[side] = {}
        for population, values in own.items():
            rest = [v for other, r in sides.items() if other != side for v in r[population]]
            found[side][population] = {
                "mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)),
                "ends": [min(values), max(values)],
                "p against the others": float(ttest_ind(values, rest, equal_var=False).pvalue),
            }  # fmt: skip
    return found


def same_spikes(runs: list[Any], backends: list[str]) -> list[dict[str, Any]]:
    """Return of every seed whether simulators have the same spikes on a shared network."""
    from netspec.validation.report import proof

    found = []
    for first in range(0, len(runs), len(backends)):
        one, *others = runs[first : first + len(backends)]
        agreed = {r.manifest["backend"]: proof.agreements([one], [r])[0] for r in others}
        found.append({
            "seed": one.manifest["seed"], "reference": one.manifest["backend"],
            "rates": {r.manifest["backend"]: r.rates() for r in (one, *others)},
            "the same until (ms)": {n: a.end if a.until is None else a.until
                                    for n, a in agreed.items()},
        })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("network")
    add("--seeds", type=common.positive, default=12, help="of every side (default 12)")
    add("--shared", type=common.positive, default=2, help="networks that are shared (default 2)")
    add("--backends", default="nest,brian2,genn")
    add("--folder", type=Path, default=common.RECORDS, help="of the JSON point")
    given = parser.parse_args()
    backends, seeds = given.backends.split(","), range(1, given.seeds + 1)
    machine = common.machine()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        out = Path(folder)
        shared = by_netspec(given.network, backends, range(1, given.shared + 1), "shared", out)
        together = same_spikes(shared, backends)
        print(json.dumps(together), flush=True)
        sides: dict[str, Rates] = {}
        for simulator in PEERS.get(given.network, {}):
            sides[f"{simulator}, script"] = by_script(given.network, simulator, seeds)
            print(json.dumps(sides), flush=True)
        for backend in backends:
            runs = by_netspec(given.network, [backend], seeds, "native", out)
            sides[f"{backend}, netspec"] = rates_of(runs)
            print(json.dumps(sides), flush=True)
    point = {
        "benchmark": "examples_scatter",
        "command": common.command(__file__, {}),
        "machine": machine,
        "versions": common.versions(),
        "shared networks": together,
        "sides": summed_up(sides),
        "rates": sides,
    }
    common.write_point(given.folder, f"scatter-{given.network}",
                       datetime.datetime.now(datetime.UTC), point)  # fmt: skip


if __name__ == "__main__":
    main()
