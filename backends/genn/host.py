"""What the host does at every step and with every recorded word, in compiled code.

GeNN's generated library exports ``stepTime``, which PyGeNN calls once a step and then counts the
step, and functions for custom updates, called before it where there are any. A function of a few
lines, compiled beside it, makes the same calls in a loop; GeNN's counter is set afterwards. This is
all that PyGeNN does in a step as long as no synapse group has an axonal delay, and ours have
dendritic ones, whose place in the ring generated code counts itself. While the loop runs, numbers
below 2.2e-308 are zero: the currents of a silent network would else make each of its steps several
times as slow.

A device records spikes as bits, a word for 32 neurons and a step, nearly all of them zero.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.genn import kernels
from netspec.errors import SimulationFailed

SOURCE = """
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#ifdef __SSE2__
#include <immintrin.h>
#endif

struct FlushToZero {  // else what decays ends as denormal numbers, which are slow
#ifdef __SSE2__
    const unsigned int before = _mm_getcsr();
    FlushToZero() { _mm_setcsr(before | 0x8040); }
    ~FlushToZero() { _mm_setcsr(before); }
#else
    FlushToZero() {}
#endif
};

extern "C" int many_steps(
    void (*before)(unsigned long long),  // what is called before a step, or null
    void (*step)(unsigned long long, unsigned long long),
    int (*many)(unsigned long long),  // what makes a chunk of steps at once if it can, or null
    uint64_t first, uint64_t count, uint64_t recorded, uint64_t chunk)
{
    const FlushToZero now;
    try {
        for(uint64_t i = first; i != first + count; i++) {
            if(many != nullptr && i % chunk == 0 && i + chunk <= first + count && many(chunk)) {
                i += chunk - 1;
                continue;
            }
            if(before != nullptr) {
                before(i);
            }
            step(i, recorded);
        }
    }
    catch(const std::exception &error) {  // of CUDA; it may not pass through Python
        std::fprintf(stderr, "%s\\n", error.what());
        return 1;
    }
    return 0;
}

extern "C" uint64_t find_spikes(
    const uint32_t *words, uint64_t steps, uint64_t row, uint64_t room,
    int64_t *step, uint32_t *neuron)
{
    const uint64_t total = steps * row, block = 16;
    uint64_t found = 0;
    for(uint64_t start = 0; start < total; start += block) {
        uint32_t any = 1;
        if(start + block <= total) {  // no spike of so many neurons, most often
            any = 0;
            for(uint64_t i = 0; i < block; i++) {
                any |= words[start + i];
            }
        }
        for(uint64_t i = start; any != 0 && i < std::min(start + block, total); i++) {
            for(uint32_t left = words[i]; left != 0; left &= left - 1) {
                if(found < room) {
                    step[found] = i / row;
                    neuron[found] = 32 * (i % row) + __builtin_ctz(left);
                }
                found++;
            }
        }
    }
    return found;
}
"""
LIBRARY = "host.so"
Steps = Callable[[int], None]


def compile_host(folder: Path) -> None:
    """Compile into a folder, with the compiler of the generated code.

    Raises
    ------
    subprocess.CalledProcessError
        If the compiler fails.
    """
    source = folder / "host.cc"
    source.write_text(SOURCE)
    compiler = shlex.split(os.environ.get("CXX", "g++"))
    command = [*compiler, "-O3", "-shared", "-fPIC", "-o", str(folder / LIBRARY), str(source)]
    subprocess.run(command, check=True)


def python_steps(model: Any, before: str | None) -> Steps:
    """Return a function that makes steps one by one through PyGeNN, see `native_steps`."""

    def advance(count: int) -> None:
        for _ in range(count):
            if before is not None:
                model.custom_update(before)
            model.step_time()

    return advance


def native_steps(
    model: Any, library: Path, folder: Path, recorded: int, before: str | None, chunk: int = 0
) -> Steps:
    """Return a function that makes steps in a compiled loop.

    Parameters
    ----------
    model : pygenn.GeNNModel
        Loaded.
    library : Path
        Generated code; opening what GeNN has opened gives the same library, with its state.
    folder : Path
        Where `compile_host` left its result.
    recorded : int
        Steps of spikes that the device records; 0 if no spikes are recorded.
    before : str or None
        The custom updates that are made before each step.
    chunk : int
        Steps that are made at once, as a CUDA graph, where a multiple of it is reached; 0: none.

    Raises
    ------
    SimulationFailed
        By the function, if a step fails.
    """
    generated = ctypes.CDLL(str(library))
    step = ctypes.cast(generated.stepTime, ctypes.c_void_p)
    update = None if before is None else ctypes.cast(generated[f"update{before}"], ctypes.c_void_p)
    many = ctypes.cast(generated[kernels.GRAPH], ctypes.c_void_p) if chunk else None
    loop = ctypes.CDLL(str(folder / LIBRARY)).many_steps
    loop.argtypes, loop.restype = [*[ctypes.c_void_p] * 3, *[ctypes.c_uint64] * 4], ctypes.c_int

    def advance(count: int) -> None:
        first = model.timestep
        if loop(update, step, many, first, count, recorded, chunk):
            raise SimulationFailed(f"GeNN's generated code failed after step {first}, see above")
        model.timestep = first + count

    return advance


def forget_steps(library: Path) -> None:
    """Tell generated code with folded kernels (`kernels`) that no step has been made yet."""
    ctypes.CDLL(str(library))[kernels.FORGET]()


@cache
def _finder(library: Path) -> Callable[..., int]:
    find = ctypes.CDLL(str(library)).find_spikes
    numbers = [np.ctypeslib.ndpointer(kind, flags="C") for kind in (np.uint32, np.int64, np.uint32)]
    find.argtypes = [numbers[0], *[ctypes.c_uint64] * 3, *numbers[1:]]
    find.restype = ctypes.c_uint64
    found: Callable[..., int] = find
    return found


def find_spikes(
    folder: Path, words: NDArray[np.uint32], expected: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the places of all bits that are set.

    Parameters
    ----------
    folder : Path
        Where `compile_host` left its result.
    words : ndarray of uint32, shape (steps, words)
        A bit for each neuron, the lowest first.
    expected : int
        About how many are set.

    Returns
    -------
    steps : ndarray of int64, shape (spikes,)
    neurons : ndarray of uint32, shape (spikes,)
    """
    find = _finder(folder / LIBRARY)
    while True:
        steps, neurons = np.empty(expected, np.int64), np.empty(expected, np.uint32)
        found = find(words, *words.shape, expected, steps, neurons)
        if found <= expected:
            return steps[:found], neurons[:found]
        expected = found
