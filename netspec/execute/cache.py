"""Where adapters keep what they have compiled, to find it again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return where compiled models are kept: ``$NETSPEC_CACHE``, or the user's cache folder."""
    given = os.environ.get("NETSPEC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "netspec"
