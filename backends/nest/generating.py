"""A neuron model of NEST in C++, printed from a step program (`netspec.realise.lowering`).

A class a model; all models of a network stand in one file, since most of the time to compile goes
into NEST's headers. Neither parameters nor initial values are in the text: they are set in each
neuron, so one module serves all of them. The order of a step is netspec's: integrate, add what is
due, discard that onto a held state, test the threshold, reset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from netspec.backends.nest.template import MODULE, NEURON
from netspec.describe import expressions as ex
from netspec.describe.neurons import NeuronModel
from netspec.realise import counter_code
from netspec.realise.counters import GUIDE
from netspec.realise.lowering import StepProgram, lower, own
from netspec.realise.noise import RandomName

REST = "refractory_steps"  # parameter of every generated model
BROKEN = "not_finite"  # neurons of a model that ended with a state that is no finite number
HERE = "netspec_here"  # stands for the name of the class while the text is hashed


@dataclass(frozen=True)
class GeneratedModel:
    """A neuron model as a class in C++, and what its parts are called in NEST.

    Attributes
    ----------
    program : StepProgram
    steered : tuple of str
        Inputs of the model whose level a device changes while it runs.
    counted : tuple of str
        Receptor of each Poisson input whose events the neuron draws, by counter: one stream each.
    noisy : tuple of str
        Input of each noise current that the neuron draws, by counter: the streams that follow. The
        last streams are those of the random names of the program.
    """

    program: StepProgram
    steered: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    noisy: tuple[str, ...] = ()

    @property
    def model(self) -> NeuronModel:
        """The model as described."""
        return self.program.model

    @cached_property
    def theirs(self) -> str:
        """Name in NEST; the hash in it keeps models of several modules apart."""
        return f"netspec_{self.model.name}_{hashlib.sha256(self.body.encode()).hexdigest()[:12]}"

    @property
    def code(self) -> str:
        """The class, by its name."""
        return self.body.replace(HERE, self.theirs)

    # -- names in NEST --------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, str]:
        """Our parameter -> theirs."""
        return {name: own(name) for name in self.model.parameters}

    @property
    def recordables(self) -> dict[str, str]:
        """Our state variable -> theirs, all of them."""
        return {state.name: own(state.name) for state in self.model.dynamics.states}

    @property
    def negated(self) -> tuple[str, ...]:
        """Receptors whose weights have another sign in NEST, which are none."""
        return ()

    @property
    def settable(self) -> tuple[str, ...]:
        """State variables whose initial value can be set, which are all."""
        return tuple(self.recordables)

    @property
    def receptors(self) -> dict[str, int]:
        """Our receptor -> number of the port of events."""
        return {name: port for port, name in enumerate(self.model.receptors)}

    @property
    def current_ports(self) -> dict[str, int]:
        """Input -> number of the port of currents, for those that a device changes."""
        return {name: port for port, name in enumerate(self.steered)}

    def level(self, port: str) -> str:
        """Return the parameter that holds the current at an input, but for what devices send."""
        return own(port)

    def constant(self, name: str) -> str:
        """Return the parameter that holds one of `constants`."""
        return own(name)

    def first(self, receptor: str) -> str:
        """Return the parameter that holds the events due at the end of the first step."""
        return f"first_{own(receptor)}"

    def stream(self, number: int, **values: Any) -> dict[str, Any]:
        """Return values of a stream of random numbers by the names of their parameters."""
        return {f"stream_{number}_{name}": value for name, value in values.items()}

    def weight(self, stream: int) -> str:
        """Return the parameter that holds the weight of a Poisson input that the neuron draws."""
        return f"stream_{stream}_weight"

    def noise(self, stream: int) -> str:
        """Return the parameter that holds a noise current without its mean, in its own interval."""
        return f"stream_{stream}_x"

    def feels(self, stream: int) -> str:
        """Return the parameter that is 1 in neurons that feel a noise current, 0 in others."""
        return f"stream_{stream}_feels"

    @property
    def noise_streams(self) -> dict[int, str]:
        """Number of the stream of each noise current -> its input."""
        return dict(enumerate(self.noisy, len(self.counted)))

    @property
    def random_streams(self) -> dict[int, RandomName]:
        """Number of the stream of each random name -> the name."""
        return dict(enumerate(self.program.random, len(self.counted) + len(self.noisy)))

    def lean(self, receptor: str) -> bool:
        """Return whether the leanest synapses reach a receptor, which know the first port only."""
        return self.receptors[receptor] == 0

    @property
    def constants(self) -> tuple[str, ...]:
        """Names of what `StepProgram.constants` computes from parameters."""
        program = self.program
        return (*program.constant_names, *(name for name, _ in program.hoisted))

    # -- the code -------------------------------------------------------------------------

    @cached_property
    def body(self) -> str:
        """The class, with `HERE` for its name."""
        model, program = self.model, self.program
        states = [own(state.name) for state in model.dynamics.states]
        moving = [*states, *map(_stepped, self.steered), *map(self.noise, self.noise_streams)]
        used = [*model.inputs, *program.parameter_names, *self.constants]
        fixed = [*map(own, used), *map(self.first, model.receptors)]
        fixed += map(self.weight, range(len(self.counted)))
        fixed += map(self.feels, self.noise_streams)
        unused = [own(name) for name in model.parameters if name not in program.parameter_names]
        names = [*moving, *fixed, *unused]  # what a step reads stands close together
        channels = len(model.receptors) + len(self.steered)
        places = {
            "NAMES": ", ".join(f'"{name}"' for name in names),
            "MOVING": str(len(moving)),
            "FIXED": str(len(names) - len(moving)),
            "STATES": str(len(states)),
            "RECEPTORS": str(len(model.receptors)),
            "CURRENTS": str(len(self.steered)),
            "CHANNELS": str(max(channels, 1)),
            "STREAMS": str(len(self.counted) + len(self.noisy) + len(program.random)),
            "REFERENCES": _lines(
                [f"double& {name} = v[ {k} ];" for k, name in enumerate(moving)]
                + [f"const double& {name} = value[ {k} ];" for k, name in enumerate(fixed)],
                4,
            ),
            "STATEMENTS": _lines(self._statements(), 6),
            "ARRIVALS": _lines(self._arrivals(), 6),
            "THRESHOLD": _source(program.threshold, self._names),
            "RESET": _lines(self._reset(), 8),
            "RECORDABLES": _lines(
                [f'insert_( "{n}", &{HERE}::get< {k} > );' for k, n in enumerate(states)], 2
            ),
            "NAME": HERE,
        }
        return _filled(NEURON, places)

    @cached_property
    def _added(self) -> dict[str, list[str]]:
        """Return, for inputs that are more than their level, what holds the rest."""
        added = {port: [_stepped(port)] for port in self.steered}
        for port in dict.fromkeys(self.noisy):
            added.setdefault(port, []).append(_noisy(port))
        return added

    @cached_property
    def _names(self) -> dict[str, ex.Expr]:
        """Return what stands for every name, in the step as in threshold and reset."""
        return self.program.code_names | {port: ex.Name(_felt(port)) for port in self._added}

    def _statements(self) -> list[str]:
        lines = [f"double {_noisy(port)} = 0.0;" for port in dict.fromkeys(self.noisy)]
        for stream, port in self.noise_streams.items():
            level = f"stream[ {stream} ]->noise( sequence[ {stream} ], step, {self.noise(stream)} )"
            lines.append(f"{_noisy(port)} += {self.feels(stream)} * {level};")
        for stream, random in self.random_streams.items():
            number = f"netspec_normal( sequence[ {stream} ], step )"
            if random.kind == "uniform":
                number = f"netspec_uniform( netspec_bits( sequence[ {stream} ], step ) )"
            lines.append(f"const double {random.name} = {number};")
        # kept for threshold and reset: a device's next current arrives before them
        for port, others in self._added.items():
            level = " + ".join([own(port), *others])
            lines.append(f"const double {_felt(port)} = {level};")
        for statement in self.program.statements:
            target = f"const double {statement.target}"
            target = target if statement.local else own(statement.target)
            lines.append(f"{target} = {_source(statement.value, self._names)};")
        return lines

    def _arrivals(self) -> list[str]:
        """Return what adds the events that are due, and takes over the currents of devices."""
        receptors, lines = self.model.receptors, []
        for port, (receptor, state) in enumerate(receptors.items()):
            due = f"( due[ {port} ] + ( begins ? {self.first(receptor)} : 0.0 ) )"
            # a held state discards what arrives
            passed = f"active * {due}" if self.model.dynamics.held(state) else due
            lines.append(f"{own(state)} += {passed};")
        for stream, receptor in enumerate(self.counted):
            state = receptors[receptor]
            number = f"stream[ {stream} ]->events( sequence[ {stream} ], step )"
            due = f"{self.weight(stream)} * {number}"
            passed = f"active * {due}" if self.model.dynamics.held(state) else due
            lines.append(f"{own(state)} += {passed};")
        for port, name in enumerate(self.steered, len(receptors)):
            lines.append(f"{_stepped(name)} = due[ {port} ];")
        return lines

    def _reset(self) -> list[str]:
        """Return the code after a spike; all expressions see the values before it."""
        reset, names = self.model.dynamics.reset, self._names
        lines = [f"const double reset_{name} = {_source(tree, names)};" for name, tree in reset]
        return [*lines, *(f"{own(name)} = reset_{name};" for name, _ in reset)]


def generated(
    model: NeuronModel,
    dt: float,
    steered: Iterable[str],
    counted: Iterable[str] = (),
    noisy: Iterable[str] = (),
) -> GeneratedModel:
    """Return a model as a class in C++.

    Parameters
    ----------
    model : NeuronModel
    dt : float
        In ms.
    steered : iterable of str
        Inputs whose level a device changes while it runs.
    counted : iterable of str
        Receptors of Poisson inputs that the neuron draws itself, in their order.
    noisy : iterable of str
        Inputs of noise currents that the neuron draws itself, in their order.
    """
    wanted = frozenset(steered)
    ports = tuple(n for n in model.inputs if n in wanted)
    return GeneratedModel(lower(model, dt), ports, tuple(counted), tuple(noisy))


def module_text(models: Iterable[GeneratedModel]) -> str:
    """Return the text of a module that has models, but for its name: see `modules.named`."""
    unique = sorted({model.theirs: model for model in models}.items())
    classes = "\n".join(model.code for _, model in unique)
    registered = _lines(
        [f'nest::register_node_model< {name} >( "{name}", "" );' for name, _ in unique], 4
    )
    parts = "INTEGERS", "POISSON", "UNIFORM", "NORMAL"
    counters = "".join(getattr(counter_code, part) for part in parts)
    places = {"COUNTERS": counters, "CLASSES": classes, "REGISTERED": registered}
    places["GUIDE"] = str(GUIDE)
    return _filled(MODULE, places)


def _stepped(port: str) -> str:
    """Return what holds the current that a device sends to an input."""
    return f"stepped_{port}"


def _felt(port: str) -> str:
    """Return what holds all that comes to an input in a step."""
    return f"felt_{port}"


def _noisy(port: str) -> str:
    """Return what holds the noise currents at an input."""
    return f"noisy_{port}"


def _source(tree: ex.Expr, names: dict[str, ex.Expr]) -> str:
    return ex.to_source(ex.substitute(tree, names), "c")


def _lines(lines: list[str], indent: int) -> str:
    return f"\n{' ' * indent}".join(lines)


def _filled(text: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(f"@{name}@", value)
    return text
