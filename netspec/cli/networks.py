"""The network that a command is about: a circuit with options of its own, or a file."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from netspec import circuits
from netspec.circuits import Circuit
from netspec.circuits.options import Option, built, flags, from_flags, options
from netspec.cli.options import pairs
from netspec.describe import serialization
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError

CircuitOrFile = Annotated[
    str, typer.Argument(help="A circuit of the library, or a .toml or .json file.")
]
VARIANT = "Variant of the circuit (netspec list)."


def _offered() -> dict[str, tuple[Any, str]]:
    """Return name -> type and help of the options of all circuits together."""
    found: dict[str, list[tuple[Circuit, Option]]] = {}
    for circuit in circuits.usable():
        try:
            own = options(circuit)
        except UsageError:  # said where this circuit is asked for
            continue
        for name, option in own.items():
            found.setdefault(name, []).append((circuit, option))
    return {name: (_kind(own), _help(name, own)) for name, own in found.items()}


def _kind(own: list[tuple[Circuit, Option]]) -> Any:
    """Return what typer reads: text where circuits disagree, which each reads by itself."""
    kinds = {option.kind for _, option in own}
    kind: Any = kinds.pop() if len(kinds) == 1 else str
    return (list[kind] if any(option.many for _, option in own) else kind) | None


def _help(name: str, own: list[tuple[Circuit, Option]]) -> str:
    """Say which circuits have an option, and what it is."""
    if name == "variant":
        return VARIANT
    labels: dict[str, list[str]] = {}
    for circuit, option in own:
        text = option.help
        if text[1:2].islower():  # no unit or abbreviation
            text = text[0].lower() + text[1:]
        labels.setdefault(text, []).append(circuit.label or circuit.name)
    return " ".join(f"{', '.join(who)}: {text}".removesuffix(": ") for text, who in labels.items())


# typer reads them where commands are declared; those of other packages are among them
CIRCUIT_OPTIONS = _offered()


def labels(having: Callable[[Circuit], object]) -> str:
    """Return what the help calls the circuits that have something, with commas between."""
    return ", ".join(c.label or c.name for c in circuits.usable() if having(c))


def circuit_command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the circuit options; it receives them as one dict, `given`."""

    @functools.wraps(function)
    def command(**values: Any) -> None:
        given = {parameter.name: values.pop(parameter.name) for parameter in extra}
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
    taken = {"--help"}.union(*map(_flags, own))
    extra = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind, typer.Option(help=text)],
        )
        for name, (kind, text) in CIRCUIT_OPTIONS.items()
        if flags([name]) not in taken  # left to request files and Python
    ]
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    command.__signature__ = inspect.Signature([*keyword[:1], *extra, *keyword[1:]])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*keyword, *extra)}
    return command


def _flags(parameter: inspect.Parameter) -> set[str]:
    """Return the flags that typer makes of a parameter of a command."""
    said = getattr(parameter.annotation, "__metadata__", ())
    declared = {flag for info in said for flag in getattr(info, "param_decls", None) or ()}
    return declared or {flags([parameter.name])}


def network_of(name: str, given: dict[str, Any], small: bool = False) -> tuple[Network, Simulation]:
    """Return the network of a circuit or file, and the simulation it is usually run with.

    With `small`, a circuit of the library has some hundred neurons if its size is not given.
    """
    chosen = _given(given)
    if name.endswith((".toml", ".json")) or "/" in name:
        if chosen:
            raise UsageError(f"{flags(chosen)}: only for circuits of the library; use --set")
        network, simulation = serialization.load_with_simulation(name)
        return network, simulation or Simulation()
    circuit = circuits.circuit(name)
    arguments = from_flags(circuit, chosen)
    build = circuit.build_small if small else circuit.build
    return build(**arguments), circuit.simulation


def climbed_network(name: str, given: dict[str, Any]) -> Network:
    """Return the small network that stands for `network_of` on the ladder."""
    if name not in circuits.CIRCUITS:
        return network_of(name, given)[0]
    circuit = circuits.circuit(name)
    return built(circuit, from_flags(circuit, _given(given)), small=True)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value not in (None, [], ())}


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
