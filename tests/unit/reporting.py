"""A validation for the tests of its report: spikes drawn here, measured and judged as any."""

import numpy as np

from netspec.backend import Outcome
from netspec.circuits.microcircuit import FULL_SCALE_RATES, POPULATIONS, SIZES
from netspec.results import open_run, write_run
from netspec.validation.margins import Margins
from netspec.validation.statistics import distributions, population_statistics
from netspec.validation.verdict import judge

DT, WARMUP, DURATION = 0.1, 500.0, 1000.0
VERSIONS = {"netspec": "0.1.0", "numpy": "2.3.5", "python": "3.11.7"}


def manifest(name, sizes, backend, seed, duration=DURATION):
    """Return what a worker writes of a run."""
    return {
        "name": name,
        "description": "drawn, not simulated",
        "spec_hash": "0" * 64,
        "request_hash": f"{backend}{seed}".ljust(64, "0"),
        "backend": backend,
        "seed": seed,
        "simulation": {"dt": DT, "warmup": WARMUP, "duration": duration, "seed": seed},
        "warmup_steps": round(WARMUP / DT),
        "total_steps": round((WARMUP + duration) / DT),
        "sizes": sizes,
        "recorders": {},
        "connectivity": "native",
        "threads": 2,
        "options": {},
        "approximations": [],
        "ledger": [],
        "synapses": {},
        "versions": VERSIONS,
        "machine": {"system": "Linux", "processors": 2},
        "seconds": {"simulate": 1.0, "total": 1.5},
        "peak_memory_mib": 300.0,
        "finished": "2026-11-22T12:00:00+00:00",
    }


def microcircuit(folder, backends, seeds, scale=0.1, factors=None, description="drawn"):
    """Write Poisson spikes at the published rates; return the summary.

    `factors` multiplies the rates of a backend.
    """
    sizes = {n: round(size * scale) for n, size in zip(POPULATIONS, SIZES, strict=True)}
    rng = np.random.default_rng(1)
    total = round((WARMUP + DURATION) / DT)
    runs = []
    for backend in backends:
        for seed in range(1, seeds + 1):
            spikes = {}
            for (name, size), rate in zip(sizes.items(), FULL_SCALE_RATES, strict=True):
                rates = rate * (factors or {}).get(backend, 1) * rng.lognormal(-0.18, 0.6, size)
                rates *= rng.lognormal(0, 0.008)
                counts = rng.poisson(rates * total * DT / 1000)
                neurons = np.repeat(np.arange(size), counts)
                spikes[name] = rng.integers(1, total + 1, len(neurons)), neurons
            path = folder / f"microcircuit-{backend}-seed{seed}-0123456789abcdef.h5"
            write_run(path, manifest("microcircuit", sizes, backend, seed), Outcome(spikes=spikes))
            runs.append(open_run(path))
    published = dict(zip(POPULATIONS, FULL_SCALE_RATES, strict=True))
    return summary("microcircuit", description, runs, backends, published)


def summary(name, description, runs, backends, published=None, ring=None):
    """Return a summary of runs, in the form that `netspec validate` writes."""
    margins = Margins()
    rows, samples, values = [], {}, {}
    for run in runs:
        backend = run.manifest["backend"]
        for population in run.populations:
            spikes = run.spikes(population)
            found = population_statistics(spikes)
            rows.append(
                {
                    "backend": backend,
                    "seed": run.manifest["seed"],
                    "cue_angle": None,
                    "population": population,
                    "values": {k: v if np.isfinite(v) else None for k, v in found.items()},
                }
            )
            for statistic in set(found) & set(margins.statistics):
                key = population, statistic
                values.setdefault(backend, {}).setdefault(key, []).append(found[statistic])
            for quantity in ("rate", "lv"):
                key = population, f"W1_{quantity}"
                drawn = distributions(spikes)[quantity]
                samples.setdefault(backend, {}).setdefault(key, []).append(drawn)
    reference, *others = backends
    verdicts = [
        judge(
            dict(sorted(values[reference].items())), values[other], margins,
            reference_samples=samples[reference], other_samples=samples[other],
            names=(reference, other),
        )
        for other in others
    ]  # fmt: skip
    first = runs[0].manifest
    return {
        "schema_version": "netspec-validation/1",
        "request": {
            "margins": margins.model_dump(mode="json"),
            "simulation": {k: v for k, v in first["simulation"].items() if k != "seed"},
            "hash": "1" * 64,
        },
        "network": {
            "name": name,
            "description": description,
            "spec_hash": first["spec_hash"],
            "populations": first["sizes"],
        },
        "backends": list(backends),
        "runs": [
            {
                "backend": run.manifest["backend"],
                "seed": run.manifest["seed"],
                "cue_angle": None,
                "file": run.file.name,
                "request_hash": run.manifest["request_hash"],
                "error": None,
            }
            for run in runs
        ],
        "statistics": rows,
        "published": published or {},
        "comparisons": [
            {
                "reference": reference,
                "other": verdict.other,
                "verdict": verdict.to_dict(),
                "error": None,
                "left_out": [],
                "notes": [],
            }
            for verdict in verdicts
        ],
        "ring": ring,
        "ledger": {name: first["ledger"] for name in backends},
        "versions": {name: VERSIONS for name in backends},
        "ladder": None,
        "cite": [],
    }
