"""What NEST is to do with each thing of a network, decided once: the plan, and its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from netspec.backends.nest.counterparts import FIRST_DC_STEP, Counterparts
from netspec.backends.nest.generating import GeneratedModel, module_text
from netspec.backends.nest.models import (
    BLOCK,
    IAF_BW_2001,
    MagnesiumBlock,
    NativeModel,
    magnesium_block,
    nmda_entries,
)
from netspec.backends.nest.modules import obstacle
from netspec.backends.nest.plasticity import NATIVE, Changing, changing, traces
from netspec.describe import connectivity as rules
from netspec.describe import distributions as dist
from netspec.describe.inputs import Current
from netspec.describe.network import (
    ContinuousProjection,
    NoiseCurrent,
    PoissonInput,
    Population,
    Projection,
    Recorder,
    SpikeInput,
)
from netspec.describe.plastic import weight_range
from netspec.describe.synapses import SynapseModel
from netspec.execute.contract import Plan
from netspec.execute.ledger import Entry
from netspec.execute.ledger_lines import (
    of_counted_poisson,
    of_noise_current,
    of_plastic_readback,
    of_populations,
)
from netspec.execute.request import RunRequest
from netspec.realise import drawing

FIRST_POISSON_STEP = 2  # the first step, from zero, at whose end a generator's events can be due
NO_RANDOM = ("gamma",)  # distributions that are not among NEST's (nest.random, 3.10)
MAX_REDRAWS = 1000  # of one number of a distribution with bounds; then NEST raises an error
NOISE_GENERATOR = "; numbers of NEST's noise_generator are others, and act a step late"
UNLIKELY = 1e-9  # probability that a network is refused for it
GENERATED_CAN = "; neurons of the same equations can, with --option neurons=generated"
GATING = ("tau_x", "tau_NMDA", "alpha")


@dataclass(frozen=True)
class Neurons:
    """A population as neurons of a model of NEST.

    Attributes
    ----------
    model : NativeModel or GeneratedModel
    theirs : str
        Name of the model in NEST.
    block : MagnesiumBlock or None
        How NEST computes the magnesium block, if the model has one.
    counted : tuple of PoissonInput
        Inputs whose events the neurons draw, in the order of the model's streams.
    noise : tuple of NoiseCurrent
        Currents that the neurons draw, in the order of the streams that follow.
    """

    model: NativeModel | GeneratedModel
    theirs: str
    block: MagnesiumBlock | None = None
    counted: tuple[PoissonInput, ...] = ()
    noise: tuple[NoiseCurrent, ...] = ()


@dataclass(frozen=True)
class Wiring:
    """How the synapses of a projection come about.

    Attributes
    ----------
    by_rule : bool
        NEST draws them itself; else netspec hands them over.
    synapse : str
        Synapse model of NEST.
    """

    by_rule: bool
    synapse: str


@dataclass(frozen=True)
class NestPlan(Plan):
    """What NEST will do for a request.

    Attributes
    ----------
    populations : dict
        Population -> its neurons in NEST; without those that the ledger calls unsupported.
    wirings : dict
        Projection -> how its synapses come about.
    poisson_starts : dict
        Poisson input of a generator -> step in which that starts.
    module : str
        Text of the module of generated models; empty if there are none.
    changing : dict
        Projection -> how its synapses change, of those that do.
    traces : dict
        Population -> parameters of its neurons in NEST, for synapses that change.
    """

    populations: Mapping[str, Neurons]
    wirings: Mapping[str, Wiring]
    poisson_starts: Mapping[str, int]
    module: str
    changing: Mapping[str, Changing]
    traces: Mapping[str, Mapping[str, float]]


class NestPlanning:
    """Goes through a network, thing by thing; `entries` collects the ledger's lines."""

    late_current: ClassVar[str] = (
        "iaf_bw_2001 takes currents from a generator only, "
        "whose current does not act before the third step"
    )

    def __init__(self, request: RunRequest, options: Mapping[str, str]) -> None:
        self.request, self.options = request, options
        self.network, self.simulation = request.network, request.simulation
        self.exact = options["nmda"] == "exact"
        self.entries: list[Entry] = []
        self.models = Counterparts(request, options["neurons"])
        self.obstacle = obstacle() if self.models.generated() else ""
        self.given = {
            population.name: drawing.parameters(self.network, population.name, self.simulation)
            for population in self.network.populations
            if self.native(population.name) is not None
        }
        self.how = {entry.thing: entry.reason for entry in of_populations(request)}
        self.populations: dict[str, Neurons] = {}
        self.wirings: dict[str, Wiring] = {}
        self.poisson_starts: dict[str, int] = {}
        self.changing: dict[str, Changing] = {}
        self.traces, self.untraced = traces(self.network)

    def decide(self) -> None:
        """Decide everything, in the order of the description."""
        network = self.network
        tics = self.simulation.dt * 1000
        if abs(tics - round(tics)) > 1e-9:
            self._refuse("simulation.dt", "NEST's time steps are multiples of 0.001 ms")
        for population in network.populations:
            self._population(population)
        for projection in network.projections:
            self._projection(projection)
        for coupling in network.continuous_projections:
            self._coupling(coupling)
        for poisson in network.poisson_inputs:
            self._poisson(poisson)
        for noise in network.noise_currents:
            self._noise(noise)
        for kind, piece in network.pieces():
            if isinstance(piece, Current):
                self._current(f"{kind}.{piece.name}", piece)
        for spikes in network.spike_inputs:
            self._spikes(spikes)
        for recorder in network.recorders:
            self._recorder(recorder)

    def native(self, population: str) -> NativeModel | None:
        """Return the model built into NEST that a population has, or None if it is generated."""
        model = self.models[population]
        return model if isinstance(model, NativeModel) else None

    @property
    def module(self) -> str:
        """Text of the module of generated models; empty if there are none."""
        models = self.models.generated()
        return module_text(models) if models and not self.obstacle else ""

    # -- the ledger's lines ---------------------------------------------------------------

    def _exact(self, thing: str, reason: str = "") -> None:
        self.entries.append(Entry(thing=thing, reason=reason))

    def _refuse(self, thing: str, reason: str) -> None:
        self.entries.append(Entry(thing=thing, status="unsupported", reason=reason))

    def _exact_unless(self, wrong: str, thing: str, reason: str = "") -> None:
        """Refuse for a reason, if there is one."""
        if wrong:
            self._refuse(thing, wrong)
        else:
            self._exact(thing, reason)

    def _late(self, thing: str, step: int) -> None:
        self.entries.append(
            Entry(
                thing=thing,
                status="approximate",
                name="late-current",
                reason=self.late_current,
                error=f"{FIRST_DC_STEP - step} steps without the current",
            )
        )

    # -- populations and their couplings ----------------------------------------------------

    def _population(self, population: Population) -> None:
        thing, native = f"populations.{population.name}", self.native(population.name)
        if native is None:
            self._generated(population)
            return
        given = self.given[population.name]
        steps = np.asarray(given.get("t_ref", 0.0)) / self.simulation.dt
        if native.exact:
            self._exact(thing, f"native {native.theirs}")
        else:
            self.entries.append(
                Entry(
                    thing=thing,
                    status="approximate",
                    name=native.approximation,
                    reason=f"NEST's own {native.theirs}, integrated in another way",
                    error=native.error,
                )
            )
        top = "V_peak" if "V_peak" in given else "V_th"
        if "V_reset" in given and np.any(np.asarray(given["V_reset"]) >= np.asarray(given[top])):
            self._refuse(thing, f"V_reset >= {top}")
        if np.any(np.abs(steps - np.round(steps)) > 1e-6):
            reason = "rounded to the nearest step before NEST sees it, which would round up"
            self._exact(f"{thing}.parameters.t_ref", reason)
        initial = drawing.initial_values(self.network, population.name, self.simulation)
        for name, value in initial.items():
            if name not in native.settable and np.any(np.asarray(value) != 0):
                reason = f"{native.theirs} starts with {name} = 0, nothing else can be set"
                reason += GENERATED_CAN
                self._refuse(f"{thing}.initial.{name}", reason)
        block = None
        if native is IAF_BW_2001:
            block = self._magnesium(f"{thing}.parameters", given)
        theirs = native.theirs + ("_exact" if self.exact and native is IAF_BW_2001 else "")
        self.populations[population.name] = Neurons(native, theirs, block)

    def _generated(self, population: Population) -> None:
        """Answer for a population whose model is compiled from its equations."""
        thing = f"populations.{population.name}"
        model = self.models[population.name]
        if self.obstacle or not isinstance(model, GeneratedModel):
            name = self.network.model_of(population).name
            reason = f"no model built into NEST is exactly that of {name!r}, and "
            if self.options["neurons"] == "generated":
                reason = f"the equations of {name!r} are to be compiled, and "
            elif isinstance(model, GeneratedModel) and model.counted:
                reason = "with noise=shared neurons draw their events, so they are compiled, and "
            elif isinstance(model, GeneratedModel) and model.noisy:
                reason = "neurons draw their noise currents, so they are compiled, and "
            self._refuse(thing, reason + self.obstacle)
            return
        draws = "; it draws its Poisson events (noise=shared)" if model.counted else ""
        draws += "; it draws its noise currents" if model.noisy else ""
        how = f"generated: a C++ compiler makes it, once{draws}; {self.how[thing]}"
        self._exact(thing, how)
        name = population.name
        counted, noise = tuple(self.models.counted(name)), tuple(self.models.noise(name))
        self.populations[name] = Neurons(model, model.theirs, counted=counted, noise=noise)

    def _magnesium(self, thing: str, given: Mapping[str, Any]) -> MagnesiumBlock | None:
        if np.any(np.asarray(given["E_AMPA"]) != np.asarray(given["E_NMDA"])):
            reason = "iaf_bw_2001 has one reversal potential for AMPA and NMDA"
            self._refuse(f"{thing}.E_NMDA", reason)
        single = (*GATING, *BLOCK)
        if any(np.ndim(given[name]) for name in single):
            self._refuse(thing, f"one value a population is needed for {', '.join(single)}")
            return None
        if np.any(given["I_e"]):
            self._late(f"{thing}.I_e", 0)
        return magnesium_block({name: float(given[name]) for name in BLOCK})

    def _coupling(self, coupling: ContinuousProjection) -> None:
        """NEST carries NMDA gating with spikes, between two populations of `iaf_bw_2001`."""
        thing = f"continuous_projections.{coupling.name}"
        ends = [self.native(name) for name in (coupling.pre, coupling.post)]
        if None in ends:
            sizes = [self.network.population(name).size for name in (coupling.pre, coupling.post)]
            reason = (
                "generated neurons are not coupled: NEST would have to send every state to every "
                f"target at every step, {sizes[0] * sizes[1]:,} values a step here"
            )
            self._refuse(thing, reason)
            return
        if ends != [IAF_BW_2001] * 2 or (coupling.source, coupling.target) != ("s_NMDA", "g_NMDA"):
            reason = "NEST couples s_NMDA to g_NMDA of iaf_cond_nmda, and nothing else"
            self._refuse(thing, reason)
            return
        pre, post = (self.given[name] for name in (coupling.pre, coupling.post))
        if any(np.ndim(own[k]) for own in (pre, post) for k in (*GATING, *BLOCK)):
            return  # reported with the population
        if any(pre[name] != post[name] for name in GATING):
            reason = "NEST gates with the target's " + ", ".join(GATING) + ", which differ here"
            self._refuse(thing, reason)
            return
        numbers = {name: float(post[name]) for name in (*GATING, *BLOCK)}
        self.entries += nmda_entries(thing, numbers, self.exact, coupling.post)

    # -- synapses -------------------------------------------------------------------------

    def _projection(self, projection: Projection) -> None:
        thing = f"projections.{projection.name}"
        if (model := self.network.synapse_of(projection)) is not None:
            self._plastic(projection, model)
            return
        hopeless = self._gives_up(projection)
        native = self.request.connectivity == "native"
        missing = [kind for kind in _kinds(projection) if kind in NO_RANDOM]
        by_rule = native and _has_rule(projection.rule) and not hopeless and not missing
        target = self.models[projection.post]
        # the lean synapse cannot address a receptor port
        lean = self.options["synapse"] == "lean" and target.lean(projection.receptor)
        synapse = "static_synapse_hpc" if lean else "static_synapse"
        self.wirings[projection.name] = Wiring(by_rule, synapse)
        weights = projection.weight.extremes()
        if isinstance(projection.rule, rules.Explicit) and projection.rule.weight:
            weights = min(projection.rule.weight), max(projection.rule.weight)
        reason = f"native rule {projection.rule.kind}"
        if not by_rule:
            reason = "synapses drawn by netspec, handed over as arrays"
            if native and hopeless:
                reason += f": NEST would give up after drawing one {MAX_REDRAWS} times"
            elif native and missing:
                reason += f": NEST has no {missing[0]} distribution"
        self._exact_unless(
            self._wrong_sign(projection.post, projection.receptor, weights), thing, reason
        )

    def _plastic(self, projection: Projection, model: SynapseModel) -> None:
        """Answer for synapses that change, by NEST's models of the same equations."""
        thing, how = f"projections.{projection.name}", changing(projection, model)
        if how is None:
            reason = (
                f"no synapse model built into NEST has the equations of {model.name!r}, only those "
                f"of {', '.join(native.ours.name for native in NATIVE)}"
            )
            self._refuse(f"{thing}.synapse", reason)
            return
        self.changing[projection.name] = how
        self.wirings[projection.name] = Wiring(False, how.theirs)
        wrong = self.untraced.get(projection.name, "")
        if not wrong:
            wrong = self._wrong_sign(
                projection.post, projection.receptor, weight_range(projection, model)
            )
        self._exact_unless(wrong, thing, f"native {how.theirs}; synapses drawn by netspec")
        if self.request.readback:
            self.entries.append(of_plastic_readback(projection))

    def _gives_up(self, projection: Projection) -> bool:
        """Return whether NEST might draw a weight or delay too often, and so refuse the network."""
        count = drawing.expected_synapses(self.network, projection)
        return any(
            isinstance(drawn, dist.Bounded)
            and drawn.clip == "redraw"
            and count * (1 - drawn.acceptance()) ** MAX_REDRAWS > UNLIKELY
            for drawn in (projection.weight, projection.delay)
        )

    def _wrong_sign(self, post: str, receptor: str, weights: tuple[float, float]) -> str:
        """Say why weights between two bounds do not reach their receptor, if they do not."""
        low, high = weights
        native = self.native(post)
        if native is None or not native.by_sign:
            return ""
        if native.negated:
            if low < 0:
                return (
                    "NEST sends a negative conductance to the other receptor; give a low bound of 0"
                )
            return ""
        given = self.given[post]
        apart = not np.array_equal(given["tau_syn_ex"], given["tau_syn_in"])
        seen = {v for r in self.network.recorders if r.target == post for v in r.variables}
        if not apart and not seen & {"I_syn_ex", "I_syn_in"}:
            return ""  # with one time constant the two variables are as good as one
        if receptor == "excitatory" and low < 0:
            reason = (
                "NEST sends a negative weight to the inhibitory variable; give a low bound of 0"
            )
            return reason + GENERATED_CAN
        if receptor == "inhibitory" and high > 0:
            reason = (
                "NEST sends a positive weight to the excitatory variable; give a high bound of 0"
            )
            return reason + GENERATED_CAN
        return ""

    # -- inputs and recorders ---------------------------------------------------------------

    def _poisson(self, poisson: PoissonInput) -> None:
        if self.request.drive == "shared":
            self._counted(poisson)
            return
        # what a generator sends is first due three steps after its start, our own input a step
        # after its begin; a delay of the synapse would cost memory
        course = self.request.poisson_course(poisson)
        begin = course[0][0]
        early = FIRST_POISSON_STEP - begin
        self.poisson_starts[poisson.name] = max(-early, 0)
        device = f"{'inhomogeneous_' if changes_rate(course) else ''}poisson_generator"
        reason = f"one {device}, a train for every neuron"
        if early > 0:
            reason += f"; its first events are {early} step{'s' if early > 1 else ''} late, "
            reason += "since no device acts before the third step"
        wrong = self._wrong_sign(poisson.target, poisson.receptor, (poisson.weight,) * 2)
        self._exact_unless(wrong, f"poisson_inputs.{poisson.name}", reason)

    def _noise(self, noise: NoiseCurrent) -> None:
        """Answer for a noise current, which neurons draw themselves."""
        entry = of_noise_current(noise)
        why = self.models.why_native(noise.target)
        if why:
            reason = f"a noise current needs generated neurons, which draw it, {why}"
            self._refuse(entry.thing, reason + NOISE_GENERATOR)
        else:
            self._exact(entry.thing, f"{entry.reason} in the neuron{NOISE_GENERATOR}")

    def _counted(self, poisson: PoissonInput) -> None:
        """Answer for events that the neurons draw themselves."""
        why = self.models.why_native(poisson.target)
        if why:
            reason = f"noise=shared needs generated neurons, which draw their events, {why}"
            self._refuse(f"poisson_inputs.{poisson.name}", reason)
        else:
            self.entries.append(of_counted_poisson(self.request, poisson))

    def _current(self, thing: str, current: Current) -> None:
        native = self.native(current.target)
        steps = [step for step, _ in current.levels(self.simulation)]
        if native is not None and current.port != "I_stim":
            self._refuse(thing, f"no input {current.port}")
        elif native is None:
            how = f"{current.port}, a parameter of every neuron"
            later = f"step_current_generator, a step early; through {how} in the first two steps"
            self._exact(thing, f"through {how}" if steps == [0] else later)
        elif native.current_parameter:
            later = "step_current_generator, a step early; through I_e in the first two steps"
            self._exact(thing, "through I_e" if steps == [0] else later)
        elif min(steps, default=FIRST_DC_STEP) < FIRST_DC_STEP:
            self._late(thing, min(steps))
        else:
            self._exact(thing, "step_current_generator, a step early")

    def _spikes(self, spikes: SpikeInput) -> None:
        wrong = self._wrong_sign(spikes.target, spikes.receptor, spikes.weights)
        earliest = 1 if self.native(spikes.target) is None else 2
        if (spikes.events(self.simulation).steps[:1] < earliest).any():
            wrong = (
                f"NEST cannot deliver an event before the second step{GENERATED_CAN}"
                if earliest > 1
                else "an event at time 0 is due before the first step"
            )
        self._exact_unless(wrong, f"spike_inputs.{spikes.name}")

    def _recorder(self, recorder: Recorder) -> None:
        native = self.native(recorder.target)
        if native is None:
            return
        missing = [v for v in recorder.variables if v not in native.recordables]
        if missing:
            reason = f"{', '.join(missing)} cannot be recorded from {native.theirs}{GENERATED_CAN}"
            self._refuse(f"recorders.{recorder.name}", reason)


def changes_rate(course: Sequence[tuple[int, float]]) -> bool:
    """Return whether a Poisson input has more than one rate, and zero from its end on."""
    return len(course) > 2 or any(mean for _, mean in course[1:])


def _kinds(projection: Projection) -> list[str]:
    """Return the kinds of distributions that weights and delays are drawn from."""
    values = (projection.weight, projection.delay)
    return [value.kind for value in values if value is not None and value.fixed() is None]


def _has_rule(rule: rules.Rule) -> bool:
    """Return whether NEST can draw the pairs of a rule itself."""
    if isinstance(rule, rules.FixedTotalNumber):
        return rule.allow_multapses
    return not isinstance(rule, rules.Explicit)
