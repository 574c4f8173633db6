"""`netspec pynn SCRIPT`: scripts that know nothing of netspec, and what becomes of their errors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from netspec.cli import main
from netspec.describe.serialization import load_with_simulation, spec_hash
from netspec.execute.contract import get_backend

pytest.importorskip("pyNN", reason="NO SCRIPT OF PYNN IS RUN: PyNN is not installed")

SCRIPT = """\
import sys
from pathlib import Path
import pyNN.{module} as sim
from pyNN.random import NumpyRNG, RandomDistribution

print("given", sys.argv[1:])
sim.setup(timestep=0.1)
rng = NumpyRNG(seed=4)
current = RandomDistribution("uniform", [1.6, 2.5], rng=rng)
cells = sim.Population(20, sim.IF_curr_exp(tau_m=10.0, i_offset=current), label="cells")
connector = sim.FixedProbabilityConnector(0.2, rng=rng)
sim.Projection(cells, cells, connector, sim.StaticSynapse(weight=0.3, delay=1.5))
cells.record("spikes")
sim.run(60.0)
sim.reset()
sim.run(20.0)
sim.run(30.0)
print("spikes", int(sum(cells.get_spike_counts().values())))
sim.end()
"""
QUICK = ("--option", "brian2.codegen=numpy")


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write a script; return its path."""
    monkeypatch.chdir(tmp_path)

    def write(text=SCRIPT, module="netspec"):
        (tmp_path / "small.py").write_text(text.replace("{module}", module))
        return "small.py"

    return write


@pytest.fixture
def command(monkeypatch, capsys):
    """Run `netspec pynn`; return exit code, output and errors, tracebacks of scripts included."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netspec", "pynn", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return run


def needs(*names):
    for name in names:
        if not get_backend(name).status().available:
            pytest.skip(f"{name} is not installed")


def test_two_simulators_are_the_same_in_what_a_script_describes(script, command):
    needs("nest", "brian2")
    code, out, err = command(script(), "one", "--two", "3", "--backends", "nest,brian2", *QUICK)
    assert code == 0
    assert "given ['one', '--two', '3']" in out and "spikes " in out
    assert "nothing in small is left to chance" in err
    assert "The same spikes, one by one, on nest and brian2" in out
    summary = json.loads(Path("runs/small-validation.json").read_text())
    assert [run["seed"] for run in summary["runs"]] == [1, 1]
    # the script's own run is the first of the verdict; the other segment was not asked for
    assert len(list(Path("runs").glob("*.h5"))) == 2


def test_a_description_is_written_instead(script, command, netspec):
    needs("nest")
    code, out, _ = command(script(), "--write", "small.toml")
    network, simulation = load_with_simulation("small.toml")
    assert code == 0 and spec_hash(network) in out
    assert (simulation.dt, simulation.warmup, simulation.duration) == (0.1, 0.0, 50.0)
    assert [(p.name, p.size) for p in network.populations] == [("cells", 20)]
    assert netspec("check", "small.toml")[0] == 0
    code, _, err = command(script(), "--write", "small.toml")
    assert code == 2 and "--force" in err
    first = ("--write", "first.toml", "--segment", 1, "--warmup", "20ms", "--json")
    code, out, err = command(script(), *first, "--", "--seeds", "2")
    assert (code, json.loads(out)["file"]) == (0, "first.toml")
    assert "given ['--seeds', '2']" in err  # what the script prints leaves the JSON alone
    _, first = load_with_simulation("first.toml")
    assert (first.warmup, first.duration) == (20.0, 40.0)
    code, _, err = command(script(), "--write", "third.toml", "--segment", 3)
    assert code == 2 and "--segment 3: small.py has 2" in err
    code, _, err = command(script(), "--write", "third.toml", "--warmup", "50ms")
    assert code == 2 and "the script runs 50 ms in all" in err


def test_a_simulator_of_pynn_is_replaced(script, command):
    needs("nest")
    code, out, _ = command(script(module="neuron"), "--instead-of", "neuron", "--write", "a.toml")
    assert code == 0 and "written: a.toml" in out
    assert "pyNN.neuron" not in sys.modules
    text = "import sys, types\nsys.modules['pyNN.brian2'] = types.ModuleType('pyNN.brian2')\n"
    try:
        code, _, err = command(script(text), "--write", "b.toml")
    finally:
        sys.modules.pop("pyNN.brian2", None)
    assert code == 2 and "nothing was run on netspec" in err and "--instead-of brian2" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f():\n    raise KeyError('x')\nf()\n", ("line 2, in f", "KeyError: 'x'")),
        ("1 +\n", ("small.py", "SyntaxError")),
        ("import sys\nsys.exit('no data')\n", ("small.py ended itself: no data",)),
        (
            "import pyNN.netspec as sim\nsim.setup(timestep=0.1)\n"
            "cells = sim.Population(2, sim.IF_curr_exp())\nsim.run(5.0)\ncells.set(tau_m=3.0)\n",
            ("line 5, in <module>", "error: changed at t = 5 ms: parameter tau_m"),
        ),
    ],
)  # fmt: skip
def test_errors_are_the_scripts_own(script, command, text, words):
    code, _, err = command(script(text))
    assert code == 2
    for word in words:
        assert word in err
    assert "cli/pynn.py" not in err and "runpy" not in err


def test_what_cannot_be_is_told_before_the_script_runs(script, command):
    code, _, err = command("missing.py")
    assert code == 2 and "missing.py: no such script" in err
    code, out, err = command(script(), "--backends", "nest")
    assert code == 2 and "two or more" in err and "given" not in out
    code, out, err = command(script(), "--backends", "nest,nesst")
    assert code == 3 and "unknown backend 'nesst'" in err and "given" not in out


@pytest.mark.long
def test_seeds_change_what_a_run_draws_and_the_simulators_agree(script, command):
    needs("nest", "brian2")
    text = SCRIPT.partition("cells.record")[0] + (
        "stimulus = sim.Population(10, sim.SpikeSourcePoisson(rate=300.0))\n"
        "sim.Projection(stimulus, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.5))\n"
        "cells.record('spikes')\nsim.run(200.0)\n"
    )
    arguments = ("--backends", "nest,brian2", "--seeds", 3, "--ladder", *QUICK)
    code, out, err = command(script(text), *arguments)
    assert code == 0 and "left to chance" not in err
    assert "nest, brian2 and SciPy's solution of the equations" in out  # the ladder
    assert "The same spikes, one by one, on nest and brian2" in out
    summary = json.loads(Path("runs/small-validation.json").read_text())
    rates = {
        (row["backend"], row["seed"]): row["values"]["rate"]
        for row in summary["statistics"]
        if row["population"] == "cells"
    }
    assert len(rates) == 6
    of_nest = [rates["nest", seed] for seed in (1, 2, 3)]
    assert of_nest == [rates["brian2", seed] for seed in (1, 2, 3)]
    assert len(set(of_nest)) > 1
