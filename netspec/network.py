"""The description: populations, projections, inputs and recorders, checked and frozen.

A `Network` is a value. It says nothing about time steps, seeds or simulators (see
`netspec.simulation`), and is identified by the hash of its canonical JSON
(`netspec.serialization`). Building one reports all faults at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    StrictStr,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_validator,
)

from netspec.checks import check_pieces
from netspec.connectivity import AllToAll, Kernel, Rule, UniformKernel
from netspec.distributions import Distribution
from netspec.errors import DescriptionError, Fault, nearest, shown
from netspec.faults import faults_of
from netspec.fields import (
    Count,
    Described,
    Hertz,
    Identifier,
    Indices,
    Quantities,
    Quantity,
    Reference,
    Times,
    in_unit,
)
from netspec.models import LIBRARY
from netspec.neurons import NeuronModel


class Population(Described):
    """Neurons of one model.

    Attributes
    ----------
    name : str
    size : int
        Number of neurons, at least one.
    model : str or NeuronModel
        A model of the library, or one of ``Network.models``, or the model itself.
    parameters : dict
        Parameter -> value or distribution over the neurons; the model's default if absent.
    initial : dict
        State variable -> value or distribution; the model's if absent.
    """

    name: Identifier
    size: Annotated[Count, Field(ge=1, lt=2**31)]
    model: Identifier | NeuronModel
    parameters: dict[Identifier, Distribution] = {}
    initial: dict[Identifier, Distribution] = {}

    def typical(self, model: NeuronModel) -> tuple[dict[str, float], dict[str, float]]:
        """Return parameters and initial values of a neuron in the middle of what is drawn.

        Parameters
        ----------
        model : NeuronModel
            The population's own.
        """
        parameters = model.defaults()
        parameters |= {name: value.typical() for name, value in self.parameters.items()}
        start = {state.name: model.initial.get(state.name, 0.0) for state in model.dynamics.states}
        start |= {name: value.typical() for name, value in self.initial.items()}
        return parameters, {
            name: parameters[value] if isinstance(value, str) else float(value)
            for name, value in start.items()
        }


class Projection(Described):
    """Synapses from one population to another.

    Attributes
    ----------
    name : str
        Keys the random streams of the projection: another name, other synapses.
    pre, post : str
        Populations.
    receptor : str
        A receptor of the postsynaptic model; an event adds the weight to its variable.
    rule : Rule
        Which pairs are connected.
    weight : Distribution
        Unit of the receptor's variable (pA for currents, nS for conductances).
    delay : Distribution or None
        In ms, rounded to whole steps, at least one; None is one step.
    """

    name: Identifier
    pre: Reference
    post: Reference
    receptor: Identifier
    rule: Rule
    weight: Distribution
    delay: Distribution | None = None


class ContinuousProjection(Described):
    """Coupling at every step: S_i = sum_j w_ij s_j, without delay.

    Attributes
    ----------
    source : str
        State variable s of the population `pre`.
    target : str
        Input S of the population `post`.
    kernel : Kernel
        The weights w_ij, as a function of distance.
    """

    name: Identifier
    pre: Reference
    post: Reference
    source: Identifier
    target: Identifier
    kernel: Kernel


class PoissonInput(Described):
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

    name: Identifier
    target: Reference
    receptor: Identifier
    rate: Hertz
    number: Count = 1
    weight: Quantity
    delay: Annotated[float, in_unit("ms", 0, 1e9)] = 0.0


class CurrentInput(Described):
    """A constant current into the model's input `port` (all neurons, or those listed)."""

    name: Identifier
    target: Reference
    amplitude: Quantity
    port: Identifier = "I_stim"
    neurons: Indices | None = None


class StepCurrent(Described):
    """A current that changes at given times: `amplitudes[k]` from `times[k]` on.

    It is zero before the first time. Steps that begin at or after `times[k]` feel
    `amplitudes[k]`.
    """

    name: Identifier
    target: Reference
    times: Times
    amplitudes: Quantities
    port: Identifier = "I_stim"
    neurons: Indices | None = None

    @model_validator(mode="after")
    def _matching(self) -> StepCurrent:
        if len(self.times) != len(self.amplitudes):
            raise ValueError(f"{len(self.times)} times but {len(self.amplitudes)} amplitudes")
        if any(b <= a for a, b in zip(self.times, self.times[1:], strict=False)):
            raise ValueError("times must increase")
        return self


class SpikeInput(Described):
    """Given events: the one at `times[k]` reaches `neurons[k]` of the target at that time."""

    name: Identifier
    target: Reference
    receptor: Identifier
    times: Times
    neurons: Indices
    weight: Quantity

    @model_validator(mode="after")
    def _matching(self) -> SpikeInput:
        if len(self.times) != len(self.neurons):
            raise ValueError(f"{len(self.times)} times but {len(self.neurons)} neurons")
        return self


class Recorder(Described):
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

    name: Identifier
    target: Reference
    spikes: Annotated[bool, Field(strict=True)] = True
    variables: tuple[Identifier, ...] = ()
    neurons: Indices | None = None
    interval: Annotated[float, in_unit("ms", 1e-4, 1e9)] | None = None

    @model_validator(mode="after")
    def _increasing(self) -> Recorder:
        neurons = self.neurons or ()
        if any(b <= a for a, b in itertools.pairwise(neurons)):
            raise ValueError("neurons must increase, as the columns of the samples do")
        return self


# The lists of a network, in the order in which they are written.
PIECES: dict[str, type[Described]] = {
    "populations": Population,
    "projections": Projection,
    "continuous_projections": ContinuousProjection,
    "poisson_inputs": PoissonInput,
    "current_inputs": CurrentInput,
    "step_currents": StepCurrent,
    "spike_inputs": SpikeInput,
    "recorders": Recorder,
}


class Network(Described):
    """A whole network: frozen, cross-checked, in canonical units.

    Attributes
    ----------
    name : str
    models : dict
        Neuron models by name; those of the library are filled in, so that the hash of a
        network covers their equations.
    circuit : str, optional
        The circuit of the library that this is, as its builder says: what is known of the circuit
        (time step, published values, statistics of its own) is then asked of the network. It is no
        part of the hash.
    accept : tuple of str
        Paths whose implausible values are meant, for example ``projections.EE.weight``.

    Raises
    ------
    DescriptionError
        With every fault found.
    """

    schema_version: Literal["netspec/1"] = "netspec/1"
    name: Identifier
    description: StrictStr = ""
    circuit: Identifier | None = None
    models: dict[Identifier, NeuronModel] = {}
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...] = ()
    continuous_projections: tuple[ContinuousProjection, ...] = ()
    poisson_inputs: tuple[PoissonInput, ...] = ()
    current_inputs: tuple[CurrentInput, ...] = ()
    step_currents: tuple[StepCurrent, ...] = ()
    spike_inputs: tuple[SpikeInput, ...] = ()
    recorders: tuple[Recorder, ...] = ()
    accept: tuple[StrictStr, ...] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_faults(cls, data: Any, handler: ValidatorFunctionWrapHandler) -> Network:
        if isinstance(data, Network):
            return data
        if not isinstance(data, dict):
            raise DescriptionError([Fault("(top)", type(data).__name__, "a table of fields")])
        data, faults = _hoist_models(data)
        try:
            network: Network | None = handler(data)
            pieces: dict[str, Sequence[Any]] = {k: getattr(network, k) for k in PIECES}
        except ValidationError as error:
            # what could be read is still checked against each other
            network = None
            faults += faults_of(error, cls)
            pieces = {key: _readable(data.get(key), kind) for key, kind in PIECES.items()}
        models = data["models"]
        accept = data.get("accept", ())
        found, normal = check_pieces(
            pieces,
            {n: m for n, m in models.items() if isinstance(m, NeuronModel)},
            {a for a in accept if isinstance(a, str)} if isinstance(accept, (list, tuple)) else (),
            _names(data.get("populations")),
        )
        known = {fault.path for fault in faults}
        faults += [f for f in found if not any(_within(f.path, path) for path in known)]
        if faults or network is None:
            raise DescriptionError(faults, f"network {_shown_name(data)}")
        for key, values in normal.items():
            object.__setattr__(network, key, values)
        return network

    @cached_property
    def _by_name(self) -> dict[str, Population]:
        return {population.name: population for population in self.populations}

    def population(self, name: str) -> Population:
        """Return a population by name.

        Raises
        ------
        DescriptionError
            If there is none of that name.
        """
        if name not in self._by_name:
            known = list(self._by_name)
            fault = Fault(
                "population", repr(name), f"one of {', '.join(known)}", nearest(name, known)
            )
            raise DescriptionError([fault], f"a reference into network {self.name!r}")
        return self._by_name[name]

    def model_of(self, population: str | Population) -> NeuronModel:
        """Return the neuron model of a population."""
        if isinstance(population, str):
            population = self.population(population)
        return self.models[str(population.model)]

    def offsets(self) -> dict[str, int]:
        """Return the index of each population's first neuron when all are put in a row."""
        result, total = {}, 0
        for population in self.populations:
            result[population.name] = total
            total += population.size
        return result

    def recorded(self) -> list[str]:
        """Return the populations whose spikes are recorded, in order."""
        wanted = {recorder.target for recorder in self.recorders if recorder.spikes}
        return [p.name for p in self.populations if p.name in wanted]

    def weight_unit(self, target: str, receptor: str) -> str:
        """Return the unit of weights onto a receptor of a population."""
        model = self.model_of(target)
        return model.units_of_states[model.receptors[receptor]]


def _within(path: str, known: str) -> bool:
    return path == known or path.startswith((f"{known}.", f"{known}["))


def _shown_name(data: dict[str, Any]) -> str:
    name = data.get("name")
    return repr(name) if isinstance(name, str) else "(unnamed)"


def _names(pieces: Any) -> list[str]:
    if not isinstance(pieces, Iterable) or isinstance(pieces, (str, dict)):
        return []
    found = (p.get("name") if isinstance(p, dict) else getattr(p, "name", None) for p in pieces)
    # longer ones are no names, and would fill the messages of those that refer to them
    return [name for name in found if isinstance(name, str) and len(name) <= 64]


def _hoist_models(data: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Collect the models in use under ``models`` and leave their names in the populations."""
    data, faults = dict(data), []
    given = data.get("models", {})
    models: dict[str, Any] = {}
    for name, value in (given if isinstance(given, dict) else {}).items():
        try:
            fields = {"name": name, **value} if isinstance(value, dict) else value
            model = NeuronModel.model_validate(fields)
        except (ValidationError, DescriptionError) as error:
            faults += faults_of(error, NeuronModel, f"models.{name}")
            models[name] = None
            continue
        if model.name != name:
            faults.append(
                Fault(f"models.{name}.name", repr(model.name), f"the table's name {name!r}")
            )
        models[name] = model
    if not isinstance(given, dict):
        faults.append(Fault("models", type(given).__name__, "a table of neuron models"))
    populations = data.get("populations", ())
    populations = list(populations) if isinstance(populations, (list, tuple)) else populations
    for index, population in enumerate(populations if isinstance(populations, list) else ()):
        is_dict = isinstance(population, dict)
        used = population.get("model") if is_dict else getattr(population, "model", None)
        if isinstance(used, NeuronModel):
            if models.setdefault(used.name, used) != used:
                faults.append(
                    Fault(f"populations[{index}].model", repr(used.name), "one model per name")
                )
            populations[index] = (
                {**population, "model": used.name}
                if is_dict
                else population.model_copy(update={"model": used.name})
            )
        elif isinstance(used, str) and used not in models:
            if used in LIBRARY:
                models[used] = LIBRARY[used]
            else:
                known = sorted({*models, *LIBRARY})
                faults.append(
                    Fault(
                        f"populations[{index}].model",
                        shown(used),
                        f"a model of the file or the library: {', '.join(known)}",
                        nearest(used, known),
                    )
                )
    data["populations"] = populations
    data["models"] = dict(sorted(models.items()))
    if any(model is None for model in models.values()):
        # a broken model is reported already; the rest is still checked without it
        data = {**data, "models": {n: m for n, m in models.items() if m is not None}}
    return data, faults


# What stands in for a field that could not be read, while the others of its piece are checked.
# Faults that it causes itself lie at the path of the field, which is reported already.
_PLACEHOLDERS: dict[str, Any] = {
    "name": "unreadable",
    "size": 2**31 - 1,
    "model": "unreadable",
    "parameters": {},
    "initial": {},
    "pre": "unreadable",
    "post": "unreadable",
    "target": "unreadable",
    "receptor": "unreadable",
    "source": "unreadable",
    "rule": AllToAll(),
    "weight": 0.0,
    "kernel": UniformKernel(weight=0.0),
    "rate": 0.0,
    "amplitude": 0.0,
    "times": (),
    "amplitudes": (),
    "neurons": (),
}


def _readable(pieces: Any, kind: type[Described]) -> list[Any]:
    """Return what can be read of each piece, None where nothing can."""
    result: list[Any] = []
    for piece in pieces if isinstance(pieces, (list, tuple)) else ():
        try:
            result.append(kind.model_validate(piece))
        except (ValidationError, DescriptionError):
            result.append(_partly(piece, kind) if isinstance(piece, dict) else None)
    return result


def _partly(piece: dict[str, Any], kind: type[Described]) -> Described:
    """Read the fields of a piece one by one, with placeholders for those that cannot be."""
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        kind_of_field: Any = field.annotation
        if field.metadata:
            kind_of_field = Annotated[kind_of_field, *field.metadata]
        adapter: TypeAdapter[Any] = TypeAdapter(kind_of_field)
        try:
            if name not in piece:
                values[name] = (
                    field.get_default() if not field.is_required() else _PLACEHOLDERS[name]
                )
            else:
                values[name] = adapter.validate_python(piece[name])
        except (ValidationError, DescriptionError):
            values[name] = _PLACEHOLDERS.get(name, field.get_default())
    return kind.model_construct(**values)
