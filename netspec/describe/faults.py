"""From pydantic's errors to netspec's: paths, what is allowed, the nearest name."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from netspec.errors import DescriptionError, Fault, nearest, shown

_MESSAGES = {
    "missing": "this field is required",
    "extra_forbidden": "no such field",
    "int_type": "expected a whole number",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "tuple_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table with a field 'kind'",
    "union_tag_not_found": "a table with a field 'kind', which says what it is",
    "string_pattern_mismatch": "a name is a letter, then up to 63 letters, digits or _",
}


def faults_of(
    error: ValidationError | DescriptionError, cls: type[BaseModel], prefix: str = ""
) -> list[Fault]:
    """Translate pydantic's errors into faults with paths, allowed values and nearest names."""
    faults: list[Fault] = []
    if isinstance(error, DescriptionError):
        return [below(prefix, fault) for fault in error.faults]
    for entry in error.errors():
        inner = entry.get("ctx", {}).get("error")
        path, fields = _path(entry["loc"], cls, prefix)
        if isinstance(inner, DescriptionError):
            faults += [below(path, fault) for fault in inner.faults]
            continue
        kind, last = entry["type"], str(entry["loc"][-1]) if entry["loc"] else ""
        allowed = _MESSAGES.get(kind, str(inner) if inner else _plain(entry["msg"]))
        hint = ""
        if kind == "extra_forbidden":
            allowed = f"no such field; allowed: {', '.join(fields)}"
            hint = nearest(last, fields)
        elif kind == "union_tag_invalid":
            context = entry["ctx"]
            tags = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
            allowed, hint = f"kind is one of {', '.join(tags)}", nearest(context["tag"], tags)
        given = "nothing" if kind == "missing" else shown(entry["input"])
        if not any(f.path == path and kind != "value_error" for f in faults):
            faults.append(Fault(path or "(top)", given, allowed, hint))
    return faults


def _plain(message: str) -> str:
    """Return a message of pydantic's as one of ours."""
    return message.lower().replace("input should be", "expected")


def below(path: str, fault: Fault) -> Fault:
    """Return a fault of a part as a fault of the whole."""
    if not path:
        return fault
    here = path if fault.path == "(top)" else f"{path}.{fault.path}"
    return Fault(here, fault.given, fault.allowed, fault.hint)


def _path(loc: Sequence[int | str], cls: type[BaseModel], prefix: str) -> tuple[str, list[str]]:
    """Return the path, without the tags of unions, and the fields allowed at its end."""
    path, here, fields = prefix, [cls], list(cls.model_fields)
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
            continue
        if part == "constrained-str":  # pydantic's name for one branch of a union
            continue
        tagged = [c for c in here if getattr(c.model_fields.get("kind"), "default", None) == part]
        if tagged or (not any(part in c.model_fields for c in here) and "[" in part):
            here = tagged or here
            fields = list(here[0].model_fields) if here else fields
            continue
        inner = [
            c
            for h in here
            if part in h.model_fields
            for c in _models(h.model_fields[part].annotation)
        ]
        if not inner and here and part in {c.__name__ for c in here}:
            continue
        if inner:
            here, fields = inner, list(inner[0].model_fields)
        path += f".{part}" if path else part
    return path, fields


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the description classes inside a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict) or get_args(annotation):
        return [model for inner in get_args(annotation) for model in _models(inner)]
    return []


def as_description_error(
    error: ValidationError, cls: type[BaseModel], subject: str
) -> DescriptionError:
    """Return one error with every fault, or the DescriptionError that pydantic wrapped."""
    entries = error.errors()
    if len(entries) == 1 and not entries[0]["loc"]:
        inner = entries[0].get("ctx", {}).get("error")
        if isinstance(inner, DescriptionError):
            return inner
    return DescriptionError(faults_of(error, cls), subject)
