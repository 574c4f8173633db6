"""Time netspec's own drawing of all synapses of the full microcircuit, projection by projection.

python benchmarks/realisation.py
"""

from __future__ import annotations

import argparse
import datetime
import json
import time

import common

import netspec
from netspec.realisation import synapse_blocks, synapses


def main() -> None:
    """Draw every projection whole, as an adapter that needs arrays does; then in blocks."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--scale", type=float, default=1.0)
    scale = options.parse_args().scale
    network = netspec.circuits.microcircuit(scale=scale)
    simulation = netspec.Simulation()
    machine = common.machine()
    results = {}
    for how in ("blocks", "whole"):
        started, count, largest, held = time.perf_counter(), 0, 0, 0
        for projection in network.projections:
            parts = (
                synapse_blocks(network, projection, simulation)
                if how == "blocks"
                else [synapses(network, projection, simulation)]
            )
            for part in parts:
                count += len(part)
                held += part.nbytes
                largest = max(largest, part.nbytes)
        results[how] = {
            "synapses": count,
            "seconds": time.perf_counter() - started,
            "bytes per synapse": held / count,
            "largest piece held (MiB)": largest / 2**20,
            "peak memory (MiB)": common.peak_memory_mib(),
        }
        print(how, results[how])
    data = {
        "benchmark": "realisation",
        "command": f"python benchmarks/realisation.py --scale {scale:g}",
        "machine": machine,
        "versions": common.versions(),
        "results": results,
    }
    folder = common.ROOT / "docs" / "benchmarks"
    path = folder / f"realisation-{datetime.datetime.now(datetime.UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps(common.rounded(data), indent=1) + "\n")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
