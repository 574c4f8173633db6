"""The library of models: NEST's names, defaults and units, and the page that shows them."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from netspec.cli import app
from netspec.describe import expressions as ex
from netspec.describe import serialization
from netspec.describe.models import LIBRARY
from netspec.describe.synapse_models import SYNAPSES
from netspec.realise.lowering import lower

ROOT = Path(__file__).parents[2]
# model -> parameter of the same name -> why its default is another
RATE = {"lambda_0": "the same rate, in 1/ms and not in 1/s"}
OTHER_DEFAULTS: dict[str, dict[str, str]] = {"gif_psc_exp": RATE, "gif_cond_exp": RATE}
# model -> what NEST's has and ours has not, beside states and what plasticity needs, and why
NOT_OURS = {
    "iaf_psc_exp": {"rho": "escape noise", "delta": "escape noise"},
    "iaf_psc_delta": {"V_min": "a lower bound of V_m, off by default"},
    "iaf_psc_alpha": {"V_min": "a lower bound of V_m, off by default"},
    "izhikevich": {"V_min": "a lower bound of V_m, off by default"},
    "aeif_cond_exp": {"gsl_error_tol": "of the solver"},
    "aeif_cond_alpha": {"gsl_error_tol": "of the solver"},
    "gif_cond_exp": {"gsl_error_tol": "of the solver"},
    "parrot_neuron": {"flush_event_send_interval": "how often NEST's recording is written"},
}
# what NEST has as lists: kinds of adaptation, of which ours have three each
LISTS = {f"{value}_{kind}_{n}": f"{value}_{kind}" for value in ("tau", "q")
         for kind in ("sfa", "stc") for n in (1, 2, 3)}  # fmt: skip
ARCHIVE = {"Ca", "beta_Ca", "ignore_and_spike_interval", "ignore_and_spike_offset", "post_trace",
           "t_spike", "tau_Ca", "tau_minus", "tau_minus_triplet"}  # fmt: skip
STATES = {
    "V_m",
    "U_m",
    "w",
    "g_ex",
    "g_in",
    "dg_ex",
    "dg_in",
    "E_sfa",
    "I_stc",
    "Act_m",
    "Act_n",
    "Inact_h",
}
MODELS = sorted(set(LIBRARY) - {"iaf_cond_nmda"})  # whose names are Compte's


@pytest.fixture(scope="module")
def nest():
    return pytest.importorskip("nest")


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_defaults_are_those_of_nest(nest, name):
    defaults = nest.GetDefaults(name)
    theirs = {k: v for k, v in defaults.items() if isinstance(v, float)}
    ours = LIBRARY[name].defaults()
    lists = {k for k in ours if k in LISTS and len(defaults[LISTS[k]]) == 0}
    assert all(ours.pop(k) == 0 for k in lists if k.startswith("q_"))
    ours = {k: value for k, value in ours.items() if k not in lists}
    assert set(ours) <= set(theirs)
    other = {k for k, value in ours.items() if value != theirs[k]}
    assert other == set(OTHER_DEFAULTS.get(name, {}))
    assert set(theirs) - set(ours) - ARCHIVE - STATES == set(NOT_OURS.get(name, {}))


@pytest.mark.parametrize("name", [*LIBRARY])
def test_defaults_are_plausible_and_receptors_are_named(name):
    model = LIBRARY[name]
    for parameter in model.parameters.values():
        assert parameter.low <= parameter.default <= parameter.high
    assert model.description
    if name == "parrot_neuron":
        assert not model.inputs and set(model.receptors) == {"events"}
        return
    assert model.inputs["I_stim"] == "pA"
    if name != "iaf_cond_nmda":
        assert set(model.receptors) == {"excitatory", "inhibitory"}


@pytest.mark.parametrize("name", ["iaf_psc_alpha", "iaf_cond_alpha", "iaf_cond_beta"])
@pytest.mark.parametrize("rise", [0.2, 1.7, 4.0])
def test_the_weight_is_the_peak_of_an_event(name, rise):
    """Also where rise and decay are the same, and where the rise is the slower of the two."""
    dt = 0.001
    model = LIBRARY[name]
    values = model.defaults()
    values |= {k: v for k, v in (("tau_syn_ex", 1.7), ("tau_decay_ex", 1.7)) if k in values}
    if "tau_rise_ex" in values:
        values["tau_rise_ex"] = rise
    program = lower(model, dt)
    constants = program.constants(values)
    state = model.receptors["excitatory"]
    shown = "I_syn_ex" if name == "iaf_psc_alpha" else "g_ex"
    now = {s.name: 0.0 for s in model.dynamics.states} | {state: 3.5}
    chosen = [s for s in program.statements if s.target.removeprefix("next_") in (state, shown)]
    course = []
    for _ in range(12000):
        for statement in chosen:
            now[statement.target] = ex.evaluate(statement.value, {**values, **constants, **now})
        course.append(now[shown])
    assert max(course) == pytest.approx(3.5, rel=1e-6)
    assert np.argmax(course) > 100


def test_the_page_on_models_is_not_stale(tmp_path):
    namespace = runpy.run_path(str(ROOT / "scripts" / "models_page.py"))
    assert (ROOT / "docs" / "models.md").read_text() == namespace["page"]()


def test_the_examples_are_their_builders():
    examples = ROOT / "docs" / "examples"
    built = runpy.run_path(str(examples / "networks.py"))
    assert {path.stem for path in examples.glob("*.toml")} == set(built["NETWORKS"])
    for name, build in built["NETWORKS"].items():
        text = (examples / f"{name}.toml").read_text()
        simulation = built["SIMULATIONS"].get(name, built["SIMULATION"])
        assert text == serialization.to_toml(build(), simulation)


def test_list_names_every_model_with_its_parameters():
    result = CliRunner().invoke(app, ["list", "--models", "--json"])
    assert result.exit_code == 0
    found = json.loads(result.output)
    synapses = found.pop("synapses")
    assert sorted(found) == sorted(LIBRARY)
    assert {name: sorted(model["parameters"]) for name, model in synapses.items()} == {
        name: sorted(model.parameters) for name, model in SYNAPSES.items()
    }
    for name, model in LIBRARY.items():
        units = {k: (v["default"], v["unit"]) for k, v in found[name]["parameters"].items()}
        assert units == {k: (p.default, p.unit) for k, p in model.parameters.items()}
        assert found[name]["receptors"] == model.receptors
    shown = CliRunner().invoke(app, ["list", "--models"])
    assert shown.exit_code == 0 and "tau_decay_ex" in shown.output
    assert "tau_fac" in shown.output and "Vogels" in shown.output
