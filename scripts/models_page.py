"""Write docs/models.md: the library of neuron models, as it is.

python scripts/models_page.py [FILE]
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from netspec.describe.models import LIBRARY
from netspec.describe.neurons import NeuronModel

FILE = Path(__file__).parents[1] / "docs" / "models.md"
HEAD = """\
# Neuron models of the library

Written by `python scripts/models_page.py` from the library; a test fails when it is stale. `netspec
list --models` shows the same in the terminal (`--json`: with the equations). Names, parameters,
defaults and units are NEST's, which a test compares; those of `iaf_cond_nmda` are of Compte et al.
(2000). An event adds its weight to the state that its receptor names. `I_stim` (pA) is the input of
currents. States that are linear are advanced exactly, the others by the integrator that is named.
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
    yield f"- {spikes}; reset: {reset}; refractory: {model.refractory}"
    yield f"- Receptors: {receptors}"
    yield f"- Initial values: {initial}, all others 0; integrator: {model.integrator}\n"
    yield "| parameter | default | unit | plausible |"
    yield "|---|---|---|---|"
    for name, parameter in model.parameters.items():
        plausible = f"{parameter.low:g} to {parameter.high:g}"
        yield f"| {name} | {parameter.default:g} | {parameter.unit} | {plausible} |"
    yield ""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, *(line for m in LIBRARY.values() for line in section(m))])


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else FILE).write_text(page())
