"""What a network will cost and where it looks wrong, before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from netspec.describe.connectivity import Explicit
from netspec.describe.distributions import Normal
from netspec.describe.fields import UnitOf
from netspec.describe.grid import misfits
from netspec.describe.inputs import Current, NoiseCurrent, PoissonInput, Recorder
from netspec.describe.network import Network, Projection
from netspec.describe.plausible import LONGEST_DELAY
from netspec.describe.simulation import Simulation
from netspec.describe.slots import doors, place_of, slots_of
from netspec.execute.contract import RunRequest, backend_names, get_backend
from netspec.realise.stability import too_long

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
        count = projection.rule.expected_count(pre.size, post.size, same)
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
    longest = max(rule.delay, default=0.0) if isinstance(rule, Explicit) and rule.delay else 0.0
    if longest > LONGEST_DELAY:
        text = f"up to {longest:g} ms; plausible is up to {LONGEST_DELAY:g} ms"
        found.append(Finding("warning", f"{path}.rule.delay", text))
    weight = projection.weight
    # bounds on both sides of zero are meant, the tail of a normal distribution hardly ever
    if isinstance(weight, Normal) and weight.fixed() is None:
        share = weight.share_below(0.0)
        share = share if weight.mean > 0 else 1 - share
        if share > 1e-6:
            text = f"{share:.2%} of the weights have the other sign; give a bound of 0"
            found.append(Finding("warning", f"{path}.weight", text))
    return found


def _sign_findings(network: Network) -> list[Finding]:
    """Find weights whose sign is not that of their receptor's name."""
    found, place = [], place_of(network)
    for key, piece in network.pieces():
        weights = [
            slot
            for slot in slots_of(piece, place, f"{key}.{piece.name}")
            if isinstance(slot.mark, UnitOf) and slot.mark.of == "receptor" and slot.values
        ]
        if not weights or weights[0].unit == "nS":
            continue  # a conductance is positive, whatever it does: see `checks`
        # weights of a rule's own stand in place of the projection's
        least, most = min(weights[-1].values), max(weights[-1].values)
        receptor: str = getattr(piece, "receptor", "")
        wrong = {"exc": least < 0, "inh": most > 0}
        if wrong.get(receptor[:3].lower()):
            sign = "negative" if least < 0 else "positive"
            text = f"a {sign} weight onto receptor {receptor!r}"
            found.append(Finding("warning", weights[0].path, text))
    return found


def _late_findings(network: Network, simulation: Simulation) -> list[Finding]:
    """Find what comes after the end of the run, and so never."""
    end = simulation.total_steps * simulation.dt
    found = []
    for key, piece in network.pieces():
        path = f"{key}.{piece.name}"
        if times := getattr(piece, "times", ()):
            # an event may come with the end; a current is felt by the step that begins then
            last = end - simulation.dt * isinstance(piece, Current)
            late = np.count_nonzero(np.asarray(times, float) > last)
            if late:
                text = f"{late} of {len(times)} come after the end of the run ({end:g} ms)"
                found.append(Finding("note", f"{path}.times", text))
        if isinstance(piece, (PoissonInput, NoiseCurrent)):
            delay = piece.delay if isinstance(piece, PoissonInput) else 0.0
            if piece.start + delay > end - simulation.dt:
                field = "start" if piece.start else "delay"
                text = f"begins after the end of the run ({end:g} ms)"
                found.append(Finding("warning", f"{path}.{field}", text))
        if isinstance(piece, Recorder) and piece.variables and (piece.interval or 0) > end:
            text = f"longer than the run ({end:g} ms): there will be no sample"
            found.append(Finding("warning", f"{path}.interval", text))
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
            above = 1 - initial.share_below(values["V_th"])
            if above > 0.05:
                text = f"{above:.0%} of the neurons start at or above threshold"
                found.append(Finding("note", f"{path}.initial.V_m", text))
        if population.name not in network.recorded():
            found.append(Finding("note", path, "its spikes are not recorded"))
    return found


def _drive_findings(network: Network) -> list[Finding]:
    driven = {population for _, piece in network.pieces() for population in doors(piece)}
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
