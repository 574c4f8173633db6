"""From a description to groups and synapses in Brian2."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.brian2.functions import namespace
from netspec.backends.brian2.groups import ACTIVE, Group
from netspec.backends.brian2.planning import Brian2Plan
from netspec.backends.brian2.plasticity import Plastic
from netspec.describe import connectivity as rules
from netspec.describe.network import Projection
from netspec.execute.execution import Execution
from netspec.execute.importing import import_sparing
from netspec.realise import drawing
from netspec.realise.lowering import own
from netspec.realise.streams import simulator_seed

# Brian2's defaults allow reordering of sums (-ffast-math); the step program is to be kept as it is.
# The parameters let GCC turn Cython's loops over neurons into vector instructions: however many
# arrays they touch, and though many checks, which GCC takes to fail now and then, come before them.
COMPILER_FLAGS = [
    *("-w", "-O3", "-march=native", "-ffp-contract=off", "-std=c++11"),
    *("--param=vect-max-version-for-alias-checks=1000", "--param=builtin-expect-probability=100"),
]


class Brian2Building:
    """Makes the groups and synapses of a network.

    Parameters
    ----------
    plan : Brian2Plan
    execution : Execution
        Of the plan's request; its recording receives what is known of the network made.
    """

    def __init__(self, plan: Brian2Plan, execution: Execution) -> None:
        brian2: Any = import_sparing("brian2", "pylab", "pytest")
        self.b2, self.plan, self.execution = brian2, plan, execution
        self.request, self.result = plan.request, execution.recording
        self.network, self.simulation = plan.request.network, plan.request.simulation
        self.dt = self.simulation.dt
        self.groups: dict[str, Group] = {}
        self.objects: list[Any] = []
        self.numbers = itertools.count()  # of Synapses objects
        # functions of the step that add events to state variables, in the synapses slot
        self.deliveries: list[Callable[[int], None]] = []
        self.plastic: list[Plastic] = []
        # where each projection's synapses are: (Synapses object, slice)
        self.parts: dict[str, tuple[Any, slice]] = {}
        seed = simulator_seed(self.simulation.seed)
        self.generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
        brian2.seed(seed)

    def setup(self) -> None:
        """Set Brian2's preferences and time step."""
        b2 = self.b2
        target = self.plan.options["codegen"]
        b2.prefs.codegen.target = target
        b2.prefs.codegen.cpp.extra_compile_args_gcc = COMPILER_FLAGS
        b2.prefs.codegen.loop_invariant_optimisations = False
        b2.defaultclock.dt = self.dt * b2.ms
        self.result.info = {"codegen": target}

    def create(self) -> None:
        """Create a group for each neuron model, with parameters and initial values."""
        functions = namespace()
        for name in dict.fromkeys(str(p.model) for p in self.network.populations):
            group = self.groups[name] = Group(self.execution, name)
            group.neurons = self.b2.NeuronGroup(
                group.size,
                group.equations(),
                threshold=group.threshold(),
                reset=group.reset(),
                method="euler",  # there is no differential equation left to integrate
                namespace=group.shared | functions,
                name=f"group_{len(self.groups)}",
            )
            for variable, values in group.varying.items():
                group.memory(variable)[:] = values
            for population in group.members:
                where = group.slices[population.name]
                initial = self.execution.initial_values(population.name)
                for variable, value in initial.items():
                    group.array(variable)[where] = value
                    if self.request.readback:
                        found = np.array(group.array(variable)[where])
                        self.result.readback[f"initial/{population.name}/{variable}"] = found
            step = group.neurons.run_regularly(group.step(), when="groups")
            self.objects += [group.neurons, step]

    def group(self, population: str) -> tuple[Group, slice]:
        """Return the group that holds a population, and where in it."""
        group = self.groups[str(self.network.population(population).model)]
        return group, group.slices[population]

    def timestep(self) -> NDArray[np.int64]:
        """Return the memory of the clock's step counter, shape (1,)."""
        counter: NDArray[np.int64] = self.b2.defaultclock.variables["timestep"].get_value()
        return counter

    # -- synapses -----------------------------------------------------------------------

    def connect(self) -> None:
        """Connect all projections."""
        merged: dict[tuple[str, str, str], list[tuple[Projection, drawing.Synapses]]] = {}
        for index, projection in enumerate(self.network.projections):
            self.execution.progress("connect", index / len(self.network.projections))
            way = self.plan.wirings[projection.name].way
            if way == "plastic":
                plastic = Plastic(self, projection)
                self.plastic.append(plastic)
                plastic.connect()
                continue
            if way == "sum":
                self.deliveries.append(self._sum(projection))
                continue
            if way == "rule":
                self._connect_natively(projection)
                continue
            drawn = (
                self._draw(projection) if way == "pairs" else self.execution.synapses(projection)
            )
            pre, post = (self.network.population(p) for p in (projection.pre, projection.post))
            state = self.network.model_of(post).receptors[projection.receptor]
            merged.setdefault((str(pre.model), str(post.model), state), []).append(
                (projection, drawn)
            )
        for (pre_model, post_model, state), parts in merged.items():
            self._connect_merged(self.groups[pre_model], self.groups[post_model], state, parts)

    def _sum(self, projection: Projection) -> Callable[[int], None]:
        """Return a function that gives every target the number of spikes times the weight."""
        (pre, source), (post, where) = self.group(projection.pre), self.group(projection.post)
        target = post.receiving(post.model.receptors[projection.receptor], where)
        space = pre.memory("_spikespace")  # spikes of the step before, their number at the end
        wiring = self.plan.wirings[projection.name]
        weight, delay = wiring.weight, wiring.delay
        same = projection.pre == projection.post
        skip_self = same and not projection.rule.allow_autapses  # type: ignore[union-attr]
        waiting: list[NDArray[np.int64] | None] = [None] * delay
        sizes = source.stop - source.start, where.stop - where.start
        pairs = projection.rule.expected_count(*sizes, same)
        self.result.synapses[projection.name] = int(pairs)

        def deliver(step: int) -> None:
            if count := space[-1]:
                spikes = space[:count]
                low, high = bisect_left(spikes, source.start), bisect_left(spikes, source.stop)
                if high > low:
                    waiting[(step + delay - 1) % delay] = spikes[low:high] - source.start
            due, waiting[step % delay] = waiting[step % delay], None
            if due is not None:
                target.add(weight * len(due))
                if skip_self:
                    target.add_at(due, -weight)

        return deliver

    def _draw(self, projection: Projection) -> drawing.Synapses:
        """Draw independent pairs, weights and delays with this run's own generator."""
        rule = projection.rule
        n_pre = self.network.population(projection.pre).size
        n_post = self.network.population(projection.post).size
        if isinstance(rule, rules.FixedIndegree):
            post = np.repeat(np.arange(n_post, dtype=np.uint32), rule.indegree)
        else:
            count = int(rule.expected_count(n_pre, n_post, same=False))
            post = self.generator.integers(0, n_post, count, np.uint32)
        pre = self.generator.integers(0, n_pre, len(post), np.uint32)
        return drawing.Synapses(pre, post, *self._weights(projection, len(post)))

    def _weights(self, projection: Projection, count: int) -> tuple[Any, Any]:
        """Draw weights and delays (in steps) with this run's own generator."""
        weight = projection.weight.sample(count, self.generator)
        if projection.delay is None:
            return weight, 1
        delay = projection.delay.sample(count, self.generator)
        return weight, drawing.to_steps(delay, self.dt, projection.name)

    def _synapses(self, pre: Any, post: Any, group: Group, state: str) -> Any:
        """Return an empty Synapses object between (parts of) groups, onto a state of `group`."""
        passed = f"weight*{ACTIVE}_post" if group.model.dynamics.held(state) else "weight"
        synapses = self.b2.Synapses(
            pre,
            post,
            "weight : 1",
            on_pre={"arrive": f"{own(state)}_post += {passed}"},
            name=f"synapses{next(self.numbers)}",
        )
        synapses.arrive.when = "synapses"
        self.objects.append(synapses)
        return synapses

    def _set(self, synapses: Any, weight: Any, delay: Any) -> None:
        synapses.weight = weight
        # handed to the queue one step after the spike, see the module's text
        synapses.arrive.delay = (np.asarray(delay, float) - 1) * self.dt * self.b2.ms

    def _connect_merged(
        self,
        pre: Group,
        post: Group,
        state: str,
        parts: list[tuple[Projection, drawing.Synapses]],
    ) -> None:
        total = sum(len(drawn) for _, drawn in parts)
        for projection, drawn in parts:
            self.result.synapses[projection.name] = len(drawn)
        if not total:  # Brian2 takes no Synapses object without a synapse
            return
        synapses = self._synapses(pre.neurons, post.neurons, post, state)
        i, j = np.empty(total, np.int32), np.empty(total, np.int32)
        weight, delay = np.empty(total), np.empty(total, np.int64)
        position = 0
        for projection, drawn in parts:
            where = slice(position, position + len(drawn))
            i[where] = drawn.pre.astype(np.int32) + pre.slices[projection.pre].start
            j[where] = drawn.post.astype(np.int32) + post.slices[projection.post].start
            weight[where], delay[where] = drawn.weight, drawn.delay
            self.parts[projection.name] = (synapses, where)
            position = where.stop
        parts.clear()
        synapses.connect(i=i, j=j)
        self._set(synapses, weight, delay)
        if len(synapses) != total:
            raise RuntimeError(f"Brian2 made {len(synapses)} synapses of {total}")

    def _connect_natively(self, projection: Projection) -> None:
        (pre, pre_slice), (post, post_slice) = (
            self.group(projection.pre), self.group(projection.post)
        )  # fmt: skip
        state = post.model.receptors[projection.receptor]
        synapses = self._synapses(pre.neurons[pre_slice], post.neurons[post_slice], post, state)
        synapses.connect(**self.plan.wirings[projection.name].rule)
        count = len(synapses)
        if count:
            self._set(synapses, *self._weights(projection, count))
        else:
            self.objects.remove(synapses)
        self.result.synapses[projection.name] = count
        self.parts[projection.name] = (synapses, slice(0, count))
