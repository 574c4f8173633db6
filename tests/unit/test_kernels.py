"""Products with the kernels of continuous coupling, against dense matrices."""

import numpy as np
import pytest

from netspec.describe.connectivity import RingKernel, UniformKernel
from netspec.realise.kernels import FEW, product, waves


@pytest.mark.parametrize("size", [5, 64, 1024, 1025])
@pytest.mark.parametrize("sigma", [0.5, 20.0, 1e4])
def test_ring_product(size, sigma):
    kernel = RingKernel(weight=1.5, J_plus=1.6, sigma=sigma)
    profile = kernel.values(size)
    source = np.random.default_rng(3).random(size)
    matrix = profile[np.subtract.outer(np.arange(size), np.arange(size)) % size]
    right = matrix @ source
    scale = np.abs(matrix) @ source
    assert np.max(np.abs(product(kernel, size)(source) - right) / scale) < 1e-14


def test_ring_product_takes_both_ways():
    def number(sigma):
        return len(waves(RingKernel(weight=1, J_plus=1.6, sigma=sigma), 1024)[0])

    assert number(20.0) <= FEW < number(0.5)


@pytest.mark.parametrize("size", [5, 64, 1024])
@pytest.mark.parametrize("rounding", [1e-16, 1e-6])
def test_waves_add_up_to_the_kernel(size, rounding):
    kernel = RingKernel(weight=1.5, J_plus=1.6, sigma=20.0)
    frequencies, factors = waves(kernel, size, rounding)
    distance = 2 * np.pi / size * np.arange(size)
    found = sum(f * np.cos(k * distance) for k, f in zip(frequencies, factors, strict=True))
    expected = kernel.values(size)
    assert np.abs(found - expected).max() < 30 * max(rounding, 1e-16) * np.abs(expected).sum()
    if size > 5:
        assert len(waves(kernel, size, 1e-6)[0]) < len(waves(kernel, size, 1e-16)[0]) < size


def test_a_uniform_kernel_is_one_wave():
    frequencies, factors = waves(UniformKernel(weight=0.25), 11)
    assert (frequencies.tolist(), factors.tolist()) == ([0], [0.25])


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "kernel", [RingKernel(weight=1.5, J_plus=1.6, sigma=20.0), UniformKernel(weight=0.25)]
)
def test_rows_are_multiplied_as_each_by_itself(kernel, rows):
    sources = np.random.default_rng(5).random((rows, 64))
    multiply = product(kernel, 64)
    together = np.array(multiply(sources))
    alone = [np.array(multiply(source[None]))[0] for source in sources]
    assert np.array_equal(together, alone)  # to the last bit
    one = [np.broadcast_to(multiply(source), together.shape[1:]).copy() for source in sources]
    assert together == pytest.approx(np.array(one), rel=1e-14)


def test_a_uniform_product_is_one_sum():
    source = np.random.default_rng(4).random(37)
    assert product(UniformKernel(weight=0.25), 11)(source) == pytest.approx(0.25 * source.sum())
