"""The request: everything that decides the content of a run's file."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, StrictBool, StrictStr, TypeAdapter

from netspec.describe.fields import Described, Identifier
from netspec.describe.network import Network, PoissonInput, Recorder
from netspec.describe.simulation import Simulation
from netspec.errors import UsageError, choices
from netspec.realise.file import RealisationRef

Drive = Literal["native", "shared"]


def drive_of(noise: str) -> Drive:
    """Return the drive that a user asks for as ``noise``.

    Raises
    ------
    UsageError
        If there is no such drive.
    """
    for drive in get_args(Drive):
        if noise == drive:
            found: Drive = drive
            return found
    raise UsageError(f"noise: given {noise!r}; {choices(list(get_args(Drive)))}")


class RunRequest(Described):
    """Everything that decides the content of a run's file.

    Attributes
    ----------
    network : Network
    simulation : Simulation
    backend : str
    connectivity : {"native", "shared"}
        Drawn by the simulator's own rule, or by netspec (the same synapses everywhere).
    drive : {"native", "shared"}
        Poisson events drawn by the simulator, or by netspec's counters (the same events
        everywhere). Where a user is asked it is called ``noise``, since circuits have an option
        ``drive``, which decides whether there are such events at all.
    threads : int
        Of each rank.
    ranks : int
        Processes that share the run, through MPI.
    approximations : tuple of str
        Names of ledger entries that are agreed to; ``all`` agrees to every one.
    options : dict
        Of the backend.
    readback : bool
        Read all parameters and synapses back from the simulator into the result.
    realisation : RealisationRef or None
        A file that shared synapses are read from; drawn if None, which gives the same.
    """

    network: Network
    simulation: Simulation = Simulation()
    backend: Identifier
    connectivity: Literal["native", "shared"] = "native"
    drive: Drive = "native"
    threads: Annotated[int, Field(ge=1, le=4096, strict=True)] = 1
    ranks: Annotated[int, Field(ge=1, le=65536, strict=True)] = 1
    approximations: tuple[StrictStr, ...] = ()
    options: dict[Identifier, StrictStr] = {}
    readback: StrictBool = False
    realisation: RealisationRef | None = None

    @property
    def virtual_processes(self) -> int:
        """Threads of all ranks."""
        return self.ranks * self.threads

    def sampling_steps(self, recorder: Recorder) -> int:
        """Return the steps from one sample of a recorder to the next, at least one."""
        return self.simulation.steps(recorder.interval or self.simulation.dt, minimum=1)

    def poisson_mean(self, poisson: PoissonInput) -> float:
        """Return the mean number of events of an input per neuron and step, at its largest rate."""
        rate = max((poisson.rate, *poisson.rates))
        return rate * poisson.number * self.simulation.dt * 1e-3

    def poisson_course(self, poisson: PoissonInput) -> tuple[tuple[int, float], ...]:
        """Return (step, mean number of events per neuron and step): from that step on.

        Before the first nothing is drawn.
        """
        course = poisson.course(self.simulation)
        return tuple((step, rate * self.simulation.dt * 1e-3) for step, rate in course)


class Order(Described):
    """What a child process is asked to run: a request, and the digest of the plan made of it."""

    request: RunRequest
    digest: StrictStr


ORDERS = TypeAdapter(list[Order])
