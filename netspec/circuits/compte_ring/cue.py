"""Cues and distractors of the ring: a current into the neurons around one angle."""

from __future__ import annotations

from typing import Annotated

from netspec.describe.fields import Described, Milliseconds, in_unit
from netspec.describe.network import StepCurrent


class Cue(Described):
    """A current into the neurons around one angle, for some time: a cue or a distractor.

    Attributes
    ----------
    angle, width : float
        Degrees. Both ends of the width are included.
    strength : float
        pA.
    start : float
        ms, from the start of the warm-up.
    duration : float
        ms.
    """

    angle: Annotated[float, in_unit("deg", -360, 360)] = 180.0
    strength: Annotated[float, in_unit("pA")] = 70.0
    width: Annotated[float, in_unit("deg", 0, 360)] = 40.0
    start: Milliseconds = 100.0
    duration: Milliseconds = 200.0

    def neurons(self, size: int) -> tuple[int, ...]:
        """Return the neurons that the current reaches, in [ND]'s rounding."""
        centre = round(size / 360 * self.angle)
        half = round(size / 360 * self.width / 2)
        return tuple(sorted({i % size for i in range(centre - half, centre + half + 1)}))

    def current(self, name: str, size: int) -> StepCurrent:
        """Return the cue as a current into the population E of `size` neurons."""
        return StepCurrent(
            name=name,
            target="E",
            times=(self.start, self.start + self.duration),
            amplitudes=(self.strength, 0.0),
            neurons=self.neurons(size),
        )
