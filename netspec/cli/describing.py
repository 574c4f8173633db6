"""Commands that look at a description: doctor, list, show, check, realise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from netspec import circuits
from netspec.cli.networks import CircuitOrFile, adjusted, circuit_command, network_of
from netspec.cli.options import Dt, Json, Seed, Set, Threads, app, print_json, refuse_existing
from netspec.describe import serialization
from netspec.describe.models import LIBRARY
from netspec.describe.synapse_models import SYNAPSES
from netspec.errors import UsageError
from netspec.execute.audit import audit
from netspec.execute.contract import backend_names, get_backend
from netspec.realise.file import write_realisation
from netspec.release import __version__


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say which simulators are installed, and how to get the others."""
    import os
    import platform
    import shutil

    from netspec.cli.terminal import console, table

    found: dict[str, dict[str, Any]] = {}
    for name in backend_names():
        backend = get_backend(name)
        status = backend.status()
        found[name] = {**vars(status), "details": backend.details() if status.available else {}}
    machine = {
        "netspec": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "C++ compiler": shutil.which("g++") or "none (Brian2 then runs without compiling, slowly)",
        "mpirun": shutil.which("mpirun") or "none",
        "NVIDIA GPU": "nvidia-smi found" if shutil.which("nvidia-smi") else "none found",
    }
    if as_json:
        print_json({"machine": machine, "backends": found})
        return
    for key, value in machine.items():
        console.print(f"{key}: {value}")
    table(
        "Simulators",
        ("backend", "version", "notes"),
        [
            (
                name,
                entry["version"] if entry["available"] else "missing",
                ", ".join(f"{key}: {value}" for key, value in entry["details"].items())
                if entry["available"]
                else entry["how_to_get"],
            )
            for name, entry in found.items()
        ],
    )


@app.command("list")
def list_circuits(
    as_json: Json = False,
    models: Annotated[
        bool,
        typer.Option("--models", help="The library of neuron and synapse models, with parameters."),
    ] = False,
) -> None:
    """List circuits, their variants and the backends; or the models of the library."""
    from netspec.cli.terminal import console, table

    if models:
        _list_models(as_json)
        return

    found: dict[str, dict[str, Any]] = {}
    for name in circuits.CIRCUITS:
        try:
            circuit = circuits.circuit(name)
        except UsageError as error:  # of another package: the rest can be used all the same
            found[name] = {"error": str(error)}
        else:
            found[name] = {"title": circuit.title, "variants": dict(circuit.variants)}
    if as_json:
        print_json({"circuits": found, "backends": backend_names()})
        return
    for name, entry in found.items():
        if "error" in entry:
            console.print(entry["error"], soft_wrap=True)
        else:
            rows = list(entry["variants"].items())
            table(f"{name}: {entry['title']}", ("variant", "source"), rows)
    console.print(f"backends: {', '.join(backend_names())}")


def _list_models(as_json: bool) -> None:
    """Print every model of the library: source, receptors, parameters with unit and default."""
    from netspec.cli.terminal import console, table

    if as_json:
        kept = ("description", "equations", "threshold", "escape", "reset", "refractory",
                "receptors", "inputs", "initial", "integrator", "parameters")  # fmt: skip
        neurons = {n: m.model_dump(mode="json", include=set(kept)) for n, m in LIBRARY.items()}
        synapses = {n: m.model_dump(mode="json", exclude={"name"}) for n, m in SYNAPSES.items()}
        print_json({**neurons, "synapses": synapses})
        return
    for name, model in LIBRARY.items():
        receptors = ", ".join(
            f"{receptor} onto {state} ({model.units_of_states[state]})"
            for receptor, state in model.receptors.items()
        )
        rows: list[tuple[str, str, str]] = [
            (key, f"{parameter.default:g}", parameter.unit)
            for key, parameter in model.parameters.items()
        ]
        table(name, ("parameter", "default", "unit"), rows)
        console.print(f"{model.description} Receptors: {receptors}.", soft_wrap=True)
    for name, synapse in SYNAPSES.items():
        rows = [
            (key, "to be given" if p.default is None else f"{p.default:g}", p.unit)
            for key, p in synapse.parameters.items()
        ]
        if rows:
            table(f"synapse {name}", ("parameter", "default", "unit"), rows)
        console.print(f"{name}: {synapse.description}", soft_wrap=True)


@app.command()
@circuit_command
def show(
    circuit: CircuitOrFile,
    given: dict[str, Any],
    threads: Threads = None,
    sets: Set = None,
    as_json: Json = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print the description as TOML.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="JSON Schema of descriptions.")] = False,
) -> None:
    """Show tables, counts and the cost per backend; or the description itself."""
    from netspec.cli.terminal import console, show_audit, table

    if schema:
        print_json(serialization.json_schema())
        return
    network, simulation = network_of(circuit, given)
    network, simulation = adjusted(network, simulation, sets, {})
    if as_toml:
        print(serialization.to_toml(network, simulation))
        return
    found = audit(network, simulation, 1 if threads is None else max(threads, 1))
    if as_json:
        print_json(
            {
                "network": json.loads(serialization.canonical_json(network)),
                "spec_hash": serialization.spec_hash(network),
                "audit": found.to_dict(),
            }
        )
        return
    console.print(network.description, soft_wrap=True)
    console.print(f"spec hash: {serialization.spec_hash(network)}")
    rows = []
    for population in network.populations:
        values = ", ".join(f"{k} {_short(v)}" for k, v in population.parameters.items())
        rows.append((population.name, population.size, str(population.model), values))
    table("Populations", ("population", "neurons", "model", "parameters"), rows)
    show_audit(found)


def _short(value: Any) -> str:
    if value.kind == "array":
        return f"{len(value)} values"
    fields = value.model_dump()
    return f"{fields:g}" if isinstance(fields, float) else str(fields)


@app.command()
def check(file: CircuitOrFile, as_json: Json = False) -> None:
    """Read a description and report every fault, and what looks wrong."""
    from netspec.cli.terminal import console, show_audit

    network, simulation = network_of(file, {})
    found = audit(network, simulation)
    if as_json:
        print_json({"spec_hash": serialization.spec_hash(network), "audit": found.to_dict()})
        return
    show_audit(found)
    console.print(f"fine: {network.name}, spec hash {serialization.spec_hash(network)}")


@app.command()
@circuit_command
def realise(
    circuit: CircuitOrFile,
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="File to write (.h5).")],
    seed: Seed = None,
    dt: Dt = None,
    sets: Set = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    by_target: Annotated[
        bool | None,
        typer.Option(
            help="Readers of SONATA find edges by target too, for 16 bytes a synapse; "
            "by default in projections of up to 2^20."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw all synapses and initial values once and write them, for runs on every simulator."""
    from netspec.cli.terminal import console, progress_bar

    network, simulation = network_of(circuit, given)
    network, simulation = adjusted(network, simulation, sets, {"dt": dt, "seed": seed})
    refuse_existing(out, force)
    with progress_bar(network.name, quiet=as_json) as progress:
        counts = write_realisation(out, network, simulation, progress, by_target)
    size = out.stat().st_size
    if as_json:
        print_json({"file": str(out), "bytes": size, "synapses": counts,
                     "spec_hash": serialization.spec_hash(network), "seed": simulation.seed,
                     "dt": simulation.dt})  # fmt: skip
        return
    console.print(f"{sum(counts.values()):,} synapses, {size / 2**20:,.0f} MiB: {out}")
