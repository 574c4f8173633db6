"""Running a plan in GeNN: fill it, step it, read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec import realisation
from netspec.backend import Outcome, Samples
from netspec.backends.genn import inputs, sampling
from netspec.backends.genn.building import GennBuilding
from netspec.backends.genn.compiling import ConnectionTable, compiled, load
from netspec.backends.genn.neurons import own
from netspec.backends.genn.plan import Connections
from netspec.kernels import product

CHUNK = 1000  # steps of spikes that a device keeps before the host collects them


class GennSimulation(GennBuilding):
    """Build, run and read."""

    def outcome(self) -> Outcome:
        """Run all phases."""
        self.backend.check_memory(self.request)
        with self.phase("create"):
            self.create()
        with self.phase("connect"):
            self.connect()
        with self.phase("prepare"):  # its parts are timed as well
            self.model = compiled(self.plan(), self.result.seconds)
            steps = self.simulation.total_steps
            # as even as can be, so that the last chunk is nearly full
            self.chunk = -(-steps // -(-steps // CHUNK))
            self._load()
            with self.phase("hand_over"):
                self._hand_over_synapses()
            self._prepare()
        self._simulate()
        with self.phase("read"):
            self._read()
        return self.result

    # -- loading ------------------------------------------------------------------------

    def _load(self) -> None:
        """Give every array its first values, and load the compiled model."""
        for name, code in self.codes.items():
            variables = self.model.neuron_populations[name].vars
            for variable, value in code.values.items():
                array = np.broadcast_to(np.asarray(value), code.neurons.size)
                variables[variable].set_init_values(array)
        for poisson in self.poisson:
            source = self.model.current_sources[inputs.source_name(poisson)]
            size = self.network.population(poisson.target).size
            states = self.stream(poisson.name, "events").integers(0, 2**64, size, np.uint64)
            source.vars["state"].set_init_values(states)
            table, guide = sampling.poisson_tables(inputs.poisson_mean(poisson, self.dt))
            source.extra_global_params["table"].set_init_values(table)
            source.extra_global_params["guide"].set_init_values(guide)
        tables = [table for c in self.connections for table in self._tables(c)]
        self.recorded = any(neurons.neurons.recorded for neurons in self.codes.values())
        load(self.model, self.chunk if self.recorded else None, tables, self.result.seconds)

    def _tables(self, connections: Connections) -> Iterator[ConnectionTable]:
        """Set what the code that draws synapses reads; yield what the connecting code reads."""
        group = self.model.synapse_populations[connections.name]

        def seed(purpose: str) -> NDArray[np.uint64]:
            return self.stream(connections.name, purpose).integers(0, 2**64, 1, np.uint64)

        for name in connections.initial:
            tables = group.vars[name].extra_global_params
            if "seed" in tables:
                tables["seed"].set_init_values(seed(name))
            else:
                coupling = next(
                    c for c in self.network.continuous_projections if c.name == connections.name
                )
                size = self.network.population(coupling.pre).size
                tables["profile"].set_init_values(coupling.kernel.values(size))
        names = [] if connections.builder is None else [n for n, _ in connections.builder.tables]
        if "seed" in names:
            yield group, "seed", seed("pairs")
        if "lengths" in names:
            rule = next(p.rule for p in self.network.projections if p.name == connections.name)
            n_pre = self.network.population(connections.pre).size
            generator = self.stream(connections.name, "lengths")
            lengths = generator.multinomial(rule.number, np.full(n_pre, 1 / n_pre))  # type: ignore[union-attr]
            yield group, "lengths", lengths.astype(np.uint32)

    def _rows(self, name: str) -> tuple[Any, NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]:
        """Return a group, and views of its row lengths, targets and synapse variables.

        Rows are padded to the same length: shape (n_pre, row).
        """
        group = self.model.synapse_populations[name]
        shape = group.src.num_neurons, group.max_connections
        variables = {key: found._view.reshape(shape) for key, found in group.vars.items()}
        return group, group._row_lengths.view, group._ind.view.reshape(shape), variables

    def _hand_over_synapses(self) -> None:
        """Write the synapses that netspec draws, block by block, and push them to the device."""
        drawn = [p for p in self.network.projections if p.name in self.lengths]
        for index, projection in enumerate(drawn):
            self.progress("hand_over", index / len(drawn))
            group, lengths, targets, variables = self._rows(projection.name)
            lengths[:] = self.lengths[projection.name]
            for block in self.synapse_blocks(projection):
                if not len(block):
                    continue
                rows = slice(int(block.pre[0]), int(block.pre[-1]) + 1)
                filled = np.arange(targets.shape[1]) < lengths[rows, None]
                targets[rows][filled] = block.post
                if "weight" in variables:
                    variables["weight"][rows][filled] = block.weights()
                if "later" in variables:
                    later = block.delays() - 1
                    slots = group.max_dendritic_delay_timesteps
                    if later.max() >= slots:
                        raise RuntimeError(
                            f"{projection.name}: a delay of {later.max() + 1} steps, the ring "
                            f"has {slots} slots"
                        )
                    variables["later"][rows][filled] = later
            group.push_connectivity_to_device()
            for variable in group.vars.values():
                variable.push_to_device()

    # -- time ---------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Collect what the host does between steps, by step."""
        if self.request.readback:
            self._read_back()
        self.couplings = self._host_couplings()
        self.before: dict[int, list[Callable[[], None]]] = {}
        for change in realisation.current_changes(self.network, self.simulation):
            if change.step > 0:
                self.before.setdefault(change.step, []).append(self._change(change))
        for step, places in inputs.given_events(self.network, self.simulation).items():
            for place, events in places.items():
                self.before.setdefault(step, []).append(self._given(place, events))
        self.samplers = [self._sampler(r) for r in self.network.recorders if r.variables]
        self.collected: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {
            name: [] for name, code in self.codes.items() if code.neurons.recorded
        }

    def _host_couplings(self) -> list[Callable[[], None]]:
        """Return functions that set S_i = sum_j w_ij s_j before a step, in the model's memory."""
        # currents into the inputs that are set so
        self.levels: dict[tuple[str, str], NDArray[np.float64]] = {}
        couplings: dict[tuple[str, str], list[Any]] = {}
        for coupling in self.network.continuous_projections if self.on_host else ():
            couplings.setdefault((coupling.post, coupling.target), []).append(coupling)
        return [self._host_coupling(*place, parts) for place, parts in couplings.items()]

    def _host_coupling(self, post: str, port: str, parts: list[Any]) -> Callable[[], None]:
        target = self.variable(post, port).view
        levels = self.levels[post, port] = np.array(target)
        products = [
            (self.variable(c.pre, c.source).view, product(c.kernel, len(target))) for c in parts
        ]

        def couple() -> None:
            np.copyto(target, levels)
            for source, multiply in products:
                np.add(target, multiply(source), out=target)

        return couple

    def variable(self, population: str, name: str) -> Any:
        """Return PyGeNN's handle of a variable of the description."""
        return self.model.neuron_populations[population].vars[own(name)]

    def _change(self, change: realisation.CurrentChange) -> Callable[[], None]:
        levels = self.levels.get((change.population, change.port))

        def apply() -> None:
            if levels is not None:  # a continuous coupling sets the input at every step
                levels[change.neurons] += change.level
                return
            port = self.variable(change.population, change.port)
            port.view[change.neurons] += change.level
            port.push_to_device()

        return apply

    def _given(self, place: tuple[str, str], events: list[tuple[int, float]]) -> Callable[[], None]:
        neurons, weights = (np.array(column) for column in zip(*events, strict=True))

        def apply() -> None:
            name = inputs.given_code(self.network, *place).name
            pending = self.model.current_sources[name].vars["pending"]
            pending.view[:] = 0
            np.add.at(pending.view, neurons, weights)
            pending.push_to_device()

        return apply

    def _sampler(self, recorder: Any) -> tuple[int, Callable[[int], None]]:
        """Return the interval of a recorder in steps, and a function that takes a sample."""
        every = self.simulation.steps(recorder.interval or self.dt, minimum=1)
        size = self.network.population(recorder.target).size
        chosen = np.arange(size) if recorder.neurons is None else np.array(recorder.neurons)
        count = self.simulation.total_steps // every
        taken: dict[str, Samples] = {}
        for variable in recorder.variables:
            steps = np.arange(1, count + 1, dtype=np.int64) * every
            taken[variable] = steps, np.empty((count, len(chosen)))
            self.result.samples[recorder.name, variable] = taken[variable]

        def sample(step: int) -> None:
            for variable, (_, values) in taken.items():
                handle = self.variable(recorder.target, variable)
                handle.pull_from_device()
                values[step // every - 1] = handle.view[chosen]

        return every, sample

    def _simulate(self) -> None:
        simulation, step = self.simulation, 0
        phases = {
            "warmup": simulation.warmup_steps,
            "simulate": simulation.total_steps,
        }
        for phase, stop in phases.items():
            started = time.perf_counter()
            self._advance(step, stop)
            self.result.seconds[phase] = time.perf_counter() - started
            step = stop
        if self.model.timestep != simulation.total_steps:
            raise RuntimeError("GeNN made another number of steps than asked for")
        self._check_finite()

    def _advance(self, step: int, stop: int) -> None:
        """Run from `step` to `stop`, with all that the host does in between."""
        step_time, total = self.model.step_time, self.simulation.total_steps
        pauses = sorted({*self.before, stop})
        intervals = [1] if self.couplings else []
        intervals += [every for every, _ in self.samplers] + [self.chunk]
        while step < stop:
            for action in self.before.get(step, ()):
                action()
            for couple in self.couplings:
                couple()
            until = min(step - step % every + every for every in intervals)
            until = min(until, stop, pauses[np.searchsorted(pauses, step, side="right")])
            for _ in range(until - step):
                step_time()
            step = until
            for every, sample in self.samplers:
                if step % every == 0:
                    sample(step)
            if step % self.chunk == 0:
                self._collect()
                self.progress("simulate", step / total)

    def _collect(self) -> None:
        """Take the spikes of the last chunk from the device."""
        if not self.recorded:
            return
        self.model.pull_recording_buffers_from_device()
        for name, parts in self.collected.items():
            (times, neurons), *_ = self.model.neuron_populations[name].spike_recording_data
            # GeNN labels a spike with the start of its step
            steps = np.rint(np.asarray(times) / self.dt).astype(np.int64) + 1
            parts.append((steps, np.asarray(neurons, np.uint32)))

    def _check_finite(self) -> None:
        for name in self.codes:
            for state in self.network.model_of(name).dynamics.states:
                handle = self.variable(name, state.name)
                handle.pull_from_device()
                wrong = np.count_nonzero(~np.isfinite(handle.view))
                if wrong:
                    raise FloatingPointError(
                        f"{state.name} of {wrong} neurons of {name} is no finite number at the "
                        "end: a smaller time step, or clip() in the equations"
                    )

    # -- reading ------------------------------------------------------------------------

    def _read(self) -> None:
        # a device hands over full chunks only; what happens past the end is dropped
        total = self.simulation.total_steps
        if self.recorded and total % self.chunk:
            for _ in range(self.chunk - total % self.chunk):
                self.model.step_time()
            self._collect()
        for name, parts in self.collected.items():
            steps, neurons = (np.concatenate(column) for column in zip(*parts, strict=True))
            kept = steps <= total
            self.result.spikes[name] = steps[kept], neurons[kept]
        for projection in self.network.projections:
            if projection.name in self.dense:
                count = int(realisation.expected_synapses(self.network, projection))
            else:
                group, lengths, *_ = self._rows(projection.name)
                group._row_lengths.pull_from_device()
                if lengths.max(initial=0) > group.max_connections:
                    raise RuntimeError(f"{projection.name}: a row is longer than its memory")
                count = int(lengths.sum())
            self.result.synapses[projection.name] = count
        self.result.info = {"device": self.model.backend_name, "precision": self.precision}

    def _read_back(self) -> None:
        found = self.result.readback
        for name, code in self.codes.items():
            group = self.model.neuron_populations[name]
            for variable in group.vars.values():
                variable.pull_from_device()
            for parameter in self.network.model_of(name).parameters:
                if own(parameter) in code.neurons.params:
                    value = group.params[own(parameter)].value
                    found[f"parameters/{name}/{parameter}"] = np.atleast_1d(value)
                elif own(parameter) in group.vars:
                    values = np.array(self.variable(name, parameter).view)
                    found[f"parameters/{name}/{parameter}"] = values
            for state in self.network.model_of(name).dynamics.states:
                found[f"initial/{name}/{state.name}"] = np.array(
                    self.variable(name, state.name).view
                )
        for projection in self.network.projections:
            self._read_back_synapses(projection.name)

    def _read_back_synapses(self, name: str) -> None:
        group, lengths, targets, variables = self._rows(name)
        group.pull_connectivity_from_device()
        for variable in group.vars.values():
            variable.pull_from_device()
        filled = np.arange(targets.shape[1]) < lengths[:, None]
        columns: dict[str, NDArray[Any]] = {
            "pre": np.repeat(np.arange(len(lengths)), lengths),
            "post": targets[filled].astype(np.int64),
        }
        # one value for all is a literal of the code, which GeNN does not give back
        given = next(c.params for c in self.connections if c.name == name)
        for ours, theirs in (("weight", "weight"), ("delay", "later")):
            values = (
                variables[theirs][filled]
                if theirs in variables
                else np.full(len(columns["pre"]), given[theirs])
            )
            columns[ours] = values.astype(np.int64) + 1 if ours == "delay" else values
        order = np.lexsort([columns[key] for key in ("delay", "weight", "post", "pre")])
        for key, values in columns.items():
            self.result.readback[f"projections/{name}/{key}"] = values[order]
