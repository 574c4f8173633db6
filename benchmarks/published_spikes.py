"""Import published spikes as they are, and compare their statistics with Elephant's.

    git clone https://github.com/BrainsOnBoard/frontiers_genn_paper
    python benchmarks/published_spikes.py frontiers_genn_paper/scripts/potjans_spikes

The spikes of the microcircuit of Knight and Nowotny (2018): GeNN's on the grid of 0.1 ms, and those
of NEST beside them, whose times lie off the grid. The files are read where they lie; a description
of each population is all that is written. Populations whose files are not there are left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import tempfile
import warnings
from pathlib import Path

import common
import numpy as np
import tomli_w

from netspec.circuits.potjans_diesmann.builder import POPULATIONS, SIZES
from netspec.execute.results import SpikeData
from netspec.validation.exchange.imported import import_spikes
from netspec.validation.measure.statistics import MIN_SPIKES, population_statistics

WINDOW = {"dt": 0.1, "warmup": 1000.0, "duration": 9000.0, "time_unit": "ms", "ids": "population"}
CODES = {
    "GeNN": {
        "file": "{short}.csv", "label": "end",
        "columns": {"neuron": "Neuron ID", "time": "Time [ms]"},
    },
    "NEST": {
        "file": "nest/spikes_{name}.dat", "label": "exact", "columns": {"neuron": 1, "time": 0},
    },
}  # fmt: skip


def ours(code: str, name: str, file: Path, size: int) -> SpikeData:
    """Return the published spikes of one population, by netspec's reader."""
    told = CODES[code]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file.name).symlink_to(file.resolve())
        description = Path(folder) / "spikes.toml"
        text = {
            "name": "published", "simulator": code, **WINDOW, "label": told["label"],
            "columns": told["columns"],
            "populations": [{"name": name, "size": size, "files": [file.name]}],
        }  # fmt: skip
        description.write_text(tomli_w.dumps(text))
        return import_spikes(description).spikes(name)


def elephants(code: str, file: Path, size: int) -> common.Result:
    """Return rate, CV and LV as Elephant has them, of the columns as NumPy reads them."""
    import neo
    from elephant.statistics import cv, isi, lv, mean_firing_rate

    skip, sign = (1, ",") if code == "GeNN" else (0, None)
    times, ids = np.loadtxt(file, delimiter=sign, skiprows=skip, unpack=True)
    begin, end = WINDOW["warmup"], WINDOW["warmup"] + WINDOW["duration"]
    # steps are counted by their ends, so that one that ends with the warm-up is a part of it
    inside = (times > begin) & (times <= end) if code == "GeNN" else (times >= begin)
    order = np.lexsort((times[inside], ids[inside]))
    times, ids = times[inside][order], ids[inside][order]
    trains = np.split(times, np.searchsorted(ids, np.arange(1, size)))
    window = {"units": "ms", "t_start": begin, "t_stop": end}
    rates = [
        float(mean_firing_rate(neo.SpikeTrain(train, **window)).rescale("Hz")) for train in trains
    ]
    intervals = [isi(train) for train in trains if len(train) >= MIN_SPIKES]
    return {
        "spikes": len(times),
        "rate": float(np.mean(rates)),
        "cv": float(np.mean([cv(i) for i in intervals])),
        "lv": float(np.mean([lv(i) for i in intervals])),
    }


def main() -> None:
    """Compare all populations that are there, and write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="scripts/potjans_spikes of the paper")
    parser.add_argument("--out", type=Path, default=common.RECORDS, help="folder of the record")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sizes = dict(zip(POPULATIONS, SIZES, strict=True))
    found: dict[str, common.Result] = {code: {} for code in CODES}
    for code, told in CODES.items():
        for name, size in sizes.items():
            file = options.folder / str(told["file"]).format(name=name, short=name[1:])
            if not file.is_file():
                continue
            spikes = ours(code, name, file, size)
            mine = population_statistics(spikes)
            theirs = elephants(code, file, size)
            off = np.abs(spikes.times / 0.1 - np.rint(spikes.times / 0.1)) > 0.01
            errors = {key: mine[key] / theirs[key] - 1 for key in ("rate", "cv", "lv")}
            worst = max(map(abs, errors.values()))
            row = {
                "spikes": len(spikes), "share off the grid": float(off.mean()),
                **{key: mine[key] for key in errors},
                "largest relative difference to Elephant": worst,
            }  # fmt: skip
            if len(spikes) != theirs["spikes"] or worst > 1e-6:
                raise SystemExit(f"{code}, {name}: {row} and Elephant's {theirs}")
            found[code][name] = row
            print(f"{code} {name}: {json.dumps(row)}", flush=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    record = {
        "what": "published spikes of the microcircuit, imported as they are",
        "source": "Knight and Nowotny (2018), https://github.com/BrainsOnBoard/frontiers_genn_paper",
        "command": "python benchmarks/published_spikes.py FOLDER",
        "date": today, "machine": common.machine(), "versions": common.versions(),
        "window": WINDOW, "found": found,
    }  # fmt: skip
    path = options.out / f"published-spikes-{today}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
