"""Runs that exist, in a folder: of netspec, or of any script with a description of its spikes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netspec.errors import UsageError
from netspec.execute.results import Run, open_run
from netspec.validation.campaign.summary import Summary
from netspec.validation.campaign.validating import judge_existing
from netspec.validation.exchange.imported import import_spikes
from netspec.validation.judge.margins import Margins

# what all runs of one side have in common
IDENTITY = (
    "name", "spec_hash", "backend", "simulation", "sizes", "connectivity", "drive", "threads",
    "options", "approximations", "versions",
)  # fmt: skip


def compare_existing(reference: Path, other: Path, margins: Margins) -> Summary:
    """Judge runs that exist, see `load_sides`."""
    return judge_sides(load_sides(reference, other), margins)


def judge_sides(sides: Mapping[str, Sequence[Run]], margins: Margins) -> Summary:
    """Judge the runs of two sides, the reference first."""
    backends = [str(runs[0].manifest["backend"]) for runs in sides.values()]
    return judge_existing(sides, backends, margins)


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
    if path.is_dir():
        files = sorted((*path.glob("*.h5"), *path.glob("*.toml")))
        if not files:
            raise UsageError(f"{path}: no result files (.h5) and no descriptions of spikes (.toml)")
    elif path.suffix in (".h5", ".toml"):
        files = [path]
    else:
        raise UsageError(f"{path}: expected a folder, a result file (.h5) or a .toml file")
    runs = [import_spikes(file) if file.suffix == ".toml" else open_run(file) for file in files]
    _one_kind(path, runs)
    seeds = [run.manifest["seed"] for run in runs if run.manifest["seed"] is not None]
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise UsageError(
            f"{path}: {len(seeds)} runs, of which some have the same seed ({twice[0]}); a run of "
            "the same seed is no further sample"
        )
    return sorted(runs, key=lambda run: (run.manifest["seed"] is None, run.manifest["seed"] or 0))


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
        "windows": [{**manifest["simulation"], "seed": None} for manifest in manifests],
        "populations": [{**manifest["sizes"]} for manifest in manifests],
    }
    for what, found in designs.items():
        differing = {k for k in (*found[0], *found[1]) if found[0].get(k) != found[1].get(k)}
        if differing:
            shown = [{k: v for k, v in value.items() if k in differing} for value in found]
            both = " and ".join(
                f"{path} has {_short(value)}" for path, value in zip(paths, shown, strict=True)
            )
            raise UsageError(f"different {what}: {both}; compare equal ones only")
