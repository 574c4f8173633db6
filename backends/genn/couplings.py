"""Continuous coupling by the host: one product for the rings of all runs that share a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspec.describe.connectivity import Kernel
from netspec.realise.kernels import product


@dataclass(frozen=True)
class Coupled:
    """An input that is set before every step: S_i = level_i + sum_j w_ij s_j, over all sources.

    Attributes
    ----------
    target : ndarray, shape (size,)
        The input, in the model's memory.
    levels : ndarray, shape (size,)
        What currents have set it to.
    sources : list of (Kernel, ndarray)
        What is multiplied, in the model's memory.
    """

    target: NDArray[np.float64]
    levels: NDArray[np.float64]
    sources: list[tuple[Kernel, NDArray[np.float64]]]

    def alike(self) -> tuple[object, ...]:
        """Return what is the same for inputs that are computed together."""
        return len(self.target), *((kernel, len(source)) for kernel, source in self.sources)


def together(couplings: Sequence[Coupled]) -> list[Callable[[], None]]:
    """Return functions that set all inputs, one for those that are alike."""
    groups: dict[tuple[object, ...], list[Coupled]] = {}
    for coupling in couplings:
        groups.setdefault(coupling.alike(), []).append(coupling)
    return [_setter(group) for group in groups.values()]


def _setter(group: list[Coupled]) -> Callable[[], None]:
    size = len(group[0].target)
    totals = np.empty((len(group), size))
    terms = []
    for number, (kernel, first) in enumerate(group[0].sources):
        memory = [coupling.sources[number][1] for coupling in group]
        terms.append((np.empty((len(group), len(first))), memory, product(kernel, size)))

    def couple() -> None:
        for total, coupling in zip(totals, group, strict=True):
            total[:] = coupling.levels
        for rows, memory, multiply in terms:
            for row, source in zip(rows, memory, strict=True):
                row[:] = source
            np.add(totals, multiply(rows), out=totals)
        for total, coupling in zip(totals, group, strict=True):
            coupling.target[:] = total

    return couple
