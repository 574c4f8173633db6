"""The cortical microcircuit: the published counts, weights and currents."""

import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from scipy import stats

from netspec.circuits import microcircuit
from netspec.circuits.potjans_diesmann.builder import (
    FULL_SCALE_RATES,
    GENN_RATES,
    POPULATIONS,
    SIZES,
    VARIANTS,
)
from netspec.errors import UsageError

RATES = {"potjans2014": FULL_SCALE_RATES, "inm6": FULL_SCALE_RATES, "pygenn": GENN_RATES}
SCALES = [(1.0, 1.0), (1.0, 0.1), (0.1, 0.1), (0.5, 0.25), (0.02, 1.0)]


def by_name(network):
    return {projection.name: projection for projection in network.projections}


def input_moments(network, rates):
    """Return mean and variance rate of the input of every population (pA, pA^2/s)."""
    mean = dict.fromkeys(POPULATIONS, 0.0)
    variance = dict.fromkeys(POPULATIONS, 0.0)
    tau = 1e-3 * 0.5  # s
    for p in network.projections:
        indegree = p.rule.number / network.population(p.post).size
        rate = rates[POPULATIONS.index(p.pre)]
        mean[p.post] += tau * p.weight.mean * indegree * rate
        variance[p.post] += (p.weight.mean**2 + p.weight.sd**2) * indegree * rate
    for p in network.poisson_inputs:
        mean[p.target] += tau * p.weight * p.rate * p.number
        variance[p.target] += p.weight**2 * p.rate * p.number
    for p in network.populations:
        mean[p.name] += p.parameters["I_e"].value if "I_e" in p.parameters else 0.0
    return mean, variance


@pytest.mark.parametrize(
    ("variant", "total", "sparse"),
    [("potjans2014", 298_880_968, 7003), ("inm6", 298_880_968, 7003), ("pygenn", 298_624_465, 0)],
)
def test_synapses_at_full_scale(variant, total, sparse):
    network = microcircuit(variant)
    assert sum(p.rule.number for p in network.projections) == total
    assert by_name(network)["L5I_L4E"].rule.number == sparse
    assert tuple(p.size for p in network.populations) == SIZES
    assert sum(SIZES) == 77169
    assert len(network.projections) == 55


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_of_the_doubled_projection_and_of_inhibition(variant):
    found = by_name(microcircuit(variant))
    base = found["L23E_L23E"].weight.mean
    assert base == pytest.approx(87.8, rel=2e-4)
    for name, p in found.items():
        pre, post = name.split("_")
        doubled = (pre, post) == ("L4E", "L23E")
        factor = -4.0 if pre.endswith("I") else 2.0 if doubled else 1.0
        assert p.weight.mean == pytest.approx(factor * base, rel=1e-14)
        relative = 0.05 if doubled and variant == "pygenn" else 0.1
        assert p.weight.sd == pytest.approx(relative * abs(p.weight.mean), rel=1e-14)
        # the sign stays
        low, high = p.weight.bounds()
        assert (low, high) == ((0.0, math.inf) if factor > 0 else (-math.inf, 0.0))
        assert p.receptor == ("excitatory" if factor > 0 else "inhibitory")
        assert (p.delay.mean, p.delay.sd) == ((1.5, 0.75) if factor > 0 else (0.75, 0.375))


def test_87_8_pa_make_a_psp_of_0_15_mv():
    tau_m, tau_s, c_m = 10.0, 0.5, 250.0
    t = math.log(tau_m / tau_s) / (1 / tau_s - 1 / tau_m)
    shape = math.exp(-t / tau_m) - math.exp(-t / tau_s)
    psp = 87.8 / c_m * tau_m * tau_s / (tau_m - tau_s) * shape
    assert psp == pytest.approx(0.15, rel=1e-4)
    # the variant that starts from the PSP reaches it exactly
    assert VARIANTS["inm6"].weight * psp / 87.8 == pytest.approx(0.15, rel=1e-12)


def test_delays_are_clipped_as_in_each_text():
    p = by_name(microcircuit("pygenn"))["L23E_L23E"]
    assert p.delay.low == 0.0
    assert p.delay.high == pytest.approx(1.5 + 0.75 * stats.norm.ppf(0.9999), rel=1e-12)
    for variant in ("potjans2014", "inm6"):
        p = by_name(microcircuit(variant))["L23I_L23E"]
        assert (p.delay.low, p.delay.high) == (0.05, None)


@pytest.mark.parametrize("drive", ["poisson", "dc"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("neurons", "k"), SCALES)
def test_scaling_keeps_the_mean_and_the_variance_of_the_input(variant, drive, neurons, k):
    def build(n, c):
        return microcircuit(variant, neuron_scale=n, connectivity_scale=c, drive=drive)

    full, full_variance = input_moments(build(1.0, 1.0), RATES[variant])
    mean, variance = input_moments(build(neurons, k), RATES[variant])
    # numbers of neurons, synapses and (inm6) external inputs are rounded
    tolerance = 1e-4 if neurons == 1.0 and variant != "inm6" else 0.02 / min(1.0, 50 * neurons)
    for name in POPULATIONS:
        scale = full_variance[name] * 1e-3 * 0.5 / 87.8  # a current of the size of the input
        assert mean[name] == pytest.approx(full[name], abs=tolerance * scale)
        assert variance[name] == pytest.approx(full_variance[name], rel=tolerance)


@pytest.mark.parametrize("variant", VARIANTS)
def test_dc_drive_is_the_mean_of_the_poisson_drive(variant):
    means = [
        input_moments(microcircuit(variant, drive=drive), RATES[variant])[0]
        for drive in ("poisson", "dc")
    ]
    assert means[0] == pytest.approx(means[1], rel=1e-12)
    assert not microcircuit(variant, drive="dc").poisson_inputs


def test_no_current_is_left_at_full_scale_with_poisson_drive():
    for variant in VARIANTS:
        network = microcircuit(variant, drive="poisson")
        assert not any("I_e" in p.parameters for p in network.populations)


def test_the_rate_tables_alone_differ_by_71_pa_at_ten_percent():
    currents = [
        [p.parameters["I_e"].value for p in microcircuit(v, scale=0.1).populations]
        for v in ("potjans2014", "pygenn")
    ]
    assert max(abs(np.subtract(*currents))) == pytest.approx(71, abs=1)


def test_initial_values_by_variant():
    found = {v: microcircuit(v).population("L5I").initial["V_m"] for v in VARIANTS}
    assert (found["potjans2014"].mean, found["potjans2014"].sd) == (-58.0, 10.0)
    assert (found["pygenn"].mean, found["pygenn"].sd) == (-58.0, 5.0)
    assert (found["inm6"].mean, found["inm6"].sd) == (-61.66, 4.55)
    chosen = microcircuit(initial="optimized").population("L23E").initial["V_m"]
    assert (chosen.mean, chosen.sd) == (-68.28, 5.36)


@pytest.mark.parametrize(
    "options",
    [{"variant": "pynest"}, {"scale": 0.0}, {"scale": 1.1}, {"neuron_scale": -1.0},
     {"connectivity_scale": math.nan}, {"drive": "ac"}, {"initial": "random"}],
)  # fmt: skip
def test_a_wrong_option_is_a_usage_error(options):
    with pytest.raises(UsageError, match=r"allowed|expected"):
        microcircuit(**options)


def test_a_very_small_circuit_is_still_valid():
    network = microcircuit(scale=1e-3)
    assert min(p.size for p in network.populations) == 1


SCRIPT = """
import json, sys
from microcircuit import Network
from microcircuit.network_params import default_net_dict
from microcircuit.sim_params import default_sim_dict
from microcircuit.stimulus_params import default_stim_dict

found = []
sim = {**default_sim_dict, "data_path": sys.argv[1] + "/data", "local_num_threads": 1}
for n, k, drive in json.loads(sys.argv[2]):
    net = {**default_net_dict, "N_scaling": n, "K_scaling": k, "bg_input_type": drive}
    network = Network(sim, net, default_stim_dict)
    fields = ("num_neurons", "num_synapses", "ext_indegrees", "weight_matrix_mean", "DC_amp")
    found.append({f: getattr(network, f).tolist() for f in fields})
    found[-1] |= {"weight_ext": network.weight_ext, "bg_rate": net["bg_rate"]}
with open(sys.argv[1] + "/found.json", "w") as file:
    json.dump(found, file)
"""
CASES = [(n, k, drive) for n, k in SCALES for drive in ("dc", "poisson")]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What the package `microcircuit` 1.0 derives from its own parameters."""
    missing = [name for name in ("microcircuit", "nest", "matplotlib") if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pip install microcircuit==1.0)")
    folder = str(tmp_path_factory.mktemp("microcircuit"))
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, json.dumps(CASES)],
        env={**os.environ, "MPLBACKEND": "Agg", "PYNEST_QUIET": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    with open(folder + "/found.json") as file:
        return dict(zip(CASES, json.load(file), strict=True))


@pytest.mark.parametrize(("n", "k", "drive"), CASES)
def test_inm6_is_the_package_microcircuit(published, n, k, drive):
    theirs = published[n, k, drive]
    ours = microcircuit("inm6", neuron_scale=n, connectivity_scale=k, drive=drive)
    assert [p.size for p in ours.populations] == theirs["num_neurons"]
    projections = by_name(ours)
    for i, post in enumerate(POPULATIONS):
        for j, pre in enumerate(POPULATIONS):
            p = projections.get(f"{pre}_{post}")
            assert (p.rule.number if p else 0) == theirs["num_synapses"][i][j]
            if p:
                wanted = theirs["weight_matrix_mean"][i][j]
                assert p.weight.mean == pytest.approx(wanted, rel=1e-12)
        current = ours.population(post).parameters.get("I_e")
        current = current.value if current else 0.0
        assert current == pytest.approx(theirs["DC_amp"][i], rel=1e-11)
    for i, p in enumerate(ours.poisson_inputs):
        assert p.number == theirs["ext_indegrees"][i]
        assert (p.rate, p.delay) == (theirs["bg_rate"], 1.5)
        assert p.weight == pytest.approx(theirs["weight_ext"], rel=1e-12)
    assert len(ours.poisson_inputs) == (8 if drive == "poisson" else 0)
