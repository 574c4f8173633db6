"""A fourth simulator, in a package of its own: single neurons with NumPy, and bad manners.

It needs nothing of netspec but what is public: the contract, the realisation and the lowering.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import numpy as np

from netspec import realisation
from netspec.backend import Backend, Entry, Option, Plan, Recording
from netspec.expressions import evaluate
from netspec.lowering import lower


class DummyBackend(Backend):
    name = "dummy"
    module = "dummy"
    distribution = "dummy"
    how_to_get = "It lies in the tests."
    threaded = False
    options = {
        "manners": Option(
            "good", ("good", "slow", "fails", "hangs", "dies"), "what becomes of the run"
        ),
        "currents": Option("exact", ("exact", "none"), "none: currents are left out"),
    }

    def plan(self, request):
        self.check_options(request)
        network = request.network
        entries = [Entry(thing=f"populations.{p.name}") for p in network.populations]
        for projection in network.projections:
            thing = f"projections.{projection.name}"
            entries.append(Entry(thing=thing, status="unsupported", reason="it has no synapses"))
        if self.option(request, "currents") == "none":
            entries += [
                Entry(thing=f"current_inputs.{current.name}", status="approximate",
                      name="no-current", reason="it is left out", error="all of it")
                for current in network.current_inputs
            ]  # fmt: skip
        return Plan.of(self, request, entries)

    def memory(self, plans):
        return 10_000_000

    def execute(self, plans, progress):
        for plan in plans:
            yield self.record(plan, progress)

    def record(self, plan, progress):
        request = plan.request
        log = Path(os.environ["DUMMY_LOG"])
        log.write_text(log.read_text() + "run\n" if log.exists() else "run\n")
        manners = self.option(request, "manners")
        if manners == "fails":
            raise MemoryError("this machine is too small")
        if manners == "dies":
            os.abort()
        if manners == "hangs":
            helper = subprocess.Popen(["sleep", "600"])
            log.write_text(str(helper.pid))
            progress("simulate", 0.5)
            time.sleep(600)
        if manners == "slow":
            time.sleep(1)
        started = time.perf_counter()
        recording = Recording()
        for population in request.network.populations:
            recording.spikes[population.name] = self.simulate(request, population, progress)
        recording.seconds = {"warmup": 0.0, "simulate": time.perf_counter() - started}
        return recording

    def simulate(self, request, population, progress):
        network, simulation = request.network, request.simulation
        model = network.model_of(population)
        program = lower(model, simulation.dt)
        values = dict(realisation.parameters(network, population.name, simulation))
        rest = np.broadcast_to(program.refractory_steps(values), population.size)
        values |= program.constants(values) | {name: 0.0 for name in model.inputs}
        values |= realisation.initial_values(network, population.name, simulation)
        if self.option(request, "currents") == "exact":
            for current in network.current_inputs:
                if current.target == population.name:
                    values[current.port] += current.amplitude
        for state in model.dynamics.states:
            values[state.name] = np.array(np.broadcast_to(values[state.name], population.size))
        left = np.zeros(population.size, int)
        steps, neurons = [], []
        for step in range(1, simulation.total_steps + 1):
            values["active"] = (left == 0).astype(float)
            for statement in program.statements:
                values[statement.target] = evaluate(statement.value, values)
            firing = np.flatnonzero(evaluate(model.dynamics.threshold, values) & (left == 0))
            left = np.maximum(left - 1, 0)
            for name, tree in model.dynamics.reset:
                new = evaluate(tree, values)
                values[name][firing] = np.broadcast_to(new, population.size)[firing]
            left[firing] = rest[firing]
            steps += [step] * len(firing)
            neurons += firing.tolist()
            progress("simulate", step / simulation.total_steps)
        return np.array(steps, np.int64), np.array(neurons, np.uint32)
