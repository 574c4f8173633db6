"""What GeNN is to do with each thing of a network, decided once: the plan, and its ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from netspec.backends.genn import kernels, shards
from netspec.backends.genn.plasticity import Changing, changing, obstacle, words
from netspec.backends.genn.sampling import LARGEST_PRODUCT_MEAN
from netspec.backends.genn.waves import Waves, waves_of
from netspec.backends.genn.weights import fixed_weight, grid
from netspec.backends.genn.wiring import (
    Way,
    Wiring,
    fixed_delay,
    is_dense,
    is_native,
    undrawn,
)
from netspec.describe import connectivity as rules
from netspec.describe.grid import longest_delay
from netspec.describe.network import ContinuousProjection, PoissonInput, Projection
from netspec.errors import UsageError
from netspec.execute import ledger_lines
from netspec.execute.contract import Plan
from netspec.execute.ledger import Entry
from netspec.execute.request import RunRequest
from netspec.realise.counters import LARGEST_TABLE_MEAN

PRECISIONS = {"single": "float", "double": "double"}
UNORDERED = (
    "; a GPU adds up the events of a step in any order, so a run is not reproducible to the bit"
)
FOLDED = (
    "two kernels a step by a change of GeNN's code, or its own four if that is not the expected "
    "one; the result's manifest says which"
)


@dataclass(frozen=True)
class GennPlan(Plan):
    """What GeNN will do for a request.

    Attributes
    ----------
    on_gpu : bool
    precision : {"float", "double"}
        Of states and inputs.
    parts : dict
        Population -> the groups of GeNN that it becomes.
    wirings : dict
        Projection -> how its synapses come about.
    couplings : dict
        Continuous projection -> what computes it: ``host``, ``waves`` or ``dense``.
    waves : dict
        Continuous projection -> its waves, where the device computes it by them.
    slots : int
        Of every ring of delayed input, where a step is two kernels (see `kernels`); else 0.
    loop : {"native", "graph", "python"}
        How steps are made.
    by_product : bool
        Poisson numbers are drawn by a product of uniform numbers, not by a table.
    changing : dict
        Projection -> how its synapses change, of those that do.
    """

    on_gpu: bool
    precision: str
    parts: shards.Divided
    wirings: Mapping[str, Wiring]
    couplings: Mapping[str, Literal["host", "waves", "dense"]]
    waves: Mapping[str, Waves]
    slots: int
    loop: str
    by_product: bool
    changing: Mapping[str, Changing]


class GennPlanning:
    """Goes through a network; everything is exact in double precision.

    Raises
    ------
    UsageError
        For options that do not go together, or not with the network.
    """

    def __init__(self, request: RunRequest, options: Mapping[str, str]) -> None:
        self.request, self.options, self.network = request, options, request.network
        self.on_gpu = options["device"] == "cuda"
        self.precision = PRECISIONS[options["precision"]]
        self.by_product = options["poisson"] == "product"
        found = (
            (p, changing(self.network, p, request.simulation)) for p in self.network.projections
        )
        self.changing = {p.name: how for p, how in found if how is not None}
        self.couplings, self.waves = self._couplings()
        self.longest = self._longest()
        self.slots = self._slots()
        self.loop = self._loop()
        # folded kernels do not wait for one spike after the other
        divided = self.on_gpu and not self.slots
        self.parts = shards.divided(self.network, request.simulation, options["shards"], divided)
        self.wirings = {p.name: self._wiring(p) for p in self.network.projections}

    def _dense(self, projection: Projection) -> bool:
        return projection.name not in self.changing and is_dense(projection, self.request.readback)

    def _couplings(
        self,
    ) -> tuple[dict[str, Literal["host", "waves", "dense"]], dict[str, Waves]]:
        choice = self.options["coupling"]
        if choice == "auto":
            choice = "waves" if self.on_gpu else "host"
        ways: dict[str, Literal["host", "waves", "dense"]] = {}
        found: dict[str, Waves] = {}
        for coupling in self.network.continuous_projections:
            ways[coupling.name] = "host" if choice == "host" else "dense"
            if choice == "waves":
                waves = waves_of(self.network, coupling, self.precision)
                if waves.few:
                    ways[coupling.name], found[coupling.name] = "waves", waves
        return ways, found

    def _slots(self) -> int:
        """Return the slots of all rings if a step is to be two kernels, see `kernels`; else 0."""
        network, longest = self.network, 0
        if self.on_gpu and not network.continuous_projections:
            longest = max(self.longest.values(), default=0)
        possible = 0 < longest <= kernels.MOST_SLOTS and not any(
            map(self._dense, network.projections)
        )
        possible = possible and not self.changing
        choice = self.options["kernels"]
        if choice == "folded" and not possible:
            raise UsageError(
                "option kernels=folded of genn: needs device=cuda, projections that store their "
                f"synapses, delays of at most {kernels.MOST_SLOTS} steps, no continuous coupling, "
                "no synapses that change"
            )
        return longest if possible and choice != "genn" else 0

    def _loop(self) -> str:
        choice = self.options["loop"]
        if choice == "graph" and not self.slots:
            raise UsageError("option loop=graph of genn: needs kernels=folded")
        return ("graph" if self.slots else "native") if choice == "auto" else choice

    def _split(self, projection: Projection) -> bool:
        return len(self.parts[projection.pre]) * len(self.parts[projection.post]) > 1

    def _wiring(self, projection: Projection) -> Wiring:
        way: Way = "given"
        if projection.name in self.changing:
            return Wiring(
                "changing", False, False, None, fixed_delay(projection, self.request.simulation),
                self.slots or self.longest[self._place(projection)], None,
            )  # fmt: skip
        if self._dense(projection):
            way = "dense"
        elif self.request.connectivity == "native" and is_native(
            projection, self._split(projection)
        ):
            way = "native"
        # of these, and only of these, the host knows all row lengths without a look at them
        counted = way == "native" and isinstance(projection.rule, rules.FixedTotalNumber)
        return Wiring(
            way,
            counted,
            on_device=self.on_gpu and counted and not self.request.readback,
            weight=fixed_weight(projection),
            delay=fixed_delay(projection, self.request.simulation),
            slots=self.slots or self.longest[self._place(projection)],
            grid=grid(projection) if self.options["weights"] == "16-bit" else None,
        )

    def _place(self, projection: Projection) -> tuple[str, str]:
        """Return the population and state that a projection's events go to."""
        model = self.network.model_of(projection.post)
        return projection.post, model.receptors[projection.receptor]

    def _longest(self) -> dict[tuple[str, str], int]:
        """Return the steps of the longest delay onto each population and state."""
        found: dict[tuple[str, str], int] = {}
        for projection in self.network.projections:
            place = self._place(projection)
            steps = longest_delay(projection, self.request.simulation)
            found[place] = max(found.get(place, 1), steps)
        return found

    # -- the ledger -----------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """Return the ledger's lines, in the order of the description."""
        network, entries = self.network, ledger_lines.of_populations(self.request)
        for projection in network.projections:
            thing = f"projections.{projection.name}"
            if projection.name in self.changing:
                entries += self._how_changing(projection)
                continue
            entries.append(Entry(thing=thing, reason=self._how_wired(projection)))
            if self.wirings[projection.name].grid is not None:
                entries.append(_on_grid(thing))
        if self.slots:
            entries.append(Entry(thing="populations", reason=FOLDED))
        entries += map(self._how_coupled, network.continuous_projections)
        entries += map(self._how_driven, network.poisson_inputs)
        entries += ledger_lines.of_given_inputs(self.request)
        entries += ledger_lines.of_noise_currents(self.request)
        if self.precision == "float":
            entries.append(
                Entry(
                    thing="populations",
                    status="approximate",
                    name="single-precision",
                    reason="states, inputs and propagators are 32-bit floats"
                    + (UNORDERED if self.on_gpu else ""),
                    error="V_m within some 1e-3 mV until a spike moves by a step; more at steps "
                    "below 0.1 ms; spikes then drift apart",
                )
            )
        return entries

    def _how_changing(self, projection: Projection) -> Iterator[Entry]:
        """Say how the synapses of a projection change."""
        how, thing = self.changing[projection.name], f"projections.{projection.name}"
        wrong = obstacle(how)
        status: Literal["exact", "unsupported"] = "unsupported" if wrong else "exact"
        yield Entry(thing=thing, status=status, reason=wrong or words(how))
        if self.request.readback:
            yield ledger_lines.of_plastic_readback(projection)

    def _how_wired(self, projection: Projection) -> str:
        """Say how the synapses of a projection come about."""
        way, kind = self.wirings[projection.name].way, projection.rule.kind
        if way == "dense":
            return "all pairs with one weight and delay: a row without stored synapses"
        if way == "native":
            return f"rule {kind} in generated code, when the model is loaded"
        if self.request.connectivity == "shared":
            return "synapses drawn by netspec, written into GeNN's rows"
        if what := undrawn(projection):
            return f"no generated code for a {what} distribution; synapses drawn by netspec"
        across = " across shards" if is_native(projection) else ""
        return f"no generated code for rule {kind}{across}; synapses drawn by netspec"

    def _how_coupled(self, coupling: ContinuousProjection) -> Entry:
        way = self.couplings[coupling.name]
        reason = "dense product on the device, at every step"
        if way == "waves":
            number = len(self.waves[coupling.name].frequencies)
            reason = f"sums of {number} waves on the device" if number > 1 else "one sum"
        elif way == "host":
            ring = coupling.kernel.kind == "ring"
            reason = "circulant product in Fourier space" if ring else "one sum"
        return Entry(
            thing=f"continuous_projections.{coupling.name}",
            reason=reason,
            status="unsupported" if way == "host" and self.on_gpu else "exact",
        )

    def _how_driven(self, poisson: PoissonInput) -> Entry:
        """Say how Poisson numbers are drawn."""
        thing, way = f"poisson_inputs.{poisson.name}", "an inverse table"
        mean = self.request.poisson_mean(poisson)
        if self.by_product:
            if self.request.drive == "shared":
                reason = "option poisson=product: netspec's numbers are found by a table"
                return Entry(thing=thing, status="unsupported", reason=reason)
            if poisson.changes:
                reason = "option poisson=product: one rate is compiled in; use table"
                return Entry(thing=thing, status="unsupported", reason=reason)
            way = "multiplying uniform numbers"
            if mean > LARGEST_PRODUCT_MEAN:
                reason = f"option poisson=product: exp(-{mean:.0f}) is too small, use table"
                return Entry(thing=thing, status="unsupported", reason=reason)
        elif self.request.drive == "shared" or mean > LARGEST_TABLE_MEAN:
            return ledger_lines.of_counted_poisson(self.request, poisson)
        way += "; the host exchanges it when the rate changes" * poisson.changes
        return Entry(thing=thing, reason=f"one Poisson number a neuron and step, by {way}")


def _on_grid(thing: str) -> Entry:
    return Entry(
        thing=thing,
        status="approximate",
        name="16-bit-weights",
        reason="each weight is the nearest of 65,536 between the smallest and the largest",
        error="at most 1.3e-4 standard deviations of normally distributed weights",
    )
