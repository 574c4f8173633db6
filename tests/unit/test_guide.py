"""What the documentation shows is what happens."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from netspec import circuits
from netspec.describe import serialization
from netspec.validation.campaign.request import read_request

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide.md").read_text()
ADAPTERS = (ROOT / "docs" / "adapters.md").read_text()
EXAMPLE = ROOT / "tests" / "plugin"  # which tests/conformance/test_plugin.py runs
TOML = re.findall(r"```toml\n(.*?)```", GUIDE, re.S)


@pytest.mark.parametrize("name", list(circuits.CIRCUITS))
def test_the_shipped_toml_files_are_the_builders(name):
    (shipped,) = (ROOT / "netspec" / "circuits").glob(f"*/{name}.toml")
    network = serialization.load(shipped)
    built = circuits.circuit(name).build()
    assert network == built
    assert serialization.spec_hash(network) == serialization.spec_hash(built)


def test_the_python_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("theirs.toml").write_text(TOML[1])
    Path("spikes-1001-0.dat").write_text("# NEST version: 3.10.0\nsender\ttime_ms\n801\t250.0\n")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE, re.S):
        exec(block, names)
    assert names["voltage"].shape == (4000, 1)
    assert names["voltage"].max() > -50
    assert names["run"].rates()["cell"] > 10
    assert names["theirs"].rates() == {"E": 0.0, "I": 1 / 200 / 0.5}
    assert len(names["block"].segments[0].spiketrains) == 1


def test_the_toml_of_the_guide_is_a_network():
    data = serialization.from_toml(TOML[0].split("[simulation]")[0])
    assert [p.name for p in data.populations] == ["cell"]
    assert data.models["adex"].dynamics.states[0].held


def test_the_request_of_the_guide_is_one(tmp_path):
    (tmp_path / "request.toml").write_text(TOML[2])
    found = read_request(tmp_path / "request.toml")
    assert found.names == ("nest", "brian2")
    assert (found.backends[0].threads, found.simulation.duration) == (2, 5000.0)


def test_the_python_of_the_page_on_adapters_is_the_example():
    sources = [(EXAMPLE / name).read_text() for name in ("dummy.py", "dummy_tests.py")]
    blocks = re.findall(r"```python\n(.*?)```", ADAPTERS, re.S)
    assert len(blocks) >= 9
    for block in blocks:
        assert any(block in source for source in sources), block


def test_the_entry_points_of_the_page_on_adapters_are_those_of_the_example():
    (block,) = re.findall(r"```ini\n(.*?)```", ADAPTERS, re.S)
    assert block == (EXAMPLE / "dummy-1.0.dist-info" / "entry_points.txt").read_text()


def test_the_names_of_the_page_on_adapters_exist():
    for name in re.findall(r"`netspec\.([a-z_.]+)", ADAPTERS):
        if name.startswith("run"):
            continue
        module, _, attribute = name.rpartition(".")
        found = importlib.import_module(f"netspec.{module}" if module else "netspec")
        assert hasattr(found, attribute) or find_spec(f"netspec.{name}") is not None, name
