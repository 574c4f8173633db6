"""Synapses that change: the rule of time, in numbers that NEST, Brian2 and GeNN gave alike."""

import numpy as np
import pytest

from netspec.describe.synapse_models import SYNAPSES
from netspec.validation.ladder.synapses import sent

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
