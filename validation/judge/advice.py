"""What would decide the open tests: shared networks, longer runs, more seeds, in this order.

The power is that of all open tests together, and the scatter is taken at the upper end of its
confidence interval, since few seeds know it badly. The method stands in ``docs/verdict.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.special import chdtri

from netspec.execute.measure import Key, Margin
from netspec.validation.judge.comparing import Floats
from netspec.validation.judge.equivalence import POWER, fewest, means_of, power_of
from netspec.validation.judge.means import ALPHA, TwoMeans

CONFIDENCE = 0.8  # of the upper end of a variance
FEW = 10  # pairs, for which the length of a run is asked
LONGEST = 64.0  # times the present length: more is no advice
PROPORTIONS = "proportion"


@dataclass(frozen=True)
class OpenTest:
    """One test of means that was not decided.

    Attributes
    ----------
    means : TwoMeans
    margin : Margin
        As tested.
    networks : float
        Share of the variance that differs from network to network, 0 to 1: the rest scatters in
        time. NaN if nobody knows; each lever is then taken at its worst.
    """

    means: TwoMeans
    margin: Margin
    networks: float = math.nan

    def power(self, seeds: int, times: float, share: bool, alpha: float) -> float:
        """Return the power of another design, with the variance at its upper end.

        Parameters
        ----------
        seeds : int
            A side.
        times : float
            How long the runs are, of the present length.
        share : bool
            Whether both sides get the same networks, and are compared in pairs.
        alpha : float
        """
        means = self.means
        of_networks = 0.0 if share else 1.0  # what stays of the variance between networks
        unknown = math.isnan(self.networks)
        part = (1.0 if times > 1 else 0.0) if unknown else self.networks
        if unknown and share:
            part = 0.0
        kept = part * of_networks + (1 - part) / times
        kept *= means.df / float(chdtri(means.df, CONFIDENCE))
        if (
            means.covariance is not None
        ):  # pairs: the differences scatter, whatever either side does
            half = (means.variance_a + means.variance_b - 2 * means.covariance) / 2
            means = replace(means, variance_a=half, variance_b=half, covariance=0.0)
        elif share and self.margin.scale != PROPORTIONS:
            means = replace(means, covariance=0.0)
        scaled = replace(
            means, variance_a=means.variance_a * kept, variance_b=means.variance_b * kept
        )
        return power_of(scaled.with_seeds(seeds), self.margin, alpha)


@dataclass(frozen=True)
class Lever:
    """One way to decide all open tests of means.

    Attributes
    ----------
    what : {"share", "prolong", "seeds"}
        Prolonged runs share their networks where that helps.
    seeds : int or None
        A side; None if no number of seeds would do.
    times : float or None
        Length of the runs, of the present one; None if no length would do.
    shared : bool
    """

    what: Literal["share", "prolong", "seeds"]
    seeds: int | None
    times: float | None
    shared: bool

    def text(self, duration: float) -> str:
        """Return the lever in words; `duration` is the present one in ms."""
        unit = "pairs" if self.shared else "seeds a side"
        how = {"share": "share the networks", "prolong": "prolong the runs", "seeds": "add seeds"}
        if self.seeds is None or self.times is None:
            return f"{how[self.what]}: not enough by itself"
        seconds = duration * self.times / 1000
        return f"{how[self.what]}: up to {self.seeds} {unit} of {seconds:.3g} s"


def open_test(
    reference: Floats, other: Floats, margin: Margin, matched: bool, networks: float
) -> OpenTest | None:
    """Return an open test by its values per seed; None where there are fewer than two."""
    found = means_of(reference, other, margin, matched)
    return None if found is None else OpenTest(*found, networks)


def joint_power(
    tests: Iterable[OpenTest], seeds: int, times: float, share: bool, alpha: float = ALPHA
) -> float:
    """Return a lower bound of the power to find all tests equivalent: 1 - sum(1 - power)."""
    return 1 - sum(1 - test.power(seeds, times, share, alpha) for test in tests)


def levers(tests: Sequence[OpenTest], matched: bool, alpha: float = ALPHA) -> list[Lever]:
    """Return what would give a joint power of 80 %, in the order in which it is to be tried.

    Parameters
    ----------
    tests : sequence of OpenTest
        One or more.
    matched : bool
        Whether the networks are shared already.
    alpha : float
        Level of every one-sided test.
    """

    def seeds_for(share: bool) -> int | None:
        return fewest(lambda n: joint_power(tests, n, 1.0, share, alpha) >= POWER)

    alone = seeds_for(share=False)
    found = []
    helps = False
    if not matched:
        together = seeds_for(share=True)
        helps = together is not None and (alone is None or together < alone)
        found.append(Lever("share", together if helps else None, 1.0, True))
    shared = matched or helps
    number = max(FEW, *(min(test.means.n_a, test.means.n_b) for test in tests))
    times = _length(lambda f: joint_power(tests, number, f, helps, alpha) >= POWER)
    found.append(Lever("prolong", number, times, shared))
    found.append(Lever("seeds", alone, 1.0, matched))
    return found


def _length(enough: Any) -> float | None:
    """Return the smallest of the lengths 1, 1.25, 1.5, ... that is enough; None if none is."""
    quarters = fewest(lambda n: bool(enough(n / 4)), first=4, most=int(4 * LONGEST))
    return None if quarters is None else quarters / 4


def networks_share(
    halves: Sequence[tuple[Mapping[Key, Floats], Mapping[Key, Floats]]],
    margins: Mapping[str, Margin],
) -> dict[str, float]:
    """Return by statistic which share of the variance over seeds stays in a longer run.

    What differs from network to network is in both halves of a run alike: it is the covariance of
    the halves. Groups and sides are taken together, since few seeds know it badly.

    Parameters
    ----------
    halves : sequence of pairs of mappings
        Of every side (or of the differences of pairs): (group, statistic) -> values per seed, of
        the first and of the second half of the window, on the tested scale.
    margins : mapping
        Statistic -> margin.
    """
    common: dict[str, float] = {}
    whole: dict[str, float] = {}
    for first, second in halves:
        for key in first.keys() & second.keys():
            a, b = first[key], second[key]
            known = np.isfinite(a) & np.isfinite(b)
            if key[1] in margins and np.count_nonzero(known) > 2:
                both = np.cov(a[known], b[known])
                common[key[1]] = common.get(key[1], 0.0) + float(both[0, 1])
                # the mean of both halves, which is about the statistic of the whole
                whole[key[1]] = whole.get(key[1], 0.0) + float(both.sum()) / 4
    return {
        name: min(1.0, max(0.0, common[name] / total)) for name, total in whole.items() if total > 0
    }
