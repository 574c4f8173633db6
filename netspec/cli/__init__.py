"""The command ``netspec``: its groups of commands, and what becomes of errors."""

from __future__ import annotations

import sys
from typing import NoReturn

from netspec.cli import describing, judging, runs  # their commands enter `app`
from netspec.cli.options import app, print_json
from netspec.errors import NetspecError

__all__ = ["app", "describing", "judging", "main", "runs"]


def main() -> NoReturn:
    """Run the command line; every netspec error becomes one message and its exit code."""
    try:
        app()
        code = 0
    except NetspecError as error:
        code = error.exit_code
        if "--json" in sys.argv:
            faults = [vars(fault) for fault in getattr(error, "faults", ())]
            print_json({"error": str(error), "kind": type(error).__name__, "faults": faults})
        else:
            print(f"error: {error}", file=sys.stderr)
    sys.exit(code)
