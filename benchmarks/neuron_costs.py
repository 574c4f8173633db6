"""What networks cost on NEURON: seconds of each phase, and memory beside what the audit estimates.

Neurons alone; the microcircuit at small scales; synapses that change; and 8000 leaky neurons with a
million synapses, also on NEST (one thread) in turn, so that both meet the same load. Mechanisms are
compiled before by a run that is not measured.

    python benchmarks/neuron_costs.py
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import common

import netspec
from netspec.errors import NetspecWarning
from netspec.execute.contract import RunRequest, get_backend

KEPT = ("seconds", "memory_mib", "peak_memory_mib", "versions", "info")
RULES = {"stdp": {"w_max": 100.0}, "tsodyks_markram": {}, "vogels2011": {"w_max": 100.0}}


def neurons(size: int, **more: object) -> netspec.Network:
    """Return leaky neurons, some of which a current makes fire."""
    current = {"kind": "uniform", "low": 300.0, "high": 390.0}
    parameters = {"I_e": current, "E_L": -65.0, "V_th": -50.0, "V_reset": -65.0}
    population = {"name": "A", "size": size, "model": "iaf_psc_exp", "parameters": parameters,
                  "initial": {"V_m": {"kind": "uniform", "low": -65.0, "high": -51.0}}}  # fmt: skip
    recorder = {"name": "spikes", "target": "A"}
    return netspec.Network(name="neurons", populations=[population], recorders=[recorder], **more)


def connected(size: int, indegree: int, **more: object) -> netspec.Network:
    """Return leaky neurons with synapses at random."""
    weight = {"kind": "normal", "mean": 0.1, "sd": 0.02, "low": 0.005, "high": 0.195}
    delay = {"kind": "uniform", "low": 0.5, "high": 3.0}
    projection = {"name": "p", "pre": "A", "post": "A", "receptor": "excitatory",
                  "rule": {"kind": "fixed_indegree", "indegree": indegree},
                  "weight": weight, "delay": delay, **more}  # fmt: skip
    return neurons(size, projections=[projection], accept=["projections.p.weight"])


def cases() -> Iterator[tuple[str, netspec.Network, tuple[str, ...], float]]:
    """Yield what is measured: name, network, simulators, duration (ms)."""
    for size in (1000, 20_000, 60_000):
        yield f"{size} neurons", neurons(size), ("neuron",), 2.0
    for scale in (0.02, 0.05, 0.1):
        circuit = netspec.circuits.microcircuit("pygenn", scale=scale)
        yield f"microcircuit, scale {scale:g}", circuit, ("neuron",), 5.0
    for rule, parameters in RULES.items():
        network = connected(2000, 50, synapse=rule, parameters=parameters)
        yield f"100000 synapses, {rule}", network, ("neuron",), 2.0
    for _ in range(3):
        yield "8000 neurons, 1000000 synapses", connected(8000, 125), ("neuron", "nest"), 100.0


def measure(network: netspec.Network, backend: str, duration: float) -> common.Result:
    """Run once, after a run that compiles; return what is kept of it."""
    adapter = get_backend(backend)
    request = RunRequest(network=network, backend=backend)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        for seed, length in ((2, 1.0), (1, duration)):
            simulation = netspec.Simulation(dt=0.1, warmup=0.0, duration=length, seed=seed)
            run = netspec.run(network, backend, simulation, threads=1, out=out)
        spikes = sum(len(run.spikes(name, warmup=True)) for name in run.populations)
    return {
        "backend": backend,
        "neurons": sum(population.size for population in network.populations),
        "synapses": sum(run.manifest["synapses"].values()),
        "duration (ms)": duration,
        "spikes": spikes,
        "estimate_mib": adapter.memory([adapter.plan(request)]) / 2**20,
        **{key: run.manifest[key] for key in KEPT},
    }


def main() -> None:
    """Measure every case, print the table and write the point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=common.RECORDS)
    options = parser.parse_args()
    warnings.simplefilter("ignore", NetspecWarning)
    machine, rows = common.machine(), []
    for name, network, backends, duration in cases():
        for backend in backends:
            row = measure(network, backend, duration)
            rows.append({"case": name, **row})
            took = ", ".join(f"{key} {value:.2f}" for key, value in row["seconds"].items())
            print(
                f"{name}, {backend}: {row['peak_memory_mib']:.0f} MiB, estimated "
                f"{row['estimate_mib']:.0f}; {row['spikes']} spikes; {took} s",
                file=sys.stderr,
                flush=True,
            )
    now = datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": "neuron_costs",
        "date": now.isoformat(timespec="seconds"),
        "command": common.command(__file__, {str(options.folder): "FOLDER"}),
        "machine": machine,
        "packages": common.versions(),
        "notes": ["what else ran on the machine is in the times; NEURON and NEST took turns"],
        "rows": rows,
    }
    common.write_point(options.folder, "neuron_costs", now, point)


if __name__ == "__main__":
    main()
