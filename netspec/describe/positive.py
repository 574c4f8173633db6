"""Distributions of positive values, and of negative ones where the scale is negative.

Each is a quantity times the numbers of a standard distribution, so that a negative one mirrors it:
weights that inhibit are drawn as those that excite.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, model_validator

from netspec.describe import units
from netspec.describe.drawn import Bounded, Floats, Real
from netspec.describe.fields import Quantity, in_unit


class Law(NamedTuple):
    """A standard distribution: share below and above a value, and the values of both shares."""

    cdf: Callable[[Any], Any]
    sf: Callable[[Any], Any]
    ppf: Callable[[Any], Any]
    isf: Callable[[Any], Any]


def _with_mu(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema that `mu` may stand in place of `median`."""
    schema["properties"]["mu"] = {"type": "number", "title": "Mu"}
    schema["required"].remove("median")
    schema["oneOf"] = [{"required": ["median"]}, {"required": ["mu"]}]


class Scaled(Bounded):
    """A quantity times the numbers of a positive standard distribution; zero times them is one."""

    @abstractmethod
    def factor(self) -> float:
        """Return the quantity, which may be negative."""

    @abstractmethod
    def standard(self) -> Law:
        """Return the standard distribution."""

    @abstractmethod
    def standard_samples(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        """Draw `size` samples of the standard distribution."""

    def support(self) -> tuple[float, float]:
        """Return zero and an infinity of the factor's sign, in order."""
        factor = self.factor()
        if factor == 0:
            return 0.0, 0.0
        return (0.0, math.inf) if factor > 0 else (-math.inf, 0.0)

    def below(self, value: float) -> float:
        """Return the share below `value` without bounds."""
        factor, law = self.factor(), self.standard()
        if factor > 0:
            return float(law.cdf(value / factor)) if value > 0 else 0.0
        return float(law.sf(value / factor)) if value < 0 else 1.0

    def tails(self, share: float, deviations: float) -> tuple[float, float]:
        """Return the values beyond which `share` of the samples lies at either side."""
        factor, law = self.factor(), self.standard()
        ends = factor * float(law.ppf(share)), factor * float(law.isf(share))
        return min(ends), max(ends)

    def free_quantile(self, share: Floats) -> Floats:
        """Return the values below which the given shares lie without bounds."""
        factor, law = self.factor(), self.standard()
        return np.asarray(factor * (law.ppf(share) if factor > 0 else law.isf(share)))

    def _free(self, size: int, generator: np.random.Generator, dtype: type[Real]) -> NDArray[Real]:
        values = self.standard_samples(size, generator, dtype)
        values *= dtype(self.factor())
        return values


class LogNormal(Scaled):
    """Log-normal distribution: the logarithm of a value is normal.

    Parameters that NEST, NumPy and PyNN give are mean and standard deviation of the logarithm, mu
    and sigma (Crow & Shimizu 1988, Lognormal Distributions, ch. 1). A logarithm has no unit, so a
    quantity stands here in place of mu: exp(mu) is the median. Where `mu` is given, the median is
    exp(mu) in the canonical unit (pA, mV, ms, nS, pF), which is NEST's.

    Attributes
    ----------
    median : float
        exp(mu); negative for negative values.
    sigma : float
        Standard deviation of the logarithm, a number, 0 to 10.
    low, high : float or None
        Bounds; None is unbounded.
    clip : {"redraw", "bound"}
        What happens to a sample outside: it is drawn again, or set to the bound.
    """

    model_config = ConfigDict(json_schema_extra=_with_mu)

    kind: Literal["lognormal"] = "lognormal"
    median: Quantity
    sigma: Annotated[float, in_unit("1", 0, 10)]
    low: Quantity | None = None
    high: Quantity | None = None
    clip: Literal["redraw", "bound"] = "redraw"

    @model_validator(mode="before")
    @classmethod
    def _from_mu(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "mu" not in data or "median" in data:
            return data
        mu = units.quantity(data["mu"], "1")
        if abs(mu) > 60:
            raise ValueError(f"mu {mu:g} is the mean of a logarithm, -60 to 60")
        return {k: v for k, v in data.items() if k != "mu"} | {"median": math.exp(mu)}

    @property
    def mu(self) -> float:
        """Mean of the logarithm of a value in its unit, without its sign."""
        return math.log(abs(self.median))

    def factor(self) -> float:
        """Return the median."""
        return self.median

    def standard(self) -> Law:
        """Return exp(sigma x), x normal."""
        from scipy.special import ndtr, ndtri  # slow to load, and most descriptions never ask

        def deviations(value: Any) -> Any:
            with np.errstate(divide="ignore"):  # the logarithm of zero
                return np.log(value) / self.sigma

        return Law(
            cdf=lambda value: ndtr(deviations(value)),
            sf=lambda value: ndtr(-deviations(value)),
            ppf=lambda share: np.exp(self.sigma * ndtri(share)),
            isf=lambda share: np.exp(-self.sigma * ndtri(share)),
        )

    def standard_samples(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        """Draw `size` samples of exp(sigma x), x normal."""
        values = generator.standard_normal(size, dtype)
        values *= dtype(self.sigma)
        return np.exp(values, out=values)

    def support(self) -> tuple[float, float]:
        """Return zero and an infinity, or the median twice."""
        return super().support() if self.sigma else (self.median, self.median)

    def middle(self) -> float:
        """Return the median."""
        return self.median


class Gamma(Scaled):
    """Gamma distribution, with mean `shape` times `scale` (as in NumPy; PyNN: k and theta).

    Attributes
    ----------
    shape : float
        A number, 0.001 to 1e6.
    scale : float
        Negative for negative values.
    low, high : float or None
        Bounds; None is unbounded.
    clip : {"redraw", "bound"}
        What happens to a sample outside: it is drawn again, or set to the bound.
    """

    kind: Literal["gamma"] = "gamma"
    shape: Annotated[float, in_unit("1", 1e-3, 1e6)]
    scale: Quantity
    low: Quantity | None = None
    high: Quantity | None = None
    clip: Literal["redraw", "bound"] = "redraw"

    def factor(self) -> float:
        """Return the scale."""
        return self.scale

    def standard(self) -> Law:
        """Return the gamma distribution of this shape and scale 1."""
        from scipy import special

        return Law(
            cdf=lambda value: special.gammainc(self.shape, value),
            sf=lambda value: special.gammaincc(self.shape, value),
            ppf=lambda share: special.gammaincinv(self.shape, share),
            isf=lambda share: special.gammainccinv(self.shape, share),
        )

    def standard_samples(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        """Draw `size` samples of scale 1."""
        return generator.standard_gamma(self.shape, size, dtype)

    def middle(self) -> float:
        """Return the mean."""
        return self.shape * self.scale


class Exponential(Scaled):
    """Exponential distribution with mean `scale` (as in NumPy; NEST and PyNN: beta).

    Attributes
    ----------
    scale : float
        Negative for negative values.
    low, high : float or None
        Bounds; None is unbounded.
    clip : {"redraw", "bound"}
        What happens to a sample outside: it is drawn again, or set to the bound.
    """

    kind: Literal["exponential"] = "exponential"
    scale: Quantity
    low: Quantity | None = None
    high: Quantity | None = None
    clip: Literal["redraw", "bound"] = "redraw"

    def factor(self) -> float:
        """Return the scale."""
        return self.scale

    def standard(self) -> Law:
        """Return the exponential distribution of mean 1."""
        return Law(
            cdf=lambda value: -np.expm1(-value),
            sf=lambda value: np.exp(-value),
            ppf=lambda share: -np.log1p(-share),
            isf=lambda share: -np.log(share),
        )

    def standard_samples(
        self, size: int, generator: np.random.Generator, dtype: type[Real]
    ) -> NDArray[Real]:
        """Draw `size` samples of mean 1."""
        return generator.standard_exponential(size, dtype)

    def middle(self) -> float:
        """Return the mean."""
        return self.scale
