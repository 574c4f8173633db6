"""The GeNN adapter's contract: ledger, memory, options."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from netspec.backends.genn import device, kernels, shards
from netspec.backends.genn.planning import GennPlan, GennPlanning
from netspec.backends.genn.synapses import expected_row
from netspec.backends.genn.waves import HIGHEST
from netspec.describe import connectivity as rules
from netspec.describe.serialization import spec_hash
from netspec.errors import BackendMissing, SimulationFailed
from netspec.execute.contract import Backend, Option, Progress, Recording, RunRequest
from netspec.execute.machine import free_memory
from netspec.realise.drawing import current_changes

PAGE = "https://genn-team.github.io/installation.html"
BASE_MEMORY = 150e6  # Python, NumPy and GeNN
BYTES_PER_CHANGING = 100  # of a synapse: 64-bit weights, the way back from targets, netspec's own
BATCH = {"cpu": 16, "cuda": 256}  # runs that share a model


class GennBackend(Backend[GennPlan]):
    """GeNN 5 through PyGeNN, on a CPU core or an NVIDIA GPU."""

    name = "genn"
    module = "pygenn"
    distribution = "pygenn"
    how_to_get = f"PyGeNN is in no package registry; install it as its own page says: {PAGE}"
    threaded = False
    answers = frozenset({
        "noise currents", "changing rates", "random neurons", "changing synapses", "shared noise",
    })  # fmt: skip
    cite: ClassVar[tuple[str, ...]] = (
        "Yavuz, Turner, Nowotny (2016) GeNN: a code generation framework for accelerated brain "
        "simulations. Sci Rep 6:18854, doi:10.1038/srep18854",
        "Knight, Komissarov, Nowotny (2021) PyGeNN: A Python library for GPU-enhanced neural "
        "networks. Front Neuroinform 15:659005, doi:10.3389/fninf.2021.659005",
    )
    options: ClassVar[dict[str, Option]] = {
        "device": Option("cpu", ("cpu", "cuda"), "one CPU core, or an NVIDIA GPU; never the other"),
        "precision": Option("double", ("double", "single"), "of states; single is approximate"),
        "coupling": Option(
            "auto",
            ("auto", "host", "waves", "dense"),
            "continuous coupling: host, by NumPy between steps (cpu only); waves, by those of the "
            f"kernel on the device (where they go beyond number {HIGHEST}: dense); dense, by a "
            "product on the device; auto: host on cpu, waves on cuda",
        ),
        "loop": Option(
            "auto",
            ("auto", "native", "graph", "python"),
            "native, steps in a compiled loop; python, one call each; graph, where "
            "kernels=folded, a chunk of steps at once as a CUDA graph; auto: graph where it is "
            "possible, else native",
        ),
        "kernels": Option(
            "auto",
            ("auto", "folded", "genn"),
            "of a step on a GPU: folded, two, by a change of generated code; genn, as GeNN makes "
            "them; auto: folded where every projection stores its synapses, delays have at most "
            f"{kernels.MOST_SLOTS} steps, and no coupling is continuous",
        ),
        "poisson": Option(
            "table",
            ("table", "product"),
            "a Poisson number by an inverse table, or by a product of uniform numbers",
        ),
        "shards": Option(
            "auto",
            ("auto", "none"),
            "groups that a source population is divided into, so that a GPU does not wait for one "
            "spike after the other; auto: one for each spike expected in a step on cuda, none on "
            "cpu",
            pattern=shards.PATTERN,
            form=shards.FORM,
        ),
        "weights": Option(
            "32-bit",
            ("32-bit", "16-bit"),
            "of synapses that have weights of their own; 16-bit is approximate",
        ),
    }

    def details(self) -> dict[str, str]:
        """Return which devices there are, and what is missing to use a GPU."""
        compiler = "" if shutil.which("g++") else "; no C++ compiler (g++) found"
        why = device.missing()
        return {"devices": ("cpu" if why else "cpu, cuda") + compiler} | (
            {"cuda": why} if why else {}
        )

    def plan(self, request: RunRequest) -> GennPlan:
        """Decide groups, synapses, couplings, and how steps are made."""
        self.check_options(request)
        options = self.resolved_options(request)
        found = GennPlanning(request, options)
        return GennPlan.of(
            self,
            request,
            found.entries(),
            options,
            on_gpu=found.on_gpu,
            precision=found.precision,
            parts=found.parts,
            wirings=found.wirings,
            couplings=found.couplings,
            waves=found.waves,
            slots=found.slots,
            loop=found.loop,
            by_product=found.by_product,
            changing=found.changing,
        )

    def batch(self, request: RunRequest, number: int) -> int:
        """Return how many runs share a model best: on the CPU, every processor gets a batch."""
        device_of_run = self.option(request, "device")
        shared = number
        if device_of_run == "cpu":
            shared = -(-number // len(os.sched_getaffinity(0)))
        return min(BATCH[device_of_run], shared)

    def check_machine(self, request: RunRequest) -> None:
        """Raise also for a device that PyGeNN was not built for."""
        super().check_machine(request)
        if self.option(request, "device") == "cuda" and (why := device.missing()):
            raise BackendMissing(f"option device=cuda: {why}. {self.how_to_get}")

    def memory(self, plans: Sequence[GennPlan]) -> int:
        """Estimate from all networks, which share a process; on a GPU, memory of the device."""
        base = 0.0 if plans[0].on_gpu else BASE_MEMORY
        return int(base + sum(map(_memory, plans)))

    def execute(self, plans: Sequence[GennPlan], progress: Progress) -> Iterator[Recording]:
        """Build, compile and simulate, in one model those in a row that are alike."""
        from netspec.backends.genn.simulation import GennSimulation

        for _, found in groupby(plans, _structure):
            alike = list(found)
            self._check_memory(alike)
            yield from GennSimulation(alike, progress).recordings()

    def _check_memory(self, plans: Sequence[GennPlan]) -> None:
        """Raise before anything is built if the device has too little memory for all of them.

        Raises
        ------
        SimulationFailed
            With what is needed and what is free.
        """
        gpu = plans[0].on_gpu
        needed = self.memory(plans) / 2**20
        free = free_memory_mib(gpu)
        if needed > free:
            what = plans[0].request.network.name if len(plans) == 1 else f"{len(plans)} runs"
            fewer = "a smaller scale" if len(plans) == 1 else "a smaller batch"
            raise SimulationFailed(
                f"{what} on genn needs about {needed:.0f} MiB, "
                f"{'the GPU' if gpu else 'this machine'} has {free:.0f} MiB free; {fewer}, "
                "or a larger device"
            )


def _memory(plan: GennPlan) -> int:
    """Estimate the bytes of one network."""
    network = plan.request.network
    scalar = 8 if plan.precision == "double" else 4
    total = 0.0
    rings: dict[tuple[str, str], int] = {}
    for projection in network.projections:
        pre, post = network.population(projection.pre), network.population(projection.post)
        wiring = plan.wirings[projection.name]
        rings[post.name, network.model_of(post).receptors[projection.receptor]] = wiring.slots
        if wiring.way == "dense":
            continue
        largest = max(part.size for part in plan.parts[post.name])
        index = 1 if largest <= 2**8 else 2 if largest <= 2**16 else 4
        own = 4 if wiring.grid is None else 2
        each = index + (own if wiring.weight is None else 0)
        each += 0 if wiring.delay is not None else 1 + (wiring.slots > 256)
        each += BYTES_PER_CHANGING if projection.name in plan.changing else 0
        row = (
            len(projection.rule.pre)
            if isinstance(projection.rule, rules.Explicit)
            else sum(expected_row(network, projection, part) for part in plan.parts[post.name])
            * pre.size
        )
        total += row * each
    for (name, _), slots in rings.items():
        total += network.population(name).size * (slots + 1) * scalar
    for coupling in network.continuous_projections:
        dense = plan.couplings[coupling.name] == "dense"
        if dense and coupling.kernel.kind == "ring":
            total += network.population(coupling.pre).size ** 2 * scalar
    for population in network.populations:
        states = len(network.model_of(population).dynamics.states)
        total += population.size * (states * scalar + 150)
    return int(total)


def _structure(plan: GennPlan) -> object:
    """Return what must be the same for networks of one model.

    In company of another kind, GeNN may add up the currents of a network in another order.
    """
    request = plan.request
    network = request.network
    inputs: dict[str, tuple[()]] = {"step_currents": (), "spike_inputs": ()}
    changes = current_changes(network, request.simulation)
    places = {(change.population, change.port) for change in changes if change.step > 0}
    given = {(source.target, source.receptor) for source in network.spike_inputs}
    return spec_hash(network.model_copy(update=inputs)), places, given


def free_memory_mib(gpu: bool) -> float:
    """Return the free memory of the first GPU, or of the machine, in MiB (infinite if unknown)."""
    if gpu:
        query = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
        try:
            found = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
            return float(found.stdout.splitlines()[0])
        except (OSError, subprocess.SubprocessError, ValueError, IndexError):
            return float("inf")
    free = free_memory()
    return float("inf") if free is None else free / 2**20
