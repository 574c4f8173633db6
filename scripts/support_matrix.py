"""Write docs/support.md: what every adapter makes of every thing of a description, by its ledger.

    python scripts/support_matrix.py [FILE]

Each row is a small network, and each cell the ledger's answer for one thing of it. Nothing is run,
no simulator is imported, and none has to be installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netspec import Network, NeuronModel, Simulation, SynapseModel
from netspec.describe.models import LIBRARY
from netspec.describe.synapse_models import SYNAPSES
from netspec.execute.contract import Entry, Plan, RunRequest, get_backend

FILE = Path(__file__).parents[1] / "docs" / "support.md"
BACKENDS = {"nest": "NEST", "brian2": "Brian2", "genn": "GeNN", "neuron": "NEURON"}
STATUS = ("exact", "approximate", "unsupported")  # from best to worst
DT = 0.1
HEAD = """\
# What each adapter supports

Written by `make support` from the adapters' ledgers; a test fails when it is stale. Each row is a
small network, and each cell the answer to one thing of it: **exact**, **approximate** with the
name that `--approximate` has to give, or **unsupported**. The notes are the ledgers' own words.
What depends on numbers (a time off the grid, a weight of the other sign) is answered anew for every
network, before anything runs. Steps are of 0.1 ms, options have their defaults, and synapses are
drawn by the simulator's own rule where nothing else is said.
"""


@dataclass(frozen=True)
class Row:
    """One thing of a description.

    Attributes
    ----------
    label : str
    thing : str
        Path of the ledger's lines that answer for it; those below it count too.
    pieces : dict
        The network, beside its name.
    more : dict
        Of the request.
    """

    label: str
    thing: str
    pieces: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)


# -- networks ---------------------------------------------------------------------------------


def cells(model: Any = "iaf_psc_exp", **more: Any) -> dict[str, Any]:
    """Return a population of five neurons."""
    return {"populations": [{"name": "A", "size": 5, "model": model, **more}]}


def connected(
    rule: Any = "all_to_all", weight: Any = 80.0, delay: Any = 1.5, **more: Any
) -> dict[str, Any]:
    """Return a population with a projection onto itself."""
    projection = {"name": "p", "pre": "A", "post": "A", "receptor": "excitatory", "rule": rule,
                  "weight": weight, "delay": delay, **more}  # fmt: skip
    return {**cells(), "projections": [projection]}


def with_input(kind: str, **values: Any) -> dict[str, Any]:
    """Return a population with one input."""
    return {**cells(), kind: [{"name": "i", "target": "A", **values}]}


def recorded(model: str = "iaf_psc_exp", **values: Any) -> dict[str, Any]:
    """Return a population with one recorder."""
    return {**cells(model), "recorders": [{"name": "r", "target": "A", **values}]}


def coupled(kernel: dict[str, Any]) -> dict[str, Any]:
    """Return a population of conductance-based neurons whose NMDA gates couple them."""
    coupling = {"name": "c", "pre": "A", "post": "A", "source": "s_NMDA", "target": "g_NMDA",
                "kernel": kernel}  # fmt: skip
    return {**cells("iaf_cond_nmda"), "continuous_projections": [coupling]}


def model(equations: str, **more: Any) -> NeuronModel:
    """Return a user's model."""
    values = {"threshold": "x > 1", "parameters": {"tau": "10 ms", "rest": "2 ms"}, **more}
    return NeuronModel(name="own", equations=equations, **values)


# -- rows -------------------------------------------------------------------------------------


def neurons() -> Iterator[Row]:
    """Yield models, equations, parameters and initial values."""
    for name in LIBRARY:
        yield Row(f"`{name}`", "populations.A", cells(name))
    linear, curved = "dx/dt = -x/tau : 1", "dx/dt = (x*x - x)/tau : 1"
    yield Row("a user's linear equations", "populations.A", cells(model(linear)))
    for integrator in ("euler", "exponential_euler", "rk2", "rk4"):
        own = model(curved, integrator=integrator)
        yield Row(f"a user's nonlinear equations, `{integrator}`", "populations.A", cells(own))
    noisy = model("dx/dt = -x/tau + xi/sqrt(tau) : 1", integrator="euler")
    yield Row("a user's stochastic equations", "populations.A", cells(noisy))
    escaping = model(linear, threshold="", escape="x/tau")
    yield Row("a user's escape rate", "populations.A", cells(escaping))
    held = model(f"{linear} (unless refractory)", refractory="rest", receptors={"on": "x"})
    yield Row("a user's state that is held while refractory", "populations.A", cells(held))
    uniform = {"kind": "uniform", "low": 200.0, "high": 300.0}
    drawn = {
        "parameters": {"C_m": uniform},
        "initial": {"V_m": {**uniform, "low": -70, "high": -60}},
    }
    yield Row("parameters and V_m(0) drawn from distributions", "populations.A", cells(**drawn))
    one_by_one = {
        "parameters": {"C_m": [250.0, 260.0, 270.0, 280.0, 290.0], "tau_m": "C_m/(25*nS)"},
        "initial": {"V_m": "E_L + 1*mV*i"},
    }
    yield Row("parameters and V_m(0) as arrays and formulas", "populations.A", cells(**one_by_one))
    yield Row("a synaptic current at the start", "populations.A",
              cells(initial={"I_syn_ex": 100.0}))  # fmt: skip
    yield Row("a refractory period off the grid", "populations.A",
              cells(parameters={"t_ref": 1.96}))  # fmt: skip


def rules() -> Iterator[Row]:
    """Yield connection rules, and where their synapses come from."""
    some, indegree = {"allow_multapses": False}, {"kind": "fixed_indegree", "indegree": 2}
    total = {"kind": "fixed_total_number", "number": 9}
    for label, rule in {
        "`all_to_all`, one weight and delay": {"kind": "all_to_all"},
        "`all_to_all` without autapses": {"kind": "all_to_all", "allow_autapses": False},
        "`one_to_one`": {"kind": "one_to_one"},
        "`fixed_indegree`": indegree,
        "`fixed_indegree` without multapses": {**indegree, **some},
        "`fixed_total_number`": total,
        "`fixed_total_number` without multapses": {**total, **some},
        "`pairwise_bernoulli`": {"kind": "pairwise_bernoulli", "p": 0.3},
        "`explicit`": {"kind": "explicit", "pre": [0, 1], "post": [2, 2]},
    }.items():
        yield Row(label, "projections.p", connected(rule))
    shared = {"connectivity": "shared"}
    yield Row("any rule, `connectivity=shared`", "projections.p", connected(indegree), shared)


def weights() -> Iterator[Row]:
    """Yield distributions of weights and delays."""
    rule, normal = {"kind": "fixed_indegree", "indegree": 2}, {"kind": "normal", "mean": 80.0}
    for label, weight in {
        "weight: one value": 80.0,
        "weight: `uniform`": {"kind": "uniform", "low": 60.0, "high": 90.0},
        "weight: `normal`": {**normal, "sd": 8.0},
        "weight: `normal`, bounds by drawing again": {**normal, "sd": 8.0, "low": 0.0},
        "weight: `normal`, bounds by clipping": {**normal, "sd": 8.0, "low": 0.0, "clip": "bound"},
        "weight: `normal`, nearly all draws rejected": {**normal, "sd": 8.0, "low": 104.0},
        "weight: `lognormal`": {"kind": "lognormal", "median": 80.0, "sigma": 0.5},
        "weight: `exponential`": {"kind": "exponential", "scale": 80.0},
        "weight: `gamma`": {"kind": "gamma", "shape": 2.0, "scale": 40.0},
        "weight: `uniform_int`": {"kind": "uniform_int", "low": 60, "high": 90},
    }.items():
        yield Row(label, "projections.p", connected(rule, weight))
    inhibited = connected(rule, -80.0) | cells(parameters={"tau_syn_in": 3.0})
    yield Row("weight: below zero at an excitatory receptor", "projections.p", inhibited)
    for label, delay in {
        "delay: none": None,
        "delay: one value": 1.5,
        "delay: off the grid": 1.56,
        "delay: `uniform`": {"kind": "uniform", "low": 0.5, "high": 2.5},
        "delay: `normal`": {"kind": "normal", "mean": 1.5, "sd": 0.3, "low": 0.1},
        "delay: `lognormal`": {"kind": "lognormal", "median": 1.5, "sigma": 0.3, "low": 0.1},
        "delay: `gamma`": {"kind": "gamma", "shape": 4.0, "scale": 0.4, "low": 0.1},
        "delay: more than 65,535 steps": 7000.0,
    }.items():
        yield Row(label, "projections.p", connected(rule, delay=delay))


def inputs() -> Iterator[Row]:
    """Yield inputs."""
    to = {"receptor": "excitatory"}
    poisson = {**to, "rate": 8000.0, "weight": 80.0}
    given = {**to, "weight": 80.0, "neurons": [0, 3]}
    for label, kind, values in (
        ("Poisson input", "poisson_inputs", {**poisson, "delay": 1.5}),
        ("Poisson input from the first step on", "poisson_inputs", poisson),
        ("Poisson input that starts and stops", "poisson_inputs",
         {**poisson, "start": 5.0, "stop": 9.0}),
        ("Poisson input whose rate changes", "poisson_inputs",
         {**poisson, "times": [5.0, 9.0], "rates": [100.0, 8000.0]}),
        ("constant current", "current_inputs", {"amplitude": 300.0}),
        ("constant current, some neurons", "current_inputs", {"amplitude": 300.0, "neurons": [1]}),
        ("stepped current", "step_currents", {"times": [5.0, 9.0], "amplitudes": [300.0, 0.0]}),
        ("noise current, white", "noise_currents", {"sd": 300.0}),
        ("noise current, Ornstein-Uhlenbeck, some neurons", "noise_currents",
         {"sd": 300.0, "tau": 5.0, "neurons": [1]}),
        ("given spikes", "spike_inputs", {**given, "times": [5.0, 9.0]}),
        ("given spikes, one due at the end of the first step", "spike_inputs",
         {**given, "times": [0.1, 9.0]}),
        ("given spikes, one at time 0", "spike_inputs", {**given, "times": [0.0, 9.0]}),
        ("given spikes, each with a weight of its own", "spike_inputs",
         {**given, "times": [5.0, 9.0], "weight": [80.0, 40.0]}),
    ):  # fmt: skip
        yield Row(label, f"{kind}.i", with_input(kind, **values))
    shared = {"drive": "shared"}
    yield Row("Poisson input, `noise=shared`", "poisson_inputs.i",
              with_input("poisson_inputs", **poisson), shared)  # fmt: skip
    changing = {**poisson, "times": [5.0], "rates": [100.0], "stop": 9.0}
    yield Row("Poisson input whose rate changes, `noise=shared`", "poisson_inputs.i",
              with_input("poisson_inputs", **changing), shared)  # fmt: skip
    gated = {**cells("iaf_cond_nmda"),
             "current_inputs": [{"name": "i", "target": "A", "amplitude": 300.0}]}  # fmt: skip
    yield Row("constant current into `iaf_cond_nmda`", "current_inputs.i", gated)
    noisy = {**cells("iaf_cond_nmda"), **coupled({"kind": "uniform", "weight": 0.5}),
             "noise_currents": [{"name": "i", "target": "A", "sd": 300.0}]}  # fmt: skip
    yield Row("noise current into `iaf_cond_nmda`, coupled continuously", "noise_currents.i", noisy)


def recorders() -> Iterator[Row]:
    """Yield recorders."""
    yield Row("spikes", "recorders.r", recorded())
    yield Row("membrane potential", "recorders.r", recorded(variables=["V_m"]))
    yield Row("some neurons, at an interval", "recorders.r",
              recorded(variables=["V_m"], neurons=[1], interval=1.0))  # fmt: skip
    yield Row("synaptic currents", "recorders.r", recorded(variables=["I_syn_ex"]))
    yield Row("conductances", "recorders.r", recorded("iaf_cond_nmda", variables=["g_AMPA"]))
    yield Row("NMDA gates", "recorders.r", recorded("iaf_cond_nmda", variables=["s_NMDA"]))


def changing() -> Iterator[Row]:
    """Yield synapses that change, and what is recorded of them."""
    rule = {"kind": "fixed_indegree", "indegree": 2}
    for name, model in SYNAPSES.items():
        given = {"w_max": 100.0} if "w_max" in model.parameters else {}
        yield Row(f"`{name}`", "projections.p", connected(rule, synapse=name, parameters=given))
    own = SynapseModel(name="own", equations="dx/dt = -x/tau : 1 (pre)", on_pre={"x": "x + 1"},
                       send="w*(1 + x)", parameters={"tau": "20 ms"})  # fmt: skip
    yield Row("a user's model", "projections.p", connected(rule, synapse=own))
    additive = {"synapse": "stdp", "parameters": {"w_max": 100.0}}
    for label, delay in {
        "`stdp`, delays: `uniform`, 0.5 to 2.5 ms": {"kind": "uniform", "low": 0.5, "high": 2.5},
        "`stdp`, delays: `uniform`, 1 to 20 ms": {"kind": "uniform", "low": 1.0, "high": 20.0},
        "`stdp`, delay: 30 ms": 30.0,
    }.items():
        yield Row(label, "projections.p", connected(rule, delay=delay, **additive))
    two = connected(rule, **additive)
    other = {**two["projections"][0], "name": "q",
             "parameters": {"w_max": 100.0, "tau_minus": 30.0}}  # fmt: skip
    yield Row("`stdp`, two `tau_minus` onto one population", "projections",
              {**two, "projections": [*two["projections"], other]})  # fmt: skip
    recorder = {"synapse_recorders": [{"name": "w", "projection": "p", "synapses": [0, 1]}]}
    yield Row("events of some, weights of all at the end", "projections.p", {**two, **recorder})
    yield Row("`stdp`, read back", "projections.p", two, {"readback": True})


def couplings() -> Iterator[Row]:
    """Yield continuous couplings."""
    ring = {"kind": "ring", "weight": 0.5, "J_plus": 1.6, "sigma": 20.0}
    uniform = {"kind": "uniform", "weight": 0.5}
    exact = {"options": {"nmda": "exact"}}
    for label, kernel, more in (
        ("NMDA, `uniform` kernel", uniform, {}),
        ("NMDA, `ring` kernel", ring, {}),
        ("NMDA, `uniform` kernel, `nmda=exact`", uniform, exact),
    ):
        yield Row(label, "continuous_projections.c", coupled(kernel), more)


def ways() -> Iterator[Row]:
    """Yield time steps and options that approximate."""
    rule = {"kind": "fixed_indegree", "indegree": 2}
    spread = connected(rule, {"kind": "normal", "mean": 80.0, "sd": 8.0})
    fine = Simulation(dt=0.0125, warmup=0.0, duration=1.0)
    yield Row("a time step of 0.0125 ms", "simulation", cells(), {"simulation": fine})
    started = cells(initial={"I_syn_ex": 100.0})
    yield Row("a synaptic current at the start, `neurons=generated`", "populations.A", started,
              {"options": {"neurons": "generated"}})  # fmt: skip
    yield Row("states of 32 bits, `precision=single`", "populations", cells(),
              {"options": {"precision": "single"}})  # fmt: skip
    yield Row("weights of 16 bits, `weights=16-bit`", "projections.p", spread,
              {"options": {"weights": "16-bit"}})  # fmt: skip


SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "Neurons": neurons,
    "Connection rules": rules,
    "Weights and delays": weights,
    "Synapses that change": changing,
    "Inputs": inputs,
    "Recorders": recorders,
    "Continuous coupling": couplings,
    "Ways to run": ways,
}


# -- cells ------------------------------------------------------------------------------------


def plan(row: Row, backend: str) -> Plan | None:
    """Return the plan of a row's network, None if the adapter has no such option."""
    more = {"simulation": Simulation(dt=DT, warmup=0.0, duration=1.0), **row.more}
    adapter = get_backend(backend)
    if not set(more.get("options", {})) <= set(adapter.options):
        return None
    implausible = ["projections.p.delay"] if "projections" in row.pieces else []
    network = Network(name="support", accept=implausible, **row.pieces)
    return adapter.plan(RunRequest(network=network, backend=backend, **more))


def answers(found: Plan, thing: str) -> list[Entry]:
    """Return the ledger's lines for a thing and what is below it, the worst ones only."""
    lines = [e for e in found.ledger.entries if f"{e.thing}.".startswith(f"{thing}.")]
    worst = max((STATUS.index(e.status) for e in lines), default=0)
    return [e for e in lines if STATUS.index(e.status) == worst]


class Notes:
    """Numbered notes, equal ones once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def mark(self, text: str) -> str:
        """Return the mark of a note."""
        if not text:
            return ""
        number = self.numbers.setdefault(text, len(self.numbers) + 1)
        return f'<sup><a href="#n{number}">{number}</a></sup>'

    def lines(self) -> Iterator[str]:
        """Yield all notes."""
        for text, number in self.numbers.items():
            yield f'<a id="n{number}"></a>{number}. {text}  '


def cell(row: Row, backend: str, notes: Notes) -> str:
    """Return what an adapter answers for a row."""
    found = plan(row, backend)
    if found is None:
        return "-"
    entries = answers(found, row.thing)
    if not entries:
        return "exact"
    status = entries[0].status
    names = ", ".join(dict.fromkeys(f"`{e.name}`" for e in entries if e.name))
    texts = dict.fromkeys(f"{e.reason}. {e.error}".strip(". ") for e in entries)
    marks = "".join(notes.mark(text) for text in texts)
    text = f"approximate: {names}" if status == "approximate" else status
    return f"{text}{marks}"


def matrix() -> str:
    """Return the whole page."""
    notes, lines = Notes(), [HEAD]
    for title, rows in SECTIONS.items():
        lines += [
            f"## {title}\n",
            f"| | {' | '.join(BACKENDS.values())} |",
            "|---" * (len(BACKENDS) + 1) + "|",
        ]
        for row in rows():
            answered = " | ".join(cell(row, backend, notes) for backend in BACKENDS)
            lines.append(f"| {row.label} | {answered} |")
        lines.append("")
    lines += ["## Notes\n", *notes.lines()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(matrix(), encoding="utf-8")
