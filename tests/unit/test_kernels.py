"""Products with the kernels of continuous coupling, against dense matrices."""

import numpy as np
import pytest

from netspec.connectivity import RingKernel, UniformKernel
from netspec.kernels import FEW, product


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
    def waves(sigma):
        spectrum = np.abs(np.fft.rfft(RingKernel(weight=1, J_plus=1.6, sigma=sigma).values(1024)))
        return np.sum(spectrum > 1e-16 * spectrum.max())

    assert waves(20.0) <= FEW < waves(0.5)


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
