"""Real-time factors beside published ones, with the floors that hardware sets, and as points.

The points have the form of the field's own table, performance_data_raw.yaml in the documentation of
INM-6/microcircuit-PD14-model, and stand in a file beside the plot.

python benchmarks/gpu_plot.py benchmarks/records/gpu-cuda-DATE.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# Full scale, dt 0.1 ms: (system, hardware, drive, real-time factor). Collected by Senk et al. 2026
# in docs/benchmarking of INM-6/microcircuit-PD14-model (performance_data_raw.yaml); from the papers
# named. NEST 3.9: the benchmark of its release.
PUBLISHED = (
    ("neuroAIx 2023", "35 FPGAs", "DC", 0.05),
    ("CsNN, Heittmann et al. 2022", "345 FPGA nodes", "Poisson", 0.25),
    ("GeNN 4, Golosio et al. 2023", "RTX 4090", "Poisson", 0.272),
    ("NEST GPU, Golosio et al. 2023", "RTX 4090", "DC", 0.386),
    ("NEST 3.9, release benchmark", "5 nodes", "", 0.32),
    ("NEST 3.9, release benchmark", "1 node", "", 0.605),
    ("NEST 2.14, Kurth et al. 2022", "2 nodes", "DC", 0.53),
    ("NEST 2.14, Kurth et al. 2022", "1 node", "DC", 0.67),
    ("PyGeNN, Knight et al. 2021", "Titan RTX", "Poisson", 0.70),
    ("GeNN 3, Knight & Nowotny 2018", "V100", "Poisson", 1.84),
)
LAUNCH = 1.0e-6  # s, of a graph's kernel on an H100 (launches.cu); two in a step
STEPS = 10_000  # in a second of model time


def draw(point: dict[str, Any], bytes_per_event: int, path: Path) -> None:
    """Write the plot of a point."""
    from matplotlib.figure import Figure

    settings, found = point["settings"], point["summary"]
    cards = point["machine"]["cards"]
    hardware = cards[0]["name"] if cards else "one core, " + point["machine"]["cpu"]
    rows = [(f"{name}, {hardware}", row["medians"]["RTF"], True) for name, row in found.items()]
    rows += [
        (", ".join(filter(None, (system, card, drive))), factor, False)
        for system, card, drive, factor in PUBLISHED
    ]
    rows.sort(key=lambda row: -row[1])
    figure = Figure(figsize=(9, 0.28 * len(rows) + 1.6), layout="constrained")
    axes = figure.subplots()
    colours = ["#c03d3e" if ours else "#9aa5b1" for _, _, ours in rows]
    axes.barh([label for label, _, _ in rows], [factor for _, factor, _ in rows], color=colours)
    for index, (_, factor, _) in enumerate(rows):
        axes.text(factor * 1.04, index, f"{factor:.3g}", va="center", fontsize=7)
    events = max(
        (
            row["medians"]["events (1/s)"]
            for row in found.values()
            if "events (1/s)" in row["medians"]
        ),
        default=0.0,
    )
    floors = []
    if events:
        floors.append((bytes_per_event * events / settings["bandwidth"], "roofline of memory"))
    if settings["device"] == "cuda":
        floors.append((2 * LAUNCH * STEPS, "two launches a step"))
    for factor, name in floors:
        axes.axvline(factor, color="black", linestyle=":", linewidth=1)
        axes.text(factor, len(rows) - 0.4, f" {name}", fontsize=7, va="bottom")
    axes.set_xscale("log")
    axes.set_xlabel("real-time factor (wall time of propagation / model time)")
    axes.tick_params(axis="y", labelsize=7)
    scale = settings["scale"]
    other = "" if scale == 1 else f" at scale {scale:g}: not comparable with the published points"
    axes.set_title(f"Microcircuit on GeNN, netspec{other}", fontsize=9, pad=14)
    figure.savefig(path, dpi=150)
    print(f"written: {path.name}")


def points(point: dict[str, Any]) -> str:
    """Return all variants with an energy in the form of the field's table."""
    text, year = "", point["date"][:4]
    for name, row in point["summary"].items():
        energy = row["medians"].get("energy (uJ/event)")
        if energy is None:
            continue
        card, drive = point["machine"]["cards"][0]["name"], "DC" if "DC" in name else "Poisson"
        scope = point["machine"]["energy"].split(";")[0]
        text += f"""
- netspec, {name}:
  - show_rtf_year: true
  - show_esyn_rtf: true
  - authoryear: netspec ({year})
  - bibentry:
  - year: {year}
  - simulator: genn
  - num_nodes: 1
  - system: {card}
  - process_node_nm:
  - rtf: {row["medians"]["RTF"]:.4g}
  - esyn_muJ: {energy:.4g}
  - drive: {drive}
  - comment: "{scope}; median of {row["turns"]}"
"""
    return text


def main() -> None:
    """Draw the plot of a point that `gpu.py` wrote, and write its points for the field's table."""
    path = Path(sys.argv[1])
    point = json.loads(path.read_text())
    if not point["complete"]:
        raise SystemExit(f"{path}: not complete; its runs have no summary yet")
    draw(point, point["bytes_per_event"], path.with_suffix(".png"))
    path.with_suffix(".yaml").write_text(points(point))
    print(f"written: {path.with_suffix('.yaml').name}")


if __name__ == "__main__":
    main()
