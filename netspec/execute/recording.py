"""The recording: what an adapter returns of a run, and whether all of it is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe.network import Recorder, SynapseRecorder
from netspec.errors import SimulationFailed, choices
from netspec.execute.request import RunRequest

Spikes = tuple[NDArray[np.int64], NDArray[np.uint32]]
Samples = tuple[NDArray[np.int64], NDArray[np.float64]]
# (synapse, pre, post, weight), and (synapse, step, what was sent); synapses as netspec draws them
Weights = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64]]
Sent = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
PHASES = ("warmup", "simulate")  # those whose wall times every adapter tells


@dataclass
class Recording:
    """What an adapter returns of one run.

    Attributes
    ----------
    spikes : dict
        Population -> (steps, neurons), in any order. A spike found at the end of the step
        from t to t + dt has the step of t + dt.
    samples : dict
        (recorder, variable) -> (steps, values), values of shape (samples, neurons).
    synapses : dict
        Projection -> number of synapses that the simulator says it holds.
    weights : dict
        Projection -> (synapse, pre, post, weight) of all its synapses that this process holds, in
        any order: the weight that the last event carried, or the first if there was none.
    sent : dict
        Synapse recorder -> (synapse, step, what the event carried), in any order. An event has the
        step of the spike that it is sent by.
    seconds : dict
        Wall time by phase: create, connect, prepare, warmup, simulate, read. The two of `PHASES`
        must be there.
    memory : dict
        Resident memory of the process in MiB after each phase.
    runs : int
        Number of runs that shared a model, whose times and memory these are.
    readback : dict
        Name -> array, read from the simulator (``parameters/POP/NAME``,
        ``initial/POP/NAME``, ``projections/NAME/pre|post|weight|delay``).
    info : dict
        Build and device information.
    local : dict
        Of one rank of many: recorder, or name in `readback` -> positions of the neurons that
        this rank holds; what is not named is whole (samples) or joined (synapses).
    """

    spikes: dict[str, Spikes] = field(default_factory=dict)
    samples: dict[tuple[str, str], Samples] = field(default_factory=dict)
    synapses: dict[str, int] = field(default_factory=dict)
    weights: dict[str, Weights] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    readback: dict[str, NDArray[Any]] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    local: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    runs: int = 1

    def check(self, request: RunRequest) -> None:
        """Raise unless all that was asked for is there, and of the shape that it must have.

        Raises
        ------
        SimulationFailed
            Naming every phase, population, recorder or number of synapses that is missing or wrong.
        """
        faults = [
            *self._lacking("the wall time of the phase", PHASES, self.seconds),
            *self._lacking("the spikes of", request.network.recorded(), self.spikes),
            *self._lacking(
                "the number of synapses of",
                [projection.name for projection in request.network.projections],
                self.synapses,
            ),
            *(
                f
                for name, found in self.spikes.items()
                for f in _spike_faults(request, name, found)
            ),
            *(f for r in request.network.recorders for f in self._sample_faults(request, r)),
            *(
                f
                for r in request.network.synapse_recorders
                for f in self._weight_faults(request, r)
            ),
        ]
        if faults:
            head = f"{request.backend} returned a recording that is not the one asked for:"
            raise SimulationFailed("\n  - ".join([head, *faults]))

    @staticmethod
    def _lacking(what: str, wanted: Any, found: dict[str, Any]) -> Iterator[str]:
        for name in wanted:
            if name not in found:
                yield f"{what} {name!r} is missing; it has {', '.join(found) or 'none'}"

    def _sample_faults(self, request: RunRequest, recorder: Recorder) -> Iterator[str]:
        size = request.network.population(recorder.target).size
        held = self.local.get(recorder.name)
        neurons = size if recorder.neurons is None else len(recorder.neurons)
        neurons = neurons if held is None else len(held)
        every = request.sampling_steps(recorder)
        wanted = np.arange(every, request.simulation.total_steps + 1, every)
        for variable in recorder.variables:
            what = f"recorder {recorder.name!r}, {variable}"
            if (recorder.name, variable) not in self.samples:
                known = choices(f"{name}/{v}" for name, v in self.samples)
                yield f"{what}: its samples are missing; {known}"
                continue
            steps, values = self.samples[recorder.name, variable]
            if neurons and not np.array_equal(steps, wanted):
                yield (
                    f"{what}: {len(steps)} samples, expected {len(wanted)}, one every {every} "
                    f"steps from step {every} on"
                )
            elif neurons and np.shape(values) != (len(wanted), neurons):
                yield f"{what}: shape {np.shape(values)}, expected {(len(wanted), neurons)}"

    def _weight_faults(self, request: RunRequest, recorder: SynapseRecorder) -> Iterator[str]:
        name, number = recorder.projection, self.synapses.get(recorder.projection, 0)
        if recorder.final:
            yield from self._lacking("the weights of", [name], self.weights)
            found = self.weights.get(name, (np.empty(0, np.int64),))[0]
            if name in self.weights and not np.array_equal(np.unique(found), np.sort(found)):
                yield f"weights of {name!r}: a synapse comes twice"
            elif name in self.weights and len(found) != number:
                yield f"weights of {name!r}: {len(found)}, expected {number}"
        if recorder.synapses:
            yield from self._lacking("the events of", [recorder.name], self.sent)
            synapses, steps, _ = self.sent.get(recorder.name, ((), (), ()))
            if not set(np.unique(synapses)) <= set(recorder.synapses):
                yield f"events of {recorder.name!r}: of synapses that nobody asked for"
            last = request.simulation.total_steps
            if len(steps) and (np.min(steps) < 1 or np.max(steps) > last):
                yield f"events of {recorder.name!r}: steps beyond 1 to {last}"


def _spike_faults(request: RunRequest, name: str, found: Spikes) -> Iterator[str]:
    network, last = request.network, request.simulation.total_steps
    if name not in network.recorded():
        yield f"spikes of {name!r}, which nobody asked for; {choices(network.recorded())}"
        return
    steps, neurons = (np.asarray(column) for column in found)
    size = network.population(name).size
    if steps.shape != neurons.shape or steps.ndim != 1:
        yield f"spikes of {name!r}: steps of shape {steps.shape}, neurons of {neurons.shape}"
        return
    for what, values, low, high in (("steps", steps, 1, last), ("neurons", neurons, 0, size - 1)):
        if values.size and (values.dtype.kind not in "iu"):
            yield f"spikes of {name!r}: {what} of type {values.dtype}, expected whole numbers"
        elif values.size and (values.min() < low or values.max() > high):
            yield (
                f"spikes of {name!r}: {what} from {values.min()} to {values.max()}, "
                f"allowed: {low} to {high}"
            )
