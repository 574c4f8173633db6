"""The command ``netspec``: its groups of commands, and what becomes of errors."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

from netspec.cli import describing, judging, pynn, reporting, runs  # their commands enter `app`
from netspec.cli.options import app, print_json
from netspec.errors import NetspecError

__all__ = ["app", "describing", "judging", "main", "pynn", "reporting", "runs"]


FAULT = 70  # exit code of a fault of netspec's own (EX_SOFTWARE of sysexits.h)
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 and the number of the signal, as shells have it


def main() -> NoReturn:
    """Run the command line; every netspec error becomes one message and its exit code.

    Whatever else goes wrong is a fault of netspec. It never ends with 1, which is a verdict.
    """
    try:
        app()
        code: object = 0
    except SystemExit as left:
        code = left.code
        # typer itself ends with 1 where nobody reads on, and where it is interrupted
        if isinstance(left.__context__, BrokenPipeError):
            code = BROKEN_PIPE
        elif type(left.__context__).__name__ == "Abort":
            code = INTERRUPTED
    except NetspecError as error:
        code = error.exit_code
        if "--json" in sys.argv:
            faults = [vars(fault) for fault in getattr(error, "faults", ())]
            print_json({"error": str(error), "kind": type(error).__name__, "faults": faults})
        else:
            print(f"error: {error}", file=sys.stderr)
    except Exception as error:  # noqa: BLE001  nothing may pass as a verdict
        code = FAULT
        traceback.print_exc()
        print(
            f"netspec itself has failed ({type(error).__name__}), which is no verdict. Please send "
            "its developers a report: the lines above, the command and its input.",
            file=sys.stderr,
        )
        if "--json" in sys.argv:
            print_json({"error": str(error), "kind": type(error).__name__, "faults": []})
    sys.exit(code)  # type: ignore[arg-type]
