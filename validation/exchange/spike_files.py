"""Files of spikes by what their names end in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from netspec.errors import NetspecError
from netspec.validation.exchange import spike_arrays, spike_containers
from netspec.validation.exchange.spike_tables import Columns, Table, broken
from netspec.validation.exchange.spike_text import read_text

TEXT = (".csv", ".txt", ".dat", ".gdf")
READERS: dict[str, Callable[[Path, str, Columns], Table]] = {
    ".npy": spike_arrays.read_numpy,
    ".npz": spike_arrays.read_numpy,
    ".json": spike_arrays.read_json,
    ".json.gz": spike_arrays.read_json,
    ".h5": spike_containers.read_hdf5,
    ".hdf5": spike_containers.read_hdf5,
    ".sonata": spike_containers.read_hdf5,
    ".nwb": spike_containers.read_nwb,
    ".nix": spike_containers.read_nix,
    ".mat": spike_containers.read_mat,
}
ENDINGS = (*TEXT, *(f"{ending}.gz" for ending in TEXT), *READERS)


def ending(path: Path) -> str:
    """Return what a file's name ends in, with the ending before ``.gz``."""
    return "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix


def read_table(
    path: Path, name: str, columns: Columns, delimiter: str | None, header: int | None
) -> Table:
    """Read the spikes of a file.

    Parameters
    ----------
    path : Path
        Ends in one of `ENDINGS`.
    name : str
        What messages call it.
    columns : Columns
    delimiter, header
        Of text, see `netspec.validation.exchange.spike_text.read_text`.

    Raises
    ------
    DescriptionError
        With the file's faults.
    UsageError
        If the package that reads this format is not installed.
    """
    kind = ending(path)
    try:
        if kind in READERS:
            return READERS[kind](path, name, columns)
        return read_text(path, name, columns, delimiter, header)
    except NetspecError:
        raise
    except ModuleNotFoundError as error:
        raise spike_containers.missing_package(error, name) from None
    except OSError as error:
        raise broken(name, error.strerror or str(error), "a file that can be read") from None
    # what the readers of other packages make of a damaged file may be any error
    except Exception as error:  # noqa: BLE001
        given = f"{type(error).__name__}: {error}".removesuffix(": ")
        hint = spike_arrays.PICKLES if "pickle" in given else "is it damaged?"
        raise broken(name, given, f"a {kind} file that is whole", hint) from None
