"""What a validation declares: from TOML or options alike, hashed, and every fault said."""

import tomllib

import pytest
from typer.testing import CliRunner

import netspec
import netspec.describe.serialization
from netspec import circuits
from netspec.circuits import Cue
from netspec.cli import app, judging
from netspec.errors import DescriptionError, UsageError
from netspec.validation.campaign.request import (
    BackendRequest,
    RequestFile,
    ValidationRequest,
    read_request,
)
from netspec.validation.judge.looks import Looks
from netspec.validation.judge.margins import Margins
from netspec.validation.measure.cues import cue_of, turned

TEXT = """
circuit = "microcircuit"
options = { variant = "pygenn", scale = 0.02 }
set = { "populations.L4E.parameters.t_ref" = "1.9 ms" }
seeds = 4
connectivity = "shared"
statistics = ["rate", "lv", "W1"]

[simulation]
duration = "2000 ms"

[backends.nest]
threads = 2

[backends.brian2]
connectivity = "native"
options = { codegen = "numpy" }
approximations = ["all"]

[margins]
rate = "3%"
W1 = 1.5
"""


@pytest.fixture
def write(tmp_path):
    def to_file(text):
        path = tmp_path / "request.toml"
        path.write_text(text)
        return path

    return to_file


def test_a_file_declares_what_python_declares(write):
    network = circuits.microcircuit(variant="pygenn", scale=0.02)
    network = netspec.describe.serialization.with_values(
        network, {"populations.L4E.parameters.t_ref": "1.9 ms"}
    )
    expected = ValidationRequest(
        network=network,
        simulation=netspec.Simulation(dt=0.1, warmup=500.0, duration=2000.0),
        backends=(
            BackendRequest(name="nest", connectivity="shared", threads=2),
            BackendRequest(name="brian2", approximations=("all",), options={"codegen": "numpy"}),
        ),
        seeds=(1, 2, 3, 4),
        margins=Margins().declare_text("rate=3%,W1=1.5").only(["rate", "lv", "W1"]),
    )
    found = read_request(write(TEXT))
    assert found == expected
    assert read_request(write("\ufeff" + TEXT)) == expected  # as some editors begin a file
    assert found.content_hash() == expected.content_hash()
    runs = list(found.run_requests())
    assert [(r.simulation.seed, r.backend, r.threads) for r in runs[:3]] == [
        (1, "nest", 2), (1, "brian2", 1), (2, "nest", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scale = 0.02", "scale = 0.03"), ("1.9 ms", "2.1 ms"), ("seeds = 4", "seeds = [1, 2, 4]"),
        ('connectivity = "shared"', ""), ('"lv", "W1"]', '"lv"]'), ("2000 ms", "2001 ms"),
        ("threads = 2", "threads = 1"), ("threads = 2", "threads = 2\nranks = 2"),
        ('"numpy"', '"cython"'), ('["all"]', '["x"]'), ('"3%"', '"4%"'), ("W1 = 1.5", "W1 = 1.4"),
    ],
)  # fmt: skip
def test_every_declaration_changes_the_hash(write, old, new):
    assert old in TEXT
    first = read_request(write(TEXT)).content_hash()
    assert read_request(write(TEXT.replace(old, new, 1))).content_hash() != first


def test_the_order_of_writing_and_units_do_not_change_the_hash():
    data = tomllib.loads(TEXT)
    other = dict(reversed(data.items())) | {"simulation": {"duration": 2000}}
    hashes = {RequestFile(**d).resolve(None).content_hash() for d in (data, other)}
    assert len(hashes) == 1


DECIDING = """
circuit = "microcircuit"
options = { scale = 0.02 }
backends = ["nest", "genn"]
until_decided = { max_seeds = 16, budget = "20min" }
"""


def test_until_it_is_decided_is_declared_alike_in_a_file_and_by_options(write, monkeypatch):
    declared = read_request(write(DECIDING))
    assert declared.looks == Looks(most=16, budget=1200.0)
    assert declared.simulation.duration == 10_000 and len(declared.seeds) == 16
    assert {backend.connectivity for backend in declared.backends} == {"shared"}
    found = []
    monkeypatch.setattr(judging, "judge", lambda asked, *rest, **how: found.append(asked))
    words = "validate microcircuit --scale 0.02 --backends nest,genn --until-decided"
    words += " --max-seeds 16 --budget 20min"
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 0, result.output
    assert found[0].looks == declared.looks and found[0].seeds == declared.seeds
    assert found[0].content_hash() == declared.content_hash()
    # each may be said otherwise; a trial of a ring is as long as its circuit says
    own = DECIDING + 'connectivity = "native"\nsimulation = { duration = "2 s" }\n'
    other = read_request(write(own))
    assert (other.simulation.duration, other.backends[0].connectivity) == (2000, "native")
    ring = "circuit = 'working_memory'\nbackends = ['nest', 'brian2']\nuntil_decided = true\n"
    cue = "options = { cues = [{ angle = 180 }] }\n"
    usual = circuits.CIRCUITS["working_memory"].simulation.duration
    assert read_request(write(ring + cue)).simulation.duration == usual != 10_000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('circuit = "microcircuit"', "", "either circuit or file, given none"),
        ('circuit = "microcircuit"', 'circuit = "micro"', "unknown circuit"),
        ("scale = 0.02", "scala = 0.02", "did you mean 'scale'"),
        ("scale = 0.02", 'scale = "small"', "options of microcircuit"),
        ("scale = 0.02", "scale = 0.02, cues = [1]", "unknown option of microcircuit 'cues'"),
        ("seeds = 4", "seeds = 0", "seeds"),
        ("seeds = 4", "seeds = [1, 1]", "each of them once"),
        ("seeds = 4", "seeds = 4\ncue_angles = [90]", "a ring with exactly one cue"),
        ("seeds = 4", "sedes = 4", "sedes"),
        ('"shared"', '"both"', "connectivity"),
        ("[margins]", "[margins]\nlvv = 0.1", "did you mean 'lv'"),
        ('rate = "3%"', "rate = 0.03", "a percentage such as 5%"),
        ('"lv", "W1"]', '"synch"]', "did you mean 'synchrony'"),
        ("duration", "length", "simulation"),
        ("threads = 2", "threads = 0", "threads"),
        ("threads = 2", "ranks = 0", "ranks"),
        ("seeds = 4", "seeds = 4\nuntil_decided = true", "4 seeds.*20, as the last look has"),
        ("seeds = 4", "until_decided = { max_seeds = 2 }", "until_decided"),
        ("seeds = 4", "until_decided = { budget = '20' }", "90s, 20min or 1h"),
    ],
)
def test_what_cannot_be_meant_is_refused(write, old, new, message):
    assert old in TEXT
    with pytest.raises((UsageError, DescriptionError), match=message):
        read_request(write(TEXT.replace(old, new, 1)))


@pytest.mark.parametrize("content", [b"", b"\xff", b"[[", b"a = 1"])
def test_other_files_are_no_requests(tmp_path, content):
    (tmp_path / "x.toml").write_bytes(content)
    for name in ("x.toml", "none.toml"):
        with pytest.raises((UsageError, DescriptionError)):
            read_request(tmp_path / name)


def test_a_network_of_ones_own_lies_beside_the_request(tmp_path):
    network = circuits.working_memory(size=16)
    (tmp_path / "mine.toml").write_text(netspec.describe.serialization.to_toml(network))
    path = tmp_path / "request.toml"
    path.write_text('file = "mine.toml"\nbackends = ["nest", "brian2"]\nseeds = [7]\n')
    found = read_request(path)
    assert (found.network, found.seeds, found.names) == (network, (7,), ("nest", "brian2"))


# -- cues -------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, 359.0])
def test_the_cue_of_a_ring_is_found_again(angle):
    cue = Cue(angle=angle, strength=70.0, width=40.0, start=600.0, duration=200.0)
    found = cue_of(circuits.working_memory(size=1024, cues=[cue]))
    assert (found.strength, found.start, found.duration) == (70.0, 600.0, 200.0)
    # neurons stand 0.35 deg apart
    assert found.width == pytest.approx(40.0, abs=0.4)
    assert (found.angle - angle + 180) % 360 - 180 == pytest.approx(0.0, abs=0.2)


def test_a_cue_that_is_turned_is_the_cue_at_that_angle():
    ring, other = (circuits.working_memory(size=64, cues=[Cue(angle=a)]) for a in (180.0, 45.0))
    assert turned(ring, 45.0) == other
    text = (
        'circuit = "working_memory"\nbackends = ["nest"]\nseeds = 2\ncue_angles = [45, "180 deg"]\n'
    )
    data = tomllib.loads(text) | {"options": {"size": 64, "cues": [{"angle": 180.0}]}}
    runs = list(RequestFile(**data).resolve(None).run_requests())
    assert [(r.simulation.seed, r.network) for r in runs] == [
        (1, other), (1, ring), (2, other), (2, ring),
    ]  # fmt: skip


def test_no_cue_two_cues_and_other_networks_have_no_one_cue():
    assert cue_of(circuits.working_memory(size=16)) is None
    two = circuits.working_memory(size=16, cues=[Cue(), Cue(angle=0.0)])
    assert cue_of(two) is None
    assert cue_of(circuits.microcircuit(scale=0.01)) is None
    with pytest.raises(UsageError, match="exactly one cue"):
        turned(two, 90.0)
