"""What the Brian2 adapter computes by itself: an exponential in C, the product around a ring."""

import ctypes
import math
import shutil
import subprocess

import numpy as np
import pytest

from netspec.backends.brian2.building import COMPILER_FLAGS
from netspec.backends.brian2.functions import EXP


@pytest.fixture(scope="module")
def compiled_exp(tmp_path_factory):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("exp")
    body = "void all(long n, double *x) { for (long i = 0; i < n; i++) x[i] = netspec_exp(x[i]); }"
    (folder / "exp.cpp").write_text(f'{EXP}\nextern "C" {body}\n')
    command = [compiler, *COMPILER_FLAGS, "-shared", "-fPIC", "exp.cpp", "-o", "exp.so"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "exp.so"))

    def exp(values):
        found = np.array(values, float)
        pointer = found.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        library.all(ctypes.c_long(len(found)), pointer)
        return found

    return exp


def test_exp_is_libms_to_one_unit_in_the_last_place(compiled_exp):
    generator = np.random.default_rng(1)
    for low, high in ((-1e-3, 1e-3), (-1, 1), (-30, 30), (-708, 709.7)):
        x = generator.uniform(low, high, 20_001)
        right = np.array([math.exp(value) for value in x])
        assert np.max(np.abs(compiled_exp(x) - right) / np.spacing(right)) <= 1


def test_exp_at_the_ends(compiled_exp):
    x = [0.0, -0.0, 709.782712893384, 709.79, 1e300, np.inf, -745.0, -746.0, -1e300, -np.inf]
    with np.errstate(all="ignore"):
        right = np.exp(x)
    assert compiled_exp(x) == pytest.approx(right, rel=1e-15, abs=5e-324)
    assert np.isnan(compiled_exp([np.nan])).all()


def test_exp_is_the_same_alone_and_in_a_vector(compiled_exp):
    x = np.random.default_rng(2).uniform(-5, 5, 101)
    assert np.array_equal(compiled_exp(x), [compiled_exp([value])[0] for value in x])
