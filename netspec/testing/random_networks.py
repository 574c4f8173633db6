"""Small random networks of every kind of piece, and how they are run: one batch for one number.

All of them are integrated exactly, so every backend has to make the spikes of SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netspec import Network, NeuronModel, Simulation
from netspec.execute.contract import get_backend
from netspec.testing.declaration import BackendTest

Data = dict[str, Any]
STEPS = 240
SIZES = (1, 1, 2, 3, 5, 9)
# Names that mean something to a compiler or a simulator; events onto a state that is held, onto one
# of three linear states in a row, and onto two states of one neuron.
ALPHA = NeuronModel(
    name="alpha",
    equations="""
        dx_pre/dt = -x_pre/range : pA
        dw/dt = -w/range + x_pre/range : pA
        dgain/dt = -(gain - rest)/tau + (w + order + sign)/C : mV (unless refractory)
        dorder/dt = -order/tau : pA
    """,
    threshold="gain > volt",
    reset={"gain": "rest - 2*mV", "order": "order - 20*pA"},
    refractory="radian",
    receptors={"fast": "x_pre", "slow": "w", "jump": "gain"},
    inputs={"sign": "pA"},
    initial={"gain": "rest"},
    parameters={
        "range": "1.3 ms", "tau": "11 ms", "C": "240 pF", "rest": "-65 mV", "volt": "-51.3 mV",
        "radian": "1.7 ms",
    },
)  # fmt: skip
# receptor -> weights that are typical of it
WEIGHTS = {
    "iaf_psc_exp": {"excitatory": (150.0, 900.0), "inhibitory": (-900.0, -150.0)},
    "iaf_psc_delta": {"excitatory": (0.7, 6.0), "inhibitory": (-6.0, -0.7)},
    "alpha": {"fast": (90.0, 500.0), "slow": (-300.0, 300.0), "jump": (-4.0, 5.0)},
}
PORTS = {"alpha": "sign"}  # I_stim of the others
MEMBRANE = {"alpha": "gain"}  # V_m of the others


@dataclass(frozen=True)
class Batch:
    """Networks that are run in one way.

    Attributes
    ----------
    networks : list of Network
    simulation : Simulation
        Its warm-up is a split of the run, and no more.
    how : dict
        Connectivity, threads and options of the request.
    """

    networks: list[Network]
    simulation: Simulation
    how: Data


def batch(number: int, size: int, backend: str, declared: BackendTest) -> Batch:
    """Return a batch; the same for the same number, size and adapter."""
    random = np.random.default_rng([number, size])
    dt = float(random.choice([0.02, 0.1, 0.1, 0.25, 1.0]))
    split = int(random.choice(np.array([0, 1, random.integers(1, STEPS)])))
    simulation = Simulation(dt=dt, warmup=split * dt, duration=(STEPS - split) * dt)
    how: Data = {"connectivity": str(random.choice(["shared", "shared", "native"]))}
    how["options"] = {}
    for name, values in (
        ("all_to_all", ["sum", "synapses"]),
        ("shards", ["auto", "2"]),
        ("loop", ["native", "python"]),
        ("synapse", ["lean", "full"]),
    ):
        value = str(random.choice(np.array(values)))
        if name in get_backend(backend).options:
            how["options"][name] = value
    threads = int(random.integers(1, 3))
    how["threads"] = threads if get_backend(backend).threaded else 1
    drawing = _Drawing(random, simulation, how["connectivity"] == "native", declared)
    return Batch([drawing.network(k) for k in range(size)], simulation, how)


class _Drawing:
    def __init__(
        self,
        random: np.random.Generator,
        simulation: Simulation,
        native: bool,
        declared: BackendTest,
    ) -> None:
        self.random, self.dt = random, simulation.dt
        self.native = native  # no rule may leave anything to chance
        self.models = sorted(set(declared.models) & set(WEIGHTS))
        self.first = declared.first_event  # step at whose end a given event may be due

    def chance(self, p: float) -> bool:
        return bool(self.random.random() < p)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def one_of(self, values: Any) -> Any:
        return values[self.random.integers(len(values))]

    def spread(self, low: float, high: float) -> Any:
        """A number or a distribution within two bounds."""
        if self.chance(0.5):
            return self.between(low, high)
        if self.chance(0.5):
            return {"kind": "uniform", "low": low, "high": high}
        mean, sd = (low + high) / 2, (high - low) / 3
        clip = self.one_of(["redraw", "bound"])
        return {"kind": "normal", "mean": mean, "sd": sd, "low": low, "high": high, "clip": clip}

    def time(self) -> float:
        """A time after the first step, on the grid or off it, perhaps after the end."""
        step = int(self.random.integers(self.first, STEPS + 20))
        return (step + (self.one_of([0.0, 0.3, -0.4]) if step > self.first else 0.0)) * self.dt

    def some(self, size: int) -> list[int] | None:
        """Some neurons, all of them, or none."""
        if self.chance(0.4):
            return None
        return [k for k in range(size) if self.chance(0.5)]

    # -- pieces -------------------------------------------------------------------------

    def population(self, index: int) -> Data:
        model, size = self.one_of(self.models), int(self.one_of(SIZES))
        found: Data = {"name": f"p{index}", "size": size, "model": model}
        if model == "alpha":
            parameters: Data = {"tau": self.spread(5.0, 20.0), "C": self.spread(100.0, 400.0)}
            parameters["radian"] = self.one_of([0.0, self.dt, 2.0, self.spread(0.3, 3.0)])
            found["initial"] = {"gain": self.spread(-70.0, -51.0), "w": self.spread(-50.0, 300.0)}
        else:
            parameters = {
                "C_m": self.spread(100.0, 300.0), "tau_m": self.spread(8.0, 12.0), "E_L": -65.0,
                "V_reset": self.spread(-70.0, -60.0), "V_th": self.spread(-52.0, -48.0),
                "t_ref": self.one_of([0.0, self.dt, 2.0, self.spread(0.3, 3.0)]),
                "I_e": self.spread(-100.0, 400.0),
            }  # fmt: skip
            if model == "iaf_psc_exp":
                parameters |= {"tau_syn_ex": self.spread(0.3, 3.0), "tau_syn_in": 1.1}
            # some start above the threshold
            found["initial"] = {"V_m": self.spread(-68.0, -47.0)}
            if self.chance(0.3):  # it spikes in every step
                parameters |= {"C_m": 2.0, "I_e": 9e4, "t_ref": 0.0, "V_reset": -65.0}
        return {**found, "parameters": parameters}

    def rule(self, n_pre: int, n_post: int, same: bool) -> Data:
        autapses = {"allow_autapses": self.chance(0.5) or not same}
        kinds = ["all_to_all", "explicit", *(["one_to_one"] if n_pre == n_post else [])]
        if not self.native:
            kinds += ["fixed_total_number", "fixed_indegree", "pairwise_bernoulli"]
        kind = self.one_of(kinds)
        room = n_pre - (not autapses["allow_autapses"])
        multapses = {"allow_multapses": self.chance(0.5)}
        if kind == "all_to_all":
            return {"kind": kind, **autapses}
        if kind == "fixed_total_number":
            number = int(self.random.integers(0, room * n_post + 1))
            return {"kind": kind, "number": number, **autapses, **multapses}
        if kind == "fixed_indegree":
            number = int(self.random.integers(0, room + 1))
            return {"kind": kind, "indegree": number, **autapses, **multapses}
        if kind == "pairwise_bernoulli":
            return {"kind": kind, "p": self.one_of([0.0, 1.0, self.between(0.0, 1.0)]), **autapses}
        if kind == "explicit":
            number = int(self.one_of([0, 1, 4, 12]))
            pairs = {
                side: self.random.integers(0, n, number).tolist()
                for side, n in (("pre", n_pre), ("post", n_post))
            }
            return {"kind": kind, **pairs}
        return {"kind": kind}

    def delay(self) -> float:
        steps = self.one_of([1, 2, 3, 7, 15, 15, STEPS - 1, STEPS + 30, 3000, 65535])
        return float((steps + self.one_of([0.0, 0.0, 0.2, -0.3])) * self.dt)

    def projection(self, index: int, populations: list[Data]) -> Data:
        pre, post = self.one_of(populations), self.one_of(populations)
        receptor = self.one_of(sorted(WEIGHTS[post["model"]]))
        low, high = WEIGHTS[post["model"]][receptor]
        rule = self.rule(pre["size"], post["size"], pre is post)
        found = {"name": f"j{index}", "pre": pre["name"], "post": post["name"],
                 "receptor": receptor, "rule": rule}  # fmt: skip
        found["weight"] = self.between(low, high) if self.native else self.spread(low, high)
        found["delay"] = self.one_of([None, self.delay()])
        if not self.native and self.chance(0.3):
            found["delay"] = self.spread(0.3 * self.dt, 30 * self.dt)
        if rule["kind"] == "explicit":
            number = len(rule["pre"])
            if self.chance(0.5):
                rule["weight"] = [self.between(low, high) for _ in range(number)]
            if self.chance(0.5):
                rule["delay"] = [self.delay() for _ in range(number)]
        return found

    def current(self, index: int, population: Data) -> Data:
        return {"name": f"i{index}", "target": population["name"],
                "amplitude": self.between(20.0, 400.0), "neurons": self.some(population["size"]),
                "port": PORTS.get(population["model"], "I_stim")}  # fmt: skip

    def stairs(self, index: int, population: Data) -> Data:
        number = int(self.random.integers(0, 6))
        steps = np.sort(self.random.choice(STEPS + 20, number, replace=False))
        moved = self.one_of([0.0, 0.3])
        return {"name": f"s{index}", "target": population["name"],
                "times": [float((step + moved) * self.dt) for step in steps],
                "amplitudes": [self.one_of([0.0, self.between(-300, 700)]) for _ in steps],
                "neurons": self.some(population["size"]),
                "port": PORTS.get(population["model"], "I_stim")}  # fmt: skip

    def events(self, index: int, population: Data) -> Data:
        receptor = self.one_of(sorted(WEIGHTS[population["model"]]))
        number = int(self.one_of([0, 1, 30]))
        neurons = self.random.integers(0, population["size"], number).tolist()
        weight = self.between(*WEIGHTS[population["model"]][receptor])
        return {"name": f"e{index}", "target": population["name"], "receptor": receptor,
                "times": [self.time() for _ in range(number)], "neurons": neurons,
                "weight": weight}  # fmt: skip

    def network(self, index: int) -> Network:
        populations = [self.population(k) for k in range(self.random.integers(1, 4))]

        def several(most: int, make: Any) -> list[Data]:
            number = int(self.random.integers(0, most + 1))
            return [make(k, self.one_of(populations)) for k in range(number)]

        recorders = []
        for population in populations:
            every = self.one_of([None, None, 3 * self.dt, 3.4 * self.dt, 2 * STEPS * self.dt])
            recorders.append(
                {"name": f"of_{population['name']}", "target": population["name"],
                 "variables": [MEMBRANE.get(population["model"], "V_m")], "interval": every,
                 "neurons": self.some(population["size"])}
            )  # fmt: skip
        count = int(self.random.integers(0, 5))
        pieces = {
            "populations": populations,
            "projections": [self.projection(k, populations) for k in range(count)],
            "current_inputs": several(2, self.current),
            "step_currents": several(2, self.stairs),
            "spike_inputs": several(2, self.events),
            "recorders": recorders,
        }
        return Network(
            name=f"random{index}", models={"alpha": ALPHA}, accept=_accepted(pieces), **pieces
        )


def _accepted(pieces: Data) -> list[str]:
    """Say that implausible values are meant."""
    return [
        *(f"populations.{p['name']}.parameters.C_m" for p in pieces["populations"]),
        *(f"populations.{p['name']}.parameters.I_e" for p in pieces["populations"]),
        *(f"projections.{p['name']}.{field}" for p in pieces["projections"]
          for field in ("weight", "delay", "rule.weight")),
        *(f"spike_inputs.{p['name']}.weight" for p in pieces["spike_inputs"]),
        *(f"current_inputs.{p['name']}.amplitude" for p in pieces["current_inputs"]),
        *(f"step_currents.{p['name']}.amplitudes" for p in pieces["step_currents"]),
    ]  # fmt: skip
