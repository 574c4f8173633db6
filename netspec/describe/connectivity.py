"""Rules that say which neurons are connected, and kernels of continuous coupling.

The words are NEST's: an *autapse* connects a neuron to itself, a *multapse* is one of several
synapses between the same pair.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, StrictBool, model_validator

from netspec.describe import columns, plausible
from netspec.describe.fields import (
    Always,
    Count,
    Described,
    Indices,
    NeuronsOf,
    Plain,
    Quantities,
    Quantity,
    UnitOf,
    in_unit,
)
from netspec.errors import Fault

MAX_DELAY = 6e6  # ms
# of an input by that of the state it is made of
COUPLING = UnitOf("target", per="source", plausible=plausible.COUPLING)


class Connector(Described):
    """What all rules answer.

    Arguments that all answers share: `n_pre` and `n_post`, the sizes of the two populations, and
    `same`, whether they are one.
    """

    @abstractmethod
    def expected_count(self, n_pre: int, n_post: int, same: bool) -> float:
        """Return the number of synapses (its mean if it is random)."""

    def leaves_out(self, same: bool) -> bool:
        """Return whether the pairs of a neuron with itself are left out."""
        return same and not getattr(self, "allow_autapses", True)

    def check(self, n_pre: int, n_post: int, same: bool) -> Iterator[Fault]:
        """Yield what is wrong, if only since the sizes leave no room for the rule."""
        yield from ()


def _room(wanted: int, sources: int, pairs: int, multapses: bool) -> Iterator[Fault]:
    """Yield the fault of `wanted` synapses between `sources` and as many `pairs`."""
    if not multapses and wanted > pairs:
        yield Fault("(top)", f"{wanted} synapses", f"at most {pairs} without multapses")
    elif wanted and not sources:
        yield Fault("(top)", f"{wanted} synapses", "there is no pair but the autapse")


def _equal(n_pre: int, n_post: int) -> Iterator[Fault]:
    if n_pre != n_post:
        yield Fault("(top)", f"sizes {n_pre} and {n_post}", "equal sizes")


class FixedTotalNumber(Connector):
    """Exactly `number` synapses, each between a random source and a random target."""

    kind: Literal["fixed_total_number"] = "fixed_total_number"
    number: Count
    allow_autapses: StrictBool = True
    allow_multapses: StrictBool = True

    def expected_count(self, n_pre: int, n_post: int, same: bool) -> float:
        """Return the number of synapses."""
        return self.number

    def check(self, n_pre: int, n_post: int, same: bool) -> Iterator[Fault]:
        """Yield a fault if there are fewer pairs than synapses without multapses."""
        sources = n_pre - self.leaves_out(same)
        yield from _room(self.number, sources, sources * n_post, self.allow_multapses)


class FixedIndegree(Connector):
    """Every target neuron receives exactly `indegree` synapses from random sources."""

    kind: Literal["fixed_indegree"] = "fixed_indegree"
    indegree: Count
    allow_autapses: StrictBool = True
    allow_multapses: StrictBool = True

    def expected_count(self, n_pre: int, n_post: int, same: bool) -> float:
        """Return the number of synapses."""
        return self.indegree * n_post

    def check(self, n_pre: int, n_post: int, same: bool) -> Iterator[Fault]:
        """Yield a fault if a target has fewer sources than synapses without multapses."""
        sources = n_pre - self.leaves_out(same)
        yield from _room(self.indegree, sources, sources, self.allow_multapses)


class PairwiseBernoulli(Connector):
    """Every pair is connected, once, with probability `p`."""

    kind: Literal["pairwise_bernoulli"] = "pairwise_bernoulli"
    p: Annotated[float, in_unit("1", 0, 1)]
    allow_autapses: StrictBool = True

    def expected_count(self, n_pre: int, n_post: int, same: bool) -> float:
        """Return the mean number of synapses."""
        return (n_pre * n_post - self.leaves_out(same) * n_pre) * self.p


class AllToAll(Connector):
    """Every pair is connected once."""

    kind: Literal["all_to_all"] = "all_to_all"
    allow_autapses: StrictBool = True

    def expected_count(self, n_pre: int, n_post: int, same: bool) -> float:
        """Return the number of pairs."""
        return n_pre * n_post - self.leaves_out(same) * n_pre


class OneToOne(Connector):
    """Neuron i is connected to neuron i; both populations have the same size."""

    kind: Literal["one_to_one"] = "one_to_one"

    def expected_count(self, n_pre: int, n_post: int, same: bool) -> float:
        """Return the number of neurons."""
        return n_pre

    def check(self, n_pre: int, n_post: int, same: bool) -> Iterator[Fault]:
        """Yield a fault if the sizes differ."""
        yield from _equal(n_pre, n_post)


class Explicit(Connector):
    """The synapses themselves.

    Attributes
    ----------
    pre, post : tuple of int
        Indices within the populations; a pair may occur more than once.
    weight, delay : tuple of float or None
        One value a synapse (canonical units of the receptor; ms), in place of the
        projection's own distributions.
    """

    kind: Literal["explicit"] = "explicit"
    pre: Annotated[Indices, NeuronsOf("pre")]
    post: Annotated[Indices, NeuronsOf("post")]
    weight: Annotated[Quantities, UnitOf("receptor", plausible=plausible.WEIGHT)] | None = None
    delay: Annotated[Quantities, Always("ms")] | None = None

    @model_validator(mode="after")
    def _same_length(self) -> Explicit:
        for field in ("post", "weight", "delay"):
            values = getattr(self, field)
            if values is not None and len(values) != len(self.pre):
                raise ValueError(f"{field} has {len(values)} entries, pre has {len(self.pre)}")
        return self

    def expected_count(self, n_pre: int, n_post: int, same: bool) -> float:
        """Return the number of synapses."""
        return len(self.pre)

    def check(self, n_pre: int, n_post: int, same: bool) -> Iterator[Fault]:
        """Yield a fault if a delay is negative or beyond all bounds."""
        if any(not 0 <= delay <= MAX_DELAY for delay in self.delay or ()):
            yield Fault("delay", "a delay out of bounds", "0 to 6e6 ms")


ColumnOfWeights = Annotated[columns.Quantities, UnitOf("receptor", plausible=plausible.WEIGHT)]


class Columns(Explicit):
    """The synapses themselves, in arrays: what `Explicit` says, for millions of them.

    Attributes
    ----------
    pre, post : Column
        Indices within the populations, of 32 bits.
    weight, delay : Column or None
        As of `Explicit`, of 64 bits.
    """

    kind: Literal["columns"] = "columns"  # type: ignore[assignment]
    pre: Annotated[columns.Indices, NeuronsOf("pre")]  # type: ignore[assignment]
    post: Annotated[columns.Indices, NeuronsOf("post")]  # type: ignore[assignment]
    weight: ColumnOfWeights | None = None  # type: ignore[assignment]
    delay: Annotated[columns.Quantities, Always("ms")] | None = None  # type: ignore[assignment]

    def check(self, n_pre: int, n_post: int, same: bool) -> Iterator[Fault]:
        """Yield a fault if a delay is negative or beyond all bounds."""
        ends = () if self.delay is None else self.delay.ends()
        if ends and not 0 <= ends[0] <= ends[-1] <= MAX_DELAY:
            yield Fault("delay", "a delay out of bounds", "0 to 6e6 ms")


def _shorthand(value: Any) -> Any:
    """Let a bare name stand for a rule of that kind."""
    return {"kind": value} if isinstance(value, str) else value


Kinds = Annotated[
    FixedTotalNumber | FixedIndegree | PairwiseBernoulli | AllToAll | OneToOne | Explicit | Columns,
    Field(discriminator="kind"),
]
Rule = Annotated[Kinds, BeforeValidator(_shorthand, json_schema_input_type=str | Kinds)]


class Profile(Described):
    """What all kernels answer: the weights as a function of distance."""

    @abstractmethod
    def values(self, size: int) -> NDArray[np.float64]:
        """Return the weights by distance, shape (size,)."""

    def check(self, n_pre: int, n_post: int) -> Iterator[Fault]:
        """Yield what is wrong with the sizes of the two populations."""
        yield from ()


class UniformKernel(Profile):
    """The same weight for every pair: S_i = weight * sum_j s_j."""

    kind: Literal["uniform"] = "uniform"
    weight: Annotated[Quantity, COUPLING]

    def values(self, size: int) -> NDArray[np.float64]:
        """Return the weights by distance, shape (size,)."""
        return np.full(size, self.weight, np.float64)


class RingKernel(Profile):
    """Gaussian bump on a ring, normalised to mean one (Compte et al. 2000, eq. 1).

    w(d) = weight * [J_minus + (J_plus - J_minus) exp(-d^2 / (2 sigma^2))], where d is the
    distance in degrees on a ring of 360, and J_minus makes the mean over the ring one.
    Neuron i of N lies at 360 i / N.

    Attributes
    ----------
    weight : float
        Unit of the target input (nS for a conductance).
    J_plus : float
        Height of the bump.
    sigma : float
        Its width in degrees.
    """

    kind: Literal["ring"] = "ring"
    weight: Annotated[Quantity, COUPLING]
    J_plus: Plain
    sigma: Annotated[float, in_unit("deg", 1e-3, 1e4)]

    @property
    def J_minus(self) -> float:  # noqa: N802  the field's name for it
        """The value far from the bump."""
        bump = math.sqrt(2 * math.pi) * self.sigma / 360
        bump *= math.erf(180 / (math.sqrt(2) * self.sigma))
        return (1 - self.J_plus * bump) / (1 - bump)

    def values(self, size: int) -> NDArray[np.float64]:
        """Return the weights by distance 0 .. size - 1 around the ring, shape (size,)."""
        steps = np.arange(size)
        distance = 360.0 * np.minimum(steps, size - steps) / size
        bump = np.exp(-0.5 * (distance / self.sigma) ** 2)
        profile: NDArray[np.float64] = self.J_minus + (self.J_plus - self.J_minus) * bump
        return self.weight * profile

    def check(self, n_pre: int, n_post: int) -> Iterator[Fault]:
        """Yield a fault if the sizes differ: there is one ring."""
        yield from _equal(n_pre, n_post)


Kernel = Annotated[UniformKernel | RingKernel, Field(discriminator="kind")]
