"""The one JSON file of a validation: what was asked, what was measured, what follows from it.

It holds no time, path or machine, so that the same runs give the same bytes, however often they
were interrupted and in whatever order they ended. What else is known of the runs (wall times,
memory, files) stands in a file of its own beside it.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from netspec.errors import UsageError, shown
from netspec.validation.campaign.ensemble import Finished
from netspec.validation.judge.comparison import Outcome
from netspec.whole_files import write_text

FAILED = 4  # exit code: a comparison is impossible since a side has no run


class Part(BaseModel):
    """A part of a JSON file: no key but those that are declared, no number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NetworkEntry(Part):
    """Which network; `populations` are the recorded ones and their sizes."""

    name: str
    description: str
    spec_hash: str | None
    populations: dict[str, int]


class RunEntry(Part):
    """One run: its result file (name only), or why there is none."""

    backend: str
    seed: int
    cue_angle: float | None = None
    file: str | None
    request_hash: str | None
    error: str | None = None


class StatisticRow(Part):
    """All statistics of a population in one run; None: undefined."""

    backend: str
    seed: int
    cue_angle: float | None = None
    population: str
    values: dict[str, float | None]


PUBLISHED = "published"  # as the other side of a comparison: one value a population


class ComparisonEntry(Part):
    """A verdict (`Verdict.to_dict`), or the reason why there can be none.

    Attributes
    ----------
    left_out : tuple of str
        Statistics undefined in every run of both sides.
    notes : tuple of str
        What a reader should know of the comparison.
    looks : dict or None
        Of a verdict that was asked for again with every few seeds: the plan, why it ended, and the
        path of every test over the looks (`Course.to_dict`).
    advice : dict or None
        What would decide the open tests (`Adviser.advice`): ``levers`` in the order in which they
        are to be tried, each with ``what`` (share, prolong, seeds), ``seeds``, ``times``,
        ``shared`` and ``text``; the joint ``power`` of the ``tests`` that have one; ``others`` have
        none; ``networks``: by statistic the share of the variance that a longer run leaves.
    silent : tuple of str
        Populations in which nothing fires, in all runs of both sides: nothing is judged of them.
    """

    reference: str
    other: str
    verdict: dict[str, Any] | None
    error: str | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    looks: dict[str, Any] | None = None
    advice: dict[str, Any] | None = None
    silent: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """The verdict in one word; ``impossible`` if there is none."""
        return "impossible" if self.verdict is None else str(self.verdict["outcome"])


class CurveEntry(Part):
    """A curve of a population, such as its rate in time, over the runs of a backend.

    Attributes
    ----------
    name, unit, axis, axis_unit, meaning : str
        As a measure declares them (`netspec.execute.measure.Curve`).
    runs : int
    x, mean, low, high : tuple of float or None
        Points; mean, least and largest value over runs, shapes (n,); None: undefined.
    """

    backend: str
    population: str
    name: str
    unit: str
    axis: str
    axis_unit: str
    meaning: str
    runs: int
    x: tuple[float | None, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


class RingEntry(Part):
    """Trials of a ring: the fields of `Trial` and ``backend``; why there are none, else."""

    trials: tuple[dict[str, Any], ...]
    note: str = ""


class Summary(Part):
    """Everything that a report of a validation needs.

    Attributes
    ----------
    request : dict
        What was declared: margins, seeds, backends; its ``hash``.
    network : NetworkEntry
    backends : tuple of str
        The reference first.
    runs : tuple of RunEntry
    statistics : tuple of StatisticRow
    published : dict
        Population -> published rate in spikes/s.
    comparisons : tuple of ComparisonEntry
        The reference against each of the others; then published values, if there are any,
        against each backend.
    ring : RingEntry or None
    ledger, versions : dict
        Backend -> entries of its ledger; names -> versions.
    ladder : dict or None
        The rungs below the network, if they were climbed.
    curves : tuple of CurveEntry
        What is drawn and not judged: rate in time, power spectrum, correlations, CV.
    cite : tuple of str
    """

    schema_version: Literal["netspec-validation/1"] = "netspec-validation/1"
    request: dict[str, Any]
    network: NetworkEntry
    backends: tuple[str, ...]
    runs: tuple[RunEntry, ...]
    statistics: tuple[StatisticRow, ...]
    published: dict[str, float]
    comparisons: tuple[ComparisonEntry, ...]
    ring: RingEntry | None
    ledger: dict[str, list[dict[str, Any]]]
    versions: dict[str, dict[str, str]]
    ladder: dict[str, Any] | None = None
    curves: tuple[CurveEntry, ...] = ()
    cite: tuple[str, ...] = ()

    @property
    def decisive(self) -> tuple[ComparisonEntry, ...]:
        """Comparisons between backends; if there are none, those with published values.

        A network that was changed may well leave the published values, on all backends.
        """
        between = tuple(entry for entry in self.comparisons if entry.other != PUBLISHED)
        return between or self.comparisons

    @property
    def outcome(self) -> str:
        """The worst of the decisive comparisons."""
        found = [entry.outcome for entry in self.decisive]
        order = ["impossible", *(o.value for o in WORST_FIRST)]
        return min(found, key=order.index) if found else Outcome.INCONCLUSIVE.value

    @property
    def exit_code(self) -> int:
        """0 equivalent, 1 different, 6 inconclusive, 4 if a backend has no run at all."""
        return FAILED if self.outcome == "impossible" else Outcome(self.outcome).exit_code

    @property
    def failures(self) -> list[RunEntry]:
        """Runs that failed."""
        return [run for run in self.runs if run.error is not None]

    def to_json(self) -> str:
        """Return the text of the file: the same for the same content."""
        data = self.model_dump(mode="json")
        return json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n"

    def write(self, path: Path) -> Path:
        """Write the file, whole or not at all."""
        write_text(path, self.to_json())
        return path


WORST_FIRST = (
    Outcome.DIFFERENT,
    Outcome.INCONSISTENT,
    Outcome.INCONCLUSIVE,
    Outcome.CONSISTENT,
    Outcome.EQUIVALENT,
)


def load_summary(path: str | Path) -> Summary:
    """Read the JSON file of a validation.

    Raises
    ------
    UsageError
        If it cannot be read, or is something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        return Summary.model_validate_json(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "(file)"
        raise UsageError(
            f"{path}: no summary of netspec validate ({where}: {shown(first['msg'])})"
        ) from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def write_provenance(path: Path, done: Sequence[Finished]) -> Path:
    """Write what is known of the runs beyond their results: files, times, memory, errors."""
    runs = []
    for entry in done:
        known: dict[str, Any] = {
            "backend": entry.request.backend,
            "seed": entry.request.simulation.seed,
            "ranks": entry.request.ranks,
            "threads": entry.request.threads,
            "error": entry.failure or None,
        }
        if entry.run is not None:
            keys = ("seconds", "peak_memory_mib", "machine", "info", "finished")
            known |= {"file": str(entry.run.file.absolute()), "batch": entry.run.batch}
            known |= {key: entry.run.manifest.get(key) for key in keys}
        runs.append(known)
    data = {
        "schema_version": "netspec-provenance/1",
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
        "runs": runs,
    }
    write_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n")
    return path
