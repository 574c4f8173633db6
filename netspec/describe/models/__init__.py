"""The library of neuron models: equations, published parameters and what is plausible of them.

The standard cells, under the names, parameters, defaults and units of NEST's models. Each stands
with its equations and source in `current_based`, `conductance_based`, `adaptive`, `escape`,
`hodgkin_huxley` or `sources`; docs/models.md shows all of them.
"""

from __future__ import annotations

from netspec.describe.models.adaptive import aeif_cond_alpha, aeif_cond_exp, izhikevich
from netspec.describe.models.conductance_based import (
    iaf_cond_alpha,
    iaf_cond_beta,
    iaf_cond_exp,
    iaf_cond_nmda,
)
from netspec.describe.models.current_based import iaf_psc_alpha, iaf_psc_delta, iaf_psc_exp
from netspec.describe.models.escape import gif_cond_exp, gif_psc_exp
from netspec.describe.models.hodgkin_huxley import hh_cond_exp_traub
from netspec.describe.models.sources import parrot_neuron
from netspec.describe.neurons import NeuronModel

LIBRARY: dict[str, NeuronModel] = {
    model.name: model
    for model in (
        *(iaf_psc_exp, iaf_psc_delta, iaf_psc_alpha),
        *(iaf_cond_nmda, iaf_cond_exp, iaf_cond_alpha, iaf_cond_beta),
        *(aeif_cond_exp, aeif_cond_alpha, izhikevich, hh_cond_exp_traub),
        *(gif_psc_exp, gif_cond_exp),
        parrot_neuron,
    )
}

__all__ = [
    "LIBRARY",
    "aeif_cond_alpha",
    "aeif_cond_exp",
    "gif_cond_exp",
    "gif_psc_exp",
    "hh_cond_exp_traub",
    "iaf_cond_alpha",
    "iaf_cond_beta",
    "iaf_cond_exp",
    "iaf_cond_nmda",
    "iaf_psc_alpha",
    "iaf_psc_delta",
    "iaf_psc_exp",
    "izhikevich",
    "parrot_neuron",
]
