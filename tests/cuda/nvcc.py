#!/usr/bin/env python3
"""A stand-in for nvcc: turns launches and shared memory into C++ and calls g++.

Of nvcc's options it takes those that GeNN gives: ``-M``, ``-dc``, ``-cubin`` and ``--shared``.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
# as the product asks of nvcc (--fmad=false): no product and sum in one
FLAGS = ["-x", "c++", "-std=c++17", "-O1", "-fPIC", "-w", "-ffp-contract=off", "-U_FORTIFY_SOURCE",
         f"-I{HOME}/include"]  # fmt: skip
LAUNCH = re.compile(r"(\w+)<<<(\w+), (\w+)(?:, 0, (\w+))?>>>\((.*?)\);", re.DOTALL)
SHARED = re.compile(r"__shared__ ((?:unsigned )?\w+) (\w+)")
WITH_VALUE = ("-x", "-arch", "-std", "--compiler-options", "-Xcudafe", "-o", "-I", "-Xcompiler")


def _launch(found: re.Match) -> str:
    kernel, grid, threads, stream, arguments = found.groups(default="nullptr")
    return f"standin::launch({grid}, {threads}, [=] {{ {kernel}({arguments}); }}, {stream});"


def translated(text: str) -> str:
    """Return CUDA code as C++."""
    text = LAUNCH.sub(_launch, text)
    return SHARED.sub(r"static standin::Shared<\1> \2", text)


def main(arguments: list[str]) -> int:
    """Do what nvcc would do."""
    files, output, position = [], None, 0
    while position < len(arguments):
        word = arguments[position]
        if word in WITH_VALUE:
            position += 1
            output = arguments[position] if word == "-o" else output
        elif not word.startswith("-"):
            files.append(word)
        position += 1
    if "--version" in arguments:
        print("Cuda compilation tools, release 13.0, a stand-in")
        return 0
    if "--shared" in arguments:
        library = ["-shared", *files, f"-L{HOME}/lib64", "-l:libcudart.so.13"]
        return subprocess.run(["g++", *library, "-o", output], check=False).returncode
    (source,) = files
    if "-cubin" in arguments:
        shutil.copy(source, output)
        return 0
    if "-M" in arguments:
        return subprocess.run(["g++", *FLAGS, "-M", source], check=False).returncode
    with tempfile.NamedTemporaryFile("w", suffix=".cc", dir=os.getcwd()) as file:
        file.write(translated(Path(source).read_text()))
        file.flush()
        object_file = str(Path(source).with_suffix(".o"))
        return subprocess.run(
            ["g++", *FLAGS, "-c", file.name, "-o", object_file], check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
