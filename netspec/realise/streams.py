"""Random streams by name: one Philox stream per (seed, object, purpose).

A stream is keyed by what it is for, not by the order of calls. So adding, removing or
reordering a projection changes no other stream, and blocks of one stream can be drawn by
several threads or ranks. NumPy keeps Philox's bits for ever but may change the algorithms on
top of them; every result states the NumPy version.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, name: str, purpose: str, block: int = 0) -> np.random.Generator:
    """Return the generator of one named stream.

    Parameters
    ----------
    seed : int
        Of the simulation.
    name, purpose : str
        The object (a projection, a population) and what is drawn for it.
    block : int
        Blocks of a stream are 2**192 samples apart.
    """
    digest = hashlib.blake2b(f"{seed}\0{name}\0{purpose}".encode(), digest_size=16).digest()
    key = int.from_bytes(digest, "little")
    return np.random.Generator(np.random.Philox(key=key, counter=block << 192))


def simulator_seed(seed: int, name: str = "simulator") -> int:
    """Return a seed for a simulator's own generator, between 1 and 2**31 - 2."""
    return int(stream(seed, name, "seed").integers(1, 2**31 - 1))
