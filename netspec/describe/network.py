"""The description: populations, projections, inputs and recorders, checked and frozen.

A `Network` is a value. It says nothing about time steps, seeds or simulators (see
`netspec.describe.simulation`), and is identified by the hash of its canonical JSON
(`netspec.describe.serialization`). Building one reports all faults at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from netspec.describe import plausible
from netspec.describe.checks import check_pieces
from netspec.describe.connectivity import Kernel, Rule
from netspec.describe.distributions import Distribution
from netspec.describe.faults import below, faults_of
from netspec.describe.fields import (
    Always,
    ByName,
    Count,
    Described,
    Identifier,
    PartOf,
    Quantity,
    Reference,
    UnitOf,
)
from netspec.describe.formulas import evaluated
from netspec.describe.given import Value, table_faults
from netspec.describe.inputs import (
    CurrentInput,
    NoiseCurrent,
    PoissonInput,
    Recorder,
    StepCurrent,
    SynapseRecorder,
)
from netspec.describe.neurons import NeuronModel
from netspec.describe.plastic import projection_faults
from netspec.describe.reading import hoist_models, hoist_synapses, names, readable
from netspec.describe.slots import Piece, Place
from netspec.describe.spike_inputs import SpikeInput
from netspec.describe.synapses import SynapseModel
from netspec.errors import DescriptionError, Fault, nearest

__all__ = [
    "PIECES",
    "ContinuousProjection",
    "CurrentInput",
    "Network",
    "NoiseCurrent",
    "PoissonInput",
    "Population",
    "Projection",
    "Recorder",
    "SpikeInput",
    "StepCurrent",
    "SynapseRecorder",
    "pieces_of",
]

LEAST = 5e-324  # the least number above zero
SURE = 1e-12  # share of a distribution that may lie where it must not


def begins(model: NeuronModel, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial values that a model says itself, which may be a parameter's."""
    own = {state.name: model.initial.get(state.name, 0.0) for state in model.dynamics.states}
    return {n: parameters[v] if isinstance(v, str) else float(v) for n, v in own.items()}


class Population(Piece):
    """Neurons of one model.

    Attributes
    ----------
    name : str
    size : int
        Number of neurons, at least one.
    model : str or NeuronModel
        A model of the library, or one of ``Network.models``, or the model itself.
    parameters : dict
        Parameter -> value, distribution over the neurons, array (one value a neuron) or formula;
        the model's default if absent.
    initial : dict
        State variable -> the same; the model's if absent.
    """

    size: Annotated[Count, Field(ge=1, lt=2**31)]
    model: Identifier | NeuronModel
    parameters: Annotated[dict[Identifier, Value], ByName("parameters")] = {}
    initial: Annotated[dict[Identifier, Value], ByName("states", plausible.STATE)] = {}

    def typical(self, model: NeuronModel) -> tuple[dict[str, float], dict[str, float]]:
        """Return parameters and initial values of a neuron in the middle of what is drawn.

        Parameters
        ----------
        model : NeuronModel
            The population's own.
        """
        middle = float((self.size - 1) // 2)
        parameters: dict[str, Any] = model.defaults()
        parameters |= {name: value.typical() for name, value in self.parameters.items()}
        parameters |= evaluated(self.parameters, parameters, middle, self.size)
        start: dict[str, Any] = begins(model, parameters)
        start |= {name: value.typical() for name, value in self.initial.items()}
        start |= evaluated(self.initial, parameters | start, middle, self.size)
        return parameters, start

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield faults of arrays and formulas, and of parameters that must be above zero."""
        model = place.model(self)
        if model is None:
            return
        names = {name: parameter.unit for name, parameter in model.parameters.items()}
        states = model.units_of_states
        yield from table_faults("parameters", self.parameters, names, names, self.size)
        yield from table_faults("initial", self.initial, states, names | states, self.size)
        for name, value in self.parameters.items():
            if name not in model.parameters:
                continue
            spec, path = model.parameters[name], f"parameters.{name}"
            divides = name in model.dynamics.positive
            if divides and value.extremes()[1] <= 0:
                given = f"{value.typical():g} {spec.unit}"
                yield Fault(path, given, "a value above 0, since equations divide by it")
            elif divides and (share := value.share_below(LEAST)) > SURE:
                allowed = f"values above 0, but {share:.1e} of them would not lie there"
                given = "an array" if value.kind == "array" else "a distribution"
                yield Fault(path, given, allowed, "give it a low bound")
            elif (
                (share := value.share_below(0.0)) > SURE
                and value.typical() > 0
                and (spec.low is not None and spec.low >= 0)
            ):
                allowed = f"values above 0, but {share:.1e} of them would lie below"
                yield Fault(path, "a distribution", allowed, "give it a low bound")
        held = self.parameters.get(model.refractory or "")
        if held is not None and held.extremes()[0] < 0:
            yield Fault(f"parameters.{model.refractory}", "a negative time", "0 ms or more")


class Projection(Piece):
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
    synapse : str or SynapseModel, optional
        How its synapses change: a model of the library, or one of ``Network.synapse_models``, or
        the model itself. None: they do not.
    parameters : dict
        Parameter of the synapse model -> value; the model's default if absent.
    """

    pre: Reference
    post: Reference
    receptor: Annotated[Identifier, PartOf("receptors", "post", "a receptor")]
    rule: Rule
    weight: Annotated[Distribution, UnitOf("receptor", plausible=plausible.WEIGHT)]
    delay: Annotated[Distribution, Always("ms", plausible.DELAY)] | None = None
    synapse: Identifier | SynapseModel | None = None
    parameters: Annotated[dict[Identifier, Quantity], ByName("synapse")] = {}

    @model_serializer(mode="wrap")
    def _said(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        # so that the hash of a network stays whose synapses do not change
        if self.synapse is None and "digest" in (info.context or {}):
            data = {k: v for k, v in data.items() if k not in ("synapse", "parameters")}
        return data

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield faults of delays below zero, and of a rule that the sizes leave no room for."""
        if self.delay is not None and self.delay.extremes()[0] < 0:
            yield Fault(
                "delay",
                "a distribution that reaches below 0 ms",
                "delays of 0 ms or more",
                "give the normal distribution a low bound",
            )
        pre, post = place.population(self, "pre"), place.population(self, "post")
        if pre is not None and post is not None:
            for fault in self.rule.check(pre.size, post.size, self.pre == self.post):
                yield below("rule", fault)
        yield from projection_faults(self, place.synapse(self))


class ContinuousProjection(Piece):
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

    pre: Reference
    post: Reference
    source: Annotated[Identifier, PartOf("states", "pre", "a state")]
    target: Annotated[Identifier, PartOf("inputs", "post", "an input")]
    kernel: Kernel

    def check(self, place: Place) -> Iterator[Fault]:
        """Yield a fault if the sizes do not fit the kernel."""
        pre, post = place.population(self, "pre"), place.population(self, "post")
        if pre is not None and post is not None:
            for fault in self.kernel.check(pre.size, post.size):
                yield below("kernel", fault)


class Network(Described):
    """A whole network: frozen, cross-checked, in canonical units.

    Attributes
    ----------
    name : str
    models : dict
        Neuron models by name; those of the library are filled in, so that the hash of a
        network covers their equations.
    synapse_models : dict
        Synapse models by name, likewise.
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
    noise_currents: tuple[NoiseCurrent, ...] = ()
    spike_inputs: tuple[SpikeInput, ...] = ()
    recorders: tuple[Recorder, ...] = ()
    synapse_models: dict[Identifier, SynapseModel] = {}
    synapse_recorders: tuple[SynapseRecorder, ...] = ()
    accept: tuple[StrictStr, ...] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_faults(cls, data: Any, handler: ValidatorFunctionWrapHandler) -> Network:
        if isinstance(data, Network):
            return data
        if not isinstance(data, dict):
            raise DescriptionError([Fault("(top)", type(data).__name__, "a table of fields")])
        data, faults = hoist_models(data)
        data, wrong = hoist_synapses(data)
        faults += wrong
        kinds = pieces_of(cls)
        try:
            network: Network | None = handler(data)
            pieces: dict[str, Sequence[Any]] = {k: getattr(network, k) for k in kinds}
        except ValidationError as error:
            # what could be read is still checked against each other
            network = None
            faults += faults_of(error, cls)
            pieces = {key: readable(data.get(key), kind) for key, kind in kinds.items()}
        models = data["models"]
        accept = data.get("accept", ())
        found, normal = check_pieces(
            pieces,
            {n: m for n, m in models.items() if isinstance(m, NeuronModel)},
            {a for a in accept if isinstance(a, str)} if isinstance(accept, (list, tuple)) else (),
            names(data.get("populations")),
            names(data.get("projections")),
            data.get("synapse_models", {}),
        )
        known = {fault.path for fault in faults}
        faults += [f for f in found if not any(_within(f.path, path) for path in known)]
        if faults or network is None:
            raise DescriptionError(faults, f"network {_shown_name(data)}")
        for key, values in normal.items():
            object.__setattr__(network, key, values)
        return network

    def pieces(self) -> Iterator[tuple[str, Piece]]:
        """Yield every piece with the name of its list, in order of the description."""
        for key in pieces_of(type(self)):
            for piece in getattr(self, key):
                yield key, piece

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

    def synapse_of(self, projection: Projection) -> SynapseModel | None:
        """Return the model by which a projection's synapses change, None if they do not."""
        model = self.synapse_models.get(str(projection.synapse))
        return None if model is None or model.is_static else model

    def plastic(self) -> list[tuple[Projection, SynapseModel]]:
        """Return the projections whose synapses change, each with its model."""
        found = ((p, self.synapse_of(p)) for p in self.projections)
        return [(projection, model) for projection, model in found if model is not None]

    def weight_unit(self, target: str, receptor: str) -> str:
        """Return the unit of weights onto a receptor of a population."""
        model = self.model_of(target)
        return model.units_of_states[model.receptors[receptor]]


@cache
def pieces_of(kind: type[Described]) -> dict[str, type[Piece]]:
    """Return the lists of a network and what stands in them, in order of the description."""
    return {
        name: piece
        for name, field in kind.model_fields.items()
        for piece in get_args(field.annotation)
        if isinstance(piece, type) and issubclass(piece, Piece)
    }


PIECES = pieces_of(Network)


def _within(path: str, known: str) -> bool:
    return path == known or path.startswith((f"{known}.", f"{known}["))


def _shown_name(data: dict[str, Any]) -> str:
    name = data.get("name")
    return repr(name) if isinstance(name, str) else "(unnamed)"
