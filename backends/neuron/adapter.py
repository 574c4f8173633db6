"""The NEURON adapter's contract: memory, the way to plan and simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from netspec.backends.neuron import compiling
from netspec.backends.neuron.mechanisms import texts
from netspec.backends.neuron.planning import NeuronPlan, decide
from netspec.errors import BackendMissing
from netspec.execute.contract import Backend, Progress, Recording, RunRequest
from netspec.realise import drawing

# At the peak: straight lines through networks of up to 60,000 neurons, 3 million synapses, and
# 100,000 synapses that change (benchmarks/neuron_costs.py, docs/performance.md)
BYTES_PER_PROCESS = 97_000_000
BYTES_PER_NEURON = 1_500
BYTES_PER_RECORDED = 850
BYTES_PER_NETCON = 270
BYTES_PER_CHANGING = 900  # beside its NetCons
BYTES_PER_DRAWN = 48  # of a block that is handed over


class NeuronBackend(Backend[NeuronPlan]):
    """NEURON's fixed-step method and event queue, on one thread."""

    name = "neuron"
    module = "neuron"
    distribution = "neuron"
    how_to_get = "Install it with: pip install neuron (it compiles with make and a C++ compiler)"
    threaded = False
    answers = frozenset({
        "noise currents", "changing rates", "random neurons", "changing synapses", "shared noise",
    })  # fmt: skip
    cite: ClassVar[tuple[str, ...]] = (
        "Hines, Carnevale (1997) The NEURON simulation environment. Neural Comput 9:1179-1209, "
        "doi:10.1162/neco.1997.9.6.1179",
    )

    def details(self) -> dict[str, str]:
        """Return what mechanisms are compiled with."""
        return {"mechanisms": compiling.at_hand()}

    def check_machine(self, request: RunRequest) -> None:
        """Raise also where no mechanism can be compiled."""
        super().check_machine(request)
        if why := compiling.obstacle():
            raise BackendMissing(f"neuron compiles every neuron model, and cannot here: {why}")

    def plan(self, request: RunRequest) -> NeuronPlan:
        """Decide the mechanisms; everything else is as the description says."""
        self.check_options(request)
        entries, mechanisms, changing = decide(request)
        return NeuronPlan.of(self, request, entries, mechanisms=mechanisms, changing=changing)

    def memory(self, plans: Sequence[NeuronPlan]) -> int:
        """Estimate from neurons and synapses; runs follow each other."""
        return max(map(_memory, plans))

    def execute(self, plans: Sequence[NeuronPlan], progress: Progress) -> Iterator[Recording]:
        """Build and simulate, one run after the other, with the mechanisms of all of them."""
        from netspec.backends.neuron.simulation import NeuronSimulation

        used = texts(found for plan in plans for found in plan.printed())
        for plan in plans:
            yield NeuronSimulation(plan, used, progress).recording()


def _memory(plan: NeuronPlan) -> int:
    network, synapses, block = plan.request.network, 0.0, 0.0
    for projection in network.projections:
        count = drawing.expected_synapses(network, projection)
        block = max(block, min(count, drawing.BLOCK))
        size, changing = BYTES_PER_NETCON, plan.changing.get(projection.name)
        if changing is not None:
            size = BYTES_PER_CHANGING + len(changing.ports) * BYTES_PER_NETCON
        synapses += count * size
    recorded, neurons = network.recorded(), 0
    for population in network.populations:
        more = BYTES_PER_RECORDED if population.name in recorded else 0
        neurons += population.size * (BYTES_PER_NEURON + more)
    return int(BYTES_PER_PROCESS + neurons + synapses + block * BYTES_PER_DRAWN)
