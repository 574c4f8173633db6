"""Draw what `netspec report RESULT --brief` shows on a terminal, as docs/first_screen.svg.

    python scripts/first_screen.py runs/demo/microcircuit-validation.json ...

Of each result, the runs that lie beside it are read. Where the machine was busy with other things,
their wall times say nothing: --busy leaves away what further runs would take.
"""

import argparse
import dataclasses
import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME

from netspec.cli.terminal import screen
from netspec.validation.campaign.summary import load_summary
from netspec.validation.report import known, pictures

OUT = Path(__file__).parents[1] / "docs" / "first_screen.svg"
WIDTH = 118  # characters
# rich's own form asks for fonts from elsewhere
FORM = """<svg class="{unique_id}" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
<rect width="{width}" height="{height}" fill="#ffffff"/>
<g transform="translate({terminal_x}, 4)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def drawn(results: list[Path], busy: bool) -> str:
    """Return the picture of some results, one below the other."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True,
                      color_system="truecolor", highlight=False, markup=False)  # fmt: skip
    for path in results:
        summary = load_summary(path)
        runs = pictures.open_runs(summary, [path.parent])
        if busy:
            runs = [
                dataclasses.replace(run, manifest={**run.manifest, "seconds": {}}) for run in runs
            ]
        sides, _ = pictures.sides(summary.model_dump(mode="json"), runs)
        screen(summary.network.name, known.first_screen(summary, sides), console)
    return console.export_svg(
        title="", code_format=FORM, theme=DEFAULT_TERMINAL_THEME, unique_id="netspec"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--busy", action="store_true")
    given = parser.parse_args()
    given.out.write_text(drawn(given.results, given.busy), encoding="utf-8")
    print(f"wrote {given.out}")
