"""PyNN's current sources, as currents of netspec's that step, or that are noise.

A current that is set for time t is felt by the step that begins at t. `ACSource` has in each step
the value at its begin. `NoisyCurrentSource` is noise of its own in every cell (as in ``pyNN.nest``;
in PyNN's other simulators all cells get the same), with netspec's numbers by counter.

Parameters may be changed while the clock runs, and a source injected into further cells: what holds
then holds from then on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyNN.parameters import ParameterSpace, Sequence
from pyNN.standardmodels import build_translations, electrodes

from netspec.describe.inputs import NoiseCurrent, StepCurrent
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError
from netspec.pynn import state as simulator
from netspec.pynn.carried import FOREVER, NANO, Floats, steps_of
from netspec.realise.noise import NoiseCounter

Indices = NDArray[np.int64]
# levels in nA from steps on, the first of which is the first that is asked for
Course = tuple[Indices, Floats]


class Electrode:
    """What all current sources do: keep what held from when on, and where they are injected."""

    # (from this step on, parameters); (from this step on, cells)
    _history: tuple[tuple[int, dict[str, Any]], ...] = ()
    _targets: tuple[tuple[int, Any], ...] = ()
    _recorded: int | None = None

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self._history = ()
        space: Any = self.parameter_space  # type: ignore[attr-defined]
        space.shape = (1,)
        self.set_native_parameters(self.translate(space))  # type: ignore[attr-defined]
        simulator.state.current_sources.append(self)

    # -- what PyNN asks -----------------------------------------------------------------

    def inject_into(self, cells: Any) -> None:
        """Inject the current into cells, from now on.

        Raises
        ------
        TypeError
            If there are spike sources among them.
        """
        for part in getattr(cells, "populations", [cells]):
            types = {cell.celltype for cell in part} if isinstance(part, list) else {part.celltype}
            if not all(celltype.injectable for celltype in types):
                raise TypeError("Can't inject current into a spike source.")
        state = simulator.state
        self._targets = (*self._targets, (state.steps, cells))
        state.changed()

    def set_native_parameters(self, parameters: ParameterSpace) -> None:
        """Take parameters, which hold from now on."""
        state = simulator.state
        parameters.evaluate(simplify=True)
        given = {
            name: value.value if isinstance(value, Sequence) else value
            for name, value in parameters.items()
        }
        now = self.checked({**self._now, **given}, state.dt)
        begin = state.steps if self._history else 0
        before = [entry for entry in self._history if entry[0] < begin]
        self._history = (*before, (begin, now))
        state.changed()

    def get_native_parameters(self) -> ParameterSpace:
        """Return the parameters that hold now."""
        return ParameterSpace(self._now)

    def record(self) -> None:
        """Record the current, from now on."""
        self._recorded = simulator.state.steps

    def _get_data(self) -> tuple[Floats, Floats]:
        """Return times in ms, and the current in nA that the step that begins then feels."""
        if self._recorded is None:
            raise UsageError(f"{type(self).__name__}: its current was not recorded: record() first")
        state = simulator.state
        steps = np.arange(state.steps + 1)
        times: Floats = np.round(steps * state.dt, 9)
        return times[self._recorded :], self.levels(steps)[self._recorded :]

    # -- what the network is made of ----------------------------------------------------

    def begin_segment(self) -> None:
        """Let what holds now be what holds from t = 0 on."""
        self._history = ((0, self._now),)
        self._targets = tuple((0, cells) for _, cells in self._targets)
        self._recorded = None if self._recorded is None else 0

    @property
    def _now(self) -> dict[str, Any]:
        return self._history[-1][1] if self._history else {}

    def _windows(self, last: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Yield (begin, end, parameters): steps in which they hold, up to a last one."""
        begins = [begin for begin, _ in self._history]
        for (begin, values), end in zip(self._history, [*begins[1:], last], strict=True):
            if begin < min(end, last):
                yield begin, min(end, last), values

    def checked(self, values: dict[str, Any], dt: float) -> dict[str, Any]:
        """Return parameters as they are kept.

        Raises
        ------
        ValueError
            If they are none that a source can have.
        """
        return values

    @abstractmethod
    def levels(self, steps: Indices) -> Floats:
        """Return the current in nA that steps 0, 1, ... feel."""

    @abstractmethod
    def pieces(self, place: Any) -> Iterator[Any]:
        """Yield the currents of the network that stand for the source (`place.Place`)."""

    def _injected(self, place: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (first step, fields of a current) of all that the source is injected into."""
        for begin, cells in self._targets:
            for population, name, which in place.cells(cells):
                inputs = population.celltype.netspec_model().inputs
                port = next(port for port, unit in inputs.items() if unit == "pA")
                some = None if len(which) == population.size else tuple(which.tolist())
                yield begin, {"target": name, "port": port, "neurons": some}

    def _name(self, place: Any, target: str) -> str:
        return str(place.names.take(f"{type(self).__name__}_{target}"))


class Stepped(Electrode):
    """A current that is known beforehand."""

    @abstractmethod
    def course(self, values: Mapping[str, Any], begin: int, end: int, dt: float) -> Course:
        """Return its levels from `begin` on and before `end`, by parameters that hold then."""

    def levels(self, steps: Indices) -> Floats:
        """Return the current in nA that steps 0, 1, ... feel."""
        found = np.zeros(len(steps))
        for begin, end, values in self._windows(len(steps)):
            at, levels = self.course(values, begin, end, simulator.state.dt)
            here = np.searchsorted(at, steps[begin:end], side="right") - 1
            found[begin:end] = np.where(here >= 0, levels[np.maximum(here, 0)], 0.0)
        return found

    def pieces(self, place: Any) -> Iterator[Any]:
        """Yield a stepped current for each population that it is injected into."""
        levels = self.levels(np.arange(round(place.until / place.dt))) * NANO
        for begin, fields in self._injected(place):
            felt = np.where(np.arange(len(levels)) < begin, 0.0, levels)
            at = np.flatnonzero(np.diff(felt, prepend=0.0))
            if at.size:
                yield StepCurrent(
                    name=self._name(place, fields["target"]), times=at * place.dt,
                    amplitudes=felt[at], **fields,
                )  # fmt: skip


_PULSE = (("start", "start"), ("stop", "stop"))


class DCSource(Stepped, electrodes.DCSource):
    __doc__ = electrodes.DCSource.__doc__
    translations = build_translations(("amplitude", "amplitude"), *_PULSE)

    def course(self, values: Mapping[str, Any], begin: int, end: int, dt: float) -> Course:
        """Return the pulse."""
        edges = steps_of([values["start"], values["stop"]], dt)
        return edges, np.array([values["amplitude"], 0.0], float)


class StepCurrentSource(Stepped, electrodes.StepCurrentSource):
    __doc__ = electrodes.StepCurrentSource.__doc__
    translations = build_translations(("amplitudes", "amplitudes"), ("times", "times"))

    def checked(self, values: dict[str, Any], dt: float) -> dict[str, Any]:
        """Return times on the grid of steps, each once, with the last of its amplitudes."""
        times, amplitudes = (np.asarray(values[name], float) for name in ("times", "amplitudes"))
        if len(times) != len(amplitudes):
            raise ValueError(
                f"StepCurrentSource: given {len(times)} times and {len(amplitudes)} amplitudes; "
                "allowed: as many of both"
            )
        if (times < 0).any() or (np.diff(times) <= 0).any():
            raise ValueError(
                f"StepCurrentSource: given times {times.tolist()} ms; allowed: times from 0 on "
                "that increase"
            )
        steps = steps_of(times, dt)
        kept = np.append(np.diff(steps) > 0, True)[: len(steps)]
        return {"times": np.round(steps[kept] * dt, 9), "amplitudes": amplitudes[kept]}

    def course(self, values: Mapping[str, Any], begin: int, end: int, dt: float) -> Course:
        """Return the steps."""
        if not len(values["times"]):
            return np.zeros(1, np.int64), np.zeros(1)
        return steps_of(values["times"], dt), values["amplitudes"]


class ACSource(Stepped, electrodes.ACSource):
    __doc__ = electrodes.ACSource.__doc__
    translations = build_translations(
        ("amplitude", "amplitude"), ("frequency", "frequency"), ("offset", "offset"),
        ("phase", "phase"), *_PULSE,
    )  # fmt: skip

    def course(self, values: Mapping[str, Any], begin: int, end: int, dt: float) -> Course:
        """Return the sine from `start` on, where it has the phase that is given."""
        start, stop = steps_of([values["start"], values["stop"]], dt).tolist()
        at = np.arange(max(begin, start), max(min(end, stop), begin, start) + 1)
        turns = values["frequency"] * (at - start) * dt / 1000 + values["phase"] / 360
        levels = values["offset"] + values["amplitude"] * np.sin(2 * np.pi * turns)
        levels[at >= stop] = 0.0
        return at, levels


class NoisyCurrentSource(Electrode, electrodes.NoisyCurrentSource):
    __doc__ = electrodes.NoisyCurrentSource.__doc__
    translations = build_translations(
        ("mean", "mean"), ("stdev", "stdev"), ("dt", "dt"), *_PULSE
    )  # fmt: skip
    _noises: tuple[NoiseCurrent, ...] = ()

    def checked(self, values: dict[str, Any], dt: float) -> dict[str, Any]:
        """Return the parameters, if the noise changes with a step."""
        every = values["dt"] / dt
        if every < 1 - 1e-6 or abs(every - round(every)) > 1e-6:
            raise ValueError(
                f"NoisyCurrentSource: given dt={values['dt']:g} ms; allowed: a multiple of the "
                f"time step, {dt:g} ms"
            )
        if values["stdev"] < 0:
            raise ValueError(
                f"NoisyCurrentSource: given stdev={values['stdev']:g}; allowed: from 0"
            )
        return values

    def pieces(self, place: Any) -> Iterator[Any]:
        """Yield noise for each population that it is injected into, and all parameters it had."""
        self._noises = ()
        last = round(place.until / place.dt)
        for since, fields in self._injected(place):
            for begin, end, values in self._windows(last):
                start, stop = steps_of([values["start"], values["stop"]], place.dt).tolist()
                first = max(begin, start, since)
                # what holds at the end has its own stop, however long the run is
                stop = stop if end == last else min(stop, end)
                if first < min(stop, end):
                    noise = NoiseCurrent(
                        name=self._name(place, fields["target"]), mean=values["mean"] * NANO,
                        sd=values["stdev"] * NANO, every=values["dt"], start=first * place.dt,
                        stop=None if stop >= FOREVER else stop * place.dt, **fields,
                    )  # fmt: skip
                    self._noises += (noise,)
                    yield noise

    def levels(self, steps: Indices) -> Floats:
        """Return the current of the first cell in nA that steps 0, 1, ... feel."""
        state = simulator.state
        if state.steps:
            state.segment()  # which names the pieces, by which their numbers are found
        simulation = Simulation(
            dt=state.dt, warmup=0.0, duration=len(steps) * state.dt, seed=state.settings.seed
        )
        found = np.zeros(len(steps))
        noises = self._noises if state.steps else ()
        cell = next((noise.neurons[0] if noise.neurons else 0 for noise in noises), 0)
        for noise in noises:
            if noise.target != noises[0].target or cell not in (noise.neurons or (cell,)):
                continue
            counter = NoiseCounter.of(noise, simulation, np.array([cell]))
            course = [(step, level[0] / NANO) for step, level in counter.changes()]
            for (step, level), (end, _) in pairwise(course):
                found[step:end] += level
        return found
