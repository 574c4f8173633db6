"""The ring of spatial working memory: kernel, cue, conductances, variants."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from netspec.circuits import Cue, working_memory
from netspec.circuits.compte_ring.builder import VARIANTS
from netspec.describe.connectivity import RingKernel
from netspec.describe.simulation import Simulation
from netspec.errors import DescriptionError, UsageError
from netspec.realise.drawing import synapses


def parts(network):
    pieces = (*network.projections, *network.continuous_projections, *network.poisson_inputs)
    return {piece.name: piece for piece in pieces}


def value(network, population, name):
    return network.population(population).parameters[name].value


def test_j_minus_makes_the_mean_over_the_ring_one():
    kernel = parts(working_memory())["E_E"].kernel
    assert kernel.J_minus == pytest.approx(0.9029277, abs=5e-8)
    for j_plus, sigma in [(1.6, 20.0), (1.62, 14.4), (3.0, 90.0)]:
        kernel = RingKernel(weight=1.0, J_plus=j_plus, sigma=sigma)

        def w(d, kernel=kernel):
            bump = math.exp(-(d**2) / (2 * kernel.sigma**2))
            return kernel.J_minus + (kernel.J_plus - kernel.J_minus) * bump

        assert quad(w, -180, 180)[0] / 360 == pytest.approx(1.0, rel=1e-10)


@pytest.mark.parametrize("size", [64, 1024, 2048])
def test_the_weights_onto_a_neuron_have_mean_one_and_go_round_the_ring(size):
    kernel = RingKernel(weight=0.5, J_plus=1.6, sigma=20.0)
    w = kernel.values(size) / 0.5
    assert w.mean() == pytest.approx(1.0, rel=1e-8)
    assert w[0] == pytest.approx(1.6)
    assert np.array_equal(w[1:], w[:0:-1])
    assert w[size // 2] == pytest.approx(kernel.J_minus)
    step = 360 / size
    expected = kernel.J_minus + (1.6 - kernel.J_minus) * math.exp(-((3 * step) ** 2) / 800)
    assert w[3] == pytest.approx(expected, rel=1e-12)


def test_a_low_rank_reproduces_the_kernel_to_single_precision():
    for sigma, j_plus, rank in [(20.0, 1.6, 31), (14.4, 1.62, 41)]:
        w = RingKernel(weight=1.0, J_plus=j_plus, sigma=sigma).values(1024)
        spectrum = np.fft.rfft(w)
        spectrum[rank // 2 + 1 :] = 0.0  # a cosine and a sine each, and the mean
        assert np.max(np.abs(np.fft.irfft(spectrum) - w)) < w.max() * 2**-23


@pytest.mark.parametrize(
    ("angle", "width", "size", "first", "last"),
    [
        (180.0, 40.0, 1024, 455, 569),
        (180.0, 40.0, 360, 160, 200),
        (90.0, 0.0, 360, 90, 90),
        (90.0, "10 deg", 720, 170, 190),
    ],
)
def test_both_ends_of_a_cue_are_included(angle, width, size, first, last):
    assert Cue(angle=angle, width=width).neurons(size) == tuple(range(first, last + 1))


def test_a_cue_wraps_around_the_ring():
    expected = {i % 360 for i in range(-20, 21)}
    for angle in (0.0, 360.0, -360.0):
        found = Cue(angle=angle, width=40.0).neurons(360)
        assert set(found) == expected
        assert list(found) == sorted(set(found))
    assert Cue(angle=-10.0, width=4.0).neurons(360) == (348, 349, 350, 351, 352)
    assert Cue(width=360.0).neurons(64) == tuple(range(64))


def test_cues_and_distractors_are_a_timeline():
    cues = [Cue(), Cue(angle=90.0, strength="0.2 nA", start="1 s", duration=50.0)]
    network = working_memory(size=360, cues=cues)
    first, second = network.step_currents
    assert (first.times, first.amplitudes) == ((100.0, 300.0), (70.0, 0.0))
    assert (second.times, second.amplitudes) == ((1000.0, 1050.0), (200.0, 0.0))
    assert second.neurons == tuple(range(70, 111))
    assert {piece.target for piece in network.step_currents} == {"E"}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [16, 256, 1024, 2048, 4096])
def test_size_times_conductance_is_constant(variant, size):
    found, at_reference = (parts(working_memory(variant, n)) for n in (size, 2048))
    for name in ("E_E", "E_I"):
        ours, theirs = found[name].kernel.weight, at_reference[name].kernel.weight
        assert ours * size == pytest.approx(theirs * 2048, rel=1e-12)
    for name in ("I_E", "I_I"):
        ours, theirs = found[name].weight.value, at_reference[name].weight.value
        assert ours * size == pytest.approx(theirs * 2048, rel=1e-12)
    # what comes from outside does not scale
    assert found["E_background"] == at_reference["E_background"]


@pytest.mark.parametrize(
    ("variant", "factor", "inhibitory"),
    [("neurodynex", 0.35, 1.2), ("neurodynex3", 1.0, 1.0), ("compte2000", 1.0, 1.0)],
)
def test_recurrent_conductances(variant, factor, inhibitory):
    found = parts(working_memory(variant, 2048))
    assert found["E_E"].kernel.weight == pytest.approx(factor * 0.381)
    assert found["E_I"].kernel.weight == pytest.approx(factor * inhibitory * 0.292)
    assert found["I_E"].weight.value == pytest.approx(factor * 1.336)
    assert found["I_I"].weight.value == pytest.approx(factor * 1.024)
    assert (found["E_background"].weight, found["I_background"].weight) == (3.1, 2.38)


@pytest.mark.parametrize(
    ("variant", "size", "j_plus", "sigma", "taus", "rate", "slope"),
    [
        ("neurodynex", 1024, 1.6, 20.0, (65.0, 1.8, 1.88), 1.4, 0.062e-3),
        ("neurodynex3", 1024, 1.6, 20.0, (65.0, 1.8, 1.88), 1.4, 0.062),
        ("compte2000", 2048, 1.62, 14.4, (100.0, 2.0, 2.0), 1.8, 0.062),
    ],
)
def test_what_the_variants_differ_in(variant, size, j_plus, sigma, taus, rate, slope):
    network = working_memory(variant)
    kernel = parts(network)["E_E"].kernel
    assert network.population("E").size == size
    assert (kernel.J_plus, kernel.sigma) == (j_plus, sigma)
    for name in ("E", "I"):
        found = tuple(value(network, name, tau) for tau in ("tau_NMDA", "tau_AMPA", "tau_x"))
        assert found == taus
        assert value(network, name, "Mg_slope") == slope
        drive = parts(network)[f"{name}_background"]
        assert (drive.number, drive.rate) == (1000, rate)


def test_with_v_in_volt_the_magnesium_block_is_almost_constant():
    slope = value(working_memory("neurodynex"), "E", "Mg_slope")
    block = [1 / (1 + math.exp(-slope * v) / 3.57) for v in (-70.0, -60.0, -50.0)]
    assert block == pytest.approx([0.78] * 3, abs=1e-3)


def test_membrane_parameters():
    network = working_memory()
    rows = {
        "E": (500.0, 25.0, -70.0, -50.0, -60.0, 2.0),
        "I": (200.0, 20.0, -70.0, -50.0, -60.0, 1.0),
    }
    for name, row in rows.items():
        fields = ("C_m", "g_L", "E_L", "V_th", "V_reset", "t_ref")
        assert tuple(value(network, name, field) for field in fields) == row
        initial = network.population(name).initial["V_m"]
        assert (initial.low, initial.high) == (-60.0, -50.0)


def test_inhibition_reaches_all_but_itself():
    network = working_memory(size=16)
    found = {p.name: synapses(network, p, Simulation()) for p in network.projections}
    assert (len(found["I_E"]), len(found["I_I"])) == (4 * 16, 4 * 3)
    assert not np.any(found["I_I"].pre == found["I_I"].post)
    assert set(found["I_E"].delays()) == {1}


@pytest.mark.parametrize(
    "options", [{"variant": "compte"}, {"size": 0}, {"size": 10}, {"size": -4}]
)
def test_a_wrong_option_is_a_usage_error(options):
    with pytest.raises(UsageError, match=r"allowed|expected"):
        working_memory(**options)


@pytest.mark.parametrize(
    "fields", [{"width": 361.0}, {"width": -1.0}, {"strength": "1 mV"}, {"angle": "1 rad"}]
)
def test_a_wrong_cue_is_a_fault(fields):
    with pytest.raises(DescriptionError, match="expected"):
        Cue(**fields)
