"""Reading a description that may be broken: all that can be read of it is still checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from netspec.describe.connectivity import AllToAll, UniformKernel
from netspec.describe.faults import faults_of
from netspec.describe.fields import Described
from netspec.describe.models import LIBRARY
from netspec.describe.neurons import NeuronModel
from netspec.describe.synapse_models import SYNAPSES
from netspec.describe.synapses import SynapseModel
from netspec.errors import DescriptionError, Fault, nearest, shown


def names(pieces: Any) -> list[str]:
    """Return the names in a list of pieces, also of those that cannot be read."""
    if not isinstance(pieces, Iterable) or isinstance(pieces, (str, dict)):
        return []
    found = (p.get("name") if isinstance(p, dict) else getattr(p, "name", None) for p in pieces)
    # longer ones are no names, and would fill the messages of those that refer to them
    return [name for name in found if isinstance(name, str) and len(name) <= 64]


def hoist_models(data: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Collect the models in use under ``models`` and leave their names in the populations.

    Returns
    -------
    data : dict
        A copy; models that cannot be read are left out.
    faults : list of Fault
    """
    return _hoist(data, _NEURONS)


def hoist_synapses(data: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Collect the synapse models in use under ``synapse_models``, as `hoist_models` does."""
    return _hoist(data, _SYNAPSES)


@dataclass(frozen=True)
class _Kind:
    """Models of one kind: where they are collected, who names them, and those that are known."""

    table: str
    pieces: str
    field: str
    model: type[Described]
    library: Mapping[str, Any]


_NEURONS = _Kind("models", "populations", "model", NeuronModel, LIBRARY)
_SYNAPSES = _Kind("synapse_models", "projections", "synapse", SynapseModel, SYNAPSES)


def _hoist(data: dict[str, Any], kind: _Kind) -> tuple[dict[str, Any], list[Fault]]:
    data = dict(data)
    models, faults = _models(data.get(kind.table, {}), kind)
    pieces = data.get(kind.pieces, ())
    pieces = list(pieces) if isinstance(pieces, (list, tuple)) else pieces
    for index, piece in enumerate(pieces if isinstance(pieces, list) else ()):
        is_dict = isinstance(piece, dict)
        used = piece.get(kind.field) if is_dict else getattr(piece, kind.field, None)
        path = f"{kind.pieces}[{index}].{kind.field}"
        if isinstance(used, kind.model):
            name: str = getattr(used, "name")  # noqa: B009
            if models.setdefault(name, used) != used:
                faults.append(Fault(path, repr(name), "one model per name"))
            pieces[index] = (
                {**piece, kind.field: name}
                if is_dict
                else piece.model_copy(update={kind.field: name})
            )
        elif isinstance(used, str) and used not in models:
            if used in kind.library:
                models[used] = kind.library[used]
            else:
                known = sorted({*models, *kind.library})
                allowed = f"a model of the file or the library: {', '.join(known)}"
                faults.append(Fault(path, shown(used), allowed, nearest(used, known)))
    if kind.pieces in data or kind is _NEURONS:
        data[kind.pieces] = pieces
    # a broken model is reported already; the rest is still checked without it
    data[kind.table] = {n: model for n, model in sorted(models.items()) if model is not None}
    return data, faults


def _models(given: Any, kind: _Kind) -> tuple[dict[str, Any], list[Fault]]:
    """Read the table of models; None stands for one that cannot be read."""
    if not isinstance(given, dict):
        what = "neuron" if kind is _NEURONS else "synapse"
        return {}, [Fault(kind.table, type(given).__name__, f"a table of {what} models")]
    models: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in given.items():
        try:
            fields = {"name": name, **value} if isinstance(value, dict) else value
            model: Any = kind.model.model_validate(fields)
        except (ValidationError, DescriptionError) as error:
            faults += faults_of(error, kind.model, f"{kind.table}.{name}")
            models[name] = None
            continue
        if model.name != name:
            path = f"{kind.table}.{name}.name"
            faults.append(Fault(path, repr(model.name), f"the table's name {name!r}"))
        models[name] = model
    return models, faults


# What stands in for a field that could not be read, while the others of its piece are checked: the
# first that can be read there. Faults of its own lie at the path of the field, reported already.
_PLACEHOLDERS: tuple[Any, ...] = (
    "unreadable",
    0.0,
    (),
    {},
    2**31 - 1,
    AllToAll(),
    UniformKernel(weight=0.0),
)


def readable(pieces: Any, kind: type[Described]) -> list[Any]:
    """Return what can be read of each piece, None where nothing can."""
    result: list[Any] = []
    for piece in pieces if isinstance(pieces, (list, tuple)) else ():
        try:
            result.append(kind.model_validate(piece))
        except (ValidationError, DescriptionError):
            result.append(_partly(piece, kind) if isinstance(piece, dict) else None)
    return result


def _partly(piece: dict[str, Any], kind: type[Described]) -> Described:
    """Read the fields of a piece one by one, with placeholders for those that cannot be."""
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        kind_of_field: Any = field.annotation
        if field.metadata:
            kind_of_field = Annotated[kind_of_field, *field.metadata]
        adapter: TypeAdapter[Any] = TypeAdapter(kind_of_field)
        given = [piece[name]] if name in piece else []
        if not field.is_required():
            values[name] = field.get_default()
        for value in (*given, *(_PLACEHOLDERS if field.is_required() else ())):
            try:
                values[name] = adapter.validate_python(value)
                break
            except (ValidationError, DescriptionError):
                continue
    return kind.model_construct(**values)
