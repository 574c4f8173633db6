"""Where what a script says becomes part of a network: names, and groups of cells taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
LONGEST_NAME = 60


class Names:
    """Names of a network, made of labels: each once, and such as netspec allows."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, label: str) -> str:
        """Return a name for a label, which nobody else has."""
        plain = re.sub(r"\W+", "_", label.replace("→", "_to_"), flags=re.ASCII).strip("_")
        plain = (plain if plain[:1].isalpha() else f"p_{plain}")[:LONGEST_NAME]
        name, number = plain, 1
        while name in self._taken:
            number += 1
            name = f"{plain[: LONGEST_NAME - len(str(number)) - 1]}_{number}"
        self._taken.add(name)
        return name


@dataclass(frozen=True)
class Place:
    """What spike and current sources are told of the network that they become part of.

    Attributes
    ----------
    names : Names
        To name a piece after a label.
    populations : mapping
        Population of the script -> its name in the network.
    dt, until : float
        Time step, and where the clock stands, in ms.
    seed : int
    """

    names: Names
    populations: Mapping[Any, str]
    dt: float
    until: float
    seed: int

    def cells(self, cells: Any) -> Iterator[tuple[Any, str, Indices]]:
        """Yield (population, its name, which of its cells) of whatever a current is injected into.

        Parameters
        ----------
        cells : Population, PopulationView, Assembly or sequence of ID
        """
        if isinstance(cells, (list, tuple, np.ndarray)):
            chosen = [(cell.parent, cell.parent.id_to_index(cell)) for cell in cells]
            for parent in dict.fromkeys(p for p, _ in chosen):
                root, own = parent._own()
                yield (
                    root,
                    self.populations[root],
                    np.unique([own[index] for p, index in chosen if p is parent]),
                )
            return
        for part in getattr(cells, "populations", [cells]):
            root, own = part._own()
            yield root, self.populations[root], np.unique(own)


def members(group: Any) -> tuple[Indices, Indices, list[tuple[Any, int]]]:
    """Take a population, view or assembly apart.

    Returns
    -------
    which : ndarray of int64
        Of each member, which of `populations` it belongs to.
    index : ndarray of int64
        Of each member, its index there.
    populations : list of (Population, int)
        Populations of the script, each with the number of members.
    """
    which: list[Indices] = []
    index: list[Indices] = []
    found: dict[Any, int] = {}
    for part in getattr(group, "populations", [group]):
        root, own = part._own()
        number = found.setdefault(root, len(found))
        which.append(np.full(len(own), number))
        index.append(own)
    numbers = np.concatenate(which)
    counts = np.bincount(numbers, minlength=len(found))
    return numbers, np.concatenate(index), [(p, int(counts[k])) for p, k in found.items()]
