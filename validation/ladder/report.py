"""What a rung found, what it allows, and which rung broke first."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from netspec.whole_files import write_text

NOT_INSTALLED = "not installed"
LEVELS = {"L0": "structure", "L1": "neuron", "L2": "synapse", "L3": "replay"}


@dataclass(frozen=True)
class Figure:
    """A measured figure: the smaller, the better.

    Attributes
    ----------
    value : float
    strict : float or None
        Largest value allowed; None for a figure that is told and not judged.
    relaxed : float or None
        Largest value allowed where the backend uses an approximation that was agreed to;
        None if that changes nothing.
    """

    value: float
    strict: float | None = None
    relaxed: float | None = None

    def tolerance(self, approximate: bool) -> float | None:
        """Return the bound that applies: the strict one wherever it holds."""
        keep = self.strict is None or self.value <= self.strict or self.relaxed is None
        return self.relaxed if approximate and not keep else self.strict


Figures = dict[str, Figure]


@dataclass(frozen=True)
class Rung:
    """The answer of one backend (or of a pair, ``"nest, brian2"``) on one level.

    Attributes
    ----------
    level : {"L0", "L1", "L2", "L3"}
    backend : str
    status : {"passed", "failed", "approximate", "skipped"}
        Approximate: passed, with an approximation in use that was agreed to.
    figures : dict
        What was measured; the unit stands in the name.
    tolerance : dict
        Figure -> largest value allowed; figures without one are told and not judged.
    reason : str
        Why it failed or was skipped, or the names of the approximations.
    """

    level: str
    backend: str
    status: Literal["passed", "failed", "approximate", "skipped"]
    figures: dict[str, float] = field(default_factory=dict)
    tolerance: dict[str, float] = field(default_factory=dict)
    reason: str = ""


def judged(
    level: str, backend: str, figures: dict[str, Figure], approximations: Sequence[str] = ()
) -> Rung:
    """Return the rung that follows from what was measured.

    Parameters
    ----------
    approximations : sequence of str
        Those in use.
    """
    limits = {name: f.tolerance(bool(approximations)) for name, f in figures.items()}
    # not "greater than", which lets NaN pass
    broken = [
        n for n, f in figures.items() if (top := limits[n]) is not None and not f.value <= top
    ]
    relaxed = [n for n, f in figures.items() if limits[n] != f.strict]
    reason = f"approximate: {', '.join(approximations)}" if approximations else ""
    if relaxed:
        reason += f" (wider tolerance for {'; '.join(relaxed)})"
    if broken:
        over = [f"{n} is {figures[n].value:g}, at most {limits[n]:g}" for n in broken]
        reason = "; ".join([*over, *([reason] if reason else [])])
    status: Any = "failed" if broken else "approximate" if approximations else "passed"
    return Rung(
        level,
        backend,
        status,
        {name: float(f.value) for name, f in figures.items() if math.isfinite(f.value)},
        {name: float(top) for name, top in limits.items() if top is not None},
        reason,
    )


@dataclass(frozen=True)
class Ladder:
    """All rungs of a circuit.

    Attributes
    ----------
    circuit, description, spec_hash : str
        Of the network that was climbed.
    backends : tuple of str
    versions : dict
        Of netspec and of every simulator.
    rungs : tuple of Rung
    """

    circuit: str
    description: str
    spec_hash: str
    backends: tuple[str, ...]
    versions: dict[str, str]
    rungs: tuple[Rung, ...]

    def of(self, backend: str) -> dict[str, Rung]:
        """Return level -> rung of one backend."""
        return {rung.level: rung for rung in self.rungs if rung.backend == backend}

    def first_broken(self, backend: str) -> str | None:
        """Return the lowest level that failed, or None."""
        return next((n for n, r in sorted(self.of(backend).items()) if r.status == "failed"), None)

    @property
    def missing(self) -> list[str]:
        """Backends whose simulator is not installed."""
        absent = {rung.backend for rung in self.rungs if rung.reason.startswith(NOT_INSTALLED)}
        return [name for name in self.backends if name in absent]

    @property
    def failed(self) -> bool:
        """Whether any rung failed."""
        return any(rung.status == "failed" for rung in self.rungs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            **asdict(self),
            "backends": list(self.backends),
            "rungs": [asdict(rung) for rung in self.rungs],
            "first_broken": {name: self.first_broken(name) for name in self.backends},
        }

    def to_json(self) -> str:
        """Return a JSON object."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True, allow_nan=False)

    def write(self, folder: Path) -> Path:
        """Write ``FOLDER/CIRCUIT-ladder.json`` and return its path."""
        path = folder / f"{self.circuit}-ladder.json"
        write_text(path, self.to_json() + "\n")
        return path

    def lines(self) -> list[str]:
        """Return, in words, the reasons and what broke first."""
        found = []
        for rung in self.rungs:
            if rung.reason and rung.backend not in self.missing:
                status = "" if rung.status == "approximate" else f"{rung.status}: "
                found.append(f"{rung.backend}, {rung.level}: {status}{rung.reason}")
        found += [
            f"{name}: skipped: {self.of(name)[min(self.of(name))].reason}" for name in self.missing
        ]
        for name in self.backends:
            if name not in self.missing:
                found.append(f"{name}: {broke_first(self.first_broken(name))}")
        return found

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return column names and rows: every figure, and after a slash the largest allowed."""
        names = list(dict.fromkeys(rung.backend for rung in self.rungs))
        rows = []
        for level, title in LEVELS.items():
            found = {name: self.of(name)[level] for name in names if level in self.of(name)}
            if not found:
                continue
            rows.append(
                [f"{level} {title}", *(found[n].status if n in found else "" for n in names)]
            )
            for figure in dict.fromkeys(f for rung in found.values() for f in rung.figures):
                rows.append([f"   {figure}", *(_cell(found.get(n), figure) for n in names)])
        return ["", *names], rows


def broke_first(level: str | None) -> str:
    """Say in words which level broke first, if any did."""
    return "nothing broke" if level is None else f"{level} {LEVELS[level]} broke first"


def _cell(rung: Rung | None, figure: str) -> str:
    if rung is None or figure not in rung.figures:
        return ""
    top = rung.tolerance.get(figure)
    value = rung.figures[figure]
    shown = f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
    return shown + ("" if top is None else f" / {top:.2g}")
