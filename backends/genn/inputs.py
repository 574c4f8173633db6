"""What reaches GeNN's neurons from outside: Poisson events, given spikes, noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.genn import sampling
from netspec.backends.genn.blueprint import Code, Source
from netspec.backends.genn.neurons import arriving, coupled
from netspec.describe.network import Network, NoiseCurrent, PoissonInput, SpikeInput
from netspec.describe.simulation import Simulation
from netspec.describe.spike_inputs import Events
from netspec.realise.counters import PoissonCounter, tables_by_step
from netspec.realise.noise import NoiseCounter


def poisson_code(
    network: Network,
    poisson: PoissonInput,
    simulation: Simulation,
    mean: float,
    by_product: bool,
) -> Source:
    """Return a source that draws one Poisson number of a mean per neuron and step."""
    # where the rate changes, the host exchanges tables: before the first there is one of zeros
    start = 0 if poisson.changes else poisson.course(simulation)[0][0]
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


def noise_code(
    network: Network, noise: NoiseCurrent, simulation: Simulation
) -> tuple[Source, dict[str, NDArray[Any]]]:
    """Return a source that adds a noise current, and its variables, one value a neuron."""
    size = network.population(noise.target).size
    counter = NoiseCounter.of(noise, simulation, size)
    params = {name: getattr(counter, name) for name in ("mean", "keep", "spread")}
    params |= {name: getattr(counter, name) for name in ("begin", "end", "every")}
    variables = {"state": "uint64_t", "x": "scalar", "step": "int"}
    values: dict[str, NDArray[Any]] = {"state": counter.states, "x": counter.x}
    level = "mean + x"
    if noise.neurons is not None:
        level, variables["feels"] = "feels * (mean + x)", "scalar"
        values["feels"] = np.zeros(size)
        values["feels"][list(noise.neurons)] = 1.0
    whole = ("begin", "end", "every")
    code = Code(
        name="noise_of_some" if noise.neurons is not None else "noise",
        texts={"injection_code": sampling.NOISE.replace("@LEVEL@", level)},
        params=tuple((name, "int" if name in whole else "scalar") for name in params),
        variables=tuple(variables.items()),
        read_only=("feels",) if noise.neurons is not None else (),
        zero=("step",),
    )
    source = Source(noise_name(noise), noise.target, code, params, coupled(noise.port))
    return source, values


def noise_name(noise: NoiseCurrent) -> str:
    """Return the name of a noise current among GeNN's current sources."""
    return f"noise_{noise.name}"


def poisson_courses(
    counters: list[tuple[int, int, PoissonCounter]],
) -> list[tuple[int, NDArray[np.uint64], NDArray[np.uint16]]]:
    """Return (step, table, guide), all of one length, for steps from each on; the first is 0.

    Parameters
    ----------
    counters : list
        As of `Execution.poisson_counters`.
    """
    found = tables_by_step(counters)
    longest = max(len(table) for _, table, _ in found)
    # no number is beyond a table's last entry, which is all ones
    filled = np.iinfo(np.uint64).max
    return [
        (step, np.append(table, np.full(longest - len(table), filled, np.uint64)), guide)
        for step, table, guide in found
    ]


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
) -> Iterator[tuple[int, tuple[str, str], NDArray[np.int64], NDArray[np.float64]]]:
    """Yield (step, (population, state), neurons, weights) of the events due at the step's end.

    A place occurs at most once a step.
    """
    places: dict[tuple[str, str], list[Events]] = {}
    for source in network.spike_inputs:
        place = source.target, state_of(network, source)
        places.setdefault(place, []).append(source.events(simulation))
    for place, parts in places.items():
        steps, neurons, weights = map(np.concatenate, zip(*parts, strict=True))
        order = np.argsort(steps, kind="stable")
        found, starts = np.unique(steps[order], return_index=True)
        events_of = np.split(order, starts[1:]) if len(order) else []
        for step, here in zip(found.tolist(), events_of, strict=True):
            yield step - 1, place, neurons[here], weights[here]


def state_of(network: Network, source: SpikeInput | Any) -> str:
    """Return the state variable that an input's events are added to."""
    return network.model_of(source.target).receptors[source.receptor]
