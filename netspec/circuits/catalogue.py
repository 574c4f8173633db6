"""All circuits that are installed, found by their entry points and loaded when asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import metadata

from netspec.circuits.contract import GROUP, Circuit
from netspec.errors import UsageError, choices, unknown


@lru_cache(maxsize=4)
def _entries(path: tuple[str, ...]) -> dict[str, list[metadata.EntryPoint]]:
    found: dict[str, list[metadata.EntryPoint]] = {}
    for entry in metadata.entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(entry)
    return dict(sorted(found.items()))


def _installed() -> dict[str, list[metadata.EntryPoint]]:
    return _entries(tuple(map(str, sys.path)))  # another path may hold other packages


def _package(entry: metadata.EntryPoint) -> str:
    return entry.value if entry.dist is None else entry.dist.name


@lru_cache(maxsize=64)
def _loaded(entry: metadata.EntryPoint) -> Circuit:
    where = f"circuit {entry.name!r} of the package {_package(entry)}"
    try:
        found = entry.load()
    except Exception as error:  # whatever another package does when it is imported
        raise UsageError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, Circuit) or found.name != entry.name:
        given = f"a circuit called {found.name!r}" if isinstance(found, Circuit) else repr(found)
        raise UsageError(f"{where}: its entry point gives {given}, expected one called as it is")
    return found


class _Catalogue(Mapping[str, Circuit]):
    """Name -> circuit; a circuit is imported when it is asked for."""

    def __getitem__(self, name: str) -> Circuit:
        entries = _installed()[name]
        if len(entries) > 1:
            packages = choices(sorted(map(_package, entries))).removeprefix("allowed: ")
            raise UsageError(f"several packages have a circuit {name!r}: {packages}; keep one")
        return _loaded(entries[0])

    def __iter__(self) -> Iterator[str]:
        return iter(_installed())

    def __len__(self) -> int:
        return len(_installed())


CIRCUITS: Mapping[str, Circuit] = _Catalogue()


def circuit(name: str) -> Circuit:
    """Return a circuit by name.

    Raises
    ------
    UsageError
        If there is none of that name, or its package cannot be loaded.
    """
    if name not in list(CIRCUITS):
        raise UsageError(unknown("circuit", name, CIRCUITS))
    return CIRCUITS[name]


def known(name: str | None) -> Circuit | None:
    """Return what is known of the circuit that a network says it is, if it says so.

    Parameters
    ----------
    name : str or None
        The field `circuit` of a network. None, and a circuit that is not installed here, give
        None: such a network is one like any other.
    """
    return None if name is None else CIRCUITS.get(name)


def usable() -> Iterator[Circuit]:
    """Yield all circuits whose packages can be loaded, in the order of their names."""
    for name in CIRCUITS:
        try:
            yield CIRCUITS[name]
        except UsageError:  # said where this one is asked for
            continue
