"""Runs as NWB files: one ragged table of units, written as columns."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.validation.exchange.recordings import (
    Content,
    Signal,
    Trains,
    as_steps,
    exact_in,
    sizes_in,
    trains_from,
)

# NWB wants SI units and a factor: unit of ours -> (theirs, theirs / ours)
_SI = {
    "mV": ("volts", 1e-3),
    "pA": ("amperes", 1e-12),
    "nS": ("siemens", 1e-9),
    "pF": ("farads", 1e-12),
    "GOhm": ("ohms", 1e9),
    "ms": ("seconds", 1e-3),
    "1/ms": ("hertz", 1e3),
}
# "unidentified" in the taxonomy of NCBI, where a name of two words or a link to it is asked for
NO_SPECIES = "http://purl.obolibrary.org/obo/NCBITaxon_32644"
_COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}


def write_nwb(content: Content, path: Path) -> None:
    """Write a content as an NWB file.

    The table ``units`` has the columns population, neuron (index within it, from 0),
    spike_times (s, ragged) and obs_intervals (the window). Sampled variables are time series
    under ``acquisition``. The notes of the file are its provenance as JSON.
    """
    import pynwb

    run = json.loads(content.provenance)["run"]
    file = pynwb.NWBFile(
        session_description=f"Simulation of the network {content.name} with {run['backend']}.",
        identifier=hashlib.sha256(content.provenance.encode()).hexdigest(),
        session_start_time=datetime.datetime.fromisoformat(run["finished"]),
        session_id=content.name,
        keywords=["simulation", "spiking neural network"],
        # archives and nwbinspector ask for a subject with age, sex and species, whatever it is
        subject=pynwb.file.Subject(
            subject_id=content.name,
            description="A simulated network; there was no animal.",
            age="P0D",
            sex="U",
            species=NO_SPECIES,
        ),
        notes=content.provenance,
        was_generated_by=[["netspec", json.loads(content.provenance)["export"]["netspec"]]],
    )
    if sum(len(trains.neurons) for trains in content.trains.values()):
        file.units = _units(content)
    for signal in content.signals:
        file.add_acquisition(_time_series(content, signal))
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)


def _units(content: Content) -> Any:
    from hdmf.common import VectorData, VectorIndex
    from pynwb.misc import Units

    every = list(content.trains.values())
    neurons = np.concatenate([trains.neurons for trains in every])
    moments = np.concatenate([trains.times(content.dt) for trains in every])
    spikes = [np.diff(trains.ends, prepend=0) for trains in every]
    names = np.repeat(
        np.array([*content.trains], object), [len(trains.neurons) for trains in every]
    )
    window = np.array([content.t_start, content.t_stop]) / 1000
    times = VectorData(
        name="spike_times",
        description="spike times in s from the start of the warm-up",
        data=_packed(moments / 1000),
    )
    observed = VectorData(
        name="obs_intervals",
        description="the counted window in s",
        data=_packed(np.tile(window, (len(neurons), 1))),
    )
    columns = [
        VectorData(name="population", description="population of the neuron", data=names.tolist()),
        VectorData(name="neuron", description="index within the population, from 0",
                   data=_packed(neurons)),
        times,
        VectorIndex(name="spike_times_index", target=times,
                    data=_packed(np.cumsum(np.concatenate(spikes)).astype(np.uint64))),
        observed,
        VectorIndex(name="obs_intervals_index", target=observed,
                    data=_packed(np.arange(1, len(neurons) + 1).astype(np.uint64))),
    ]  # fmt: skip
    return Units(
        name="units",
        description=f"simulated neurons of {content.name}",
        columns=columns,
        colnames=["population", "neuron", "spike_times", "obs_intervals"],
        id=np.arange(len(neurons)),
        resolution=content.dt / 1000,
    )


def _packed(data: NDArray[Any]) -> Any:
    from hdmf.backends.hdf5 import H5DataIO

    return H5DataIO(data, **_COMPRESSED) if data.size else data


def _time_series(content: Content, signal: Signal) -> Any:
    import pynwb

    unit, factor = _SI.get(signal.unit, (signal.unit, 1.0))
    about = {
        "recorder": signal.recorder,
        "variable": signal.variable,
        "population": signal.population,
        "unit": signal.unit,
        "neurons": signal.neurons.tolist(),
    }
    return pynwb.TimeSeries(
        name=f"{signal.recorder}.{signal.variable}",
        description=f"{signal.variable} of population {signal.population}, a column for a neuron",
        comments=json.dumps(about),
        data=_packed(signal.values),
        unit=unit,
        conversion=factor,
        starting_time=signal.first * content.dt / 1000,
        rate=1000 / (signal.interval * content.dt),
    )


def read_nwb(path: Path) -> Content:
    """Read a file of `write_nwb`."""
    import pynwb

    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        provenance = str(file.notes)
        export = json.loads(provenance)["export"]
        dt, window = export["dt_ms"], [export["t_start_ms"], export["t_stop_ms"]]
        nobody = np.empty(0, np.int64)
        exact = exact_in(provenance)
        trains = {
            name: trains_from(nobody, nobody, nobody, dt, exact) for name in sizes_in(provenance)
        }
        if file.units is not None:
            resolution = float(file.units.resolution) * 1000
            dt = dt if math.isclose(dt, resolution) else resolution
            (window,) = np.unique(file.units["obs_intervals"].target.data[:], axis=0) * 1000
            trains |= _trains(file.units, dt, exact)
        begin, end = as_steps(window, dt).tolist()
        return Content(
            name=str(file.session_id),
            dt=dt,
            begin=begin,
            end=end,
            trains=trains,
            signals=tuple(_signal(found, dt) for found in file.acquisition.values()),
            provenance=provenance,
        )


def _trains(units: Any, dt: float, exact: bool) -> dict[str, Trains]:
    names = units["population"].data[:]
    neurons = np.asarray(units["neuron"].data[:], np.int64)
    ends = np.asarray(units["spike_times"].data[:], np.int64)
    times = units["spike_times"].target.data[:] * 1000
    found, starts = {}, np.flatnonzero(names[1:] != names[:-1]) + 1
    for lo, hi in itertools.pairwise([0, *starts.tolist(), len(names)]):
        before = ends[lo - 1] if lo else 0
        found[str(names[lo])] = trains_from(
            neurons[lo:hi], ends[lo:hi] - before, times[before : ends[hi - 1]], dt, exact
        )
    return found


def _signal(found: Any, dt: float) -> Signal:
    about = json.loads(found.comments)
    unit = about["unit"]
    if (found.unit, found.conversion) != _SI.get(unit, (unit, 1.0)):
        unit = f"{found.conversion} {found.unit}"
    first, interval = as_steps([found.starting_time * 1000, 1000 / found.rate], dt).tolist()
    return Signal(
        about["recorder"],
        about["variable"],
        about["population"],
        unit,
        np.array(about["neurons"], np.int64),
        first,
        interval,
        np.asarray(found.data[:], np.float64),
    )
