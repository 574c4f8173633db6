"""`netspec.describe.distributions`, `Array` and `Formula`, by the name that the guide uses."""

from netspec.describe.arrays import Array
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
from netspec.describe.formulas import Formula

__all__ = [
    "MIN_ACCEPTANCE",
    "Array",
    "Constant",
    "Distribution",
    "Drawn",
    "Exponential",
    "Formula",
    "Gamma",
    "Kinds",
    "LogNormal",
    "Normal",
    "Real",
    "Uniform",
    "UniformInteger",
]
