"""The ring model of spatial working memory (Compte et al. 2000)."""

from __future__ import annotations

from typing import Any

from netspec.circuits.compte_ring.builder import VARIANTS, working_memory
from netspec.circuits.compte_ring.cue import Cue
from netspec.circuits.compte_ring.measure import RingMeasure
from netspec.circuits.compte_ring.mutants import MUTANTS
from netspec.circuits.compte_ring.trials import RingTrials
from netspec.circuits.contract import Circuit
from netspec.describe.network import Network
from netspec.describe.simulation import Simulation

__all__ = ["CIRCUIT", "Cue", "working_memory"]


def _small(**options: Any) -> Network:
    # without a cue so few neurons hardly spike
    cue = Cue(angle=180.0, strength=400.0, width=90.0, start=10.0, duration=90.0)
    return working_memory(**{"size": 64, "cues": [cue], **options})


CIRCUIT = Circuit(
    name="working_memory",
    build=working_memory,
    title="Spatial working-memory ring (Compte et al. 2000)",
    label="Ring",
    simulation=Simulation(dt=0.05, warmup=500.0, duration=1000.0),
    variants={name: variant.source for name, variant in VARIANTS.items()},
    small=_small,
    extent=("size", "cues"),
    cite=(
        "Compte, Brunel, Goldman-Rakic, Wang (2000) Synaptic mechanisms and network dynamics "
        "underlying spatial working memory in a cortical network model. Cereb Cortex "
        "10:910-923, doi:10.1093/cercor/10.9.910",
    ),
    mutants=MUTANTS,
    trials=RingTrials(),
    measures=(RingMeasure(),),
)
