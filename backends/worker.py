"""The child process: requests in, one result file out for each.

Called as ``python -m netspec.backends.worker REQUESTS.json RESULT...``. RESULT is the file to
write, or, on many ranks, the folder that every rank writes its files into (see `netspec.ranks`).
Progress goes to standard output, a line of JSON each; whatever a simulator prints goes to
standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import json
import os
import platform
import signal
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from netspec import ranks
from netspec.audit import warnings
from netspec.backend import Plan, Recording, get_backend
from netspec.errors import NetspecError, SimulationFailed
from netspec.machine import memory_mib
from netspec.request import ORDERS
from netspec.results import write_run
from netspec.serialization import spec_hash


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
        write_run(path, _manifest(plan, recording), recording)


def _manifest(plan: Plan, recording: Recording) -> dict[str, Any]:
    request = plan.request
    simulation, network, used = request.simulation, request.network, request.realisation
    return {
        "name": network.name,
        "circuit": network.circuit,
        "description": network.description,
        "spec_hash": spec_hash(network),
        "request_hash": plan.digest,
        "backend": request.backend,
        "seed": simulation.seed,
        "simulation": simulation.model_dump(mode="json"),
        "warmup_steps": simulation.warmup_steps,
        "total_steps": simulation.total_steps,
        "sizes": {name: network.population(name).size for name in network.recorded()},
        "recorders": {
            recorder.name: {
                "population": recorder.target,
                "neurons": recorder.neurons,
                "interval": request.sampling_steps(recorder),
                "units": {
                    variable: network.model_of(recorder.target).units_of_states[variable]
                    for variable in recorder.variables
                },
            }
            for recorder in network.recorders
            if recorder.variables
        },
        "step_currents": [entry.model_dump(mode="json") for entry in network.step_currents],
        "connectivity": request.connectivity,
        "realisation": used and used.model_dump(mode="json", exclude={"file"}),
        "batch": recording.runs,
        "ranks": request.ranks,
        "threads": request.threads,
        "virtual_processes": request.virtual_processes,
        "options": dict(plan.options),
        "approximations": plan.ledger.approximations(),
        "ledger": plan.ledger.model_dump(mode="json")["entries"],
        "warnings": warnings(network, simulation),
        "synapses": recording.synapses,
        "versions": {**plan.versions, "python": platform.python_version()},
        "info": recording.info,
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
        "seconds": {phase: round(value, 4) for phase, value in recording.seconds.items()},
        "memory_mib": {phase: round(value, 1) for phase, value in recording.memory.items()},
        "peak_memory_mib": round(memory_mib("VmHWM"), 1),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
