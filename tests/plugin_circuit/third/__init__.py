"""A circuit of another package: one folder, and one line of entry points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np

from netspec.circuits import Change, Circuit, Mutant, Published, TrialDesign
from netspec.errors import UsageError
from netspec.fields import Described, Milliseconds, in_unit
from netspec.measure import Measure, Statistic, margin
from netspec.network import Network, PoissonInput, Population, Recorder, StepCurrent
from netspec.simulation import Simulation

RATES = {"weak": 8000.0, "strong": 12000.0}


class Tap(Described):
    """A current into a quarter of the neurons.

    Attributes
    ----------
    angle : float
        Degrees: which quarter.
    strength : float
        pA.
    start : float
        ms, from the start of the warm-up.
    """

    angle: Annotated[float, in_unit("deg", -360, 360)] = 0.0
    strength: Annotated[float, in_unit("pA")] = 200.0
    start: Milliseconds = 10.0


def currents(taps: Sequence[Tap], size: int) -> tuple[StepCurrent, ...]:
    quarter = max(size // 4, 1)
    return tuple(
        StepCurrent(
            name=f"tap{index}",
            target="A",
            times=(tap.start, tap.start + 20.0),
            amplitudes=(tap.strength, 0.0),
            neurons=sorted((round(tap.angle / 360 * size) + k) % size for k in range(quarter)),
        )
        for index, tap in enumerate(taps)
    )


def third(
    variant: str = "weak",
    its_option: int = 3,
    rates: float = 1.0,
    weight: Annotated[float, in_unit("pA", 0, 1000)] = 87.8,
    shape: Literal["flat", "steep"] = "flat",
    silent: bool = False,
    taps: Sequence[Tap] = (),
    seed: int = 0,
) -> Network:
    """Build neurons that have nothing but noise.

    Parameters
    ----------
    variant : {"weak", "strong"}
    its_option : int
        Tens of neurons. Only this circuit has it.
    rates : float
        Factor on the rate of the noise; the microcircuit has a text of this name.
    weight : float
        Weight of the noise.
    shape : {"flat", "steep"}
        Shape of nothing.
    silent : bool
        No noise at all.
    taps : sequence of Tap
        What touches it.
    seed : int
        Of nothing, but every command has an option of this name.
    """
    noise = PoissonInput(
        name="noise", target="A", receptor="excitatory", rate=RATES[variant] * rates, weight=weight
    )
    size = 10 * its_option
    return Network(
        circuit="third",
        name="mine",
        description=f"A third circuit, {variant}, {shape}, seed {seed}.",
        populations=(Population(name="A", size=size, model="iaf_psc_exp"),),
        poisson_inputs=() if silent else (noise,),
        step_currents=currents(taps, size),
        recorders=(Recorder(name="spikes", target="A"),),
    )


class Taps(TrialDesign):
    """One tap, at one angle or another."""

    cue = Tap
    populations = ("A",)
    what = "a third circuit with one tap"

    def cue_among(self, sizes, currents):
        if len(currents) != 1:
            return None
        (current,) = currents
        # the first of the quarter, which may begin before neuron 0
        first = next(n for n in current.neurons if (n - 1) % sizes["A"] not in current.neurons)
        return Tap(
            angle=360 * first / sizes["A"],
            strength=current.amplitudes[0],
            start=current.times[0],
        )

    def currents(self, cue, sizes):
        return currents([cue], sizes["A"])

    def turned(self, network, angle):
        cue = self.cue_of(network)
        if cue is None:
            raise UsageError(f"{network.name}: no tap")
        moved = currents([cue.model_copy(update={"angle": angle})], network.population("A").size)
        return network.model_copy(update={"step_currents": moved})


class Latency(Measure):
    """When a neuron of A fires for the first time."""

    name = "latency"
    statistics = (
        Statistic("latency", "ms", "mean time of the first spike", margin("25 %", "log")),
    )

    def applies(self, run):
        return "A" in run.populations

    def values(self, run):
        spikes = run.spikes("A")
        _, first = np.unique(spikes.neurons, return_index=True)
        return {("A", "latency"): float(spikes.times[first].mean()) if len(first) else np.nan}


CIRCUIT = Circuit(
    name="third",
    build=third,
    title="Neurons that have nothing but noise",
    simulation=Simulation(dt=0.2, warmup=20.0, duration=200.0),
    variants={"weak": "this file", "strong": "this file"},
    small=lambda **options: third(**{"its_option": 1, **options}),
    extent=("its_option",),
    cite=("Third (2026) Nothing but noise.",),
    mutants=(
        Mutant("strong", "more noise", builder={"variant": "strong"}),
        Mutant("heavy", "1.5 times the weight of the noise",
               changes=(Change("poisson_inputs.noise.weight", "multiply", 1.5),)),
    ),
    published=(
        Published(what="the third circuit of 30 neurons", sizes={"A": 30}, rates={"A": 9.0}),
    ),
    trials=Taps(),
    measures=(Latency(),),
)  # fmt: skip
