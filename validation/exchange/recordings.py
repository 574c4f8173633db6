"""What an export holds: spike trains, signals and learnt weights of a run, and their origin.

Writers turn a `Content` into a file, readers turn the file into a `Content` again, and
`differences` says whether the two are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import ResultFileError, UsageError, unknown
from netspec.execute.results import Run, SpikeData
from netspec.realise.streams import stream
from netspec.release import __version__

EXACT = "exact"  # times that are no multiples of the time step
ROUNDING = 1e-6  # steps by which a time may miss the begin of its step, as 0.1 + 0.2 does


@dataclass(frozen=True)
class Trains:
    """Spike trains of one population, one after another.

    Attributes
    ----------
    neurons : ndarray of int64, shape (k,)
        Index within the population of each train, increasing; silent neurons included.
    ends : ndarray of int64, shape (k,)
        Train j is ``steps[ends[j - 1]:ends[j]]``.
    steps : ndarray of int64, shape (n,)
        Spike times in steps from the start of the warm-up, increasing within a train.
    exact : ndarray of float64, shape (n,), or None
        Times in ms, of spikes that are not bound to the grid.
    """

    neurons: NDArray[np.int64]
    ends: NDArray[np.int64]
    steps: NDArray[np.int64]
    exact: NDArray[np.float64] | None = None

    def times(self, dt: float) -> NDArray[np.float64]:
        """Return the spike times in ms, shape (n,)."""
        if self.exact is not None:
            return self.exact
        return np.multiply(self.steps, dt, dtype=np.float64)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The neuron of each spike, shape (n,)."""
        return np.repeat(self.neurons, np.diff(self.ends, prepend=0))


@dataclass(frozen=True)
class Signal:
    """Samples of one state variable.

    Attributes
    ----------
    recorder, variable, population, unit : str
    neurons : ndarray of int64, shape (k,)
        The columns of `values`.
    first, interval : int
        Row j was sampled at the end of step ``first + j * interval``.
    values : ndarray of float64, shape (m, k)
    """

    recorder: str
    variable: str
    population: str
    unit: str
    neurons: NDArray[np.int64]
    first: int
    interval: int
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Weights of all synapses of a projection at the end of the run.

    Attributes
    ----------
    projection, unit : str
    pre, post : str
        The two populations; empty where an older result does not name them.
    pre_size, post_size : int
        Their neurons (of an older result: those that are known to be there).
    sources, targets : ndarray of int64, shape (n,)
        Indices within the two populations; sorted by (source, target).
    values : ndarray of float64, shape (n,)
    """

    projection: str
    unit: str
    pre: str
    post: str
    pre_size: int
    post_size: int
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Content:
    """All that an export holds.

    Attributes
    ----------
    name : str
        Of the network.
    dt : float
        In ms.
    begin, end : int
        The window in steps: ``begin < step <= end``.
    trains : dict
        Population -> `Trains`.
    signals : tuple of Signal
        By recorder, then variable.
    provenance : str
        JSON: the manifest of the run, and what was chosen for the export.
    weights : tuple of Weights
        By projection.
    """

    name: str
    dt: float
    begin: int
    end: int
    trains: dict[str, Trains]
    signals: tuple[Signal, ...]
    provenance: str
    weights: tuple[Weights, ...] = ()

    @property
    def t_start(self) -> float:
        """Start of the window in ms."""
        return self.begin * self.dt

    @property
    def t_stop(self) -> float:
        """End of the window in ms."""
        return self.end * self.dt


def content_of(
    run: Run,
    populations: Sequence[str] | None = None,
    sample: int | None = None,
    seed: int = 1,
    warmup: bool = False,
) -> Content:
    """Return what an export of `run` is to hold.

    Parameters
    ----------
    run : Run
    populations : sequence of str, optional
        Their spikes and signals, and weights of synapses between them; all by default.
    sample : int, optional
        Spike trains of this many neurons, drawn from all neurons of `populations` alike; of
        all neurons by default.
    seed : int
        Of that draw.
    warmup : bool
        Include the warm-up.

    Raises
    ------
    UsageError
        If a population was not recorded, or the sample is empty.
    """
    names = _chosen(run, populations)
    spikes = {name: run.spikes(name, warmup) for name in names if name in run.populations}
    ids = _neurons({name: data.size for name, data in spikes.items()}, sample, seed)
    begin = 0 if warmup else run.manifest["warmup_steps"]
    end, dt = run.manifest["total_steps"], float(run.manifest["simulation"]["dt"])
    export = {
        "netspec": __version__,
        "populations": {name: data.size for name, data in spikes.items()},
        "trains": sum(map(len, ids.values())),
        "sampling": None if sample is None else {"neurons": sample, "seed": seed},
        "dt_ms": dt,
        "t_start_ms": begin * dt,
        "t_stop_ms": end * dt,
        "warmup included": warmup,
        **_labels(spikes.values()),
        "time zero": "the start of the warm-up",
        "neuron": "index within its population, from 0",
    }
    return Content(
        name=run.manifest["name"],
        dt=dt,
        begin=begin,
        end=end,
        trains={name: _trains(data, ids[name]) for name, data in spikes.items()},
        signals=tuple(
            sorted(_signals(run, names, begin, end), key=lambda s: (s.recorder, s.variable))
        ),
        provenance=json.dumps({"export": export, "run": run.manifest}),
        weights=tuple(_weights(run, populations)),
    )


def _labels(spikes: Iterable[SpikeData]) -> dict[str, str]:
    """Say what the times of spikes are."""
    if any(data.exact is not None for data in spikes):
        return {"window": "t_start <= t < t_stop", "times": EXACT}
    return {"window": "t_start < t <= t_stop; a spike is labelled with the end of its step"}


def _chosen(run: Run, populations: Sequence[str] | None) -> list[str]:
    sampled = (entry["population"] for entry in run.recorders.values())
    known = list(dict.fromkeys([*run.populations, *sampled]))
    for name in populations or ():
        if name not in known:
            raise UsageError(unknown("population", name, known))
    return known if populations is None else [name for name in known if name in populations]


def _neurons(sizes: dict[str, int], sample: int | None, seed: int) -> dict[str, NDArray[np.int64]]:
    """Return the neurons of each population whose trains are kept, increasing."""
    total = sum(sizes.values())
    if sample is not None and sample < 1:
        raise UsageError(f"sample {sample}: expected at least one neuron")
    if sample is None or sample >= total:
        return {name: np.arange(size) for name, size in sizes.items()}
    drawn = np.sort(stream(seed, "export", "neurons").choice(total, sample, replace=False))
    starts = np.cumsum([0, *sizes.values()])
    cuts = np.searchsorted(drawn, starts)
    return {
        name: drawn[lo:hi] - start
        for name, lo, hi, start in zip(sizes, cuts, cuts[1:], starts, strict=False)
    }


def _trains(spikes: SpikeData, ids: NDArray[np.int64]) -> Trains:
    steps, owners, exact = spikes.steps, spikes.neurons, spikes.exact
    if len(ids) < spikes.size:
        wanted = np.zeros(spikes.size, bool)
        wanted[ids] = True
        kept = wanted[owners]
        steps, owners = steps[kept], owners[kept]
        exact = None if exact is None else exact[kept]
    order = np.argsort(owners, kind="stable")
    ends = np.searchsorted(owners[order], ids, side="right")
    exact = None if exact is None else exact[order]
    return Trains(ids, ends.astype(np.int64), steps[order], exact)


def _signals(run: Run, populations: Iterable[str], begin: int, end: int) -> Iterable[Signal]:
    for recorder, entry in run.recorders.items():
        if entry["population"] not in populations:
            continue
        for variable, unit in entry["units"].items():
            times, values = run.samples(recorder, variable)
            steps = as_steps(times, float(run.manifest["simulation"]["dt"]))
            lo, hi = np.searchsorted(steps, [begin, end], side="right")
            if lo == hi:
                continue
            first, interval = int(steps[lo]), entry["interval"]
            if not np.array_equal(steps[lo:hi], first + interval * np.arange(hi - lo)):
                raise ResultFileError(
                    f"{run.file}: samples of {recorder}/{variable} are not {interval} steps apart"
                )
            chosen = entry["neurons"]
            neurons = np.arange(values.shape[1]) if chosen is None else np.array(chosen, np.int64)
            yield Signal(
                recorder, variable, entry["population"], unit, neurons,
                first, interval, values[lo:hi],
            )  # fmt: skip


def _weights(run: Run, populations: Sequence[str] | None) -> Iterator[Weights]:
    recorders = run.manifest.get("synapse_recorders", {}).values()
    of_projection = {entry["projection"]: entry for entry in recorders if entry["final"]}
    for name, entry in sorted(of_projection.items()):
        pre, post = entry.get("pre", ""), entry.get("post", "")
        if populations is not None and not {pre, post} <= {*populations}:
            continue
        found = run.weights(name)
        sources, targets = found.pre.astype(np.int64), found.post.astype(np.int64)
        yield Weights(
            name, entry["unit"], pre, post,
            entry.get("pre_size", int(sources.max(initial=-1)) + 1),
            entry.get("post_size", int(targets.max(initial=-1)) + 1),
            sources, targets, found.values,
        )  # fmt: skip


def sizes_in(provenance: str) -> dict[str, int]:
    """Return the populations that an export's provenance names, with their sizes."""
    sizes: dict[str, int] = json.loads(provenance)["export"]["populations"]
    return sizes


def exact_in(provenance: str) -> bool:
    """Return whether an export holds times that are not bound to the grid."""
    return bool(json.loads(provenance)["export"].get("times") == EXACT)


def begun(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many steps have begun and ended before each time, given in steps."""
    return np.floor(steps + ROUNDING)


def trains_from(
    neurons: NDArray[np.int64], ends: NDArray[np.int64], times: Any, dt: float, exact: bool
) -> Trains:
    """Return trains of times in ms, on the grid or as they are.

    Raises
    ------
    ResultFileError
        If a time is no multiple of `dt`, and should be.
    """
    if not exact:
        return Trains(neurons, ends, as_steps(times, dt))
    times = np.asarray(times, np.float64)
    return Trains(neurons, ends, begun(times / dt).astype(np.int64) + 1, times)


def as_steps(times: Any, dt: float) -> NDArray[np.int64]:
    """Return times in ms as whole steps.

    Raises
    ------
    ResultFileError
        If a time is no multiple of `dt`.
    """
    exact = np.asarray(times, np.float64) / dt
    steps = np.rint(exact)
    if not np.all(np.abs(exact - steps) < 1e-3):  # also true of NaN
        raise ResultFileError(f"times off the grid of {dt:g} ms")
    return steps.astype(np.int64)


def differences(written: Content, found: Content) -> list[str]:
    """Return what is not the same in two contents; nothing if they are equal."""
    wrong = [
        f"{field}: {getattr(found, field)!r} instead of {getattr(written, field)!r}"
        for field in ("name", "dt", "begin", "end")
        if getattr(written, field) != getattr(found, field)
    ]
    if written.provenance != found.provenance:
        wrong.append("the provenance is another text")
    if list(written.trains) != list(found.trains):
        wrong.append(f"populations {list(found.trains)} instead of {list(written.trains)}")
    for name in written.trains.keys() & found.trains.keys():
        wrong += _unequal(f"trains of {name}", written.trains[name], found.trains[name])
    if len(written.signals) != len(found.signals):
        wrong.append(f"{len(found.signals)} signals instead of {len(written.signals)}")
    for one, other in zip(written.signals, found.signals, strict=False):
        wrong += _unequal(f"signal {one.recorder}/{one.variable}", one, other)
    if len(written.weights) != len(found.weights):
        wrong.append(f"weights of {len(found.weights)} projections, not {len(written.weights)}")
    for mine, theirs in zip(written.weights, found.weights, strict=False):
        wrong += _unequal(f"weights of {mine.projection}", mine, theirs)
    return wrong


def _unequal(what: str, one: object, other: object) -> list[str]:
    pairs = ((field, value, vars(other)[field]) for field, value in vars(one).items())
    return [f"{what}: {field} differ" for field, a, b in pairs if not _same(field, a, b)]


def _same(field: str, one: Any, other: Any) -> bool:
    if field == "exact" and one is not None and other is not None:
        # formats in seconds give milliseconds back but for the last digit
        return one.shape == other.shape and np.allclose(one, other, rtol=1e-14, atol=0)
    nan = isinstance(one, np.ndarray) and one.dtype.kind == "f"
    return bool(np.array_equal(one, other, equal_nan=nan))
