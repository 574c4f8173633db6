"""How a rung runs its networks: on a backend, and with SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netspec.describe.network import Network
from netspec.describe.simulation import Simulation
from netspec.execute.contract import RunRequest
from netspec.execute.results import Run
from netspec.execute.running import execute
from netspec.realise.lowering import lower
from netspec.validation.ladder import networks, oracle


@dataclass(frozen=True)
class Bench:
    """Runs networks on one backend, as the request for the circuit said."""

    backend: str
    out: Path
    seed: int
    approximations: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, network: Network, dt: float, duration: float,
        connectivity: str = "shared", readback: bool = False,
    ) -> Run:  # fmt: skip
        """Run a network on one thread for a duration (ms)."""
        request = RunRequest(
            network=network,
            simulation=Simulation(dt=dt, warmup=0.0, duration=duration, seed=self.seed),
            backend=self.backend,
            connectivity=connectivity,
            approximations=self.approximations,
            options=dict(self.options),
            readback=readback,
        )
        return execute(request, self.out)

    def solve(self, network: Network, dt: float, duration: float) -> oracle.Solution:
        """Solve a network with SciPy, a thousand times more exactly than is asked for."""
        rtol = 1e-10 if is_exact(network, dt) else 1e-8
        return oracle.solve(network, dt, round(duration / dt), self.seed, rtol)


def is_exact(network: Network, dt: float) -> bool:
    """Return whether the membranes of all models have exact propagators."""
    models = network.models.values()
    return all(networks.membrane(m) in lower(m, dt).linear for m in models)
