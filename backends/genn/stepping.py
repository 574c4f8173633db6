"""Many steps without Python in between.

GeNN's generated library exports ``stepTime``, which PyGeNN calls once a step and then counts the
step. A function of a few lines, compiled beside it, makes the same calls in a loop; GeNN's counter
is set afterwards. This is all that PyGeNN does in a step as long as no synapse group has an axonal
delay, and ours have dendritic ones, whose place in the ring generated code counts itself.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netspec.errors import SimulationFailed

LIBRARY = "loop.so"
SOURCE = """
#include <cstdio>
#include <exception>

extern "C" int many_steps(
    void (*step)(unsigned long long, unsigned long long),
    unsigned long long first, unsigned long long count, unsigned long long recorded)
{
    try {
        for(unsigned long long i = first; i != first + count; i++) {
            step(i, recorded);
        }
    }
    catch(const std::exception &error) {  // of CUDA; it may not pass through Python
        std::fprintf(stderr, "%s\\n", error.what());
        return 1;
    }
    return 0;
}
"""
Steps = Callable[[int], None]


def compile_loop(folder: Path) -> None:
    """Compile the loop into a folder, with the compiler of the generated code.

    Raises
    ------
    subprocess.CalledProcessError
        If the compiler fails.
    """
    source = folder / "loop.cc"
    source.write_text(SOURCE)
    compiler = shlex.split(os.environ.get("CXX", "g++"))
    command = [*compiler, "-O2", "-shared", "-fPIC", "-o", str(folder / LIBRARY), str(source)]
    subprocess.run(command, check=True)


def python_steps(model: Any) -> Steps:
    """Return a function that makes steps one by one through PyGeNN."""

    def advance(count: int) -> None:
        for _ in range(count):
            model.step_time()

    return advance


def native_steps(model: Any, library: Path, folder: Path, recorded: int) -> Steps:
    """Return a function that makes steps in a compiled loop.

    Parameters
    ----------
    model : pygenn.GeNNModel
        Loaded.
    library : Path
        Generated code; opening what GeNN has opened gives the same library, with its state.
    folder : Path
        Where `compile_loop` left its result.
    recorded : int
        Steps of spikes that the device records; 0 if no spikes are recorded.

    Raises
    ------
    SimulationFailed
        By the function, if a step fails.
    """
    count_type = ctypes.c_ulonglong
    step = ctypes.cast(ctypes.CDLL(str(library)).stepTime, ctypes.c_void_p)
    loop = ctypes.CDLL(str(folder / LIBRARY)).many_steps
    loop.argtypes, loop.restype = [ctypes.c_void_p, *[count_type] * 3], ctypes.c_int

    def advance(count: int) -> None:
        first = model.timestep
        if loop(step, first, count, recorded):
            raise SimulationFailed(f"GeNN's generated code failed after step {first}, see above")
        model.timestep = first + count

    return advance
