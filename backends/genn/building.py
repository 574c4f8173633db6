"""From a description to a plan, and to what the plan's arrays hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netspec.backend import Execution, Progress, RunRequest
from netspec.backends.genn import inputs, synapses
from netspec.backends.genn.adapter import BACKENDS, GennBackend
from netspec.backends.genn.neurons import NeuronCode, neuron_code
from netspec.backends.genn.plan import Connections, Plan, Source
from netspec.realisation import current_changes
from netspec.streams import stream


class GennBuilding(Execution):
    """Say what the GeNN model of a network is."""

    def __init__(self, backend: GennBackend, request: RunRequest, progress: Progress) -> None:
        super().__init__(request, progress)
        self.backend = backend
        self.device = backend.option(request, "device")
        precision = backend.option(request, "precision")
        self.precision = {"single": "float", "double": "double"}[precision]
        self.on_host = backend.couples_on_host(request)
        self.codes: dict[str, NeuronCode] = {}
        self.sources: list[Source] = []
        self.connections: list[Connections] = []
        self.poisson = [p for p in self.network.poisson_inputs if p.rate * p.number > 0]
        # synapses of each source neuron, of the projections that netspec draws
        self.lengths: dict[str, NDArray[np.uint32]] = {}
        self.dense: set[str] = set()

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
        self.sources += [
            inputs.poisson_code(self.network, p, self.simulation) for p in self.poisson
        ]
        places = {(s.target, inputs.state_of(self.network, s)) for s in self.network.spike_inputs}
        self.sources += [inputs.given_code(self.network, *place) for place in sorted(places)]

    def connect(self) -> None:
        """Say what projections and couplings are, and count the synapses that netspec draws."""
        native = self.request.connectivity == "native"
        for index, projection in enumerate(self.network.projections):
            self.progress("connect", index / len(self.network.projections))
            dense = synapses.is_dense(projection, self.request.readback)
            if dense:
                self.dense.add(projection.name)
            elif not (native and synapses.is_native(projection)):
                self.lengths[projection.name] = self.row_lengths(projection)
            self.connections.append(
                synapses.projection_code(
                    self.network,
                    projection,
                    self.simulation,
                    self.lengths.get(projection.name),
                    dense,
                )
            )
        if not self.on_host:
            self.connections += [
                synapses.coupling_code(self.network, coupling)
                for coupling in self.network.continuous_projections
            ]

    def plan(self) -> Plan:
        """Return the model as plain data."""
        return Plan(
            self.dt,
            self.precision,
            BACKENDS[self.device],
            tuple(code.neurons for code in self.codes.values()),
            tuple(self.sources),
            tuple(self.connections),
        )
