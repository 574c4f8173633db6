"""How a projection is wired: what can be drawn by generated code, or need not be stored at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netspec.backends.genn.sampling import can_draw
from netspec.backends.genn.weights import Grid
from netspec.describe import connectivity as rules
from netspec.describe.network import Projection
from netspec.describe.simulation import Simulation

Way = Literal["native", "given", "dense", "changing"]


@dataclass(frozen=True)
class Wiring:
    """How the synapses of a projection come about.

    Attributes
    ----------
    way : {"native", "given", "dense", "changing"}
        Drawn by generated code, written by netspec, not stored, or written by netspec and changed
        by generated code (see `plasticity`).
    counted : bool
        Drawn by generated code in rows whose lengths the host draws.
    on_device : bool
        Synapses have no copy in the host's memory.
    weight : float or None
        Of all synapses; None if each has its own.
    delay : int or None
        In steps, likewise.
    slots : int
        Of the ring of delayed input, which projections onto one state share.
    grid : Grid or None
        Of weights that are kept in 16 bits.
    """

    way: Way
    counted: bool
    on_device: bool
    weight: float | None
    delay: int | None
    slots: int
    grid: Grid | None


def is_dense(projection: Projection, readback: bool) -> bool:
    """Return whether all pairs have one weight and one delay, so that no synapse is stored."""
    return (
        isinstance(projection.rule, rules.AllToAll)
        and projection.weight.fixed() is not None
        and (projection.delay is None or projection.delay.fixed() is not None)
        and not readback  # there would be no synapses to read back
    )


def undrawn(projection: Projection) -> str:
    """Return a kind of distribution of weights or delays without generated code, if any."""
    values = (projection.weight, projection.delay)
    kinds = [v.kind for v in values if v is not None and not can_draw(v)]
    return kinds[0] if kinds else ""


def is_native(projection: Projection, split: bool = False) -> bool:
    """Return whether generated code can draw which pairs are connected.

    Parameters
    ----------
    projection : Projection
    split : bool
        Its sources or targets are in several groups. Pairs of two of them are drawn apart, which
        is the same in law only for rules that say nothing of a source's or target's total.
    """
    rule = projection.rule
    if undrawn(projection):
        return False
    if isinstance(rule, (rules.FixedTotalNumber, rules.FixedIndegree)):
        plain = rule.allow_autapses or projection.pre != projection.post
        counted = isinstance(rule, rules.FixedTotalNumber)  # by netspec, source by source
        return rule.allow_multapses and plain and (counted or not split)
    if isinstance(rule, rules.PairwiseBernoulli):
        return 0 < rule.p < 1  # else nothing is left to chance
    return isinstance(rule, rules.OneToOne) and not split


def fixed_delay(projection: Projection, simulation: Simulation) -> int | None:
    """Return the delay of all synapses in steps, or None if each has its own."""
    if isinstance(projection.rule, rules.Explicit) and projection.rule.delay is not None:
        return None
    if projection.delay is None:
        return 1
    value = projection.delay.fixed()
    return None if value is None else simulation.steps(value, minimum=1)
