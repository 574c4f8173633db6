"""Files: TOML and JSON in, canonical JSON and JSON Schema out, and the content hash."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from netspec.describe.arrays import with_files
from netspec.describe.columns import Column
from netspec.describe.drawn import Drawn, with_unit
from netspec.describe.faults import as_description_error
from netspec.describe.fields import ByName, Described
from netspec.describe.models import LIBRARY
from netspec.describe.network import PIECES, Network
from netspec.describe.simulation import Simulation
from netspec.describe.slots import Place, marks, place_of, slots_of
from netspec.describe.synapse_models import SYNAPSES
from netspec.errors import DescriptionError, Fault, UsageError, choices, nearest, shown

MAX_FILE_BYTES = 256 * 2**20
# the fields that every canonical text has, given or not; others stand there only if given
FIRST = (
    "schema_version", "name", "description", "models", "populations", "projections",
    "continuous_projections", "poisson_inputs", "current_inputs", "step_currents", "spike_inputs",
    "recorders", "accept",
)  # fmt: skip
SAID = {"digest": False}  # context of a dump without what a class learned later and is not said
# the fields that are tables of quantities by name
TABLES = {f for kind in PIECES.values() for f, m in marks(kind).items() if isinstance(m, ByName)}
_SURROGATES = re.compile("[\ud800-\udfff]")


def canonical_json(network: Network) -> str:
    """Return the one text of a network: sorted keys, canonical units, no spaces."""
    return _canonical(network, set())


def _canonical(network: Network, without: set[str], digest: bool = False) -> str:
    # so that the hash of a network stays when descriptions learn to say more
    fields = set(type(network).model_fields) - set(FIRST)
    unsaid = {field for field in fields if not getattr(network, field)}
    data = network.model_dump(mode="json", exclude=without | unsaid, context={"digest": digest})
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def spec_hash(network: Network) -> str:
    """Return the SHA-256 of the canonical JSON without the circuit's name, in hexadecimal.

    Arrays of more than `arrays.LISTED` values stand there by their number and SHA-256.
    """
    return hashlib.sha256(_canonical(network, {"circuit"}, digest=True).encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a description file."""
    schema = Network.model_json_schema()
    # a model in the table ``models`` takes its name from there
    for model in ("NeuronModel", "SynapseModel"):
        schema["$defs"][model]["required"].remove("name")
    return schema


def from_json(text: str) -> Network:
    """Read a network from JSON text."""
    return network_from(_json(text, "the text"))


def from_toml(text: str) -> Network:
    """Read a network from TOML text."""
    return network_from(_toml(text, "the text"))


def _json(text: str, subject: str) -> Any:
    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"the key {twice!r} occurs twice in one table")
        return data

    try:
        return json.loads(text, object_pairs_hook=table)
    except (ValueError, RecursionError) as error:
        raise DescriptionError([Fault("(file)", str(error), "JSON")], subject) from None


def _toml(text: str, subject: str) -> Any:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DescriptionError([Fault("(file)", str(error), "TOML")], subject) from None


def _not_plain(data: Any, path: str = "") -> list[Fault]:
    """Return a fault for every key that is no text and every text that no file can hold."""
    if isinstance(data, str):
        found = _SURROGATES.search(data)
        return [] if found is None else [Fault(path or "(top)", shown(data), "Unicode text")]
    faults: list[Fault] = []
    if isinstance(data, (list, tuple)):
        for index, value in enumerate(data):
            if isinstance(value, (str, dict, list, tuple)):
                faults += _not_plain(value, f"{path}[{index}]")
    elif isinstance(data, dict):
        for key, value in data.items():
            if not isinstance(key, str) or _SURROGATES.search(key):
                faults.append(Fault(path or "(top)", shown(key), "keys are Unicode text"))
            elif isinstance(value, (str, dict, list, tuple)):
                faults += _not_plain(value, f"{path}.{key}" if path else key)
    return faults


def network_from(data: Any) -> Network:
    """Build a network from plain data (tables, lists, numbers, text).

    Raises
    ------
    DescriptionError
        With every fault found.
    """
    try:
        if faults := _not_plain(data):
            raise DescriptionError(faults)
        if not isinstance(data, dict):
            raise DescriptionError([Fault("(top)", shown(data), "a table of fields")])
        return Network(**data)
    except RecursionError:
        raise DescriptionError([Fault("(top)", "data nested too deep", "a network")]) from None


def load(path: str | Path) -> Network:
    """Read a network from a ``.toml`` or ``.json`` file; a ``[simulation]`` table is left aside."""
    return load_with_simulation(path)[0]


def load_with_simulation(path: str | Path) -> tuple[Network, Simulation | None]:
    """Read a network and, if the file has one, its ``[simulation]`` table."""
    path = Path(path)
    if path.suffix not in (".toml", ".json"):
        raise UsageError(f"{path}: expected a file that ends in .toml or .json")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text ({error})") from None
    except ValueError as error:  # a NUL in the name
        raise UsageError(f"{str(path)!r}: {error}") from None
    data = _toml(text, str(path)) if path.suffix == ".toml" else _json(text, str(path))
    if not isinstance(data, dict):
        raise DescriptionError([Fault("(top)", shown(data), "a table of fields")], str(path))
    given = data.pop("simulation", None)
    faults: list[Fault] = []
    simulation = None
    if given is not None:
        try:
            simulation = Simulation.model_validate(given)
        except (ValidationError, DescriptionError) as error:
            found = (
                as_description_error(error, Simulation, "simulation")
                if isinstance(error, ValidationError)
                else error
            )
            faults += [
                Fault(f"simulation.{f.path}", f.given, f.allowed, f.hint) for f in found.faults
            ]
    try:
        data, missing = with_files(data, path.parent)
        faults += missing
        network = network_from(data)
    except DescriptionError as error:
        faults = [*error.faults, *faults]
    if faults:
        raise DescriptionError(faults, str(path))
    return network, simulation


def to_toml(network: Network, simulation: Simulation | None = None) -> str:
    """Write a network as TOML, with units; reading it back gives the same hash.

    A simulation is written as the table ``[simulation]``, which is no part of the hash.
    """
    import tomli_w

    data: dict[str, Any] = {"schema_version": network.schema_version, "name": network.name}
    if network.description:
        data["description"] = network.description
    if network.circuit:
        data["circuit"] = network.circuit
    if network.accept:
        data["accept"] = list(network.accept)
    tables: tuple[tuple[str, Any, Any], ...] = (
        ("models", network.models, LIBRARY),
        ("synapse_models", network.synapse_models, SYNAPSES),
    )
    for table, models, library in tables:
        own = {
            name: _compact(model.model_dump(mode="json", exclude={"name"}, context=SAID))
            for name, model in models.items()
            if library.get(name) != model
        }
        if own:
            data[table] = own
    place = place_of(network)
    for key, piece in network.pieces():
        data.setdefault(key, []).append(_compact(_with_units(piece, place)))
    if simulation is not None:
        data["simulation"] = _with_units(simulation, place)
        del data["simulation"]["seed"]
    # within multi-line text, TOML readers may change the ends of lines
    return tomli_w.dumps(data, multiline_strings="\\r" not in canonical_json(network))


def _compact(data: dict[str, Any]) -> dict[str, Any]:
    """Drop what TOML cannot say (None) and empty tables."""
    return {
        key: _compact(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if value is not None and value != {}
    }


def _text(value: Any, unit: str) -> Any:
    """Return a value of a slot as plain data, its numbers as text with the unit."""
    if isinstance(value, Drawn):
        return value.written(unit)
    if isinstance(value, Column):
        plain = value.written()
        return plain if isinstance(plain, str) else [with_unit(v, unit) for v in plain]
    if isinstance(value, tuple):
        return [with_unit(v, unit) for v in value]
    return with_unit(value, unit)


def _with_units(piece: Described, place: Place) -> dict[str, Any]:
    """Return a piece as plain data, its quantities as text with their units."""
    data: dict[str, Any] = piece.model_dump(mode="json", context=SAID)
    for slot in slots_of(piece, place, ""):
        *tables, field = slot.field.split(".")
        table = data
        for name in tables:
            table = table[name]
        if field in table:
            table[field] = _text(slot.value, slot.unit)
    return data


def with_values(network: Network, assignments: dict[str, str]) -> Network:
    """Return the network with some values replaced (``--set PATH=VALUE``).

    Parameters
    ----------
    assignments : dict
        Path -> text. A path names fields with dots; an entry of a list goes by its name, its
        number or ``*`` for all, as in ``populations.L4E.parameters.C_m`` or
        ``projections.*.delay``. Parameters may be set that still have their default.

    Raises
    ------
    DescriptionError
        For a path that leads nowhere or a value that does not fit.
    """
    data = network.model_dump(mode="json")
    faults: list[Fault] = []
    for path, text in assignments.items():
        _assign(data, path, path.split("."), _value(text), faults)
    if faults:
        raise DescriptionError(faults, "--set")
    return network_from(data)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _assign(data: Any, path: str, parts: list[str], value: Any, faults: list[Fault]) -> None:
    key, rest = parts[0], parts[1:]
    if isinstance(data, list):
        named = {str(e.get("name", i)): e for i, e in enumerate(data) if isinstance(e, dict)}
        if key == "*":
            entries = list(range(len(data)))
        elif key in named:
            entries = [data.index(named[key])]
        elif key.isdigit() and int(key) < len(data):
            entries = [int(key)]
        else:
            faults.append(Fault(path, repr(key), choices(named), nearest(key, list(named))))
            return
        for index in entries:
            if rest:
                _assign(data[index], path, rest, value, faults)
            else:
                data[index] = value
        return
    if isinstance(data, float) and key in ("value", "mean"):
        faults.append(Fault(path, repr(key), "this is one number; leave the last part away"))
        return
    if not isinstance(data, dict):
        faults.append(Fault(path, repr(key), f"nothing lies below {shown(data)}"))
        return
    # parameters and initial values at their default are absent, and may be set
    open_table = path.split(".")[-2:-1] in [[table] for table in TABLES] and not rest
    if key not in data and not open_table:
        faults.append(Fault(path, repr(key), choices(data), nearest(key, list(data))))
    elif rest:
        _assign(data[key], path, rest, value, faults)
    else:
        data[key] = value
