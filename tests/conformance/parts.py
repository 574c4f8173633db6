"""What the conformance tests build networks from, and how they compare a run with the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec import Network, Population, Recorder, Run
from netspec.backend import get_backend
from netspec.validation import oracle

# Potjans & Diesmann (2014)
PD14 = {
    "C_m": 250.0,
    "tau_m": 10.0,
    "E_L": -65.0,
    "V_reset": -65.0,
    "V_th": -50.0,
    "t_ref": 2.0,
    "tau_syn_ex": 0.5,
    "tau_syn_in": 0.5,
}
CURRENTS = ("V_m", "I_syn_ex", "I_syn_in")
CONDUCTANCES = ("V_m", "g_AMPA", "g_GABA")


def neuron(name: str, size: int = 1, initial: Any = None, **parameters: Any) -> Population:
    """Return a population of `iaf_psc_exp` with the parameters of PD14, some changed."""
    values = {**PD14, **parameters}
    return Population(
        name=name, size=size, model="iaf_psc_exp", parameters=values, initial=initial or {}
    )


def conductance(name: str, size: int = 1, initial: Any = None, **parameters: Any) -> Population:
    """Return a population of `iaf_cond_nmda` with its default parameters, some changed."""
    return Population(
        name=name, size=size, model="iaf_cond_nmda", parameters=parameters, initial=initial or {}
    )


def network(
    name: str, populations: list[Population], variables: tuple[str, ...] = (), **pieces: Any
) -> Network:
    """Return a network that records spikes and variables of all populations at every step."""
    recorders = [
        Recorder(name=f"of_{population.name}", target=population.name, variables=variables)
        for population in populations
    ]
    recorders += pieces.pop("recorders", [])
    return Network(name=name, populations=populations, recorders=recorders, **pieces)


def trains(run: Run, population: str) -> list[list[int]]:
    """Return the steps of every neuron's spikes."""
    spikes = run.spikes(population, warmup=True)
    return [spikes.steps[spikes.neurons == i].tolist() for i in range(spikes.size)]


def sampled(run: Run, population: str, variable: str) -> np.ndarray:
    """Return values at the end of every step, shape (steps, neurons)."""
    return run.samples(f"of_{population}", variable)[1]


def difference(
    run: Run, solution: oracle.Solution, variable: str, populations: list[str] | None = None
) -> float:
    """Return the largest difference between the run and SciPy, over all steps and neurons."""
    chosen = populations or list(solution.spikes)
    found = [
        np.max(np.abs(sampled(run, name, variable) - solution.values[name, variable]))
        for name in chosen
    ]
    return float(max(found))


def choices(backend: str, option: str) -> list[dict[str, str]]:
    """Return every setting of a backend's option; one empty setting if it has no such option."""
    known = get_backend(backend).options.get(option)
    return [{option: value} for value in known.allowed] if known else [{}]
