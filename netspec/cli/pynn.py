"""The command that judges what a PyNN script describes: pynn."""

from __future__ import annotations

import contextlib
import importlib.util
import runpy
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspec.cli.judging import Said, backend_requests, judge, room_of
from netspec.cli.options import (
    Approximate,
    BackendsOption,
    Connectivity,
    Force,
    Jobs,
    Json,
    Memory,
    NoiseOfEach,
    Out,
    Ranks,
    Threads,
    TimeLimit,
    Warmup,
    app,
    backends_of,
    names_of,
    options_of,
    print_json,
    refuse_existing,
)
from netspec.cli.verdicts import MarginOption, StatisticOption, margins_of
from netspec.describe import serialization
from netspec.describe.chance import left_to_chance
from netspec.describe.simulation import Simulation
from netspec.errors import BackendMissing, NetspecError, UsageError
from netspec.execute.contract import get_backend
from netspec.execute.running import DEFAULT_FOLDER
from netspec.whole_files import write_text

if TYPE_CHECKING:  # it imports PyNN
    from netspec.pynn.state import Segment

# what is not known here is the script's, wherever it stands; behind `--` everything is
WITH_SCRIPT = {"allow_extra_args": True, "ignore_unknown_options": True}
NEEDED = "PyNN is not installed: pip install 'netspec-snn[pynn]'"


@app.command("pynn", context_settings=WITH_SCRIPT)
def judge_script(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(help="A PyNN script; its own arguments follow.")],
    *,
    backends: Annotated[
        str, typer.Option(help="Simulators, with commas; the script itself runs on the first.")
    ] = "nest,brian2",
    seeds: Annotated[int | None, typer.Option(help="Number of seeds, 1 to N; 3.", min=1)] = None,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="Climb the ladder too, of at most 3000 neurons.")
    ] = False,
    segment: Annotated[
        int | None, typer.Option(help="Which of the segments between reset(); the last.", min=1)
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the description (.toml) and judge nothing.")
    ] = None,
    instead_of: Annotated[
        str | None,
        typer.Option(help="The script's `import pyNN.NAME` gets netspec: nest, neuron, ..."),
    ] = None,
    warmup: Warmup = None,
    threads: Threads = None,
    ranks: Ranks = None,
    connectivity: Connectivity = "shared",
    noise: NoiseOfEach = "shared",
    approximate: Approximate = None,
    option: BackendsOption = None,
    margin: MarginOption = None,
    statistics: StatisticOption = None,
    jobs: Jobs = None,
    memory: Memory = None,
    out: Out = DEFAULT_FOLDER,
    force: Force = False,
    time_limit: TimeLimit = None,
    as_json: Json = False,
) -> None:
    """Run a PyNN script, and say whether simulators give the activity that it describes."""
    from netspec.validation.campaign.request import ValidationRequest

    names = backends_of(backends)
    for name in names:  # before the script takes its time
        get_backend(name)
    if write is not None:
        _check_target(write, force)
    if len(names) < 2 and write is None:
        raise UsageError(f"--backends {backends}: expected two or more to compare, or --write")
    forced: dict[str, Any] = {
        "backend": names[0],
        "out": out,
        "approximations": tuple(names_of(approximate)),
        "options": options_of(option, names)[names[0]],
        **({} if threads is None else {"threads": threads}),
    }
    try:
        found = recorded(script, context.args, forced, instead_of, quiet=as_json)
        chosen = _segment(found, segment, script)
        network = chosen.network
        simulation = _counted_from(chosen.simulation, warmup)
        if write is not None:
            _write(write, chosen, simulation, as_json)
            return
        said = Said(
            circuit=None, given={}, backends=backends, seeds=seeds, dt=None, warmup=warmup,
            duration=None, threads=threads, ranks=ranks, connectivity=connectivity, noise=noise,
            approximate=approximate, option=option, margin=margin, statistics=statistics,
            cue_angles=None, ladder=ladder, sets=None, until_decided=None, max_seeds=None,
            budget=None,
        )  # fmt: skip
        declared = ValidationRequest(
            network=network,
            simulation=simulation,
            backends=backend_requests(said, None),
            seeds=tuple(range(1, _number(seeds, chosen) + 1)),
            margins=margins_of(margin, statistics),
            ladder=network if ladder else None,
        )
        room = room_of(jobs, memory)
        judge(declared, out, as_json, force=force, time_limit=time_limit, room=room)
    except KeyboardInterrupt:
        kept = "interrupted: finished runs are kept; the same command goes on from there"
        print(kept, file=sys.stderr)
        raise typer.Exit(130) from None


def recorded(
    script: Path,
    arguments: Sequence[str],
    forced: dict[str, Any],
    instead_of: str | None = None,
    quiet: bool = False,
) -> list[Segment]:
    """Run a script to its end and return its segments.

    Parameters
    ----------
    script : Path
    arguments : sequence of str
        What it finds in ``sys.argv`` behind its own name.
    forced : dict
        Settings (`netspec.pynn.state.Settings`) that hold whatever the script says.
    instead_of : str, optional
        A simulator of PyNN; who imports it gets netspec.
    quiet : bool
        What the script prints goes to the standard error.

    Raises
    ------
    BackendMissing
        If PyNN is not installed.
    UsageError
        If there is no such script, or it fails. Its traceback has been printed by then.
    NetspecError
        What netspec has raised to the script, likewise.
    """
    if importlib.util.find_spec("pyNN") is None:
        raise BackendMissing(NEEDED)
    if not script.is_file():
        raise UsageError(f"{script}: no such script")
    from netspec import pynn

    found: list[Segment]
    output = contextlib.redirect_stdout(sys.stderr) if quiet else contextlib.nullcontext()
    with (
        output,
        _as_started(script, arguments),
        _stand_in(pynn, instead_of),
        pynn.simulator.collecting(**forced) as found,
    ):
        _run(script)
    sys.stdout.flush()
    return found


@contextlib.contextmanager
def _as_started(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Give a script the command line and the folder of modules that Python would give it."""
    before = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before


@contextlib.contextmanager
def _stand_in(module: Any, name: str | None) -> Iterator[None]:
    """Let ``pyNN.NAME`` be `module` for a while."""
    if name is None:
        yield
        return
    import pyNN

    missing = object()
    key = f"pyNN.{name}"
    before = sys.modules.get(key), getattr(pyNN, name, missing)
    sys.modules[key] = module
    setattr(pyNN, name, module)
    try:
        yield
    finally:
        sys.modules.pop(key)
        delattr(pyNN, name)
        if before[0] is not None:
            sys.modules[key] = before[0]
        if before[1] is not missing:
            setattr(pyNN, name, before[1])


def _run(script: Path) -> None:
    """Run a script as ``python SCRIPT`` does; its errors are told as Python tells them."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as left:
        if left.code not in (None, 0):
            raise UsageError(f"{script} ended itself: {left.code}") from None
    except Exception as error:
        _tell(error, script)
        if isinstance(error, NetspecError):
            raise
        what = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        raise UsageError(f"{script} failed by itself: {what}") from None


def _tell(error: Exception, script: Path) -> None:
    """Print the traceback of an error, from the script's own first line on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != str(script):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)  # None: it could not be read


def _segment(found: Sequence[Segment], number: int | None, script: Path) -> Segment:
    """Return the segment that is asked for.

    Raises
    ------
    UsageError
        If there is none.
    """
    if not found:
        other = [
            name for name in ("nest", "neuron", "brian2", "arbor") if f"pyNN.{name}" in sys.modules
        ]
        hint = (
            f"; it runs on pyNN.{other[0]}: add --instead-of {other[0]}"
            if other
            else "; it is to take its simulator from pyNN.netspec and to call run()"
        )
        raise UsageError(f"{script}: nothing was run on netspec{hint}")
    if number is not None and number > len(found):
        raise UsageError(f"--segment {number}: {script} has {len(found)}")
    return found[-1 if number is None else number - 1]


def _counted_from(simulation: Simulation, warmup: str | None) -> Simulation:
    """Return a simulation as long as the script's, of which a warm-up is not counted.

    Raises
    ------
    UsageError
        If nothing is left to count.
    """
    if warmup is None:
        return simulation
    given = Simulation(**{**simulation.model_dump(), "warmup": warmup})
    left = simulation.duration - given.warmup
    if left <= 0:
        raise UsageError(f"--warmup {warmup}: the script runs {simulation.duration:g} ms in all")
    return given.model_copy(update={"duration": round(left, 9)})


def _number(seeds: int | None, chosen: Segment) -> int:
    """Return how many seeds are run: one if the network is the same with all of them."""
    asked = 3 if seeds is None else seeds
    if asked > 1 and not left_to_chance(chosen.network):
        print(
            f"nothing in {chosen.network.name} is left to chance: every seed gives the same run, "
            "and one is made on each simulator. What was drawn beforehand (connections, values, "
            "spikes of renewal processes) is part of the network; another draw of it is another "
            "seed in the script.",
            file=sys.stderr,
        )
        return 1
    return asked


def _check_target(target: Path, force: bool) -> None:
    """Raise if a description cannot be written there."""
    if target.suffix != ".toml":
        raise UsageError(f"--write {target}: expected a name that ends in .toml")
    refuse_existing(target, force)


def _write(target: Path, chosen: Segment, simulation: Simulation, as_json: bool) -> None:
    """Write a description with its simulation, for all other commands."""
    from netspec.cli.terminal import console

    write_text(target, serialization.to_toml(chosen.network, simulation))
    digest = serialization.spec_hash(chosen.network)
    if as_json:
        print_json({"file": str(target), "spec_hash": digest})
        return
    console.print(f"written: {target}, spec hash {digest}", soft_wrap=True)
    command = shlex.join(["netspec", "validate", str(target)])
    console.print(f"next: {command} --backends nest,brian2", soft_wrap=True)
