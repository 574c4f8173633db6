"""Times that were written with too few digits: from some power of ten on, they lack the last ones.

Programs that write six digits leave none behind the point from 100,000 on. All later times are then
multiples of many steps, which a few of them are by chance, and many are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ON_GRID = 0.01  # steps by which a time may miss the grid
SURE = 6  # powers of ten by which chance is excluded
LIKELY = 2  # the same where six digits are too few
SIX_DIGITS = 1e6  # steps, from which on they are


@dataclass(frozen=True)
class Coarse:
    """What is odd about times.

    Attributes
    ----------
    begin : float
        From which time on, a power of ten.
    divisor : int
        Number of steps of which all of these are multiples.
    finer : bool
        Whether earlier times are no such multiples.
    sure : bool
        Whether chance is excluded.
    """

    begin: float
    divisor: int
    finer: bool
    sure: bool


def coarse(times: NDArray[np.float64], steps: NDArray[np.float64]) -> Coarse | None:
    """Say from where on all times are multiples of many steps; None if they are not.

    Parameters
    ----------
    times : ndarray of float64, shape (n,)
        As they stand in the file, above 0.
    steps : ndarray of float64, shape (n,)
        The same in steps, whole or not.
    """
    powers = np.floor(np.log10(times)).astype(int)
    below, found = 0, None  # common divisor of all that came before; 0 of nothing
    for power in np.unique(powers).tolist():
        mine = steps[powers == power]
        whole = np.rint(mine)
        divisor = 1
        if np.all(np.abs(mine - whole) < ON_GRID):
            divisor = int(np.gcd.reduce(whole.astype(np.int64)))
        chance = len(np.unique(whole)) * math.log10(divisor) if divisor > 1 else 0.0
        if chance > SURE or (chance >= LIKELY and whole.min() >= SIX_DIGITS):
            if found is None or divisor % found.divisor:
                found = Coarse(10.0**power, divisor, bool(below % divisor), chance > SURE)
        elif found is not None and divisor % found.divisor:
            found = None  # later times have their digits
        below = math.gcd(below, divisor)
    return found
