"""What every adapter says in the same words that lowers the equations itself."""

from __future__ import annotations

from netspec.describe.inputs import Current, NoiseCurrent, PoissonInput
from netspec.describe.network import Projection
from netspec.execute.ledger import Entry
from netspec.execute.request import RunRequest
from netspec.realise.counters import LARGEST_TABLE_MEAN
from netspec.realise.lowering import lower


def of_populations(request: RunRequest) -> list[Entry]:
    """Say which states of each population are advanced exactly, and how the others are."""
    entries, network = [], request.network
    for population in network.populations:
        model = network.model_of(population)
        program = lower(model, request.simulation.dt)
        rest = [s.name for s in model.dynamics.states if s.name not in program.linear]
        how = f"exact propagators for {', '.join(program.linear) or 'nothing'}"
        if rest:
            how += f"; {model.integrator} for {', '.join(rest)}"
        if noises := model.dynamics.noises:
            how += f", which is Euler-Maruyama's method: {', '.join(noises)} by counter"
        if model.dynamics.escape is not None:
            how += "; escapes by netspec's uniform numbers, by counter"
        entries.append(Entry(thing=f"populations.{population.name}", reason=how))
    return entries


def of_counted_poisson(request: RunRequest, poisson: PoissonInput) -> Entry:
    """Answer for a Poisson input of shared drive, for adapters that take netspec's numbers."""
    mean = request.poisson_mean(poisson)
    fits = mean <= LARGEST_TABLE_MEAN
    reason = "netspec's Poisson number of every neuron and step, by counter"
    if not fits:
        reason = f"{mean:.0f} events a step; at most {LARGEST_TABLE_MEAN:.0f} by a table"
    return Entry(
        thing=f"poisson_inputs.{poisson.name}",
        status="exact" if fits else "unsupported",
        reason=reason,
    )


def of_noise_current(noise: NoiseCurrent) -> Entry:
    """Answer for a noise current, for adapters that take netspec's numbers."""
    return Entry(
        thing=f"noise_currents.{noise.name}",
        reason=f"netspec's normal number of every neuron and interval, by counter, added to "
        f"{noise.port}",
    )


def of_noise_currents(request: RunRequest) -> list[Entry]:
    """Answer for all noise currents of a request."""
    return [of_noise_current(noise) for noise in request.network.noise_currents]


def of_plastic_readback(projection: Projection) -> Entry:
    """Refuse to read synapses back that change while they are simulated."""
    reason = "synapses that change are not read back; a SynapseRecorder records their weights"
    thing = f"projections.{projection.name}.synapse"
    return Entry(thing=thing, status="unsupported", reason=reason)


def of_given_inputs(request: RunRequest) -> list[Entry]:
    """Answer for currents and given spikes, which go where the description says."""
    entries = []
    for kind, piece in request.network.pieces():
        if isinstance(piece, Current):
            reason = f"added to {piece.port}"
            entries.append(Entry(thing=f"{kind}.{piece.name}", reason=reason))
    for spikes in request.network.spike_inputs:
        early = (spikes.events(request.simulation).steps[:1] < 1).any()
        entries.append(
            Entry(
                thing=f"spike_inputs.{spikes.name}",
                status="unsupported" if early else "exact",
                reason="an event at time 0 is due before the first step" if early else "",
            )
        )
    return entries
