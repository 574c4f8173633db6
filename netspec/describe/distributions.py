"""Values and distributions for weights, delays, parameters and initial values."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_serializer, model_validator

from netspec.describe.fields import Described, Quantity

# A redraw that accepts fewer samples than this is a slip in the bounds, and would take for ever.
MIN_ACCEPTANCE = 1e-4

Real = TypeVar("Real", np.float32, np.float64)


class Drawn(Described):
    """What all distributions answer, in the unit that they are given in."""

    def fixed(self) -> float | None:
        """Return the one value that can be drawn, or None if there are several."""
        return None

    @abstractmethod
    def extremes(self) -> tuple[float, float]:
        """Return the smallest and largest value that can be drawn (infinite if unbounded)."""

    @abstractmethod
    def typical(self) -> float:
        """Return the value, the middle or the mean: what is plausible or not."""

    @abstractmethod
    def share_below(self, limit: float) -> float:
        """Return the share of samples below `limit` (clipping included)."""

    def cut(self, deviations: float) -> Self:
        """Return it without what lies beyond so many standard deviations above the mean."""
        return self

    def converted(self, convert: Callable[[float], float]) -> Self:
        """Return a copy with every quantity in it converted."""
        changed = {
            field: convert(value)
            for field in type(self).model_fields
            if isinstance(value := getattr(self, field), float)
        }
        return self.model_copy(update=changed)

    def sample(
        self,
        size: int,
        generator: np.random.Generator,
        dtype: type[Real] = np.float64,  # type: ignore[assignment]
    ) -> NDArray[Real]:
        """Draw `size` samples.

        Parameters
        ----------
        size : int
            Number of samples.
        generator : numpy.random.Generator
            The stream to draw from; it stays where it is if one value can be drawn only.
        dtype : type
            ``numpy.float64``, or ``numpy.float32`` for synaptic weights.

        Returns
        -------
        ndarray, shape (size,)
            In the unit of the distribution.
        """
        value = self.fixed()
        if value is not None:
            return np.full(size, value, dtype)
        return self._several(size, generator, dtype)

    @abstractmethod
    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        """Draw `size` samples of a distribution that has more than one value."""


class Constant(Drawn):
    """One value for all."""

    kind: Literal["constant"] = "constant"
    value: Quantity

    @model_serializer
    def _as_number(self) -> float:
        # a bare number means a constant, in files as in Python
        return self.value

    def fixed(self) -> float:
        """Return the value."""
        return self.value

    def extremes(self) -> tuple[float, float]:
        """Return the value, twice."""
        return self.value, self.value

    def typical(self) -> float:
        """Return the value."""
        return self.value

    def share_below(self, limit: float) -> float:
        """Return 1 if the value lies below `limit`, or else 0."""
        return float(self.value < limit)

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        return np.full(size, self.value, dtype)


class Uniform(Drawn):
    """Uniform on [low, high); one value where both are the same."""

    kind: Literal["uniform"] = "uniform"
    low: Quantity
    high: Quantity

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if not self.low <= self.high:
            raise ValueError(f"low {self.low:g} must not exceed high {self.high:g}")
        return self

    def fixed(self) -> float | None:
        """Return the one value there is if `low` is `high`, or else None."""
        return self.low if self.low == self.high else None

    def extremes(self) -> tuple[float, float]:
        """Return (low, high)."""
        return self.low, self.high

    def typical(self) -> float:
        """Return the middle."""
        return (self.low + self.high) / 2

    def share_below(self, limit: float) -> float:
        """Return the share of samples below `limit`."""
        if self.low == self.high:
            return float(self.low < limit)
        return min(1.0, max(0.0, (limit - self.low) / (self.high - self.low)))

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        span = self.high - self.low
        return (generator.random(size, dtype) * dtype(span)) + dtype(self.low)


class Normal(Drawn):
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

    @model_validator(mode="after")
    def _possible(self) -> Normal:
        if self.sd < 0:
            raise ValueError(f"sd {self.sd:g} must not be negative")
        low, high = self.bounds()
        if not low <= high:
            raise ValueError(f"low {low:g} must not exceed high {high:g}")
        if self.clip == "redraw" and self.acceptance() < MIN_ACCEPTANCE:
            raise ValueError(
                f"only a fraction {self.acceptance():.1e} of the samples lies in "
                f"[{low:g}, {high:g}]; at least {MIN_ACCEPTANCE:g} is needed to redraw"
            )
        return self

    def bounds(self) -> tuple[float, float]:
        """Return (low, high) with infinities for None."""
        return (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )

    def acceptance(self) -> float:
        """Return the share of unclipped samples within the bounds."""
        low, high = self.bounds()
        if self.sd == 0:
            return float(low <= self.mean <= high)

        def below(x: float) -> float:
            return 0.5 * math.erfc((self.mean - x) / (self.sd * math.sqrt(2)))

        return below(high) - below(low)

    def fixed(self) -> float | None:
        """Return the mean, within the bounds, if `sd` is zero, or else None."""
        low, high = self.bounds()
        return min(max(self.mean, low), high) if self.sd == 0 else None

    def extremes(self) -> tuple[float, float]:
        """Return the bounds, infinite if there are none; the one value if there is one."""
        value = self.fixed()
        return self.bounds() if value is None else (value, value)

    def typical(self) -> float:
        """Return the mean before clipping, or the one value that can be drawn."""
        value = self.fixed()
        return self.mean if value is None else value

    def cut(self, deviations: float) -> Self:
        """Return it with a high bound, at most so many standard deviations above the mean."""
        high = self.mean + deviations * self.sd
        if self.fixed() is None and (self.high is None or self.high > high):
            return self.model_copy(update={"high": high})
        return self

    def share_below(self, limit: float) -> float:
        """Return the share of samples below `limit` (clipping included)."""
        value = self.fixed()
        if value is not None:
            return float(value < limit)
        low, high = self.bounds()
        if limit <= low or limit > high:
            return float(limit > high)
        free = self.model_copy(update={"low": None, "high": limit})
        if self.clip == "bound":
            return free.acceptance()
        inside = self.model_copy(update={"high": limit})
        return inside.acceptance() / self.acceptance()

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        values = generator.standard_normal(size, dtype)
        values *= dtype(self.sd)
        values += dtype(self.mean)
        low, high = (dtype(bound) for bound in self.bounds())
        if self.clip == "bound":
            return np.clip(values, low, high, out=values)
        if self.low is None and self.high is None:
            return values
        outside = np.flatnonzero((values < low) | (values > high))
        while outside.size:
            again = generator.standard_normal(outside.size, dtype) * dtype(self.sd)
            again += dtype(self.mean)
            values[outside] = again
            outside = outside[(again < low) | (again > high)]
        return values


def _shorthand(value: Any) -> Any:
    """Let a bare number or quantity stand for a constant."""
    if isinstance(value, (str, int, float, np.number)) and not isinstance(value, bool):
        return Constant(value=value)
    if not isinstance(value, (dict, Described)):
        raise ValueError(
            "a number, a quantity such as '87.8 pA', or a table with kind = constant, uniform or "
            "normal; values of single synapses stand in a rule of kind 'explicit'"
        )
    return value


Kinds = Annotated[Constant | Uniform | Normal, Field(discriminator="kind")]
Distribution = Annotated[
    Kinds, BeforeValidator(_shorthand, json_schema_input_type=float | str | Kinds)
]
