"""The versions that decide what netspec draws and computes, its own code among them."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from netspec.release import __version__

# The rooms whose code decides results, and modules in them that neither draw nor compute:
# they refuse, warn, start, store or show. All others decide, new ones too. What a circuit's
# builder makes is hashed as a network; what measures and judges results decides none.
DECIDING = ("describe", "realise", "execute")
UNDECIDING = (
    "describe/chance", "describe/checks", "describe/faults", "execute/audit", "execute/cache",
    "execute/child", "execute/importing", "execute/ledger", "execute/ledger_lines",
    "execute/machine", "execute/manifest", "execute/measure", "execute/recording",
    "execute/results", "execute/running", "realise/linearised", "realise/sonata_columns",
    "realise/stability",
)  # fmt: skip
_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|\#[^\n]*|\n|[^\S\n]+|[()\[\]{}]|[^\s\"'#()\[\]{}]+",
    re.DOTALL,
)
_REST_OF_LINE = re.compile(r"[^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)")


def code_of(source: str) -> str:
    """Return Python code without comments, docstrings, empty lines and ends of lines.

    Strings that stand alone, as docstrings do, go too. Python's own parser is not used: in 3.11 two
    threads must not call it at once.
    """
    text, kept = "\n".join(source.splitlines()), []
    depth, begins = 0, True  # within brackets; before the first word of a statement
    for found in _PIECE.finditer(text):
        piece = found.group()
        if piece[0] == "#":
            continue
        if piece[0] in "\"'":
            if begins and depth == 0 and _REST_OF_LINE.match(text, found.end()):
                continue
            piece = piece.replace("\n", "\\n")  # an empty line within a string is not the code's
        if piece == "\n":
            begins = begins or depth == 0
        elif not piece.isspace():
            begins = False
        depth += (piece in "([{") - (piece in ")]}")
        kept.append(piece)
    return "\n".join(line.rstrip() for line in "".join(kept).split("\n") if line.strip())


def _digest(files: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name}\n{code_of(path.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()[:16]


@cache
def source_digest() -> str:
    """Return a digest of the code of netspec that decides results, whatever the adapter.

    It is the same in a checkout and in an installed wheel.
    """
    home, files = Path(__file__).parent, {}
    for room in DECIDING:
        for path in (home / room).rglob("*.py"):
            name = path.relative_to(home).with_suffix("").as_posix()
            if name not in UNDECIDING:
                files[name] = path
    return _digest(files)


@cache
def adapter_digest(module: str) -> str:
    """Return a digest of the code of an adapter, which stands in a module or its package."""
    package = module.rpartition(".")[0] or module
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return "unknown"
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return _digest({origin.stem: origin})
    folder = origin.parent
    return _digest({str(path.relative_to(folder)): path for path in folder.rglob("*.py")})


def own_versions() -> dict[str, str]:
    """Return the versions of netspec and of what it draws and computes with."""
    return {
        "netspec": __version__,
        "netspec source": source_digest(),
        "numpy": np.__version__,
        "scipy": metadata.version("scipy"),
    }
