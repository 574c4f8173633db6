"""What tests of PyNN scripts have in common."""

import pytest


@pytest.fixture
def on_brian2(tmp_path):
    """A script that has been set up: steps of 0.1 ms, on Brian2, with a seed of its own."""
    import netspec.pynn as sim  # the modules of tests skip where PyNN is not installed

    sim.setup(timestep=0.1, backend="brian2", options={"codegen": "numpy"}, out=tmp_path, seed=3)
    yield
    sim.setup()
