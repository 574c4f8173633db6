"""Propagators of many neurons: those of each, fast, and whichever neurons stand beside it."""

import time

import numpy as np
import pytest

from netspec.describe.models import iaf_psc_exp
from netspec.describe.neurons import NeuronModel
from netspec.realise.lowering import lower
from netspec.realise.propagators import propagators

CASCADE = NeuronModel(
    name="cascade",
    equations="""
        da/dt = -a/tau + b/(3*ms) + drive/(2*ms) : 1
        db/dt = -b/fast + a/(30*ms) - 0.2/ms : 1
    """,
    threshold="a > 1",
    parameters={"tau": "10 ms", "fast": "0.5 ms", "drive": 1.0},
)


@pytest.mark.parametrize("drawn", [["I_e"], ["E_L", "I_e"], ["tau_m"], ["tau_m", "I_e", "V_th"]])
def test_those_of_many_neurons_are_those_of_each(drawn):
    """Eight thousand neurons with a drawn current once took half a minute."""
    program, size = lower(iaf_psc_exp, 0.1), 80_000
    values = iaf_psc_exp.defaults()
    random = np.random.default_rng(5)
    many = {**values, **{name: values[name] + random.uniform(0, 3, size) for name in drawn}}
    program.constants(many)  # SciPy is imported
    started = time.process_time()
    found = program.constants(many)
    assert time.process_time() - started < 1
    for index in (0, 4321, size - 1):
        own = {name: float(np.broadcast_to(v, size)[index]) for name, v in many.items()}
        for name, expected in program.constants(own).items():
            assert np.broadcast_to(found[name], size)[index] == pytest.approx(expected, rel=1e-14)


def test_a_cascade_with_feedback_is_that_of_scipy():
    program, random = lower(CASCADE, 0.2), np.random.default_rng(3)
    drawn = {"tau": random.uniform(1, 30, 50), "fast": random.uniform(0.1, 2, 50)}
    found = program.constants({**CASCADE.defaults(), **drawn, "drive": random.uniform(0, 5, 50)})
    again = np.random.default_rng(3)
    again.uniform(size=100)
    drives = again.uniform(0, 5, 50)
    for k in range(50):
        own = {"tau": drawn["tau"][k], "fast": drawn["fast"][k], "drive": drives[k]}
        for name, expected in program.constants(own).items():
            assert found[name][k] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("drawn", [("tau", "fast", "drive"), ("drive",)])
def test_a_neuron_has_the_same_bits_whoever_stands_beside_it(drawn):
    program, random = lower(CASCADE, 0.2), np.random.default_rng(4)
    many = {name: random.uniform(0.1, 20, 33) for name in drawn}
    found = program.constants({**CASCADE.defaults(), **many})
    for part in (slice(0, 1), slice(7, 9), slice(20, 33)):
        some = {name: values[part] for name, values in many.items()}
        for name, value in program.constants({**CASCADE.defaults(), **some}).items():
            assert np.array_equal(value, found[name][part] if np.ndim(value) else found[name])


def test_fast_decays_are_as_right_as_slow_ones():
    rates = -np.geomspace(1e-6, 700, 500)
    found = propagators({(0, 0): rates, (1, 1): -0.1}, {(0, 2): 1.0}, 2, 1.0)
    np.testing.assert_allclose(found[0, 0], np.exp(rates), rtol=2e-13)
    np.testing.assert_allclose(found[0, 2], np.expm1(rates) / rates, rtol=1e-14)
    np.testing.assert_allclose(
        found[1, 1], np.exp(-0.1), rtol=3e-14
    )  # squared as often as the fast one
    assert (0, 1) not in found


def test_a_rate_that_is_no_number_makes_none():
    found = propagators({(0, 0): np.array([np.inf, -1.0])}, {}, 1, 0.1)
    assert not np.isfinite(found[0, 0][0]) and found[0, 0][1] == pytest.approx(np.exp(-0.1))
