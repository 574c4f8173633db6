"""Many NetCons at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLOCK_AT, EVENTS_AT = 1 / 8, 1 / 4  # steps before the end of a step
# NEURON's own language makes a million NetCons in a third of the time that Python takes
CONNECT = """
objref netspec_sources, netspec_targets, netspec_made, netspec_synapse
objref netspec_pre, netspec_post, netspec_weight, netspec_delay
proc netspec_connect() { local k
    for k = 0, netspec_pre.size - 1 {
        netspec_synapse = new NetCon(netspec_sources.o(netspec_pre.x[k]), \\
            netspec_targets.o(netspec_post.x[k]), 0, netspec_delay.x[k], netspec_weight.x[k])
        netspec_synapse.weight[1] = $1
        netspec_made.append(netspec_synapse)
    }
    objref netspec_synapse
}
"""


class Wires:
    """NetCons between point processes, kept together.

    Parameters
    ----------
    hoc : HocObject
        NEURON's interpreter, which knows `CONNECT`.
    dt : float
        In ms.

    Attributes
    ----------
    made : HocObject
        The NetCons, as a List of NEURON's.
    """

    def __init__(self, hoc: Any, dt: float) -> None:
        self.hoc, self.dt, self.made = hoc, dt, hoc.List()

    def __len__(self) -> int:
        return int(self.made.count())

    def join(
        self,
        source: tuple[Any, NDArray[Any]],
        target: tuple[Any, NDArray[Any]],
        weight: NDArray[np.float64],
        delay: NDArray[np.int64],
        port: int,
        due_at: float = EVENTS_AT,
    ) -> None:
        """Make NetCons.

        Parameters
        ----------
        source, target : tuple
            A List of point processes, and the numbers in it of each NetCon's, shape (n,).
        weight, delay : ndarray, shape (n,)
            Delays in steps.
        port : int
            Of the targets.
        due_at : float
            Steps before the end of a step at which the events are due.
        """
        vector = self.hoc.Vector
        values = {
            "sources": source[0],
            "targets": target[0],
            "made": self.made,
            "pre": vector(source[1]),
            "post": vector(target[1]),
            "weight": vector(weight),
            "delay": vector((delay - (due_at - CLOCK_AT)) * self.dt),  # spikes leave at the clock
        }
        for name, value in values.items():
            setattr(self.hoc, f"netspec_{name}", value)
        self.hoc.netspec_connect(port)
        for name in values:
            setattr(self.hoc, f"netspec_{name}", None)
