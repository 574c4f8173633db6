"""Commands that run and judge: ladder, validate."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspec.circuits import CIRCUITS, usable
from netspec.cli.networks import (
    CircuitOrFile,
    adjusted,
    circuit_command,
    climbed_network,
    labels,
    network_of,
)
from netspec.cli.options import (
    Approximate,
    BackendsOption,
    Dt,
    Duration,
    Force,
    Jobs,
    Json,
    Memory,
    NoiseOfEach,
    Out,
    Ranks,
    Seed,
    Set,
    Threads,
    TimeLimit,
    Warmup,
    app,
    backends_of,
    names_of,
    options_of,
    pairs,
    print_json,
)
from netspec.cli.verdicts import MarginOption, StatisticOption, margins_of, tell
from netspec.describe.chance import left_to_chance
from netspec.describe.network import Network
from netspec.errors import UsageError, unknown
from netspec.execute.contract import backend_names, get_backend
from netspec.execute.request import drive_of
from netspec.execute.running import DEFAULT_FOLDER

if TYPE_CHECKING:  # validation brings SciPy, which `netspec list` does without
    from netspec.validation.campaign.ensemble import Room
    from netspec.validation.campaign.request import BackendRequest, ValidationRequest
    from netspec.validation.judge.looks import Looks

ENOUGH = 3  # seeds of a network that has nothing to draw: distributions need three runs a side
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
CUE_ANGLES = (
    f"{labels(lambda circuit: circuit.trials)}: present its one cue at each of these angles."
)


@app.command()
@circuit_command
def ladder(
    circuit: CircuitOrFile,
    given: dict[str, Any],
    backends: Annotated[
        str | None, typer.Option(help="Simulators, with commas; all by default.")
    ] = None,
    seed: Seed = None,
    dt: Dt = None,
    approximate: Approximate = None,
    option: BackendsOption = None,
    sets: Set = None,
    out: Out = DEFAULT_FOLDER,
    as_json: Json = False,
) -> None:
    """Climb from structure and single neurons to a small network; say what breaks first."""
    from netspec.cli.terminal import console, progress_bar, table
    from netspec.validation.ladder import climb

    network, simulation = network_of(circuit, given, small=True)
    network, simulation = adjusted(network, simulation, sets, {"dt": dt, "seed": seed})
    names = backend_names() if backends is None else backends_of(backends)
    with progress_bar(network.name, quiet=as_json) as progress:
        found = climb(
            network,
            names,
            simulation,
            out=out,
            approximations=dict.fromkeys(names, names_of(approximate)),
            options=options_of(option, names),
            progress=progress,
        )
    path = found.write(out)
    if as_json:
        print_json({**found.to_dict(), "file": str(path)})
    else:
        table(f"{network.name}: {network.description}", *found.table())
        for line in (*found.lines(), f"file: {path}"):
            console.print(line, soft_wrap=True)
    if found.failed:
        raise typer.Exit(1)
    if backends is not None and found.missing:
        raise typer.Exit(3)


@dataclass(frozen=True)
class Said:
    """What the options of a command line declare; each is None where nothing was said.

    A request file says all of it, and options may not say it again beside one.
    """

    circuit: str | None
    given: dict[str, Any]
    backends: str | None
    seeds: int | None
    dt: str | None
    warmup: str | None
    duration: str | None
    threads: int | None
    ranks: int | None
    connectivity: str | None
    noise: str | None
    approximate: list[str] | None
    option: list[str] | None
    margin: list[str] | None
    statistics: str | None
    cue_angles: str | None
    ladder: bool | None
    sets: list[str] | None
    until_decided: bool | None
    max_seeds: int | None
    budget: str | None

    def names(self) -> list[str]:
        """Return the circuit, and the names of all options that were given."""
        own = [field.name for field in fields(self) if field.name not in ("circuit", "given")]
        return [
            *([self.circuit] if self.circuit else []),
            *(name for name in own if getattr(self, name) is not None),
            *(name for name, value in self.given.items() if value),
        ]

    def rebuild(self) -> Callable[..., Network] | None:
        """Return what builds the network with options of its circuit replaced, if it has one."""
        if self.circuit is None or self.circuit not in CIRCUITS:
            return None
        return functools.partial(_rebuilt, self.circuit, self.given, self.sets)


@app.command()
@circuit_command
def validate(
    circuit: Annotated[
        str | None, typer.Argument(help="A circuit of the library, or a .toml or .json file.")
    ] = None,
    *,
    given: dict[str, Any],
    request: Annotated[
        Path | None, typer.Option(help="All that follows, declared in a TOML file.")
    ] = None,
    backends: Annotated[
        str | None,
        typer.Option(
            "--backends", "--backend", help="Simulators, with commas; the first is the reference."
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Number of seeds, 1 to N; self-test: a side.", min=1)
    ] = None,
    until_decided: Annotated[
        bool | None,
        typer.Option(
            "--until-decided",
            help="Add seeds until the verdict is decided: pairs on shared synapses, 10 s each.",
        ),
    ] = None,
    max_seeds: Annotated[
        int | None, typer.Option(help="Until decided: seeds at the last look; 20.", min=3)
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Until decided: wall time of all runs, such as 20min.")
    ] = None,
    self_test: Annotated[
        bool,
        typer.Option("--self-test", help="One backend against itself and against wrong networks."),
    ] = False,
    mutants: Annotated[
        str | None, typer.Option(help="Self-test: names with commas, or none; all.")
    ] = None,
    splits: Annotated[
        int | None, typer.Option(help="Self-test: random splits of the seeds; 200.", min=1)
    ] = None,
    dt: Dt = None,
    warmup: Warmup = None,
    duration: Duration = None,
    threads: Threads = None,
    ranks: Ranks = None,
    connectivity: Annotated[str | None, typer.Option(help="native or shared.")] = None,
    noise: NoiseOfEach = None,
    approximate: Approximate = None,
    option: BackendsOption = None,
    margin: MarginOption = None,
    statistics: StatisticOption = None,
    cue_angles: Annotated[str | None, typer.Option(help=CUE_ANGLES)] = None,
    ladder: Annotated[
        bool | None,
        typer.Option("--ladder", help="Climb the ladder too, on a small network of the kind."),
    ] = None,
    sets: Set = None,
    jobs: Jobs = None,
    memory: Memory = None,
    out: Out = DEFAULT_FOLDER,
    force: Force = False,
    time_limit: TimeLimit = None,
    as_json: Json = False,
) -> None:
    """Say whether simulators give the same activity, within margins declared before the runs."""
    said = Said(
        circuit=circuit, given=given, backends=backends, seeds=seeds, dt=dt, warmup=warmup,
        duration=duration, threads=threads, ranks=ranks, connectivity=connectivity,
        noise=noise, approximate=approximate, option=option, margin=margin, statistics=statistics,
        cue_angles=cue_angles, ladder=ladder, sets=sets, until_decided=until_decided,
        max_seeds=max_seeds, budget=budget,
    )  # fmt: skip
    if not self_test and (mutants, splits) != (None, None):
        raise UsageError("--mutants and --splits: only with --self-test")
    if not until_decided and (max_seeds, budget) != (None, None) and request is None:
        raise UsageError("--max-seeds and --budget: only with --until-decided")
    if until_decided and (seeds is not None or self_test):
        raise UsageError(
            "--until-decided finds the number of seeds itself: give --max-seeds, and neither "
            "--seeds nor --self-test"
        )
    if request is not None and self_test:
        raise UsageError("--self-test is declared by options; leave away --request")
    if request is None:
        declared = _declared(said, sides=2 if self_test else 1)
    else:
        declared = _read(request, said)
    how = {"force": force, "time_limit": time_limit, "room": room_of(jobs, memory)}
    if self_test:
        code = _self_test(declared, out, mutants, splits, as_json, rebuild=said.rebuild(), **how)
        raise typer.Exit(code)
    judge(declared, out, as_json, **how)


def _read(request: Path, said: Said) -> ValidationRequest:
    """Return the request that a file declares, and options do not."""
    from netspec.validation.campaign.request import read_request

    if names := said.names():
        raise UsageError(f"--request {request}: it declares all; leave away: {', '.join(names)}")
    return read_request(request)


def _declared(said: Said, sides: int) -> ValidationRequest:
    """Return the request that the options declare, with seeds for so many sides."""
    from netspec.validation.campaign.request import ValidationRequest, usual_duration

    if said.circuit is None:
        raise UsageError("expected a circuit, a file, or --request FILE.toml")
    looks = _looks(said)
    network, simulation = network_of(said.circuit, said.given)
    if looks is not None:
        simulation = simulation.model_copy(update=usual_duration(network))
    times = {"dt": said.dt, "warmup": said.warmup, "duration": said.duration}
    network, simulation = adjusted(network, simulation, said.sets, times)
    small = None
    if said.ladder:
        climbed = climbed_network(said.circuit, said.given)
        small = adjusted(climbed, simulation, said.sets, {})[0]
    number = looks.most if looks else (3 if said.seeds is None else said.seeds) * sides
    margins = margins_of(said.margin, said.statistics)
    return ValidationRequest(
        network=network,
        simulation=simulation,
        backends=backend_requests(said, looks),
        seeds=tuple(range(1, number + 1)),
        margins=margins,
        cue_angles=tuple(names_of([said.cue_angles or ""])),
        ladder=small,
        looks=looks,
    )


def _looks(said: Said) -> Looks | None:
    """Return when the verdict is asked for, if it is asked for until it is decided."""
    from netspec.validation.campaign.request import UntilDecided

    if not said.until_decided:
        return None
    most = {} if said.max_seeds is None else {"max_seeds": said.max_seeds}
    return UntilDecided(**most, budget=said.budget).looks()


def backend_requests(said: Said, looks: Looks | None) -> tuple[BackendRequest, ...]:
    """Return how each simulator runs."""
    from netspec.validation.campaign.request import BackendRequest, usual_connectivity

    names = backends_of(said.backends or "nest,brian2")
    options, noise = options_of(said.option, names), _noise_of(said.noise or "native", names)
    threads, ranks = said.threads, said.ranks
    if ranks is not None and not any(get_backend(name).mpi for name in names):
        raise UsageError(f"--ranks {ranks}: {', '.join(names)} run in one process")
    return tuple(
        BackendRequest(
            name=name,
            connectivity=said.connectivity or usual_connectivity(looks),
            noise=noise[name],
            threads=threads if get_backend(name).threaded else None,
            ranks=ranks if ranks is not None and get_backend(name).mpi else 1,
            approximations=tuple(names_of(said.approximate)),
            options=options[name],
        )
        for name in names
    )


def _noise_of(text: str, names: list[str]) -> dict[str, Any]:
    """Return backend -> who draws its Poisson events: one word for all, or NAME=shared for some."""
    if "=" not in text:
        return dict.fromkeys(names, drive_of(text))
    given = pairs(names_of([text]), "--noise")
    if strange := [name for name in given if name not in names]:
        raise UsageError(f"--noise: {unknown('backend', strange[0], names)}")
    return {name: drive_of(given.get(name, "native")) for name in names}


def _rebuilt(
    circuit: str, given: dict[str, Any], sets: list[str] | None, **options: Any
) -> Network:
    """Build a circuit again with some of its options replaced."""
    return adjusted(*network_of(circuit, given | options), sets, {})[0]


def room_of(jobs: int | None, memory: str | None) -> Room:
    """Return what runs may use together, from ``--jobs`` and ``--memory``."""
    from netspec.validation.campaign.ensemble import Room

    return Room(jobs, None if memory is None else _bytes(memory))


def _bytes(text: str) -> int:
    """Read ``8GiB`` or ``500 MB``."""
    number = text.strip().rstrip("BKMGIbkmgi")
    unit = text.strip()[len(number) :].upper()
    try:
        size = float(number) * UNITS[unit]
        if not 0 < size < 2**63:
            raise ValueError
    except (KeyError, ValueError):
        raise UsageError(f"--memory {text!r}: expected a size such as 8GiB or 500MB") from None
    return int(size)


def judge(declared: ValidationRequest, out: Path, as_json: bool, **how: Any) -> None:
    """Run what is not there yet, judge, write all files and show the verdict."""
    from netspec.cli.terminal import progress_bar
    from netspec.validation.campaign import validating
    from netspec.validation.campaign.summary import write_provenance
    from netspec.validation.report import page as report

    if len(declared.backends) < 2 and not validating.published(declared.network):
        raise UsageError(
            f"backends {', '.join(declared.names)}: expected two or more to compare; one is enough "
            f"for a network with published values, {_published()}"
        )
    name = declared.network.name
    if (number := len(declared.seeds)) > ENOUGH and not left_to_chance(declared.network):
        print(
            f"warning: nothing in {name} is left to chance, every seed gives the same run: "
            f"--seeds {ENOUGH} would say as much as {number}",
            file=sys.stderr,
        )
    with progress_bar(name, quiet=as_json) as progress:
        done = validating.validate(declared, out, progress=progress, **how)
    summary = done.summary
    data = summary.write(out / f"{name}-validation.json")
    write_provenance(out / f"{name}-validation-provenance.json", done.done)
    runs = [entry.run for entry in done.done if entry.run is not None]
    page = report.write(out / f"{name}-report.html", summary, runs)
    tell(summary, runs, data, page, as_json)


def _published() -> str:
    """Say which networks have published values: "the microcircuit at full scale"."""
    return ", ".join(entry.what for circuit in usable() for entry in circuit.published) or "none"


def _self_test(
    declared: ValidationRequest,
    out: Path,
    mutants: str | None,
    splits: int | None,
    as_json: bool,
    **how: Any,
) -> int:
    """Run the self-test, write and show its result; return its exit code."""
    from netspec.cli.terminal import console, progress_bar
    from netspec.validation.campaign import selftest

    name = declared.network.name
    chosen = None if mutants is None else [n for n in names_of([mutants]) if n != "none"]
    with progress_bar(name, quiet=as_json) as progress:
        result = selftest.self_test(
            declared, out, mutants=chosen, splits=splits or selftest.SPLITS, progress=progress,
            **how,
        )  # fmt: skip
    command = shlex.join(["netspec", *sys.argv[1:]])
    result = result.model_copy(update={"command": command})
    file = result.write(out / f"{name}-{result.backend}-selftest.json")
    if as_json:
        print_json({**result.to_dict(), "file": str(file)})
    else:
        title = f"{name} on {result.backend}, {result.seeds_a_side} seeds a side"
        console.print(title)
        console.print(result.text(), soft_wrap=True)
        console.print(f"result: {file}", soft_wrap=True)
    return result.exit_code
