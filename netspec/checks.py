"""Cross-checks of a network: references, units, sizes, plausibility.

`check_pieces` looks at all pieces that could be read, collects every fault, and returns the
pieces in canonical units: only here is it known which unit a weight or parameter must have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from netspec import units
from netspec.connectivity import Explicit, OneToOne
from netspec.errors import Fault, UnitError, nearest
from netspec.neurons import NeuronModel

# Typical sizes by unit: outside lies a slip of 1000 rather than a neuron.
PLAUSIBLE_WEIGHT = {"pA": (0.1, 2e4), "nS": (0.01, 200.0), "mV": (1e-3, 50.0), "1": (1e-4, 1e3)}
PLAUSIBLE_CURRENT = {"pA": (0.1, 2e4)}
PLAUSIBLE_KERNEL = {"nS": (1e-3, 200.0)}
PLAUSIBLE_DELAY = (0.01, 200.0)


def check_pieces(
    pieces: Mapping[str, Sequence[Any]],
    models: Mapping[str, NeuronModel],
    accept: Collection[str],
    population_names: Sequence[str],
) -> tuple[list[Fault], dict[str, tuple[Any, ...]]]:
    """Check all pieces against each other.

    Parameters
    ----------
    pieces : mapping
        List name -> pieces; None stands for one that could not be read.
    models : mapping
        The neuron models that could be read.
    accept : collection of str
        Paths of implausible values that are meant.
    population_names : sequence of str
        All names of populations, also of those that could not be read.

    Returns
    -------
    faults : list of Fault
    normal : dict
        List name -> pieces in canonical units (of use only without faults).
    """
    check = _Check(pieces, models, accept, population_names)
    normal = {
        key: tuple(
            piece if piece is None else getattr(check, f"check_{key}")(f"{key}[{index}]", piece)
            for index, piece in enumerate(values)
        )
        for key, values in pieces.items()
    }
    check.unique_names()
    return check.faults, normal


def kernel_dimension(
    source: NeuronModel, state: str, target: NeuronModel, port: str
) -> units.Dimension:
    """Return the dimension of a continuous coupling's weight."""
    given = units.COHERENT[source.units_of_states[state]]
    return units.COHERENT[target.inputs[port]].times(given, -1)


class _Check:
    def __init__(
        self,
        pieces: Mapping[str, Sequence[Any]],
        models: Mapping[str, NeuronModel],
        accept: Collection[str],
        population_names: Sequence[str],
    ) -> None:
        self.pieces, self.models, self.accept = pieces, models, accept
        self.names = list(dict.fromkeys(population_names))
        self.populations = {p.name: p for p in pieces["populations"] if p is not None}
        self.faults: list[Fault] = []

    def fault(self, path: str, given: object, allowed: str, hint: str = "") -> None:
        self.faults.append(Fault(path, str(given), allowed, hint))

    # -- pieces of checks ---------------------------------------------------------------

    def unique_names(self) -> None:
        seen: dict[str, str] = {}
        for key, values in self.pieces.items():
            for index, piece in enumerate(values):
                path = f"{key}[{index}].name"
                if piece is not None and seen.setdefault(piece.name, path) != path:
                    self.fault(path, repr(piece.name), f"unique names; also {seen[piece.name]}")

    def model(self, path: str, population: str) -> tuple[Any, NeuronModel | None]:
        """Look up a population and its model; report an unknown name."""
        if population not in self.names:
            self.fault(
                path,
                repr(population),
                f"a population: {', '.join(self.names[:20]) or 'there is none'}",
                nearest(population, self.names),
            )
        found = self.populations.get(population)
        return found, None if found is None else self.models.get(str(found.model))

    def member(self, path: str, name: str, known: Collection[str], what: str) -> bool:
        if name in known:
            return True
        names = sorted(known)
        self.fault(path, repr(name), f"{what}: {', '.join(names) or 'none'}", nearest(name, names))
        return False

    def convert(self, path: str, unit: str) -> Callable[[float], float]:
        def to_unit(value: float) -> float:
            try:
                return units.check_dimension(value, unit)
            except UnitError as error:
                self.fault(path, repr(getattr(value, "text", value)), str(error).split(", ", 1)[-1])
                return float(value)

        return to_unit

    def plausible(
        self,
        path: str,
        name: str,
        value: float,
        limits: tuple[float | None, float | None],
        unit: str,
        slip: str = "a slip of 1000?",
    ) -> None:
        low, high = limits
        if (low is None or value >= low) and (high is None or value <= high):
            return
        # addressed by name, which stays when pieces are reordered
        address = f"{path.split('[', maxsplit=1)[0]}.{name}.{path.rsplit('].', 1)[-1]}"
        if address not in self.accept:
            self.fault(
                path,
                f"{value:g} {unit}",
                f"plausible is {low if low is not None else '-inf'} to "
                f"{high if high is not None else 'inf'} {unit}",
                f"{slip} If it is meant, add {address!r} to accept",
            )

    def neurons(self, path: str, indices: Sequence[int] | None, population: Any) -> None:
        if indices and population is not None and max(indices) >= population.size:
            self.fault(path, max(indices), f"neurons 0 to {population.size - 1}")

    def weight(self, path: str, piece: Any, target: str, receptor: str, weight: Any) -> Any:
        """Check receptor and weight of a projection or input; return the converted weight."""
        _, model = self.model(f"{path}.{'post' if hasattr(piece, 'post') else 'target'}", target)
        if model is None or not self.member(
            f"{path}.receptor", receptor, model.receptors, f"a receptor of {model.name}"
        ):
            return weight
        unit = model.units_of_states[model.receptors[receptor]]
        convert = self.convert(f"{path}.weight", unit)
        if isinstance(weight, float):
            weight = typical = convert(weight)
        else:
            weight = weight.converted(convert)
            typical = weight.typical()
        self.plausible_weights(f"{path}.weight", piece.name, [typical], unit)
        return weight

    def plausible_weights(self, path: str, name: str, weights: Sequence[float], unit: str) -> None:
        """Report the first weight that is far from what is usual for its unit."""
        low, high = PLAUSIBLE_WEIGHT.get(unit, (0.0, None))
        wrong = (w for w in weights if w and not (low <= abs(w) and (not high or abs(w) <= high)))
        if (weight := next(wrong, None)) is not None:
            self.plausible(path, name, abs(weight), (low, high), unit)
        elif unit == "nS" and (least := min(weights, default=0.0)) < 0:
            slip = "a conductance is not negative: what inhibits is its reversal potential."
            self.plausible(path, name, least, (0.0, high), unit, slip)

    # -- one method a list of pieces ----------------------------------------------------

    def check_populations(self, path: str, piece: Any) -> Any:
        model = self.models.get(str(piece.model))
        if model is None:
            return piece
        parameters, initial = {}, {}
        for name, value in piece.parameters.items():
            here = f"{path}.parameters.{name}"
            if not self.member(here, name, model.parameters, f"a parameter of {model.name}"):
                continue
            spec = model.parameters[name]
            parameters[name] = value.converted(self.convert(here, spec.unit))
            limits = (spec.low, spec.high)
            self.plausible(here, piece.name, parameters[name].typical(), limits, spec.unit)
            below = parameters[name].share_below(0.0)
            if name in model.dynamics.positive and parameters[name].extremes()[1] <= 0:
                given = f"{parameters[name].typical():g} {spec.unit}"
                self.fault(here, given, "a value above 0, since equations divide by it")
            elif (
                below > 1e-12
                and parameters[name].typical() > 0
                and (name in model.dynamics.positive or (spec.low is not None and spec.low >= 0))
            ):
                allowed = f"values above 0, but {below:.1e} of them would lie below"
                self.fault(here, "a distribution", allowed, "give it a low bound")
        known = model.units_of_states
        for name, value in piece.initial.items():
            here = f"{path}.initial.{name}"
            if self.member(here, name, known, f"a state variable of {model.name}"):
                initial[name] = value.converted(self.convert(here, known[name]))
                if known[name] == "mV":
                    middle = initial[name].typical()
                    self.plausible(here, piece.name, middle, (-200.0, 100.0), "mV")
        if model.refractory in parameters and parameters[model.refractory].extremes()[0] < 0:
            self.fault(f"{path}.parameters.{model.refractory}", "a negative time", "0 ms or more")
        return piece.model_copy(update={"parameters": parameters, "initial": initial})

    def check_projections(self, path: str, piece: Any) -> Any:
        pre, _ = self.model(f"{path}.pre", piece.pre)
        post = self.populations.get(piece.post)
        update: dict[str, Any] = {
            "weight": self.weight(path, piece, piece.post, piece.receptor, piece.weight)
        }
        if piece.delay is not None:
            delay = piece.delay.converted(self.convert(f"{path}.delay", "ms"))
            update["delay"] = delay
            limits = PLAUSIBLE_DELAY
            self.plausible(f"{path}.delay", piece.name, delay.typical(), limits, "ms")
            if delay.extremes()[0] < 0:
                self.fault(
                    f"{path}.delay",
                    "a distribution that reaches below 0 ms",
                    "delays of 0 ms or more",
                    "give the normal distribution a low bound",
                )
        if pre is not None and post is not None:
            update["rule"] = self.rule(path, piece, pre, post)
        return piece.model_copy(update=update)

    def rule(self, path: str, piece: Any, pre: Any, post: Any) -> Any:
        rule, same = piece.rule, piece.pre == piece.post
        if isinstance(rule, OneToOne) and pre.size != post.size:
            self.fault(f"{path}.rule", f"sizes {pre.size} and {post.size}", "equal sizes")
        if isinstance(rule, Explicit):
            self.neurons(f"{path}.rule.pre", rule.pre, pre)
            self.neurons(f"{path}.rule.post", rule.post, post)
            return self.explicit(path, piece.name, rule, post, piece.receptor)
        if getattr(rule, "allow_multapses", True) and getattr(rule, "allow_autapses", True):
            return rule
        sources = pre.size - (1 if same and not rule.allow_autapses else 0)
        wanted = getattr(rule, "indegree", getattr(rule, "number", 0))
        room = sources if hasattr(rule, "indegree") else sources * post.size
        if not getattr(rule, "allow_multapses", True) and wanted > room:
            self.fault(f"{path}.rule", f"{wanted} synapses", f"at most {room} without multapses")
        elif wanted and not sources:
            self.fault(f"{path}.rule", f"{wanted} synapses", "there is no pair but the autapse")
        return rule

    def explicit(self, path: str, name: str, rule: Explicit, post: Any, receptor: str) -> Explicit:
        update: dict[str, Any] = {}
        model = self.models.get(str(post.model))
        if rule.weight is not None and model is not None and receptor in model.receptors:
            unit = model.units_of_states[model.receptors[receptor]]
            update["weight"] = tuple(map(self.convert(f"{path}.rule.weight", unit), rule.weight))
            self.plausible_weights(f"{path}.rule.weight", name, update["weight"], unit)
        if rule.delay is not None:
            update["delay"] = tuple(map(self.convert(f"{path}.rule.delay", "ms"), rule.delay))
            if any(not 0 <= d <= 6e6 for d in update["delay"]):
                self.fault(f"{path}.rule.delay", "a delay out of bounds", "0 to 6e6 ms")
        return rule.model_copy(update=update)

    def check_continuous_projections(self, path: str, piece: Any) -> Any:
        pre, source = self.model(f"{path}.pre", piece.pre)
        post, target = self.model(f"{path}.post", piece.post)
        if source is not None:
            states = source.units_of_states
            self.member(f"{path}.source", piece.source, states, f"a state of {source.name}")
        ring = piece.kernel.kind == "ring" and pre is not None and post is not None
        if ring and pre.size != post.size:
            self.fault(f"{path}.kernel", f"sizes {pre.size} and {post.size}", "equal sizes")
        if target is None or not self.member(
            f"{path}.target", piece.target, target.inputs, f"an input of {target.name}"
        ):
            return piece
        unit = self.kernel_unit(path, piece, source, target)
        if unit is None:
            return piece
        weight = self.convert(f"{path}.kernel.weight", unit)(piece.kernel.weight)
        if weight:
            limits = PLAUSIBLE_KERNEL.get(unit, (0.0, None))
            self.plausible(f"{path}.kernel.weight", piece.name, abs(weight), limits, unit)
        kernel = piece.kernel.model_copy(update={"weight": weight})
        return piece.model_copy(update={"kernel": kernel})

    def kernel_unit(self, path: str, piece: Any, source: Any, target: NeuronModel) -> str | None:
        """Return the unit of the kernel's weight: that of the input by that of the source."""
        if source is None or piece.source not in source.units_of_states:
            return None
        wanted = kernel_dimension(source, piece.source, target, piece.target)
        unit = next((u for u, d in units.COHERENT.items() if d == wanted), None)
        if unit is None:
            self.fault(f"{path}.target", repr(piece.target), f"no weight has the unit {wanted}")
        return unit

    def check_poisson_inputs(self, path: str, piece: Any) -> Any:
        if piece.rate * piece.number > 1e7:
            self.fault(f"{path}.rate", f"{piece.rate * piece.number:g} Hz in all", "up to 1e7 Hz")
        weight = self.weight(path, piece, piece.target, piece.receptor, piece.weight)
        return piece.model_copy(update={"weight": weight})

    def current(self, path: str, piece: Any, field: str, values: Sequence[float]) -> list[float]:
        population, model = self.model(f"{path}.target", piece.target)
        self.neurons(f"{path}.neurons", piece.neurons, population)
        if model is None or not self.member(
            f"{path}.port", piece.port, model.inputs, f"an input of {model.name}"
        ):
            return list(values)
        unit = model.inputs[piece.port]
        result = [self.convert(f"{path}.{field}", unit)(value) for value in values]
        for value in result:
            if value:
                limits = PLAUSIBLE_CURRENT.get(unit, (0.0, None))
                self.plausible(f"{path}.{field}", piece.name, abs(value), limits, unit)
        return result

    def check_current_inputs(self, path: str, piece: Any) -> Any:
        (amplitude,) = self.current(path, piece, "amplitude", [piece.amplitude])
        return piece.model_copy(update={"amplitude": amplitude})

    def check_step_currents(self, path: str, piece: Any) -> Any:
        amplitudes = tuple(self.current(path, piece, "amplitudes", piece.amplitudes))
        return piece.model_copy(update={"amplitudes": amplitudes})

    def check_spike_inputs(self, path: str, piece: Any) -> Any:
        self.neurons(f"{path}.neurons", piece.neurons, self.populations.get(piece.target))
        weight = self.weight(path, piece, piece.target, piece.receptor, piece.weight)
        return piece.model_copy(update={"weight": weight})

    def check_recorders(self, path: str, piece: Any) -> Any:
        population, model = self.model(f"{path}.target", piece.target)
        self.neurons(f"{path}.neurons", piece.neurons, population)
        if model is not None:
            states = model.units_of_states
            for name in piece.variables:
                self.member(f"{path}.variables", name, states, f"a state variable of {model.name}")
        return piece
