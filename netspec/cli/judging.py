"""Commands that judge: ladder, validate, compare, report."""

from __future__ import annotations

import functools
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from netspec.backend import backend_names
from netspec.circuits import CIRCUITS
from netspec.cli.options import (
    Approximate,
    BackendsOption,
    CircuitOrFile,
    Dt,
    Duration,
    Force,
    Json,
    Out,
    Ranks,
    Seed,
    Set,
    Threads,
    TimeLimit,
    Warmup,
    adjusted,
    app,
    backends_of,
    circuit_command,
    climbed_network,
    names_of,
    network_of,
    options_of,
    print_json,
)
from netspec.errors import UsageError
from netspec.running import DEFAULT_FOLDER
from netspec.simulation import Simulation

if TYPE_CHECKING:  # validation brings SciPy, which `netspec list` does without
    from netspec.network import Network
    from netspec.validation.margins import Margins
    from netspec.validation.request import ValidationRequest
    from netspec.validation.summary import Summary

MarginOption = Annotated[
    list[str] | None,
    typer.Option("--margin", help="NAME=VALUE, such as rate=5% or lv=0.02. Repeat, or use commas."),
]
StatisticOption = Annotated[
    str | None,
    typer.Option("--statistics", help="Those to judge, with commas (W1: distributions); all."),
]
# What a request file says, and options may not say again beside it.
DECLARED = (
    "backends", "seeds", "dt", "warmup", "duration", "threads", "ranks", "connectivity",
    "approximate", "option", "margin", "statistics", "cue_angles", "ladder", "sets",
)  # fmt: skip
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


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
    from netspec.terminal import console, progress_bar, table
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
    approximate: Approximate = None,
    option: BackendsOption = None,
    margin: MarginOption = None,
    statistics: StatisticOption = None,
    cue_angles: Annotated[
        str | None, typer.Option(help="Ring: present its one cue at each of these angles.")
    ] = None,
    ladder: Annotated[
        bool | None,
        typer.Option("--ladder", help="Climb the ladder too, on a small network of the kind."),
    ] = None,
    sets: Set = None,
    jobs: Annotated[
        int | None, typer.Option(help="Runs side by side; as many as processors.", min=1)
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="That runs side by side may need, such as 8GiB.")
    ] = None,
    out: Out = DEFAULT_FOLDER,
    force: Force = False,
    time_limit: TimeLimit = None,
    as_json: Json = False,
) -> None:
    """Say whether simulators give the same activity, within margins declared before the runs."""
    from netspec.terminal import progress_bar
    from netspec.validation import report, validating
    from netspec.validation import request as requests
    from netspec.validation.ensemble import Room
    from netspec.validation.summary import write_provenance

    local = locals()
    if not self_test and (mutants, splits) != (None, None):
        raise UsageError("--mutants and --splits: only with --self-test")
    if request is not None and self_test:
        raise UsageError("--self-test is declared by options; leave away --request")
    if request is not None:
        extra = [name for name in DECLARED if local[name] is not None]
        extra += [name for name, value in given.items() if value]
        if circuit is not None or extra:
            named = ", ".join([*([circuit] if circuit else []), *extra])
            raise UsageError(f"--request {request}: it declares all; leave away: {named}")
        declared = requests.read_request(request)
    elif circuit is None:
        raise UsageError("expected a circuit, a file, or --request FILE.toml")
    else:
        network, simulation = network_of(circuit, given)
        times = {"dt": dt, "warmup": warmup, "duration": duration}
        network, simulation = adjusted(network, simulation, sets, times)
        small = None
        if ladder:
            small = adjusted(climbed_network(circuit, given), simulation, sets, {})[0]
        number = (3 if seeds is None else seeds) * (2 if self_test else 1)  # of both sides
        declared = _declared(
            network, simulation, backends or "nest,brian2", number, connectivity or "native",
            threads, ranks, approximate, option, _margins(margin, statistics), cue_angles, small,
        )  # fmt: skip
    room = Room(jobs, None if memory is None else _bytes(memory))
    if self_test:
        rebuild = functools.partial(_rebuilt, circuit, given, sets) if circuit in CIRCUITS else None
        code = _self_test(
            declared, out, mutants, splits, as_json,
            rebuild=rebuild, force=force, time_limit=time_limit, room=room,
        )  # fmt: skip
        raise typer.Exit(code)
    if len(declared.backends) < 2 and not validating.published(declared.network):
        raise UsageError(
            f"backends {', '.join(declared.names)}: expected two or more to compare; one is enough "
            "for a network with published values, the microcircuit at full scale"
        )
    name = declared.network.name
    with progress_bar(name, quiet=as_json) as progress:
        done = validating.validate(
            declared, out, force=force, time_limit=time_limit, room=room, progress=progress
        )
    summary = done.summary
    data = summary.write(out / f"{name}-validation.json")
    write_provenance(out / f"{name}-validation-provenance.json", done.done)
    runs = [entry.run for entry in done.done if entry.run is not None]
    page = report.write(out / f"{name}-report.html", summary, runs)
    _tell(summary, data, page, as_json)


@app.command()
def compare(
    reference: Annotated[
        Path, typer.Argument(help="Folder of result files or of TOML files that describe spikes.")
    ],
    other: Annotated[Path, typer.Argument(help="The same, of the other side.")],
    margin: MarginOption = None,
    statistics: StatisticOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for NETWORK-validation.json and the report.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge results that exist: of netspec, or spikes of any script. Nothing is run."""
    from netspec.validation import report
    from netspec.validation.existing import judge_sides, load_sides

    sides = load_sides(reference, other)
    summary = judge_sides(sides, _margins(margin, statistics))
    data = page = None
    if out is not None:
        data = summary.write(out / f"{summary.network.name}-validation.json")
        runs = [run for side in sides.values() for run in side]
        page = report.write(out / f"{summary.network.name}-report.html", summary, runs)
    _tell(summary, data, page, as_json)


@app.command("report")
def make_report(
    result: Annotated[
        Path, typer.Argument(help="NETWORK-validation.json, or the folder of only one.")
    ],
    runs: Annotated[
        list[Path] | None, typer.Option(help="Folder of run files; where the JSON file lies.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write; NETWORK-report.html beside the JSON file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the page and JUnit XML of a validation anew; the verdict stays as it is."""
    from netspec.terminal import console
    from netspec.validation import report, sections
    from netspec.validation.summary import load_summary

    data = report.find(result)
    summary = load_summary(data)
    found = sections.open_runs(summary, runs or [data.parent])
    target = out or data.with_name(f"{summary.network.name}-report.html")
    page = report.write(target, summary, found)
    if page is None:
        raise UsageError("no matplotlib or jinja2. To get them: pip install 'netspec-snn[report]'")
    if as_json:
        print_json({"report": str(page), "runs": len(found)})
    else:
        console.print(f"report: {page}", soft_wrap=True)


def _declared(
    network: Network,
    simulation: Simulation,
    backends: str,
    seeds: int,
    connectivity: str,
    threads: int | None,
    ranks: int | None,
    approximate: list[str] | None,
    option: list[str] | None,
    margins: Margins,
    cue_angles: str | None,
    ladder: Network | None,
) -> ValidationRequest:
    """Return the request that the options declare."""
    from netspec.backend import get_backend
    from netspec.validation.request import BackendRequest, ValidationRequest

    names = backends_of(backends)
    options = options_of(option, names)
    if ranks is not None and not any(get_backend(name).mpi for name in names):
        raise UsageError(f"--ranks {ranks}: {', '.join(names)} run in one process")
    chosen = tuple(
        BackendRequest(
            name=name,
            connectivity=connectivity,
            threads=threads if get_backend(name).threaded else None,
            ranks=ranks if ranks is not None and get_backend(name).mpi else 1,
            approximations=tuple(names_of(approximate)),
            options=options[name],
        )
        for name in names
    )
    return ValidationRequest(
        network=network,
        simulation=simulation,
        backends=chosen,
        seeds=tuple(range(1, seeds + 1)),
        margins=margins,
        cue_angles=tuple(names_of([cue_angles or ""])),
        ladder=ladder,
    )


def _rebuilt(
    circuit: str, given: dict[str, Any], sets: list[str] | None, **options: str
) -> Network:
    """Build a circuit again with some of its options replaced."""
    return adjusted(*network_of(circuit, given | options), sets, {})[0]


def _self_test(
    declared: ValidationRequest,
    out: Path,
    mutants: str | None,
    splits: int | None,
    as_json: bool,
    **how: Any,
) -> int:
    """Run the self-test, write and show its result; return its exit code."""
    from netspec.terminal import console, progress_bar
    from netspec.validation import selftest

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


def _margins(given: list[str] | None, statistics: str | None) -> Margins:
    from netspec.validation.margins import Margins

    declared = Margins().declare_text(",".join(given or []))
    return declared.only(None if statistics is None else names_of([statistics]))


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


def _tell(summary: Summary, data: Path | None, page: Path | None, as_json: bool) -> NoReturn:
    """Print the verdict and where its files lie, and end with its exit code."""
    from netspec.terminal import console

    files = {"verdict": data, "report": page}
    if as_json:
        found = {name: str(path) for name, path in files.items() if path is not None}
        print_json({**summary.model_dump(mode="json"), "files": found})
    else:
        _show(summary)
        for name, path in files.items():
            if path is not None:
                console.print(f"{name}: {path}", soft_wrap=True)
    raise typer.Exit(summary.exit_code)


def _show(summary: Summary) -> None:
    """Print the verdict first, then what it rests on."""
    from netspec.terminal import console, table
    from netspec.validation import tables

    name = summary.network.name
    for entry in summary.comparisons:
        if entry.verdict is not None:
            title = f"{entry.other} against {entry.reference}: the worst population of each"
            table(title, *tables.verdict_table(entry))
    table(f"{name}: mean rate over seeds +- SD (1/s)", *tables.rate_table(summary))
    if summary.ring is not None and summary.ring.trials:
        table("Trials", *tables.trial_table(summary))
    elif summary.ring is not None:
        console.print(f"ring: {summary.ring.note}")
    for run in summary.failures:
        console.print(f"failed: {run.backend}, seed {run.seed}: {run.error}")
    for entry in summary.comparisons:
        for text in entry.notes:
            console.print(f"note: {text}")
        if entry.left_out:
            console.print(f"undefined in all runs, left out: {', '.join(entry.left_out)}")
    for text in tables.ladder_lines(summary):
        console.print(text)
    for entry in summary.comparisons:
        console.print(tables.headline(entry))
        needed = tables.seeds_needed(entry)
        if needed is not None:
            console.print(f"  {needed} seeds a side would be needed for the open ones")
