"""From rules and seeds to synapses: exact where the rule is, and distributed as it says."""

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from netspec.describe.serialization import network_from
from netspec.describe.simulation import Simulation
from netspec.errors import DescriptionError
from netspec.realise import drawing as real
from netspec.realise.streams import simulator_seed, stream
from netspec.testing.strategies import network_data

SIMULATION = Simulation(dt=0.1, seed=42)


def network(rule, n_pre=30, n_post=20, same=False, weight=50.0, delay=None, name="P", extra=()):
    post = "A" if same else "B"
    piece = {"name": name, "pre": "A", "post": post, "receptor": "excitatory", "rule": rule,
             "weight": weight, "delay": delay}  # fmt: skip
    pop = {"model": "iaf_psc_exp"}
    return network_from(
        {"name": "n", "projections": [piece, *extra],
         "populations": [{"name": "A", "size": n_pre, **pop}, {"name": "B", "size": n_post, **pop}]}
    )  # fmt: skip


def draw(rule, seed=42, **options):
    built = network(rule, **options)
    return real.synapses(built, built.projections[0], Simulation(dt=0.1, seed=seed))


def draws(rule, seeds):
    built = network(rule)
    for seed in range(seeds):
        yield real.synapses(built, built.projections[0], Simulation(dt=0.1, seed=seed))


def equal(a, b):
    fields = ("pre", "post", "weight", "delay")
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in fields)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(real, "BLOCK", 100)


@given(network_data())
def test_every_rule_keeps_its_promises(data):
    built = network_from(data)
    for p in built.projections:
        s = real.synapses(built, p, SIMULATION)
        n_pre, n_post = built.population(p.pre).size, built.population(p.post).size
        codes = s.pre.astype(np.int64) * n_post + s.post
        assert np.all(np.diff(codes) >= 0), "sorted by (pre, post)"
        assert s.pre.size == 0 or (s.pre.max() < n_pre and s.post.max() < n_post)
        assert np.all(s.delays() >= 1)
        rule = p.rule
        if rule.kind == "pairwise_bernoulli":
            assert len(np.unique(codes)) == len(s) <= n_pre * n_post
        else:
            assert len(s) == rule.expected_count(n_pre, n_post, p.pre == p.post)
        if rule.kind == "fixed_indegree":
            assert np.all(np.bincount(s.post, minlength=n_post) == rule.indegree)
        if not getattr(rule, "allow_multapses", True):
            assert len(np.unique(codes)) == len(s)
        if not getattr(rule, "allow_autapses", True) and p.pre == p.post:
            assert not np.any(s.pre == s.post)
        if rule.kind == "explicit":
            given_pairs = sorted(zip(rule.pre, rule.post, strict=True))
            assert given_pairs == list(zip(s.pre.tolist(), s.post.tolist(), strict=True))


def test_each_pair_of_all_to_all_and_one_to_one_occurs_once():
    s = draw({"kind": "all_to_all"}, n_pre=3, n_post=2)
    assert list(zip(s.pre, s.post, strict=True)) == [(i, j) for i in range(3) for j in range(2)]
    s = draw({"kind": "all_to_all", "allow_autapses": False}, n_pre=3, same=True)
    assert list(zip(s.pre, s.post, strict=True)) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    s = draw({"kind": "one_to_one"}, n_pre=4, n_post=4)
    assert s.pre.tolist() == s.post.tolist() == [0, 1, 2, 3]


def test_flags_allow_what_they_say():
    rule = {"kind": "fixed_total_number", "number": 3000}
    s = draw(rule, same=True)
    assert np.any(s.pre == s.post)
    assert len(np.unique(s.pre.astype(int) * 30 + s.post)) < 3000
    assert not np.any((t := draw({**rule, "allow_autapses": False}, same=True)).pre == t.post)
    # between different populations there is no autapse to leave out
    assert np.any((u := draw({**rule, "allow_autapses": False})).pre == u.post)


def test_explicit_synapses_keep_their_own_weights_and_delays():
    rule = {"kind": "explicit", "pre": [2, 0, 2, 2], "post": [1, 5, 0, 1],
            "weight": ["0.01 nA", 20, 30, 40], "delay": [0.3, "0.2 ms", 0.0, 0.14]}  # fmt: skip
    s = draw(rule)
    columns = (column.tolist() for column in (s.pre, s.post, s.weight, s.delay))
    rows = sorted(zip(*columns, strict=True))
    assert rows == [(0, 5, 20.0, 2), (2, 0, 30.0, 1), (2, 1, 10.0, 3), (2, 1, 40.0, 1)]


RULES = [
    {"kind": "fixed_total_number", "number": 2500},
    {"kind": "fixed_total_number", "number": 250, "allow_multapses": False},
    {"kind": "fixed_total_number", "number": 550, "allow_multapses": False},
    {"kind": "fixed_indegree", "indegree": 40},
    {"kind": "fixed_indegree", "indegree": 10, "allow_multapses": False},
    {"kind": "pairwise_bernoulli", "p": 0.4},
    {"kind": "all_to_all"},
]
NOISY = {"weight": {"kind": "normal", "mean": 50.0, "sd": 5.0},
         "delay": {"kind": "uniform", "low": 0.5, "high": 3.0}}  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda r: "-".join(map(str, r.values())))
def test_blocks_and_threads_do_not_change_what_is_promised(rule, small_blocks):
    built = network(rule, **NOISY)
    one, four = (
        list(real.synapse_blocks(built, built.projections[0], SIMULATION, threads=n))
        for n in (1, 4)
    )
    assert len(one) > 1
    assert all(map(equal, one, four))
    joined = real.synapses(built, built.projections[0], SIMULATION)
    codes = joined.pre.astype(np.int64) * 20 + joined.post
    assert np.all(np.diff(codes) >= 0)
    assert joined.nbytes <= 16 * len(joined)
    if rule["kind"] != "pairwise_bernoulli":
        assert len(joined) == built.projections[0].rule.expected_count(30, 20, False)
    if not rule.get("allow_multapses", True):
        assert len(np.unique(codes)) == len(codes)
    weights = np.concatenate([block.weight for block in one])
    assert len(np.unique(weights)) > 0.99 * len(weights), "blocks have streams of their own"


@pytest.mark.parametrize("rule", [RULES[1], RULES[5]], ids=["fixed_total_number", "bernoulli"])
def test_blocks_have_pairs_of_their_own(rule, small_blocks):
    built = network(rule)
    blocks = list(real.synapse_blocks(built, built.projections[0], SIMULATION))
    rows = blocks[1].pre.min() - blocks[0].pre.min()
    first = {*zip(blocks[0].pre, blocks[0].post, strict=True)}
    second = {*zip(blocks[1].pre - rows, blocks[1].post, strict=True)}
    # of pairs that are chosen with p = 0.4, as many are chosen again
    assert len(first & second) / len(first) == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: "-".join(map(str, r.values())))
def test_other_projections_change_no_synapse(rule):
    alone = draw(rule, **NOISY)
    other = {"name": "Q", "pre": "B", "post": "A", "receptor": "inhibitory", "rule": RULES[0],
             "weight": {"kind": "normal", "mean": -50.0, "sd": 5.0}}  # fmt: skip
    added = network(rule, **NOISY, extra=[other])
    reordered = network_from({**added.model_dump(), "projections": added.projections[::-1]})
    assert equal(alone, real.synapses(added, added.projections[0], SIMULATION))
    assert equal(alone, real.synapses(reordered, reordered.projections[1], SIMULATION))
    if rule["kind"] != "all_to_all":
        assert not equal(alone, draw(rule, seed=43, **NOISY))
        assert not equal(alone, draw(rule, name="Q", **NOISY))


def test_streams_are_keyed_by_name_and_numpy_keeps_the_bits():
    a, b, c = (stream(1, *key).integers(0, 2**32, 4).tolist() for key in
               [("P", "pairs"), ("P", "weight"), ("P", "pairs", 1)])  # fmt: skip
    assert len({*a, *b, *c}) == 12
    assert stream(1, "P", "pairs").integers(0, 2**32, 4).tolist() == a
    assert 1 <= simulator_seed(1) < 2**31 - 1
    assert simulator_seed(1) != simulator_seed(2)


def test_pairs_are_uniform():
    for rule in (
        {"kind": "fixed_total_number", "number": 60000},
        {"kind": "fixed_indegree", "indegree": 3000},
    ):
        s = draw(rule)
        pairs = np.bincount(s.pre.astype(int) * 20 + s.post, minlength=600)
        assert 1e-3 < stats.chisquare(pairs).pvalue < 1 - 1e-3


@pytest.mark.parametrize("number", [60, 300, 540])
def test_pairs_without_multapses_are_uniform(number, small_blocks):
    rule = {"kind": "fixed_total_number", "number": number, "allow_multapses": False}
    counts = np.zeros(600)
    for s in draws(rule, 300):
        counts[s.pre.astype(int) * 20 + s.post] += 1
    p = number / 600
    # variances add up to those of a binomial, less the fixed total
    statistic = np.sum((counts - 300 * p) ** 2) / (300 * p * (1 - p)) * 599 / 600
    assert 1e-3 < stats.chi2.sf(statistic, 599) < 1 - 1e-3


def test_numbers_per_block_are_hypergeometric(small_blocks):
    rule = {"kind": "fixed_total_number", "number": 200, "allow_multapses": False}
    found = [int(np.sum(s.pre < 15)) for s in draws(rule, 600)]  # the first of two blocks
    expected = stats.hypergeom(600, 300, 200)
    edges = expected.ppf([0.1, 0.25, 0.5, 0.75, 0.9])
    observed = np.bincount(np.searchsorted(edges, found), minlength=6)
    share = np.diff([0.0, *expected.cdf(edges), 1.0])
    assert 1e-3 < stats.chisquare(observed, share * 600).pvalue < 1 - 1e-3


def test_bernoulli_counts_are_binomial():
    rule = {"kind": "pairwise_bernoulli", "p": 0.07}
    found = [len(s) for s in draws(rule, 600)]
    expected = stats.binom(600, 0.07)
    edges = expected.ppf([0.1, 0.25, 0.5, 0.75, 0.9])
    observed = np.bincount(np.searchsorted(edges, found), minlength=6)
    share = np.diff([0.0, *expected.cdf(edges), 1.0])
    assert 1e-3 < stats.chisquare(observed, share * 600).pvalue < 1 - 1e-3


def test_bernoulli_at_its_ends():
    assert len(draw({"kind": "pairwise_bernoulli", "p": 0.0})) == 0
    assert len(draw({"kind": "pairwise_bernoulli", "p": 1.0})) == 600
    assert len(draw({"kind": "pairwise_bernoulli", "p": 1e-300})) == 0


def test_more_than_1e9_pairs():
    rule = {"kind": "fixed_total_number", "number": 1000, "allow_multapses": False}
    s = draw(rule, n_pre=70000, n_post=70000)  # a pair's number needs more than 32 bits
    assert len(s) == 1000
    assert stats.kstest(s.pre / 70000, "uniform").pvalue > 1e-3
    assert stats.kstest(s.post / 70000, "uniform").pvalue > 1e-3


def test_weights_are_truncated_normal():
    weight = {"kind": "normal", "mean": 50.0, "sd": 40.0, "low": 0.0, "high": 120.0}
    s = draw({"kind": "fixed_total_number", "number": 20000}, weight=weight)
    assert s.weight.dtype == np.float32
    assert stats.kstest(s.weight, stats.truncnorm(-1.25, 1.75, 50.0, 40.0).cdf).pvalue > 1e-3
    weight["clip"] = "bound"
    bound = draw({"kind": "fixed_total_number", "number": 20000}, weight=weight)
    assert np.mean(bound.weight == 0.0) == pytest.approx(stats.norm.cdf(-1.25), abs=0.01)
    assert np.mean(bound.weight == 120.0) == pytest.approx(stats.norm.sf(1.75), abs=0.01)


def test_delays_are_truncated_normal_in_whole_steps():
    delay = {"kind": "normal", "mean": 0.75, "sd": 0.375, "low": 0.05}
    s = draw({"kind": "fixed_total_number", "number": 50000}, delay=delay)
    assert s.delay.dtype == np.uint16
    law = stats.truncnorm((0.05 - 0.75) / 0.375, np.inf, 0.75, 0.375)
    observed = np.bincount(s.delay, minlength=22)[1:]
    observed = np.append(observed[:20], observed[20:].sum())
    share = np.diff([0.0, *law.cdf((np.arange(1, 21) + 0.5) * 0.1), 1.0])
    assert stats.chisquare(observed, share * 50000).pvalue > 1e-3


@pytest.mark.parametrize(
    ("delay", "steps"),
    [(0.01, 1), (0.04, 1), (0.14, 1), (0.15, 2), (1.5, 15), (1.55, 16), (None, 1)],
)
def test_delays_round_half_up_to_at_least_one_step(delay, steps):
    built = draw({"kind": "one_to_one"}, n_pre=2, n_post=2, delay=delay)
    assert built.delays().tolist() == [steps, steps]


def test_a_delay_beyond_16_bits_is_a_fault():
    built = network({"kind": "all_to_all"}, delay=150.0)
    with pytest.raises(DescriptionError, match="at most 65535 steps"):
        real.synapses(built, built.projections[0], Simulation(dt=0.001, warmup=0, duration=1))


def test_initial_values_and_parameters_have_streams_by_population():
    def values(*names):
        populations = [
            {"name": n, "size": 5000, "model": "iaf_psc_exp",
             "parameters": {"C_m": {"kind": "uniform", "low": 200.0, "high": 300.0}},
             "initial": {"V_m": {"kind": "normal", "mean": -58.0, "sd": 10.0}}}
            for n in names
        ]  # fmt: skip
        built = network_from({"name": "n", "populations": populations})
        return (
            real.initial_values(built, "A", SIMULATION),
            real.parameters(built, "A", SIMULATION),
        )

    (initial, given_), (again, same) = values("A"), values("B", "A")
    assert np.array_equal(initial["V_m"], again["V_m"])
    assert np.array_equal(given_["C_m"], same["C_m"])
    assert stats.kstest(initial["V_m"], stats.norm(-58, 10).cdf).pvalue > 1e-3
    assert stats.kstest(given_["C_m"], stats.uniform(200, 100).cdf).pvalue > 1e-3
    assert initial["I_syn_ex"] == 0.0
    assert given_["tau_m"] == 10.0


def test_the_initial_value_of_a_state_may_be_a_parameter():
    built = network_from(
        {"name": "n", "populations": [{"name": "A", "size": 3, "model": "iaf_psc_exp",
                                       "parameters": {"E_L": -65.0}}]}
    )  # fmt: skip
    assert real.initial_values(built, "A", SIMULATION)["V_m"] == -65.0
