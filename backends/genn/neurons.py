"""Neuron code for GeNN from a step program (`netspec.realise.lowering`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.genn import sampling
from netspec.backends.genn.blueprint import Code, Neurons
from netspec.describe import expressions as ex
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.realise import drawing
from netspec.realise.lowering import StepProgram, lower, own

LEFT, REST = "refractory_left", "refractory_steps"


def arriving(state: str) -> str:
    """Return the input that collects the events due at the end of the step."""
    return f"arrive_{state}"


def coupled(port: str) -> str:
    """Return the input that collects continuous coupling, and noise."""
    return f"couple_{port}"


def sequence(random: str) -> str:
    """Return the variable that holds the state of the sequence of a random name."""
    return f"state_of_{random}"


def felt(port: str) -> str:
    """Return the variable that holds all that came to an input, for threshold and reset."""
    return f"felt_{port}"


@dataclass(frozen=True)
class NeuronCode:
    """A population in GeNN, and the values of its variables.

    Attributes
    ----------
    neurons : Neurons
    values : dict
        Variable -> number or ndarray of shape (size,), at the start.
    """

    neurons: Neurons
    values: dict[str, float | int | NDArray[Any]]


def neuron_code(
    network: Network, population: str, simulation: Simulation, ports: frozenset[str]
) -> NeuronCode:
    """Lower the model of a population.

    Parameters
    ----------
    network : Network
    population : str
    simulation : Simulation
    ports : frozenset of str
        Inputs of the model that change while it runs, or differ between neurons; all others are
        zero or one number.
    """
    model, size = network.model_of(population), network.population(population).size
    program = lower(model, simulation.dt)
    given = drawing.parameters(network, population, simulation)
    levels = base_levels(network, population, simulation)
    numbers: dict[str, Any] = {name: given[name] for name in program.parameter_names}
    numbers |= program.constants(given)
    numbers |= {port: levels[port] for port in model.inputs}
    # int32 is what GeNN's transpiler makes of an integer literal
    rest = np.asarray(program.refractory_steps(given), np.int32)
    constants: dict[str, float | int] = {}
    values: dict[str, float | int | NDArray[Any]] = {}
    for name, value in numbers.items():
        if np.ndim(value) == 0 and name not in ports:
            constants[own(name)] = float(value)
        else:
            values[own(name)] = np.broadcast_to(np.asarray(value, float), size)
    read_only = tuple(values)
    types = {name: "scalar" for name in read_only}
    if rest.ndim:
        values[REST], types[REST] = rest, "int"
        read_only += (REST,)
    else:
        constants[REST] = int(rest)
    for name, initial in drawing.initial_values(network, population, simulation).items():
        values[own(name)], types[own(name)] = initial, "scalar"
    values[LEFT], types[LEFT] = 0, "int"

    targets = sorted({model.receptors[receptor] for receptor in model.receptors})
    coupled_ports = {c.target for c in network.continuous_projections if c.post == population}
    noisy = {noise.port for noise in network.noise_currents if noise.target == population}
    couplings = sorted(coupled_ports | noisy)
    for random in program.random:
        values[sequence(random.name)] = random.states(simulation.seed, population, size)
        types[sequence(random.name)] = "uint64_t"
        # the threshold is code of its own: what both see is a variable
        values[random.name], types[random.name] = 0.0, "scalar"
    seen = ex.names(program.threshold).union(*(ex.names(tree) for _, tree in model.dynamics.reset))
    felt_ = {port: ex.Name(felt(port)) for port in couplings if port in seen}
    for port in felt_:
        values[felt(port)], types[felt(port)] = 0.0, "scalar"
    later = program.code_names | felt_
    code = Code(
        name=f"neuron_{model.name}",
        texts={
            "sim_code": _step(program, targets, couplings, list(felt_)),
            "threshold_condition_code": f"({_source(program.threshold, later)}) && {LEFT} == 0",
            "reset_code": _reset(program, later),
        },
        params=tuple((name, "int" if name == REST else "scalar") for name in constants),
        variables=tuple(types.items()),
        read_only=read_only,
        inputs=(*map(arriving, targets), *map(coupled, couplings)),
    )
    recorded = population in network.recorded()
    return NeuronCode(Neurons(population, size, code, constants, recorded), values)


def base_levels(network: Network, population: str, simulation: Simulation) -> dict[str, Any]:
    """Return the currents at every input at the start: a number, or an array over neurons."""
    size = network.population(population).size
    levels = {port: np.zeros(size) for port in network.model_of(population).inputs}
    for change in drawing.current_changes(network, simulation):
        if change.population == population and change.step == 0:
            levels[change.port][change.neurons] += change.level
    return {
        port: float(level[0]) if np.ptp(level) == 0 else level for port, level in levels.items()
    }


def _source(tree: ex.Expr, names: dict[str, ex.Expr]) -> str:
    return ex.to_source(ex.substitute(tree, names), "c")


def _step(program: StepProgram, targets: list[str], couplings: list[str], kept: list[str]) -> str:
    """Return the code of one step: integrate, then add what is due at the end of the step.

    What comes to the inputs `kept` is kept for threshold and reset.
    """
    names = program.code_names | {
        port: ex.Operation("+", (ex.Name(own(port)), ex.Name(coupled(port)))) for port in couplings
    }
    # the counter was set to one more than the steps to rest, when the spike was found
    lines = [
        f"if({LEFT} > 0) {{ {LEFT} -= 1; }}",
        f"const scalar active = ({LEFT} == 0) ? 1.0 : 0.0;",
    ]
    lines += [f"{felt(port)} = {_source(ex.Name(port), names)};" for port in kept]
    if program.random:
        lines.append(sampling.DRAWING)
    for random in program.random:
        lines.append(sampling.random_number(random.kind, sequence(random.name), random.name))
    for statement in program.statements:
        value = _source(statement.value, names)
        target = f"const scalar {statement.target}" if statement.local else own(statement.target)
        lines.append(f"{target} = {value};")
    for state in targets:
        # a held state discards what arrives
        passed = "active * " if program.model.dynamics.held(state) else ""
        lines.append(f"{own(state)} += {passed}{arriving(state)};")
    return "\n".join(lines)


def _reset(program: StepProgram, names: dict[str, ex.Expr]) -> str:
    """Return the code after a spike; all expressions see the values before it."""
    reset = program.model.dynamics.reset
    lines = [f"const scalar reset_{name} = {_source(tree, names)};" for name, tree in reset]
    lines += [f"{own(name)} = reset_{name};" for name, _ in reset]
    return "\n".join([*lines, f"{LEFT} = {REST} + 1;"])
