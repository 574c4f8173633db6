"""From a description to a plan, and to what the plan's arrays hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netspec import connectivity as rules
from netspec.backend import Execution, Progress, RunRequest
from netspec.backends.genn import inputs, shards, synapses, waves
from netspec.backends.genn.adapter import BACKENDS, PRECISIONS, GennBackend
from netspec.backends.genn.neurons import NeuronCode, neuron_code
from netspec.backends.genn.plan import Connections, Plan, Source, Sums
from netspec.network import ContinuousProjection, Projection
from netspec.realisation import current_changes
from netspec.streams import stream


class GennBuilding(Execution):
    """Say what the GeNN model of a network is."""

    def __init__(
        self, backend: GennBackend, request: RunRequest, progress: Progress, run: str = ""
    ) -> None:
        super().__init__(request, progress)
        self.backend = backend
        self.device = backend.option(request, "device")
        self.precision = PRECISIONS[backend.option(request, "precision")]
        self.on_host = backend.coupling(request) == "host"
        self.waves = backend.by_waves(request)
        self.sums: list[Sums] = []
        self.grids = backend.grids(request)
        self.by_product = backend.option(request, "poisson") == "product"
        self.parts = backend.parts(request, run)
        self.slots = backend.slots(request)
        self.codes: dict[str, NeuronCode] = {}
        self.sources: list[Source] = []
        self.planned: dict[str, Connections] = {}  # group -> what it is
        self.poisson = [p for p in self.network.poisson_inputs if p.rate * p.number > 0]
        # projections whose synapses netspec draws, and such that store none
        self.drawn: set[str] = set()
        self.dense: set[str] = set()
        # group -> synapses of each of its sources, where netspec draws at least their number
        self.lengths: dict[str, NDArray[np.uint32]] = {}

    def stream(self, name: str, purpose: str) -> np.random.Generator:
        """Return netspec's stream of numbers that seed generated code, or stand in for it."""
        return stream(self.simulation.seed, name, f"genn.{purpose}")

    def create(self) -> None:
        """Lower the neurons and what reaches them from outside."""
        ports: dict[str, set[str]] = {p.name: set() for p in self.network.populations}
        for change in current_changes(self.network, self.simulation):
            if change.step > 0:
                ports[change.population].add(change.port)
        if self.on_host:
            for coupling in self.network.continuous_projections:
                ports[coupling.post].add(coupling.target)
        for population in self.network.populations:
            name = population.name
            self.codes[name] = neuron_code(
                self.network, name, self.simulation, frozenset(ports[name])
            )
        self._sum_waves()
        self.sources += [
            inputs.poisson_code(self.network, p, self.simulation, self.by_product)
            for p in self.poisson
        ]
        places = {(s.target, inputs.state_of(self.network, s)) for s in self.network.spike_inputs}
        self.sources += [inputs.given_code(self.network, *place) for place in sorted(places)]

    def _sum_waves(self) -> None:
        """Give neurons angles and sums, where couplings are computed by their waves."""
        couplings = self.network.continuous_projections
        found = [(c, self.waves[c.name]) for c in couplings if c.name in self.waves]
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
            self.progress("connect", index / len(self.network.projections))
            pieces = self.pieces(projection)
            dense = synapses.is_dense(projection, self.request.readback)
            if dense:
                self.dense.add(projection.name)
            else:
                self._count(projection, pieces)
            way: synapses.Way = "given" if projection.name in self.drawn else "native"
            # of these, and only of these, the host knows all row lengths without a look at them
            counted = way == "native" and isinstance(projection.rule, rules.FixedTotalNumber)
            on_gpu = self.device == "cuda"
            for piece in pieces:
                planned = synapses.projection_code(
                    self.network,
                    projection,
                    self.simulation,
                    piece,
                    self.lengths.get(piece.name),
                    "dense" if dense else way,
                    self.grids.get(projection.name),
                    on_gpu=on_gpu,
                    slots=self.slots,
                )
                alone = on_gpu and counted and not dense and not self.request.readback
                self.planned[piece.name] = replace(planned, on_device=alone)
        for coupling in () if self.on_host else self.network.continuous_projections:
            piece = self.whole(coupling)
            self.planned[piece.name] = (
                waves.coupling_code(coupling, piece, self.waves[coupling.name])
                if coupling.name in self.waves
                else synapses.coupling_code(self.network, coupling, piece)
            )

    def pieces(self, projection: Projection | ContinuousProjection) -> list[shards.Piece]:
        """Return the groups of a projection's synapses."""
        return shards.pieces(projection, self.parts)

    def whole(self, coupling: ContinuousProjection) -> shards.Piece:
        """Return the one group of a continuous coupling, whose populations are never divided."""
        (piece,) = self.pieces(coupling)
        return piece

    def _count(self, projection: Projection, pieces: list[shards.Piece]) -> None:
        """Count the synapses of each source and group, unless generated code finds them."""
        n_pre, post = self.network.population(projection.pre).size, self.parts[projection.post]
        native = self.request.connectivity == "native" and synapses.is_native(
            projection, split=len(pieces) > 1
        )
        if not native:
            self.drawn.add(projection.name)
            if len(post) == 1:
                lengths = self.row_lengths(projection)[:, None]
            else:
                lengths = shards.count_by_part(self.synapse_blocks(projection), n_pre, post)
        elif isinstance(projection.rule, rules.FixedTotalNumber):
            generator = self.stream(projection.name, "lengths")
            whole = generator.multinomial(projection.rule.number, np.full(n_pre, 1 / n_pre))
            lengths = shards.split_counts(whole, post, generator)
        else:
            return
        for number, piece in enumerate(pieces):
            self.lengths[piece.name] = lengths[piece.pre.neurons, number % len(post)]

    def plan(self) -> Plan:
        """Return the model as plain data, with a group for each part of a population."""
        return Plan(
            self.dt,
            self.precision,
            BACKENDS[self.device],
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
            tuple(self.planned.values()),
            tuple(self.sums),
            self.slots,
        )
