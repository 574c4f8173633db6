"""Write docs/models.md: the library of neuron and synapse models, as it is.

python scripts/models_page.py [FILE]
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from netspec.describe.models import LIBRARY
from netspec.describe.neurons import NeuronModel
from netspec.describe.synapse_models import SYNAPSES
from netspec.describe.synapses import SynapseModel

FILE = Path(__file__).parents[1] / "docs" / "models.md"
HEAD = """\
# Models of the library

Written by `python scripts/models_page.py` from the library; a test fails when it is stale. `netspec
list --models` shows the same in the terminal (`--json`: with the equations). Names, parameters,
defaults and units are NEST's, which a test compares; those of `iaf_cond_nmda` are of Compte et al.
(2000). An event adds its weight to the state that its receptor names. `I_stim` (pA) is the input of
currents. States that are linear are advanced exactly, the others by the integrator that is named.

[Synapses that change](#synapses-that-change) stand at the end.
"""
CHANGE = """\
# Synapses that change

A projection names one by `synapse`. States are one a source (`pre`), one a target (`post`) or one a
synapse; `w` is the weight, and the unit `weight` is that of the projection's weights, whatever it
is. `on_pre` is what a spike of the source does, `on_post` one of the target, `send` what an event
adds to the receptor's variable. The whole delay lies behind the synapse: it sees a spike of its
source at t, one of its target a delay later, and sends to a delay later. At one time the target's
spike comes first, then the source's, then the event; states of sources and targets step last.
"""


def section(model: NeuronModel) -> Iterator[str]:
    """Yield the lines on one model."""
    yield f"## {model.name}\n"
    yield textwrap.fill(model.description, 100) + "\n"
    yield "```\n" + textwrap.dedent(model.equations).strip().replace("\n    ", "\n") + "\n```\n"
    reset = "; ".join(f"`{state} = {value}`" for state, value in model.reset.items()) or "none"
    units = model.units_of_states
    receptors = ", ".join(f"`{r}` onto {s} ({units[s]})" for r, s in model.receptors.items())
    initial = ", ".join(f"{s} = {v}" for s, v in model.initial.items())
    spikes = f"Threshold: `{model.threshold}`" if model.threshold else "Threshold: none"
    spikes += f"; escape rate: `{model.escape}`" if model.escape else ""
    yield f"- {spikes}; reset: {reset}; refractory: {model.refractory or 'none'}"
    yield f"- Receptors: {receptors}"
    start = f"{initial}, all others 0" if initial else "all 0"
    yield f"- Initial values: {start}; integrator: {model.integrator}\n"
    if not model.parameters:
        return
    yield "| parameter | default | unit | plausible |"
    yield "|---|---|---|---|"
    for name, parameter in model.parameters.items():
        plausible = f"{parameter.low:g} to {parameter.high:g}"
        yield f"| {name} | {parameter.default:g} | {parameter.unit} | {plausible} |"
    yield ""


def synapse_section(model: SynapseModel) -> Iterator[str]:
    """Yield the lines on one synapse model."""
    yield f"## {model.name}\n"
    yield textwrap.fill(model.description, 100) + "\n"
    if model.is_static:
        return
    yield "```\n" + textwrap.dedent(model.equations).strip() + "\n```\n"
    for end in ("pre", "post"):
        changes = getattr(model, f"on_{end}").items()
        text = "; ".join(f"`{state} = {value}`" for state, value in changes)
        yield f"- on_{end}: {text or 'nothing'}"
    yield f"- send: `{model.send}`"
    if model.between is not None:
        yield f"- Weights begin between `{model.between[0]}` and `{model.between[1]}`"
    initial = ", ".join(f"{s} = {v:g}" for s, v in model.initial.items())
    yield f"- Initial values: {f'{initial}, all others 0' if initial else 'all 0'}\n"
    yield "| parameter | default | unit | plausible |"
    yield "|---|---|---|---|"
    for name, parameter in model.parameters.items():
        default = "to be given" if parameter.default is None else f"{parameter.default:g}"
        bounds = f"{parameter.low:g} to {parameter.high:g}" if parameter.high else "as of weights"
        yield f"| {name} | {default} | {parameter.unit} | {bounds} |"
    yield ""


def page() -> str:
    """Return the text of the page."""
    neurons = (line for model in LIBRARY.values() for line in section(model))
    changing = (line for model in SYNAPSES.values() for line in synapse_section(model))
    return "\n".join([HEAD, *neurons, CHANGE, *changing])


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else FILE).write_text(page())
