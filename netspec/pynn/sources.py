"""PyNN's spike sources: given spikes, Poisson processes, and renewal processes.

Poisson sources that are all alike are netspec's Poisson events, by counter: other seeds of a run
have other spikes. What differs from cell to cell, and all renewal processes, is drawn here, from
the seed of ``setup()``, in the order of time: a run that goes on has the spikes it had.

A spike lies at the end of the step in which it falls, and there is at most one in each step. A
Poisson source therefore has a spike in a step with the probability ``rate*timestep``, which keeps
its rate; intervals are geometric instead of exponential.

Parameters may be changed while the clock runs: what was sent until then stays, and what is said
holds from then on. A renewal process begins anew then.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyNN.errors import InvalidParameterValueError
from pyNN.standardmodels import build_translations, cells

from netspec.describe.network import PoissonInput
from netspec.errors import UsageError
from netspec.pynn.carried import FOREVER, Floats, Source, steps_of, tell
from netspec.realise.counters import AT_ONCE, bits_at, input_key, neuron_states, uniform_numbers
from netspec.realise.streams import stream

Indices = NDArray[np.int64]
# (from this time on in ms, native parameter -> one value a cell)
Snapshot = tuple[float, dict[str, NDArray[Any]]]
_WINDOW = (("start", "start"), ("duration", "duration"))
NEARLY = 1e-6  # of a step: by rounding a little behind its end


def snapshots(population: Any) -> list[Snapshot]:
    """Return what parameters a population had from when on; the first time is 0."""
    courses = {name: population.course(name) for name in population.native}
    times = sorted({time for course in courses.values() for time, _ in course})
    return [
        (
            time,
            {
                name: next(values for begin, values in reversed(course) if begin <= time)
                for name, course in courses.items()
            },
        )
        for time in times
    ]


class SpikeSourceArray(Source, cells.SpikeSourceArray):
    __doc__ = cells.SpikeSourceArray.__doc__
    translations = build_translations(("spike_times", "spike_times"))

    def check_native(self, native: Mapping[str, NDArray[Any]]) -> None:
        """Raise if spike times decrease, or are below zero.

        Raises
        ------
        InvalidParameterValueError
        """
        for listed in native.get("spike_times", ()):
            times = np.asarray(listed.value, float)
            wrong = np.flatnonzero(np.diff(times, prepend=0.0) < 0)
            if wrong.size:
                given = ", ".join(f"{t:g}" for t in times[max(wrong[0] - 1, 0) : wrong[0] + 1])
                raise InvalidParameterValueError(
                    f"spike_times: given {given} ms; allowed: times from 0 on that do not decrease"
                )

    def spikes(self, population: Any, name: str, place: Any) -> tuple[Floats, Indices]:
        """Return the spikes that were given, as far as they lay ahead when they were."""
        course = population.course("spike_times")
        ends = [*steps_of([begin for begin, _ in course[1:]], place.dt).tolist(), FOREVER]
        parts: list[tuple[Floats, Indices]] = []
        before: Any = [None] * population.size
        begin = -1  # what is due at the end of step `begin` or before has passed
        late = 0
        for (_, lists), end in zip(course, ends, strict=True):
            lengths = [len(listed.value) for listed in lists]
            times = np.concatenate([np.asarray(listed.value, float) for listed in lists])
            which = np.repeat(np.arange(population.size), lengths)
            steps = steps_of(times, place.dt)
            ahead = steps > begin
            new = np.array([a is not b for a, b in zip(lists, before, strict=True)])
            late += int(np.sum(new[which] & ~ahead))
            here = ahead & (steps <= end)
            parts.append((times[here], which[here]))
            begin, before = end, lists
        if late:
            tell(f"{late} spikes of {population.label!r} had passed when they were given")
        times, which = (np.concatenate(column) for column in zip(*parts, strict=True))
        early = int(np.sum(times < place.dt / 2))
        if early:
            tell(
                f"{early} spikes of {population.label!r} at t = 0 ms are put at the end of the "
                f"first time step, at {place.dt:g} ms"
            )
        return times, which


class SpikeSourcePoisson(Source, cells.SpikeSourcePoisson):
    __doc__ = cells.SpikeSourcePoisson.__doc__
    translations = build_translations(("rate", "rate"), *_WINDOW)

    def pieces(self, population: Any, name: str, place: Any) -> Iterator[Any]:
        """Yield a Poisson input if all cells are alike, else the spikes that are drawn here."""
        edges, chances = self._chances(population, place)
        if (chances != chances[:, :1]).any():
            yield from super().pieces(population, name, place)
            return
        # netspec's number of events in a step is above zero with the chance of a spike
        rates = -np.log1p(-chances[:, 0]) / place.dt * 1000
        kept = np.flatnonzero(np.diff(rates, prepend=0.0))
        if kept.size:
            first, *later = kept.tolist()
            yield PoissonInput(
                name=_events(name), target=name, receptor="events", weight=1.0,
                rate=rates[first], start=edges[first] * place.dt,
                times=edges[later] * place.dt, rates=rates[later],
            )  # fmt: skip

    def spikes(self, population: Any, name: str, place: Any) -> tuple[Floats, Indices]:
        """Draw spikes from the numbers that a Poisson input of this name would have."""
        edges, chances = self._chances(population, place)
        ends = np.append(edges[1:], round(place.until / place.dt))
        states = neuron_states(input_key(place.seed, _events(name)), np.arange(population.size))
        steps: list[Indices] = [np.empty(0, np.int64)]
        which: list[Indices] = [np.empty(0, np.int64)]
        for begin, end, chance in zip(edges, ends, chances, strict=True):
            active = np.flatnonzero(chance)
            block = max(AT_ONCE // max(len(active), 1), 1)
            for first in range(begin, end, block) if active.size else ():
                numbers = np.arange(first, min(first + block, end))
                drawn = uniform_numbers(bits_at(states[active], numbers))
                at, cell = np.nonzero(drawn > 1 - chance[active])
                steps.append(numbers[at] + 1)
                which.append(active[cell])
        return np.concatenate(steps) * place.dt, np.concatenate(which)

    def _chances(self, population: Any, place: Any) -> tuple[Indices, Floats]:
        """Return steps, and the probability of a spike of each cell in the steps from each on.

        Raises
        ------
        UsageError
            If a rate leaves no step without a spike.
        """
        edges, rates = self.course(population, place)
        if rates.size and rates.max() * place.dt / 1000 >= 1:
            raise UsageError(
                f"rate of {population.label!r}: given {rates.max():g} Hz; allowed: below "
                f"{1000 / place.dt:g} Hz, as there is at most one spike in a step of {place.dt:g} "
                "ms. A smaller timestep, more sources of a lower rate, or one source for each cell "
                "of a population, of one weight and delay and not recorded, which may have any rate"
            )
        return edges, rates * place.dt / 1000

    def check_native(self, native: Mapping[str, NDArray[Any]]) -> None:
        """Raise if a rate is below zero.

        Raises
        ------
        InvalidParameterValueError
        """
        if not np.all(native["rate"] >= 0):
            raise InvalidParameterValueError(
                f"rate: given {np.min(native['rate']):g} Hz; allowed: from 0 on"
            )

    @staticmethod
    def course(population: Any, place: Any) -> tuple[Indices, Floats]:
        """Return steps, and the rate in Hz of each cell in the steps from each on."""
        taken = snapshots(population)
        begins = [*steps_of([begin for begin, _ in taken], place.dt).tolist()]
        last = round(place.until / place.dt)
        parts: list[tuple[Indices, Floats]] = []
        for k, (_, values) in enumerate(taken):
            begin, end = begins[k], begins[k + 1] if k + 1 < len(taken) else last
            start = steps_of(values["start"], place.dt)
            stop = steps_of(values["start"] + values["duration"], place.dt)
            edges = np.unique(np.clip([begin, *start, *stop], begin, end))
            edges = edges[edges < end] if end > begin else edges[:0]
            on = (start <= edges[:, None]) & (edges[:, None] < stop)
            parts.append((edges, on * np.asarray(values["rate"], float)))
        edges, rates = (np.concatenate(column) for column in zip(*parts, strict=True))
        return edges, rates


def _events(name: str) -> str:
    """Return the name of the Poisson input of a population, which keys its numbers."""
    return f"{name[:57]}_events"


class Renewal(Source):
    """Sources whose spikes are drawn one after the other, cell by cell."""

    @abstractmethod
    def drawn(
        self, generator: np.random.Generator, values: Mapping[str, Any], begin: float, end: float
    ) -> Floats:
        """Return the times of spikes between `begin` and `end`, in ms.

        Those up to any time must not depend on `end`.

        Parameters
        ----------
        generator : numpy.random.Generator
        values : mapping
            Native parameter -> value of the cell.
        begin, end : float
            In ms.
        """

    def spikes(self, population: Any, name: str, place: Any) -> tuple[Floats, Indices]:
        """Draw the spikes of every cell, from a stream of its own, at the ends of steps."""
        taken = snapshots(population)
        ends = [*(begin for begin, _ in taken[1:]), np.inf]
        times: list[Floats] = [np.empty(0)]
        which: list[Indices] = [np.empty(0, np.int64)]
        for cell in range(population.size):
            for number, (begin, end, values) in enumerate(self._course(taken, ends, cell)):
                first = max(begin, values["start"])
                last = min(end, values["start"] + values["duration"], place.until)
                if first < last:
                    generator = stream(place.seed, name, f"spikes.{cell}", number)
                    found = self.drawn(generator, values, first, last)
                    # at the end of its step: by the nearest one, a spike just after the clock's
                    # time would come to lie at it once the run goes on, and not before
                    times.append(np.ceil(found / place.dt - NEARLY) * place.dt)
                    which.append(np.full(len(found), cell, np.int64))
        return np.concatenate(times), np.concatenate(which)

    @staticmethod
    def _course(
        taken: list[Snapshot], ends: list[float], cell: int
    ) -> Iterator[tuple[float, float, dict[str, Any]]]:
        """Yield (begin, end, parameters) of a cell, as long as they are the same."""
        last: tuple[float, float, dict[str, Any]] | None = None
        for (begin, values), end in zip(taken, ends, strict=True):
            own = {name: column[cell] for name, column in values.items()}
            if last is not None and _same(last[2], own):
                last = last[0], end, own
                continue
            if last is not None:
                yield last
            last = begin, end, own
        if last is not None:
            yield last


def _same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return all(
        value is after[name] or np.array_equal(_plain(value), _plain(after[name]))
        for name, value in before.items()
    )


def _plain(value: Any) -> Floats:
    return np.asarray(getattr(value, "value", value), float)


def _walked(
    generator: np.random.Generator, draw: Any, mean: float, begin: float, end: float
) -> Floats:
    """Return times after `begin` by intervals that `draw(generator, n)` draws, up to `end`."""
    found = [np.empty(0)]
    now = begin
    while now < end:
        times = now + np.cumsum(draw(generator, int((end - now) / mean) + 16))
        now = times[-1]
        found.append(times[times <= end])
    return np.concatenate(found)


class SpikeSourcePoissonRefractory(Renewal, cells.SpikeSourcePoissonRefractory):
    __doc__ = cells.SpikeSourcePoissonRefractory.__doc__
    translations = build_translations(("rate", "rate"), ("tau_refrac", "tau_refrac"), *_WINDOW)

    def check_native(self, native: Mapping[str, NDArray[Any]]) -> None:
        """Raise if a dead time leaves no room for the rate.

        Raises
        ------
        InvalidParameterValueError
        """
        rate, dead = native["rate"], native["tau_refrac"]
        if not (np.all(rate >= 0) and np.all(rate * dead < 1000)):
            raise InvalidParameterValueError(
                f"rate, tau_refrac: given up to {np.max(rate):g} Hz and {np.max(dead):g} ms; "
                "allowed: rates from 0 on, with a dead time shorter than the mean interval"
            )

    def drawn(
        self, generator: np.random.Generator, values: Mapping[str, Any], begin: float, end: float
    ) -> Floats:
        """Return spikes of a Poisson process with a dead time, which none has before the first."""
        rate, dead = float(values["rate"]), float(values["tau_refrac"])
        if not rate:
            return np.empty(0)
        free = 1000 / rate - dead
        return _walked(
            generator, lambda g, n: dead + g.exponential(free, n), 1000 / rate, begin - dead, end
        )


class SpikeSourceGamma(Renewal, cells.SpikeSourceGamma):
    __doc__ = cells.SpikeSourceGamma.__doc__
    translations = build_translations(("alpha", "alpha"), ("beta", "beta"), *_WINDOW)

    def check_native(self, native: Mapping[str, NDArray[Any]]) -> None:
        """Raise if this is no gamma distribution.

        Raises
        ------
        InvalidParameterValueError
        """
        if not (np.all(native["alpha"] > 0) and np.all(native["beta"] >= 0)):
            raise InvalidParameterValueError("alpha, beta: allowed: alpha above 0, beta from 0 on")

    def drawn(
        self, generator: np.random.Generator, values: Mapping[str, Any], begin: float, end: float
    ) -> Floats:
        """Return spikes with gamma intervals, the first of which begins at `begin`."""
        shape, rate = float(values["alpha"]), float(values["beta"]) / 1000
        if not rate:
            return np.empty(0)
        return _walked(
            generator, lambda g, n: g.gamma(shape, 1 / rate, n), shape / rate, begin, end
        )


class SpikeSourceInhGamma(Renewal, cells.SpikeSourceInhGamma):
    __doc__ = cells.SpikeSourceInhGamma.__doc__
    translations = build_translations(("a", "a"), ("b", "b"), ("tbins", "tbins"), *_WINDOW)

    def check_native(self, native: Mapping[str, NDArray[Any]]) -> None:
        """Raise if histograms do not fit each other, or hazards have no bound.

        Raises
        ------
        InvalidParameterValueError
        """
        for columns in zip(*(native[name] for name in ("a", "b", "tbins")), strict=True):
            a, b, bins = map(_plain, columns)
            if not len(a) == len(b) == len(bins) > 0 or (np.diff(bins) <= 0).any():
                raise InvalidParameterValueError(
                    f"a, b, tbins: given {len(a)}, {len(b)} and {len(bins)} values; allowed: as "
                    "many of each, and tbins that increase"
                )
            if (a < 1).any() or (b <= 0).any():
                raise InvalidParameterValueError(
                    f"a, b: given from {a.min():g} and {b.min():g} s on; allowed: a from 1 on, "
                    "since spikes are drawn by thinning, and b above 0"
                )

    def drawn(
        self, generator: np.random.Generator, values: Mapping[str, Any], begin: float, end: float
    ) -> Floats:
        """Return spikes by thinning (Muller et al. 2007), of intervals that begin at `begin`.

        A gamma process of shape a and scale b has the hazard of its interval up to now, with the
        a and b of now; it is below 1/b.
        """
        from scipy.special import gammaincc, gammaln

        a, b, bins = _plain(values["a"]), _plain(values["b"]) * 1000, _plain(values["tbins"])
        most = 1 / b.min()
        bits: Any = generator.bit_generator
        accepts = np.random.Generator(bits.jumped())  # far from all it draws
        times = _walked(generator, lambda g, n: g.exponential(1 / most, n), 1 / most, begin, end)
        chances = accepts.random(len(times))
        bin_of = np.maximum(np.searchsorted(bins, times, side="right") - 1, 0)
        kept = np.zeros(len(times), bool)
        last = begin
        for k, (time, chance) in enumerate(zip(times, chances, strict=True)):
            shape, scale = a[bin_of[k]], b[bin_of[k]]
            age = (time - last) / scale
            # beyond, where nothing of the distribution is left, the hazard has its limit
            left = gammaincc(shape, age)
            hazard = 1.0
            if left > 1e-300:
                hazard = np.exp((shape - 1) * np.log(age) - age - gammaln(shape)) / left
            if chance * most < hazard / scale:
                kept[k], last = True, time
        found: Floats = times[kept]
        return found
