"""The stand-in for CUDA: a folder that looks like a toolkit, and what a process needs to see it.

It shows whether generated code computes what it should where device memory is not the host's,
whatever its threads do at barriers. It shows no timing, no limits of memory, and races in shared
memory only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent
SOURCES = ("runtime.cc", "nvcc.py", "standin.py", "include/device.h")


def digest() -> str:
    """Return a hash of the stand-in itself."""
    return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()[:12]


def headers() -> Path | None:
    """Return the folder of CUDA's own headers, which the stand-in's runtime is compiled with."""
    packages = Path(sysconfig.get_path("purelib")) / "nvidia"
    places = [
        Path(os.environ.get("CUDA_HEADERS", "/nowhere")),
        Path(os.environ.get("CUDA_PATH", "/nowhere")) / "include",
        *sorted(Path("/usr/local").glob("cuda*/include")),
        *sorted(packages.glob("*/include")),
    ]
    found = (p for p in places if (p / "cuda.h").exists() and (p / "cuda_runtime_api.h").exists())
    return next(found, None)


def why_not() -> str:
    """Say what is missing to run on the stand-in; empty if nothing is."""
    if find_spec("pygenn") is None or find_spec("pygenn.cuda_backend") is None:
        return "this PyGeNN has no CUDA backend"
    if headers() is None:
        return "no headers of CUDA: install nvidia-cuda-runtime, or name their folder: CUDA_HEADERS"
    return "" if shutil.which("g++") else "no C++ compiler (g++)"


def installed(folder: Path) -> dict[str, str]:
    """Make the toolkit in a folder, unless it is there; return what processes need to use it.

    Compiled models are kept in it as well, apart from those of a real device.

    Raises
    ------
    subprocess.CalledProcessError
        If it does not compile.
    """
    with FileLock(f"{folder}.lock"):
        if not (folder / "bin" / "nvcc").exists():
            _make(folder)
    paths = [str(folder / "lib64"), os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        "CUDA_PATH": str(folder),
        "LD_LIBRARY_PATH": ":".join(filter(None, paths)),
        "NETSPEC_CACHE": str(folder / "cache"),
    }


def at_hand() -> dict[str, str]:
    """Return what processes need to use the stand-in, which is made if it is not there."""
    folder = Path(tempfile.gettempdir()) / f"netspec-stand-in-{os.getuid()}-{digest()}"
    return installed(folder)


def _make(folder: Path) -> None:
    for name in ("bin", "lib64"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "include", folder / "include", dirs_exist_ok=True)
    for header in ("curand_kernel.h", "cuda_fp16.h"):  # all that generated code includes
        (folder / "include" / header).write_text('#include "device.h"\n')
    library = folder / "lib64" / "libcudart.so.13"
    subprocess.run(
        ["g++", "-O1", "-w", "-shared", "-fPIC", f"-I{headers()}", "-Wl,-soname,libcudart.so.13",
         str(HERE / "runtime.cc"), "-o", str(library)],
        check=True,
    )  # fmt: skip
    # of the driver's library, which a backend may name as well, everything is in the same file
    (folder / "lib64" / "libcuda.so.1").symlink_to(library.name)
    compiler = folder / "bin" / "nvcc"
    shutil.copy(HERE / "nvcc.py", compiler)
    compiler.chmod(0o755)
