"""PyNN's own scenario tests and examples, run on any module of PyNN, and what became of each.

They are brought from the package registry when they are asked for, and stay as they are. A plugin
(`scenarios_plugin`) hands the tests their simulator; examples take its name from the command line.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

VERSION = "0.13.0"
SHA256 = "da2821e45055a88de6cf34896067eaaebcabbfdfb7883dd147353e7b78617815"
HERE = Path(__file__).parent
WORDS = 400  # characters of a message that are kept
# what stands before the simulator's name, or after it, on the command line of an example
ARGUMENTS = {"VAbenchmarks": ("{}", "CUBA"), "connections": ("{}",), "nineml_brunel": ("{}", "SR")}
SIMULATORS = r"\bpyNN\.(neuron|nest|brian2)\b"


class NotAtHand(Exception):
    """PyNN's source distribution can not be had."""


@dataclass(frozen=True)
class Outcome:
    """What became of a scenario test or an example.

    Attributes
    ----------
    name : str
    outcome : {"passed", "failed", "skipped"}
    message : str
        The error's type and text; why it was skipped.
    seconds : float
        Wall time.
    """

    name: str
    outcome: str
    message: str
    seconds: float


def cache() -> Path:
    """Return the folder in which the source distribution is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "netspec" / f"pynn-{VERSION}"


def source(folder: Path) -> Path:
    """Return PyNN's source distribution, unpacked in `folder`.

    Raises
    ------
    NotAtHand
        If pip can not bring it, or it is not the one that is known.
    """
    name = f"pynn-{VERSION}"
    packed = cache() / f"{name}.tar.gz"
    if not packed.exists():
        _download(packed.parent)
    if (found := hashlib.sha256(packed.read_bytes()).hexdigest()) != SHA256:
        raise NotAtHand(f"{packed}: SHA-256 {found}, expected {SHA256}")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder / name


def _download(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary",
               "pynn", "--dest", str(folder), f"pynn=={VERSION}"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise NotAtHand(f"pip download pynn=={VERSION}: no answer in 300 s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotAtHand(f"pip download pynn=={VERSION}: {last}")


def scenarios(
    unpacked: Path,
    simulator: str,
    folder: Path,
    only: Sequence[str] = (),
    timeout: float = 3600,
    settings: Mapping[str, str] | None = None,
) -> list[Outcome]:
    """Run PyNN's scenario tests.

    Parameters
    ----------
    unpacked : Path
        Of `source`.
    simulator : str
        Last part of the module's name: ``netspec``, ``nest``.
    folder : Path
        In which they write their files.
    only : sequence of str
        Names of tests; all if empty.
    timeout : float
        Seconds of wall time for all of them.
    settings : mapping, optional
        More environment.
    """
    record = folder / "scenarios.jsonl"
    record.write_text("")
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "scenarios_plugin", "-p", "no:cacheprovider",
        "--rootdir", str(unpacked), "-c", str(folder / "pytest.ini"),
        str(unpacked / "test/system/scenarios"),
        *(["-k", " or ".join(only)] if only else []),
    ]  # fmt: skip
    given = {"SCENARIOS_SIMULATOR": simulator, "SCENARIOS_RECORD": str(record)}
    paths = [str(HERE), str(unpacked / "test"), os.environ.get("PYTHONPATH", "")]
    given["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(settings or {}), **given, "MPLBACKEND": "Agg"},
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    (folder / "scenarios.log").write_text(done.stdout + done.stderr)
    found = [Outcome(**json.loads(line)) for line in record.read_text().splitlines()]
    if not found:
        raise RuntimeError(f"no scenario was run: {(done.stdout + done.stderr)[-2000:]}")
    return [entry for entry in found if not only or entry.name in only]


def example_names(unpacked: Path) -> list[str]:
    """Return the names of PyNN's example scripts."""
    return sorted(path.stem for path in (unpacked / "examples").glob("*.py"))


def example(
    unpacked: Path,
    name: str,
    simulator: str,
    folder: Path,
    timeout: float = 600,
    settings: Mapping[str, str] | None = None,
) -> Outcome:
    """Run one example to its end, or until it fails.

    The script is read as it is; where it imports a simulator by name, it is given `simulator` for
    it. It sees the folder of the examples as its own, a copy in which it may write.

    Parameters
    ----------
    unpacked, simulator, settings : as of `scenarios`
    name : str
        Without ``.py``.
    folder : Path
        In which it runs.
    timeout : float
        Seconds of wall time.
    """
    script = unpacked / "examples" / f"{name}.py"
    (folder / "Results").mkdir(parents=True, exist_ok=True)
    for path in (unpacked / "examples").iterdir():
        if not path.is_dir() and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    arguments = [text.format(simulator) for text in ARGUMENTS.get(name, ("{}",))]
    named = sorted(set(re.findall(SIMULATORS, script.read_text())))
    command = [sys.executable, str(HERE / "run_example.py"), simulator, ",".join(named),
               str(script), *arguments]  # fmt: skip
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **(settings or {}), "MPLBACKEND": "Agg"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(name, "failed", f"longer than {timeout:g} s", time.perf_counter() - began)
    seconds = time.perf_counter() - began
    (folder / f"{name}.log").write_text(done.stdout + done.stderr)
    if done.returncode == 0:
        return Outcome(name, "passed", "", seconds)
    return Outcome(name, "failed", last_words(done.stderr), seconds)


def last_words(text: str) -> str:
    """Return the message of the traceback with which a text ends, in one line."""
    lines = text.rstrip().splitlines()
    starts = [i for i, line in enumerate(lines) if re.match(r"[A-Za-z_][\w.]*(Error|Exit|Exception"
              r"|Missing|Failed|Interrupt|NotImplemented\w*)?(: |$)", line)]  # fmt: skip
    words = " ".join(lines[starts[-1] :] if starts else lines[-3:])
    return " ".join(words.split())[:WORDS]


def told(outcomes: Iterable[Outcome]) -> list[dict[str, object]]:
    """Return outcomes as JSON data."""
    return [{**asdict(entry), "seconds": round(entry.seconds, 1)} for entry in outcomes]
