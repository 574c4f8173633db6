"""What adapters have compiled: where it is kept, made once; a compiler's word on what it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from netspec.errors import SimulationFailed


def cache_folder() -> Path:
    """Return where compiled models are kept: ``$NETSPEC_CACHE``, or the user's cache folder."""
    given = os.environ.get("NETSPEC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "netspec"


def kept(room: str, name: str, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """Return a file of the cache, made unless it is there.

    Processes that want the same one make it once.

    Parameters
    ----------
    room : str
        Folder in the cache.
    name : str
        Of the file, with the hash of all that decides what is in it.
    make : callable
        Writes the file, whole or not at all.

    Returns
    -------
    Path
        Absolute.
    bool
        Whether it was made now.

    Raises
    ------
    SimulationFailed
        If the file cannot be written.
    """
    from filelock import FileLock  # brings asyncio and logging, which takes its time

    folder = (cache_folder() / room).absolute()
    place = folder / name
    if place.exists():
        return place, False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            if place.exists():
                return place, False
            for rest in folder.glob(f".{name}.*"):  # of one who was killed while he made it
                rest.unlink(missing_ok=True)
            make(place)
    except OSError as error:
        raise SimulationFailed(
            f"{folder}: nothing compiled can be kept there ({error}). Another place: "
            "NETSPEC_CACHE=..."
        ) from error
    return place, True


def first_line(command: Sequence[str], last: bool = False) -> str:
    """Return the first (or last) line that a command prints; empty if it fails or prints none."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.splitlines()[-1 if last else 0] if found.stdout else ""
