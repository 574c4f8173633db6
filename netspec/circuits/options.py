"""The options of a circuit, read from its builder: from flags of a command line, and from TOML.

A parameter of the builder is one option, of the type that its annotation says; the numpydoc
docstring has its help. A parameter that is a list of a described model, such as
``cues: Sequence[Cue]``, is one option a field, the singular in front: ``cue_angle``,
``cue_width``; given several times, they make a list. What has another type is for Python and TOML.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from netspec.circuits.contract import Circuit
from netspec.circuits.docstrings import entries
from netspec.describe.faults import faults_of
from netspec.describe.network import Network
from netspec.errors import DescriptionError, Fault, UsageError, unknown

_PLAIN = (bool, int, float, str)
_LISTS = (list, tuple, Sequence)


@dataclass(frozen=True)
class Option:
    """One option of a circuit.

    Attributes
    ----------
    name : str
        With ``_`` where its flag has ``-``.
    kind : type
        ``bool``, ``int``, ``float`` or ``str``, the last also where text says value and unit.
    many : bool
        Whether it may be given several times.
    help : str
        One sentence, or empty.
    parameter : str
        Of the builder.
    annotation : Any
        Of the parameter, or of the model's field.
    model : type or None
        If the parameter is a list of a described model.
    field : str
        Of the model.
    """

    name: str
    kind: type
    many: bool
    help: str
    parameter: str
    annotation: Any
    model: type[BaseModel] | None = None
    field: str = ""


def flags(names: Iterable[str]) -> str:
    """Return names of options as they stand on the command line, with commas between."""
    return ", ".join("--" + name.replace("_", "-") for name in names)


def options(circuit: Circuit) -> dict[str, Option]:
    """Return name -> option of a circuit that a command line can give, in the builder's order.

    Raises
    ------
    UsageError
        If an annotation of the builder cannot be evaluated.
    """
    return _options(circuit.build)


def parameters(circuit: Circuit) -> dict[str, inspect.Parameter]:
    """Return the parameters of a circuit's builder, with annotations evaluated."""
    return _parameters(circuit.build)


@lru_cache(maxsize=64)
def _parameters(build: Callable[..., Network]) -> dict[str, inspect.Parameter]:
    try:
        found = inspect.signature(build, eval_str=True).parameters
    except (NameError, TypeError, ValueError) as error:
        raise UsageError(f"options of {build!r} cannot be read from it: {error}") from None
    return {
        name: parameter
        for name, parameter in found.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


@lru_cache(maxsize=64)
def _options(build: Callable[..., Network]) -> dict[str, Option]:
    said = entries(build.__doc__, "Parameters")
    found: dict[str, Option] = {}
    for name, parameter in _parameters(build).items():
        text = said[name].help if name in said else ""
        model, read = _model(parameter.annotation), _read(parameter.annotation)
        if model is not None:
            found |= _of_fields(name, model)
        elif read is not None:
            found[name] = Option(name, *read, text, name, parameter.annotation)
    return found


def _of_fields(parameter: str, model: type[BaseModel]) -> dict[str, Option]:
    said = entries(model.__doc__, "Attributes")
    prefix = parameter.removesuffix("s")
    found: dict[str, Option] = {}
    for field, info in model.model_fields.items():
        hint = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        read = _read(hint)
        if read is not None and not read[1]:
            more = "" if found else f" Repeat these options for further {parameter}."
            text = (said[field].help if field in said else "") + more
            name = f"{prefix}_{field}"
            found[name] = Option(name, read[0], True, text.strip(), parameter, hint, model, field)
    return found


def _bare(annotation: Any) -> tuple[Any, bool]:
    """Return a type without None and metadata, and whether metadata says how it is read."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        bare, read = _bare(inner)
        return bare, read or any(not isinstance(entry, str) for entry in metadata)
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [entry for entry in get_args(annotation) if entry is not type(None)]
        return _bare(inner[0]) if len(inner) == 1 else (annotation, False)
    return annotation, False


def _item(annotation: Any) -> Any:
    """Return the type of what a list holds; None if this is no list."""
    bare, _ = _bare(annotation)
    inner = [entry for entry in get_args(bare) if entry is not Ellipsis]
    return inner[0] if get_origin(bare) in _LISTS and len(inner) == 1 else None


def _model(annotation: Any) -> type[BaseModel] | None:
    item, _ = _bare(_item(annotation))
    return item if isinstance(item, type) and issubclass(item, BaseModel) else None


def _read(annotation: Any) -> tuple[type, bool] | None:
    """Return what a flag reads, and whether it may be repeated; None if no flag can say it."""
    item = _item(annotation)
    if item is not None:
        inner = _read(item)
        return None if inner is None or inner[1] else (inner[0], True)
    bare, described = _bare(annotation)
    if get_origin(bare) is Literal:
        return (str, False) if all(isinstance(v, str) for v in get_args(bare)) else None
    if bare not in _PLAIN:
        return None
    # a quantity is text: the model or the annotation reads its unit
    return (str if described and bare is float else bare), False


# -- values -----------------------------------------------------------------------------------


def from_flags(circuit: Circuit, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the builder's arguments that options of a command line say.

    Parameters
    ----------
    circuit : Circuit
    given : mapping
        Name of an option -> value; a list for those that may be repeated.

    Raises
    ------
    UsageError
        If an option is not one of the circuit's.
    DescriptionError
        With every value that cannot be.
    """
    own = options(circuit)
    wrong = [name for name in given if name not in own]
    if wrong:
        raise UsageError(f"{flags(wrong)}: not for {circuit.name}, which has {flags(own)}")
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    lists: dict[str, dict[str, list[Any]]] = {}
    for name, value in given.items():
        option = own[name]
        values = list(value) if isinstance(value, list | tuple) else [value]
        if option.model is not None:
            lists.setdefault(option.parameter, {})[name] = values
        elif len(values) > 1 and not option.many:
            raise UsageError(f"{flags([name])}: given {len(values)} times, expected once")
        else:
            whole = values if option.many else values[0]
            found[name] = _valid(whole, option.annotation, flags([name]), faults)
    for parameter, columns in lists.items():
        found[parameter] = _models(own, columns, faults)
    if faults:
        raise DescriptionError(faults, f"the options of {circuit.name}")
    return found


def _valid(value: Any, annotation: Any, where: str, faults: list[Fault]) -> Any:
    """Return a value as its annotation reads it; what cannot be is added to the faults."""
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        entry = error.errors()[0]
        why = entry.get("ctx", {}).get("error") or entry["msg"].lower()
        faults.append(Fault(where, repr(value), str(why).replace("input should be", "expected")))
        return None


def _models(
    own: Mapping[str, Option], columns: Mapping[str, list[Any]], faults: list[Fault]
) -> list[BaseModel]:
    """Return one model for every time that these options were given."""
    number = max(len(values) for values in columns.values())
    if any(len(values) not in (1, number) for values in columns.values()):
        raise UsageError(f"{flags(columns)}: give each of them once, or {number} times")
    found = []
    for index in range(number):
        row: dict[str, Any] = {}
        for name, values in columns.items():
            value = values[index] if len(values) > 1 else values[0]
            row[own[name].field] = _valid(value, own[name].annotation, flags([name]), faults)
        if not faults:
            found.append(_row(next(own[n].model for n in columns), row, "", faults))
    return found


def _row(model: Any, row: Any, where: str, faults: list[Fault]) -> Any:
    try:
        return model.model_validate(row)
    except (ValidationError, DescriptionError) as error:
        faults += faults_of(error, model, where)
        return None


def from_table(circuit: Circuit, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the builder's arguments that a table of TOML says.

    Parameters
    ----------
    circuit : Circuit
    given : mapping
        Parameter of the builder -> value; lists of a described model as tables.

    Raises
    ------
    UsageError
        If the builder has no such parameter, or a list of tables is something else.
    DescriptionError
        With every value that cannot be.
    """
    allowed = parameters(circuit)
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in given.items():
        if name not in allowed:
            raise UsageError(unknown(f"option of {circuit.name}", name, allowed))
        annotation = allowed[name].annotation
        model = _model(annotation)
        if model is not None:
            rows = _tables(name, model, value)
            where = (f"options.{name}[{index}]" for index in range(len(rows)))
            found[name] = [_row(model, row, w, faults) for row, w in zip(rows, where, strict=True)]
        elif _bare(annotation)[1]:
            found[name] = _valid(value, annotation, f"options.{name}", faults)
        else:  # as Python would give it: the builder says what is wrong
            found[name] = value
    if faults:
        raise DescriptionError(faults, f"the options of {circuit.name}")
    return found


def _tables(name: str, model: type[BaseModel], value: Any) -> list[Mapping[str, Any]]:
    rows = value if isinstance(value, list | tuple) else [value]
    if not isinstance(value, list | tuple) or any(not isinstance(row, dict) for row in rows):
        field, info = next(iter(model.model_fields.items()))
        example = "..." if info.is_required() else repr(info.default)
        wrong = next((row for row in rows if not isinstance(row, dict)), value)
        raise UsageError(
            f"{name}: given {wrong!r}, expected tables such as {{ {field} = {example} }}"
        )
    return list(rows)


def built(circuit: Circuit, arguments: Mapping[str, Any], small: bool = False) -> Network:
    """Build a circuit, or the small network that stands for it on the ladder.

    Raises
    ------
    UsageError
        If the builder cannot work with an argument, such as a text where a number belongs.
    """
    try:
        return circuit.small_like(arguments) if small else circuit.build(**arguments)
    except TypeError as error:
        raise UsageError(f"options of {circuit.name}: {error}") from None
