"""Functions of the generated code that a compiler can turn into vector instructions.

A call of libm's exp() and Cython's test for division by zero each keep a loop over neurons from
being vectorised, so the step program is printed with functions of our own in their place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.describe import expressions as ex

# Within one unit in the last place of libm's exp(); 0, inf and nan come out where they do there.
# Nothing but sums, products and one shift, so a neuron's number is the same in a vector and alone.
EXP = r"""
#include <stdint.h>
#include <string.h>

static const double netspec_whole = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds

static inline double netspec_power_of_two(double n) {
    // the last bits of this sum are a whole number: what a double has as exponent
    double sum = n + (netspec_whole + 1023.0), power;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    bits <<= 52;
    memcpy(&power, &bits, sizeof bits);
    return power;
}

static inline double netspec_exp(double x) {
    x = x < -746.0 ? -746.0 : x;
    x = x > 710.0 ? 710.0 : x;
    // x = n log(2) + r, with log(2) in two parts, so that n times the first is exact
    double n = (x * 1.4426950408889634 + netspec_whole) - netspec_whole;
    double r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10;
    double p = 1.0 / 6227020800.0;  // the series of exp(r), |r| < 0.35
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = 1.0 + (r + r * r * p);
    // in two factors, since 2^n alone may be too large or too small for a double
    double half = (n * 0.5 + netspec_whole) - netspec_whole;
    return p * netspec_power_of_two(half) * netspec_power_of_two(n - half);
}
"""
EXPREL = """
#include <math.h>
static inline double netspec_exprel(double x) { return x == 0.0 ? 1.0 : expm1(x) / x; }
"""
OWN = {"exp": "netspec_exp", "exprel": "netspec_exprel"}  # in place of Brian2's
QUOTIENT = "static inline double netspec_quotient(double a, double b) { return a / b; }"

# The clock of a synapse, in steps: negative if something is to be done once it has gone on.
SINCE = """
#include <math.h>
static inline double netspec_since(double last, double now) { return now - fabs(last); }
"""
DUE = """
static inline double netspec_due(double last, double now) {
    return last < 0.0 && last != -now ? 1.0 : 0.0;
}
"""
CLOCK = """
static inline double netspec_clock(double last, double now) { return last == -now ? last : now; }
"""
CHOICE = """
static inline double netspec_choice(double due, double then, double other) {
    return due != 0.0 ? then : other;
}
"""


def since(last: Any, now: Any) -> Any:
    """Return the steps from a clock until now."""
    return now - np.abs(last)


def due(last: Any, now: Any) -> Any:
    """Return 1 where a clock that has gone on since then was negative, else 0."""
    return np.where((last < 0) & (last != -now), 1.0, 0.0)


def clock(last: Any, now: Any) -> Any:
    """Return the clock now, which stays negative in the step that made it so."""
    return np.where(last == -now, last, now)


def choice(due: Any, then: Any, other: Any) -> Any:
    """Return one value where something is due, else the other."""
    return np.where(due != 0, then, other)


def namespace() -> dict[str, Any]:
    """Return the functions that `vectorisable` puts in, and those of clocks, by their names.

    Without a compiler they are NumPy's.
    """
    from brian2 import Function

    found = {}
    for name, plain, source, arguments in (
        ("exp", np.exp, EXP, ["x"]),
        ("exprel", ex.exprel, EXPREL, ["x"]),
        ("quotient", np.divide, QUOTIENT, ["a", "b"]),
        ("since", since, SINCE, ["last", "now"]),
        ("due", due, DUE, ["last", "now"]),
        ("clock", clock, CLOCK, ["last", "now"]),
        ("choice", choice, CHOICE, ["due", "then", "other"]),
    ):
        ours = f"netspec_{name}"
        function = found[ours] = Function(plain, arg_units=[1] * len(arguments), return_unit=1)
        declaration = f"double {ours}({', '.join(f'double {x}' for x in arguments)})"
        code = f"cdef extern from *:\n    '''{source}'''\n    {declaration}\n"
        function.implementations.add_implementation("cython", code, name=ours)
    return found


def vectorisable(tree: ex.Expr) -> ex.Expr:
    """Return the expression with functions of `namespace` for every exp() and division."""
    if not isinstance(tree, (ex.Operation, ex.Call)):
        return tree
    args = tuple(map(vectorisable, tree.args))
    if isinstance(tree, ex.Call):
        return ex.Call(OWN.get(tree.function, tree.function), args)
    return ex.Call("netspec_quotient", args) if tree.op == "/" else ex.Operation(tree.op, args)
