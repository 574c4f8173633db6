"""The child process: started, followed, and ended as a whole, with what it says of a failure.

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

from netspec.errors import SimulationFailed
from netspec.execute import ranks as mpi
from netspec.execute.contract import Plan, Progress, RunRequest
from netspec.execute.request import ORDERS, Order
from netspec.execute.results import write_run

STDERR_LINES = 25
FAILED_RANK_SECONDS = 10.0  # that the launcher has to end the ranks after one raised an error
KILL_SECONDS = 10.0  # that the kernel has to end what is killed
LAUNCHER_SECONDS = 3.0  # that it has to end when told to
WORKER = "netspec.execute.worker"


def run_in_child(
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
