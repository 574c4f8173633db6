"""What of PyNN's drawing is mended or replaced here: one connector, and the native generator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pyNN import connectors
from pyNN.random import NumpyRNG


class OneToOneConnector(connectors.OneToOneConnector):
    __doc__ = connectors.OneToOneConnector.__doc__

    def _standard_connect(
        self, projection: Any, connection_map_generator: Any, distance_map: Any = None
    ) -> None:
        def columns(*mask: Any) -> Iterator[Any]:
            # of one source PyNN makes a number, in which NumPy 2.1 and later look for no place
            for column in connection_map_generator(*mask):
                yield column if column is True else np.atleast_1d(column)

        super()._standard_connect(projection, columns, distance_map)


class NativeRNG(NumpyRNG):
    """What scripts ask for to have numbers drawn by the simulator itself.

    A network of netspec's is the same on all simulators, so the numbers are those of `NumpyRNG`.
    """
