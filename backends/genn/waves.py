"""Continuous coupling by waves: sums over the sources before a step, and few terms for each target.

A kernel on a ring is a sum of waves, S_i = sum_k f_k (C_k cos k a_i + D_k sin k a_i)
with C_k = sum_j s_j cos k a_j and D_k = sum_j s_j sin k a_j; of few waves if it is neither narrow
nor so wide that it has a kink on the other side of the ring. A custom update of GeNN's, a launch
for all populations and runs of a model, makes the sums C and D between two steps. An event of each
population's first neuron takes them to the targets in the next step, whatever their number. A dense
matrix would be read, or added up atomically, pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from netspec.backends.genn.blueprint import Code, Connections, Sums
from netspec.backends.genn.neurons import NeuronCode
from netspec.backends.genn.shards import Piece
from netspec.backends.genn.synapses import coupling_with
from netspec.describe.network import ContinuousProjection, Network
from netspec.realise import kernels
from netspec.realise.lowering import own

# relative size of waves that are left out; what a Fourier transform leaves of none is about 1e-16
ROUNDING = {"double": 1e-15, "float": 1e-8}
HIGHEST = 32  # frequency, up to which sums are less work than a dense product
COS, SIN = "ring_cos", "ring_sin"  # of a neuron's angle, read-only


@dataclass(frozen=True)
class Waves:
    """A coupling's waves: frequencies and factors, see `netspec.realise.kernels.waves`."""

    frequencies: tuple[int, ...]
    factors: tuple[float, ...]

    @property
    def few(self) -> bool:
        """Whether they are few enough; all up to the highest count, sines and cosines of each."""
        return self.frequencies[-1] <= HIGHEST


def waves_of(network: Network, coupling: ContinuousProjection, precision: str) -> Waves:
    """Return the waves of a coupling, as many as the precision of states can show."""
    size = network.population(coupling.pre).size
    found, factors = kernels.waves(coupling.kernel, size, ROUNDING[precision])
    return Waves(tuple(found.tolist()), tuple(factors.tolist()))


@dataclass(frozen=True)
class Summed:
    """A state of a population, and the waves of it that are summed.

    Attributes
    ----------
    population, source : str
    frequencies : tuple of int
        Of all couplings that have this source, ascending.
    """

    population: str
    source: str
    frequencies: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that hold the sums, one value for the population."""
        return tuple(name for k in self.frequencies for name in _sums(self.source, k))


def summed(couplings: Iterable[tuple[ContinuousProjection, Waves]]) -> list[Summed]:
    """Return what has to be summed, once for all couplings."""
    found: dict[tuple[str, str], set[int]] = {}
    for coupling, waves in couplings:
        found.setdefault((coupling.pre, coupling.source), set()).update(waves.frequencies)
    return [Summed(*place, tuple(sorted(waves))) for place, waves in found.items()]


def _sums(source: str, k: int) -> tuple[str, ...]:
    """Return the names of the sums of a wave; a sine of frequency zero is none."""
    return tuple(f"wave_{source}_{part}{k}" for part in (("cos", "sin") if k else ("cos",)))


def with_angles(code: NeuronCode) -> NeuronCode:
    """Return the code of a population on a ring, whose neurons know where they are."""
    size = code.neurons.size
    angles = 2 * np.pi * np.arange(size) / size
    own_code = code.neurons.code
    own_code = replace(
        own_code,
        variables=(*own_code.variables, (COS, "scalar"), (SIN, "scalar")),
        read_only=(*own_code.read_only, COS, SIN),
    )
    return NeuronCode(
        replace(code.neurons, code=own_code),
        code.values | {COS: np.cos(angles), SIN: np.sin(angles)},
    )


def with_sums(code: NeuronCode, summed: Summed) -> NeuronCode:
    """Return the code of a population, with variables for the sums over it."""
    own_code = code.neurons.code
    variables = tuple((name, "scalar") for name in summed.names)
    own_code = replace(
        own_code,
        variables=(*own_code.variables, *variables),
        shared=(*own_code.shared, *summed.names),
        zero=(*own_code.zero, *summed.names),
    )
    return replace(code, neurons=replace(code.neurons, code=own_code))


def _turns(last: int) -> list[str]:
    """Return code for cosine and sine of 1 to `last` times the neuron's angle, turn by turn."""
    lines = [f"const scalar cos_1 = {COS};", f"const scalar sin_1 = {SIN};"][: 2 * last]
    for k in range(2, last + 1):
        before = k - 1
        lines += [
            f"const scalar cos_{k} = cos_{before} * {COS} - sin_{before} * {SIN};",
            f"const scalar sin_{k} = sin_{before} * {COS} + cos_{before} * {SIN};",
        ]
    return lines


def _factors(k: int) -> tuple[str, ...]:
    return (f"cos_{k}", f"sin_{k}") if k else ("1.0",)


def sums_code(name: str, group: str, summed: Summed) -> Sums:
    """Return the custom update, of this name, that makes the sums over a group of neurons."""
    state = own(summed.source)
    lines = _turns(summed.frequencies[-1])
    for k in summed.frequencies:
        for sum_of, factor in zip(_sums(summed.source, k), _factors(k), strict=True):
            lines.append(f"{sum_of} = {state} * {factor};")
    angles = (COS, SIN) if summed.frequencies[-1] else ()
    code = Code("waves", {"update_code": "\n".join(lines)})
    return Sums(name, group, code, (state, *angles), summed.names)


def coupling_code(coupling: ContinuousProjection, piece: Piece, waves: Waves) -> Connections:
    """Return the connections that take the sums to every target.

    The event is found at the end of a step and handled in the next one, after the sums have been
    made of what the states are then.
    """
    terms = [
        f"factor_{k} * ("
        + " + ".join(
            f"{name} * {factor}"
            for name, factor in zip(_sums(coupling.source, k), _factors(k), strict=True)
        )
        + ")"
        for k in waves.frequencies
    ]
    ring = waves.frequencies[-1] > 0
    lines = [*_turns(waves.frequencies[-1]), f"scalar total = {terms[0]};"]
    lines += [f"total += {term};" for term in terms[1:]] + ["addToPost(total);"]
    code = Code(
        name="coupling_by_waves",
        texts={
            "pre_event_threshold_condition_code": "id == 0",
            "pre_event_syn_code": "\n".join(lines),
        },
        params=tuple((f"factor_{k}", "scalar") for k in waves.frequencies),
        presynaptic=tuple(n for k in waves.frequencies for n in _sums(coupling.source, k)),
        postsynaptic=(COS, SIN) if ring else (),
    )
    params = {f"factor_{k}": f for k, f in zip(waves.frequencies, waves.factors, strict=True)}
    return coupling_with(code, params, coupling, piece)
