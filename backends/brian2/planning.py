"""What Brian2 is to do with each thing of a network, decided once: the plan, and its ledger."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from netspec.describe import connectivity as rules
from netspec.describe.network import Projection
from netspec.execute import ledger_lines
from netspec.execute.contract import Plan
from netspec.execute.ledger import Entry
from netspec.execute.request import RunRequest

SMALL = 2_000_000  # neuron steps, below which compiling takes longer than it gains
RARE = 0.3  # Poisson events per neuron and step, below which events are drawn, not numbers


@dataclass(frozen=True)
class Wiring:
    """How the synapses of a projection come about.

    Attributes
    ----------
    way : {"sum", "rule", "pairs", "arrays", "plastic"}
        One sum over spikes, Brian2's own rule, independent pairs drawn with NumPy, or netspec's
        synapses, which may be such as change.
    rule : dict
        Arguments of Brian2's ``connect``, if it has the rule.
    weight, delay : float
        Of all pairs, if they are summed; the delay in steps.
    """

    way: Literal["sum", "rule", "pairs", "arrays", "plastic"]
    rule: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 0.0
    delay: int = 1


@dataclass(frozen=True)
class Events:
    """How the events of a Poisson input are drawn.

    Attributes
    ----------
    mean : float
        Events per neuron and step, at the largest rate.
    start : int
        First step.
    rare : bool
        One number a step, spread over the neurons, instead of one a neuron.
    counted : bool
        By netspec's counters.
    changing : bool
        The rate changes, or ends.
    """

    mean: float
    start: int
    rare: bool
    counted: bool = False
    changing: bool = False


@dataclass(frozen=True)
class Brian2Plan(Plan):
    """What Brian2 will do for a request.

    Attributes
    ----------
    wirings : dict
        Projection -> how its synapses come about.
    poisson : dict
        Poisson input -> how its events are drawn.
    """

    wirings: Mapping[str, Wiring]
    poisson: Mapping[str, Events]


def options_of(request: RunRequest, options: Mapping[str, str]) -> dict[str, str]:
    """Return every option as it will be used; ``codegen`` depends on size and compiler."""
    used = dict(options)
    if used["codegen"] == "auto":
        neurons = sum(population.size for population in request.network.populations)
        small = neurons * request.simulation.total_steps < SMALL
        used["codegen"] = "numpy" if small or shutil.which("g++") is None else "cython"
    return used


def decide(
    request: RunRequest, options: Mapping[str, str]
) -> tuple[list[Entry], dict[str, Wiring], dict[str, Events]]:
    """Return the ledger's lines, the wirings of projections, and how Poisson events are drawn.

    Everything is exact: equations, rules and couplings are lowered as they are.
    """
    network, entries = request.network, ledger_lines.of_populations(request)
    wirings: dict[str, Wiring] = {}
    for projection in network.projections:
        wiring = wirings[projection.name] = _wiring(request, options, projection)
        reason = _words(request, projection, wiring)
        entries.append(Entry(thing=f"projections.{projection.name}", reason=reason))
        if wiring.way == "plastic" and request.readback:
            entries.append(ledger_lines.of_plastic_readback(projection))
    for coupling in network.continuous_projections:
        ring = coupling.kernel.kind == "ring"
        form = "circulant product in Fourier space" if ring else "one sum"
        entries.append(Entry(thing=f"continuous_projections.{coupling.name}", reason=form))
    poisson = {}
    for source in network.poisson_inputs:
        mean = request.poisson_mean(source)
        start, counted = request.poisson_course(source)[0][0], request.drive == "shared"
        poisson[source.name] = Events(mean, start, mean < RARE, counted, source.changes)
        if counted:
            entries.append(ledger_lines.of_counted_poisson(request, source))
            continue
        reason = "one Poisson number a neuron and step, or their sum, spread over the neurons"
        reason += "; drawn with NumPy's generator, since the rate changes" * source.changes
        entries.append(Entry(thing=f"poisson_inputs.{source.name}", reason=reason))
    entries += ledger_lines.of_given_inputs(request) + ledger_lines.of_noise_currents(request)
    return entries, wirings, poisson


def _wiring(request: RunRequest, options: Mapping[str, str], projection: Projection) -> Wiring:
    simulation = request.simulation
    if request.network.synapse_of(projection) is not None:
        return Wiring("plastic")
    weight = projection.weight.fixed()
    delay = simulation.dt if projection.delay is None else projection.delay.fixed()
    if (
        isinstance(projection.rule, rules.AllToAll)
        and weight is not None
        and delay is not None
        and options["all_to_all"] == "sum"
        and not request.readback  # there would be no synapses to read back
    ):
        return Wiring("sum", weight=weight, delay=simulation.steps(delay, minimum=1))
    if request.connectivity == "native":
        rule = _rule(projection)
        if rule is not None:
            return Wiring("rule", rule)
        if _plain_pairs(projection):
            return Wiring("pairs")
    return Wiring("arrays")


def _words(request: RunRequest, projection: Projection, wiring: Wiring) -> str:
    kind = projection.rule.kind
    if wiring.way == "plastic":
        return "synapses drawn by netspec, changed by three pathways in the canonical order"
    if wiring.way == "arrays":
        if request.connectivity == "shared":
            return "synapses drawn by netspec, handed over as arrays"
        return f"Brian2 has no rule {kind}; synapses drawn by netspec"
    return {
        "sum": "all pairs with one weight and delay: one sum over spikes",
        "rule": f"native rule {kind}; weights and delays drawn with NumPy",
        "pairs": f"Brian2 has no rule {kind}; pairs drawn with NumPy's generator",
    }[wiring.way]


def _rule(projection: Projection) -> dict[str, Any] | None:
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
