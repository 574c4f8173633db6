"""Random numbers inside generated code: SplitMix64, and what is drawn with it.

Steele, Lea & Flood (2014), doi:10.1145/2714064.2660195: a counter that grows by an odd
constant, and a mixing of its bits. A state is 8 bytes, so every neuron has its own, and any state
may be the start of a sequence; it passes the usual test batteries. Poisson numbers are those of
`netspec.realise.counters`, whose state before the first step the host gives.
"""

from __future__ import annotations

import math

from netspec.describe import distributions as dist
from netspec.realise import counters

LARGEST_PRODUCT_MEAN = 500.0  # of Poisson numbers by products; exp(-745) is zero


def _literal(number: int) -> str:
    """Return a whole number below 2**64 as GeNN reads it: in two literals of 32 bits."""
    return f"(((uint64_t)0x{number >> 32:08X}u << 32) | 0x{number % 2**32:08X}u)"


# The compiler joins the halves. And GeNN's scanner does not know ">>" (5.4.0): a division by a
# power of two is the same for unsigned numbers.
GAMMA, FIRST, SECOND = map(_literal, (counters.GAMMA, counters.FIRST, counters.SECOND))
# {bits} becomes a mixed number of 64 bits, from {state}
NEXT = f"""
{{state}} += {GAMMA};
{{bits}} = {{state}};
{{bits}} = ({{bits}} ^ ({{bits}} / 1073741824u)) * {FIRST};
{{bits}} = ({{bits}} ^ ({{bits}} / 134217728u)) * {SECOND};
{{bits}} = {{bits}} ^ ({{bits}} / 2147483648u);
"""
# in (0, 1); the suffix d is GeNN's, for a literal that stays double in a model of floats
UNIT = "(((double)({bits} / 2048u)) + 0.5d) * 1.1102230246251565e-16d"


def next_bits(state: str, bits: str) -> str:
    """Return code that advances `state` and leaves 64 random bits in `bits`."""
    return NEXT.format(state=state, bits=bits)


def own_state(seed: str, index: str) -> str:
    """Return code that declares ``state`` and ``bits``, a sequence of its own for `index`."""
    start = f"uint64_t state = {seed} + (uint64_t)({index}) * {GAMMA};\nuint64_t bits = 0;\n"
    # two indices are neighbours in the same sequence: mix, so that they become strangers
    return start + next_bits("state", "bits") + "state = bits;\n"


_FIRST_BITS = next_bits("state", "bits").replace("bits = state", "uint64_t bits = state", 1)
_INJECT = """
if(number > 0) {
    injectCurrent(weight * number);
}
"""
POISSON = (
    f"{_FIRST_BITS}"
    """
unsigned int number = guide[bits / ((uint64_t)1 << 56)];
while(bits > table[number]) {
    number++;
}"""
    f"{_INJECT}"
)
# Knuth, The Art of Computer Programming, vol. 2, 3.4.1, algorithm Q; ``least`` is exp(-mean)
POISSON_BY_PRODUCT = (
    f"{_FIRST_BITS}"
    f"double product = {UNIT.format(bits='bits')};\n"
    "unsigned int number = 0;\n"
    "while(product > least) {\n"
    f"number++;{next_bits('state', 'bits')}"
    f"product *= {UNIT.format(bits='bits')};\n"
    "}"
    f"{_INJECT}"
)


# Box & Muller (1958), as in `netspec.realise.counters.normal_numbers`: two draws a number
NORMAL = (
    f"{next_bits('{state}', 'bits')}"
    f"radius = sqrt(-2.0d * log({UNIT.format(bits='bits')}));\n"
    f"{next_bits('{state}', 'bits')}"
    f"{{number}} = radius * cos(6.283185307179586d * ({UNIT.format(bits='bits')}));\n"
)
DRAWING = "uint64_t bits = 0;\ndouble radius = 0.0d;\n"  # what the code of numbers works with


def random_number(kind: str, state: str, number: str) -> str:
    """Return code that assigns to `number` the next number of the sequence of `state`.

    Parameters
    ----------
    kind : {"normal", "uniform"}
    state, number : str
        A variable; what stands left of the assignment. `DRAWING` stands before the code.
    """
    if kind == "normal":
        return NORMAL.format(state=state, number=number)
    return f"{next_bits(state, 'bits')}{number} = {UNIT.format(bits='bits')};\n"


# `step` counts from zero; `x` is the noise without its mean
NOISE = (
    "if(step >= begin && step < end) {\n"
    "if((step - begin) % every == 0) {\n"
    f"{DRAWING}"
    f"{NORMAL.format(state='state', number='const double number')}"
    "x = (keep * x) + (spread * number);\n"
    "}\n"
    "injectCurrent(@LEVEL@);\n"
    "}\n"
    "step += 1;\n"
)


# with bounds or without; besides these, what has one value, and whole numbers
DRAWN = (dist.Normal, dist.LogNormal, dist.Exponential)


def can_draw(distribution: dist.Distribution) -> bool:
    """Return whether there is generated code for a distribution."""
    plain = (dist.Uniform, dist.UniformInteger)
    return distribution.fixed() is not None or isinstance(distribution, (*DRAWN, *plain))


def draw(distribution: dist.Distribution) -> tuple[str, dict[str, float]]:
    """Return code that leaves a sample in ``double drawn``, and the parameters it names.

    The code stands after that of `own_state`.
    """
    value = distribution.fixed()
    if value is not None:
        return "double drawn = constant;\n", {"constant": value}
    take, unit = next_bits("state", "bits"), UNIT.format(bits="bits")
    if isinstance(distribution, dist.Uniform):
        values = {"low": distribution.low, "span": distribution.high - distribution.low}
        return f"{take}double drawn = low + span * ({unit});\n", values
    if isinstance(distribution, dist.UniformInteger):
        values = {"low": distribution.low, "count": float(distribution.count)}
        # a number next to 1, times the count, may round up to the count itself
        code = f"{take}double drawn = low + fmin(floor(count * ({unit})), count - 1.0d);\n"
        return code, values
    if not isinstance(distribution, DRAWN):
        raise TypeError(f"no generated code for {distribution!r}")
    declared = "double radius = 0.0d;\ndouble drawn = 0.0d;\n"
    # Box & Muller (1958); the second number of a pair is not used
    radius = f"{take}radius = sqrt(-2.0d * log({unit}));\n{take}"
    normal = f"radius * cos(6.283185307179586d * ({unit}))"
    if isinstance(distribution, dist.Normal):
        free = f"{radius}drawn = mean + sd * {normal};\n"
        values = {"mean": distribution.mean, "sd": distribution.sd}
    elif isinstance(distribution, dist.LogNormal):
        free = f"{radius}drawn = median * exp(sigma * {normal});\n"
        values = {"median": distribution.median, "sigma": distribution.sigma}
    else:
        declared = "double drawn = 0.0d;\n"
        free = f"{take}drawn = -scale * log({unit});\n"
        values = {"scale": distribution.scale}
    bounds = dict(zip(("low", "high"), distribution.bounds(), strict=True))
    bounds = {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
    outside = {"low": "drawn < low", "high": "drawn > high"}
    inside = {"low": "drawn = fmax(drawn, low);\n", "high": "drawn = fmin(drawn, high);\n"}
    if not bounds:
        return declared + free, values
    if distribution.clip == "bound":
        code = declared + free + "".join(inside[name] for name in bounds)
    else:
        again = " || ".join(outside[name] for name in bounds)
        code = f"{declared}do {{\n{free}}} while({again});\n"
    return code, values | bounds
