"""What every backend promises, whatever it simulates."""

from __future__ import annotations

from pathlib import Path

import pytest

import netspec
from netspec import CurrentInput, Simulation
from netspec.errors import BackendMissing, SimulationFailed, UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.execute.recording import PHASES
from netspec.execute.running import planned, result_path
from netspec.testing.parts import network, neuron, trains


def driven(size=3):
    current = CurrentInput(name="dc", target="A", amplitude=500.0)
    return network("driven", [neuron("A", size)], current_inputs=[current])


def test_a_second_run_finds_the_file_of_the_first(simulate):
    first = simulate(driven(), 20.0)
    written = first.file.stat().st_mtime_ns, first.file.stat().st_ino
    seen = []
    again = simulate(driven(), 20.0, progress=lambda *phase: seen.append(phase))
    assert again.file == first.file and not seen
    assert (again.file.stat().st_mtime_ns, again.file.stat().st_ino) == written
    forced = simulate(driven(), 20.0, force=True, progress=lambda *phase: seen.append(phase))
    assert forced.file == first.file and seen
    assert forced.file.stat().st_mtime_ns > written[0]
    assert trains(forced, "A") == trains(first, "A") == [[139]] * 3
    assert "simulate" in {phase for phase, _ in seen}
    assert all(0 <= fraction <= 1 for _, fraction in seen)


def test_a_result_says_where_it_comes_from(simulate, backend, agreed):
    manifest = simulate(driven(), 20.0).manifest
    assert manifest["versions"][backend] == get_backend(backend).status().version
    assert manifest["spec_hash"] == netspec.spec_hash(driven())
    assert {*PHASES, "total"} <= set(manifest["seconds"])
    assert manifest["peak_memory_mib"] > 10
    assert (manifest["ranks"], manifest["threads"], manifest["virtual_processes"]) == (1, 1, 1)
    after = manifest["memory_mib"]
    assert set(after) <= set(manifest["seconds"])
    assert all(10 < value < manifest["peak_memory_mib"] + 1 for value in after.values())
    assert [e["name"] for e in manifest["ledger"] if e["status"] != "exact"] == agreed


def test_the_estimate_of_memory_is_that_of_a_run(simulate, backend, declared):
    if declared.memory_within is None:
        pytest.skip(f"the estimate of {backend} is not declared to be fitted to measurements")
    circuit = netspec.circuits.microcircuit("pygenn", scale=0.1)
    run, chosen = simulate(circuit, 5.0), get_backend(backend)
    request = RunRequest(network=circuit, backend=backend)
    estimate = chosen.memory([chosen.plan(request)]) / 2**20
    assert run.manifest["peak_memory_mib"] == pytest.approx(estimate, rel=declared.memory_within)


def processes_of(file):
    """Return the processes whose command line names a file."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            words = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(file).encode() in words and state not in "ZX":
            found.append(process.name)
    return found


def test_a_run_past_its_time_limit_is_killed_and_leaves_nothing(backend, results):
    endless = Simulation(dt=0.1, warmup=0.0, duration=1e8, seed=1)
    request = RunRequest(network=driven(), simulation=endless, backend=backend)
    file = result_path(planned(request), results)
    with pytest.raises(SimulationFailed, match="took longer than 3 s and was killed"):
        netspec.run(driven(), backend, endless, threads=1, out=results, time_limit=3.0)
    assert not processes_of(file)
    assert not [path for path in results.iterdir() if path.name.startswith(f".{file.name}")]
    assert not file.exists()


def test_threads_are_used_or_refused(simulate, backend):
    if get_backend(backend).threaded:
        run = simulate(driven(), 20.0, threads=2)
        assert run.manifest["threads"] == 2
        assert trains(run, "A") == [[139]] * 3
    else:
        assert get_backend(backend).default_threads() == 1
        with pytest.raises(UsageError, match=f"{backend} runs on one thread, given 2"):
            simulate(driven(), 20.0, threads=2)


def test_ranks_are_refused_where_there_are_none(simulate, backend):
    chosen = get_backend(backend)
    if not chosen.mpi:
        with pytest.raises(UsageError, match=f"{backend} runs in one process, given 2 ranks"):
            simulate(driven(), 20.0, ranks=2)
    elif chosen.details().get("MPI") != "yes":
        with pytest.raises(BackendMissing, match=r"without MPI.*given 2 ranks"):
            simulate(driven(), 20.0, ranks=2)
    else:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(BackendMissing, match="launcher"):
            patch.setenv("NETSPEC_MPIEXEC", "no-such-launcher --flag")
            simulate(driven(), 20.0, ranks=2)


def test_an_option_that_does_not_exist_is_refused_with_those_that_do(simulate, backend):
    options = get_backend(backend).options
    if not options:
        with pytest.raises(UsageError, match="no option 'speed'"):
            simulate(driven(), 20.0, options={"speed": "1"})
        return
    name, option = next(iter(options.items()))
    with pytest.raises(UsageError, match=f"no option '{name}x'; allowed.*mean '{name}'"):
        simulate(driven(), 20.0, options={f"{name}x": "1"})
    with pytest.raises(UsageError, match=f"given 'never'; allowed: {option.allowed[0]}"):
        simulate(driven(), 20.0, options={name: "never"})
