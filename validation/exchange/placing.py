"""Spikes of a file as steps and neurons of the populations that a description names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netspec.errors import Fault, shown
from netspec.validation.exchange.digits import coarse
from netspec.validation.exchange.recordings import begun
from netspec.validation.exchange.spike_description import SpikeDescription
from netspec.validation.exchange.spike_tables import Table

# How far from the grid a time may lie, in steps: 32-bit floats are this coarse after minutes,
# and times that are no multiples of the step at all lie further off soon.
OFF_GRID = 0.1
SPAN = 2.0**40  # steps beyond which a time is not rounded but refused


class Placed:
    """One table in steps and neurons of its populations, and what is wrong with it.

    Attributes
    ----------
    steps, neurons, owner : ndarray of int64, shape (n,)
        The step; the index within the population; the population, by its number (-1: none).
    kept : ndarray of bool, shape (n,)
        Rows that are taken: those of a population asked for, within the window.
    """

    def __init__(self, description: SpikeDescription, table: Table, owners: Sequence[int]) -> None:
        self.description, self.table, self.owners = description, table, owners
        simulation = description.simulation
        self.total, self.dt = simulation.total_steps, simulation.dt
        self.unit = table.unit or description.time_unit
        self.label = table.label or description.label
        self.owner = np.full(len(table.neurons), -1)
        self.neurons = np.zeros(len(table.neurons), np.int64)
        self.other = np.zeros(len(table.neurons), bool)  # rows of populations nobody asked for
        if self._unusable:
            return
        self._assign()
        shift, scale = description.t_start or 0.0, {"ms": 1.0, "s": 1000.0, "steps": self.dt}
        in_steps = {"ms": 1 / self.dt, "s": 1000 / self.dt, "steps": 1.0}[self.unit or "ms"]
        offsets = 0.0 if table.offsets is None else table.offsets
        self.moments = table.times * scale[self.unit or "ms"] - offsets - shift  # ms
        self.exact = table.times * in_steps - (offsets + shift) / self.dt  # steps
        with np.errstate(invalid="ignore"):
            whole = np.rint(self.exact)
            self.off = ~(np.abs(self.exact - whole) < OFF_GRID)  # also if NaN
            if self.label == "exact":
                whole, self.off = begun(self.exact), ~np.isfinite(self.exact)
            safe = np.where(self.off, 0, np.clip(whole, -SPAN, SPAN))
        self.steps = safe.astype(np.int64) + (self.label != "end")
        early, late = self.steps < 1, self.steps > self.total
        self.early = early & ~self.off
        self.late = late & ~self.off

    # -- whose spikes they are ------------------------------------------------------------------

    def _assign(self) -> None:
        """Give every row its population and the neuron's index there."""
        chosen = [
            (index, first, population)
            for index, (population, first) in enumerate(self.description.first_ids())
            if index in self.owners
        ]
        names = self.table.populations
        within = self.description.ids == "population"
        begin = 0
        for index, first, population in chosen:
            if self.table.positional is not None:
                here, places = self._block(begin, population.size, self.table.neurons)
                begin += population.size
            elif population.ids is not None:
                here, places = self._listed(population.ids)
            else:
                here, places = self._block(first, population.size, self.table.neurons)
            if within and names is not None:
                here &= names == population.in_files
            self.owner[here] = index
            self.neurons[here] = places[here]
        if names is not None:
            called = {population.in_files for _, _, population in chosen}
            strange = ~np.isin(names.astype(str), [*called])
            self.other = strange if within else strange & (self.owner < 0)

    @staticmethod
    def _block(
        first: int, size: int, ids: NDArray[np.int64] | NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        if ids.dtype.kind == "f":  # not all of them are whole numbers
            whole = ids == np.rint(ids)
            ids = np.where(whole, ids, first - 1).astype(np.int64)
        # compared before they are subtracted, which could overflow
        here = (ids >= first) & (ids <= min(first + size - 1, 2**63 - 1))
        return here, np.where(here, ids, first).astype(np.int64) - first

    def _listed(self, ids: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        listed = np.array(ids, np.int64)
        order = np.argsort(listed)
        found = np.searchsorted(listed, self.table.neurons, sorter=order)
        places = order[np.minimum(found, len(listed) - 1)]
        return listed[places] == self.table.neurons, places

    # -- what is taken --------------------------------------------------------------------------

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Rows within the window, of populations asked for."""
        kept: NDArray[np.bool_] = ~self.other & ~self.early & ~self.late
        return kept

    def of(
        self, population: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return steps, neurons and times (ms) of one population."""
        mine = self.kept & (self.owner == population)
        return self.steps[mine], self.neurons[mine], self.moments[mine]

    # -- what is wrong --------------------------------------------------------------------------

    @cached_property
    def _unusable(self) -> list[Fault]:
        """What the file leaves open or contradicts, so that no row can be read."""
        table, description, name = self.table, self.description, self.table.name
        found = []
        for field, said, given, known in (
            ("time_unit", table.unit, description.time_unit, "ms, s or steps"),
            ("label", table.label, description.label, "start, end or exact"),
        ):
            if said is None and given is None:
                found.append(Fault(field, "nothing", known, f"{name} does not say it"))
            elif None not in (said, given) and said != given:
                found.append(Fault(field, repr(given), f"{said!r}, as {name} says, or nothing"))
        several = self.description.ids == "population" and len(self.owners) > 1
        if several and table.populations is None:
            allowed = "files of one population each, where ids count within it"
            hint = "or a column that says which: columns.population"
            found.append(Fault("files", repr(name), allowed, hint))
        if table.positional is not None:
            size = sum(self.description.populations[index].size for index in self.owners)
            if table.positional != size:
                allowed = f"one for each of the {size} neurons, as they have no ids"
                found.append(Fault(name, f"{table.positional} lists of times", allowed))
        return found

    def faults(self) -> list[Fault]:
        """Return what is wrong with the file, and the rows whose id or time cannot be."""
        if self._unusable:
            return self._unusable
        table = self.table
        faults = table.faults(
            (self.owner < 0) & ~self.other, table.neurons, f"ids: {', '.join(self._spans())}"
        )
        faults += self._contradictions()
        grid = f"a multiple of the time step, in {self.unit}"
        if self.label == "exact":
            grid = "a time"
        faults += table.faults(
            self.off, table.times, grid, "see dt and time_unit; label = \"exact\" keeps times as "
            "they are",
        )  # fmt: skip
        lost = self._lost_digits()
        faults += [lost] if isinstance(lost, Fault) else []
        if self.description.t_start is None:
            hint = 'label = "start" if times are those of the start of a step'
            hint = hint if self.label == "end" else "time zero is the start"
            faults += table.faults(self.early, table.times, "after 0", hint)
        if self.description.t_stop is None:
            allowed = f"steps up to {self.total}, the end of warmup + duration"
            hint = "see duration, time_unit and label; t_stop leaves out what is later"
            faults += table.faults(self.late, table.times, allowed, hint)
        return faults

    def _spans(self) -> Iterator[str]:
        for index, (p, first) in enumerate(self.description.first_ids()):
            if index in self.owners:
                listed = f"{p.size} listed ones"
                yield f"{p.name} {listed if p.ids else f'{first} to {first + p.size - 1}'}"

    def _contradictions(self) -> list[Fault]:
        """Return the rows whose population, as the file says it, is not the one of their id."""
        names = self.table.populations
        if names is None or self.description.ids == "population":
            return []
        called = np.array([p.in_files for p in self.description.populations] + [""], object)
        if len(alone := set(names.tolist())) == 1 and not alone & {*called}:
            return []  # one name for all, which the description divides by ids
        wrong = (self.owner >= 0) & (names != called[self.owner])
        return self.table.faults(
            wrong, names, "the population of its id", 'ids = "population" if they count within each'
        )

    def _lost_digits(self) -> Fault | str | None:
        """Say so if all times from some power of ten on are multiples of many steps."""
        usable = ~self.off & ~self.late & (self.exact > 0) & (self.table.times > 0)
        if not usable.any():
            return None
        # the digits are those of the file, before a part of it is taken
        steps = self.exact[usable] + (self.description.t_start or 0.0) / self.dt
        found = coarse(self.table.times[usable], np.minimum(steps, SPAN))
        if found is None or (self.label == "exact" and not found.finer):
            return None
        which = f" from {found.begin:g} on" if found.finer else ""
        many = f"all times{which} are multiples of {found.divisor} steps"
        if found.finer and found.sure:
            row = int(np.flatnonzero(usable & (self.table.times >= found.begin))[0])
            return Fault(
                f"{self.table.name}, {self.table.place(row)}",
                shown(float(self.table.times[row])),
                "times with all their digits",
                f"{many}, those before are not: they were written with too few",
            )
        return (
            f"{self.table.name}: {many}, {found.divisor * self.dt:g} ms: is dt the time step of "
            "this simulation, or did the times lose digits?"
        )

    def warnings(self) -> Iterator[str]:
        """Yield what a reader of the spikes should know."""
        name, n = self.table.name, len(self.table.times)
        lost = self._lost_digits()
        if isinstance(lost, str):
            yield lost
        if self.other.any() and self.table.populations is not None:
            left = sorted({str(p) for p in self.table.populations[self.other]})
            yield (
                f"{name}: {int(self.other.sum()):,} of {n:,} spikes are of populations that "
                f"are not asked for ({', '.join(left[:10])}) and left out"
            )
        outside = int(((self.early | self.late) & ~self.other).sum())
        if outside:
            yield (
                f"{name}: {outside:,} of {n:,} spikes lie outside of t_start to t_stop and are "
                "left out"
            )


def names_missing(tables: Sequence[Placed], description: SpikeDescription) -> Iterator[Fault]:
    """Yield the populations of which no file says anything although other names are there."""
    for index, population in enumerate(description.populations):
        mine = [placed.table for placed in tables if index in placed.owners]
        if description.ids == "global" or any(table.populations is None for table in mine):
            continue
        names = {str(p) for t in mine for p in (*t.named, *np.unique(t.populations.astype(str)))}  # type: ignore[union-attr]
        strange = names - {p.in_files for p in description.populations}
        if strange and population.in_files not in names:
            field = "name" if population.called is None else "called"
            yield Fault(
                f"populations[{index}].{field}",
                repr(population.in_files),
                f"as the files call it: {', '.join(sorted(names)[:20])}",
                "called = \"...\" is the name in files" if field == "name" else "",
            )  # fmt: skip


def repeated(tables: Sequence[Placed], description: SpikeDescription) -> str | None:
    """Say how many spikes are a neuron's second or later one in a step (exact: at one time)."""
    if not tables:
        return None
    kept = [table.kept & (table.owner >= 0) for table in tables]
    exact = any(table.label == "exact" for table in tables)
    columns: list[NDArray[np.float64] | NDArray[np.int64]] = [
        np.concatenate([getattr(table, name)[k] for table, k in zip(tables, kept, strict=True)])
        for name in ("moments" if exact else "steps", "neurons", "owner")
    ]
    order = np.lexsort(columns)
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in columns:
        same &= np.diff(column[order]) == 0
    number = int(np.count_nonzero(same))
    if not number:
        return None
    row = int(order[1:][same].min())
    for table, mine in zip(tables, kept, strict=True):
        inside = np.flatnonzero(mine)
        if row < len(inside):
            where = f"{table.table.name}, {table.table.place(int(inside[row]))}"
            break
        row -= len(inside)
    what = "at the same time" if exact else f"in a step of {description.dt:g} ms"
    return (
        f"{number:,} spikes are the second or a later one of their neuron {what} "
        f"(the first: {where}): they are kept and counted; see dt, and whether files overlap"
    )
