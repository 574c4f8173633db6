"""Valid networks of several pieces, as plain data, for hypothesis."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

Data = dict[str, Any]

# Adaptive exponential integrate-and-fire (Brette & Gerstner 2005, J Neurophysiol 94:3637),
# their parameters; the external current comes through the input I_stim.
ADEX: Data = {
    "name": "adex",
    "equations": """
        I_spike = g_L*Delta_T*exp((V_m - V_T)/Delta_T) : pA
        dV_m/dt = (-g_L*(V_m - E_L) + I_spike - w + I_syn + I_stim)/C_m : mV (unless refractory)
        dw/dt = (a*(V_m - E_L) - w)/tau_w : pA
        dI_syn/dt = -I_syn/tau_syn : pA
    """,
    "threshold": "V_m > V_peak",
    "reset": {"V_m": "E_L", "w": "w + b"},
    "refractory": "t_ref",
    "receptors": {"excitatory": "I_syn"},
    "inputs": {"I_stim": "pA"},
    "initial": {"V_m": "E_L"},
    "parameters": {
        "C_m": "281 pF",
        "g_L": "30 nS",
        "E_L": "-70.6 mV",
        "V_T": "-50.4 mV",
        "Delta_T": "2 mV",
        "tau_w": "144 ms",
        "a": "4 nS",
        "b": "0.0805 nA",
        "V_peak": "20 mV",
        "t_ref": "1 ms",
        "tau_syn": "2 ms",
    },
}

# model -> (receptor -> weights, parameter -> plausible range, input currents)
MODELS: dict[str, tuple[dict[str, tuple[float, float]], dict[str, tuple[float, float]]]] = {
    "iaf_psc_exp": (
        {"excitatory": (0.2, 2e3), "inhibitory": (-2e3, -0.2)},
        {"C_m": (10.0, 1e3), "tau_m": (1.0, 100.0), "E_L": (-80.0, -60.0), "I_e": (0.0, 500.0)},
    ),
    "iaf_cond_nmda": (
        {"AMPA": (0.02, 20.0), "GABA": (0.02, 20.0)},
        {"C_m": (10.0, 1e3), "g_L": (1.0, 100.0), "alpha": (0.1, 1.0), "Mg_slope": (0.0, 0.1)},
    ),
    "adex": (
        {"excitatory": (0.2, 2e3)},
        {"C_m": (10.0, 1e3), "tau_w": (1.0, 500.0), "a": (0.0, 10.0)},
    ),
}


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def distributions(draw: st.DrawFn, low: float, high: float) -> Any:
    """A number, or a distribution within the bounds."""
    kinds = ["constant", "uniform", "uniform_int", "normal", "lognormal", "gamma", "exponential"]
    kind = draw(st.sampled_from(kinds))
    if kind == "constant":
        return draw(numbers(low, high))
    if kind == "uniform_int":
        whole = st.integers(math.ceil(low), max(math.ceil(low), math.floor(high)))
        ends = sorted([draw(whole), draw(whole)])
        # there may be no whole number between the bounds
        return high if ends[0] > high else {"kind": kind, "low": ends[0], "high": ends[1]}
    if kind == "uniform":
        first, last = sorted([draw(numbers(low, high)), draw(numbers(low, high))])
        return {"kind": "uniform", "low": first, "high": last}
    middle, clip = draw(numbers(low, high)), draw(st.sampled_from(["redraw", "bound"]))
    within: Data = {"low": low, "high": high}
    if kind == "normal":
        sd = draw(numbers(0.0, high - low))
        return {"kind": kind, "mean": middle, "sd": sd, **within, "clip": clip}
    # of these, redrawing may find too few within the bounds
    within["clip"] = "bound"
    if kind == "lognormal":
        return {"kind": kind, "median": middle, "sigma": draw(numbers(0.0, 2.0)), **within}
    if kind == "gamma":
        shape = draw(st.sampled_from([0.5, 1.0, 4.0]))
        return {"kind": kind, "shape": shape, "scale": middle / shape, **within}
    return {"kind": kind, "scale": middle, **within}


@st.composite
def values(draw: st.DrawFn, low: float, high: float, size: int) -> Any:
    """A value of neurons: a number, a distribution, or one number for each neuron."""
    if draw(st.integers(0, 3)):
        return draw(distributions(low, high))
    return draw(st.lists(numbers(low, high), min_size=size, max_size=size))


@st.composite
def rules(draw: st.DrawFn, n_pre: int, n_post: int) -> Data:
    flags = {"allow_autapses": draw(st.booleans())}
    kinds = ["fixed_total_number", "fixed_indegree", "pairwise_bernoulli", "all_to_all", "explicit"]
    kind = draw(st.sampled_from([*kinds, "one_to_one"] if n_pre == n_post else kinds))
    # as many as fit without multapses and autapses
    if kind == "fixed_total_number":
        flags["allow_multapses"] = draw(st.booleans())
        return {"kind": kind, "number": draw(st.integers(0, (n_pre - 1) * n_post)), **flags}
    if kind == "fixed_indegree":
        flags["allow_multapses"] = draw(st.booleans())
        return {"kind": kind, "indegree": draw(st.integers(0, n_pre - 1)), **flags}
    if kind == "pairwise_bernoulli":
        return {"kind": kind, "p": draw(numbers(0.0, 1.0)), **flags}
    if kind == "explicit":
        pair = st.tuples(st.integers(0, n_pre - 1), st.integers(0, n_post - 1))
        pairs = draw(st.lists(pair, max_size=5))
        delay = draw(st.lists(numbers(0.0, 5.0), min_size=len(pairs), max_size=len(pairs)))
        pre, post = [p for p, _ in pairs], [p for _, p in pairs]
        return {"kind": kind, "pre": pre, "post": post, "delay": delay}
    return {"kind": kind, **(flags if kind == "all_to_all" else {})}


@st.composite
def network_data(draw: st.DrawFn) -> Data:
    """A valid network with every kind of piece, as plain data."""
    populations: list[Data] = []
    for index in range(draw(st.integers(1, 3))):
        model = draw(st.sampled_from(sorted(MODELS)))
        ranges = MODELS[model][1]
        chosen = draw(st.lists(st.sampled_from(sorted(ranges)), unique=True))
        size = draw(st.integers(1, 12))
        start = [-60.0, "E_L", "E_L + 2*mV*i/size", [-60.0] * size]
        populations.append(
            {
                "name": f"p{index}",
                "size": size,
                "model": model,
                "parameters": {name: draw(values(*ranges[name], size)) for name in chosen},
                "initial": draw(st.sampled_from([{}, *({"V_m": value} for value in start)])),
            }
        )
    names = st.sampled_from(range(len(populations)))

    def target() -> tuple[Data, Data]:
        population = populations[draw(names)]
        receptors = MODELS[population["model"]][0]
        receptor = draw(st.sampled_from(sorted(receptors)))
        where = {"target": population["name"], "receptor": receptor}
        return where, {"size": population["size"], "weights": receptors[receptor]}

    def several(prefix: str, make: Any) -> list[Data]:
        return [{"name": f"{prefix}{i}", **make()} for i in range(draw(st.integers(0, 2)))]

    def projection() -> Data:
        pre, (where, about) = populations[draw(names)], target()
        return {
            "pre": pre["name"],
            "post": where["target"],
            "receptor": where["receptor"],
            "rule": draw(rules(pre["size"], about["size"])),
            "weight": draw(distributions(*about["weights"])),
            "delay": draw(st.one_of(st.none(), distributions(0.1, 5.0))),
        }

    def poisson() -> Data:
        where, about = target()
        weight = draw(numbers(*about["weights"]))
        rate, number = draw(numbers(0.0, 1e3)), draw(st.integers(0, 100))
        data = {**where, "weight": weight, "rate": rate, "number": number}
        if draw(st.booleans()):
            data |= {"start": 0.5, "stop": draw(st.sampled_from([None, 80.5]))}
        if draw(st.booleans()):
            data |= {"times": [2.5, 20.0], "rates": [draw(numbers(0.0, 1e3)), 0.0]}
        return data

    def noise() -> Data:
        where, about = target()
        data = {"target": where["target"], "sd": draw(numbers(1.0, 1e3))}
        data |= {"mean": draw(numbers(1.0, 1e3))} if draw(st.booleans()) else {}
        data |= {"every": 0.5, "tau": draw(numbers(0.5, 50.0))} if draw(st.booleans()) else {}
        data |= {"neurons": [about["size"] - 1]} if draw(st.booleans()) else {}
        return data

    def current() -> Data:
        where, _ = target()
        return {"target": where["target"], "amplitude": draw(numbers(1.0, 1e3))}

    def steps() -> Data:
        where, about = target()
        times = sorted(draw(st.sets(st.integers(0, 100), max_size=3)))
        values = draw(st.lists(numbers(1.0, 1e3), min_size=len(times), max_size=len(times)))
        neurons = draw(st.one_of(st.none(), st.just([about["size"] - 1])))
        return {"target": where["target"], "times": times, "amplitudes": values, "neurons": neurons}

    def spikes() -> Data:
        where, about = target()
        events = draw(st.lists(st.integers(0, about["size"] - 1), max_size=3))
        weight = draw(numbers(*about["weights"]))
        return {**where, "weight": weight, "times": [1.5] * len(events), "neurons": events}

    def recorder() -> Data:
        where, _ = target()
        return {"target": where["target"], "variables": draw(st.sampled_from([[], ["V_m"]]))}

    gated = [p["name"] for p in populations if p["model"] == "iaf_cond_nmda"]
    kernels = [{"kind": "uniform", "weight": 0.5}]
    kernels.append({"kind": "ring", "weight": 0.25, "J_plus": 1.6, "sigma": 20.0})
    coupling = [
        {"name": "c0", "pre": name, "post": name, "source": "s_NMDA", "target": "g_NMDA",
         "kernel": draw(st.sampled_from(kernels))}
        for name in gated[:1]
    ]  # fmt: skip
    return {
        "name": "generated",
        "description": draw(st.text(st.characters(codec="utf-8"), max_size=20)),
        "models": {"adex": ADEX} if any(p["model"] == "adex" for p in populations) else {},
        "populations": populations,
        "projections": several("j", projection),
        "continuous_projections": coupling,
        "poisson_inputs": several("q", poisson),
        "current_inputs": several("i", current),
        "step_currents": several("s", steps),
        "noise_currents": several("z", noise),
        "spike_inputs": several("e", spikes),
        "recorders": several("r", recorder),
    }
