"""The standard cells of PyNN that netspec carries: translations, and which model each one is.

Parameters come in PyNN's units (nF, nA, uS) and go on in netspec's (pF, pA, nS). The models are
those of netspec's library, which an adapter runs by a model built into its simulator where that is
exact. `HH_cond_exp` spikes where V_m reaches ``v_offset + 30 mV``, and not again for 2 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pyNN.standardmodels import build_translations, cells

from netspec.describe import models
from netspec.describe.models.escape import NUMBERS
from netspec.pynn.carried import NANO, Carried, Observed
from netspec.pynn.models import iaf_cond_exp_sfa_rr

V = Observed(("V_m",))
CONDUCTANCES = {
    "gsyn_exc": Observed(("g_ex",), 1 / NANO),
    "gsyn_inh": Observed(("g_in",), 1 / NANO),
}
CURRENTS = {
    "isyn_exc": Observed(("I_syn_ex",), 1 / NANO),
    "isyn_inh": Observed(("I_syn_in",), 1 / NANO),
}
ADAPTATION = Observed(("w",), 1 / NANO)

_REST = (("tau_refrac", "t_ref"), ("v_reset", "V_reset"), ("v_rest", "E_L"))
_CAPACITANCE = ("cm", "C_m", NANO)
_OFFSET = ("i_offset", "I_e", NANO)
_THRESHOLD = ("v_thresh", "V_th")
_LEAK = ("tau_m", "g_L", f"cm/tau_m*{NANO}", "C_m/g_L")
_SYNAPSES = (("tau_syn_E", "tau_syn_ex"), ("tau_syn_I", "tau_syn_in"))
_REVERSALS = (("e_rev_E", "E_ex"), ("e_rev_I", "E_in"))
current_based = (*_REST, _CAPACITANCE, ("tau_m", "tau_m"), _THRESHOLD, _OFFSET)
_CONDUCTANCE_BASED = (*_REST, _CAPACITANCE, _LEAK, _OFFSET, *_SYNAPSES, *_REVERSALS)
adaptive = (
    *_REST, _CAPACITANCE, _LEAK, _OFFSET, _THRESHOLD, ("v_spike", "V_peak"),
    ("a", "a"), ("b", "b", NANO), ("delta_T", "Delta_T"), ("tau_w", "tau_w"),
)  # fmt: skip


class IF_curr_exp(Carried, cells.IF_curr_exp):
    __doc__ = cells.IF_curr_exp.__doc__
    model = models.iaf_psc_exp
    translations = build_translations(*current_based, *_SYNAPSES)
    variables = {"v": V, **CURRENTS}


class IF_curr_alpha(Carried, cells.IF_curr_alpha):
    __doc__ = cells.IF_curr_alpha.__doc__
    model = models.iaf_psc_alpha
    translations = build_translations(*current_based, *_SYNAPSES)
    variables = {"v": V, **CURRENTS}


class IF_curr_delta(Carried, cells.IF_curr_delta):
    __doc__ = cells.IF_curr_delta.__doc__
    model = models.iaf_psc_delta
    translations = build_translations(*current_based)
    variables = {"v": V}
    weight_factor = 1.0  # mV


class IF_cond_exp(Carried, cells.IF_cond_exp):
    __doc__ = cells.IF_cond_exp.__doc__
    model = models.iaf_cond_exp
    translations = build_translations(*_CONDUCTANCE_BASED, _THRESHOLD)
    variables = {"v": V, **CONDUCTANCES}


class IF_cond_alpha(Carried, cells.IF_cond_alpha):
    __doc__ = cells.IF_cond_alpha.__doc__
    model = models.iaf_cond_alpha
    translations = build_translations(*_CONDUCTANCE_BASED, _THRESHOLD)
    variables = {"v": V, **CONDUCTANCES}


class IF_cond_exp_gsfa_grr(Carried, cells.IF_cond_exp_gsfa_grr):
    __doc__ = cells.IF_cond_exp_gsfa_grr.__doc__
    model = iaf_cond_exp_sfa_rr
    translations = build_translations(
        *_CONDUCTANCE_BASED, _THRESHOLD,
        ("tau_sfa", "tau_sfa"), ("e_rev_sfa", "E_sfa"), ("q_sfa", "q_sfa"),
        ("tau_rr", "tau_rr"), ("e_rev_rr", "E_rr"), ("q_rr", "q_rr"),
    )  # fmt: skip
    variables = {
        "v": V, **CONDUCTANCES, "g_s": Observed(("g_sfa",)), "g_r": Observed(("g_rr",)),
    }  # fmt: skip


class IF_facets_hardware1(Carried, cells.IF_facets_hardware1):
    __doc__ = cells.IF_facets_hardware1.__doc__
    model = models.iaf_cond_exp
    translations = build_translations(
        ("v_reset", "V_reset"), ("v_rest", "E_L"), _THRESHOLD, ("g_leak", "g_L"), *_SYNAPSES,
        ("e_rev_I", "E_in"),
    )  # fmt: skip
    fixed = {"C_m": 200.0, "t_ref": 1.0, "E_ex": 0.0, "I_e": 0.0}
    variables = {"v": V, **CONDUCTANCES}


class EIF_cond_exp_isfa_ista(Carried, cells.EIF_cond_exp_isfa_ista):
    __doc__ = cells.EIF_cond_exp_isfa_ista.__doc__
    model = models.aeif_cond_exp
    translations = build_translations(*adaptive, *_SYNAPSES, *_REVERSALS)
    variables = {"v": V, "w": ADAPTATION, **CONDUCTANCES}


class EIF_cond_alpha_isfa_ista(Carried, cells.EIF_cond_alpha_isfa_ista):
    __doc__ = cells.EIF_cond_alpha_isfa_ista.__doc__
    model = models.aeif_cond_alpha
    translations = build_translations(*adaptive, *_SYNAPSES, *_REVERSALS)
    variables = {"v": V, "w": ADAPTATION, **CONDUCTANCES}


class HH_cond_exp(Carried, cells.HH_cond_exp):
    __doc__ = cells.HH_cond_exp.__doc__
    model = models.hh_cond_exp_traub
    fixed = {"t_ref": 2.0}  # spikes of which less lies between are one
    receptor_types = ("excitatory", "inhibitory")  # the third, of gap junctions, is not carried
    translations = build_translations(
        ("gbar_Na", "g_Na", NANO), ("gbar_K", "g_K", NANO), ("g_leak", "g_L", NANO),
        _CAPACITANCE, ("v_offset", "V_T"), ("e_rev_Na", "E_Na"), ("e_rev_K", "E_K"),
        ("e_rev_leak", "E_L"), *_REVERSALS, *_SYNAPSES, _OFFSET,
    )  # fmt: skip
    variables = {
        "v": V, **CONDUCTANCES,
        "m": Observed(("Act_m",)), "h": Observed(("Inact_h",)), "n": Observed(("Act_n",)),
    }  # fmt: skip
    recordable = [*cells.HH_cond_exp.recordable, "m", "h", "n"]
    units = cells.HH_cond_exp.units | dict.fromkeys("mhn", "dimensionless")


class Izhikevich(Carried, cells.Izhikevich):
    __doc__ = cells.Izhikevich.__doc__
    model = models.izhikevich
    fixed = {"V_th": 30.0}
    # published without a capacitance: with 1 pF, pA are mV/ms, and nS are 1/ms
    translations = build_translations(("a", "a"), ("b", "b"), ("c", "c"), ("d", "d"), _OFFSET)
    variables = {"v": V, "u": Observed(("U_m",))}
    weight_factor = 1.0  # mV


class GIF_cond_exp(Carried, cells.GIF_cond_exp):
    __doc__ = cells.GIF_cond_exp.__doc__
    model = models.gif_cond_exp
    translations = build_translations(
        *_CONDUCTANCE_BASED, ("delta_v", "Delta_V"), ("v_t_star", "V_T_star"),
        ("lambda0", "lambda_0", 1e-3),  # Hz, and 1/ms
        ("tau_eta", "tau_stc"), ("a_eta", "q_stc", NANO), ("tau_gamma", "tau_sfa"),
        ("a_gamma", "q_sfa"),
    )  # fmt: skip
    variables = {
        "v": V, **CONDUCTANCES,
        "i_eta": Observed(tuple(f"stc_{n}" for n in NUMBERS), 1 / NANO),
        "v_t": Observed(tuple(f"sfa_{n}" for n in NUMBERS), offset="V_T_star"),
    }  # fmt: skip

    def native_to_parameters(self, native: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters of the model; each list of three is three of them."""
        found = dict(native)
        for name in ("tau_stc", "q_stc", "tau_sfa", "q_sfa"):
            rows = np.array([np.asarray(entry.value, float) for entry in found.pop(name)])
            if rows.shape[1] > len(NUMBERS):
                raise ValueError(
                    f"GIF_cond_exp: {rows.shape[1]} values of {name}; at most {len(NUMBERS)}"
                )
            for n in NUMBERS:
                spare = 1.0 if name.startswith("tau") else 0.0
                found[f"{name}_{n}"] = (
                    rows[:, n - 1] if n <= rows.shape[1] else np.full(len(rows), spare)
                )
        return found
