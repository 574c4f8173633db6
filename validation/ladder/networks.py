"""The networks of the rungs, made of a circuit's own neurons, weights, delays and kernels.

A *kind* of neuron is a model with its parameters; it has the name of the first population of that
kind. Neurons that are not connected do not interfere, so each rung has one network for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from netspec.describe import distributions as dist
from netspec.describe.connectivity import Explicit, UniformKernel
from netspec.describe.expressions import evaluate
from netspec.describe.network import (
    PIECES,
    ContinuousProjection,
    Network,
    Population,
    Projection,
    Recorder,
    SpikeInput,
    StepCurrent,
)
from netspec.describe.neurons import NeuronModel
from netspec.describe.simulation import Simulation
from netspec.errors import UnsupportedError
from netspec.realise.streams import stream
from netspec.validation.ladder import oracle

LEVELS = (0.75, 1.0, 1.5, 2.0, 4.0)  # of the f-I curve, times the current that makes spikes
# ms; the last ones come as often as the ring's own drive
EVENTS = (5.0, 5.0, 8.2, 12.0, 20.0, 31.1, *(round(45 + 0.7 * k, 1) for k in range(75)))
NEURON_MS, PAIR_MS, COUPLED_MS, REPLAY_MS = 100.0, 40.0, 100.0, 100.0
PULSE = (1.0, 2.0)  # ms; a strong current that makes a neuron spike once
TRAIN = tuple(PULSE[0] + 15.0 * k for k in range(5))  # ms; the pulses of a train
STOP = 80.0  # ms; the end of the current that makes a neuron spike all the time
Course = tuple[tuple[float, ...], tuple[float, ...], int]  # times, amplitudes, neuron
Piece = TypeVar("Piece", Projection, ContinuousProjection)
MODES = ("one", "train", "all")  # how often the source of a continuous coupling spikes


def membrane(model: NeuronModel) -> str:
    """Return the state that is compared: the first in mV."""
    states = [state for state in model.dynamics.states if state.unit == "mV"]
    return (states or list(model.dynamics.states))[0].name


def recorder(population: str) -> str:
    """Return the name of a population's recorder."""
    return f"of_{population[:60]}"


def kinds(network: Network) -> dict[str, str]:
    """Return population -> its kind."""
    first: dict[str, str] = {}
    return {
        p.name: first.setdefault(p.model_dump_json(include={"model", "parameters"}), p.name)
        for p in network.populations
    }


def _population(network: Network, kind: str, name: str, size: int = 1) -> Population:
    """Return neurons in the middle of a kind: its typical parameters, its typical start.

    What is drawn would be drawn anew for each of them, and a neuron would differ from its control.
    """
    own, model = network.population(kind), network.model_of(kind)
    middle_of = own.typical(model)
    parameters, start = (
        {key: dist.Constant(value=values[key]) for key in given}
        for values, given in zip(middle_of, (own.parameters, own.initial), strict=True)
    )
    middle = Population(name=name, size=size, model=model, parameters=parameters, initial=start)
    # one that spikes at once would hide what reaches it: it starts as the model does
    return middle.model_copy(update={"initial": {}}) if _above(middle, model) else middle


def _above(population: Population, model: NeuronModel) -> bool:
    """Return whether neurons begin with their threshold's condition met."""
    parameters, start = population.typical(model)
    values = dict.fromkeys(model.inputs, 0.0) | parameters | start
    return bool(evaluate(model.dynamics.threshold, values))


def discards(model: NeuronModel) -> bool:
    """Return whether there are events that a neuron discards while it is refractory."""
    return any(model.dynamics.held(state) for state in model.receptors.values())


def _network(
    network: Network, rung: str, populations: list[Population], **pieces: object
) -> Network:
    """Return a network that records the spikes and the membrane of all populations.

    What was accepted of the network as implausible is accepted of its parts under their new names,
    and the pulse that makes a neuron spike is as strong as it has to be.
    """
    recorders = []
    for population in populations:
        model = population.model
        if not isinstance(model, NeuronModel):
            model = network.models[model]
        recorders.append(
            Recorder(name=recorder(population.name), target=population.name,
                     variables=(membrane(model),))
        )  # fmt: skip
    return Network(
        name=f"{network.name[:60]}_{rung}",
        populations=populations,
        recorders=recorders,
        accept=[*network.accept, *_accepted(network, pieces)],
        **pieces,
    )


def _accepted(network: Network, pieces: Mapping[str, object]) -> Iterator[str]:
    """Yield the paths of what may be implausible in pieces of a network made for a rung."""
    keys = ("amplitudes", *(("weight", "delay") if network.accept else ()))
    for kind, some in pieces.items():
        for piece in some if isinstance(some, Sequence) else ():
            for key in keys:
                if hasattr(piece, key):
                    yield f"{kind}.{piece.name}.{key}"


def _port(model: NeuronModel) -> str:
    port = next((name for name, unit in model.inputs.items() if unit == "pA"), None)
    if port is None:
        raise UnsupportedError(f"the ladder needs an input in pA, {model.name!r} has none")
    return port


def spiking_current(network: Network, kind: str, dt: float) -> float:
    """Return a current (pA, a power of two times 25) that makes a neuron of a kind spike.

    It is the smallest one with 3 spikes in 60 ms, and more than without a current.
    """
    levels = [0.0, *(25.0 * 2.0**k for k in range(12))]
    port = _port(network.model_of(kind))
    found = []
    for level in levels:
        probe = _network(
            network, "probe", [_population(network, kind, "probe")],
            step_currents=[StepCurrent(name="dc", target="probe", port=port, times=(PULSE[0],),
                                       amplitudes=(level,))],
        )  # fmt: skip
        solution = oracle.solve(probe, dt, round(60 / dt), rtol=1e-6)
        found.append(len(solution.spikes["probe"][0]))
        if found[-1] >= 3 and found[-1] > found[0]:
            return level
    raise UnsupportedError(
        f"no current up to {levels[-1]:g} pA makes {kind} spike 3 times in 60 ms"
    )


def _weights(network: Network, kind: str, kind_of: dict[str, str]) -> dict[str, float]:
    """Return receptor -> the circuit's own weight onto a kind."""
    found: dict[str, float] = {}
    for projection in network.projections:
        if kind_of[projection.post] == kind:
            found.setdefault(projection.receptor, _weight(projection))
    for source in network.poisson_inputs:
        if kind_of[source.target] == kind:
            found.setdefault(source.receptor, source.weight)
    for given in network.spike_inputs:
        if kind_of[given.target] == kind:
            found.setdefault(given.receptor, max(given.weights, key=abs))
    return {receptor: weight for receptor, weight in found.items() if weight}


def _weight(projection: Projection) -> float:
    rule = projection.rule
    if isinstance(rule, Explicit) and rule.weight:
        return float(rule.weight[0])
    return float(projection.weight.typical())


def neurons(network: Network, model: str, dt: float) -> Network:
    """Return single neurons of every kind of one model.

    The neurons of a population are: one under currents that step; one with given events on each
    receptor; one with all of them; one with all of them that spikes all the time, if its model
    discards events meanwhile; the last five the f-I curve.
    """
    kind_of = kinds(network)
    chosen = [k for k in dict.fromkeys(kind_of.values()) if network.population(k).model == model]
    port = _port(network.models[model])
    unit = spiking_current(network, chosen[0], dt)
    populations, currents, events = [], [], []
    for kind in chosen:
        weights = _weights(network, kind, kind_of)
        resting = discards(network.models[model])
        size = 2 + len(weights) + resting + len(LEVELS)
        populations.append(_population(network, kind, kind, size))
        first = size - len(LEVELS)
        stairs = (0.5 * unit, -0.5 * unit, 2.0 * unit, 0.0)
        courses: list[Course] = [((5.0, 20.0, 35.0, 90.0), stairs, 0)]
        courses += [((PULSE[0],), (level * unit,), first + i) for i, level in enumerate(LEVELS)]
        courses += [((PULSE[0],), (LEVELS[-1] * unit,), first - 1)] if resting else []
        currents += [
            StepCurrent(name=f"{kind[:40]}_{i}", target=kind, port=port, times=times,
                        amplitudes=amplitudes, neurons=(i,))
            for times, amplitudes, i in courses
        ]  # fmt: skip
        for index, (receptor, weight) in enumerate(weights.items()):
            reached = [1 + index, 1 + len(weights), *([first - 1] if resting else [])]
            events.append(
                SpikeInput(name=f"{kind[:40]}_on_{index}", target=kind, receptor=receptor,
                           times=EVENTS * len(reached), weight=weight,
                           neurons=[n for n in reached for _ in EVENTS])
            )  # fmt: skip
    return _network(network, "L1", populations, step_currents=currents, spike_inputs=events)


@dataclass(frozen=True)
class Pairs:
    """Two neurons and what connects them, many times.

    Attributes
    ----------
    network : Network
    events : dict
        Target population -> (source, control without synapse, delays in steps of its neurons).
    couplings : dict
        Target population of a continuous coupling -> (mode, control).
    """

    network: Network
    events: dict[str, tuple[str, str, tuple[int, ...]]]
    couplings: dict[str, tuple[str, str]]


def _delays(projection: Projection, simulation: Simulation) -> tuple[int, ...]:
    """Return delays to try, in steps: the circuit's own, and if it is drawn, one and twice it."""
    rule, drawn = projection.rule, projection.delay
    if isinstance(rule, Explicit) and rule.delay:
        return tuple(sorted({simulation.steps(d, 1) for d in (min(rule.delay), max(rule.delay))}))
    if drawn is None:
        return (1,)
    middle = simulation.steps(drawn.typical(), 1)
    return (middle,) if drawn.fixed() is not None else tuple(sorted({1, middle, 2 * middle}))


def pairs(network: Network, model: str, simulation: Simulation) -> Pairs:
    """Return a source and targets for every distinct connection between neurons of one model.

    Projections are distinct if the kinds of their ends, receptor, weight or delay differ.
    """
    kind_of, dt = kinds(network), simulation.dt
    chosen = [k for k in dict.fromkeys(kind_of.values()) if network.population(k).model == model]
    unit, port = spiking_current(network, chosen[0], dt), _port(network.models[model])
    populations: dict[str, Population] = {}
    currents: list[StepCurrent] = []

    def add(kind: str, role: str, size: int = 1) -> str:
        name = f"{role}_{kind[:40]}"
        populations.setdefault(name, _population(network, kind, name, size))
        return name

    def source(kind: str, mode: str) -> str:
        name = add(kind, mode)
        if all(current.target != name for current in currents):
            begins = TRAIN if mode == "train" else (PULSE[0],)
            length = STOP - PULSE[0] if mode == "all" else PULSE[1] - PULSE[0]
            edges = [(t, level) for b in begins for t, level in ((b, 20.0), (b + length, 0.0))]
            currents.append(
                StepCurrent(name=f"drive_{name}", target=name, port=port,
                            times=[t for t, _ in edges],
                            amplitudes=[level * unit for _, level in edges])
            )  # fmt: skip
        return name

    projections = []
    events: dict[str, tuple[str, str, tuple[int, ...]]] = {}
    for projection in _distinct(network.projections, kind_of, chosen):
        kind, delays = kind_of[projection.post], _delays(projection, simulation)
        post = add(kind, f"at{len(events)}", len(delays))
        pre = source(kind_of[projection.pre], "one")
        weight = _weight(projection)
        rule = Explicit(pre=(0,) * len(delays), post=tuple(range(len(delays))),
                        delay=[d * dt for d in delays])  # fmt: skip
        projections.append(
            Projection(name=f"to_{post}", pre=pre, post=post, receptor=projection.receptor,
                       rule=rule, weight=weight)
        )  # fmt: skip
        events[post] = (pre, add(kind, "alone"), delays)
    coupled, couplings = [], {}
    for number, coupling in enumerate(_distinct(network.continuous_projections, kind_of, chosen)):
        kind = kind_of[coupling.post]
        weight = float(coupling.kernel.values(network.population(coupling.post).size)[0])
        for mode in MODES:
            post = add(kind, f"gated{number}{mode}")
            couplings[post] = (mode, add(kind, "alone"))
            coupled.append(
                ContinuousProjection(
                    name=f"to_{post}", pre=source(kind_of[coupling.pre], mode), post=post,
                    source=coupling.source, target=coupling.target,
                    kernel=UniformKernel(weight=weight),
                )
            )  # fmt: skip
    made = _network(network, "L2", list(populations.values()), projections=projections,
                    continuous_projections=coupled, step_currents=currents)  # fmt: skip
    return Pairs(made, events, couplings)


def _distinct(pieces: Sequence[Piece], kind_of: dict[str, str], chosen: list[str]) -> list[Piece]:
    """Return the pieces between chosen kinds that differ in more than names and pairs."""
    found: dict[str, Piece] = {}
    for piece in pieces:
        ends = kind_of[piece.pre], kind_of[piece.post]
        if set(ends) <= set(chosen):
            explicit = isinstance(getattr(piece, "rule", None), Explicit)
            left_out = {"name", "pre", "post"} | (set() if explicit else {"rule"})
            found.setdefault(f"{ends} {piece.model_dump_json(exclude=left_out)}", piece)
    return list(found.values())


def replay(network: Network, simulation: Simulation, seed: int) -> Network:
    """Return a network with its Poisson inputs replaced by given spikes, drawn once for all."""
    given = []
    for poisson in network.poisson_inputs:
        size = network.population(poisson.target).size
        generator = stream(seed, poisson.name, "replay")
        # the first event that every simulator can deliver is that of the second step
        course = poisson.course(simulation)
        end = simulation.steps(REPLAY_MS)
        begin = min(max(course[0][0], 2), end + 1)
        if len(course) == 1:  # as it was drawn before rates could change
            mean = course[0][1] * simulation.dt * 1e-3
            counts = generator.poisson(mean, (end - begin + 1, size))
        else:
            means = np.zeros(end + 1)
            for step, rate in course:
                # what is drawn in a step arrives at its end
                means[step + 1 :] = rate * simulation.dt * 1e-3
            counts = generator.poisson(means[begin:, None], (end - begin + 1, size))
        steps, targets = np.indices(counts.shape)
        times = (np.repeat(steps.ravel(), counts.ravel()) + begin) * simulation.dt
        given.append(
            SpikeInput(name=f"{poisson.name[:56]}_replay", target=poisson.target,
                       receptor=poisson.receptor, weight=poisson.weight, times=times,
                       neurons=np.repeat(targets.ravel(), counts.ravel()))
        )  # fmt: skip
    others = PIECES.keys() - {"populations", "poisson_inputs", "recorders"}
    pieces: dict[str, object] = {name: getattr(network, name) for name in others}
    pieces["spike_inputs"] = (*network.spike_inputs, *given)
    pieces["models"], pieces["synapse_models"] = network.models, network.synapse_models
    return _network(network, "L3", list(network.populations), **pieces)
