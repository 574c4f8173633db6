"""What a network will cost and where it looks wrong, before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from netspec import distributions as dist
from netspec.backend import RunRequest, backend_names, get_backend
from netspec.checks import PLAUSIBLE_DELAY
from netspec.connectivity import Explicit, expected_count
from netspec.grid import misfits
from netspec.network import Network, Projection
from netspec.simulation import Simulation
from netspec.stability import too_long

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


def findings(
    network: Network, simulation: Simulation, threads: int = 1, ranks: int = 1
) -> list[Finding]:
    """Return what looks wrong in a network, warnings first (parameters: see `audit`)."""
    rows = _rows(network)
    found = [
        finding
        for row, projection in zip(rows, network.projections, strict=True)
        for finding in _projection_findings(projection, row.synapses)
    ]
    found += [
        Finding("warning", misfit.path, misfit.text)
        for misfit in misfits(network, simulation)
        if not misfit.usual
    ]
    found += _sign_findings(network)
    found += _late_findings(network, simulation)
    found += _population_findings(network, simulation)
    found += _drive_findings(network)
    found += _nest_limit(network, rows, threads * ranks)
    return sorted(
        found, key=lambda finding: (finding.level != "warning", "no synapse" not in finding.text)
    )


def warnings(network: Network, simulation: Simulation) -> list[str]:
    """Return the warnings among `findings` that are of the network itself, as lines of text."""
    # NEST's limit is one of a machine: whoever exceeds it is told by NEST
    found = findings(network, simulation, threads=2**31)
    return [f"{finding.path}: {finding.text}" for finding in found if finding.level == "warning"]


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
    rows, found = _rows(network), findings(network, simulation, threads, ranks)
    memory = {}
    for name in backend_names():
        backend = get_backend(name)
        used = threads if backend.threaded else 1
        request = RunRequest(
            network=network, simulation=simulation, backend=name, threads=used,
            ranks=ranks if backend.mpi else 1,
        )  # fmt: skip
        memory[name] = round(backend.memory([backend.plan(request)]) / 2**20, 1)
    neurons = sum(population.size for population in network.populations)
    total = sum(row.synapses for row in rows)
    return Audit(neurons, total, tuple(rows), tuple(found), memory)


def _rows(network: Network) -> list[Row]:
    rows = []
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
    return rows


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
    rule = projection.rule
    if isinstance(rule, Explicit) and rule.delay and max(rule.delay) > PLAUSIBLE_DELAY[1]:
        text = f"up to {max(rule.delay):g} ms; plausible is up to {PLAUSIBLE_DELAY[1]:g} ms"
        found.append(Finding("warning", f"{path}.rule.delay", text))
    if isinstance(projection.weight, dist.Normal) and projection.weight.sd > 0:
        share = dist.share_below(projection.weight, 0.0)
        share = share if projection.weight.mean > 0 else 1 - share
        if share > 1e-6:
            text = f"{share:.2%} of the weights have the other sign; give a bound of 0"
            found.append(Finding("warning", f"{path}.weight", text))
    return found


def _sign_findings(network: Network) -> list[Finding]:
    """Find weights whose sign is not that of their receptor's name."""
    found = []
    for kind in ("projections", "poisson_inputs", "spike_inputs"):
        for piece in getattr(network, kind):
            rule = getattr(piece, "rule", None)
            weights = [
                piece.weight if isinstance(piece.weight, float) else dist.typical(piece.weight)
            ]
            if isinstance(rule, Explicit) and rule.weight:
                weights = [min(rule.weight), max(rule.weight)]
            target = piece.post if kind == "projections" else piece.target
            if network.weight_unit(target, piece.receptor) == "nS":
                continue  # a conductance is positive, whatever it does: see `checks`
            wrong = {"exc": min(weights) < 0, "inh": max(weights) > 0}
            if wrong.get(piece.receptor[:3].lower()):
                sign = "negative" if min(weights) < 0 else "positive"
                text = f"a {sign} weight onto receptor {piece.receptor!r}"
                found.append(Finding("warning", f"{kind}.{piece.name}.weight", text))
    return found


def _late_findings(network: Network, simulation: Simulation) -> list[Finding]:
    """Find what comes after the end of the run, and so never."""
    end = simulation.total_steps * simulation.dt
    found = []
    for kind in ("spike_inputs", "step_currents"):
        for piece in getattr(network, kind):
            late = sum(
                time > end - simulation.dt * (kind == "step_currents") for time in piece.times
            )
            if late:
                text = f"{late} of {len(piece.times)} come after the end of the run ({end:g} ms)"
                found.append(Finding("note", f"{kind}.{piece.name}.times", text))
    for poisson in network.poisson_inputs:
        if poisson.delay > end - simulation.dt:
            text = f"begins after the end of the run ({end:g} ms)"
            found.append(Finding("warning", f"poisson_inputs.{poisson.name}.delay", text))
    for recorder in network.recorders:
        if recorder.variables and (recorder.interval or 0) > end:
            text = f"longer than the run ({end:g} ms): there will be no sample"
            found.append(Finding("warning", f"recorders.{recorder.name}.interval", text))
    return found


def _population_findings(network: Network, simulation: Simulation) -> list[Finding]:
    found = []
    for population in network.populations:
        path = f"populations.{population.name}"
        model = network.model_of(population)
        values, start = population.typical(model)
        if "V_reset" in values and "V_th" in values and values["V_reset"] >= values["V_th"]:
            found.append(Finding("warning", f"{path}.parameters.V_reset", "not below V_th"))
        for name, value in values.items():
            if name.startswith("tau") and 0 < value < 2 * simulation.dt:
                text = f"{value:g} ms is less than two steps of {simulation.dt:g} ms"
                found.append(Finding("warning", f"{path}.parameters.{name}", text))
        if text := too_long(model, values, start, simulation.dt):
            found.append(Finding("warning", path, text))
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
