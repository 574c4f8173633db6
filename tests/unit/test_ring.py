"""The ring's bump and its trials, on synthetic bumps whose angle, shape and motion are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from netspec.circuits import Cue
from netspec.circuits.compte_ring import measure as trials
from netspec.circuits.compte_ring import ring
from netspec.circuits.compte_ring.measure import Trial
from netspec.errors import UsageError
from netspec.execute.results import SpikeData

DT = 0.5
CUE = Cue(angle=350, strength=70, start=200, duration=200)


def gaussian(angle, centre, width, peak, flank):
    distance = (angle - centre + 180) % 360 - 180
    return flank + (peak - flank) * np.exp(-4 * math.log(2) * (distance / width) ** 2)


def spikes_of(rates, dt=DT, seed=1, begin=0):
    """Draw Poisson spikes from rates (spikes/s), shape (blocks of 10 steps, neurons); shuffled."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rates * (10 * dt / 1000))
    block, neuron = np.nonzero(counts)
    block, neuron = (np.repeat(a, counts[block, neuron]) for a in (block, neuron))
    steps = begin + block * 10 + rng.integers(1, 11, len(block))
    order = rng.permutation(len(steps))
    end = begin + len(rates) * 10
    return SpikeData(steps[order], neuron[order].astype(np.uint32), rates.shape[1], dt, begin, end)


def session(centre, size=512, duration=2000, dies=math.inf, rises=200, seed=1):
    """A ring at rest that gets a bump at `rises` ms and loses it at `dies`."""
    times = np.arange(0, duration, 10 * DT)
    angles = 360 * np.arange(size) / size
    centre = np.broadcast_to(centre, times.shape)
    rates = gaussian(angles, centre[:, None], width=70, peak=40, flank=1.0)
    rates[(times < rises) | (times >= dies)] = 1.0
    return spikes_of(rates, seed=seed)


def inhibition(rate=8.0, size=128, duration=2000):
    return spikes_of(np.full((round(duration / DT / 10), size), rate), seed=9)


def test_the_angle_is_that_of_the_description_with_half_a_neuron_to_the_other_convention():
    one = SpikeData(np.array([1]), np.array([30], np.uint32), 120, DT, 0, 10)
    assert ring.bump(one).angle == pytest.approx(360 * 30 / 120)
    assert 360 * (30 + 0.5) / 120 - ring.bump(one).angle == pytest.approx(180 / 120)


def test_a_stray_spike_is_no_bump():
    one = SpikeData(np.array([1]), np.array([30], np.uint32), 120, DT, 0, 1000)
    assert ring.bump(one).vector_length == pytest.approx(1)
    assert not ring.bump(one).present


def test_the_vector_of_a_von_mises_bump_has_the_length_of_theory():
    from scipy.special import i0, i1

    angles = 2 * np.pi * np.arange(720) / 720
    rates = 20 * np.exp(2 * np.cos(angles - 1.0))
    found = ring.bump(spikes_of(np.tile(rates, (200, 1))))
    assert found.vector_length == pytest.approx(i1(2) / i0(2), abs=0.005)
    assert found.angle == pytest.approx(np.degrees(1.0), abs=0.5)


def test_a_rotating_bump_is_followed_across_zero():
    times = np.arange(0, 2000, 10 * DT)
    turning = 300 + 0.36 * times  # deg: two turns in two seconds
    trace = ring.decode(session(turning, rises=0))
    assert len(trace.times) == (2000 - 100) / 20 + 1
    assert trace.times[:2] == pytest.approx([50, 70])
    assert trace.angles == pytest.approx(300 + 0.36 * trace.times, abs=6)
    assert trace.lost is None


def test_a_lost_bump_is_noticed_when_it_goes_and_angles_end_there():
    trace = ring.decode(session(90.0, rises=0, dies=1000))
    assert trace.times[trace.lost] == pytest.approx(1000, abs=60)
    assert np.isnan(trace.angles[trace.times > 1060]).all()


@pytest.mark.filterwarnings("error")
def test_silence_and_short_windows_have_no_bump_and_no_warning():
    silent = SpikeData(np.array([], np.int64), np.array([], np.uint32), 64, DT, 0, 1000)
    trace = ring.decode(silent)
    assert trace.lost == 0
    assert np.isnan(trace.angles).all()
    assert np.isnan(ring.profile(silent, trace).peak)
    assert np.isnan(ring.diffusion(trace))
    short = ring.decode(silent.window(0, 100))  # 50 ms
    assert len(short.times) == 0
    assert np.isnan(ring.diffusion(short))


def test_the_profile_of_a_moving_bump_is_not_smeared():
    times = np.arange(0, 4000, 10 * DT)
    spikes = session(120 + 0.02 * times, duration=4000, rises=0)  # moves by 80 deg
    found = ring.profile(spikes, ring.decode(spikes))
    # a Gaussian of FWHM 70 deg seen through one of SD 5 deg, and above the rate of 1
    blur = ring.SMOOTHING * math.sqrt(8 * math.log(2))
    assert found.width == pytest.approx(math.hypot(70, blur), rel=0.04)
    assert found.peak == pytest.approx(1 + 39 * 70 / math.hypot(70, blur), rel=0.05)
    assert found.flank == pytest.approx(1.0, abs=0.3)
    assert abs(found.angles[np.argmax(found.rates)]) < 8


def test_the_width_is_measured_above_the_flank():
    rates = gaussian(np.arange(360), 180, width=60, peak=100, flank=15)
    spikes = spikes_of(np.tile(rates, (2000, 1)))
    found = ring.profile(spikes, ring.decode(spikes))
    assert found.flank == pytest.approx(15, rel=0.03)
    assert found.width == pytest.approx(math.hypot(60, 11.8), rel=0.05)


def test_a_window_holds_the_spike_of_its_last_step_and_not_of_the_step_before_it():
    steps = np.array([100, 101, 300, 301])  # windows of 100 ms: steps 101 to 300, 141 to 340, ...
    spikes = SpikeData(steps, np.array([0, 10, 20, 30], np.uint32), 360, DT, 100, 340)
    trace = ring.decode(spikes)
    assert trace.angles == pytest.approx([15, 25])
    assert trace.rates == pytest.approx(2 / 360 / 0.1)


def test_lags_begin_where_windows_do_not_overlap():
    n = 100
    line = ring.Trace(np.arange(n) * 20.0, np.arange(n) * 3.0, np.ones(n), np.ones(n), 100.0, 20.0)
    lags, msd = ring.mean_squared_displacement(line)
    assert lags == pytest.approx(np.arange(100, 501, 20))
    assert msd == pytest.approx((lags / 20 * 3) ** 2)


def test_diffusion_is_half_the_slope_of_the_msd():
    rng = np.random.default_rng(4)
    expected, found = 20.0, []
    for _ in range(400):
        steps = rng.normal(0, math.sqrt(2 * expected / 1000), 3000).cumsum()  # 1 ms each
        seen = np.convolve(steps, np.full(100, 0.01), "valid")[::20]
        seen += rng.normal(0, 2.0, len(seen))  # noise of decoding
        n = len(seen)
        trace = ring.Trace(np.arange(n) * 20.0, seen, np.ones(n), np.full(n, 10.0), 100.0, 20.0)
        found.append(ring.diffusion(trace))
    error = np.std(found) / math.sqrt(len(found))
    assert error < 0.1 * expected
    assert np.mean(found) == pytest.approx(expected, abs=3 * error)


def test_a_trial_of_a_bump_that_stays():
    found = trials.trial(session(2.0), inhibition(), CUE, seed=7)
    assert (found.seed, found.cue_angle, found.cue_strength) == (7, 350, 70)
    assert found.formed is True
    assert found.lost is False and found.survived is True
    # windows of 100 ms every 20 ms from 650 to 2000 ms
    assert found.survival == pytest.approx(1240)
    assert found.rest_rate_E == pytest.approx(1.0, abs=0.3)
    assert found.rest_rate_I == pytest.approx(8.0, rel=0.1)
    assert found.rate_I == pytest.approx(8.0, rel=0.25)  # 256 spikes: SD 6 %
    assert found.bias == pytest.approx(12.0, abs=1.5)  # from 350 to 2 deg
    assert found.width == pytest.approx(70.9, rel=0.07)


def test_a_trial_of_a_bump_that_is_lost_has_no_diffusion():
    found = trials.trial(session(350.0, dies=1200), inhibition(), CUE, seed=1)
    assert found.formed is True
    assert found.lost is True and found.survived is False
    assert found.survival == pytest.approx(1200 - 700, abs=60)
    assert math.isnan(found.diffusion)
    assert found.bias == pytest.approx(0, abs=1.5)


def test_a_bump_that_fades_is_lost_though_its_angle_is_clear():
    angles, times = np.arange(0, 360, 0.5), np.arange(0, 2000, 10 * DT)
    rates = np.tile(gaussian(angles, 350, width=70, peak=40, flank=0.0), (len(times), 1))
    rates[times < 200] = 1.0
    rates[times >= 1200] *= 0.1
    found = trials.trial(spikes_of(rates), inhibition(), CUE, seed=1)
    assert found.lost is True
    assert found.survival == pytest.approx(1200 - 700, abs=120)
    assert math.isnan(found.diffusion)


def test_a_cue_that_raises_nothing_and_one_that_comes_too_late():
    none = trials.trial(session(350.0, rises=5000), inhibition(), CUE, seed=1)
    assert none.formed is False
    assert math.isnan(none.survival)
    assert math.isnan(none.bias)
    before = trials.trial(session(350.0, rises=0), inhibition(), CUE, seed=1)
    assert before.formed is None
    late = replace(session(350.0), begin=400)  # the window begins with the cue
    assert math.isnan(trials.trial(late, replace(inhibition(), begin=400), CUE, 1).rest_rate_E)


def test_a_run_that_ends_too_early_is_refused():
    with pytest.raises(UsageError, match="ends at 800 ms, the cue at 400 ms; allowed: 500 ms"):
        trials.trial(session(0, duration=800), inhibition(duration=800), CUE, seed=1)


def entry(seed=1, strength=70.0, formed=True, **rest):
    return Trial(seed, 0.0, strength, 1.0, 8.0, formed, 0.9, 10.0, 40.0, **rest)


def test_survival_is_kaplan_and_meiers():
    # deaths at 300 and 500 ms, censored at 400 and 900 ms: 4 at risk, then 2
    found = [
        entry(survival=300.0, lost=True),
        entry(survival=400.0),
        entry(survival=500.0, lost=True),
        entry(survival=900.0),
        entry(formed=False),
    ]
    times, probability = trials.survival(found)
    at = dict(zip(times, probability, strict=True))
    assert (at[300], at[500], at[900]) == pytest.approx((3 / 4, 3 / 4 / 2, 3 / 4 / 2))
    assert len(trials.survival([entry(formed=False)])[0]) == 0


def test_survival_of_random_lives_is_the_exponential_they_came_from():
    rng = np.random.default_rng(2)
    life, watched = rng.exponential(1000, 4000), rng.uniform(0, 3000, 4000)
    found = [
        entry(survival=float(min(a, b)), lost=bool(a <= b))
        for a, b in zip(life, watched, strict=True)
    ]
    times, probability = trials.survival(found)
    early = times < 2000
    assert probability[early] == pytest.approx(np.exp(-times[early] / 1000), abs=0.035)


def test_formation_is_counted_by_strength_without_trials_that_began_with_a_bump():
    outcome = {20.0: [False, False, None], 70.0: [True, False, True], 200.0: [None]}
    found = trials.formation([entry(strength=s, formed=f) for s in (200.0, 70.0, 20.0)
                              for f in outcome[s]])  # fmt: skip
    assert [(f.strength, f.trials, f.formed) for f in found] == [
        (20, 2, 0),
        (70, 3, 2),
        (200, 0, 0),
    ]
    assert found[1].probability == pytest.approx(2 / 3)
    assert math.isnan(found[2].probability)


@pytest.mark.filterwarnings("error")
def test_one_value_per_seed():
    found = [
        entry(1, bias=179.0, peak=30.0),
        entry(1, bias=-177.0, peak=40.0),
        entry(2, formed=False),
        entry(2, formed=None),
    ]
    assert trials.per_seed(found, "peak") == pytest.approx({1: 35.0, 2: math.nan}, nan_ok=True)
    assert abs(trials.per_seed(found, "bias")[1]) == pytest.approx(179)
    assert trials.per_seed(found, "formed") == {1: 1.0, 2: 0.0}
    with pytest.raises(UsageError, match="did you mean 'width'"):
        trials.per_seed(found, "widht")


def test_every_statistic_of_the_registry_is_a_field_of_a_trial():
    assert all(
        hasattr(Trial(1, 0, 70, 1, 1, None, 0, 1, 1), s.name) for s in trials.RING_STATISTICS
    )
