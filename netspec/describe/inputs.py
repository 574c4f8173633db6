"""What comes from outside: Poisson events, currents, given spikes; and what is recorded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import BeforeValidator, Field, model_validator

from netspec.describe import plausible
from netspec.describe.fields import (
    Count,
    Hertz,
    Identifier,
    Indices,
    NeuronsOf,
    PartOf,
    ProjectionName,
    Quantities,
    Quantity,
    Reference,
    Time,
    Times,
    UnitOf,
    in_unit,
    name_of,
)
from netspec.describe.simulation import Simulation
from netspec.describe.slots import Piece, Place
from netspec.errors import Fault

MAX_RATE = 1e7  # Hz of all Poisson inputs of a neuron

Receptor = Annotated[Identifier, PartOf("receptors", "target", "a receptor")]
Port = Annotated[Identifier, PartOf("inputs", "target", "an input")]
Some = Annotated[Indices, NeuronsOf("target")]
Weight = UnitOf("receptor", plausible=plausible.WEIGHT)
Strength = UnitOf("port", plausible=plausible.CURRENT)


def _range(value: Any) -> Any:
    return tuple(value) if isinstance(value, range) else value


@runtime_checkable
class Current(Protocol):
    """Any input whose level is set from outside, step by step, at an input of the neurons."""

    @property
    def target(self) -> str:
        """The population."""

    @property
    def port(self) -> str:
        """The input of its neurons."""

    @property
    def neurons(self) -> tuple[int, ...] | None:
        """Those that feel it; all if None."""

    def levels(self, simulation: Simulation) -> Iterator[tuple[int, float]]:
        """Yield (step, level): neurons feel it from the step that begins then on.

        Parameters
        ----------
        simulation : Simulation
            Its grid of time steps.
        """


class PoissonInput(Piece):
    """Independent Poisson events to every neuron of a population.

    Attributes
    ----------
    rate : float
        Of one input, in spikes/s.
    number : int
        Independent inputs per neuron; only ``number * rate`` matters.
    weight : float
        Unit of the receptor's variable.
    delay : float
        Input begins after this many ms. It changes nothing else, as the input is stationary.
    """

    target: Reference
    receptor: Receptor
    rate: Hertz
    number: Count = 1
    weight: Annotated[Quantity, Weight]
    delay: Time = 0.0

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield a fault if a neuron gets more than `MAX_RATE` in all."""
        if self.rate * self.number > MAX_RATE:
            yield Fault("rate", f"{self.rate * self.number:g} Hz in all", "up to 1e7 Hz")


class CurrentInput(Piece):
    """A constant current into the model's input `port` (all neurons, or those listed)."""

    target: Reference
    amplitude: Annotated[Quantity, Strength]
    port: Port = "I_stim"
    neurons: Some | None = None

    def levels(self, simulation: Simulation) -> Iterator[tuple[int, float]]:
        """Yield the amplitude, from the first step on."""
        yield 0, self.amplitude


class StepCurrent(Piece):
    """A current that changes at given times: `amplitudes[k]` from `times[k]` on.

    It is zero before the first time. Steps that begin at or after `times[k]` feel
    `amplitudes[k]`.
    """

    target: Reference
    times: Times
    amplitudes: Annotated[Quantities, Strength]
    port: Port = "I_stim"
    neurons: Some | None = None

    @model_validator(mode="after")
    def _matching(self) -> StepCurrent:
        if len(self.times) != len(self.amplitudes):
            raise ValueError(f"{len(self.times)} times but {len(self.amplitudes)} amplitudes")
        if any(b <= a for a, b in zip(self.times, self.times[1:], strict=False)):
            raise ValueError("times must increase")
        return self

    def levels(self, simulation: Simulation) -> Iterator[tuple[int, float]]:
        """Yield the amplitudes, from the step nearest to their times on."""
        for time, amplitude in zip(self.times, self.amplitudes, strict=True):
            yield simulation.steps(time), amplitude


class SpikeInput(Piece):
    """Given events: the one at `times[k]` reaches `neurons[k]` of the target at that time."""

    target: Reference
    receptor: Receptor
    times: Times
    neurons: Some
    weight: Annotated[Quantity, Weight]

    @model_validator(mode="after")
    def _matching(self) -> SpikeInput:
        if len(self.times) != len(self.neurons):
            raise ValueError(f"{len(self.times)} times but {len(self.neurons)} neurons")
        return self


class Recorder(Piece):
    """What is kept of a population.

    Attributes
    ----------
    spikes : bool
        Record the spikes of all neurons.
    variables : tuple of str
        State variables to sample, at the end of a step.
    neurons : tuple of int or None
        Neurons whose variables are sampled; all if None.
    interval : float or None
        Sampling interval in ms, rounded to steps; None is every step.
    """

    target: Reference
    spikes: Annotated[bool, Field(strict=True)] = True
    variables: Annotated[
        tuple[Identifier, ...], PartOf("states", "target", "a state variable")
    ] = ()
    neurons: Some | None = None
    interval: Annotated[float, in_unit("ms", 1e-4, 1e9, steps=1)] | None = None

    @model_validator(mode="after")
    def _increasing(self) -> Recorder:
        neurons = self.neurons or ()
        if any(b <= a for a, b in itertools.pairwise(neurons)):
            raise ValueError("neurons must increase, as the columns of the samples do")
        return self


class SynapseRecorder(Piece):
    """What is kept of synapses that change.

    Attributes
    ----------
    projection : str
        One with a synapse model.
    synapses : tuple of int
        Synapses whose events are recorded: the step that each was sent in and what it carried.
        Synapses count by source, and then by target, as netspec draws them.
    final : bool
        Record the weights of all synapses at the end: of each the one that its last event carried.
    """

    projection: Annotated[Identifier, BeforeValidator(name_of), ProjectionName()]
    synapses: Annotated[Indices, BeforeValidator(_range)] = ()
    final: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def _increasing_synapses(self) -> SynapseRecorder:
        if any(b <= a for a, b in itertools.pairwise(self.synapses)):
            raise ValueError("synapses must increase")
        return self

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield a fault if there are no such synapses, or they do not change."""
        projection = place.projections.get(self.projection)
        model = None if projection is None else place.synapse(projection)
        if projection is not None and (projection.synapse is None or (model and model.is_static)):
            allowed = "a projection whose synapses change: one that names a synapse model"
            yield Fault("projection", repr(self.projection), allowed)
