"""PyNN's synapses that release at random, behind spike sources.

No synapse of netspec's draws. What a spike source emits is known beforehand, though, and so is
what such a synapse makes of it: the events of each are drawn here and given to its target
(`SpikeInput`). Behind neurons these synapses are refused.

Every synapse has a sequence of random numbers by counter, some for each spike of its source, so
that a run that goes on has the events it had.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyNN.standardmodels import build_translations, synapses

from netspec.errors import UsageError
from netspec.pynn.carried import Floats, steps_of
from netspec.pynn.static import Synaptic
from netspec.pynn.synapses import AT_ONCE
from netspec.realise.counters import Bits, bits_at, input_key, neuron_states, uniform_numbers

Indices = NDArray[np.int64]
_PLAIN = (("weight", "weight"), ("delay", "delay"))
_RECOVERY = (("U", "U"), ("tau_rec", "tau_rec"), ("tau_facil", "tau_facil"))


class Released(Synaptic):
    """A synapse type that sends a random number of quanta for each spike."""

    releases = True

    @abstractmethod
    def quanta(self, own: Mapping[str, Floats], times: Floats, states: Bits) -> Floats:
        """Return the number of quanta that synapses of one source send, shape (spikes, synapses).

        Parameters
        ----------
        own : mapping
            Native parameter -> value of each synapse.
        times : ndarray, shape (spikes,)
            Of the source's spikes, in ms.
        states : ndarray of uint64, shape (synapses,)
            Of their sequences of random numbers.
        """

    def events(
        self,
        sent: tuple[Indices, Indices],
        sources: Indices,
        own: Mapping[str, Floats],
        key: tuple[int, str],
        dt: float,
    ) -> tuple[Indices, Indices, Floats]:
        """Return step, synapse and weight of all events.

        Parameters
        ----------
        sent : (ndarray, ndarray)
            Step and cell of all spikes of the sources, in order of steps.
        sources : ndarray of int64, shape (synapses,)
            Cell that each synapse is of.
        own : mapping
            Native parameter -> value of each synapse; the weight in its target's unit.
        key : (int, str)
            Seed and name.
        dt : float
            In ms.
        """
        states = neuron_states(input_key(*key, "release"), np.arange(len(sources)))
        delays = np.maximum(steps_of(own["delay"], dt), 1)
        found: list[tuple[Indices, Indices, Floats]] = [
            (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        ]
        for source in np.unique(sources):
            synapse = np.flatnonzero(sources == source)
            steps = sent[0][sent[1] == source]
            mine = {name: values[synapse] for name, values in own.items()}
            numbers = self.quanta(mine, steps * dt, states[synapse])
            spike, which = np.nonzero(numbers)
            chosen = synapse[which]
            weights = own["weight"][chosen] * numbers[spike, which]
            found.append((steps[spike] + delays[chosen], chosen, weights))
        steps, synapse, weights = map(np.concatenate, zip(*found, strict=True))
        return steps, synapse, weights


def _numbers(states: Bits, spike: int, count: int) -> Floats:
    """Return uniform numbers for a spike, shape (count, synapses)."""
    return uniform_numbers(bits_at(states, np.arange(spike * count, (spike + 1) * count)))


class SimpleStochasticSynapse(Released, synapses.SimpleStochasticSynapse):
    __doc__ = synapses.SimpleStochasticSynapse.__doc__
    translations = build_translations(*_PLAIN, ("p", "p"))

    def quanta(self, own: Mapping[str, Floats], times: Floats, states: Bits) -> Floats:
        """Return one quantum with a probability."""
        drawn = [_numbers(states, spike, 1)[0] < own["p"] for spike in range(len(times))]
        return np.array(drawn, float).reshape(len(times), len(states))


class Depleted(Released):
    """Synapses with release sites that are empty for a while when they have released.

    A site that is full releases with the probability u, which a spike first raises by U (1 - u),
    and which decays with tau_facil. An empty site is full again after an exponential time of
    tau_rec. All are full at first, and the first spike finds u = U.
    """

    @staticmethod
    def set_initial(projection: Any, variable: str, value: Any) -> None:
        """Take initial values that say just this: all `n` sites full, u zero, or U at the spike.

        Raises
        ------
        UsageError
            If they are others.
        """
        values = projection.columns.values
        allowed = {"a": (values.get("n", 1.0),), "u": (0.0, values["U"])}
        if not any(np.all(np.asarray(value) == one) for one in allowed.get(variable, ())):
            raise UsageError(
                f"projection {projection.label!r}: initial value of {variable!r}; allowed: a = n, "
                "so that all sites are full, and u = 0 or U, so that the first spike finds u = U"
            )

    def quanta(self, own: Mapping[str, Floats], times: Floats, states: Bits) -> Floats:
        """Return how many sites have released (Fuhrmann et al. 2002, J Neurophysiol 87:140)."""
        most = int(own["n"].max())
        exists = np.arange(most)[:, None] < own["n"]
        full, u = exists.copy(), np.zeros(len(states))
        found = np.zeros((len(times), len(states)))
        for spike, span in enumerate(np.diff(times, prepend=times[:1])):
            recover, release = np.split(_numbers(states, spike, 2 * most), 2)
            full |= exists & (recover < -np.expm1(-span / own["tau_rec"]))
            u = u * np.exp(-span / np.maximum(own["tau_facil"], AT_ONCE))
            u += own["U"] * (1 - u)
            out = full & (release < u)
            full &= ~out
            found[spike] = out.sum(axis=0)
        return found


class StochasticTsodyksMarkramSynapse(Depleted, synapses.StochasticTsodyksMarkramSynapse):
    __doc__ = synapses.StochasticTsodyksMarkramSynapse.__doc__
    translations = build_translations(*_PLAIN, *_RECOVERY)

    def quanta(self, own: Mapping[str, Floats], times: Floats, states: Bits) -> Floats:
        """Return whether the one site has released."""
        return super().quanta({**own, "n": np.ones(len(states))}, times, states)


class MultiQuantalSynapse(Depleted, synapses.MultiQuantalSynapse):
    __doc__ = synapses.MultiQuantalSynapse.__doc__
    translations = build_translations(*_PLAIN, *_RECOVERY, ("n", "n"))
