"""What a docstring in numpydoc's form says of parameters or attributes."""

from __future__ import annotations

import inspect
import itertools
import re
from dataclasses import dataclass

_RULE = re.compile(r"-{3,}")
_CLAUSE = re.compile(r"(.+?)[.;](?:\s|$)", re.S)


@dataclass(frozen=True)
class Entry:
    """One parameter or attribute.

    Attributes
    ----------
    type : str
        What stands behind the colon: ``{"poisson", "dc"}, optional``.
    text : str
        All that is said, in one line.
    """

    type: str
    text: str

    @property
    def choices(self) -> list[str]:
        """Texts allowed, where the type lists them in braces."""
        inside = re.search(r"\{(.*?)\}", self.type)
        return re.findall(r"[\"']([^\"']+)[\"']", inside.group(1)) if inside else []

    @property
    def help(self) -> str:
        """What stands before the first semicolon or full stop, without marks, and the choices."""
        found = _CLAUSE.match(self.text)
        clause = (found.group(1) if found else self.text).replace("`", "")
        allowed = f" ({', '.join(self.choices)})" if self.choices else ""
        return f"{clause}{allowed}." if clause else ""


def entries(docstring: str | None, section: str) -> dict[str, Entry]:
    """Return name -> entry of a section such as ``Parameters``; empty if there is none."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    heads = [i for i, line in enumerate(lines[1:]) if _RULE.fullmatch(line.strip())]
    bounds = {
        lines[head].strip(): (head + 2, end)
        for head, end in itertools.pairwise([*heads, len(lines)])
    }
    if section not in bounds:
        return {}
    found: dict[str, Entry] = {}
    names: list[str] = []
    for line in lines[slice(*bounds[section])]:
        if line and not line[0].isspace():
            head, _, kind = line.partition(" : ")
            names = [name.strip().lstrip("*") for name in head.split(",")]
            found |= {name: Entry(kind.strip(), "") for name in names}
        elif line.strip():
            for name in names:
                entry = found[name]
                found[name] = Entry(entry.type, f"{entry.text} {line.strip()}".strip())
    return found
