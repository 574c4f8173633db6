"""Valid descriptions, and what fingers and bad exporters make of them."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from netspec import circuits
from netspec.describe.serialization import canonical_json, network_from
from netspec.testing.strategies import ADEX

FULL = {
    "name": "full",
    "models": {"adex": ADEX},
    "populations": [
        {"name": "E", "size": 8, "model": "iaf_psc_exp", "parameters": {"C_m": "250 pF"},
         "initial": {"V_m": {"kind": "normal", "mean": "-58 mV", "sd": 5.0}}},
        {"name": "G", "size": 8, "model": "iaf_cond_nmda",
         "parameters": {"g_L": {"kind": "uniform", "low": 20, "high": "0.03 uS"}}},
        {"name": "X", "size": 2, "model": "adex"},
    ],
    "projections": [
        {"name": f"P{i}", "pre": pre, "post": post, "receptor": receptor, "rule": rule,
         "weight": {"kind": "normal", "mean": 5.0, "sd": 0.5, "low": 0.0}, "delay": "1.5 ms"}
        for i, (pre, post, receptor, rule) in enumerate([
            ("E", "E", "excitatory", {"kind": "fixed_indegree", "indegree": 3}),
            ("E", "G", "AMPA", {"kind": "fixed_total_number", "number": 9,
                                "allow_multapses": False}),
            ("G", "E", "inhibitory", {"kind": "one_to_one"}),
            ("X", "G", "GABA", {"kind": "pairwise_bernoulli", "p": 0.5}),
            ("E", "X", "excitatory", {"kind": "explicit", "pre": [0, 1], "post": [1, 1],
                                      "weight": [5.0, "6 pA"], "delay": [1.0, 2.0]}),
        ])
    ] + [
        {"name": "P5", "pre": "E", "post": "E", "receptor": "excitatory", "rule": "one_to_one",
         "weight": 5.0, "synapse": "stdp", "parameters": {"w_max": "0.02 nA", "tau_plus": 15.0}},
    ],
    "continuous_projections": [
        {"name": "C", "pre": "G", "post": "G", "source": "s_NMDA", "target": "g_NMDA",
         "kernel": {"kind": "ring", "weight": "0.1 nS", "J_plus": 1.6, "sigma": "20 deg"}},
    ],
    "poisson_inputs": [{"name": "Q", "target": "E", "receptor": "excitatory", "rate": "8 Hz",
                        "number": 100, "weight": 87.8, "start": 1.0, "stop": "0.5 s",
                        "times": [5.0, "10 ms"], "rates": [16.0, "0.01 kHz"]}],
    "current_inputs": [{"name": "D", "target": "X", "amplitude": "0.3 nA", "neurons": [1]}],
    "step_currents": [{"name": "S", "target": "G", "times": [0, "1 s"], "amplitudes": [70, 0]}],
    "noise_currents": [{"name": "Z", "target": "E", "mean": "0.1 nA", "sd": 50.0, "every": 1.0,
                        "tau": "5 ms", "start": 2.0, "stop": "0.4 s", "neurons": [0, 3]}],
    "spike_inputs": [{"name": "K", "target": "G", "receptor": "AMPA", "times": [1.0, 2.0],
                      "neurons": [0, 7], "weight": "1 nS"}],
    "recorders": [{"name": "R", "target": "E", "variables": ["V_m"], "interval": 1.0}],
    "synapse_recorders": [{"name": "W", "projection": "P5", "synapses": [0, 3]}],
    "accept": [],
}  # fmt: skip

# the same as descriptions could say it before synapses could change
STATIC = {
    **{key: value for key, value in FULL.items() if key != "synapse_recorders"},
    "projections": FULL["projections"][:-1],
}

# the same without a model of its own, which takes most of the time
QUICK = {
    **{
        key: value
        for key, value in FULL.items()
        if key not in ("models", "current_inputs", "synapse_recorders")
    },
    "populations": FULL["populations"][:2],
    "projections": FULL["projections"][:3],
}

BASES: list[dict[str, Any]] = [
    FULL,
    json.loads(canonical_json(network_from(FULL))),
    json.loads(canonical_json(circuits.working_memory(size=8, cues=[circuits.Cue()]))),
    json.loads(canonical_json(circuits.microcircuit(scale=0.001))),
]


def _deep(levels: int) -> Any:
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


JUNK: list[Any] = [
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, -(10**400), 10**4000, 0.5, -0.0, 1e-320, 1e308,
    float("nan"), float("inf"), -float("inf"), "", " ", "x", "E", "V_m", "iaf_psc_exp", "5", "5 pF",
    "1e9 V", "-3 mV", "1 nS/ms", "2 furlong", "1e999 pA", "nan", "x" * 5000, "\ud800",
    "\u202eü\u0000", "__import__('os').system('true')",
    "dx/dt = 1 : 1", "a = a : 1", "(" * 3000, "V_m > ", "{}",
    [], {}, [[]], [None], [1, 2, 3], ["E"], [{}], {"kind": "normal"}, {"kind": "constant"},
    {"kind": "constant", "value": "1 pA"}, {"kind": 3}, {"kind": "uniform", "low": 2, "high": 1},
    {"kind": "all_to_all"}, {"value": 3}, {"a": {"b": {"c": []}}}, {1: 2}, {"": {}}, {1}, b"bytes",
    1j, object(), int, _deep(50),
]  # fmt: skip


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) below `data`."""
    found, stack = [], [data]
    while stack:
        here = stack.pop()
        keys = here if isinstance(here, dict) else range(len(here))
        for key in keys:
            found.append((here, key))
            if isinstance(here[key], (dict, list)):
                stack.append(here[key])
    return found


def mutated(base: dict[str, Any], choose: random.Random) -> Any:
    """Return a copy with one to four things wrong."""
    data = copy.deepcopy(base)
    for _ in range(choose.randint(1, 4)):
        places = _places(data)
        if not places:
            return choose.choice(JUNK)
        container, key = choose.choice(places)
        what = choose.choice(["delete", "junk", "junk", "double", "rename", "swap", "wrap", "unit"])
        value = container[key]
        if what == "delete":
            del container[key]
        elif what == "junk":
            container[key] = copy.deepcopy(choose.choice(JUNK))
        elif what == "double" and isinstance(container, list):
            container.insert(key, copy.deepcopy(value))
        elif what == "rename" and isinstance(container, dict):
            text = str(key)
            others = [f"{text}_", text[:-1], text.upper(), "", f"{text}é", "self", "kind"]
            container[choose.choice(others)] = container.pop(key)
        elif what == "swap":
            other, at = choose.choice(places)
            if not isinstance(value, (dict, list)) and not isinstance(other[at], (dict, list)):
                container[key], other[at] = other[at], value
        elif what == "wrap":
            container[key] = choose.choice([[value], {"value": value}, {key: value}])
        elif what == "unit" and isinstance(value, (int, float)):
            unit = choose.choice(["mV", "nA", "s", "uF", "kHz", "deg", "1/ms", "parsec", "mV^9"])
            container[key] = f"{value} {unit}"
    return data
