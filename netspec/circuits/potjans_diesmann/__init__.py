"""The cortical microcircuit of Potjans & Diesmann (2014)."""

from __future__ import annotations

from typing import Any

from netspec.circuits.contract import Circuit, Published
from netspec.circuits.potjans_diesmann.builder import (
    FULL_SCALE_RATES,
    POPULATIONS,
    SIZES,
    VARIANTS,
    microcircuit,
)
from netspec.circuits.potjans_diesmann.mutants import MUTANTS
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation

__all__ = ["CIRCUIT", "microcircuit"]

_SCALES = ("scale", "neuron_scale", "connectivity_scale")


def _small(**options: Any) -> Network:
    if not options.keys() & set(_SCALES):
        options |= {"neuron_scale": 0.01, "connectivity_scale": 0.02}
    return microcircuit(**options)


CIRCUIT = Circuit(
    name="microcircuit",
    build=microcircuit,
    title="Cortical microcircuit (Potjans & Diesmann 2014)",
    label="Microcircuit",
    simulation=Simulation(dt=0.1, warmup=500.0, duration=1000.0),
    variants={name: variant.source for name, variant in VARIANTS.items()},
    small=_small,
    extent=_SCALES,
    cite=(
        "Potjans, Diesmann (2014) The cell-type specific cortical microcircuit. Cereb Cortex "
        "24:785-806, doi:10.1093/cercor/bhs358",
    ),
    mutants=MUTANTS,
    published=(
        Published(
            what="the microcircuit at full scale",
            sizes=dict(zip(POPULATIONS, SIZES, strict=True)),
            rates=dict(zip(POPULATIONS, FULL_SCALE_RATES, strict=True)),
        ),
    ),
)
