"""Where adapters keep what they have compiled, and a compiler's word on what it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def cache_folder() -> Path:
    """Return where compiled models are kept: ``$NETSPEC_CACHE``, or the user's cache folder."""
    given = os.environ.get("NETSPEC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "netspec"


def first_line(command: Sequence[str], last: bool = False) -> str:
    """Return the first (or last) line that a command prints; empty if it fails or prints none."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.splitlines()[-1 if last else 0] if found.stdout else ""
