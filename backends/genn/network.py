"""One network in a GeNN model: values into it, what the host does to it, results out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.genn import host, inputs
from netspec.backends.genn.building import GennBuilding
from netspec.backends.genn.compiling import ConnectionTable
from netspec.backends.genn.couplings import Coupled
from netspec.backends.genn.planning import GennPlan
from netspec.backends.genn.plasticity import Plastic
from netspec.backends.genn.shards import Part, Piece, Spread, selection
from netspec.backends.genn.weights import Grid
from netspec.describe.network import ContinuousProjection, PoissonInput, Projection
from netspec.execute.execution import Execution, Progress
from netspec.execute.recording import Samples
from netspec.realise import counters, drawing
from netspec.realise.lowering import own


class GennNetwork:
    """A network that has the model to itself, or shares it with those of other runs.

    Parameters
    ----------
    plan : GennPlan
    progress : callable
    run : str
        A prefix of all names, if several runs share the model.
    """

    def __init__(self, plan: GennPlan, progress: Progress, run: str = "") -> None:
        self.plan, self.execution = plan, Execution(plan.request, progress)
        self.built = GennBuilding(plan, self.execution, run)
        self.request, self.result = plan.request, self.execution.recording
        self.network, self.simulation = plan.request.network, plan.request.simulation
        # Poisson input -> step, table and guide from that step on, where its rate changes
        self.courses: dict[str, list[tuple[int, NDArray[np.uint64], NDArray[np.uint16]]]] = {}
        self.parts, self.codes, self.pieces = self.built.parts, self.built.codes, self.built.pieces
        self.plastic: list[Plastic] = []

    # -- loading ------------------------------------------------------------------------

    def give_values(self, model: Any) -> Iterator[ConnectionTable]:
        """Give every array of the compiled model its first values.

        Yields
        ------
        ConnectionTable
            What the connecting code reads; it can be set only while the model is loaded.
        """
        self.model = model
        for name, code in self.codes.items():
            for part in self.parts[name]:
                variables = self.model.neuron_populations[part.name].vars
                for variable, value in code.values.items():
                    array = np.broadcast_to(np.asarray(value), code.neurons.size)
                    variables[variable].set_init_values(array[part.neurons])
        for poisson in self.built.poisson:
            self._give_tables(poisson)
        for noise in self.network.noise_currents:
            for part in self.parts[noise.target]:
                source = self.model.current_sources[part.named(inputs.noise_name(noise))]
                for variable, array in self.built.noise[noise.name].items():
                    source.vars[variable].set_init_values(array[part.neurons])
        self._set_profiles()
        for projection in self.network.projections:
            yield from self._tables(projection)

    def _give_tables(self, poisson: PoissonInput) -> None:
        """Give the source of a Poisson input its tables, and the neurons' states."""
        counter = self.execution.poisson_counter(poisson)
        # the code advances the state in every step from the first one on in which it draws
        begin = 0 if poisson.changes else self.request.poisson_course(poisson)[0][0]
        states = counters.states_at(counter.states, begin)
        if poisson.changes:
            found = inputs.poisson_courses(self.execution.poisson_counters(poisson))
            self.courses[poisson.name] = found
            _, table, guide = found[0]
        for part in self.parts[poisson.target]:
            source = self.model.current_sources[part.named(inputs.source_name(poisson))]
            source.vars["state"].set_init_values(states[part.neurons])
            if not self.plan.by_product:
                if not poisson.changes:
                    table, guide = counter.tables
                source.extra_global_params["table"].set_init_values(table)
                source.extra_global_params["guide"].set_init_values(guide)

    def _tables(self, projection: Projection) -> Iterator[ConnectionTable]:
        """Set what the code that draws synapses reads; yield what the connecting code reads."""
        pieces = self.pieces(projection)
        seeds = {
            purpose: self.built.stream(projection.name, purpose).integers(
                0, 2**64, (len(pieces), 1), np.uint64
            )
            for purpose in ("pairs", "weight", "later")
        }
        for number, piece in enumerate(pieces):
            planned = self.built.connections[piece.name]
            group = self.model.synapse_populations[piece.name]
            for name in planned.initial:
                table = group.vars[name].extra_global_params["seed"]
                table.set_init_values(seeds[name][number])
            for name, _ in () if planned.builder is None else planned.builder.tables:
                seed = seeds["pairs"][number]
                yield group, name, seed if name == "seed" else self.built.lengths[piece.name]

    def _set_profiles(self) -> None:
        """Give dense couplings their weights, as a function of distance."""
        for coupling in self.built.on_device:
            if coupling.kernel.kind != "uniform" and coupling.name not in self.plan.waves:
                group = self.model.synapse_populations[self.built.whole(coupling).name]
                size = self.network.population(coupling.pre).size
                table = group.vars["weight"].extra_global_params["profile"]
                table.set_init_values(coupling.kernel.values(size))

    def rows(self, name: str) -> tuple[Any, NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]:
        """Return a group, and views of its row lengths, targets and synapse variables.

        Rows are padded to the same length: shape (n_pre, row).
        """
        group = self.model.synapse_populations[name]
        shape = group.src.num_neurons, group.max_connections
        variables = {key: found._view.reshape(shape) for key, found in group.vars.items()}
        return group, group._row_lengths.view, group._ind.view.reshape(shape), variables

    def hand_over_changing(self) -> None:
        """Write the synapses that change, which GeNN has to see before it is ready."""
        self.plastic = [Plastic(self, p) for p, _ in self.network.plastic()]
        for plastic in self.plastic:
            plastic.hand_over()
            plastic.watch()

    def hand_over(self) -> None:
        """Write the synapses that netspec draws, block by block, and push them to the device."""
        wirings = self.plan.wirings
        drawn = [p for p in self.network.projections if wirings[p.name].way == "given"]
        for index, projection in enumerate(drawn):
            self.execution.progress("hand_over", index / len(drawn))
            pieces = self.pieces(projection)
            for piece in pieces:
                self.rows(piece.name)[1][:] = self.built.lengths[piece.name]
            for block in self.execution.synapse_blocks(projection):
                for piece in pieces:
                    self._write(piece, block, wirings[projection.name].grid)
            for piece in pieces:
                group, *_ = self.rows(piece.name)
                group.push_connectivity_to_device()
                for variable in group.vars.values():
                    variable.push_to_device()

    def _write(self, piece: Piece, block: drawing.Synapses, grid: Grid | None) -> None:
        """Write those synapses of a block that are a piece's into its rows."""
        group, lengths, targets, variables = self.rows(piece.name)
        chosen = selection(block, piece)
        pre, post = block.pre[chosen], block.post[chosen]
        if not len(pre):
            return
        rows = slice(int(pre[0]) - piece.pre.first, int(pre[-1]) + 1 - piece.pre.first)
        filled = np.arange(targets.shape[1]) < lengths[rows, None]
        targets[rows][filled] = post - piece.post.first
        if "weight" in variables:
            weights = block.weights()[chosen]
            variables["weight"][rows][filled] = weights if grid is None else grid.steps(weights)
        if "later" in variables:
            later = block.delays()[chosen] - 1
            slots = group.max_dendritic_delay_timesteps
            if later.max() >= slots:
                raise RuntimeError(
                    f"{piece.name}: a delay of {later.max() + 1} steps, the ring has {slots} slots"
                )
            variables["later"][rows][filled] = later

    # -- time ---------------------------------------------------------------------------

    def prepare(self, chunk: int, place: Path) -> None:
        """Collect what the host does between steps, by step.

        Parameters
        ----------
        chunk : int
            Steps of spikes that the device keeps.
        place : path
            Of the compiled model.
        """
        self.place = place
        self._send_sums()
        if self.request.readback:
            self._read_back()
        self.before: dict[int, list[Callable[[], None]]] = {}
        # currents into the inputs that a continuous coupling sets at every step
        self.levels: dict[tuple[str, str], NDArray[np.float64]] = {}
        for change in self.execution.current_changes:
            if change.step > 0:
                self.before.setdefault(change.step, []).append(self._change(change))
        for step, where, neurons, weights in inputs.given_events(self.network, self.simulation):
            self.before.setdefault(step, []).append(self._given(where, neurons, weights))
        for poisson in self.built.poisson:
            for step, table, guide in self.courses.get(poisson.name, [])[1:]:
                exchange = self._exchange(poisson, [table, guide])
                self.before.setdefault(step, []).append(exchange)
        self.samplers = [self._sampler(r) for r in self.network.recorders if r.variables]
        self.samplers += [(1, plastic.look) for plastic in self.plastic if plastic.places]
        self.collected: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {
            name: [] for name, code in self.codes.items() if code.neurons.recorded
        }
        self.recordings = {
            (name, part): self._recording(part, chunk)
            for name in self.collected
            for part in self.parts[name]
        }

    def _send_sums(self) -> None:
        """Leave the events in GeNN's queues that a step before the first one would have left.

        Each is of a population's first neuron, number 0, and takes the sums to the first step.
        """
        from pygenn import types

        couplings = [c for c in self.built.on_device if c.name in self.plan.waves]
        sent = set()
        for coupling in couplings:
            group = self.model.synapse_populations[self.built.whole(coupling).name]
            try:
                queued = group._get_array("srcSpkCntEvent", types.Uint32)
            except IndexError:  # GeNN has given it the queue of another coupling
                continue
            queued.view[:] = 1
            queued.push_to_device()
            sent.add(coupling.pre)
        if lost := {coupling.pre for coupling in couplings} - sent:
            raise RuntimeError(f"GeNN has no queue of events of {', '.join(sorted(lost))}")

    def _recording(self, part: Part, chunk: int) -> NDArray[np.uint32]:
        """Return what the host holds of a group's recorded spikes, shape (chunk, words)."""
        from pygenn import types

        group = self.model.neuron_populations[part.name]
        words: NDArray[np.uint32] = group._get_array("recordSpk", types.Uint32).view
        return words.reshape(chunk, -1)

    def host_couplings(self) -> list[Coupled]:
        """Return what NumPy sets before a step; from now on `levels` are part of it."""
        found: dict[tuple[str, str], list[ContinuousProjection]] = {}
        for coupling in self.built.on_host:
            found.setdefault((coupling.post, coupling.target), []).append(coupling)
        couplings = []
        for place, parts in found.items():
            target = self._memory(*place)
            self.levels[place] = np.array(target)
            sources = [(c.kernel, self._memory(c.pre, c.source)) for c in parts]
            couplings.append(Coupled(target, self.levels[place], sources))
        return couplings

    def _memory(self, population: str, name: str) -> NDArray[np.float64]:
        """Return the model's own memory of a variable; coupled populations are never divided."""
        ((_, handle),) = self.variable(population, name).handles
        memory: NDArray[np.float64] = handle.view
        return memory

    def variable(self, population: str, name: str) -> Spread:
        """Return a variable of the description."""
        return self.spread(population, own(name))

    def spread(self, population: str, variable: str) -> Spread:
        """Return a variable of a population's groups, by its name in GeNN."""
        groups = self.model.neuron_populations
        return Spread([(p, groups[p.name].vars[variable]) for p in self.parts[population]])

    def _change(self, change: drawing.CurrentChange) -> Callable[[], None]:
        place = change.population, change.port

        def apply() -> None:
            levels = self.levels.get(place)
            if levels is not None:  # a continuous coupling sets the input at every step
                levels[change.neurons] += change.level
                return
            port = self.variable(change.population, change.port)
            values = port.values()
            values[change.neurons] += change.level
            port.write(values)

        return apply

    def _given(
        self, place: tuple[str, str], neurons: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Callable[[], None]:
        source = inputs.given_code(self.network, *place)
        pending = Spread(
            [
                (part, self.model.current_sources[part.named(source.name)].vars["pending"])
                for part in self.parts[source.population]
            ]
        )
        size = self.network.population(source.population).size

        def apply() -> None:
            pending.write(np.bincount(neurons, weights, minlength=size))

        return apply

    def _exchange(self, poisson: PoissonInput, tables: list[NDArray[Any]]) -> Callable[[], None]:
        """Return a function that gives a Poisson input the tables of another rate."""
        sources = [
            self.model.current_sources[part.named(inputs.source_name(poisson))]
            for part in self.parts[poisson.target]
        ]

        def apply() -> None:
            for source in sources:
                for name, values in zip(("table", "guide"), tables, strict=True):
                    parameter = source.extra_global_params[name]
                    parameter.view[:] = values
                    parameter.push_to_device()

        return apply

    def _sampler(self, recorder: Any) -> tuple[int, Callable[[int], None]]:
        """Return the interval of a recorder in steps, and a function that takes a sample."""
        every = self.request.sampling_steps(recorder)
        size = self.network.population(recorder.target).size
        chosen = np.arange(size) if recorder.neurons is None else np.array(recorder.neurons, int)
        count = self.simulation.total_steps // every
        taken: dict[str, Samples] = {}
        for variable in recorder.variables:
            steps = np.arange(1, count + 1, dtype=np.int64) * every
            taken[variable] = steps, np.empty((count, len(chosen)))
            self.result.samples[recorder.name, variable] = taken[variable]

        handles = {name: self.variable(recorder.target, name) for name in taken}

        def sample(step: int) -> None:
            for variable, (_, values) in taken.items():
                handle = handles[variable]
                handle.pull()
                values[step // every - 1] = handle.values()[chosen]

        return every, sample

    # -- reading ------------------------------------------------------------------------

    def collect(self, step: int, count: int) -> None:
        """Take the spikes of the last `count` steps, which the host holds by now."""
        for (name, part), words in self.recordings.items():
            expected = len(self.collected[name][-1][0]) if self.collected[name] else 1000
            steps, neurons = host.find_spikes(self.place, words[:count], 2 * expected)
            steps += step - count + 1
            neurons += np.uint32(part.first)
            self.collected[name].append((steps, neurons))

    def check_finite(self) -> None:
        """Raise if a state has become infinite, or no number."""
        for name in self.codes:
            for state in self.network.model_of(name).dynamics.states:
                handle = self.variable(name, state.name)
                handle.pull()
                self.execution.check_finite(name, state.name, handle.values())

    def read(self) -> None:
        """Put spikes and numbers of synapses into the result."""
        for name, found in self.collected.items():
            steps, neurons = (np.concatenate(column) for column in zip(*found, strict=True))
            self.result.spikes[name] = steps, neurons
        for projection in self.network.projections:
            if self.plan.wirings[projection.name].way == "dense":
                count = int(drawing.expected_synapses(self.network, projection))
            else:
                count = sum(self._count_rows(piece.name) for piece in self.pieces(projection))
            self.result.synapses[projection.name] = count
        for plastic in self.plastic:
            plastic.read()
        groups = ", ".join(f"{name} {len(p)}" for name, p in self.parts.items() if len(p) > 1)
        self.result.info = {"device": self.model.backend_name, "precision": self.plan.precision}
        self.result.info |= {"shards": groups} if groups else {}

    def _count_rows(self, name: str) -> int:
        if self.built.connections[name].on_device:
            return int(self.built.lengths[name].sum())
        group, lengths, *_ = self.rows(name)
        group._row_lengths.pull_from_device()
        if lengths.max(initial=0) > group.max_connections:
            raise RuntimeError(f"{name}: a row is longer than its memory")
        return int(lengths.sum())

    def _read_back(self) -> None:
        found = self.result.readback
        for name, code in self.codes.items():
            groups = [self.model.neuron_populations[part.name] for part in self.parts[name]]
            for variable in (v for group in groups for v in group.vars.values()):
                variable.pull_from_device()
            for parameter in self.network.model_of(name).parameters:
                if own(parameter) in code.neurons.params:
                    value = groups[0].params[own(parameter)].value
                    found[f"parameters/{name}/{parameter}"] = np.atleast_1d(value)
                elif own(parameter) in groups[0].vars:
                    values = self.variable(name, parameter).values()
                    found[f"parameters/{name}/{parameter}"] = values
            for state in self.network.model_of(name).dynamics.states:
                found[f"initial/{name}/{state.name}"] = self.variable(name, state.name).values()
        for projection in self.network.projections:
            grid = self.plan.wirings[projection.name].grid
            parts = [self._columns(piece, grid) for piece in self.pieces(projection)]
            columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            order = np.lexsort([columns[key] for key in ("delay", "weight", "post", "pre")])
            for key, values in columns.items():
                found[f"projections/{projection.name}/{key}"] = values[order]

    def _columns(self, piece: Piece, grid: Grid | None) -> dict[str, NDArray[Any]]:
        """Read the synapses of a piece, in the population's indices."""
        group, lengths, targets, variables = self.rows(piece.name)
        group.pull_connectivity_from_device()
        for variable in group.vars.values():
            variable.pull_from_device()
        filled = np.arange(targets.shape[1]) < lengths[:, None]
        columns: dict[str, NDArray[Any]] = {
            "pre": np.repeat(np.arange(len(lengths)), lengths) + piece.pre.first,
            "post": targets[filled].astype(np.int64) + piece.post.first,
        }
        # one value for all is a literal of the code, which GeNN does not give back
        given = self.built.connections[piece.name].params
        for ours, theirs in (("weight", "weight"), ("delay", "later")):
            values = (
                variables[theirs][filled]
                if theirs in variables
                else np.full(len(columns["pre"]), given[theirs])
            )
            columns[ours] = values.astype(np.int64) + 1 if ours == "delay" else values
        if grid is not None:
            columns["weight"] = grid.weights(columns["weight"])
        return columns
