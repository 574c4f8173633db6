"""The memory of this process, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


def memory_mib(field: str = "VmRSS") -> float:
    """Return the resident memory of this process in MiB, now or at its peak (``VmHWM``).

    Read from the process's own status: ``getrusage`` would include the parent's size at fork.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return float("nan")
