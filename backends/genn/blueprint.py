"""A GeNN model as plain data: what is compiled, and nothing that is not.

Values that can change without another compilation (initial states of single neurons, synapses,
tables, seeds) are not part of a blueprint; they are set when the compiled model is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Code:
    """Something that GeNN calls a model or snippet.

    Attributes
    ----------
    name : str
    texts : dict
        Keyword of PyGeNN's ``create_...`` function -> code.
    params : tuple of (str, str)
        Name and type; values are given where the code is used.
    variables : tuple of (str, str)
        Name and type.
    read_only : tuple of str
        Variables that the code never writes.
    shared : tuple of str
        Variables that have one value for all neurons of a group; the code never writes them.
    zero : tuple of str
        Variables that begin at zero. All others are given when the model is loaded, and pushed to
        the device by GeNN, as it does only with variables without an initial value in the model.
    tables : tuple of (str, str)
        Arrays for the whole group, name and pointer type (extra global parameters).
    inputs : tuple of str
        Additional input variables of a neuron, zero before every step.
    presynaptic, postsynaptic : tuple of str
        Variables of the presynaptic and the postsynaptic neuron that the code reads.
    pre_variables, post_variables : tuple of (str, float)
        Variables that every presynaptic and postsynaptic neuron keeps for its synapses: name, and
        what they begin with.
    """

    name: str
    texts: dict[str, str]
    params: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    read_only: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()
    tables: tuple[tuple[str, str], ...] = ()
    inputs: tuple[str, ...] = ()
    presynaptic: tuple[str, ...] = ()
    postsynaptic: tuple[str, ...] = ()
    pre_variables: tuple[tuple[str, float], ...] = ()
    post_variables: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Neurons:
    """A population."""

    name: str
    size: int
    code: Code
    params: dict[str, float | int]
    recorded: bool


@dataclass(frozen=True)
class Source:
    """Code that adds to an input of every neuron of a population, before the neuron's own."""

    name: str
    population: str
    code: Code
    params: dict[str, float | int]
    target: str


@dataclass(frozen=True)
class Connections:
    """Synapses of one projection, or a dense coupling.

    Attributes
    ----------
    name, pre, post : str
    matrix : {"SPARSE", "DENSE"}
    code : Code
    params : dict
    target : str
        Input of the postsynaptic neuron.
    slots : int
        Steps of delay that fit, the present one included.
    row : int
        Longest row that fits; 0 if dense.
    builder : Code or None
        Draws which pairs are connected, when the model is loaded; None if netspec gives them.
    builder_params : dict
    initial : dict
        Synapse variable -> (code that draws it when the model is loaded, its parameters).
    on_device : bool
        Synapses have no copy in the host's memory.
    back : int
        Steps after which synapses see the spikes of their targets.
    """

    name: str
    pre: str
    post: str
    matrix: str
    code: Code
    params: dict[str, float | int]
    target: str
    slots: int = 1
    row: int = 0
    builder: Code | None = None
    builder_params: dict[str, float | int] = field(default_factory=dict)
    initial: dict[str, tuple[Code, dict[str, float]]] = field(default_factory=dict)
    on_device: bool = False
    back: int = 0


@dataclass(frozen=True)
class Sums:
    """What is added up over the neurons of a group before every step.

    Attributes
    ----------
    name, population : str
    code : Code
    read : tuple of str
        Variables of the neurons.
    written : tuple of str
        Variables of the group.
    """

    name: str
    population: str
    code: Code
    read: tuple[str, ...]
    written: tuple[str, ...]


@dataclass(frozen=True)
class Blueprint:
    """The whole model.

    Attributes
    ----------
    dt : float
        In ms.
    precision : {"float", "double"}
        Of states and inputs. Weights of single synapses are float, or 16 bits of a grid.
    backend : str
        GeNN's name of it.
    slots : int
        Of every ring of delayed input, if kernels are folded (see `kernels`); 0 if they stay as
        GeNN makes them.
    """

    dt: float
    precision: str
    backend: str
    neurons: tuple[Neurons, ...]
    sources: tuple[Source, ...]
    connections: tuple[Connections, ...]
    sums: tuple[Sums, ...]
    slots: int = 0

    def digest(self, environment: dict[str, str]) -> str:
        """Return a hash of the blueprint and of what compiles it (hexadecimal).

        Parameters
        ----------
        environment : dict
            Versions, compilers, flags, device.
        """
        text = json.dumps({"plan": asdict(self), "environment": environment}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
