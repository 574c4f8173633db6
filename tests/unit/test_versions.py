"""What of netspec's own code is part of a result's name."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from netspec.execute.contract import get_backend, versions
from netspec.versions import DECIDING, UNDECIDING, code_of

ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "netspec").rglob("*.py"), *(ROOT / "backends").rglob("*.py")]

SOURCE = '''"""What it is."""
import os  # of the system

NAME = "a # b"  # no comment within


def answer(x: int) -> str:
    """Say.

    At length.
    """
    # why
    if x:
        "a string that does nothing"

        return """two

lines"""
    return 'it\\'s #1'
'''
CODE = r'''import os
NAME = "a # b"
def answer(x: int) -> str:
    if x:
        return """two\n\nlines"""
    return 'it\'s #1'
'''


def test_code_is_what_is_neither_comment_nor_docstring():
    assert code_of(SOURCE) == CODE.strip()


def test_ends_of_lines_are_not_code():
    assert code_of(SOURCE.replace("\n", "\r\n")) == code_of(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"), [("a # b", "a # c"), ("two\n\nlines", "two\nlines"), ("if x", "if not x")]
)
def test_code_and_strings_count(old, new):
    assert code_of(SOURCE.replace(old, new)) != code_of(SOURCE)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tokens of f-strings are not their text")
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_comments_and_strings_that_do_nothing_are_left_out(path):
    """Python's own tokenizer sees the same code."""
    source = path.read_text()
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
              tokenize.ENDMARKER}  # fmt: skip
    code, begins = [], True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in layout:
            begins = begins or token.type == tokenize.NEWLINE
            continue
        if not (begins and token.type == tokenize.STRING and token.line.strip()[:3] == '"""'):
            code.append(token.string.replace("\n", "\\n"))
        begins = False
    squeezed = "".join("".join(code).split())
    assert "".join(code_of(source).split()) == squeezed


def test_modules_that_do_not_decide_exist():
    assert not {name for name in UNDECIDING if not (ROOT / "netspec" / f"{name}.py").exists()}


ASK = """
from netspec.execute.contract import get_backend, versions
for name in ("brian2", "genn"):
    found = versions(get_backend(name))
    print(found["netspec source"], found["adapter source"])
"""


@pytest.fixture
def installed(tmp_path):
    """Give a folder with netspec as a wheel lays it out, and what its code says of itself."""
    folder = tmp_path / "installed"
    shutil.copytree(ROOT / "netspec", folder / "netspec")
    for part in ("backends", "validation"):
        shutil.copytree(ROOT / part, folder / "netspec" / part)

    def digests():
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        ran = subprocess.run([sys.executable, "-P", "-c", ASK], capture_output=True, text=True,
                             env=environment, check=True, cwd=tmp_path)  # fmt: skip
        return [line.split() for line in ran.stdout.splitlines()]

    return folder / "netspec", digests


def test_a_checkout_and_its_wheel_give_the_same_names(installed):
    _, digests = installed
    here = [versions(get_backend(name)) for name in ("brian2", "genn")]
    assert digests() == [[v["netspec source"], v["adapter source"]] for v in here]


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_comment_a_docstring_and_the_command_line_change_no_name(installed):
    folder, digests = installed
    before = digests()
    (folder / "cli" / "more.py").write_text("MORE = 1\n")
    edit(folder / "cli" / "terminal.py", "import", "import sys, ")
    edit(folder / "realise" / "lowering.py", '"""', '"""Otherwise said: ')
    with (folder / "backends" / "genn" / "adapter.py").open("a") as file:
        file.write("# a comment\n")
    assert digests() == before


def test_lowering_changes_all_names_and_an_adapter_its_own(installed):
    folder, digests = installed
    before = digests()
    with (folder / "backends" / "genn" / "sampling.py").open("a") as file:
        file.write("MORE = 1\n")
    genn = digests()
    assert genn[0] == before[0]
    assert genn[1][0] == before[1][0] and genn[1][1] != before[1][1]
    with (folder / "realise" / "lowering.py").open("a") as file:
        file.write("MORE = 1\n")
    assert all(new[0] != old[0] and new[1] == old[1] for new, old in zip(digests(), genn,
                                                                       strict=True))  # fmt: skip


def test_rooms_above_execution_change_no_name(installed):
    folder, digests = installed
    before = digests()
    for room in ("circuits", "cli", "validation", "validation/judge", "validation/campaign"):
        (folder / room / "more.py").write_text("MORE = 1\n")
    assert digests() == before


@pytest.mark.parametrize("room", DECIDING)
def test_a_new_module_of_a_room_that_decides_changes_all_names(installed, room):
    folder, digests = installed
    before = digests()
    (folder / room / "more.py").write_text("MORE = 1\n")
    assert all(new[0] != old[0] and new[1] == old[1] for new, old in zip(digests(), before,
                                                                       strict=True))  # fmt: skip
