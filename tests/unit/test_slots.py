"""Every quantity of a network is a slot: with its unit, once, and it can be set by its path."""

import json
import re
import tomllib
from typing import Annotated

import pytest
from hypothesis import given, settings
from mutations import FULL

from netspec import Simulation
from netspec.describe import units
from netspec.describe.connectivity import Explicit
from netspec.describe.distributions import Drawn, Normal, Uniform
from netspec.describe.fields import InUnit, Quantity, Reference, Time, UnitOf
from netspec.describe.grid import misfits
from netspec.describe.inputs import Port, Some, Strength
from netspec.describe.network import PIECES, Network
from netspec.describe.serialization import network_from, spec_hash, to_toml, with_values
from netspec.describe.slots import Piece, Place, doors, marks, replaced, slots, slots_of
from netspec.errors import DescriptionError
from netspec.execute import audit
from netspec.realise.drawing import current_changes
from netspec.testing.strategies import network_data

NETWORK = network_from(FULL)
SLOTS = {slot.path: slot for slot in slots(NETWORK)}
UNITS = {
    "populations.E.parameters.C_m": "pF",
    "populations.E.initial.V_m": "mV",
    "populations.G.parameters.g_L": "nS",
    "projections.P0.weight": "pA",
    "projections.P0.delay": "ms",
    "projections.P1.weight": "nS",
    "projections.P1.delay": "ms",
    "projections.P2.weight": "pA",
    "projections.P2.delay": "ms",
    "projections.P3.weight": "nS",
    "projections.P3.delay": "ms",
    "projections.P3.rule.p": "1",
    "projections.P4.weight": "pA",
    "projections.P4.delay": "ms",
    "projections.P4.rule.weight": "pA",
    "projections.P4.rule.delay": "ms",
    "projections.P5.weight": "pA",
    "projections.P5.parameters.w_max": "pA",
    "projections.P5.parameters.tau_plus": "ms",
    "continuous_projections.C.kernel.weight": "nS",
    "continuous_projections.C.kernel.J_plus": "1",
    "continuous_projections.C.kernel.sigma": "deg",
    "poisson_inputs.Q.rate": "Hz",
    "poisson_inputs.Q.weight": "pA",
    "poisson_inputs.Q.delay": "ms",
    "poisson_inputs.Q.start": "ms",
    "poisson_inputs.Q.stop": "ms",
    "poisson_inputs.Q.times": "ms",
    "poisson_inputs.Q.rates": "Hz",
    "current_inputs.D.amplitude": "pA",
    "step_currents.S.times": "ms",
    "step_currents.S.amplitudes": "pA",
    "noise_currents.Z.sd": "pA",
    "noise_currents.Z.mean": "pA",
    "noise_currents.Z.every": "ms",
    "noise_currents.Z.tau": "ms",
    "noise_currents.Z.start": "ms",
    "noise_currents.Z.stop": "ms",
    "spike_inputs.K.times": "ms",
    "spike_inputs.K.weight": "nS",
    "recorders.R.interval": "ms",
}


def numbers(data, path=""):
    """Return the paths of all floating-point numbers in a network as plain data."""
    if isinstance(data, dict) and "kind" in data and "rule" not in path and "kernel" not in path:
        return {path}  # a distribution
    if isinstance(data, dict):
        return set().union(*(numbers(v, f"{path}.{k}") for k, v in data.items()), set())
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return set().union(*(numbers(v, f"{path}.{v['name']}") for v in data))
    if isinstance(data, (list, tuple)):
        return {path} if any(isinstance(v, float) for v in data) else set()
    return {path} if isinstance(data, float) else set()


def test_a_network_of_all_pieces_has_each_quantity_once_with_its_unit():
    found = [(slot.path, slot.unit) for slot in slots(NETWORK)]
    assert dict(found) == UNITS
    assert len(found) == len(UNITS)
    # a synapse recorder has no quantity
    assert {path.split(".")[0] for path in UNITS} == set(PIECES) - {"synapse_recorders"}


@settings(max_examples=40)
@given(network_data())
def test_no_number_of_a_network_is_left_out(data):
    network = network_from(data)
    plain = network.model_dump(mode="json", include=set(PIECES))
    paths = {path.removeprefix(".") for path in numbers(plain)}
    assert paths <= {slot.path for slot in slots(network)}


def text_of(value):
    """Return the value of a slot as --set takes it."""
    return json.dumps(value.model_dump() if isinstance(value, Drawn) else value)


def halfway(value):
    """Return another value that is as plausible."""
    if isinstance(value, Normal):
        return value.model_copy(update={"sd": value.sd / 2})
    if isinstance(value, Uniform):
        return value.model_copy(update={"low": (value.low + value.high) / 2})
    if isinstance(value, Drawn):
        return value.converted(lambda number: number * 0.75)
    return tuple(v * 0.75 for v in value) if isinstance(value, tuple) else value * 0.75 or 0.5


@pytest.mark.parametrize("path", UNITS)
def test_every_slot_is_set_by_its_path(path):
    old = SLOTS[path]
    assert with_values(NETWORK, {path: text_of(old.value)}) == NETWORK
    wanted = halfway(old.value)
    changed = with_values(NETWORK, {path: text_of(wanted)})
    found = {slot.path: slot.value for slot in slots(changed)}
    assert found[path] == wanted
    del found[path]
    assert found == {p: slot.value for p, slot in SLOTS.items() if p != path}
    assert spec_hash(changed) != spec_hash(NETWORK)


@pytest.mark.parametrize("path", UNITS)
def test_every_slot_refuses_another_unit(path):
    wrong = "3 mV" if UNITS[path] != "mV" else "3 pF"
    value = SLOTS[path].value
    text = json.dumps([wrong] * len(value)) if isinstance(value, tuple) else wrong
    with pytest.raises(DescriptionError, match=re.escape(f"expected {UNITS[path]}")):
        with_values(NETWORK, {path: text})


def test_toml_says_the_unit_of_every_slot():
    data = tomllib.loads(to_toml(NETWORK, Simulation()))
    for slot in slots(NETWORK):
        key, name, *fields = slot.path.split(".")
        here = next(piece for piece in data[key] if piece["name"] == name)
        for field in fields:
            here = here[field]
        texts = here if isinstance(here, list) else [here]
        if isinstance(here, dict):
            texts = [v for k, v in here.items() if k not in ("kind", "clip")]
        if slot.unit != "1":
            assert all(text.endswith(f" {slot.unit}") for text in texts), slot.path
    assert data["simulation"] == {"dt": "0.1 ms", "warmup": "500.0 ms", "duration": "1000.0 ms"}


def test_the_units_are_canonical_and_marks_are_found_below_annotations():
    assert all(slot.unit in (*units.COHERENT, "Hz", "deg") for slot in SLOTS.values())
    assert isinstance(marks(PIECES["step_currents"])["times"], InUnit)
    assert isinstance(marks(PIECES["projections"])["weight"], UnitOf)
    assert isinstance(marks(Explicit)["weight"], UnitOf)
    assert SLOTS["recorders.R.interval"].steps == 1
    assert SLOTS["spike_inputs.K.times"].steps == 0
    assert SLOTS["projections.P0.delay"].steps is None


def test_slots_of_what_is_not_known_are_left_out():
    nowhere = Place({}, {})
    projection = NETWORK.projections[0]
    assert [slot.field for slot in slots_of(projection, nowhere, "here")] == ["delay"]
    coupling = NETWORK.continuous_projections[0]
    fields = [slot.field for slot in slots_of(coupling, nowhere, "here")]
    assert fields == ["kernel.J_plus", "kernel.sigma"]


def test_values_are_replaced_wherever_they_lie():
    projection = NETWORK.projections[4]
    changed = replaced(projection, {"rule.delay": (3.0, 4.0), "delay": None})
    assert (changed.rule.delay, changed.delay) == ((3.0, 4.0), None)
    assert changed.rule.pre == projection.rule.pre
    population = replaced(NETWORK.population("E"), {"parameters.C_m": 1.0})
    assert population.parameters == {"C_m": 1.0}
    assert NETWORK.population("E").parameters["C_m"].value == 250.0


def test_doors_are_what_a_piece_drives():
    driven = {key: {*doors(piece)} for key, piece in NETWORK.pieces()}
    assert driven["recorders"] == driven["populations"] == set()
    assert driven["spike_inputs"] == driven["continuous_projections"] == {"G"}


class RampCurrent(Piece):
    """A kind of input that nothing but its class knows of: it rises, and falls to zero."""

    target: Reference
    start: Annotated[Quantity, Strength]
    stop: Annotated[Quantity, Strength]
    begin: Time
    end: Time
    port: Port = "I_stim"
    neurons: Some | None = None

    def levels(self, simulation):
        first, last = simulation.steps(self.begin), simulation.steps(self.end)
        for step in range(first, last):
            share = (step + 0.5 - first) / (last - first)
            yield step, self.start + share * (self.stop - self.start)
        yield last, 0.0


class Longer(Network):
    """A network that has such inputs."""

    ramps: tuple[RampCurrent, ...] = ()


RAMP = {"name": "up", "target": "E", "start": "0.1 nA", "stop": "300 pA", "begin": 1.03,
        "end": "3 ms", "neurons": [1]}  # fmt: skip


def test_a_new_kind_of_input_needs_its_class_only():
    network = Longer(**FULL, ramps=[RAMP])
    (ramp,) = network.ramps
    assert (ramp.start, ramp.stop, ramp.begin, ramp.end) == (100.0, 300.0, 1.03, 3.0)
    found = {s.path: s.unit for s in slots(network) if s.path.startswith("ramps.up")}
    assert set(found.values()) == {"pA", "ms"}
    assert len(found) == 4
    assert list(doors(ramp)) == ["E"]
    written = tomllib.loads(to_toml(network))["ramps"][0]
    assert (written["start"], written["begin"]) == ("100.0 pA", "1.03 ms")
    assert Longer(**tomllib.loads(to_toml(network))) == network
    simulation = Simulation(warmup=0.0, duration=2.0)
    assert "ramps.up.begin" in {misfit.path for misfit in misfits(network, simulation)}
    assert any("ramps.up.begin" in line for line in audit.warnings(network, simulation))
    levels = [c.level for c in current_changes(network, simulation) if c.population == "E"]
    assert len(levels) == 21
    assert sum(levels) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("start", "300 nA", "add 'ramps.up.start' to accept"),
        ("stop", "3 mV", "expected pA"),
        ("target", "F", "a population: E, G, X"),
        ("port", "I", "an input of iaf_psc_exp: I_stim"),
        ("neurons", [99], "neurons 0 to 7"),
        ("begin", -1.0, "expected 0 to"),
        ("slop", 3.0, "did you mean 'stop'?"),
    ],
)
def test_a_new_kind_of_input_is_checked_as_all_are(field, value, text):
    with pytest.raises(DescriptionError, match=re.escape(text)) as caught:
        Longer(**FULL, ramps=[{**RAMP, field: value}])
    assert [fault.path for fault in caught.value.faults] == [f"ramps[0].{field}"]


def test_a_list_that_is_not_used_does_not_change_the_hash():
    assert spec_hash(Longer(**FULL)) == spec_hash(NETWORK)
    assert spec_hash(Longer(**FULL, ramps=[RAMP])) != spec_hash(NETWORK)
