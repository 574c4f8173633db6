"""What pytest loads wherever netspec is installed: nothing, unless it is to run the suite.

A conftest.py within the package would come too late for ``--backend``: pytest reads those of the
packages behind ``--pyargs`` after its command line.
"""

from __future__ import annotations

import re

import pytest

PLUGIN = "netspec.testing.plugin"
_SUITE = re.compile(r"netspec\.testing(?![\w-])")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load the plugin if the suite or a part of it is among the arguments."""
    if any(_SUITE.match(argument) for argument in args):
        early_config.pluginmanager.import_plugin(PLUGIN)
