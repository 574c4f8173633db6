"""The Brian2 adapter's contract: ledger, memory, options."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

from netspec import answers
from netspec import connectivity as rules
from netspec import distributions as dist
from netspec.backend import Backend, Entry, Option, Outcome, Progress, RunRequest
from netspec.network import Projection

BYTES_PER_SYNAPSE = 60
SMALL = 2_000_000  # neuron steps, below which compiling takes longer than it gains


class Brian2Backend(Backend):
    """Brian2 in runtime mode, on one thread."""

    name = "brian2"
    module = "brian2"
    distribution = "brian2"
    how_to_get = "Install it with: pip install brian2 (Python 3.11 needs numpy<2.4 with it)"
    threaded = False
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

    def entries(self, request: RunRequest) -> list[Entry]:
        """Everything is exact: equations, rules and couplings are lowered as they are."""
        network, entries = request.network, answers.of_populations(request)
        for projection in network.projections:
            entries.append(
                Entry(
                    thing=f"projections.{projection.name}",
                    reason=self.how_drawn(request, projection),
                )
            )
        for coupling in network.continuous_projections:
            form = (
                "circulant product in Fourier space"
                if coupling.kernel.kind == "ring"
                else "one sum"
            )
            entries.append(Entry(thing=f"continuous_projections.{coupling.name}", reason=form))
        for poisson in network.poisson_inputs:
            reason = "one Poisson number a neuron and step, or their sum, spread over the neurons"
            entries.append(Entry(thing=f"poisson_inputs.{poisson.name}", reason=reason))
        entries += answers.of_given_inputs(request)
        return entries

    def resolved_options(self, request: RunRequest) -> dict[str, str]:
        """Return every option as it will be used; ``codegen`` depends on size and compiler."""
        options = super().resolved_options(request)
        if options["codegen"] == "auto":
            neurons = sum(population.size for population in request.network.populations)
            small = neurons * request.simulation.total_steps < SMALL
            options["codegen"] = "numpy" if small or shutil.which("g++") is None else "cython"
        return options

    def is_sum(self, request: RunRequest, projection: Projection) -> bool:
        """Return whether all pairs have one weight and one delay, so that spikes are summed."""
        return (
            isinstance(projection.rule, rules.AllToAll)
            and isinstance(projection.weight, dist.Constant)
            and isinstance(projection.delay, dist.Constant | None)
            and self.option(request, "all_to_all") == "sum"
            and not request.readback  # there would be no synapses to read back
        )

    def how_drawn(self, request: RunRequest, projection: Projection) -> str:
        """Say how the synapses of a projection come about."""
        if self.is_sum(request, projection):
            return "all pairs with one weight and delay: one sum over spikes"
        if request.connectivity == "shared":
            return "synapses drawn by netspec, handed over as arrays"
        kind = projection.rule.kind
        if native_condition(projection) is not None:
            return f"native rule {kind}; weights and delays drawn with NumPy"
        if plain_pairs(projection):
            return f"Brian2 has no rule {kind}; pairs drawn with NumPy's generator"
        return f"Brian2 has no rule {kind}; synapses drawn by netspec"

    def memory(self, request: RunRequest) -> int:
        """Estimate from neurons and synapses."""
        network = request.network
        total = 0.0
        for projection in network.projections:
            pre, post = network.population(projection.pre), network.population(projection.post)
            total += rules.expected_count(
                projection.rule, pre.size, post.size, pre.name == post.name
            )
        neurons = sum(population.size for population in network.populations)
        return int(170e6 + neurons * 400 + total * BYTES_PER_SYNAPSE)

    def execute(self, request: RunRequest, progress: Progress) -> Outcome:
        """Build and simulate."""
        from netspec.backends.brian2.simulation import Brian2Simulation

        return Brian2Simulation(self, request, progress).outcome()


def native_condition(projection: Projection) -> dict[str, Any] | None:
    """Return the arguments of Brian2's ``connect`` for rules that it has, else None."""
    rule = projection.rule
    same = projection.pre == projection.post
    if isinstance(rule, rules.OneToOne):
        return {"j": "i"}
    if isinstance(rule, (rules.AllToAll, rules.PairwiseBernoulli)):
        arguments: dict[str, Any] = {"p": getattr(rule, "p", 1.0)}
        if same and not rule.allow_autapses:
            arguments["condition"] = "i != j"
        return arguments
    return None


def plain_pairs(projection: Projection) -> bool:
    """Return whether pairs can be drawn independently of each other."""
    rule = projection.rule
    return isinstance(rule, (rules.FixedTotalNumber, rules.FixedIndegree)) and (
        rule.allow_multapses and (rule.allow_autapses or projection.pre != projection.post)
    )
