"""Neuron models: every fault is named, and a step is the solution of the equations."""

import math
import tomllib

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from netspec import Network, Population
from netspec.describe import expressions as ex
from netspec.describe.models import LIBRARY, iaf_cond_nmda, iaf_psc_exp
from netspec.describe.neurons import NeuronModel
from netspec.describe.serialization import network_from
from netspec.errors import DescriptionError
from netspec.realise.lowering import lower
from netspec.testing.strategies import ADEX

ADEX_MODEL = NeuronModel(**ADEX)


def advance(model, dt, steps, start, inputs=None, parameters=None, active=1.0):
    """Return the states after some steps of the lowered program."""
    program = lower(model, dt)
    given = {**model.defaults(), **(parameters or {})}
    values = {**given, **program.constants(given), **{name: 0.0 for name in model.inputs}}
    values |= {**(inputs or {}), "active": active}
    values |= {state.name: start.get(state.name, 0.0) for state in model.dynamics.states}
    for _ in range(steps):
        for statement in program.statements:
            values[statement.target] = ex.evaluate(statement.value, values)
    return {state.name: values[state.name] for state in model.dynamics.states}


def solution(model, span, start, inputs=None, parameters=None, active=1.0):
    """Return the states after `span` ms by SciPy, from the equations themselves."""
    states = model.dynamics.states
    fixed = {**model.defaults(), **{name: 0.0 for name in model.inputs}}
    fixed |= {**(parameters or {}), **(inputs or {})}

    def slope(_, y):
        values = {**fixed, **dict(zip((s.name for s in states), y, strict=True))}
        return [ex.evaluate(s.rhs, values) * (active if s.held else 1.0) for s in states]

    y0 = [start.get(s.name, 0.0) for s in states]
    found = solve_ivp(slope, (0, span), y0, method="DOP853", rtol=1e-12, atol=1e-12)
    return dict(zip((s.name for s in states), found.y[:, -1], strict=True))


START = {"V_m": -62.0, "I_syn_ex": 400.0, "I_syn_in": -150.0}


@pytest.mark.parametrize("tau_syn", [0.5, 2.0, 9.999999, 10.0, 10.000001, 25.0])
@pytest.mark.parametrize("active", [1.0, 0.0])
def test_propagators_of_iaf_psc_exp_are_exact(tau_syn, active):
    parameters = {"tau_syn_ex": tau_syn, "I_e": 120.0}  # tau_m is 10 ms
    inputs = {"I_stim": 55.0}
    found = advance(iaf_psc_exp, 0.1, 300, START, inputs, parameters, active)
    expected = solution(iaf_psc_exp, 30.0, START, inputs, parameters, active)
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert (found["V_m"] == -62.0) == (active == 0.0)


def test_one_step_is_the_same_as_many_small_ones():
    once = advance(iaf_psc_exp, 6.4, 1, START)
    assert advance(iaf_psc_exp, 0.1, 64, START) == pytest.approx(once, rel=1e-12)


@pytest.mark.parametrize(("tau_m", "tau_s"), [(10.0, 0.5), (10.0, 10.0)])
def test_a_psp_has_its_closed_form(tau_m, tau_s):
    weight, c_m, t = 87.8, 250.0, 1.7
    parameters = {"tau_m": tau_m, "tau_syn_ex": tau_s, "C_m": c_m, "E_L": -65.0}
    found = advance(iaf_psc_exp, 0.1, 17, {"V_m": -65.0, "I_syn_ex": weight}, None, parameters)
    if tau_m == tau_s:
        psp = weight / c_m * t * math.exp(-t / tau_m)
    else:
        shape = math.exp(-t / tau_m) - math.exp(-t / tau_s)
        psp = weight / c_m * tau_m * tau_s / (tau_m - tau_s) * shape
    assert found["V_m"] + 65.0 == pytest.approx(psp, rel=1e-11)


def test_iaf_psc_exp_is_all_linear_and_the_nonlinear_ones_are_not():
    assert set(lower(iaf_psc_exp, 0.1).linear) == {"V_m", "I_syn_ex", "I_syn_in"}
    assert set(lower(iaf_cond_nmda, 0.1).linear) == {"g_AMPA", "g_GABA", "x_NMDA"}
    # w goes on while V_m is held, so it cannot share a matrix with it
    assert set(lower(ADEX_MODEL, 0.1).linear) == {"I_syn"}


CASES = {
    "iaf_cond_nmda": (
        iaf_cond_nmda,
        {"V_m": -58.0, "g_AMPA": 30.0, "g_GABA": 12.0, "x_NMDA": 0.8, "s_NMDA": 0.3},
        {"g_NMDA": 25.0, "I_stim": 70.0},
    ),
    "adex": (ADEX_MODEL, {"V_m": -60.0, "w": 40.0, "I_syn": 900.0}, {"I_stim": 300.0}),
}


@pytest.mark.parametrize(
    ("integrator", "order"), [("euler", 1), ("exponential_euler", 1), ("rk2", 2), ("rk4", 4)]
)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("active", [1.0, 0.0])
def test_halving_the_step_divides_the_error_by_two_to_the_order(case, integrator, order, active):
    model, start, inputs = CASES[case]
    model = NeuronModel.model_validate({**model.model_dump(), "integrator": integrator})
    exact = solution(model, 4.0, start, inputs, active=active)
    # s_NMDA and w, the states that move also while V_m is held
    states = [s for s in ("V_m", "s_NMDA", "w") if s in exact and (active or s != "V_m")]
    for state in states:
        # w alone is so smooth that the error of small steps is lost in rounding
        steps = (1, 2, 4) if case == "adex" and not active else (20, 40, 80)
        errors = [
            abs(advance(model, 4.0 / n, n, start, inputs, active=active)[state] - exact[state])
            for n in steps
        ]
        if integrator == "exponential_euler" and case == "adex" and not active:
            assert max(errors) < 1e-12  # w is linear in itself, and V_m stands still
            continue
        assert min(errors) > 1e-12
        assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.25)
        assert errors[1] / errors[2] == pytest.approx(2**order, rel=0.15)


def test_linear_states_of_a_nonlinear_model_are_exact():
    model, start, inputs = CASES["iaf_cond_nmda"]
    found = advance(model, 0.5, 20, start, inputs)
    assert found["g_AMPA"] == pytest.approx(30.0 * math.exp(-10.0 / 2.0), rel=1e-12)
    assert found["x_NMDA"] == pytest.approx(0.8 * math.exp(-10.0 / 2.0), rel=1e-12)


def test_propagators_follow_parameters_that_vary_over_neurons():
    program = lower(iaf_psc_exp, 0.1)
    tau, threshold = np.array([5.0, 10.0, 5.0]), np.array([-50.0, -51.0, -52.0])
    many = program.constants({**iaf_psc_exp.defaults(), "tau_m": tau, "V_th": threshold})
    for k in range(3):
        one = program.constants({**iaf_psc_exp.defaults(), "tau_m": tau[k]})
        assert {n: np.broadcast_to(v, 3)[k] for n, v in many.items()} == pytest.approx(
            one, rel=2e-15
        )
    # V_th is no part of the integration
    same = program.constants({**iaf_psc_exp.defaults(), "V_th": threshold})
    assert same == program.constants(iaf_psc_exp.defaults())


def test_refractory_time_is_rounded_to_steps():
    program = lower(iaf_psc_exp, 0.1)
    assert program.refractory_steps({"t_ref": 2.0}) == 20
    assert program.refractory_steps({"t_ref": np.array([0.0, 0.3, 0.34])}).tolist() == [0, 3, 3]
    assert lower(iaf_psc_exp, 0.05).refractory_steps({"t_ref": 2.0}) == 40


def test_adex_is_read_alike_from_python_and_toml():
    lines = ['name = "n"', "[[populations]]", 'name = "A"', "size = 2", 'model = "adex"']
    lines += ["[models.adex]", 'threshold = "V_m > V_peak"', 'refractory = "t_ref"']
    lines += [f"equations = '''\n{ADEX['equations']}'''"]
    for table in ("reset", "receptors", "inputs", "initial", "parameters"):
        lines += [f"[models.adex.{table}]"]
        lines += [f'{name} = "{value}"' for name, value in ADEX[table].items()]
    network = network_from(tomllib.loads("\n".join(lines)))
    model = network.model_of("A")
    assert model == ADEX_MODEL
    assert model.same_as(ADEX_MODEL)
    assert model.units_of_states == {"V_m": "mV", "w": "pA", "I_syn": "pA"}
    assert model.parameters["b"].default == 80.5
    assert model.parameters["b"].unit == "pA"


def test_adex_rests_where_its_currents_cancel():
    resting = advance(ADEX_MODEL, 1.0, 3000, {"V_m": -60.0})
    v, w = resting["V_m"], resting["w"]
    spike = 30.0 * 2.0 * math.exp((v + 50.4) / 2.0)
    assert w == pytest.approx(4.0 * (v + 70.6), abs=1e-6)
    assert -30.0 * (v + 70.6) + spike - w == pytest.approx(0.0, abs=1e-6)


def test_same_as_looks_at_the_equations_and_not_at_the_defaults():
    data = iaf_psc_exp.model_dump()
    data["parameters"]["C_m"]["default"] = 1.0
    assert NeuronModel.model_validate({**data, "name": "other"}).same_as(iaf_psc_exp)
    data["equations"] = data["equations"].replace("I_e + I_stim", "I_stim")
    data["parameters"].pop("I_e")
    assert not NeuronModel.model_validate(data).same_as(iaf_psc_exp)


def test_library_models_survive_their_own_json():
    for model in LIBRARY.values():
        again = NeuronModel.model_validate_json(model.model_dump_json())
        assert again == model
        assert again.same_as(model)


MINIMAL = {"name": "m", "equations": "dx/dt = -x/(5*ms) : 1", "threshold": "x > 1"}


def faults_of(**changes):
    with pytest.raises(DescriptionError) as caught:
        NeuronModel(**{**MINIMAL, **changes})
    assert all(f.path and f.allowed for f in caught.value.faults)
    return {f.path: f for f in caught.value.faults}


def test_all_faults_of_a_model_are_reported_at_once():
    found = faults_of(
        equations="""
            dV_m/dt = -V_m/tau : mV
            dw/dt = (V_m - w)/tau : pA
            dx/dt = y/tau : 1
            what is this
            dz/dt = 1/tau : mvolt
        """,
        threshold="V_m",
        reset={"V_n": "0*mV", "w": "w + 1"},
        refractory="tau_ref",
        receptors={"ex": "Vm"},
        initial={"V_m": "C_m", "u": 1.0, "w": "3 mV"},
        parameters={"tau": "10 ms", "C_m": "250 pF"},
    )
    assert set(found) == {
        "equations", "equations.w", "equations.x", "threshold", "reset.V_n", "reset.w",
        "refractory", "receptors.ex", "initial.V_m", "initial.u", "initial.w",
    }  # fmt: skip
    assert "did you mean 'V_m'" in found["reset.V_n"].hint
    assert "did you mean 'V_m'" in found["receptors.ex"].hint
    assert "expected pA" in found["initial.w"].allowed


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"equations": ""}, "equations"),
        ({"equations": "y = 1 : 1", "threshold": "y > 1"}, "equations"),
        ({"equations": "dx/dt = -x/(5*ms) : 1 (unless asleep)"}, "equations"),
        ({"equations": "y = 1 : 1 (unless refractory)\ndx/dt = -x/(5*ms) : 1"}, "equations"),
        ({"equations": "dx/dt = y/(5*ms) : 1\ny = 1 : 1\nz = w : 1\nw = 2 : 1"}, "equations.z"),
        ({"equations": "dx/dt = -x : 1"}, "equations.x"),
        ({"equations": "dx/dt = (x > 1)/(1*ms) : 1"}, "equations.x"),
        ({"equations": "dx/dt = int(x > 1*mV)/(1*ms) : 1"}, "equations.x"),
        ({"equations": "dx/dt = int(x)/(1*ms) : 1"}, "equations.x"),
        ({"equations": "dx/dt = -x/(5*ms) : 1\ndx/dt = -x/(6*ms) : 1"}, "equations"),
        ({"equations": "dexp/dt = -exp/(5*ms) : 1", "threshold": "exp > 1"}, "equations"),
        ({"equations": "dlambda/dt = -1/ms : 1", "threshold": "lambda > 1"}, "equations"),
        ({"equations": "dé/dt = -1/ms : 1"}, "equations"),
        ({"equations": f"d{'x' * 65}/dt = -1/ms : 1"}, "equations"),
        ({"parameters": {"x": 1.0}}, "equations"),
        ({"parameters": {"ms": 1.0}}, "equations"),
        ({"parameters": {"int": 1.0}}, "equations"),
        ({"parameters": {"next_x": 1.0}}, "equations"),
        ({"inputs": {"dt": "ms"}}, "equations"),
        ({"inputs": {"u": "furlong"}}, "inputs.u"),
        ({"threshold": "x > 1 and x"}, "threshold"),
        ({"threshold": "x >"}, "threshold"),
        ({"reset": {"x": "y"}}, "reset.x"),
        ({"parameters": {"r": "3 mV"}, "refractory": "r"}, "refractory"),
        ({"parameters": {"r": "3 mV^2"}}, "parameters.r"),
        ({"parameters": {"r": {"default": "3 mV", "unit": "pA"}}}, "parameters.r"),
        ({"integrator": "rk5"}, "integrator"),
        ({"name": "9"}, "name"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_fault_of_a_model_has_its_path(changes, path):
    assert path in faults_of(**changes)


def test_shortcuts_cannot_blow_up():
    lines = ["a0 = x + x : 1", *(f"a{i} = a{i - 1} + a{i - 1} : 1" for i in range(1, 60))]
    found = faults_of(equations="\n".join([*lines, "dx/dt = a59/(1*ms) : 1"]))
    assert any("parts" in fault.allowed for fault in found.values())
    assert "equations" in faults_of(equations="x = " + ":x(" * 10**5)


def test_names_that_look_alike_when_joined_keep_their_own_propagators():
    model = NeuronModel(
        name="alike",
        equations="""
            da/dt = b_c/tau : 1
            db_c/dt = -b_c/tau : 1
            da_b/dt = -5*c/tau : 1
            dc/dt = -c/tau : 1
            done/dt = -one/tau : 1
        """,
        threshold="a > 100",
        parameters={"tau": "10 ms"},
    )
    program = lower(model, 1.0)
    values = {"a": 0.0, "b_c": 1.0, "a_b": 0.0, "c": 1.0, "one": 1.0, "active": 1.0}
    values |= program.constants(model.defaults())
    for statement in program.statements:
        values[statement.target] = ex.evaluate(statement.value, values)
    decayed = np.exp(-0.1)
    assert values["a"] == pytest.approx(1 - decayed, rel=1e-12)
    assert values["a_b"] == pytest.approx(-5 * (1 - decayed), rel=1e-12)
    assert values["one"] == pytest.approx(decayed, rel=1e-12)


def test_an_equation_may_go_on_over_lines():
    one = NeuronModel(
        name="m",
        threshold="V > 1*mV",
        equations="dV/dt = -V/(10*ms) + 2*mV/(3*ms) : mV (unless refractory)",
    )
    other = NeuronModel(name="m", threshold="V > 1*mV", equations="""
        dV/dt = -V/(10*ms)  # leak
                + 2*mV/
                  (3*ms)
              : mV (unless refractory)
    """)  # fmt: skip
    assert one.dynamics == other.dynamics


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("-65", -65.0), ("2.5", 2.5)])
def test_a_bare_number_of_a_reset_is_in_the_unit_of_its_state(text, value):
    model = NeuronModel(name="m", equations="dV/dt = -V/(10*ms) : mV", threshold="V > 1*mV",
                        reset={"V": text})  # fmt: skip
    assert ex.evaluate(dict(model.dynamics.reset)["V"], {}) == value


@pytest.mark.parametrize("tau", ["0 ms", "-2 ms"])
def test_a_time_constant_is_above_zero(tau):
    equations = "dI/dt = -I/(2*tau) : pA\ndV/dt = I/C : mV"
    fields = {"name": "m", "equations": equations, "threshold": "V > 1*mV"}
    with pytest.raises(DescriptionError, match=r"parameters\.tau: given .* ms; a value above 0"):
        NeuronModel(**fields, parameters={"tau": tau, "C": "100 pF"})
    model = NeuronModel(**fields, parameters={"tau": "2 ms", "C": "100 pF"})
    for given in ({"tau": tau}, {"C": -1.0}, {"tau": {"kind": "normal", "mean": 2.0, "sd": 1.0}}):
        with pytest.raises(DescriptionError, match="above 0"):
            Network(name="n", populations=[
                Population(name="A", size=2, model=model, parameters=given)])  # fmt: skip
