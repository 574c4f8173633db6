"""Projections: what PyNN's connectors draw, kept in columns.

The connectors draw with PyNN's own random numbers, so a network is the one that it is on every
other simulator of PyNN's. A connector hands over the sources of one target at a time; nothing is
made for a single synapse until somebody asks for it (`Connection`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyNN import common, errors
from pyNN.parameters import ParameterSpace
from pyNN.space import Space

from netspec.errors import UsageError
from netspec.pynn import state as simulator
from netspec.pynn.static import StaticSynapse, Synaptic

Values = NDArray[Any]
COMBINED = {"sum": np.add, "min": np.minimum, "max": np.maximum}


class Connection(common.projections.Connection):
    """One synapse of a projection, by its place in the columns."""

    def __init__(self, projection: Projection, index: int) -> None:
        self.__dict__.update(projection=projection, index=index)

    @property
    def presynaptic_index(self) -> int:
        """Of the source, within the projection's `pre`."""
        return int(self.projection.columns.pre[self.index])

    @property
    def postsynaptic_index(self) -> int:
        """Of the target, within the projection's `post`."""
        return int(self.projection.columns.post[self.index])

    @property
    def source(self) -> Any:
        """The presynaptic cell."""
        return self.projection.pre[self.presynaptic_index]

    @property
    def target(self) -> Any:
        """The postsynaptic cell."""
        return self.projection.post[self.postsynaptic_index]

    def __getattr__(self, name: str) -> Any:
        if name not in self.__dict__["projection"].columns.values:
            raise AttributeError(f"a connection has no {name!r}")
        return float(self.projection.column(name)[self.index])

    def __setattr__(self, name: str, value: float) -> None:
        self.projection.assign(name, np.float64(value), np.array([self.index]))

    def as_tuple(self, *names: str) -> tuple[float, ...]:
        """Return several attributes."""
        return tuple(getattr(self, name) for name in names)


class Columns:
    """Synapses in columns: sources, targets, and native parameters, each a number if all alike."""

    def __init__(self) -> None:
        self._chunks: list[tuple[Values, int, dict[str, Any]]] = []
        self.size = 0
        self.names: tuple[str, ...] = ()

    def add(self, pre: Values, post: int, parameters: dict[str, Any]) -> None:
        """Take the sources of one target, with their parameters (numbers, or one each)."""
        self._chunks.append((pre, post, parameters))
        self.size += len(pre)
        self.names = self.names or tuple(parameters)
        for name in ("pre", "post", "values"):
            self.__dict__.pop(name, None)

    @cached_property
    def pre(self) -> NDArray[np.int64]:
        """Sources, shape (size,)."""
        parts = [pre for pre, _, _ in self._chunks]
        return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)

    @cached_property
    def post(self) -> NDArray[np.int64]:
        """Targets, shape (size,)."""
        lengths = [len(pre) for pre, _, _ in self._chunks]
        return np.repeat(np.array([p for _, p, _ in self._chunks], np.int64), lengths)

    @cached_property
    def values(self) -> dict[str, Any]:
        """Native parameter -> a number if all synapses have the same, or one each."""
        return {name: self._joined(name) for name in self.names}

    def _joined(self, name: str) -> Any:
        parts = [parameters[name] for _, _, parameters in self._chunks]
        if all(np.ndim(part) == 0 for part in parts) and len(set(parts)) == 1:
            return parts[0]
        lengths = [len(pre) for pre, _, _ in self._chunks]
        joined = np.concatenate(
            [np.broadcast_to(p, n) for p, n in zip(parts, lengths, strict=True)]
        )
        return joined[0] if (joined == joined[0]).all() else joined


class Projection(common.Projection):
    __doc__ = common.Projection.__doc__
    _simulator = simulator
    _static_synapse_class = StaticSynapse

    def __init__(
        self,
        presynaptic_population: Any,
        postsynaptic_population: Any,
        connector: Any,
        synapse_type: Any = None,
        source: Any = None,
        receptor_type: str | None = None,
        space: Any = None,
        label: str | None = None,
    ) -> None:
        super().__init__(
            presynaptic_population, postsynaptic_population, connector, synapse_type, source,
            receptor_type, Space() if space is None else space, label,
        )  # fmt: skip
        simulator.state.refuse_later(f"projection {self.label!r} is new")
        if not isinstance(self.synapse_type, Synaptic):
            raise UsageError(
                f"projection {self.label!r}: synapses of type {type(self.synapse_type).__name__}; "
                "allowed: the synapse types of netspec.pynn"
            )
        self.columns = Columns()
        connector.connect(self)
        self._check_delays()
        simulator.state.projections.append(self)

    def _convergent_connect(
        self,
        presynaptic_indices: Any,
        postsynaptic_index: int,
        location_selector: Any = None,
        **connection_parameters: Any,
    ) -> None:
        if location_selector is not None:
            raise UsageError(
                f"projection {self.label!r}: given location_selector={location_selector!r}; "
                "allowed: none, since neurons are points"
            )
        pre = np.atleast_1d(np.asarray(presynaptic_indices))
        self.columns.add(pre, int(postsynaptic_index), connection_parameters)

    def _check_delays(self) -> None:
        delay = self.columns.values.get("delay")
        if delay is None or simulator.state.shortest == "auto":
            return
        least = float(np.min(delay))
        if least < simulator.state.min_delay - 1e-9:
            raise errors.ConnectionError(
                f"projection {self.label!r}: a delay of {least:g} ms; allowed: from min_delay on, "
                f"which setup() was told to be {simulator.state.min_delay:g} ms"
            )

    def __len__(self) -> int:
        return self.columns.size

    def delays(self) -> tuple[float, float]:
        """Return the shortest and the longest delay in ms of its synapses."""
        delay = self.columns.values["delay"]
        return float(np.min(delay)), float(np.max(delay))

    # -- one by one ---------------------------------------------------------------------

    @property
    def connections(self) -> Iterator[Connection]:
        """All synapses, one by one."""
        return (Connection(self, index) for index in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [Connection(self, k) for k in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"synapse {index} of {len(self)}")
        return Connection(self, index % len(self))

    # -- values -------------------------------------------------------------------------

    def column(self, name: str) -> Values:
        """Return a native parameter, or the index of the source or target, of every synapse."""
        if name in ("presynaptic_index", "postsynaptic_index"):
            return self.columns.pre if name == "presynaptic_index" else self.columns.post
        if name == "weight" and getattr(self.synapse_type, "changes", False):
            final = simulator.state.weights.of(simulator.state, self)
            if final is not None:
                return np.asarray(final)
        if not len(self):
            return np.empty(0)  # no connector has said anything
        return np.broadcast_to(self.columns.values[name], len(self))

    def assign(self, name: str, values: Any, which: Values | None = None) -> None:
        """Set a native parameter of all synapses, or of some."""
        simulator.state.refuse_later(f"{name} of projection {self.label!r}")
        if which is None:
            self.columns.values[name] = values
            return
        column = np.array(np.broadcast_to(self.columns.values[name], len(self)), float)
        column[which] = values
        self.columns.values[name] = column

    def _value_list_to_array(self, attributes: dict[str, Any]) -> dict[str, Any]:
        # PyNN asks for all weights as an array first, which may be large
        if any(isinstance(v, list) or np.ndim(v) == 1 for v in attributes.values()):
            return dict(super()._value_list_to_array(attributes))
        return attributes

    def _set_attributes(self, parameter_space: ParameterSpace) -> None:
        for name, lazy in parameter_space.items():
            if lazy.is_homogeneous:
                self.assign(name, lazy.evaluate(simplify=True))
                continue
            values = np.empty(len(self))
            order = np.argsort(self.columns.post, kind="stable")
            ends = np.searchsorted(self.columns.post[order], np.arange(self.post.size + 1))
            for target, (low, high) in enumerate(pairwise(ends)):
                if low < high:
                    chosen = order[low:high]
                    values[chosen] = lazy[self.columns.pre[chosen], target]
            self.assign(name, values)
        self._check_delays()

    def _set_initial_value_array(self, variable: str, value: Any) -> None:
        initial = getattr(self.synapse_type, "set_initial", None)
        if initial is None:
            raise UsageError(
                f"projection {self.label!r}: initial value of {variable!r}; "
                f"{type(self.synapse_type).__name__} has none that can be set"
            )
        initial(self, variable, value.evaluate(simplify=True))

    def _get_attributes_as_list(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        columns = [self.column(name).tolist() for name in names]
        return list(zip(*columns, strict=True))

    def _get_attributes_as_arrays(
        self, names: Sequence[str], multiple_synapses: str = "sum"
    ) -> list[Values]:
        pair = self.columns.pre * self.post.size + self.columns.post
        found = []
        for name in names:
            values = self.column(name)
            array = np.full(self.pre.size * self.post.size, np.nan)
            if multiple_synapses == "first":
                array[pair[::-1]] = values[::-1]
            else:
                array[pair] = values
            if multiple_synapses in COMBINED:
                unique, first = np.unique(pair, return_index=True)
                array[unique] = values[first]
                rest = np.ones(len(pair), bool)
                rest[first] = False
                COMBINED[multiple_synapses].at(array, pair[rest], values[rest])
            found.append(array.reshape(self.pre.size, self.post.size))
        return found
