"""Expressions of the same values, computed together: every part that they share once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from netspec.describe.expressions import UNIT_NAMES, Expr, Name, Number, function_of


class Together:
    """Expressions that are asked for again and again, with most values as they were.

    What comes out has the bits of `netspec.describe.expressions.evaluate`: the same functions of
    the same numbers. That goes through a shortcut wherever it is used, and through what stays.

    Parameters
    ----------
    trees : sequence of Expr
    moving : collection of str
        Names whose values are others each time they are asked for; all others stay.
    """

    def __init__(self, trees: Sequence[Expr], moving: Collection[str]) -> None:
        self._moving = {*moving}
        self._numbers: list[float | None] = []  # of each place; None where it is to be computed
        self._names: list[tuple[int, str]] = []
        self._steps: dict[bool, list[tuple[int, Any, tuple[int, ...]]]] = {False: [], True: []}
        self._moves: list[bool] = []
        self._known: dict[object, int] = {}
        self._wanted = [self._place(tree) for tree in trees]
        self._values: list[Any] = []

    def _place(self, tree: Expr) -> int:
        """Return the place of an expression, which is made once."""
        if isinstance(tree, Number):
            return self._new(("number", repr(tree.value)), False, number=tree.value)
        if isinstance(tree, Name):
            place = self._new(("name", tree.id), tree.id in self._moving)
            if (place, tree.id) not in self._names:
                self._names.append((place, tree.id))
            return place
        function = function_of(tree)
        args = tuple(map(self._place, tree.args))
        known = len(self._moves)
        moves = any(self._moves[arg] for arg in args)
        place = self._new((function, args), moves)
        if place == known:
            self._steps[moves].append((place, function, args))
        return place

    def _new(self, key: object, moves: bool, number: float | None = None) -> int:
        place = self._known.setdefault(key, len(self._moves))
        if place == len(self._moves):
            self._moves.append(moves)
            self._numbers.append(number)
        return place

    def hold(self, values: Mapping[str, Any]) -> None:
        """Take the values of all names that do not move, and compute what is made of them alone."""
        self._values = list(self._numbers)
        for place, name in self._names:
            if not self._moves[place]:
                self._values[place] = values[name] if name in values else UNIT_NAMES[name]
        self._run(False)

    def __call__(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values of all expressions, given those of the names that move."""
        for place, name in self._names:
            if self._moves[place]:
                self._values[place] = values[name]
        self._run(True)
        return [self._values[place] for place in self._wanted]

    def _run(self, moves: bool) -> None:
        found = self._values
        for place, function, args in self._steps[moves]:
            found[place] = function(*[found[arg] for arg in args])
