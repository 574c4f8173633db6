"""From a description to a network in NEST.

Time order: NEST's own is netspec's canonical one. A spike labelled t with a delay of d steps
reaches the synaptic variable at t + d dt. Constant and stepped currents go through I_e, which
is set between calls of ``Run``, in the first two steps, in which no device can act. Later changes
come from a ``step_current_generator``, whose current acts one step after its time. Where a model
has no I_e, a ``dc_generator`` stands for it, as early as it can.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.nest.counterparts import FIRST_DC_STEP
from netspec.backends.nest.generating import GeneratedModel
from netspec.backends.nest.modules import library
from netspec.backends.nest.nodes import Nodes
from netspec.backends.nest.planning import FIRST_POISSON_STEP, NestPlan, changes_rate
from netspec.backends.nest.plasticity import Plastic, end_slices
from netspec.describe import connectivity as rules
from netspec.describe import distributions as dist
from netspec.describe.columns import Column
from netspec.describe.inputs import Current
from netspec.describe.network import PoissonInput, Projection
from netspec.execute.execution import Execution
from netspec.execute.importing import import_sparing
from netspec.realise.streams import simulator_seed

COUPLING_BLOCK = 500_000  # pairs handed to NEST at once
LEANEST_SYNAPSE = {"synapse_model": "static_synapse_hom_w_hpc"}  # 8 bytes


class NestBuilding:
    """Makes a network in NEST's kernel; the kernel's state lives here and nowhere else.

    Parameters
    ----------
    plan : NestPlan
    execution : Execution
        Of the plan's request; its recording receives what is known of the network made.
    """

    def __init__(self, plan: NestPlan, execution: Execution) -> None:
        os.environ.setdefault("PYNEST_QUIET", "1")
        nest: Any = import_sparing("nest", "pandas", "matplotlib")
        self.nest, self.plan, self.execution = nest, plan, execution
        self.request, self.recording = plan.request, execution.recording
        self.network, self.simulation = plan.request.network, plan.request.simulation
        self.dt = self.simulation.dt
        self.nodes = Nodes(nest, plan, execution)
        self.module: Path | None = None
        self.recorders: dict[str, Any] = {}
        self.meters: dict[str, Any] = {}
        self.plastic: list[Plastic] = []
        self.rank, self.ranks = self.nodes.rank, self.nodes.ranks
        # what changes before any device can act; see `_inject_stepped` for the rest
        self.changes = [c for c in execution.current_changes if c.step < FIRST_DC_STEP]

    def setup(self) -> None:
        """Reset the kernel and set threads, resolution and seed."""
        nest = self.nest
        nest.verbosity = nest.VerbosityLevel.ERROR
        nest.ResetKernel()
        processes = self.request.virtual_processes
        if self.ranks != self.request.ranks:
            raise RuntimeError(
                f"NEST sees {self.ranks} ranks, {self.request.ranks} were started: the launcher "
                "is of another MPI than the one NEST was built with"
            )
        nest.total_num_virtual_procs = processes
        nest.resolution = self.dt
        nest.rng_seed = simulator_seed(self.simulation.seed)
        # without the table of sources the network cannot be read back, but memory is saved
        nest.keep_source_table = self.request.readback or bool(self.plan.changing)
        if self.module is not None:  # a reset of the kernel takes it away
            nest.Install(str(self.module))
        taken = nest.total_num_virtual_procs, nest.local_num_threads
        if taken != (processes, self.request.threads) or abs(nest.resolution - self.dt) > 1e-9:
            raise RuntimeError("NEST did not take over the number of threads or the resolution")
        self.recording.info = {
            "virtual processes": str(processes),
            "threads": str(nest.local_num_threads),
            "mpi": str(nest.build_info["have_mpi"]),
            "built": str(nest.build_info["built"]),
        }

    def compile(self) -> None:
        """Compile the module of generated models, unless it is there; not a part of `setup`."""
        if self.plan.module:
            self.execution.progress("compile", 0.0)
            started = time.perf_counter()
            self.module, made = library(self.plan.module)
            self.recording.seconds["compile"] = time.perf_counter() - started if made else 0.0

    def devices(self) -> None:
        """Create recorders."""
        nest = self.nest
        for name in self.network.recorded():
            self.recorders[name] = nest.Create("spike_recorder", params={"time_in_steps": True})
        for recorder in self.network.recorders:
            if not recorder.variables:
                continue
            names = self.nodes.model(recorder.target).recordables
            interval = self.request.sampling_steps(recorder) * self.dt
            self.meters[recorder.name] = nest.Create(
                "multimeter",
                params={
                    "record_from": [names[v] for v in recorder.variables],
                    "interval": interval,
                    "time_in_steps": True,
                },
            )

    # -- connections --------------------------------------------------------------------

    def connect(self) -> None:
        """Connect populations, inputs and recorders."""
        nest, network = self.nest, self.network
        total = len(network.projections) + len(network.continuous_projections)
        for index, projection in enumerate(network.projections):
            self.execution.progress("connect", index / max(total, 1))
            before = nest.num_connections
            self._project(projection)
            self.recording.synapses[projection.name] = nest.num_connections - before
        if self.plastic:
            end_slices(self)
        for coupling in network.continuous_projections:
            self._couple(coupling)
        for poisson in network.poisson_inputs:
            if poisson.name not in self.plan.poisson_starts:  # neurons draw it themselves
                continue
            generator = self._poisson_generator(poisson)
            spec = self.synapse(poisson.target, poisson.receptor, poisson.weight, self.dt)
            nest.Connect(generator, self.nodes[poisson.target], "all_to_all", spec)
        self._inject_spikes()
        self._inject_generators()
        self._inject_stepped()
        for name, recorder in self.recorders.items():
            # NEST allocates 1024 synapses for every neuron that has one onto a device
            nest.Connect(self.nodes[name], recorder, syn_spec=LEANEST_SYNAPSE)
        for recorder in network.recorders:
            if recorder.variables:
                nodes = self.nodes[recorder.target]
                if recorder.neurons is not None:
                    nodes = self.nodes.chosen(recorder.target, recorder.neurons)
                if nodes is not None:
                    nest.Connect(self.meters[recorder.name], nodes)

    def _poisson_generator(self, poisson: PoissonInput) -> Any:
        """Return a generator of a Poisson input's events."""
        course = poisson.course(self.simulation)
        if changes_rate(course):
            # a rate set for T makes events that arrive from a step after T on; nothing is set for 0
            rates = {max(step, 1): rate for step, rate in course}
            return self.nest.Create(
                "inhomogeneous_poisson_generator",
                params={
                    "rate_times": [step * self.dt for step in rates],
                    "rate_values": list(rates.values()),
                },
            )
        start = self.plan.poisson_starts[poisson.name]
        params = {"rate": course[0][1], "start": start * self.dt}
        if len(course) == 2:
            params["stop"] = max(course[1][0] - FIRST_POISSON_STEP, start) * self.dt
        return self.nest.Create("poisson_generator", params=params)

    def synapse(
        self, post: str, receptor: str, weight: Any, delay: Any, model: str = "static_synapse"
    ) -> dict[str, Any]:
        """Return a synapse specification, with the receptor port where there is one."""
        if receptor in self.nodes.model(post).negated:
            weight = -1.0 * weight
        spec = {"synapse_model": model, "weight": weight, "delay": delay}
        port = self.nodes.port(post, receptor)
        if port:  # the first is the one that is meant where nothing is said
            spec["receptor_type"] = port
        return spec

    def copy(self, projection: Projection) -> str:
        """Return a synapse model of its own for each receptor.

        NEST's limit of connections counts per model. What is to be read back has a model for each
        projection, by which it is found again.
        """
        base = self.plan.wirings[projection.name].synapse
        # the prefix keeps clear of models that NEST has itself
        name = f"netspec_{projection.name if self.request.readback else projection.receptor}_{base}"
        if name not in self.nest.synapse_models:
            self.nest.CopyModel(base, name)
        return name

    def _project(self, projection: Projection) -> None:
        if projection.name in self.plan.changing:
            self.plastic.append(Plastic(self, projection))
            self.plastic[-1].connect()
            return
        if not self.plan.wirings[projection.name].by_rule:
            self._hand_over(projection)
            return
        rule = projection.rule
        if isinstance(rule, rules.FixedTotalNumber) and rule.number == 0:
            return
        spec: dict[str, Any] = {"rule": rule.kind}
        for ours, theirs in (("number", "N"), ("indegree", "indegree"), ("p", "p"),
                             ("allow_autapses",) * 2, ("allow_multapses",) * 2):  # fmt: skip
            if hasattr(rule, ours):
                spec[theirs] = getattr(rule, ours)
        self.nest.Connect(
            self.nodes[projection.pre],
            self.nodes[projection.post],
            spec,
            self.synapse(
                projection.post,
                projection.receptor,
                self._random(projection.weight),
                self._delay(projection),
                self.copy(projection),
            ),
        )

    def _random(self, value: dist.Distribution) -> Any:
        """Return a distribution as NEST's parameter object."""
        nest = self.nest
        fixed = value.fixed()
        if fixed is not None:
            return fixed
        if isinstance(value, dist.Uniform):
            return nest.random.uniform(value.low, value.high)
        if isinstance(value, dist.UniformInteger):
            return value.low + nest.random.uniform_int(value.count)
        if isinstance(value, dist.Normal):
            free = nest.random.normal(value.mean, value.sd)
        elif isinstance(value, dist.LogNormal):
            free = math.copysign(1.0, value.median) * nest.random.lognormal(value.mu, value.sigma)
        elif isinstance(value, dist.Exponential):
            free = value.scale * nest.random.exponential(1.0)
        else:
            raise TypeError(f"NEST does not draw: {value!r}")
        low, high = value.bounds()
        if (low, high) == (-math.inf, math.inf):
            return free
        if value.clip == "redraw":
            return nest.math.redraw(free, low, high)
        return nest.math.min(nest.math.max(free, low), high)

    def _delay(self, projection: Projection) -> Any:
        delay = projection.delay
        if delay is None:
            return self.dt
        fixed = delay.fixed()
        if fixed is not None:
            return self.simulation.steps(fixed, minimum=1) * self.dt
        drawn = self._random(delay)
        # NEST refuses what rounds to no step; netspec makes it one step
        lifted = delay.extremes()[0] < self.dt / 2
        return self.nest.math.max(drawn, self.dt) if lifted else drawn

    def _hand_over(self, projection: Projection) -> None:
        """Connect the synapses that netspec drew, block by block.

        A rank keeps those onto its own neurons and drops the others with their block, so that
        none ever holds the whole network.
        """
        pre = self.nodes[projection.pre][0].global_id
        post = self.nodes[projection.post][0].global_id
        model = self.copy(projection)
        for block in self.execution.synapse_blocks(projection):
            targets = block.post.astype(np.int64) + post
            own = slice(None) if self.ranks == 1 else targets % self.ranks == self.rank
            sources = block.pre[own].astype(np.int64) + pre
            weight, delay = block.weights()[own], block.delays()[own] * self.dt
            spec = self.synapse(projection.post, projection.receptor, weight, delay, model)
            self.connect_pairs(sources, targets[own], spec)

    def connect_pairs(
        self, sources: NDArray[np.int64], targets: NDArray[np.int64], spec: dict[str, Any]
    ) -> None:
        """Connect pairs of node numbers, with arrays of weights and delays."""
        if not len(targets):
            return
        if "receptor_type" in spec:
            spec["receptor_type"] = np.full(len(targets), spec["receptor_type"])
        self.nest.Connect(sources, targets, "one_to_one", spec)

    def _couple(self, coupling: Any) -> None:
        """Connect NMDA: spikes carry the gating, so every pair is a synapse."""
        pre, post = self.nodes[coupling.pre], self.nodes[coupling.post]
        size, sources = len(post), np.arange(len(pre), dtype=np.int64)
        block = self.plan.populations[coupling.post].block
        by_distance = coupling.kernel.values(size) * (1.0 if block is None else block.factor)
        own = self.nodes.local(coupling.post)[1]
        before = self.nest.num_connections
        # the matrix of all pairs is never whole
        for targets in np.array_split(own, 1 + len(own) * len(pre) // COUPLING_BLOCK):
            weight = by_distance[(targets[:, None] - sources) % size].ravel()
            delay = np.full(len(weight), self.dt)
            self.connect_pairs(
                np.tile(sources + pre[0].global_id, len(targets)),
                np.repeat(targets + post[0].global_id, len(pre)),
                self.synapse(coupling.post, "NMDA", weight, delay),
            )
        self.recording.synapses[coupling.name] = self.nest.num_connections - before

    def _inject_spikes(self) -> None:
        for source in self.network.spike_inputs:
            steps, neurons, weights = source.events(self.simulation)
            keep = np.flatnonzero((steps > 1) & (steps <= self.simulation.total_steps))
            keep = keep[np.argsort(neurons[keep], kind="stable")]
            # a generator's spike of t - dt arrives, one step later, at t; what is due at the
            # end of the first step, no device can send: a generated model has it itself
            params = {"spike_times": (steps[keep] - 1) * self.dt}
            weight = source.weight
            if isinstance(weight, Column):  # NEST multiplies those of spikes by the synapse's
                weight, params["spike_weights"] = 1.0, weights[keep]
            reached, starts = np.unique(neurons[keep], return_index=True)
            if not reached.size:
                continue
            trains = [
                {name: values[here] for name, values in params.items()}
                for here in np.split(np.arange(keep.size), starts[1:])
            ]
            generators = self.nest.Create("spike_generator", len(trains), params=trains)
            nodes = self.nodes.chosen(source.target, reached)
            spec = self.synapse(source.target, source.receptor, weight, self.dt)
            self.nest.Connect(generators, nodes, "one_to_one", spec)

    # -- currents -----------------------------------------------------------------------

    def _inject_generators(self) -> None:
        """Give a dc_generator to what has no I_e, as early as a device can act."""
        for change in self.changes:
            if self._needs_generator(change.population) and change.level:
                self._dc(change.population, change.neurons, change.level)
        for population in self.network.populations:
            if not self._needs_generator(population.name):
                continue
            given = self.execution.parameters(population.name)
            if np.any(given["I_e"]):
                values = np.broadcast_to(np.asarray(given["I_e"]), population.size)
                for level in np.unique(values):
                    self._dc(population.name, np.flatnonzero(values == level), float(level))

    def _needs_generator(self, population: str) -> bool:
        needs: bool = self.nodes.model(population).level("I_stim") is None
        return needs

    def _dc(self, population: str, neurons: NDArray[np.int64], level: float) -> None:
        nodes = self.nodes.chosen(population, neurons)
        if nodes is not None:
            generator = self.nest.Create("dc_generator", params={"amplitude": level})
            self.nest.Connect(generator, nodes, syn_spec={"delay": self.dt})

    def _inject_stepped(self) -> None:
        """Give every stepped current a generator, on top of what it is in the first two steps."""
        for _, stepped in self.network.pieces():
            if not isinstance(stepped, Current):
                continue
            course = list(stepped.levels(self.simulation))
            steps = np.array([step for step, _ in course], int)
            levels = np.array([level for _, level in course], float)
            before = levels[steps < FIRST_DC_STEP]
            later = np.flatnonzero(steps >= FIRST_DC_STEP)
            # of two in one step the last one counts
            later = later[np.append(np.diff(steps[later]) > 0, True)[: later.size]]
            size = self.network.population(stepped.target).size
            nodes = self.nodes.chosen(
                stepped.target, range(size) if stepped.neurons is None else stepped.neurons
            )
            if later.size and nodes is not None:
                generator = self.nest.Create(
                    "step_current_generator",
                    params={
                        "amplitude_times": (steps[later] - 1) * self.dt,
                        "amplitude_values": levels[later] - (before[-1] if before.size else 0.0),
                    },
                )
                spec: dict[str, Any] = {"delay": self.dt}
                model = self.nodes.model(stepped.target)
                if isinstance(model, GeneratedModel):
                    spec["receptor_type"] = model.current_ports[stepped.port]
                self.nest.Connect(generator, nodes, syn_spec=spec)
