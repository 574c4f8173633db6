"""The words in which a device records spikes, read by compiled code."""

import ctypes
import shutil

import numpy as np
import pytest

from netspec.backends.genn import host

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("host")
    host.compile_host(place)
    return place


@pytest.mark.parametrize("neurons", [1, 31, 32, 33, 1000])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
def test_every_bit_is_a_spike(folder, neurons, share):
    spikes = np.random.default_rng(neurons).random((77, -(-neurons // 32) * 32)) < share
    spikes[:, neurons:] = False
    words = np.packbits(spikes, axis=1, bitorder="little").view("<u4").astype(np.uint32)
    for expected in (0, 10, spikes.size):
        found = host.find_spikes(folder, words, expected)
        for column, places in zip(found, np.nonzero(spikes), strict=True):
            np.testing.assert_array_equal(column, places)


def test_what_decays_becomes_zero_while_steps_are_made(folder):
    """And what comes before a step is called before it."""
    small, found = (1e-200, 1e-120), []

    @ctypes.CFUNCTYPE(None, ctypes.c_ulonglong)
    def before(number):
        found.append(number)

    @ctypes.CFUNCTYPE(None, ctypes.c_ulonglong, ctypes.c_ulonglong)
    def step(number, recorded):
        found.append((number, recorded, small[0] * small[1]))

    loop = ctypes.CDLL(str(folder / host.LIBRARY)).many_steps
    loop.argtypes = [*[ctypes.c_void_p] * 3, *[ctypes.c_uint64] * 4]
    calls = [ctypes.cast(function, ctypes.c_void_p) for function in (before, step)]
    assert loop(None, calls[1], None, 7, 3, 5, 0) == 0
    assert found == [(7, 5, 0.0), (8, 5, 0.0), (9, 5, 0.0)]
    found.clear()
    assert loop(*calls, None, 7, 2, 5, 0) == 0
    assert found == [7, (7, 5, 0.0), 8, (8, 5, 0.0)]
    assert small[0] * small[1] > 0

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_ulonglong)
    def chunk_of_steps(chunk):
        found.append(f"{chunk} at once")
        return len(found) > 1  # the first time they have to be made one by one

    found.clear()
    many = ctypes.cast(chunk_of_steps, ctypes.c_void_p)
    assert loop(None, calls[1], many, 4, 7, 5, 2) == 0
    assert [entry if isinstance(entry, str) else entry[0] for entry in found] == [
        "2 at once", 4, 5, "2 at once", "2 at once", 10,
    ]  # fmt: skip
