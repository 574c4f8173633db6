"""The language of equations: read, print, evaluate, check, and nothing else."""

import contextlib
import math
import operator
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from netspec.describe import expressions as ex
from netspec.describe.expressions import Call, Name, Number, Operation
from netspec.describe.units import COHERENT, NONE
from netspec.errors import ExpressionError

VALUES = {"x": 0.75, "y": -1.5, "tau_m": 10.0}

leaves = st.one_of(
    st.floats(0, 1e300, allow_nan=False).map(Number), st.sampled_from(sorted(VALUES)).map(Name)
)


def _grown(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds(Operation, st.sampled_from(["+", "-", "*", "/", "^"]), pair),
        st.builds(Operation, st.just("neg"), st.tuples(inner)),
        st.builds(Call, st.sampled_from(["exp", "tanh", "abs", "log1p"]), st.tuples(inner)),
        st.builds(Call, st.just("clip"), st.tuples(inner, inner, inner)),
        st.builds(Call, st.just("int"), st.tuples(_compared(inner))),
    )


def _compared(inner):
    return st.builds(
        Operation, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.tuples(inner, inner)
    )


def _logical(inner):
    return st.recursive(
        inner,
        lambda some: st.one_of(
            st.builds(Operation, st.sampled_from(["and", "or"]), st.tuples(some, some)),
            st.builds(Operation, st.just("not"), st.tuples(some)),
        ),
        max_leaves=5,
    )


numeric = st.recursive(leaves, _grown, max_leaves=12)
conditions = _logical(_compared(numeric))
indicators = st.builds(Call, st.just("int"), st.tuples(conditions))
arithmetic = st.recursive(
    st.one_of(st.integers(0, 9).map(float).map(Number), st.sampled_from(["x", "y"]).map(Name)),
    lambda inner: st.one_of(
        st.builds(Operation, st.sampled_from("+-*"), st.tuples(inner, inner)),
        st.builds(Operation, st.just("neg"), st.tuples(inner)),
    ),
    max_leaves=20,
)
PYTHON = {"+": operator.add, "-": operator.sub, "*": operator.mul, "neg": operator.neg}


def by_hand(tree):
    """Evaluate with Python's own floats."""
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Name):
        return VALUES[tree.id]
    return PYTHON[tree.op](*map(by_hand, tree.args))


@given(st.one_of(numeric, conditions, indicators))
def test_what_is_printed_reads_back_as_the_same_tree(tree):
    assert ex.parse(ex.to_source(tree)) == tree


@given(arithmetic)
def test_evaluation_is_floating_point_arithmetic(tree):
    assert ex.evaluate(tree, VALUES) == by_hand(tree)
    # and Python reads the printed text in the same way
    assert eval(ex.to_source(tree), {}, dict(VALUES)) == by_hand(tree)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2^2", -4.0),
        ("2^3^2", 512.0),
        ("2**-1", 0.5),
        ("1 - 2 - 3", -4.0),
        ("8/4/2", 1.0),
        ("-(-3)", 3.0),
        ("+3", 3.0),
        ("2*-3", -6.0),
        ("clip(7, 0, 5)", 5.0),
        ("exp(0) + log10(100) + sqrt(9) + floor(1.5) + ceil(1.5)", 9.0),
        ("not 1 < 2 or 3 > 2 and 1 == 1", True),
        ("not (1 < 2 or 3 > 2)", False),
        ("1e-3*1E3", 1.0),
        ("int(2 > 1) + 3*int(not 2 > 1 or 1 != 1)", 1.0),
        ("3 mV".replace(" ", "*"), 3.0),
    ],
)
def test_precedence_is_that_of_mathematics(text, value):
    assert ex.evaluate(ex.parse(text), {}) == value


def test_functions_are_those_of_the_mathematical_library():
    for name, (count, _, c_name) in ex.FUNCTIONS.items():
        if count == 1 and c_name:
            found = ex.evaluate(ex.parse(f"{name}(x)"), VALUES)
            assert found == pytest.approx(getattr(math, c_name)(0.75), rel=1e-15)


def test_evaluation_goes_over_arrays():
    found = ex.evaluate(ex.parse("clip(x, 0, 1) * (x > 0.25)"), {"x": np.linspace(0, 2, 5)})
    assert found.tolist() == [0.0, 0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("-(-x)", "-(-x)"),
        ("x - -y", "x - -y"),
        ("x^2", "pow(x, 2.0)"),
        ("-x^y", "-pow(x, y)"),
        ("not x < y", "!(x < y)"),
        ("not not x < y", "!(!(x < y))"),
        ("x < y and (y < x or x == y)", "x < y && (y < x || x == y)"),
        ("clip(x, 0, 1)", "fmin(fmax(x, 0.0), 1.0)"),
        ("abs(x)", "fabs(x)"),
        ("2*int(x < y and not x == 1)", "2.0 * ((x < y && !(x == 1.0)) ? 1.0 : 0.0)"),
        ("x/(y*tau_m)", "x / (y * tau_m)"),
        ("1", "1.0"),
    ],
)
def test_c_source(text, source):
    assert ex.to_source(ex.parse(text), "c") == source


def test_a_negative_number_is_printed_as_one_operand():
    minus = Number(-2.0)
    assert ex.to_source(Operation("^", (minus, Number(2.0)))) == "(-2.0) ** 2.0"
    assert ex.to_source(Operation("neg", (minus,)), "c") == "-(-2.0)"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_compiler_reads_c_source_as_meant(tmp_path):
    texts = [
        "-(-x) - -y", "2^3^2 - x^2*y", "-x^2", "x - (y - tau_m)", "x/(y/tau_m)/2", "1/3*x",
        "clip(x*y, -1, tau_m)", "abs(y) + exp(-x)/7", "1e22 + x",
        "-int(x > y) - 2*int(x < y or x > 9)",
    ]  # fmt: skip
    conditions = ["not x < y and not (x > 0 or y > 0)", "x < y or y < x and not x == y"]
    body = "".join(f'printf("%.17g\\n", {ex.to_source(ex.parse(t), "c")});' for t in texts)
    body += "".join(f'printf("%d\\n", {ex.to_source(ex.parse(t), "c")});' for t in conditions)
    names = "".join(f"double {name} = {value};" for name, value in VALUES.items())
    source = f"#include <math.h>\n#include <stdio.h>\nint main(void) {{{names}{body}}}\n"
    (tmp_path / "a.c").write_text(source)
    subprocess.run(["cc", "a.c", "-o", "a", "-lm"], cwd=tmp_path, check=True, timeout=60)
    lines = subprocess.run(["./a"], cwd=tmp_path, check=True, timeout=10, capture_output=True)
    expected = [float(ex.evaluate(ex.parse(t), VALUES)) for t in [*texts, *conditions]]
    assert [float(v) for v in lines.stdout.split()] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    ["", "x +", "(x", "x)", "x y", "1 2", "1.x", "2x", "x..y", "x < y < x", "f(x)", "exp()",
     "exp(x, x)", "clip(x)", "x;y", "x.real", "x[0]", "'a'", "x if y else x", "lambda: 0", "x := 1",
     "__import__('os').system('true')", "eval(x)", "x = y", "1e999", "x & y", "ä", "x\x00"],
)  # fmt: skip
def test_what_is_not_in_the_language_is_refused(text):
    with pytest.raises(ExpressionError):
        ex.parse(text)


@given(st.text(max_size=80) | st.text("xy01.+-*/^()<=>!, andort", max_size=40))
def test_no_text_raises_anything_but_an_expression_error(text):
    with contextlib.suppress(ExpressionError):
        ex.to_source(ex.parse(text))


@pytest.mark.parametrize(
    "text",
    ["(" * 61 + "x" + ")" * 61, "-" * 100 + "x", "+".join("x" * 200), "x" + "+x" * 1100,
     "2^" * 100 + "2", "exp(" * 70 + "x" + ")" * 70, "not " * 100 + "x < y", "(" * 1999],
)  # fmt: skip
def test_depth_and_length_are_limited(text):
    with pytest.raises(ExpressionError, match=r"deep|longer|at most"):
        ex.parse(text)


def test_parts_that_are_shared_count_as_often_as_they_occur():
    tree = Name("x")
    for _ in range(40):
        tree = Operation("+", (tree, tree))
    assert ex.measure(tree) == (2**41 - 1, 41)
    with pytest.raises(ExpressionError, match="parts"):
        ex.limited(tree)


KNOWN = {"V_m": COHERENT["mV"], "I": COHERENT["pA"], "C": COHERENT["pF"], "n": NONE}


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("I/C", "mV/ms"),
        ("V_m + 3*mV", "mV"),
        ("I/V_m", "nS"),
        ("sqrt(V_m^2)", "mV"),
        ("V_m^-1", "1/mV"),
        ("abs(V_m)", "mV"),
        ("clip(V_m, -80*mV, 0*mV)", "mV"),
        ("exp(V_m/mV)*n^n", "1"),
        ("V_m > 0*mV", "1"),
        ("V_m > 0 and 0 < I", "1"),
        ("int(V_m > 0 or not I <= 2*pA)*V_m", "mV"),
        ("clip(V_m, -0, 3*mV) + 0", "mV"),
        ("0 - V_m", "mV"),
    ],
)
def test_dimension(text, unit):
    wanted = COHERENT["mV"].times(COHERENT["ms"], -1) if unit == "mV/ms" else COHERENT[unit]
    assert ex.dimension(ex.parse(text), KNOWN) == wanted


@pytest.mark.parametrize(
    "text",
    ["V_m + I", "V_m + 1", "exp(V_m)", "V_m > 1", "V_m^n", "V_m^0.5", "n^V_m", "W", "ms + V_m",
     "clip(V_m, 0, 1)", "n and n", "not n", "(n < n) + n", "(n < n)*2", "exp(n < n)", "(n < n)^2",
     "int(n)", "int(V_m > I)", "int(V_m > 1)", "int(n < n) + V_m", "int(n < n) and n < n",
     "0*V_m + I",
     "-(n < n)", "(n < n) == (n < n)", "clip(n < n, n, n)", "sin(3*mV)", "2^(n < n)"],
)  # fmt: skip
def test_operands_that_do_not_fit_are_refused(text):
    with pytest.raises(ExpressionError):
        ex.dimension(ex.parse(text), KNOWN)


def test_an_indicator_is_a_number_for_every_neuron():
    tree = ex.parse("int(x > 1 and x < 3)")
    assert ex.evaluate(tree, {"x": np.array([0.0, 2.0, 4.0])}).tolist() == [0.0, 1.0, 0.0]
    assert ex.evaluate(tree, {"x": 2.0}) == 1.0


def test_a_condition_that_should_be_a_number_is_told_how():
    with pytest.raises(ExpressionError, match=r"int\(...\) makes 0 or 1 of a condition"):
        ex.dimension(ex.parse("2*(n < 1)"), KNOWN)


def test_an_unknown_name_names_its_neighbour():
    with pytest.raises(ExpressionError, match="did you mean 'V_m'"):
        ex.dimension(ex.parse("Vm + V_m"), KNOWN)


@given(arithmetic, st.floats(-100, 100))
def test_an_affine_expression_is_its_coefficient_times_the_variable(tree, at):
    if not ex.is_affine(tree, {"x"}):
        return
    factor = ex.coefficient(tree, "x")
    slope = 0.0 if factor is None else ex.evaluate(factor, {"x": 0.0, "y": 1.5})
    zero, there = (ex.evaluate(tree, {"x": x, "y": 1.5}) for x in (0.0, at))
    assert there == pytest.approx(zero + slope * at, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("text", ["x*x", "x*y", "1/x", "exp(x)", "x^2", "x < y", "abs(x)"])
def test_what_is_not_affine(text):
    assert not ex.is_affine(ex.parse(text), {"x", "y"})


def test_exprel_is_that_of_scipy_and_one_at_zero():
    x = np.array([0.0, 1e-300, -1e-12, 1e-3, -0.75, 30.0, -800.0])
    found = ex.evaluate(ex.parse("exprel(x)"), {"x": x})
    assert found == pytest.approx(special.exprel(x), rel=1e-15)
    assert ex.evaluate(ex.parse("exprel(x)"), {"x": 0.0}) == 1.0
    assert ex.to_source(ex.parse("exprel(x - y)"), "c") == (
        "((x - y == 0.0) ? 1.0 : expm1(x - y) / (x - y))"
    )


def test_divisors_are_what_a_right_side_divides_by():
    found = ex.divisors(ex.parse("a/(tau*C) + exp(b/(c - d))/e1^2 + f/(g/h)"))
    assert found == {"tau", "C", "e1", "g", "h"}
