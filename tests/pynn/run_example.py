"""Run a script of PyNN as it is: SIMULATOR, NAMES THAT IT IMPORTS (commas), SCRIPT, its arguments.

Where the script imports a simulator by name, as ``import pyNN.neuron as sim``, it gets SIMULATOR.
"""

import importlib
import runpy
import sys

simulator, names, script, *arguments = sys.argv[1:]
if simulator == "netspec":
    importlib.import_module("netspec.pynn")  # registers itself as pyNN.netspec
chosen = importlib.import_module(f"pyNN.{simulator}")
package = importlib.import_module("pyNN")
for name in filter(None, names.split(",")):
    sys.modules[f"pyNN.{name}"] = sys.modules[f"pyNN.{name}.random"] = chosen
    setattr(package, name, chosen)
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
