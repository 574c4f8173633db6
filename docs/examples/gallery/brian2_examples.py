"""What Brian2's examples of these names are about, in netspec."""

import itertools
from typing import Any

import numpy as np
from parts import TRAUB_MILES, grid, network

from netspec import (
    ContinuousProjection,
    Network,
    NeuronModel,
    NoiseCurrent,
    PoissonInput,
    Population,
    Projection,
    SpikeInput,
    StepCurrent,
)
from netspec.connectivity import Explicit, UniformKernel, distances, pairs

JUMP = {"C_m": 1.0, "E_L": 0.0, "V_reset": 0.0, "V_th": 20.0}  # of neurons that events move


def IF_curve_LIF() -> Network:  # noqa: N802  Brian2's name
    """Rates by input: every neuron has another one, a formula of its index."""
    model = NeuronModel(
        name="lif", equations="dv/dt = (v0 - v)/(10*ms) : mV (unless refractory)",
        threshold="v > 10*mV", reset={"v": "0"}, refractory="t_ref",
        parameters={"v0": "0 mV", "t_ref": "5 ms"},
    )  # fmt: skip
    cells = Population(
        name="cells", size=1000, model=model, parameters={"v0": "20*mV*i/(size - 1)"}
    )
    return network("if_curve_lif", [cells])


def IF_curve_Hodgkin_Huxley() -> Network:  # noqa: N802  Brian2's name
    """The same of Hodgkin and Huxley's kind, by exponential Euler."""
    cells = Population(
        name="cells", size=100, model=TRAUB_MILES, parameters={"I_e": "700*pA*i/size"}
    )
    return network("if_curve_hh", [cells], {"cells": ("V_m",)})


def sine(name: str, size: int, tau: float, drive: str, **own: str) -> Network:
    """Neurons under a sine, which is two linear states: so it is exact at any step."""
    model = NeuronModel(
        name="driven",
        equations=f"""
            dv/dt = (-v + {drive})/tau : 1
            dsine/dt = omega*cosine : 1
            dcosine/dt = -omega*sine : 1
        """,
        threshold="v > 1", reset={"v": "0"}, initial={"cosine": 1.0},
        parameters={"tau": f"{tau} ms", "omega": "0.1/ms", "a": 0.0},
    )  # fmt: skip
    initial = {"v": {"kind": "uniform", "low": 0.0, "high": 1.0}}
    cells = Population(name="cells", size=size, model=model, parameters=own, initial=initial)
    return network(name, [cells], {"cells": ("v", "sine")})


def phase_locking() -> Network:
    """Amplitudes that grow with the index."""
    own = {"omega": f"{2 * np.pi * 0.01}/ms", "a": "0.05 + 0.7*i/size"}
    return sine("phase_locking", 100, 20.0, "a*sine + 1.2", **own)


def Brette_2004() -> Network:  # noqa: N802  Brian2's name
    """Means between 2 and 4, of which those below 3 lock to the sine."""
    own = {"omega": f"{2 * np.pi / 100}/ms", "a": "2 + 2*i/(size - 1)"}
    return sine("brette_2004", 2000, 100.0, "a + 2*sine", **own)


def Touboul_Brette_2008() -> Network:  # noqa: N802  Brian2's name
    """Adaptive exponential neurons that differ in their reset."""
    model = NeuronModel(
        name="adex",
        equations="""
            I_spike = 60*pA*exp(clip((v + 50.4*mV)/(2*mV), -100, 12)) : pA
            dv/dt = (30*nS*(-70.6*mV - v) + I_spike + 800*pA - w)/(281*pF) : mV
            dw/dt = (4*nS*(v + 70.6*mV) - w)/(40*ms) : pA
        """,
        threshold="v > -40.4*mV", reset={"v": "v_reset", "w": "w + 80*pA"}, integrator="euler",
        parameters={"v_reset": "-48 mV"}, initial={"v": -70.6},
    )  # fmt: skip
    resets = {"v_reset": np.linspace(-48.3, -47.7, 200)}
    return network(
        "adex_chaos", [Population(name="cells", size=200, model=model, parameters=resets)]
    )


def cells_of(name: str, rule: Explicit, size: int, weight: float = 1.0) -> Network:
    """Neurons of which events move V_m, all driven by one spike each."""
    cells = Population(name="cells", size=size, model="iaf_psc_delta", parameters=JUMP)
    return network(
        name, [cells],
        projections=[Projection(name="own", pre="cells", post="cells", receptor="excitatory",
                                rule=rule, weight=weight, delay=1.0)],
        spike_inputs=[SpikeInput(name="first", target="cells", receptor="excitatory", weight=25.0,
                                 times=np.linspace(1, 20, size).round(1),
                                 neurons=np.arange(size))],
        accept=["populations.cells.parameters.C_m", "projections.own.rule.weight"],
    )  # fmt: skip


def state_variables() -> Network:
    """Weights as a formula of both indices, where one is above the other."""
    i, j = np.indices((100, 100))
    rule = pairs(i > j, seed=1, weight=np.exp(-((i - j) ** 2) / 200))
    return cells_of("state_variables", rule, 100)


def spatial_connections() -> Network:
    """Neurons on a grid, connected with a probability that falls with distance (um)."""
    places = grid((20, 20), (500.0, 500.0))
    apart = distances(places, places)
    p = np.minimum(1.0, 1.5 * np.exp(-(apart**2) / (2 * 60**2)))
    rule = pairs(p, seed=1, allow_autapses=False)
    return cells_of("spatial_connections", rule, 400, 0.1)


def efficient_gaussian_connectivity() -> Network:
    """A probability that falls with the difference of indices."""
    i, j = np.indices((500, 500))
    rule = pairs(np.exp(-0.1 * (i - j) ** 2.0), seed=1)
    return cells_of("gaussian_connectivity", rule, 500)


def gapjunctions() -> Network:
    """Ten neurons that pull at each other; on NEST continuous coupling is not there."""
    model = NeuronModel(
        name="gap", equations="dv/dt = (1.05 - v + S - 10*w*v)/(10*ms) : 1", threshold="v > 1",
        reset={"v": "0"}, inputs={"S": "1"}, parameters={"w": 0.02},
    )  # fmt: skip
    cells = Population(name="cells", size=10, model=model, initial={"v": "i/(size - 1)"})
    return network(
        "gapjunctions", [cells], {"cells": ("v",)},
        continuous_projections=[
            ContinuousProjection(name="gap", pre="cells", post="cells", source="v", target="S",
                                 kernel=UniformKernel(weight=0.02))
        ],
    )  # fmt: skip


def Brunel_2000() -> Network:  # noqa: N802  Brian2's name
    """A network that oscillates fast, at a twentieth of its size."""
    sizes, psp, g = {"E": 500, "I": 125}, 2.0, 5.0
    parameters = JUMP | {"tau_m": 20.0, "V_reset": 10.0, "t_ref": 2.0}
    return network(
        "brunel_brian2",
        [Population(name=n, size=k, model="iaf_psc_delta", parameters=parameters)
         for n, k in sizes.items()],
        projections=[
            Projection(name=f"{a}_{b}", pre=a, post=b, receptor=receptor, weight=weight, delay=1.5,
                       rule={"kind": "pairwise_bernoulli", "p": 0.1})
            for a, receptor, weight in (("E", "excitatory", psp), ("I", "inhibitory", -g * psp))
            for b in sizes
        ],
        poisson_inputs=[
            PoissonInput(name=f"drive_{n}", target=n, receptor="excitatory", weight=psp,
                         rate=10.0 * 2, number=50)
            for n in sizes
        ],
        accept=[f"populations.{n}.parameters.C_m" for n in sizes],
    )  # fmt: skip


def modelfitting_sbi() -> Network:
    """One neuron for each set of parameters that is tried, under one pulse of current."""
    random = np.random.default_rng(1)
    own = {"g_Na": random.uniform(5e2, 1e5, 100), "g_K": random.uniform(1e1, 1.5e4, 100)}
    own |= {"E_L": -70.0, "V_T": -60.0, "E_Na": 53.0, "E_K": -107.0}
    cells = Population(name="sets", size=100, model=TRAUB_MILES, parameters=own)
    return network(
        "parameter_sets", [cells], {"sets": ("V_m",)},
        step_currents=[StepCurrent(name="pulse", target="sets", times=(50.0, 300.0),
                                   amplitudes=(1000.0, 0.0))],
    )  # fmt: skip


def Stimberg_2019_bisection() -> Network:  # noqa: N802  Brian2's name
    """A round of the search for the threshold: each neuron starts at a voltage of its own."""
    start = {"V_m": np.linspace(-65.0, -30.0, 100)}
    own = {"g_Na": np.linspace(8e3, 4e4, 100)}
    cells = Population(name="trials", size=100, model=TRAUB_MILES, parameters=own, initial=start)
    return network("bisection", [cells], {"trials": ("V_m",)})


def noisy(name: str, size: int, equation: str, threshold: str = "x > 1000", **more: Any) -> Network:
    """Neurons of a stochastic differential equation."""
    model = NeuronModel(name=name, equations=f"dx/dt = {equation} : 1", threshold=threshold,
                        integrator="euler", **more)  # fmt: skip
    return network(name, [Population(name="cells", size=size, model=model)], {"cells": ("x",)})


def non_reliability() -> Network:
    """Neurons of which each has its own noise, so that their spikes part."""
    return noisy("non_reliability", 25, "(1.1 - x)/(20*ms) + 0.015*sqrt(2/(20*ms))*xi", "x > 1",
                 reset={"x": "0"})  # fmt: skip


def Ornstein_Uhlenbeck() -> Network:  # noqa: N802  Brian2's name
    """The process itself, in many neurons."""
    return noisy("ornstein_uhlenbeck", 1000, "-x/(10*ms) + sqrt(2/(10*ms))*xi")


def Brunel_Hakim_1999() -> Network:  # noqa: N802  Brian2's name
    """Inhibition that oscillates fast under noise, at a fifth of its size."""
    model = NeuronModel(
        name="noisy_lif",
        equations="dV/dt = (-V + 25*mV)/(20*ms) + 1*mV*xi/sqrt(20*ms) : mV",
        threshold="V > theta", reset={"V": "10*mV"}, receptors={"in": "V"}, integrator="euler",
        parameters={"theta": "20 mV"},
    )  # fmt: skip
    cells = Population(name="cells", size=1000, model=model,
                       initial={"V": {"kind": "uniform", "low": 10.0, "high": 20.0}})  # fmt: skip
    return network("brunel_hakim", [cells], projections=[
        Projection(name="own", pre="cells", post="cells", receptor="in", weight=-0.1, delay=2.0,
                   rule={"kind": "pairwise_bernoulli", "p": 0.2})])  # fmt: skip


def Diesmann_et_al_1999() -> Network:  # noqa: N802  Brian2's name
    """A chain of ten groups that a volley runs through, under noise."""
    groups = [f"g{k}" for k in range(10)]
    own = {"tau_m": 10.0, "t_ref": 1.0, "tau_syn_ex": 0.325, "I_e": 100.0}
    return network(
        "synfire_chain",
        [Population(name=n, size=100, model="iaf_psc_alpha", parameters=own) for n in groups],
        projections=[
            Projection(name=f"{a}_{b}", pre=a, post=b, receptor="excitatory", rule="all_to_all",
                       weight=47.0, delay=5.0)
            for a, b in itertools.pairwise(groups)
        ],
        noise_currents=[NoiseCurrent(name=f"noise_{n}", target=n, sd=100.0, every=1.0)
                        for n in groups],
        spike_inputs=[SpikeInput(name="volley", target="g0", receptor="excitatory", weight=4700.0,
                                 times=np.random.default_rng(1).normal(20, 1, 100),
                                 neurons=np.arange(100))],
    )  # fmt: skip


def Wang_2002() -> Network:  # noqa: N802  Brian2's name
    """NMDA among neurons that Poisson input of a changing rate drives, at a small scale."""
    cells = {"A": (80, 2200.0), "B": (80, 1800.0)}
    return network(
        "decision",
        [Population(name=n, size=k, model="iaf_cond_nmda") for n, (k, _) in cells.items()],
        continuous_projections=[
            ContinuousProjection(name=f"{a}_{b}", pre=a, post=b, source="s_NMDA", target="g_NMDA",
                                 kernel=UniformKernel(weight=0.3 if a == b else 0.1))
            for a in cells for b in cells
        ],
        poisson_inputs=[
            PoissonInput(name=f"cue_{n}", target=n, receptor="AMPA", rate=1600.0, weight=3.1,
                         times=[20.0, 80.0], rates=[rate, 1600.0])
            for n, (_, rate) in cells.items()
        ],
    )  # fmt: skip


EXAMPLES = {
    **{one.__name__: one
       for one in (IF_curve_LIF, IF_curve_Hodgkin_Huxley, phase_locking, Brette_2004,
                   Touboul_Brette_2008, Brunel_2000, non_reliability, Brunel_Hakim_1999,
                   Diesmann_et_al_1999, Wang_2002)},
    "advanced/Ornstein_Uhlenbeck": Ornstein_Uhlenbeck,
    **{f"synapses/{one.__name__}": one
       for one in (state_variables, spatial_connections, efficient_gaussian_connectivity,
                   gapjunctions)},
    "advanced/modelfitting_sbi": modelfitting_sbi,
    "Stimberg_2019/example_3_bisection": Stimberg_2019_bisection,
}  # fmt: skip
STEPS = {"Touboul_Brette_2008": 0.01, "advanced/modelfitting_sbi": 0.05}
