"""What a projection has to say of the synapse model that it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netspec.describe.connectivity import Explicit
from netspec.describe.expressions import evaluate
from netspec.describe.synapses import OF_WEIGHT, SynapseModel
from netspec.errors import Fault

SURE = 1e-12  # share of a distribution that may lie where it must not


def projection_faults(projection: Any, model: SynapseModel | None) -> Iterator[Fault]:
    """Yield what is wrong with a projection's parameters and weights.

    Parameters
    ----------
    projection : Projection
        In canonical units.
    model : SynapseModel or None
        The one that it names; None if it names none, or none that is known.
    """
    if projection.synapse is None and projection.parameters:
        given = ", ".join(projection.parameters)
        yield Fault("parameters", given, "none, as there is no synapse model", "name one: synapse")
    if model is None:
        return
    values = model.values(projection.parameters)
    missing = [name for name in model.parameters if name not in values]
    for name in missing:
        unit = model.parameters[name].unit
        allowed = (
            "a value in the unit of the weights" if unit == OF_WEIGHT else f"a value in {unit}"
        )
        yield Fault(
            f"parameters.{name}", "nothing", f"{allowed}, since {model.name} has no default"
        )
    for name in sorted(model.plasticity.positive & values.keys()):
        if values[name] <= 0:
            allowed = "a value above 0, since equations divide by it"
            yield Fault(f"parameters.{name}", f"{values[name]:g} ms", allowed)
    if not missing and model.plasticity.between is not None:
        ends = sorted(float(evaluate(tree, values)) for tree in model.plasticity.between)
        yield from _beyond(projection, ends[0], ends[1])


def _beyond(projection: Any, low: float, high: float) -> Iterator[Fault]:
    """Yield a fault if weights do not begin within a range."""
    allowed = f"weights from {low:g} to {high:g} at the start"
    if low == high:
        yield Fault("parameters", f"weights from {low:g} to {high:g}", "a range of weights")
        return
    rule = projection.rule
    if isinstance(rule, Explicit) and rule.weight is not None:
        # weights of single synapses have 32 bits
        near = 1e-6 * max(abs(low), abs(high))
        wrong = [w for w in rule.weight if not low - near <= w <= high + near]
        if wrong:
            yield Fault("rule.weight", f"{wrong[0]:g}", allowed)
        return
    fixed = projection.weight.fixed()
    if fixed is not None:
        if not low <= fixed <= high:
            yield Fault("weight", f"{fixed:g}", allowed)
        return
    share = projection.weight.share_below(low) + 1 - projection.weight.share_below(high)
    least, most = projection.weight.extremes()
    if share > SURE and not low <= least <= most <= high:
        given = f"a distribution of which {share:.1e} lie beyond"
        yield Fault("weight", given, allowed, "give it bounds: low and high")


def weight_range(projection: Any, model: SynapseModel) -> tuple[float, float]:
    """Return the smallest and largest weight that synapses begin with, or are kept between."""
    ends = list(projection.weight.extremes())
    if isinstance(projection.rule, Explicit) and projection.rule.weight:
        ends = [min(projection.rule.weight), max(projection.rule.weight)]
    if model.plasticity.between is not None:
        values = model.values(projection.parameters)
        ends += [float(evaluate(tree, values)) for tree in model.plasticity.between]
    return min(ends), max(ends)
