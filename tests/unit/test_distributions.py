"""What distributions and rules say of themselves, against SciPy and against what they draw."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from netspec.describe import connectivity as con
from netspec.describe.distributions import (
    Constant,
    Exponential,
    Gamma,
    LogNormal,
    Normal,
    Uniform,
    UniformInteger,
)
from netspec.errors import DescriptionError

NUMBERS = st.floats(-100, 100, allow_subnormal=False)
ONE = [
    (Constant(value=3.0), 3.0),
    (Uniform(low=3.0, high=3.0), 3.0),
    (Normal(mean=3.0, sd=0.0), 3.0),
    (Normal(mean=3.0, sd=0.0, low=0.0, high=5.0), 3.0),
    (Normal(mean=3.0, sd=0.0, low=4.0, clip="bound"), 4.0),
    (Normal(mean=3.0, sd=0.0, high=-1.0, clip="bound"), -1.0),
    (UniformInteger(low=3.0, high=3.0), 3.0),
    (LogNormal(median=3.0, sigma=0.0), 3.0),
    (LogNormal(median=-3.0, sigma=0.0, low=-2.0, clip="bound"), -2.0),
    (Gamma(shape=2.0, scale=0.0), 0.0),
    (Exponential(scale=0.0), 0.0),
    (Exponential(scale=1.0, high=-1.0, clip="bound"), -1.0),
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
        (LogNormal(median=2.0, sigma=0.5), stats.lognorm(0.5, scale=2.0)),
        (LogNormal(mu=0.3, sigma=0.5), stats.lognorm(0.5, scale=math.exp(0.3))),
        (Gamma(shape=0.7, scale=2.0), stats.gamma(0.7, scale=2.0)),
        (Gamma(shape=30.0, scale=0.1), stats.gamma(30.0, scale=0.1)),
        (Exponential(scale=2.0), stats.expon(scale=2.0)),
        (Exponential(scale=2.0, high=4.0), stats.truncexpon(2.0, scale=2.0)),
    ],
)
def test_shares_and_samples_are_those_of_the_law(distribution, law):
    assert distribution.fixed() is None
    for limit in np.linspace(-4, 6, 21):
        assert distribution.share_below(limit) == pytest.approx(law.cdf(limit), abs=1e-12)
    low, high = distribution.extremes()
    assert (low, high) == pytest.approx(law.support())
    for dtype in (np.float32, np.float64):
        drawn = distribution.sample(20_000, np.random.default_rng(3), dtype)
        assert drawn.dtype == dtype
        assert np.all((drawn >= low) & (drawn <= high))
        assert stats.kstest(drawn, law.cdf).pvalue > 1e-3
    share = np.linspace(0.001, 0.999, 50)
    np.testing.assert_allclose(distribution.quantile(share), law.ppf(share), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "other", "law"),
    [
        (LogNormal, {"sigma": 0.5}, stats.lognorm(0.5, scale=2.0)),
        (Gamma, {"shape": 0.7}, stats.gamma(0.7, scale=2.0)),
        (Exponential, {}, stats.expon(scale=2.0)),
    ],
)
@pytest.mark.parametrize(
    "bounds", [{}, {"low": -3.0, "high": -0.5}, {"low": -3.0, "clip": "bound"}]
)
def test_a_negative_scale_mirrors_a_distribution(kind, other, law, bounds):
    name = "median" if kind is LogNormal else "scale"
    turned = {
        {"low": "high", "high": "low"}.get(key, key): -value if key != "clip" else value
        for key, value in bounds.items()
    }
    negative = kind(**{name: -2.0}, **other, **bounds)
    positive = kind(**{name: 2.0}, **other, **turned)
    assert negative.extremes() == tuple(-x for x in reversed(positive.extremes()))
    assert negative.typical() == -positive.typical()
    drawn = negative.sample(1000, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn, -positive.sample(1000, np.random.default_rng(1)))
    for limit in (-4.0, -2.9, -1.0, -0.1, 0.5):
        above = 1 - positive.share_below(-limit)
        if not (bounds and limit in negative.extremes()):
            assert negative.share_below(limit) == pytest.approx(above, abs=1e-12)
    if not bounds:
        assert stats.kstest(-drawn, law.cdf).pvalue > 1e-3
    share = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(negative.quantile(share), -positive.quantile(1 - share), rtol=1e-9)


def test_whole_numbers_are_equally_likely():
    whole = UniformInteger(low=-2.0, high=3.0)
    assert whole.extremes() == (-2.0, 3.0)
    assert [whole.share_below(x) for x in (-2, -1.5, 0, 3, 3.5)] == [0, 1 / 6, 2 / 6, 5 / 6, 1]
    drawn = whole.sample(6000, np.random.default_rng(2))
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3]
    assert stats.chisquare(counts).pvalue > 1e-3
    assert np.unique(whole.quantile(np.linspace(0, 1, 60))).tolist() == values.tolist()
    for low, high, wrong in ((0.5, 2.0, "whole"), (3.0, 2.0, "exceed")):
        with pytest.raises(DescriptionError, match=wrong):
            UniformInteger(low=low, high=high)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (LogNormal, {"median": 1.0, "sigma": -1.0}, "0 to 10"),
        (LogNormal, {"sigma": 1.0}, "required"),
        (LogNormal, {"mu": 100.0, "sigma": 1.0}, "-60 to 60"),
        (Gamma, {"shape": 0.0, "scale": 1.0}, "0.001 to 1e"),
        (Exponential, {"scale": 1.0, "low": 30.0}, "to redraw"),
        (Exponential, {"scale": 1.0, "low": 2.0, "high": 1.0}, "exceed"),
    ],
)
def test_what_is_no_distribution_is_refused(kind, fields, message):
    with pytest.raises(DescriptionError, match=message):
        kind(**fields)


def test_bounds_that_are_set_take_what_lies_beyond():
    bound = Normal(mean=1.0, sd=2.0, low=0.0, high=4.0, clip="bound")
    assert bound.share_below(0.0) == 0.0
    assert bound.share_below(1e-9) == pytest.approx(stats.norm.cdf(-0.5))
    assert bound.share_below(4.0) == pytest.approx(stats.norm.cdf(1.5))
    assert bound.share_below(4.1) == 1.0
    assert bound.extremes() == (0.0, 4.0)
    assert Normal(mean=0.0, sd=1.0).extremes() == (-math.inf, math.inf)


@given(NUMBERS, st.floats(0, 10, allow_subnormal=False), st.floats(0.1, 3))
def test_conversion_reaches_every_quantity(middle, spread, factor):
    for distribution in (
        LogNormal(median=middle, sigma=0.5, low=middle - 1, clip="bound"),
        Gamma(shape=3.0, scale=middle, high=middle + 1, clip="bound"),
        Exponential(scale=middle),
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
    for long in (LogNormal(median=1.5, sigma=0.4), Gamma(shape=2.0, scale=1.0),
                 Exponential(scale=1.5)):  # fmt: skip
        longest = long.cut(8.0).extremes()[1]
        beyond = 1 - long.share_below(longest)
        assert math.isfinite(longest) and beyond < 1e-14, "as beyond 8 SD of a normal distribution"
        assert long.cut(8.0).cut(8.0) == long.cut(8.0)
    for kept in (Normal(mean=1.0, sd=0.5, high=2.0), Uniform(low=1.0, high=9.0), ONE[2][0]):
        assert kept.cut(8.0) == kept
