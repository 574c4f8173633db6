"""The oracle: SciPy's solution of a network's equations, in the canonical order of time.

Nothing here knows a simulator or the lowering of equations to steps. To go from t to t + dt:
(1) integrate the differential equations, inputs and continuous coupling as they are at t;
(2) add the events that are due at t + dt, but discard those onto states that are held; (3) test
the threshold, label the spike t + dt, reset, and hold the held states for round(t_ref / dt) steps.

All neurons of one model are one system of equations. It is integrated in pieces that end where
anything happens: an event, a spike, the end of a refractory period, a change of an input; with
continuous coupling, at every step.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from netspec.describe import distributions as dist
from netspec.describe.expressions import evaluate
from netspec.describe.inputs import Current, NoiseCurrent
from netspec.describe.network import ContinuousProjection, Network
from netspec.describe.simulation import Simulation
from netspec.errors import UnsupportedError
from netspec.realise import counters, drawing
from netspec.realise.noise import NoiseCounter
from netspec.validation.ladder.synapses import Synapse
from netspec.validation.ladder.together import Together

CHUNK = 100  # steps of the longest piece
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """Values at the end of every step, after the reset, and spikes.

    Attributes
    ----------
    values : dict
        (population, state variable) -> ndarray of shape (steps, neurons).
    spikes : dict
        Population -> list with the steps of every neuron's spikes.
    """

    values: dict[tuple[str, str], Floats]
    spikes: dict[str, list[list[int]]]


def on_grid(time: float, dt: float) -> int:
    """Return the nearest step; a half goes up."""
    return int(np.floor(time / dt + 0.5 + 1e-9))


def solve(network: Network, dt: float, steps: int, seed: int = 1, rtol: float = 1e-12) -> Solution:
    """Solve a network without random input.

    Parameters
    ----------
    network : Network
    dt : float
        In ms.
    steps : int
    seed : int
        Of parameters and initial values that are drawn, and of synapses.
    rtol : float
        Relative and absolute tolerance of the integration.
    """
    # what is recorded does not matter to the solution
    bare = network.model_copy(update={"recorders": ()})
    return _solve(bare.model_dump_json(), dt, steps, seed, rtol)


@lru_cache(maxsize=64)
def _solve(text: str, dt: float, steps: int, seed: int, rtol: float) -> Solution:
    return _System(Network.model_validate_json(text), dt, steps, seed, rtol).solution()


class _Neurons:
    """All neurons of one model: what they are made of, and where they are now."""

    def __init__(
        self, network: Network, name: str, simulation: Simulation, steps: int, rtol: float
    ) -> None:
        self.model, self.dt, self.rtol = network.models[name], simulation.dt, rtol
        self.states = self.model.dynamics.states
        own = [state.name for state in self.states]
        self.slopes = Together([state.rhs for state in self.states], own)
        self.populations = [p for p in network.populations if str(p.model) == name]
        offsets = network.offsets()
        # their places among all neurons of the network
        self.neurons = np.concatenate(
            [offsets[p.name] + np.arange(p.size) for p in self.populations]
        )
        self.size = len(self.neurons)
        self.parameters = self.row(drawing.parameters, network, simulation)
        initial = self.row(drawing.initial_values, network, simulation)
        self.y = {state.name: initial[state.name].copy() for state in self.states}
        t_ref = self.parameters[self.model.refractory] if self.model.refractory else 0.0
        self.rest = np.broadcast_to(np.rint(np.asarray(t_ref) / self.dt).astype(int), self.size)
        self.inputs = {port: np.zeros((steps, self.size)) for port in self.model.inputs}
        self.chances = self.uniform(simulation, steps)

    def uniform(self, simulation: Simulation, steps: int) -> Floats:
        """Return the uniform numbers that decide on escapes, shape (steps, size)."""
        if self.model.dynamics.escape is None:
            return np.empty((steps, 0))
        found = []
        for population in self.populations:
            key = counters.input_key(simulation.seed, population.name, "escape")
            states = counters.neuron_states(key, np.arange(population.size))
            bits = counters.bits_at(states, np.arange(steps))
            found.append(counters.uniform_numbers(bits))
        return np.hstack(found)

    def row(
        self,
        drawn: Callable[..., dict[str, float | Floats]],
        network: Network,
        simulation: Simulation,
    ) -> dict[str, Floats]:
        """Return one value for every neuron."""
        parts = [drawn(network, p.name, simulation) for p in self.populations]
        sizes = [p.size for p in self.populations]
        return {
            name: np.concatenate(
                [np.broadcast_to(part[name], n) for part, n in zip(parts, sizes, strict=True)]
            )
            for name in parts[0]
        }

    def integrate(
        self, step: int, stop: int, active: Floats, coupled: dict[str, Floats]
    ) -> dict[str, Floats]:
        """Return state -> values at the ends of the steps from `step` to `stop`."""
        fixed = dict(self.parameters)
        for name, values in self.inputs.items():
            fixed[name] = values[step] + coupled.get(name, 0.0)
        names = [state.name for state in self.states]
        self.slopes.hold(fixed)

        def slope(_: float, flat: Floats) -> Floats:
            rows = self.slopes(dict(zip(names, flat.reshape(len(names), -1), strict=True)))
            found = np.empty((len(names), self.size))
            for state, row, own in zip(self.states, rows, found, strict=True):
                own[:] = row * active if state.held else row
            return found.ravel()

        start = np.concatenate([self.y[name] for name in names])
        times = np.arange(1, stop - step + 1) * self.dt
        grid = None if len(times) == 1 else times  # a single step needs no interpolation
        # a method of lower order does a single step in half the evaluations, if it is let
        method = "RK45" if grid is None and self.rtol > 1e-9 else "DOP853"
        found = solve_ivp(
            slope, (0, times[-1]), start, method, grid,
            rtol=self.rtol, atol=self.rtol, first_step=self.dt,
        )  # fmt: skip
        if not found.success:
            raise ArithmeticError(found.message)
        values = found.y[:, -len(times) :].reshape(len(names), self.size, -1)
        return dict(zip(names, values, strict=True))

    def above(self, grid: dict[str, Floats], step: int) -> NDArray[np.bool_]:
        """Return whether neurons would spike, shape (size, steps), in steps from `step` on.

        They do if the threshold's condition holds, or with the probability of an escape.
        """
        dynamics = self.model.dynamics
        columns = {name: values[:, None] for name, values in self.parameters.items()}
        shape = next(iter(grid.values())).shape
        found = np.broadcast_to(evaluate(dynamics.threshold, {**columns, **grid}), shape)
        if dynamics.escape is None:
            return found
        rate = np.broadcast_to(evaluate(dynamics.escape, {**columns, **grid}), shape)
        chance = -np.expm1(-rate * self.dt)
        escapes: NDArray[np.bool_] = chance > self.chances[step : step + shape[1]].T
        return found | escapes

    def reset(self, chosen: NDArray[np.intp]) -> None:
        """Reset neurons after a spike."""
        before = {name: values[chosen] for name, values in (self.parameters | self.y).items()}
        for name, tree in self.model.dynamics.reset:
            self.y[name][chosen] = evaluate(tree, before)


Grid = list[dict[str, Floats]]  # of each model: state -> values, shape (neurons, steps)


class _System:
    def __init__(self, network: Network, dt: float, steps: int, seed: int, rtol: float) -> None:
        if network.poisson_inputs:
            raise ValueError("the oracle takes no random input")
        for population in network.populations:
            if network.model_of(population).dynamics.noises:
                what = "SciPy's solution is one of ordinary differential equations"
                raise UnsupportedError(
                    f"{population.name} has white noise in its equations; {what}"
                )
        self.network, self.dt, self.steps = network, dt, steps
        self.simulation = Simulation(dt=dt, warmup=0.0, duration=steps * dt, seed=seed)
        self.offsets = network.offsets()
        self.size = sum(p.size for p in network.populations)
        used = dict.fromkeys(str(p.model) for p in network.populations)
        self.kinds = [_Neurons(network, name, self.simulation, steps, rtol) for name in used]
        # of every neuron: its model, and its place among the neurons of that
        self.kind, self.place = np.empty(self.size, int), np.empty(self.size, int)
        for number, kind in enumerate(self.kinds):
            self.kind[kind.neurons], self.place[kind.neurons] = number, np.arange(kind.size)
        self.left = np.zeros(self.size, int)  # held steps to go
        self.changes = {steps}
        self.currents()
        self.events: list[tuple[int, int, str, float]] = []  # step, neuron, state, weight
        self.given_events()
        self.targets = self.synapses()
        self.couplings = [self.matrix(c) for c in network.continuous_projections]

    def kind_of(self, population: str) -> _Neurons:
        """Return the neurons of a population's model."""
        return self.kinds[int(self.kind[self.offsets[population]])]

    def currents(self) -> None:
        for _, current in self.network.pieces():
            if not isinstance(current, Current):
                continue
            first = self.offsets[current.target]
            size = self.network.population(current.target).size
            chosen = range(size) if current.neurons is None else sorted(set(current.neurons))
            columns = self.place[first + np.array(chosen, int)]
            course = np.zeros(self.steps)
            for step, level in current.levels(self.simulation):
                course[step:] = level
                self.changes.add(step)
            self.kind_of(current.target).inputs[current.port][:, columns] += course[:, None]
        for noise in self.network.noise_currents:
            self.noise_current(noise)

    def noise_current(self, noise: NoiseCurrent) -> None:
        """Add the levels of a noise current, which are netspec's numbers, to its input."""
        size = self.network.population(noise.target).size
        chosen = np.arange(size) if noise.neurons is None else np.unique(noise.neurons)
        neurons = chosen.astype(np.int64)
        levels = np.zeros((self.steps, len(neurons)))
        for step, level in NoiseCounter.of(noise, self.simulation, neurons).changes():
            levels[step:] = level
            self.changes.add(step)
        columns = self.place[self.offsets[noise.target] + neurons]
        self.kind_of(noise.target).inputs[noise.port][:, columns] += levels

    def given_events(self) -> None:
        for source in self.network.spike_inputs:
            state = self.kind_of(source.target).model.receptors[source.receptor]
            columns = (column.tolist() for column in source.given)
            for time, neuron, weight in zip(*columns, strict=True):
                who = self.offsets[source.target] + neuron
                self.events.append((on_grid(time, self.dt), who, state, weight))
        heapq.heapify(self.events)

    def synapses(self) -> dict[int, list[tuple[int, str, float | Synapse, int]]]:
        """Return neuron -> (target, state, weight, delay in steps) of all its synapses.

        One that changes stands in the place of its weight.
        """
        found: dict[int, list[tuple[int, str, float | Synapse, int]]] = {}
        for projection in self.network.projections:
            drawn = drawing.synapses(self.network, projection, self.simulation)
            state = self.kind_of(projection.post).model.receptors[projection.receptor]
            pre = drawn.pre.astype(int) + self.offsets[projection.pre]
            post = drawn.post.astype(int) + self.offsets[projection.post]
            model, given = self.network.synapse_of(projection), projection.parameters
            for i, j, w, d in zip(pre, post, drawn.weights(), drawn.delays(), strict=True):
                weight: float | Synapse = float(w)
                if model is not None:
                    weight = Synapse(model, given, float(w), int(d), self.dt)
                found.setdefault(int(i), []).append((int(j), state, weight, int(d)))
        return found

    def matrix(self, coupling: ContinuousProjection) -> tuple[ContinuousProjection, Floats]:
        """Return a coupling with its dense matrix, shape (n_post, n_pre)."""
        kernel = coupling.kernel
        n_post, n_pre = (self.network.population(p).size for p in (coupling.post, coupling.pre))
        i, j = np.indices((n_post, n_pre))
        weights = np.full((n_post, n_pre), kernel.weight)
        if kernel.kind == "ring":
            angle = 360 / n_post * np.abs(i - j)
            bump = np.exp(-(np.minimum(angle, 360 - angle) ** 2) / (2 * kernel.sigma**2))
            weights *= kernel.J_minus + (kernel.J_plus - kernel.J_minus) * bump
        return coupling, weights

    def coupled(self) -> list[dict[str, Floats]]:
        """Return what continuous coupling adds to the inputs of each model, from the state now."""
        found: list[dict[str, Floats]] = [{} for _ in self.kinds]
        for coupling, dense in self.couplings:
            pre = self.offsets[coupling.pre] + np.arange(dense.shape[1])
            post = self.offsets[coupling.post] + np.arange(dense.shape[0])
            sent = self.kind_of(coupling.pre).y[coupling.source][self.place[pre]]
            number = self.kind[post[0]]
            total = found[number].setdefault(coupling.target, np.zeros(self.kinds[number].size))
            total[self.place[post]] += dense @ sent
        return found

    def solution(self) -> Solution:
        history = [
            {state.name: np.empty((self.steps, kind.size)) for state in kind.states}
            for kind in self.kinds
        ]
        spikes: list[list[int]] = [[] for _ in range(self.size)]
        step = 0
        while step < self.steps:
            stop = self.next_stop(step)
            resting = self.left > 0
            grids: Grid = [
                kind.integrate(step, stop, (~resting[kind.neurons]).astype(float), coupled)
                for kind, coupled in zip(self.kinds, self.coupled(), strict=True)
            ]
            due = bool(self.events) and self.events[0][0] == stop
            # a spike on the way ends the piece before what is due at its end
            if due and not self.above(grids, step)[:, :-1].any():
                self.deliver(stop, grids)
            above = self.above(grids, step)
            firing = above.any(axis=0)
            if firing.any():
                stop = step + 1 + int(np.argmax(firing))
            count = stop - step
            self.left = np.maximum(self.left - count, 0)
            for kind, grid, past in zip(self.kinds, grids, history, strict=True):
                kind.y = {name: values[:, count - 1].copy() for name, values in grid.items()}
                for name, values in grid.items():
                    past[name][step:stop] = values[:, :count].T
            if firing.any():
                neurons = np.flatnonzero(above[:, count - 1])
                self.fire(stop, neurons, spikes)
                for kind, past in zip(self.kinds, history, strict=True):
                    for name, values in kind.y.items():
                        past[name][stop - 1] = values
            step = stop
        return self.cut(history, spikes)

    def next_stop(self, step: int) -> int:
        if self.couplings:
            return step + 1
        stops = [step + CHUNK, *(c for c in self.changes if c > step)]
        stops += [step + int(n) for n in np.unique(self.left) if n]
        if self.events and self.events[0][0] <= step:
            raise ValueError("the oracle takes no event at time zero")
        return min(stops + [event[0] for event in self.events[:1]])

    def above(self, grids: Grid, step: int) -> NDArray[np.bool_]:
        """Return who would spike at the end of which step from `step` on, (neurons, steps)."""
        steps = next(iter(grids[0].values())).shape[1]
        found = np.zeros((self.size, steps), bool)
        for kind, grid in zip(self.kinds, grids, strict=True):
            found[kind.neurons] = kind.above(grid, step)
        found &= (self.left == 0)[:, None]
        return found

    def deliver(self, stop: int, grids: Grid) -> None:
        while self.events and self.events[0][0] == stop:
            _, neuron, state, weight = heapq.heappop(self.events)
            number = self.kind[neuron]
            # a piece ends where a rest does: who rests at its start does so to its end
            if not (self.left[neuron] and self.kinds[number].model.dynamics.held(state)):
                grids[number][state][self.place[neuron], -1] += weight

    def fire(self, step: int, neurons: NDArray[np.intp], spikes: list[list[int]]) -> None:
        """Reset neurons that spike at the end of a step, and send their events."""
        for number, kind in enumerate(self.kinds):
            own = neurons[self.kind[neurons] == number]
            kind.reset(self.place[own])
            self.left[own] = kind.rest[self.place[own]]
        for neuron in map(int, neurons):
            spikes[neuron].append(step)
            for target, state, weight, delay in self.targets.get(neuron, ()):
                if isinstance(weight, Synapse):
                    weight = weight.send(step, spikes[target])  # noqa: PLW2901
                heapq.heappush(self.events, (step + delay, target, state, weight))

    def cut(self, history: list[dict[str, Floats]], spikes: list[list[int]]) -> Solution:
        values: dict[tuple[str, str], Floats] = {}
        trains: dict[str, list[list[int]]] = {}
        for population in self.network.populations:
            first = self.offsets[population.name]
            places = self.place[first : first + population.size]
            past = history[self.kind[first]]
            values |= {(population.name, n): v[:, places] for n, v in past.items()}
            trains[population.name] = spikes[first : first + population.size]
        return Solution(values, trains)


@lru_cache(maxsize=64)
def quantiles(distribution: dist.Distribution, count: int = 20_000) -> Floats:
    """Return values that stand for equal shares of a distribution, shape (count,)."""
    share = (np.arange(count) + 0.5) / count
    return distribution.quantile(share)
