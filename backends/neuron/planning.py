"""What NEURON is to do with each thing of a network, decided once: the plan, and its ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netspec.backends.neuron.changing import ChangingMechanism
from netspec.backends.neuron.mechanisms import Mechanism, Printed, mechanism
from netspec.describe.network import Projection
from netspec.execute import ledger_lines
from netspec.execute.contract import Plan
from netspec.execute.ledger import Entry
from netspec.execute.request import RunRequest
from netspec.realise.plasticity import lower_synapse


@dataclass(frozen=True)
class NeuronPlan(Plan):
    """What NEURON will do for a request.

    Attributes
    ----------
    mechanisms : dict
        Neuron model -> its point process.
    changing : dict
        Projection whose synapses change -> their point process.
    """

    mechanisms: Mapping[str, Mechanism]
    changing: Mapping[str, ChangingMechanism]

    def printed(self) -> Iterator[Printed]:
        """Yield all mechanisms, some of them several times."""
        yield from self.mechanisms.values()
        yield from self.changing.values()


def decide(
    request: RunRequest,
) -> tuple[list[Entry], dict[str, Mechanism], dict[str, ChangingMechanism]]:
    """Return the ledger's lines, the mechanisms of neuron models, and those of synapses.

    Everything is exact: equations are compiled as they are, and what is random is netspec's.
    """
    network, entries = request.network, ledger_lines.of_populations(request)
    used = dict.fromkeys(str(population.model) for population in network.populations)
    mechanisms = {name: mechanism(network.models[name], request.simulation.dt) for name in used}
    changing = {p.name: _changing(request, p) for p, _ in network.plastic()}
    for projection in network.projections:
        reason = "synapses drawn by netspec, a NetCon each"
        if projection.name in changing:
            reason = "synapses drawn by netspec, a point process each that sees both its ends"
            if request.readback:
                entries.append(ledger_lines.of_plastic_readback(projection))
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
    return entries, mechanisms, changing


def _changing(request: RunRequest, projection: Projection) -> ChangingMechanism:
    network = request.network
    model = network.synapse_models[str(projection.synapse)]
    target = network.model_of(network.population(projection.post))
    held = target.dynamics.held(target.receptors[projection.receptor])
    program = lower_synapse(model, projection.parameters)
    return ChangingMechanism(program, request.simulation.dt, held)
