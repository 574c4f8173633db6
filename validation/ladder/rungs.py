"""L1 to L3: what neurons, synapses and a small network do, against SciPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspec.describe.models import parrot_neuron
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.execute.results import Run
from netspec.validation.ladder import networks, oracle, plastic
from netspec.validation.ladder.bench import Bench, is_exact
from netspec.validation.ladder.report import Figure, Figures

EXACT, INTEGRATED = 1e-6, 1e-3  # mV, of V_m: integrated exactly, or by a method of some order
ADAPTIVE = 2e-5  # mV, what an adaptive solver is allowed whatever the time step
RELAXED = 0.1  # of the largest deflection, rate or number, where an approximation is in use
REPLAYED = 1e-2  # mV, of V_m in a network that is not integrated exactly
MAX_SOLVED = 1000  # neurons that SciPy solves in seconds
RESTING = "V_m off, events at rest (mV)"  # of a neuron that spikes all the time
FIRST = "V_m off (mV)"  # of single neurons, before their first spike


# -- L1 ---------------------------------------------------------------------------------------


def neuron(bench: Bench, network: Network, simulation: Simulation) -> tuple[Figures, list[Run]]:
    """Compare single neurons with SciPy: V_m, spike steps, f-I curve, refractory period."""
    figures: Figures = {}
    runs = []
    for model, prefix in _models(network):
        single = networks.neurons(network, model, simulation.dt)
        run = bench.run(single, simulation.dt, networks.NEURON_MS)
        found = _single(bench, single, run)
        runs.append(run)
        if not is_exact(single, simulation.dt):
            fine = bench.run(single, simulation.dt / 2, networks.NEURON_MS)
            runs.append(fine)
            allowed = max(found[FIRST].value / 3, ADAPTIVE)
            found[f"{FIRST} at dt/2"] = Figure(_single(bench, single, fine)[FIRST].value, allowed)
        figures |= {prefix + name: figure for name, figure in found.items()}
    return figures, runs


def _single(bench: Bench, network: Network, run: Run) -> Figures:
    dt = run.manifest["simulation"]["dt"]
    solution = bench.solve(network, dt, networks.NEURON_MS)
    (model,) = network.models.values()
    variable, resting = networks.membrane(model), networks.discards(model)
    before = swing = slower = 0.0
    steps = counts = spikes = rest = 0
    rates, apart = [0.0], 0.0
    for population in network.populations:
        name, size = population.name, population.size
        v, expected = _traces(run, solution, name, variable)
        trains = _trains(run, name)
        for index, wanted in enumerate(solution.spikes[name]):
            end = wanted[0] - 1 if wanted else len(v)
            if resting and index == size - len(networks.LEVELS) - 1:
                apart = max(apart, _largest(v[:, index] - expected[:, index]))
            before = max(before, _largest(v[:end, index] - expected[:end, index]))
            swing = max(swing, float(np.ptp(expected[:end, index], axis=0)) if end else 0.0)
            found = trains[index]
            counts = max(counts, abs(len(found) - len(wanted)))
            steps = max([steps, *(abs(a - b) for a, b in zip(found, wanted, strict=False))])
            spikes = max(spikes, len(wanted))
            if index >= size - len(networks.LEVELS):
                rates += [len(wanted) / networks.NEURON_MS * 1000]
                slower = max(slower, abs(len(found) - len(wanted)) / networks.NEURON_MS * 1000)
        held = (_held(v[:, -1], trains[-1]), _held(expected[:, -1], solution.spikes[name][-1]))
        rest = max(rest, abs(held[0] - held[1]))
    strict = EXACT if is_exact(network, dt) else INTEGRATED
    return {
        FIRST: Figure(before, strict, RELAXED * swing),
        "spikes late (steps)": Figure(steps, 0, round(1 / dt)),
        "spikes missing": Figure(counts, 0, RELAXED * spikes),
        "highest rate (1/s)": Figure(max(rates)),
        "f-I curve off (1/s)": Figure(slower, 0, RELAXED * max(rates)),
        "refractory off (steps)": Figure(rest, 0),
        **({RESTING: Figure(apart, strict, RELAXED * swing)} if resting else {}),
    }


def _traces(
    run: Run, solution: oracle.Solution, population: str, variable: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return run.samples(networks.recorder(population), variable)[1], solution.values[
        population, variable
    ]


def _trains(run: Run, population: str) -> list[list[int]]:
    spikes = run.spikes(population, warmup=True)
    return [spikes.steps[spikes.neurons == i].tolist() for i in range(spikes.size)]


def _largest(values: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(values), initial=0.0))


def _held(v: NDArray[np.float64], train: list[int]) -> int:
    """Return the steps for which V_m does not move after the first spike."""
    if not train:
        return 0
    moved = np.abs(v[train[0] :] - v[train[0] - 1]) > 1e-9
    return int(np.argmax(moved)) if moved.any() else len(moved)


# -- L2 ---------------------------------------------------------------------------------------


def synapse(bench: Bench, network: Network, simulation: Simulation) -> tuple[Figures, list[Run]]:
    """Compare pairs of neurons with SciPy: onset, sign, size and time of what arrives."""
    figures: Figures = {}
    runs, dt = [], simulation.dt
    for model, prefix in _models(network):
        pairs = networks.pairs(network, model, simulation)
        if not pairs.events and not pairs.couplings:
            continue
        duration = networks.COUPLED_MS if pairs.couplings else networks.PAIR_MS
        run = bench.run(pairs.network, dt, duration)
        solution = bench.solve(pairs.network, dt, duration)
        strict = EXACT if is_exact(pairs.network, dt) else INTEGRATED
        found = _events(run, solution, pairs, strict) if pairs.events else {}
        found |= _couplings(run, solution, pairs, strict) if pairs.couplings else {}
        runs.append(run)
        figures |= {prefix + name: figure for name, figure in found.items()}
    changing, more = plastic.figures(bench, network, dt)
    return figures | changing, [*runs, *more]


def _models(network: Network) -> list[tuple[str, str]]:
    """Return the models in use, each with what tells its figures apart.

    Without neurons that only pass events on, if there are others: the replay sees their spikes.
    """
    used = list(dict.fromkeys(str(p.model) for p in network.populations))
    cells = [model for model in used if not parrot_neuron.same_as(network.models[model])]
    return [(model, f"{model}: " if len(cells) > 1 else "") for model in cells or used]


def _deflections(
    run: Run, solution: oracle.Solution, pairs: networks.Pairs, target: str, control: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return what a synapse does to V_m, found and expected, and the step of the first spike."""
    variable = networks.membrane(pairs.network.model_of(target))
    (v, expected), (v0, expected0) = (
        _traces(run, solution, n, variable) for n in (target, control)
    )
    spikes = [t[0] for n in (target, control) for t in solution.spikes[n] if t]
    return v - v0, expected - expected0, min([*spikes, len(v) + 1])


def _events(run: Run, solution: oracle.Solution, pairs: networks.Pairs, strict: float) -> Figures:
    tried = onset = wrong = late = 0
    largest = peak = size = 0.0
    for target, (source, control, delays) in pairs.events.items():
        found, expected, end = _deflections(run, solution, pairs, target, control)
        sent = solution.spikes[source][0][0]
        for index, delay in enumerate(delays):
            mine, theirs = found[: end - 1, index], expected[: end - 1, index]
            if end - 1 <= sent + delay:  # it spikes before anything reaches it
                continue
            tried += 1
            onset = max(onset, abs(_onset(mine) - _onset(theirs)))
            at, should = int(np.argmax(np.abs(mine))), int(np.argmax(np.abs(theirs)))
            wrong += np.sign(mine[at]) != np.sign(theirs[should])
            late = max(late, abs(at - should))
            peak = max(peak, abs(mine[at] - theirs[should]))
            size = max(size, abs(theirs[should]))
            largest = max(largest, _largest(mine - theirs))
    if not tried:
        return {}
    return {
        "synapses tried": Figure(tried),
        "onset off (steps)": Figure(onset, 0),
        "PSPs of wrong sign": Figure(wrong, 0),
        "largest PSP (mV)": Figure(size),
        "PSP peak off (mV)": Figure(peak, strict, RELAXED * size),
        "PSP time off (steps)": Figure(late),
        "V_m off, events (mV)": Figure(largest, strict, RELAXED * size),
    }


def _onset(deflection: NDArray[np.float64]) -> int:
    """Return the step at whose end a deflection is first seen; 0 if never."""
    seen = np.abs(deflection) > 1e-3 * np.max(np.abs(deflection), initial=1e-12)
    return int(np.argmax(seen)) + 1 if seen.any() else 0


def _couplings(
    run: Run, solution: oracle.Solution, pairs: networks.Pairs, strict: float
) -> Figures:
    largest = size = 0.0
    effects = dict.fromkeys(networks.MODES, 0.0)
    for target, (mode, control) in pairs.couplings.items():
        found, expected, end = _deflections(run, solution, pairs, target, control)
        mine, theirs = found[: end - 1, 0], expected[: end - 1, 0]
        largest, size = max(largest, _largest(mine - theirs)), max(size, _largest(theirs))
        effects[mode] = max(effects[mode], abs(mine.sum() / theirs.sum() - 1), key=abs)
    names = {"one": "one spike", "train": "a train", "all": "saturated"}
    return {
        "largest coupling (mV)": Figure(size),
        "V_m off, coupling (mV)": Figure(largest, strict, RELAXED * size),
        **{f"off, {names[mode]} (share)": Figure(value, INTEGRATED, RELAXED)
           for mode, value in effects.items()},
    }  # fmt: skip


# -- L3 ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Activity:
    """What a replay did: spikes as sorted (neuron, step), V_m of shape (steps, neurons)."""

    neurons: NDArray[np.int64]
    steps: NDArray[np.int64]
    v: NDArray[np.float64]


def replay(bench: Bench, network: Network, simulation: Simulation) -> tuple[Figures, list[Run]]:
    """Run the network with replayed input; compare it with SciPy where that takes seconds."""
    replayed = networks.replay(network, simulation, bench.seed)
    run = bench.run(replayed, simulation.dt, networks.REPLAY_MS)
    mine = activity(run, replayed)
    if mine.v.shape[1] > MAX_SOLVED:
        return {"spikes": Figure(len(mine.steps))}, [run]
    solution = bench.solve(replayed, simulation.dt, networks.REPLAY_MS)
    return compared(mine, _solved(solution, replayed), replayed, simulation.dt), [run]


def activity(run: Run, network: Network) -> Activity:
    """Return the spikes and V_m of a replay, all populations in a row."""
    trains = [train for p in network.populations for train in _trains(run, p.name)]
    v = [
        run.samples(networks.recorder(p.name), networks.membrane(network.model_of(p)))[1]
        for p in network.populations
    ]
    return _activity(trains, v)


def _solved(solution: oracle.Solution, network: Network) -> Activity:
    names = [p.name for p in network.populations]
    v = [solution.values[n, networks.membrane(network.model_of(n))] for n in names]
    return _activity([train for n in names for train in solution.spikes[n]], v)


def _activity(trains: list[list[int]], v: list[NDArray[np.float64]]) -> Activity:
    neurons = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    return Activity(neurons, np.array([s for train in trains for s in train], int), np.hstack(v))


def compared(mine: Activity, other: Activity, network: Network, dt: float) -> Figures:
    """Compare two replays: alike up to the divergence, coincident within some steps after it."""
    total = len(mine.v)
    different = np.setxor1d(_keys(mine, total), _keys(other, total)) % (2 * total)
    diverged = int(different.min(initial=total + 1))
    exact = is_exact(network, dt)
    before = _largest(mine.v[: diverged - 1] - other.v[: diverged - 1])
    count, expected = len(mine.steps), len(other.steps)
    figures = {
        "spikes": Figure(expected),
        "spikes missing (share)": Figure(
            abs(count - expected) / max(expected, 1), 0.0 if exact else RELAXED, RELAXED
        ),
        "identical until (ms)": Figure(min(diverged, total) * dt),
        "V_m off until then (mV)": Figure(
            before, EXACT if exact else REPLAYED, RELAXED * float(np.ptp(other.v))
        ),
    }
    late = int((mine.steps >= diverged).sum() + (other.steps >= diverged).sum())
    for name, tolerance in (("one step", 1), ("1 ms", round(1 / dt))):
        lonely = _lonely(mine, other, tolerance, total) + _lonely(other, mine, tolerance, total)
        # a network that is not integrated exactly, or not exactly coupled, may diverge in time
        strict = 0.0 if exact else RELAXED if name == "1 ms" else None
        share = Figure(lonely / max(count + expected, 1), strict, 1.0)
        figures[f"lonely in {name}"] = share
        if late:
            figures[f"coincident in {name}"] = Figure(1 - lonely / late)
    return figures


def _keys(activity: Activity, total: int) -> NDArray[np.int64]:
    # a gap as long as the run keeps the neighbours in time within one neuron
    return activity.neurons * (2 * total) + activity.steps


def _lonely(one: Activity, other: Activity, tolerance: int, total: int) -> int:
    """Return how many spikes of one replay have none in the other within a tolerance."""
    mine = _keys(one, total)
    theirs = np.concatenate([[-2 * total], _keys(other, total), [2**62]])
    at = np.searchsorted(theirs, mine)
    nearest = np.minimum(theirs[at] - mine, mine - theirs[at - 1])
    return int((nearest > tolerance).sum())
