"""The populations of one neuron model, as one NeuronGroup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.brian2.functions import vectorisable
from netspec.describe import expressions as ex
from netspec.execute.execution import Execution
from netspec.realise.counters import AT_ONCE
from netspec.realise.lowering import lower, own

# names of the adapter's own, which no name of a description can meet (`lowering.own`)
ACTIVE, LEFT, REST = "active", "refractory_left", "refractory_steps"


class Group:
    """The populations of one neuron model: a NeuronGroup and where each population lies in it."""

    def __init__(self, execution: Execution, model_name: str) -> None:
        network = execution.network
        self.model = network.models[model_name]
        self.program = lower(self.model, execution.dt)
        self.members = [p for p in network.populations if p.model == model_name]
        self.slices: dict[str, slice] = {}
        self.size = 0
        for population in self.members:
            self.slices[population.name] = slice(self.size, self.size + population.size)
            self.size += population.size
        given = {p.name: execution.parameters(p.name) for p in self.members}
        values: dict[str, list[Any]] = {}
        for population in self.members:
            drawn = given[population.name]
            numbers = {
                **{name: drawn[name] for name in self.program.parameter_names},
                **self.program.constants(drawn),
            }
            for name, value in numbers.items():
                values.setdefault(own(name), []).append(value)
            values.setdefault(REST, []).append(self.program.refractory_steps(drawn))
        # a value that is the same for all stays a constant of the generated code
        self.shared: dict[str, float | int] = {}
        self.varying: dict[str, NDArray[Any]] = {}
        for name, found in values.items():
            if all(np.ndim(v) == 0 and v == found[0] for v in found):
                self.shared[name] = found[0]
            else:
                self.varying[name] = np.concatenate(
                    [np.broadcast_to(v, p.size) for v, p in zip(found, self.members, strict=True)]
                )
        self.neurons: Any = None

    def _source(self, tree: ex.Expr) -> str:
        return ex.to_source(vectorisable(ex.substitute(tree, self.program.code_names)))

    def equations(self) -> str:
        """Return Brian2 equations: variables only, since the step program does the rest."""
        names = [*(state.name for state in self.model.dynamics.states), *self.model.inputs]
        random = [random.name for random in self.program.random]
        lines = [f"{name} : 1" for name in (*map(own, names), *random, ACTIVE)]
        lines.append(f"{LEFT} : integer")
        for name, values in self.varying.items():
            kind = "integer" if values.dtype.kind == "i" else "1"
            lines.append(f"{name} : {kind} (constant)")
        return "\n".join(lines)

    def step(self) -> str:
        """Return the code of the groups slot."""
        lines = [f"{ACTIVE} = 1.0*int({LEFT} == 0)"]
        for statement in self.program.statements:
            target = statement.target if statement.local else own(statement.target)
            lines.append(f"{target} = {self._source(statement.value)}")
        lines.append(f"{LEFT} = {LEFT} - int({LEFT} > 0)")
        return "\n".join(lines)

    def threshold(self) -> str:
        """Return the condition of the thresholds slot."""
        condition = self._source(self.program.threshold)
        return f"({condition}) and {ACTIVE} > 0.5"

    def draw(self, seed: int, total: int) -> Callable[[int], None]:
        """Return a function that gives every random name of the step program its numbers of a step.

        Parameters
        ----------
        seed, total : int
            Of the simulation; its steps.
        """
        each = [
            (random, self.memory(random.name), np.concatenate(
                [random.states(seed, p.name, p.size) for p in self.members]))
            for random in self.program.random
        ]  # fmt: skip
        block = max(min(AT_ONCE // self.size, total), 1)  # steps drawn together
        numbers: list[NDArray[np.float64]] = []

        def draw(step: int) -> None:
            nonlocal numbers
            if step % block == 0:
                numbers = [random.numbers(states, step, block) for random, _, states in each]
            for (_, values, _), drawn in zip(each, numbers, strict=True):
                values[:] = drawn[step % block]

        return draw

    def reset(self) -> str:
        """Return the code of the resets slot."""
        # all expressions see the values before the spike
        reset = self.model.dynamics.reset
        lines = [f"reset_{name} = {self._source(tree)}" for name, tree in reset]
        lines += [f"{own(name)} = reset_{name}" for name, _ in reset]
        return "\n".join([*lines, f"{LEFT} = {REST}"])

    def array(self, name: str) -> NDArray[Any]:
        """Return the memory of what a description names, to be read and written in place."""
        return self.memory(own(name))

    def memory(self, variable: str) -> NDArray[Any]:
        """Return the memory of a variable of Brian2's."""
        values: NDArray[Any] = self.neurons.variables[variable].get_value()
        return values

    def receiving(self, state: str, where: slice) -> Receiving:
        """Return where events onto a state of some neurons are added."""
        active = self.memory(ACTIVE)[where] if self.model.dynamics.held(state) else None
        return Receiving(self.array(state)[where], active)


@dataclass(frozen=True)
class Receiving:
    """A state that receives events, of the neurons of a population.

    Attributes
    ----------
    values : ndarray, shape (size,)
        Brian2's memory.
    active : ndarray of 0.0 and 1.0, or None
        Of a state that is held while a neuron is refractory, and discards events meanwhile.
    """

    values: NDArray[Any]
    active: NDArray[Any] | None

    def add(self, weight: float | NDArray[np.float64]) -> None:
        """Add a weight to all neurons, the same or one each."""
        np.add(self.values, weight if self.active is None else weight * self.active, self.values)

    def add_at(self, neurons: Any, weight: float | NDArray[np.float64]) -> None:
        """Add a weight to neurons, once for each time that they are named."""
        passed = weight if self.active is None else weight * self.active[neurons]
        np.add.at(self.values, neurons, passed)
