"""Reading a description that may be broken: all that can be read of it is still checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from netspec.describe.connectivity import AllToAll, UniformKernel
from netspec.describe.faults import faults_of
from netspec.describe.fields import Described
from netspec.describe.models import LIBRARY
from netspec.describe.neurons import NeuronModel
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
    data = dict(data)
    models, faults = _models(data.get("models", {}))
    populations = data.get("populations", ())
    populations = list(populations) if isinstance(populations, (list, tuple)) else populations
    for index, population in enumerate(populations if isinstance(populations, list) else ()):
        is_dict = isinstance(population, dict)
        used = population.get("model") if is_dict else getattr(population, "model", None)
        path = f"populations[{index}].model"
        if isinstance(used, NeuronModel):
            if models.setdefault(used.name, used) != used:
                faults.append(Fault(path, repr(used.name), "one model per name"))
            populations[index] = (
                {**population, "model": used.name}
                if is_dict
                else population.model_copy(update={"model": used.name})
            )
        elif isinstance(used, str) and used not in models:
            if used in LIBRARY:
                models[used] = LIBRARY[used]
            else:
                known = sorted({*models, *LIBRARY})
                allowed = f"a model of the file or the library: {', '.join(known)}"
                faults.append(Fault(path, shown(used), allowed, nearest(used, known)))
    data["populations"] = populations
    # a broken model is reported already; the rest is still checked without it
    data["models"] = {n: model for n, model in sorted(models.items()) if model is not None}
    return data, faults


def _models(given: Any) -> tuple[dict[str, NeuronModel | None], list[Fault]]:
    """Read the table of models; None stands for one that cannot be read."""
    if not isinstance(given, dict):
        return {}, [Fault("models", type(given).__name__, "a table of neuron models")]
    models: dict[str, NeuronModel | None] = {}
    faults: list[Fault] = []
    for name, value in given.items():
        try:
            fields = {"name": name, **value} if isinstance(value, dict) else value
            model = NeuronModel.model_validate(fields)
        except (ValidationError, DescriptionError) as error:
            faults += faults_of(error, NeuronModel, f"models.{name}")
            models[name] = None
            continue
        if model.name != name:
            faults.append(
                Fault(f"models.{name}.name", repr(model.name), f"the table's name {name!r}")
            )
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
