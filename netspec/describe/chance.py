"""What a network leaves to chance: the things that another seed makes different."""

from __future__ import annotations

from typing import Literal

from netspec.describe.arrays import Array
from netspec.describe.connectivity import AllToAll, Explicit, OneToOne
from netspec.describe.formulas import Formula
from netspec.describe.network import Network, Projection

Chance = Literal["synapses", "values", "events", "noise"]


def left_to_chance(network: Network) -> tuple[Chance, ...]:
    """Return what a seed decides in a network; nothing where every seed gives the same run.

    Parameters
    ----------
    network : Network

    Returns
    -------
    tuple
        Of ``synapses`` (which pairs, their weights, their delays), ``values`` (parameters and
        initial values), ``events`` (of Poisson inputs) and ``noise`` (currents, escapes and white
        noise of neurons). The first and the third a simulator may draw itself.
    """
    found: dict[Chance, bool] = {
        "synapses": any(_is_drawn(projection) for projection in network.projections),
        "values": any(
            value.fixed() is None and not isinstance(value, (Array, Formula))
            for population in network.populations
            for value in (*population.parameters.values(), *population.initial.values())
        ),
        "events": bool(network.poisson_inputs),
        "noise": bool(network.noise_currents)
        or any(
            model.escape is not None or model.noises
            for model in (network.model_of(p).dynamics for p in network.populations)
        ),
    }
    return tuple(name for name, drawn in found.items() if drawn)


def _is_drawn(projection: Projection) -> bool:
    rule = projection.rule
    if not isinstance(rule, (AllToAll, OneToOne, Explicit)):
        return True
    own = rule if isinstance(rule, Explicit) else None  # its weights and delays come first
    weights = own is None or own.weight is None
    delays = (own is None or own.delay is None) and projection.delay is not None
    return (weights and projection.weight.fixed() is None) or (
        delays and projection.delay is not None and projection.delay.fixed() is None
    )
