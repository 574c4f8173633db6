"""NEST, through PyNEST with threads: native models, native or shared connectivity.

Time order: NEST's own is netspec's canonical one. A spike labelled t with a delay of d steps
reaches the synaptic variable at t + d dt. Constant and stepped currents go through I_e, which
is set between calls of ``Run``, so they act from the very step on; where a model has no I_e, a
``dc_generator`` is used, whose current acts one step after its start.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from netspec import connectivity as rules
from netspec import distributions as dist
from netspec import realisation
from netspec.backend import Backend, Entry, Option, Outcome, Progress, RunRequest
from netspec.backends.nest_models import (
    IAF_BW_2001,
    IAF_PSC_EXP,
    NativeModel,
    magnesium_block,
    native_model,
    nmda_entries,
)
from netspec.network import CurrentInput, Projection, StepCurrent
from netspec.streams import simulator_seed

CHUNK_MS = 50.0  # of model time between two looks at the progress; part of the method, keep it
FIRST_DC_STEP = 2  # the first step, from zero, in which a generator's current can act
BYTES_PER_SYNAPSE = {"static_synapse_hpc": 16, "static_synapse": 32}
SOURCE_TABLE_BYTES = 8


class NestBackend(Backend):
    """NEST on threads."""

    name = "nest"
    module = "nest"
    distribution = "nest-simulator"
    how_to_get = "Install it with: pip install netspec-snn[nest]"
    options: ClassVar[dict[str, Option]] = {
        "nmda": Option(
            "instant",
            ("instant", "exact"),
            "instant: iaf_bw_2001; exact: iaf_bw_2001_exact, which keeps the gating of every "
            "presynaptic neuron in every target (slow)",
        ),
        "synapse": Option(
            "lean",
            ("lean", "full"),
            "lean: static_synapse_hpc where it can be, 16 bytes; full: static_synapse, 32 bytes",
        ),
    }

    def details(self) -> dict[str, str]:
        """Ask NEST, in a process of its own, how it was built."""
        code = (
            "import json, nest; b = nest.build_info; print(json.dumps([b['have_mpi'], b['built']]))"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        try:
            mpi, built = json.loads(run.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            return {"import": f"fails with status {run.returncode}"}
        return {"MPI": "yes" if mpi else "no", "built": built}

    # -- before anything is built -------------------------------------------------------

    def entries(self, request: RunRequest) -> list[Entry]:
        """Answer for models, inputs, recorders and connectivity."""
        network = request.network
        entries: list[Entry] = []
        for population in network.populations:
            entries += self._population_entries(request, population.name)
        for projection in network.projections:
            entries.append(self._projection_entry(request, projection))
        for poisson in network.poisson_inputs:
            thing = f"poisson_inputs.{poisson.name}"
            reason = "one poisson_generator; every neuron has its own train"
            wrong = self._wrong_sign(
                request, poisson.target, poisson.receptor, (poisson.weight,) * 2
            )
            entries.append(
                Entry(thing=thing, status="unsupported", reason=wrong)
                if wrong
                else Entry(thing=thing, reason=reason)
            )
        entries += [
            entry
            for currents in (network.current_inputs, network.step_currents)
            for current in currents
            for entry in self._current_entries(request, current)
        ]
        for spikes in network.spike_inputs:
            wrong = self._wrong_sign(request, spikes.target, spikes.receptor, (spikes.weight,) * 2)
            if any(request.simulation.steps(t) < 2 for t in spikes.times):
                wrong = "NEST cannot deliver an event before the second step"
            entries.append(
                Entry(
                    thing=f"spike_inputs.{spikes.name}",
                    status="unsupported" if wrong else "exact",
                    reason=wrong,
                )
            )
        for recorder in network.recorders:
            native = native_model(network.model_of(recorder.target))
            missing = [v for v in recorder.variables if native and v not in native.recordables]
            if missing:
                entries.append(
                    Entry(
                        thing=f"recorders.{recorder.name}",
                        status="unsupported",
                        reason=f"{', '.join(missing)} cannot be recorded from {native and native.theirs}",
                    )
                )
        return entries

    def _population_entries(self, request: RunRequest, population: str) -> list[Entry]:
        network, thing = request.network, f"populations.{population}"
        model = network.model_of(population)
        native = native_model(model)
        if native is None:
            return [
                Entry(
                    thing=thing,
                    status="unsupported",
                    reason=f"the equations of {model.name!r} are those of no model built into NEST",
                )
            ]
        given = realisation.parameters(network, population, request.simulation)
        steps = np.asarray(given["t_ref"]) / request.simulation.dt
        entries = [Entry(thing=thing, reason=f"native {native.theirs}")]
        if np.any(np.asarray(given["V_reset"]) >= np.asarray(given["V_th"])):
            entries.append(Entry(thing=thing, status="unsupported", reason="V_reset >= V_th"))
        if np.any(np.abs(steps - np.round(steps)) > 1e-6):
            reason = "rounded to the nearest step before NEST sees it, which would round up"
            entries.append(Entry(thing=f"{thing}.parameters.t_ref", reason=reason))
        initial = realisation.initial_values(network, population, request.simulation)
        for name, value in initial.items():
            if name not in native.settable and np.any(np.asarray(value) != 0):
                reason = f"{native.theirs} starts with {name} = 0, nothing else can be set"
                entries.append(
                    Entry(thing=f"{thing}.initial.{name}", status="unsupported", reason=reason)
                )
        if native is IAF_BW_2001:
            entries += self._conductance_entries(request, population, given)
        return entries

    def _conductance_entries(
        self, request: RunRequest, population: str, given: dict[str, Any]
    ) -> list[Entry]:
        network, thing = request.network, f"populations.{population}.parameters"
        entries = []
        if np.any(np.asarray(given["E_AMPA"]) != np.asarray(given["E_NMDA"])):
            reason = "iaf_bw_2001 has one reversal potential for AMPA and NMDA"
            entries.append(Entry(thing=f"{thing}.E_NMDA", status="unsupported", reason=reason))
        gating = ("Mg", "Mg_slope", "tau_x", "tau_NMDA", "alpha", "E_L", "V_th")
        if any(np.ndim(given[name]) for name in gating):
            reason = f"one value a population is needed for {', '.join(gating)}"
            entries.append(Entry(thing=thing, status="unsupported", reason=reason))
            return entries
        if np.any(given["I_e"]):
            entries.append(self._late(f"{thing}.I_e", 0))
        incoming = [c for c in network.continuous_projections if c.post == population]
        for projection in incoming:
            pre = native_model(network.model_of(projection.pre))
            if (
                projection.source != "s_NMDA"
                or projection.target != "g_NMDA"
                or pre is not IAF_BW_2001
            ):
                entries.append(
                    Entry(
                        thing=f"continuous_projections.{projection.name}",
                        status="unsupported",
                        reason="NEST couples s_NMDA to g_NMDA of iaf_cond_nmda, and nothing else",
                    )
                )
        things = [f"continuous_projections.{c.name}" for c in incoming]
        if things:
            exact = self.option(request, "nmda") == "exact"
            numbers = {name: float(given[name]) for name in gating}
            entries += nmda_entries(things, numbers, exact, population)
        return entries

    @staticmethod
    def _late(thing: str, step: int) -> Entry:
        return Entry(
            thing=thing,
            status="approximate",
            name="late-current",
            reason="iaf_bw_2001 takes currents from a generator only, "
            "whose current does not act before the third step",
            error=f"{FIRST_DC_STEP - step} steps without the current",
        )

    def _current_entries(
        self, request: RunRequest, current: CurrentInput | StepCurrent
    ) -> list[Entry]:
        kind = "step_currents" if isinstance(current, StepCurrent) else "current_inputs"
        thing = f"{kind}.{current.name}"
        native = native_model(request.network.model_of(current.target))
        if native is not None and current.port != "I_stim":
            return [Entry(thing=thing, status="unsupported", reason=f"no input {current.port}")]
        if native is None or native.current_parameter:
            return [Entry(thing=thing, reason="through I_e, set between two calls of Run")]
        first = min(current.times, default=1.0) if isinstance(current, StepCurrent) else 0.0
        step = request.simulation.steps(first)
        if step < FIRST_DC_STEP:
            return [self._late(thing, step)]
        return [Entry(thing=thing, reason="dc_generator, started a step early")]

    def _projection_entry(self, request: RunRequest, projection: Projection) -> Entry:
        thing = f"projections.{projection.name}"
        weights = dist.extremes(projection.weight)
        if isinstance(projection.rule, rules.Explicit) and projection.rule.weight:
            weights = min(projection.rule.weight), max(projection.rule.weight)
        wrong = self._wrong_sign(request, projection.post, projection.receptor, weights)
        if wrong:
            return Entry(thing=thing, status="unsupported", reason=wrong)
        if request.connectivity == "shared" or not self._has_native_rule(projection.rule):
            return Entry(thing=thing, reason="synapses drawn by netspec, handed over as arrays")
        return Entry(thing=thing, reason=f"native rule {projection.rule.kind}")

    @staticmethod
    def _wrong_sign(
        request: RunRequest, post: str, receptor: str, weights: tuple[float, float]
    ) -> str:
        """Say why weights between two bounds do not reach their receptor, if they do not."""
        network, (low, high) = request.network, weights
        if native_model(network.model_of(post)) is not IAF_PSC_EXP:
            return ""
        given = realisation.parameters(network, post, request.simulation)
        apart = not np.array_equal(given["tau_syn_ex"], given["tau_syn_in"])
        seen = {v for r in network.recorders if r.target == post for v in r.variables}
        if not apart and not seen & {"I_syn_ex", "I_syn_in"}:
            return ""  # with one time constant the two variables are as good as one
        if receptor == "excitatory" and low < 0:
            return "NEST sends a negative weight to the inhibitory variable; give a low bound of 0"
        if receptor == "inhibitory" and high > 0:
            return "NEST sends a positive weight to the excitatory variable; give a high bound of 0"
        return ""

    @staticmethod
    def _has_native_rule(rule: rules.Rule) -> bool:
        if isinstance(rule, rules.FixedTotalNumber):
            return rule.allow_multapses
        return not isinstance(rule, rules.Explicit)

    def memory(self, request: RunRequest) -> int:
        """Estimate from neurons and synapses (measured at full scale, see docs/benchmarks)."""
        network = request.network
        synapses = 0.0
        for projection in network.projections:
            pre, post = network.population(projection.pre), network.population(projection.post)
            count = rules.expected_count(
                projection.rule, pre.size, post.size, pre.name == post.name
            )
            synapses += count * (BYTES_PER_SYNAPSE[self._synapse_model(request, projection)] * 1.05)
            synapses += count * (SOURCE_TABLE_BYTES if request.readback else 2)
        for coupling in network.continuous_projections:
            pairs = network.population(coupling.pre).size * network.population(coupling.post).size
            synapses += pairs * (BYTES_PER_SYNAPSE["static_synapse"] + SOURCE_TABLE_BYTES)
        neurons = sum(population.size for population in network.populations)
        return int(180e6 + neurons * 3000 + synapses)

    def _synapse_model(self, request: RunRequest, projection: Projection) -> str:
        native = native_model(request.network.model_of(projection.post))
        # the lean synapse cannot address a receptor port
        lean = self.option(request, "synapse") == "lean" and native is IAF_PSC_EXP
        return "static_synapse_hpc" if lean else "static_synapse"

    # -- the run ------------------------------------------------------------------------

    def execute(self, request: RunRequest, progress: Progress) -> Outcome:
        """Build and simulate."""
        return _Simulation(self, request, progress).outcome()


class _Simulation:
    """One run: the kernel's state lives here and nowhere else."""

    def __init__(self, backend: NestBackend, request: RunRequest, progress: Progress) -> None:
        import nest

        self.nest, self.backend, self.request, self.progress = nest, backend, request, progress
        self.network, self.simulation = request.network, request.simulation
        self.dt = request.simulation.dt
        self.result = Outcome()
        self.populations: dict[str, Any] = {}
        self.natives: dict[str, NativeModel] = {}
        self.recorders: dict[str, Any] = {}
        self.meters: dict[str, Any] = {}
        self.nmda_factor: dict[str, float] = {}
        self.changes = realisation.current_changes(request.network, request.simulation)

    def outcome(self) -> Outcome:
        with self._phase("create"):
            self._setup()
            self._create()
            self._devices()
        with self._phase("connect"):
            self._connect()
        with self._phase("prepare"):
            self.nest.Prepare()
        self._simulate()
        with self._phase("read"):
            self._read()
        return self.result

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self.progress(name, 0.0)
        started = time.perf_counter()
        yield
        self.result.seconds[name] = time.perf_counter() - started
        self.progress(name, 1.0)

    def _setup(self) -> None:
        nest = self.nest
        nest.verbosity = nest.VerbosityLevel.ERROR
        nest.ResetKernel()
        nest.local_num_threads = self.request.threads
        nest.resolution = self.dt
        nest.rng_seed = simulator_seed(self.simulation.seed)
        # without the table of sources the network cannot be read back, but memory is saved
        nest.keep_source_table = self.request.readback
        if nest.local_num_threads != self.request.threads or nest.resolution != self.dt:
            raise RuntimeError("NEST did not take over the number of threads or the resolution")
        self.result.info = {
            "threads": str(nest.local_num_threads),
            "mpi": str(nest.build_info["have_mpi"]),
            "built": str(nest.build_info["built"]),
        }

    def _create(self) -> None:
        exact = self.backend.option(self.request, "nmda") == "exact"
        for population in self.network.populations:
            native = native_model(self.network.model_of(population))
            if native is None:
                raise RuntimeError(f"no native model for {population.name}")
            theirs = native.theirs + ("_exact" if exact and native is IAF_BW_2001 else "")
            given = realisation.parameters(self.network, population.name, self.simulation)
            # NEST rounds up what lies off the grid
            given["t_ref"] = np.rint(np.asarray(given["t_ref"]) / self.dt) * self.dt
            values = {native.parameters[k]: v for k, v in given.items() if k in native.parameters}
            if native is IAF_BW_2001:
                block = magnesium_block(
                    {k: float(given[k]) for k in ("Mg", "Mg_slope", "E_L", "V_th")}
                )
                values["conc_Mg2"] = block.concentration
                values["gsl_error_tol"] = 1e-6
                self.nmda_factor[population.name] = block.factor
            numbers = {k: float(v) for k, v in values.items() if np.ndim(v) == 0}
            nodes = self.nest.Create(theirs, population.size, params=numbers)
            arrays = {k: v for k, v in values.items() if np.ndim(v)}
            initial = realisation.initial_values(self.network, population.name, self.simulation)
            arrays |= {native.recordables[ours]: initial[ours] for ours in native.settable}
            for name, value in arrays.items():
                nodes.set({name: value if np.ndim(value) == 0 else np.asarray(value).tolist()})
            self.populations[population.name] = nodes
            self.natives[population.name] = native
            if self.request.readback:
                for ours in native.settable:
                    found = np.atleast_1d(nodes.get(native.recordables[ours]))
                    self.result.readback[f"initial/{population.name}/{ours}"] = found

    def _devices(self) -> None:
        nest, simulation = self.nest, self.simulation
        for name in self.network.recorded():
            self.recorders[name] = nest.Create("spike_recorder", params={"time_in_steps": True})
        for recorder in self.network.recorders:
            if not recorder.variables:
                continue
            native = self.natives[recorder.target]
            interval = simulation.steps(recorder.interval or self.dt, minimum=1) * self.dt
            self.meters[recorder.name] = nest.Create(
                "multimeter",
                params={
                    "record_from": [native.recordables[v] for v in recorder.variables],
                    "interval": interval,
                    "time_in_steps": True,
                },
            )

    # -- connections --------------------------------------------------------------------

    def _connect(self) -> None:
        nest, network = self.nest, self.network
        total = len(network.projections) + len(network.continuous_projections)
        for index, projection in enumerate(network.projections):
            self.progress("connect", index / max(total, 1))
            before = nest.num_connections
            self._project(projection)
            self.result.synapses[projection.name] = nest.num_connections - before
        for coupling in network.continuous_projections:
            self._couple(coupling)
        for poisson in network.poisson_inputs:
            # what a generator sends arrives one step later; a long delay would cost memory
            start = max(self.simulation.steps(poisson.delay) - 1, 0) * self.dt
            generator = nest.Create(
                "poisson_generator", params={"rate": poisson.rate * poisson.number, "start": start}
            )
            spec = self._synapse(poisson.target, poisson.receptor, poisson.weight, self.dt)
            nest.Connect(generator, self.populations[poisson.target], "all_to_all", spec)
        self._inject_spikes()
        self._inject_generators()
        for name, recorder in self.recorders.items():
            nest.Connect(self.populations[name], recorder)
        for recorder in network.recorders:
            if recorder.variables:
                nodes = self.populations[recorder.target]
                nodes = nodes if recorder.neurons is None else nodes[sorted(set(recorder.neurons))]
                nest.Connect(self.meters[recorder.name], nodes)

    def _synapse(
        self, post: str, receptor: str, weight: Any, delay: Any, model: str = "static_synapse"
    ) -> dict[str, Any]:
        spec = {"synapse_model": model, "weight": weight, "delay": delay}
        port = self.natives[post].receptors.get(receptor, receptor)
        if port is not None:
            spec["receptor_type"] = self._port(post, port)
        return spec

    def _port(self, post: str, port: str) -> int:
        return int(self.populations[post][0].get("receptor_types")[port])

    def _copy(self, projection: Projection) -> str:
        """Return a synapse model of its own for each receptor.

        NEST's limit of connections counts per model.
        """
        base = self.backend._synapse_model(self.request, projection)
        name = f"{base}_{projection.receptor}"
        if name not in self.nest.synapse_models:
            self.nest.CopyModel(base, name)
        return name

    def _project(self, projection: Projection) -> None:
        shared = self.request.connectivity == "shared"
        if shared or not self.backend._has_native_rule(projection.rule):
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
            self.populations[projection.pre],
            self.populations[projection.post],
            spec,
            self._synapse(
                projection.post,
                projection.receptor,
                self._random(projection.weight),
                self._delay(projection),
                self._copy(projection),
            ),
        )

    def _random(self, value: dist.Distribution) -> Any:
        """Return a distribution as NEST's parameter object."""
        nest = self.nest
        if isinstance(value, dist.Constant):
            return value.value
        if isinstance(value, dist.Uniform):
            return nest.random.uniform(value.low, value.high)
        if value.sd == 0:
            return value.mean
        normal = nest.random.normal(value.mean, value.sd)
        low, high = value.bounds()
        if (low, high) == (-np.inf, np.inf):
            return normal
        if value.clip == "redraw":
            return nest.math.redraw(normal, low, high)
        return nest.math.min(nest.math.max(normal, low), high)

    def _delay(self, projection: Projection) -> Any:
        delay = projection.delay
        if delay is None:
            return self.dt
        if isinstance(delay, dist.Constant):
            return self.simulation.steps(delay.value, minimum=1) * self.dt
        drawn = self._random(delay)
        # NEST refuses what rounds to no step; netspec makes it one step
        lifted = dist.extremes(delay)[0] < self.dt / 2
        return self.nest.math.max(drawn, self.dt) if lifted else drawn

    def _hand_over(self, projection: Projection) -> None:
        """Connect the synapses that netspec drew, block by block."""
        pre = self.populations[projection.pre][0].global_id
        post = self.populations[projection.post][0].global_id
        model = self._copy(projection)
        blocks = realisation.synapse_blocks(self.network, projection, self.simulation)
        for block in blocks:
            if not len(block):
                continue
            ones = np.ones(len(block))
            weight, delay = ones * block.weight, ones * block.delay * self.dt
            spec = self._synapse(projection.post, projection.receptor, weight, delay, model)
            if "receptor_type" in spec:
                spec["receptor_type"] = np.full(len(block), spec["receptor_type"])
            self.nest.Connect(
                block.pre.astype(np.int64) + pre,
                block.post.astype(np.int64) + post,
                "one_to_one",
                spec,
            )

    def _couple(self, coupling: Any) -> None:
        """Connect NMDA: spikes carry the gating, so every pair is a synapse."""
        pre, post = self.populations[coupling.pre], self.populations[coupling.post]
        factor = self.nmda_factor[coupling.post]
        weight: Any = coupling.kernel.weight * factor
        if coupling.kernel.kind == "ring":
            by_distance = coupling.kernel.values(len(post)) * factor
            target, source = np.indices((len(post), len(pre)))
            weight = by_distance[(target - source) % len(post)]
        before = self.nest.num_connections
        spec = self._synapse(coupling.post, "NMDA", weight, self.dt)
        self.nest.Connect(pre, post, "all_to_all", spec)
        self.result.synapses[coupling.name] = self.nest.num_connections - before

    def _inject_spikes(self) -> None:
        for source in self.network.spike_inputs:
            steps = np.array([self.simulation.steps(t) for t in source.times])
            neurons = np.array(source.neurons)
            keep = steps <= self.simulation.total_steps
            for neuron in np.unique(neurons[keep]):
                # a generator's spike of t - dt arrives, one step later, at t
                times = (np.sort(steps[keep & (neurons == neuron)]) - 1) * self.dt
                generator = self.nest.Create("spike_generator", params={"spike_times": times})
                node = self.populations[source.target][int(neuron)]
                spec = self._synapse(source.target, source.receptor, source.weight, self.dt)
                self.nest.Connect(generator, node, syn_spec=spec)

    # -- currents -----------------------------------------------------------------------

    def _inject_generators(self) -> None:
        """Give a dc_generator to what has no I_e; each change of a current is one."""
        for change in self.changes:
            if self.natives[change.population].current_parameter is None and change.level:
                # acts one step after its start
                self._dc(change.population, change.neurons, change.level, max(change.step - 1, 0))
        for population in self.network.populations:
            given = realisation.parameters(self.network, population.name, self.simulation)
            if self.natives[population.name].current_parameter is None and np.any(given["I_e"]):
                values = np.broadcast_to(np.asarray(given["I_e"]), population.size)
                for level in np.unique(values):
                    self._dc(population.name, np.flatnonzero(values == level), float(level), 0)

    def _dc(self, population: str, neurons: NDArray[np.int64], level: float, step: int) -> None:
        generator = self.nest.Create(
            "dc_generator", params={"amplitude": level, "start": step * self.dt}
        )
        nodes = self.populations[population][[int(n) for n in neurons]]
        self.nest.Connect(generator, nodes, syn_spec={"delay": self.dt})

    # -- time ---------------------------------------------------------------------------

    def _simulate(self) -> None:
        simulation = self.simulation
        changes = [c for c in self.changes if self.natives[c.population].current_parameter]
        current = {
            population.name: np.broadcast_to(
                np.asarray(
                    realisation.parameters(self.network, population.name, simulation)["I_e"]
                ),
                population.size,
            ).copy()
            for population in self.network.populations
        }
        chunk = max(1, round(CHUNK_MS / self.dt))
        stops = {*range(chunk, simulation.total_steps, chunk), simulation.total_steps,
                 simulation.warmup_steps, *(c.step for c in changes)}  # fmt: skip
        step = 0
        phases = {"warmup": 0.0, "simulate": 0.0}
        for stop in sorted(stops):
            if step >= simulation.total_steps:
                break
            if stop > step:
                started = time.perf_counter()
                self.nest.Run((min(stop, simulation.total_steps) - step) * self.dt)
                phase = "warmup" if step < simulation.warmup_steps else "simulate"
                phases[phase] += time.perf_counter() - started
                step = stop
                self.progress("simulate", step / simulation.total_steps)
            for change in (c for c in changes if c.step == stop):
                own = current[change.population]
                own[change.neurons] += change.level
                self.populations[change.population].set({"I_e": own.tolist()})
        if self.meters:
            # a multimeter hands over what it sampled when the next slice of time begins
            self.nest.Run(self.nest.min_delay)
        self.nest.Cleanup()
        self.result.seconds |= phases

    # -- reading ------------------------------------------------------------------------

    def _read(self) -> None:
        for name, recorder in self.recorders.items():
            events = recorder.events
            first = self.populations[name][0].global_id
            steps = np.asarray(events["times"], np.int64)
            inside = steps <= self.simulation.total_steps
            neurons = (np.asarray(events["senders"], np.int64) - first).astype(np.uint32)
            self.result.spikes[name] = (steps[inside], neurons[inside])
        for recorder in self.network.recorders:
            if recorder.variables:
                self._read_samples(recorder)
        if self.request.readback:
            self._read_back()

    def _read_samples(self, recorder: Any) -> None:
        events = self.meters[recorder.name].events
        order = np.lexsort((events["senders"], events["times"]))
        order = order[np.asarray(events["times"])[order] <= self.simulation.total_steps]
        width = len(np.unique(events["senders"]))
        steps = np.asarray(events["times"])[order].reshape(-1, width)[:, 0]
        for ours in recorder.variables:
            theirs = self.natives[recorder.target].recordables[ours]
            values = np.asarray(events[theirs])[order].reshape(-1, width)
            self.result.samples[recorder.name, ours] = (steps, values)

    def _read_back(self) -> None:
        found = self.result.readback
        for name, nodes in self.populations.items():
            native = self.natives[name]
            theirs = list(native.parameters.values())
            values = nodes.get(theirs)
            for ours, key in native.parameters.items():
                found[f"parameters/{name}/{ours}"] = np.atleast_1d(values[key])
        for projection in self.network.projections:
            pre, post = self.populations[projection.pre], self.populations[projection.post]
            found_synapses = self.nest.GetConnections(pre, post, self._copy(projection))
            data = found_synapses.get(["source", "target", "weight", "delay"])
            sources = np.atleast_1d(data["source"]).astype(np.int64) - pre[0].global_id
            targets = np.atleast_1d(data["target"]).astype(np.int64) - post[0].global_id
            steps = np.rint(np.atleast_1d(data["delay"]) / self.dt).astype(np.int64)
            weights = np.atleast_1d(data["weight"])
            order = np.lexsort((steps, weights, targets, sources))
            base = f"projections/{projection.name}"
            for key, array in (
                ("pre", sources),
                ("post", targets),
                ("weight", weights),
                ("delay", steps),
            ):
                found[f"{base}/{key}"] = array[order]
