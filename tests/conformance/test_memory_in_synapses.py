"""The example of a memory that facilitated synapses keep while nobody spikes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.describe.serialization import load_with_simulation
from netspec.execute.contract import get_backend

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "mongillo2008.toml"
AFTER_CUE, INPUT, END = 850.0, 1850.0, 2100.0  # ms
pytestmark = pytest.mark.long


def rate(run, population, first, last):
    """Return spikes/s of a neuron between two times in ms."""
    times = run.spikes(population).times
    count = np.count_nonzero((times > first) & (times <= last))
    return 1000 * count / (last - first) / run.manifest["sizes"][population]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give a function that runs the example, with the cue or without."""
    network, simulation = load_with_simulation(EXAMPLE)
    without = [c for c in network.step_currents if c.name != "cue"]
    silent = network.model_copy(update={"step_currents": tuple(without)})
    options = {"brian2": {"codegen": "numpy"}}

    def run(backend, seed=1, cue=True):
        if not get_backend(backend).status().available:
            pytest.skip(f"{backend} is not installed")
        return netspec.run(network if cue else silent, backend, simulation, seed=seed,
                           connectivity="shared", noise="shared", options=options.get(backend, {}),
                           out=tmp_path_factory.mktemp("memory"))  # fmt: skip

    return run


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_cued_neurons_answer_an_input_to_all_and_the_others_do_not(runs, seed):
    run = runs("nest", seed)
    # nothing is kept by spikes: after the cue they are as rare as everywhere
    assert all(rate(run, name, AFTER_CUE, INPUT) < 1 for name in ("cued", "other", "rest"))
    assert rate(run, "cued", INPUT, END) > 10
    assert max(rate(run, name, INPUT, END) for name in ("other", "rest")) < 1.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_the_cue_the_answer_is_weak(runs, seed):
    run = runs("nest", seed, cue=False)
    assert max(rate(run, name, INPUT, END) for name in ("cued", "other", "rest")) < 5


@pytest.mark.parametrize("other", ["brian2", "genn"])
def test_all_simulators_have_the_same_spikes(runs, other):
    one, two = runs("nest"), runs(other)
    for name in one.populations:
        found = [(run.spikes(name).steps, run.spikes(name).neurons) for run in (one, two)]
        pairs = [set(zip(*map(np.ndarray.tolist, spikes), strict=True)) for spikes in found]
        assert pairs[0] == pairs[1]
    assert len(one.spikes("cued")) > 500
