"""Export a run for other people's tools: written, read back, compared, then renamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from netspec.errors import ResultFileError, UsageError, unknown
from netspec.execute.results import Run
from netspec.validation.exchange import mat, neo, nwb, sonata
from netspec.validation.exchange.recordings import Content, content_of, differences, sizes_in
from netspec.whole_files import whole

Writer = Callable[[Content, Path], None]
Reader = Callable[[Path], Content]
FORMATS: dict[str, tuple[Writer, Reader]] = {
    "nix": (neo.write_nix, neo.read_nix),
    "nwb": (nwb.write_nwb, nwb.read_nwb),
    "mat": (mat.write_mat, mat.read_mat),
    "sonata": (sonata.write_sonata, sonata.read_sonata),
}
WITH_WEIGHTS = ("mat", "sonata")
ENDINGS = {"sonata": ".sonata.h5"}  # where it is not the format's name
NIX_SAMPLE = 1000  # neurons, by default
NIX_SECONDS = 0.025, 0.08  # per spike train to write and read back, on quick and slow machines
NIX_BYTES = 20_000


def export(
    run: Run,
    path: Path,
    format: str,
    *,
    sample: int | None = None,
    seed: int = 1,
    populations: Sequence[str] | None = None,
    warmup: bool = False,
    announce: Callable[[str], None] = lambda text: None,
) -> Content:
    """Write a run in a format of the field.

    The file is written under a temporary name, read back, compared with the run (every spike,
    silent trains, units, provenance), and gets its name only if nothing differs.

    Parameters
    ----------
    run : Run
    path : Path
        Must not exist.
    format : {"nix", "nwb", "mat", "sonata"}
        NIX takes long for many spike trains; the others are quick. SONATA has no place for sampled
        variables that are not those of compartments, and NIX and NWB none for weights.
    sample : int, optional
        Spike trains of this many neurons, drawn with `seed`; for NIX `NIX_SAMPLE` by default,
        else all.
    seed : int
        Of the sample.
    populations : sequence of str, optional
        All by default.
    warmup : bool
        Include the warm-up.
    announce : callable
        Told what will be written, before it begins.

    Returns
    -------
    Content
        What the file holds.

    Raises
    ------
    UsageError
        If the format or a population is unknown, a package is missing or the file exists.
    ResultFileError
        If what was read back is not what was written.
    """
    if format not in FORMATS:
        raise UsageError(unknown("format", format, FORMATS))
    if path.exists():
        raise UsageError(f"{path}: exists already; remove it, or give another name with --out")
    if format == "nix" and sample is None:
        sample = NIX_SAMPLE
    content = content_of(run, populations, sample, seed, warmup)
    if format == "sonata" and content.signals:
        announce(f"{len(content.signals)} signals are not written: SONATA's spikes have no place")
        content = replace(content, signals=())
    if format not in WITH_WEIGHTS and content.weights:
        names = ", ".join(found.projection for found in content.weights)
        announce(f"weights of {names} are not written: {' and '.join(WITH_WEIGHTS)} have them")
        content = replace(content, weights=())
    announce(forecast(content, format))
    write, read = FORMATS[format]
    try:
        with whole(path, f".{format}") as temporary:
            write(content, temporary)
            if wrong := differences(content, read(temporary)):
                raise ResultFileError(
                    f"{path}: not written, as it reads differently: {'; '.join(wrong)}"
                )
    except ModuleNotFoundError as error:
        raise UsageError(f"{error}. To get it: pip install 'netspec-snn[neo]'") from None
    except ResultFileError:
        raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None
    return content


def default_target(file: Path, format: str) -> Path:
    """Return the name that an export of a file has where none is given."""
    return file.with_suffix(ENDINGS.get(format, f".{format}"))


def forecast(content: Content, format: str) -> str:
    """Say what an export will hold, and for NIX how long it will take."""
    trains = sum(len(found.neurons) for found in content.trains.values())
    spikes = sum(len(found.steps) for found in content.trains.values())
    total = sum(sizes_in(content.provenance).values())
    share = f" of {total:,}, drawn at random" if trains < total else ""
    text = f"{trains:,} spike trains{share}; {spikes:,} spikes, {len(content.signals)} signals"
    if content.weights:
        synapses = sum(len(found.values) for found in content.weights)
        text += f", weights of {synapses:,} synapses"
    if format != "nix":
        return text
    low, high = (trains * seconds for seconds in NIX_SECONDS)
    return f"{text}: about {low:.0f} to {high:.0f} s and {trains * NIX_BYTES / 1e6:.0f} MB"
