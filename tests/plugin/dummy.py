"""A simulator of neurons without synapses, in NumPy: the worked example of docs/adapters.md.

It needs nothing of netspec but what is public: the contract, the realisation and the lowering.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from netspec import Population
from netspec.describe.expressions import evaluate
from netspec.execute import ledger_lines
from netspec.execute.contract import (
    Backend,
    Entry,
    Execution,
    Option,
    Plan,
    Progress,
    Recording,
    RunRequest,
)
from netspec.realise.lowering import lower


@dataclass(frozen=True)
class DummyPlan(Plan):
    """What is decided for a request: whether constant and stepped currents are simulated."""

    currents: bool


class DummyBackend(Backend[DummyPlan]):
    """Neurons of any model, with currents and given spikes, one population after the other."""

    name = "dummy"
    module = "dummy"  # what must be importable for the simulator to be there
    distribution = "dummy"  # what has its version
    how_to_get = "Install it with: pip install dummy"
    threaded = False
    options = {"currents": Option("exact", ("exact", "none"), "none: currents are left out")}

    def plan(self, request: RunRequest) -> DummyPlan:
        network = request.network
        entries = ledger_lines.of_populations(request) + ledger_lines.of_given_inputs(request)
        reasons = {
            "projections": "it has no synapses",
            "continuous_projections": "it has no synapses",
            "poisson_inputs": "it draws no random numbers",
        }
        entries += [
            Entry(thing=f"{kind}.{piece.name}", status="unsupported", reason=reason)
            for kind, reason in reasons.items()
            for piece in getattr(network, kind)
        ]
        currents = request.options.get("currents", "exact") == "exact"
        if not currents:
            entries += [
                Entry(thing=f"{kind}.{current.name}", status="approximate", name="no-current",
                      reason="it is left out", error="all of it")
                for kind in ("current_inputs", "step_currents")
                for current in getattr(network, kind)
            ]  # fmt: skip
        return DummyPlan.of(self, request, entries, currents=currents)

    def memory(self, plans: Sequence[DummyPlan]) -> int:
        neurons = sum(p.size for plan in plans for p in plan.request.network.populations)
        return 60_000_000 + 1000 * neurons

    def execute(self, plans: Sequence[DummyPlan], progress: Progress) -> Iterator[Recording]:
        for plan in plans:
            yield run(plan, Execution(plan.request, progress))


def run(plan: DummyPlan, execution: Execution) -> Recording:
    """Simulate all populations side by side; the warm-up is a part of the run."""
    simulation = execution.simulation
    with execution.phase("create"):
        groups = [Neurons(plan, execution, p) for p in execution.network.populations]
    warm = simulation.warmup_steps
    for phase, begin, end in (("warmup", 0, warm), ("simulate", warm, simulation.total_steps)):
        with execution.phase(phase):
            for step in range(begin + 1, end + 1):
                for group in groups:
                    group.advance(step)
                execution.progress(phase, (step - begin) / (end - begin))
    with execution.phase("read"):
        for group in groups:
            group.read()
    return execution.recording


class Neurons:
    """One population while it runs."""

    def __init__(self, plan: DummyPlan, execution: Execution, population: Population) -> None:
        network, name = execution.network, population.name
        self.execution, self.name, self.size = execution, name, population.size
        self.model = network.model_of(population)
        self.program = lower(self.model, execution.dt)
        # drawn by netspec: parameters and initial values are the same on every adapter
        parameters, initial = execution.parameters(name), execution.initial_values(name)
        if plan.request.readback:
            kinds = {"parameters": parameters, "initial": initial}
            execution.recording.readback |= {
                f"{kind}/{name}/{key}": np.asarray(value)
                for kind, values in kinds.items()
                for key, value in values.items()
            }
        self.values = parameters | self.program.constants(parameters)
        for key in (*self.model.inputs, *initial):
            self.values[key] = self.spread(initial.get(key, 0.0))
        self.rest = self.spread(self.program.refractory_steps(parameters))
        self.left = np.zeros(self.size)  # refractory steps to go
        changes = execution.current_changes if plan.currents else []
        self.changes = [change for change in changes if change.population == name]
        self.events = [
            (step, neuron, self.model.receptors[given.receptor], weight)
            for given in network.spike_inputs
            if given.target == name
            for step, neuron, weight in zip(*given.events(execution.simulation), strict=True)
        ]  # fmt: skip
        self.recorders = [r for r in network.recorders if r.target == name]
        self.samples = {(r.name, variable): [] for r in self.recorders for variable in r.variables}
        self.spikes: list[tuple[int, int]] = []

    def spread(self, value: object) -> np.ndarray:
        """Return a value for every neuron, in memory of its own."""
        return np.array(np.broadcast_to(value, self.size), float)

    def advance(self, step: int) -> None:
        """Go from the end of a step to that of the next, in the canonical order."""
        values, dynamics = self.values, self.model.dynamics
        for change in self.changes:
            if change.step == step - 1:  # the step that begins then feels it
                values[change.port][change.neurons] += change.level
        # 1. integrate
        resting = self.left > 0
        values["active"] = (~resting).astype(float)
        for statement in self.program.statements:
            values[statement.target] = self.spread(evaluate(statement.value, values))
        # 2. add the events that are due, and discard those onto a state that is held
        for due, neuron, state, weight in self.events:
            if due == step and not (resting[neuron] and dynamics.held(state)):
                values[state][neuron] += weight
        # 3. test the threshold, label the spike with the end of the step, reset, rest
        firing = np.flatnonzero(evaluate(dynamics.threshold, values) & ~resting)
        new = [(name, self.spread(evaluate(tree, values))) for name, tree in dynamics.reset]
        for name, value in new:
            values[name][firing] = value[firing]
        self.left = np.maximum(self.left - 1, 0)
        self.left[firing] = self.rest[firing]
        self.spikes += [(step, int(neuron)) for neuron in firing]
        for recorder in self.recorders:
            if step % self.execution.request.sampling_steps(recorder) == 0:
                chosen = slice(None) if recorder.neurons is None else list(recorder.neurons)
                for variable in recorder.variables:
                    self.samples[recorder.name, variable].append((step, values[variable][chosen]))

    def read(self) -> None:
        """Put spikes and samples into the recording."""
        recording = self.execution.recording
        for state in self.model.dynamics.states:
            self.execution.check_finite(self.name, state.name, self.values[state.name])
        if self.name in self.execution.network.recorded():
            found = np.array(self.spikes, np.int64).reshape(-1, 2)
            recording.spikes[self.name] = found[:, 0], found[:, 1].astype(np.uint32)
        for recorder in self.recorders:
            size = self.size if recorder.neurons is None else len(recorder.neurons)
            for variable in recorder.variables:
                samples = self.samples[recorder.name, variable]
                steps = np.array([step for step, _ in samples], np.int64)
                values = np.array([row for _, row in samples]).reshape(len(samples), size)
                recording.samples[recorder.name, variable] = steps, values
