"""Trials of spatial working memory: one cue, at one angle of the ring or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from netspec.circuits.compte_ring.cue import Cue
from netspec.circuits.contract import TrialDesign
from netspec.describe.network import Network, StepCurrent
from netspec.errors import UsageError


class RingTrials(TrialDesign):
    """The populations E and I are a ring and its inhibition; a trial has one cue."""

    cue = Cue
    populations = ("E", "I")
    what = "a ring with exactly one cue"

    def cue_among(self, sizes: Mapping[str, int], currents: Sequence[StepCurrent]) -> Cue | None:
        """Return the cue that the only current is: a pulse into neighbours on the ring."""
        if len(currents) != 1 or "E" not in sizes:
            return None
        (current,) = currents
        neurons, size = current.neurons, sizes["E"]
        pulse = len(current.times) == 2 and current.amplitudes[1] == 0
        if current.target != "E" or not neurons or not pulse:
            return None
        where = np.angle(np.sum(np.exp(2j * np.pi * np.array(neurons) / size)))
        start, stop = current.times
        return Cue(
            angle=round(float(np.degrees(where)) % 360, 6) % 360,
            strength=current.amplitudes[0],
            width=360 * (len(neurons) - 1) / size,
            start=start,
            duration=stop - start,
        )

    def currents(self, cue: Cue, sizes: Mapping[str, int]) -> tuple[StepCurrent, ...]:
        """Return the cue as a current into E."""
        return (cue.current("cue0", sizes["E"]),)

    def turned(self, network: Network, angle: float) -> Network:
        """Return the ring with its one cue at another angle (degrees)."""
        cue: Cue | None = self.cue_of(network)
        if cue is None:
            raise UsageError(f"{network.name}: no ring with exactly one cue, which could be turned")
        (current,) = network.step_currents
        neurons = cue.model_copy(update={"angle": angle}).neurons(network.population("E").size)
        moved = current.model_copy(update={"neurons": neurons})
        return network.model_copy(update={"step_currents": (moved,)})
