"""What a network will cost and where it looks wrong, before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from netspec import distributions as dist
from netspec.backend import RunRequest, backend_names, get_backend
from netspec.connectivity import expected_count
from netspec.grid import misfits
from netspec.network import Network, Projection
from netspec.simulation import Simulation

# NEST: connections per virtual process and synapse model (27 bits of a local index)
NEST_MAX_CONNECTIONS = 134_217_727


@dataclass(frozen=True)
class Finding:
    """One remark of the audit.

    Attributes
    ----------
    level : {"note", "warning"}
    path : str
    text : str
    """

    level: Literal["note", "warning"]
    path: str
    text: str


@dataclass(frozen=True)
class Row:
    """Cost of one projection: expected synapses, and in- and out-degree per neuron."""

    name: str
    pre: str
    post: str
    rule: str
    synapses: float
    indegree: float
    outdegree: float


@dataclass(frozen=True)
class Audit:
    """The whole audit of a network.

    Attributes
    ----------
    neurons : int
    synapses : float
        Expected number, event-driven ones only.
    projections : tuple of Row
    findings : tuple of Finding
    memory_mib : dict
        Backend -> estimated peak memory in MiB.
    """

    neurons: int
    synapses: float
    projections: tuple[Row, ...]
    findings: tuple[Finding, ...]
    memory_mib: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def audit(network: Network, simulation: Simulation, threads: int = 1, ranks: int = 1) -> Audit:
    """Look at a network without building it.

    Parameters
    ----------
    network : Network
    simulation : Simulation
        For the time step that delays are rounded to.
    threads, ranks : int
        For NEST's limit of connections per virtual process, and for memory.
    """
    rows, findings = [], []
    for projection in network.projections:
        pre, post = network.population(projection.pre), network.population(projection.post)
        same = pre.name == post.name
        count = expected_count(projection.rule, pre.size, post.size, same)
        kind = projection.rule.kind
        rows.append(
            Row(
                projection.name, pre.name, post.name, kind,
                count, count / post.size, count / pre.size,
            )
        )  # fmt: skip
        findings += _projection_findings(projection, count)
    findings += [
        Finding("warning", misfit.path, misfit.text)
        for misfit in misfits(network, simulation)
        if not misfit.usual
    ]
    findings += _population_findings(network, simulation)
    findings += _drive_findings(network)
    findings += _nest_limit(network, rows, threads * ranks)
    findings.sort(
        key=lambda finding: (finding.level != "warning", "no synapse" not in finding.text)
    )
    memory = {}
    for name in backend_names():
        backend = get_backend(name)
        used = threads if backend.threaded else 1
        request = RunRequest(
            network=network, simulation=simulation, backend=name, threads=used,
            ranks=ranks if backend.mpi else 1,
        )  # fmt: skip
        memory[name] = round(backend.memory(request) / 2**20, 1)
    neurons = sum(population.size for population in network.populations)
    total = sum(row.synapses for row in rows)
    return Audit(neurons, total, tuple(rows), tuple(findings), memory)


def _projection_findings(projection: Projection, count: float) -> list[Finding]:
    path, found = f"projections.{projection.name}", []
    if count == 0:
        found.append(
            Finding(
                "warning",
                path,
                f"no synapse at all: {projection.pre} -> {projection.post} is dropped",
            )
        )
    if isinstance(projection.weight, dist.Normal) and projection.weight.sd > 0:
        share = dist.share_below(projection.weight, 0.0)
        share = share if projection.weight.mean > 0 else 1 - share
        if share > 1e-6:
            text = f"{share:.2%} of the weights have the other sign; give a bound of 0"
            found.append(Finding("warning", f"{path}.weight", text))
    return found


def _population_findings(network: Network, simulation: Simulation) -> list[Finding]:
    found = []
    for population in network.populations:
        path = f"populations.{population.name}"
        model = network.model_of(population)
        values = {**model.defaults()}
        values |= {name: dist.typical(value) for name, value in population.parameters.items()}
        if "V_reset" in values and "V_th" in values and values["V_reset"] >= values["V_th"]:
            found.append(Finding("warning", f"{path}.parameters.V_reset", "not below V_th"))
        for name, value in values.items():
            if name.startswith("tau") and 0 < value < 2 * simulation.dt:
                text = f"{value:g} ms is less than two steps of {simulation.dt:g} ms"
                found.append(Finding("warning", f"{path}.parameters.{name}", text))
        initial = population.initial.get("V_m")
        if initial is not None and "V_th" in values:
            above = 1 - dist.share_below(initial, values["V_th"])
            if above > 0.05:
                text = f"{above:.0%} of the neurons start at or above threshold"
                found.append(Finding("note", f"{path}.initial.V_m", text))
        if population.name not in network.recorded():
            found.append(Finding("note", path, "its spikes are not recorded"))
    return found


def _drive_findings(network: Network) -> list[Finding]:
    driven = {projection.post for projection in network.projections}
    driven |= {poisson.target for poisson in network.poisson_inputs}
    driven |= {spikes.target for spikes in network.spike_inputs}
    driven |= {current.target for current in network.current_inputs}
    driven |= {current.target for current in network.step_currents}
    driven |= {coupling.post for coupling in network.continuous_projections}
    return [
        Finding("note", f"populations.{population.name}", "nothing is connected to it")
        for population in network.populations
        if population.name not in driven
    ]


def _nest_limit(network: Network, rows: list[Row], processes: int) -> list[Finding]:
    """NEST counts connections per virtual process and synapse model; ours has one a receptor."""
    total: dict[str, float] = {}
    for row, projection in zip(rows, network.projections, strict=True):
        total[projection.receptor] = total.get(projection.receptor, 0.0) + row.synapses
    return [
        Finding(
            "warning",
            "projections",
            f"NEST holds at most {NEST_MAX_CONNECTIONS} connections per virtual process and "
            f"synapse model; {count:.0f} {receptor} ones need "
            f"{int(count / NEST_MAX_CONNECTIONS) + 1} threads or more (ranks x threads), given "
            f"{processes}",
        )
        for receptor, count in total.items()
        if count / processes > NEST_MAX_CONNECTIONS
    ]
