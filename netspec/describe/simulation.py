"""How long, how finely and with which seed a network is simulated."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, StrictInt, model_validator

from netspec.describe.fields import Described, Milliseconds, in_unit


class Simulation(Described):
    """Time step, durations and seed; apart from the network.

    Attributes
    ----------
    dt : float
        Time step in ms.
    warmup : float
        Model time in ms that is simulated first and not counted.
    duration : float
        Model time in ms that counts.
    seed : int
        Keys every random stream of netspec and of the simulator.
    """

    dt: Annotated[float, in_unit("ms", 1e-4, 10.0)] = 0.1
    warmup: Milliseconds = 500.0
    duration: Milliseconds = 1000.0
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 1

    @model_validator(mode="after")
    def _on_grid(self) -> Simulation:
        for field in ("warmup", "duration"):
            value = getattr(self, field)
            if value < 0 or abs(value / self.dt - round(value / self.dt)) > 1e-6:
                raise ValueError(f"{field} {value:g} ms must be a multiple of dt {self.dt:g} ms")
        if self.duration <= 0:
            raise ValueError(f"duration {self.duration:g} ms must be positive")
        if self.total_steps >= 2**31:
            raise ValueError(f"{self.total_steps} steps; at most 2^31 - 1 fit")
        return self

    @property
    def warmup_steps(self) -> int:
        """Steps before counting begins."""
        return round(self.warmup / self.dt)

    @property
    def total_steps(self) -> int:
        """All steps."""
        return self.warmup_steps + round(self.duration / self.dt)

    def steps(self, time: float, minimum: int = 0) -> int:
        """Return a time in ms as the nearest whole number of steps (halves round up)."""
        return max(minimum, int(self.steps_of(time)))

    def steps_of(self, times: ArrayLike) -> NDArray[np.int64]:
        """Return times in ms as the nearest whole numbers of steps, of the same shape."""
        return np.floor(np.asarray(times, float) / self.dt + 0.5 + 1e-9).astype(np.int64)

    def at_seed(self, seed: int) -> Simulation:
        """Return a copy with another seed."""
        return Simulation(**{**self.model_dump(), "seed": seed})
