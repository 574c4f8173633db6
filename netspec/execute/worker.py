"""The child process: requests in, one result file out for each.

Called as ``python -m netspec.execute.worker REQUESTS.json RESULT...``. RESULT is the file to
write, or, on many ranks, the folder that every rank writes its files into (see
`netspec.execute.ranks`).
Progress goes to standard output, a line of JSON each; whatever a simulator prints goes to
standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType

from netspec.errors import NetspecError, SimulationFailed
from netspec.execute import ranks
from netspec.execute.contract import get_backend
from netspec.execute.manifest import manifest_of
from netspec.execute.request import ORDERS
from netspec.execute.results import write_run


def _end_with_parent() -> None:
    """Ask Linux to kill this process when the parent dies, however it dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _as_rank(folder: Path) -> int:
    """Write to files of this rank's own from now on, and end the whole job on an error."""
    rank = ranks.own_rank()
    (folder / f"{rank}.pid").write_text(str(os.getpid()))
    log = os.open(folder / f"{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)

    def end_job(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        _explain(kind, error, trace)
        sys.stderr.flush()
        (folder / f"{rank}.failed").touch()
        # at a usual exit MPI would wait for the other ranks, which wait for this one
        os._exit(1)

    sys.excepthook = end_job
    return rank


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, NetspecError):  # says all there is to say; a traceback would bury it
        print(f"{kind.__name__}: {error}", file=sys.stderr)
    else:
        traceback.print_exception(kind, error, trace)


def main(request_file: str, *results: str) -> None:
    """Run the requests in `request_file` and write `results`."""
    # keep our own standard output for progress, whatever the simulator writes to it
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _end_with_parent()
    sys.excepthook = _explain
    started = time.perf_counter()
    orders = ORDERS.validate_json(Path(request_file).read_bytes())
    first, paths = orders[0].request, [Path(result) for result in results]
    rank = _as_rank(paths[0]) if first.ranks > 1 else 0
    os.environ.update(ranks.thread_defaults(first.threads))

    def progress(phase: str, fraction: float) -> None:
        if rank == 0:
            channel.write(json.dumps({"phase": phase, "fraction": round(fraction, 4)}) + "\n")

    backend = get_backend(first.backend)
    plans = [backend.plan(order.request) for order in orders]
    for plan, order in zip(plans, orders, strict=True):
        if plan.digest != order.digest:
            raise SimulationFailed(
                "this process would run another plan than the one it was asked for: the code, a "
                "version, or what decides an option has changed meanwhile"
            )
        plan.ledger.check(plan.request.approximations)
    if first.ranks > 1:
        paths = [ranks.part(paths[0], rank)]
    recordings = backend.execute(plans, progress)
    # each is written when it is there: what fails later does not take it along
    for path, plan, recording in zip(paths, plans, recordings, strict=True):
        recording.check(plan.request)
        recording.seconds["total"] = time.perf_counter() - started
        write_run(path, manifest_of(plan, recording), recording)


if __name__ == "__main__":
    main(*sys.argv[1:])
