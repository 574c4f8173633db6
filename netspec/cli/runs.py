"""Commands of single runs: run, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from netspec.cli.networks import CircuitOrFile, adjusted, circuit_command, network_of
from netspec.cli.options import (
    Approximate,
    BackendOption,
    Connectivity,
    Dt,
    Duration,
    Force,
    Json,
    Noise,
    Out,
    Ranks,
    Seed,
    Set,
    Threads,
    TimeLimit,
    Warmup,
    app,
    pairs,
    print_json,
    run_request,
)
from netspec.describe import serialization
from netspec.errors import SimulationFailed, UsageError
from netspec.execute.audit import audit
from netspec.execute.contract import RunRequest, get_backend
from netspec.execute.running import DEFAULT_FOLDER, execute, result_path, with_realisation


@app.command()
@circuit_command
def run(
    circuit: CircuitOrFile,
    given: dict[str, Any],
    backend: Annotated[str, typer.Option(help="Simulator.")] = "nest",
    seed: Seed = None,
    dt: Dt = None,
    warmup: Warmup = None,
    duration: Duration = None,
    threads: Threads = None,
    ranks: Ranks = None,
    connectivity: Connectivity = "native",
    noise: Noise = "native",
    approximate: Approximate = None,
    realisation: Annotated[
        Path | None, typer.Option(help="File of netspec realise; implies shared connectivity.")
    ] = None,
    option: BackendOption = None,
    sets: Set = None,
    out: Out = DEFAULT_FOLDER,
    force: Force = False,
    time_limit: TimeLimit = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Run so many, with seeds in a row; a cue is turned all around."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Trials that share a process; as many as the simulator gains by."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Audit and ledger only.")] = False,
    as_json: Json = False,
) -> None:
    """Run one network on one simulator, unless the result exists."""
    from netspec.cli.terminal import progress_bar, show_audit, show_ledger, show_run, show_warnings

    if batch is not None and trials is None:
        raise UsageError("--batch: only with --trials")

    network, simulation = network_of(circuit, given)
    times = {"dt": dt, "warmup": warmup, "duration": duration, "seed": seed}
    network, simulation = adjusted(network, simulation, sets, times)
    chosen = get_backend(backend)
    request = run_request(
        chosen, network, simulation, connectivity, threads, approximate,
        pairs(option, "--option"), ranks, noise,
    )  # fmt: skip
    if realisation is not None:
        request = with_realisation(request, realisation)
    if dry_run:
        plan = chosen.plan(request)
        found, ledger = audit(network, simulation, request.threads, request.ranks), plan.ledger
        if as_json:
            data = {"audit": found.to_dict(), "ledger": ledger.model_dump(mode="json")["entries"],
                    "spec_hash": serialization.spec_hash(network),
                    "file": str(result_path(plan, out))}  # fmt: skip
            print_json(data)
        else:
            show_audit(found)
            show_ledger(ledger)
        ledger.check(request.approximations)
        return
    if not as_json:
        show_warnings(network, simulation)
    if trials is not None:
        if realisation is not None:
            raise UsageError("--realisation: the synapses of one seed, and every trial has its own")
        _run_trials(request, trials, batch, out, force, time_limit, as_json)
        return
    with progress_bar(f"{network.name} on {backend}", quiet=as_json) as progress:
        done = execute(request, out, force=force, time_limit=time_limit, progress=progress)
    if as_json:
        print_json(done.summary())
        return
    from netspec.validation.campaign.ensemble import published_rates

    show_run(done, published_rates(network.circuit, done.manifest["sizes"]))


def _run_trials(
    request: RunRequest,
    number: int,
    batch: int | None,
    out: Path,
    force: bool,
    time_limit: float | None,
    as_json: bool,
) -> None:
    """Run trials of a network, several in one model where the simulator gains by it."""
    from netspec.cli.terminal import console, progress_bar
    from netspec.validation.campaign import trial_runs

    requests = trial_runs.requests(request, number)
    label = f"{number} trials of {request.network.name} on {request.backend}"
    with progress_bar(label, quiet=as_json) as progress:
        done = trial_runs.run(requests, batch, out, force, time_limit, progress)
    if as_json:
        print_json(done.to_dict())
    else:
        for line in done.lines():
            console.print(line, soft_wrap=True)
    if done.failures:
        raise typer.Exit(SimulationFailed.exit_code)


@app.command("export")
def export_run(
    file: Annotated[
        Path, typer.Argument(help="A result file, or a TOML file that describes spikes.")
    ],
    format_: Annotated[str, typer.Option("--format", help="nix, nwb, mat or sonata.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; FILE with another ending by default.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Neurons, drawn with --seed; 1000 for nix, else all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 1,
    populations: Annotated[str | None, typer.Option(help="With commas; all by default.")] = None,
    warmup: Annotated[bool, typer.Option("--warmup", help="Include the warm-up.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run for other tools; the file is read back and compared before it counts."""
    from netspec.cli.terminal import console
    from netspec.validation.exchange.export import default_target, export
    from netspec.validation.exchange.opening import load_run

    target = default_target(file, format_) if out is None else out
    names = None if populations is None else [n.strip() for n in populations.split(",")]
    content = export(
        load_run(file), target, format_, sample=sample, seed=seed, populations=names,
        warmup=warmup, announce=lambda text: None if as_json else console.print(text),
    )  # fmt: skip
    if as_json:
        counts = {name: len(trains.neurons) for name, trains in content.trains.items()}
        print_json({"file": str(target), "format": format_, "trains": counts})
    else:
        console.print(f"written, read back and equal: {target}", soft_wrap=True)
