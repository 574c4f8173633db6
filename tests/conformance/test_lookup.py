"""Adapters and ways to run that are asked for and not there."""

from __future__ import annotations

import pytest

import netspec
from netspec.errors import BackendMissing
from netspec.execute.contract import get_backend
from netspec.testing.parts import network, neuron

DRIVEN = network("driven", [neuron("A", 3, I_e=500.0)])


@pytest.mark.parametrize(("wrong", "right"), [("nset", "nest"), ("brain2", "brian2")])
def test_an_unknown_backend_is_missing_and_the_nearest_is_named(tmp_path, wrong, right):
    with pytest.raises(BackendMissing, match=f"unknown backend '{wrong}'.*did you mean '{right}'"):
        netspec.run(DRIVEN, wrong, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_nest_without_mpi_says_how_to_get_one_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(type(get_backend("nest")), "details", lambda self: {"MPI": "no"})
    with pytest.raises(BackendMissing, match=r"without MPI.*given 2 ranks.*make nest-mpi"):
        netspec.run(DRIVEN, "nest", ranks=2, out=tmp_path)
    assert not list(tmp_path.iterdir())
