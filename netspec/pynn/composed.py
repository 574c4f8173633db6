"""`PointNeuron`: a neuron (`LIF`, `AdExp`) and its receptors, composed into one set of equations.

Every receptor has a name, which its states and parameters in the model end with; PyNN's names of
them have it in front, as in ``AMPA.tau_syn``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pyNN.parameters import ParameterSpace
from pyNN.standardmodels import build_translations, cells, receptors

from netspec.describe import models
from netspec.describe.models.adaptive import ADAPTIVE
from netspec.describe.models.tables import REVERSAL, SYNAPTIC_TIME, parameters
from netspec.describe.neurons import NeuronModel, Parameter
from netspec.pynn.carried import NANO, Carried, Observed
from netspec.pynn.cells import ADAPTATION, V, adaptive, current_based

MEMBRANE = """
    I_syn = {} : pA
    dV_m/dt = -(V_m - E_L)/tau_m + (I_syn + I_e + I_stim)/C_m : mV (unless refractory)
"""
OWN_SYNAPSES = "    I_syn = -g_ex*(V - E_ex) - g_in*(V - E_in) : pA\n"


class LIF(cells.LIF):
    __doc__ = cells.LIF.__doc__
    model, membrane, voltage = models.iaf_psc_exp, MEMBRANE, "V_m"
    translations = build_translations(*current_based)
    variables = {"v": V}


class AdExp(cells.AdExp):
    __doc__ = cells.AdExp.__doc__
    model, voltage = models.aeif_cond_exp, "V"
    membrane = ADAPTIVE.replace(OWN_SYNAPSES, "    I_syn = {} : pA\n")
    translations = build_translations(*adaptive)
    variables = {"v": V, "w": ADAPTATION}


class _Response:
    """What a receptor adds to the equations; `{n}` is its name, `{v}` the membrane potential.

    Attributes
    ----------
    current : str
        Its current, in pA.
    equations : str
    event : str
        The state that an event adds its weight to.
    observed : tuple of (str, str)
        PyNN's variable, and the state that it is.
    rows : mapping
        Parameter -> default, unit and what is plausible.
    """

    current = "-g_syn_{n}*({v} - e_syn_{n})"
    equations: str
    event = "g_syn_{n}"
    observed = ("gsyn", "g_syn_{n}")
    rows: Mapping[str, Any]
    recordable = ("gsyn",)
    scale_factors = {"gsyn": 1 / NANO}


_TIME = (5.0, *SYNAPTIC_TIME)
_REVERSAL = (0.0, *REVERSAL)


class CurrExpPostSynapticResponse(_Response, receptors.CurrExpPostSynapticResponse):
    __doc__ = receptors.CurrExpPostSynapticResponse.__doc__
    translations = build_translations(("locations", "locations"), ("tau_syn", "tau_syn"))
    current, event, observed = "I_syn_{n}", "I_syn_{n}", ("isyn", "I_syn_{n}")
    equations = "    dI_syn_{n}/dt = -I_syn_{n}/tau_syn_{n} : pA\n"
    rows = {"tau_syn": _TIME}
    recordable, scale_factors = ("isyn",), {"isyn": 1 / NANO}


class CondExpPostSynapticResponse(_Response, receptors.CondExpPostSynapticResponse):
    __doc__ = receptors.CondExpPostSynapticResponse.__doc__
    translations = build_translations(
        ("locations", "locations"), ("e_syn", "e_syn"), ("tau_syn", "tau_syn")
    )
    equations = "    dg_syn_{n}/dt = -g_syn_{n}/tau_syn_{n} : nS\n"
    rows = {"e_syn": _REVERSAL, "tau_syn": _TIME}


class CondAlphaPostSynapticResponse(_Response, receptors.CondAlphaPostSynapticResponse):
    __doc__ = receptors.CondAlphaPostSynapticResponse.__doc__
    translations = CondExpPostSynapticResponse.translations
    event = "x_syn_{n}"
    equations = """
    dx_syn_{n}/dt = -x_syn_{n}/tau_syn_{n} : nS
    dg_syn_{n}/dt = (exp(1)*x_syn_{n} - g_syn_{n})/tau_syn_{n} : nS
"""
    rows = CondExpPostSynapticResponse.rows


class CondBetaPostSynapticResponse(_Response, receptors.CondBetaPostSynapticResponse):
    __doc__ = receptors.CondBetaPostSynapticResponse.__doc__
    translations = build_translations(
        *((name, name) for name in ("locations", "e_syn", "tau_rise", "tau_decay"))
    )
    event = "x_syn_{n}"
    # as of iaf_cond_beta: a weight is the peak
    equations = """
    p_{n} = 1/exprel(log(tau_decay_{n}/tau_rise_{n})) : 1
    k_{n} = exp(p_{n})/tau_rise_{n} : 1/ms
    dx_syn_{n}/dt = -x_syn_{n}/tau_decay_{n} : nS
    dg_syn_{n}/dt = k_{n}*x_syn_{n} - g_syn_{n}/tau_rise_{n} : nS
"""
    rows = {"e_syn": _REVERSAL, "tau_rise": _TIME, "tau_decay": _TIME}


ExpPSR = CondExpPostSynapticResponse
AlphaPSR = CondAlphaPostSynapticResponse
BetaPSR = CondBetaPostSynapticResponse


class PointNeuron(Carried, cells.PointNeuron):
    """A point neuron composed of a neuron and any number of named receptors."""

    neuron: Any
    post_synaptic_receptors: Mapping[str, Any]

    def check_carried(self) -> None:
        """Raise if the neuron or a receptor is of another module."""
        for part in (self.neuron, *self.post_synaptic_receptors.values()):
            if not isinstance(part, (LIF, AdExp, _Response)):
                raise TypeError(
                    f"PointNeuron: a part of type {type(part).__name__}; allowed: LIF or AdExp, "
                    "and the post-synaptic responses of netspec.pynn"
                )

    @property
    def receptors(self) -> dict[str, str]:  # type: ignore[override]
        """Receptor of PyNN's -> of the model: the same name."""
        return {name: name for name in self.post_synaptic_receptors}

    @property
    def variables(self) -> dict[str, Observed]:  # type: ignore[override]
        """Variable of PyNN's -> what it is in the model."""
        found = dict(self.neuron.variables)
        for name, response in self.post_synaptic_receptors.items():
            theirs, state = response.observed
            found[f"{name}.{theirs}"] = Observed((state.format(n=name),), 1 / NANO)
        return found

    @property
    def translations(self) -> dict[str, Any]:
        """PyNN's parameters, with those of receptors by dots -> how to translate them."""
        found = dict(self.neuron.translations)
        for name, response in self.post_synaptic_receptors.items():
            for parameter in response.rows:
                theirs, ours = f"{name}.{parameter}", f"{parameter}_{name}"
                found[theirs] = {
                    "translated_name": ours,
                    "forward_transform": lambda theirs=theirs, **given: given[theirs],
                    "reverse_transform": ours,
                    "type": "simple",
                }
        return found

    def get_schema(self) -> dict[str, type]:
        """Return parameter -> type, those of receptors by dots."""
        dotted = dict.fromkeys(self.translations, float)
        return {**dotted, **self.neuron.get_schema()}

    @property
    def native_parameters(self) -> ParameterSpace:
        """All parameters by the names of the model."""
        values = dict(self.neuron.parameter_space.items())
        for name, response in self.post_synaptic_receptors.items():
            given = response.parameter_space
            values |= {f"{name}.{parameter}": given[parameter] for parameter in response.rows}
        flat = ParameterSpace({}, self.get_schema(), self.neuron.parameter_space.shape)
        for name, value in values.items():
            flat._parameters[name] = value
        return self.translate(flat)

    def netspec_model(self) -> NeuronModel:
        """Return the composed model."""
        return self.composed

    @cached_property
    def composed(self) -> NeuronModel:
        """The membrane of the neuron with the currents and equations of its receptors."""
        neuron, responses = self.neuron, self.post_synaptic_receptors
        current = " + ".join(
            response.current.format(n=name, v=neuron.voltage)
            for name, response in responses.items()
        )
        own: dict[str, Parameter] = {}
        for name, response in responses.items():
            rows = {f"{parameter}_{name}": row for parameter, row in response.rows.items()}
            own |= parameters(**rows)
        names = {t["translated_name"] for t in neuron.translations.values()}
        base = neuron.model
        return NeuronModel(
            name="_".join([type(neuron).__name__, *responses])[:60],
            equations=neuron.membrane.format(current)
            + "".join(r.equations.format(n=name) for name, r in responses.items()),
            threshold=base.threshold,
            reset=base.reset,
            refractory=base.refractory,
            receptors={name: r.event.format(n=name) for name, r in responses.items()},
            inputs=base.inputs,
            initial=base.initial,
            parameters={n: p for n, p in base.parameters.items() if n in names} | own,
        )
