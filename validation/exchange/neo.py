"""Runs as Neo blocks, and blocks in NIX files.

Readers and writers are named explicitly: ``neo.io.get_io`` picks a class by the file's name, and
one of these classes runs code that it finds in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.errors import UsageError, unknown
from netspec.execute.results import Run
from netspec.validation.exchange.recordings import (
    EXACT,
    Content,
    Signal,
    Trains,
    as_steps,
    content_of,
    exact_in,
    sizes_in,
    trains_from,
)

if TYPE_CHECKING:
    import neo

LABELS = {"start": -1.0, "middle": -0.5, "end": 0.0}  # what is added to a step, in steps
# Names that the package quantities has for our units, where they are not the same.
_UNITS = {"1": "dimensionless", "GOhm": "mV/pA"}


def to_neo(
    run: Run,
    populations: Sequence[str] | None = None,
    sample: int | None = None,
    seed: int = 1,
    warmup: bool = False,
    label: str = "end",
) -> neo.Block:
    """Return a run as a Neo block with one segment (0.3 ms per spike train).

    Every neuron has a spike train, annotated with ``population`` and ``neuron`` (its index
    there, from 0); sampled variables are analog signals. The block's annotation ``provenance``
    is JSON text.

    Parameters
    ----------
    run, populations, sample, seed, warmup
        See `netspec.validation.exchange.recordings.content_of`.
    label : {"start", "middle", "end"}
        Which moment of its step stands for a spike. A spike that is labelled with the end of its
        step lies on the edges of bins of whole steps, and bins that are open to the right, as
        Elephant's, count it one bin late; with ``"start"`` and ``"middle"`` the bins of Elephant
        are those of netspec. Times off the grid stay as they are.

    Raises
    ------
    UsageError
        If `label` is none of these, or as `content_of` does.
    """
    if label not in LABELS:
        raise UsageError(unknown("label", label, LABELS))
    return block_of(content_of(run, populations, sample, seed, warmup), label)


def block_of(content: Content, label: str = "end") -> neo.Block:
    """Return a content as a Neo block, see `to_neo`."""
    import neo

    block = neo.Block(
        name=content.name, provenance=content.provenance, dt_ms=content.dt, spike_label=label
    )
    if exact_in(content.provenance):
        block.annotations["spike_label"] = EXACT
    segment = neo.Segment(
        name="counted window", t_start_ms=content.t_start, t_stop_ms=content.t_stop
    )
    block.segments.append(segment)
    # a SpikeTrainList of plain arrays would take quadratic time when its first item is asked for
    segment.spiketrains = list(_spike_trains(content, LABELS[label]))
    segment.analogsignals = [_analog_signal(content, signal) for signal in content.signals]
    segment.check_relationships()
    return block


def _spike_trains(content: Content, share: float) -> Iterator[Any]:
    """Yield a train for each neuron, its times moved by a share of the step."""
    import neo
    import quantities as pq

    t_start, t_stop = content.t_start * pq.ms, content.t_stop * pq.ms
    channel = 0
    for population, trains in content.trains.items():
        times = trains.times(content.dt)
        if trains.exact is None and share:
            times = np.multiply(trains.steps + share, content.dt, dtype=np.float64)
        for neuron, train in zip(
            trains.neurons.tolist(), np.split(times, trains.ends)[:-1], strict=True
        ):
            yield neo.SpikeTrain(
                train,
                units=pq.ms,
                t_start=t_start,
                t_stop=t_stop,
                name=f"{population}[{neuron}]",
                population=population,
                neuron=neuron,
                channel_id=channel,  # what SpikeTrainList.multiplexed tells trains apart by
            )
            channel += 1


def _analog_signal(content: Content, signal: Signal) -> Any:
    import neo
    import quantities as pq

    return neo.AnalogSignal(
        signal.values,
        units=_UNITS.get(signal.unit, signal.unit.replace("^", "**")),
        t_start=signal.first * content.dt * pq.ms,
        sampling_period=signal.interval * content.dt * pq.ms,
        name=f"{signal.recorder}.{signal.variable}",
        array_annotations={"neuron": signal.neurons},
        population=signal.population,
        recorder=signal.recorder,
        variable=signal.variable,
        unit=signal.unit,
        interval_steps=signal.interval,
    )


def write_nix(content: Content, path: Path) -> None:
    """Write a content as a NIX file: 16 to 50 ms and 20 kB for each spike train."""
    from neo.io.nixio import NixIO

    file = NixIO(str(path), mode="ow")
    try:
        file.write_block(block_of(content), use_obj_names=False)
    finally:
        file.close()


def read_nix(path: Path) -> Content:
    """Read a NIX file of `write_nix`."""
    from neo.io.nixio import NixIO

    file = NixIO(str(path), mode="ro")
    try:
        return content_in(file.read_block())
    finally:
        file.close()


def content_in(block: neo.Block) -> Content:
    """Return the content of a block that `block_of` made."""
    (segment,) = block.segments
    dt, provenance = float(block.annotations["dt_ms"]), str(block.annotations["provenance"])
    exact = exact_in(provenance)
    grouped: dict[str, list[Any]] = {name: [] for name in sizes_in(provenance)}
    for train in segment.spiketrains:
        grouped[str(train.annotations["population"])].append(train)
    # the window is the trains' own, where there are any
    trains = list(segment.spiketrains)
    starts = {float(train.t_start.rescale("ms")) for train in trains}
    stops = {float(train.t_stop.rescale("ms")) for train in trains}
    (begin,) = as_steps([*(starts or {segment.annotations["t_start_ms"]})], dt)
    (end,) = as_steps([*(stops or {segment.annotations["t_stop_ms"]})], dt)
    return Content(
        name=block.name,
        dt=dt,
        begin=int(begin),
        end=int(end),
        trains={name: _joined(found, dt, exact) for name, found in grouped.items()},
        signals=tuple(_signal(found, dt) for found in segment.analogsignals),
        provenance=provenance,
    )


def _joined(trains: Iterable[Any], dt: float, exact: bool) -> Trains:
    found = sorted(trains, key=lambda train: int(train.annotations["neuron"]))
    times = [train.rescale("ms").magnitude for train in found]
    return trains_from(
        np.array([int(train.annotations["neuron"]) for train in found], np.int64),
        np.cumsum([len(train) for train in times], dtype=np.int64),
        np.concatenate([np.empty(0), *times]),
        dt,
        exact,
    )


def _signal(found: Any, dt: float) -> Signal:
    import quantities as pq

    notes = found.annotations
    unit = str(notes["unit"])
    values = found.rescale(pq.Quantity(1, _UNITS.get(unit, unit.replace("^", "**"))).units)
    first, interval = as_steps(
        [float(found.t_start.rescale("ms")), float(found.sampling_period.rescale("ms"))], dt
    ).tolist()
    return Signal(
        str(notes["recorder"]),
        str(notes["variable"]),
        str(notes["population"]),
        unit,
        np.asarray(found.array_annotations["neuron"], np.int64),
        first,
        interval,
        np.asarray(values.magnitude, np.float64),
    )
