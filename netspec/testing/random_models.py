"""Random neuron models: any number of states, receptors and resets, any names.

What is drawn forgets its past: states leak, and what couples them is bounded. So a difference in
the last bits of an exponential stays one, and simulators can be asked for the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from netspec import Network, NeuronModel

Data = dict[str, Any]
# templates of expressions, see `_Writing.filled`
BOUNDED = (
    "tanh($S)", "sin($S)", "cos($S)", "int($C)", "$W", "exp(-abs($S))", "exprel(-abs($S))",
    "expm1(-abs($S))", "1/(1 + exp($W))", "0.3*sinh($W)", "0.3*cosh($W)", "0.3*tan($W)",
    "log(1.4 + $W)", "log10(1 + abs($W))", "log1p(abs($W))", "sqrt(abs($W))", "0.4*floor(1.3*$W)",
    "0.4*ceil(1.3*$W)", "$W^2", "0.5*$W**3", "2^$W/3", "(0.2 + abs($W))^-0.5",
)  # fmt: skip
PRODUCTS = ("-($B)", "($B)*($B)", "0.5*(($B) - ($B))", "($B)/(1.3 + $W)", "($B) - -($B)")
SIZE = 3  # neurons of a population
DURATION = 50.0  # ms
UNITS = ("1", "mV", "pA", "nS")
INTEGRATORS = ("euler", "rk2", "rk4", "exponential_euler")
# Words of Brian2, of NEST and GeNN and the code that is made for them, of C++, and plain ones.
WORDS = re.findall(r"\w+", """
    range gain amp sign radian x_pre volt order w lambda_ second metre ohm siemens hertz kelvin mole
    v_post i_syn g_pre mvolt psec clip_ rate weight delay refractory not_ref spike neurons
    V V_m states size names left rest input logger map broken get v lag origin slot due now
    begins handle node nest model local thread tau_minus archiver element_type synaptic_elements
    scalar id num_neurons Isyn sT addToPre isyn_ row col idx group npost spk rng postsynaptic
    template namespace new delete this_ operator virtual friend private public using mutable export
    typename typeid nullptr constexpr xor compl bitand main printf stdin errno NULL NAN EOF
    M_PI min max sum len print self np numpy exec_ object math cython nogil cdef cimport
    a b c d g h k m n s u x y z alpha beta gamma theta E_L g_L C_m I_e S q1 k1 y2 half next full
    A B C D E F G H I J K L M O P Q R S1 T U W X Y Z
""")  # fmt: skip


class _Writing:
    """Writes a model, name by name and equation by equation."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.free = list(random.permutation(WORDS))
        self.parameters: Data = {}
        self.units: dict[str, str] = {}  # of all that expressions may use

    def name(self) -> str:
        return str(self.free.pop())

    def names(self, count: int) -> list[str]:
        return [self.name() for _ in range(count)]

    def one_of(self, *values: Any) -> Any:
        return values[self.random.integers(len(values))]

    def several(self) -> int:
        return int(self.random.integers(4))

    def number(self, low: float, high: float) -> float:
        return round(float(self.random.uniform(low, high)), 6)

    def parameter(self, low: float, high: float, unit: str) -> str:
        name = self.name()
        self.parameters[name] = {"default": self.number(low, high), "unit": unit}
        return name

    # -- expressions without a unit, all bounded by about one ----------------------------------

    def plain(self, name: str) -> str:
        unit = self.units[name]
        return name if unit == "1" else f"{name}/{unit}"

    def leaf(self) -> str:
        """Return a number times a name, of any size."""
        factor = self.number(-1.3, 1.3)
        return f"{factor:.6f}*{self.plain(self.one_of(*sorted(self.units)))}"

    def sum(self) -> str:
        op = self.one_of("", "+", "-")
        return f"{self.leaf()} {op} {self.leaf()}" if op else self.leaf()

    def filled(self, *templates: str, depth: int = 1) -> str:
        """Return one of some texts, in which $S is a sum, $W one within bounds, $C a condition."""
        makers: dict[str, Callable[[], str]] = {
            "S": self.sum,
            "W": lambda: f"clip({self.sum()}, -1.17, 1.29)",
            "N": lambda: f"{self.number(-1, 1):.6f}",
            "C": lambda: self.condition(depth - 1),
            "B": lambda: self.bounded(depth - 1),
        }
        return re.sub(r"\$([SWNCB])", lambda found: makers[found[1]](), self.one_of(*templates))

    def condition(self, depth: int = 1) -> str:
        plain = [f"$S {op} $N" for op in ("<", "<=", ">", ">=", "==", "!=")]
        logical = ("not $C", "($C) and $S > $N", "$S < $N or not ($C)", "($C) or ($C) and not ($C)")
        return self.filled(*plain, *(logical if depth > 0 else ()), depth=depth)

    def bounded(self, depth: int = 1) -> str:
        return self.filled(*BOUNDED, *(PRODUCTS if depth > 0 else ()), depth=depth)

    # -- pieces of a model ----------------------------------------------------------------------

    def shortcut(self) -> str:
        name, unit = self.name(), self.one_of(*UNITS)
        text = self.bounded() if unit == "1" else f"{unit}*({self.bounded()})"
        self.units[name] = unit
        return f"{name} = {text} : {unit}"

    def equation(self, name: str, unit: str, kind: str, inputs: list[str]) -> str:
        """Return that of a state that leaks: linear, driven by what is bounded, or a gate."""
        rest, tau = self.parameter(-1, 1, unit), self.parameter(4, 20, "ms")
        drive = [f"{self.number(-0.4, 0.4):.6f}*{unit}*{self.plain(port)}" for port in inputs]
        if kind == "linear":
            others = [n for n in self.states if n != name and self.chance()][:2]
            drive += [f"{self.number(-0.4, 0.4):.6f}*{unit}*{self.plain(n)}" for n in others]
        else:
            drive += [f"{unit}*({self.bounded()})"]
        text = f"(-({name} - {rest}) + {' + '.join(drive or [f'0.1*{unit}'])})/{tau}"
        if kind == "gate":
            up, down = (f"(0.1 + abs({self.bounded(0)}))/(5*ms)" for _ in range(2))
            text = f"{up}*(1*{unit} - {name}) - {down}*{name} + {drive[-1]}/{tau}"
        held = self.refractory is not None and self.chance()
        return f"d{name}/dt = {text} : {unit}{' (unless refractory)' if held else ''}"

    def chance(self) -> bool:
        return bool(self.random.random() < 0.5)

    def reset(self, name: str) -> str:
        unit = self.states[name]
        factor = "" if unit == "1" else f"*{unit}"
        below = self.parameter(-0.5, 0.2, unit)
        own = (below, f"{name} + {below}", f"-0.31*{name}", f"0.4*{name} + ($B){factor}")
        return self.filled("$N", *own, depth=1)

    def threshold(self) -> str:
        name = self.one_of(*self.states)
        plain = f"{name} > {self.parameter(0.1, 0.9, self.states[name])}"
        return self.filled(
            plain, f"{plain} and not ($C)", f"{plain} or $C", f"int({plain}) > $B", depth=1
        )

    def model(self) -> Data:
        self.states = {self.name(): self.one_of(*UNITS) for _ in range(1 + self.several())}
        inputs = {self.name(): self.one_of("1", "mV", "pA") for _ in range(self.several() % 3)}
        self.refractory = self.parameter(0.3, 3, "ms") if self.chance() else None
        self.units = self.states | inputs
        kinds = self.one_of(("linear",), ("linear", "bounded"), ("linear", "bounded", "gate"))
        shortcuts = [self.shortcut() for _ in range(self.several() if len(kinds) > 1 else 0)]
        equations = [
            self.equation(n, u, self.one_of(*kinds), [p for p in inputs if self.chance()])
            for n, u in self.states.items()
        ]
        return {
            "name": self.name(),
            "equations": "\n".join([*shortcuts, *equations]),
            "threshold": self.threshold(),
            "reset": {n: self.reset(n) for n in self.states if self.chance()},
            "refractory": self.refractory,
            "receptors": {n: self.one_of(*self.states) for n in self.names(self.several())},
            "inputs": inputs,
            "integrator": self.one_of(*INTEGRATORS),
            "parameters": self.parameters,
        }

    def values(self, low: float, high: float, unit: str) -> Any:
        """Return those of a population: a number, one for each, a distribution or a formula."""
        first, second = sorted((self.number(low, high), self.number(low, high)))
        factor = "" if unit == "1" else f"*{unit}"
        return self.one_of(
            first, [self.number(low, high) for _ in range(SIZE)],
            {"kind": "uniform", "low": first, "high": second},
            f"{first}{factor} + {round(second - first, 6)}{factor}*i/{SIZE}",
        )  # fmt: skip


def population(random: np.random.Generator) -> Data:
    """Return a population of a random model and what reaches it, as plain data without names."""
    writing = _Writing(random)
    model = writing.model()
    limits = {"ms": (4.0, 20.0)}
    chosen = [n for n in model["parameters"] if n != model["refractory"] and writing.chance()]
    own = {
        n: writing.values(*limits.get(unit := model["parameters"][n]["unit"], (-0.4, 0.8)), unit)
        for n in chosen
    }
    if model["refractory"]:
        own[model["refractory"]] = writing.one_of(0.0, 0.1, [0.0, 0.3, 1.7])
    initial = {n: writing.values(-1, 1, unit) for n, unit in writing.states.items()
               if writing.chance()}  # fmt: skip
    steps = round(DURATION / 0.1)

    def some(most: int) -> list[int]:
        """Return some steps; the first event may be due at the end of the second one."""
        count = int(random.integers(most + 1))
        return sorted(map(int, random.choice(np.arange(2, steps), count, replace=False)))

    given_events = {
        name: ([(step, int(random.integers(SIZE))) for step in some(12)], writing.number(-0.8, 1.9))
        for name in model["receptors"]
    }
    stairs = {name: (some(4), writing.number(-2, 3)) for name in model["inputs"]}
    return {"model": model, "parameters": own, "initial": initial, "events": given_events,
            "stairs": stairs}  # fmt: skip


def network(drawn: list[Data]) -> Network:
    """Return one network of populations, each of a model of its own."""
    pieces: dict[str, list[Data]] = {
        key: [] for key in ("populations", "spike_inputs", "step_currents", "recorders")
    }
    for index, data in enumerate(drawn):
        model = NeuronModel.model_validate(data["model"])
        model = model.model_copy(update={"name": f"{model.name}_{index}"})
        name = f"p{index}"
        pieces["populations"].append(
            {"name": name, "size": SIZE, "model": model, "parameters": data["parameters"],
             "initial": data["initial"]}
        )  # fmt: skip
        pieces["spike_inputs"] += [
            {"name": f"events_{name}_{receptor}", "target": name, "receptor": receptor,
             "times": [step * 0.1 for step, _ in events], "neurons": [n for _, n in events],
             "weight": weight}
            for receptor, (events, weight) in data["events"].items()
        ]  # fmt: skip
        pieces["step_currents"] += [
            {"name": f"stairs_{name}_{port}", "target": name, "port": port,
             "times": [step * 0.1 for step in steps], "neurons": [0, SIZE - 1],
             "amplitudes": [level * (1, -0.4, 0.3)[k % 3] for k in range(len(steps))]}
            for port, (steps, level) in data["stairs"].items()
        ]  # fmt: skip
        states = list(NeuronModel.model_validate(data["model"]).units_of_states)
        pieces["recorders"].append({"name": f"of_{name}", "target": name, "variables": states})
    accept = [f"spike_inputs.{p['name']}.weight" for p in pieces["spike_inputs"]]
    accept += [f"step_currents.{p['name']}.amplitudes" for p in pieces["step_currents"]]
    return Network(name="random_models", accept=accept, **pieces)


def batch(number: int, size: int) -> Network:
    """Return a network of `size` random models; the same for the same number and size.

    The models of a network are compiled together where a simulator compiles: that is what takes
    time.
    """
    random = np.random.default_rng([number, size])
    return network([population(random) for _ in range(size)])
