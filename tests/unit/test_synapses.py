"""Synapses that change: the rule of time, in numbers that NEST, Brian2 and GeNN gave alike."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import netspec
from netspec import Network, Simulation, SynapseModel, SynapseRecorder, spec_hash
from netspec.describe.expressions import Name, evaluate
from netspec.describe.serialization import (
    canonical_json,
    from_json,
    from_toml,
    to_toml,
    with_values,
)
from netspec.describe.synapse_models import SYNAPSES
from netspec.errors import DescriptionError, SimulationFailed, UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.execute.measure import Activity
from netspec.execute.recording import Recording
from netspec.realise import drawing
from netspec.realise.drawing import Synapses
from netspec.realise.plastic_steps import Remaining
from netspec.realise.plasticity import PlasticSynapses, lower_synapse
from netspec.validation.ladder.synapses import sent
from netspec.validation.measure.catalogue import known_measures
from netspec.validation.measure.weights import WeightMeasure

RULE = {"tau_plus": 16.8, "tau_minus": 33.7, "lam": 0.1, "alpha": 1.05, "w_max": 100.0}
PRE = (100, 200, 205, 300, 410, 500, 601, 700)
POST = (120, 190, 250, 291, 399, 490, 493, 610, 640)
# (pre, post, weights carried); mu = 1, w = 50, a delay of 10 steps of 0.1 ms
PAIRS = {
    "depression": ((100,), (80,), (44.903497674,)),
    "potentiation, then depression": ((100, 200), (120,), (50, 49.560242453)),
    "a step before the second": ((100, 200), (189,), (50, 47.248805546)),
    "a tie": ((100, 200), (190,), (50, 52.757156285)),
    "a step after": ((100, 200), (191,), (50, 50)),
}
LONG = {
    (1.0, 0.1): (50, 51.871244196, 42.145212275, 40.251817452, 39.254213291, 34.614714075,
                 31.952103466, 30.901427226),
    (0.0, 0.1): (50, 55.348352021, 36.598017281, 31.191904175, 32.950934324, 19.375787900,
                 6.697732737, 0.187090479),
    (0.4, 0.1): (50, 53.329820002, 38.748492230, 35.308195430, 35.299966081, 26.696685157,
                 20.639849788, 19.080638060),
    (0.0, 0.6): (50, 48.816378266, 0, 0, 0, 0, 0, 0),
}  # fmt: skip
SHORT_TERM = {
    (0.2, 130.0, 530.0): (10, 14.544703281, 12.758117746, 9.359574910, 6.718958282, 4.750728236,
                          4.177377164, 3.892597731),
    (0.5, 800.0, 0.001): (25, 12.655277494, 6.339305327, 3.427354903, 2.031673156, 1.284146344,
                          0.947658929, 0.775470571),
}  # fmt: skip


def stdp(pre, post, d, w, mu, lam, dt=0.1):
    """Return what a synapse sends, by a few lines that know nothing of models."""
    tau_plus, tau_minus, alpha, w_max = 16.8, 33.7, 1.05, 100.0
    back, pre, x, y, tx, ty, found = {t + d for t in post}, set(pre), 0.0, 0.0, 0, 0, []
    for t in sorted(pre | back):
        before = x * np.exp((tx - t) * dt / tau_plus), y * np.exp((ty - t) * dt / tau_minus)
        if t in back:
            w = min(w_max, w + lam * w_max * (1 - w / w_max) ** mu * before[0])
        if t in pre:
            w = max(0.0, w - alpha * lam * w_max * (w / w_max) ** mu * before[1])
            found.append((t, w))
            x, tx = before[0] + 1, t
        if t in back:
            y, ty = before[1] + 1, t
    return found


@pytest.mark.parametrize("case", PAIRS)
def test_pairs_of_spikes_carry_the_weights_of_the_table(case):
    pre, post, weights = PAIRS[case]
    found, last = sent(SYNAPSES["stdp"], RULE, pre, post, 10, 50.0)
    assert [step for step, _ in found] == list(pre)
    np.testing.assert_allclose([w for _, w in found], weights, rtol=0, atol=1e-9)
    assert last == found[-1][1]


@pytest.mark.parametrize(("mu", "lam"), LONG)
def test_trains_carry_the_weights_of_the_table(mu, lam):
    rule = {**RULE, "mu_plus": mu, "mu_minus": mu, "lam": lam}
    found, _ = sent(SYNAPSES["stdp"], rule, PRE, POST, 10, 50.0)
    np.testing.assert_allclose([w for _, w in found], LONG[mu, lam], rtol=0, atol=1e-9)
    by_hand = stdp(PRE, POST, 10, 50.0, mu, lam)
    np.testing.assert_allclose(found, by_hand, rtol=0, atol=1e-12)


def test_a_spike_of_the_target_after_the_last_event_changes_nothing_that_was_carried():
    found, last = sent(SYNAPSES["stdp"], RULE, PRE, (*POST, 750), 10, 50.0)
    assert last == found[-1][1] == pytest.approx(30.901427226, abs=1e-9)


@pytest.mark.parametrize(("U", "tau_rec", "tau_fac"), SHORT_TERM)
def test_short_term_plasticity_carries_the_numbers_of_the_table(U, tau_rec, tau_fac):
    parameters = {"U": U, "tau_rec": tau_rec, "tau_fac": tau_fac}
    for delay in (1, 10):  # it plays no part
        found, last = sent(SYNAPSES["tsodyks_markram"], parameters, PRE, POST, delay, 50.0)
        expected = SHORT_TERM[U, tau_rec, tau_fac]
        np.testing.assert_allclose([w for _, w in found], expected, rtol=0, atol=1e-9)
        assert last == 50.0


def test_a_negative_weight_is_the_positive_one_with_its_sign():
    found, _ = sent(SYNAPSES["stdp"], RULE, PRE, POST, 10, 50.0)
    other, _ = sent(SYNAPSES["stdp"], {**RULE, "w_max": -100.0}, PRE, POST, 10, -50.0)
    assert [(t, -w) for t, w in other] == found


# -- the description ----------------------------------------------------------------------------


def described(synapse="stdp", parameters=None, **more):
    """Return a network of one population with plastic synapses onto itself, as plain data."""
    projection = {"name": "p", "pre": "A", "post": "A", "receptor": "excitatory", "weight": 50.0,
                  "rule": "all_to_all", "delay": 1.0, "synapse": synapse,
                  "parameters": {"w_max": 90.0} if parameters is None else parameters,
                  **more.pop("projection", {})}  # fmt: skip
    model = more.pop("model", "iaf_psc_exp")
    return {"name": "n", "populations": [{"name": "A", "size": 3, "model": model}],
            "projections": [projection], **more}  # fmt: skip


def faults(**values):
    """Return path -> fault of a broken description."""
    with pytest.raises(DescriptionError) as caught:
        Network(**described(**values))
    return {
        fault.path: f"{fault.given}: {fault.allowed} {fault.hint}" for fault in caught.value.faults
    }


def test_parameters_have_units_and_files_give_the_same_network():
    given = {"w_max": "0.09 nA", "tau_plus": "0.015 s", "lam": 0.02}
    network = Network(**described(parameters=given))
    assert network.projections[0].parameters == {"w_max": 90.0, "tau_plus": 15.0, "lam": 0.02}
    text = to_toml(network)
    assert 'w_max = "90.0 pA"' in text and from_toml(text) == network
    assert spec_hash(from_json(canonical_json(network))) == spec_hash(network)
    changed = with_values(network, {"projections.p.parameters.tau_minus": "30 ms"})
    assert changed.projections[0].parameters["tau_minus"] == 30.0
    assert spec_hash(changed) != spec_hash(network)


def test_a_weight_of_conductances_has_parameters_in_nanosiemens():
    given = {"model": "iaf_cond_exp", "projection": {"weight": 2.0}}
    network = Network(**described(parameters={"w_max": "3 nS"}, **given))
    assert network.projections[0].parameters["w_max"] == 3.0
    wrong = faults(parameters={"w_max": "3 pA"}, **given)
    assert "expected nS" in wrong["projections[0].parameters.w_max"]


def test_a_static_model_is_none():
    network = Network(**described("static", {}))
    assert network.plastic() == []
    assert network.synapse_of(network.projections[0]) is None


@pytest.mark.parametrize(
    ("values", "path", "says"),
    [
        ({"synapse": "sdtp"}, "synapse", "did you mean 'stdp'"),
        ({"parameters": {}}, "parameters.w_max", "no default"),
        ({"parameters": {"w_max": 90, "tau": 1}}, "parameters.tau", "a parameter of stdp"),
        ({"parameters": {"w_max": 90, "tau_plus": 0}}, "parameters.tau_plus", "above 0"),
        ({"parameters": {"w_max": 90, "tau_plus": "1 mV"}}, "parameters.tau_plus", "expected ms"),
        ({"parameters": {"w_max": 40}}, "weight", "weights from 0 to 40"),
        ({"parameters": {"w_max": -90}}, "weight", "weights from -90 to 0"),
        ({"parameters": {"w_max": 0}}, "parameters", "a range of weights"),
        ({"projection": {"weight": {"kind": "normal", "mean": 50, "sd": 20}}}, "weight", "bounds"),
        ({"synapse": None}, "parameters", "no synapse model"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(values, path, says):
    found = {p.removeprefix("projections[0]."): text for p, text in faults(**values).items()}
    assert says in found[path], found


def test_a_recorder_names_synapses_of_a_projection_that_changes():
    recorder = {"name": "w", "projection": "q"}
    assert (
        "a projection: p" in faults(synapse_recorders=[recorder])["synapse_recorders[0].projection"]
    )
    static = described("static", {}, synapse_recorders=[{"name": "w", "projection": "p"}])
    with pytest.raises(DescriptionError, match="whose synapses change"):
        Network(**static)
    with pytest.raises(DescriptionError, match="must increase"):
        SynapseRecorder(name="w", projection="p", synapses=[3, 1])


def test_all_faults_of_a_model_are_told_at_once():
    with pytest.raises(DescriptionError) as caught:
        SynapseModel(
            name="wrong",
            equations="""
                dx/dt = -x*x/tau : 1 (pre)
                dy/dt = -y/tau : 1 (pst)
                dz/dt = -w/tau : 1
                du/dt = -u/tau : 1 (post)
            """,
            on_pre={"w": "w + x", "q": "1", "x": "x + u"},
            on_post={"x": "x"},
            send="x",
            parameters={"tau": "20 ms", "range": 1},
            initial={"w": 3, "u": "tau"},
        )  # fmt: skip
    found = {fault.path for fault in caught.value.faults}
    assert found >= {"equations", "equations.x", "equations.z", "on_pre.w", "on_pre.q", "on_pre.x",
                     "on_post.x", "send", "initial.w", "initial.u"}  # fmt: skip
    assert "mV" not in str(caught.value), "the weight's dimension is called by its name"


# -- the program --------------------------------------------------------------------------------


def test_a_course_between_events_is_the_solution_of_its_equation():
    model = SynapseModel(
        name="m", equations="dx/dt = (A - x)/tau : 1 (pre)\ndz/dt = r : 1",
        parameters={"A": 3.0, "tau": "20 ms", "r": "0.1/ms"}, initial={"x": 1.0},
    )  # fmt: skip
    courses = {course.name: course for course in lower_synapse(model, {"A": 2.0}).courses}
    for name, start, after in (("x", 1.0, 2 - np.exp(-7 / 20)), ("z", 5.0, 5.7)):
        values = {name: start, "span": 7.0}
        assert evaluate(courses[name].after(Name("span")), values) == pytest.approx(after)
        stepped = start
        for _ in range(70):
            stepped = evaluate(courses[name].after_step(0.1), {name: stepped})
        assert stepped == pytest.approx(after, rel=1e-12)
    assert courses["x"].initial == 1.0 and courses["x"].moves
    assert not courses["w"].moves


@pytest.mark.parametrize(
    "model", ["stdp", "stdp_triplet", "vogels2011", "tsodyks_markram", "tsodyks_uziel_markram"]
)
def test_what_is_under_way_is_finished_as_the_oracle_says(model):
    """All spikes lie in the last steps, so that NumPy makes every one of them."""
    draw = np.random.default_rng(3)
    delays, total = [1, 5, 20, 40], 60
    pre = [np.sort(draw.choice(np.arange(25, 61), 9, replace=False)) for _ in delays]
    post = [np.sort(draw.choice(np.arange(1, 61), 20, replace=False)) for _ in delays]
    late = [
        [int(s) for s in spikes if s > total - d] for spikes, d in zip(pre, delays, strict=True)
    ]
    back = [[int(s) for s in spikes if s > total - 2 * d]
            for spikes, d in zip(post, delays, strict=True)]  # fmt: skip
    given = {"w_max": 90.0} if "w_max" in SYNAPSES[model].parameters else {}
    network = Network(**described(model, given))
    numbers = np.arange(4, dtype=np.uint32)
    drawn = Synapses(numbers, numbers, 50.0, np.array(delays, np.uint16))
    plastic = PlasticSynapses.of(network, network.projections[0], drawn)
    values = {c.name: np.full(4, c.initial) for c in plastic.program.courses} | {
        "w": np.full(4, 50.0)
    }
    fired = [
        {s: np.array([i for i in range(4) if s in trains[i]]) for s in range(1, total + 1)}
        for trains in (late, back)
    ]
    start = total - np.array(delays)
    found = list(Remaining(plastic, values, start, 0.1).finish(total, *fired))
    for number, delay in enumerate(delays):
        # the oracle's clock begins where that of the rest does
        shift = int(start[number])
        expected, last = sent(SYNAPSES[model], given, [s - shift for s in late[number]],
                              [s - shift for s in back[number]], delay, 50.0)  # fmt: skip
        events = [(s, v[w == number]) for s, w, v in found if number in w]
        assert [s - shift for s, _ in events] == [s for s, _ in expected]
        np.testing.assert_allclose([v[0] for _, v in events], [v for _, v in expected], rtol=1e-12)
        assert not expected or last == expected[-1][1] or model.startswith("tsodyks")


def test_synapses_that_are_not_there_cannot_be_recorded():
    recorder = {"name": "w", "projection": "p", "synapses": [3, 9]}
    network = Network(**described(synapse_recorders=[recorder]))
    drawn = drawing.synapses(network, network.projections[0], Simulation(seed=1))
    with pytest.raises(DescriptionError, match="0 to 8"):
        PlasticSynapses.of(network, network.projections[0], drawn)


def test_an_adapter_that_has_never_heard_of_them_is_refused_them():
    class Old(type(get_backend("brian2"))):
        answers = frozenset()

    request = RunRequest(network=Network(**described()), backend="brian2")
    refused = [e for e in Old().plan(request).ledger.entries if e.status == "unsupported"]
    assert [entry.thing for entry in refused] == ["projections.p.synapse"]


# -- results ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recorders = [{"name": "w", "projection": "p", "synapses": [1, 4, 8]},
                 {"name": "of_A", "target": "A"}]  # fmt: skip
    network = Network(
        **described(
            synapse_recorders=recorders[:1],
            recorders=recorders[1:],
            current_inputs=[
                {"name": f"dc{i}", "target": "A", "neurons": [i], "amplitude": 600.0 + 40 * i}
                for i in range(3)
            ],
        )
    )
    return netspec.run(network, "brian2", Simulation(warmup=0.0, duration=60.0),
                       out=tmp_path_factory.mktemp("runs"))  # fmt: skip


def test_a_result_has_weights_and_events(run):
    again = netspec.open_run(run.file)
    weights, events = again.weights("p"), again.sent("w")
    assert len(weights) == 9 and weights.unit == events.unit == "pA"
    assert weights.pre.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert sorted(set(events.synapses)) == [1, 4, 8]
    steps, values = events.of(4)
    train = again.spikes("A", warmup=True)
    assert steps.tolist() == train.steps[train.neurons == 1].tolist()
    assert values[-1] == weights.values[4]
    np.testing.assert_allclose(events.times, events.steps * 0.1)
    with pytest.raises(UsageError, match="SynapseRecorder"):
        again.weights("q")
    with pytest.raises(UsageError, match="no events of 'v'"):
        again.sent("v")


def test_the_statistics_of_weights_are_those_of_numpy(run):
    measure, activity = WeightMeasure(), Activity(run)
    assert measure.applies(activity)
    values, weights = measure.values(activity), run.weights("p").values
    assert values["p", "mean_weight"] == np.mean(weights)
    assert values["p", "sd_weight"] == np.std(weights)
    shares = np.histogram(weights, 10)[0] / 9
    assert values["p", "upper_tenth"] == pytest.approx(shares[-1])
    assert (measure.samples(activity)["p", "weight"] == weights).all()
    assert "mean_weight" in {s.name for m in known_measures() for s in m.statistics}


def test_a_recording_without_its_weights_is_refused():
    recorder = {"name": "w", "projection": "p", "synapses": [1]}
    network = Network(**described(synapse_recorders=[recorder]))
    simulation = Simulation(warmup=0, duration=10)
    request = RunRequest(network=network, backend="brian2", simulation=simulation)
    recording = Recording(synapses={"p": 9}, seconds={"warmup": 0, "simulate": 0})
    with pytest.raises(SimulationFailed) as caught:
        recording.check(request)
    assert "the weights of 'p'" in str(caught.value) and "the events of 'w'" in str(caught.value)
    some = np.arange(8)
    recording.weights["p"] = some, some, some, some.astype(float)
    recording.sent["w"] = np.array([2]), np.array([101]), np.array([1.0])
    with pytest.raises(SimulationFailed) as caught:
        recording.check(request)
    text = str(caught.value)
    assert "8, expected 9" in text and "nobody asked for" in text and "beyond 1 to 100" in text


@pytest.mark.parametrize(("tau_psc", "tau_fac"), [(3.0, 60.0), (20.0, 0.001)])
def test_resources_that_were_used_are_active_before_they_recover(tau_psc, tau_fac):
    """The three equations of Tsodyks, Uziel & Markram (2000), solved by SciPy between spikes."""
    U, tau_rec, x, y, z, u, before = 0.3, 90.0, 1.0, 0.0, 0.0, 0.0, 0.0
    expected = []
    for step in PRE:
        h = 0.1 * step - before

        def slope(_, v):
            return v[2] / tau_rec, -v[1] / tau_psc, v[1] / tau_psc - v[2] / tau_rec

        x, y, z = solve_ivp(slope, (0, h), (x, y, z), rtol=1e-11, atol=1e-13).y[:, -1]
        u *= np.exp(-h / tau_fac)
        u += U * (1 - u)
        expected.append(50.0 * u * x)
        x, y, before = x - u * x, y + u * x, 0.1 * step
    parameters = {"U": U, "tau_rec": tau_rec, "tau_fac": tau_fac, "tau_psc": tau_psc}
    found, _ = sent(SYNAPSES["tsodyks_uziel_markram"], parameters, PRE, POST, 10, 50.0)
    np.testing.assert_allclose([w for _, w in found], expected, rtol=1e-8)
