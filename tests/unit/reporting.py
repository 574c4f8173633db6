"""A validation for the tests of its report: spikes drawn here, measured and judged as any."""

from itertools import chain

import numpy as np

from netspec.circuits import Cue
from netspec.circuits.potjans_diesmann.builder import FULL_SCALE_RATES, POPULATIONS, SIZES
from netspec.execute.recording import Recording
from netspec.execute.results import open_run, write_run
from netspec.validation.campaign.validating import judge_existing
from netspec.validation.judge.margins import Margins

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


def microcircuit(folder, backends, seeds, populations=8, factors=None, scale=0.1, **changes):
    """Write Poisson spikes of a microcircuit; return the summary and the runs.

    `factors` multiplies the rates of a backend, `changes` replace fields of the manifest.
    """
    published = dict(zip(POPULATIONS, FULL_SCALE_RATES, strict=True))
    sizes = {n: round(s * scale) for n, s in zip(POPULATIONS[:populations], SIZES, strict=False)}
    rng = np.random.default_rng(1)
    total = round((WARMUP + DURATION) / DT)
    runs = {}
    for backend in backends:
        for seed in range(1, seeds + 1):
            spikes = {}
            for name, size in sizes.items():
                mean = published[name] * (factors or {}).get(backend, 1)
                rates = mean * rng.lognormal(-0.18, 0.6, size)
                rates *= rng.lognormal(0, 0.008)
                counts = rng.poisson(rates * total * DT / 1000)
                neurons = np.repeat(np.arange(size), counts)
                spikes[name] = rng.integers(1, total + 1, len(neurons)), neurons
            given = manifest("microcircuit", sizes, backend, seed) | changes
            run = written(folder, given, spikes)
            runs.setdefault(backend, []).append(run)
    summary = judge_existing(runs, list(backends), Margins())
    return summary.model_copy(update={"published": published}), list(chain(*runs.values()))


def written(folder, given, spikes):
    """Write a result file and open it."""
    path = folder / f"{given['name']}-{given['backend']}-seed{given['seed']}.h5"
    write_run(path, given, Recording(spikes=spikes))
    return open_run(path)


def ring(folder, backends, seeds):
    """Write bumps at a cue that some seeds lose; return the summary and the runs."""
    size, rng = 128, np.random.default_rng(2)
    total = round((WARMUP + 2000) / DT)
    cue = Cue(angle=90, strength=70, width=40, start=700, duration=200)
    given = [
        {
            "name": "cue0",
            "target": "E",
            "times": [cue.start, cue.start + cue.duration],
            "amplitudes": [cue.strength, 0.0],
            "neurons": cue.neurons(size),
        }
    ]
    runs = {}
    for backend in backends:
        for seed in range(1, seeds + 1):
            lasting = total if seed % 3 else 18_000
            steps = rng.integers(7_500, lasting, 12_000)
            wander = size / 4 + np.cumsum(rng.normal(0, 0.02, total))[steps]
            bump = np.round(wander + rng.normal(0, 6, len(steps))).astype(int) % size
            rest = rng.integers(1, total, (2, 300))
            neurons = np.concatenate([bump, rest[0] % size])
            spikes = {
                "E": (np.concatenate([steps, rest[1]]), neurons),
                "I": (rng.integers(1, total, 2_000), rng.integers(0, 32, 2_000)),
            }
            found = manifest("working_memory", {"E": size, "I": 32}, backend, seed, 2000.0)
            run = written(folder, found | {"step_currents": given}, spikes)
            runs.setdefault(backend, []).append(run)
    return judge_existing(runs, list(backends), Margins()), list(chain(*runs.values()))
