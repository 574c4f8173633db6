"""L0: what the simulator holds, read back from it, against the description."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from netspec.describe import distributions as dist
from netspec.describe.connectivity import (
    AllToAll,
    Explicit,
    FixedIndegree,
    OneToOne,
    PairwiseBernoulli,
)
from netspec.describe.network import Network, Projection
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError
from netspec.execute.results import Run
from netspec.realise import drawing
from netspec.validation.ladder import oracle
from netspec.validation.ladder.bench import Bench
from netspec.validation.ladder.plastic import without_change
from netspec.validation.ladder.report import Figure, Figures

SIGMAS = 5.0  # standard errors, of the worst of some hundred comparisons
ENOUGH = 100  # synapses for moments of their weights
STRUCTURE_MS = 1.0
Synapses = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def structure(bench: Bench, network: Network, simulation: Simulation) -> tuple[Figures, list[Run]]:
    """Compare what the simulator holds, read back from it, with the description."""
    # what they are drawn as is read back: they change from the first event on
    drawn_once = without_change(network)
    bare, dt = drawn_once.model_copy(update={"recorders": ()}), simulation.dt
    runs = {
        how: bench.run(bare, dt, STRUCTURE_MS, how, readback=True) for how in ("shared", "native")
    }
    at = Simulation(dt=dt, warmup=0.0, duration=STRUCTURE_MS, seed=bench.seed)
    figures = _values(runs["shared"], bare, at)
    missing = differ = off = total = 0
    deviations = [0.0]
    for projection in bare.projections:
        drawn = drawing.synapses(bare, projection, at)
        expected = _sorted(drawn.pre, drawn.post, drawn.weights(), drawn.delays())
        held = runs["shared"].manifest["synapses"].get(projection.name, 0)
        missing, total = max(missing, abs(held - len(drawn))), total + held
        shared, native = (_synapses(runs[how], projection.name) for how in ("shared", "native"))
        differ += not _equal(shared, expected)
        count = runs["native"].manifest["synapses"].get(projection.name, 0)
        if isinstance(projection.rule, PairwiseBernoulli):
            deviations.append(_count_deviation(count, bare, projection))
        else:
            off = max(off, abs(count - len(drawn)))
        if isinstance(projection.rule, (AllToAll, OneToOne, Explicit)):
            given = isinstance(projection.rule, Explicit)
            differ += not _equal(native[: 4 if given else 2], expected[: 4 if given else 2])
        else:
            deviations += _degree_deviations(native, bare, projection)
        if not isinstance(projection.rule, Explicit):
            deviations += _moment_deviations(native, projection, at)
    figures |= {
        "synapses": Figure(total),
        "synapses missing, shared": Figure(missing, 0),
        "synapses missing, native": Figure(off, 0),
        "projections different": Figure(differ, 0),
        "native draws (sigma)": Figure(max(deviations), SIGMAS),
    }
    return figures, list(runs.values())


def _values(run: Run, network: Network, simulation: Simulation) -> Figures:
    """Compare parameters, initial values and sizes."""
    ledger = run.manifest["ledger"]
    things = [entry["thing"].split(".") for entry in ledger if entry["status"] == "approximate"]
    replaced = {thing[1] for thing in things if thing[0] == "populations"}
    read = wrong = other = sizes = 0
    for population in network.populations:
        name = population.name
        model = network.model_of(population)
        given = drawing.parameters(network, name, simulation)
        start = drawing.initial_values(network, name, simulation)
        wanted = {f"parameters/{name}/{k}": v for k, v in given.items()}
        wanted |= {f"initial/{name}/{k}": v for k, v in start.items()}
        for path, value in wanted.items():
            found = _read(run, path)
            if found is None:
                continue
            read += 1
            if len(found) not in (1, population.size):
                sizes += 1
                continue
            # a refractory period counts in whole steps
            grid = simulation.dt if path == f"parameters/{name}/{model.refractory}" else 0.0
            if grid:
                same = np.allclose(np.rint(found / grid), np.rint(np.divide(value, grid)))
            else:
                # some simulators keep potentials relative to E_L, which costs the last bit
                same = np.allclose(found, value, rtol=1e-14, atol=2e-14)
            excused = name in replaced and path.startswith("parameters")
            wrong += not same and not excused
            other += not same and excused
    return {
        "values read": Figure(read),
        "values different": Figure(wrong, 0),
        "values approximated": Figure(other),
        "values of wrong length": Figure(sizes, 0),
    }


def _read(run: Run, path: str) -> NDArray[Any] | None:
    try:
        return np.atleast_1d(run.readback(path))
    except UsageError:  # not every simulator holds every value
        return None


def _sorted(*columns: NDArray[Any]) -> Synapses:
    pre, post, weight, delay = columns
    order = np.lexsort((delay, weight, post, pre))
    return pre[order], post[order], weight[order], delay[order]


def _synapses(run: Run, projection: str) -> Synapses:
    keys = ("pre", "post", "weight", "delay")
    found = [_read(run, f"projections/{projection}/{key}") for key in keys]
    return _sorted(*(np.empty(0, np.int64) if a is None else a for a in found))


def _equal(found: tuple[NDArray[Any], ...], expected: tuple[NDArray[Any], ...]) -> bool:
    return all(map(np.array_equal, found, expected))


def _sizes(network: Network, projection: Projection) -> tuple[int, int]:
    pre, post = (network.population(name).size for name in (projection.pre, projection.post))
    return pre, post


def _count_deviation(count: int, network: Network, projection: Projection) -> float:
    p = projection.rule.p  # type: ignore[union-attr]
    same = projection.pre == projection.post
    mean = projection.rule.expected_count(*_sizes(network, projection), same)
    return float(abs(count - mean) / max(np.sqrt(mean * (1 - p)), 1e-9))


def _degree_deviations(synapses: Synapses, network: Network, projection: Projection) -> list[float]:
    """Return how far the spread of in- and out-degrees is from that of random pairs."""
    n_pre, n_post = _sizes(network, projection)
    rule, found = projection.rule, []
    again = getattr(rule, "allow_multapses", False)  # a pair may be drawn again
    for side, n, others in ((0, n_pre, n_post), (1, n_post, n_pre)):
        degrees = np.bincount(synapses[side], minlength=n)
        mean = degrees.mean()
        if side == 1 and isinstance(rule, FixedIndegree):
            found.append(0.0 if np.ptp(degrees) == 0 else np.inf)
        elif n > 1 and mean >= 5:
            # sum (d - mean)^2 / variance is chi-squared
            chi2 = ((degrees - mean) ** 2).sum() / (mean * (1 - (0 if again else mean / others)))
            tail = min(stats.chi2.sf(chi2, n - 1), stats.chi2.cdf(chi2, n - 1))
            found.append(float(stats.norm.isf(max(tail, 1e-300))))
    return found


def _moment_deviations(
    synapses: Synapses, projection: Projection, simulation: Simulation
) -> list[float]:
    """Return how far mean and variance of weights and delays are from their distributions'."""
    delay = projection.delay or dist.Constant(value=simulation.dt)
    steps = np.maximum(np.floor(oracle.quantiles(delay) / simulation.dt + 0.5 + 1e-9), 1)
    result = []
    for found, values in ((synapses[2], oracle.quantiles(projection.weight)), (synapses[3], steps)):
        if np.ptp(values) == 0:
            result.append(0.0 if np.all(found == values[0]) else np.inf)
        elif len(found) >= ENOUGH:
            mean, variance = values.mean(), values.var()
            fourth = ((values - mean) ** 4).mean()
            errors = np.sqrt(np.array([variance, fourth - variance**2]) / len(found))
            off = np.array([found.mean() - mean, found.var() - variance])
            result += np.abs(off / errors).tolist()
    return result
