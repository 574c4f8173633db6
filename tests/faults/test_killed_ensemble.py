"""An ensemble that is killed again and again loses no finished seed and ends in the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

import netspec
from netspec.describe.serialization import to_toml
from netspec.errors import ResultFileError
from netspec.execute.results import open_run

# ten neurons under a current that noise drives apart, so that seeds differ
NETWORK = netspec.Network(
    name="tiny",
    populations=[netspec.Population(name="A", size=10, model="iaf_psc_exp")],
    poisson_inputs=[
        netspec.PoissonInput(
            name="drive", target="A", receptor="excitatory", rate="8 Hz", number=1000, weight=87.8
        )
    ],
    recorders=[netspec.Recorder(name="r", target="A")],
)


def start(folder, seeds):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "netspec.cli", "validate", str(folder / "tiny.toml")),
            *("--seeds", str(seeds), "--threads", "1", "--out", str(folder / "runs")),
            *("--option", "brian2.codegen=numpy", "--warmup", "0", "--duration", "100"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,
        env=dict(os.environ),
    )


def contents(folder):
    """Return the spikes of every result file there is, by name."""
    found = {}
    for path in (folder / "runs").glob("*.h5"):
        run = open_run(path)  # raises if it is damaged
        found[path.name] = run.spikes("A").steps.tobytes()
    return found


def prepared(folder):
    folder.mkdir()
    (folder / "tiny.toml").write_text(to_toml(NETWORK))
    return folder


@pytest.mark.parametrize(
    ("seeds", "kills"),
    [pytest.param(2, 3, id="quick"), pytest.param(10, 50, marks=pytest.mark.long, id="long")],
)
def test_kills_lose_nothing_that_was_finished(tmp_path, seeds, kills):
    quiet, troubled = (prepared(tmp_path / name) for name in ("quiet", "troubled"))
    started = time.monotonic()
    codes = {start(quiet, seeds).wait()}
    undisturbed = time.monotonic() - started
    choose, before, killed = random.Random(5), {}, 0
    while killed < kills:
        process = start(troubled, seeds)
        try:
            # long enough that something is under way, short enough that not all gets done
            process.wait(timeout=choose.uniform(0.05, 0.6) * undisturbed)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        else:  # all is done: take half of it away, so that there is something to do
            codes.add(process.returncode)
            for lost in choose.sample(sorted(contents(troubled)), seeds):
                (troubled / "runs" / lost).unlink()
                before.pop(lost, None)
        try:
            after = contents(troubled)
        except ResultFileError as error:  # nothing but whole files may bear a result's name
            pytest.fail(str(error))
        assert before.items() <= after.items()  # nothing lost, nothing changed
        before = after
    codes.add(start(troubled, seeds).wait())
    assert len(codes) == 1 and codes <= {0, 1, 6}
    assert before.items() <= contents(troubled).items()
    assert len(contents(troubled)) == 2 * seeds
    names = [f"runs/tiny-validation{rest}.json" for rest in ("", "-provenance")]
    assert (quiet / names[0]).read_bytes() == (troubled / names[0]).read_bytes()
    # what differs from run to run is known too, elsewhere
    assert (quiet / names[1]).read_bytes() != (troubled / names[1]).read_bytes()
    assert not list((troubled / "runs").glob(".*.tmp"))
