"""What all values and distributions answer, and what those with bounds share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import model_serializer, model_validator

from netspec.describe.fields import Described, InUnit, Quantity

# A redraw that accepts fewer samples than this is a slip in the bounds, and would take for ever.
MIN_ACCEPTANCE = 1e-4

Real = TypeVar("Real", np.float32, np.float64)
Floats = NDArray[np.float64]


@cache
def quantities(kind: type[Described]) -> tuple[str, ...]:
    """Return the fields of a distribution that have its unit; a number such as `sigma` has none."""
    return tuple(
        name
        for name, field in kind.model_fields.items()
        if name not in ("kind", "clip") and not any(isinstance(m, InUnit) for m in field.metadata)
    )


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

    def shown(self) -> tuple[float, ...]:
        """Return the numbers by which to judge whether it is plausible."""
        return (self.typical(),)

    @abstractmethod
    def share_below(self, limit: float) -> float:
        """Return the share of samples below `limit` (clipping included)."""

    @abstractmethod
    def quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares of all samples lie, of the same shape."""

    def reach(self, deviations: float) -> tuple[float, float]:
        """Return the extremes; where there are none, ends beyond which next to nothing lies.

        Parameters
        ----------
        deviations : float
            Beyond an end lies as much as beyond so many standard deviations of a normal
            distribution, on one side.
        """
        return self.extremes()

    def cut(self, deviations: float) -> Self:
        """Return it with a high end, see `reach`."""
        return self

    def converted(self, convert: Callable[[float], float]) -> Self:
        """Return a copy with every quantity in it converted."""
        changed = {
            field: convert(value)
            for field in quantities(type(self))
            if (value := getattr(self, field)) is not None
        }
        return self.model_copy(update=changed)

    def written(self, unit: str) -> Any:
        """Return it as plain data for a file, its quantities as text with the unit."""
        data: dict[str, Any] = self.model_dump(mode="json")
        return data | {name: with_unit(data[name], unit) for name in quantities(type(self))}

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

    def written(self, unit: str) -> Any:
        """Return the number, or text with the unit."""
        return with_unit(self.value, unit)

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

    def quantile(self, share: Floats) -> Floats:
        """Return the value for every share."""
        return np.full_like(share, self.value)

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        return np.full(size, self.value, dtype)


class Bounded(Drawn):
    """A continuous distribution that may be kept within bounds.

    A class of this kind declares the fields itself, so that they stand after its own in files.

    Attributes
    ----------
    low, high : float or None
        Bounds; None is unbounded.
    clip : {"redraw", "bound"}
        What happens to a sample outside: it is drawn again, or set to the bound.
    """

    if TYPE_CHECKING:
        low: Quantity | None
        high: Quantity | None
        clip: Literal["redraw", "bound"]

    @abstractmethod
    def support(self) -> tuple[float, float]:
        """Return the smallest and largest value without bounds; one value if there is one."""

    @abstractmethod
    def below(self, value: float) -> float:
        """Return the share below `value` without bounds; there is more than one value."""

    @abstractmethod
    def free_quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares lie without bounds."""

    @abstractmethod
    def _free(self, size: int, generator: np.random.Generator, dtype: type[Real]) -> NDArray[Real]:
        """Draw `size` samples without bounds."""

    def sound(self) -> None:
        """Raise a ValueError if the distribution is none, whatever its bounds."""
        return

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.sound()
        low, high = self.bounds()
        if not low <= high:
            raise ValueError(f"low {low:g} must not exceed high {high:g}")
        unbounded = self.low is None and self.high is None
        if self.clip == "redraw" and not unbounded and self.acceptance() < MIN_ACCEPTANCE:
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
        least, most = self.support()
        if least == most:
            return float(low <= least <= high)
        return self.below(high) - self.below(low)

    @abstractmethod
    def middle(self) -> float:
        """Return the mean or median without bounds."""

    def typical(self) -> float:
        """Return the middle without bounds, or the one value that can be drawn."""
        value = self.fixed()
        return self.middle() if value is None else value

    def fixed(self) -> float | None:
        """Return the one value, within the bounds, if it has no spread, or else None."""
        least, most = self.extremes()
        return least if least == most else None

    def extremes(self) -> tuple[float, float]:
        """Return the smallest and largest value within the bounds (infinite if unbounded)."""
        low, high = self.bounds()
        least, most = (min(max(value, low), high) for value in self.support())
        return least, most

    def reach(self, deviations: float) -> tuple[float, float]:
        """Return the extremes; where there are none, ends beyond which next to nothing lies."""
        least, most = self.extremes()
        if least == most:
            return least, most
        share = 0.5 * math.erfc(deviations / math.sqrt(2))
        low, high = self.tails(share, deviations)
        return max(least, low), min(most, high)

    @abstractmethod
    def tails(self, share: float, deviations: float) -> tuple[float, float]:
        """Return the values beyond which a small share lies at either side, without bounds.

        Parameters
        ----------
        share : float
            Of all samples, at one side.
        deviations : float
            The same as standard deviations of a normal distribution.
        """

    def cut(self, deviations: float) -> Self:
        """Return it with a high bound, see `reach`."""
        if self.fixed() is not None:
            return self
        high = self.reach(deviations)[1]
        return self if high == self.extremes()[1] else self.model_copy(update={"high": high})

    def share_below(self, limit: float) -> float:
        """Return the share of samples below `limit` (clipping included)."""
        value = self.fixed()
        if value is not None:
            return float(value < limit)
        low, high = self.bounds()
        if limit <= low or limit > high:
            return float(limit > high)
        if self.clip == "bound":
            return self.below(limit)
        return (self.below(limit) - self.below(low)) / self.acceptance()

    def quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares of all samples lie, of the same shape."""
        value = self.fixed()
        if value is not None:
            return np.full_like(share, value)
        low, high = self.bounds()
        if self.clip == "redraw":
            share = self.below(low) + share * self.acceptance()
        return np.clip(self.free_quantile(share), low, high)

    def _several(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        values = self._free(size, generator, dtype)
        low, high = (dtype(bound) for bound in self.bounds())
        if self.clip == "bound":
            return np.clip(values, low, high, out=values)
        if self.low is None and self.high is None:
            return values
        outside = np.flatnonzero((values < low) | (values > high))
        while outside.size:
            again = self._free(outside.size, generator, dtype)
            values[outside] = again
            outside = outside[(again < low) | (again > high)]
        return values


def with_unit(value: Any, unit: str) -> Any:
    """Return a number as text with its unit, and what is none or has no unit as it is."""
    return value if value is None or unit == "1" else f"{value!r} {unit}"
