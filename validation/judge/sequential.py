"""A verdict that is asked again with every few seeds: what stays decided, and when to stop.

A test that is equivalent at one look stays so. That is no second chance: the levels of all looks
together are those of one test (`looks`), and the whole needs every test. The method stands in
``docs/verdict.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.execute.measure import Key
from netspec.validation.judge.comparing import Floats, Judged
from netspec.validation.judge.comparison import Outcome
from netspec.validation.judge.futility import FUTILE, Chance, chance
from netspec.validation.judge.looks import Look
from netspec.validation.judge.means import Levels
from netspec.validation.judge.verdict import Test, Verdict, as_json, overall

DECIDED = (Outcome.EQUIVALENT, Outcome.DIFFERENT)


@dataclass(frozen=True)
class Taken:
    """One look: its levels, all tests at it, and what can still become of the open ones."""

    look: Look
    judged: Judged
    chances: Mapping[Key, Chance] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """All looks at a comparison so far.

    Attributes
    ----------
    plan : tuple of Look
        As declared.
    taken : tuple of Taken
    """

    plan: tuple[Look, ...]
    taken: tuple[Taken, ...] = ()

    def levels(self) -> Levels:
        """Return the levels of the next look."""
        look = self.plan[len(self.taken)]
        return Levels(look.alpha, look.alpha_difference)

    def with_look(
        self, found: Judged, values: tuple[Mapping[Key, Floats], Mapping[Key, Floats]]
    ) -> Course:
        """Return the course with one more look.

        Parameters
        ----------
        found : Judged
            At the levels of the next look.
        values : tuple of mapping
            (group, statistic) -> values per seed of both sides, for what may still be found.
        """
        look, last = self.plan[len(self.taken)], self.plan[-1]
        longer = replace(self, taken=(*self.taken, Taken(look, found)))
        chances = {}
        if look != last:
            for test in longer.verdict().tests:
                key = (test.population, test.statistic)
                if test.outcome is Outcome.INCONCLUSIVE and key in values[0]:
                    chances[key] = chance(
                        values[0][key], values[1][key], found.verdict.margins.of(key[1]), last,
                        family=len(found.verdict.tests), matched=test.matched,
                    )  # fmt: skip
        return replace(self, taken=(*self.taken, Taken(look, found, chances)))

    def verdict(self) -> Verdict:
        """Return the verdict after all looks so far: tests stay as they were when decided."""
        last = self.taken[-1].judged.verdict
        kept = self._kept()
        tests = tuple(kept.get((t.population, t.statistic), (t, None))[0] for t in last.tests)
        return replace(last, tests=tests, outcome=overall([test.outcome for test in tests]))

    def _kept(self) -> dict[Key, tuple[Test, int]]:
        """Return the tests that are equivalent, as they were then, and the seeds of that look."""
        found: dict[Key, tuple[Test, int]] = {}
        for taken in self.taken:
            for test in taken.judged.verdict.tests:
                if test.outcome is Outcome.EQUIVALENT:
                    found.setdefault((test.population, test.statistic), (test, taken.look.seeds))
        return found

    def futile(self) -> dict[Key, Chance]:
        """Return the open tests that more seeds up to the last look will hardly decide."""
        return {key: c for key, c in self.taken[-1].chances.items() if c.any < FUTILE}

    def stopped(self) -> str:
        """Return why no further look is needed; nothing if there is one."""
        if self.verdict().outcome in DECIDED:
            return "decided"
        if len(self.taken) == len(self.plan):
            return "last look"
        return "futile" if self.futile() else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the plan, why it ended, and the path of every test over the looks, as JSON."""
        kept, verdict = self._kept(), self.verdict()
        paths = []
        for test in verdict.tests:
            key = (test.population, test.statistic)
            decided = kept[key][1] if key in kept else None
            if test.outcome is Outcome.DIFFERENT:
                decided = self.taken[-1].look.seeds
            steps = [self._step(taken, key) for taken in self.taken]
            paths.append(
                {
                    "population": key[0],
                    "statistic": key[1],
                    "outcome": test.outcome,
                    "decided": decided,
                    "steps": [step for step in steps if step is not None],
                }
            )
        result: dict[str, Any] = as_json(
            {
                "plan": list(self.plan),
                "taken": [taken.look.seeds for taken in self.taken],
                "stopped": self.stopped(),
                "text": self.text(),
                "paths": paths,
            }
        )
        return result

    def text(self) -> str:
        """Return in one line how far it went, and what was decided at which look."""
        unit = "pairs" if any(test.matched for test in self.verdict().tests) else "seeds a side"
        head = f"{self.taken[-1].look.seeds} of at most {self.plan[-1].seeds} {unit}"
        at = Counter(seeds for _, seeds in self._kept().values())
        decided = ", ".join(f"{count} at {seeds}" for seeds, count in sorted(at.items()))
        words = f"{head}; equivalent: {decided or 'none'}"
        if self.stopped() == "futile":
            names = ", ".join(f"{group} {name}" for group, name in self.futile())
            words += f"; stopped, since more seeds would hardly decide: {names}"
        return words

    def _step(self, taken: Taken, key: Key) -> dict[str, Any] | None:
        """Return one test at one look; None if it was undefined then."""
        for test in taken.judged.verdict.tests:
            if (test.population, test.statistic) == key:
                found = taken.chances.get(key)
                return {
                    "seeds": taken.look.seeds,
                    **test.comparison.row(),
                    "share": test.comparison.share(),
                    "p_adjusted": test.p_adjusted,
                    "outcome": test.outcome,
                    "chance": None if found is None else found.any,
                }
        return None
