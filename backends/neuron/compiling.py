"""From mechanisms in NMODL to the library that NEURON loads, kept and found again by its hash.

`nrnivmodl`, which comes with NEURON, compiles all mechanisms of a network into one library, once:
the next process finds it. NEURON is not imported here.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from netspec.errors import SimulationFailed
from netspec.execute.cache import first_line, kept
from netspec.whole_files import whole

FLAGS = "-ffp-contract=off"  # no fused products: the arithmetic is the step program's
LINES = 15  # of the compiler's that an error shows
TOOL = "nrnivmodl"
HOW_TO_GET = "Install one (Debian: apt-get install g++ make), or name the compiler: CXX=..."


def tool() -> Path | None:
    """Return NEURON's compiler of mechanisms; None if it is not found.

    That beside this Python comes first: of a virtual environment that is not activated, nothing is
    on the path.
    """
    folders = [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
    for folder in folders:
        if os.access(folder / TOOL, os.X_OK):
            return folder / TOOL
    found = shutil.which(TOOL)
    return None if found is None else Path(found)


def compiler() -> list[str]:
    """Return the words of the compiler's name: ``$CXX``, or what this Python was built with."""
    usual = sysconfig.get_config_var("CXX") or "g++"
    return shlex.split(os.environ.get("CXX", usual)) or ["g++"]


def obstacle() -> str:
    """Say what is missing to compile mechanisms here, and how to get it; empty if nothing is."""
    if tool() is None:
        return f"there is no {TOOL}, which comes with NEURON. Install it with: pip install neuron"
    for needed in (compiler()[0], "make"):
        if shutil.which(needed) is None:
            return f"there is no {needed!r}. {HOW_TO_GET}"
    return ""


def at_hand() -> str:
    """Say with what mechanisms are compiled here, or why they cannot be."""
    why = obstacle()
    if why:
        return f"none: {why}"
    return f"{_compiler_version(tuple(compiler())) or ' '.join(compiler())}, by {tool()}"


@lru_cache(maxsize=1)
def _compiler_version(words: tuple[str, ...]) -> str:
    return first_line([*words, "--version"])


@lru_cache(maxsize=1)
def _built() -> str:
    """Return what tells one build of NEURON from another: its version and its library's hash."""
    found = find_spec("neuron")
    if found is None or found.origin is None:
        return ""
    version = metadata.version("neuron")
    libraries = sorted(Path(found.origin).parent.glob(".data/lib/libnrniv.*"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in libraries)).hexdigest()
    return f"{version} {digest}"


def _key(texts: Mapping[str, str]) -> str:
    """Return the hash of all that decides what is compiled."""
    words = compiler()
    parts = [*texts.values(), _built(), *words, _compiler_version(tuple(words)), FLAGS]
    parts.append(platform.machine())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def library(texts: Mapping[str, str]) -> tuple[Path, bool]:
    """Return the library of mechanisms, compiled unless it is in the cache.

    A library appears there only when complete, and processes that want the same one compile it
    once.

    Parameters
    ----------
    texts : mapping
        Name -> text of each mechanism.

    Returns
    -------
    Path
        Absolute, as NEURON loads it.
    bool
        Whether it was compiled now.

    Raises
    ------
    SimulationFailed
        If something is missing to compile, or the compiler fails, with its last lines; if the
        library cannot be written.
    """
    if why := obstacle():
        raise SimulationFailed(f"no mechanism for NEURON can be compiled here: {why}")
    name = f"netspec_{_key(texts)}.so"
    return kept("neuron", name, lambda place: _compile(texts, place))


def _compile(texts: Mapping[str, str], place: Path) -> None:
    prefix = "netspec-neuron-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as scratch:
        for name, text in texts.items():
            (Path(scratch) / f"{name}.mod").write_text(text)
        # nrnivmodl looks for its compiler as this Python's, unless it is told
        environment = {**os.environ, "CXX": shlex.join(compiler())}
        done = subprocess.run(
            [str(tool()), "-incflags", FLAGS],
            cwd=scratch,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        made = next(Path(scratch).glob("*/libnrnmech.*"), None)
        if done.returncode or made is None:
            said = (done.stdout + done.stderr).rstrip().splitlines()[-LINES:]
            lines = "\n    ".join(said) or "(nothing)"
            raise SimulationFailed(
                f"the generated mechanisms do not compile: {TOOL} ended with status "
                f"{done.returncode}. Its last lines:\n    {lines}"
            )
        with whole(place) as temporary:
            shutil.copyfile(made, temporary)
