"""What an adapter's package says of its adapter to the conformance suite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import ClassVar

GROUP = "netspec.testing"
MARKS = {
    "notimpl": "not written yet",
    "notyet": "the simulator cannot do it yet",
    "never": "impossible in principle",
}


class BackendTest:
    """What the suite has to know of an adapter beside its contract.

    A package names its subclass by the entry point group ``netspec.testing``, under the adapter's
    name; without one, this class stands for it: everything is implemented and exact.

    A mark says of a test that the adapter's ledger refuses what it asks for. It is strict: a test
    that passes all the same fails until it has lost its mark, and so does one that fails in
    another way than by `UnsupportedError`.

    Attributes
    ----------
    notimpl, notyet, never : dict
        Pattern -> reason. A pattern is ``module``, ``module::test`` or ``module::test[case]``, in
        which ``*`` stands for anything, for example ``test_poisson::*``. Nobody has written it
        yet; the simulator cannot do it yet; it cannot be done, as a matter of principle.
    options : dict
        Of the adapter, for every run. ``--option NAME=VALUE`` comes on top.
    quick : dict
        Options for tests of many tiny runs, whose time is that of building or compiling.
    models : tuple of str
        Models that random networks are made of; "alpha" stands for equations of a user.
    first_event : int
        First step, from zero, at whose end a given event can be due. The ledger refuses others.
    late_poisson : int
        Steps by which the first event of a Poisson input without delay is late. The ledger says so.
    one_model : bool
        Whether runs of one process share a model if they are alike (``Recording.runs`` says so).
    short : tuple of str
        Patterns of the tests that ``-m "not long"`` keeps, where the suite takes long with this
        adapter: all others are marked ``long``. Empty if none is but for those that are for all.
    memory_within : float or None
        Relative error allowed of the estimate of memory; not measured if None.
    """

    notimpl: ClassVar[Mapping[str, str]] = {}
    notyet: ClassVar[Mapping[str, str]] = {}
    never: ClassVar[Mapping[str, str]] = {}
    options: ClassVar[Mapping[str, str]] = {}
    quick: ClassVar[Mapping[str, str]] = {}
    models: ClassVar[tuple[str, ...]] = ("alpha", "iaf_psc_delta", "iaf_psc_exp")
    first_event: ClassVar[int] = 1
    late_poisson: ClassVar[int] = 0
    one_model: ClassVar[bool] = False
    short: ClassVar[tuple[str, ...]] = ()
    memory_within: ClassVar[float | None] = None

    def agreed(self, options: Mapping[str, str]) -> list[str]:
        """Return the approximations that options are, to which every run of the suite agrees."""
        return []

    def single(self, options: Mapping[str, str]) -> bool:
        """Return whether states have 32 bits with these options, which tolerances allow for."""
        return False

    def marks(self, options: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """Yield every mark as (kind, pattern, reason), as they are with these options."""
        for kind in MARKS:
            for pattern, reason in getattr(self, kind).items():
                yield kind, pattern, reason


def matches(pattern: str, test: str) -> bool:
    """Return whether a pattern means a test.

    Parameters
    ----------
    pattern : str
        ``module``, ``module::test`` or ``module::test[case]``; ``*`` stands for anything.
    test : str
        ``module::test``, or ``module::test[case]`` of a test with parameters.

    Examples
    --------
    >>> matches("test_poisson", "test_poisson::test_counts[rare]")
    True
    >>> matches("test_poisson::test_c*", "test_poisson::test_counts[rare]")
    True
    >>> matches("test_poisson::test_counts[external]", "test_poisson::test_counts[rare]")
    False
    """
    expression = re.escape(pattern).replace(r"\*", ".*")
    names = (test, test.partition("[")[0], test.partition("::")[0])
    return any(re.fullmatch(expression, name) for name in names)


def declaration(backend: str) -> BackendTest:
    """Return what the package of an adapter declares.

    Raises
    ------
    TypeError
        If the entry point is no subclass of `BackendTest`.
    """
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == backend:
            found = entry.load()
            if not (isinstance(found, type) and issubclass(found, BackendTest)):
                raise TypeError(
                    f"entry point {entry.name} of {GROUP}: given {entry.value}; "
                    "allowed: a subclass of netspec.testing.BackendTest"
                )
            return found()
    return BackendTest()
