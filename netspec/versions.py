"""The versions that decide what netspec draws and computes, its own code among them."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import netspec

# Modules of netspec that neither draw nor compute: they refuse, warn, start, store or show. All
# others decide, new ones too. What a circuit's builder makes is hashed as a network.
UNDECIDING = (
    "__init__", "answers", "audit", "checks", "errors", "faults", "machine", "results", "running",
    "sealed", "stability", "terminal", "versions",
)  # fmt: skip
# a string, or a comment; strings of a kind do not hold each other's quotes unescaped
_STRING_OR_COMMENT = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|\#[^\n]*",
    re.DOTALL,
)


def _strings_that_do_nothing(node: ast.AST) -> Iterator[ast.Expr]:
    """Yield docstrings, and other strings that stand alone."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(node, block, ()):
            value = getattr(statement, "value", None)
            if not isinstance(statement, ast.Expr):
                yield from _strings_that_do_nothing(statement)
            elif isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield statement


def code_of(source: str) -> str:
    """Return Python code without comments, docstrings, empty lines and ends of lines."""
    lines = source.splitlines()
    for text in _strings_that_do_nothing(ast.parse(source)):
        for number in range(text.lineno - 1, text.end_lineno or text.lineno):
            lines[number] = ""

    def kept(found: re.Match[str]) -> str:
        text = found.group()
        # an empty line within a string is none of the code's
        return "" if text.startswith("#") else text.replace("\n", "\\n")

    code = _STRING_OR_COMMENT.sub(kept, "\n".join(lines))
    return "\n".join(line.rstrip() for line in code.split("\n") if line.strip())


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
    folder = Path(netspec.__file__).parent
    files = {path.stem: path for path in folder.glob("*.py") if path.stem not in UNDECIDING}
    worker = find_spec("netspec.backends.worker")
    if worker is not None and worker.origin is not None:
        files["backends.worker"] = Path(worker.origin)
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
        "netspec": netspec.__version__,
        "netspec source": source_digest(),
        "numpy": np.__version__,
        "scipy": metadata.version("scipy"),
    }
