"""What is known of a circuit, in one object that its package offers.

The entry point group is `GROUP`: ``NAME = "package:CIRCUIT"``, with a `Circuit` of that name. The
two circuits of the library come in this way, and so does one of any other package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from netspec.circuits.mutants import Mutant
from netspec.describe.fields import Described
from netspec.describe.network import Network, StepCurrent
from netspec.describe.simulation import Simulation
from netspec.execute.manifest import Manifest
from netspec.execute.measure import Measure

GROUP = "netspec.circuits"


@dataclass(frozen=True)
class Published:
    """Mean rates that were published of a circuit of one size.

    Attributes
    ----------
    what : str
        The circuit of that size in words: "the microcircuit at full scale".
    sizes : dict
        Population -> number of neurons.
    rates : dict
        Population -> mean rate in spikes/s.
    """

    what: str
    sizes: Mapping[str, int]
    rates: Mapping[str, float]


class TrialDesign(ABC):
    """How a circuit is asked in trials: one cue, presented at one angle or another.

    Attributes
    ----------
    cue : type
        A described model with the field ``angle``, in degrees.
    populations : tuple of str
        Those that a run must have recorded for its trials to be told.
    what : str
        The network that can be asked so, in words: "a ring with exactly one cue".
    """

    cue: ClassVar[type[Described]]
    populations: ClassVar[tuple[str, ...]]
    what: ClassVar[str]

    @abstractmethod
    def cue_among(self, sizes: Mapping[str, int], currents: Sequence[StepCurrent]) -> Any:
        """Return the one cue that these currents are, or None if they are something else.

        Parameters
        ----------
        sizes : mapping
            Population -> number of neurons.
        currents : sequence of StepCurrent
            All of the network, or of the manifest of a run.
        """

    @abstractmethod
    def currents(self, cue: Any, sizes: Mapping[str, int]) -> tuple[StepCurrent, ...]:
        """Return a cue as currents into populations of these sizes."""

    @abstractmethod
    def turned(self, network: Network, angle: float) -> Network:
        """Return the network with its one cue at another angle (degrees).

        Raises
        ------
        UsageError
            If it has no such cue.
        """

    def cue_of(self, network: Network) -> Any:
        """Return the one cue of a network, or None if it has none or several."""
        sizes = {population.name: population.size for population in network.populations}
        return self.cue_among(sizes, network.step_currents)

    def cue_given(self, manifest: Manifest) -> Any:
        """Return the one cue that a run was given; None if another number, or not all recorded."""
        given = manifest.get("step_currents")
        if not given or not set(self.populations) <= set(manifest["sizes"]):
            return None
        return self.cue_among(manifest["sizes"], [StepCurrent(**entry) for entry in given])

    def around(self, network: Network, number: int) -> list[Network]:
        """Return one network a trial: its one cue turned in equal parts of 360 degrees.

        The first trial has the network as it is; so have all where there is no such cue.
        """
        cue = self.cue_of(network)
        if cue is None:
            return [network] * number
        angles = [(cue.angle + 360 * k / number) % 360 for k in range(1, number)]
        return [network, *(self.turned(network, angle) for angle in angles)]


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """A circuit and all that is known of it.

    Attributes
    ----------
    name : str
        What the command line, requests and the networks' field `circuit` call it.
    build : callable
        The builder; its parameters are the circuit's options, on the command line and in request
        files (`netspec.circuits.options`). Returns a Network whose `circuit` is `name`.
    title : str
        One line.
    label : str
        What the help of the command line calls it; `name` if empty.
    simulation : Simulation
        Time step and durations if nothing else is said.
    variants : dict
        Variant -> where it comes from.
    small : callable or None
        As `build`, of some hundred neurons if no size is given: what the ladder climbs. `build`
        itself if None.
    extent : tuple of str
        Arguments of `build` that a small network does not take over from a large one.
    cite : tuple of str
        What to cite for it.
    mutants : tuple of Mutant
        Deviations that its self-test tells apart; those that every network has if empty.
    published : tuple of Published
        What rates are compared with, where a network has just these sizes.
    trials : TrialDesign or None
    measures : tuple of Measure
        Statistics of its own, beside those that every network has.
    """

    name: str
    build: Callable[..., Network]
    title: str
    label: str = ""
    simulation: Simulation = field(default_factory=Simulation)
    variants: Mapping[str, str] = field(default_factory=dict)
    small: Callable[..., Network] | None = None
    extent: tuple[str, ...] = ()
    cite: tuple[str, ...] = ()
    mutants: tuple[Mutant, ...] = ()
    published: tuple[Published, ...] = ()
    trials: TrialDesign | None = None
    measures: tuple[Measure, ...] = ()

    def build_small(self, **options: Any) -> Network:
        """Return a network of some hundred neurons, unless the options say a size."""
        return (self.small or self.build)(**options)

    def small_like(self, options: Mapping[str, Any]) -> Network:
        """Return the small network that stands for a large one, of these options, on the ladder."""
        return self.build_small(**{k: v for k, v in options.items() if k not in self.extent})

    def published_rates(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return published rates (spikes/s) of a network with populations of these sizes."""
        return next((dict(p.rates) for p in self.published if dict(p.sizes) == dict(sizes)), {})
