"""Simulators, imported without what they bring along for people at a prompt."""

from __future__ import annotations

import gc
import importlib
import sys
from types import ModuleType


def import_sparing(name: str, *optional: str) -> ModuleType:
    """Import a module as if some others were not installed; it has to do without them.

    Every run is a process, and half of the time that NEST and Brian2 take to be imported goes into
    pandas, Matplotlib and pytest, of which a run uses nothing. What is imported stays to the end,
    so Python's search for garbage, which Brian2 asks for twice a run, leaves it out.

    Parameters
    ----------
    name : str
        What to import; if it is imported already, it is returned as it is.
    *optional : str
        Modules that it takes only if they are there. One that is imported already is left alone.
    """
    if name in sys.modules:  # a second freeze would keep what an earlier run has left behind
        return sys.modules[name]
    searching = gc.isenabled()
    gc.disable()
    absent = [module for module in optional if module not in sys.modules]
    try:
        for module in absent:
            sys.modules[module] = None  # type: ignore[assignment]  # Python's way to say so
        return importlib.import_module(name)
    finally:
        for module in absent:
            del sys.modules[module]
        gc.freeze()
        if searching:
            gc.enable()
