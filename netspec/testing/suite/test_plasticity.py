"""Synapses that change: what every event carries, against tables and the oracle, spike by spike."""

import numpy as np
import pytest

import netspec
from netspec import Network, SynapseModel
from netspec.describe.synapse_models import SYNAPSES
from netspec.execute.request import RunRequest
from netspec.realise.drawing import synapses
from netspec.testing.parts import V_M, difference, trains
from netspec.validation.ladder import oracle
from netspec.validation.ladder.synapses import sent

DT, STEPS = 0.1, 2017  # no multiple of anything: spikes are under way when the run ends
SCALE = 1e-3  # mV, of a weight of the tables, in pA there: relays must not spike by them
DELAYS = (1, 2, 10, 13, 39)  # steps
# two rules that share a population share the time constant of its trace on NEST
TABLE = {"tau_plus": 16.8, "tau_minus": 33.7, "alpha": 1.05, "w_max": 100 * SCALE}
PRE = (100, 200, 205, 300, 410, 500, 601, 700)
POST = (120, 190, 250, 291, 399, 490, 493, 610, 640)
PAIRS = [((100,), (80,)), ((100, 200), (120,)), ((100, 200), (189,)), ((100, 200), (190,)),
         ((100, 200), (191,)), (PRE, POST), (PRE, (*POST, 750))]  # fmt: skip
# measured on NEST 3.10, GeNN 5.4 and Brian2 2.9, and by a few lines of NumPy
CARRIED = {
    (1.0, 0.1): [(44.903497674,), (50, 49.560242453), (50, 47.248805546), (50, 52.757156285),
                 (50, 50), (50, 51.871244196, 42.145212275, 40.251817452, 39.254213291,
                            34.614714075, 31.952103466, 30.901427226)],
    (0.0, 0.1): [(50, 55.348352021, 36.598017281, 31.191904175, 32.950934324, 19.375787900,
                  6.697732737, 0.187090479)],
    (0.4, 0.1): [(50, 53.329820002, 38.748492230, 35.308195430, 35.299966081, 26.696685157,
                  20.639849788, 19.080638060)],
    (0.0, 0.6): [(50, 48.816378266, 0, 0, 0, 0, 0, 0)],
}  # fmt: skip
SHORT_TERM = {
    (0.2, 130.0, 530.0): (10, 14.544703281, 12.758117746, 9.359574910, 6.718958282, 4.750728236,
                          4.177377164, 3.892597731),
    (0.5, 800.0, 0.001): (25, 12.655277494, 6.339305327, 3.427354903, 2.031673156, 1.284146344,
                          0.947658929, 0.775470571),
}  # fmt: skip
RANDOM = {
    "stdp": {**TABLE, "lam": 0.1, "mu_plus": 0.4, "mu_minus": 0.4},
    "stdp_triplet": {"w_max": 0.1, "A2_plus": 0.01, "A3_plus": 0.05, "A2_minus": 0.05,
                     "A3_minus": 0.02},
    "vogels2011": {"w_max": 0.1, "eta": 0.02, "alpha": 1.5, "tau": 30.0},
    "tsodyks_markram": {"U": 0.2, "tau_rec": 130.0, "tau_fac": 530.0},
    "tsodyks_uziel_markram": {"U": 0.3, "tau_rec": 90.0, "tau_fac": 60.0, "tau_psc": 8.0},
}  # fmt: skip
RELAY = {"t_ref": 0.0, "E_L": -70.0, "V_reset": -70.0, "V_th": -55.0}
# a rule of one's own: a tag that every synapse has, set by its target, is spent by its source
OWN = SynapseModel(
    name="tagged",
    equations="""
        dx/dt = (1 - x)/tau_x : 1 (pre)
        dtag/dt = -tag/tau_tag : weight
    """,
    on_post={"tag": "tag + gain*x*w"},
    on_pre={"w": "w + 0.1*tag", "tag": "0.5*tag", "x": "0.3*x"},
    send="w + tag",
    parameters={"tau_x": "40 ms", "tau_tag": "25 ms", "gain": 0.2},
    initial={"x": 0.5},
)


def relays(name, spikes):
    """Return neurons that spike when they are told to, and what tells them."""
    events = [(step * DT, i) for i, train in enumerate(spikes) for step in train]
    return (
        {"name": name, "size": len(spikes), "model": "iaf_psc_delta", "parameters": RELAY},
        {"name": f"to_{name}", "target": name, "receptor": "excitatory", "weight": 20.0,
         "times": [t for t, _ in events], "neurons": [i for _, i in events]},
    )  # fmt: skip


def random_pairs(count, seed, steps=STEPS):
    """Return trains of sources and targets, delays and weights; some spikes coincide."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        delay = DELAYS[number % len(DELAYS)]
        pre = set(draw.integers(2, steps, draw.integers(3, 20)).tolist())
        post = set(draw.integers(2, steps, draw.integers(3, 20)).tolist())
        post |= {t - delay for t in list(pre)[:2] if t - delay >= 2}
        found.append(
            (sorted(pre), sorted(post), delay, float(np.float32(draw.uniform(0.02, 0.08))))
        )
    return found


def described(pairs, models, tables=False, **more):
    """Return relays in pairs, for each model a population of targets."""
    pre, post = [p[0] for p in pairs], [p[1] for p in pairs]
    populations, inputs, projections = [], [], []

    def add(name, spikes):
        population, given = relays(name, spikes)
        populations.append(population)
        inputs.append(given)

    def connect(name, source, target, model, parameters, **values):
        projections.append(
            {"name": name, "pre": source, "post": target, "receptor": "excitatory",
             "synapse": model, "parameters": parameters, "weight": 50 * SCALE, **values}
        )  # fmt: skip

    if tables:
        add("A", [p[0] for p in PAIRS])
        add("B", [p[1] for p in PAIRS])
        for mu, lam in CARRIED:
            rule = {**TABLE, "lam": lam, "mu_plus": mu, "mu_minus": mu}
            connect(f"mu{mu}lam{lam}".replace(".", "_"), "A", "B", "stdp", rule, delay=1.0,
                    rule="one_to_one")  # fmt: skip
        for number, (u, rec, fac) in enumerate(SHORT_TERM):
            rule = {"U": u, "tau_rec": rec, "tau_fac": fac}
            connect(f"short{number}", "A", "B", "tsodyks_markram", rule, delay=1.0,
                    rule="one_to_one")  # fmt: skip
    add("pre", pre)
    everyone = list(range(len(pairs)))
    for model, parameters in models.items():
        add(f"post_{model}", post)
        rule = {"kind": "explicit", "pre": everyone, "post": everyone,
                "delay": [p[2] * DT for p in pairs], "weight": [p[3] for p in pairs]}  # fmt: skip
        own = OWN if model == OWN.name else model
        connect(model, "pre", f"post_{model}", own, parameters, rule=rule)
    return Network(
        name="plastic", populations=populations, spike_inputs=inputs, projections=projections,
        recorders=[{"name": f"of_{p['name']}", "target": p["name"], "variables": ["V_m"]}
                   for p in populations],
        synapse_recorders=[
            {"name": f"w_{p['name']}", "projection": p["name"],
             "synapses": range(len(PAIRS) if p["pre"] == "A" else len(pairs))}
            for p in projections
        ],
        accept=[f"projections.{p['name']}.{field}" for p in projections
                for field in ("delay", "rule.delay", "weight", "rule.weight")],
        **more,
    )  # fmt: skip


def worst(run, pairs, models, steps=STEPS):
    """Return the largest difference from the oracle, of events and weights, as a share."""
    apart = 0.0
    for model, parameters in models.items():
        events, weights = run.sent(f"w_{model}"), run.weights(model).values
        own = OWN if model == OWN.name else SYNAPSES[model]
        for number, (*both, delay, weight) in enumerate(pairs):
            pre, post = ([t for t in train if t <= steps] for train in both)
            expected, last = sent(own, parameters, pre, post, delay, weight)
            found, values = events.of(number)
            assert found.tolist() == pre, (model, number)
            far = np.abs(values - [value for _, value in expected]).max(initial=0.0)
            apart = max(apart, far / weight, abs(weights[number] - last) / weight)
    return apart


PAIRED = random_pairs(20, seed=1)


@pytest.fixture(scope="module")
def run(simulate, declared):
    return simulate(
        described(PAIRED, RANDOM, tables=True), STEPS * DT, options=dict(declared.quick)
    )


def test_relays_spike_when_they_are_told_to(run):
    assert trains(run, "A") == [list(pre) for pre, _ in PAIRS]
    told = [[t for t in pre if t <= STEPS] for pre, *_ in PAIRED]
    assert trains(run, "pre") == told


def test_events_carry_the_weights_of_the_tables(run, tolerance):
    for (mu, lam), carried in CARRIED.items():
        name = f"mu{mu}lam{lam}".replace(".", "_")
        events, first = run.sent(f"w_{name}"), len(PAIRS) - 1 - len(carried)
        for number, weights in enumerate(carried, first):
            steps, values = events.of(number)
            assert steps.tolist() == list(PAIRS[number][0])
            np.testing.assert_allclose(values / SCALE, weights, rtol=0, atol=tolerance(1e-8, 1e-3))
        # a spike of the target that no event follows has changed nothing that was carried
        np.testing.assert_array_equal(*(events.of(n)[1] for n in (len(PAIRS) - 2, len(PAIRS) - 1)))
        assert run.weights(name).values[-1] == events.of(len(PAIRS) - 1)[1][-1]
    for number, carried in enumerate(SHORT_TERM.values()):
        _, values = run.sent(f"w_short{number}").of(len(PAIRS) - 2)
        np.testing.assert_allclose(values / SCALE, carried, rtol=0, atol=tolerance(1e-8, 1e-4))
        np.testing.assert_array_equal(run.weights(f"short{number}").values, 50 * SCALE)


@pytest.mark.parametrize("model", RANDOM)
def test_random_trains_carry_what_the_oracle_says(run, tolerance, model, record_property):
    apart = worst(run, PAIRED, {model: RANDOM[model]})
    record_property(f"largest difference of a weight, {model} (share)", float(apart))
    assert apart < tolerance(1e-9, 1e-4)


def test_what_is_carried_arrives_after_the_delay(run, tolerance):
    solution = oracle.solve(described(PAIRED, RANDOM, tables=True), DT, STEPS)
    targets = [f"post_{model}" for model in RANDOM]
    assert difference(run, solution, "V_m", targets) < tolerance(1e-9, V_M)
    v_m = solution.values["post_stdp", "V_m"]
    assert np.ptp(v_m[:, 0]) > 0.02


def test_weights_come_with_their_ends_and_unit(run):
    found = run.weights("stdp")
    assert found.pre.tolist() == found.post.tolist() == list(range(20))
    assert found.unit == run.sent("w_stdp").unit == "mV"
    assert run.manifest["synapses"]["stdp"] == len(found) == 20


def test_a_rule_of_ones_own_is_what_its_equations_say(simulate, declared, tolerance):
    pairs, models = PAIRED[:10], {OWN.name: {"gain": 0.3}}
    run = simulate(described(pairs, models), STEPS * DT, options=dict(declared.quick))
    assert worst(run, pairs, models) < tolerance(1e-9, 1e-4)


def test_synapses_that_change_are_not_read_back(adapter, backend):
    network = described(PAIRED[:1], {"stdp": RANDOM["stdp"]})
    request = RunRequest(network=network, backend=backend, approximations=["all"])
    adapter.plan(request).ledger.check(["all"])
    entries = adapter.plan(request.model_copy(update={"readback": True})).ledger.entries
    (refused,) = (entry for entry in entries if entry.status == "unsupported")
    assert refused.thing.startswith("projections.stdp") and "SynapseRecorder" in refused.reason


def recurrent(count=12, seed=5):
    """Return a network whose plastic synapses drive it: onto itself, with autapses."""
    weight = {"kind": "normal", "mean": 150.0, "sd": 30.0, "low": 10.0, "high": 390.0}
    draw = np.random.default_rng(seed)
    times = np.sort(draw.integers(20, 1900, 40 * count))
    return Network(
        name="recurrent",
        populations=[{"name": "E", "size": count, "model": "iaf_psc_exp",
                      "parameters": {"I_e": {"kind": "uniform", "low": 300.0, "high": 390.0}}}],
        projections=[
            {"name": "E_E", "pre": "E", "post": "E", "receptor": "excitatory", "weight": weight,
             "rule": {"kind": "fixed_indegree", "indegree": 5}, "synapse": "stdp",
             "delay": {"kind": "uniform", "low": 0.5, "high": 1.1},
             "parameters": {"w_max": "400 pA", "lam": 0.2, "mu_plus": 0.0, "mu_minus": 0.0}},
            {"name": "E_E_short", "pre": "E", "post": "E", "receptor": "excitatory",
             "weight": weight, "rule": {"kind": "fixed_indegree", "indegree": 3}, "delay": 1.5,
             "synapse": "tsodyks_markram"},
            {"name": "fixed", "pre": "E", "post": "E", "receptor": "inhibitory", "weight": -60.0,
             "rule": {"kind": "fixed_indegree", "indegree": 4}, "delay": 1.0},
            {"name": "balanced", "pre": "E", "post": "E", "receptor": "inhibitory",
             "weight": -50.0, "rule": {"kind": "fixed_indegree", "indegree": 4}, "delay": 0.8,
             "synapse": "vogels2011", "parameters": {"w_max": "-200 pA", "eta": 0.02}},
        ],
        spike_inputs=[{"name": "given", "target": "E", "receptor": "excitatory", "weight": 250.0,
                       "times": times * DT, "neurons": draw.integers(0, count, len(times))}],
        recorders=[{"name": "of_E", "target": "E", "variables": ["V_m"]}],
        synapse_recorders=[{"name": "w", "projection": "E_E", "synapses": range(0, 60, 3)},
                           {"name": "s", "projection": "E_E_short"},
                           {"name": "b", "projection": "balanced"}],
    )  # fmt: skip


@pytest.mark.parametrize("connectivity", ["shared", pytest.param("native", marks=pytest.mark.long)])
def test_a_network_that_its_synapses_drive_is_that_of_scipy(
    simulate, tolerance, declared, asked, connectivity
):
    network = recurrent()
    if connectivity == "native":  # what does not change would be drawn by the simulator
        kept = [p for p in network.projections if p.name != "fixed"]
        network = network.model_copy(update={"projections": tuple(kept)})
    solution = oracle.solve(network, DT, 2000)
    run = simulate(network, 200.0, connectivity=connectivity, options=dict(declared.quick))
    found = trains(run, "E")
    if declared.single(asked):  # spikes part where they are late by rounding
        return
    assert found == solution.spikes["E"]
    assert sum(map(len, found)) > 100
    assert difference(run, solution, "V_m") < tolerance(1e-8, V_M)
    projection = network.projections[0]
    drawn = synapses(network, projection, netspec.Simulation(dt=DT, seed=1))
    weights, events = run.weights("E_E"), run.sent("w")
    assert np.array_equal(weights.pre, drawn.pre) and np.array_equal(weights.post, drawn.post)
    for number, weight in enumerate(drawn.weights()):
        pre, post = found[drawn.pre[number]], found[drawn.post[number]]
        model, delay = network.synapse_models["stdp"], int(drawn.delays()[number])
        expected, last = sent(model, projection.parameters, pre, post, delay, float(weight))
        assert weights.values[number] == pytest.approx(last, rel=1e-9)
        if number < 60 and number % 3 == 0:
            steps, values = events.of(number)
            assert steps.tolist() == pre
            np.testing.assert_allclose(values, [v for _, v in expected], rtol=1e-9)
    assert np.ptp(weights.values) > 200
    # inhibition has negative weights, within bounds that are negative too
    inhibiting = run.weights("balanced").values
    assert np.ptp(inhibiting) > 10 and -200 <= inhibiting.min() <= inhibiting.max() <= 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_hundreds_of_random_trains_carry_what_the_oracle_says(simulate, tolerance, seed):
    pairs = random_pairs(100, seed=10 + seed, steps=4000)
    run = simulate(described(pairs, RANDOM), 400.0)
    assert worst(run, pairs, RANDOM, 4000) < tolerance(1e-9, 1e-4)
