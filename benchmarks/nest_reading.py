"""Processor time of reading NEST's synapses that learn: in parts as netspec does, and at once.

    python benchmarks/nest_reading.py --repeats 3

A million synapses of `stdp_synapse_hom`. In parts: source, target, delay and weight of so many
synapses at a time, as arrays. At once: `get("weight")` of all of them, as in a script of PyNEST,
which says nothing of which is which. All in one process, in turn.
"""

from __future__ import annotations

import argparse
import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import common
import numpy as np

COLUMNS = ("source", "target", "delay", "weight")


def in_parts(synapses: Any, number: int) -> dict[str, Any]:
    """Return the columns of all synapses, asked for so many at a time."""
    parts: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for first in range(0, len(synapses), number):
        for name, values in synapses[first : first + number].get(list(COLUMNS)).items():
            parts[name].append(np.atleast_1d(values))
    return {name: np.concatenate(values) for name, values in parts.items()}


def seconds(read: Callable[[], Any]) -> float:
    began = time.process_time()
    read()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=common.positive, default=1000, help="of each population")
    parser.add_argument("--repeats", type=common.positive, default=3)
    parser.add_argument("--folder", type=Path, default=common.RECORDS, help="of the JSON point")
    given = parser.parse_args()
    os.environ["PYNEST_QUIET"] = "1"
    from netspec.execute.importing import import_sparing

    nest: Any = import_sparing("nest", "pandas", "matplotlib")
    nest.verbosity = nest.VerbosityLevel.ERROR
    machine = common.machine()
    pre, post = (nest.Create("iaf_psc_exp", given.size, {"I_e": 380.0}) for _ in range(2))
    learns = {"synapse_model": "stdp_synapse_hom", "weight": 0.5, "delay": 1.5}
    nest.Connect(pre, post, "all_to_all", learns)
    nest.Simulate(30.0)
    synapses = nest.GetConnections(pre, post)
    ways: dict[str, Callable[[], Any]] = {
        f"{number} at a time": lambda number=number: in_parts(synapses, number)
        for number in (125, 250, 500, 1000, 10_000)
    }
    ways["weights at once"] = lambda: synapses.get("weight")
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.repeats):
        for name, read in ways.items():
            found[name].append(seconds(read))
    for name, values in found.items():
        print(f"{name:20} {median(values):6.2f} s ({min(values):.2f}-{max(values):.2f})")
    point = {
        "benchmark": "nest_reading", "command": common.command(__file__, {}), "machine": machine,
        "versions": common.versions(), "synapses": len(synapses),
        "processor seconds": found, "medians": {n: median(v) for n, v in found.items()},
    }  # fmt: skip
    common.write_point(given.folder, "nest_reading", datetime.datetime.now(datetime.UTC), point)


if __name__ == "__main__":
    main()
