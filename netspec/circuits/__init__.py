"""The two circuits, their variants, and the simulation each is usually run with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netspec.circuits.microcircuit import VARIANTS as _MICROCIRCUIT
from netspec.circuits.microcircuit import microcircuit
from netspec.circuits.ring_measure import RingMeasure
from netspec.circuits.working_memory import VARIANTS as _WORKING_MEMORY
from netspec.circuits.working_memory import Cue, working_memory
from netspec.errors import UsageError, unknown
from netspec.measure import Measure
from netspec.network import Network
from netspec.simulation import Simulation


@dataclass(frozen=True)
class Circuit:
    """A circuit of the library.

    Attributes
    ----------
    name : str
    build : callable
        The builder; takes the variant and options, returns a Network.
    variants : dict
        Variant -> where it comes from.
    simulation : Simulation
        Time step and durations if nothing else is said.
    title : str
    small : callable
        As `build`, of some hundred neurons if no size is given: what the ladder climbs.
    extent : tuple of str
        Arguments of `build` that such a network does not take over from a large one.
    cite : tuple of str
        What to cite for it.
    measures : tuple of Measure
        Statistics of its own, beside those of every network.
    """

    name: str
    build: Callable[..., Network]
    variants: dict[str, str]
    simulation: Simulation
    title: str
    small: Callable[..., Network]
    extent: tuple[str, ...]
    cite: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()

    def small_like(self, options: Mapping[str, Any]) -> Network:
        """Return the small network that stands for a large one, of these options, on the ladder."""
        return self.small(**{key: v for key, v in options.items() if key not in self.extent})


def _sources(variants: Mapping[str, Any]) -> dict[str, str]:
    return {name: variant.source for name, variant in variants.items()}


_SCALES = ("scale", "neuron_scale", "connectivity_scale")


def _small_microcircuit(**options: Any) -> Network:
    if not options.keys() & set(_SCALES):
        options |= {"neuron_scale": 0.01, "connectivity_scale": 0.02}
    return microcircuit(**options)


def _small_working_memory(**options: Any) -> Network:
    # without a cue so few neurons hardly spike
    cue = Cue(angle=180.0, strength=400.0, width=90.0, start=10.0, duration=90.0)
    return working_memory(**{"size": 64, "cues": [cue], **options})


CIRCUITS = {
    "microcircuit": Circuit(
        "microcircuit",
        microcircuit,
        _sources(_MICROCIRCUIT),
        Simulation(dt=0.1, warmup=500.0, duration=1000.0),
        "Cortical microcircuit (Potjans & Diesmann 2014)",
        _small_microcircuit,
        _SCALES,
        (
            "Potjans, Diesmann (2014) The cell-type specific cortical microcircuit. Cereb Cortex "
            "24:785-806, doi:10.1093/cercor/bhs358",
        ),
    ),
    "working_memory": Circuit(
        "working_memory",
        working_memory,
        _sources(_WORKING_MEMORY),
        Simulation(dt=0.05, warmup=500.0, duration=1000.0),
        "Spatial working-memory ring (Compte et al. 2000)",
        _small_working_memory,
        ("size", "cues"),
        (
            "Compte, Brunel, Goldman-Rakic, Wang (2000) Synaptic mechanisms and network dynamics "
            "underlying spatial working memory in a cortical network model. Cereb Cortex "
            "10:910-923, doi:10.1093/cercor/10.9.910",
        ),
        measures=(RingMeasure(),),
    ),
}


def circuit(name: str) -> Circuit:
    """Return a circuit of the library by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in CIRCUITS:
        raise UsageError(unknown("circuit", name, CIRCUITS))
    return CIRCUITS[name]


__all__ = ["CIRCUITS", "Circuit", "Cue", "circuit", "microcircuit", "working_memory"]
