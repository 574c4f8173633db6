"""What the models of the library are written with: tables of parameters, parts of equations."""

from __future__ import annotations

from netspec.describe.neurons import Parameter

Row = tuple[float, str, float | None, float | None]

# of conductances: how an event becomes g_ex and g_in, with a weight that is the peak (nS)
EXPONENTIAL = """
    dg_ex/dt = -g_ex/tau_syn_ex : nS
    dg_in/dt = -g_in/tau_syn_in : nS
"""
ALPHA = """
    dx_ex/dt = -x_ex/tau_syn_ex : nS
    dx_in/dt = -x_in/tau_syn_in : nS
    dg_ex/dt = (exp(1)*x_ex - g_ex)/tau_syn_ex : nS
    dg_in/dt = (exp(1)*x_in - g_in)/tau_syn_in : nS
"""
BY_EXPONENTIAL = {"excitatory": "g_ex", "inhibitory": "g_in"}
BY_ALPHA = {"excitatory": "x_ex", "inhibitory": "x_in"}

# plausible of every membrane and synapse
CAPACITANCE = ("pF", 1.0, 20000.0)
VOLTAGE = ("mV", -200.0, 100.0)
REVERSAL = ("mV", -200.0, 200.0)
LEAK = ("nS", 0.1, 5000.0)
MEMBRANE_TIME = ("ms", 0.5, 1000.0)
SYNAPTIC_TIME = ("ms", 0.05, 200.0)
REST = ("ms", 0.0, 100.0)
CURRENT = ("pA", -1e5, 1e5)


def parameters(**rows: Row) -> dict[str, Parameter]:
    """Write a table of (default, unit, low, high) as parameters."""
    return {
        name: Parameter(default=default, unit=unit, low=low, high=high)
        for name, (default, unit, low, high) in rows.items()
    }
