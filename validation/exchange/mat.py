"""Runs as MATLAB files (version 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.validation.exchange.recordings import (
    Content,
    Signal,
    Weights,
    as_steps,
    exact_in,
    sizes_in,
    trains_from,
)

_POPULATION = ("name", "neurons", "spike_neuron", "spike_time_ms")
_SIGNAL = ("recorder", "variable", "population", "unit", "neurons", "interval_steps", "time_ms",
           "values")  # fmt: skip
_WEIGHTS = ("projection", "unit", "pre", "post", "pre_size", "post_size", "pre_neuron",
            "post_neuron", "weight")  # fmt: skip


def write_mat(content: Content, path: Path) -> None:
    """Write a content: ``info`` and the struct arrays of spikes, signals and weights.

    ``populations(k)`` has the fields name, neurons (all exported ones, silent ones too),
    spike_neuron and spike_time_ms (sorted by neuron, then time); neurons count from 0.
    ``weights(k)`` has a projection's synapses at the end of the run: pre_neuron, post_neuron,
    weight.
    """
    from scipy.io import savemat

    info = {
        "name": content.name,
        "dt_ms": content.dt,
        "t_start_ms": content.t_start,
        "t_stop_ms": content.t_stop,
        "provenance": content.provenance,
    }
    populations = [
        (name, trains.neurons, trains.owners, trains.times(content.dt))
        for name, trains in content.trains.items()
    ]
    signals = [
        (
            signal.recorder, signal.variable, signal.population, signal.unit, signal.neurons,
            signal.interval,
            _times(signal.first + signal.interval * np.arange(len(signal.values)), content.dt),
            signal.values,
        )
        for signal in content.signals
    ]  # fmt: skip
    variables = {
        "info": info,
        "populations": _structs(populations, _POPULATION),
        "signals": _structs(signals, _SIGNAL),
        "weights": _structs([tuple(vars(found).values()) for found in content.weights], _WEIGHTS),
    }
    savemat(path, variables, appendmat=False, oned_as="column", long_field_names=True)


def _times(steps: NDArray[np.int64], dt: float) -> NDArray[np.float64]:
    return np.multiply(steps, dt, dtype=np.float64)


def _structs(rows: list[tuple[Any, ...]], fields: tuple[str, ...]) -> NDArray[Any]:
    result = np.empty(len(rows), dtype=[(field, object) for field in fields])
    for index, row in enumerate(rows):
        result[index] = row
    return result


def read_mat(path: Path) -> Content:
    """Read a file of `write_mat`."""
    from scipy.io import loadmat

    data = loadmat(path, appendmat=False, chars_as_strings=True)
    info = {field: data["info"][field][0, 0] for field in data["info"].dtype.names}
    dt = float(info["dt_ms"].item())
    begin, end = as_steps([info["t_start_ms"].item(), info["t_stop_ms"].item()], dt).tolist()
    provenance = _text(info["provenance"])
    trains = {}
    for row in data["populations"].ravel():
        neurons, owners = (np.ravel(row[f]).astype(np.int64) for f in _POPULATION[1:3])
        ends = np.searchsorted(owners, neurons, side="right")
        times = np.ravel(row["spike_time_ms"])
        trains[_text(row["name"])] = trains_from(
            neurons, ends.astype(np.int64), times, dt, exact_in(provenance)
        )
    return Content(
        name=_text(info["name"]),
        dt=dt,
        begin=begin,
        end=end,
        trains={name: trains[name] for name in sizes_in(provenance) if name in trains},
        signals=tuple(_signal(row, dt) for row in data["signals"].ravel()),
        provenance=provenance,
        weights=tuple(_weights(row) for row in np.ravel(data.get("weights", ()))),
    )


def _text(value: NDArray[Any]) -> str:
    return str(value.item()) if value.size else ""


def _signal(row: Any, dt: float) -> Signal:
    steps = as_steps(np.ravel(row["time_ms"]), dt)
    recorder, variable, population, unit = (_text(row[field]) for field in _SIGNAL[:4])
    return Signal(
        recorder,
        variable,
        population,
        unit,
        neurons=np.ravel(row["neurons"]).astype(np.int64),
        first=int(steps[0]),
        interval=int(row["interval_steps"].item()),
        values=np.asarray(row["values"], np.float64),
    )


def _weights(row: Any) -> Weights:
    projection, unit, pre, post = (_text(row[field]) for field in _WEIGHTS[:4])
    pre_size, post_size = (int(row[field].item()) for field in _WEIGHTS[4:6])
    sources, targets = (np.ravel(row[field]).astype(np.int64) for field in _WEIGHTS[6:8])
    values = np.ravel(row["weight"]).astype(np.float64)
    return Weights(projection, unit, pre, post, pre_size, post_size, sources, targets, values)
