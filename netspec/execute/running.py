"""Run a request in a child process (`child`): time limit, progress, one file, never twice."""

from __future__ import annotations

import shutil
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.errors import (
    NetspecWarning,
    ResultFileError,
    UsageError,
)
from netspec.execute import audit
from netspec.execute.child import run_in_child
from netspec.execute.contract import Plan, Progress, RunRequest, get_backend
from netspec.execute.request import drive_of
from netspec.execute.results import Run, open_run
from netspec.realise.file import reference

DEFAULT_FOLDER = Path("runs")


def run(
    network: Network,
    backend: str,
    simulation: Simulation | None = None,
    *,
    seed: int | None = None,
    connectivity: str = "native",
    noise: str = "native",
    threads: int | None = None,
    ranks: int = 1,
    approximations: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    readback: bool = False,
    realisation: str | Path | None = None,
    out: str | Path = DEFAULT_FOLDER,
    force: bool = False,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a network on a simulator, or return the run that exists.

    Parameters
    ----------
    network : Network
    backend : str
        Name of an adapter, such as ``"nest"`` or ``"brian2"``.
    simulation : Simulation, optional
        Time step, warm-up, duration and seed; the circuit's usual one, or `Simulation()`.
    seed : int, optional
        Replaces the seed of `simulation`.
    connectivity : {"native", "shared"}
        Synapses drawn by the simulator, or by netspec and the same on every backend.
    noise : {"native", "shared"}
        Poisson events drawn by the simulator, or by netspec and the same on every backend.
    threads : int, optional
        Of each rank; the processors at hand, shared by the ranks, if None.
    ranks : int
        Processes that share the run, through MPI (NEST only).
    approximations : sequence of str
        Approximations of the backend's ledger that are agreed to; ``"all"`` for every one.
    options : mapping, optional
        Options of the backend.
    readback : bool
        Also read parameters and synapses back from the simulator.
    realisation : path, optional
        A file of `netspec realise` that the synapses are read from; connectivity is shared then.
    out : path
        Folder of result files.
    force : bool
        Run even if the result exists.
    time_limit : float, optional
        Seconds of wall time after which the run is killed.
    progress : callable, optional
        Called with the phase and the fraction done of it.

    Returns
    -------
    Run

    Raises
    ------
    UnsupportedError
        If the backend cannot run the network exactly and no approximation was agreed to.
    UsageError
        If `realisation` holds the synapses of another network, seed or time step.
    ResultFileError
        If `realisation` is damaged.
    SimulationFailed
        If the child process, or one of the ranks, failed or ran out of time.

    Warns
    -----
    NetspecWarning
        Of what looks wrong in the network, such as times off the grid.
    """
    if simulation is None:
        simulation = _usual(network)
    request = RunRequest(
        network=network,
        simulation=simulation if seed is None else simulation.at_seed(seed),
        backend=backend,
        connectivity=connectivity,
        drive=drive_of(noise),
        threads=get_backend(backend).default_threads(ranks) if threads is None else threads,
        ranks=ranks,
        approximations=tuple(approximations),
        options=dict(options or {}),
        readback=readback,
    )
    if realisation is not None:
        request = with_realisation(request, realisation)
    for text in audit.warnings(network, request.simulation):
        warnings.warn(text, NetspecWarning, stacklevel=2)
    return execute(request, Path(out), force=force, time_limit=time_limit, progress=progress)


def _usual(network: Network) -> Simulation:
    """Return the simulation that a network is run with if nothing else is said."""
    # running knows no circuits, so what knows how they are run registers itself
    (entry,) = metadata.entry_points(group="netspec.simulations", name="usual")
    found: Simulation = entry.load()(network)
    return found


def with_realisation(request: RunRequest, path: str | Path) -> RunRequest:
    """Return the request with its synapses from a file, which is verified."""
    found = reference(path, request.network, request.simulation)
    return request.model_copy(update={"connectivity": "shared", "realisation": found})


def planned(request: RunRequest) -> Plan:
    """Return the plan of a request that can be run here.

    Raises
    ------
    BackendMissing
        If its simulator, or a part of it that the request needs, is not there.
    UnsupportedError
        If the backend cannot run the network, or only by approximations not agreed to.
    """
    backend = get_backend(request.backend)
    plan: Plan = backend.plan(request)
    backend.check_machine(request)
    plan.ledger.check(request.approximations)
    return plan


def result_path(plan: Plan, out: Path) -> Path:
    """Return the name of a plan's result: a hash of everything that decides its content."""
    request = plan.request
    name = (
        f"{request.network.name}-{request.backend}-seed{request.simulation.seed}-"
        f"{plan.digest[:16]}.h5"
    )
    return out / name


def execute(
    request: RunRequest,
    out: Path,
    *,
    force: bool = False,
    time_limit: float | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Run:
    """Run a request (see `run`); `stop` ends it from another thread, as a failure."""
    (found,) = execute_plans(
        [planned(request)], out, force=force, time_limit=time_limit, progress=progress, stop=stop
    )
    return found


def execute_together(requests: Sequence[RunRequest], out: Path, **how: Any) -> list[Run]:
    """Run requests that differ in networks and seeds in one child process, see `execute_plans`."""
    return execute_plans([planned(request) for request in requests], out, **how)


def execute_plans(
    plans: Sequence[Plan],
    out: Path,
    *,
    force: bool = False,
    time_limit: float | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> list[Run]:
    """Run plans in one child process, those that have no result; see `execute`.

    Parameters
    ----------
    plans : sequence of Plan
        Their requests differ in networks and seeds; several can only be run on one rank.

    Raises
    ------
    UsageError
        If they differ in more.
    """
    _check_alike([plan.request for plan in plans])
    paths = [result_path(plan, out) for plan in plans]
    try:
        (out / ".locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: no folder for results ({error.strerror})") from None
    with _claimed(dict(zip(paths, plans, strict=True)), out, force) as wanted:
        if wanted:
            quiet: Progress = lambda phase, fraction: None
            if plans[0].request.ranks > 1:
                backend = get_backend(plans[0].request.backend)
                backend.prepare([*wanted.values()], progress or quiet)
            run_in_child(wanted, time_limit, progress or quiet, stop or threading.Event())
        return [_checked(*pair) for pair in zip(plans, paths, strict=True)]


@contextmanager
def _claimed(asked: Mapping[Path, Plan], out: Path, force: bool) -> Iterator[dict[Path, Plan]]:
    """Give the plans that have no result, which nobody else runs meanwhile."""
    from filelock import FileLock  # brings asyncio and logging, which takes its time

    wanted = {}
    with ExitStack() as locks:
        # in one order everywhere, so that nobody waits in a circle
        for path, plan in sorted(asked.items(), key=lambda item: item[0]):
            lock = FileLock(out / ".locks" / f"{path.name}.lock")
            lock.acquire()
            if path.exists() and not force:
                lock.release()
            else:
                locks.callback(lock.release)
                wanted[path] = plan
        try:
            yield wanted
        finally:
            for path in wanted:
                for rest in out.glob(f".{path.name}.*.tmp"):  # of a writer that was killed
                    rest.unlink(missing_ok=True)
                for folder in out.glob(f".{path.name}.*.ranks"):
                    shutil.rmtree(folder, ignore_errors=True)


def alike(request: RunRequest) -> dict[str, Any]:
    """Return what must be the same for runs in one process: all but the network and the seed."""
    fields = {f: getattr(request, f) for f in RunRequest.model_fields if f != "network"}
    return fields | {"simulation": request.simulation.at_seed(0)}


def _check_alike(requests: Sequence[RunRequest]) -> None:
    first = alike(requests[0])
    for request in requests[1:]:
        fields = [name for name, value in alike(request).items() if value != first[name]]
        if fields or request.ranks > 1:
            what = f"other {', '.join(fields)} than the first" if fields else "several ranks"
            raise UsageError(
                f"runs in one process, seed {request.simulation.seed}: {what}; only networks and "
                "seeds may differ, on one rank"
            )


def _checked(plan: Plan, path: Path) -> Run:
    """Open a result and make sure that it is the one asked for."""
    try:
        found = open_run(path)
    except ResultFileError as error:
        raise ResultFileError(f"{error}. To run it again: --force (force=True)") from None
    if found.manifest["request_hash"] != plan.digest:
        raise ResultFileError(f"{path}: the result of another request. To run again: --force")
    return found
