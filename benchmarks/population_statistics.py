"""Time all statistics of a run as large as the full microcircuit, and beside Elephant on a part.

python benchmarks/population_statistics.py

Spikes are synthetic: Poisson trains with the sizes and mean rates of the eight populations, rates
spread over neurons log-normally. Every measurement is a process of its own on one core.
"""

from __future__ import annotations

import datetime
import json
import os
import time
import warnings

import common
import numpy as np

from netspec.circuits.potjans_diesmann.builder import FULL_SCALE_RATES, POPULATIONS, SIZES
from netspec.execute.results import SpikeData

DT = 0.1
SPREAD = 0.8  # SD of the logarithm of rates across neurons


def draw(size: int, rate: float, settings: common.Result) -> SpikeData:
    """Return Poisson trains, sorted by (step, neuron) as a result file has them."""
    rng = np.random.default_rng([settings["seed"], size])
    end = round(settings["duration"] / DT)
    rates = rate * np.exp(SPREAD * rng.standard_normal(size) - SPREAD**2 / 2)
    neurons = np.repeat(np.arange(size), rng.poisson(rates * settings["duration"] / 1000))
    steps = rng.integers(1, end + 1, len(neurons))
    order = np.lexsort((neurons, steps))
    return SpikeData(steps[order], neurons[order].astype(np.uint32), size, DT, 0, end)


def measure(settings: common.Result) -> common.Result:
    """Be one measurement: ``full``, or ``ours`` or ``elephant`` on a part of L4E."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if settings["what"] == "full":
        return full(settings)
    rate = FULL_SCALE_RATES[POPULATIONS.index("L4E")]
    spikes = draw(settings["neurons"], rate, settings)
    return {"ours": ours, "elephant": elephant}[settings["what"]](spikes)


def full(settings: common.Result) -> common.Result:
    from netspec.validation.measure import statistics

    runs = [draw(size, rate, settings) for size, rate in zip(SIZES, FULL_SCALE_RATES, strict=True)]
    before = common.peak_memory_mib()
    seconds = {}
    for function in (statistics.population_statistics, statistics.distributions):
        started = time.perf_counter()
        for spikes in runs:
            function(spikes)
        seconds[function.__name__] = time.perf_counter() - started
    return {
        "seconds": seconds,
        "neurons": sum(SIZES),
        "spikes": sum(len(spikes) for spikes in runs),
        "memory before (MiB)": before,
    }


def ours(spikes: SpikeData) -> common.Result:
    from netspec.validation.measure import statistics

    started = time.perf_counter()
    found = statistics.population_statistics(spikes)
    seconds = {"statistics": time.perf_counter() - started}
    names = ("rate", "lv", "cv", "covariance", "correlation", "synchrony")
    return {"seconds": seconds, "values": {name: found[name] for name in names}}


def elephant(spikes: SpikeData) -> common.Result:
    import neo
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient, covariance
    from elephant.statistics import cv, fanofactor, lv, mean_firing_rate

    from netspec.validation.measure.statistics import COVARIANCE_BIN, SYNCHRONY_BIN

    warnings.simplefilter("ignore")  # of silent trains
    stop = spikes.end * DT

    def binned(width: float) -> BinnedSpikeTrain:
        bins = int(stop / width)
        edges = {"t_start": 0 * pq.ms, "t_stop": bins * width * pq.ms}
        return BinnedSpikeTrain(made, bin_size=width * pq.ms, n_bins=bins, **edges)

    started = time.perf_counter()
    order = np.lexsort((spikes.steps, spikes.neurons))
    cuts = np.searchsorted(spikes.neurons[order], np.arange(1, spikes.size))
    times = np.split((spikes.steps[order] - 0.5) * DT, cuts)  # the middle of the step
    made = [neo.SpikeTrain(t, units="ms", t_start=0.0, t_stop=stop) for t in times]
    converted = time.perf_counter()
    long = [np.diff(t) for t in times if len(t) > 2]
    pairs = ~np.eye(spikes.size, dtype=bool)
    counts = binned(COVARIANCE_BIN)
    pooled = np.asarray(binned(SYNCHRONY_BIN).sparse_matrix.sum(axis=0)).ravel()
    values = {
        "rate": float(np.mean([mean_firing_rate(t).rescale("Hz").item() for t in made])),
        "lv": float(np.mean([lv(i) for i in long])),
        "cv": float(np.mean([cv(i) for i in long])),
        "covariance": float(covariance(counts)[pairs].mean()),
        "correlation": float(np.nanmean(correlation_coefficient(counts)[pairs])),
        "synchrony": float(fanofactor([np.empty(int(n)) for n in pooled])),
    }
    seconds = {"conversion": converted - started, "statistics": time.perf_counter() - converted}
    return {"seconds": seconds, "values": values}


def main() -> None:
    """Measure the whole, then the part in pairs, and write the JSON point."""
    parser = common.parser(__doc__)
    parser.add_argument("--duration", type=float, default=10_000.0, help="ms")
    parser.add_argument("--neurons", type=common.positive, default=1000, help="of the part")
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, measure)
        return
    machine, results = common.machine(), []
    for seed in range(1, options.repeats + 1):
        row = {"seed": seed}
        for what in ("full", "ours", "elephant"):
            settings = {"what": what, "seed": seed}
            settings |= {"duration": options.duration, "neurons": options.neurons}
            row[what] = common.in_child(__file__, options.reference_python, settings)
            versions = row[what].pop("versions")
            seconds = ", ".join(f"{k} {s:.3f}" for k, s in row[what]["seconds"].items())
            print(f"seed {seed}, {what}: {seconds} s; {row[what]['peak_memory_mib']} MiB")
        mine, theirs = row["ours"]["values"], row["elephant"]["values"]
        row["largest relative difference"] = max(abs(mine[k] / theirs[k] - 1) for k in mine)
        print(f"seed {seed}: largest relative difference {row['largest relative difference']:.1e}")
        results.append(row)
    now = datetime.datetime.now(datetime.UTC)
    data = {
        "benchmark": "population_statistics",
        "date": now.isoformat(timespec="seconds"),
        "command": "python benchmarks/population_statistics.py "
        f"--duration {options.duration:g} --neurons {options.neurons} --repeats {options.repeats}",
        "machine": machine,
        "versions": versions,
        "notes": ["'process' holds imports and the drawing of the spikes"],
        "results": results,
    }
    path = options.folder / f"population_statistics-{now:%Y-%m-%d}.json"
    path.write_text(json.dumps(common.rounded(data), indent=1) + "\n")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
