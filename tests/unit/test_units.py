"""Quantities: conversions are exact, and a wrong unit is named."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.describe import units
from netspec.describe.network import Network, Population
from netspec.describe.simulation import Simulation
from netspec.errors import DescriptionError, UnitError

UNITS = ["ms", "mV", "pA", "pF", "nS", "GOhm", "1/ms", "1/mV"]


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0.0878 nA", "pA", 87.8),
        ("87.8 pA", "pA", 87.8),
        ("0.5 nF", "pF", 500.0),
        ("250pF", "pF", 250.0),
        ("1.5e-3 s", "ms", 1.5),
        ("100 us", "ms", 0.1),
        ("100 µs", "ms", 0.1),
        ("-0.065 V", "mV", -65.0),
        ("25 nS", "nS", 25.0),
        ("40 Mohm", "GOhm", 0.04),
        ("40 MOhm", "GOhm", 0.04),
        ("1 mV/pA", "GOhm", 1.0),
        ("1 pA*ms/mV", "pF", 1.0),
        ("0.5 1/ms", "1/ms", 0.5),
        ("500 Hz", "1/ms", 0.5),
        ("62 1/V", "1/mV", 0.062),
        ("8 1/s", "Hz", 8.0),
        ("1.4 kHz", "Hz", 1400.0),
        ("40 deg", "deg", 40.0),
        ("40°", "deg", 40.0),
        ("7", "mV", 7.0),
        (7, "mV", 7.0),
    ],
)
def test_conversion_is_exact(text, unit, value):
    assert units.quantity(text, unit) == value


@given(st.decimals(-(10**6), 10**6, places=6), st.sampled_from(["A", "mA", "uA", "nA", "pA", "fA"]))
def test_a_current_is_the_nearest_float_to_its_decimal(number, unit):
    shift = {"A": 12, "mA": 9, "uA": 6, "nA": 3, "pA": 0, "fA": -3}[unit]
    assert units.quantity(f"{number} {unit}", "pA") == float(Decimal(number).scaleb(shift))


@given(st.floats(-1e30, 1e30), st.sampled_from([*UNITS, "Hz", "deg"]))
def test_a_number_written_with_its_own_unit_is_itself(value, unit):
    assert units.quantity(f"{value!r} {unit}", unit) == value
    assert units.check_dimension(units.measured(f"{value!r} {unit}"), unit) == value


@given(st.sampled_from(UNITS), st.sampled_from(UNITS))
def test_a_unit_of_another_dimension_is_refused(given_unit, expected):
    if given_unit == expected:
        return
    for read in (units.quantity, lambda t, u: units.check_dimension(units.measured(t), u)):
        with pytest.raises(UnitError) as caught:
            read(f"3 {given_unit}", expected)
        assert f"3 {given_unit}" in str(caught.value)
        assert f"expected {expected}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "pA", "1,5 pA", "1 2 pA", "1 pA mV V V !", "1 pAA", "1 kg", "1 K", "1 degC", "1 pA^1.5",
     "1 pA**", "1 /pA", "1 pA/", "--1 pA", "1e400 pA", "1e9999 pA", "nan", "inf", "0x10", "1 pA;",
     "1 __import__('os')", "1 " + "pA*" * 60 + "pA", "1" * 200],
)  # fmt: skip
def test_junk_is_a_unit_error(text):
    with pytest.raises(UnitError):
        units.quantity(text, "pA")


@pytest.mark.parametrize(
    "value",
    [None, True, [], {}, 1j, float("nan"), float("inf"), b"1", pytest.param(10**5000, id="huge")],
)
def test_what_is_no_finite_number_is_refused(value):
    for read in (units.measured, lambda v: units.quantity(v, "pA")):
        with pytest.raises(UnitError):
            read(value)


@given(st.text(max_size=60) | st.from_regex(r"[0-9.]{1,4} ?[a-zA-Z*/^0-9-]{0,12}", fullmatch=True))
def test_no_text_raises_anything_but_a_unit_error(text):
    with contextlib.suppress(UnitError):
        assert isinstance(units.measured(text), float)


def test_degrees_are_not_radians():
    with pytest.raises(UnitError):
        units.quantity("0.5 rad", "deg")
    with pytest.raises(UnitError):
        units.quantity("40 deg", "1")


def test_the_dimension_of_a_product_is_written_in_its_own_unit():
    mv, na = units.COHERENT["mV"], units.COHERENT["pA"]
    assert str(na.times(mv, -1)) == "nS"
    assert str(mv.times(mv)) == "mV^2"


def test_a_wrong_unit_in_a_population_names_field_given_and_expected():
    with pytest.raises(DescriptionError) as caught:
        Network(
            name="n",
            populations=[
                {"name": "A", "size": 1, "model": "iaf_psc_exp",
                 "parameters": {"C_m": "250 mV", "tau_m": "10 pF"}}
            ],
        )  # fmt: skip
    found = {f.path: f for f in caught.value.faults}
    assert found["populations[0].parameters.C_m"].given == "'250 mV'"
    assert "pF" in found["populations[0].parameters.C_m"].allowed
    assert "ms" in found["populations[0].parameters.tau_m"].allowed


@pytest.mark.parametrize("value", ["0.25 pF", "250 nF", 250e3])
def test_a_slip_of_a_thousand_is_a_fault(value):
    population = Population(name="A", size=1, model="iaf_psc_exp", parameters={"C_m": value})
    with pytest.raises(DescriptionError, match="slip of 1000") as caught:
        Network(name="n", populations=[population])
    (fault,) = caught.value.faults
    assert fault.path == "populations[0].parameters.C_m"
    assert "1.0 to 20000.0 pF" in fault.allowed
    Network(name="n", populations=[population], accept=["populations.A.parameters.C_m"])


def test_a_simulation_reads_units_and_stays_on_its_grid():
    assert Simulation(dt="50 us", warmup=0, duration="1 s").total_steps == 20000
    with pytest.raises(DescriptionError, match="multiple of dt"):
        Simulation(dt=0.1, duration=0.25)
    with pytest.raises(DescriptionError, match="expected ms"):
        Simulation(dt="0.1 mV")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1/ms", 0.1), ("11/ms", 11.0), ("1/ms", 1.0), ("0.5 / ms", 0.5), ("1e-3/ms", 1e-3),
     ("100/s", 0.1), ("0.1 1/ms", 0.1), ("111 1/ms", 111.0)],
)  # fmt: skip
def test_a_number_is_read_whole_before_its_unit(text, value):
    """The last digit of 0.1 was once taken for that of the unit 1/ms, which left 0."""
    assert units.quantity(text, "1/ms") == pytest.approx(value, rel=1e-15)
    assert units.measured(text) == pytest.approx(value, rel=1e-15)
