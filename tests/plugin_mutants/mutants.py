"""Adapters with one fault each, which the ladder has to find on the right rung."""

from __future__ import annotations

from netspec.backends.brian2 import Brian2Backend
from netspec.describe.connectivity import Explicit
from netspec.execute.contract import Status


class Forgets(Brian2Backend):
    """One projection is dropped."""

    name = "forgets"

    def execute(self, plans, progress):
        recordings = super().execute(_other(plans, self, _fewer), progress)
        for plan, recording in zip(plans, recordings, strict=True):
            for projection in plan.request.network.projections:
                recording.synapses.setdefault(projection.name, 0)
            yield recording


class Rests(Brian2Backend):
    """The refractory period is one step too long."""

    name = "rests"

    def execute(self, plans, progress):
        return super().execute(_other(plans, self, _resting), progress)


class Tardy(Brian2Backend):
    """It holds the right delays, and delivers one step late all the same."""

    name = "tardy"

    def execute(self, plans, progress):
        for recording in super().execute(_other(plans, self, _delayed), progress):
            for path in recording.readback:
                if path.endswith("/delay"):
                    recording.readback[path] = recording.readback[path] - 1
            yield recording


class Absent(Brian2Backend):
    """Its simulator is not installed."""

    name = "absent"

    def status(self):
        return Status(False, "", "Build it.")


def _other(plans, backend, change):
    """Return the plans of other networks."""
    networks = [change(plan.request.network, plan.request.simulation.dt) for plan in plans]
    return [
        backend.plan(plan.request.model_copy(update={"network": network}))
        for plan, network in zip(plans, networks, strict=True)
    ]


def _fewer(network, dt):
    return network.model_copy(update={"projections": network.projections[1:]})


def _resting(network, dt):
    def longer(population):
        given = population.parameters
        t_ref = given["t_ref"].converted(lambda value: value + dt)
        return population.model_copy(update={"parameters": {**given, "t_ref": t_ref}})

    return _with_populations(network, [longer(population) for population in network.populations])


def _delayed(network, dt):
    later = tuple(_later(projection, dt) for projection in network.projections)
    return network.model_copy(update={"projections": later})


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
