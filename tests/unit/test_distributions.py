"""What distributions and rules say of themselves, against SciPy and against what they draw."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from netspec.describe import connectivity as con
from netspec.describe.distributions import Constant, Normal, Uniform

NUMBERS = st.floats(-100, 100)
ONE = [
    (Constant(value=3.0), 3.0),
    (Uniform(low=3.0, high=3.0), 3.0),
    (Normal(mean=3.0, sd=0.0), 3.0),
    (Normal(mean=3.0, sd=0.0, low=0.0, high=5.0), 3.0),
    (Normal(mean=3.0, sd=0.0, low=4.0, clip="bound"), 4.0),
    (Normal(mean=3.0, sd=0.0, high=-1.0, clip="bound"), -1.0),
]


@pytest.mark.parametrize(("distribution", "value"), ONE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_spread_a_distribution_is_one_value_everywhere(distribution, value, dtype):
    assert distribution.fixed() == distribution.typical() == value
    assert distribution.extremes() == (value, value)
    below = [distribution.share_below(x) for x in (value - 1, value, value + 1)]
    assert below == [0.0, 0.0, 1.0]
    generator = np.random.default_rng(1)
    drawn = distribution.sample(4, generator, dtype)
    assert drawn.dtype == dtype
    assert drawn.tolist() == [value] * 4
    assert generator.random() == np.random.default_rng(1).random(), "the stream is not touched"


@pytest.mark.parametrize(
    ("distribution", "law"),
    [
        (Uniform(low=-1.0, high=3.0), stats.uniform(-1, 4)),
        (Normal(mean=1.0, sd=2.0), stats.norm(1, 2)),
        (Normal(mean=1.0, sd=2.0, low=0.0, high=4.0), stats.truncnorm(-0.5, 1.5, 1, 2)),
        (Normal(mean=1.0, sd=2.0, low=0.0), stats.truncnorm(-0.5, np.inf, 1, 2)),
    ],
)
def test_shares_and_samples_are_those_of_the_law(distribution, law):
    assert distribution.fixed() is None
    for limit in np.linspace(-4, 6, 21):
        assert distribution.share_below(limit) == pytest.approx(law.cdf(limit), abs=1e-12)
    low, high = distribution.extremes()
    assert (low, high) == pytest.approx(law.support())
    drawn = distribution.sample(20_000, np.random.default_rng(3))
    assert np.all((drawn >= low) & (drawn <= high))
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-3


def test_bounds_that_are_set_take_what_lies_beyond():
    bound = Normal(mean=1.0, sd=2.0, low=0.0, high=4.0, clip="bound")
    assert bound.share_below(0.0) == 0.0
    assert bound.share_below(1e-9) == pytest.approx(stats.norm.cdf(-0.5))
    assert bound.share_below(4.0) == pytest.approx(stats.norm.cdf(1.5))
    assert bound.share_below(4.1) == 1.0
    assert bound.extremes() == (0.0, 4.0)
    assert Normal(mean=0.0, sd=1.0).extremes() == (-math.inf, math.inf)


@given(NUMBERS, st.floats(0, 10), st.floats(0.1, 3))
def test_conversion_reaches_every_quantity(middle, spread, factor):
    for distribution in (
        Constant(value=middle),
        Uniform(low=middle, high=middle + spread),
        Normal(mean=middle, sd=spread, low=middle - 1),
    ):
        converted = distribution.converted(lambda value: factor * value)
        assert type(converted) is type(distribution)
        assert converted.typical() == pytest.approx(factor * distribution.typical())
        assert converted.extremes() == pytest.approx(
            tuple(factor * x for x in distribution.extremes())
        )


def test_what_has_no_value_is_not_converted():
    free = Normal(mean=1.0, sd=2.0).converted(lambda value: 2 * value)
    assert (free.low, free.high, free.clip) == (None, None, "redraw")


@pytest.mark.parametrize(
    ("rule", "same", "count"),
    [
        (con.FixedTotalNumber(number=7), True, 7),
        (con.FixedIndegree(indegree=2), False, 8),
        (con.PairwiseBernoulli(p=0.5), True, 8),
        (con.PairwiseBernoulli(p=0.5, allow_autapses=False), True, 6),
        (con.PairwiseBernoulli(p=0.5, allow_autapses=False), False, 8),
        (con.AllToAll(), True, 16),
        (con.AllToAll(allow_autapses=False), True, 12),
        (con.AllToAll(allow_autapses=False), False, 16),
        (con.OneToOne(), False, 4),
        (con.Explicit(pre=(0, 0, 1), post=(1, 1, 2)), False, 3),
    ],
)
def test_rules_count_their_synapses(rule, same, count):
    assert rule.expected_count(4, 4, same) == count
    assert rule.leaves_out(same) == (same and not getattr(rule, "allow_autapses", True))
    assert not list(rule.check(4, 4, same))


@pytest.mark.parametrize(
    ("rule", "n_pre", "n_post", "given"),
    [
        (con.FixedTotalNumber(number=13, allow_autapses=False, allow_multapses=False), 4, 4, "13"),
        (con.FixedIndegree(indegree=4, allow_autapses=False, allow_multapses=False), 4, 4, "4"),
        (con.FixedIndegree(indegree=1, allow_autapses=False), 1, 1, "1"),
        (con.OneToOne(), 3, 4, "sizes 3 and 4"),
        (con.Explicit(pre=(0,), post=(0,), delay=(-1.0,)), 4, 4, "a delay"),
    ],
)
def test_rules_say_when_sizes_leave_no_room(rule, n_pre, n_post, given):
    (fault,) = rule.check(n_pre, n_post, n_pre == n_post)
    assert fault.given.startswith(given)


def test_a_cut_gives_a_high_end_to_what_has_none():
    free = Normal(mean=1.0, sd=0.5, low=0.0)
    assert free.cut(8.0).extremes() == (0.0, 5.0)
    for kept in (Normal(mean=1.0, sd=0.5, high=2.0), Uniform(low=1.0, high=9.0), ONE[2][0]):
        assert kept.cut(8.0) == kept
