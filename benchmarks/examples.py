"""Rates of the networks in docs/examples, by `netspec run` on each simulator.

    python benchmarks/examples.py --out benchmarks/records/examples-DATE.json [NETWORK ...]

NEST compiles the models that are not built into it exactly.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from netspec.execute.contract import get_backend

EXAMPLES = Path("docs/examples")
BACKENDS = ("brian2", "genn", "nest")
LIMIT = 240  # seconds of a run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "networks", nargs="*", default=sorted(p.stem for p in EXAMPLES.glob("*.toml"))
    )
    given = parser.parse_args()
    record: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/examples.py", *sys.argv[1:]]),
        "versions": {b: get_backend(b).status().version for b in BACKENDS},
        "runs": {},
    }
    for name in given.networks:
        found = record["runs"][name] = {}
        for backend in BACKENDS:
            command = ["netspec", "run", str(EXAMPLES / f"{name}.toml"), "--backend", backend,
                       "--threads", "1", "--json"]  # fmt: skip
            found[backend] = {"command": " ".join(command)}
            with tempfile.TemporaryDirectory() as folder:
                try:
                    done = subprocess.run(
                        [str(Path(sys.executable).with_name("netspec")), *command[1:],
                         "--out", folder],
                        capture_output=True, text=True, timeout=LIMIT, check=True,
                    )  # fmt: skip
                except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                    found[backend]["error"] = str(error.stderr or error)[-300:]
                    continue
                said = json.loads(done.stdout)
                kept = ("rates", "seconds", "seed", "spec_hash", "versions")
                found[backend]["result"] = {key: said[key] for key in kept}
            print(name, backend, json.dumps(found[backend])[-900:], flush=True)
            given.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
