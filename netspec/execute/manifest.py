"""The manifest: all that a result file says of its run beside the arrays, as JSON."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any, NotRequired, TypedDict

from netspec.describe.chance import left_to_chance
from netspec.describe.inputs import SynapseRecorder
from netspec.describe.network import Network
from netspec.describe.serialization import spec_hash
from netspec.execute.audit import warnings
from netspec.execute.contract import Plan
from netspec.execute.machine import memory_mib
from netspec.execute.recording import Recording


class Recorded(TypedDict):
    """A recorder of a run: what it sampled, how often (in steps), and the units of it."""

    population: str
    neurons: list[int] | None
    interval: int
    units: dict[str, str]


class RecordedSynapses(TypedDict):
    """A synapse recorder of a run, what its synapses connect, and the unit of the weights."""

    projection: str
    pre: NotRequired[str]  # older results lack these four
    post: NotRequired[str]
    pre_size: NotRequired[int]
    post_size: NotRequired[int]
    synapses: list[int]
    final: bool
    unit: str


class Manifest(TypedDict):
    """What is known of a run.

    Keys that only some files have are marked: earlier versions of netspec did not write them, and
    files of other tools know little of how they came about, so that values may be None.
    """

    name: str
    circuit: NotRequired[str | None]
    description: str
    spec_hash: str | None
    request_hash: str
    backend: str
    seed: int | None
    simulation: dict[str, Any]
    warmup_steps: int
    total_steps: int
    sizes: dict[str, int]
    recorders: NotRequired[dict[str, Recorded]]
    synapse_recorders: NotRequired[dict[str, RecordedSynapses]]
    step_currents: NotRequired[list[dict[str, Any]]]
    connectivity: str | None
    drive: NotRequired[str]
    chance: NotRequired[list[str]]
    realisation: NotRequired[dict[str, Any] | None]
    batch: NotRequired[int]
    ranks: NotRequired[int]
    threads: int | None
    virtual_processes: NotRequired[int]
    options: dict[str, str]
    approximations: list[str]
    ledger: list[dict[str, Any]]
    warnings: NotRequired[list[str]]
    synapses: dict[str, int]
    versions: dict[str, str]
    info: dict[str, Any]
    machine: dict[str, Any]
    seconds: dict[str, float]
    memory_mib: NotRequired[dict[str, float]]
    peak_memory_mib: float | None
    peak_memory_mib_of_ranks: NotRequired[list[float | None]]
    finished: str


def manifest_of(plan: Plan, recording: Recording) -> Manifest:
    """Return the manifest of a run that this process has just made."""
    request = plan.request
    simulation, network, used = request.simulation, request.network, request.realisation
    return {
        "name": network.name,
        "circuit": network.circuit,
        "description": network.description,
        "spec_hash": spec_hash(network),
        "request_hash": plan.digest,
        "backend": request.backend,
        "seed": simulation.seed,
        "simulation": simulation.model_dump(mode="json"),
        "warmup_steps": simulation.warmup_steps,
        "total_steps": simulation.total_steps,
        "sizes": {name: network.population(name).size for name in network.recorded()},
        "recorders": {
            recorder.name: {
                "population": recorder.target,
                "neurons": None if recorder.neurons is None else list(recorder.neurons),
                "interval": request.sampling_steps(recorder),
                "units": {
                    variable: network.model_of(recorder.target).units_of_states[variable]
                    for variable in recorder.variables
                },
            }
            for recorder in network.recorders
            if recorder.variables
        },
        "synapse_recorders": {
            recorder.name: _recorded(network, recorder) for recorder in network.synapse_recorders
        },
        "step_currents": [entry.model_dump(mode="json") for entry in network.step_currents],
        "connectivity": request.connectivity,
        "drive": request.drive,
        "chance": list(left_to_chance(network)),
        "realisation": used.model_dump(mode="json", exclude={"file"}) if used else None,
        "batch": recording.runs,
        "ranks": request.ranks,
        "threads": request.threads,
        "virtual_processes": request.virtual_processes,
        "options": dict(plan.options),
        "approximations": plan.ledger.approximations(),
        "ledger": plan.ledger.model_dump(mode="json")["entries"],
        "warnings": warnings(network, simulation),
        "synapses": recording.synapses,
        "versions": {**plan.versions, "python": platform.python_version()},
        "info": recording.info,
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
        "seconds": {phase: round(value, 4) for phase, value in recording.seconds.items()},
        "memory_mib": {phase: round(value, 1) for phase, value in recording.memory.items()},
        "peak_memory_mib": round(memory_mib("VmHWM"), 1),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _recorded(network: Network, recorder: SynapseRecorder) -> RecordedSynapses:
    found = next(p for p in network.projections if p.name == recorder.projection)
    return {
        "projection": found.name,
        "pre": found.pre,
        "post": found.post,
        "pre_size": network.population(found.pre).size,
        "post_size": network.population(found.post).size,
        "synapses": list(recorder.synapses),
        "final": recorder.final,
        "unit": network.weight_unit(found.post, found.receptor),
    }
