"""Run a request in a child process: time limit, progress, one file, never twice.

The simulators keep global state (NEST), end the process on an error (GeNN) or need a launcher
(MPI), so each run has a process group of its own, which is killed as a whole.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from netspec.backend import Progress, RunRequest, get_backend
from netspec.errors import BackendMissing, ResultFileError, SimulationFailed, UsageError
from netspec.network import Network
from netspec.realisation_file import reference
from netspec.results import Run, open_run
from netspec.simulation import Simulation

DEFAULT_FOLDER = Path("runs")
STDERR_LINES = 25
WORKER = "netspec.backends.worker"


def run(
    network: Network,
    backend: str,
    simulation: Simulation | None = None,
    *,
    seed: int | None = None,
    connectivity: str = "native",
    threads: int | None = None,
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
        The processors at hand if None.
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
        If the child process failed or ran out of time.
    """
    if simulation is None:
        from netspec.circuits import CIRCUITS

        known = CIRCUITS.get(network.name)
        simulation = known.simulation if known else Simulation()
    request = RunRequest(
        network=network,
        simulation=simulation if seed is None else simulation.at_seed(seed),
        backend=backend,
        connectivity=connectivity,
        threads=get_backend(backend).default_threads() if threads is None else threads,
        approximations=tuple(approximations),
        options=dict(options or {}),
        readback=readback,
    )
    if realisation is not None:
        request = with_realisation(request, realisation)
    return execute(request, Path(out), force=force, time_limit=time_limit, progress=progress)


def with_realisation(request: RunRequest, path: str | Path) -> RunRequest:
    """Return the request with its synapses from a file, which is verified."""
    found = reference(path, request.network, request.simulation)
    return request.model_copy(update={"connectivity": "shared", "realisation": found})


def result_path(request: RunRequest, out: Path) -> Path:
    """Return the name of a request's result: a hash of everything that decides its content."""
    digest = request.content_hash(get_backend(request.backend))
    name = (
        f"{request.network.name}-{request.backend}-seed{request.simulation.seed}-{digest[:16]}.h5"
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
    backend = get_backend(request.backend)
    backend.check_options(request)
    status = backend.status()
    if not status.available:
        raise BackendMissing(f"{request.backend} is not installed. {status.how_to_get}")
    backend.ledger(request).check(request.approximations)
    path = result_path(request, out)
    try:
        (out / ".locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: no folder for results ({error.strerror})") from None
    from filelock import FileLock  # brings asyncio and logging, which takes its time

    with FileLock(out / ".locks" / f"{path.name}.lock"):
        if not path.exists() or force:
            try:
                quiet: Progress = lambda phase, fraction: None
                stop = stop or threading.Event()
                _in_child(request, path, time_limit, progress or quiet, stop)
            finally:
                for rest in out.glob(f".{path.name}.*.tmp"):  # of a writer that was killed
                    rest.unlink(missing_ok=True)
        return _checked(request, path)


def _checked(request: RunRequest, path: Path) -> Run:
    """Open a result and make sure that it is the one asked for."""
    try:
        found = open_run(path)
    except ResultFileError as error:
        raise ResultFileError(f"{error}. To run it again: --force (force=True)") from None
    if found.manifest["request_hash"] != request.content_hash(get_backend(request.backend)):
        raise ResultFileError(f"{path}: the result of another request. To run again: --force")
    return found


def _in_child(
    request: RunRequest,
    path: Path,
    time_limit: float | None,
    progress: Progress,
    stop: threading.Event,
) -> None:
    deadline = None if time_limit is None else time.monotonic() + time_limit
    with (
        tempfile.TemporaryDirectory(prefix="netspec-") as scratch,
        (Path(scratch) / "stderr").open("w+b") as stderr,
    ):
        request_file = Path(scratch) / "request.json"
        request_file.write_text(request.model_dump_json())
        child = subprocess.Popen(
            [sys.executable, "-m", WORKER, str(request_file), str(path.absolute())],
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            cwd=scratch,
            # NumPy's own threads would come on top of those that were asked for
            env={**os.environ, "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        try:
            ended = _follow(child, deadline, progress, stop)
        finally:
            _kill_group(child)
        if ended is None or child.returncode != 0:
            stderr.seek(0)
            lines = stderr.read().decode(errors="replace").rstrip().splitlines()[-STDERR_LINES:]
            why = (
                f"took longer than {time_limit:g} s and was killed"
                if ended is None
                else f"was killed by signal {-child.returncode}"
                if child.returncode < 0
                else f"ended with status {child.returncode}"
            )
            tail = "\n    ".join(lines) or "(nothing)"
            raise SimulationFailed(
                f"{request.backend}, seed {request.simulation.seed}: the run {why}. "
                f"Last lines of its error output:\n    {tail}"
            )


def _follow(
    child: subprocess.Popen[bytes],
    deadline: float | None,
    progress: Progress,
    stop: threading.Event,
) -> bool | None:
    """Read progress until the child ends; return True, or None past the deadline."""
    import selectors

    if child.stdout is None:
        raise SimulationFailed("the child process has no output")
    selector = selectors.DefaultSelector()
    selector.register(child.stdout, selectors.EVENT_READ)
    rest = b""
    while True:
        if stop.is_set():
            raise SimulationFailed("stopped")
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return None
        if not selector.select(1.0 if left is None else min(left, 1.0)):
            continue
        data = os.read(child.stdout.fileno(), 65536)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            with suppress(ValueError, KeyError):
                message: dict[str, Any] = json.loads(line)
                progress(message["phase"], message["fraction"])
    # not reaped yet, so that its process group keeps its number until it is killed
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if deadline is not None and time.monotonic() > deadline:
            return None
        time.sleep(0.01)
    return True


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the child's process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdout is not None:
        child.stdout.close()
