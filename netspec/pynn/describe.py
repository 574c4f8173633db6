"""From what a script has said to a network of netspec's; needs no simulator.

- A population of neurons is a population; its parameters are numbers where all cells have the same.
- A population of spike sources is a population of `parrot_neuron`, which spikes in the step of an
  event, and what its cell type has it sent (`carried.Source.pieces`).
- A projection becomes one for each pair of populations that it connects (views and assemblies are
  taken apart) and each kind of synapse (`static.Synaptic.kinds`), with explicit synapses.
- A current source says itself what it is, in ``pieces(place)``.

Everything that a script says is meant: what netspec finds implausible is accepted.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.describe.columns import Column
from netspec.describe.connectivity import Columns
from netspec.describe.models import parrot_neuron
from netspec.describe.network import (
    Network,
    Population,
    Projection,
    Recorder,
    SpikeInput,
    SynapseRecorder,
    pieces_of,
)
from netspec.errors import DescriptionError, UsageError
from netspec.pynn.background import inputs_only, poisson_input
from netspec.pynn.carried import Source, Target
from netspec.pynn.place import Indices, Names, Place, members

if TYPE_CHECKING:
    from netspec.pynn.state import State

MEANT = re.compile(r"add '([^']+)' to accept")


@dataclass(frozen=True)
class Part:
    """A projection of the network, as a part of one of the script's.

    Attributes
    ----------
    name : str
    synapses : ndarray of int64
        Which of the script's synapses, sorted as netspec sorts its own: by source and target.
    factor : float
        From PyNN's unit of weights to netspec's.
    recorder : str
        Of its weights, if they change; else empty.
    """

    name: str
    synapses: Indices
    factor: float
    recorder: str = ""


@dataclass(frozen=True)
class Description:
    """A described segment, and what became of the script's objects.

    Attributes
    ----------
    network : Network
    names : dict
        Population of the script -> its name in the network.
    samplers : dict
        (population, variable of PyNN's) -> recorder, and the cells it samples.
    parts : dict
        Projection of the script -> its parts in the network.
    """

    network: Network
    names: dict[Any, str]
    samplers: dict[tuple[Any, str], tuple[str, Indices]]
    parts: dict[Any, list[Part]]

    def columns(self, population: Any, variable: str, cells: Indices) -> tuple[str, Indices]:
        """Return the recorder of a variable, and the columns of its samples that are of `cells`."""
        recorder, sampled = self.samplers[population, variable]
        return recorder, np.searchsorted(sampled, cells)


class _Made(dict[Any, str]):
    """Population of the script -> its name, of those that were made since ``setup()``."""

    def __missing__(self, population: Any) -> str:
        raise UsageError(
            f"population {population.label!r} was made before setup(), which forgets it: make it "
            "again"
        )


@dataclass
class _Builder:
    state: State
    names: Names = field(default_factory=Names)
    pieces: dict[str, list[Any]] = field(default_factory=dict)
    populations: dict[Any, str] = field(default_factory=_Made)
    samplers: dict[tuple[Any, str], tuple[str, Indices]] = field(default_factory=dict)
    parts: dict[Any, list[Part]] = field(default_factory=dict)

    @cached_property
    def known(self) -> set[Any]:
        """Sources in front of synapses that release at random: their spikes are drawn here too."""
        return {
            population
            for projection in self.state.projections
            if projection.synapse_type.releases
            for population, _ in members(projection.pre)[2]
        }

    @property
    def place(self) -> Place:
        """What sources are told."""
        state = self.state
        return Place(self.names, self.populations, state.dt, state.t, state.settings.seed)

    def add(self, piece: Any) -> None:
        """Add a piece to the list of the network that holds its kind."""
        kind = next(key for key, of in pieces_of(Network).items() if isinstance(piece, of))
        self.pieces.setdefault(kind, []).append(piece)

    def population(self, population: Any) -> None:
        name = self.populations[population] = self.names.take(population.label)
        celltype = population.celltype
        if isinstance(celltype, Source):
            self.relays(population, name)
        else:
            model = celltype.netspec_model()
            given = celltype.native_to_parameters(population.native)
            self.add(
                Population(
                    name=name,
                    size=population.size,
                    model=model,
                    parameters={
                        key: _short(values, model.parameters[key].default)
                        for key, values in given.items()
                    },
                    initial={
                        state: _short(values)
                        for state, values in celltype.initial_states(population.started).items()
                        if state in model.initial or np.any(values)
                    },
                )
            )
        self.recorders(population, name)

    def relays(self, population: Any, name: str) -> None:
        self.add(Population(name=name, size=population.size, model=parrot_neuron))
        celltype, place = population.celltype, self.place
        # what is released stands for the spikes of this seed, so a run must not draw others
        kind = Source if population in self.known else type(celltype)
        for piece in kind.pieces(celltype, population, name, place):
            self.add(piece)

    def recorders(self, population: Any, name: str) -> None:
        recorder = population.recorder
        if recorder.wants_spikes():
            self.add(Recorder(name=self.names.take(f"{name}_out"), target=name))
        together: dict[bytes, tuple[Indices, list[str]]] = {}
        for variable, cells in sorted(recorder.sampled().items()):
            together.setdefault(cells.tobytes(), (cells, []))[1].append(variable)
        for cells, variables in together.values():
            own = self.names.take(f"{name}_{variables[0]}")
            observed = population.celltype.variables
            states = dict.fromkeys(s for v in variables for s in observed[v].states)
            self.add(
                Recorder(
                    name=own, target=name, spikes=False, variables=tuple(states),
                    neurons=None if len(cells) == population.size else cells,
                    interval=recorder.sampling_interval,
                )
            )  # fmt: skip
            self.samplers |= {(population, v): (own, cells) for v in variables}

    def projection(self, projection: Any) -> None:
        parts = self.parts[projection] = []
        columns, size = projection.columns, len(projection)
        if not size:
            return
        sources, targets = members(projection.pre), members(projection.post)
        pre_part, post_part = sources[0][columns.pre], targets[0][columns.post]
        for b, (post, _) in enumerate(targets[2]):
            factor = post.celltype.weight_factor
            # the targets in other populations stand for none here
            cells = np.where(post_part == b, targets[1][columns.post], 0)
            target = Target(post, cells, post.celltype.receptors[projection.receptor_type])
            for a, (pre, _) in enumerate(sources[2]):
                here = (pre_part == a) & (post_part == b)
                # one kind at a time: each is a mask of all synapses
                for which, said in projection.synapse_type.kinds(columns.values, size, target):
                    chosen = np.flatnonzero(here if which is None else here & which)
                    if len(chosen):
                        i = sources[1][columns.pre[chosen]]
                        j = targets[1][columns.post[chosen]]
                        order = np.lexsort((j, i))
                        chosen, i, j = chosen[order], i[order], j[order]
                        if projection.synapse_type.releases:
                            self.released(projection, (pre, target), (i, j), chosen)
                            continue
                        parts.append(
                            self.part(projection, (pre, post), (i, j), chosen, factor, said)
                        )

    def released(
        self, projection: Any, ends: tuple[Any, Target], pairs: tuple[Indices, Indices], chosen: Any
    ) -> None:
        """Give the targets the events of synapses that release at random."""
        (pre, target), synapse, place = ends, projection.synapse_type, self.place
        if not isinstance(pre.celltype, Source):
            raise UsageError(
                f"projection {projection.label!r}: {type(synapse).__name__} behind neurons; "
                "allowed: behind spike sources, whose spikes are known before a run, since no "
                "synapse of netspec's draws random numbers"
            )
        name = self.names.take(projection.label or "projection")
        own = {
            key: np.broadcast_to(np.asarray(values, float), len(projection))[chosen]
            for key, values in projection.columns.values.items()
        }
        own["weight"] = own["weight"] * target.factor
        sent = pre.celltype.sent(pre, self.populations[pre], place)
        steps, which, weights = synapse.events(sent, pairs[0], own, (place.seed, name), place.dt)
        if len(steps):
            self.add(
                SpikeInput(
                    name=name, target=self.populations[target.population], receptor=target.receptor,
                    times=Column(np.round(steps * place.dt, 9)),
                    neurons=Column(pairs[1][which].astype(np.uint32)), weight=Column(weights),
                )
            )  # fmt: skip

    def part(
        self,
        projection: Any,
        ends: tuple[Any, Any],
        pairs: tuple[Indices, Indices],
        chosen: Indices,
        factor: float,
        said: dict[str, Any],
    ) -> Part:
        name = self.names.take(projection.label or "projection")
        values = projection.columns.values
        weight = _chosen(values["weight"], chosen, factor)
        delay = _chosen(values["delay"], chosen, 1.0)
        single = {
            key: value for key, value in (("weight", weight), ("delay", delay)) if np.ndim(value)
        }
        receptor = ends[1].celltype.receptors[projection.receptor_type]
        self.add(
            Projection(
                name=name,
                pre=self.populations[ends[0]],
                post=self.populations[ends[1]],
                receptor=receptor,
                rule=Columns(pre=pairs[0], post=pairs[1], **single),
                weight=float(np.ravel(weight)[0]),
                delay=float(np.ravel(delay)[0]),
                **said,
            )
        )
        recorder = ""
        if projection.synapse_type.changes:
            recorder = self.names.take(f"{name}_final")
            every = range(len(chosen)) if projection in self.state.weights.watched else ()
            self.add(SynapseRecorder(name=recorder, projection=name, synapses=every))
        return Part(name, chosen, factor, recorder)


def describe(state: State) -> Description:
    """Return what a script has said up to now as a network.

    Raises
    ------
    DescriptionError
        If the network cannot be, such as for a time constant of zero.
    """
    builder = _Builder(state)
    inputs = inputs_only(state, builder.place)
    behind = {projection.pre for projection in inputs}
    for population in state.populations:
        if population not in behind:
            builder.population(population)
    for projection in state.projections:
        if projection in inputs:
            builder.parts[projection] = []
            builder.add(poisson_input(projection, builder.place))
        else:
            builder.projection(projection)
    for source in state.current_sources:
        for piece in source.pieces(builder.place):
            builder.add(piece)
    network = meant(name=_network_name(state), **builder.pieces)
    return Description(network, builder.populations, builder.samplers, builder.parts)


def meant(**fields: Any) -> Network:
    """Return a network in which everything implausible is accepted."""
    accept: tuple[str, ...] = ()
    while True:
        try:
            return Network(**fields, accept=accept)
        except DescriptionError as error:
            found = {m[1] for f in error.faults for m in MEANT.finditer(f.hint)} - set(accept)
            if not found:
                raise
            accept = (*accept, *sorted(found))


def _network_name(state: State) -> str:
    script = Path(sys.argv[0] or "").stem if sys.argv else ""
    return Names().take(state.label or script or "pynn")


def _short(values: Any, default: float | None = None) -> Any:
    """Return one number if all values are the same, or else all of them."""
    array = np.asarray(values, np.float64)
    return float(array.flat[0]) if array.ndim == 0 or (array == array[0]).all() else array


def _chosen(values: Any, chosen: Indices, factor: float) -> Any:
    """Return the values of some synapses: one number if they are the same."""
    if np.ndim(values) == 0:
        return float(values) * factor
    array = np.asarray(values, np.float64)[chosen] * factor
    return float(array[0]) if (array == array[0]).all() else array
