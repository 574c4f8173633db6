"""The populations of a network in NEST's kernel, and what a rank holds of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.nest.generating import BROKEN, REST, GeneratedModel
from netspec.backends.nest.planning import NestPlan, Neurons
from netspec.describe.inputs import NoiseCurrent
from netspec.execute.execution import Execution
from netspec.realise.counters import input_key, tables_by_step
from netspec.realise.noise import CURRENT, NoiseCounter


def _signed(key: int) -> int:
    """Return a key as NEST's whole numbers have it, which have a sign."""
    return int(np.uint64(key).astype(np.int64))


class Nodes:
    """Makes the populations of a plan in NEST's kernel.

    Parameters
    ----------
    nest : module
        PyNEST.
    plan : NestPlan
    execution : Execution
        Of the plan's request; its recording receives what is read back.
    """

    def __init__(self, nest: Any, plan: NestPlan, execution: Execution) -> None:
        self.nest, self.plan, self.execution = nest, plan, execution
        self.request, self.recording = plan.request, execution.recording
        self.network, self.dt = plan.request.network, plan.request.simulation.dt
        self.populations: dict[str, Any] = {}
        self.ports: dict[str, dict[str, int]] = {}
        # every rank makes the same calls in the same order; only what is local differs
        self.rank, self.ranks = nest.Rank(), nest.NumProcesses()

    def __getitem__(self, population: str) -> Any:
        """Return the nodes of a population."""
        return self.populations[population]

    def create(self) -> None:
        """Create all populations with their parameters and initial values."""
        for population in self.network.populations:
            planned = self.plan.populations[population.name]
            if isinstance(planned.model, GeneratedModel):
                values = self._generated(population.name, planned.model)
                values |= self._noise(population.name, planned.model, planned.noise)
            else:
                values = self._native(population.name, planned)
            first = self.nest.network_size + 1
            values |= self.plan.traces.get(population.name, {})  # for synapses that change
            numbers = {k: v for k, v in values.items() if np.ndim(v) == 0}
            arrays = {k: v for k, v in values.items() if np.ndim(v)}
            if isinstance(planned.model, GeneratedModel):
                # neurons are copies of their model: what is one number need not be set in each
                streams = self._streams(population.name, planned, first)
                self.nest.SetDefaults(planned.theirs, numbers | streams)
                numbers = {}
            params = {} if arrays else numbers
            nodes = self.nest.Create(planned.theirs, population.size, params=params)
            self.populations[population.name] = nodes
            if nodes[0].global_id != first:
                raise RuntimeError(f"NEST numbers the neurons of {population.name} otherwise")
            defaults = self.nest.GetDefaults(planned.theirs)
            self.ports[population.name] = defaults.get("receptor_types", {})
            if arrays:
                # set together, since NEST checks them against each other (V_reset < V_th), and
                # a call costs the same for one value as for all
                self.set_local(population.name, numbers | arrays)
            if not isinstance(planned.model, GeneratedModel):
                initial = self.execution.initial_values(population.name)
                native = planned.model
                self.set_local(
                    population.name,
                    {native.recordables[ours]: initial[ours] for ours in native.settable},
                )
            if self.request.readback:  # now, since I_e will hold currents as well
                model = planned.model
                found = self.get_local(population.name, model.settable, model.recordables)
                self.keep_local(f"initial/{population.name}", population.name, found)
                found = self.get_local(population.name, model.parameters, model.parameters)
                self.keep_local(f"parameters/{population.name}", population.name, found)

    def _native(self, population: str, planned: Neurons) -> dict[str, Any]:
        """Return the parameters of a model built into NEST, by its names."""
        given = self.execution.parameters(population)
        if "t_ref" in given:  # NEST rounds up what lies off the grid
            given["t_ref"] = np.rint(np.asarray(given["t_ref"]) / self.dt) * self.dt
        names = planned.model.parameters
        values = {names[k]: v for k, v in given.items() if k in names}
        if planned.block is not None:
            values["conc_Mg2"] = planned.block.concentration
            values["gsl_error_tol"] = 1e-6
        return {k: np.asarray(v, float) if np.ndim(v) else float(v) for k, v in values.items()}

    def _generated(self, population: str, model: GeneratedModel) -> dict[str, Any]:
        """Return parameters, constants, initial values and first events of a generated model."""
        given = self.execution.parameters(population)
        values = {model.parameters[name]: value for name, value in given.items()}
        constants = model.program.constants(given)
        values |= {model.constant(name): value for name, value in constants.items()}
        initial = self.execution.initial_values(population)
        values |= {model.recordables[name]: value for name, value in initial.items()}
        values |= {model.level(port): 0.0 for port in model.model.inputs}
        values |= {model.first(name): 0.0 for name in model.receptors}
        values |= self._first_events(population, model)
        found = {k: np.asarray(v, float) if np.ndim(v) else float(v) for k, v in values.items()}
        return found | {REST: model.program.refractory_steps(given)}

    def _streams(self, population: str, planned: Neurons, first: int) -> dict[str, Any]:
        """Return what all neurons of a population have of the numbers that they draw by counter.

        Parameters
        ----------
        population : str
        planned : Neurons
        first : int
            NEST's number of the population's first neuron.
        """
        model, seed = planned.model, self.request.simulation.seed
        if not isinstance(model, GeneratedModel):
            return {}  # what is built into NEST draws none
        values: dict[str, Any] = {"first_node": first}
        for number, poisson in enumerate(planned.counted):
            parts = tables_by_step(self.execution.poisson_counters(poisson))
            begins, tables = [step for step, _, _ in parts], [table for _, table, _ in parts]
            values |= model.stream(
                number,
                key=_signed(input_key(seed, poisson.name)),
                begins=begins,
                sizes=[len(table) for table in tables],
                tables=np.concatenate(tables).astype(np.int64).tolist(),
            )
            values[model.weight(number)] = float(poisson.weight)
        for number, noise in zip(model.noise_streams, planned.noise, strict=True):
            counter = NoiseCounter.of(noise, self.request.simulation, 0)
            fields = ("begin", "end", "every", "mean", "keep", "spread")
            found = {field: getattr(counter, field) for field in fields}
            values |= model.stream(
                number, key=_signed(input_key(seed, noise.name, CURRENT)), **found
            )
        for number, random in model.random_streams.items():
            key = input_key(seed, population, random.purpose)
            values |= model.stream(number, key=_signed(key))
        return values

    def _noise(
        self, population: str, model: GeneratedModel, noises: Iterable[NoiseCurrent]
    ) -> dict[str, Any]:
        """Return what each neuron has of the noise currents that it draws."""
        values: dict[str, Any] = {}
        size = self.network.population(population).size
        for number, noise in zip(model.noise_streams, noises, strict=True):
            counter = NoiseCounter.of(noise, self.request.simulation, size)
            values[model.noise(number)] = counter.x if counter.keep else 0.0
            feels: Any = 1.0
            if noise.neurons is not None:
                feels = np.zeros(size)
                feels[list(noise.neurons)] = 1.0
            values[model.feels(number)] = feels
        return values

    def _first_events(self, population: str, model: GeneratedModel) -> dict[str, NDArray[Any]]:
        """Return what given events add at the end of the first step, where no device can."""
        found: dict[str, NDArray[Any]] = {}
        size = self.network.population(population).size
        for source in self.network.spike_inputs:
            if source.target != population:
                continue
            steps, neurons, weights = source.events(self.plan.request.simulation)
            first = steps == 1
            if first.any():
                due = found.setdefault(model.first(source.receptor), np.zeros(size))
                np.add.at(due, neurons[first], weights[first])
        return found

    def model(self, population: str) -> Any:
        """Return the model of a population in NEST: `NativeModel` or `GeneratedModel`."""
        return self.plan.populations[population].model

    def port(self, population: str, receptor: str) -> int | None:
        """Return the number of a receptor's port; None where the sign of a weight decides."""
        port = self.model(population).receptors.get(receptor, receptor)
        return self.ports[population][port] if isinstance(port, str) else port

    def check_finite(self) -> None:
        """Raise `FloatingPointError` if a state of a generated model is no finite number."""
        for name, planned in self.plan.populations.items():
            model = planned.model
            # counted by the neurons themselves, since to ask each takes its time
            if not isinstance(model, GeneratedModel) or not self.nest.GetDefaults(
                planned.theirs, BROKEN
            ):
                continue
            found = self.get_local(name, model.recordables, model.recordables)
            for state, values in found.items():
                self.execution.check_finite(name, state, values)

    # -- what a rank holds --------------------------------------------------------------

    def local(self, population: str) -> tuple[Any, NDArray[np.int64]]:
        """Return the nodes of a population that this rank holds, or None, and their positions.

        Nodes lie on ranks in turn, by their number.
        """
        nodes = self.populations[population]
        start = (self.rank - nodes[0].global_id) % self.ranks
        positions = np.arange(start, len(nodes), self.ranks, dtype=np.int64)
        return (nodes[start :: self.ranks] if len(positions) else None), positions

    def set_local(self, population: str, values: Mapping[str, Any]) -> None:
        """Set parameters from numbers, or arrays over the whole population."""
        nodes, positions = self.local(population)
        if nodes is not None and values:
            size = len(self.populations[population])
            own = {k: np.broadcast_to(v, size)[positions].tolist() for k, v in values.items()}
            nodes.set(own)

    def get_local(
        self, population: str, names: Iterable[str], theirs: Mapping[str, str]
    ) -> dict[str, NDArray[Any]]:
        """Return parameters of the nodes that this rank holds, by our names."""
        nodes, _ = self.local(population)
        if nodes is None:
            return {ours: np.empty(0) for ours in names}
        return {ours: np.atleast_1d(nodes.get(theirs[ours])) for ours in names}

    def keep_local(self, base: str, population: str, found: Mapping[str, NDArray[Any]]) -> None:
        """Put what was read back of a population into the result."""
        for name, values in found.items():
            self.recording.readback[f"{base}/{name}"] = values
            self.note_local(f"{base}/{name}", self.local(population)[1])

    def note_local(self, name: str, positions: NDArray[np.int64]) -> None:
        """Say which neurons of a recorder or array this rank holds, if there are others."""
        if self.ranks > 1:
            self.recording.local[name] = positions

    def chosen(self, population: str, neurons: Iterable[int]) -> Any:
        """Return the nodes of some neurons of a population, or None of none."""
        indices = sorted({int(neuron) for neuron in neurons})
        return self.populations[population][indices] if indices else None
