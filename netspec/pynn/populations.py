"""Populations, views and assemblies: cells with their parameters and initial values as arrays.

A population keeps, for every native parameter of its cell type, one value a cell. What is changed
while the clock stands at t = 0 replaces them. What is changed later is refused, unless the cell
type ``accepts_changes`` (spike sources do): then `Population.course` tells what held from when on.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyNN import common
from pyNN.parameters import LazyArray, ParameterSpace, Sequence, simplify
from pyNN.standardmodels import StandardCellType

from netspec.errors import UsageError
from netspec.pynn import state as simulator
from netspec.pynn.carried import tell
from netspec.pynn.recording import Recorder

Values = NDArray[Any]


class _Cells:
    """What populations and views have alike; `_own` says which cells of the root they are."""

    celltype: Any
    size: int

    def _own(self) -> tuple[Population, NDArray[np.int64]]:
        """Return the population at the root, and which of its cells these are."""
        raise NotImplementedError

    def _get_view(self, selector: Any, label: str | None = None) -> PopulationView:
        return PopulationView(self, selector, label)

    def _get_parameters(self, *names: str) -> ParameterSpace:
        """Return parameters by PyNN's names, in PyNN's units."""
        known = self.celltype.get_native_names()
        wanted = [name for name in names if name in self.celltype.translations]
        computed = self.celltype.computed_parameters_include(names)
        native = known if computed or not wanted else self.celltype.get_native_names(*wanted)
        return self.celltype.reverse_translate(self._get_native_parameters(*native))

    def _get_native_parameters(self, *names: str) -> ParameterSpace:
        """Return parameters by netspec's names, in netspec's units."""
        root, cells = self._own()
        values = {name: simplify(root.native[name][cells]) for name in names}
        return ParameterSpace(values, shape=(self.size,))

    def _set_parameters(self, parameter_space: ParameterSpace) -> None:
        """Take parameters by netspec's names, in netspec's units."""
        root, cells = self._own()
        parameter_space.evaluate(simplify=False)
        root.take({name: np.asarray(value) for name, value in parameter_space.items()}, cells)

    def _set_initial_value_array(self, variable: str, initial_values: LazyArray) -> None:
        root, cells = self._own()
        root.begin_with(variable, np.asarray(initial_values.evaluate(simplify=False)), cells)


class Assembly(common.Assembly):
    __doc__ = common.Assembly.__doc__
    _simulator = simulator

    @property
    def local_size(self) -> int:
        """Number of cells, which connectors with a progress bar ask for."""
        return int(self.size)

    @property
    def receptor_types(self) -> list[str]:
        """Receptors that all populations have, in the order of the first."""
        # PyNN's own order is that of a set, so which one a projection takes by default is chance
        first, *others = (p.celltype.receptor_types for p in self.populations)
        return [receptor for receptor in first if all(receptor in other for other in others)]


class _InitialValues(MutableMapping[str, LazyArray]):
    """The initial values of a view: those of its population, as far as they are the view's."""

    def __init__(self, view: PopulationView) -> None:
        self.root, self.cells = view._own()

    def __getitem__(self, variable: str) -> LazyArray:
        values = self.root.started[variable][self.cells]
        return LazyArray(values, shape=values.shape, dtype=float)

    def __setitem__(self, variable: str, values: LazyArray) -> None:
        """Do nothing: the population has taken the values already."""

    def __delitem__(self, variable: str) -> None:
        raise TypeError("initial values can be set, not removed")

    def __iter__(self) -> Any:
        return iter(self.root.started)

    def __len__(self) -> int:
        return len(self.root.started)


class PopulationView(_Cells, common.PopulationView):
    __doc__ = common.PopulationView.__doc__
    _simulator = simulator
    _assembly_class = Assembly

    def _own(self) -> tuple[Population, NDArray[np.int64]]:
        cells = np.arange(self.parent.size)[self.mask]
        root, inner = self.parent._own()
        return root, inner[cells]

    @property
    def initial_values(self) -> _InitialValues:
        """Variable -> initial values of these cells."""
        return _InitialValues(self)


class Population(_Cells, common.Population):
    __doc__ = common.Population.__doc__
    _simulator = simulator
    _recorder_class = Recorder
    _assembly_class = Assembly

    def __init__(
        self,
        size: Any,
        cellclass: Any,
        cellparams: Any = None,
        structure: Any = None,
        initial_values: Any = None,
        label: str | None = None,
    ) -> None:
        # before PyNN notes that there is a recorder of it
        simulator.state.refuse_later(
            "a population is new" if label is None else f"population {label!r} is new"
        )
        check = getattr(cellclass, "check_carried", None)
        if check is None:
            kind = cellclass if isinstance(cellclass, type) else type(cellclass)
            raise UsageError(
                f"population {label!r}: cells of type {kind.__name__}; allowed: the cell types of "
                "netspec.pynn (list_standard_models())"
            )
        super().__init__(size, cellclass, cellparams, structure, initial_values or {}, label)

    def _create_cells(self) -> None:
        state = simulator.state
        self.celltype.check_carried()
        first = state.id_counter
        self.all_cells = np.array(
            [simulator.ID(number) for number in range(first, first + self.size)], simulator.ID
        )
        self._mask_local = np.ones(self.size, bool)
        for cell in self.all_cells:
            cell.parent = self
        state.id_counter += self.size
        # before translations compute with them: of an array and a function, say
        self.celltype.parameter_space.shape = (self.size,)
        space = (
            self.celltype.native_parameters
            if isinstance(self.celltype, StandardCellType)
            else self.celltype.parameter_space
        )
        space.shape = (self.size,)
        space.evaluate(simplify=False)
        # native parameter -> one value a cell; variable of PyNN's -> initial value of each
        self.native: dict[str, Values] = _flat(space, self.size)
        self._check_native(self.native)
        self.started: dict[str, Values] = {}
        self.history: list[tuple[float, str, Values]] = []
        self.begin_segment()
        state.populations.append(self)

    def _check_native(self, native: dict[str, Values]) -> None:
        check = getattr(self.celltype, "check_native", None)
        if check is not None:
            check(native)

    def _own(self) -> tuple[Population, NDArray[np.int64]]:
        return self, np.arange(self.size)

    def begin_segment(self) -> None:
        """Let what holds now be what holds from t = 0 on."""
        self.history = [(0.0, name, values.copy()) for name, values in self.native.items()]

    def course(self, name: str) -> list[tuple[float, Values]]:
        """Return (time in ms, one value a cell) of a native parameter: from that time on.

        The first time is 0.
        """
        return [(time, values) for time, which, values in self.history if which == name]

    def take(self, given: dict[str, Values], cells: NDArray[np.int64]) -> None:
        """Set native parameters of some cells, one value each.

        Raises
        ------
        UsageError
            If the clock has been moved and the cell type does not accept changes.
        """
        state = simulator.state
        changed = {
            name: values
            for name, values in given.items()
            if not _same(self.native[name][cells], values)
        }
        if not changed:
            return
        if state.steps and not getattr(self.celltype, "accepts_changes", False):
            ours = [
                p for p, t in self.celltype.translations.items() if t["translated_name"] in changed
            ]
            what = f"parameter {', '.join(ours or changed)} of {self.label!r}"
            state.refuse_later(what, "reset() first, or describe a current as a StepCurrentSource")
        after = dict(self.native)
        for name, values in changed.items():
            after[name] = self.native[name].copy()
            after[name][cells] = values
        self._check_native(after)
        self.native = after
        if state.steps:
            self.history += [(state.t, name, after[name]) for name in changed]
        if not state.steps:
            self.begin_segment()
        state.changed()

    def begin_with(self, variable: str, values: Values, cells: NDArray[np.int64]) -> None:
        """Set initial values of some cells, one each."""
        before = self.started.get(variable)
        if before is not None and _same(before[cells], values):
            return
        if before is not None:
            simulator.state.refuse_later(f"initial value of {variable} of {self.label!r}")
        observed = getattr(self.celltype, "variables", {}).get(variable)
        usual = self.celltype.default_initial_values.get(variable)
        if (observed is None or not observed.settable) and not (values == usual).all():
            tell(
                f"initial value of {variable} of {self.label!r}: left alone, since it is no state "
                f"of {type(self.celltype).__name__}"
            )
        now = np.zeros(self.size) if before is None else before.copy()
        now[cells] = values
        self.started[variable] = now


def _flat(space: ParameterSpace, size: int) -> dict[str, Values]:
    """Return evaluated parameters as name -> values, those of components by dots."""
    found: dict[str, Values] = {}
    for name, value in space.items():
        if isinstance(value, ParameterSpace):
            found |= {f"{name}.{inner}": v for inner, v in _flat(value, size).items()}
        else:
            # of a list for one cell, PyNN makes a number
            found[name] = np.broadcast_to(np.asarray(value), (size,)).copy()
    return found


def _same(before: Values, after: Values) -> bool:
    """Return whether all values are the same; those of lists are compared as lists."""
    if before.dtype != object:
        return bool(np.array_equal(before, np.broadcast_to(after, before.shape)))
    listed = np.broadcast_to(after, before.shape)
    return all(np.array_equal(_list(a), _list(b)) for a, b in zip(before, listed, strict=True))


def _list(value: Any) -> Any:
    return value.value if isinstance(value, Sequence) or hasattr(value, "value") else value
