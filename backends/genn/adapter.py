"""The GeNN adapter's contract: ledger, memory, options."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from netspec import answers
from netspec import connectivity as rules
from netspec.backend import Backend, Entry, Option, Outcome, Progress, RunRequest
from netspec.backends.genn import device, kernels, shards
from netspec.backends.genn.inputs import poisson_mean
from netspec.backends.genn.sampling import LARGEST_PRODUCT_MEAN, LARGEST_TABLE_MEAN
from netspec.backends.genn.synapses import (
    expected_row,
    fixed_delay,
    is_dense,
    is_native,
)
from netspec.backends.genn.waves import HIGHEST, Waves, waves_of
from netspec.backends.genn.weights import Grid, fixed_weight, grid
from netspec.errors import BackendMissing, SimulationFailed, UsageError
from netspec.grid import longest_delay
from netspec.machine import free_memory
from netspec.network import PoissonInput, Projection
from netspec.realisation import current_changes
from netspec.serialization import spec_hash

BACKENDS = {"cpu": "single_threaded_cpu", "cuda": "cuda"}  # ours, GeNN's
PRECISIONS = {"single": "float", "double": "double"}
PAGE = "https://genn-team.github.io/installation.html"
BASE_MEMORY = 150e6  # Python, NumPy and GeNN
UNORDERED = (
    "; a GPU adds up the events of a step in any order, so a run is not reproducible to the bit"
)
FOLDED = (
    "two kernels a step by a change of GeNN's code, or its own four if that is not the expected "
    "one; the result's manifest says which"
)
BATCH = {"cpu": 16, "cuda": 256}  # runs that share a model


class GennBackend(Backend):
    """GeNN 5 through PyGeNN, on a CPU core or an NVIDIA GPU."""

    name = "genn"
    module = "pygenn"
    distribution = "pygenn"
    how_to_get = f"PyGeNN is in no package registry; install it as its own page says: {PAGE}"
    threaded = False
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

    def coupling(self, request: RunRequest) -> str:
        """Return what computes continuous coupling: ``host``, ``waves``, or ``dense``."""
        choice = self.option(request, "coupling")
        if choice == "auto":
            return "waves" if self._on_gpu(request) else "host"
        return choice

    def by_waves(self, request: RunRequest) -> dict[str, Waves]:
        """Return the waves of every coupling that the device computes by its waves."""
        if self.coupling(request) != "waves":
            return {}
        precision = PRECISIONS[self.option(request, "precision")]
        couplings = request.network.continuous_projections
        found = {c.name: waves_of(request.network, c, precision) for c in couplings}
        return {name: waves for name, waves in found.items() if waves.few}

    def parts(self, request: RunRequest, run: str = "") -> shards.Divided:
        """Return the groups of neurons that each population becomes."""
        choice, gpu = self.option(request, "shards"), self._on_gpu(request)
        gpu = gpu and not self.folds(request)  # folded kernels do not wait for spike after spike
        return shards.divided(request.network, request.simulation, choice, gpu, run)

    def folds(self, request: RunRequest) -> bool:
        """Return whether a step is to be two kernels, see `kernels`."""
        network = request.network
        possible = (
            self._on_gpu(request)
            and bool(network.projections)
            and not network.continuous_projections
            and not any(is_dense(p, request.readback) for p in network.projections)
            and _longest(request) <= kernels.MOST_SLOTS
        )
        choice = self.option(request, "kernels")
        if choice == "folded" and not possible:
            raise UsageError(
                "option kernels=folded of genn: needs device=cuda, projections that store their "
                f"synapses, delays of at most {kernels.MOST_SLOTS} steps, no continuous coupling"
            )
        return possible and choice != "genn"

    def slots(self, request: RunRequest) -> int:
        """Return the slots of all rings if kernels are folded, else 0."""
        return _longest(request) if self.folds(request) else 0

    def loop(self, request: RunRequest) -> str:
        """Return how steps are made: ``native``, ``graph`` or ``python``."""
        choice, folds = self.option(request, "loop"), self.folds(request)
        if choice == "graph" and not folds:
            raise UsageError("option loop=graph of genn: needs kernels=folded")
        return ("graph" if folds else "native") if choice == "auto" else choice

    def grids(self, request: RunRequest) -> dict[str, Grid]:
        """Return the grids of all weights that are kept in 16 bits, by projection."""
        if self.option(request, "weights") == "32-bit":
            return {}
        found = {p.name: grid(p) for p in request.network.projections}
        return {name: one for name, one in found.items() if one is not None}

    def batch(self, request: RunRequest, number: int) -> int:
        """Return how many runs share a model best: on the CPU, every processor gets a batch."""
        most = BATCH[self.option(request, "device")]
        if self._on_gpu(request):
            return min(most, number)
        return min(most, -(-number // len(os.sched_getaffinity(0))))

    def check_options(self, request: RunRequest) -> None:
        """Raise also for a device that PyGeNN was not built for."""
        super().check_options(request)
        self.parts(request)
        self.loop(request)
        if self.status().available and self._on_gpu(request) and (why := device.missing()):
            raise BackendMissing(f"option device=cuda: {why}. {self.how_to_get}")

    def entries(self, request: RunRequest) -> list[Entry]:
        """Everything is exact in double precision; code is lowered from the equations."""
        network, entries = request.network, answers.of_populations(request)
        parts, grids = self.parts(request), self.grids(request)
        for projection in network.projections:
            split = len(parts[projection.pre]) * len(parts[projection.post]) > 1
            reason = self.how_drawn(request, projection, split)
            thing = f"projections.{projection.name}"
            entries.append(Entry(thing=thing, reason=reason))
            if projection.name in grids:
                entries.append(_on_grid(thing))
        if self.folds(request):
            entries.append(Entry(thing="populations", reason=FOLDED))
        host, waves = self.coupling(request) == "host", self.by_waves(request)
        for coupling in network.continuous_projections:
            reason = "dense product on the device, at every step"
            if coupling.name in waves:
                number = len(waves[coupling.name].frequencies)
                reason = f"sums of {number} waves on the device" if number > 1 else "one sum"
            elif host:
                ring = coupling.kernel.kind == "ring"
                reason = "circulant product in Fourier space" if ring else "one sum"
            entries.append(
                Entry(
                    thing=f"continuous_projections.{coupling.name}",
                    reason=reason,
                    status="unsupported" if host and self._on_gpu(request) else "exact",
                )
            )
        for poisson in network.poisson_inputs:
            entries.append(self.how_driven(request, poisson))
        entries += answers.of_given_inputs(request)
        if self.option(request, "precision") == "single":
            entries.append(
                Entry(
                    thing="populations",
                    status="approximate",
                    name="single-precision",
                    reason="states, inputs and propagators are 32-bit floats"
                    + (UNORDERED if self._on_gpu(request) else ""),
                    error="V_m within some 1e-3 mV until a spike moves by a step; more at steps "
                    "below 0.1 ms; spikes then drift apart",
                )
            )
        return entries

    def _on_gpu(self, request: RunRequest) -> bool:
        return self.option(request, "device") == "cuda"

    def how_driven(self, request: RunRequest, poisson: PoissonInput) -> Entry:
        """Say how Poisson numbers are drawn."""
        thing, way = f"poisson_inputs.{poisson.name}", "an inverse table"
        mean = poisson_mean(poisson, request.simulation.dt)
        if self.option(request, "poisson") == "product":
            way = "multiplying uniform numbers"
            if mean > LARGEST_PRODUCT_MEAN:
                reason = f"option poisson=product: exp(-{mean:.0f}) is too small, use table"
                return Entry(thing=thing, status="unsupported", reason=reason)
        elif mean > LARGEST_TABLE_MEAN:
            reason = f"{mean:.0f} events a step; at most {LARGEST_TABLE_MEAN:.0f} by a table"
            return Entry(thing=thing, status="unsupported", reason=reason)
        return Entry(thing=thing, reason=f"one Poisson number a neuron and step, by {way}")

    def how_drawn(self, request: RunRequest, projection: Projection, split: bool) -> str:
        """Say how the synapses of a projection come about."""
        if is_dense(projection, request.readback):
            return "all pairs with one weight and delay: a row without stored synapses"
        if request.connectivity == "shared":
            return "synapses drawn by netspec, written into GeNN's rows"
        if is_native(projection, split):
            return f"rule {projection.rule.kind} in generated code, when the model is loaded"
        across = " across shards" if is_native(projection) else ""
        return (
            f"no generated code for rule {projection.rule.kind}{across}; synapses drawn by netspec"
        )

    def memory(self, request: RunRequest) -> int:
        """Estimate from neurons and synapses; on a GPU this is memory of the device."""
        network, simulation = request.network, request.simulation
        scalar = 8 if self.option(request, "precision") == "double" else 4
        total = 0.0 if self._on_gpu(request) else BASE_MEMORY
        slots: dict[tuple[str, str], int] = {}
        parts, grids = self.parts(request), self.grids(request)
        for projection in network.projections:
            pre, post = network.population(projection.pre), network.population(projection.post)
            key = post.name, projection.receptor
            longest = longest_delay(projection, simulation)
            slots[key] = max(slots.get(key, 1), longest)
            if is_dense(projection, request.readback):
                continue
            largest = max(part.size for part in parts[post.name])
            index = 1 if largest <= 2**8 else 2 if largest <= 2**16 else 4
            own = 2 if projection.name in grids else 4
            each = index + (own if fixed_weight(projection) is None else 0)
            each += 0 if fixed_delay(projection, simulation) is not None else 1 + (longest > 256)
            row = (
                len(projection.rule.pre)
                if isinstance(projection.rule, rules.Explicit)
                else sum(expected_row(network, projection, part) for part in parts[post.name])
                * pre.size
            )
            total += row * each
        common = self.slots(request)
        for (post_name, _), own_slots in slots.items():
            count = common or own_slots
            total += network.population(post_name).size * (count + 1) * scalar
        waves = self.by_waves(request)
        for coupling in network.continuous_projections:
            dense = self.coupling(request) != "host" and coupling.name not in waves
            if dense and coupling.kernel.kind == "ring":
                total += network.population(coupling.pre).size ** 2 * scalar
        for population in network.populations:
            states = len(network.model_of(population).dynamics.states)
            total += population.size * (states * scalar + 150)
        return int(total)

    def memory_together(self, requests: Sequence[RunRequest]) -> int:
        """Estimate from all networks; Python and its libraries are there once."""
        base = 0 if self._on_gpu(requests[0]) else BASE_MEMORY
        return super().memory_together(requests) - int((len(requests) - 1) * base)

    def check_memory(self, requests: Sequence[RunRequest]) -> None:
        """Raise before anything is built if the device has too little memory for all of them.

        Raises
        ------
        SimulationFailed
            With what is needed and what is free.
        """
        first, gpu = requests[0], self._on_gpu(requests[0])
        needed = self.memory_together(requests) / 2**20
        free = free_memory_mib(gpu)
        if needed > free:
            what = first.network.name if len(requests) == 1 else f"{len(requests)} runs"
            fewer = "a smaller scale" if len(requests) == 1 else "a smaller batch"
            raise SimulationFailed(
                f"{what} on genn needs about {needed:.0f} MiB, "
                f"{'the GPU' if gpu else 'this machine'} has {free:.0f} MiB free; {fewer}, "
                "or a larger device"
            )

    def execute(self, request: RunRequest, progress: Progress) -> Outcome:
        """Build, compile and simulate."""
        (found,) = self.execute_together([request], progress)
        return found

    def execute_together(
        self, requests: Sequence[RunRequest], progress: Progress
    ) -> Iterator[Outcome]:
        """Build, compile and simulate, in one model those in a row that are alike."""
        from netspec.backends.genn.simulation import GennSimulation

        for _, alike in groupby(requests, _structure):
            yield from GennSimulation(self, list(alike), progress).outcomes()


def _longest(request: RunRequest) -> int:
    """Return the steps of the longest delay of all."""
    return max(longest_delay(p, request.simulation) for p in request.network.projections)


def _on_grid(thing: str) -> Entry:
    return Entry(
        thing=thing,
        status="approximate",
        name="16-bit-weights",
        reason="each weight is the nearest of 65,536 between the smallest and the largest",
        error="at most 1.3e-4 standard deviations of normally distributed weights",
    )


def _structure(request: RunRequest) -> object:
    """Return what must be the same for networks of one model.

    In company of another kind, GeNN may add up the currents of a network in another order.
    """
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
