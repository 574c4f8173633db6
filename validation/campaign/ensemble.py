"""Seeds times backends: run them all side by side, and keep what succeeds."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from netspec.circuits import known
from netspec.errors import SimulationFailed
from netspec.execute.child import label
from netspec.execute.contract import Plan, Progress, RunRequest, get_backend
from netspec.execute.machine import free_memory
from netspec.execute.results import Run
from netspec.execute.running import alike, execute_plans, planned, result_path

SHARE_OF_MEMORY = 0.8  # of what is free when the first run starts


@dataclass(frozen=True)
class Finished:
    """One plan and its run, or the reason why there is none."""

    plan: Plan
    run: Run | None
    failure: str = ""

    @property
    def request(self) -> RunRequest:
        """What was asked for."""
        return self.plan.request


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


def run_all(requests: Sequence[RunRequest], out: Path, **how: Any) -> list[Finished]:
    """Run all requests, see `run_plans`.

    Requests that cannot be run at all (backend missing, approximation not agreed to) raise
    before anything runs.
    """
    return run_plans([planned(request) for request in requests], out, **how)


def run_plans(
    plans: Sequence[Plan],
    out: Path,
    *,
    force: bool = False,
    time_limit: float | None = None,
    room: Room | None = None,
    batch: int = 1,
    progress: Progress = lambda phase, fraction: None,
) -> list[Finished]:
    """Run all plans, each in a child process; a failure of one does not lose the others.

    Parameters
    ----------
    batch : int
        Plans in a row that share a child process at most, where only networks and seeds differ
        (`netspec.execute.running.execute_plans`). What such a process leaves undone is run by
        itself.

    Returns
    -------
    list of Finished
        In the order of the plans, whatever the order in which they ended.
    """
    stop = threading.Event()
    gate = _Gate(room or Room(), stop)

    def some(group: Sequence[Plan]) -> list[Finished]:
        name = label([plan.request for plan in group])
        missing = [plan for plan in group if force or not result_path(plan, out).exists()]
        limit = None if time_limit is None else time_limit * len(group)
        try:
            with gate.passed(missing):
                if stop.is_set():
                    return [Finished(plan, None, "stopped") for plan in group]
                runs = execute_plans(
                    group, out, force=force, time_limit=limit, stop=stop,
                    progress=lambda phase, fraction: progress(f"{name}: {phase}", fraction),
                )  # fmt: skip
                return [Finished(*pair) for pair in zip(group, runs, strict=True)]
        except (SimulationFailed, OSError) as error:
            return [Finished(plan, None, str(error)) for plan in group]

    progress("all runs", 0.0)
    groups = list(_groups(plans, batch))
    with ThreadPoolExecutor(max_workers=gate.most) as pool:
        futures = [pool.submit(some, group) for group in groups]
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress("all runs", count / len(groups))
        except BaseException:  # Ctrl-C too: the children would go on by themselves
            stop.set()
            gate.open()
            pool.shutdown(cancel_futures=True)
            raise
    finished = [entry for future in futures for entry in future.result()]
    company = [len(group) > 1 for group in groups for _ in group]
    lost = [k for k, entry in enumerate(finished) if entry.run is None and company[k]]
    if lost:
        progress(f"{len(lost)} runs by themselves", 0.0)
        again = run_plans(
            [plans[k] for k in lost], out, force=force, time_limit=time_limit, room=room,
            progress=progress,
        )  # fmt: skip
        for k, entry in zip(lost, again, strict=True):
            finished[k] = entry
    return finished


def _groups(plans: Sequence[Plan], most: int) -> Iterator[list[Plan]]:
    """Yield plans that share a process: in a row, alike, on one rank, at most so many."""
    for _, found in groupby(plans, lambda plan: alike(plan.request)):
        row = list(found)
        number = most if row[0].request.ranks == 1 else 1
        yield from (row[k : k + number] for k in range(0, len(row), number))


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
    def passed(self, group: Sequence[Plan]) -> Iterator[None]:
        """Wait for room for a process that runs these plans, if there are any, and take it."""
        if not group:
            yield
            return
        threads = group[0].request.virtual_processes
        memory = get_backend(group[0].request.backend).memory(group)
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


def cost(done: Sequence[Finished], room: Room) -> float:
    """Return the wall time of more such runs in seconds, with as many side by side as may be.

    Parameters
    ----------
    done : sequence of Finished
        Runs that succeeded; what they took stands in their files.
    room : Room
    """
    processors = len(os.sched_getaffinity(0))
    jobs = room.jobs or processors
    return sum(
        float(entry.run.manifest["seconds"]["total"])
        * min(1.0, max(entry.request.virtual_processes / processors, 1 / jobs))
        for entry in done
        if entry.run is not None
    )


def published_rates(circuit: str | None, sizes: Mapping[str, int]) -> dict[str, float]:
    """Return published rates of a circuit's populations (spikes/s), if there are any.

    Parameters
    ----------
    circuit : str or None
        Name of the circuit that the network is.
    sizes : mapping
        Population -> number of neurons.
    """
    found = known(circuit)
    return {} if found is None else found.published_rates(sizes)
