"""Files that are written whole or not at all; sealed HDF5 files, known by their content when read.

A file starts with a block of 4096 bytes of text (an HDF5 user block) that holds the format, the
size and the SHA-256 of all that follows, so that any flipped bit or lost byte is found.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netspec.errors import ResultFileError, UsageError

HEADER = 4096  # bytes; HDF5 wants a power of two, at least 512


@contextmanager
def whole(path: Path, suffix: str = ".tmp") -> Iterator[Path]:
    """Yield a temporary name beside a file; sync what was written there and give it its name.

    The file's mode is what the user's umask leaves of 0666, as of any file a user makes. A name is
    replaced in one step, so nobody ever sees half a file.

    Parameters
    ----------
    path : Path
    suffix : str
        Of the temporary name, since some writers choose a format by it.

    Raises
    ------
    OSError
        If the file cannot be written, for example because the disk is full.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}{suffix}"
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, and the folders above it if need be.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def sealed(path: Path, form: str) -> Iterator[Path]:
    """Yield a temporary name; seal what was written there, sync it and give it its name.

    Parameters
    ----------
    path : Path
        Final name; appears only when the file is complete.
    form : str
        Name and version of the format. The file written has a user block of `HEADER` bytes.

    Raises
    ------
    ResultFileError
        If the file cannot be written, for example because the disk is full.
    """
    try:
        with whole(path) as temporary:
            yield temporary
            digest, size = _digest(temporary)
            header = json.dumps({"format": form, "bytes": size, "sha256": digest}) + "\n"
            with temporary.open("r+b") as raw:
                raw.write(header.encode().ljust(HEADER, b" "))
    except OSError as error:
        raise ResultFileError(f"{path}: cannot be written ({error})") from error


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as raw:
        raw.seek(HEADER)
        while chunk := raw.read(1 << 22):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def read_header(path: Path, form: str) -> tuple[str, int]:
    """Return SHA-256 and size of the data as the header says.

    Raises
    ------
    ResultFileError
        If the file is missing or of another format, or its header is damaged.
    """
    try:
        with path.open("rb") as raw:
            text = raw.read(HEADER).decode("ascii")
        header = json.loads(text)
        expected = json.dumps(header) + "\n"
    except OSError as error:
        raise ResultFileError(f"{path}: no {form} file ({error})") from None
    except (ValueError, RecursionError):
        what = "it does not begin with its header; is it a file of something else, or damaged?"
        raise ResultFileError(f"{path}: no {form} file ({what})") from None
    if not isinstance(header, dict) or header.get("format") != form:
        raise ResultFileError(f"{path}: no {form} file (its header says something else)")
    if text != expected.ljust(HEADER, " ") or set(header) != {"format", "bytes", "sha256"}:
        raise ResultFileError(f"{path}: damaged header")
    return header["sha256"], header["bytes"]


def verify(path: Path, form: str) -> str:
    """Return the SHA-256 of a file that is whole and undamaged; raise `ResultFileError` else."""
    written, length = read_header(path, form)
    try:
        digest, size = _digest(path)
    except OSError as error:
        raise ResultFileError(f"{path}: {error}") from None
    if length != size:
        raise ResultFileError(f"{path}: {size} bytes of data, {length} were written")
    if written != digest:
        raise ResultFileError(f"{path}: damaged, its checksum does not fit")
    return digest
