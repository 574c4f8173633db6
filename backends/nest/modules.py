"""From the text of a module to the library that NEST loads, kept and found again by its hash.

Compilation costs some ten seconds, most of it for NEST's headers, and is done once: the next
process, and every rank, finds the library. NEST is not imported here, so that a process can compile
before it starts ranks.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from netspec.backends.nest.template import STUBS
from netspec.errors import SimulationFailed
from netspec.execute.cache import first_line, kept
from netspec.whole_files import whole

# No fast math, and no fused products: the arithmetic is the step program's. Without -z now a
# library that does not fit NEST ends the process at the first call, and not with an exception.
FLAGS = ("-shared", "-fPIC", "-std=c++20", "-O2", "-DNDEBUG", "-fopenmp", "-ffp-contract=off",
         "-w", "-Wl,-z,now")  # fmt: skip
OLD_STRINGS = b"_ZN10DictionaryixERKSs"  # a function of NEST's that takes a string, before C++11
FIRST_VERSION = (3, 10)  # of NEST, whose classes the template knows
LINES = 15  # of the compiler's that an error shows
HOW_TO_GET = "Install one (Debian: apt-get install g++), or name it: CXX=..."


@dataclass(frozen=True)
class Nest:
    """The NEST that a module is for, as its files say.

    Attributes
    ----------
    folder : Path
        Of the Python package.
    version : str
    """

    folder: Path
    version: str

    @cached_property
    def headers(self) -> Path | None:
        """Folder of NEST's headers: in the package, or in the prefix of an installation."""
        places = (place / "include" / "nest" for place in (self.folder, *self.folder.parents))
        return next((place for place in places if (place / "nest.h").exists()), None)

    @cached_property
    def mpi(self) -> bool:
        """Whether the headers include those of MPI."""
        config = None if self.headers is None else self.headers / "config.h"
        return config is not None and "\n#define HAVE_MPI 1" in config.read_text()

    @cached_property
    def kernel(self) -> bytes:
        """The library of the kernel."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("nestkernel_api*")))

    @property
    def compiler(self) -> list[str]:
        """The words of the compiler's name: ``$CXX``, else g++; of MPI ``$MPICXX``, else mpicxx."""
        name, usual = ("MPICXX", "mpicxx") if self.mpi else ("CXX", "g++")
        return shlex.split(os.environ.get(name, usual)) or [usual]


@lru_cache(maxsize=1)
def installed() -> Nest | None:
    """Return the NEST that is installed, without importing it; None if there is none."""
    found = find_spec("nest")
    if found is None or found.origin is None:
        return None
    try:
        version = metadata.version("nest-simulator")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return Nest(Path(found.origin).parent, version)


def obstacle() -> str:
    """Say what is missing to compile a module here, and how to get it; empty if nothing is."""
    nest = installed()
    if nest is None:
        name = os.environ.get("CXX", "g++")
        missing = shutil.which((shlex.split(name) or [name])[0]) is None
        return f"there is no compiler {name!r}. {HOW_TO_GET}" if missing else ""
    numbers = nest.version.split(".")[:2]
    if all(part.isdecimal() for part in numbers) and tuple(map(int, numbers)) < FIRST_VERSION:
        wanted = ".".join(map(str, FIRST_VERSION))
        return f"NEST {nest.version} is too old, {wanted} or later is needed"
    if nest.headers is None:
        return "NEST's headers are not beside it. Install it from its wheel or its source"
    if shutil.which(nest.compiler[0]) is None:
        how = HOW_TO_GET
        if nest.mpi:
            how = "Install one (Debian: apt-get install libopenmpi-dev g++), or name it: MPICXX=..."
        return f"there is no compiler {nest.compiler[0]!r}. {how}"
    return ""


def at_hand() -> str:
    """Say with what modules are compiled here, or why they cannot be."""
    nest, why = installed(), obstacle()
    if nest is None or why:
        return f"none: {why or 'NEST is not installed'}"
    return compiler_version(tuple(nest.compiler)) or " ".join(nest.compiler)


@lru_cache(maxsize=1)
def compiler_version(words: tuple[str, ...]) -> str:
    """Return the first line that a compiler says of itself; empty if it says nothing."""
    return first_line([*words, "--version"])


def _key(nest: Nest, text: str, flags: list[str]) -> str:
    """Return the hash of all that decides what is compiled."""
    parts = (
        text,
        nest.version,
        str(nest.headers),
        hashlib.sha256(nest.kernel).hexdigest(),
        *nest.compiler,
        compiler_version(tuple(nest.compiler)),
        *flags,
        platform.machine(),
        *STUBS.values(),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def library(text: str) -> tuple[Path, bool]:
    """Return the library of a module, compiled unless it is in the cache.

    A library appears there only when complete, and processes that want the same one compile it
    once.

    Parameters
    ----------
    text : str
        Of `generating.module_text`.

    Returns
    -------
    Path
        Absolute, as NEST loads it.
    bool
        Whether it was compiled now.

    Raises
    ------
    SimulationFailed
        If the compiler fails, with its last lines; if the module cannot be written.
    """
    nest = installed()
    why = obstacle()
    if nest is None or why:
        raise SimulationFailed(f"no module for NEST can be compiled here: {why or 'no NEST'}")
    flags = [*FLAGS, f"-D_GLIBCXX_USE_CXX11_ABI={int(OLD_STRINGS not in nest.kernel)}"]
    name = f"netspec_{_key(nest, text, flags)}.so"
    return kept("nest", name, lambda place: _compile(nest, flags, text, place))


def _compile(nest: Nest, flags: list[str], text: str, place: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="netspec-nest-", ignore_cleanup_errors=True) as scratch,
        whole(place) as made,
    ):
        source = Path(scratch) / f"{place.stem}.cpp"
        # NEST finds the module's object by the name of its file
        source.write_text(f"{text}Module {place.stem}_LTX_module;\n")
        for name, stub in STUBS.items():
            header = Path(scratch) / "stubs" / name
            header.parent.mkdir(parents=True, exist_ok=True)
            header.write_text(stub)
        includes = [f"-I{nest.headers}", f"-I{Path(scratch) / 'stubs'}"]
        command = [*nest.compiler, *flags, *includes, str(source), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).rstrip().splitlines()[-LINES:]
            lines = "\n    ".join(said) or "(nothing)"
            raise SimulationFailed(
                f"the generated module does not compile: {nest.compiler[0]} ended with status "
                f"{done.returncode}. Its last lines:\n    {lines}"
            )
