"""Whether an NVIDIA GPU can be used, and if not, what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

SECONDS = 60  # that a driver may take to start
# In a process of its own: a CUDA library that fails may end it. What the backend is linked to is
# found through it, whatever its version is called.
COUNT = """
import ctypes, pygenn.cuda_backend as backend
count = ctypes.c_int(0)
error = ctypes.CDLL(backend.__file__).cudaGetDeviceCount(ctypes.byref(count))
print("devices", count.value if error == 0 else 0)
"""


def nvcc() -> Path | None:
    """Return the compiler that GeNN will call, or None if there is none."""
    found = Path(os.environ.get("CUDA_PATH", "/usr/local/cuda")) / "bin" / "nvcc"
    return found if found.exists() else None


@lru_cache(maxsize=1)
def missing() -> str:
    """Return what is missing to run on a GPU, as a sentence; empty if nothing is."""
    if find_spec("pygenn") is None or find_spec("pygenn.cuda_backend") is None:
        return "this PyGeNN was built without cuda: set CUDA_PATH when it is installed"
    path = os.environ.get("CUDA_PATH")
    if nvcc() is None:
        told = f"is {path}" if path else "is not set"
        return f"no compiler for CUDA: CUDA_PATH {told}, and there is no bin/nvcc in it"
    try:
        ran = subprocess.run(
            [sys.executable, "-c", COUNT], capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"CUDA did not answer within {SECONDS} s"
    if ran.returncode:
        words = (ran.stderr.strip().splitlines() or [f"ended with status {ran.returncode}"])[-1]
        driver = "no NVIDIA driver (libcuda): " if "libcuda" in words or ": cu" in words else ""
        return f"PyGeNN's CUDA backend cannot be loaded: {driver}{words}"
    if ran.stdout.split() == ["devices", "0"]:
        return "no NVIDIA GPU, or no driver for it (nvidia-smi tells)"
    return ""
