"""A network without synapses in NumPy: the step program and the canonical order, and no more.

What a simulator does with a step program is judged by this; whether the step program is right, by
SciPy (`netspec.validation.ladder.oracle`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe import expressions as ex
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.realise import drawing
from netspec.realise.integrators import ACTIVE
from netspec.realise.lowering import lower

Floats = NDArray[np.float64]


ROUNDING = 2.0**-52  # of a number with 64 bits, relative


def follow(
    network: Network, population: str, simulation: Simulation, rounding: float = 0.0
) -> tuple[dict[str, Floats], list[list[int]]]:
    """Follow a population through all steps of a simulation.

    Parameters
    ----------
    network : Network
        Of its pieces, only currents and given events count.
    population : str
    simulation : Simulation
    rounding : float
        Every state is off by this share of itself after every step, up and down by turns: what
        comes of it shows how long another order of operations leaves the course as it is.

    Returns
    -------
    values : dict
        State variable -> value at the end of every step, after the reset, shape (steps, size).
    spikes : list of list of int
        The steps of every neuron's spikes.
    """
    model, size = network.model_of(population), network.population(population).size
    program, dynamics = lower(model, simulation.dt), model.dynamics

    def spread(value: Any) -> Floats:
        return np.array(np.broadcast_to(value, size), float)

    given = drawing.parameters(network, population, simulation)
    start = drawing.initial_values(network, population, simulation)
    values = {name: spread(v) for name, v in (given | program.constants(given) | start).items()}
    values |= {port: np.zeros(size) for port in model.inputs}
    rest, left = spread(program.refractory_steps(given)), np.zeros(size)
    changes = [
        c for c in drawing.current_changes(network, simulation) if c.population == population
    ]
    events = [
        (step, neuron, model.receptors[source.receptor], weight)
        for source in network.spike_inputs if source.target == population
        for step, neuron, weight in zip(*source.events(simulation), strict=True)
    ]  # fmt: skip
    course = {name: np.empty((simulation.total_steps, size)) for name in start}
    spikes: list[list[int]] = [[] for _ in range(size)]
    for step in range(1, simulation.total_steps + 1):
        for change in changes:
            if change.step == step - 1:
                values[change.port][change.neurons] += change.level
        resting = left > 0
        values[ACTIVE.id] = (~resting).astype(float)
        for statement in program.statements:
            values[statement.target] = spread(ex.evaluate(statement.value, values))
        for due, neuron, state, weight in events:
            if due == step and not (resting[neuron] and dynamics.held(state)):
                values[state][neuron] += weight
        firing = ex.evaluate(dynamics.threshold, values) & ~resting
        after = {name: ex.evaluate(tree, values) for name, tree in dynamics.reset}
        values |= {name: np.where(firing, new, values[name]) for name, new in after.items()}
        if rounding:
            off = 1.0 + (rounding if step % 2 else -rounding)
            values |= {name: values[name] * off for name in start}
        left = np.where(firing, rest, np.maximum(left - 1, 0))
        for neuron in np.flatnonzero(firing):
            spikes[neuron].append(step)
        for name, values_then in course.items():
            values_then[step - 1] = values[name]
    return course, spikes
