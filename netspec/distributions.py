"""`netspec.describe.distributions`, by the name that the guide uses."""

from netspec.describe.distributions import (
    MIN_ACCEPTANCE,
    Constant,
    Distribution,
    Drawn,
    Kinds,
    Normal,
    Real,
    Uniform,
)

__all__ = [
    "MIN_ACCEPTANCE",
    "Constant",
    "Distribution",
    "Drawn",
    "Kinds",
    "Normal",
    "Real",
    "Uniform",
]
