"""What of a description does not lie on the grid of time steps, or cannot be kept there.

Times are rounded to whole steps, halves up, in the same way for every simulator. Each time that
moves stands in the ledger and in the audit. What rounding would make vanish (a pulse that ends in
the step in which it begins) is refused, before anything is built.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.describe.columns import Column
from netspec.describe.connectivity import Explicit
from netspec.describe.distributions import Distribution
from netspec.describe.inputs import NoiseCurrent, PoissonInput, Recorder, StepCurrent
from netspec.describe.network import Network, Projection
from netspec.describe.simulation import Simulation
from netspec.describe.slots import place_of, slots_of

MAX_DELAY_STEPS = 2**16 - 1
TAIL = 8.0  # standard deviations; beyond lies less than 1e-15 of a normal distribution
NEAR = 1e-6  # of a step: how far from the grid a time may be and still be meant to lie on it


@dataclass(frozen=True)
class Misfit:
    """One thing that is not kept as it was written.

    Attributes
    ----------
    path : str
        For example ``step_currents.pulse.times``.
    text : str
        What becomes of it.
    lost : bool
        Whether something would vanish, so that no simulator may run it.
    usual : bool
        Whether this is so in every network of its kind, and nobody needs to be warned.
    """

    path: str
    text: str
    lost: bool = False
    usual: bool = False


def misfits(network: Network, simulation: Simulation) -> list[Misfit]:
    """Return all that does not fit the grid of time steps, in order of the description."""
    found: list[Misfit] = []
    for population in network.populations:
        found += _refractory(network, population.name, simulation)
    for projection in network.projections:
        found += _delays(projection, simulation)
        found += _weights(projection)
    place = place_of(network)
    for key, piece in network.pieces():
        if isinstance(piece, Recorder) and not piece.variables:
            continue  # spikes have no sampling interval
        for slot in slots_of(piece, place, f"{key}.{piece.name}"):
            if slot.steps is not None:
                moving = slot.value if isinstance(slot.value, Column) else slot.values
                found += _moved(slot.path, moving, simulation, minimum=slot.steps)
        if isinstance(piece, StepCurrent):
            path, values = f"{key}.{piece.name}.times", piece.amplitudes
            found += _swallowed(path, piece.times, values, "amplitude", simulation)
        if isinstance(piece, PoissonInput):
            times = [time + piece.delay for time in piece.times]
            path = f"{key}.{piece.name}.times"
            found += _swallowed(path, times, piece.rates, "rate", simulation)
        if isinstance(piece, (PoissonInput, NoiseCurrent)):
            found += _too_short(f"{key}.{piece.name}.stop", piece, simulation)
    return found


def _off(times: ArrayLike, dt: float, minimum: int) -> NDArray[np.float64]:
    """Return the times that lie off the grid, or before the first step that is allowed."""
    given = np.asarray(times, float)
    steps = given / dt
    off: NDArray[np.float64] = given[
        (np.abs(steps - np.rint(steps)) > NEAR) | (steps < minimum - 0.5)
    ]
    return off


def _moved(
    path: str, times: ArrayLike, simulation: Simulation, minimum: int = 0
) -> Iterator[Misfit]:
    off = _off(times, simulation.dt, minimum)
    if off.size:
        first = float(off[0])
        became = simulation.steps(first, minimum) * simulation.dt
        text = f"off the grid of {simulation.dt:g} ms: {first:g} ms becomes {became:g} ms"
        yield Misfit(path, text if off.size == 1 else f"{off.size} times {text}")


def _swallowed(
    path: str, times: Sequence[float], values: Sequence[float], what: str, simulation: Simulation
) -> Iterator[Misfit]:
    """Find amplitudes or rates that no step would feel, since the next one begins in the same."""
    steps = [simulation.steps(time) for time in times]
    for k, (here, after) in enumerate(itertools.pairwise(steps)):
        if here == after and values[k] != values[k + 1]:
            yield Misfit(
                path,
                f"{times[k]:g} and {times[k + 1]:g} ms are one step of "
                f"{simulation.dt:g} ms: no step would feel the {what} in between. A smaller "
                "time step, or its mean over a whole one",
                lost=True,
            )
            return


def _too_short(
    path: str, piece: PoissonInput | NoiseCurrent, simulation: Simulation
) -> Iterator[Misfit]:
    """Find an input that stops in the step in which it starts."""
    later = piece.delay if isinstance(piece, PoissonInput) else 0.0
    stop = None if piece.stop is None else simulation.steps(piece.stop + later)
    if stop is not None and stop <= simulation.steps(piece.start + later):
        text = (
            f"{piece.start:g} and {piece.stop:g} ms are one step of {simulation.dt:g} ms: no step "
            "would feel the input in between. A smaller time step"
        )
        yield Misfit(path, text, lost=True)


def _refractory(network: Network, population: str, simulation: Simulation) -> Iterator[Misfit]:
    model = network.model_of(population)
    if model.refractory is None:
        return
    own = network.population(population).parameters.get(model.refractory)
    value = model.defaults()[model.refractory] if own is None else own.fixed()
    if value is not None and _off([value], simulation.dt, 0).size:
        became = round(value / simulation.dt)
        text = f"{value:g} ms becomes {became} steps of {simulation.dt:g} ms"
        yield Misfit(f"populations.{population}.parameters.{model.refractory}", text)


def longest_delay(projection: Projection, simulation: Simulation) -> int:
    """Return the steps of the longest delay that a projection can have, at least one."""
    rule, delay = projection.rule, projection.delay
    if isinstance(rule, Explicit) and rule.delay is not None:
        return simulation.steps(max(rule.delay, default=0.0), minimum=1)
    if delay is None:
        return 1
    return simulation.steps(bounded(delay).extremes()[1], minimum=1)


def bounded(delay: Distribution) -> Distribution:
    """Return a distribution of delays with a longest one, since a ring buffer has an end."""
    return delay.cut(TAIL)


def _delays(projection: Projection, simulation: Simulation) -> Iterator[Misfit]:
    path, dt = f"projections.{projection.name}.delay", simulation.dt
    rule, delay = projection.rule, projection.delay
    if isinstance(rule, Explicit) and rule.delay is not None:
        yield from _moved(path, rule.delay, simulation, minimum=1)
    elif delay is None:
        yield Misfit(path, f"the smallest delay there is, one step of {dt:g} ms", usual=True)
    elif (value := delay.fixed()) is not None:
        yield from _moved(path, [value], simulation, minimum=1)
    else:
        share = delay.share_below(dt / 2)
        if share > 0:
            text = f"{share:.2%} of the delays round to no step and become one step ({dt:g} ms)"
            yield Misfit(path, text, usual=share <= NEAR)
    steps = longest_delay(projection, simulation)
    if steps > MAX_DELAY_STEPS:
        text = f"up to {steps} steps of {dt:g} ms; at most {MAX_DELAY_STEPS} can be kept"
        yield Misfit(path, text, lost=True)


def _weights(projection: Projection) -> Iterator[Misfit]:
    """Find weights of single synapses that are too small for 32 bits."""
    rule = projection.rule
    if isinstance(rule, Explicit) and rule.weight is not None:
        given = np.asarray(rule.weight, float)
    elif projection.weight.fixed() is None:
        given = np.array([projection.weight.typical()])
    else:
        return  # one weight for all has 64 bits
    lost = given[(given != 0) & (given.astype(np.float32) == 0)]
    if lost.size:
        text = f"{lost[0]:g} is zero in 32 bits, which weights of single synapses have"
        yield Misfit(f"projections.{projection.name}.weight", text, lost=True)
