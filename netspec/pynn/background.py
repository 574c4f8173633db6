"""Poisson sources that are nothing but an input: one to each cell of a population.

Where nobody records them, and each has one static synapse, of one weight and delay, onto a cell of
its own, until all cells of a population have one, they are a `PoissonInput`: any rate is meant
then, with several events in a step, and no neuron of their own has to be simulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.describe.network import PoissonInput
from netspec.pynn.carried import Floats

if TYPE_CHECKING:
    from netspec.pynn.place import Place
    from netspec.pynn.state import State


def inputs_only(state: State, place: Place) -> set[Any]:
    """Return the projections whose sources are an input and nothing else, up to now.

    Parameters
    ----------
    state : State
    place : Place
        Of which only the times count.
    """
    behind: dict[Any, list[Any]] = {}
    for projection in state.projections:
        for part in getattr(projection.pre, "populations", [projection.pre]):
            behind.setdefault(part._own()[0], []).append(projection)
    return {
        found[0]
        for population, found in behind.items()
        if len(found) == 1
        and hasattr(population.celltype, "course")
        and not population.recorder.wants_spikes()
        and _one_to_each(population, found[0])
        and _alike(population.celltype.course(population, place)[1])
    }


def _alike(rates: Floats) -> bool:
    return bool((rates == rates[:, :1]).all())


def _one_to_each(population: Any, projection: Any) -> bool:
    if projection.pre is not population or not projection.synapse_type.plain:
        return False
    if hasattr(projection.post, "populations"):
        return False
    root, cells = projection.post._own()
    columns, every = projection.columns, np.arange(population.size)
    return (
        len(projection) == population.size == root.size
        and np.array_equal(np.sort(columns.pre), every)
        and np.array_equal(np.sort(cells[columns.post]), every)
        and all(np.ptp(columns.values[name]) == 0 for name in ("weight", "delay"))
    )


def poisson_input(projection: Any, place: Place) -> PoissonInput:
    """Return what the sources of a projection, one of `inputs_only`, are to its targets."""
    population = projection.pre
    edges, rates = population.celltype.course(population, place)
    root, _ = projection.post._own()
    weight, delay = (float(np.ravel(projection.columns.values[n])[0]) for n in ("weight", "delay"))
    kept = np.flatnonzero(np.diff(rates[:, 0], prepend=0.0))
    begin, *later = kept.tolist() or [0]
    return PoissonInput(
        name=place.names.take(projection.label or population.label), target=place.populations[root],
        receptor=root.celltype.receptors[projection.receptor_type],
        weight=weight * root.celltype.weight_factor, delay=delay, rate=rates[begin, 0],
        start=edges[begin] * place.dt, times=edges[later] * place.dt, rates=rates[later, 0],
    )  # fmt: skip
