"""Memory: what the machine at hand has to give, and what this process has taken."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def free_memory() -> int | None:
    """Return the bytes that are free, within a control group's limit; None if unknown."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        text = Path("/proc/meminfo").read_text()
        found.append(int(text.split("MemAvailable:")[1].split()[0]) * 1024)
    with suppress(OSError, ValueError):  # no number: "max"
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(found, default=None)


def memory_mib(field: str = "VmRSS") -> float:
    """Return the resident memory of this process in MiB, now or at its peak (``VmHWM``).

    Read from the process's own status: ``getrusage`` would include the parent's size at fork.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return float("nan")
