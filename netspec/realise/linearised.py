"""Which modes of a neuron's equations a step makes grow, though the equations let them decay.

At a point the equations are ``dx/dt = J x`` near it. An explicit method multiplies a mode of rate
``z/dt`` by its stability polynomial ``R(z)`` (Hairer & Wanner, Solving Ordinary Differential
Equations II, IV.2). A step is too long where a mode that decays in the equations grows in
it. States that exponential Euler advances as linear in themselves stay within bounds and are left
out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe import expressions as ex
from netspec.describe.neurons import NeuronModel, State
from netspec.realise.integrators import rate

Floats = NDArray[np.float64]

MARGIN = 0.05  # a mode that grows by less in a step is one of slow oscillations, not of divergence
POINTS = 81  # voltages looked at
SHORTER = 0.95  # ratio of the steps tried
POLYNOMIALS = {"euler": (1, 1), "rk2": (1, 1, 1 / 2), "rk4": (1, 1, 1 / 2, 1 / 6, 1 / 24)}


def longest_step(
    model: NeuronModel,
    stepped: list[State],
    parameters: dict[str, float],
    initial: dict[str, float],
    dt: float,
) -> tuple[float, float | None]:
    """Return the longest step up to `dt` that no point makes unstable, and where `dt` is not.

    Parameters
    ----------
    model : NeuronModel
    stepped : list of State
        Those that no matrix exponential advances.
    parameters, initial : dict
        One value each, in canonical units.
    dt : float
        In ms.

    Returns
    -------
    step : float
        In ms, `dt` if that is no too long.
    voltage : float or None
        A voltage (mV) at which `dt` is too long; None if it is not, or at the initial values too.
    """
    names = [state.name for state in stepped]
    values, voltages = _points(model, stepped, parameters, initial)
    with np.errstate(all="ignore"):
        slopes = _jacobian(stepped, values, names)
        usable = np.isfinite(slopes).all(axis=(1, 2))
        slopes, voltages = slopes[usable], voltages[usable]
        linear = np.array([rate(state) is not None for state in stepped])
        wrong = _unstable(model.integrator, slopes, linear, dt)
        step, first = dt, wrong
        while wrong.any() and step > dt / 1000:
            step *= SHORTER
            wrong = _unstable(model.integrator, slopes, linear, step)
    if step == dt:
        return dt, None
    where = int(np.argmax(first))
    return step, None if where == 0 else float(voltages[where])


def _points(
    model: NeuronModel,
    stepped: list[State],
    parameters: dict[str, float],
    initial: dict[str, float],
) -> tuple[dict[str, Any], Floats]:
    """Return the initial values, and after them voltages between the least and the greatest given.

    Gates, which are linear in themselves, are where they would come to rest at the voltage.
    """
    states = {state.name: state for state in model.dynamics.states}
    given = [parameters[n] for n, p in model.parameters.items() if p.unit == "mV"]
    given += [initial.get(n, 0.0) for n, s in states.items() if s.unit == "mV"]
    sweep = np.linspace(min(given, default=0.0), max(given, default=0.0), POINTS)
    values: dict[str, Any] = {**parameters, **dict.fromkeys(model.inputs, 0.0), "active": 1.0}
    values |= dict.fromkeys(model.dynamics.noises, 0.0)
    for name in states:
        values[name] = np.full(POINTS + 1, initial.get(name, 0.0))
    voltages = [s.name for s in stepped if s.unit == "mV"]
    for name in voltages:
        values[name][1:] = sweep
    gates = [s for s in stepped if s.name not in voltages]
    with np.errstate(all="ignore"):
        for gate in gates:
            own = rate(gate)
            if own is None or gate.unit != "1":
                continue
            decay = ex.evaluate(own, values) + np.zeros(POINTS + 1)
            drive = ex.evaluate(gate.rhs, {**values, gate.name: 0.0}) + np.zeros(POINTS + 1)
            rest = np.where(decay < 0, -drive / decay, values[gate.name])
            values[gate.name][1:] = np.where(np.isfinite(rest), rest, values[gate.name])[1:]
    return values, np.concatenate([sweep[:1], sweep])


def _jacobian(stepped: list[State], values: dict[str, Any], names: list[str]) -> Floats:
    """Return d(slope)/d(state) at every point, shape (points, states, states)."""
    points = len(values[names[0]])
    found = np.empty((points, len(names), len(names)))
    for column, name in enumerate(names):
        width = 1e-5 * np.maximum(1.0, np.abs(values[name]))
        sides = [
            np.stack([ex.evaluate(s.rhs, {**values, name: values[name] + sign * width})
                      + np.zeros(points) for s in stepped], axis=-1)
            for sign in (1.0, -1.0)
        ]  # fmt: skip
        found[:, :, column] = (sides[0] - sides[1]) / (2 * width)[:, None]
    return found


def _unstable(
    integrator: str, slopes: Floats, linear: NDArray[np.bool_], dt: float
) -> NDArray[np.bool_]:
    """Return at which points a mode grows in a step that should not."""
    if integrator == "exponential_euler":
        # the others stay within bounds, whatever the step; what is left goes by Euler's
        slopes, integrator = slopes[:, ~linear][:, :, ~linear], "euler"
    rates = np.linalg.eigvals(slopes) * dt
    factors = np.polynomial.polynomial.polyval(rates, POLYNOMIALS[integrator])
    return np.asarray(((np.abs(factors) > 1 + MARGIN) & (rates.real < 0)).any(axis=1))
