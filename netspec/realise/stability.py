"""Whether a time step is too long for a neuron: a few steps of its program, and its Jacobian.

States that are not linear are advanced by an explicit method, which diverges where a rate is too
high for the time step: at rest, or only while a neuron spikes. So a neuron is driven to its first
spikes, in steps of the length asked for, and where it runs away, in shorter ones. A step may be too
long without that: the equations are linearised at the initial values and along voltages too.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from netspec.describe import expressions as ex
from netspec.describe.neurons import NeuronModel
from netspec.realise.integrators import ACTIVE
from netspec.realise.linearised import longest_step
from netspec.realise.lowering import lower

SPAN, MOST = 30.0, 3000  # ms, and steps, that a neuron is followed at most
FINER = 16  # times shorter is the step that tells a step too long from equations that run away
CURRENTS = (0.0, *(25.0 * 2.0**k for k in range(11)))  # pA
HUGE = 1e6  # in canonical units: as good as infinite


def course(
    model: NeuronModel,
    parameters: dict[str, float],
    initial: dict[str, float],
    dt: float,
    span: float = SPAN,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Follow a neuron under each of `CURRENTS`; return where it stayed finite, and where it spiked.

    Returns
    -------
    finite, spiked : ndarray of bool, shape (currents,)
    """
    program, size = lower(model, dt), len(CURRENTS)
    values: dict[str, NDArray[np.float64]] = {}
    for name, number in (parameters | program.constants(parameters) | initial).items():
        values[name] = np.full(size, number, float)
    port = next((name for name, unit in model.inputs.items() if unit == "pA"), None)
    for name in model.inputs:
        values[name] = np.array(CURRENTS) if name == port else np.zeros(size)
    rest, left = int(program.refractory_steps(parameters)), np.zeros(size, int)
    finite, spiked = np.ones(size, bool), np.zeros(size, bool)
    for random in program.random:  # without noise; what escapes does so at even odds
        values[random.name] = np.full(size, 0.0 if random.kind == "normal" else 0.5)
    states = [state.name for state in model.dynamics.states]
    with np.errstate(all="ignore"):
        for _ in range(round(span / dt)):
            values[ACTIVE.id] = (left == 0).astype(float)
            for statement in program.statements:
                values[statement.target] = ex.evaluate(statement.value, values) + np.zeros(size)
            left = np.maximum(left - 1, 0)
            for name in states:
                finite &= np.abs(values[name]) < HUGE  # no number is not below either
            above = ex.evaluate(program.threshold, values) & (values[ACTIVE.id] > 0)
            spiked |= above & finite
            after = {name: ex.evaluate(tree, values) for name, tree in model.dynamics.reset}
            for name, value in after.items():
                values[name] = np.where(above, value, values[name])
            left = np.where(above, rest, left)
    return finite, spiked


@lru_cache(maxsize=256)
def _too_long(key: str, parameters: tuple[tuple[str, float], ...],
              initial: tuple[tuple[str, float], ...], dt: float) -> str:  # fmt: skip
    model = NeuronModel.model_validate_json(key)
    span = min(SPAN, MOST * dt)
    exact = lower(model, dt).linear
    stepped = [state for state in model.dynamics.states if state.name not in exact]
    step, voltage = longest_step(model, stepped, dict(parameters), dict(initial), dt)
    enough = f"; {step:.2g} ms would do" if step < dt else ""
    finite, _ = course(model, dict(parameters), dict(initial), dt, span)
    if finite.all() and step == dt:
        return ""
    if finite.all():
        where = "at its initial values" if voltage is None else f"at {voltage:.3g} mV"
        return (
            f"{dt:g} ms is too long a step for {model.integrator}: {where} a mode that decays in "
            f"the equations grows in a step{enough}"
        )
    fine, spiked = course(model, dict(parameters), dict(initial), dt / FINER, span)
    # a current much stronger than what makes it spike is no use of the model
    first = int(np.argmax(spiked)) if spiked.any() else 0
    wrong = [k for k in range(min(first + 3, len(CURRENTS))) if fine[k] and not finite[k]]
    if not wrong:
        return ""
    how = f"under {CURRENTS[wrong[0]]:g} pA" if wrong[0] else "without any input"
    return (
        f"{dt:g} ms is too long a step for {model.integrator}: {how} a neuron runs away within "
        f"{span:g} ms, in steps of {dt / FINER:g} ms it does not{enough}"
    )


def too_long(
    model: NeuronModel, parameters: dict[str, float], initial: dict[str, float], dt: float
) -> str:
    """Say that a time step makes a neuron of these parameters run away; empty if it does not.

    Parameters
    ----------
    model : NeuronModel
    parameters, initial : dict
        One value each, in canonical units.
    dt : float
        In ms.
    """
    program = lower(model, dt)
    if len(program.linear) == len(model.dynamics.states):
        return ""  # integrated exactly, whatever the step
    pairs = (tuple(sorted(values.items())) for values in (parameters, initial))
    return _too_long(model.model_dump_json(), *pairs, dt)
