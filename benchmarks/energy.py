"""Energy and memory of a GPU, as its own counters say (NVML), where nvidia-ml-py is installed."""

from __future__ import annotations

from typing import Any

SCOPE = (
    "the GPU board alone (NVML's total energy counter) over the counted time; no processor, host "
    "memory, power supply or cooling"
)


def _nvml() -> Any:
    try:
        import pynvml
    except ImportError:
        return None
    return pynvml


def scope(gpu: bool) -> str:
    """Say what is measured."""
    if not gpu:
        return "not measured (no counter of a GPU)"
    return SCOPE if _nvml() else "not measured (nvidia-ml-py is not installed)"


class Meter:
    """Reads the counters of the first GPU when told to.

    Attributes
    ----------
    largest_mib : float or None
        Most memory in use on the GPU at any reading, less what was in use at the start.
    """

    def __init__(self, gpu: bool) -> None:
        self.nvml = _nvml() if gpu else None
        self.readings: list[float] = []  # joule
        self.largest_mib: float | None = None
        if self.nvml:
            self.nvml.nvmlInit()
            self.card = self.nvml.nvmlDeviceGetHandleByIndex(0)
            self.before = self._used()

    def _used(self) -> float:
        return float(self.nvml.nvmlDeviceGetMemoryInfo(self.card).used) / 2**20

    def mark(self) -> None:
        """Read the counters."""
        if self.nvml:
            self.readings.append(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.card) / 1000)
            self.largest_mib = max(self.largest_mib or 0.0, self._used() - self.before)

    def joule(self) -> float | None:
        """Return the energy between the first and the last reading, None of fewer than two."""
        return self.readings[-1] - self.readings[0] if len(self.readings) > 1 else None
