"""What the compilers of neuron and of synapse models have alike: reading and checking equations."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from netspec.describe import expressions as ex
from netspec.describe import units
from netspec.describe.units import Dimension
from netspec.errors import ExpressionError, Fault, NetspecError, UnitError, nearest, shown

_NAME = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_LINE = re.compile(
    rf"\s*(?:d(?P<state>{_NAME})\s*/\s*dt|(?P<shortcut>{_NAME}))\s*=(?P<rhs>[^=:].*?):"
    r"\s*(?P<unit>[\w/]+)\s*(?P<flag>\(.*\))?\s*"
)
_BEGIN = re.compile(rf"(?:d{_NAME}\s*/\s*dt|{_NAME})\s*=(?!=)")
Unit = Literal["1", "ms", "mV", "pA", "nS", "pF", "GOhm", "1/ms", "1/mV"]
# Words of Python, C and the simulators' languages, and of equations to come. Names are apart from
# them in generated code (`lowering.own`), but who reads the equations would take one for the other.
RESERVED = frozenset({
    "pi", "e", "inf", "xi", "rand", "randn", "poisson", "binomial", "lastspike",
    "not_refractory", "refractory_left", "t", "dt", "i", "j", "N", "active", "refractory_steps",
    "auto", "bool", "break", "case", "char", "const", "continue", "default", "do", "double",
    "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
    "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
    "union", "unsigned", "void", "volatile", "while",
    *keyword.kwlist, *ex.UNIT_NAMES,
})  # fmt: skip
# of the temporaries of a step, see `netspec.realise.lowering`
RESERVED_PREFIXES = (
    *("next_", "const_", "full_", "half_", "reset_", "poisson_", "netspec_"),
    *("k1_", "k2_", "k3_", "k4_", "y2_", "y3_", "y4_"),
)


def parameter_shorthand(value: Any) -> Any:
    """Let ``"250 pF"`` or a plain number stand for a whole parameter."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        measured = units.measured(value)
        dimension = getattr(measured, "dimension", units.NONE)
        unit = next((u for u, d in units.COHERENT.items() if d == dimension), None)
        if unit is None:
            raise UnitError(f"given {value!r}: {dimension} is no canonical unit")
        return {"default": float(measured), "unit": unit}
    return value


def _is_number(tree: ex.Expr) -> bool:
    """Return whether an expression is nothing but a number, perhaps with a minus in front."""
    if isinstance(tree, ex.Operation) and tree.op == "neg":
        (tree,) = tree.args
    return isinstance(tree, ex.Number)


class Compiler:
    """Read and check a model; every fault is added to a list instead of stopping.

    Attributes
    ----------
    model : NeuronModel or SynapseModel
    faults : list of Fault
    units : dict
        Name of a parameter, state, shortcut or input -> unit.
    dimensions : dict
        The same names -> dimension.
    """

    model: Any
    faults: list[Fault]
    units: dict[str, str]
    dimensions: dict[str, Dimension]

    def fault(self, path: str, given: str, allowed: str, hint: str = "") -> None:
        """Add a fault, once."""
        fault = Fault(path, given, allowed, hint)
        if fault not in self.faults:
            self.faults.append(fault)

    def declare(self, names: Sequence[str], notes: Mapping[str, str]) -> None:
        """Check that each name is declared once and free; `notes` are added to what is said."""
        for name in dict.fromkeys(names):
            taken = name in RESERVED or name in ex.FUNCTIONS or name.startswith(RESERVED_PREFIXES)
            if names.count(name) > 1 or taken:
                why = "reserved" if names.count(name) == 1 else "declared more than once"
                self.fault("equations", name, f"the name is {why}{notes.get(name, '')}")

    def matches(self, reads: str) -> Iterator[tuple[re.Match[str], str]]:
        """Yield every equation that can be read, and its flag; `reads` is an example of one."""
        for text in _whole_lines(self.model.equations):
            match = _LINE.fullmatch(text) if len(text) <= 2 * ex.MAX_LENGTH else None
            if match is None:
                self.fault("equations", shown(text), f"a line reads '{reads}'")
            else:
                yield match, (match["flag"] or "").strip("() ")

    def is_unit(self, unit: str, allowed: Sequence[str]) -> bool:
        """Return whether the unit of an equation is one; a fault if not."""
        if unit in allowed:
            return True
        hint = nearest(unit, list(allowed))
        self.fault("equations", f"unit {unit!r}", f"allowed: {', '.join(allowed)}", hint)
        return False

    def expression(
        self,
        path: str,
        text: str,
        wanted: Dimension | None,
        number: bool = False,
        more: Callable[[ex.Expr], Mapping[str, Dimension]] = lambda tree: {},
    ) -> ex.Expr:
        """Parse and check; `wanted` None asks for a condition.

        With `number`, a bare number is in the canonical unit that is wanted, as it is everywhere.
        What an expression may name beside what is declared has the dimensions of `more`.
        """
        try:
            tree = ex.parse(text)
            if number and _is_number(tree):
                return tree
            found = ex.dimension(tree, self.dimensions | dict(more(tree)))
            if wanted is None and not ex.is_condition(tree):
                raise ExpressionError(f"{text!r} is no condition such as 'V_m >= V_th'")
            if wanted is not None and ex.is_condition(tree):
                raise ExpressionError(
                    f"{text!r} is a condition, expected a number in {wanted}; "
                    "int(...) makes 0 or 1 of it"
                )
            if wanted is not None and found != wanted and not ex.is_zero(tree):
                raise ExpressionError(f"{text!r} is in {found}, expected {wanted}")
        except ExpressionError as error:
            self.fault(path, shown(text), str(error))
            return ex.Number(0.0)
        return tree

    def written_out(self, path: str, tree: ex.Expr, shortcuts: dict[str, ex.Expr]) -> ex.Expr:
        """Return the expression without shortcuts; a fault if that makes it too large."""
        if not ex.names(tree) & shortcuts.keys():
            return tree
        try:
            return ex.limited(ex.substitute(tree, shortcuts))
        except ExpressionError as error:
            self.fault(path, "shortcuts that use shortcuts", str(error))
            return ex.Number(0.0)

    def known(self, path: str, name: str, allowed: Any, what: str) -> bool:
        """Return whether a name is among those allowed; a fault if not."""
        if name in allowed:
            return True
        self.fault(
            path, repr(name), f"{what}, one of {', '.join(allowed)}", nearest(name, list(allowed))
        )
        return False

    def positive(self, trees: Iterable[ex.Expr], among: Sequence[str]) -> frozenset[str]:
        """Return the parameters in some units by which expressions divide; faults where not > 0."""
        parameters = self.model.parameters
        divisors = frozenset().union(*map(ex.divisors, trees))
        found = frozenset(n for n in divisors & set(parameters) if self.units[n] in among)
        for name in sorted(found):
            value = parameters[name].default
            if value is not None and value <= 0:
                allowed = "a value above 0, since equations divide by it"
                self.fault(f"parameters.{name}", f"{value:g} {self.units[name]}", allowed)
        return found

    def initial_value(
        self, path: str, value: Any, unit: str, number: Callable[[Any, str], float]
    ) -> float | str | None:
        """Return an initial value, by `number` in its unit, or a parameter's name, if it is one."""
        if isinstance(value, str):
            if not self.known(path, value, self.model.parameters, "a number or a parameter"):
                return None
            if (own := self.model.parameters[value].unit) != unit:
                self.fault(path, f"{value} in {own}", f"a value in {unit}")
            return value
        try:
            return number(value, unit)
        except NetspecError as error:
            self.fault(path, str(value), str(error))
            return None


def _whole_lines(text: str) -> list[str]:
    """Return the equations one by one; one goes on over lines until it has its unit."""
    found: list[str] = []
    for line in (line.split("#")[0].strip() for line in text.splitlines()):
        open_ = found and len(found[-1]) < ex.MAX_LENGTH and not _LINE.fullmatch(found[-1])
        if open_ and not _BEGIN.match(line):
            found[-1] = f"{found[-1]} {line}".strip()
        elif line:
            found.append(line)
    return found
