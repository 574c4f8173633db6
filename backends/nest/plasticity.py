"""Synapses that change, in NEST: its own models where the equations are theirs, and nothing else.

NEST's order of time is the canonical one. The trace of a target's spikes is kept in the neuron,
which has one time constant for all synapses onto it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspec.describe.network import Network, Projection
from netspec.describe.synapse_models import (
    stdp,
    stdp_triplet,
    tsodyks_markram,
    tsodyks_uziel_markram,
    vogels2011,
)
from netspec.describe.synapses import SynapseModel
from netspec.realise.plasticity import PlasticSynapses

if TYPE_CHECKING:
    from netspec.backends.nest.building import NestBuilding

Numbers = Mapping[str, float]
AT_ONCE = 125  # synapses whose dictionaries NEST hands over together: these few stay in the cache


@dataclass(frozen=True)
class NativeSynapse:
    """A synapse model of NEST's that is the same as one of ours.

    Attributes
    ----------
    ours : SynapseModel
    theirs : str
    parameters : callable
        From our parameters to theirs.
    neuron : dict
        Parameter of the target neuron, in NEST -> ours that it is.
    """

    ours: SynapseModel
    theirs: str
    parameters: Callable[[Numbers], dict[str, float]]
    neuron: dict[str, str] = field(default_factory=dict)


def _stdp(own: Numbers) -> dict[str, float]:
    names = ("tau_plus", "alpha", "mu_plus", "mu_minus")
    return {name: own[name] for name in names} | {"lambda": own["lam"], "Wmax": own["w_max"]}


def _triplet(own: Numbers) -> dict[str, float]:
    # NEST's amplitudes are weights, ours shares of the largest
    size = abs(own["w_max"])
    return {
        "tau_plus": own["tau_plus"],
        "tau_plus_triplet": own["tau_x"],
        "Aplus": size * own["A2_plus"],
        "Aplus_triplet": size * own["A3_plus"],
        "Aminus": size * own["A2_minus"],
        "Aminus_triplet": size * own["A3_minus"],
        "Wmax": own["w_max"],
    }


def _vogels(own: Numbers) -> dict[str, float]:
    eta = abs(own["w_max"]) * own["eta"]
    return {"tau": own["tau"], "eta": eta, "alpha": own["alpha"], "Wmax": own["w_max"]}


def _tsodyks(own: Numbers) -> dict[str, float]:
    # NEST has the u of the first spike, ours what is there before it
    return {"U": own["U"], "u": own["U"], "x": 1.0} | {
        name: own[name] for name in ("tau_rec", "tau_fac")
    }


def _uziel(own: Numbers) -> dict[str, float]:
    # the u, x and y of NEST are those after the last spike
    names = ("U", "tau_rec", "tau_fac", "tau_psc")
    return {name: own[name] for name in names} | {"u": 0.0, "x": 1.0, "y": 0.0}


NATIVE = (
    NativeSynapse(tsodyks_markram, "tsodyks2_synapse", _tsodyks),
    NativeSynapse(tsodyks_uziel_markram, "tsodyks_synapse", _uziel),
    NativeSynapse(stdp, "stdp_synapse_hom", _stdp, {"tau_minus": "tau_minus"}),
    NativeSynapse(
        *(stdp_triplet, "stdp_triplet_synapse", _triplet),
        {"tau_minus": "tau_minus", "tau_minus_triplet": "tau_y"},
    ),
    NativeSynapse(vogels2011, "vogels_sprekeler_synapse", _vogels, {"tau_minus": "tau"}),
)


@dataclass(frozen=True)
class Changing:
    """How the synapses of a projection change in NEST.

    Attributes
    ----------
    theirs : str
        Synapse model of NEST.
    parameters : dict
        Of it.
    neuron : dict
        Of the target's neurons: what their traces need.
    """

    theirs: str
    parameters: Mapping[str, float]
    neuron: Mapping[str, float]


def native_synapse(model: SynapseModel) -> NativeSynapse | None:
    """Return NEST's counterpart of a synapse model, or None."""
    return next((native for native in NATIVE if native.ours.same_as(model)), None)


def changing(projection: Projection, model: SynapseModel) -> Changing | None:
    """Return how the synapses of a projection change in NEST, None if it has no such model."""
    native = native_synapse(model)
    if native is None:
        return None
    own = model.values(projection.parameters)
    return Changing(
        native.theirs,
        native.parameters(own),
        {theirs: own[ours] for theirs, ours in native.neuron.items()},
    )


def traces(network: Network) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return what the neurons of each population need for traces, and why some cannot have it.

    Returns
    -------
    needed : dict
        Population -> parameter of NEST's neurons -> value.
    refused : dict
        Projection -> reason.
    """
    needed: dict[str, dict[str, float]] = {}
    first: dict[tuple[str, str], str] = {}
    refused: dict[str, str] = {}
    for projection, model in network.plastic():
        how = changing(projection, model)
        for name, value in ({} if how is None else how.neuron).items():
            had = needed.setdefault(projection.post, {}).setdefault(name, value)
            other = first.setdefault((projection.post, name), projection.name)
            if had != value:
                refused[projection.name] = (
                    f"NEST keeps the trace of {projection.post}'s spikes in its neurons, with one "
                    f"time constant: {value:g} ms here, {had:g} ms of projections.{other}"
                )
    return needed, refused


def end_slices(built: NestBuilding) -> None:
    """Let NEST hand spikes on in every step, if weights at the end are asked for.

    It does so in slices of the shortest delay. A run that ends within one has spikes that have not
    changed their synapses yet, and could not be followed by others after it. A device that sends
    nothing, with a delay of one step, makes slices of one step; every device of netspec's does.
    """
    nest, reached = built.nest, built.plastic[0].projection
    if any(recorder.final for recorder in built.network.synapse_recorders):
        silent = nest.Create("spike_generator")
        spec = built.synapse(reached.post, reached.receptor, 0.0, built.dt)
        nest.Connect(silent, built.nodes[reached.post][0], syn_spec=spec)


class Plastic:
    """The synapses of a projection that change, in NEST's kernel.

    Parameters
    ----------
    built : NestBuilding
    projection : Projection
    """

    def __init__(self, built: NestBuilding, projection: Projection) -> None:
        self.built, self.nest, self.projection = built, built.nest, projection
        self.how: Changing = built.plan.changing[projection.name]
        self.plastic: PlasticSynapses = built.execution.plastic(projection)
        self.model = f"netspec_{projection.name}_{self.how.theirs}"
        self.recorder: Any = None
        self.connections: Any = None
        self.negated = projection.receptor in built.nodes.model(projection.post).negated

    def connect(self) -> None:
        """Make the synapses that this rank holds, and what records them."""
        nest = self.nest
        parameters = dict(self.how.parameters)
        if self.negated and "Wmax" in parameters:
            parameters["Wmax"] *= -1.0
        if "Wmax" in parameters:  # NEST compares its sign with the default weight's
            parameters["weight"] = parameters["Wmax"] / 2
        if self.plastic.recorded:
            self.recorder = nest.Create("weight_recorder", params={"time_in_steps": True})
            parameters["weight_recorder"] = self.recorder
        nest.CopyModel(self.how.theirs, self.model, parameters)
        drawn, nodes = self.plastic.synapses, self.built.nodes
        targets = drawn.post.astype(np.int64) + nodes[self.projection.post][0].global_id
        ranks = self.built.ranks
        self.held = np.flatnonzero(targets % ranks == self.built.rank)
        sources = drawn.pre.astype(np.int64) + nodes[self.projection.pre][0].global_id
        held = self.held
        weight, delay = drawn.weights()[held], drawn.delays()[held] * self.built.dt
        post, receptor = self.projection.post, self.projection.receptor
        spec = self.built.synapse(post, receptor, weight, delay, self.model)
        self.built.connect_pairs(sources[held], targets[held], spec)

    def prepare(self) -> None:
        """Find the synapses before they change, if nothing but their weights tells them apart.

        Else that waits until somebody asks: NEST hands over a dictionary for each, which takes
        longer than a second of model time.
        """
        if self.asked and self._told_apart_by_weight():
            self._find(changed=False)

    @property
    def asked(self) -> bool:
        """Whether anything of single synapses is recorded."""
        return self.plastic.final or bool(self.plastic.recorded)

    def _told_apart_by_weight(self) -> bool:
        drawn, order = self.plastic.synapses, self.plastic.order()
        places = (drawn.pre, drawn.post, drawn.delays())
        alike = np.logical_and.reduce([np.diff(c[order].astype(np.int64)) == 0 for c in places])
        return bool(np.any(alike & (np.diff(drawn.weights()[order]) != 0)))

    def _find(self, changed: bool) -> None:
        """Find out which synapse of NEST's is which of ours, once its order is final."""
        drawn, nodes = self.plastic.synapses, self.built.nodes
        pre, post = nodes[self.projection.pre], nodes[self.projection.post]
        self.connections = self.nest.GetConnections(pre, post, self.model)
        order = self.plastic.order()
        ours = order[np.isin(order, self.held)]
        if len(self.connections) != len(ours):
            raise RuntimeError(f"NEST holds {len(self.connections)} synapses of {len(ours)}")
        self.keys: NDArray[np.int64] = np.empty((0, 3), np.int64)
        self.number = np.empty(0, np.int64)
        self.last = np.empty(0)
        if not len(ours):
            return
        events = () if self.recorder is None else ("port",)
        columns = self._columns("source", "target", "delay", "weight", *events)
        steps = np.rint(columns["delay"] / self.built.dt).astype(np.int64)
        weights = columns["weight"] * (-1.0 if self.negated else 1.0)
        by = () if changed else (weights,)
        theirs = np.lexsort((*by, steps, columns["target"], columns["source"]))
        self.number = np.empty(len(ours), np.int64)  # of ours, by NEST's order
        self.number[theirs] = ours
        same = (
            (changed or np.array_equal(weights, drawn.weights()[self.number]))
            and np.array_equal(steps, drawn.delays()[self.number])
            and np.array_equal(columns["source"] - pre[0].global_id, drawn.pre[self.number])
            and np.array_equal(columns["target"] - post[0].global_id, drawn.post[self.number])
        )
        if not same:
            raise RuntimeError(f"NEST holds other synapses of {self.projection.name}")
        if events:
            self.keys = np.stack([columns[key] for key in ("source", "target", "port")], axis=1)
        self.last = weights if changed else np.empty(0)

    def _columns(self, *keys: str) -> dict[str, NDArray[Any]]:
        """Return values of all synapses, in NEST's order; its dictionaries are never all there."""
        parts: dict[str, list[NDArray[Any]]] = {key: [] for key in keys}
        for first in range(0, len(self.connections), AT_ONCE):
            found = self.connections[first : first + AT_ONCE].get(list(keys))
            for key, values in found.items():
                parts[key].append(np.atleast_1d(values))
        return {key: np.concatenate(values) for key, values in parts.items()}

    def read(self) -> None:
        """Give the recording what was recorded."""
        if not self.asked:
            return
        if self.connections is None:
            self._find(changed=True)
        sign = -1.0 if self.negated else 1.0
        if self.recorder is not None:
            self._read_events(sign)
        if self.plastic.final:
            weights = self.last
            if len(self.number) and not len(weights):
                weights = self._columns("weight")["weight"] * sign
            order = np.argsort(self.number)
            held = self.number[order]
            self.plastic.keep_weights(self.built.recording, weights[order], held)

    def _read_events(self, sign: float) -> None:
        events = self.recorder.events
        columns = (np.asarray(events[key], np.int64) for key in ("senders", "targets", "ports"))
        keys = np.stack(list(columns), axis=1)
        steps = np.asarray(events["times"], np.int64)
        inside = steps <= self.built.simulation.total_steps
        # a number for every (source, target, port)
        if not len(self.keys):
            empty = np.empty(0, np.int64)
            self.plastic.keep(self.built.recording, empty, empty, np.empty(0))
            return
        size = tuple(1 + np.maximum(self.keys.max(axis=0), keys.max(axis=0, initial=0)))
        known: NDArray[np.int64] = np.ravel_multi_index(tuple(self.keys.T), size)
        seen: NDArray[np.int64] = np.ravel_multi_index(tuple(keys[inside].T), size)
        order = np.argsort(known)
        number = self.number[order[np.searchsorted(known[order], seen)]]
        values = np.asarray(events["weights"])[inside] * sign
        self.plastic.keep(self.built.recording, number, steps[inside], values)
