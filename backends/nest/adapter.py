"""The NEST adapter's contract: options, machine, memory, the way to plan and simulation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import ClassVar

from netspec.backends.nest import modules
from netspec.backends.nest.planning import NestPlan, NestPlanning
from netspec.errors import BackendMissing
from netspec.execute import ranks
from netspec.execute.contract import Backend, Option, Progress, Recording, RunRequest
from netspec.realise import drawing

# At the peak, in Prepare: a straight line through the microcircuit at scales 0.1, 0.2 and 0.3
# (benchmarks/nest_memory.py, docs/mpi.md)
BYTES_PER_SYNAPSE = {"static_synapse_hpc": 24, "static_synapse": 40}  # 8 are the table of sources
# of synapses that change: what NEST's models say of themselves (sizeof), the table of sources, and
# netspec's own arrays, by which they are known
BYTES_PER_SYNAPSE |= {
    "stdp_synapse_hom": 120,
    "stdp_triplet_synapse": 190,
    "tsodyks2_synapse": 150,
    "vogels_sprekeler_synapse": 150,
}
BYTES_PER_NEURON = 6_700  # mostly ring buffers
BYTES_PER_RECORDED = 8_192  # NEST allocates 1024 synapses for one onto a recorder
BYTES_PER_PROCESS = 108_000_000
BYTES_OF_MODULES = {"matplotlib": 18_000_000, "pandas": 34_000_000}  # which nest imports if found
BYTES_PER_THREAD = 1_000_000
HOW_TO_GET_MPI = "To build one with MPI and install it: make nest-mpi (see docs/mpi.md)"


class NestBackend(Backend[NestPlan]):
    """NEST on threads, and on ranks if it was built with MPI."""

    name = "nest"
    module = "nest"
    distribution = "nest-simulator"
    how_to_get = "Install it with: pip install nest-simulator"
    mpi = True
    answers = frozenset({
        "noise currents", "changing rates", "random neurons", "changing synapses", "shared noise",
    })  # fmt: skip
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
        "neurons": Option(
            "auto",
            ("auto", "native", "generated"),
            "auto: models built into NEST where they are exactly the same, others compiled from "
            "their equations; native: also NEST's own that are approximately the same; generated: "
            "all are compiled",
        ),
        "synapse": Option(
            "lean",
            ("lean", "full"),
            "lean: static_synapse_hpc where it can be, 16 bytes; full: static_synapse, 32 bytes",
        ),
    }

    def details(self) -> dict[str, str]:
        """Return how NEST was built, where it lies, and whether models can be compiled for it."""
        return {**_build(), "models of one's own": modules.at_hand()}

    def check_machine(self, request: RunRequest) -> None:
        """Raise also for ranks that this NEST cannot have."""
        super().check_machine(request)
        if request.ranks > 1 and self.details().get("MPI") != "yes":
            raise BackendMissing(
                f"this NEST was built without MPI, so it runs in one process, given "
                f"{request.ranks} ranks. {HOW_TO_GET_MPI}"
            )

    def plan(self, request: RunRequest) -> NestPlan:
        """Decide models, synapses, inputs and recorders."""
        self.check_options(request)
        options = self.resolved_options(request)
        planning = NestPlanning(request, options)
        planning.decide()
        return NestPlan.of(
            self,
            request,
            planning.entries,
            options,
            populations=planning.populations,
            wirings=planning.wirings,
            poisson_starts=planning.poisson_starts,
            module=planning.module,
            changing=planning.changing,
            traces=planning.traces,
        )

    def memory(self, plans: Sequence[NestPlan]) -> int:
        """Estimate the sum over all ranks from neurons and synapses; runs follow each other."""
        return max(map(_memory, plans))

    def prepare(self, plans: Sequence[NestPlan], progress: Progress) -> None:
        """Compile the modules of generated models, which every rank then finds."""
        for plan in plans:
            if plan.module:
                progress("compile", 0.0)
                modules.library(plan.module)
                progress("compile", 1.0)

    def execute(self, plans: Sequence[NestPlan], progress: Progress) -> Iterator[Recording]:
        """Build and simulate, one run after the other."""
        from netspec.backends.nest.simulation import NestSimulation

        for plan in plans:
            yield NestSimulation(plan, progress).recording()


def _memory(plan: NestPlan) -> int:
    request, network = plan.request, plan.request.network
    synapses = 0.0
    for projection in network.projections:
        count = drawing.expected_synapses(network, projection)
        synapses += count * BYTES_PER_SYNAPSE[plan.wirings[projection.name].synapse]
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
