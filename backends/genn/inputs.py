"""What reaches GeNN's neurons from outside: Poisson events, given spikes."""

from __future__ import annotations

import math
from typing import Any

from netspec.backends.genn import sampling
from netspec.backends.genn.blueprint import Code, Source
from netspec.backends.genn.neurons import arriving
from netspec.describe.network import Network, PoissonInput, SpikeInput
from netspec.describe.simulation import Simulation


def poisson_code(
    network: Network,
    poisson: PoissonInput,
    simulation: Simulation,
    mean: float,
    by_product: bool,
) -> Source:
    """Return a source that draws one Poisson number of a mean per neuron and step."""
    start = simulation.steps(poisson.delay)
    state = network.model_of(poisson.target).receptors[poisson.receptor]
    params: dict[str, float | int] = {"weight": poisson.weight}
    text = sampling.POISSON
    if by_product:
        params["least"] = math.exp(-mean)
        text = sampling.POISSON_BY_PRODUCT
    if start:
        # half a step before, so that rounding of the time does not matter
        params["start"] = (start - 0.5) * simulation.dt
        text = f"if(t > start) {{\n{text}}}\n"
    code = Code(
        name="poisson_later" if start else "poisson",
        texts={"injection_code": text},
        params=tuple((name, "double" if name == "least" else "scalar") for name in params),
        variables=(("state", "uint64_t"),),
        tables=() if by_product else (("table", "uint64_t*"), ("guide", "uint16_t*")),
    )
    return Source(source_name(poisson), poisson.target, code, params, arriving(state))


def source_name(poisson: PoissonInput) -> str:
    """Return the name of a Poisson input among GeNN's current sources."""
    return f"poisson_{poisson.name}"


_BUFFER = Code(
    name="given_events",
    texts={"injection_code": "injectCurrent(pending);\npending = 0.0;"},
    variables=(("pending", "scalar"),),
    zero=("pending",),
)


def given_code(network: Network, target: str, state: str) -> Source:
    """Return a source that hands over what the host left in ``pending``, once."""
    states = [s.name for s in network.model_of(target).dynamics.states]
    # by number: two names with "_" between might be those of another population and state
    name = f"given{states.index(state)}_{target}"
    return Source(name, target, _BUFFER, {}, arriving(state))


def given_events(
    network: Network, simulation: Simulation
) -> dict[int, dict[tuple[str, str], list[tuple[int, float]]]]:
    """Return step -> (population, state) -> neurons and weights of events due at its end."""
    due: dict[int, dict[tuple[str, str], list[tuple[int, float]]]] = {}
    for source in network.spike_inputs:
        place = source.target, state_of(network, source)
        for time, neuron in zip(source.times, source.neurons, strict=True):
            at = due.setdefault(simulation.steps(time) - 1, {})
            at.setdefault(place, []).append((neuron, source.weight))
    return due


def state_of(network: Network, source: SpikeInput | Any) -> str:
    """Return the state variable that an input's events are added to."""
    return network.model_of(source.target).receptors[source.receptor]
