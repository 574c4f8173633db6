"""How far PyNN's standard cells on NEURON are from the solution of their equations.

One cell of each kind, one synaptic event below the threshold, against SciPy in netspec's order of
time, 100 ms. The same figure is given of netspec's own mechanisms on NEURON. PyNN compiles its
mechanisms when it is first imported, and looks for nrnivmodl on the path.

    pip install netspec-snn[neuron,pynn]
    python benchmarks/pynn_on_neuron.py
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from pathlib import Path
from typing import Any

import common
import numpy as np

import netspec
from netspec.validation.ladder import oracle

STEPS, AT, WEIGHTS = (0.1, 0.025), 11.0, {"curr": 1.0, "cond": 0.01}  # ms, ms, nA or uS
# PyNN's cell -> netspec's model
CELLS = {
    "IF_curr_exp": "iaf_psc_exp",
    "IF_curr_alpha": "iaf_psc_alpha",
    "IF_cond_exp": "iaf_cond_exp",
    "IF_cond_alpha": "iaf_cond_alpha",
}
DURATION = 100.0


def ours(cell: str) -> netspec.Network:
    """Return one neuron with PyNN's defaults, and the event."""
    tau = 0.5 if cell == "IF_curr_alpha" else 5.0
    parameters = {"C_m": 1000.0, "E_L": -65.0, "V_th": -50.0, "V_reset": -65.0, "t_ref": 0.1,
                  "tau_syn_ex": tau, "tau_syn_in": tau}  # fmt: skip
    parameters |= {"tau_m": 20.0} if "curr" in cell else {"g_L": 50.0, "E_ex": 0.0, "E_in": -70.0}
    return netspec.Network(
        name=cell.lower(),
        populations=[{"name": "A", "size": 1, "model": CELLS[cell], "parameters": parameters,
                      "initial": {"V_m": -65.0}}],
        spike_inputs=[{"name": "s", "target": "A", "receptor": "excitatory", "times": [AT],
                       "weight": 1000.0 * WEIGHTS[cell[3:7]], "neurons": [0]}],
        recorders=[{"name": "r", "target": "A", "variables": ["V_m"]}],
    )  # fmt: skip


def theirs(cell: str, dt: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the membrane potential of PyNN's cell at the ends of steps (mV)."""
    import pyNN.neuron as sim

    tau = 0.5 if cell == "IF_curr_alpha" else 5.0
    sim.setup(timestep=dt, min_delay=dt)
    kind = getattr(sim, cell)(tau_syn_E=tau, tau_syn_I=tau)
    neuron = sim.Population(1, kind, initial_values={"v": -65.0})
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[AT - 1.0]))
    synapse = sim.StaticSynapse(weight=WEIGHTS[cell[3:7]], delay=1.0)
    sim.Projection(source, neuron, sim.AllToAllConnector(), synapse, receptor_type="excitatory")
    neuron.record("v")
    sim.run(DURATION)
    found = neuron.get_data().segments[0].analogsignals[0].magnitude[:, 0]
    sim.end()
    return np.asarray(found[1:])


def main() -> None:
    """Measure every cell, print the table and write the point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=common.RECORDS)
    options = parser.parse_args()
    machine, rows = common.machine(), []
    for cell in CELLS:
        for dt in STEPS:
            network, steps = ours(cell), round(DURATION / dt)
            wanted = oracle.solve(network, dt, steps).values["A", "V_m"][:, 0]
            found = theirs(cell, dt)[:steps]
            simulation = netspec.Simulation(dt=dt, warmup=0.0, duration=DURATION, seed=1)
            with tempfile.TemporaryDirectory() as out:
                run = netspec.run(network, "neuron", simulation, out=out)
                own = run.samples("r", "V_m")[1][:, 0]
            row = {
                "cell": cell,
                "dt (ms)": dt,
                "largest deflection (mV)": float(np.ptp(wanted)),
                "PyNN on NEURON: largest difference (mV)": float(np.abs(found - wanted).max()),
                "netspec on NEURON: largest difference (mV)": float(np.abs(own - wanted).max()),
            }
            print(row)
            rows.append(row)
    now = datetime.datetime.now(datetime.UTC)
    point = {
        "benchmark": "pynn_on_neuron",
        "date": now.isoformat(timespec="seconds"),
        "command": common.command(__file__, {str(options.folder): "FOLDER"}),
        "machine": machine,
        "packages": common.versions() | {"pynn": common.importlib.metadata.version("pynn")},
        "rows": rows,
    }
    common.write_point(options.folder, "pynn_on_neuron", now, point)


if __name__ == "__main__":
    main()
