"""The NEST adapter's contract: ledger, memory, options."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from netspec import connectivity as rules
from netspec import distributions as dist
from netspec import ranks, realisation
from netspec.backend import Backend, Entry, Option, Outcome, Progress, RunRequest
from netspec.backends.nest.models import (
    BLOCK,
    IAF_BW_2001,
    IAF_PSC_EXP,
    native_model,
    nmda_entries,
)
from netspec.errors import BackendMissing
from netspec.network import ContinuousProjection, CurrentInput, Network, Projection, StepCurrent

FIRST_POISSON_STEP = 2  # the first step, from zero, at whose end a generator's events can be due
FIRST_DC_STEP = 2  # the first step, from zero, in which a generator's current can act
# At the peak, in Prepare: a straight line through the microcircuit at scales 0.1, 0.2 and 0.3
# (benchmarks/nest_memory.py, docs/mpi.md)
BYTES_PER_SYNAPSE = {"static_synapse_hpc": 24, "static_synapse": 40}  # 8 are the table of sources
BYTES_PER_NEURON = 6_700  # mostly ring buffers
BYTES_PER_RECORDED = 8_192  # NEST allocates 1024 synapses for one onto a recorder
MAX_REDRAWS = 1000  # of one number of a distribution with bounds; then NEST raises an error
UNLIKELY = 1e-9  # probability that a network is refused for it
BYTES_PER_PROCESS = 108_000_000
BYTES_OF_MODULES = {"matplotlib": 18_000_000, "pandas": 34_000_000}  # which nest imports if found
BYTES_PER_THREAD = 1_000_000
HOW_TO_GET_MPI = "To build one with MPI and install it: make nest-mpi (see docs/mpi.md)"


class NestBackend(Backend):
    """NEST on threads, and on ranks if it was built with MPI."""

    name = "nest"
    module = "nest"
    distribution = "nest-simulator"
    how_to_get = "Install it with: pip install nest-simulator"
    mpi = True
    cite: ClassVar[tuple[str, ...]] = (
        "Gewaltig, Diesmann (2007) NEST (NEural Simulation Tool). Scholarpedia 2:1430, "
        "doi:10.4249/scholarpedia.1430",
    )
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
        """Return how NEST was built, and where it lies."""
        return dict(_build())

    def check_options(self, request: RunRequest) -> None:
        """Raise also for ranks that this NEST cannot have."""
        super().check_options(request)
        if request.ranks > 1 and self.details().get("MPI") != "yes":
            raise BackendMissing(
                f"this NEST was built without MPI, so it runs in one process, given "
                f"{request.ranks} ranks. {HOW_TO_GET_MPI}"
            )

    # -- before anything is built -------------------------------------------------------

    def entries(self, request: RunRequest) -> list[Entry]:
        """Answer for models, inputs, recorders and connectivity."""
        network = request.network
        entries: list[Entry] = []
        tics = request.simulation.dt * 1000
        if abs(tics - round(tics)) > 1e-9:
            reason = "NEST's time steps are multiples of 0.001 ms"
            entries.append(Entry(thing="simulation.dt", status="unsupported", reason=reason))
        for population in network.populations:
            entries += self._population_entries(request, population.name)
        for projection in network.projections:
            entries.append(self._projection_entry(request, projection))
        for coupling in network.continuous_projections:
            entries += self._coupling_entries(request, coupling)
        for poisson in network.poisson_inputs:
            thing = f"poisson_inputs.{poisson.name}"
            reason = "one poisson_generator, a train for every neuron"
            early = FIRST_POISSON_STEP - request.simulation.steps(poisson.delay)
            if early > 0:
                reason += f"; its first events are {early} step{'s' if early > 1 else ''} late, "
                reason += "since no device acts before the third step"
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
            if native is None:
                continue
            missing = [v for v in recorder.variables if v not in native.recordables]
            if missing:
                reason = f"{', '.join(missing)} cannot be recorded from {native.theirs}"
                thing = f"recorders.{recorder.name}"
                entries.append(Entry(thing=thing, status="unsupported", reason=reason))
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
        thing = f"populations.{population}.parameters"
        entries = []
        if np.any(np.asarray(given["E_AMPA"]) != np.asarray(given["E_NMDA"])):
            reason = "iaf_bw_2001 has one reversal potential for AMPA and NMDA"
            entries.append(Entry(thing=f"{thing}.E_NMDA", status="unsupported", reason=reason))
        single = ("tau_x", "tau_NMDA", "alpha", *BLOCK)
        if any(np.ndim(given[name]) for name in single):
            reason = f"one value a population is needed for {', '.join(single)}"
            entries.append(Entry(thing=thing, status="unsupported", reason=reason))
            return entries
        if np.any(given["I_e"]):
            entries.append(self._late(f"{thing}.I_e", 0))
        return entries

    def _coupling_entries(self, request: RunRequest, coupling: ContinuousProjection) -> list[Entry]:
        """NEST carries NMDA gating with spikes, between two populations of `iaf_bw_2001`."""
        network, thing = request.network, f"continuous_projections.{coupling.name}"
        ends = [native_model(network.model_of(name)) for name in (coupling.pre, coupling.post)]
        if ends != [IAF_BW_2001] * 2 or (coupling.source, coupling.target) != ("s_NMDA", "g_NMDA"):
            reason = "NEST couples s_NMDA to g_NMDA of iaf_cond_nmda, and nothing else"
            return [Entry(thing=thing, status="unsupported", reason=reason)]
        pre, post = (
            realisation.parameters(network, name, request.simulation)
            for name in (coupling.pre, coupling.post)
        )
        gating = ("tau_x", "tau_NMDA", "alpha")
        if any(np.ndim(own[k]) for own in (pre, post) for k in (*gating, *BLOCK)):
            return []  # reported with the population
        if any(pre[name] != post[name] for name in gating):
            reason = "NEST gates with the target's " + ", ".join(gating) + ", which differ here"
            return [Entry(thing=thing, status="unsupported", reason=reason)]
        exact = self.option(request, "nmda") == "exact"
        return nmda_entries(thing, {k: float(v) for k, v in post.items()}, exact, coupling.post)

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
            way = "through I_e"
            if isinstance(current, StepCurrent):
                way = "step_current_generator, a step early; through I_e in the first two steps"
            return [Entry(thing=thing, reason=way)]
        first = min(current.times, default=1.0) if isinstance(current, StepCurrent) else 0.0
        step = request.simulation.steps(first)
        if step < FIRST_DC_STEP:
            return [self._late(thing, step)]
        return [Entry(thing=thing, reason="step_current_generator, a step early")]

    def _projection_entry(self, request: RunRequest, projection: Projection) -> Entry:
        thing = f"projections.{projection.name}"
        weights = dist.extremes(projection.weight)
        if isinstance(projection.rule, rules.Explicit) and projection.rule.weight:
            weights = min(projection.rule.weight), max(projection.rule.weight)
        wrong = self._wrong_sign(request, projection.post, projection.receptor, weights)
        if wrong:
            return Entry(thing=thing, status="unsupported", reason=wrong)
        if self.draws(request, projection):
            return Entry(thing=thing, reason=f"native rule {projection.rule.kind}")
        reason = "synapses drawn by netspec, handed over as arrays"
        if request.connectivity == "native" and self.gives_up(request.network, projection):
            reason += f": NEST would give up after drawing one {MAX_REDRAWS} times"
        return Entry(thing=thing, reason=reason)

    def draws(self, request: RunRequest, projection: Projection) -> bool:
        """Return whether NEST draws the synapses of a projection itself."""
        return (
            request.connectivity == "native"
            and self.has_native_rule(projection.rule)
            and not self.gives_up(request.network, projection)
        )

    @staticmethod
    def gives_up(network: Network, projection: Projection) -> bool:
        """Return whether NEST might draw a weight or delay too often, and so refuse the network."""
        count = realisation.expected_synapses(network, projection)
        return any(
            isinstance(drawn, dist.Normal)
            and drawn.clip == "redraw"
            and count * (1 - drawn.acceptance()) ** MAX_REDRAWS > UNLIKELY
            for drawn in (projection.weight, projection.delay)
        )

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
    def has_native_rule(rule: rules.Rule) -> bool:
        """Return whether NEST can draw the pairs of a rule itself."""
        if isinstance(rule, rules.FixedTotalNumber):
            return rule.allow_multapses
        return not isinstance(rule, rules.Explicit)

    def memory(self, request: RunRequest) -> int:
        """Estimate the sum over all ranks from neurons and synapses."""
        network = request.network
        synapses = 0.0
        for projection in network.projections:
            pre, post = network.population(projection.pre), network.population(projection.post)
            count = rules.expected_count(
                projection.rule, pre.size, post.size, pre.name == post.name
            )
            synapses += count * BYTES_PER_SYNAPSE[self.synapse_model(request, projection)]
        for coupling in network.continuous_projections:
            pairs = network.population(coupling.pre).size * network.population(coupling.post).size
            synapses += pairs * BYTES_PER_SYNAPSE["static_synapse"]
        recorded = network.recorded()
        neurons = sum(
            population.size
            * (BYTES_PER_NEURON + (BYTES_PER_RECORDED if population.name in recorded else 0))
            for population in network.populations
        )
        modules = sum(size for name, size in BYTES_OF_MODULES.items() if find_spec(name))
        processes = request.ranks * (BYTES_PER_PROCESS + modules)
        processes += request.virtual_processes * BYTES_PER_THREAD
        return int(processes + neurons + synapses)

    def synapse_model(self, request: RunRequest, projection: Projection) -> str:
        """Return the NEST synapse model that a projection is copied from."""
        native = native_model(request.network.model_of(projection.post))
        # the lean synapse cannot address a receptor port
        lean = self.option(request, "synapse") == "lean" and native is not None and native.lean
        return "static_synapse_hpc" if lean else "static_synapse"

    # -- the run ------------------------------------------------------------------------

    def execute(self, request: RunRequest, progress: Progress) -> Outcome:
        """Build and simulate."""
        from netspec.backends.nest.simulation import NestSimulation

        return NestSimulation(self, request, progress).outcome()


@lru_cache(maxsize=1)
def _build() -> dict[str, str]:
    """Ask NEST, in a process of its own, how it was built."""
    code = (
        "import json, nest; b = nest.build_info; "
        "print(json.dumps([b['have_mpi'], b['built'], nest.__path__[0]]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        env={**ranks.DEFAULTS, **os.environ},
    )
    try:
        mpi, built, folder = json.loads(run.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {"import": f"fails with status {run.returncode}"}
    return {"MPI": "yes" if mpi else "no (make nest-mpi)", "built": built, "folder": folder}
