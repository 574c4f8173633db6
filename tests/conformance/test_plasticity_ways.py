"""Synapses that change, in the ways that single adapters have: neurons, threads, ranks, options."""

import os

import numpy as np
import pytest

import netspec
from netspec import Network, Simulation
from netspec.execute.contract import RunRequest, get_backend
from netspec.realise.drawing import synapses
from netspec.testing.parts import trains
from netspec.testing.suite.test_plasticity import (
    DT,
    PAIRED,
    RANDOM,
    described,
    random_pairs,
    recurrent,
    worst,
)
from netspec.validation.ladder import oracle
from netspec.validation.ladder.synapses import sent

STEPS = 1000


@pytest.fixture(scope="module")
def expected():
    return oracle.solve(recurrent(), DT, STEPS)


def as_expected(run, expected):
    """Compare spikes, events and weights of the recurrent network with the oracle's."""
    network = recurrent()
    found = trains(run, "E")
    assert found == expected.spikes["E"] and sum(map(len, found)) > 50
    for name, recorder in (("E_E", "w"), ("E_E_short", None), ("balanced", None)):
        projection = next(p for p in network.projections if p.name == name)
        model, weights = network.synapse_of(projection), run.weights(name).values
        drawn = synapses(network, projection, Simulation(dt=DT, seed=1))
        for number, weight in enumerate(drawn.weights()):
            pre, post = found[drawn.pre[number]], found[drawn.post[number]]
            delay = int(drawn.delays()[number])
            carried, last = sent(model, projection.parameters, pre, post, delay, float(weight))
            assert weights[number] == pytest.approx(last, rel=1e-9)
            if recorder and number < 60 and number % 3 == 0:
                steps, values = run.sent(recorder).of(number)
                assert steps.tolist() == pre
                np.testing.assert_allclose(values, [v for _, v in carried], rtol=1e-9)


@pytest.mark.parametrize("backend", ["nest"], indirect=True)
def test_nest_on_two_threads_carries_the_same(simulate, expected):
    as_expected(simulate(recurrent(), STEPS * DT, threads=2, connectivity="shared"), expected)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["nest"], indirect=True)
def test_generated_neurons_of_nest_keep_traces_too(simulate, expected):
    options = {"neurons": "generated"}
    run = simulate(recurrent(), STEPS * DT, connectivity="shared", options=options)
    as_expected(run, expected)
    run = simulate(described(PAIRED, RANDOM, tables=True), 201.7, options=options)
    assert worst(run, PAIRED, RANDOM) < 1e-9


@pytest.mark.mpi
@pytest.mark.parametrize("split", [(1, 1), (2, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("backend", ["nest"], indirect=True)
def test_ranks_hold_synapses_apart_and_give_them_together(
    backend, results, expected, split, monkeypatch
):
    if get_backend(backend).details().get("MPI") != "yes":
        pytest.skip("this NEST has no MPI. To get it: make nest-mpi")
    if os.geteuid() == 0:  # in a container
        monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
        monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    simulation = Simulation(dt=DT, warmup=0.0, duration=STEPS * DT, seed=1)
    run = netspec.run(recurrent(), backend, simulation, connectivity="shared", out=results,
                      ranks=split[0], threads=split[1])  # fmt: skip
    as_expected(run, expected)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["nest"], indirect=True)
def test_conductances_of_the_other_sign_in_nest_change_alike(simulate):
    """NEST's own conductance-based neurons take inhibition as negative weights."""
    data = recurrent().model_dump(mode="json")
    data["populations"][0] |= {"model": "iaf_cond_exp", "parameters": {}}
    data["projections"] = [
        {"name": "p", "pre": "E", "post": "E", "receptor": "inhibitory", "weight": 0.5,
         "rule": "all_to_all", "delay": 1.3, "synapse": "vogels2011",
         "parameters": {"w_max": 2.0, "eta": 0.05}}
    ]  # fmt: skip
    data["spike_inputs"][0]["weight"] = 100.0
    data["synapse_recorders"] = [{"name": "w", "projection": "p", "synapses": [0, 5, 100]}]
    network = Network(**data)
    run = simulate(network, STEPS * DT, options={"neurons": "native"}, approximations=["all"])
    spikes, given = trains(run, "E"), network.projections[0].parameters
    model = network.synapse_models["vogels2011"]
    assert sum(map(len, spikes)) > 50
    for number in (0, 5, 100):
        ends = spikes[number // 12], spikes[number % 12]
        carried, last = sent(model, given, *ends, 13, 0.5)
        steps, values = run.sent("w").of(number)
        assert steps.tolist() == ends[0]
        np.testing.assert_allclose(values, [v for _, v in carried], rtol=1e-9)
        assert run.weights("p").values[number] == pytest.approx(last, rel=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["brian2"], indirect=True)
def test_compiled_code_of_brian2_carries_the_same(simulate):
    some = {name: RANDOM[name] for name in ("stdp", "tsodyks_markram")}
    run = simulate(described(PAIRED, some), 201.7, options={"codegen": "cython"})
    assert worst(run, PAIRED, some) < 1e-9


@pytest.mark.long
@pytest.mark.parametrize("backend", ["genn"], indirect=True)
def test_genn_carries_the_same_in_all_its_ways(simulate, expected):
    for options in ({"loop": "python"}, {"shards": "E:3"}):
        run = simulate(recurrent(), STEPS * DT, connectivity="shared", options=options)
        as_expected(run, expected)
    pairs, single = random_pairs(20, seed=4), {"precision": "single"}
    run = simulate(described(pairs, RANDOM), 201.7, options=single,
                   approximations=["single-precision"])  # fmt: skip
    assert worst(run, pairs, RANDOM) < 1e-4


@pytest.mark.long
@pytest.mark.parametrize("backend", ["genn"], indirect=True)
def test_runs_of_genn_that_share_a_model_have_weights_of_their_own(results, backend, expected):
    simulations = [Simulation(dt=DT, warmup=0.0, duration=STEPS * DT, seed=s) for s in (1, 2)]
    requests = [
        RunRequest(network=recurrent(), simulation=s, backend=backend, connectivity="shared")
        for s in simulations
    ]
    from netspec.execute.running import execute_plans, planned

    runs = execute_plans([planned(request) for request in requests], results / "together")
    assert [run.batch for run in runs] == [2, 2]
    as_expected(runs[0], expected)
    assert (runs[0].weights("E_E").values != runs[1].weights("E_E").values).all()


def refusals(backend, **changes):
    """Return what an adapter's ledger refuses of a network with other projections."""
    data = recurrent().model_dump(mode="json")
    data["projections"] = [{**data["projections"][0], **changes[name], "name": name}
                           for name in changes]  # fmt: skip
    data["synapse_recorders"] = []
    request = RunRequest(network=Network(**data), backend=backend)
    entries = get_backend(backend).plan(request).ledger.entries
    return {e.thing: e.reason for e in entries if e.status == "unsupported"}


def test_nest_has_one_time_constant_of_traces_for_a_population():
    other = {"w_max": 400.0, "tau_minus": 30.0}
    found = refusals("nest", one={}, two={"parameters": other})
    assert list(found) == ["projections.two"]
    assert "30 ms here, 20 ms of projections.one" in found["projections.two"]
    assert refusals("brian2", one={}, two={"parameters": other}) == {}


@pytest.mark.parametrize(
    ("delay", "says"),
    [({"kind": "uniform", "low": 1.0, "high": 15.0}, "a group of GeNN's for each"),
     (30.0, "a delay of 300 steps")],
)  # fmt: skip
def test_genn_says_which_delays_it_cannot_have(delay, says):
    (reason,) = refusals("genn", one={"delay": delay}).values()
    assert says in reason
    # short-term plasticity does not look at targets: any delays will do
    short = {"synapse": "tsodyks_markram", "parameters": {}}
    assert refusals("genn", one={"delay": delay, **short}) == {}
