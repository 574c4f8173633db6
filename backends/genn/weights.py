"""Weights of single synapses: 32-bit floats, or the steps of a grid, which take 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.describe import connectivity as rules
from netspec.describe.grid import TAIL
from netspec.describe.network import Projection

STEPS = 2**16 - 1


@dataclass(frozen=True)
class Grid:
    """Weights lowest + unit * k, k = 0 ... 65535."""

    lowest: float
    unit: float

    def steps(self, weights: ArrayLike) -> NDArray[np.uint16]:
        """Return the k nearest to each weight."""
        steps = (np.asarray(weights, float) - self.lowest) / self.unit
        return np.clip(np.rint(steps), 0, STEPS).astype(np.uint16)

    def weights(self, steps: NDArray[np.uint16]) -> NDArray[np.float64]:
        """Return the weights that steps stand for."""
        return self.lowest + self.unit * steps.astype(np.float64)


def fixed_weight(projection: Projection) -> float | None:
    """Return the weight of all synapses, or None if each has its own."""
    if isinstance(projection.rule, rules.Explicit) and projection.rule.weight is not None:
        return None
    return projection.weight.fixed()


def grid(projection: Projection) -> Grid | None:
    """Return a grid for all weights that a projection can have; None if they are one."""
    if fixed_weight(projection) is not None:
        return None
    rule, weight = projection.rule, projection.weight
    if isinstance(rule, rules.Explicit) and rule.weight is not None:
        low, high = min(rule.weight, default=0.0), max(rule.weight, default=0.0)
    else:
        low, high = weight.reach(TAIL)
    return Grid(low, (high - low) / STEPS or 1.0)
