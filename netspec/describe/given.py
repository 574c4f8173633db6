"""What may be said of the neurons of a population: numbers, distributions, arrays, formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from netspec.describe import expressions as ex
from netspec.describe import units
from netspec.describe.arrays import Array
from netspec.describe.distributions import Kinds
from netspec.describe.drawn import Constant
from netspec.describe.fields import Described
from netspec.describe.formulas import INDEX, SIZE, Formula, Table, formulas_of, in_order
from netspec.errors import ExpressionError, Fault, UnitError

__all__ = ["Array", "Formula", "NeuronKinds", "Value", "table_faults"]


def _shorthand(value: Any) -> Any:
    """Let a number stand for a constant, a list for an array, other text for a formula."""
    if isinstance(value, str):
        try:
            units.measured(value)
        except UnitError:
            if not _is_expression(value):
                raise
            return Formula(text=value)
        return Constant(value=value)
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return Constant(value=value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return Array(values=value)
    if not isinstance(value, (dict, Described)):
        raise ValueError(
            "a number, a quantity such as '250 pF', a list of one for each neuron, a formula, or "
            "a table with kind = constant, uniform, uniform_int, normal, lognormal, gamma, "
            "exponential, array or formula"
        )
    return value


def _is_expression(text: str) -> bool:
    try:
        ex.parse(text)
    except ExpressionError:
        return False
    return True


NeuronKinds = Annotated[Kinds | Array | Formula, Field(discriminator="kind")]
# of the neurons of a population
Value = Annotated[
    NeuronKinds,
    BeforeValidator(
        _shorthand, json_schema_input_type=float | str | list[float | str] | NeuronKinds
    ),
]


def table_faults(
    path: str, table: Table, wanted: Mapping[str, str], known: Mapping[str, str], size: int
) -> Iterator[Fault]:
    """Yield what is wrong with the arrays and formulas of a population's table.

    Parameters
    ----------
    path : str
        Of the table: ``parameters`` or ``initial``.
    table : mapping
    wanted : mapping
        Name -> unit of all that may stand in the table.
    known : mapping
        Name -> unit of all that formulas may use.
    size : int
        Of the population.
    """
    for name, value in table.items():
        if isinstance(value, Array) and len(value) != size:
            allowed = f"{size} values, one for each neuron"
            yield Fault(f"{path}.{name}", f"{len(value)} values", allowed)
    dimensions = {name: units.COHERENT[unit] for name, unit in known.items()}
    own = {INDEX: units.NONE, SIZE: units.NONE}
    for name, formula in formulas_of(table).items():
        if name not in wanted:
            continue
        for twice in sorted(formula.names & set(own) & set(known)):
            what = "index" if twice == INDEX else "size"
            allowed = f"other names: {twice} is the {what} here, and a name of the model's"
            yield Fault(f"{path}.{name}", repr(formula.text), allowed)
        try:
            found = formula.dimension(dimensions | own)
        except ExpressionError as error:
            yield Fault(
                f"{path}.{name}", repr(formula.text), f"a quantity or a formula, but {error}"
            )
            continue
        if found != units.COHERENT[wanted[name]]:
            given = f"{formula.text!r} in {found}"
            hint = "a number in a formula has a unit by a factor, as in -60*mV + 0.1*mV*i"
            yield Fault(f"{path}.{name}", given, f"a value in {wanted[name]}", hint)
    try:
        in_order(formulas_of(table))
    except ExpressionError as error:
        yield Fault(path, "a circle", str(error))
