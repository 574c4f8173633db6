"""The command ``netspec``: doctor, list, show, check, run, validate."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from netspec import __version__, circuits, serialization, units
from netspec.audit import audit
from netspec.backend import Backend, RunRequest, backend_names, get_backend
from netspec.errors import NetspecError, UsageError
from netspec.network import Network
from netspec.running import DEFAULT_FOLDER, execute, result_path
from netspec.simulation import Simulation

app = typer.Typer(
    name="netspec",
    help="Describe a spiking network once, run it on every simulator, compare the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CircuitOrFile = Annotated[
    str, typer.Argument(help="A circuit of the library, or a .toml or .json file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Text = list[str] | None
# Options that describe a circuit of the library; `circuit_command` gives them to a command.
CIRCUIT_OPTIONS: dict[str, tuple[Any, str]] = {
    "variant": (str | None, "Variant of the circuit (netspec list)."),
    "scale": (float | None, "Microcircuit: neuron and connectivity scale together."),
    "neuron_scale": (float | None, "Microcircuit: factor on numbers of neurons."),
    "connectivity_scale": (float | None, "Microcircuit: factor on in-degrees."),
    "drive": (str | None, "Microcircuit: poisson or dc."),
    "initial": (str | None, "Microcircuit: V_m(0), original, optimized or pygenn."),
    "size": (int | None, "Ring: number of excitatory neurons."),
    "cue_angle": (Text, "Ring: degrees. Repeat the cue options for distractors."),
    "cue_strength": (Text, "Ring: pA, or 0.07nA."),
    "cue_width": (Text, "Ring: degrees."),
    "cue_start": (Text, "Ring: ms from the start of the warm-up."),
    "cue_duration": (Text, "Ring: ms."),
}
Set = Annotated[
    list[str] | None, typer.Option("--set", help="PATH=VALUE, any value of the network.")
]
Dt = Annotated[str | None, typer.Option(help="Time step (ms).")]
Warmup = Annotated[str | None, typer.Option(help="Simulated, not counted (ms).")]
Duration = Annotated[str | None, typer.Option(help="Simulated and counted (ms).")]
Threads = Annotated[int | None, typer.Option(help="Threads; the processors at hand by default.")]
Ranks = Annotated[int, typer.Option(help="Processes that share a run, through MPI (NEST).")]
Connectivity = Annotated[str, typer.Option(help="native or shared.")]
Approximate = Annotated[
    list[str] | None, typer.Option(help="Approximations agreed to, by name (commas), or all.")
]
BackendOption = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE of the backend.")
]
Out = Annotated[Path, typer.Option(help="Folder of result files.")]
Force = Annotated[bool, typer.Option("--force", help="Run even if the result exists.")]
TimeLimit = Annotated[float | None, typer.Option(help="Seconds of wall time per run.")]

_CUE = {
    "cue_angle": ("angle", "deg"),
    "cue_strength": ("strength", "pA"),
    "cue_width": ("width", "deg"),
    "cue_start": ("start", "ms"),
    "cue_duration": ("duration", "ms"),
}
_BUILDER = {
    "microcircuit": ("variant", "scale", "neuron_scale", "connectivity_scale", "drive", "initial"),
    "working_memory": ("variant", "size", *_CUE),
}


def circuit_command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the circuit options; it receives them as one dict, `given`."""

    @functools.wraps(function)
    def command(**values: Any) -> None:
        given = {name: values.pop(name) for name in CIRCUIT_OPTIONS}
        try:
            function(given=given, **values)
        except KeyboardInterrupt:
            kept = "interrupted: finished runs are kept; the same command goes on from there"
            print(kept, file=sys.stderr)
            raise typer.Exit(130) from None

    own = [
        p
        for p in inspect.signature(function, eval_str=True).parameters.values()
        if p.name != "given"
    ]
    extra = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind, typer.Option(help=text)],
        )
        for name, (kind, text) in CIRCUIT_OPTIONS.items()
    ]
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    command.__signature__ = inspect.Signature([*keyword[:1], *extra, *keyword[1:]])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*keyword, *extra)}
    return command


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, sort_keys=True, allow_nan=False))


def _network(name: str, given: dict[str, Any]) -> tuple[Network, Simulation]:
    """Return the network of a circuit or file, and the simulation it is usually run with."""
    options = {key: value for key, value in given.items() if value not in (None, [], ())}
    if name.endswith((".toml", ".json")) or "/" in name:
        if options:
            raise UsageError(f"{_flags(options)}: only for circuits of the library; use --set")
        network, simulation = serialization.load_with_simulation(name)
        return network, simulation or Simulation()
    circuit = circuits.circuit(name)
    wrong = {key: value for key, value in options.items() if key not in _BUILDER[name]}
    if wrong:
        raise UsageError(f"{_flags(wrong)}: not for {name}, which has {_flags(_BUILDER[name])}")
    cues = _cues({key: options.pop(key) for key in _CUE if key in options})
    if cues:
        options["cues"] = cues
    return circuit.build(**options), circuit.simulation


def _flags(names: Sequence[str] | dict[str, Any]) -> str:
    return ", ".join("--" + name.replace("_", "-") for name in names)


def _cues(given: dict[str, list[str]]) -> list[circuits.Cue]:
    if not given:
        return []
    count = max(len(values) for values in given.values())
    if any(len(values) not in (1, count) for values in given.values()):
        raise UsageError(f"{_flags(given)}: give each of them once, or {count} times")
    cues = []
    for index in range(count):
        fields = {}
        for key, values in given.items():
            field, unit = _CUE[key]
            text = values[index] if len(values) > 1 else values[0]
            fields[field] = units.quantity(text, unit)
        cues.append(circuits.Cue(**fields))
    return cues


def _pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    pairs = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag} {text!r}: expected NAME=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs


def _adjusted(
    network: Network, simulation: Simulation, sets: list[str] | None, times: dict[str, Any]
) -> tuple[Network, Simulation]:
    """Apply ``--set`` and the times given by options of their own."""
    assignments = _pairs(sets, "--set")
    changes: dict[str, Any] = {k: v for k, v in times.items() if v is not None}
    for path in [p for p in assignments if p.startswith("simulation.")]:
        changes[path.removeprefix("simulation.")] = assignments.pop(path)
    if isinstance(changes.get("seed"), str):
        changes["seed"] = _whole(changes["seed"])
    simulation = Simulation(**{**simulation.model_dump(), **changes})
    return (serialization.with_values(network, assignments) if assignments else network), simulation


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"seed {text!r}: expected a whole number") from None


def _request(
    backend: Backend,
    network: Network,
    simulation: Simulation,
    connectivity: str,
    threads: int | None,
    approximate: list[str] | None,
    options: dict[str, str],
    ranks: int = 1,
) -> RunRequest:
    names = [name.strip() for text in approximate or [] for name in text.split(",")]
    return RunRequest(
        network=network,
        simulation=simulation,
        backend=backend.name,
        connectivity=connectivity,
        threads=backend.default_threads(ranks) if threads is None else threads,
        ranks=ranks,
        approximations=tuple(name for name in names if name),
        options=options,
    )


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say which simulators are installed, and how to get the others."""
    import os
    import platform
    import shutil

    from netspec.terminal import console, table

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
        _print_json({"machine": machine, "backends": found})
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
def list_circuits(as_json: Json = False) -> None:
    """List circuits, their variants and the backends."""
    from netspec.terminal import console, table

    if as_json:
        _print_json(
            {
                "circuits": {
                    n: {"title": c.title, "variants": c.variants}
                    for n, c in circuits.CIRCUITS.items()
                },
                "backends": backend_names(),
            }
        )
        return
    for name, circuit in circuits.CIRCUITS.items():
        table(f"{name}: {circuit.title}", ("variant", "source"), list(circuit.variants.items()))
    console.print(f"backends: {', '.join(backend_names())}")


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
    from netspec.terminal import console, show_audit, table

    if schema:
        _print_json(serialization.json_schema())
        return
    network, simulation = _network(circuit, given)
    network, simulation = _adjusted(network, simulation, sets, {})
    if as_toml:
        print(serialization.to_toml(network, simulation))
        return
    found = audit(network, simulation, 1 if threads is None else max(threads, 1))
    if as_json:
        _print_json(
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
    fields = value.model_dump()
    return f"{fields:g}" if isinstance(fields, float) else str(fields)


@app.command()
def check(file: CircuitOrFile, as_json: Json = False) -> None:
    """Read a description and report every fault, and what looks wrong."""
    from netspec.terminal import console, show_audit

    network, simulation = _network(file, {})
    found = audit(network, simulation)
    if as_json:
        _print_json({"spec_hash": serialization.spec_hash(network), "audit": found.to_dict()})
        return
    show_audit(found)
    console.print(f"fine: {network.name}, spec hash {serialization.spec_hash(network)}")


@app.command()
@circuit_command
def run(
    circuit: CircuitOrFile,
    given: dict[str, Any],
    backend: Annotated[str, typer.Option(help="Simulator.")] = "nest",
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    dt: Dt = None,
    warmup: Warmup = None,
    duration: Duration = None,
    threads: Threads = None,
    ranks: Ranks = 1,
    connectivity: Connectivity = "native",
    approximate: Approximate = None,
    option: BackendOption = None,
    sets: Set = None,
    out: Out = DEFAULT_FOLDER,
    force: Force = False,
    time_limit: TimeLimit = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Audit and ledger only.")] = False,
    as_json: Json = False,
) -> None:
    """Run one network on one simulator, unless the result exists."""
    from netspec.terminal import progress_bar, show_audit, show_ledger, show_run

    network, simulation = _network(circuit, given)
    times = {"dt": dt, "warmup": warmup, "duration": duration, "seed": seed}
    network, simulation = _adjusted(network, simulation, sets, times)
    chosen = get_backend(backend)
    request = _request(
        chosen, network, simulation, connectivity, threads, approximate,
        _pairs(option, "--option"), ranks,
    )  # fmt: skip
    if dry_run:
        chosen.check_options(request)
        found = audit(network, simulation, request.threads, ranks)
        ledger = chosen.ledger(request)
        if as_json:
            data = {"audit": found.to_dict(), "ledger": ledger.model_dump(mode="json")["entries"],
                    "spec_hash": serialization.spec_hash(network),
                    "file": str(result_path(request, out))}  # fmt: skip
            _print_json(data)
        else:
            show_audit(found)
            show_ledger(ledger)
        ledger.check(request.approximations)
        return
    with progress_bar(f"{network.name} on {backend}", quiet=as_json) as progress:
        done = execute(request, out, force=force, time_limit=time_limit, progress=progress)
    if as_json:
        _print_json(done.summary())
        return
    from netspec.validation.ensemble import published_rates

    show_run(done, published_rates(network))


@app.command()
@circuit_command
def validate(
    circuit: CircuitOrFile,
    given: dict[str, Any],
    backends: Annotated[str, typer.Option(help="Simulators, with commas.")] = "nest,brian2",
    seeds: Annotated[int, typer.Option(help="Number of seeds, 1 to N.", min=1)] = 3,
    dt: Dt = None,
    warmup: Warmup = None,
    duration: Duration = None,
    threads: Threads = None,
    connectivity: Connectivity = "native",
    approximate: Approximate = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="BACKEND.NAME=VALUE of a backend.")
    ] = None,
    sets: Set = None,
    out: Out = DEFAULT_FOLDER,
    force: Force = False,
    time_limit: TimeLimit = None,
    as_json: Json = False,
) -> None:
    """Run a network on several simulators and seeds, and put the rates side by side."""
    from netspec.terminal import console, progress_bar, table
    from netspec.validation import ensemble, report

    network, simulation = _network(circuit, given)
    network, simulation = _adjusted(
        network, simulation, sets, {"dt": dt, "warmup": warmup, "duration": duration}
    )
    names = list(dict.fromkeys(name.strip() for name in backends.split(",") if name.strip()))
    if not names:
        raise UsageError(f"--backends {backends!r}: expected names, with commas between")
    options: dict[str, dict[str, str]] = {name: {} for name in names}
    for key, value in _pairs(option, "--option").items():
        owner, dot, name = key.partition(".")
        if not dot or owner not in options:
            raise UsageError(f"--option {key}: expected BACKEND.NAME, with one of {backends}")
        options[owner][name] = value
    requests = []
    for seed in range(1, seeds + 1):
        for name in names:
            chosen = get_backend(name)
            count = threads if chosen.threaded else None
            at_seed = simulation.at_seed(seed)
            requests.append(
                _request(chosen, network, at_seed, connectivity, count, approximate, options[name])
            )
    with progress_bar(network.name, quiet=as_json) as progress:
        done = ensemble.run_all(
            requests, out, force=force, time_limit=time_limit, progress=progress
        )
    summary = ensemble.summarise(network, names, done)
    page = report.write(out / f"{network.name}-report.html", network, done, summary)
    if as_json:
        _print_json({**summary, "report": str(page)})
    else:
        table(f"{network.name}: mean over seeds +- SD", *ensemble.rate_table(summary))
        if summary["bump"]:
            table("bump at the end", *ensemble.bump_table(summary))
        for line in summary["failures"]:
            console.print(f"failed: {line}", markup=False)
        console.print(f"report: {page}", soft_wrap=True)
    if summary["failures"]:
        raise typer.Exit(4)


def main() -> NoReturn:
    """Run the command line; every netspec error becomes one message and its exit code."""
    try:
        app()
        code = 0
    except NetspecError as error:
        code = error.exit_code
        if "--json" in sys.argv:
            faults = [vars(fault) for fault in getattr(error, "faults", ())]
            _print_json({"error": str(error), "kind": type(error).__name__, "faults": faults})
        else:
            print(f"error: {error}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
