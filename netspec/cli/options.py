"""What the commands have in common: options of runs, and their reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError
from netspec.execute.contract import Backend, RunRequest
from netspec.execute.request import drive_of

app = typer.Typer(
    name="netspec",
    help="Describe a spiking network once, run it on every simulator, compare the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="PATH=VALUE, any value of the network.")
]
Seed = Annotated[int | None, typer.Option(help="Seed of all random numbers.")]
Dt = Annotated[str | None, typer.Option(help="Time step (ms).")]
Warmup = Annotated[str | None, typer.Option(help="Simulated, not counted (ms).")]
Duration = Annotated[str | None, typer.Option(help="Simulated and counted (ms).")]
Threads = Annotated[int | None, typer.Option(help="Threads; the processors at hand by default.")]
Ranks = Annotated[int | None, typer.Option(help="Processes that share a run, through MPI (NEST).")]
Connectivity = Annotated[str, typer.Option(help="native or shared.")]
Noise = Annotated[str, typer.Option(help="Poisson events: native or shared.")]
NoiseOfEach = Annotated[
    str | None,
    typer.Option(help="Poisson events: native or shared; NAME=shared,... for some simulators."),
]
Approximate = Annotated[
    list[str] | None, typer.Option(help="Approximations agreed to, by name (commas), or all.")
]
BackendOption = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE of the backend.")
]
BackendsOption = Annotated[
    list[str] | None, typer.Option("--option", help="BACKEND.NAME=VALUE of a backend.")
]
Out = Annotated[Path, typer.Option(help="Folder of result files.")]
Force = Annotated[bool, typer.Option("--force", help="Run even if the result exists.")]
TimeLimit = Annotated[float | None, typer.Option(help="Seconds of wall time per run.")]
Jobs = Annotated[int | None, typer.Option(help="Runs side by side; as many as processors.", min=1)]
Memory = Annotated[str | None, typer.Option(help="That runs side by side may need, such as 8GiB.")]


def print_json(data: Any) -> None:
    """Print JSON as every command does with ``--json``."""
    print(json.dumps(data, indent=2, sort_keys=True, allow_nan=False))


def refuse_existing(path: Path, force: bool) -> None:
    """Raise if a file is there and nobody said that it may be replaced.

    Raises
    ------
    UsageError
    """
    if path.exists() and not force:
        raise UsageError(f"{path} exists; to replace it: --force")


def pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    """Return NAME=VALUE texts as a dict."""
    found = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag} {text!r}: expected NAME=VALUE")
        found[key.strip()] = value.strip()
    return found


def names_of(given: list[str] | None) -> list[str]:
    """Return names from texts in which they stand with commas between."""
    names = (name.strip() for text in given or [] for name in text.split(","))
    return [name for name in names if name]


def backends_of(text: str) -> list[str]:
    """Return the backends that a text names, with commas between."""
    names = list(dict.fromkeys(names_of([text])))
    if not names:
        raise UsageError(f"--backends {text!r}: expected names, with commas between")
    return names


def options_of(given: list[str] | None, names: list[str]) -> dict[str, dict[str, str]]:
    """Return backend -> its options; of one backend alone they need no BACKEND in front."""
    options: dict[str, dict[str, str]] = {name: {} for name in names}
    for key, value in pairs(given, "--option").items():
        owner, dot, name = key.partition(".")
        if not dot and len(names) == 1:
            owner, name = names[0], key
        if not name or owner not in options:
            known = ", ".join(names)
            raise UsageError(f"--option {key}: expected BACKEND.NAME, with one of {known}")
        options[owner][name] = value
    return options


def run_request(
    backend: Backend[Any],
    network: Network,
    simulation: Simulation,
    connectivity: str,
    threads: int | None,
    approximate: list[str] | None,
    options: dict[str, str],
    ranks: int | None,
    noise: str = "native",
) -> RunRequest:
    """Return the request of one run."""
    return RunRequest(
        network=network,
        simulation=simulation,
        backend=backend.name,
        connectivity=connectivity,
        drive=drive_of(noise),
        threads=backend.default_threads(ranks or 1) if threads is None else threads,
        ranks=1 if ranks is None else ranks,
        approximations=tuple(names_of(approximate)),
        options=options,
    )
