"""How netspec's neuron models stand in NEST: names, factors, and what is not the same.

A row of a table is (ours, theirs). A model is recognised by its equations, not its name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from netspec.describe.models import (
    aeif_cond_alpha,
    aeif_cond_exp,
    hh_cond_exp_traub,
    iaf_cond_alpha,
    iaf_cond_beta,
    iaf_cond_exp,
    iaf_cond_nmda,
    iaf_psc_alpha,
    iaf_psc_delta,
    iaf_psc_exp,
    izhikevich,
)
from netspec.describe.neurons import NeuronModel
from netspec.execute.contract import Entry


@dataclass(frozen=True)
class NativeModel:
    """A NEST neuron model that is the same as one of ours.

    Attributes
    ----------
    ours : NeuronModel
    theirs : str
    parameters : dict
        Our parameter -> theirs.
    recordables : dict
        Our state variable -> theirs.
    receptors : dict
        Our receptor -> their port; None where the sign of the weight decides.
    current_parameter : str or None
        Parameter that holds a constant current; None if only a device can inject one.
    settable : tuple of str
        Our state variables whose initial value can be set; the others start at zero.
    by_sign : bool
        Whether NEST takes the receptor from the sign of the weight.
    negated : tuple of str
        Receptors whose weights are positive here and negative in NEST.
    exact : bool
        Whether its arithmetic is that of our equations in the canonical order of time.
    error : str
        Of one that is not exact: how far it is from the solution, measured by
        ``benchmarks/native_models.py`` (records ``native_models-*.json``).
    """

    ours: NeuronModel
    theirs: str
    parameters: dict[str, str]
    recordables: dict[str, str]
    receptors: dict[str, str | None]
    current_parameter: str | None
    settable: tuple[str, ...]
    by_sign: bool = False
    negated: tuple[str, ...] = ()
    exact: bool = True
    error: str = ""

    @property
    def approximation(self) -> str:
        """Name to which a request has to agree, if the model is not exact."""
        return f"native-{self.theirs}"

    def level(self, port: str) -> str | None:
        """Return the parameter that holds a current into an input, which is `I_stim`."""
        return self.current_parameter

    def lean(self, receptor: str) -> bool:
        """Return whether events need no port, so that the leanest synapses reach a receptor."""
        return self.receptors.get(receptor, receptor) is None


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


IAF_PSC_EXP = NativeModel(
    ours=iaf_psc_exp,
    theirs="iaf_psc_exp",
    parameters=_same(
        "C_m", "tau_m", "tau_syn_ex", "tau_syn_in", "t_ref", "E_L", "V_reset", "V_th", "I_e"
    ),
    recordables=_same("V_m", "I_syn_ex", "I_syn_in"),
    receptors={"excitatory": None, "inhibitory": None},
    current_parameter="I_e",
    settable=("V_m",),
    by_sign=True,
)
IAF_PSC_ALPHA = replace(
    IAF_PSC_EXP,
    ours=iaf_psc_alpha,
    theirs="iaf_psc_alpha",
)
IAF_PSC_DELTA = NativeModel(
    ours=iaf_psc_delta,
    theirs="iaf_psc_delta",
    parameters=_same("C_m", "tau_m", "t_ref", "E_L", "V_reset", "V_th", "I_e"),
    recordables=_same("V_m"),
    receptors={"excitatory": None, "inhibitory": None},
    current_parameter="I_e",
    settable=("V_m",),
)
# I_e, E_NMDA and Mg_slope have no counterpart: see `nmda_parameters` and the adapter's ledger
IAF_BW_2001 = NativeModel(
    ours=iaf_cond_nmda,
    theirs="iaf_bw_2001",
    parameters={
        **_same("C_m", "g_L", "E_L", "V_th", "V_reset", "t_ref", "tau_AMPA", "tau_GABA", "alpha"),
        "E_AMPA": "E_ex",
        "E_GABA": "E_in",
        "tau_NMDA": "tau_decay_NMDA",
        "tau_x": "tau_rise_NMDA",
        "Mg": "conc_Mg2",
    },
    recordables={"V_m": "V_m", "g_AMPA": "s_AMPA", "g_GABA": "s_GABA"},
    receptors={"AMPA": "AMPA", "GABA": "GABA"},
    current_parameter=None,
    settable=("V_m", "g_AMPA", "g_GABA"),
)


def _approximation(
    ours: NeuronModel,
    states: tuple[str, ...],
    error: str,
    settable: tuple[str, ...] | None = None,
    conductances: bool = True,
) -> NativeModel:
    """Return a model of NEST's with our names and another integration."""
    return NativeModel(
        ours=ours,
        theirs=ours.name,
        parameters=_same(*ours.parameters),
        recordables=_same(*states),
        receptors={"excitatory": None, "inhibitory": None},
        current_parameter="I_e",
        settable=states if settable is None else settable,
        by_sign=conductances,
        negated=("inhibitory",) if conductances else (),
        exact=False,
        error=error,
    )


def _measured(difference: str, spikes: str) -> str:
    """Write the figures of ``benchmarks/native_models.py``, records ``native_models-*.json``."""
    return f"V_m within {difference} mV of the solution below threshold, {spikes} (200 ms, 0.1 ms)"


CONDUCTANCES = ("V_m", "g_ex", "g_in")
GATES = ("V_m", "Act_m", "Inact_h", "Act_n")
_IZHIKEVICH = _approximation(
    izhikevich,
    ("V_m", "U_m"),
    _measured("0.057", "the last of 6 spikes 11 steps late"),
    conductances=False,
)
APPROXIMATE = (
    _approximation(iaf_cond_exp, CONDUCTANCES, _measured("1.6e-5", "spikes the same")),
    _approximation(iaf_cond_alpha, CONDUCTANCES, _measured("5.4e-6", "spikes the same")),
    _approximation(iaf_cond_beta, CONDUCTANCES, _measured("5.4e-6", "spikes the same")),
    _approximation(
        aeif_cond_exp,
        (*CONDUCTANCES, "w"),
        _measured("1.1e-7", "the last of 7 spikes 5 steps early"),
    ),
    _approximation(
        aeif_cond_alpha,
        (*CONDUCTANCES, "w"),
        _measured("4.3e-8", "the last of 7 spikes 5 steps early"),
    ),
    _approximation(
        hh_cond_exp_traub,
        (*GATES, "g_ex", "g_in"),
        _measured("1.0e-4", "9 spikes 2 to 3 steps late"),
        GATES,
    ),
    _IZHIKEVICH,
)
NATIVE = (IAF_PSC_EXP, IAF_PSC_DELTA, IAF_PSC_ALPHA, IAF_BW_2001, *APPROXIMATE)

BLOCK = ("Mg", "Mg_slope", "E_L", "V_th")  # what the magnesium block is made of
NATIVE_MG_SLOPE = 0.062  # 1/mV, fixed in NEST's source
TINY_MG = 1e-9  # NEST wants more than zero; the block then differs from one by less than 1e-7
MAX_BLOCK_ERROR = 0.01


def native_model(model: NeuronModel) -> NativeModel | None:
    """Return NEST's counterpart of a model, or None."""
    return next((native for native in NATIVE if native.ours.same_as(model)), None)


@dataclass(frozen=True)
class MagnesiumBlock:
    """How NEST is to compute the magnesium block of a population.

    Attributes
    ----------
    concentration : float
        NEST's ``conc_Mg2``.
    factor : float
        On all NMDA weights onto the population.
    error : float
        Largest relative error of the block between E_L - 10 mV and V_th; 0 if native.
    """

    concentration: float
    factor: float
    error: float


def magnesium_block(parameters: dict[str, float]) -> MagnesiumBlock:
    """Return the closest native form of ``1 / (1 + Mg exp(-Mg_slope V) / 3.57)``.

    NEST's slope is fixed at 0.062/mV. With another slope, a block that hardly changes between
    E_L and V_th (the `neurodynex` variant, V in volt) is closest to a constant: no magnesium,
    and the value of the block halfway as a factor on the weights.
    """
    slope, mg = parameters["Mg_slope"], parameters["Mg"]
    if slope == NATIVE_MG_SLOPE and mg > 0:
        return MagnesiumBlock(mg, 1.0, 0.0)

    def block(v: np.ndarray | float) -> np.ndarray:
        return 1 / (1 + mg * np.exp(-slope * np.asarray(v)) / 3.57)

    low, high = parameters["E_L"] - 10, parameters["V_th"]
    voltage = np.linspace(low, high, 201)
    values = block(voltage)
    factor = float((values.min() + values.max()) / 2)
    return MagnesiumBlock(TINY_MG, factor, float(np.abs(values / factor - 1).max()))


@lru_cache(maxsize=32)
def instant_rise_error(tau_x: float, tau_nmda: float, alpha: float) -> str:
    """Measure the error of NEST's jump of s_NMDA against the rise through x (regular trains).

    NEST adds k0 + k1 s at a spike. Both forms are run for 2 s at several rates; the figure is
    the relative difference of the mean of s over the second half.
    """
    from scipy.special import gamma, gammainc

    dt, ratio = 0.05, tau_x / tau_nmda
    k1 = np.expm1(-alpha * tau_x)
    k0 = (alpha * tau_x) ** ratio * gammainc(1 - ratio, alpha * tau_x) * gamma(1 - ratio)
    rates = np.array([1.0, 10.0, 40.0])
    every = np.round(1000 / rates / dt).astype(int)
    x, s, jump = np.zeros(3), np.zeros(3), np.zeros(3)
    sums = np.zeros((2, 3))
    decay_x, decay_s = np.exp(-dt / tau_x), np.exp(-dt / tau_nmda)
    steps = round(2000 / dt)
    for step in range(steps):
        # within a step x is known exactly, so s has an exact solution up to the mean of x
        mean_x = x * (1 - decay_x) * tau_x / dt
        rate = 1 / tau_nmda + alpha * mean_x
        goal = alpha * mean_x / rate
        s = goal + (s - goal) * np.exp(-rate * dt)
        x *= decay_x
        jump *= decay_s
        now = step % every == 0
        x = x + now
        jump = jump + now * (k0 + k1 * jump)
        if step >= steps // 2:
            sums += [s, jump]
    error = sums[1] / sums[0] - 1
    figures = ", ".join(f"{e:+.1%} at {r:g}" for e, r in zip(error, rates, strict=True))
    return f"mean s_NMDA of a regular train: {figures} spikes/s"


def nmda_entries(
    thing: str, parameters: dict[str, float], exact: bool, population: str
) -> list[Entry]:
    """Return the ledger's lines for one NMDA coupling onto a population."""
    block = magnesium_block({name: parameters[name] for name in BLOCK})
    delay = "NEST sends gating with spikes, so it arrives one step later"
    entries = [
        Entry(
            thing=thing,
            status="approximate",
            name="nmda-delay" if exact else "nmda-instant-rise",
            reason=delay if exact else f"iaf_bw_2001 lets s_NMDA jump at a spike; {delay}",
            error="one step"
            if exact
            else instant_rise_error(
                parameters["tau_x"], parameters["tau_NMDA"], parameters["alpha"]
            ),
        )
    ]
    if block.error > MAX_BLOCK_ERROR:
        entries.append(
            Entry(
                thing=f"populations.{population}.parameters.Mg_slope",
                status="unsupported",
                reason=f"NEST's magnesium block has a fixed slope of {NATIVE_MG_SLOPE}/mV, and a "
                f"constant would be wrong by {block.error:.1%}",
            )
        )
    elif block.error > 0:
        entries.append(
            Entry(
                thing=f"populations.{population}.parameters.Mg_slope",
                status="approximate",
                name="constant-magnesium-block",
                reason=f"NEST's slope is fixed at {NATIVE_MG_SLOPE}/mV; the block is set to "
                f"{block.factor:.5f}, a factor on the NMDA weights",
                error=f"at most {block.error:.1e} of the block between E_L - 10 mV and V_th",
            )
        )
    return entries
