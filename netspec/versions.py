"""The versions that decide what netspec draws and computes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import netspec


@lru_cache(maxsize=1)
def _source_digest() -> str:
    """Return a digest of netspec's own code, so that a changed checkout has other results."""
    digest = hashlib.sha256()
    folders = [Path(netspec.__file__).parent]
    spec = find_spec("netspec.backends")
    folders += map(Path, (spec.submodule_search_locations if spec else None) or ())
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def own_versions() -> dict[str, str]:
    """Return the versions of netspec and of what it draws and computes with."""
    return {
        "netspec": netspec.__version__,
        "netspec source": _source_digest(),
        "numpy": np.__version__,
        "scipy": metadata.version("scipy"),
    }
