"""L2 of synapses that change: what they carry after pairs of spikes, at every distance and delay.

The neurons are relays, which spike when they are told to; rule and parameters are the circuit's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netspec.describe.connectivity import Explicit
from netspec.describe.distributions import Constant
from netspec.describe.inputs import Recorder, SynapseRecorder
from netspec.describe.models import LIBRARY
from netspec.describe.network import Network, Population, Projection, SpikeInput
from netspec.describe.synapses import OF_WEIGHT, SynapseModel
from netspec.execute.results import Run
from netspec.validation.ladder.bench import Bench
from netspec.validation.ladder.report import Figure, Figures
from netspec.validation.ladder.synapses import sent

OFFSETS = (-40.0, -25.0, -10.0, -4.0, -1.0, 0.0, 1.0, 4.0, 10.0, 25.0, 40.0)  # ms, target - source
DELAYS = (1, 2, 15, 39)  # steps
FIRST, SECOND, THIRD, END_MS = 45.0, 95.0, 120.0, 125.0  # ms; spikes of every source
WEIGHT = 0.05  # mV, of the strongest synapse of a rule: relays must not spike by it
STRICT, SINGLE = 1e-9, 1e-4  # share of a weight; with states of 32 bits
RELAY = {"t_ref": 0.0, "E_L": -70.0, "V_reset": -70.0, "V_th": -55.0}


@dataclass(frozen=True)
class Pair:
    """A source and a target, their spikes in steps, and the delay between them."""

    pre: tuple[int, ...]
    post: tuple[int, ...]
    delay: int


def pairs(dt: float) -> list[Pair]:
    """Return pairs of every delay: single pairs of spikes, and coincidences at the synapse."""
    first, second, third = (round(t / dt) for t in (FIRST, SECOND, THIRD))
    found = []
    for delay in DELAYS:
        posts: list[tuple[int, ...]] = [(first + round(offset / dt),) for offset in OFFSETS]
        # a pair that coincides, and one that is a step before or after
        posts += [(first + 30, second - delay + shift) for shift in (-1, 0, 1)]
        found += [Pair((first, second, third), post, delay) for post in posts]
    return found


def protocol(
    projection: Projection, model: SynapseModel, dt: float
) -> tuple[Network, list[Pair], float]:
    """Return relays in pairs that synapses of a projection connect, and the weight of each."""
    tried = pairs(dt)
    typical = projection.weight.typical()
    if isinstance(projection.rule, Explicit) and projection.rule.weight:
        typical = float(projection.rule.weight[0])
    given = model.values(projection.parameters)
    # whatever unit the circuit's weights have: a rule is the same in all of them
    bounds = [abs(v) for name, v in given.items() if model.parameters[name].unit == OF_WEIGHT]
    largest = max(abs(typical), *bounds, 0.0)
    scale = WEIGHT / largest if largest else 1.0
    parameters = {
        name: value * (scale if model.parameters[name].unit == OF_WEIGHT else 1.0)
        for name, value in given.items()
    }
    weight = typical * scale
    numbers = tuple(range(len(tried)))
    ends = {"source": [p.pre for p in tried], "target": [p.post for p in tried]}
    events = {
        name: [(step * dt, i) for i, train in enumerate(trains) for step in train]
        for name, trains in ends.items()
    }
    rule = Explicit(pre=numbers, post=numbers, delay=[p.delay * dt for p in tried])
    network = Network(
        name="L2_synapses",
        populations=[
            Population(
                name=name,
                size=len(tried),
                model=LIBRARY["iaf_psc_delta"],
                parameters={key: Constant(value=value) for key, value in RELAY.items()},
            )
            for name in ends
        ],
        projections=[
            Projection(
                **{"name": "changing", "pre": "source", "post": "target", "rule": rule},
                receptor="excitatory",
                weight=weight,
                synapse=model,
                parameters=parameters,
            )
        ],
        spike_inputs=[
            SpikeInput(
                **{"name": f"to_{name}", "target": name, "receptor": "excitatory"},
                weight=20.0,
                times=[time for time, _ in told],
                neurons=[neuron for _, neuron in told],
            )
            for name, told in events.items()
        ],
        recorders=[Recorder(name=f"of_{name}", target=name) for name in ends],
        synapse_recorders=[SynapseRecorder(name="w", projection="changing", synapses=numbers)],
        accept=[
            *(f"projections.changing.{key}" for key in ("weight", "delay", "rule.delay")),
            *(f"projections.changing.parameters.{key}" for key in parameters),
        ],
    )
    return network, tried, weight


def figures(bench: Bench, network: Network, dt: float) -> tuple[Figures, list[Run]]:
    """Compare what synapses carry with the oracle, for each distinct rule of a network."""
    apart, number, wrong, runs = 0.0, 0, 0, []
    for projection, model in _distinct(network):
        tried, made, weight = protocol(projection, model, dt)
        run = bench.run(tried, dt, END_MS)
        runs.append(run)
        events, weights = run.sent("w"), run.weights("changing").values
        parameters = tried.projections[0].parameters
        for index, pair in enumerate(made):
            expected, last = sent(model, parameters, pair.pre, pair.post, pair.delay, weight, dt)
            steps, values = events.of(index)
            number += len(expected)
            if steps.tolist() != [step for step, _ in expected]:
                wrong += 1
                continue
            carried = np.array([value for _, value in expected])
            size = max(np.abs(carried).max(initial=0.0), abs(last)) or 1.0
            off = np.abs(values - carried).max(initial=0.0)
            apart = max(apart, off / size, abs(weights[index] - last) / size)
    if not runs:
        return {}, []
    return {
        "events of synapses that change": Figure(number),
        "synapses with other events": Figure(wrong, 0),
        "weights carried off (share)": Figure(apart, STRICT, SINGLE),
    }, runs


def _distinct(network: Network) -> list[tuple[Projection, SynapseModel]]:
    """Return one projection for each rule with its parameters."""
    found: dict[str, tuple[Projection, SynapseModel]] = {}
    for projection, model in network.plastic():
        key = f"{model.name} {sorted(projection.parameters.items())} {projection.weight.typical()}"
        found.setdefault(key, (projection, model))
    return list(found.values())


def without_change(network: Network) -> Network:
    """Return a network whose synapses stay as they are drawn."""
    fixed: dict[str, Any] = {"synapse": None, "parameters": {}}
    projections = tuple(p.model_copy(update=fixed) for p in network.projections)
    update = {"projections": projections, "synapse_models": {}, "synapse_recorders": ()}
    return network.model_copy(update=update)
