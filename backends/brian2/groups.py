"""The populations of one neuron model, as one NeuronGroup."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec import expressions as ex
from netspec import realisation
from netspec.backends.brian2.functions import vectorisable
from netspec.lowering import lower
from netspec.network import Network

# Brian2 would take the name of a unit for its own quantity
_UNITS = {name: ex.Number(size) for name, size in ex.UNIT_NAMES.items()}


def _source(tree: ex.Expr) -> str:
    return ex.to_source(vectorisable(ex.substitute(tree, _UNITS)))


class Group:
    """The populations of one neuron model: a NeuronGroup and where each population lies in it."""

    def __init__(self, network: Network, model_name: str, simulation: Any) -> None:
        self.model = network.models[model_name]
        self.program = lower(self.model, simulation.dt)
        self.members = [p for p in network.populations if p.model == model_name]
        self.slices: dict[str, slice] = {}
        self.size = 0
        for population in self.members:
            self.slices[population.name] = slice(self.size, self.size + population.size)
            self.size += population.size
        given = {p.name: realisation.parameters(network, p.name, simulation) for p in self.members}
        values: dict[str, list[Any]] = {}
        for population in self.members:
            own = given[population.name]
            numbers = {
                **{name: own[name] for name in self.program.parameter_names},
                **self.program.constants(own),
                "refractory_steps": self.program.refractory_steps(own),
            }
            for name, value in numbers.items():
                values.setdefault(name, []).append(value)
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

    def equations(self) -> str:
        """Return Brian2 equations: variables only, since the step program does the rest."""
        names = [*(state.name for state in self.model.dynamics.states), *self.model.inputs]
        lines = [f"{name} : 1" for name in (*names, "active")]
        lines.append("refractory_left : integer")
        for name, values in self.varying.items():
            kind = "integer" if values.dtype.kind == "i" else "1"
            lines.append(f"{name} : {kind} (constant)")
        return "\n".join(lines)

    def step(self) -> str:
        """Return the code of the groups slot."""
        lines = ["active = 1.0*int(refractory_left == 0)"]
        lines += [f"{s.target} = {_source(s.value)}" for s in self.program.statements]
        lines.append("refractory_left = refractory_left - int(refractory_left > 0)")
        return "\n".join(lines)

    def threshold(self) -> str:
        """Return the condition of the thresholds slot."""
        condition = _source(self.model.dynamics.threshold)
        return f"({condition}) and active > 0.5"

    def reset(self) -> str:
        """Return the code of the resets slot."""
        # all expressions see the values before the spike
        reset = self.model.dynamics.reset
        lines = [f"reset_{name} = {_source(tree)}" for name, tree in reset]
        lines += [f"{name} = reset_{name}" for name, _ in reset]
        return "\n".join([*lines, "refractory_left = refractory_steps"])

    def array(self, name: str) -> NDArray[Any]:
        """Return the memory of a variable, to be read and written in place."""
        values: NDArray[Any] = self.neurons.variables[name].get_value()
        return values
