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


def namespace() -> dict[str, Any]:
    """Return the functions that `vectorisable` puts in, name -> Brian2's Function.

    Without a compiler they are NumPy's.
    """
    from brian2 import Function

    found = {}
    for name, plain, source, arguments in (
        ("netspec_exp", np.exp, EXP, ["double x"]),
        ("netspec_exprel", ex.exprel, EXPREL, ["double x"]),
        ("netspec_quotient", np.divide, QUOTIENT, ["double a", "double b"]),
    ):
        function = found[name] = Function(plain, arg_units=[1] * len(arguments), return_unit=1)
        declaration = f"double {name}({', '.join(arguments)})"
        code = f"cdef extern from *:\n    '''{source}'''\n    {declaration}\n"
        function.implementations.add_implementation("cython", code, name=name)
    return found


def vectorisable(tree: ex.Expr) -> ex.Expr:
    """Return the expression with functions of `namespace` for every exp() and division."""
    if not isinstance(tree, (ex.Operation, ex.Call)):
        return tree
    args = tuple(map(vectorisable, tree.args))
    if isinstance(tree, ex.Call):
        return ex.Call(OWN.get(tree.function, tree.function), args)
    return ex.Call("netspec_quotient", args) if tree.op == "/" else ex.Operation(tree.op, args)
