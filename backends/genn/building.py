"""From a plan to the blueprint of a GeNN model, and to what its arrays hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.genn import inputs, plasticity, shards, synapses, waves
from netspec.backends.genn.blueprint import Blueprint, Connections, Source, Sums
from netspec.backends.genn.neurons import NeuronCode, neuron_code
from netspec.backends.genn.planning import GennPlan
from netspec.describe import connectivity as rules
from netspec.describe.network import ContinuousProjection, Projection
from netspec.execute.execution import Execution
from netspec.realise.plasticity import PlasticSynapses
from netspec.realise.streams import stream

BACKENDS = {False: "single_threaded_cpu", True: "cuda"}  # GeNN's names, by `GennPlan.on_gpu`


class GennBuilding:
    """Says what the GeNN model of a network is.

    Parameters
    ----------
    plan : GennPlan
    execution : Execution
        Of the plan's request.
    run : str
        A prefix of all names, if several runs share a model.
    """

    def __init__(self, plan: GennPlan, execution: Execution, run: str = "") -> None:
        self.plan, self.execution, self.request = plan, execution, plan.request
        self.network, self.simulation = plan.request.network, plan.request.simulation
        self.parts = {
            name: tuple(replace(part, run=run) for part in parts)
            for name, parts in plan.parts.items()
        }
        self.codes: dict[str, NeuronCode] = {}
        self.sources: list[Source] = []
        self.sums: list[Sums] = []
        self.connections: dict[str, Connections] = {}  # group -> what it is
        self.poisson = [p for p in self.network.poisson_inputs if self.request.poisson_mean(p) > 0]
        # of the variables of noise currents, one value a neuron
        self.noise: dict[str, dict[str, NDArray[Any]]] = {}
        # couplings that the device computes, and those that the host does
        couplings = self.network.continuous_projections
        self.on_device = [c for c in couplings if plan.couplings[c.name] != "host"]
        self.on_host = [c for c in couplings if plan.couplings[c.name] == "host"]
        # group -> synapses of each of its sources, where netspec draws at least their number
        self.lengths: dict[str, NDArray[np.uint32]] = {}
        self.plastic: dict[str, PlasticSynapses] = {}

    def stream(self, name: str, purpose: str) -> np.random.Generator:
        """Return netspec's stream of numbers that seed generated code, or stand in for it."""
        return stream(self.simulation.seed, name, f"genn.{purpose}")

    def create(self) -> None:
        """Lower the neurons and what reaches them from outside."""
        ports: dict[str, set[str]] = {p.name: set() for p in self.network.populations}
        for change in self.execution.current_changes:
            if change.step > 0:
                ports[change.population].add(change.port)
        for coupling in self.on_host:
            ports[coupling.post].add(coupling.target)
        for population in self.network.populations:
            name = population.name
            self.codes[name] = neuron_code(
                self.network, name, self.simulation, frozenset(ports[name])
            )
        self._sum_waves()
        self.sources += [
            inputs.poisson_code(
                self.network, p, self.simulation, self.request.poisson_mean(p), self.plan.by_product
            )
            for p in self.poisson
        ]
        for noise in self.network.noise_currents:
            source, self.noise[noise.name] = inputs.noise_code(self.network, noise, self.simulation)
            self.sources.append(source)
        places = {(s.target, inputs.state_of(self.network, s)) for s in self.network.spike_inputs}
        self.sources += [inputs.given_code(self.network, *place) for place in sorted(places)]

    def _sum_waves(self) -> None:
        """Give neurons angles and sums, where couplings are computed by their waves."""
        found = [(c, self.plan.waves[c.name]) for c in self.on_device if c.name in self.plan.waves]
        ring = {end for c, w in found if w.frequencies[-1] for end in (c.pre, c.post)}
        for name in sorted(ring):
            self.codes[name] = waves.with_angles(self.codes[name])
        for number, summed in enumerate(waves.summed(found)):
            self.codes[summed.population] = waves.with_sums(self.codes[summed.population], summed)
            (part,) = self.parts[summed.population]
            name = part.named(f"sums{number}")
            self.sums.append(waves.sums_code(name, part.name, summed))

    def connect(self) -> None:
        """Say what projections and couplings are, and count synapses where netspec does."""
        for index, projection in enumerate(self.network.projections):
            self.execution.progress("connect", index / len(self.network.projections))
            pieces = self.pieces(projection)
            wiring = self.plan.wirings[projection.name]
            if projection.name in self.plan.changing:
                self._change(projection, pieces)
                continue
            self._count(projection, pieces)
            for piece in pieces:
                self.connections[piece.name] = synapses.projection_code(
                    self.network,
                    projection,
                    self.simulation,
                    piece,
                    self.lengths.get(piece.name),
                    wiring,
                    on_gpu=self.plan.on_gpu,
                )
        for coupling in self.on_device:
            piece = self.whole(coupling)
            self.connections[piece.name] = (
                waves.coupling_code(coupling, piece, self.plan.waves[coupling.name])
                if coupling.name in self.plan.waves
                else synapses.coupling_code(self.network, coupling, piece)
            )

    def pieces(self, projection: Projection | ContinuousProjection) -> list[shards.Piece]:
        """Return the groups of a projection's synapses."""
        found = shards.pieces(projection, self.parts)
        how = self.plan.changing.get(projection.name)
        return found if how is None else plasticity.pieces(found, how)

    def _change(self, projection: Projection, pieces: list[shards.Piece]) -> None:
        """Say what synapses are that change, whose rows are counted where they are drawn."""
        how, wiring = self.plan.changing[projection.name], self.plan.wirings[projection.name]
        drawn = self.plastic[projection.name] = self.execution.plastic(projection)
        for piece in pieces:
            lengths = plasticity.lengths(drawn, piece)
            self.lengths[piece.name] = lengths
            self.connections[piece.name] = plasticity.connections(
                *(self.network, projection, self.simulation, piece),
                row=synapses.row_that_fits(int(lengths.max(initial=0))),
                how=how,
                slots=wiring.slots,
                delay=wiring.delay,
                builder=synapses.GIVEN,
                on_gpu=self.plan.on_gpu,
            )

    def whole(self, coupling: ContinuousProjection) -> shards.Piece:
        """Return the one group of a continuous coupling, whose populations are never divided."""
        (piece,) = self.pieces(coupling)
        return piece

    def _count(self, projection: Projection, pieces: list[shards.Piece]) -> None:
        """Count the synapses of each source and group, unless generated code finds them."""
        n_pre, post = self.network.population(projection.pre).size, self.parts[projection.post]
        wiring = self.plan.wirings[projection.name]
        if wiring.way == "given":
            if len(post) == 1:
                lengths = self.execution.row_lengths(projection)[:, None]
            else:
                blocks = self.execution.synapse_blocks(projection)
                lengths = shards.count_by_part(blocks, n_pre, post)
        elif wiring.counted and isinstance(projection.rule, rules.FixedTotalNumber):
            generator = self.stream(projection.name, "lengths")
            whole = generator.multinomial(projection.rule.number, np.full(n_pre, 1 / n_pre))
            lengths = shards.split_counts(whole, post, generator)
        else:
            return
        for number, piece in enumerate(pieces):
            self.lengths[piece.name] = lengths[piece.pre.neurons, number % len(post)]

    def blueprint(self) -> Blueprint:
        """Return the model as plain data, with a group for each part of a population."""
        return Blueprint(
            self.simulation.dt,
            self.plan.precision,
            BACKENDS[self.plan.on_gpu],
            tuple(
                replace(code.neurons, name=part.name, size=part.size)
                for name, code in self.codes.items()
                for part in self.parts[name]
            ),
            tuple(
                replace(source, name=part.named(source.name), population=part.name)
                for source in self.sources
                for part in self.parts[source.population]
            ),
            tuple(self.connections.values()),
            tuple(self.sums),
            self.plan.slots,
        )
