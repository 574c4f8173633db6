"""Quantities with units at the edge, plain floats in canonical units inside.

The canonical units are coherent, so that equations need no conversion factors:
ms, mV, pA and their products pF (= pA ms / mV), nS (= pA / mV), GOhm (= mV / pA), 1/ms.
Two units are canonical although they are not coherent, because the field speaks them:
``Hz`` for rates of inputs and ``deg`` for angles.

pint knows the units; conversion factors are exact fractions, so that ``"0.0878 nA"`` and
``"87.8 pA"`` are the same float.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from netspec.errors import UnitError, shown


class Dimension(NamedTuple):
    """Powers of time, voltage and current."""

    time: Fraction = Fraction(0)
    voltage: Fraction = Fraction(0)
    current: Fraction = Fraction(0)

    def times(self, other: Dimension, power: Fraction | int = 1) -> Dimension:
        """Return the dimension of ``self * other**power``."""
        return Dimension(*(a + b * power for a, b in zip(self, other, strict=True)))

    def __str__(self) -> str:
        for unit, dimension in COHERENT.items():
            if dimension == self:
                return unit
        names = zip(("ms", "mV", "pA"), self, strict=True)
        return " * ".join(u if p == 1 else f"{u}^{p}" for u, p in names if p)


def _dim(time: int, voltage: int, current: int) -> Dimension:
    return Dimension(Fraction(time), Fraction(voltage), Fraction(current))


NONE = _dim(0, 0, 0)
COHERENT = {
    "1": NONE,
    "ms": _dim(1, 0, 0),
    "mV": _dim(0, 1, 0),
    "pA": _dim(0, 0, 1),
    "nS": _dim(0, -1, 1),
    "pF": _dim(1, -1, 1),
    "GOhm": _dim(0, 1, -1),
    "1/ms": _dim(-1, 0, 0),
    "1/mV": _dim(0, -1, 0),
}
# Canonical units that are not coherent, with their size in SI (deg: dimensionless in SI).
_SPECIAL = {"Hz": (Fraction(1), _dim(-1, 0, 0)), "deg": (Fraction(1), NONE)}
_SI = (Fraction(1, 10**3), Fraction(1, 10**3), Fraction(1, 10**12))  # of ms, mV, pA

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
# the number is taken whole: else the last digit of "0.1/ms" would be the 1 of a unit "1/ms"
_QUANTITY = re.compile(rf"\s*((?>{_NUMBER}))\s*([A-Za-zµμΩ%1°/][\w µμΩ°*/^().-]{{0,60}})?\s*")
_FACTOR = re.compile(r"\s*([*/]?)\s*(?:(1)|([A-Za-zµμΩ°]+)(?:(?:\^|\*\*)(-?\d))?)\s*")


class Measured(float):
    """A float in canonical units that still remembers the dimension it was written with.

    Weights and neuron parameters are read before their unit is known (it depends on the
    receptor or the neuron model); the check against it happens in the network.
    """

    dimension: Dimension
    text: str

    def __new__(cls, value: float, dimension: Dimension, text: str) -> Measured:
        """Make the float `value` remember `dimension` and the `text` it was read from."""
        self = super().__new__(cls, value)
        self.dimension = dimension
        self.text = text
        return self


@lru_cache(maxsize=1)
def _registry() -> Any:
    # pint takes most of a second to load, and only quantities written as text need it
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)


@lru_cache(maxsize=1024)
def _unit_name(name: str) -> tuple[Fraction, Dimension, bool]:
    """Return the SI factor, dimension and is-an-angle of one unit name."""
    name = {"Ohm": "ohm", "GOhm": "gigaohm", "MOhm": "megaohm", "°": "deg"}.get(name, name)
    try:
        quantity = _registry().Quantity(Fraction(1), name).to_base_units()
    except Exception as error:
        raise UnitError(f"unknown unit {name!r}") from error
    powers = {k.strip("[]"): Fraction(v) for k, v in quantity.dimensionality.items()}
    mass, length = powers.pop("mass", Fraction(0)), powers.pop("length", Fraction(0))
    time, current = powers.pop("time", Fraction(0)), powers.pop("current", Fraction(0))
    if powers or length != 2 * mass:
        raise UnitError(f"unit {name!r} is not made of time, voltage and current")
    dimension = Dimension(time + 3 * mass, mass, current + mass)
    if name in ("deg", "degree", "degrees"):
        return Fraction(1), dimension, True
    return Fraction(quantity.magnitude), dimension, False


@lru_cache(maxsize=1024)
def parse_unit(text: str) -> tuple[Fraction, Dimension, bool]:
    """Read a product of units such as ``pA``, ``1/ms`` or ``mV*ms^-1``.

    Returns
    -------
    tuple
        The factor to SI units, the dimension, and whether it is an angle in degrees.

    Raises
    ------
    UnitError
        If a name is unknown or the text is no product of units.
    """
    factor, dimension, angle, position = Fraction(1), NONE, False, 0
    while position < len(text):
        match = _FACTOR.match(text, position)
        if match is None or match.end() == position or (position == 0 and match[1]):
            raise UnitError(f"cannot read the unit {text!r}")
        power = int(match[4] or 1) * (-1 if match[1] == "/" else 1)
        if match[3]:
            size, of, is_angle = _unit_name(match[3])
            factor *= size**power
            dimension = dimension.times(of, power)
            angle = angle or is_angle
        position = match.end()
    return factor, dimension, angle


def canonical_size(unit: str) -> tuple[Fraction, Dimension]:
    """Return the SI size and the dimension of a canonical unit (a key of `COHERENT`, Hz, deg)."""
    if unit in _SPECIAL:
        return _SPECIAL[unit]
    dimension = COHERENT[unit]
    return coherent_size(dimension), dimension


def coherent_size(dimension: Dimension) -> Fraction:
    """Return the SI size of the coherent unit (ms, mV, pA and products) of `dimension`."""
    size = Fraction(1)
    for base, power in zip(_SI, dimension, strict=True):
        size *= base ** int(power)
    return size


def number(value: object) -> float:
    """Return a finite float for a plain number; booleans and text are refused."""
    import numbers

    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise UnitError(f"given {shown(value)}, expected a number")
    try:
        # + 0.0 makes -0.0 the same value as 0.0, also in the hash
        result = value if isinstance(value, Measured) else float(value) + 0.0
    except OverflowError as error:
        raise UnitError(f"given {shown(value)}, expected a finite number") from error
    if not math.isfinite(result):
        raise UnitError(f"given {shown(value)}, expected a finite number")
    return result


def _split(text: str) -> tuple[Fraction, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None or len(text) > 100:
        raise UnitError(f"given {shown(text)}, expected a number with a unit, such as '250 pF'")
    written = (match[2] or "").strip()
    return Fraction(Decimal(match[1])), f"1{written}" if written.startswith("/") else written


def _to_float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise UnitError("the number is too large") from error


def quantity(value: object, unit: str) -> float:
    """Return `value` as a float in the canonical `unit`.

    Parameters
    ----------
    value : float or str
        A plain number is taken in `unit`; text such as ``"0.5 nF"`` is converted.
    unit : str
        A canonical unit: a key of `COHERENT`, ``Hz`` or ``deg``.

    Raises
    ------
    UnitError
        If the text cannot be read or has another dimension.
    """
    if isinstance(value, Measured):
        return check_dimension(value, unit)
    if not isinstance(value, str):
        return number(value)
    magnitude, written = _split(value)
    if not written:
        return _to_float(magnitude)
    size, dimension = canonical_size(unit)
    factor, given, angle = parse_unit(written)
    if given != dimension or angle != (unit == "deg"):
        raise UnitError(f"given {value!r} in {'deg' if angle else given}, expected {unit}")
    return _to_float(magnitude * factor / size)


def measured(value: object) -> float:
    """Read a number or a quantity of any dimension (see `Measured`)."""
    if not isinstance(value, str):
        return number(value)
    magnitude, written = _split(value)
    if not written:
        return _to_float(magnitude)
    factor, dimension, _ = parse_unit(written)
    if any(power.denominator != 1 for power in dimension):
        raise UnitError(f"given {value!r}, a unit with a broken power")
    return Measured(_to_float(magnitude * factor / coherent_size(dimension)), dimension, value)


def check_dimension(value: float, unit: str) -> float:
    """Return `value` as a plain float, checking a remembered dimension against `unit`."""
    if not isinstance(value, Measured):
        return float(value)
    dimension = canonical_size(unit)[1]
    if value.dimension != dimension:
        raise UnitError(f"given {value.text!r} in {value.dimension}, expected {unit}")
    return float(value) if unit in COHERENT else quantity(value.text, unit)
