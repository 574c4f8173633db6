"""L1 and L2: every model of the library, alone and behind a synapse, against SciPy's solution.

Linear models are advanced exactly. The others have an error that their time step decides: it is
below a microvolt where V_m has no upswing of its own, and where it has one (the exponential, the
square, the sodium channel) it is the spike that is a little early or late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from netspec import Population, Projection, SpikeInput, StepCurrent
from netspec.describe.models import LIBRARY
from netspec.testing.parts import V_M, WALK, accumulated, network, sampled, trains
from netspec.validation.ladder import oracle

DURATION = 60.0
TIMES = {"excitatory": (5.0, 5.0, 8.2, 20.0, 41.7), "inhibitory": (6.0, 12.0, 12.0, 45.0)}
DELAYS = (0.1, 1.5)  # ms, of the first two targets; the third one has no synapse


@dataclass(frozen=True)
class Case:
    """How a model is driven, and how closely V_m has to agree where it does not spike.

    Attributes
    ----------
    weak, strong : float
        Currents below and above the threshold, in pA.
    weights : tuple of float
        Of an excitatory and an inhibitory event.
    tolerance : float
        In mV, of the neurons that do not spike.
    dt : float
        In ms.
    shift : int
        Steps by which each spike may be early or late, and so the next one.
    parameters : tuple of (str, float)
        Other than the defaults.
    """

    weak: float
    strong: float
    weights: tuple[float, float]
    tolerance: float = 1e-6
    dt: float = 0.1
    shift: int = 0
    parameters: tuple[tuple[str, float], ...] = ()


CASES = {
    "iaf_psc_exp": Case(150.0, 600.0, (300.0, -300.0)),
    "iaf_psc_delta": Case(150.0, 600.0, (2.0, -2.0)),
    "iaf_psc_alpha": Case(150.0, 600.0, (100.0, -100.0)),
    "iaf_cond_exp": Case(100.0, 500.0, (20.0, 10.0), 1e-3),
    "iaf_cond_alpha": Case(100.0, 500.0, (10.0, 6.0), 1e-3),
    "iaf_cond_beta": Case(100.0, 500.0, (10.0, 6.0), 1e-3),
    "aeif_cond_exp": Case(200.0, 900.0, (60.0, 20.0), 1e-5, 0.05, 1),
    "aeif_cond_alpha": Case(200.0, 900.0, (20.0, 10.0), 1e-4, 0.05, 1),
    "izhikevich": Case(1.0, 12.0, (2.0, -2.0), 1e-4, 0.05, 1),
    "hh_cond_exp_traub": Case(20.0, 300.0, (0.7, 2.0), 1e-3, 0.05, 1,
                              (("E_L", -70.0),)),
    "gif_cond_exp": Case(30.0, 250.0, (3.0, 1.5), 1e-3, parameters=(
        ("Delta_V", 2.0), ("q_sfa_2", 5.0), ("q_stc_1", 40.0), ("q_stc_3", 10.0))),
}  # fmt: skip
QUIET, SPIKING = ("weak", "events", "targets"), ("strong",)


def test_every_model_of_the_library_has_its_case():
    """Others have tests of their own: continuous coupling (L1, L2), noise (`test_noise`)."""
    others = {"iaf_cond_nmda", "gif_psc_exp", "parrot_neuron"}  # the last: `test_spike_sources`
    assert set(CASES) == set(LIBRARY) - others


def described(model, case):
    def population(name, size=1):
        return Population(name=name, size=size, model=model, parameters=dict(case.parameters))

    receptors = dict(zip(TIMES, case.weights, strict=True))
    visible = tuple(s for s in LIBRARY[model].units_of_states if not s.startswith("x_"))
    pieces = {
        "step_currents": [
            StepCurrent(name=f"into_{name}", target=name, times=(2.0, 40.0),
                        amplitudes=(level, after))
            for name, level, after in (("weak", case.weak, -case.weak),
                                       ("strong", case.strong, case.strong))
        ],
        "spike_inputs": [
            SpikeInput(name=f"given_{receptor}", target="events", receptor=receptor,
                       times=TIMES[receptor], neurons=[0] * len(TIMES[receptor]), weight=weight)
            for receptor, weight in receptors.items()
        ],
        "projections": [
            Projection(name=f"to_{receptor}", pre="strong", post="targets", receptor=receptor,
                       rule={"kind": "explicit", "pre": [0, 0], "post": [0, 1], "delay": DELAYS},
                       weight=weight / (4 if receptor == "excitatory" else 2))
            for receptor, weight in receptors.items()
        ],
    }  # fmt: skip
    populations = [*map(population, ("weak", "events", "strong")), population("targets", 3)]
    return network("library", populations, visible, **pieces)


LONG = ("gif_cond_exp",)  # its kin is in `test_noise`


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=[pytest.mark.long] if n in LONG else []) for n in CASES],
)
def case(request):
    return request.param, CASES[request.param]


@pytest.fixture(scope="module")
def expected(case):
    name, how = case
    return oracle.solve(described(name, how), how.dt, round(DURATION / how.dt))


@pytest.fixture(scope="module")
def single(simulate, case):
    return simulate(described(*case), DURATION, case[1].dt)


def apart(run, solution, population, variable, steps=None):
    found = sampled(run, population, variable) - solution.values[population, variable]
    return float(np.abs(found[:steps]).max())


def test_v_m_below_the_threshold_is_that_of_scipy(
    single, expected, case, tolerance, record_property
):
    name, how = case
    step = min((t[0] for t in expected.spikes["strong"]), default=0)
    linear = how.tolerance == 1e-6 and how.shift == 0
    for population in QUIET:
        # what comes through the synapse is as early or late as the spikes that it comes from
        until = step if population == "targets" and how.shift else None
        largest = apart(single, expected, population, "V_m", until)
        record_property(f"largest difference of V_m, {name}, {population} (mV)", largest)
        rounding = V_M if linear else WALK * 10
        assert largest < tolerance(how.tolerance, rounding), population
        assert not any(expected.spikes[population])
        assert np.ptp(expected.values[population, "V_m"]) > 0.1, population


def test_synaptic_variables_are_those_of_scipy(single, expected, case, tolerance):
    name, how = case
    found = [s for s in LIBRARY[name].units_of_states if s.startswith(("g_", "I_syn"))]
    for variable in found:
        rounding = accumulated(expected, variable, 10.0 / how.dt)
        assert apart(single, expected, "events", variable) < tolerance(1e-6, rounding), variable
        assert np.ptp(expected.values["events", variable]) > 1


def test_spikes_are_those_of_scipy(single, expected, case, tolerance):
    _, how = case
    (found,), (wanted,) = trains(single, "strong"), expected.spikes["strong"]
    assert len(found) == len(wanted) > 1
    allowed = (how.shift + tolerance(0, 1)) * np.arange(1, len(wanted) + 1)
    assert (np.abs(np.array(found) - wanted) <= allowed).all()
    for population in QUIET:
        assert not any(trains(single, population))


def test_an_event_arrives_after_its_delay_and_moves_v_m_a_step_later(single, case):
    name, how = case
    spike = trains(single, "strong")[0][0]
    v = sampled(single, "targets", "V_m")
    later = 0 if LIBRARY[name].receptors["excitatory"] == "V_m" else 1
    for neuron, delay in enumerate(DELAYS):
        due = spike + round(delay / how.dt) + later
        onset = int(np.argmax(v[:, neuron] != v[:, 2])) + 1
        assert onset == due, f"delay {delay} ms"
