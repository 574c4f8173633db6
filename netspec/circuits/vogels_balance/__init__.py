"""A network whose inhibitory synapses learn to balance excitation (Vogels et al. 2011)."""

from __future__ import annotations

from typing import Any

from netspec.circuits.contract import Circuit
from netspec.circuits.vogels_balance.builder import VARIANTS, inhibitory_balance
from netspec.circuits.vogels_balance.mutants import MUTANTS
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation

__all__ = ["CIRCUIT", "inhibitory_balance"]


def _small(**options: Any) -> Network:
    # so few neurons learn in a tenth of a second what is seen of them
    return inhibitory_balance(**{"scale": 0.02, "eta": 1e-3, **options})


CIRCUIT = Circuit(
    name="inhibitory_balance",
    build=inhibitory_balance,
    title="Inhibitory plasticity that balances excitation (Vogels et al. 2011)",
    label="Balance",
    simulation=Simulation(dt=0.1, warmup=0.0, duration=1000.0),
    variants={name: variant.source for name, variant in VARIANTS.items()},
    small=_small,
    extent=("scale",),
    cite=(
        "Vogels, Sprekeler, Zenke, Clopath, Gerstner (2011) Inhibitory plasticity balances "
        "excitation and inhibition in sensory pathways and memory networks. Science "
        "334:1569-1573, doi:10.1126/science.1211095",
    ),
    mutants=MUTANTS,
)
