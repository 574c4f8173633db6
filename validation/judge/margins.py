"""How far two backends may differ: margins, declared in a request before the runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from netspec.describe.fields import Described, Identifier
from netspec.errors import UsageError, shown, unknown
from netspec.execute.measure import Margin, Measure
from netspec.validation.measure.catalogue import known_measures

__all__ = ["Margin", "Margins", "default_margins"]


def default_margins(more: Iterable[Measure] = ()) -> dict[str, Margin]:
    """Return the margins that the statistics of all measures have by themselves.

    Parameters
    ----------
    more : iterable of Measure
        Beside those that are installed and those of the circuits.
    """
    return {
        statistic.name: statistic.margin
        for measure in known_measures(more)
        for statistic in measure.statistics
        if statistic.margin is not None
    }


class Margins(Described):
    """All margins of a comparison, declared before the runs.

    Attributes
    ----------
    statistics : dict
        Statistic -> margin.
    distribution : float or None
        The largest ratio of distances between backends to distances within one; None if
        distributions are not judged.
    """

    statistics: dict[Identifier, Margin] = Field(default_factory=default_margins)
    distribution: Annotated[float, Field(gt=1, le=10)] | None = 1.25

    def of(self, statistic: str) -> Margin:
        """Return the margin of a statistic; `UsageError` if none is declared."""
        if statistic not in self.statistics:
            raise UsageError(unknown("margin", statistic, self.statistics))
        return self.statistics[statistic]

    def declare(self, given: Mapping[str, object]) -> Margins:
        """Return these margins with some replaced, as in a TOML table.

        Parameters
        ----------
        given : mapping
            Statistic -> ``"5%"`` where the margin is relative, a number elsewhere; ``W1`` is
            the ratio of distances.
        """
        statistics, distribution = dict(self.statistics), self.distribution
        for name, value in given.items():
            if name == "W1":
                distribution = _number(name, value)
            elif name in statistics:
                limit = _number(name, value, percent=statistics[name].relative)
                statistics[name] = Margin(limit=limit, scale=statistics[name].scale)
            else:
                raise UsageError(unknown("margin", name, [*statistics, "W1"]))
        return Margins(statistics=statistics, distribution=distribution)

    def only(self, names: Sequence[str] | None) -> Margins:
        """Return these margins for some statistics alone: the others are reported, not judged.

        Parameters
        ----------
        names : sequence of str or None
            Statistics, and ``W1`` for the distributions; None for all.
        """
        if names is None:
            return self
        for name in names:
            if name not in (*self.statistics, "W1"):
                raise UsageError(unknown("statistic", name, [*self.statistics, "W1"]))
        kept = {name: margin for name, margin in self.statistics.items() if name in names}
        return Margins(statistics=kept, distribution=self.distribution if "W1" in names else None)

    def declare_text(self, text: str) -> Margins:
        """Return these margins with those of a text such as ``rate=5%,lv=0.02`` replaced."""
        given: dict[str, object] = {}
        for part in filter(None, map(str.strip, text.split(","))):
            name, equals, value = map(str.strip, part.partition("="))
            if not equals or name in given:
                raise UsageError(f"margins: given {shown(part)}; expected name=value, once a name")
            given[name] = value
        return self.declare(given)

    def content_hash(self) -> str:
        """Return a hash (SHA-256, hexadecimal) that changes with every margin."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _number(name: str, value: object, *, percent: bool = False) -> float:
    """Read the text or number of a margin; a share must be written with its per cent sign."""
    text = str(value).strip()
    expected = "a percentage such as 5%" if percent else "a number such as 0.02"
    try:
        if percent != text.endswith("%") or isinstance(value, bool):
            raise ValueError
        number = float(text.removesuffix("%"))
    except ValueError:
        raise UsageError(f"margin of {name}: given {shown(value)}; expected {expected}") from None
    return number / 100 if percent else number
