"""The child process: one request in, one result file out.

Called as ``python -m netspec.backends.worker REQUEST.json RESULT.h5``. Progress goes to
standard output, a line of JSON each; whatever a simulator prints goes to standard error.
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
from pathlib import Path

from netspec.backend import RunRequest, get_backend, versions
from netspec.errors import NetspecError
from netspec.results import write_run
from netspec.serialization import spec_hash


def peak_memory_mib() -> float:
    """Return the peak resident memory of this process in MiB.

    Read from the process's own status: ``getrusage`` would include the parent's size at fork.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _end_with_parent() -> None:
    """Ask Linux to kill this process when the parent dies, however it dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main(request_file: str, result_file: str) -> None:
    """Run the request in `request_file` and write `result_file`."""
    # keep our own standard output for progress, whatever the simulator writes to it
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def progress(phase: str, fraction: float) -> None:
        channel.write(json.dumps({"phase": phase, "fraction": round(fraction, 4)}) + "\n")

    _end_with_parent()
    started = time.perf_counter()
    request = RunRequest.model_validate_json(Path(request_file).read_text())
    backend = get_backend(request.backend)
    ledger = backend.ledger(request)
    ledger.check(request.approximations)
    outcome = backend.execute(request, progress)
    simulation, network, used = request.simulation, request.network, request.realisation
    manifest = {
        "name": network.name,
        "description": network.description,
        "spec_hash": spec_hash(network),
        "request_hash": request.content_hash(backend),
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
                "interval": simulation.steps(recorder.interval or simulation.dt, minimum=1),
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
        "threads": request.threads,
        "options": backend.resolved_options(request),
        "approximations": ledger.approximations(),
        "ledger": ledger.model_dump(mode="json")["entries"],
        "synapses": outcome.synapses,
        "versions": {**versions(backend), "python": platform.python_version()},
        "info": outcome.info,
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
        "seconds": {
            **{phase: round(value, 4) for phase, value in outcome.seconds.items()},
            "total": round(time.perf_counter() - started, 4),
        },
        "peak_memory_mib": round(peak_memory_mib(), 1),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    write_run(Path(result_file), manifest, outcome)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except NetspecError as error:  # says all there is to say; a traceback would bury it
        sys.exit(f"{type(error).__name__}: {error}")
