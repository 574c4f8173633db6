"""The result of a self-test: the JSON file, and what it says in words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from netspec.execute.measure import Margin
from netspec.validation.campaign.mutants import LADDER
from netspec.validation.campaign.summary import Part
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.means import ALPHA
from netspec.validation.measure.catalogue import finite
from netspec.whole_files import write_text

SEVERITY = (Outcome.EQUIVALENT, Outcome.INCONCLUSIVE, Outcome.DIFFERENT)
Number = Annotated[float | None, BeforeValidator(finite)]  # None: not finite, which JSON has not


class TestEntry(Part):
    """One test: deviation and margin are shares where the margin is one."""

    __test__ = False  # pytest looks for classes of this name

    outcome: Outcome
    population: str
    statistic: str
    effect: Number
    margin: Number
    p_adjusted: Number
    text: str


class Closest(TestEntry):
    """The test that fewest seeds would call different; None if no number of seeds would."""

    seeds_needed: int | None


class Column(TestEntry):
    """The worst population of a statistic.

    Attributes
    ----------
    different : tuple of str
        All populations that are called different.
    detectable : tuple of float or None
        What would be seen with a power of 80 %, in the best and the worst population.
    """

    different: tuple[str, ...]
    detectable: tuple[Number, Number] | None


class Row(Part):
    """A verdict: by statistic, and the one test that says most.

    Attributes
    ----------
    outcome : Outcome
    caught : bool
        Whether it is called different.
    by : TestEntry or None
        The surest of the tests that caught it.
    closest : Closest or None
        Where it was not caught.
    statistics : dict
        Statistic -> its worst population.
    """

    outcome: Outcome
    caught: bool
    by: TestEntry | None
    closest: Closest | None
    statistics: dict[str, Column]


class _Named(Part):
    name: str
    what: str
    expected: bool | None


class MutantRow(Row, _Named):
    """A mutant: what is changed, whether it should be caught, and the verdict."""


class FailedRow(_Named):
    """A mutant of which a run failed, and why."""

    failures: tuple[str, ...]
    outcome: Literal["failed"] = "failed"
    caught: Literal[False] = False


class Splits(Part):
    """Random halves of equal runs.

    Attributes
    ----------
    number, alarms : int
        Of splits, and of those called different.
    share : float
    too_many : bool
        Whether alarms exceed the nominal rate by two standard errors.
    statistics : dict
        Statistic -> outcome -> share of the tests.
    """

    number: int
    alarms: int
    share: float
    too_many: bool
    statistics: dict[str, dict[str, float]]


class SelfTest(Part):
    """What n seeds a side can see (``docs/selftest.md``).

    Attributes
    ----------
    request : dict
        What was declared, and its ``hash``.
    network, description, backend : str
    versions : dict
    seeds_a_side : int
    alpha : float
        Of the tests.
    control : Row
        The first half of the seeds against the second.
    splits : Splits
    mutants : tuple of MutantRow or FailedRow
    left_out : dict
        Mutant -> why it was not run.
    missed : tuple of str
        Those that should have been caught.
    smallest_weight_change : float or None
        Factor on the weights that is caught, as all larger ones are.
    exit_code : int
        0; 1 too many false alarms; 6 something was missed.
    command : str or None
        That made it, if it was one.
    """

    request: dict[str, Any]
    network: str
    description: str
    backend: str
    versions: dict[str, Any]
    seeds_a_side: int
    alpha: float
    control: Row
    splits: Splits
    mutants: tuple[MutantRow | FailedRow, ...]
    left_out: dict[str, str]
    missed: tuple[str, ...]
    smallest_weight_change: float | None
    exit_code: int
    command: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON data."""
        data = self.model_dump(mode="json")
        if self.command is None:
            del data["command"]
        return data

    def write(self, path: Path) -> Path:
        """Write the file, whole or not at all."""
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")
        return path

    def text(self) -> str:
        """Return the matrix, mutant x statistic, and what it says.

        A cell is ``=`` (equivalent in all populations), ``?`` (inconclusive in one), or the
        population that differs most surely.
        """
        control = MutantRow(name="(none)", what="", expected=False, **dict(self.control))
        every: list[MutantRow | FailedRow] = [control, *self.mutants]
        columns = [row.statistics if isinstance(row, MutantRow) else {} for row in every]
        names = list(dict.fromkeys(name for column in columns for name in column))
        words = {True: "caught", False: "not caught", None: "open"}
        rows = [["mutant", "expected", "found", *names]]
        for row, column in zip(every, columns, strict=True):
            found = "failed" if isinstance(row, FailedRow) else words[row.caught]
            cells = [_cell(column.get(name)) for name in names]
            rows.append([row.name, words[row.expected], found, *cells])
        widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
        lines = ["".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        legend = (
            "= equivalent in all populations, ? inconclusive in one, else the population that "
            "differs"
        )
        return "\n".join([*lines, legend, "", *map(_reason, every), "", *_conclusions(self)])


def _cell(found: Column | None) -> str:
    if found is None:
        return ""
    signs = {Outcome.EQUIVALENT: "=", Outcome.INCONCLUSIVE: "?"}
    return signs.get(found.outcome, found.population)


def _reason(row: MutantRow | FailedRow) -> str:
    """Return why a mutant was caught, or what would be needed."""
    if isinstance(row, FailedRow):
        return f"{row.name}: {row.failures[0]}"
    if row.by is not None:
        p = math.nan if row.by.p_adjusted is None else row.by.p_adjusted
        return f"{row.name}: {row.by.text}, adjusted p {p:.2g}"
    if row.closest is None:
        return f"{row.name}: nothing to compare"
    found, seeds = row.closest, row.closest.seeds_needed
    if row.outcome is Outcome.EQUIVALENT:
        advice = "within all margins"
    elif seeds is None:
        advice = "no deviation exceeds its margin, so that no number of seeds would tell"
    else:
        advice = f"{seeds} seeds a side would call it different, if it is what it seems"
    shown = found.text.partition(f": {found.outcome.upper()}")[0]
    return f"{row.name}: {shown}; {advice}"


def _conclusions(result: SelfTest) -> list[str]:
    found, smallest = result.splits, result.smallest_weight_change
    shares = (f"{n} {100 * s['equivalent']:.0f} %" for n, s in found.statistics.items())
    ladder = [row.name for row in result.mutants if row.name.startswith(LADDER)]
    weights = f"x {smallest:g}" if smallest else f"none of {len(ladder)}"
    margins = Margins.model_validate(result.request["margins"])
    seen = (
        f"{name} {_seen(column.detectable, margins.of(name))}"
        for name, column in result.control.statistics.items()
        if column.detectable
    )
    return [
        f"false alarms: {found.alarms} of {found.number} splits of equal runs, "
        f"{100 * found.share:.1f} % (nominal: at most {100 * ALPHA:g} %)",
        f"tests of equal runs that are equivalent: {', '.join(shares)}",
        f"called different with a power of 80 %, best to worst population: {', '.join(seen)}",
        *([f"smallest change of all weights that is caught: {weights}"] if ladder else []),
        *([f"missed although expected: {', '.join(result.missed)}"] if result.missed else []),
        *(f"left out: {name}: {why}" for name, why in result.left_out.items()),
    ]


def _seen(detectable: Sequence[float | None], margin: Margin) -> str:
    low, high = (math.inf if value is None else value for value in detectable)
    if margin.relative:
        return f"{100 * low:.2g} to {100 * high:.2g} %"
    return f"{low:.2g} to {high:.2g}"
