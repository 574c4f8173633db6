"""`netspec.describe.connectivity`, by the name that the guide uses."""

from netspec.describe.connectivity import (
    COUPLING,
    MAX_DELAY,
    AllToAll,
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

__all__ = [
    "COUPLING",
    "MAX_DELAY",
    "AllToAll",
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
]
