"""Who draws the events of Poisson inputs: what a request says of it, and what it is called."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import netspec
from netspec import Population, Recorder, Simulation
from netspec.backends.brian2 import Brian2Backend
from netspec.cli import app
from netspec.cli.judging import _noise_of
from netspec.errors import DescriptionError, UnsupportedError, UsageError
from netspec.execute.contract import RunRequest, get_backend
from netspec.validation.campaign.comparisons import MATCHED, SAME_EVENTS
from netspec.validation.campaign.request import BackendRequest, ValidationRequest, read_request
from netspec.validation.campaign.validating import validate
from netspec.validation.judge.margins import Margins
from netspec.validation.report import known

NETWORK = netspec.Network(
    name="one",
    populations=[Population(name="A", size=3, model="iaf_psc_exp")],
    poisson_inputs=[netspec.PoissonInput(name="p", target="A", receptor="excitatory",
                                         rate=10_000.0, weight=100.0)],
    recorders=[Recorder(name="r", target="A")],
)  # fmt: skip
SHORT = Simulation(warmup=0.0, duration=50.0)
TEXT = """
circuit = "microcircuit"
options = { scale = 0.02 }
noise = "shared"
backends = ["nest", "brian2"]
"""


def request(backend="brian2", network=NETWORK, **fields):
    return RunRequest(network=network, simulation=SHORT, backend=backend, **fields)


def entry(plan):
    (found,) = (e for e in plan.ledger.entries if e.thing == "poisson_inputs.p")
    return found


def test_the_name_of_a_result_says_who_draws_and_nothing_new_of_native_draws():
    backend = Brian2Backend()
    native, shared = (backend.plan(request(drive=drive)) for drive in ("native", "shared"))
    assert native.digest == backend.plan(request()).digest != shared.digest
    assert "by counter" in entry(shared).reason and "by counter" not in entry(native).reason


class Unaware(Brian2Backend):
    """An adapter that was written before there were counters."""

    answers = Brian2Backend.answers - {"shared noise"}


def test_an_adapter_that_does_not_know_of_it_is_not_asked_in_silence():
    assert entry(Unaware().plan(request())).status == "exact"
    refused = Unaware().plan(request(drive="shared"))
    with pytest.raises(UnsupportedError, match=r"poisson_inputs\.p: the adapter draws its own"):
        refused.ledger.check(("all",))
    silent = NETWORK.model_copy(update={"poisson_inputs": ()})
    Unaware().plan(request(network=silent, drive="shared")).ledger.check(())


@pytest.mark.parametrize(
    ("backend", "options", "rate", "reason"),
    [
        (
            "nest",
            {"neurons": "native"},
            10_000.0,
            "needs generated neurons, which draw their events, given --option neurons=native",
        ),
        ("nest", {}, 1e9, "100000 events a step; at most 60000"),
        ("genn", {"poisson": "product"}, 10_000.0, "numbers are found by a table"),
        ("genn", {}, 1e9, "100000 events a step; at most 60000"),
        ("brian2", {}, 1e9, "100000 events a step; at most 60000"),
    ],
)
def test_what_cannot_be_shared_is_refused(backend, options, rate, reason):
    source = NETWORK.poisson_inputs[0].model_copy(update={"rate": rate})
    described = NETWORK.model_copy(update={"poisson_inputs": (source,)})
    asked = request(backend, described, drive="shared", options=options)
    found = entry(get_backend(backend).plan(asked))
    assert found.status == "unsupported" and reason in found.reason


def test_on_nest_neurons_that_draw_are_generated_and_others_stay():
    others = Population(name="B", size=2, model="iaf_psc_exp")
    described = netspec.Network(
        name="two", populations=[*NETWORK.populations, others],
        poisson_inputs=NETWORK.poisson_inputs,
    )  # fmt: skip
    plans = [
        get_backend("nest").plan(request("nest", described, drive=drive))
        for drive in ("shared", "native")
    ]
    said = [{e.thing: e.reason for e in plan.ledger.entries} for plan in plans]
    assert "draws its Poisson events (noise=shared)" in said[0]["populations.A"]
    assert said[0]["populations.B"] == said[1]["populations.A"] == "native iaf_psc_exp"


def test_on_nest_a_ring_of_native_neurons_cannot_draw():
    ring = netspec.circuits.working_memory(size=64)
    ledger = get_backend("nest").plan(request("nest", ring, drive="shared")).ledger
    refused = {e.thing: e.reason for e in ledger.entries if e.status == "unsupported"}
    assert set(refused) == {f"poisson_inputs.{p.name}" for p in ring.poisson_inputs}
    assert all("couples continuously, which they cannot" in reason for reason in refused.values())


def test_files_and_options_call_it_noise(tmp_path):
    path = tmp_path / "request.toml"
    path.write_text(TEXT)
    declared = read_request(path)
    assert [backend.noise for backend in declared.backends] == ["shared", "shared"]
    assert {r.drive for r in declared.run_requests()} == {"shared"}
    path.write_text(TEXT.replace("shared", "native"))
    native = read_request(path)
    path.write_text(TEXT.replace('noise = "shared"\n', ""))
    assert read_request(path).content() == native.content()
    assert native.content_hash() != declared.content_hash()
    path.write_text(TEXT.replace("shared", "mine"))
    with pytest.raises(DescriptionError, match="noise"):
        read_request(path)


def test_python_and_the_command_line_call_it_noise(tmp_path):
    with pytest.raises(UsageError, match="noise: given 'mine'; allowed: native, shared"):
        netspec.run(NETWORK, "brian2", SHORT, noise="mine", out=tmp_path)
    command = ["run", "microcircuit", "--scale", "0.01", "--backend", "brian2", "--dry-run"]
    shown = CliRunner().invoke(app, [*command, "--noise", "shared", "--drive", "poisson"])
    assert shown.exit_code == 0 and "by counter" in " ".join(shown.output.split())
    refused = CliRunner().invoke(app, [*command, "--noise", "mine"])
    assert isinstance(refused.exception, UsageError)


def test_a_verdict_says_that_events_are_the_same(tmp_path):
    for noise, notes in (("shared", (MATCHED, SAME_EVENTS)), ("native", (MATCHED,))):
        backends = [
            BackendRequest(name=name, noise=noise, connectivity="shared")
            for name in ("brian2", "genn")
        ]
        declared = ValidationRequest(network=NETWORK, simulation=SHORT, backends=backends,
                                     seeds=(1, 2), margins=Margins().only(["rate"]))  # fmt: skip
        if not all(get_backend(name).status().available for name in declared.names):
            pytest.skip("needs Brian2 and GeNN")
        done = validate(declared, tmp_path)
        summary = done.summary
        (found,) = summary.comparisons
        assert found.notes == notes
        rates = {name: [row.values["rate"] for row in summary.statistics if row.backend == name]
                 for name in declared.names}  # fmt: skip
        assert (rates["brian2"] == rates["genn"]) or noise == "native"
        # the first screen proves it spike by spike
        sides = {name: [d.run for d in done.done if d.request.backend == name] for name in rates}
        lines = [
            line.text
            for row in known.first_screen(summary, sides).rows
            if row.question == "the same spikes?"
            for line in row.lines
        ]
        if noise == "native":
            assert lines == []
        else:
            (line,) = lines
            assert line.endswith("one by one from the first step on, in 2 of 2 runs of 0.05 s"), (
                line
            )


def test_some_simulators_may_share_their_events_and_others_not():
    names = ["nest", "brian2", "genn"]
    given = _noise_of("brian2=shared, genn=shared", names)
    assert given == {"nest": "native", "brian2": "shared", "genn": "shared"}
    assert set(_noise_of("shared", names).values()) == {"shared"}
    with pytest.raises(UsageError, match="unknown backend 'gen'"):
        _noise_of("gen=shared", names)
    with pytest.raises(UsageError, match="native, shared"):
        _noise_of("genn=mine", names)
