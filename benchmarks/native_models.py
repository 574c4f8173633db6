"""How far NEST's own neuron models are from the solution of their equations.

One neuron of each, under synaptic events below the threshold and under a current that makes it
spike, against SciPy in the canonical order of time, 200 ms at steps of 0.1 ms. The same figures are
given of our own equations on Brian2, so that one sees which of the two is off.

    python benchmarks/native_models.py --out benchmarks/records/native_models-DATE.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import netspec
from netspec import Network, Population, Recorder, Simulation, SpikeInput, StepCurrent
from netspec.errors import NetspecError
from netspec.execute.contract import RunRequest, get_backend
from netspec.validation.ladder import oracle

DT, DURATION = 0.1, 200.0
# model -> spiking current (pA), weights, parameters that are not the defaults
CASES: dict[str, tuple[float, tuple[float, float], dict[str, float]]] = {
    "iaf_psc_alpha": (600.0, (100.0, -100.0), {}),
    "iaf_cond_exp": (500.0, (20.0, 10.0), {}),
    "iaf_cond_alpha": (500.0, (10.0, 6.0), {}),
    "iaf_cond_beta": (500.0, (10.0, 6.0), {}),
    "aeif_cond_exp": (900.0, (60.0, 20.0), {}),
    "aeif_cond_alpha": (900.0, (20.0, 10.0), {}),
    "izhikevich": (12.0, (2.0, -2.0), {}),
    "hh_cond_exp_traub": (300.0, (0.7, 2.0), {"E_L": -70.0}),
}


def described(name: str) -> Network:
    current, weights, parameters = CASES[name]
    times = tuple(np.arange(5.0, 190.0, 11.3).round(1).tolist())
    inputs = zip(("excitatory", "inhibitory"), weights, (0.0, 4.0), strict=True)
    return Network(
        name=name,
        populations=[
            Population(name=p, size=1, model=name, parameters=parameters)
            for p in ("quiet", "spiking")
        ],
        step_currents=[
            StepCurrent(name="drive", target="spiking", times=(2.0,), amplitudes=(current,))
        ],
        spike_inputs=[
            SpikeInput(name=r, target="quiet", receptor=r, weight=w,
                       times=[t + later for t in times], neurons=[0] * len(times))
            for r, w, later in inputs
        ],
        recorders=[
            Recorder(name=f"of_{p}", target=p, variables=["V_m"]) for p in ("quiet", "spiking")
        ],
    )  # fmt: skip


def compared(network: Network, backend: str, solution: oracle.Solution) -> dict[str, Any]:
    simulation = Simulation(dt=DT, warmup=0.0, duration=DURATION, seed=1)
    options = {"codegen": "numpy"} if backend == "brian2" else {"neurons": "native"}
    request = RunRequest(network=network, backend=backend, simulation=simulation, options=options)
    named = get_backend(backend).plan(request).ledger.approximations()
    run = netspec.run(network, backend, simulation, approximations=named, options=options)
    found = run.spikes("spiking", warmup=True).steps.tolist()
    wanted = solution.spikes["spiking"][0]
    shift = [a - b for a, b in zip(found, wanted, strict=False)]
    v = run.samples("of_quiet", "V_m")[1] - solution.values["quiet", "V_m"]
    before = (wanted or [2000])[0] - 1
    rise = run.samples("of_spiking", "V_m")[1] - solution.values["spiking", "V_m"]
    return {
        "largest difference of V_m below threshold (mV)": float(np.abs(v).max()),
        "the same before the first spike (mV)": float(np.abs(rise[: before - 20]).max()),
        "spikes": [len(found), len(wanted)],
        "first spike early or late (steps)": shift[0] if shift else None,
        "last spike early or late (steps)": shift[-1] if shift else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("models", nargs="*", default=list(CASES))
    given = parser.parse_args()
    found: dict[str, Any] = {}
    for name in given.models:
        network = described(name)
        solution = oracle.solve(network, DT, round(DURATION / DT))
        found[name] = {}
        for backend in ("nest", "brian2"):
            try:
                found[name][backend] = compared(network, backend, solution)
            except NetspecError as error:
                found[name][backend] = {"error": str(error).splitlines()[0]}
        print(name, json.dumps(found[name]), flush=True)
    record = {
        "command": " ".join(["python", "benchmarks/native_models.py", *sys.argv[1:]]),
        "versions": {b: get_backend(b).status().version for b in ("nest", "brian2")},
        "dt": DT,
        "duration": DURATION,
        "models": found,
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
