"""`netspec.describe.distributions` and `.given`, by the name that the guide uses."""

from netspec.describe.distributions import (
    MIN_ACCEPTANCE,
    Constant,
    Distribution,
    Drawn,
    Exponential,
    Gamma,
    Kinds,
    LogNormal,
    Normal,
    Real,
    Uniform,
    UniformInteger,
)

__all__ = [
    "MIN_ACCEPTANCE",
    "Constant",
    "Distribution",
    "Drawn",
    "Exponential",
    "Gamma",
    "Kinds",
    "LogNormal",
    "Normal",
    "Real",
    "Uniform",
    "UniformInteger",
]
