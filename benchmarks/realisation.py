"""Time drawing all synapses of the full microcircuit, writing them to a file and reading them back.

Each way is measured in a process of its own:

blocks       drawn block by block
whole        drawn projection by projection, as an adapter that needs arrays does
row lengths  pairs only, for the number of synapses of each source
write        what netspec realise does, checksum and sync to disk included
read         checksum of the file, then block by block (what was just written is in memory)

python benchmarks/realisation.py
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import common

import netspec
from netspec.realise import drawing
from netspec.realise.drawing import Synapses
from netspec.realise.file import Realisation, reference, write_realisation

WAYS = ("blocks", "whole", "row lengths", "write", "read")


def measure(settings: common.Result) -> common.Result:
    """Measure one way."""
    network = netspec.circuits.microcircuit(scale=settings["scale"])
    simulation = netspec.Simulation()
    file, way = Path(settings["file"]), settings["way"]
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    if way == "write":
        count = sum(write_realisation(file, network, simulation).values())
        result = {"synapses": count, "file size (MiB)": file.stat().st_size / 2**20}
    elif way == "row lengths":
        drawn = (drawing.row_lengths(network, p, simulation) for p in network.projections)
        result = {"synapses": sum(int(lengths.sum()) for lengths in drawn)}
    elif way == "read":
        found = Realisation(reference(file, network, simulation), network)
        seconds["checksum"] = time.perf_counter() - started
        started = time.perf_counter()
        result = held(block for p in network.projections for block in found.synapse_blocks(p))
    else:
        draw = drawing.synapse_blocks if way == "blocks" else whole
        result = held(b for p in network.projections for b in draw(network, p, simulation))
    seconds[way] = time.perf_counter() - started
    # of all threads; says more than the wall time on a machine that others use too
    return {**result, "seconds": seconds | {"processor": time.process_time()}}


def whole(*projection: object) -> Iterator[Synapses]:
    """Yield a projection in one piece."""
    yield drawing.synapses(*projection)  # type: ignore[arg-type]


def held(blocks: Iterable[Synapses]) -> common.Result:
    """Count synapses and the memory that they take."""
    count, largest, total = 0, 0, 0
    for block in blocks:
        count += len(block)
        total += block.nbytes
        largest = max(largest, block.nbytes)
    return {
        "synapses": count,
        "bytes per synapse": total / count,
        "largest piece held (MiB)": largest / 2**20,
    }


def main() -> None:
    """Measure every way in a child, and write the JSON point."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--scratch", type=Path, help="folder of the file written (4.2 GB)")
    options.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        common.answer_child(given.child, measure)
        return
    machine, results = common.machine(), {}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=given.scratch) as scratch:
        for way in WAYS:
            settings = {"way": way, "scale": given.scale, "file": f"{scratch}/synapses.h5"}
            results[way] = common.in_child(__file__, sys.executable, settings)
            results[way].pop("versions")
            print(way, common.rounded(results[way]), flush=True)
    now = datetime.datetime.now(datetime.UTC)
    data = {
        "benchmark": "realisation",
        "date": now.isoformat(timespec="seconds"),
        "command": f"python benchmarks/realisation.py --scale {given.scale:g}",
        "machine": machine,
        "versions": common.versions(),
        "results": results,
    }
    common.write_point(common.RECORDS, "realisation", now, data)


if __name__ == "__main__":
    main()
