"""How many conformance tests ran by adapter, and whether one that is required ran none."""

from __future__ import annotations

import importlib.util
from collections import Counter
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path

import pytest

OUTCOMES = ("passed", "failed", "xfailed", "skipped")
RAN = ("passed", "failed", "xfailed")


@dataclass
class Counting:
    """What is counted in a session.

    Attributes
    ----------
    folders : list of Path
        Of conformance tests; those of the first are the suite.
    required : list of str
        Adapters without which the whole suite has not passed.
    chosen : list of str
        Adapters that are judged.
    left_out : list of str
        Required adapters of which none ran; known at the end.
    """

    folders: list[Path]
    required: list[str]
    chosen: list[str]
    left_out: list[str] = field(default_factory=list)


_COUNTING = pytest.StashKey[Counting]()


def configure(
    config: pytest.Config, folders: list[Path], required: list[str], chosen: list[str]
) -> None:
    """Begin to count."""
    config.stash[_COUNTING] = Counting([path.resolve() for path in folders], required, chosen)


def is_counted(item: pytest.Item) -> bool:
    """Return whether a test is one of conformance."""
    return any(folder in item.path.parents for folder in item.config.stash[_COUNTING].folders)


def make_plain(item: pytest.Item) -> None:
    """Make plain floats of the numbers that a test recorded: NumPy's do not reach a process above.

    Tests of no adapter keep what they recorded, and so does everything that is no number.
    """
    if any(name == "backend" for name, _ in item.user_properties):
        item.user_properties[:] = [(name, _plain(value)) for name, value in item.user_properties]


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else value


def names_whole_suite(config: pytest.Config) -> bool:
    """Return whether the suite is among what pytest was told to collect, and not a part of it."""
    suite = config.stash[_COUNTING].folders[0]
    named = [_path(config, str(argument)) for argument in config.args]
    return any(path == suite or path in suite.parents for path in named if path is not None)


def _path(config: pytest.Config, argument: str) -> Path | None:
    """Return the folder or file that an argument means, None if it is a part of a file."""
    if "::" in argument:
        return None
    path = config.invocation_params.dir / argument
    if not path.exists() and config.option.pyargs:
        spec = importlib.util.find_spec(argument)
        if spec is not None and spec.origin is not None:
            path = Path(spec.origin)
            path = path.parent if path.name == "__init__.py" else path
    return path.resolve()


def _whole_suite(config: pytest.Config) -> bool:
    """Return whether the suite was to run as a whole."""
    option = config.option
    if option.keyword or option.collectonly or option.deselect or option.maxfail:
        return False
    if getattr(option, "lf", False) or getattr(option, "stepwise", False):
        return False
    return names_whole_suite(config)


def _by_backend(
    reporter: pytest.TerminalReporter, counting: Counting
) -> tuple[dict[str, Counter[str]], dict[tuple[str, str], float]]:
    """Return backend -> (outcome -> tests), and (backend, what was measured) -> largest value."""
    names = dict.fromkeys([*counting.required, *counting.chosen])
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    measured: dict[tuple[str, str], float] = {}
    for outcome, reports in reporter.stats.items():
        counted = "failed" if outcome == "error" else outcome
        for report in reports if counted in OUTCOMES else ():
            properties = dict(getattr(report, "user_properties", ()))
            backend = properties.pop("backend", None)
            if not isinstance(backend, str):
                continue
            counts.setdefault(backend, Counter())[counted] += 1
            for what, value in properties.items():
                if not isinstance(value, float):  # said, not measured
                    continue
                key = backend, what
                measured[key] = max(measured.get(key, value), value)
    return counts, measured


def left_out(session: pytest.Session) -> list[str]:
    """Return the required adapters of which no conformance test ran, if that is a failure."""
    config = session.config
    if hasattr(config, "workerinput"):  # of several processes: the one above them counts
        return []
    counting = config.stash[_COUNTING]
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not _whole_suite(config):
        return []
    counts, _ = _by_backend(reporter, counting)
    chosen = any(counts.values()) or any(
        name == "backend"
        for item in getattr(session, "items", ())
        for name, _ in item.user_properties
    )
    if chosen:
        counting.left_out = [
            name for name in counting.required if not any(counts[name][ran] for ran in RAN)
        ]
    return counting.left_out


def summarise(reporter: pytest.TerminalReporter) -> None:
    """Print the counts, the largest values that were measured, and who was left out."""
    counting = reporter.config.stash[_COUNTING]
    counts, measured = _by_backend(reporter, counting)
    if not any(counts.values()):
        return
    reporter.section("conformance")
    for name, count in counts.items():
        text = ", ".join(f"{count[outcome]} {outcome}" for outcome in OUTCOMES)
        reporter.write_line(f"{name}: {text}")
    for (name, what), value in sorted(measured.items()):
        reporter.write_line(f"{name}: {what}: {value:.2g}")
    for name in counting.left_out:
        reporter.write_line(f"{name} is required, and no conformance test ran it", red=True)
