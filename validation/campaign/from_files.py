"""Runs that exist, in a folder: of netspec, or of any script with a description of its spikes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netspec.errors import UsageError
from netspec.execute.results import Run
from netspec.validation.campaign.summary import Summary
from netspec.validation.campaign.validating import judge_existing
from netspec.validation.exchange.imported import ImportedRun
from netspec.validation.exchange.opening import EXPORTS, RUNS, is_sonata_export, load_run
from netspec.validation.judge.margins import Margins
from netspec.validation.measure.statistics import COVARIANCE_BIN, SYNCHRONY_BIN

# what all runs of one side have in common
IDENTITY = (
    "name", "spec_hash", "backend", "simulation", "sizes", "connectivity", "drive", "threads",
    "options", "approximations", "versions",
)  # fmt: skip
NOTED = 5  # warnings of a side that are told
BINS = (COVARIANCE_BIN, SYNCHRONY_BIN)


def compare_existing(reference: Path, other: Path, margins: Margins) -> Summary:
    """Judge runs that exist, see `load_sides`."""
    return judge_sides(load_sides(reference, other), margins)


def judge_sides(sides: Mapping[str, Sequence[Run]], margins: Margins) -> Summary:
    """Judge the runs of two sides, the reference first."""
    backends = [str(runs[0].manifest["backend"]) for runs in sides.values()]
    return judge_existing(sides, backends, margins, notes=[*notes_of(sides)])


def notes_of(sides: Mapping[str, Sequence[Run]]) -> Iterator[str]:
    """Yield what a reader of the verdict should know of the runs: what was left out, or differs."""
    for name, runs in sides.items():
        said: dict[str, int] = {}
        for run in runs:
            # of runs of netspec the audit has warned before they ran
            for text in run.manifest.get("warnings", ()) if isinstance(run, ImportedRun) else ():
                said[text] = said.get(text, 0) + 1
        for text in [*said][:NOTED]:
            yield f"{name}: {text}"
        if len(said) > NOTED:
            yield f"{name}: {len(said) - NOTED} more warnings of this kind are in its manifests"
    first = [runs[0].manifest for runs in sides.values()]
    names = {str(manifest["name"]): None for manifest in first}
    if len(names) > 1:
        both = " and ".join(f"{m['name']!r} ({side})" for side, m in zip(sides, first, strict=True))
        yield f"the sides call what they ran by other names: {both}"
    steps = [float(manifest["simulation"]["dt"]) for manifest in first]
    if len(set(steps)) > 1:
        both = " and ".join(f"{dt:g} ms" for dt in steps)
        yield f"time steps of {both}: what comes of the step itself is a part of each difference"


def load_sides(reference: Path, other: Path) -> dict[str, list[Run]]:
    """Return the runs of two sides by the names that they have in a verdict.

    Parameters
    ----------
    reference, other : Path
        A folder of result files, one network and backend each; a folder of TOML files that
        describe spikes (`netspec.validation.exchange.imported`), one a seed; or one such file.

    Raises
    ------
    UsageError
        If a folder holds no runs, or runs of several kinds, or if windows or sizes differ.
    ResultFileError
        If a result file is damaged.
    """
    sides = [load_runs(path) for path in (reference, other)]
    if reference.resolve() == other.resolve():
        raise UsageError(f"{reference} twice; compare takes two folders")
    _same_design(sides, (reference, other))
    backends = [str(runs[0].manifest["backend"]) for runs in sides]
    names = backends
    if backends[0] == backends[1]:
        names = [f"{backends[0]} (reference)", f"{backends[1]} (other)"]
    return dict(zip(names, sides, strict=True))


def load_runs(path: Path) -> list[Run]:
    """Return the runs of one side, by seed."""
    if not path.is_dir() and path.suffix not in RUNS:
        allowed = f"expected a folder, or a file that ends in {', '.join(RUNS)}"
        raise UsageError(f"{path}: {allowed if path.exists() else 'no such file or folder'}")
    runs = _runs_in(path) if path.is_dir() else [load_run(path)]
    if not runs:
        raise UsageError(f"{path}: no result files (.h5) and no descriptions of spikes (.toml)")
    _one_kind(path, runs)
    seeds = [run.manifest["seed"] for run in runs if run.manifest["seed"] is not None]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise UsageError(
            f"{path}: {len(seeds)} runs, of which some have the same seed ({twice[0]}); a run of "
            "the same seed is no further sample"
        )
    return sorted(runs, key=lambda run: (run.manifest["seed"] is None, run.manifest["seed"] or 0))


def _runs_in(folder: Path) -> list[Run]:
    """Return the runs of a folder: its results and descriptions; if there are none, its exports.

    Files of spikes that descriptions name, and exports that lie beside their results, are no runs
    of their own.
    """
    described = [load_run(file) for file in sorted(folder.glob("*.toml"))]
    named = {
        (folder / name).resolve() for run in described for name in run.manifest["info"]["files"]
    }
    results = [file for file in sorted(folder.glob("*.h5")) if file.resolve() not in named]
    exports = [file for file in results if is_sonata_export(file)]
    results = [file for file in results if file not in exports]
    if not described and not results:
        results = exports or sorted(file for file in folder.iterdir() if file.suffix in EXPORTS)
    return described + [load_run(file) for file in results]


def _one_kind(path: Path, runs: Sequence[Run]) -> None:
    """Raise unless all runs are of one network, backend and way to run it."""
    kinds: dict[str, list[Run]] = {}
    for run in runs:
        kinds.setdefault(json.dumps(_identity(run), sort_keys=True), []).append(run)
    if len(kinds) == 1:
        return
    identities = [json.loads(text) for text in kinds]
    differing = [key for key in IDENTITY if any(i[key] != identities[0][key] for i in identities)]
    lines = [
        f"{len(found)} of "
        + ", ".join(f"{key} {_short(identity[key])}" for key in ("backend", *differing[:3]))
        for identity, found in zip(identities, kinds.values(), strict=True)
    ]
    raise UsageError(
        f"{path} holds {len(kinds)} kinds of runs:\n  - "
        + "\n  - ".join(dict.fromkeys(lines))
        + "\nA side of a comparison is one network on one backend: give each a folder (--out)"
    )


def _identity(run: Run) -> dict[str, Any]:
    identity = {key: run.manifest.get(key) for key in IDENTITY}
    identity["simulation"] = {k: v for k, v in run.manifest["simulation"].items() if k != "seed"}
    return identity


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _same_design(sides: Sequence[Sequence[Run]], paths: Sequence[Path]) -> None:
    """Raise unless windows, time steps, populations and sizes are the same on both sides."""
    manifests = [runs[0].manifest for runs in sides]
    designs: dict[str, list[dict[str, Any]]] = {
        "windows": [
            {k: v for k, v in manifest["simulation"].items() if k not in ("seed", "dt")}
            for manifest in manifests
        ],
        "bins of whole steps": [
            {f"{bin_:g} ms": _bin(bin_, float(manifest["simulation"]["dt"])) for bin_ in BINS}
            for manifest in manifests
        ],
        "populations": [{**manifest["sizes"]} for manifest in manifests],
    }
    for what, found in designs.items():
        differing = {k for k in (*found[0], *found[1]) if found[0].get(k) != found[1].get(k)}
        if differing:
            both = " and ".join(
                f"{path} has {_said(value, differing)}"
                for path, value in zip(paths, found, strict=True)
            )
            raise UsageError(f"different {what}: {both}; compare equal ones only")


def _bin(width: float, dt: float) -> str:
    """Return the width that bins of a width have on a grid, as `measure.statistics` takes them."""
    return f"{max(1, round(width / dt)) * dt:.6g} ms"


def _said(value: Mapping[str, Any], differing: set[str]) -> str:
    """Return what a side has of some entries, in order, those that it lacks among them."""
    have = [f"{key} {value[key]}" for key in value if key in differing]
    lack = sorted(differing - value.keys())
    return ", ".join(have + ([f"no {', '.join(lack)}"] if lack else []))
