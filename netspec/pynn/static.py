"""Synapse types: what each one says of itself, and the static synapse.

A further one is a class with `Synaptic` beside PyNN's own, exported by `netspec.pynn`. Its native
parameters have PyNN's names and units, since that is what `Projection.get` returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyNN.standardmodels import build_translations, synapses

from netspec.pynn import state as simulator
from netspec.pynn.carried import Target

Columns = Mapping[str, float | NDArray[Any]]
# which synapses (of those it is asked about; None for all), and fields of a netspec Projection
Kind = tuple[NDArray[np.bool_] | None, dict[str, Any]]


class Synaptic:
    """A synapse type whose synapses netspec carries.

    Attributes
    ----------
    changes : bool
        Whether weights at the end of a run are others: `Projection.get("weight")` then returns
        those, once the clock has moved.
    plain : bool
        Whether an event is always the weight.
    releases : bool
        Whether they send at random, which is drawn beforehand (`netspec.pynn.released`).
    """

    changes = False
    releases = False
    plain = False

    def _get_minimum_delay(self) -> float:
        return simulator.state.default_delay

    def kinds(self, columns: Columns, size: int, target: Target) -> Iterator[Kind]:
        """Yield the synapses that are alike, and what a netspec Projection says of them.

        Weights and delays are said by who asks. Parameters of a netspec projection are one number
        each, so synapses whose parameters differ are of several kinds.

        Parameters
        ----------
        columns : mapping
            Native parameter -> a number, or one a synapse.
        size : int
            Number of synapses.
        target : Target
        """
        yield None, {}


class StaticSynapse(Synaptic, synapses.StaticSynapse):
    __doc__ = synapses.StaticSynapse.__doc__
    plain = True
    translations = build_translations(("weight", "weight"), ("delay", "delay"))
