"""The page of galleries counts its own rows, and claims a script where there is one."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GALLERIES = {"NEST": "nest_examples", "Brian2": "brian2_examples", "PyNN": "pynn_examples",
             "GeNN": "genn_examples"}  # fmt: skip


def cells(line):
    return [cell.strip() for cell in line.strip("|\n ").split("|")]


def rows():
    """Return gallery -> (example, netspec, NEST, script) of the page's tables."""
    text = (ROOT / "docs" / "galleries.md").read_text()
    found = {}
    for section in text.split("\n## ")[1:]:
        name, _, body = section.partition("\n")
        table = [cells(line) for line in body.splitlines() if line.startswith("| ")]
        found[name] = [row[:4] for row in table[1:]]
    return text, found


def test_the_counts_are_those_of_the_rows():
    text, found = rows()
    assert set(found) == set(GALLERIES)
    told = {row[0]: list(map(int, row[1:])) for row in map(cells, text.splitlines())
            if len(row) == 7 and row[1].isdigit()}  # fmt: skip
    total = [0] * 6
    for name, table in found.items():
        said = [verdict for _, verdict, _, _ in table]
        nest = [verdict for _, _, verdict, _ in table]
        counts = [
            len(table),
            *map(said.count, ("yes", "partly", "no")),
            *map(nest.count, ("yes", "partly")),
        ]
        assert told[name] == counts, name
        assert len({row[0] for row in table}) == len(table)
        total = [a + b for a, b in zip(total, counts, strict=True)]
    assert told["all"] == total


@pytest.mark.parametrize("gallery", GALLERIES)
def test_an_example_has_a_script_where_the_page_says_so(gallery, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "examples" / "gallery")
    module = importlib.import_module(GALLERIES[gallery])
    claimed = {name for name, verdict, _, script in rows()[1][gallery] if script == "yes"}
    assert claimed == set(module.EXAMPLES)
    for name in module.EXAMPLES:
        network = module.EXAMPLES[name]()
        assert re.fullmatch(r"\w+", network.name) and network.recorded()
    sys.modules.pop(module.__name__)
