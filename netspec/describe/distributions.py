"""Values and distributions for weights, delays, parameters and initial values.

Parameters of distributions are quantities, with units; their names are those of NEST, PyNN and
NumPy where these agree. Values one by one and formulas stand in `netspec.describe.given`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from netspec.describe.drawn import MIN_ACCEPTANCE, Bounded, Constant, Drawn, Floats, Real
from netspec.describe.fields import Described, Quantity
from netspec.describe.positive import Exponential, Gamma, LogNormal, Scaled

__all__ = [
    "MIN_ACCEPTANCE",
    "Bounded",
    "Constant",
    "Distribution",
    "Drawn",
    "Exponential",
    "Gamma",
    "Kinds",
    "LogNormal",
    "Normal",
    "Real",
    "Scaled",
    "Uniform",
    "UniformInteger",
]


class Between(Drawn):
    """What lies between two ends; one value where both are the same.

    A class of this kind declares the fields itself, so that they stand after its own in files.
    """

    if TYPE_CHECKING:
        low: Quantity
        high: Quantity

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        self.sound()
        if not self.low <= self.high:
            raise ValueError(f"low {self.low:g} must not exceed high {self.high:g}")
        return self

    def sound(self) -> None:
        """Raise a ValueError if an end is none, whatever the other."""
        return

    def fixed(self) -> float | None:
        """Return the one value there is if `low` is `high`, or else None."""
        return self.low if self.low == self.high else None

    def extremes(self) -> tuple[float, float]:
        """Return (low, high)."""
        return self.low, self.high


class Uniform(Between):
    """Uniform on [low, high); one value where both are the same."""

    kind: Literal["uniform"] = "uniform"
    low: Quantity
    high: Quantity

    def typical(self) -> float:
        """Return the middle."""
        return (self.low + self.high) / 2

    def share_below(self, limit: float) -> float:
        """Return the share of samples below `limit`."""
        if self.low == self.high:
            return float(self.low < limit)
        return min(1.0, max(0.0, (limit - self.low) / (self.high - self.low)))

    def quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares of all samples lie, of the same shape."""
        return self.low + share * (self.high - self.low)

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        span = self.high - self.low
        return (generator.random(size, dtype) * dtype(span)) + dtype(self.low)


class UniformInteger(Between):
    """The whole numbers from `low` to `high`, both included, each as likely as the others.

    NEST and PyNN call it ``uniform_int``. Of a quantity, whole numbers of its canonical unit
    (pA, mV, ms, nS, pF).
    """

    kind: Literal["uniform_int"] = "uniform_int"
    low: Quantity
    high: Quantity

    def sound(self) -> None:
        """Raise a ValueError if an end is no whole number."""
        for name, value in (("low", self.low), ("high", self.high)):
            if value != round(value) or abs(value) > 2**53:
                raise ValueError(f"{name} {value:g} must be a whole number, at most 2^53")

    @property
    def count(self) -> int:
        """Of the numbers that can be drawn."""
        return round(self.high - self.low) + 1

    def typical(self) -> float:
        """Return the whole number in the middle, the lower of two."""
        return float(self.low + (self.count - 1) // 2)

    def share_below(self, limit: float) -> float:
        """Return the share of samples below `limit`."""
        return min(self.count, max(0, math.ceil(limit - self.low))) / self.count

    def quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares of all samples lie, of the same shape."""
        return np.minimum(self.low + np.floor(share * self.count), self.high)

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        drawn = generator.integers(0, self.count, size)
        return (drawn + self.low).astype(dtype)


class Normal(Bounded):
    """Normal distribution, optionally kept within bounds; one value where `sd` is zero.

    Attributes
    ----------
    mean, sd : float
        Of the distribution before clipping.
    low, high : float or None
        Bounds; None is unbounded.
    clip : {"redraw", "bound"}
        What happens to a sample outside: it is drawn again, or set to the bound.
    """

    kind: Literal["normal"] = "normal"
    mean: Quantity
    sd: Quantity
    low: Quantity | None = None
    high: Quantity | None = None
    clip: Literal["redraw", "bound"] = "redraw"

    def sound(self) -> None:
        """Raise a ValueError if `sd` is negative."""
        if self.sd < 0:
            raise ValueError(f"sd {self.sd:g} must not be negative")

    def support(self) -> tuple[float, float]:
        """Return infinities, or the mean twice."""
        return (-math.inf, math.inf) if self.sd else (self.mean, self.mean)

    def below(self, value: float) -> float:
        """Return the share below `value` without bounds."""
        return 0.5 * math.erfc((self.mean - value) / (self.sd * math.sqrt(2)))

    def middle(self) -> float:
        """Return the mean."""
        return self.mean

    def tails(self, share: float, deviations: float) -> tuple[float, float]:
        """Return the values so many standard deviations from the mean."""
        return self.mean - deviations * self.sd, self.mean + deviations * self.sd

    def free_quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares lie without bounds."""
        from scipy.special import ndtri  # slow to load, and most descriptions never ask

        return self.mean + self.sd * np.asarray(ndtri(share))

    def _free(self, size: int, generator: np.random.Generator, dtype: type[Real]) -> NDArray[Real]:
        values = generator.standard_normal(size, dtype)
        values *= dtype(self.sd)
        values += dtype(self.mean)
        return values


def _shorthand(value: Any) -> Any:
    """Let a bare number or quantity stand for a constant."""
    if isinstance(value, (str, int, float, np.number)) and not isinstance(value, bool):
        return Constant(value=value)
    if not isinstance(value, (dict, Described)) or _one_by_one(value):
        raise ValueError(
            "a number, a quantity such as '87.8 pA', or a table with kind = constant, uniform, "
            "uniform_int, normal, lognormal, gamma or exponential; values of single synapses stand "
            "in a rule of kind 'explicit'"
        )
    return value


def _one_by_one(value: Any) -> bool:
    """Return whether these are values of neurons, which synapses cannot have."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind in ("array", "formula")


Kinds = Annotated[
    Constant | Uniform | UniformInteger | Normal | LogNormal | Gamma | Exponential,
    Field(discriminator="kind"),
]
Distribution = Annotated[
    Kinds, BeforeValidator(_shorthand, json_schema_input_type=float | str | Kinds)
]
