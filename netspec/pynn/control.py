"""What begins, runs and ends a script: ``setup``, ``run``, ``reset``, ``end``, and the queries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pyNN import common
from pyNN.common.control import DEFAULT_MAX_DELAY, DEFAULT_MIN_DELAY, DEFAULT_TIMESTEP
from pyNN.recording import get_io

from netspec.describe.network import Network
from netspec.describe.serialization import to_toml
from netspec.errors import UsageError
from netspec.execute.contract import get_backend
from netspec.execute.ledger import Ledger
from netspec.execute.request import RunRequest
from netspec.pynn import state as simulator
from netspec.pynn.carried import steps_of, tell
from netspec.whole_files import write_text

state = simulator.state
# by what launchers of MPI tell their processes
RANKS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE")
# settings that change no result, or that are read here
NO_MATTER = {
    "max_delay", "label", "rng_seed", "num_processes", "rank", "filename", "file", "verbosity",
    "debug", "recording_precision", "t_flush", "data_path", "allow_update_on_post",
}  # fmt: skip


def setup(
    timestep: float = DEFAULT_TIMESTEP,
    min_delay: float | str = DEFAULT_MIN_DELAY,
    *,
    backend: str | None = None,
    seed: int | None = None,
    threads: int | None = None,
    approximations: Any = None,
    options: dict[str, Any] | None = None,
    out: Any = None,
    spike_precision: str = "on_grid",
    **extra_params: Any,
) -> int:
    """Begin anew: forget all that was made, and say how it will be run.

    Parameters
    ----------
    timestep : float
        In ms. Spikes and events lie on the grid of these steps.
    min_delay : float or "auto"
        Smallest delay in ms, which synapses have that say none; "auto" is one time step.
    backend : str, optional
        "nest" (the default), "brian2", "genn", "neuron" or any other adapter of netspec's; if
        absent, what the environment says in ``NETSPEC_PYNN_BACKEND``.
    seed : int, optional
        Of what netspec draws itself (Poisson events, noise); 1 if absent.
    threads : int, optional
        The adapter's default if absent.
    approximations : sequence of str, optional
        Entries of the adapter's ledger that are agreed to; "all" for every one.
    options : dict, optional
        Of the adapter, as ``--option`` at the command line.
    out : path, optional
        Folder of results; ``NETSPEC_PYNN_OUT``, or ``runs``, if absent.
    spike_precision : {"on_grid"}
        PyNN's other choice, "off_grid" (which is the default of ``pyNN.nest``), is refused.
    **extra_params
        ``max_delay``, ``label``, and ``rng_seed`` as another word for `seed`. What else PyNN's
        simulators are told is theirs: it is left alone, and told if it may matter.

    Returns
    -------
    int
        The rank, 0.

    Raises
    ------
    UsageError
        If spikes between time steps are asked for, the script runs on several processes, or a
        setting has a value that is not allowed.
    BackendMissing
        If no adapter has that name.
    """
    state.seal()
    common.setup(timestep, min_delay, **extra_params)
    if spike_precision != "on_grid":
        raise UsageError(
            f"setup: given spike_precision={spike_precision!r}; allowed: 'on_grid', or nothing. "
            "Spikes lie on the grid of time steps here: choose a smaller timestep"
        )
    ranks = max(int(os.environ.get(name, "1")) for name in RANKS)
    if max(ranks, extra_params.get("num_processes", 1)) > 1:
        raise UsageError(
            f"setup: {ranks} MPI processes; allowed: one. To run on several ranks, write the "
            "network by network('FILE.toml') and call netspec run FILE.toml --ranks N"
        )
    if not 0 < timestep < 1e9:
        raise UsageError(f"setup: given timestep={timestep!r}; allowed: a time above 0, in ms")
    state.clear()
    # labels that are not given are counted, and names key what is drawn: the same script, told
    # again in one process, has the same numbers
    common.Population._nPop = common.Projection._nProj = 0
    state.dt, state.shortest = float(timestep), min_delay
    state.longest = extra_params.get("max_delay", DEFAULT_MAX_DELAY)
    state.label = str(extra_params.get("label", ""))
    seed = extra_params.pop("rng_seed", None) if seed is None else seed
    if ignored := sorted(set(extra_params) - NO_MATTER):
        tell(f"setup: {', '.join(ignored)}: left alone, since netspec has no such setting")
    state.configure(
        {
            "backend": backend, "seed": seed, "threads": threads, "approximations": approximations,
            "options": options, "out": out,
        }
    )  # fmt: skip
    return state.mpi_rank


def end(compatible_output: bool = True) -> None:
    """Write what ``record`` was given files for."""
    for population, variables, file in state.write_on_end:
        population.write_data(get_io(file) if isinstance(file, str) else file, variables)
    state.write_on_end = []


_, _run_until = common.build_run(simulator)


def run_until(time_point: float, callbacks: Any = None) -> float:
    """Move the clock to a time in ms, on the way calling back at the times that are asked for."""
    state.weights.goal = steps_of(time_point, state.dt).item()
    return float(_run_until(time_point, callbacks))


def run(simtime: float, callbacks: Any = None) -> float:
    """Move the clock on by a time in ms, on the way calling back at the times that are asked for.

    Parameters
    ----------
    simtime : float
    callbacks : list of callable, optional
        Each is given the time, and returns when it is to be called again.

    Returns
    -------
    float
        Where the clock stands.
    """
    return run_until(state.t + simtime, callbacks)


run_for = run
reset = common.build_reset(simulator)
initialize = common.initialize
(
    get_current_time,
    get_time_step,
    get_min_delay,
    get_max_delay,
    num_processes,
    rank,
) = common.build_state_queries(simulator)


def ledger() -> Ledger:
    """Return what the adapter answers for all that the current segment needs; nothing is run.

    Raises
    ------
    UsageError
        If nothing was run yet.
    """
    segment, how = state.segment(), state.settings
    backend = get_backend(how.backend)
    request = RunRequest(
        network=segment.network,
        simulation=segment.simulation,
        backend=how.backend,
        connectivity="shared",
        drive="shared",
        threads=backend.default_threads(1) if how.threads is None else how.threads,
        approximations=how.approximations,
        options=dict(how.options),
    )
    found: Ledger = backend.plan(request).ledger
    return found


def network(file: str | None = None) -> Network:
    """Return the current segment as a network of netspec's.

    Parameters
    ----------
    file : str, optional
        A ``.toml`` to write it to as well, with how long it was run.

    Raises
    ------
    UsageError
        If nothing was run yet.
    """
    segment = state.segment()
    if file is not None:
        write_text(Path(file), to_toml(segment.network, segment.simulation))
    return segment.network
