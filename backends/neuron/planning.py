"""What NEURON is to do with each thing of a network, decided once: the plan, and its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.backends.neuron.mechanisms import Mechanism, mechanism
from netspec.execute import ledger_lines
from netspec.execute.contract import Plan
from netspec.execute.ledger import Entry
from netspec.execute.request import RunRequest


@dataclass(frozen=True)
class NeuronPlan(Plan):
    """What NEURON will do for a request.

    Attributes
    ----------
    mechanisms : dict
        Neuron model -> its point process.
    """

    mechanisms: Mapping[str, Mechanism]


def decide(request: RunRequest) -> tuple[list[Entry], dict[str, Mechanism]]:
    """Return the ledger's lines, and the mechanisms of the neuron models that are used.

    Everything is exact: equations are compiled as they are, and what is random is netspec's.
    """
    network, entries = request.network, ledger_lines.of_populations(request)
    used = dict.fromkeys(str(population.model) for population in network.populations)
    mechanisms = {name: mechanism(network.models[name], request.simulation.dt) for name in used}
    for projection in network.projections:
        reason = "synapses drawn by netspec, a NetCon each"
        if request.connectivity == "native":
            reason = f"NEURON has no rule {projection.rule.kind}; {reason}"
        entries.append(Entry(thing=f"projections.{projection.name}", reason=reason))
    for coupling in network.continuous_projections:
        ring = coupling.kernel.kind == "ring"
        form = "circulant product in Fourier space" if ring else "one sum"
        reason = f"{form}, computed between steps"
        entries.append(Entry(thing=f"continuous_projections.{coupling.name}", reason=reason))
    # a generator of NEURON's sends events one by one, and no two in a step: the numbers are ours
    entries += [ledger_lines.of_counted_poisson(request, p) for p in network.poisson_inputs]
    entries += ledger_lines.of_given_inputs(request) + ledger_lines.of_noise_currents(request)
    return entries, mechanisms
