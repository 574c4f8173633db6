"""What is usual of quantities: outside lies a slip of 1000 rather than a neuron.

What is usual of a neuron's parameter stands in its model.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plausible:
    """What is usual of a quantity.

    Attributes
    ----------
    low, high : float or None
        In the quantity's unit; None is unbounded.
    of_size : bool
        Whether of the size, whatever the sign; zero is no slip then.
    negative : str
        Why a value below zero is none; empty if it may be one.
    """

    low: float | None = None
    high: float | None = None
    of_size: bool = False
    negative: str = ""


LONGEST_DELAY = 200.0  # ms
DELAY = Plausible(0.01, LONGEST_DELAY)

# by unit
WEIGHT = {
    "pA": Plausible(0.1, 2e4, of_size=True),
    "nS": Plausible(
        0.01,
        200.0,
        of_size=True,
        negative="a conductance is not negative: what inhibits is its reversal potential.",
    ),
    "mV": Plausible(1e-3, 50.0, of_size=True),
    "1": Plausible(1e-4, 1e3, of_size=True),
}
CURRENT = {"pA": Plausible(0.1, 2e4, of_size=True)}
COUPLING = {"nS": Plausible(1e-3, 200.0, of_size=True)}
STATE = {"mV": Plausible(-200.0, 100.0)}
