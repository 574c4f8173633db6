"""`netspec.describe.connectivity` and `.placed`, by the name that the guide uses."""

from netspec.describe.connectivity import (
    COUPLING,
    MAX_DELAY,
    AllToAll,
    Columns,
    Connector,
    Explicit,
    FixedIndegree,
    FixedTotalNumber,
    Kernel,
    Kinds,
    OneToOne,
    PairwiseBernoulli,
    Profile,
    RingKernel,
    Rule,
    UniformKernel,
)
from netspec.describe.placed import distances, fixed_outdegree, pairs

__all__ = [
    "COUPLING",
    "MAX_DELAY",
    "AllToAll",
    "Columns",
    "Connector",
    "Explicit",
    "FixedIndegree",
    "FixedTotalNumber",
    "Kernel",
    "Kinds",
    "OneToOne",
    "PairwiseBernoulli",
    "Profile",
    "RingKernel",
    "Rule",
    "UniformKernel",
    "distances",
    "fixed_outdegree",
    "pairs",
]
