"""Run the networks of this folder on every simulator, for a short time, and write what came of it.

    python docs/examples/gallery/run.py --out benchmarks/records/gallery-DATE.json [GALLERY ...]

All have netspec's synapses and noise (on NEST, Poisson input then asks for generated neurons), so
the record says of each whether the spikes are the same on all simulators, one by one. A refusal
stands there in its own words.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import brian2_examples
import genn_examples
import nest_examples
import pynn_examples

from netspec import Network, Run, Simulation
from netspec.errors import NetspecError
from netspec.execute import running
from netspec.execute.contract import get_backend

BACKENDS = ("brian2", "genn", "nest")
GALLERIES = {"NEST": nest_examples, "Brian2": brian2_examples, "PyNN": pynn_examples,
             "GeNN": genn_examples}  # fmt: skip
DURATION = 100.0  # ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("galleries", nargs="*", default=list(GALLERIES), metavar="GALLERY")
    given = parser.parse_args()
    record: dict[str, Any] = {
        "command": " ".join(["python", "docs/examples/gallery/run.py", *sys.argv[1:]]),
        "versions": {b: get_backend(b).status().version for b in BACKENDS},
        "examples": {},
    }
    for gallery in given.galleries:
        module = GALLERIES[gallery]
        for name, build in module.EXAMPLES.items():
            dt = getattr(module, "STEPS", {}).get(name, 0.1)
            found = record["examples"][f"{gallery}:{name}"] = on_all(build(), dt)
            print(gallery, name, json.dumps(found), flush=True)
            given.out.write_text(json.dumps(record, indent=1) + "\n")


def on_all(network: Network, dt: float) -> dict[str, Any]:
    """Return rates by backend, and whether the spikes are the same."""
    simulation = Simulation(dt=dt, warmup=0.0, duration=DURATION, seed=1)
    found: dict[str, Any] = {"spec_hash": "", "rates": {}, "refused": {}}
    runs: dict[str, Run] = {}
    drawn = bool(network.poisson_inputs)
    with tempfile.TemporaryDirectory() as folder:
        how: dict[str, Any] = {"threads": 1, "connectivity": "shared", "noise": "shared"}
        for backend in BACKENDS:
            options = {"neurons": "generated"} if backend == "nest" and drawn else {}
            try:
                run = running.run(network, backend, simulation, out=folder, options=options, **how)
            except NetspecError as error:
                found["refused"][backend] = str(error)[:400]
                continue
            runs[backend] = run
            found["rates"][backend] = run.rates()
            found["spec_hash"] = run.manifest["spec_hash"]
        found["synapses"] = next(iter(runs.values())).manifest["synapses"] if runs else {}
        if len(runs) > 1:
            found["same_spikes"] = same(list(runs.values()), network)
    return found


def same(runs: list[Run], network: Network) -> bool:
    """Return whether all runs have the spikes of the first one."""
    first, *others = (
        {p.name: (s := run.spikes(p.name), sorted(zip(s.steps, s.neurons, strict=True)))[1]
         for p in network.populations}
        for run in runs
    )  # fmt: skip
    return all(other == first for other in others)


if __name__ == "__main__":
    main()
