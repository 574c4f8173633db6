"""Print the figures of ``netspec ladder`` (its JSON files) as Markdown, for docs/ladder.md.

python benchmarks/ladder_table.py benchmarks/records/*-ladder.json
"""

import json
import sys
from pathlib import Path

from netspec.validation.ladder import Ladder, Rung


def markdown(file: Path) -> str:
    data = json.loads(file.read_text())
    del data["first_broken"]
    data |= {"backends": tuple(data["backends"])}
    data["rungs"] = tuple(Rung(**rung) for rung in data["rungs"])
    ladder = Ladder(**data)
    columns, rows = ladder.table()
    lines = [f"### {ladder.circuit}", "", ladder.description, ""]
    lines += ["| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows)]
    versions = ", ".join(f"{name} {version}" for name, version in ladder.versions.items())
    return "\n".join([*lines, "", *(f"- {line}" for line in ladder.lines()), "", f"({versions})"])


if __name__ == "__main__":
    print("\n\n".join(markdown(Path(name)) for name in sys.argv[1:]))
