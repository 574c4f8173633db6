"""Brian2, lowered from the equations: one step program, in the canonical order of time.

All populations of one neuron model share a NeuronGroup, and all projections onto one state
variable share a Synapses object, since Brian2 pays per object and step; results are told
apart again by population. A step runs the slots

    start       continuous coupling and stepped currents, from the state at t
    groups      the integration from t to t + dt (`netspec.lowering`)
    synapses    events that are due at t + dt, and Poisson events
    thresholds, resets

so a spike found in a step is labelled t + dt. Spikes are handed to the queues one step later,
in the synapses slot, and their delays are one step shorter in exchange.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from netspec import connectivity as rules
from netspec import distributions as dist
from netspec import expressions as ex
from netspec import realisation
from netspec.backend import Backend, Entry, Option, Outcome, Progress, RunRequest
from netspec.lowering import lower
from netspec.network import Network, Projection
from netspec.streams import simulator_seed

SCHEDULE = ["start", "groups", "synapses", "thresholds", "resets", "end"]
# Brian2's defaults allow reordering of sums (-ffast-math); the step program is to be kept as it is
COMPILER_FLAGS = ["-w", "-O3", "-march=native", "-ffp-contract=off", "-std=c++11"]
SMALL = 2_000_000  # neuron steps, below which compiling takes longer than it gains
RARE = 0.3  # Poisson events per neuron and step, below which events are drawn, not numbers
BYTES_PER_SYNAPSE = 60


class Brian2Backend(Backend):
    """Brian2 in runtime mode, on one thread."""

    name = "brian2"
    module = "brian2"
    distribution = "brian2"
    how_to_get = "Install it with: pip install netspec-snn[brian2]"
    threaded = False
    options: ClassVar[dict[str, Option]] = {
        "codegen": Option(
            "auto",
            ("auto", "cython", "numpy"),
            "auto: numpy for tiny runs, which compiling would slow down, or without a compiler",
        ),
        "all_to_all": Option(
            "sum",
            ("sum", "synapses"),
            "sum: all pairs with one weight and delay are one sum over spikes; synapses: one each",
        ),
    }

    def entries(self, request: RunRequest) -> list[Entry]:
        """Everything is exact: equations, rules and couplings are lowered as they are."""
        entries = []
        network = request.network
        for population in network.populations:
            model = network.model_of(population)
            program = lower(model, request.simulation.dt)
            rest = [s.name for s in model.dynamics.states if s.name not in program.linear]
            how = f"exact propagators for {', '.join(program.linear) or 'nothing'}"
            if rest:
                how += f"; {model.integrator} for {', '.join(rest)}"
            entries.append(Entry(thing=f"populations.{population.name}", reason=how))
        for projection in network.projections:
            entries.append(
                Entry(
                    thing=f"projections.{projection.name}",
                    reason=self.how_drawn(request, projection),
                )
            )
        for coupling in network.continuous_projections:
            form = "circulant product by FFT" if coupling.kernel.kind == "ring" else "one sum"
            entries.append(Entry(thing=f"continuous_projections.{coupling.name}", reason=form))
        for poisson in network.poisson_inputs:
            reason = "one Poisson number a neuron and step, or their sum, spread over the neurons"
            entries.append(Entry(thing=f"poisson_inputs.{poisson.name}", reason=reason))
        for kind in ("current_inputs", "step_currents"):
            for current in getattr(network, kind):
                reason = f"added to {current.port}"
                entries.append(Entry(thing=f"{kind}.{current.name}", reason=reason))
        for spikes in network.spike_inputs:
            early = any(request.simulation.steps(t) < 1 for t in spikes.times)
            entries.append(
                Entry(
                    thing=f"spike_inputs.{spikes.name}",
                    status="unsupported" if early else "exact",
                    reason="an event at time 0 is due before the first step" if early else "",
                )
            )
        return entries

    def is_sum(self, request: RunRequest, projection: Projection) -> bool:
        """Return whether all pairs have one weight and one delay, so that spikes are summed."""
        return (
            isinstance(projection.rule, rules.AllToAll)
            and isinstance(projection.weight, dist.Constant)
            and isinstance(projection.delay, dist.Constant | None)
            and self.option(request, "all_to_all") == "sum"
        )

    def how_drawn(self, request: RunRequest, projection: Projection) -> str:
        """Say how the synapses of a projection come about."""
        if self.is_sum(request, projection):
            return "all pairs with one weight and delay: one sum over spikes"
        if request.connectivity == "shared":
            return "synapses drawn by netspec, handed over as arrays"
        kind = projection.rule.kind
        if _native_condition(projection) is not None:
            return f"native rule {kind}; weights and delays drawn with NumPy"
        if _plain_pairs(projection):
            return f"Brian2 has no rule {kind}; pairs drawn with NumPy's generator"
        return f"Brian2 has no rule {kind}; synapses drawn by netspec"

    def memory(self, request: RunRequest) -> int:
        """Estimate from neurons and synapses."""
        network = request.network
        total = 0.0
        for projection in network.projections:
            pre, post = network.population(projection.pre), network.population(projection.post)
            total += rules.expected_count(
                projection.rule, pre.size, post.size, pre.name == post.name
            )
        neurons = sum(population.size for population in network.populations)
        return int(170e6 + neurons * 400 + total * BYTES_PER_SYNAPSE)

    def execute(self, request: RunRequest, progress: Progress) -> Outcome:
        """Build and simulate."""
        return _Simulation(self, request, progress).outcome()


def _native_condition(projection: Projection) -> dict[str, Any] | None:
    """Return the arguments of Brian2's ``connect`` for rules that it has, else None."""
    rule = projection.rule
    same = projection.pre == projection.post
    if isinstance(rule, rules.OneToOne):
        return {"j": "i"}
    if isinstance(rule, (rules.AllToAll, rules.PairwiseBernoulli)):
        arguments: dict[str, Any] = {"p": getattr(rule, "p", 1.0)}
        if same and not rule.allow_autapses:
            arguments["condition"] = "i != j"
        return arguments
    return None


def _plain_pairs(projection: Projection) -> bool:
    """Return whether pairs can be drawn independently of each other."""
    rule = projection.rule
    return isinstance(rule, (rules.FixedTotalNumber, rules.FixedIndegree)) and (
        rule.allow_multapses and (rule.allow_autapses or projection.pre != projection.post)
    )


def _add(values: NDArray[Any], change: realisation.CurrentChange) -> None:
    values[change.neurons] += change.level


class _Group:
    """The populations of one neuron model: a NeuronGroup and where each population lies in it."""

    def __init__(self, network: Network, model_name: str, simulation: Any) -> None:
        self.model = network.models[model_name]
        self.program = lower(self.model, simulation.dt)
        self.members = [p for p in network.populations if p.model == model_name]
        self.slices: dict[str, slice] = {}
        self.size = 0
        for population in self.members:
            self.slices[population.name] = slice(self.size, self.size + population.size)
            self.size += population.size
        given = {p.name: realisation.parameters(network, p.name, simulation) for p in self.members}
        values: dict[str, list[Any]] = {}
        for population in self.members:
            own = given[population.name]
            numbers = {
                **{name: own[name] for name in self.program.parameter_names},
                **self.program.constants(own),
                "refractory_steps": self.program.refractory_steps(own),
            }
            for name, value in numbers.items():
                values.setdefault(name, []).append(value)
        # a value that is the same for all stays a constant of the generated code
        self.shared: dict[str, float | int] = {}
        self.varying: dict[str, NDArray[Any]] = {}
        for name, found in values.items():
            if all(np.ndim(v) == 0 and v == found[0] for v in found):
                self.shared[name] = found[0]
            else:
                self.varying[name] = np.concatenate(
                    [np.broadcast_to(v, p.size) for v, p in zip(found, self.members, strict=True)]
                )
        self.neurons: Any = None

    def equations(self) -> str:
        """Return Brian2 equations: variables only, since the step program does the rest."""
        names = [*(state.name for state in self.model.dynamics.states), *self.model.inputs]
        lines = [f"{name} : 1" for name in (*names, "active")]
        lines.append("refractory_left : integer")
        for name, values in self.varying.items():
            kind = "integer" if values.dtype.kind == "i" else "1"
            lines.append(f"{name} : {kind} (constant)")
        return "\n".join(lines)

    def step(self) -> str:
        """Return the code of the groups slot."""
        lines = ["active = 1.0*int(refractory_left == 0)"]
        lines += [f"{s.target} = {ex.to_source(s.value)}" for s in self.program.statements]
        lines.append("refractory_left = refractory_left - int(refractory_left > 0)")
        return "\n".join(lines)

    def threshold(self) -> str:
        condition = ex.to_source(self.model.dynamics.threshold)
        return f"({condition}) and active > 0.5"

    def reset(self) -> str:
        # all expressions see the values before the spike
        reset = self.model.dynamics.reset
        lines = [f"reset_{name} = {ex.to_source(tree)}" for name, tree in reset]
        lines += [f"{name} = reset_{name}" for name, _ in reset]
        return "\n".join([*lines, "refractory_left = refractory_steps"])

    def array(self, name: str) -> NDArray[Any]:
        """Return the memory of a variable, to be read and written in place."""
        values: NDArray[Any] = self.neurons.variables[name].get_value()
        return values


class _Simulation:
    """One run."""

    def __init__(self, backend: Brian2Backend, request: RunRequest, progress: Progress) -> None:
        import brian2

        self.b2, self.backend, self.request, self.progress = brian2, backend, request, progress
        self.network, self.simulation = request.network, request.simulation
        self.dt = request.simulation.dt
        self.result = Outcome()
        self.groups: dict[str, _Group] = {}
        self.objects: list[Any] = []
        # functions of the step that add events to state variables, in the synapses slot
        self.deliveries: list[Callable[[int], None]] = []
        self.monitors: dict[str, Any] = {}
        self.samplers: dict[str, Any] = {}
        # where each projection's synapses are: (Synapses object, slice)
        self.parts: dict[str, tuple[Any, slice]] = {}
        seed = simulator_seed(self.simulation.seed)
        self.generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
        brian2.seed(seed)

    def outcome(self) -> Outcome:
        with self._phase("create"):
            self._setup()
            self._create()
        with self._phase("connect"):
            self._connect()
        with self._phase("prepare"):
            self._inputs()
            self._record()
            brian_network = self.b2.Network(self.objects)
            brian_network.schedule = SCHEDULE
            brian_network.run(0 * self.b2.ms)
        self._simulate(brian_network)
        with self._phase("read"):
            self._read()
        return self.result

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self.progress(name, 0.0)
        started = time.perf_counter()
        yield
        self.result.seconds[name] = time.perf_counter() - started
        self.progress(name, 1.0)

    def _setup(self) -> None:
        b2 = self.b2
        target = self.backend.option(self.request, "codegen")
        if target == "auto":
            neurons = sum(population.size for population in self.network.populations)
            small = neurons * self.simulation.total_steps < SMALL
            target = "numpy" if small or shutil.which("g++") is None else "cython"
        b2.prefs.codegen.target = target
        b2.prefs.codegen.cpp.extra_compile_args_gcc = COMPILER_FLAGS
        b2.prefs.codegen.loop_invariant_optimisations = False
        b2.defaultclock.dt = self.dt * b2.ms
        self.result.info = {"codegen": target}

    def _create(self) -> None:
        for name in dict.fromkeys(str(p.model) for p in self.network.populations):
            group = self.groups[name] = _Group(self.network, name, self.simulation)
            group.neurons = self.b2.NeuronGroup(
                group.size,
                group.equations(),
                threshold=group.threshold(),
                reset=group.reset(),
                method="euler",  # there is no differential equation left to integrate
                namespace=group.shared,
                name=f"group_{name}",
            )
            for variable, values in group.varying.items():
                group.array(variable)[:] = values
            for population in group.members:
                where = group.slices[population.name]
                initial = realisation.initial_values(self.network, population.name, self.simulation)
                for variable, value in initial.items():
                    group.array(variable)[where] = value
                    if self.request.readback:
                        found = np.array(group.array(variable)[where])
                        self.result.readback[f"initial/{population.name}/{variable}"] = found
            step = group.neurons.run_regularly(group.step(), when="groups", dt=self.dt * self.b2.ms)
            self.objects += [group.neurons, step]

    def _group(self, population: str) -> tuple[_Group, slice]:
        group = self.groups[str(self.network.population(population).model)]
        return group, group.slices[population]

    # -- synapses -----------------------------------------------------------------------

    def _connect(self) -> None:
        merged: dict[tuple[str, str, str], list[tuple[Projection, realisation.Synapses]]] = {}
        for index, projection in enumerate(self.network.projections):
            self.progress("connect", index / len(self.network.projections))
            if self.backend.is_sum(self.request, projection):
                self.deliveries.append(self._sum(projection))
                continue
            native = self.request.connectivity == "native"
            arguments = _native_condition(projection) if native else None
            if arguments is not None:
                self._connect_natively(projection, arguments)
                continue
            drawn = (
                self._draw(projection)
                if native and _plain_pairs(projection)
                else realisation.synapses(self.network, projection, self.simulation)
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
        (pre, source), (post, where) = self._group(projection.pre), self._group(projection.post)
        target = post.array(post.model.receptors[projection.receptor])[where]
        space = pre.array("_spikespace")  # spikes of the step before, their number at the end
        weight = projection.weight.value  # type: ignore[union-attr]
        delay = 1
        if projection.delay is not None:
            delay = self.simulation.steps(projection.delay.value, minimum=1)  # type: ignore[union-attr]
        same = projection.pre == projection.post
        skip_self = same and not projection.rule.allow_autapses  # type: ignore[union-attr]
        waiting: list[NDArray[np.int64] | None] = [None] * delay
        pairs = rules.expected_count(projection.rule, source.stop - source.start, len(target), same)
        self.result.synapses[projection.name] = int(pairs)

        def deliver(step: int) -> None:
            if space[-1]:
                spikes = space[: space[-1]]
                low, high = np.searchsorted(spikes, (source.start, source.stop))
                if high > low:
                    waiting[(step + delay - 1) % delay] = spikes[low:high] - source.start
            due, waiting[step % delay] = waiting[step % delay], None
            if due is not None:
                target[:] += weight * len(due)
                if skip_self:
                    target[due] -= weight

        return deliver

    def _draw(self, projection: Projection) -> realisation.Synapses:
        """Draw independent pairs, weights and delays with this run's own generator."""
        rule = projection.rule
        n_pre = self.network.population(projection.pre).size
        n_post = self.network.population(projection.post).size
        if isinstance(rule, rules.FixedIndegree):
            post = np.repeat(np.arange(n_post, dtype=np.uint32), rule.indegree)
        else:
            count = int(rules.expected_count(rule, n_pre, n_post, same=False))
            post = self.generator.integers(0, n_post, count, np.uint32)
        pre = self.generator.integers(0, n_pre, len(post), np.uint32)
        return realisation.Synapses(pre, post, *self._weights(projection, len(post)))

    def _weights(self, projection: Projection, count: int) -> tuple[Any, Any]:
        """Draw weights and delays (in steps) with this run's own generator."""
        weight = dist.sample(projection.weight, count, self.generator)
        if projection.delay is None:
            return weight, 1
        delay = dist.sample(projection.delay, count, self.generator)
        return weight, realisation.to_steps(delay, self.dt, projection.name)

    def _synapses(self, pre: Any, post: Any, state: str, name: str) -> Any:
        synapses = self.b2.Synapses(
            pre, post, "w : 1", on_pre={"arrive": f"{state}_post += w"}, name=name
        )
        synapses.arrive.when = "synapses"
        self.objects.append(synapses)
        return synapses

    def _set(self, synapses: Any, weight: Any, delay: Any) -> None:
        synapses.w = weight
        # handed to the queue one step after the spike, see the module's text
        synapses.arrive.delay = (np.asarray(delay, float) - 1) * self.dt * self.b2.ms

    def _connect_merged(
        self,
        pre: _Group,
        post: _Group,
        state: str,
        parts: list[tuple[Projection, realisation.Synapses]],
    ) -> None:
        total = sum(len(drawn) for _, drawn in parts)
        for projection, drawn in parts:
            self.result.synapses[projection.name] = len(drawn)
        if not total:
            return
        synapses = self._synapses(
            pre.neurons, post.neurons, state, f"synapses_{pre.model.name}_{state}"
        )
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

    def _connect_natively(self, projection: Projection, arguments: dict[str, Any]) -> None:
        (pre, pre_slice), (post, post_slice) = (
            self._group(projection.pre), self._group(projection.post)
        )  # fmt: skip
        state = post.model.receptors[projection.receptor]
        synapses = self._synapses(
            pre.neurons[pre_slice], post.neurons[post_slice], state, f"synapses_{projection.name}"
        )
        synapses.connect(**arguments)
        count = len(synapses)
        if count:
            self._set(synapses, *self._weights(projection, count))
        else:
            self.objects.remove(synapses)
        self.result.synapses[projection.name] = count
        self.parts[projection.name] = (synapses, slice(0, count))

    def _timestep(self) -> NDArray[np.int64]:
        """Return the memory of the clock's step counter, shape (1,)."""
        counter: NDArray[np.int64] = self.b2.defaultclock.variables["timestep"].get_value()
        return counter

    # -- inputs -------------------------------------------------------------------------

    def _inputs(self) -> None:
        couplings = [self._coupling(c) for c in self.network.continuous_projections]
        changes = self._current_changes()
        if couplings or changes:
            clock, now = self.b2.defaultclock, self._timestep()

            def before_step() -> None:
                for update in changes.get(int(now[0]), ()):
                    update()
                for couple in couplings:
                    couple()

            self.objects.append(self.b2.NetworkOperation(before_step, when="start", clock=clock))
        self._poisson()
        self._given_spikes()
        self._deliver()

    def _coupling(self, coupling: Any) -> Any:
        """Return a function that sets S_i = sum_j w_ij s_j."""
        from scipy.fft import irfft, rfft

        (pre, source_slice), (post, target_slice) = (
            self._group(coupling.pre), self._group(coupling.post)
        )  # fmt: skip
        source = pre.array(coupling.source)[source_slice]
        target = post.array(coupling.target)[target_slice]
        # several couplings may share a target: the first sets, the others add
        same = [c for c in self.network.continuous_projections
                if (c.post, c.target) == (coupling.post, coupling.target)]  # fmt: skip
        adds = same[0].name != coupling.name
        if coupling.kernel.kind == "uniform":
            weight = coupling.kernel.weight

            def uniform() -> None:
                total = weight * source.sum()
                target[:] = target + total if adds else total

            return uniform
        size = len(target)
        spectrum = rfft(coupling.kernel.values(size))

        def circulant() -> None:
            total = irfft(rfft(source) * spectrum, size)
            target[:] = target + total if adds else total

        return circulant

    def _current_changes(self) -> dict[int, list[Callable[[], None]]]:
        """Return step -> functions that change currents; those of step 0 are called at once."""
        changes: dict[int, list[Callable[[], None]]] = {}
        for change in realisation.current_changes(self.network, self.simulation):
            group, where = self._group(change.population)
            apply = functools.partial(_add, group.array(change.port)[where], change)
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
            group, where = self._group(poisson.target)
            state = group.model.receptors[poisson.receptor]
            start = self.simulation.steps(poisson.delay)
            mean = poisson.rate * poisson.number * self.dt * 1e-3
            if mean < RARE:
                self.deliveries.append(
                    self._rare_events(group.array(state)[where], mean, poisson.weight, start)
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
            neurons = self.groups[model].neurons
            names = {}
            for kind, array in values.items():
                names[kind] = f"poisson_{kind}_{index}"
                if np.ptp(array) == 0:
                    neurons.namespace[names[kind]] = float(array[0])
                else:
                    neurons.variables.add_array(names[kind], size=len(array), values=array,
                                                constant=True, index="_idx")  # fmt: skip
            begun = f"*int(t/dt > {start} - 0.5)" if start else ""
            code = f"{state} = {state} + {names['weight']}*poisson({names['mean']}){begun}"
            operation = neurons.run_regularly(
                code, when="synapses", order=1, dt=self.dt * self.b2.ms, name=f"poisson_{index}"
            )
            self.objects.append(operation)

    def _rare_events(
        self, values: NDArray[Any], mean: float, weight: float, start: int
    ) -> Callable[[int], None]:
        """Return a function that adds Poisson events of `mean` per neuron and step.

        The events of a population are a Poisson number of events at neurons chosen uniformly,
        which is the same as independent numbers for all neurons, and far fewer draws.
        """
        size, block = len(values), max(1, int(1e5 / max(mean * len(values), 1)))
        generator = self.generator.spawn(1)[0]
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
            np.add.at(values, targets[bounds[at] : bounds[at + 1]], weight)

        return deliver

    def _given_spikes(self) -> None:
        """Add the events of `SpikeInput` at the end of the step that they are due in."""
        due: dict[int, list[tuple[NDArray[Any], int, float]]] = {}
        for source in self.network.spike_inputs:
            group, where = self._group(source.target)
            values = group.array(group.model.receptors[source.receptor])[where]
            for t, neuron in zip(source.times, source.neurons, strict=True):
                step = self.simulation.steps(t)
                due.setdefault(step - 1, []).append((values, neuron, source.weight))
        if due:

            def deliver(step: int) -> None:
                for values, neuron, weight in due.get(step, ()):
                    values[neuron] += weight

            self.deliveries.append(deliver)

    def _deliver(self) -> None:
        if not self.deliveries:
            return
        clock, now = self.b2.defaultclock, self._timestep()

        def deliver_all() -> None:
            step = int(now[0])
            for deliver in self.deliveries:
                deliver(step)

        self.objects.append(self.b2.NetworkOperation(deliver_all, when="synapses", clock=clock))

    # -- recording, time, reading -------------------------------------------------------

    def _record(self) -> None:
        b2 = self.b2
        recorded = set(self.network.recorded())
        for name, group in self.groups.items():
            if recorded & set(group.slices):
                self.monitors[name] = b2.SpikeMonitor(group.neurons)
        for recorder in self.network.recorders:
            if not recorder.variables:
                continue
            group, where = self._group(recorder.target)
            chosen = (
                range(where.stop - where.start) if recorder.neurons is None else recorder.neurons
            )
            every = self.simulation.steps(recorder.interval or self.dt, minimum=1)
            self.samplers[recorder.name] = b2.StateMonitor(
                group.neurons,
                recorder.variables,
                record=np.array(sorted(set(chosen))) + where.start,
                dt=every * self.dt * b2.ms,
                when="start",  # the state at t, before the step that begins there
            )
        self.objects += [*self.monitors.values(), *self.samplers.values()]

    def _simulate(self, brian_network: Any) -> None:
        b2, simulation = self.b2, self.simulation
        spans = {
            "warmup": simulation.warmup_steps,
            "simulate": simulation.total_steps - simulation.warmup_steps,
        }
        done = 0
        for phase, steps in spans.items():

            def report(elapsed: Any, completed: float, start: Any, duration: Any,
                       begin: int = done, span: int = steps) -> None:  # fmt: skip
                self.progress("simulate", (begin + completed * span) / simulation.total_steps)

            started = time.perf_counter()
            if steps:
                brian_network.run(
                    steps * self.dt * b2.ms, report=report, report_period=1 * b2.second
                )
            self.result.seconds[phase] = time.perf_counter() - started
            done += steps
        if self._timestep()[0] != simulation.total_steps:
            raise RuntimeError("Brian2 made another number of steps than asked for")
        for group in self.groups.values():
            for state in group.model.dynamics.states:
                wrong = np.flatnonzero(~np.isfinite(group.array(state.name)))
                if wrong.size:
                    raise FloatingPointError(
                        f"{state.name} of {wrong.size} neurons of {group.model.name} is no finite "
                        "number at the end: a smaller time step, or clip() in the equations"
                    )
        for name, sampler in self.samplers.items():
            recorder = next(r for r in self.network.recorders if r.name == name)
            every = simulation.steps(recorder.interval or self.dt, minimum=1)
            if simulation.total_steps % every == 0:
                sampler.record_single_timestep()  # the state at the very end

    def _read(self) -> None:
        for name, monitor in self.monitors.items():
            neurons = np.asarray(monitor.i[:], np.int64)
            # Brian2 labels a spike with the start of its step
            steps = np.rint(np.asarray(monitor.t / self.b2.ms) / self.dt).astype(np.int64) + 1
            for population, where in self.groups[name].slices.items():
                if population in self.network.recorded():
                    own = (neurons >= where.start) & (neurons < where.stop)
                    found = (neurons[own] - where.start).astype(np.uint32)
                    self.result.spikes[population] = (steps[own], found)
        for recorder in self.network.recorders:
            if recorder.variables:
                sampler = self.samplers[recorder.name]
                times = np.asarray(sampler.t / self.b2.ms) / self.dt
                for variable in recorder.variables:
                    values = np.asarray(getattr(sampler, variable)).T
                    # the initial state is no sample at the end of a step
                    self.result.samples[recorder.name, variable] = (
                        np.rint(times[1:]).astype(np.int64),
                        values[1:],
                    )
        if self.request.readback:
            self._read_back()

    def _read_back(self) -> None:
        found = self.result.readback
        for group in self.groups.values():
            for population, where in group.slices.items():
                for name in group.program.parameter_names:
                    found[f"parameters/{population}/{name}"] = (
                        np.atleast_1d(group.shared[name])
                        if name in group.shared
                        else np.asarray(group.array(name)[where])
                    )
        for projection in self.network.projections:
            if projection.name not in self.parts:
                continue
            synapses, where = self.parts[projection.name]
            (_, pre), (_, post) = self._group(projection.pre), self._group(projection.post)
            merged = (
                synapses.source
                is self.groups[str(self.network.population(projection.pre).model)].neurons
            )
            i = np.asarray(synapses.i[:])[where] - (pre.start if merged else 0)
            j = np.asarray(synapses.j[:])[where] - (post.start if merged else 0)
            weight = np.asarray(synapses.w[:])[where]
            delay = np.asarray(synapses.arrive.delay / self.b2.ms)[where] / self.dt + 1
            steps = np.rint(delay).astype(np.int64)
            order = np.lexsort((steps, weight, j, i))
            for key, array in (("pre", i), ("post", j), ("weight", weight), ("delay", steps)):
                found[f"projections/{projection.name}/{key}"] = array[order]
