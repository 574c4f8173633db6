"""Times off the grid stay what they are, in statistics, verdicts and exports."""

import subprocess
import sys

import numpy as np
import pytest
import tomli_w
from typer.testing import CliRunner

from netspec.cli import app
from netspec.errors import DescriptionError, ResultFileError
from netspec.validation.campaign.from_files import compare_existing
from netspec.validation.exchange.export import FORMATS, export
from netspec.validation.exchange.imported import import_spikes
from netspec.validation.exchange.opening import load_run
from netspec.validation.judge.margins import Margins
from netspec.validation.measure.statistics import distributions, population_statistics

SIZE, DURATION = 50, 5000.0


def describe(folder, name, times, neurons, **changes):
    """Write spikes and their description; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{n} {float(t)!r}\n" for n, t in zip(neurons, times, strict=True))
    (folder / f"{name}.dat").write_text("".join(lines))
    path = folder / f"{name}.toml"
    path.write_text(
        tomli_w.dumps(
            {
                "name": "off", "simulator": "precise", "dt": 0.1, "warmup": 0.0,
                "duration": DURATION, "time_unit": "ms", "label": "exact", "ids": "global",
                "files": [f"{name}.dat"], "populations": [{"name": "E", "size": SIZE}], **changes,
            }
        )
    )  # fmt: skip
    return path


def gamma_spikes(seed, rate=8.0):
    """Return times and neurons of gamma trains, at a rate of their own each; the last is silent."""
    rng = np.random.default_rng(seed)
    times, neurons = [], []
    for neuron in range(SIZE - 1):
        intervals = rng.gamma(0.7 + neuron / SIZE, 1000 / rate, 200)
        train = np.cumsum(intervals)
        train = train[train < DURATION]
        times.append(train)
        neurons.append(np.full(len(train), neuron))
    return np.concatenate(times), np.concatenate(neurons)


def test_statistics_of_times_off_the_grid_are_those_of_elephant(tmp_path):
    import quantities as pq
    from elephant.statistics import cv, isi, lv, mean_firing_rate

    times, neurons = gamma_spikes(1)
    run = import_spikes(describe(tmp_path, "a", times, neurons))
    spikes = run.spikes("E")
    assert np.array_equal(np.sort(spikes.times), np.sort(times))
    (segment,) = run.to_neo().segments
    trains = segment.spiketrains
    for neuron, train in enumerate(trains):
        assert np.array_equal(train.magnitude, times[neurons == neuron])
    found, each = population_statistics(spikes), distributions(spikes)
    rates = [mean_firing_rate(train).rescale(pq.Hz).item() for train in trains]
    active = [train for train in trains if len(train) >= 3]
    assert np.allclose(each["rate"], rates, rtol=1e-12)
    assert found["rate"] == pytest.approx(np.mean(rates), rel=1e-9)
    cvs, lvs = ([f(isi(train)) for train in active] for f in (cv, lv))
    assert np.allclose(each["cv"], cvs, rtol=1e-9)
    assert np.allclose(each["lv"], lvs, rtol=1e-9)
    assert found["cv"] == pytest.approx(np.mean(cvs), rel=1e-9)
    assert found["lv_of_neurons"] == pytest.approx(np.mean(lvs), rel=1e-9)


def test_bins_of_times_off_the_grid_are_those_of_elephant(tmp_path):
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    times, neurons = gamma_spikes(2)
    run = import_spikes(describe(tmp_path, "a", times, neurons))
    trains = [t for t in run.to_neo().segments[0].spiketrains if len(t)]
    binned = BinnedSpikeTrain(trains, bin_size=2 * pq.ms, tolerance=None)
    matrix = correlation_coefficient(binned)
    pairs = matrix[np.triu_indices(len(trains), 1)]
    found = population_statistics(run.spikes("E"))
    assert found["correlation"] == pytest.approx(pairs.mean(), abs=1e-9)


def test_windows_and_ends_of_times_off_the_grid(tmp_path):
    times, neurons = [0.0, 0.1, 0.19999, 12.34567, 99.99], [0, 1, 1, 2, 3]
    path = describe(tmp_path, "a", times, neurons, duration=100.0)
    run = import_spikes(path)
    assert run.spikes("E").steps.tolist() == [1, 2, 2, 124, 1000]
    assert "warnings" not in run.manifest  # two in a step of the grid for bins are no oddity
    part = describe(tmp_path, "b", times, neurons, duration=50.0, warmup=10.0, t_start=0.05,
                    t_stop=60.05)  # fmt: skip
    spikes = import_spikes(part).spikes("E")
    assert spikes.times.tolist() == pytest.approx([12.29567])
    late = describe(tmp_path, "c", [100.0], [0], duration=100.0)
    with pytest.raises(DescriptionError, match="end of warmup"):
        import_spikes(late)


def test_steps_and_offsets_as_nest_writes_them(tmp_path):
    """A precise spike of NEST lies by its offset before the end of its step."""
    columns = {"neuron": "sender", "time": "time_step", "offset": "time_offset"}
    path = describe(tmp_path, "a", [1.0], [0], time_unit="steps", columns=columns)
    (tmp_path / "a.dat").write_text("sender\ttime_step\ttime_offset\n3\t12\t0.025\n4\t7\t0\n")
    spikes = import_spikes(path).spikes("E")
    assert spikes.times.tolist() == pytest.approx([0.7, 1.175])
    assert spikes.neurons.tolist() == [4, 3]


NEST_SCRIPT = """
import nest
nest.SetKernelStatus({"resolution": 0.1})
neurons = nest.Create("iaf_psc_exp_ps", 2, {"I_e": 600.0, "C_m": 250.0, "t_ref": 2.0})
for steps, name in ((False, "ms"), (True, "steps")):
    recorder = nest.Create(
        "spike_recorder",
        params={"record_to": "ascii", "label": name, "time_in_steps": steps, "precision": 17},
    )
    nest.Connect(neurons, recorder)
nest.Simulate(200.0)
"""


def test_precise_spikes_of_nest_are_those_of_the_equation(tmp_path):
    subprocess.run([sys.executable, "-c", NEST_SCRIPT], cwd=tmp_path, check=True, timeout=120)
    # C_m dV/dt = -C_m V / tau_m + I_e, threshold 15 mV above rest, tau_m 10 ms, then t_ref
    first = 10 * np.log(24 / (24 - 15))
    expected = np.arange(first, 200, first + 2.0)
    for unit, names in (("ms", ("time_ms", None)), ("steps", ("time_step", "time_offset"))):
        columns = {"neuron": "sender", "time": names[0]}
        columns |= {} if names[1] is None else {"offset": names[1]}
        (file,) = tmp_path.glob(f"{unit}-*.dat")
        path = describe(
            tmp_path, f"{unit}_precise", [], [], files=[file.name], columns=columns, first_id=1,
            time_unit=unit, duration=200.0, populations=[{"name": "E", "size": 2}],
        )  # fmt: skip
        for neuron in range(2):
            found = import_spikes(path).spikes("E").train(neuron)
            # the current acts from the end of the first step on
            assert found == pytest.approx(expected[: len(found)] + (found[0] - first), abs=1e-6)
            assert found[0] - first == pytest.approx(0, abs=0.1001)
            assert len(found) >= 16
            assert np.abs(found / 0.1 - np.rint(found / 0.1)).max() > 0.1


def test_a_side_off_the_grid_is_judged(tmp_path):
    for seed in range(12):
        times, neurons = gamma_spikes(seed)
        describe(tmp_path / "exact", f"s{seed}", times, neurons, seed=seed)
        times, neurons = gamma_spikes(seed + 100)
        steps = np.unique(np.column_stack([neurons, np.floor(times / 0.1).astype(int)]), axis=0)
        describe(tmp_path / "grid", f"s{seed}", steps[:, 1] * 0.1, steps[:, 0], seed=seed,
                 label="start")  # fmt: skip
    margins = Margins().only(["rate", "lv"]).declare_text("rate=15%,lv=0.15")
    summary = compare_existing(tmp_path / "exact", tmp_path / "grid", margins)
    assert summary.outcome == "equivalent"


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_exports_keep_times_off_the_grid(tmp_path, format):
    times, neurons = gamma_spikes(3)
    few = {"populations": [{"name": "E", "size": 6}]}
    path = describe(tmp_path, "a", times[neurons < 6], neurons[neurons < 6], **few)
    run = import_spikes(path)
    name = "copy.h5" if format == "sonata" else f"copy.{format}"
    export(run, tmp_path / name, format)
    again = load_run(tmp_path / name).spikes("E")
    assert np.allclose(again.times, run.spikes("E").times, rtol=1e-14)
    assert np.array_equal(again.steps, run.spikes("E").steps)


def test_the_command_exports_described_spikes_and_says_what_it_cannot(tmp_path):
    path = describe(tmp_path, "a", [0.123, 4.0], [1, 2])
    done = CliRunner().invoke(app, ["export", str(path), "--format", "sonata"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.sonata.h5").exists()
    network = tmp_path / "network.toml"
    network.write_text('name = "x"\n[[populations]]\nname = "A"\n[[projections]]\n')
    with pytest.raises(ResultFileError, match="describes a network, and no spikes"):
        load_run(network)
    done = CliRunner().invoke(app, ["export", str(tmp_path / "a.dat"), "--format", "mat"])
    assert "is it a file of something else" in str(done.exception)
