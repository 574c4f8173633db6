"""What decides the name of a result, and what a ledger refuses."""

import pytest

import netspec
from netspec.describe.serialization import with_values
from netspec.errors import ResultFileError, UnsupportedError, UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.execute.running import result_path as path_of

RING = netspec.circuits.working_memory(size=8)
SHORT = netspec.Simulation(dt=0.1, warmup=0.0, duration=1.0)


def request(backend="brian2", **fields):
    return RunRequest(network=RING, simulation=SHORT, backend=backend, **fields)


def result_path(asked, out):
    return path_of(get_backend(asked.backend).plan(asked), out)


def test_what_is_agreed_to_but_not_used_and_defaults_written_out_change_no_name(tmp_path):
    plain = result_path(request(), tmp_path)
    assert plain == result_path(request(approximations=("all",)), tmp_path)
    assert plain == result_path(request(options={"codegen": "auto"}), tmp_path)
    assert plain == result_path(request(options={"codegen": "numpy"}), tmp_path)
    assert plain != result_path(request(options={"codegen": "cython"}), tmp_path)
    assert plain != result_path(request(connectivity="shared"), tmp_path)


def test_the_result_of_another_request_is_refused(tmp_path):
    first = netspec.run(RING, "brian2", SHORT, seed=1, out=tmp_path)
    other = result_path(request().model_copy(update={"simulation": SHORT.at_seed(2)}), tmp_path)
    other.write_bytes(first.file.read_bytes())
    with pytest.raises(ResultFileError, match="another request"):
        netspec.run(RING, "brian2", SHORT, seed=2, out=tmp_path)


def test_nest_refuses_gating_that_differs_between_sender_and_receiver():
    changed = with_values(RING, {"populations.I.parameters.tau_NMDA": "20 ms"})
    asked = RunRequest(network=changed, simulation=SHORT, backend="nest")
    ledger = get_backend("nest").plan(asked).ledger
    with pytest.raises(UnsupportedError, match="tau_NMDA"):
        ledger.check(("all",))


def test_scale_and_single_scales_exclude_each_other():
    with pytest.raises(UsageError, match="neuron_scale"):
        netspec.circuits.microcircuit(scale=0.1, neuron_scale=0.5)
