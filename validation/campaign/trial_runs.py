"""Many trials of one network at once: seeds in a row, and a cue all around the ring."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netspec.execute.contract import Progress, RunRequest, get_backend
from netspec.execute.measure import Statistic
from netspec.execute.results import Run
from netspec.execute.running import DEFAULT_FOLDER, planned, result_path
from netspec.validation.campaign.ensemble import Finished, run_plans
from netspec.validation.measure.catalogue import Measured, finite, judged, measure
from netspec.validation.measure.cues import around
from netspec.validation.measure.statistics import mean_and_sd


@dataclass(frozen=True)
class Trials:
    """Trials and what they took.

    Attributes
    ----------
    finished : list of Finished
    measured : list of Measured
        Of those that did not fail, in their order.
    made : int
        Trials that were run now; the results of the others were there.
    seconds : float
        Wall time of all of it, compilation and result files included.
    """

    finished: list[Finished]
    measured: list[Measured]
    made: int
    seconds: float

    @property
    def batch(self) -> int:
        """Trials that shared a model, at most."""
        return max((run.batch for run in self.runs), default=0)

    @property
    def failures(self) -> list[Finished]:
        """Trials without a run."""
        return [entry for entry in self.finished if entry.run is None]

    @property
    def runs(self) -> list[Run]:
        """Runs of the trials that did not fail, in their order."""
        return [entry.run for entry in self.finished if entry.run is not None]

    def speed(self) -> dict[str, float]:
        """Return trial-seconds (model time of all trials) per second of wall time.

        ``steps``: of a process while it makes steps. ``all``: of everything that was run now.
        """
        model = self.finished[0].request.simulation
        each = model.total_steps * model.dt / 1000
        steps = sum(
            (run.manifest["seconds"]["warmup"] + run.manifest["seconds"]["simulate"]) / run.batch
            for run in self.runs
        )
        found = {"steps": len(self.runs) * each / steps} if self.runs else {}
        return found | ({"all": self.made * each / self.seconds} if self.made else {})

    def means(self) -> dict[str, tuple[float, float, int]]:
        """Return mean, SD and number of trials of what the judged measures have to say first."""
        found = {}
        for name, (statistic, values) in self._values().items():
            known = [value for value in values if np.isfinite(value)]
            if known:
                found[name] = (*_mean_and_sd(statistic, known), len(known))
        return found

    def _values(self) -> dict[str, tuple[Statistic, list[float]]]:
        """Return the name that is shown -> the statistic, and its values over trials."""
        found: dict[str, tuple[Statistic, list[float]]] = {}
        for readings in judged(self.measured):
            measure = readings[0][1].measure
            known = {s.name: s for s in measure.statistics}
            headline = known if measure.headline is None else measure.headline
            for _, reading in readings:
                for (group, name), value in reading.values.items():
                    if name in headline:
                        # a group that is called as its measure is the whole of it
                        shown = name if group == measure.name else f"{name} of {group}"
                        found.setdefault(shown, (known[name], []))[1].append(value)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return JSON data."""
        return {
            "trials": len(self.finished),
            "batch": self.batch,
            "run_now": self.made,
            "files": [str(run.file) for run in self.runs],
            "failures": {str(f.request.simulation.seed): f.failure for f in self.failures},
            "trial_seconds_per_second": self.speed(),
            "seconds": self.seconds,
            "statistics": {
                name: {"mean": finite(mean), "sd": finite(sd), "trials": number}
                for name, (mean, sd, number) in self.means().items()
            },
        }

    def lines(self) -> list[str]:
        """Say all of it in words."""
        request = self.finished[0].request
        units = {name: statistic.unit for name, (statistic, _) in self._values().items()}
        lines = [
            f"{len(self.runs)} of {len(self.finished)} trials of {request.network.name} on "
            f"{request.backend}, {self.batch} in one model; {len(self.runs) - self.made} were there"
        ]
        for name, (mean, sd, number) in self.means().items():
            spread = f" +- {sd:.2g}" if number > 1 else ""
            text = f"  {name}: {mean:.4g}{spread} {units[name]}"
            lines.append(f"{text.rstrip()}, {number} trials")
        for name, value in self.speed().items():
            lines.append(f"trial-seconds per second, {name}: {value:.3g}")
        lines += [f"seed {f.request.simulation.seed}: {f.failure}" for f in self.failures]
        return [*lines, *([f"files: {self.runs[0].file.parent}"] if self.runs else [])]


def _mean_and_sd(statistic: Statistic, values: list[float]) -> tuple[float, float]:
    """Return mean and SD; of angles, the circular mean and the SD around it."""
    if statistic.average == "mean":
        return mean_and_sd(values)
    middle = statistic.averaged(values)
    around_it = (np.array(values) - middle + 180) % 360 - 180
    return middle, mean_and_sd(list(around_it))[1]


def requests(first: RunRequest, number: int) -> list[RunRequest]:
    """Return one request a trial: seeds in a row, and the cue turned (`cues.around`)."""
    seeds = range(first.simulation.seed, first.simulation.seed + number)
    return [
        first.model_copy(update={"network": network, "simulation": first.simulation.at_seed(seed)})
        for network, seed in zip(around(first.network, number), seeds, strict=True)
    ]


def run(
    wanted: Sequence[RunRequest],
    batch: int | None = None,
    out: Path = DEFAULT_FOLDER,
    force: bool = False,
    time_limit: float | None = None,
    progress: Progress = lambda phase, fraction: None,
) -> Trials:
    """Run trials; as many share a model as the backend gains by, or `batch`."""
    first = wanted[0]
    backend = get_backend(first.backend)
    size = backend.batch(first, len(wanted)) if batch is None else batch
    plans = [planned(request) for request in wanted]
    made = sum(force or not result_path(plan, out).exists() for plan in plans)
    started = time.perf_counter()
    finished = run_plans(
        plans, out, force=force, time_limit=time_limit, batch=size, progress=progress
    )
    seconds = time.perf_counter() - started
    measured = [
        measure(entry.run, first.backend, entry.request.simulation.seed)
        for entry in finished
        if entry.run is not None
    ]
    failed = len(finished) - len(measured)
    return Trials(finished, measured, max(made - failed, 0), seconds)
