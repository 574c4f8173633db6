"""The Brian2 adapter's contract: options, memory, the way to plan and simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from netspec.backends.brian2.planning import Brian2Plan, decide, options_of
from netspec.execute.contract import Backend, Option, Progress, Recording, RunRequest
from netspec.realise import drawing

BYTES_PER_SYNAPSE = 60
BYTES_PER_CHANGING = 150  # beside: states, delays and queues of two more pathways


class Brian2Backend(Backend[Brian2Plan]):
    """Brian2 in runtime mode, on one thread."""

    name = "brian2"
    module = "brian2"
    distribution = "brian2"
    how_to_get = "Install it with: pip install brian2 (Python 3.11 needs numpy<2.4 with it)"
    threaded = False
    answers = frozenset({
        "noise currents", "changing rates", "random neurons", "changing synapses", "shared noise",
    })  # fmt: skip
    cite: ClassVar[tuple[str, ...]] = (
        "Stimberg, Brette, Goodman (2019) Brian 2, an intuitive and efficient neural simulator. "
        "eLife 8:e47314, doi:10.7554/eLife.47314",
    )
    options: ClassVar[dict[str, Option]] = {
        "codegen": Option(
            "auto",
            ("auto", "cython", "numpy"),
            "auto: numpy for tiny runs, which compiling would slow down, or without a compiler",
        ),
        "all_to_all": Option(
            "sum",
            ("sum", "synapses"),
            "sum: all pairs with one weight and delay are one sum over spikes; synapses: one each",
        ),
    }

    def resolved_options(self, request: RunRequest) -> dict[str, str]:
        """Return every option as it will be used; ``codegen`` depends on size and compiler."""
        return options_of(request, super().resolved_options(request))

    def plan(self, request: RunRequest) -> Brian2Plan:
        """Decide how synapses come about, and how events are drawn."""
        self.check_options(request)
        options = self.resolved_options(request)
        entries, wirings, poisson = decide(request, options)
        return Brian2Plan.of(self, request, entries, options, wirings=wirings, poisson=poisson)

    def memory(self, plans: Sequence[Brian2Plan]) -> int:
        """Estimate from neurons and synapses; runs follow each other."""
        return max(_memory(plan.request) for plan in plans)

    def execute(self, plans: Sequence[Brian2Plan], progress: Progress) -> Iterator[Recording]:
        """Build and simulate, one run after the other."""
        from netspec.backends.brian2.simulation import Brian2Simulation

        for plan in plans:
            yield Brian2Simulation(plan, progress).recording()


def _memory(request: RunRequest) -> int:
    network = request.network
    synapses = sum(drawing.expected_synapses(network, p) for p in network.projections)
    changing = sum(drawing.expected_synapses(network, p) for p, _ in network.plastic())
    neurons = sum(population.size for population in network.populations)
    return int(170e6 + neurons * 400 + synapses * BYTES_PER_SYNAPSE + changing * BYTES_PER_CHANGING)
