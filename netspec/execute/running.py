"""Run a request in a child process: time limit, progress, one file, never twice.

The simulators keep global state (NEST), end the process on an error (GeNN) or need a launcher
(MPI), so each run has a process group of its own, which is killed as a whole.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.errors import (
    NetspecWarning,
    ResultFileError,
    SimulationFailed,
    UsageError,
)
from netspec.execute import audit
from netspec.execute import ranks as mpi
from netspec.execute.contract import Plan, Progress, RunRequest, get_backend
from netspec.execute.request import ORDERS, Order
from netspec.execute.results import Run, open_run, write_run
from netspec.realise.file import reference

DEFAULT_FOLDER = Path("runs")
STDERR_LINES = 25
FAILED_RANK_SECONDS = 10.0  # that the launcher has to end the ranks after one raised an error
KILL_SECONDS = 10.0  # that the kernel has to end what is killed
LAUNCHER_SECONDS = 3.0  # that it has to end when told to
WORKER = "netspec.execute.worker"


def run(
    network: Network,
    backend: str,
    simulation: Simulation | None = None,
    *,
    seed: int | None = None,
    connectivity: str = "native",
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
            _in_child(wanted, time_limit, progress or quiet, stop or threading.Event())
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


def _in_child(
    wanted: Mapping[Path, Plan],
    time_limit: float | None,
    progress: Progress,
    stop: threading.Event,
) -> None:
    """Run plans in a process of their own, which writes each one's result to its path."""
    requests = [plan.request for plan in wanted.values()]
    path, request = next(iter(wanted)), requests[0]
    many = request.ranks > 1
    launcher = mpi.launcher(request.ranks) if many else []
    with (
        # ranks may be on several machines, which share the folder of results but not /tmp
        tempfile.TemporaryDirectory(
            prefix=f".{path.name}." if many else "netspec-",
            suffix=".ranks" if many else "",
            dir=path.parent.absolute() if many else None,
            ignore_cleanup_errors=True,
        ) as scratch,
        (Path(scratch) / "stderr").open("w+b") as stderr,
    ):
        folder = Path(scratch)
        request_file = folder / "requests.json"
        # the child makes its own plans: they must be these
        orders = [Order(request=plan.request, digest=plan.digest) for plan in wanted.values()]
        request_file.write_bytes(ORDERS.dump_json(orders))
        results = [folder] if many else [path.absolute() for path in wanted]
        child = subprocess.Popen(
            [*launcher, sys.executable, "-m", WORKER, str(request_file), *map(str, results)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            cwd=scratch,
            # NumPy's own threads would come on top of those that were asked for
            env={
                **mpi.DEFAULTS,
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
            start_new_session=True,
        )
        ended = False
        try:
            ended = _follow(child, _Patience(time_limit, folder, stop), progress)
        finally:
            if many and not ended:
                child.send_signal(signal.SIGTERM)  # the launcher ends its ranks, and tidies up
                _wait(child, LAUNCHER_SECONDS)
            _kill_session(child)
        if not ended or child.returncode != 0:
            stderr.seek(0)
            words = stderr.read().decode(errors="replace")
            why, lines = _reason(request, child, folder, words)
            if not ended and not mpi.failed(folder):
                why = f"took longer than {time_limit:g} s and was killed"
            tail = "\n    ".join(lines) or "(nothing)"
            raise SimulationFailed(
                f"{label(requests)}: the run {why}. Last lines of its error output:\n    {tail}"
            )
        if many:
            write_run(path, *mpi.gather(folder, request.ranks))


def label(requests: Sequence[RunRequest]) -> str:
    """Name requests that share a process: backend and seeds."""
    seeds = [request.simulation.seed for request in requests]
    first, last = min(seeds), max(seeds)
    which = f"seed {first}" if len(seeds) == 1 else f"{len(seeds)} runs, seeds {first} to {last}"
    return f"{requests[0].backend}, {which}"


def _reason(
    request: RunRequest, child: subprocess.Popen[bytes], folder: Path, words: str
) -> tuple[str, list[str]]:
    """Say how a run ended that was not to end, and return the last lines of its output."""
    status = child.returncode
    if request.ranks > 1:
        which, lines = mpi.culprit(folder, request.ranks, words)
        return f"failed: {which}", lines
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return how, words.rstrip().splitlines()[-STDERR_LINES:]


class _Patience:
    """Knows when to wait no longer: past the time limit, after a rank's error, when stopped."""

    def __init__(self, time_limit: float | None, folder: Path, stop: threading.Event) -> None:
        self.folder, self.stop = folder, stop
        self.deadline = float("inf") if time_limit is None else time.monotonic() + time_limit

    def left(self) -> float:
        """Return the seconds left to wait; zero or less at the end.

        Raises
        ------
        SimulationFailed
            If another thread has stopped the run.
        """
        if self.stop.is_set():
            raise SimulationFailed("stopped")
        now = time.monotonic()
        if mpi.failed(self.folder):
            self.deadline = min(self.deadline, now + FAILED_RANK_SECONDS)
        return self.deadline - now


def _follow(child: subprocess.Popen[bytes], patience: _Patience, progress: Progress) -> bool:
    """Read progress until the child ends; return whether it did, while there was patience."""
    import selectors

    if child.stdout is None:
        raise SimulationFailed("the child process has no output")
    selector = selectors.DefaultSelector()
    selector.register(child.stdout, selectors.EVENT_READ)
    rest = b""
    while True:
        left = patience.left()
        if left <= 0:
            return False
        if not selector.select(min(left, 1.0)):
            continue
        data = os.read(child.stdout.fileno(), 65536)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            with suppress(ValueError, KeyError):
                message: dict[str, Any] = json.loads(line)
                progress(message["phase"], message["fraction"])
    return _wait(child, patience.left())


def _wait(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the child's end without reaping it, so that its session keeps its number."""
    deadline = time.monotonic() + seconds
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _kill_session(child: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the child's session; ranks have process groups of their own."""
    deadline = time.monotonic() + KILL_SECONDS
    while (left := _session(child.pid)) and time.monotonic() < deadline:
        for process in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _session(leader: int) -> list[int]:
    """Return the processes of a session that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state not in "ZX":
                found.append(int(stat.parent.name))
    return found
