"""Result files: what is written is read, and what is damaged is never data."""

import json
import shutil

import numpy as np
import pytest

from netspec.errors import ResultFileError, UsageError
from netspec.execute.recording import Recording
from netspec.execute.results import SpikeData, open_run, write_run

MANIFEST = {
    "simulation": {"dt": 0.1, "warmup": 1.0, "duration": 2.0, "seed": 1},
    "warmup_steps": 10,
    "total_steps": 30,
    "sizes": {"E": 4, "silent": 2},
    "note": "µ",
}
# unsorted, with spikes on both ends of the window
STEPS, NEURONS = [30, 10, 11, 11, 1, 20], [0, 1, 3, 2, 0, 1]


def outcome():
    return Recording(
        spikes={
            "E": (np.array(STEPS), np.array(NEURONS, np.uint32)),
            "silent": (np.empty(0, np.int64), np.empty(0, np.uint32)),
        },
        samples={("probe", "V_m"): (np.array([10, 20]), np.array([[-65.0, 1 / 3], [-60.5, 0.1]]))},
        readback={"projections/EE/delay": np.array([1, 15], np.uint16), "one": np.float64(2.5)},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "run.h5"
    write_run(path, MANIFEST, outcome())
    return path


def test_a_run_is_read_as_it_was_written(whole):
    run = open_run(whole)
    assert run.manifest == MANIFEST
    assert run.populations == ["E", "silent"]
    everything = run.spikes("E", warmup=True)
    assert everything.steps.tolist() == [1, 10, 11, 11, 20, 30]
    assert everything.neurons.tolist() == [0, 1, 2, 3, 1, 0]
    times, values = run.samples("probe", "V_m")
    assert times.tolist() == [1.0, 2.0]
    assert values.tolist() == [[-65.0, 1 / 3], [-60.5, 0.1]]
    assert run.readback("projections/EE/delay").tolist() == [1, 15]
    assert run.readback("one") == 2.5


def test_the_window_is_half_open_in_steps(whole):
    spikes = open_run(whole).spikes("E")
    # the spike at 10 ends the last step of the warm-up, the one at 30 ends the last that counts
    assert spikes.steps.tolist() == [11, 11, 20, 30]
    assert (spikes.begin, spikes.end, spikes.duration) == (10, 30, 2.0)
    halves = [spikes.window(10, 20), spikes.window(20, 30)]
    assert [len(half) for half in halves] == [3, 1]


def test_rates_count_silent_neurons_and_populations(whole):
    assert open_run(whole).rates() == {"E": 4 / 4 / 0.002, "silent": 0.0}


def test_the_train_of_one_neuron():
    data = SpikeData(np.array([1, 5, 9]), np.array([0, 1, 0], np.uint32), 2, 0.5, 0, 10)
    assert data.train(0).tolist() == [0.5, 4.5]
    assert data.rate() == 3 / 2 / 0.005


@pytest.mark.parametrize(
    "ask",
    [lambda r: r.spikes("F"), lambda r: r.samples("probe", "w"), lambda r: r.readback("two")],
)
def test_what_was_not_recorded_is_a_usage_error_that_says_what_was(whole, ask):
    with pytest.raises(UsageError, match="allowed: "):
        ask(open_run(whole))


def damaged(whole, tmp_path, content):
    path = tmp_path / "damaged.h5"
    path.write_bytes(content)
    with pytest.raises(ResultFileError):
        open_run(path)


def test_any_flipped_bit_is_found(whole, tmp_path):
    content = whole.read_bytes()
    draw = np.random.default_rng(1)
    # half of them in the header, which the checksum of the data does not cover
    places = [*draw.integers(0, 4096, 100), *draw.integers(4096, len(content), 100)]
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << draw.integers(8)
        damaged(whole, tmp_path, flipped)


def test_any_byte_of_the_header_counts(whole, tmp_path):
    content = whole.read_bytes()
    for place in range(content.index(b"\n") + 2):
        other = b"8" if content[place : place + 1] == b"7" else b"7"
        damaged(whole, tmp_path, content[:place] + other + content[place + 1 :])


def test_white_space_of_the_header_counts(whole, tmp_path):
    content = whole.read_bytes()
    for place in (content.index(b" "), 4095):
        damaged(whole, tmp_path, content[:place] + b"\t" + content[place + 1 :])


def test_any_truncation_is_found(whole, tmp_path):
    content = whole.read_bytes()
    for length in [0, 1, 4095, 4096, *np.random.default_rng(2).integers(0, len(content), 96)]:
        damaged(whole, tmp_path, content[:length])


@pytest.mark.parametrize("more", [b"\0", b"x" * 5000])
def test_appended_bytes_are_found(whole, tmp_path, more):
    damaged(whole, tmp_path, whole.read_bytes() + more)


@pytest.mark.parametrize(
    "content", [b"", b"[" * 8192, b"\xff" * 8192, b"{}".ljust(8192), b"1" * 8192]
)
def test_other_files_are_no_results(whole, tmp_path, content):
    damaged(whole, tmp_path, content)


def test_a_missing_file_and_a_folder_are_no_results(tmp_path):
    for path in (tmp_path / "none.h5", tmp_path):
        with pytest.raises(ResultFileError):
            open_run(path)


def test_the_file_can_be_renamed_and_read_by_others(whole, tmp_path):
    import h5py

    other = shutil.copy(whole, tmp_path / "other.h5")
    assert open_run(other).rates() == open_run(whole).rates()
    with h5py.File(other) as file:
        assert file["spikes/E/step"][()].tolist() == [1, 10, 11, 11, 20, 30]
        assert file["spikes/E/step"].fletcher32
        assert json.loads(file["manifest"][()].tobytes()) == MANIFEST


def test_a_file_appears_only_whole(tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(TypeError):
        write_run(path, {**MANIFEST, "no JSON": object()}, outcome())
    assert list(tmp_path.iterdir()) == []
    write_run(path, MANIFEST, outcome())
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_run(path, {**MANIFEST, "no JSON": object()}, outcome())
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_the_same_outcome_is_the_same_content(whole, tmp_path):
    shuffled = outcome()
    order = [3, 1, 5, 0, 2, 4]
    steps, neurons = shuffled.spikes["E"]
    shuffled.spikes["E"] = steps[order], neurons[order]
    write_run(tmp_path / "b.h5", MANIFEST, shuffled)
    a, b = (open_run(p).spikes("E", warmup=True) for p in (whole, tmp_path / "b.h5"))
    assert np.array_equal(a.steps, b.steps)
    assert np.array_equal(a.neurons, b.neurons)
