"""What reaches the neurons from outside, or from a sum over a whole population."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.brian2.building import Brian2Building
from netspec.backends.brian2.groups import ACTIVE, Receiving
from netspec.backends.brian2.planning import RARE
from netspec.describe.network import NoiseCurrent, PoissonInput
from netspec.describe.spike_inputs import Events
from netspec.realise.counters import PoissonCounter
from netspec.realise.drawing import CurrentChange
from netspec.realise.kernels import product
from netspec.realise.lowering import own


def _add(values: NDArray[Any], change: CurrentChange) -> None:
    values[change.neurons] += change.level


def _one_after_the_other(
    parts: list[tuple[int, int, Callable[[int], None]]],
) -> Callable[[int], None]:
    """Return a function that calls the one of several whose steps (first, end) those are."""
    waiting = list(parts)

    def deliver(step: int) -> None:
        while waiting and waiting[0][1] <= step:
            waiting.pop(0)
        if waiting and waiting[0][0] <= step:
            waiting[0][2](step)

    return deliver


def _counted(
    counter: PoissonCounter, weight: float, target: Receiving, first: int, end: int
) -> Callable[[int], None]:
    """Return a function that adds a counter's events of the steps from `first` to `end`."""
    # steps drawn together, and what was drawn: sparse where nearly all numbers are zero
    block = max(min(counter.steps_at_once, end - first), 1)
    rare = counter.mean < RARE
    neurons, bounds = np.empty(0, np.int64), [0]
    numbers: NDArray[Any] = np.empty(0)
    added: NDArray[np.float64] = np.empty(0)

    def draw(begin: int) -> None:
        nonlocal neurons, bounds, numbers, added
        if rare:
            steps, neurons, numbers = counter.events(begin, block)
            bounds = np.searchsorted(steps, np.arange(begin, begin + block + 1)).tolist()
        else:
            numbers = counter.numbers(begin, block)
        added = np.multiply(weight, numbers, dtype=np.float64)

    def deliver(step: int) -> None:
        at = (step - first) % block
        if at == 0:
            draw(step)
        if rare:
            here = slice(bounds[at], bounds[at + 1])
            target.add_at(neurons[here], added[here])
        else:
            target.add(added[at])

    return deliver


class Brian2Inputs:
    """Adds inputs to a built network."""

    def __init__(self, built: Brian2Building) -> None:
        self.built, self.b2, self.plan = built, built.b2, built.plan
        self.network, self.simulation = built.network, built.simulation
        # currents into inputs that a continuous coupling sets
        self.levels: dict[tuple[str, str], NDArray[Any]] = {}

    def add(self) -> None:
        """Add couplings, currents, Poisson events, given spikes and sums over spikes."""
        couplings = [self._coupling(c) for c in self.network.continuous_projections]
        changes = self._current_changes()
        # of each step, in this order: a coupling sets its input, noise adds to it
        always: list[Callable[[int], None]] = [*couplings, *self._noise(), *self._random()]
        if always or changes:
            clock, now = self.b2.defaultclock, self.built.timestep()

            def before_step() -> None:
                step = int(now[0])
                for update in changes.get(step, ()):
                    update()
                for set_values in always:
                    set_values(step)

            self.built.objects.append(
                self.b2.NetworkOperation(before_step, when="start", clock=clock)
            )
        self._poisson()
        self._given_spikes()
        self._deliver()

    def _random(self) -> list[Callable[[int], None]]:
        """Return functions that draw what the neurons' step programs ask for."""
        seed, total = self.simulation.seed, self.simulation.total_steps
        groups = [group for group in self.built.groups.values() if group.program.random]
        return [group.draw(seed, total) for group in groups]

    def _noise(self) -> list[Callable[[int], None]]:
        """Return functions that add noise to inputs, one for each input that has some."""
        places: dict[tuple[str, str], list[NoiseCurrent]] = {}
        for noise in self.network.noise_currents:
            places.setdefault((noise.target, noise.port), []).append(noise)
        return [self._noises(*place, noises) for place, noises in places.items()]

    def _noises(self, population: str, port: str, noises: list[NoiseCurrent]) -> Any:
        """Return a function that adds noise currents to an input, step by step."""
        group, where = self.built.group(population)
        target = group.array(port)[where]
        # where a coupling sets the input, the currents are in it already
        base = None if self._coupled(population, port) else self._currents(population, port)
        sources = [(n, c, c.changes()) for n, c in map(self.built.execution.noise, noises)]
        levels = [np.zeros(len(neurons)) for neurons, _, _ in sources]
        waiting = [next(changes, None) for _, _, changes in sources]

        def add(step: int) -> None:
            if base is not None:
                target[:] = base
            for k, (neurons, _, changes) in enumerate(sources):
                due = waiting[k]
                if due is not None and due[0] == step:
                    levels[k], waiting[k] = due[1], next(changes, None)
                target[neurons] += levels[k]

        return add

    def _coupling(self, coupling: Any) -> Any:
        """Return a function that sets S_i = sum_j w_ij s_j."""
        (pre, source_slice), (post, target_slice) = (
            self.built.group(coupling.pre), self.built.group(coupling.post)
        )  # fmt: skip
        source = pre.array(coupling.source)[source_slice]
        target = post.array(coupling.target)[target_slice]
        # the first coupling onto an input sets it, on top of its currents; further ones add
        same = [c.name for c in self.network.continuous_projections
                if (c.post, c.target) == (coupling.post, coupling.target)]  # fmt: skip
        base = (
            target if same[0] != coupling.name else self._currents(coupling.post, coupling.target)
        )
        multiply = product(coupling.kernel, len(target))

        def couple(_: int) -> None:
            np.add(base, multiply(source), out=target)

        return couple

    def _coupled(self, population: str, port: str) -> bool:
        """Return whether a continuous coupling sets an input at every step."""
        couplings = self.network.continuous_projections
        return (population, port) in {(c.post, c.target) for c in couplings}

    def _currents(self, population: str, port: str) -> NDArray[Any]:
        """Return where the currents into an input are kept.

        That is the input itself, unless a continuous coupling or noise sets it at every step.
        """
        group, where = self.built.group(population)
        noisy = {(n.target, n.port) for n in self.network.noise_currents}
        if not self._coupled(population, port) and (population, port) not in noisy:
            return group.array(port)[where]
        return self.levels.setdefault((population, port), np.zeros(where.stop - where.start))

    def _current_changes(self) -> dict[int, list[Callable[[], None]]]:
        """Return step -> functions that change currents; those of step 0 are called at once."""
        changes: dict[int, list[Callable[[], None]]] = {}
        for change in self.built.execution.current_changes:
            values = self._currents(change.population, change.port)
            apply = functools.partial(_add, values, change)
            if change.step == 0:
                apply()
            else:
                changes.setdefault(change.step, []).append(apply)
        return changes

    def _poisson(self) -> None:
        """Add Poisson events: rare ones as events, others as one number a neuron and step."""
        kinds: dict[tuple[str, str, int, int], dict[str, Any]] = {}
        for poisson in self.network.poisson_inputs:
            population = self.network.population(poisson.target)
            group, where = self.built.group(poisson.target)
            state = group.model.receptors[poisson.receptor]
            events = self.plan.poisson[poisson.name]
            start, mean = events.start, events.mean
            if events.counted:
                self.built.deliveries.append(
                    self._counted_events(poisson, group.receiving(state, where))
                )
                continue
            if events.changing:
                self.built.deliveries.append(
                    self._changing_events(poisson, group.receiving(state, where))
                )
                continue
            if events.rare:
                self.built.deliveries.append(
                    self._rare_events(group.receiving(state, where), mean, poisson.weight, start)
                )
                continue
            layer = 0  # a second input to the same neurons draws numbers of its own
            while (key := (str(population.model), state, start, layer)) in kinds and (
                kinds[key]["mean"][where].any()
            ):
                layer += 1
            zeros = {"mean": np.zeros(group.size), "weight": np.zeros(group.size)}
            found = kinds.setdefault(key, zeros)
            found["mean"][where], found["weight"][where] = mean, poisson.weight
        for index, ((model, state, start, _), values) in enumerate(kinds.items()):
            group = self.built.groups[model]
            neurons = group.neurons
            names = {}
            for kind, array in values.items():
                names[kind] = f"poisson_{kind}_{index}"
                if np.ptp(array) == 0:
                    neurons.namespace[names[kind]] = float(array[0])
                else:
                    neurons.variables.add_array(names[kind], size=len(array), values=array,
                                                constant=True, index="_idx")  # fmt: skip
            when = f"*int(t/dt > {start} - 0.5)" if start else ""
            when += f"*{ACTIVE}" if group.model.dynamics.held(state) else ""
            code = f"{own(state)} += {names['weight']}*poisson({names['mean']}){when}"
            operation = neurons.run_regularly(
                code, when="synapses", order=1, name=f"poisson_{index}"
            )
            self.built.objects.append(operation)

    def _rare_events(
        self, target: Receiving, mean: float, weight: float, start: int
    ) -> Callable[[int], None]:
        """Return a function that adds Poisson events of `mean` per neuron and step.

        The events of a population are a Poisson number of events at neurons chosen uniformly,
        which is the same as independent numbers for all neurons, and far fewer draws.
        """
        size = len(target.values)
        block = max(1, int(1e5 / max(mean * size, 1)))
        generator = self.built.generator.spawn(1)[0]
        targets, bounds = np.empty(0, np.int64), [0] * (block + 1)

        def deliver(step: int) -> None:
            nonlocal targets, bounds
            at = (step - start) % block
            if step < start:
                return
            if at == 0:
                counts = generator.poisson(mean * size, block)
                targets = generator.integers(0, size, counts.sum())
                bounds = [0, *np.cumsum(counts).tolist()]
            target.add_at(targets[bounds[at] : bounds[at + 1]], weight)

        return deliver

    def _changing_events(self, poisson: PoissonInput, target: Receiving) -> Callable[[int], None]:
        """Return a function that adds Poisson events of a rate that changes."""
        course = self.built.execution.request.poisson_course(poisson)
        ends = [*(step for step, _ in course[1:]), self.simulation.total_steps]
        size, generator = len(target.values), self.built.generator.spawn(1)[0]

        def numbers(mean: float) -> Callable[[int], None]:
            def deliver(_: int) -> None:
                drawn = generator.poisson(mean, size)
                target.add(np.multiply(poisson.weight, drawn, dtype=np.float64))

            return deliver

        return _one_after_the_other([
            (step, end, self._rare_events(target, mean, poisson.weight, step) if mean < RARE
             else numbers(mean))
            for (step, mean), end in zip(course, ends, strict=True)
            if mean
        ])  # fmt: skip

    def _counted_events(self, poisson: PoissonInput, target: Receiving) -> Callable[[int], None]:
        """Return a function that adds the events that netspec's counters have for a step."""
        return _one_after_the_other([
            (first, end, _counted(counter, poisson.weight, target, first, end))
            for first, end, counter in self.built.execution.poisson_counters(poisson)
        ])  # fmt: skip

    def _given_spikes(self) -> None:
        """Add the events of `SpikeInput` at the end of the step that they are due in."""
        for source in self.network.spike_inputs:
            group, where = self.built.group(source.target)
            target = group.receiving(group.model.receptors[source.receptor], where)
            self.built.deliveries.append(self._given(target, source.events(self.simulation)))

    def _given(self, target: Receiving, events: Events) -> Callable[[int], None]:
        """Return a function that adds the events due at the end of a step."""
        ends = np.arange(1, self.simulation.total_steps + 2)
        bounds = np.searchsorted(events.steps, ends).tolist()

        def deliver(step: int) -> None:
            here = slice(bounds[step], bounds[step + 1])
            if here.start < here.stop:
                target.add_at(events.neurons[here], events.weights[here])

        return deliver

    def _deliver(self) -> None:
        if not self.built.deliveries:
            return
        clock, now = self.b2.defaultclock, self.built.timestep()

        def deliver_all() -> None:
            step = int(now[0])
            for deliver in self.built.deliveries:
                deliver(step)

        self.built.objects.append(
            self.b2.NetworkOperation(deliver_all, when="synapses", clock=clock)
        )
