"""Up the ladder, for every backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from netspec.describe.network import Network
from netspec.describe.serialization import spec_hash
from netspec.describe.simulation import Simulation
from netspec.errors import SimulationFailed, UnsupportedError, UsageError
from netspec.execute.contract import Backend, Progress, RunRequest, get_backend, versions
from netspec.execute.results import Run
from netspec.validation.ladder import networks, rungs
from netspec.validation.ladder.bench import Bench
from netspec.validation.ladder.report import LEVELS, NOT_INSTALLED, Figures, Ladder, Rung, judged
from netspec.validation.ladder.structure import structure

Ask = Callable[[Bench, Network, Simulation], tuple[Figures, list[Run]]]
RUNGS: dict[str, Ask] = {
    "L0": structure,
    "L1": rungs.neuron,
    "L2": rungs.synapse,
    "L3": rungs.replay,
}
MAX_NEURONS = 3000
NOTHING = (
    "there is nothing to try: no synapse within a neuron model, or only onto neurons that spike by "
    "themselves before an event can be seen"
)


def climb(
    network: Network,
    backends: Sequence[str],
    simulation: Simulation,
    *,
    out: Path,
    approximations: Mapping[str, Sequence[str]] | None = None,
    options: Mapping[str, Mapping[str, str]] | None = None,
    levels: Sequence[str] = tuple(LEVELS),
    progress: Progress = lambda phase, fraction: None,
) -> Ladder:
    """Ask every rung of every backend, and at the last one every pair of backends.

    Parameters
    ----------
    network : Network
        A small one: at most `MAX_NEURONS` neurons.
    backends : sequence of str
    simulation : Simulation
        For the time step and the seed.
    out : path
        Folder of result files; what was run before is not run again.
    approximations : mapping, optional
        Backend -> names of those that are agreed to, or ``"all"``.
    options : mapping, optional
        Backend -> its options.
    levels : sequence of str
        Rungs to ask.
    progress : callable
        Called with what is being asked and the fraction done of all.

    Raises
    ------
    UsageError
        If the network is too large.
    UnsupportedError
        If a backend needs an approximation that was not agreed to.
    """
    neurons = sum(population.size for population in network.populations)
    if neurons > MAX_NEURONS:
        raise UsageError(
            f"network {network.name!r} has {neurons} neurons; the ladder takes at most "
            f"{MAX_NEURONS}: give it a smaller one of the same kind (--scale, --size)"
        )
    chosen = {name: get_backend(name) for name in backends}
    found: list[Rung] = []
    replays: dict[str, Run] = {}
    benches = {
        name: Bench(
            name,
            out,
            simulation.seed,
            tuple((approximations or {}).get(name, ())),
            (options or {}).get(name, {}),
        )
        for name in chosen
    }
    reasons = {name: _why_not(chosen[name], benches[name], network, simulation) for name in chosen}
    for i, name in enumerate(chosen):
        for k, level in enumerate(levels):
            if reasons[name]:
                found.append(Rung(level, name, "skipped", reason=reasons[name]))
                continue
            progress(f"{name}, {level} {LEVELS[level]}", (i + k / len(levels)) / len(chosen))
            rung, runs = _ask(level, benches[name], network, simulation)
            found.append(rung)
            if level == "L3" and runs:
                replays[name] = runs[0]
    replayed = networks.replay(network, simulation, simulation.seed) if replays else network
    did = {name: rungs.activity(run, replayed) for name, run in replays.items()}
    for one, other in combinations(did, 2):
        figures = rungs.compared(did[one], did[other], replayed, simulation.dt)
        used = _in_use([replays[one], replays[other]])
        found.append(judged("L3", f"{one}, {other}", figures, used))
    here = [backend for name, backend in chosen.items() if not reasons[name]]
    return Ladder(
        circuit=network.name,
        description=network.description,
        spec_hash=spec_hash(network),
        backends=tuple(chosen),
        versions={k: v for backend in here for k, v in versions(backend).items()},
        rungs=tuple(found),
    )


def _why_not(backend: Backend[Any], bench: Bench, network: Network, simulation: Simulation) -> str:
    """Say why a backend cannot be asked at all; empty if it can.

    Approximations that nobody agreed to raise, as in every other command.
    """
    request = RunRequest(
        network=network,
        simulation=simulation,
        backend=backend.name,
        approximations=bench.approximations,
        options=dict(bench.options),
    )
    ledger = backend.plan(request).ledger
    status = backend.status()
    if not status.available:
        return f"{NOT_INSTALLED}. {status.how_to_get}"
    backend.check_machine(request)
    try:
        ledger.check(request.approximations)
    except UnsupportedError as error:
        if any(entry.status == "unsupported" for entry in ledger.entries):
            return str(error)
        raise
    return ""


def _ask(
    level: str, bench: Bench, network: Network, simulation: Simulation
) -> tuple[Rung, list[Run]]:
    try:
        figures, runs = RUNGS[level](bench, network, simulation)
    except UnsupportedError as error:
        return Rung(level, bench.backend, "skipped", reason=str(error)), []
    except ArithmeticError as error:  # a solution that is infinite before the step ends
        return Rung(level, bench.backend, "skipped", reason=f"SciPy has no solution: {error}"), []
    except SimulationFailed as error:
        return Rung(level, bench.backend, "failed", reason=str(error)), []
    if not figures:
        return Rung(level, bench.backend, "skipped", reason=NOTHING), []
    return judged(level, bench.backend, figures, _in_use(runs)), runs


def _in_use(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.manifest["approximations"]))
