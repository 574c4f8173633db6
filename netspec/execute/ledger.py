"""The ledger: what a backend says to a request before it builds anything.

Every thing that a network needs is exact, approximate or unsupported. Nothing is dropped, averaged
or merged in silence.
"""

from __future__ import annotations

from typing import Literal

from pydantic import StrictStr

from netspec.describe.fields import Described
from netspec.errors import UnsupportedError


class Entry(Described):
    """One line of a ledger.

    Attributes
    ----------
    thing : str
        Path of what is needed, for example ``continuous_projections.E_E``.
    status : {"exact", "approximate", "unsupported"}
    name : str
        Of an approximation; a request must name it to run it. Empty otherwise.
    reason : str
    error : str
        Size of the error of an approximation, if known, and how it was found.
    """

    thing: StrictStr
    status: Literal["exact", "approximate", "unsupported"] = "exact"
    name: StrictStr = ""
    reason: StrictStr = ""
    error: StrictStr = ""


class Ledger(Described):
    """What a backend says to a request before it builds anything."""

    backend: StrictStr
    entries: tuple[Entry, ...] = ()

    def approximations(self) -> list[str]:
        """Return the names of all approximations, in order."""
        found = (entry.name for entry in self.entries if entry.status == "approximate")
        return list(dict.fromkeys(found))

    def grouped(self) -> list[tuple[str, Entry]]:
        """Return equal answers together, each with what it is an answer for."""
        groups: dict[tuple[str, ...], list[Entry]] = {}
        for entry in self.entries:
            key = (entry.status, entry.name, entry.reason, entry.error)
            groups.setdefault(key, []).append(entry)
        return [
            (found[0].thing + (f" and {len(found) - 1} more" if len(found) > 1 else ""), found[0])
            for found in groups.values()
        ]

    def check(self, agreed: tuple[str, ...]) -> None:
        """Raise unless everything is exact or an approximation that was agreed to.

        Raises
        ------
        UnsupportedError
            Naming what is unsupported, or which approximations a request must name.
        """
        unsupported = [e for e in self.entries if e.status == "unsupported"]
        if unsupported:
            lines = "\n  - ".join(f"{e.thing}: {e.reason}" for e in unsupported)
            raise UnsupportedError(f"{self.backend} cannot run this network:\n  - {lines}")
        open_ones = [e for e in self.entries if e.status == "approximate" and e.name not in agreed]
        if open_ones and "all" not in agreed:
            lines = "\n  - ".join(
                f"{e.name} ({e.thing}): {e.reason}. {e.error}".rstrip(". ") for e in open_ones
            )
            names = ",".join(dict.fromkeys(e.name for e in open_ones))
            raise UnsupportedError(
                f"{self.backend} can run this network only approximately:\n  - {lines}\n"
                f"To agree: --approximate {names} (in Python: approximations=[...])"
            )
