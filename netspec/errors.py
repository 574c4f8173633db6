"""Every error that a user of netspec can meet.

Each class carries the exit code that the command line returns for it, so that the
meaning of a failure is decided in one place.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class NetspecError(Exception):
    """Base of all errors raised on purpose by netspec."""

    exit_code = 2


class NetspecWarning(UserWarning):
    """What looks wrong in a network that can be run all the same (`netspec.execute.audit`)."""


class ExpressionError(NetspecError, ValueError):
    """An equation or expression that cannot be read, or whose dimensions do not fit."""


class UnitError(NetspecError, ValueError):
    """A quantity whose unit is unknown or has the wrong dimension."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a description.

    Attributes
    ----------
    path : str
        Where, for example ``projections[3].weight``.
    given : str
        The value found there.
    allowed : str
        What may stand there.
    hint : str
        What to do, for example the nearest name; may be empty.
    """

    path: str
    given: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: given {self.given}; {self.allowed}"
        return f"{text} ({self.hint})" if self.hint else text


class DescriptionError(NetspecError, ValueError):
    """A description with one or more faults; all of them are listed."""

    def __init__(self, faults: Iterable[Fault], subject: str = "the description") -> None:
        self.faults = tuple(faults)
        self.subject = subject
        count = len(self.faults)
        head = f"{subject} has {count} fault{'s' if count != 1 else ''}:"
        super().__init__("\n  - ".join([head, *map(str, self.faults)]))


class UsageError(NetspecError, ValueError):
    """A request that makes no sense, whatever the network (unknown circuit, bad option)."""


class BackendMissing(NetspecError, RuntimeError):
    """The simulator asked for is unknown or not installed."""

    exit_code = 3


class UnsupportedError(NetspecError, NotImplementedError):
    """The backend cannot run this network, or only by approximations not agreed to."""


class SimulationFailed(NetspecError, RuntimeError):
    """The child process that ran the simulator failed, or ran out of time."""

    exit_code = 4


class ResultFileError(NetspecError, OSError):
    """A result file that is incomplete, damaged or of another format."""

    exit_code = 5


def nearest(name: str, known: Sequence[str]) -> str:
    """Return ``did you mean 'x'?`` for the closest of `known`, or an empty string."""
    match = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {match[0]!r}?" if match else ""


def choices(known: Iterable[str]) -> str:
    """Return ``allowed: a, b, c`` for an error message, shortened when very long."""
    names = list(known)
    shown = ", ".join(names[:20]) or "nothing"
    return f"allowed: {shown}" + (f", ... ({len(names)} in all)" if len(names) > 20 else "")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that does not exist: what does, and the closest of it."""
    names = list(known)
    return f"unknown {what} {name!r}; {choices(names)}. {nearest(name, names)}".rstrip()


def shown(value: object, limit: int = 80) -> str:
    """Return a short representation of `value` for an error message."""
    try:
        text = repr(value)
    except ValueError:  # Python prints no integer of more than 4300 digits
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
