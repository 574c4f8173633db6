"""The conformance suite's options, fixtures, marks and count, as a plugin of pytest.

A test that takes the fixture `backend` runs once for every adapter that is to be judged: those of
``--backend``, or all that are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.describe.simulation import Simulation
from netspec.errors import BackendMissing, UnsupportedError
from netspec.execute.contract import Backend, backend_names, get_backend
from netspec.execute.results import Run
from netspec.testing import counting
from netspec.testing.declaration import BackendTest, declaration, matches
from netspec.testing.parts import Tolerance

SUITE = Path(__file__).parent / "suite"
CHOSEN = pytest.StashKey[list[str]]()  # names of the adapters that are judged


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what is judged, and how it is run."""
    group = parser.getgroup("netspec", "conformance of netspec's adapters")
    group.addoption(
        "--backend", action="append", metavar="NAME", default=[],
        help="adapter to judge; several by commas or by repeating it (default: all installed)",
    )  # fmt: skip
    group.addoption(
        "--option", action="append", metavar="NAME=VALUE", default=[], dest="backend_option",
        help="option of the adapters that have it, for every run; may be repeated",
    )  # fmt: skip
    parser.addini(
        "netspec_suite", "folders of conformance tests; those of the first are the suite",
        type="args", default=[],
    )  # fmt: skip
    parser.addini(
        "netspec_required", "adapters without which the suite has not passed", type="args",
        default=[],
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Find the adapters, and the tests that count."""
    given = [name for text in config.getoption("--backend") for name in text.split(",") if name]
    try:
        for name in given:
            get_backend(name)
        _given_options(config)
    except (BackendMissing, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[CHOSEN] = given or backend_names()
    folders = [config.rootpath / folder for folder in config.getini("netspec_suite")] or [SUITE]
    required = given or config.getini("netspec_required")
    counting.configure(config, folders, required, config.stash[CHOSEN])
    config.addinivalue_line("markers", "long: takes minutes")
    config.addinivalue_line("markers", "mpi: needs ranks; counted apart")
    config.addinivalue_line("filterwarnings", "ignore::netspec.errors.NetspecWarning")


def _given_options(config: pytest.Config) -> dict[str, str]:
    found = {}
    for text in config.getoption("backend_option"):
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--option: given {text!r}; allowed: NAME=VALUE")
        found[name] = value
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for every adapter that is judged, unless it names its own."""
    if "backend" not in metafunc.fixturenames:
        return
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        names = names.split(",") if isinstance(names, str) else names
        if "backend" in [name.strip() for name in names]:
            return
    chosen = metafunc.config.stash[CHOSEN]
    metafunc.parametrize("backend", chosen, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)  # before tests are deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what an adapter's package declares, and name the adapter in what is reported."""
    marks: dict[str, list[tuple[str, str, str]]] = {}
    short: dict[str, tuple[str, ...]] = {}
    unused: set[tuple[str, str]] = set()
    given = _given_options(config)
    for item in items:
        backend = _backend_of(item)
        if backend is None or not counting.is_counted(item):
            continue
        on = f"{backend} on ranks" if item.get_closest_marker("mpi") else backend
        item.user_properties.append(("backend", on))
        if backend not in marks:
            declared = declaration(backend)
            marks[backend] = [*declared.marks({**declared.options, **given})]
            short[backend] = declared.short
            unused |= {(backend, pattern) for _, pattern, _ in marks[backend]}
            unused |= {(backend, pattern) for pattern in declared.short}
        name = _name_of(item, backend)
        for kind, pattern, reason in marks[backend]:
            if matches(pattern, name):
                unused.discard((backend, pattern))
                _expect_refusal(item, kind, reason)
        kept = {(backend, pattern) for pattern in short[backend] if matches(pattern, name)}
        unused -= kept
        if short[backend] and not kept:
            item.add_marker(pytest.mark.long)
    if unused and counting.names_whole_suite(config):
        lines = "\n".join(f"  {backend}: {pattern}" for backend, pattern in sorted(unused))
        raise pytest.UsageError(f"marks that mean no test:\n{lines}")


def _backend_of(item: pytest.Item) -> str | None:
    call = getattr(item, "callspec", None)
    return None if call is None else call.params.get("backend")


def _name_of(item: pytest.Item, backend: str) -> str:
    """Return ``module::test[case]`` without the adapter's name among the parameters."""
    test, _, case = item.name.partition("[")
    others = f"-{case.removesuffix(']')}-".replace(f"-{backend}-", "-", 1).strip("-")
    return f"{item.path.stem}::{test}" + (f"[{others}]" if others else "")


def _expect_refusal(item: pytest.Item, kind: str, reason: str) -> None:
    reason = f"{kind}: {reason}"
    item.add_marker(pytest.mark.xfail(reason=reason, raises=UnsupportedError, strict=True))


# -- how many tests ran, by adapter -----------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before the report takes them
def pytest_runtest_makereport(item: pytest.Item) -> None:
    """Make what a test measured plain numbers."""
    counting.make_plain(item)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail if an adapter that is required ran none of the whole suite."""
    if counting.left_out(session) and exitstatus in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests ran of every adapter, and what they measured."""
    counting.summarise(terminalreporter)


# -- fixtures ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    """Give the name of an adapter whose simulator is installed."""
    name: str = request.param
    status = get_backend(name).status()
    if not status.available:
        pytest.skip(f"{name} is not installed. {status.how_to_get}")
    return name


@pytest.fixture(scope="session")
def adapter(backend: str) -> Backend[Any]:
    """Give the adapter itself."""
    return get_backend(backend)


@pytest.fixture(scope="session")
def declared(backend: str) -> BackendTest:
    """Give what the adapter's package declares."""
    return declaration(backend)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of result files; tests that ask for the same run share it."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def asked(
    adapter: Backend[Any], declared: BackendTest, request: pytest.FixtureRequest
) -> dict[str, str]:
    """Give the options of every run: declared, and of the command line if the adapter has them."""
    given = _given_options(request.config)
    known = {name: value for name, value in given.items() if name in adapter.options}
    return {**declared.options, **known}


@pytest.fixture(scope="session")
def agreed(declared: BackendTest, asked: dict[str, str]) -> list[str]:
    """Give the names of the approximations that these options are, to which every run agrees."""
    return declared.agreed(asked)


@pytest.fixture(scope="session")
def tolerance(declared: BackendTest, asked: dict[str, str]) -> Tolerance:
    """Give the tolerances of the precision that the adapter runs in."""
    return Tolerance(single=declared.single(asked))


@pytest.fixture(scope="session")
def simulate(
    backend: str, results: Path, asked: dict[str, str], agreed: list[str]
) -> Iterator[Callable[..., Run]]:
    """Give a function that runs a network for a duration (ms), from time zero on."""

    def run(
        network: netspec.Network, duration: float, dt: float = 0.1, seed: int = 1, **more: Any
    ) -> Run:
        simulation = Simulation(dt=dt, warmup=0.0, duration=duration, seed=seed)
        options = asked | (more.pop("options", None) or {})
        approximations = [*more.pop("approximations", ()), *agreed]
        how = {"threads": 1, "out": results, **more}
        return netspec.run(
            network, backend, simulation, options=options, approximations=approximations, **how
        )

    yield run
