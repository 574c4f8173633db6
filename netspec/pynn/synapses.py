"""PyNN's synapses that change, as synapse models of netspec's.

The whole delay of a synapse is dendritic, as in NEST: a synapse sees a spike of its source when
that is made, and one of its target a delay later. STDP counts all pairs of spikes. Where a rule is
one of netspec's library, which NEST has too, it is that one; else, with a smallest weight other
than 0 or without potentiation, it is `stdp_bounded` here, which NEST cannot run. `Vogels2011Rule`
counts all pairs as well (in ``pyNN.neuron`` it counts the nearest).

A projection of netspec's has one number for each parameter, so synapses whose parameters differ
become several projections, of `KINDS` at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pyNN.standardmodels import build_translations, synapses

from netspec.describe.synapse_models import stdp
from netspec.describe.synapses import SynapseModel
from netspec.errors import UsageError
from netspec.pynn.carried import Target
from netspec.pynn.static import Columns, Kind, Synaptic

KINDS = 1000
EXPONENTS = ("mu_plus", "mu_minus")
# of no facilitation: shorter than any time step
AT_ONCE = 0.001  # ms

stdp_bounded = SynapseModel(
    name="stdp_bounded",
    description="Spike-timing-dependent plasticity between two bounds, all pairs (PyNN's "
    "SpikePairRule with any of its weight dependences; Guetig, Aharonov, Rotter, Sompolinsky 2003, "
    "J Neurosci 23:3697). Amplitudes are shares of the range of weights.",
    equations="""
        dx/dt = -x/tau_plus : 1 (pre)
        dy/dt = -y/tau_minus : 1 (post)
        range = w_max - w_min : weight
        share = (w - w_min)/range : 1
    """,
    on_pre={"w": "w_min + range*clip(share - A_minus*share^mu_minus*y, 0, 1)", "x": "x + 1"},
    on_post={"w": "w_min + range*clip(share + A_plus*(1 - share)^mu_plus*x, 0, 1)", "y": "y + 1"},
    parameters={
        **{n: stdp.parameters[n] for n in ("tau_plus", "tau_minus", "mu_plus", "mu_minus")},
        "A_plus": stdp.parameters["lam"],
        "A_minus": stdp.parameters["lam"],
        "w_max": stdp.parameters["w_max"],
        "w_min": stdp.parameters["w_max"],
    },
    between=("w_min", "w_max"),
)


def alike(
    columns: Mapping[str, Any], size: int
) -> Iterator[tuple[NDArray[np.bool_] | None, dict[str, float]]]:
    """Yield which synapses have the same values, and these; None for all of them.

    Raises
    ------
    UsageError
        If they are too many kinds.
    """
    fixed = {name: float(v) for name, v in columns.items() if np.ndim(v) == 0}
    varying = {name: np.asarray(v, float) for name, v in columns.items() if name not in fixed}
    if not varying:
        yield None, fixed
        return
    rows, number = np.unique(np.stack([*varying.values()], 1), axis=0, return_inverse=True)
    if len(rows) > KINDS:
        raise UsageError(
            f"{', '.join(varying)}: given {len(rows)} different values for {size} synapses; "
            f"allowed: {KINDS}, since synapses whose parameters differ are projections of their own"
        )
    number = number.ravel()
    for index, row in enumerate(rows):
        own = dict(zip(varying, map(float, row), strict=True))
        yield number == index, fixed | own


class TsodyksMarkramSynapse(Synaptic, synapses.TsodyksMarkramSynapse):
    __doc__ = synapses.TsodyksMarkramSynapse.__doc__
    translations = build_translations(
        ("weight", "weight"), ("delay", "delay"), ("U", "U"), ("tau_rec", "tau_rec"),
        ("tau_facil", "tau_facil"),
    )  # fmt: skip

    def kinds(self, columns: Columns, size: int, target: Target) -> Iterator[Kind]:
        """Yield the synapses that have the same parameters.

        What was used is active for the time constant of the target's current or conductance; where
        that has none (a jump of V_m), it recovers at once.
        """
        given = {name: columns[name] for name in ("U", "tau_rec", "tau_facil")}
        active = target.tau_syn
        if active is not None:
            given["tau_psc"] = active
        for which, values in alike(given, size):
            parameters = {
                "U": values["U"],
                "tau_rec": values["tau_rec"],
                "tau_fac": max(values["tau_facil"], AT_ONCE),
            }
            model = "tsodyks_markram"
            if active is not None:
                model = "tsodyks_uziel_markram"
                parameters["tau_psc"] = values["tau_psc"]
                if values["tau_psc"] == values["tau_rec"]:
                    raise UsageError(
                        f"TsodyksMarkramSynapse: given tau_rec={values['tau_rec']:g} ms, which is "
                        "the target's time constant; allowed: another value"
                    )
            yield which, {"synapse": model, "parameters": parameters}

    @staticmethod
    def set_initial(projection: Any, variable: str, value: Any) -> None:
        """Take the initial value of `u`, which is 0 before the first spike.

        Raises
        ------
        UsageError
            If it is another.
        """
        if variable != "u" or np.any(np.asarray(value) != 0):
            raise UsageError(
                f"projection {projection.label!r}: initial value of {variable!r}; allowed: u = 0, "
                "so that the first spike uses U"
            )


class STDPMechanism(Synaptic, synapses.STDPMechanism):
    __doc__ = synapses.STDPMechanism.__doc__
    base_translations = build_translations(
        ("weight", "weight"), ("delay", "delay"),
        ("dendritic_delay_fraction", "dendritic_delay_fraction"),
    )  # fmt: skip
    changes = True

    def __init__(
        self,
        timing_dependence: Any = None,
        weight_dependence: Any = None,
        voltage_dependence: Any = None,
        dendritic_delay_fraction: float = 1.0,
        weight: Any = 0.0,
        delay: Any = None,
    ) -> None:
        if dendritic_delay_fraction != 1:
            raise UsageError(
                f"STDPMechanism: given dendritic_delay_fraction={dendritic_delay_fraction}; "
                "allowed: 1, since the whole delay is dendritic (as in NEST)"
            )
        for name, part in (("timing", timing_dependence), ("weight", weight_dependence)):
            if part is None:
                raise UsageError(f"STDPMechanism: given no {name}_dependence; allowed: one")
        if voltage_dependence is not None:
            raise UsageError(
                f"STDPMechanism: given voltage_dependence={voltage_dependence!r}; allowed: none"
            )
        super().__init__(
            timing_dependence, weight_dependence, voltage_dependence, dendritic_delay_fraction,
            weight, delay,
        )  # fmt: skip
        if not timing_dependence.possible_models & weight_dependence.possible_models:
            raise UsageError(
                f"STDPMechanism: given {type(timing_dependence).__name__} with "
                f"{type(weight_dependence).__name__}; allowed: AdditiveWeightDependence"
            )

    def _build_translations(self) -> None:
        # of this mechanism alone, not of the class
        self.translations = dict(self.base_translations)
        for part in (self.timing_dependence, self.weight_dependence):
            self.translations |= part.translations

    def kinds(self, columns: Columns, size: int, target: Target) -> Iterator[Kind]:
        """Yield the synapses that have the same parameters."""
        others = ("weight", "delay", "dendritic_delay_fraction")
        given = {name: values for name, values in columns.items() if name not in others}
        for which, values in alike(given, size):
            yield which, self.timing_dependence.rule(self.weight_dependence, values, target.factor)


class SpikePairRule(synapses.SpikePairRule):
    __doc__ = synapses.SpikePairRule.__doc__
    translations = build_translations(
        *((name, name) for name in ("tau_plus", "tau_minus", "A_plus", "A_minus"))
    )
    possible_models = frozenset({"pairs"})

    @staticmethod
    def rule(dependence: Any, values: Mapping[str, float], factor: float) -> dict[str, Any]:
        """Return what a projection of netspec's says of the rule."""
        exponents = dependence.exponents(values)
        parameters = {
            "tau_plus": values["tau_plus"], "tau_minus": values["tau_minus"],
            "w_max": values["w_max"] * factor, **exponents,
        }  # fmt: skip
        plus, minus = values["A_plus"], values["A_minus"]
        if values["w_min"] == 0 and plus > 0:
            return {
                "synapse": "stdp",
                "parameters": {**parameters, "lam": plus, "alpha": minus / plus},
            }
        # an additive step is a share of the largest weight
        share = values["w_max"] / (values["w_max"] - values["w_min"])
        parameters |= {
            "w_min": values["w_min"] * factor,
            "A_plus": plus if exponents["mu_plus"] else plus * share,
            "A_minus": minus if exponents["mu_minus"] else minus * share,
        }
        return {"synapse": stdp_bounded, "parameters": parameters}


class Vogels2011Rule(synapses.Vogels2011Rule):
    __doc__ = synapses.Vogels2011Rule.__doc__
    translations = build_translations(("tau", "tau"), ("eta", "eta"), ("rho", "rho"))
    possible_models = frozenset({"vogels"})

    @staticmethod
    def rule(dependence: Any, values: Mapping[str, float], factor: float) -> dict[str, Any]:
        """Return what a projection of netspec's says of the rule.

        Raises
        ------
        UsageError
            If weights have another lower bound than 0.
        """
        if values["w_min"] != 0:
            raise UsageError(
                f"Vogels2011Rule: given w_min={values['w_min']:g}; allowed: 0, as in the paper"
            )
        # eta is a weight in PyNN, a share of the largest in netspec; rho is in Hz
        parameters = {
            "tau": values["tau"],
            "eta": values["eta"] / abs(values["w_max"]),
            "alpha": 2 * values["rho"] / 1000 * values["tau"],
            "w_max": values["w_max"] * factor,
        }
        return {"synapse": "vogels2011", "parameters": parameters}


_BOUNDS = (("w_max", "w_max"), ("w_min", "w_min"))


class _Dependence:
    """How changes depend on weights: by powers, which are `mu`, or parameters where it is empty."""

    mu: ClassVar[Mapping[str, float]] = {}

    def exponents(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return those of potentiation and depression."""
        return {name: (self.mu or values)[name] for name in EXPONENTS}


class AdditiveWeightDependence(_Dependence, synapses.AdditiveWeightDependence):
    __doc__ = synapses.AdditiveWeightDependence.__doc__
    translations = build_translations(*_BOUNDS)
    possible_models = frozenset({"pairs", "vogels"})
    mu = {"mu_plus": 0.0, "mu_minus": 0.0}


class MultiplicativeWeightDependence(_Dependence, synapses.MultiplicativeWeightDependence):
    __doc__ = synapses.MultiplicativeWeightDependence.__doc__
    translations = build_translations(*_BOUNDS)
    possible_models = frozenset({"pairs"})
    mu = {"mu_plus": 1.0, "mu_minus": 1.0}


class AdditivePotentiationMultiplicativeDepression(
    _Dependence, synapses.AdditivePotentiationMultiplicativeDepression
):
    __doc__ = synapses.AdditivePotentiationMultiplicativeDepression.__doc__
    translations = build_translations(*_BOUNDS)
    possible_models = frozenset({"pairs"})
    mu = {"mu_plus": 0.0, "mu_minus": 1.0}


class GutigWeightDependence(_Dependence, synapses.GutigWeightDependence):
    __doc__ = synapses.GutigWeightDependence.__doc__
    translations = build_translations(*_BOUNDS, *((name, name) for name in EXPONENTS))
    possible_models = frozenset({"pairs"})
