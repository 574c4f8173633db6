"""What the commands have in common: options of circuits, networks and runs, and their reading."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from netspec import circuits, serialization, units
from netspec.backend import Backend, RunRequest
from netspec.errors import UsageError
from netspec.network import Network
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
    "rates": (str | None, "Microcircuit: rates behind the compensating current, nest or pygenn."),
    "g": (float | None, "Microcircuit: strength of inhibition relative to excitation, -4."),
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
Seed = Annotated[int | None, typer.Option(help="Seed of all random numbers.")]
Dt = Annotated[str | None, typer.Option(help="Time step (ms).")]
Warmup = Annotated[str | None, typer.Option(help="Simulated, not counted (ms).")]
Duration = Annotated[str | None, typer.Option(help="Simulated and counted (ms).")]
Threads = Annotated[int | None, typer.Option(help="Threads; the processors at hand by default.")]
Ranks = Annotated[int | None, typer.Option(help="Processes that share a run, through MPI (NEST).")]
Connectivity = Annotated[str, typer.Option(help="native or shared.")]
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

_CUE = {
    "cue_angle": ("angle", "deg"),
    "cue_strength": ("strength", "pA"),
    "cue_width": ("width", "deg"),
    "cue_start": ("start", "ms"),
    "cue_duration": ("duration", "ms"),
}
_BUILDER = {
    "microcircuit": (
        "variant",
        "scale",
        "neuron_scale",
        "connectivity_scale",
        "drive",
        "initial",
        "rates",
        "g",
    ),
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


def print_json(data: Any) -> None:
    """Print JSON as every command does with ``--json``."""
    print(json.dumps(data, indent=2, sort_keys=True, allow_nan=False))


def network_of(name: str, given: dict[str, Any], small: bool = False) -> tuple[Network, Simulation]:
    """Return the network of a circuit or file, and the simulation it is usually run with.

    With `small`, a circuit of the library has some hundred neurons if its size is not given.
    """
    options = _given(given)
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
    build = circuit.small if small else circuit.build
    return build(**options), circuit.simulation


def climbed_network(name: str, given: dict[str, Any]) -> Network:
    """Return the small network that stands for `network_of` on the ladder."""
    if name not in circuits.CIRCUITS:
        return network_of(name, given)[0]
    options = {key: value for key, value in _given(given).items() if key not in _CUE}
    return circuits.circuit(name).small_like(options)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value not in (None, [], ())}


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


def pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    """Return NAME=VALUE texts as a dict."""
    found = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag} {text!r}: expected NAME=VALUE")
        found[key.strip()] = value.strip()
    return found


def adjusted(
    network: Network, simulation: Simulation, sets: list[str] | None, times: dict[str, Any]
) -> tuple[Network, Simulation]:
    """Apply ``--set`` and the times given by options of their own."""
    assignments = pairs(sets, "--set")
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
) -> RunRequest:
    """Return the request of one run."""
    return RunRequest(
        network=network,
        simulation=simulation,
        backend=backend.name,
        connectivity=connectivity,
        threads=backend.default_threads(ranks or 1) if threads is None else threads,
        ranks=1 if ranks is None else ranks,
        approximations=tuple(names_of(approximate)),
        options=options,
    )
