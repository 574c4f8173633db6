"""What comes from outside: Poisson events and currents; and what is recorded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import BeforeValidator, Field, model_validator

from netspec.describe import plausible
from netspec.describe.fields import (
    Count,
    Frequencies,
    Grown,
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


def _increasing(times: tuple[float, ...]) -> None:
    if any(b <= a for a, b in itertools.pairwise(times)):
        raise ValueError("times must increase")


def _ends(start: float, stop: float | None) -> Iterator[Fault]:
    """Yield a fault if an input would end before it begins."""
    if stop is not None and stop <= start:
        yield Fault("stop", f"{stop:g} ms", f"a time after start, which is {start:g} ms")


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


class PoissonInput(Grown, Piece):
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
        Everything comes this many ms later; of an input that never changes, its begin.
    start, stop : float, float or None
        In ms. Steps that begin from `start` on and before `stop` draw events, which arrive at their
        ends; None is no end.
    times, rates : tuple of float
        The rate of one input is `rates[k]` from `times[k]` (ms) on, and `rate` before.
    """

    later = ("start", "stop", "times", "rates")

    target: Reference
    receptor: Receptor
    rate: Hertz
    number: Count = 1
    weight: Annotated[Quantity, Weight]
    delay: Time = 0.0
    start: Time = 0.0
    stop: Time | None = None
    times: Times = ()
    rates: Frequencies = ()

    @model_validator(mode="after")
    def _matching(self) -> PoissonInput:
        if len(self.times) != len(self.rates):
            raise ValueError(f"{len(self.times)} times but {len(self.rates)} rates")
        _increasing(self.times)
        return self

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield a fault if a neuron gets more than `MAX_RATE` in all, or `stop` is no end."""
        for field, rate in (("rate", self.rate), ("rates", max(self.rates, default=0.0))):
            if rate * self.number > MAX_RATE:
                yield Fault(field, f"{rate * self.number:g} Hz in all", "up to 1e7 Hz")
        yield from _ends(self.start, self.stop)

    @property
    def changes(self) -> bool:
        """Whether its rate changes, or it ends."""
        return bool(self.rates) or self.stop is not None

    def course(self, simulation: Simulation) -> tuple[tuple[int, float], ...]:
        """Return (step, rate of all inputs of a neuron in spikes/s), which no step repeats.

        Steps that begin at `step` or later draw events of the rate, none before the first do.

        Parameters
        ----------
        simulation : Simulation
            Its grid of time steps.
        """
        rates = {simulation.steps(0.0): self.rate}
        for time, rate in zip(self.times, self.rates, strict=True):
            rates[simulation.steps(time + self.delay)] = rate
        begin = simulation.steps(self.start + self.delay)
        rates[begin] = next(rates[step] for step in sorted(rates, reverse=True) if step <= begin)
        if self.stop is not None:
            end = simulation.steps(self.stop + self.delay)
            rates = {step: rate for step, rate in rates.items() if step < end} | {end: 0.0}
        course = [(step, rates[step] * self.number) for step in sorted(rates) if step >= begin]
        kept = [pair for k, pair in enumerate(course) if k == 0 or pair[1] != course[k - 1][1]]
        return tuple(kept)


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
        _increasing(self.times)
        return self

    def levels(self, simulation: Simulation) -> Iterator[tuple[int, float]]:
        """Yield the amplitudes, from the step nearest to their times on."""
        for time, amplitude in zip(self.times, self.amplitudes, strict=True):
            yield simulation.steps(time), amplitude


class NoiseCurrent(Piece):
    """A current that is noise, of its own in every neuron: white, or an Ornstein-Uhlenbeck process.

    It changes every `every` ms, first at `start`, and is constant in between. White it is
    ``mean + sd * z``, with a standard normal number ``z`` of its own for every neuron and
    interval, as of NEST's ``noise_generator``. With `tau` it is ``mean + x``, where ``x`` is
    an Ornstein-Uhlenbeck process at the begins of the intervals, with the standard deviation `sd`
    and the correlation time `tau`, stationary from `start` on. It is zero before `start` and from
    `stop` on. The numbers are netspec's, by counter: the same on every simulator.

    Attributes
    ----------
    mean, sd : float
        Unit of the input.
    every : float or None
        In ms, rounded to steps; None is every step. White noise has the power spectral density
        ``sd**2 * every`` at low frequencies, so with None it depends on the time step.
    tau : float or None
        In ms; None is white noise.
    start, stop : float, float or None
        In ms. Steps that begin from `start` on and before `stop` feel it; None is no end.
    """

    target: Reference
    sd: Annotated[Quantity, Strength]
    mean: Annotated[Quantity, Strength] = 0.0
    every: Annotated[float, in_unit("ms", 1e-4, 1e9, steps=1)] | None = None
    tau: Annotated[float, in_unit("ms", 1e-4, 1e9)] | None = None
    start: Time = 0.0
    stop: Time | None = None
    port: Port = "I_stim"
    neurons: Some | None = None

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield a fault of a negative standard deviation, or if `stop` is no end."""
        if self.sd < 0:
            yield Fault("sd", f"{self.sd:g}", "0 or more")
        yield from _ends(self.start, self.stop)


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
