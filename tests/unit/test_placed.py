"""Synapses from arrays: distances are SciPy's, probabilities are met, and shapes are checked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from netspec.connectivity import distances, fixed_outdegree, pairs

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_distances_are_those_of_scipy(dimensions):
    pre, post = RANDOM.random((7, dimensions)), RANDOM.random((5, dimensions))
    assert distances(pre, post) == pytest.approx(cdist(pre, post), abs=1e-14)


def test_around_a_ring_the_shorter_way_counts():
    angles = np.arange(0, 360, 90)
    assert distances(angles, [10], 360)[:, 0] == pytest.approx([10, 80, 170, 100])
    corner = distances([[0.1, 0.1]], [[0.9, 0.95]], [1, 1])
    assert corner == pytest.approx(np.hypot(0.2, 0.15))


def test_probabilities_by_distance_are_met():
    place = np.linspace(0, 1, 300)
    p = np.exp(-distances(place, place) / 0.2)
    rule = pairs(p, seed=1)
    found = np.zeros(p.shape)
    found[rule.pre, rule.post] = 1
    assert found.sum() == len(rule.pre)  # no pair twice
    for low in np.arange(0, 1, 0.2):  # in bands of distance, within five standard errors
        band = (distances(place, place) >= low) & (distances(place, place) < low + 0.2)
        error = np.sqrt((p * (1 - p))[band].sum())
        assert abs(found[band].sum() - p[band].sum()) < 5 * error


def test_weights_and_delays_go_with_their_pairs():
    apart = distances([0, 1, 2], [0, 1])
    rule = pairs(apart < 1.5, seed=1, weight=10 * apart, delay=1 + apart)
    assert rule.weight == pytest.approx(10 * apart[rule.pre, rule.post])
    assert rule.delay == pytest.approx(1 + apart[rule.pre, rule.post])
    assert (rule.pre, rule.post) == ((0, 0, 1, 1, 2), (0, 1, 0, 1, 1))


def test_every_source_has_its_out_degree():
    rule = fixed_outdegree(50, 20, 7, seed=2, allow_multapses=False)
    assert (np.bincount(rule.pre) == 7).all()
    assert len(set(zip(rule.pre, rule.post, strict=True))) == 350
    assert len(fixed_outdegree(50, 20, 30, seed=2).pre) == 1500


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: distances([0, 1], [[0, 1]]), "places of shapes"),
        (lambda: pairs([[0.5, 1.5]], 1), "p: given an array of shape .* from 0.5 to 1.5"),
        (lambda: pairs([0.5], 1), "n_pre, n_post"),
        (lambda: pairs([[0.5]], 1, weight=[1.0]), "weight: given shape"),
        (lambda: fixed_outdegree(2, 3, 4, 1, False), "up to 3 without multapses"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
