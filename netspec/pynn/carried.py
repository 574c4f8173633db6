"""What a cell type says of itself so that a population of it can be described.

`Carried` is for neurons: a model of netspec's, and what PyNN's variables and receptors are in it.
`Source` is for cells that emit spikes by themselves. A further cell type is a class with one of
these two beside PyNN's own class of that name, exported by `netspec.pynn`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe.columns import Column
from netspec.describe.neurons import NeuronModel
from netspec.describe.spike_inputs import SpikeInput
from netspec.errors import NetspecWarning

Floats = NDArray[np.float64]
NANO = 1000.0  # nA in pA, uS in nS, nF in pF
FOREVER = 2**40  # steps


@dataclass(frozen=True)
class Observed:
    """A variable of PyNN's as the sum of states of netspec's.

    Attributes
    ----------
    states : tuple of str
    factor : float
        From netspec's unit to PyNN's.
    offset : str
        A parameter of netspec's that is added, in its own unit; empty if there is none.
    """

    states: tuple[str, ...]
    factor: float = 1.0
    offset: str = ""

    @property
    def settable(self) -> bool:
        """Whether it is one state, whose initial value can be set."""
        return len(self.states) == 1 and not self.offset

    def values(self, states: Mapping[str, Floats], population: Any, cells: Any) -> Floats:
        """Return values in PyNN's unit of samples of its states."""
        total: Floats = np.sum([states[s] for s in self.states], axis=0) * self.factor
        if self.offset:
            own = population.celltype.native_to_parameters(population.native)
            total = total + np.broadcast_to(own[self.offset], population.size)[cells]
        return total

    def first(self, population: Any) -> Floats:
        """Return the initial value of every cell of a population, in PyNN's unit."""
        celltype = population.celltype
        start = celltype.initial_states(population.started)
        known = {s: np.broadcast_to(start.get(s, 0.0), population.size) for s in self.states}
        return self.values(known, population, np.arange(population.size))


class Carried:
    """A cell type whose populations are populations of a netspec model.

    Attributes
    ----------
    model : NeuronModel
    variables : mapping
        Variable of PyNN's -> what it is in the model; for recording and for initial values (of
        which only those with one state can be set).
    receptors : mapping
        Receptor of PyNN's -> receptor of the model.
    weight_factor : float
        From PyNN's unit of weights to that of the receptor's state.
    fixed : mapping
        Parameters of the model that PyNN's cell has no name for.
    """

    model: NeuronModel
    variables: Mapping[str, Observed] = {}
    receptors: Mapping[str, str] = {"excitatory": "excitatory", "inhibitory": "inhibitory"}
    weight_factor: float = NANO
    fixed: Mapping[str, float] = {}
    accepts_changes = False

    def check_carried(self) -> None:
        """Raise if these parameters cannot be carried."""

    def netspec_model(self) -> NeuronModel:
        """Return the model that a population of these cells has."""
        return self.model

    def native_to_parameters(self, native: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters of the model from what `translations` gives, one value a cell."""
        return {**native, **self.fixed}

    def initial_states(self, started: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return state of the model -> initial values, from those of PyNN's variables."""
        found: dict[str, Floats] = {}
        for variable, values in started.items():
            observed = self.variables.get(variable)
            if observed is not None and observed.settable:
                found[observed.states[0]] = values / observed.factor
        return found


class Source:
    """A cell type that emits spikes, given or random, whatever reaches it.

    A population of it becomes one of `parrot_neuron` (`netspec.pynn.describe`): each spikes in the
    very step of an event that it is sent. So what it spikes is recorded like other spikes, it has
    any synapses, and a spike that is sent over a thousand of them is one event in the description.
    Two spikes of a cell in one step are one.

    `accepts_changes` lets scripts change its parameters while the clock runs; what held from when
    on stands in `Population.course`.
    """

    accepts_changes = True

    def check_carried(self) -> None:
        """Raise if these cells cannot be carried."""

    def check_native(self, native: Mapping[str, NDArray[Any]]) -> None:
        """Raise if these parameters, one value a cell, are none that cells can have."""

    def pieces(self, population: Any, name: str, place: Any) -> Iterator[Any]:
        """Yield what sends the population its events: here, a `SpikeInput` with its `spikes`.

        Parameters
        ----------
        population : Population
        name : str
            Of the population in the network.
        place : place.Place
        """
        steps, cells = self.sent(population, name, place, told=True)
        if len(steps):
            yield SpikeInput(
                name=place.names.take(f"{name}_spikes"), target=name, receptor="events",
                times=Column(np.round(steps * place.dt, 9)),
                neurons=Column(cells.astype(np.uint32)), weight=1.0,
            )  # fmt: skip

    def sent(
        self, population: Any, name: str, place: Any, told: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return step and cell of all spikes up to ``place.until``, in order of steps.

        Parameters
        ----------
        population, name, place : as of `pieces`
        told : bool
            Whether to warn of spikes that are one with another.
        """
        times, cells = self.spikes(population, name, place)
        dt, last = place.dt, round(place.until / place.dt)
        given = np.stack([np.maximum(steps_of(times, dt), 1), np.asarray(cells, np.int64)], 1)
        given = given[given[:, 0] <= last]
        pairs = np.unique(given, axis=0)
        lost = len(given) - len(pairs)
        if lost and told:
            tell(
                f"{lost} of {len(given)} spikes of {population.label!r} fall into the time step "
                f"of another of the same cell ({dt:g} ms), and are one with it"
            )
        return pairs[:, 0], pairs[:, 1]

    def spikes(self, population: Any, name: str, place: Any) -> tuple[Floats, NDArray[np.int64]]:
        """Return the times (ms, above 0) and cells of all spikes up to ``place.until``.

        What is drawn must not depend on `until` but for where it ends: the same segment is run
        again, from t = 0, when its clock has moved on.

        Parameters
        ----------
        population, name, place : as of `pieces`
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Target:
    """Where synapses of a projection end.

    Attributes
    ----------
    population : Population
        Of the script.
    cells : ndarray of int64
        The target of every synapse of the projection, as far as it is of this population.
    receptor : str
        Of the population's model.
    """

    population: Any
    cells: NDArray[np.int64]
    receptor: str

    @property
    def factor(self) -> float:
        """From PyNN's unit of weights to netspec's."""
        return float(self.population.celltype.weight_factor)

    @property
    def tau_syn(self) -> float | NDArray[np.float64] | None:
        """The time constant of what events make, in ms: a number if all targets have the same.

        None if they make V_m jump, or if there are two, of rise and decay.
        """
        given = self.population.celltype.native_to_parameters(self.population.native)
        name = {"excitatory": "ex", "inhibitory": "in"}.get(self.receptor, self.receptor)
        values = given.get(f"tau_syn_{name}")
        if values is None:
            return None
        every = np.broadcast_to(np.asarray(values, float), self.population.size)
        if (every == every[0]).all():
            return float(every[0])
        found: Floats = every[self.cells]
        return found


def steps_of(times: Any, dt: float) -> NDArray[np.int64]:
    """Return times in ms as whole steps, halves up; what lies beyond all runs as `FOREVER`.

    Raises
    ------
    ValueError
        If one is not a number.
    """
    if np.isnan(times).any():
        raise ValueError("given nan as a time; allowed: numbers, in ms")
    steps = np.floor(np.asarray(times, float) / dt + 0.5 + 1e-9)
    return np.clip(steps, 0, FOREVER).astype(np.int64)


def tell(text: str) -> None:
    """Warn a script of something that is not as it says."""
    warnings.warn(text, NetspecWarning, stacklevel=2)
