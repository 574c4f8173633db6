"""The small safe language of equations: numbers, names, ``+ - * / ^``, conditions, functions.

Text is read into a tree of frozen nodes, never evaluated by Python. A tree can be checked
for dimensions, evaluated on arrays, differentiated where it is affine, and printed as C or
Python source, which is all that the adapters need.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from netspec.describe.units import COHERENT, NONE, Dimension
from netspec.errors import ExpressionError, choices, nearest

MAX_LENGTH = 2000
MAX_DEPTH = 60  # of parentheses and operators in the text
# of a tree, shortcuts written out: shortcuts that use shortcuts twice grow as 2^n
MAX_NODES = 5000
MAX_TREE_DEPTH = 150


@dataclass(frozen=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True)
class Name:
    """A state variable, parameter, input or unit."""

    id: str


@dataclass(frozen=True)
class Operation:
    """``+ - * / ^ < <= > >= == != and or not neg`` on one or two operands."""

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Call:
    """A function of `FUNCTIONS`."""

    function: str
    args: tuple[Expr, ...]


Expr = Number | Name | Operation | Call


def exprel(x: Any) -> Any:
    """Return ``(exp(x) - 1)/x``, which is 1 at zero."""
    other = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.expm1(other) / other)[()]


def indicator(condition: Any) -> Any:
    """Return 1.0 where a condition holds, and 0.0 elsewhere."""
    return np.where(condition, 1.0, 0.0)[()]


# name: (number of arguments, NumPy function, C name); all of them exist in Brian2 or are inlined
FUNCTIONS: dict[str, tuple[int, Callable[..., Any], str]] = {
    "exp": (1, np.exp, "exp"),
    "expm1": (1, np.expm1, "expm1"),
    "log": (1, np.log, "log"),
    "log10": (1, np.log10, "log10"),
    "log1p": (1, np.log1p, "log1p"),
    "sqrt": (1, np.sqrt, "sqrt"),
    "abs": (1, np.abs, "fabs"),
    "sin": (1, np.sin, "sin"),
    "cos": (1, np.cos, "cos"),
    "tan": (1, np.tan, "tan"),
    "sinh": (1, np.sinh, "sinh"),
    "cosh": (1, np.cosh, "cosh"),
    "tanh": (1, np.tanh, "tanh"),
    "floor": (1, np.floor, "floor"),
    "ceil": (1, np.ceil, "ceil"),
    "clip": (3, np.clip, ""),
    "exprel": (1, exprel, ""),  # where a rate of Hodgkin and Huxley's is 0/0
    "int": (1, indicator, ""),  # of a condition: the only way for one to become a number
}
_SAME_DIMENSION = {"abs", "clip"}
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
# Units usable inside an expression, as their size in coherent units.
UNIT_NAMES = {"ms": 1.0, "mV": 1.0, "pA": 1.0, "pF": 1.0, "nS": 1.0, "GOhm": 1.0}

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)(?![A-Za-z_])"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]{0,63})"
    r"|(?P<op>\*\*|<=|>=|==|!=|[-+*/^<>(),]))"
)


def _tokens(text: str) -> list[tuple[str, str, int]]:
    found, position, text = [], 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"cannot read {text[position : position + 12]!r} in {text!r}")
        kind = str(match.lastgroup)
        value = "^" if match[kind] == "**" else match[kind]
        if kind == "name" and value in ("and", "or", "not"):
            kind = "op"
        found.append((kind, value, match.start(kind)))
        position = match.end()
    return [*found, ("end", "", position)]


class _Parser:
    """Recursive descent with precedence climbing."""

    BINARY = {"or": 1, "and": 2, **dict.fromkeys(_COMPARISONS, 4), "+": 5, "-": 5, "*": 6, "/": 6}

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, _tokens(text), 0

    def fail(self, wanted: str) -> ExpressionError:
        _, value, position = self.tokens[self.at]
        got = repr(value) if value else "the end"
        return ExpressionError(f"{wanted} expected, found {got} at {position} in {self.text!r}")

    def take(self, value: str) -> bool:
        if self.tokens[self.at][0] == "op" and self.tokens[self.at][1] == value:
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        if not self.take(value):
            raise self.fail(repr(value))

    def expression(self, level: int, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep: {self.text[:60]!r}...")
        left = self.unary(depth)
        while True:
            kind, op, _ = self.tokens[self.at]
            binding = self.BINARY.get(op, 0) if kind == "op" else 0
            if binding < max(level, 1):
                return left
            self.at += 1
            right = self.expression(binding + 1, depth + 1)
            if op in _COMPARISONS and self.tokens[self.at][1] in _COMPARISONS:
                raise self.fail("one comparison at a time")
            left = Operation(op, (left, right))

    def unary(self, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep: {self.text[:60]!r}...")
        if self.take("-"):
            return Operation("neg", (self.unary(depth + 1),))
        if self.take("+"):
            return self.unary(depth + 1)
        if self.take("not"):
            return Operation("not", (self.expression(3, depth + 1),))
        base = self.atom(depth)
        if self.take("^"):
            return Operation("^", (base, self.unary(depth + 1)))
        return base

    def atom(self, depth: int) -> Expr:
        kind, value, _ = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            number = float(value)
            if not math.isfinite(number):
                raise ExpressionError(f"the number {value} is too large")
            return Number(number)
        if kind == "name":
            self.at += 1
            if not self.take("("):
                return Name(value)
            return self.call(value, depth)
        if self.take("("):
            inner = self.expression(1, depth + 1)
            self.expect(")")
            return inner
        raise self.fail("a number, a name or '('")

    def call(self, function: str, depth: int) -> Call:
        if function not in FUNCTIONS:
            raise ExpressionError(
                f"unknown function {function!r}; {choices(FUNCTIONS)}. "
                + nearest(function, list(FUNCTIONS))
            )
        args = [self.expression(1, depth + 1)]
        while self.take(","):
            args.append(self.expression(1, depth + 1))
        self.expect(")")
        if len(args) != FUNCTIONS[function][0]:
            raise ExpressionError(
                f"{function} takes {FUNCTIONS[function][0]} argument(s), given {len(args)}"
            )
        return Call(function, tuple(args))


@lru_cache(maxsize=4096)
def parse(text: str) -> Expr:
    """Read `text` into an expression tree.

    Raises
    ------
    ExpressionError
        With the place and what was expected there.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters: {text[:60]!r}...")
    parser = _Parser(text)
    tree = parser.expression(1, 0)
    if parser.tokens[parser.at][0] != "end":
        raise parser.fail("an operator or the end")
    return limited(tree)


def limited(tree: Expr) -> Expr:
    """Return the expression, or refuse one too large to work with.

    Raises
    ------
    ExpressionError
        If it has more than `MAX_NODES` parts or is nested deeper than `MAX_TREE_DEPTH`.
    """
    nodes, depth = measure(tree)
    if nodes > MAX_NODES:
        raise ExpressionError(f"an expression of {nodes} parts; at most {MAX_NODES}")
    if depth > MAX_TREE_DEPTH:
        raise ExpressionError(f"an expression nested {depth} deep; at most {MAX_TREE_DEPTH}")
    return tree


def measure(tree: Expr) -> tuple[int, int]:
    """Return the number of nodes and the depth; parts that are shared are visited once."""
    found: dict[int, tuple[int, int]] = {}
    stack = [tree]
    while stack:
        below = children(stack[-1])
        missing = [child for child in below if id(child) not in found]
        if missing:
            stack += missing
            continue
        sizes = [found[id(child)] for child in below]
        nodes, depth = sum(n for n, _ in sizes), max((d for _, d in sizes), default=0)
        found[id(stack.pop())] = (nodes + 1, depth + 1)
    return found[id(tree)]


def children(tree: Expr) -> tuple[Expr, ...]:
    """Return the direct sub-expressions."""
    return tree.args if isinstance(tree, (Operation, Call)) else ()


def names(tree: Expr) -> frozenset[str]:
    """Return every name that occurs in the expression."""
    if isinstance(tree, Name):
        return frozenset({tree.id})
    return frozenset().union(*(names(child) for child in children(tree)))


def divisors(tree: Expr) -> frozenset[str]:
    """Return the names that the expression divides by: whole divisors, and factors of them."""
    found = frozenset().union(*(divisors(child) for child in children(tree)))
    if isinstance(tree, Operation) and tree.op == "/":
        found |= _factors(tree.args[1])
    return found


def _factors(tree: Expr) -> frozenset[str]:
    if isinstance(tree, Name):
        return frozenset({tree.id})
    if isinstance(tree, Operation) and tree.op in ("*", "/", "^"):
        return frozenset().union(*map(_factors, tree.args[: 1 if tree.op in "/^" else 2]))
    return frozenset()


def substitute(tree: Expr, values: Mapping[str, Expr]) -> Expr:
    """Return the expression with names replaced by other expressions."""
    if isinstance(tree, Name):
        return values.get(tree.id, tree)
    if isinstance(tree, Number):
        return tree
    args = tuple(substitute(child, values) for child in tree.args)
    return Operation(tree.op, args) if isinstance(tree, Operation) else Call(tree.function, args)


def is_condition(tree: Expr) -> bool:
    """Return whether the expression is true or false instead of a number."""
    return isinstance(tree, Operation) and tree.op in (*_COMPARISONS, "and", "or", "not")


def dimension(tree: Expr, known: Mapping[str, Dimension]) -> Dimension:
    """Return the dimension of an expression, given those of its names.

    What is compared, added or bounded is of one dimension; a literal 0 is of any.

    Raises
    ------
    ExpressionError
        For an unknown name or operands that do not fit each other.
    """
    if isinstance(tree, Number):
        return NONE
    if isinstance(tree, Name):
        if tree.id in known:
            return known[tree.id]
        if tree.id in UNIT_NAMES:
            return COHERENT[tree.id]
        raise ExpressionError(
            f"unknown name {tree.id!r}; {choices(known)}. {nearest(tree.id, list(known))}".rstrip()
        )
    above = tree.op if isinstance(tree, Operation) else f"{tree.function}()"
    logical = above in ("and", "or", "not", "int()")
    for child in tree.args:
        if is_condition(child) != logical:
            how = "; int(...) makes 0 or 1 of a condition" if not logical else ", no condition"
            raise ExpressionError(f"{to_source(child)!r} cannot stand under {above!r}{how}")
    if isinstance(tree, Operation) and tree.op == "^":
        return _power_dimension(tree, known)
    operands = [dimension(child, known) for child in tree.args]
    if logical:
        return NONE
    if isinstance(tree, Call):
        if tree.function in _SAME_DIMENSION:
            return _all_equal(tree, operands)
        if tree.function == "sqrt":
            return NONE.times(operands[0], Fraction(1, 2))
        if operands[0] != NONE:
            raise ExpressionError(
                f"{tree.function}() takes a number without unit, given "
                f"{to_source(tree.args[0])} in {operands[0]}"
            )
        return NONE
    if tree.op == "*":
        return operands[0].times(operands[1])
    if tree.op == "/":
        return operands[0].times(operands[1], -1)
    result = _all_equal(tree, operands)
    return NONE if tree.op in _COMPARISONS else result


def is_zero(tree: Expr) -> bool:
    """Return whether an expression is a literal 0, which is the same in every unit."""
    if isinstance(tree, Operation) and tree.op == "neg":
        (tree,) = tree.args
    return isinstance(tree, Number) and tree.value == 0


def _all_equal(tree: Operation | Call, operands: list[Dimension]) -> Dimension:
    pairs = list(zip(tree.args, operands, strict=True))
    first, wanted = next((pair for pair in pairs if not is_zero(pair[0])), pairs[0])
    for child, found in pairs:
        if found != wanted and not is_zero(child):
            raise ExpressionError(
                f"{to_source(first)} is in {wanted}, but {to_source(child)} is in {found}"
            )
    return wanted


def _power_dimension(tree: Operation, known: Mapping[str, Dimension]) -> Dimension:
    base = dimension(tree.args[0], known)
    exponent = tree.args[1]
    if isinstance(exponent, Operation) and exponent.op == "neg":
        exponent = exponent.args[0]
        sign = -1
    else:
        sign = 1
    if dimension(tree.args[1], known) != NONE:
        raise ExpressionError(f"the exponent {to_source(tree.args[1])} has a unit")
    if base == NONE:
        return NONE
    if not isinstance(exponent, Number) or exponent.value != int(exponent.value):
        raise ExpressionError(f"{to_source(tree)}: a quantity with a unit needs a whole exponent")
    return NONE.times(base, sign * int(exponent.value))


_NUMPY: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
    "==": np.equal, "!=": np.not_equal, "and": np.logical_and, "or": np.logical_or,
    "not": np.logical_not, "neg": np.negative,
}  # fmt: skip


def function_of(tree: Operation | Call) -> Callable[..., Any]:
    """Return the function of NumPy's that an operation or a call is of its arguments."""
    return _NUMPY[tree.op] if isinstance(tree, Operation) else FUNCTIONS[tree.function][1]


def evaluate(tree: Expr, values: Mapping[str, Any]) -> Any:
    """Evaluate on floats or arrays of equal shape; `values` holds every name."""
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Name):
        return values[tree.id] if tree.id in values else UNIT_NAMES[tree.id]
    args = [evaluate(child, values) for child in tree.args]
    return function_of(tree)(*args)


def is_affine(tree: Expr, variables: frozenset[str] | set[str]) -> bool:
    """Return whether the expression is, as written, of degree at most one in `variables`."""
    return _degree(tree, frozenset(variables)) <= 1


def _degree(tree: Expr, variables: frozenset[str]) -> int:
    if isinstance(tree, Number):
        return 0
    if isinstance(tree, Name):
        return int(tree.id in variables)
    degrees = [_degree(child, variables) for child in tree.args]
    if isinstance(tree, Operation):
        if tree.op in ("+", "-", "neg"):
            return max(degrees)
        if tree.op == "*":
            return sum(degrees)
        if tree.op == "/" and degrees[1] == 0:
            return degrees[0]
    return 2 if any(degrees) else 0


def coefficient(tree: Expr, variable: str) -> Expr | None:
    """Return the factor of `variable` in an affine expression, or None if it does not occur."""
    if isinstance(tree, Name):
        return Number(1.0) if tree.id == variable else None
    if not isinstance(tree, Operation):
        return None
    parts = [coefficient(child, variable) for child in tree.args]
    first = parts[0]
    if tree.op == "neg":
        return None if first is None else Operation("neg", (first,))
    second = parts[1]
    if tree.op in ("+", "-"):
        if second is None:
            return first
        if first is None:
            return second if tree.op == "+" else Operation("neg", (second,))
        return Operation(tree.op, (first, second))
    if tree.op == "*":
        if first is not None:
            return Operation("*", (first, tree.args[1]))
        return None if second is None else Operation("*", (tree.args[0], second))
    return None if first is None else Operation("/", (first, tree.args[1]))


_LEVEL = {"or": 1, "and": 2, "not": 3, **dict.fromkeys(_COMPARISONS, 4),
          "+": 5, "-": 5, "*": 6, "/": 6, "neg": 7, "^": 8}  # fmt: skip
_C_WORDS = {"and": "&&", "or": "||"}


def to_source(tree: Expr, language: str = "python") -> str:
    """Print the expression as ``python`` (also what Brian2 reads) or ``c`` source."""
    return _print(tree, language, 0)


def _print(tree: Expr, language: str, outer: int) -> str:
    if isinstance(tree, Number):
        text = repr(float(tree.value))
        return f"({text})" if text.startswith("-") and outer else text
    if isinstance(tree, Name):
        return tree.id
    if isinstance(tree, Call):
        if tree.function == "clip" and language == "c":
            value, low, high = (_print(a, language, 0) for a in tree.args)
            return f"fmin(fmax({value}, {low}), {high})"
        if tree.function == "exprel" and language == "c":
            equal, value, below = (_print(tree.args[0], language, level) for level in (5, 0, 7))
            return f"(({equal} == 0.0) ? 1.0 : expm1({value}) / {below})"
        if tree.function == "int" and language == "c":
            return f"(({_print(tree.args[0], language, 0)}) ? 1.0 : 0.0)"
        args = ", ".join(_print(a, language, 0) for a in tree.args)
        name = FUNCTIONS[tree.function][2] if language == "c" else tree.function
        return f"{name}({args})"
    level = _LEVEL[tree.op]
    if tree.op == "^" and language == "c":
        return f"pow({_print(tree.args[0], language, 0)}, {_print(tree.args[1], language, 0)})"
    if len(tree.args) == 1:
        sign = {"neg": "-", "not": "!" if language == "c" else "not "}[tree.op]
        # C's ! binds tighter than Python's not, and -(-x) must not become C's decrement
        text = sign + _print(tree.args[0], language, 9 if tree.op == "not" else level + 1)
    else:
        op = {"^": "**"}.get(tree.op, tree.op)
        op = _C_WORDS.get(op, op) if language == "c" else op
        left = _print(tree.args[0], language, level + (tree.op == "^"))
        right = _print(tree.args[1], language, level + (tree.op != "^"))
        text = f"{left} {op} {right}"
    return f"({text})" if level < outer else text
