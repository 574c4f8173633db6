"""What the conformance tests build networks from, and how they compare a run with the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netspec import Network, NeuronModel, Population, Recorder, Run
from netspec.execute.contract import get_backend
from netspec.validation.ladder import oracle

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
# Traub & Miles (1991) as in Brette et al. (2007), J Comput Neurosci 23:349, Appendix 1, benchmark 3
# (PyNN's HH_cond_exp), with a synaptic current; sodium alone is as fast as 100/ms in a spike
TRAUB_MILES = NeuronModel(
    name="traub_miles",
    equations="""
        v = V_m - V_T : mV
        alpha_m = 0.32*4/ms/exprel((13*mV - v)/(4*mV)) : 1/ms
        beta_m = 0.28*5/ms/exprel((v - 40*mV)/(5*mV)) : 1/ms
        alpha_h = 0.128/ms*exp((17*mV - v)/(18*mV)) : 1/ms
        beta_h = 4/ms/(1 + exp((40*mV - v)/(5*mV))) : 1/ms
        alpha_n = 0.032*5/ms/exprel((15*mV - v)/(5*mV)) : 1/ms
        beta_n = 0.5/ms*exp((10*mV - v)/(40*mV)) : 1/ms
        I_ion = g_Na*m^3*h*(E_Na - V_m) + g_K*n^4*(E_K - V_m) + g_L*(E_L - V_m) : pA
        dV_m/dt = (I_ion + I_syn + I_stim)/C_m : mV
        dm/dt = alpha_m*(1 - m) - beta_m*m : 1
        dh/dt = alpha_h*(1 - h) - beta_h*h : 1
        dn/dt = alpha_n*(1 - n) - beta_n*n : 1
        dI_syn/dt = -I_syn/tau_syn : pA
    """,
    threshold="V_m > 0",
    refractory="t_ref",
    receptors={"excitatory": "I_syn"},
    inputs={"I_stim": "pA"},
    parameters={
        "C_m": "200 pF", "g_L": "10 nS", "g_Na": "20000 nS", "g_K": "6000 nS", "E_L": "-65 mV",
        "E_Na": "50 mV", "E_K": "-90 mV", "V_T": "-63 mV", "tau_syn": "5 ms", "t_ref": "3 ms",
    },
    initial={"V_m": "E_L", "m": 0.05, "h": 0.6, "n": 0.32},
    integrator="exponential_euler",
)  # fmt: skip
CURRENTS = ("V_m", "I_syn_ex", "I_syn_in")
CONDUCTANCES = ("V_m", "g_AMPA", "g_GABA")

# -- states of 32 bits ------------------------------------------------------------------------
# A float has 24 significant bits: -65 mV is held to 4 uV, 87.8 pA is 87.80000305. In a step of
# an exact propagator its factor (1/2), the product (1) and the sum (1) are rounded; unit: 2**-24
# of the state. The factor is as wrong at every step, so errors add up as far as a state remembers.
STEP = 2.5 * 2.0**-24
# mV, of PD14 at steps of 0.1 ms: -65 mV, remembered for tau_m / dt = 100 steps
V_M = STEP * 65.0 * 100
# mV: an integrator adds increments to V_m, whose roundings have either sign. In 200 to 400 steps
# that are remembered they walk 2**-18 mV / sqrt(3) * sqrt(400 / 2) = 3e-5 mV; three times that.
WALK = 1e-4


@dataclass(frozen=True)
class Tolerance:
    """How closely a run has to agree: a test's own figure, or that of states of 32 bits.

    Attributes
    ----------
    single : bool
        Whether states are of 32 bits. If not, every test's own figure holds.
    """

    single: bool

    def __call__(self, double: float, single: float) -> float:
        """Return the one of two tolerances that holds in this precision."""
        return single if self.single else double

    def held(self, value: Any) -> Any:
        """Return numbers as a state holds them: that is no matter of tolerance."""
        return np.asarray(value, np.float32).astype(float) if self.single else value


def accumulated(solution: oracle.Solution, variable: str, steps: float) -> float:
    """Return what rounding to 32 bits makes of a linear state that is remembered for steps."""
    values = [values for (_, name), values in solution.values.items() if name == variable]
    return STEP * steps * float(max(np.abs(v).max() for v in values))


# -- networks ---------------------------------------------------------------------------------


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
    run: Run,
    solution: oracle.Solution,
    variable: str,
    populations: list[str] | None = None,
    steps: int | None = None,
) -> float:
    """Return the largest difference between the run and SciPy, over all or the first steps."""
    chosen = populations or list(solution.spikes)
    found = [
        np.max(np.abs(sampled(run, name, variable) - solution.values[name, variable])[:steps])
        for name in chosen
    ]
    return float(max(found))


def partings(run: Run, solution: oracle.Solution, population: str) -> list[int]:
    """Return, for every neuron, the first step with a spike in only one of run and SciPy.

    If there is none: the step after the last one.
    """
    after = len(solution.values[population, "V_m"]) + 1
    both = zip(trains(run, population), solution.spikes[population], strict=True)
    return [min(set(found) ^ set(expected), default=after) for found, expected in both]


def difference_before(run: Run, solution: oracle.Solution, variable: str) -> float:
    """Return the largest difference between the run and SciPy, before spikes of a neuron part."""
    found = []
    for name in solution.spikes:
        apart = np.abs(sampled(run, name, variable) - solution.values[name, variable])
        step = 1 + np.arange(len(apart))[:, None]
        found.append(apart[step < partings(run, solution, name)].max())
    return float(max(found))


def choices(backend: str, option: str) -> list[dict[str, str]]:
    """Return every setting of a backend's option; one empty setting if it has no such option."""
    known = get_backend(backend).options.get(option)
    return [{option: value} for value in known.allowed] if known else [{}]


def setting(backend: str, option: str, value: str) -> dict[str, str]:
    """Return one setting of a backend's option; none if it has no such option or value."""
    return next((one for one in choices(backend, option) if one.get(option) == value), {})
