"""Seeds times backends: run them all, keep what succeeds, put the rates side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.backend import Progress, RunRequest, get_backend
from netspec.circuits.microcircuit import FULL_SCALE_RATES, POPULATIONS, SIZES
from netspec.errors import BackendMissing, SimulationFailed
from netspec.network import Network
from netspec.results import Run
from netspec.running import execute
from netspec.serialization import spec_hash
from netspec.validation.ring import bump
from netspec.validation.statistics import mean_and_sd

BUMP_WINDOW = 500.0  # ms at the end of a run


@dataclass(frozen=True)
class Finished:
    """One request and its run, or the reason why there is none."""

    request: RunRequest
    run: Run | None
    failure: str = ""


def run_all(
    requests: Sequence[RunRequest],
    out: Path,
    *,
    force: bool = False,
    time_limit: float | None = None,
    progress: Progress = lambda phase, fraction: None,
) -> list[Finished]:
    """Run all requests in turn; a failure of one does not lose the others.

    Requests that cannot be run at all (backend missing, approximation not agreed to) raise
    before anything runs.
    """
    for request in {r.backend: r for r in requests}.values():
        backend = get_backend(request.backend)
        backend.check_options(request)
        if not backend.status().available:
            raise BackendMissing(f"{request.backend} is not installed. {backend.how_to_get}")
        backend.ledger(request).check(request.approximations)
    done = []
    for index, request in enumerate(requests):
        label = f"{request.backend}, seed {request.simulation.seed}"

        def part(phase: str, fraction: float, label: str = label) -> None:
            progress(f"{label}: {phase}", fraction)

        progress("all runs", index / len(requests))
        try:
            run = execute(request, out, force=force, time_limit=time_limit, progress=part)
            done.append(Finished(request, run))
        except (SimulationFailed, OSError) as error:
            done.append(Finished(request, None, str(error)))
    progress("all runs", 1.0)
    return done


def published_rates(network: Network) -> dict[str, float]:
    """Return published full-scale rates of a circuit's populations (spikes/s), if there are any."""
    sizes = {population.name: population.size for population in network.populations}
    full = dict(zip(POPULATIONS, SIZES, strict=True))
    if network.name != "microcircuit" or sizes != full:
        return {}
    return dict(zip(POPULATIONS, FULL_SCALE_RATES, strict=True))


def summarise(
    network: Network, backends: Sequence[str], done: Sequence[Finished]
) -> dict[str, Any]:
    """Return rates by population and backend over seeds, and the ring's bump.

    For two backends the difference of means is given in units of the seed spread,
    sqrt(SD_a^2 + SD_b^2): what one run of each would differ by.
    """
    runs = {name: [f.run for f in done if f.request.backend == name and f.run] for name in backends}
    populations = []
    published = published_rates(network)
    for population in network.recorded():
        row: dict[str, Any] = {"population": population, "rates": {}}
        for name in backends:
            values = [run.spikes(population).rate() for run in runs[name]]
            if values:
                mean, sd = mean_and_sd(values)
                row["rates"][name] = {"seeds": values, "mean": mean, "sd": _finite(sd)}
        row["difference_in_sd"] = _difference(row["rates"], backends)
        if population in published:
            row["published"] = published[population]
        populations.append(row)
    return {
        "network": network.name,
        "description": network.description,
        "spec_hash": spec_hash(network),
        "backends": list(backends),
        "populations": populations,
        "bump": _bumps(network, runs),
        "approximations": {n: r[0].manifest["approximations"] for n, r in runs.items() if r},
        "files": [str(f.run.file) for f in done if f.run],
        "failures": [f.failure for f in done if not f.run],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _difference(rates: dict[str, Any], backends: Sequence[str]) -> float | None:
    """Return (last - first) / spread of the first two backends, if both have a spread."""
    found = [rates[name] for name in backends if name in rates][:2]
    if len(found) < 2 or any(entry["sd"] is None for entry in found):
        return None
    spread = math.hypot(found[0]["sd"], found[1]["sd"])
    return _finite((found[1]["mean"] - found[0]["mean"]) / spread) if spread else None


def _bumps(network: Network, runs: dict[str, list[Run]]) -> list[dict[str, Any]]:
    """Return the bump of population E at the end of each run of a ring."""
    if network.name != "working_memory":
        return []
    rows = []
    for name, found in runs.items():
        for run in found:
            spikes = run.spikes("E", warmup=True)
            begin = max(0, spikes.end - round(BUMP_WINDOW / spikes.dt))
            ring, inhibition = (run.spikes(p, warmup=True).window(begin, spikes.end) for p in "EI")
            decoded = bump(ring)
            rows.append(
                {
                    "backend": name,
                    "seed": run.manifest["seed"],
                    "E": decoded.rate,
                    "I": inhibition.rate(),
                    "vector_length": decoded.vector_length,
                    "angle": _finite(decoded.angle),
                }
            )
    return rows


def rate_table(summary: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    """Return column names and rows of the rates side by side."""
    names = summary["backends"]
    columns = ["population", *names]
    two = len(names) == 2
    published = any("published" in row for row in summary["populations"])
    columns += ["difference / spread"] if two else []
    columns += ["published"] if published else []
    rows = []
    for row in summary["populations"]:
        cells: list[object] = [row["population"]]
        for name in names:
            entry = row["rates"].get(name)
            sd = "" if entry is None or entry["sd"] is None else f" +- {entry['sd']:.3f}"
            cells.append("failed" if entry is None else f"{entry['mean']:.3f}{sd}")
        if two:
            value = row["difference_in_sd"]
            cells.append("-" if value is None else f"{value:+.2f}")
        if published:
            cells.append(row.get("published", "-"))
        rows.append(cells)
    return columns, rows


def bump_table(summary: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    """Return column names and rows of the ring's activity at the end of each run."""
    rows: list[list[object]] = [
        [
            f"{row['backend']}, seed {row['seed']}",
            row["E"],
            row["I"],
            row["vector_length"],
            "none" if row["angle"] is None else f"{row['angle']:.1f}",
        ]
        for row in summary["bump"]
    ]
    return ["run", "E (1/s)", "I (1/s)", "vector length", "angle (deg)"], rows
