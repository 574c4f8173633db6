"""What PyNN's simulators have and netspec.pynn has not is refused in words."""

import pytest

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

import netspec.pynn as sim
from netspec.errors import NetspecError
from netspec.pynn.refused import REFUSED


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_name_of_pynns(name):
    assert not hasattr(sim, name)
    with pytest.raises(NetspecError, match=rf"{name}: .*not carried; .*docs/pynn.md"):
        getattr(sim, name)


def test_a_name_of_nobodys():
    with pytest.raises(AttributeError, match="no attribute 'IF_cond_expp'") as found:
        sim.IF_cond_expp  # noqa: B018
    assert not isinstance(found.value, NetspecError)
