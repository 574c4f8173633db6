"""Settings for all tests, and the conformance suite's backends, marks and count.

A test that takes the fixture `backend` runs once for every adapter that is installed. What a
backend does not do is marked, and the mark is strict: a cell that begins to work must lose it.

``notimpl``  nobody has written it yet
``notyet``   the simulator cannot do it yet
``never``    it cannot be done, as a matter of principle
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import netspec
from netspec.backend import backend_names, get_backend
from netspec.cli import main
from netspec.errors import UnsupportedError
from netspec.simulation import Simulation

settings.register_profile(
    "netspec",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("netspec")

STAND_IN = "cuda-stand-in"
MISSING = pytest.StashKey[str]()  # what there is no stand-in for CUDA for want of
REQUIRED = ("nest", "brian2")  # a suite that did not run them has not passed
CONFORMANCE = Path(__file__).parent / "conformance"
MARKS = {
    "notimpl": "not written yet",
    "notyet": "the simulator cannot do it yet",
    "never": "impossible in principle",
}
OUTCOMES = ("passed", "failed", "xfailed", "skipped")


def pytest_addoption(parser):
    group = parser.getgroup("netspec")
    devices = "of backends that run on several: cpu, cuda, or cuda-stand-in (see tests/cuda)"
    group.addoption("--device", default="cpu", help=devices)
    group.addoption("--precision", default="double", help="of backends that have a choice: single")
    group.addoption("--shards", default="auto", help="of GeNN: groups of a source population")
    group.addoption("--coupling", default="auto", help="of GeNN: host, waves, dense")
    group.addoption("--loop", default="auto", help="of GeNN: native, graph, python")
    group.addoption("--poisson", default="table", help="of GeNN: product")


def pytest_configure(config):
    if config.getoption("--device") == STAND_IN:
        sys.path.insert(0, str(Path(__file__).parent / "cuda"))
        import standin

        config.stash[MISSING] = standin.why_not()
        if not config.stash[MISSING]:
            os.environ.update(standin.at_hand())
    for name, meaning in MARKS.items():
        text = f"{name}(backends, reason, raises=UnsupportedError): {meaning}; a strict xfail"
        config.addinivalue_line("markers", text)


def pytest_collection_modifyitems(items):
    for item in items:
        backend = getattr(item, "callspec", None) and item.callspec.params.get("backend")
        if backend is None:
            continue
        if CONFORMANCE in item.path.parents:
            on = f"{backend} on ranks" if item.get_closest_marker("mpi") else backend
            if item.config.getoption("--device") == STAND_IN and backend == "genn":
                on = f"{backend} on the stand-in for CUDA"
            item.user_properties.append(("backend", on))
        for mark in (mark for name in MARKS for mark in item.iter_markers(name)):
            _expect_failure(item, backend, mark.name, *mark.args, **mark.kwargs)


def _expect_failure(item, backend, kind, backends, reason, raises=UnsupportedError):
    names = [backends] if isinstance(backends, str) else backends
    unknown = set(names) - {*backend_names(), *REQUIRED}
    if unknown:
        raise pytest.UsageError(f"{item.nodeid}: mark {kind} names {', '.join(sorted(unknown))}")
    if backend in names:
        mark = pytest.mark.xfail(reason=f"{kind}: {reason}", raises=raises, strict=True)
        item.add_marker(mark)


@pytest.fixture(name="netspec")
def command(monkeypatch, capsys):
    """Run the command in this process; return exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return left.value.code or 0, out, err

    return run


@pytest.fixture(scope="session", params=backend_names())
def backend(request):
    """Give the name of a backend whose simulator is installed."""
    status = get_backend(request.param).status()
    if not status.available:
        pytest.skip(f"{request.param} is not installed. {status.how_to_get}")
    if request.param == "genn" and (missing := request.config.stash.get(MISSING, "")):
        pytest.skip(f"NO CODE FOR A GPU IS RUN: {missing}")
    return request.param


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Give the folder of result files; tests that ask for the same run share it."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def asked(backend, request):
    """Give the options of the command line that the backend has."""
    names = ("device", "precision", "shards", "coupling", "loop", "poisson")
    given = {name: request.config.getoption(name) for name in names}
    if given["device"] == STAND_IN:
        given["device"] = "cuda"
    return {name: value for name, value in given.items() if name in get_backend(backend).options}


@pytest.fixture(scope="session")
def agreed(asked):
    """Give the names of the approximations that these options are, to which every run agrees."""
    return ["single-precision"] if asked.get("precision") == "single" else []


@pytest.fixture(scope="session")
def simulate(backend, results, asked, agreed):
    """Give a function that runs a network for a duration (ms), from time zero on."""

    def run(network, duration, dt=0.1, seed=1, options=None, approximations=(), **more):
        simulation = Simulation(dt=dt, warmup=0.0, duration=duration, seed=seed)
        return netspec.run(
            network,
            backend,
            simulation,
            **{"threads": 1, "out": results, **more},
            options=asked | (options or {}),
            approximations=[*approximations, *agreed],
        )

    return run


# -- how many tests ran, by backend -----------------------------------------------------------


def _by_backend(reporter):
    """Return backend -> (outcome -> tests), and (backend, what was measured) -> largest value."""
    counts, measured = {name: Counter() for name in (*REQUIRED, *backend_names())}, {}
    for outcome, reports in reporter.stats.items():
        counted = "failed" if outcome == "error" else outcome
        for report in reports if counted in OUTCOMES else ():
            properties = dict(getattr(report, "user_properties", ()))
            backend = properties.pop("backend", None)
            if backend is None:
                continue
            counts.setdefault(backend, Counter())[counted] += 1
            for what, value in properties.items():
                key = backend, what
                measured[key] = max(measured.get(key, value), value)
    return counts, measured


def _whole_suite(config):
    """Return whether the folder of conformance tests was to run as a whole."""
    option = config.option
    if option.keyword or option.collectonly or option.deselect or option.maxfail:
        return False
    if getattr(option, "lf", False) or getattr(option, "stepwise", False):
        return False
    named = [config.invocation_params.dir / str(arg) for arg in config.args]
    return any(path == CONFORMANCE or path in CONFORMANCE.parents for path in named)


def _left_out(session):
    """Return the required backends of which no conformance test ran, if that is a failure."""
    if hasattr(session.config, "workerinput"):  # of several processes: the one above them counts
        return []
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    items = [item.path for item in getattr(session, "items", ())]
    items += [
        session.config.rootpath / report.nodeid.split("::")[0]
        for outcome in OUTCOMES
        for report in reporter.stats.get(outcome, ())
    ]
    chosen = any(CONFORMANCE in path.parents for path in items)
    if not chosen or not _whole_suite(session.config):
        return []
    counts, _ = _by_backend(reporter)
    ran = ("passed", "failed", "xfailed")
    return [name for name in REQUIRED if not any(counts[name][outcome] for outcome in ran)]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    left_out = _left_out(session)
    session.config.stash[LEFT_OUT] = left_out
    if left_out and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


LEFT_OUT = pytest.StashKey[list]()


def pytest_terminal_summary(terminalreporter, config):
    counts, measured = _by_backend(terminalreporter)
    if not any(counts.values()):
        return
    terminalreporter.section("conformance")
    for name, count in counts.items():
        text = ", ".join(f"{count[outcome]} {outcome}" for outcome in OUTCOMES)
        terminalreporter.write_line(f"{name}: {text}")
    for (name, what), value in sorted(measured.items()):
        terminalreporter.write_line(f"{name}: {what}: {value:.2g}")
    for name in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"{name} is required, and no conformance test ran it", red=True)
