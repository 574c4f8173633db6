"""Seeds times backends: run them all side by side, and keep what succeeds."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from netspec.backend import Backend, Progress, RunRequest, get_backend
from netspec.circuits.microcircuit import FULL_SCALE_RATES, POPULATIONS, SIZES
from netspec.errors import BackendMissing, SimulationFailed
from netspec.machine import free_memory
from netspec.results import Run
from netspec.running import execute_together, result_path

SHARE_OF_MEMORY = 0.8  # of what is free when the first run starts


@dataclass(frozen=True)
class Finished:
    """One request and its run, or the reason why there is none."""

    request: RunRequest
    run: Run | None
    failure: str = ""


@dataclass(frozen=True)
class Room:
    """What runs may use together.

    Attributes
    ----------
    jobs : int or None
        Runs side by side; None for as many as their threads leave processors for.
    memory : int or None
        Bytes, by the backends' own estimates; None for most of what is free. A run that needs
        more than this has it for itself.
    """

    jobs: int | None = None
    memory: int | None = None


def run_all(
    requests: Sequence[RunRequest],
    out: Path,
    *,
    force: bool = False,
    time_limit: float | None = None,
    room: Room | None = None,
    batch: int = 1,
    progress: Progress = lambda phase, fraction: None,
) -> list[Finished]:
    """Run all requests, each in a child process; a failure of one does not lose the others.

    Requests that cannot be run at all (backend missing, approximation not agreed to) raise
    before anything runs.

    Parameters
    ----------
    batch : int
        Requests in a row that share a child process, where they differ in networks and seeds only
        (`netspec.running.execute_together`). If that fails, each is run by itself.

    Returns
    -------
    list of Finished
        In the order of the requests, whatever the order in which they ended.
    """
    for request in {r.backend: r for r in requests}.values():
        _check(get_backend(request.backend), request)
    stop = threading.Event()
    gate = _Gate(room or Room(), stop)

    def some(batch: Sequence[RunRequest]) -> list[Finished]:
        label = f"{batch[0].backend}, seed {batch[0].simulation.seed}"
        label += f" and {len(batch) - 1} more" if len(batch) > 1 else ""
        there = not force and all(result_path(request, out).exists() for request in batch)
        try:
            with gate.passed(batch, free=there):
                if stop.is_set():
                    return [Finished(request, None, "stopped") for request in batch]
                runs = execute_together(
                    batch, out, force=force, time_limit=time_limit, stop=stop,
                    progress=lambda phase, fraction: progress(f"{label}: {phase}", fraction),
                )  # fmt: skip
                return [Finished(*pair) for pair in zip(batch, runs, strict=True)]
        except (SimulationFailed, OSError) as error:
            if len(batch) == 1 or stop.is_set():
                return [Finished(request, None, str(error)) for request in batch]
        return [finished for request in batch for finished in some([request])]

    progress("all runs", 0.0)
    batches = [requests[k : k + batch] for k in range(0, len(requests), batch)]
    with ThreadPoolExecutor(max_workers=gate.most) as pool:
        futures = [pool.submit(some, batch) for batch in batches]
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress("all runs", count / len(batches))
        except BaseException:  # Ctrl-C too: the children would go on by themselves
            stop.set()
            gate.open()
            pool.shutdown(cancel_futures=True)
            raise
    return [finished for future in futures for finished in future.result()]


def _check(backend: Backend, request: RunRequest) -> None:
    backend.check_options(request)
    status = backend.status()
    if not status.available:
        raise BackendMissing(f"{request.backend} is not installed. {status.how_to_get}")
    backend.ledger(request).check(request.approximations)


class _Gate:
    """Lets runs pass while processors and memory last."""

    def __init__(self, room: Room, stop: threading.Event) -> None:
        self.stop, self.jobs = stop, room.jobs
        self.processors = len(os.sched_getaffinity(0))
        free = int(SHARE_OF_MEMORY * (free_memory() or 2**33))
        self.memory = free if room.memory is None else room.memory
        self.changed = threading.Condition()
        self.running = self.threads = self.bytes = 0

    @property
    def most(self) -> int:
        """Runs side by side at most."""
        return self.jobs or self.processors

    def _fits(self, threads: int, memory: int) -> bool:
        if self.running == 0 or self.stop.is_set():
            return True
        if self.jobs is None and self.threads + threads > self.processors:
            return False
        return self.running < self.most and self.bytes + memory <= self.memory

    @contextmanager
    def passed(self, batch: Sequence[RunRequest], *, free: bool) -> Iterator[None]:
        """Wait for room and take it; results that are there already need none."""
        if free:
            yield
            return
        backend, threads = get_backend(batch[0].backend), batch[0].virtual_processes
        memory = sum(backend.memory(request) for request in batch)
        with self.changed:
            self.changed.wait_for(lambda: self._fits(threads, memory))
            self._take(1, threads, memory)
        try:
            yield
        finally:
            with self.changed:
                self._take(-1, threads, memory)
                self.changed.notify_all()

    def open(self) -> None:
        """Wake all that wait, after `stop` was set."""
        with self.changed:
            self.changed.notify_all()

    def _take(self, sign: int, threads: int, memory: int) -> None:
        self.running += sign
        self.threads += sign * threads
        self.bytes += sign * memory


def published_rates(network: str, sizes: Mapping[str, int]) -> dict[str, float]:
    """Return published full-scale rates of a circuit's populations (spikes/s), if there are any.

    Parameters
    ----------
    network : str
        Name of the network.
    sizes : mapping
        Population -> number of neurons.
    """
    full = dict(zip(POPULATIONS, SIZES, strict=True))
    if network != "microcircuit" or sizes != full:
        return {}
    return dict(zip(POPULATIONS, FULL_SCALE_RATES, strict=True))
