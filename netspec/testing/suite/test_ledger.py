"""The plan of any network: an answer for every thing of it, made without its simulator."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings

from netspec import Simulation
from netspec.describe.serialization import network_from
from netspec.execute.contract import RunRequest, get_backend
from netspec.testing.parts import network, neuron
from netspec.testing.strategies import network_data

SIMULATION = Simulation(dt=0.1, warmup=0.0, duration=10.0)
# kinds of things that no adapter may pass over in silence; recorders are checked in the result
KINDS = ("populations", "projections", "continuous_projections", "poisson_inputs",
         "current_inputs", "step_currents", "spike_inputs")  # fmt: skip
PLAN = """
import sys
import netspec
from netspec.execute.contract import RunRequest, get_backend
before = set(sys.modules)
adapter = get_backend(sys.argv[1])
described = netspec.load(sys.argv[2])
plan = adapter.plan(RunRequest(network=described, backend=sys.argv[1]))
adapter.memory([plan])
print(adapter.module in set(sys.modules) - before - {type(adapter).__module__}, plan.digest)
"""


@settings(max_examples=40, derandomize=True, database=None, deadline=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(data=network_data())
def test_everything_that_a_network_needs_has_an_answer(backend, asked, data):
    described = network_from(data)
    request = RunRequest(network=described, backend=backend, simulation=SIMULATION, options=asked)
    plan = get_backend(backend).plan(request)
    answered = {".".join(entry.thing.split(".")[:2]) for entry in plan.ledger.entries}
    refused = any(entry.status == "unsupported" for entry in plan.ledger.entries)
    for kind in KINDS:
        for piece in getattr(described, kind):
            # what depends on a thing that is refused needs no answer of its own
            assert refused or f"{kind}.{piece.name}" in answered
    for entry in plan.ledger.entries:
        assert entry.status == "exact" or entry.reason, entry
        assert (entry.status == "approximate") == bool(entry.name), entry


def test_a_plan_is_the_same_every_time_and_brings_no_simulator(backend, asked, tmp_path):
    (tmp_path / "cells.toml").write_text(
        'name = "cells"\n[[populations]]\nname = "A"\nsize = 3\nmodel = "iaf_psc_exp"\n'
    )
    command = [sys.executable, "-c", PLAN, backend, str(tmp_path / "cells.toml")]
    found = {
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in "12"
    }
    assert len(found) == 1
    assert found.pop().startswith("False ")


@pytest.mark.parametrize("change", ["seed", "network", "readback"])
def test_what_decides_a_result_is_in_the_digest(backend, asked, change):
    adapter = get_backend(backend)
    described = network("digest", [neuron("A", 3, I_e=500.0)])
    request = RunRequest(network=described, backend=backend, simulation=SIMULATION, options=asked)
    other = {
        "seed": {"simulation": SIMULATION.at_seed(7)},
        "network": {"network": network("digest", [neuron("A", 3, I_e=501.0)])},
        "readback": {"readback": True},
    }[change]
    assert adapter.plan(request).digest == adapter.plan(request).digest
    changed = request.model_copy(update=other)
    assert adapter.plan(changed).digest != adapter.plan(request).digest
