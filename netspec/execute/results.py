"""Results: one HDF5 file a run, written whole or not at all, and checked when read.

The file is sealed (`netspec.whole_files`), so that any flipped bit or lost byte is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.errors import ResultFileError, UsageError, choices, nearest
from netspec.execute.manifest import Manifest, Recorded
from netspec.execute.recording import Recording
from netspec.whole_files import HEADER, sealed, verify

FORMAT = "netspec-run/1"


@dataclass(frozen=True)
class SpikeData:
    """Spikes of one population, sorted by (step, neuron).

    Attributes
    ----------
    steps : ndarray of int64, shape (n,)
        Spike times in steps of `dt` from the start of the warm-up.
    neurons : ndarray of uint32, shape (n,)
        Index within the population.
    size : int
        Number of neurons, silent ones included.
    dt : float
        In ms.
    begin, end : int
        The counted window in steps: ``begin < step <= end``. A spike is labelled with the end
        of its step, so this is the half-open interval of steps [begin, end).
    exact : ndarray of float64, shape (n,), or None
        Times in ms where spikes are not bound to the grid (of other programs only): step k is
        then the one with ``(k - 1) dt <= time < k dt``. None: they are ``steps * dt``.
    """

    steps: NDArray[np.int64]
    neurons: NDArray[np.uint32]
    size: int
    dt: float
    begin: int
    end: int
    exact: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def times(self) -> NDArray[np.float64]:
        """Spike times in ms from the start of the warm-up, shape (n,)."""
        if self.exact is not None:
            return self.exact
        return np.multiply(self.steps, self.dt, dtype=np.float64)

    @property
    def duration(self) -> float:
        """Length of the window in ms."""
        return (self.end - self.begin) * self.dt

    def window(self, begin: int, end: int) -> SpikeData:
        """Return the spikes with ``begin < step <= end``."""
        lo, hi = np.searchsorted(self.steps, [begin, end], side="right")
        exact = None if self.exact is None else self.exact[lo:hi]
        return SpikeData(
            self.steps[lo:hi], self.neurons[lo:hi], self.size, self.dt, begin, end, exact
        )

    def rate(self) -> float:
        """Return the mean rate of the population over its window, in spikes/s."""
        return len(self) / self.size / (self.duration / 1000)

    def train(self, neuron: int) -> NDArray[np.float64]:
        """Return the spike times of one neuron in ms."""
        chosen: NDArray[np.float64] = self.times[self.neurons == neuron]
        return chosen


@dataclass(frozen=True)
class WeightData:
    """The weights of all synapses of a projection at the end of a run.

    Attributes
    ----------
    pre, post : ndarray of uint32, shape (n,)
        Indices within the two populations; sorted by (pre, post).
    values : ndarray of float64, shape (n,)
        The weight that the last event of each carried, or the first one if there was none.
    unit : str
    """

    pre: NDArray[np.uint32]
    post: NDArray[np.uint32]
    values: NDArray[np.float64]
    unit: str

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class SentData:
    """The events of the recorded synapses of a projection, sorted by (step, synapse).

    Attributes
    ----------
    synapses : ndarray of int64, shape (n,)
        Number of the synapse within its projection, by source and then by target.
    steps : ndarray of int64, shape (n,)
        Step of the spike that the event was sent by, from the start of the warm-up.
    values : ndarray of float64, shape (n,)
        What the event carried.
    dt : float
        In ms.
    unit : str
    """

    synapses: NDArray[np.int64]
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    dt: float
    unit: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def times(self) -> NDArray[np.float64]:
        """Times in ms, shape (n,)."""
        return np.multiply(self.steps, self.dt, dtype=np.float64)

    def of(self, synapse: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps of one synapse's events, and what they carried."""
        chosen = self.synapses == synapse
        return self.steps[chosen], self.values[chosen]


def circuit_of(manifest: Manifest) -> str | None:
    """Return the circuit of the library that a run was of, if it was of one.

    Where a manifest does not say, the network's name stands for it: in files of earlier versions,
    and of spikes from elsewhere, whose name is all that their description says.
    """
    found: str | None = manifest.get("circuit", manifest["name"])
    return found


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    file : Path
    manifest : dict
        Hashes, versions, seed, ledger, wall times, memory: all that is known of the run.
    """

    file: Path
    manifest: Manifest

    @cached_property
    def _content(self) -> dict[str, NDArray[Any]]:
        return read_arrays(self.file)

    @property
    def populations(self) -> list[str]:
        """Populations whose spikes were recorded."""
        return list(self.manifest["sizes"])

    @property
    def batch(self) -> int:
        """Number of runs that shared a model; times and memory in the manifest are of all."""
        return int(self.manifest.get("batch", 1))

    @property
    def recorders(self) -> dict[str, Recorded]:
        """Recorder of state variables -> population, neurons (or None), interval, units."""
        found: dict[str, Recorded] | None = self.manifest.get("recorders")
        if found is None:
            raise ResultFileError(f"{self.file}: says nothing of its recorders; run it again")
        return found

    def spikes(self, population: str, warmup: bool = False) -> SpikeData:
        """Return the spikes of a population in the counted window.

        Parameters
        ----------
        population : str
        warmup : bool
            Include the warm-up, in the spikes and in the window.
        """
        if population not in self.manifest["sizes"]:
            hint = nearest(population, self.populations)
            raise UsageError(
                f"no spikes of {population!r}; {choices(self.populations)}. {hint}".rstrip()
            )
        data = SpikeData(
            self._content[f"spikes/{population}/step"].astype(np.int64),
            self._content[f"spikes/{population}/neuron"],
            self.manifest["sizes"][population],
            self.manifest["simulation"]["dt"],
            0,
            self.manifest["total_steps"],
            self._content.get(f"spikes/{population}/time"),
        )
        return data if warmup else data.window(self.manifest["warmup_steps"], data.end)

    def rates(self) -> dict[str, float]:
        """Return the mean rate of each recorded population over the duration, in spikes/s."""
        return {name: self.spikes(name).rate() for name in self.populations}

    def samples(
        self, recorder: str, variable: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return sampled times (ms, shape (n,)) and values (shape (n, neurons)) of a recorder."""
        key = f"samples/{recorder}/{variable}"
        if f"{key}/value" not in self._content:
            known = sorted(
                k[8:-6] for k in self._content if k.startswith("samples/") and k.endswith("/value")
            )
            raise UsageError(f"no samples of {recorder}/{variable}; {choices(known)}")
        steps = self._content[f"{key}/step"]
        return steps * float(self.manifest["simulation"]["dt"]), self._content[f"{key}/value"]

    def weights(self, projection: str) -> WeightData:
        """Return the weights of a projection's synapses at the end of the run.

        Parameters
        ----------
        projection : str
            One with a synapse recorder.
        """
        key = f"weights/{projection}"
        if f"{key}/weight" not in self._content:
            known = sorted(
                k[8:-7] for k in self._content if k.startswith("weights/") and k.endswith("/weight")
            )
            raise UsageError(
                f"no weights of {projection!r}; {choices(known)}. A SynapseRecorder records them"
            )
        pre, post, values = (self._content[f"{key}/{name}"] for name in ("pre", "post", "weight"))
        recorders = self.manifest.get("synapse_recorders", {}).values()
        units = [r["unit"] for r in recorders if r["projection"] == projection]
        return WeightData(pre, post, values, units[0])

    def sent(self, recorder: str) -> SentData:
        """Return the events of the synapses that a synapse recorder was given.

        Parameters
        ----------
        recorder : str
            A synapse recorder with `synapses`.
        """
        key = f"sent/{recorder}"
        if f"{key}/weight" not in self._content:
            known = sorted(
                k[5:-7] for k in self._content if k.startswith("sent/") and k.endswith("/weight")
            )
            raise UsageError(f"no events of {recorder!r}; {choices(known)}")
        synapses, steps, values = (
            self._content[f"{key}/{name}"] for name in ("synapse", "step", "weight")
        )
        dt = float(self.manifest["simulation"]["dt"])
        unit = self.manifest["synapse_recorders"][recorder]["unit"]
        return SentData(synapses, steps.astype(np.int64), values, dt, unit)

    def readback(self, path: str) -> NDArray[Any]:
        """Return an array read back from the simulator (runs with ``readback=True``)."""
        found: NDArray[Any] | None = self._content.get(f"readback/{path}")
        if found is None:
            known = [k[9:] for k in self._content if k.startswith("readback/")]
            raise UsageError(f"nothing read back as {path!r}; {choices(known)}")
        return found

    def to_neo(self, **chosen: Any) -> Any:
        """Return the run as a ``neo.Block``; needs the extra ``neo``.

        Parameters
        ----------
        **chosen
            ``populations``, ``sample``, ``seed``, ``warmup``: what to keep, everything in the
            counted window by default; ``label``: "start", "middle" or "end" (the default) of
            its step as the time of a spike (see `netspec.validation.exchange.neo.to_neo`).
        """
        # results know nothing of what is made of them, so the converter registers itself
        (converter,) = metadata.entry_points(group="netspec.converters", name="neo")
        try:
            return converter.load()(self, **chosen)
        except ModuleNotFoundError as error:
            raise UsageError(f"{error}. To get it: pip install 'netspec-snn[neo]'") from None

    def summary(self) -> dict[str, Any]:
        """Return what ``netspec run --json`` prints."""
        known = self.manifest
        return {
            "file": str(self.file),
            "spec_hash": known["spec_hash"],
            "request_hash": known["request_hash"],
            "backend": known["backend"],
            "seed": known["seed"],
            "seconds": known["seconds"],
            "peak_memory_mib": known["peak_memory_mib"],
            "batch": self.batch,
            "rates": {name: round(rate, 6) for name, rate in self.rates().items()},
            "synapses": sum(self.manifest["synapses"].values()),
            "ledger": self.manifest["ledger"],
            "versions": self.manifest["versions"],
        }


def write_run(path: Path, manifest: Manifest, recording: Recording) -> None:
    """Write a result file, whole or not at all.

    Parameters
    ----------
    path : Path
        Final name; appears only when the file is complete.
    manifest : dict
        JSON data.
    recording : Recording
    """
    arrays: dict[str, NDArray[Any]] = {}
    for population, (steps, neurons) in recording.spikes.items():
        order = np.lexsort((neurons, steps))
        arrays[f"spikes/{population}/step"] = np.asarray(steps, np.int32)[order]
        arrays[f"spikes/{population}/neuron"] = np.asarray(neurons, np.uint32)[order]
    for (recorder, variable), (steps, values) in recording.samples.items():
        arrays[f"samples/{recorder}/{variable}/step"] = np.asarray(steps, np.int32)
        arrays[f"samples/{recorder}/{variable}/value"] = np.asarray(values, np.float64)
    arrays |= dict(_of_synapses(recording))
    arrays |= {f"readback/{name}": np.asarray(a) for name, a in recording.readback.items()}
    arrays |= {f"local/{name}": positions for name, positions in recording.local.items()}
    with sealed(path, FORMAT) as temporary:
        _write(temporary, manifest, arrays)


def _of_synapses(recording: Recording) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of synapses that change, in order of their synapses, or steps."""
    for projection, (synapse, pre, post, weight) in recording.weights.items():
        order, key = np.argsort(synapse), f"weights/{projection}"
        yield f"{key}/synapse", np.asarray(synapse, np.int64)[order]
        yield f"{key}/pre", np.asarray(pre, np.uint32)[order]
        yield f"{key}/post", np.asarray(post, np.uint32)[order]
        yield f"{key}/weight", np.asarray(weight, np.float64)[order]
    for recorder, (synapse, step, weight) in recording.sent.items():
        order, key = np.lexsort((synapse, step)), f"sent/{recorder}"
        yield f"{key}/synapse", np.asarray(synapse, np.int64)[order]
        yield f"{key}/step", np.asarray(step, np.int32)[order]
        yield f"{key}/weight", np.asarray(weight, np.float64)[order]


def _write(path: Path, manifest: Manifest, arrays: dict[str, NDArray[Any]]) -> None:
    import h5py

    with h5py.File(path, "w", userblock_size=HEADER) as file:
        for name, array in arrays.items():
            # fletcher32 lets other readers of the file notice damage too
            plain = array.ndim == 0 or array.size == 0
            options = {} if plain else {"fletcher32": True, "chunks": True, "compression": "lzf"}
            file.create_dataset(name, data=array, **options)
        text = json.dumps(manifest, sort_keys=True)
        file.create_dataset("manifest", data=np.frombuffer(text.encode(), np.uint8))


def open_run(path: str | Path) -> Run:
    """Open a result file, verifying its checksum.

    Raises
    ------
    ResultFileError
        If the file is missing, incomplete, damaged or of another format.
    """
    import h5py

    path = Path(path)
    verify(path, FORMAT)
    with h5py.File(path, "r") as file:
        manifest = json.loads(file["manifest"][()].tobytes())
    return Run(path, manifest)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return every array of a result file by its path."""
    import h5py

    found: dict[str, NDArray[Any]] = {}
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: (
                found.__setitem__(name, item[()])
                if isinstance(item, h5py.Dataset) and name != "manifest"
                else None
            )
        )
    return found
