"""Run an ensemble, or take runs that exist, and judge every backend against the first."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.circuits import known
from netspec.describe.network import Network
from netspec.execute.contract import Progress, backend_names, get_backend
from netspec.execute.measure import Measure
from netspec.execute.results import Run, circuit_of
from netspec.execute.running import result_path
from netspec.validation.campaign.advising import Adviser
from netspec.validation.campaign.comparisons import (
    comparisons,
    drawn_by_netspec,
    with_published,
)
from netspec.validation.campaign.deciding import Decided, decide
from netspec.validation.campaign.ensemble import Finished, Room, published_rates, run_all
from netspec.validation.campaign.request import ValidationRequest
from netspec.validation.campaign.summary import (
    CurveEntry,
    NetworkEntry,
    RunEntry,
    Summary,
)
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.verdict import as_json
from netspec.validation.ladder import Ladder, climb
from netspec.validation.measure.catalogue import (
    Measured,
    measure,
    measures_of_circuit,
    traced,
)
from netspec.validation.measure.cues import cue_of

OTHER_NETWORK = "The runs are of different descriptions (spec hashes differ)."


@dataclass(frozen=True)
class Validated:
    """What a validation leaves: the summary, and the runs behind it."""

    summary: Summary
    done: list[Finished]


def validate(
    request: ValidationRequest,
    out: Path,
    *,
    force: bool = False,
    time_limit: float | None = None,
    room: Room | None = None,
    measures: Sequence[Measure] = (),
    progress: Progress = lambda phase, fraction: None,
) -> Validated:
    """Run what is not there yet, and judge.

    Parameters
    ----------
    request : ValidationRequest
    out : Path
        Folder of result files. Runs that are there already are not repeated, so that the same
        call goes on where another was interrupted.
    force : bool
        Repeat them.
    time_limit : float, optional
        Seconds of wall time a run.
    room : Room, optional
        Processors and memory for runs side by side.
    measures : sequence of Measure
        Beside those that are installed and those of the circuit. What the request has a margin for
        is judged: `netspec.validation.judge.margins.default_margins` knows how to add theirs.
    progress : callable, optional

    Raises
    ------
    BackendMissing, UnsupportedError
        Before anything runs.
    """
    how: dict[str, Any] = {
        "force": force, "time_limit": time_limit, "room": room, "progress": progress,
    }  # fmt: skip
    decided = None
    if request.looks is None:
        done = run_all(list(request.run_requests()), out, **how)
    else:
        decided = decide(request, out, measures=measures, **how)
        done = decided.done
    climbed = None
    if request.ladder is not None:
        climbed = climb(
            request.ladder,
            request.names,
            request.simulation,
            out=out,
            approximations={b.name: b.approximations for b in request.backends},
            options={b.name: b.options for b in request.backends},
            progress=progress,
        )
    found = summed_up(request, decided, climbed, measures) if decided else None
    return Validated(found or judge_runs(request, done, climbed, measures), done)


def judge_runs(
    request: ValidationRequest,
    done: Sequence[Finished],
    climbed: Ladder | None = None,
    measures: Sequence[Measure] = (),
) -> Summary:
    """Return the summary of finished runs, in the order of the request's run requests.

    `measures` are judged beside those that are installed and those of the circuit.
    """
    measured = [
        measure(entry.run, entry.request.backend, entry.request.simulation.seed, more=measures)
        for entry in done
        if entry.run is not None
    ]
    sides = {name: [m for m in measured if m.backend == name] for name in request.names}
    shared = {b.name: drawn_by_netspec(b.connectivity, b.noise) for b in request.backends}
    runs = [entry.run for entry in done if entry.run is not None]
    adviser = Adviser(measured, runs, request.margins, measures)
    found = comparisons(sides, request.margins, shared, adviser=adviser)
    return summed_up(request, Decided(list(done), measured, found), climbed, measures)


def summed_up(
    request: ValidationRequest,
    decided: Decided,
    climbed: Ladder | None = None,
    measures: Sequence[Measure] = (),
) -> Summary:
    """Return the summary of runs that are judged."""
    network, done, measured = request.network, decided.done, decided.measured
    sides = {name: [m for m in measured if m.backend == name] for name in request.names}
    runs = [entry.run for entry in done if entry.run is not None]
    first = {run.manifest["backend"]: run for run in reversed(runs)}
    sizes = _sizes(network)
    rates = published_rates(network.circuit, sizes)
    content = request.content()
    return Summary(
        request={**content, "hash": request.content_hash()},
        network=NetworkEntry(
            name=network.name,
            description=network.description,
            spec_hash=content["spec_hash"],
            populations=sizes,
        ),
        backends=request.names,
        runs=tuple(_entry(finished) for finished in done),
        statistics=tuple(row for m in measured for row in m.rows()),
        published=rates,
        comparisons=decided.comparisons + with_published(sides, rates, request.margins),
        ring=ring_summary(network.circuit, measured),
        ledger={n: first[n].manifest["ledger"] if n in first else [] for n in request.names},
        versions={n: first[n].manifest["versions"] if n in first else {} for n in request.names},
        ladder=None if climbed is None else climbed.to_dict(),
        curves=_curves([(run.manifest["backend"], run) for run in runs], measures),
        cite=_citations(network.circuit, request.names),
    )


def published(network: Network) -> dict[str, float]:
    """Return published rates of the recorded populations (spikes/s), if there are any."""
    return published_rates(network.circuit, _sizes(network))


def _sizes(network: Network) -> dict[str, int]:
    return {name: network.population(name).size for name in network.recorded()}


def judge_existing(
    sides: Mapping[str, Sequence[Run]],
    backends: Sequence[str],
    margins: Margins,
    measures: Sequence[Measure] = (),
) -> Summary:
    """Return the summary of runs that exist.

    Parameters
    ----------
    sides : mapping
        Name -> runs of one network and backend, all with the same windows and sizes on both
        sides. The first is the reference.
    backends : sequence of str
        Simulators, which may be the same where the names are not.
    margins : Margins
    measures : sequence of Measure
        Beside those that are installed and those of the circuit.
    """
    measured = {
        name: [
            measure(run, name, seed, more=measures)
            for run, seed in zip(runs, _seeds(runs), strict=True)
        ]
        for name, runs in sides.items()
    }
    first = {name: runs[0].manifest for name, runs in sides.items()}
    reference = first[next(iter(sides))]
    known = {manifest["spec_hash"] for manifest in first.values()} - {None}
    shared = {
        name: drawn_by_netspec(manifest["connectivity"], manifest.get("drive"))
        if len(known) == 1
        else frozenset[str]()
        for name, manifest in first.items()
    }
    every = [m for found in measured.values() for m in found]
    rates = published_rates(circuit_of(reference), reference["sizes"])
    runs = tuple(
        RunEntry(
            backend=m.backend,
            seed=m.seed,
            cue_angle=m.cue_angle,
            file=run.file.name,
            request_hash=run.manifest["request_hash"],
        )
        for m, run in zip(every, (r for found in sides.values() for r in found), strict=True)
    )
    request: dict[str, Any] = {
        "margins": margins.model_dump(mode="json"),
        "simulation": {k: v for k, v in reference["simulation"].items() if k != "seed"},
        "runs": {n: [r.request_hash for r in runs if r.backend == n] for n in sides},
    }
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return Summary(
        request={**request, "hash": hashlib.sha256(text.encode()).hexdigest()},
        network=NetworkEntry(
            name=reference["name"],
            description=reference["description"],
            spec_hash=reference["spec_hash"],
            populations=reference["sizes"],
        ),
        backends=tuple(sides),
        runs=runs,
        statistics=tuple(row for m in every for row in m.rows()),
        published=rates,
        comparisons=comparisons(
            measured,
            margins,
            shared,
            (OTHER_NETWORK,) if len(known) > 1 else (),
            Adviser(every, [r for found in sides.values() for r in found], margins, measures),
        )
        + with_published(measured, rates, margins),
        ring=ring_summary(circuit_of(reference), every),
        ledger={name: manifest["ledger"] for name, manifest in first.items()},
        versions={name: manifest["versions"] for name, manifest in first.items()},
        curves=_curves([(n, run) for n, found in sides.items() for run in found], measures),
        cite=_citations(circuit_of(reference), backends),
    )


def _curves(runs: Sequence[tuple[str, Run]], measures: Sequence[Measure]) -> tuple[CurveEntry, ...]:
    return tuple(CurveEntry(**entry) for entry in traced(runs, measures))


def _seeds(runs: Sequence[Run]) -> list[int]:
    """Return the seeds; runs from elsewhere that say none get their place, or the next free one."""
    given = [run.manifest["seed"] for run in runs]
    taken, found = set(given), []
    for index, seed in enumerate(given):
        free = next(n for n in itertools.count(index) if n not in taken)
        found.append(free if seed is None else int(seed))
        taken.add(found[-1])
    return found


def _entry(finished: Finished) -> RunEntry:
    request, run = finished.request, finished.run
    cue = cue_of(request.network)
    return RunEntry(
        backend=request.backend,
        seed=request.simulation.seed,
        cue_angle=cue and cue.angle,
        file=None if run is None else run.file.name,
        request_hash=finished.plan.digest,
        error=None if run is not None else _reason(finished),
    )


def _reason(finished: Finished) -> str:
    """Return why a run failed, without what differs from place to place and time to time.

    The whole text, with the simulator's last words, stands in the file beside the summary.
    """
    first = finished.failure.partition("\n")[0].removesuffix(" Last lines of its error output:")
    name = result_path(finished.plan, Path()).name
    return first[first.index(name) :] if name in first else first


def ring_summary(circuit: str | None, measured: Sequence[Measured]) -> dict[str, Any] | None:
    """Return all trials of a ring as JSON data; None for another network."""
    if not any(measure.name == "ring" for measure in measures_of_circuit(circuit)):
        return None
    trials = [
        {"backend": run.backend, **as_json(dict(record)), "seed": run.seed}
        for run in measured
        if (record := run.record("ring")) is not None
    ]
    note = "" if trials else "no trials: they need one cue, and 500 ms of the run after its end"
    return {"trials": trials, "note": note}


def _citations(name: str | None, backends: Sequence[str]) -> tuple[str, ...]:
    circuit, installed = known(name), backend_names()
    found = [
        *(circuit.cite if circuit else ()),
        *(text for name in backends if name in installed for text in get_backend(name).cite),
    ]
    return tuple(dict.fromkeys(found))
