"""Values and distributions for weights, delays, parameters and initial values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_serializer, model_validator

from netspec.fields import Described, Quantity

# A redraw that accepts fewer samples than this is a slip in the bounds, and would take for ever.
MIN_ACCEPTANCE = 1e-4

Real = TypeVar("Real", np.float32, np.float64)


class Constant(Described):
    """One value for all."""

    kind: Literal["constant"] = "constant"
    value: Quantity

    @model_serializer
    def _as_number(self) -> float:
        # a bare number means a constant, in files as in Python
        return self.value


class Uniform(Described):
    """Uniform on [low, high)."""

    kind: Literal["uniform"] = "uniform"
    low: Quantity
    high: Quantity

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if not self.low <= self.high:
            raise ValueError(f"low {self.low:g} must not exceed high {self.high:g}")
        return self


class Normal(Described):
    """Normal distribution, optionally kept within bounds.

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


def map_values(distribution: Distribution, convert: Callable[[float], float]) -> Distribution:
    """Return a copy with every quantity in it converted."""
    changed = {
        field: convert(value)
        for field in ("value", "low", "high", "mean", "sd")
        if (value := getattr(distribution, field, None)) is not None
    }
    return distribution.model_copy(update=changed)


def fixed(distribution: Distribution) -> float | None:
    """Return the one value that can be drawn, or None if there are several."""
    if isinstance(distribution, Constant):
        return distribution.value
    if isinstance(distribution, Uniform):
        return distribution.low if distribution.low == distribution.high else None
    low, high = distribution.bounds()
    return min(max(distribution.mean, low), high) if distribution.sd == 0 else None


def extremes(distribution: Distribution) -> tuple[float, float]:
    """Return the smallest and largest value that can be drawn (infinite if unbounded)."""
    value = fixed(distribution)
    if value is not None:
        return value, value
    if isinstance(distribution, Normal):
        return distribution.bounds()
    return distribution.low, distribution.high  # type: ignore[union-attr]


def typical(distribution: Distribution) -> float:
    """Return the value, the middle or the mean: what is plausible or not."""
    if isinstance(distribution, Constant):
        return distribution.value
    if isinstance(distribution, Uniform):
        return (distribution.low + distribution.high) / 2
    return distribution.mean


def share_below(distribution: Distribution, limit: float) -> float:
    """Return the share of samples below `limit` (clipping included)."""
    if isinstance(distribution, Normal) and distribution.sd > 0:
        low, high = distribution.bounds()
        if limit <= low or limit > high:
            return float(limit > high)
        free = distribution.model_copy(update={"low": None, "high": limit})
        if distribution.clip == "bound":
            return free.acceptance()
        inside = distribution.model_copy(update={"high": limit})
        return inside.acceptance() / distribution.acceptance()
    low, high = extremes(distribution)
    if high <= low:
        return float(low < limit)
    return min(1.0, max(0.0, (limit - low) / (high - low)))


def sample(
    distribution: Distribution,
    size: int,
    generator: np.random.Generator,
    dtype: type[Real] = np.float64,  # type: ignore[assignment]
) -> NDArray[Real]:
    """Draw `size` samples.

    Parameters
    ----------
    distribution : Distribution
        In canonical units.
    size : int
        Number of samples.
    generator : numpy.random.Generator
        The stream to draw from.
    dtype : type
        ``numpy.float64``, or ``numpy.float32`` for synaptic weights.

    Returns
    -------
    ndarray, shape (size,)
    """
    value = fixed(distribution)
    if value is not None:
        return np.full(size, value, dtype)
    if isinstance(distribution, Uniform):
        span = distribution.high - distribution.low
        return (generator.random(size, dtype) * dtype(span)) + dtype(distribution.low)
    if not isinstance(distribution, Normal):
        raise TypeError(f"no distribution: {distribution!r}")
    values = generator.standard_normal(size, dtype)
    values *= dtype(distribution.sd)
    values += dtype(distribution.mean)
    low, high = (dtype(bound) for bound in distribution.bounds())
    if distribution.clip == "bound":
        return np.clip(values, low, high, out=values)
    if distribution.low is None and distribution.high is None:
        return values
    outside = np.flatnonzero((values < low) | (values > high))
    while outside.size:
        again = generator.standard_normal(outside.size, dtype) * dtype(distribution.sd)
        again += dtype(distribution.mean)
        values[outside] = again
        outside = outside[(again < low) | (again > high)]
    return values
