"""Which model of NEST each population has: one built into NEST, or one generated from equations."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.backends.nest.generating import GeneratedModel, generated
from netspec.backends.nest.models import NativeModel, native_model
from netspec.describe.inputs import Current
from netspec.describe.network import NoiseCurrent, PoissonInput, Population
from netspec.execute.request import RunRequest

FIRST_DC_STEP = 2  # the first step, from zero, in which a generator's current can act
Model = NativeModel | GeneratedModel


class Counterparts:
    """The model of every population, by its name.

    Built into NEST is what is exactly the same there, or what the option ``neurons`` asks for. With
    shared noise a population that gets Poisson events has neurons that draw them, and one that gets
    a noise current has neurons that draw it, unless it is coupled continuously, which generated
    neurons cannot be.

    Parameters
    ----------
    request : RunRequest
    choice : str
        The option ``neurons``.
    """

    def __init__(self, request: RunRequest, choice: str) -> None:
        self.network, self.simulation = request.network, request.simulation
        self.choice, self.shared = choice, request.drive == "shared"
        self.coupled = {end for c in self.network.continuous_projections for end in (c.pre, c.post)}
        made: dict[tuple[str, tuple[str, ...], tuple[str, ...]], GeneratedModel] = {}
        self.models: dict[str, Model] = {}
        for population in self.network.populations:
            found: Model | None = self._native(population)
            if found is None:
                counted = tuple(poisson.receptor for poisson in self.counted(population.name))
                noisy = tuple(noise.port for noise in self.noise(population.name))
                key = str(population.model), counted, noisy
                if key not in made:
                    made[key] = self._generated(population, counted, noisy)
                found = made[key]
            self.models[population.name] = found

    def __getitem__(self, population: str) -> Model:
        """Return the model of a population."""
        return self.models[population]

    def counted(self, population: str) -> Iterator[PoissonInput]:
        """Yield the Poisson inputs of a population whose numbers are to be netspec's."""
        if self.shared:
            yield from (p for p in self.network.poisson_inputs if p.target == population)

    def noise(self, population: str) -> Iterator[NoiseCurrent]:
        """Yield the noise currents of a population, whose numbers are netspec's."""
        yield from (n for n in self.network.noise_currents if n.target == population)

    def generated(self) -> list[GeneratedModel]:
        """Return the models that are compiled."""
        return [model for model in self.models.values() if isinstance(model, GeneratedModel)]

    def why_native(self, population: str) -> str:
        """Say why a population's neurons are not generated; empty if they are."""
        if isinstance(self.models[population], GeneratedModel):
            return ""
        if self.choice == "native":
            return "given --option neurons=native"
        coupled = (
            coupling.name
            for coupling in self.network.continuous_projections
            if population in (coupling.pre, coupling.post)
        )
        return f"and {next(coupled, '')} couples continuously, which they cannot"

    def _native(self, population: Population) -> NativeModel | None:
        """Return the model built into NEST that a population is to have, or None."""
        found = native_model(self.network.model_of(population))
        if self.choice == "generated" or found is None:
            return None
        if self.choice == "native":
            return found
        name = population.name
        draws = any(self.counted(name)) or any(self.noise(name))
        return found if found.exact and (not draws or name in self.coupled) else None

    def _generated(
        self, population: Population, counted: tuple[str, ...], noisy: tuple[str, ...]
    ) -> GeneratedModel:
        """Return a population's model as one that is compiled; others of its model can share it."""
        steered = {
            piece.port
            for _, piece in self.network.pieces()
            if isinstance(piece, Current)
            and self.network.population(piece.target).model == population.model
            and any(step >= FIRST_DC_STEP for step, _ in piece.levels(self.simulation))
        }
        model = self.network.model_of(population)
        return generated(model, self.simulation.dt, steered, counted, noisy)
