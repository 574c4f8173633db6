"""Adapters with one fault each, which the ladder has to find on the right rung."""

from __future__ import annotations

from netspec.backend import Status
from netspec.backends.brian2 import Brian2Backend
from netspec.connectivity import Explicit


class Forgets(Brian2Backend):
    """One projection is dropped."""

    name = "forgets"

    def execute(self, request, progress):
        fewer = request.network.model_copy(update={"projections": request.network.projections[1:]})
        return super().execute(request.model_copy(update={"network": fewer}), progress)


class Rests(Brian2Backend):
    """The refractory period is one step too long."""

    name = "rests"

    def execute(self, request, progress):
        dt = request.simulation.dt

        def longer(population):
            given = population.parameters
            t_ref = given["t_ref"].converted(lambda value: value + dt)
            return population.model_copy(update={"parameters": {**given, "t_ref": t_ref}})

        changed = [longer(population) for population in request.network.populations]
        network = _with_populations(request.network, changed)
        return super().execute(request.model_copy(update={"network": network}), progress)


class Tardy(Brian2Backend):
    """It holds the right delays, and delivers one step late all the same."""

    name = "tardy"

    def execute(self, request, progress):
        network, dt = request.network, request.simulation.dt
        later = network.model_copy(
            update={"projections": tuple(_later(p, dt) for p in network.projections)}
        )
        outcome = super().execute(request.model_copy(update={"network": later}), progress)
        for path in outcome.readback:
            if path.endswith("/delay"):
                outcome.readback[path] = outcome.readback[path] - 1
        return outcome


class Absent(Brian2Backend):
    """Its simulator is not installed."""

    name = "absent"

    def status(self):
        return Status(False, "", "Build it.")


def _with_populations(network, populations):
    fields = {name: getattr(network, name) for name in type(network).model_fields}
    return type(network)(**{**fields, "populations": tuple(populations)})


def _later(projection, dt):
    if isinstance(projection.rule, Explicit):
        longer = tuple(value + dt for value in projection.rule.delay)
        rule = projection.rule.model_copy(update={"delay": longer})
        return projection.model_copy(update={"rule": rule})
    delay = projection.delay.converted(lambda value: value + dt)
    return projection.model_copy(update={"delay": delay})
