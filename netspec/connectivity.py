"""Rules that say which neurons are connected, and kernels of continuous coupling.

The words are NEST's: an *autapse* connects a neuron to itself, a *multapse* is one of several
synapses between the same pair.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, StrictBool, model_validator

from netspec.fields import Count, Described, Indices, Plain, Quantities, Quantity, in_unit


class FixedTotalNumber(Described):
    """Exactly `number` synapses, each between a random source and a random target."""

    kind: Literal["fixed_total_number"] = "fixed_total_number"
    number: Count
    allow_autapses: StrictBool = True
    allow_multapses: StrictBool = True


class FixedIndegree(Described):
    """Every target neuron receives exactly `indegree` synapses from random sources."""

    kind: Literal["fixed_indegree"] = "fixed_indegree"
    indegree: Count
    allow_autapses: StrictBool = True
    allow_multapses: StrictBool = True


class PairwiseBernoulli(Described):
    """Every pair is connected, once, with probability `p`."""

    kind: Literal["pairwise_bernoulli"] = "pairwise_bernoulli"
    p: Annotated[float, in_unit("1", 0, 1)]
    allow_autapses: StrictBool = True


class AllToAll(Described):
    """Every pair is connected once."""

    kind: Literal["all_to_all"] = "all_to_all"
    allow_autapses: StrictBool = True


class OneToOne(Described):
    """Neuron i is connected to neuron i; both populations have the same size."""

    kind: Literal["one_to_one"] = "one_to_one"


class Explicit(Described):
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
    pre: Indices
    post: Indices
    weight: Quantities | None = None
    delay: Quantities | None = None

    @model_validator(mode="after")
    def _same_length(self) -> Explicit:
        for field in ("post", "weight", "delay"):
            values = getattr(self, field)
            if values is not None and len(values) != len(self.pre):
                raise ValueError(f"{field} has {len(values)} entries, pre has {len(self.pre)}")
        return self


def _shorthand(value: Any) -> Any:
    """Let a bare name stand for a rule of that kind."""
    return {"kind": value} if isinstance(value, str) else value


Kinds = Annotated[
    FixedTotalNumber | FixedIndegree | PairwiseBernoulli | AllToAll | OneToOne | Explicit,
    Field(discriminator="kind"),
]
Rule = Annotated[Kinds, BeforeValidator(_shorthand, json_schema_input_type=str | Kinds)]


def expected_count(rule: Rule, n_pre: int, n_post: int, same: bool) -> float:
    """Return the number of synapses of a rule (its mean for `PairwiseBernoulli`)."""
    if isinstance(rule, FixedTotalNumber):
        return rule.number
    if isinstance(rule, FixedIndegree):
        return rule.indegree * n_post
    if isinstance(rule, OneToOne):
        return n_pre
    if isinstance(rule, Explicit):
        return len(rule.pre)
    pairs = n_pre * n_post - (n_pre if same and not rule.allow_autapses else 0)
    return pairs * rule.p if isinstance(rule, PairwiseBernoulli) else pairs


class UniformKernel(Described):
    """The same weight for every pair: S_i = weight * sum_j s_j."""

    kind: Literal["uniform"] = "uniform"
    weight: Quantity

    def values(self, size: int) -> NDArray[np.float64]:
        """Return the weights by distance, shape (size,)."""
        return np.full(size, self.weight, np.float64)


class RingKernel(Described):
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
    weight: Quantity
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


Kernel = Annotated[UniformKernel | RingKernel, Field(discriminator="kind")]
