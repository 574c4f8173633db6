"""The cortical microcircuit of Potjans & Diesmann (2014), and the variants in circulation.

Sources
-------
[PD14] Potjans TC, Diesmann M (2014) Cereb Cortex 24:785-806, doi:10.1093/cercor/bhs358.
       Table 5 (sizes, probabilities, external in-degrees), Table 4 (neuron and synapses).
[INM6] The PyNEST implementation, package ``microcircuit`` 1.0 (INM-6, 2025).
[GENN] The PyGeNN example ``potjans_microcircuit.py`` (Knight, Komissarov & Nowotny 2021,
       Front Neuroinform 15:659005).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from netspec.describe.connectivity import FixedTotalNumber
from netspec.describe.distributions import Constant, Distribution, Normal
from netspec.describe.network import Network, PoissonInput, Population, Projection, Recorder
from netspec.errors import UsageError, choices, unknown

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)  # [PD14] Table 5
K_EXT = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)  # [PD14] Table 5
BACKGROUND_RATE = 8.0  # spikes/s of one external input, [PD14] Table 5

# Probability that a pair has at least one synapse; row = target, column = source. [PD14] Table 5
PROBABILITIES = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)

# [PD14] Table 4
NEURON = {"C_m": 250.0, "tau_m": 10.0, "tau_syn_ex": 0.5, "tau_syn_in": 0.5, "t_ref": 2.0,
          "E_L": -65.0, "V_reset": -65.0, "V_th": -50.0}  # fmt: skip
G = -4.0
WEIGHT = 87.8  # pA
PSP = 0.15  # mV
DELAYS = {"E": (1.5, 0.75), "I": (0.75, 0.375)}  # mean and SD in ms

# Mean rates (spikes/s) of the full-scale network: [INM6] network_params.py, Poisson drive
FULL_SCALE_RATES = (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829)
# The table that [GENN] compensates with below full scale
GENN_RATES = (0.971, 2.868, 4.746, 5.396, 8.142, 9.078, 0.991, 7.523)
RATES = {"nest": FULL_SCALE_RATES, "pygenn": GENN_RATES}

# Initial V_m (mV): mean and SD by population, [INM6] "optimized"
OPTIMIZED = (
    (-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43),
    (5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48),
)


@dataclass(frozen=True)
class Variant:
    """What one published code does differently from the others.

    Attributes
    ----------
    source : str
    initial : {"original", "optimized", "pygenn"}
        V_m(0): N(-58, 10) mV, the table `OPTIMIZED`, or N(-58, 5) mV.
    rates : tuple of float
        Full-scale rates that the compensating current assumes.
    truncate_indegree : bool
        In-degrees are cut to whole numbers, which drops L5I -> L4E (0.32 per neuron).
    doubled_weight_sd : float
        Relative SD of the weight of L4E -> L23E.
    weight : float
        Weight of excitatory synapses in pA.
    g : float
        Weight of inhibitory synapses relative to it.
    delay_low, delay_quantile : float
        Delays are drawn again outside [low, quantile of the normal distribution].
    drive : {"poisson", "dc"}
    poisson_delay : float
        In ms.
    round_k_ext : bool
        Whole numbers of external inputs when scaled down.
    """

    source: str
    initial: Literal["original", "optimized", "pygenn"] = "original"
    rates: tuple[float, ...] = FULL_SCALE_RATES
    truncate_indegree: bool = False
    doubled_weight_sd: float = 0.1
    weight: float = WEIGHT
    g: float = G
    delay_low: float = 0.05  # half a step of 0.1 ms
    delay_quantile: float | None = None
    drive: Literal["poisson", "dc"] = "poisson"
    poisson_delay: float = 0.0
    round_k_ext: bool = False


def weight_of_psp(psp: float) -> float:
    """Return the weight in pA whose PSP peaks at `psp` mV (Hanuschkin et al. 2010, eq. 5)."""
    tau_m, tau_s, c_m = NEURON["tau_m"], NEURON["tau_syn_ex"], NEURON["C_m"]
    ratio = (tau_m / tau_s) ** (1 / (tau_s - tau_m))
    return float(psp * c_m * (tau_s - tau_m) / (tau_m * tau_s * (ratio**tau_m - ratio**tau_s)))


VARIANTS = {
    "potjans2014": Variant(source="Potjans & Diesmann 2014, doi:10.1093/cercor/bhs358"),
    "inm6": Variant(
        source="package microcircuit 1.0 (INM-6)",
        initial="optimized",
        weight=weight_of_psp(PSP),
        drive="dc",
        poisson_delay=1.5,
        round_k_ext=True,
    ),
    "pygenn": Variant(
        source="PyGeNN example potjans_microcircuit.py, doi:10.3389/fninf.2021.659005. Its delays "
        "of 0 steps become one step here, and the wrap of 43 steps to 0 is not reproduced",
        initial="pygenn",
        rates=GENN_RATES,
        truncate_indegree=True,
        doubled_weight_sd=0.05,
        delay_low=0.0,
        delay_quantile=3.719016485455709,  # of 0.9999, in SD
    ),
}


def _full_synapses(target: int, source: int) -> float:
    """Return the number of synapses K at full scale from the probability ([PD14] eq. 1)."""
    pairs = SIZES[target] * SIZES[source]
    return math.log(1 - PROBABILITIES[target][source]) / math.log((pairs - 1) / pairs)


def _indegree(variant: Variant, target: int, source: int) -> float:
    """Return the full-scale in-degree of a target neuron."""
    if variant.truncate_indegree:
        return float(int(round(_full_synapses(target, source)) / SIZES[target]))
    return _full_synapses(target, source) / SIZES[target]


def _mean_weight(variant: Variant, target: int, source: int) -> float:
    name = POPULATIONS[source]
    if name == "L4E" and POPULATIONS[target] == "L23E":
        return 2 * variant.weight
    return variant.weight if name.endswith("E") else variant.g * variant.weight


def _compensation(variant: Variant, target: int, k: float, drive: str) -> float:
    """Return the current in pA that keeps the mean input when in-degrees are scaled by `k`."""
    recurrent = sum(
        _mean_weight(variant, target, source) * _indegree(variant, target, source) * rate
        for source, rate in enumerate(variant.rates)
    )
    external = variant.weight * K_EXT[target] * BACKGROUND_RATE
    per_input = 1e-3 * NEURON["tau_syn_ex"]  # ms * pA * spikes/s
    if drive == "dc":
        return per_input * (external + (1 - math.sqrt(k)) * recurrent)
    return per_input * (1 - math.sqrt(k)) * (external + recurrent)


def _initial(kind: str, index: int) -> Normal:
    mean, sd = {"original": (-58.0, 10.0), "pygenn": (-58.0, 5.0)}.get(
        kind, (OPTIMIZED[0][index], OPTIMIZED[1][index])
    )
    return Normal(mean=mean, sd=sd)


def _weight(variant: Variant, target: int, source: int, k: float) -> Distribution:
    mean = _mean_weight(variant, target, source)
    doubled = abs(mean) > variant.weight and mean > 0
    sd = abs(mean) * (variant.doubled_weight_sd if doubled else 0.1) / math.sqrt(k)
    low, high = (0.0, None) if mean > 0 else (None, 0.0)
    return Normal(mean=mean / math.sqrt(k), sd=sd, low=low, high=high)


def _delay(variant: Variant, source: int) -> Distribution:
    mean, sd = DELAYS[POPULATIONS[source][-1]]
    quantile = variant.delay_quantile
    high = None if quantile is None else mean + quantile * sd
    return Normal(mean=mean, sd=sd, low=variant.delay_low, high=high)


def _chosen(variant: str, rates: str | None, g: float | None) -> Variant:
    """Return a variant with other rates behind its current, or another g."""
    if variant not in VARIANTS:
        raise UsageError(unknown("variant", variant, VARIANTS))
    chosen = VARIANTS[variant]
    if rates is not None:
        if rates not in RATES:
            raise UsageError(unknown("rates", rates, RATES))
        chosen = replace(chosen, rates=RATES[rates])
    if g is not None:
        if not -math.inf < g < 0:
            raise UsageError(f"g {g!r}: expected a number below 0")
        chosen = replace(chosen, g=g)
    return chosen


def microcircuit(
    variant: str = "potjans2014",
    scale: float | None = None,
    neuron_scale: float | None = None,
    connectivity_scale: float | None = None,
    drive: str | None = None,
    initial: str | None = None,
    rates: str | None = None,
    g: float | None = None,
) -> Network:
    """Build the microcircuit.

    Parameters
    ----------
    variant : {"potjans2014", "inm6", "pygenn"}
        Which published code to follow, see `VARIANTS`.
    scale : float, optional
        Sets `neuron_scale` and `connectivity_scale` together.
    neuron_scale : float, optional
        Factor on the numbers of neurons, in (0, 1]; 1 by default.
    connectivity_scale : float, optional
        Factor k on all in-degrees, in (0, 1]. Weights grow by 1/sqrt(k), and a current keeps
        the mean input (van Albada, Helias & Diesmann 2015, PLoS Comput Biol 11:e1004490).
    drive : {"poisson", "dc"}, optional
        External input; the variant's own if None.
    initial : {"original", "optimized", "pygenn"}, optional
        Initial V_m; the variant's own if None.
    rates : {"nest", "pygenn"}, optional
        Full-scale rates that the compensating current assumes; the variant's own if None.
    g : float, optional
        Weight of inhibitory synapses relative to excitatory ones, below 0; the variant's own,
        -4, if None. The compensating current follows.

    Returns
    -------
    Network
    """
    chosen = _chosen(variant, rates, g)
    if scale is not None and (neuron_scale is not None or connectivity_scale is not None):
        raise UsageError("scale sets neuron_scale and connectivity_scale; give it or them")
    whole = 1.0 if scale is None else scale
    neuron_scale = whole if neuron_scale is None else neuron_scale
    connectivity_scale = whole if connectivity_scale is None else connectivity_scale
    for name, value in (("neuron", neuron_scale), ("connectivity", connectivity_scale)):
        if not 0 < value <= 1:
            raise UsageError(f"{name} scale {value!r}: expected more than 0, at most 1")
    drive, initial = drive or chosen.drive, initial or chosen.initial
    if drive not in ("poisson", "dc"):
        raise UsageError(f"unknown drive {drive!r}; allowed: poisson, dc")
    if initial not in ("original", "optimized", "pygenn"):
        raise UsageError(
            f"unknown initial values {initial!r}; {choices(('original', 'optimized', 'pygenn'))}"
        )
    k = connectivity_scale
    sizes = [max(1, round(neuron_scale * size)) for size in SIZES]
    populations, projections, poisson = [], [], []
    for target, name in enumerate(POPULATIONS):
        parameters: dict[str, Distribution] = {p: Constant(value=v) for p, v in NEURON.items()}
        current = _compensation(chosen, target, k, drive)
        if current:
            parameters["I_e"] = Constant(value=current)
        populations.append(
            Population(
                name=name,
                size=sizes[target],
                model="iaf_psc_exp",
                parameters=parameters,
                initial={"V_m": _initial(initial, target)},
            )
        )
        if drive == "poisson":
            inputs = K_EXT[target] * k
            number = max(1, round(inputs))
            rate = BACKGROUND_RATE * (1 if chosen.round_k_ext else inputs / number)
            poisson.append(
                PoissonInput(
                    name=f"{name}_background",
                    target=name,
                    receptor="excitatory",
                    rate=rate,
                    number=number,
                    weight=chosen.weight / math.sqrt(k),
                    delay=chosen.poisson_delay,
                )
            )
        for source, source_name in enumerate(POPULATIONS):
            if PROBABILITIES[target][source] == 0:
                continue
            if chosen.truncate_indegree:
                count = round(_indegree(chosen, target, source) * k * sizes[target])
            else:
                count = round(_full_synapses(target, source) * neuron_scale * k)
            projections.append(
                Projection(
                    name=f"{source_name}_{name}",
                    pre=source_name,
                    post=name,
                    receptor="excitatory" if source_name.endswith("E") else "inhibitory",
                    rule=FixedTotalNumber(number=count),
                    weight=_weight(chosen, target, source, k),
                    delay=_delay(chosen, source),
                )
            )
    return Network(
        circuit="microcircuit",
        name="microcircuit",
        description=f"Cortical microcircuit, variant {variant}, neuron scale {neuron_scale:g}, "
        f"connectivity scale {k:g}, {drive} drive{f', rates of {rates}' if rates else ''}"
        f"{f', g {g:g}' if g is not None else ''}. {chosen.source}.",
        populations=tuple(populations),
        projections=tuple(projections),
        poisson_inputs=tuple(poisson),
        recorders=tuple(Recorder(name=f"{name}_spikes", target=name) for name in POPULATIONS),
    )
