"""The example for clusters says what the command line understands."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec.cli import app

FOLDER = Path(__file__).parents[2] / "docs" / "ensemble"
TEXT = (FOLDER / "Snakefile").read_text()


def commands():
    """Return the two shell commands, with the wildcards of the first run filled in."""
    network = re.search(r'NETWORK = "(.*)"', TEXT)[1]
    values = {
        "{params.network}": network, "{wildcards.backend}": "nest", "{wildcards.seed}": "1",
        "{threads}": "1", "{params.sides}": "runs/nest runs/brian2",
    }  # fmt: skip
    for block in re.findall(r"shell:\n((?:\s+\".*\"\n)+)", TEXT):
        text = "".join(re.findall(r'"(.*)"', block))
        for wildcard, value in values.items():
            text = text.replace(wildcard, value)
        yield text.split("||")[0].split()


def test_its_commands_are_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, compare = commands()
    assert CliRunner().invoke(app, [*run[1:], "--dry-run"]).exit_code == 0
    found = CliRunner().invoke(app, compare[1:])
    assert str(found.exception) == "runs/nest: no such file or folder"


@pytest.mark.skipif(find_spec("snakemake") is None, reason="Snakemake is not installed")
def test_it_is_parsed(tmp_path):
    call = [sys.executable, "-m", "snakemake", "--snakefile", FOLDER / "Snakefile", "--dry-run"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compare" in done.stdout + done.stderr
